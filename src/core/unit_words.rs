//! Variables in the words of a unit's command (`systemd.service(5)`, COMMAND LINES): `$NAME`
//! as a whole word becomes the words of its value, `${NAME}` anywhere its value as it is.
//! What isn't set is nothing. The program itself stays as it is written.

use super::quoting::{Backslash, Unbalanced, quoted};

/// The words with the values of their variables.
pub fn expand<'a>(
    words: impl Iterator<Item = &'a [u8]>,
    lookup: &dyn Fn(&[u8]) -> Option<Vec<u8>>,
) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for (index, word) in words.enumerate() {
        match word.strip_prefix(b"$") {
            _ if index == 0 => out.push(word.to_vec()),
            Some(name) if !name.starts_with(b"{") && !name.starts_with(b"$") => {
                let value = lookup(name).unwrap_or_default();
                let words = quoted(&value, Backslash::Quotes);
                out.extend(words.map(|word| word.unwrap_or_else(|Unbalanced(word)| word)));
            }
            Some(_) | None => out.push(inside(word, lookup)),
        }
    }
    out
}

/// `${NAME}` within a word, and `$$` for one `$`.
fn inside(word: &[u8], lookup: &dyn Fn(&[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    let mut out = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte != b'$' {
            out.push(*byte);
            continue;
        }
        if let Some(tail) = tail.strip_prefix(b"$") {
            out.push(b'$');
            rest = tail;
            continue;
        }
        let name = tail.strip_prefix(b"{").and_then(|inside| {
            // A shell's `${NAME:-default}` is the shell's.
            let end = inside.iter().position(|byte| matches!(byte, b'}' | b':'))?;
            inside.get(..end).filter(|_| inside.get(end) == Some(&b'}'))
        });
        match name {
            Some(name) => {
                out.extend(lookup(name).unwrap_or_default());
                rest = tail.get(name.len() + 2..).unwrap_or_default();
            }
            None => out.push(b'$'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_variables_are_expanded() {
        let lookup = |name: &[u8]| match name {
            b"OPTS" => Some(b" -a 'b c' \"d".to_vec()),
            b"ONE" => Some(b"x y".to_vec()),
            b"EMPTY" => Some(Vec::new()),
            _ => None,
        };
        for (word, wanted) in [
            ("$OPTS", &["-a", "b c", "d"][..]),
            ("$ONE", &["x", "y"]),
            ("$EMPTY", &[]),
            ("$UNSET", &[]),
            ("$ONE/z", &[]),
            ("${ONE}", &["x y"]),
            ("-l${ONE}-${UNSET}.", &["-lx y-."]),
            ("${UNSET}", &[""]),
            ("a$ONE", &["a$ONE"]),
            ("$$ONE$$", &["$ONE$"]),
            ("${ONE", &["${ONE"]),
            ("a$", &["a$"]),
            ("$", &[]),
            ("${X:-y}", &["${X:-y}"]),
        ] {
            let words = [b"$ONE".as_slice(), word.as_bytes()];
            let found = expand(words.into_iter(), &lookup);
            let wanted: Vec<&[u8]> = [b"$ONE".as_slice()]
                .into_iter()
                .chain(wanted.iter().map(|word| word.as_bytes()))
                .collect();
            assert_eq!(found, wanted, "{word}");
        }
    }
}
