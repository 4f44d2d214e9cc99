//! Words as systemd's files have them: blanks separate them, quotes of both kinds hold them
//! together, C's escapes stand for bytes (`systemd.syntax(7)`, `systemd.service(5)`).

/// What a backslash does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backslash {
    /// Begins one of C's escapes; an unknown one stays as it is.
    Escapes,
    /// Is a letter as any other: names of units hold them.
    Stays,
    /// Takes the next letter's meaning away.
    Quotes,
}

/// A quote without its end, or a backslash with nothing behind it; with the word as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unbalanced(pub Vec<u8>);

/// The words of a text, one by one.
#[derive(Clone, Debug)]
pub struct Quoted<'a> {
    rest: &'a [u8],
    backslash: Backslash,
    odd_escape: bool,
}

/// Reads a text's words.
#[must_use]
pub fn quoted(text: &[u8], backslash: Backslash) -> Quoted<'_> {
    Quoted {
        rest: skip_blanks(text),
        backslash,
        odd_escape: false,
    }
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| is_blank(**byte)).count();
    text.get(blanks..).unwrap_or_default()
}

impl Quoted<'_> {
    /// The next word, taken, if it stands there exactly like this.
    pub fn take_word(&mut self, word: &str) -> bool {
        let after = self.rest.strip_prefix(word.as_bytes());
        match after.filter(|after| after.first().is_none_or(|byte| is_blank(*byte))) {
            Some(after) => {
                self.rest = skip_blanks(after);
                true
            }
            None => false,
        }
    }

    /// What is left, as it stands there.
    #[must_use]
    pub const fn rest(&self) -> &[u8] {
        self.rest
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Whether an escape was met that there isn't.
    #[must_use]
    pub const fn met_odd_escape(&self) -> bool {
        self.odd_escape
    }
}

impl Iterator for Quoted<'_> {
    type Item = Result<Vec<u8>, Unbalanced>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = self.rest;
        rest.first()?;
        let mut word = Vec::new();
        let mut quote = None;
        while let Some((byte, tail)) = rest.split_first() {
            rest = tail;
            match (*byte, quote) {
                (b'\\', _) if self.backslash != Backslash::Stays => {
                    let Some((next, behind)) = tail.split_first() else {
                        self.rest = &[];
                        return Some(Err(Unbalanced(word)));
                    };
                    let known = (self.backslash == Backslash::Escapes).then(|| escape(tail, 1));
                    match known {
                        Some(Some((bytes, length))) => {
                            word.extend_from_slice(&bytes);
                            rest = tail.get(length..).unwrap_or_default();
                            continue;
                        }
                        Some(None) => {
                            self.odd_escape = true;
                            word.push(b'\\');
                        }
                        None => {}
                    }
                    word.push(*next);
                    rest = behind;
                }
                (byte, Some(open)) if byte == open => quote = None,
                (b'\'' | b'"', None) => quote = Some(*byte),
                (byte, None) if is_blank(byte) => {
                    self.rest = skip_blanks(rest);
                    return Some(Ok(word));
                }
                (byte, _) => word.push(byte),
            }
        }
        self.rest = &[];
        Some(match quote {
            Some(_) => Err(Unbalanced(word)),
            None => Ok(word),
        })
    }
}

/// A text with C's escapes replaced; unknown ones stay, and those of numbers below `least`:
/// with 1 that of NUL.
#[must_use]
pub fn unescaped(mut text: &[u8], least: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    while let Some((first, rest)) = text.split_first() {
        text = rest;
        match escape(rest, least).filter(|_| *first == b'\\') {
            Some((bytes, length)) => {
                out.extend_from_slice(&bytes);
                text = rest.get(length..).unwrap_or_default();
            }
            None => out.push(*first),
        }
    }
    out
}

/// Any bytes as a text that can be read and kept: what is no plain letter is `\\xNN`.
#[must_use]
pub fn printed(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b' '..=b'~' if *byte != b'\\' => text.push(char::from(*byte)),
            byte => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text
}

/// The bytes that `printed` was given.
#[must_use]
pub fn unprinted(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or_default();
        bytes.extend(u8::from_str_radix(digits, 16));
        bytes.extend_from_slice(rest.as_bytes());
    }
    bytes
}

/// What the escape stands for, without its backslash, and how long it is. `least`: its number.
fn escape(text: &[u8], least: u32) -> Option<(Vec<u8>, usize)> {
    let first = *text.first()?;
    let (from, count, radix) = match first {
        b'x' => (1, 2, 16),
        b'u' => (1, 4, 16),
        b'U' => (1, 8, 16),
        b'0'..=b'7' => (0, 3, 8),
        _ => {
            let plain = match first {
                b'a' => 7,
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'v' => 11,
                b's' => b' ',
                b'\\' | b'"' | b'\'' => first,
                _ => return None,
            };
            return Some((vec![plain], 1));
        }
    };
    let digits = std::str::from_utf8(text.get(from..from + count)?).ok()?;
    let all = digits.chars().all(|c| c.is_digit(radix));
    let number = u32::from_str_radix(digits, radix).ok();
    let number = number.filter(|number| all && *number >= least)?;
    let bytes = if matches!(first, b'u' | b'U') {
        char::from_u32(number)?.to_string().into_bytes()
    } else {
        vec![u8::try_from(number).ok()?]
    };
    Some((bytes, from + count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, backslash: Backslash) -> Option<Vec<String>> {
        let all: Result<Vec<_>, _> = quoted(text.as_bytes(), backslash).collect();
        let text = |word: Vec<u8>| String::from_utf8_lossy(&word).into_owned();
        Some(all.ok()?.into_iter().map(text).collect())
    }

    #[test]
    fn quotes_group_and_vanish_wherever_they_stand() {
        for (text, wanted) in [
            ("", &[][..]),
            ("  a  b ", &["a", "b"]),
            ("\"a b\" 'c  d'", &["a b", "c  d"]),
            ("--x=\"a b\"c ''", &["--x=a bc", ""]),
            ("'it\"s' \"it's\"", &["it\"s", "it's"]),
            ("a;b > c # d", &["a;b", ">", "c", "#", "d"]),
        ] {
            assert_eq!(
                read(text, Backslash::Escapes).as_deref(),
                Some(&wanted.iter().map(ToString::to_string).collect::<Vec<_>>()[..]),
                "{text}"
            );
        }
        for text in ["\"a", "a 'b", "a\\"] {
            assert_eq!(read(text, Backslash::Escapes), None, "{text}");
        }
    }

    #[test]
    fn any_bytes_become_a_text_and_themselves_again() {
        let all: Vec<u8> = (0..=255).collect();
        for bytes in [&all[..], b"", b"a\\x41\n", b"\\", "\u{e9}\\x".as_bytes()] {
            let text = printed(bytes);
            assert!(
                text.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
                "{text}"
            );
            assert_eq!(unprinted(&text), bytes, "{text}");
        }
    }

    #[test]
    fn escapes_are_cs_and_unknown_ones_stay() {
        for (text, wanted) in [
            ("a\\tb\\sc", "a\tb c"),
            ("'\\x41\\102\\u00e9'\\\"", "ABé\""),
            ("\\\\", "\\"),
            ("\\q\\x4g", "\\q\\x4g"),
            ("\\x00\\8", "\\x00\\8"),
        ] {
            assert_eq!(
                read(text, Backslash::Escapes),
                Some(vec![wanted.to_owned()]),
                "{text}"
            );
        }
        let mut odd = quoted(b"a\\qb", Backslash::Escapes);
        assert!(odd.next().is_some() && odd.met_odd_escape());
        assert_eq!(
            read("a\\x2db", Backslash::Stays),
            Some(vec!["a\\x2db".to_owned()])
        );
        assert_eq!(
            read("a\\ b", Backslash::Quotes),
            Some(vec!["a b".to_owned()])
        );
    }

    #[test]
    fn a_word_is_taken_only_whole() {
        let mut words = quoted(b"; ;x", Backslash::Escapes);
        assert!(words.take_word(";") && !words.take_word(";"));
        assert_eq!(words.next(), Some(Ok(b";x".to_vec())));
        assert!(words.is_at_end());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_split_without_growing(text in "[\"'\\\\ \tabxu0478é;]{0,60}") {
            for backslash in [Backslash::Escapes, Backslash::Stays, Backslash::Quotes] {
                let all: Vec<_> = quoted(text.as_bytes(), backslash).collect();
                let length: usize = all.iter().flatten().map(Vec::len).sum();
                proptest::prop_assert!(all.len() <= text.len() && length <= text.len());
            }
        }
    }
}
