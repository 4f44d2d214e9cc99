//! Shell patterns of names, of one part of a path, and of paths (`glob(7)`).

use std::path::{Path, PathBuf};

use crate::core::sorted::sort;
use crate::core::wildcard;

/// Whether there is anything in it that matches more than itself.
#[must_use]
pub(crate) fn is_pattern(part: &[u8]) -> bool {
    part.iter()
        .any(|byte| matches!(byte, b'*' | b'?' | b'[' | b'{'))
}

/// Whether a name matches; one with a dot in front only a pattern with a dot there.
#[must_use]
pub(crate) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    if name.first() == Some(&b'.') && pattern.first() != Some(&b'.') {
        return false;
    }
    wildcard::matches(pattern, name, one)
}

/// What is left of the pattern, where the byte is what it begins with.
fn one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let (first, rest) = pattern.split_first()?;
    let (good, rest) = match first {
        b'?' => (true, rest),
        b'[' => match class(rest, byte) {
            Some(found) => found,
            None => (byte == b'[', rest),
        },
        b'\\' => match rest.split_first() {
            Some((quoted, rest)) => (*quoted == byte, rest),
            None => (byte == b'\\', rest),
        },
        first => (*first == byte, rest),
    };
    good.then_some(rest)
}

/// Whether the byte is in the class, and what comes behind it; none if it has no end.
fn class(text: &[u8], byte: u8) -> Option<(bool, &[u8])> {
    let (inverted, mut rest) = match text.split_first() {
        Some((b'!' | b'^', rest)) => (true, rest),
        _ => (false, text),
    };
    let mut found = false;
    let mut first = true;
    loop {
        let (low, behind) = rest.split_first()?;
        if *low == b']' && !first {
            return Some((found != inverted, behind));
        }
        first = false;
        if let Some((is_in, behind)) = named(rest, byte) {
            found |= is_in;
            rest = behind;
            continue;
        }
        let high = match behind {
            [b'-', high, ..] if *high != b']' => Some(*high),
            _ => None,
        };
        found |= (*low..=high.unwrap_or(*low)).contains(&byte);
        rest = behind.get(if high.is_some() { 2 } else { 0 }..)?;
    }
}

/// Whether the byte is of the kind that stands in front, as `[:digit:]`, and what comes
/// behind that.
fn named(text: &[u8], byte: u8) -> Option<(bool, &[u8])> {
    let inside = text.strip_prefix(b"[:")?;
    let end = inside.windows(2).position(|two| two == b":]")?;
    let (name, behind) = inside.split_at_checked(end)?;
    let is_in = match name {
        b"alpha" => byte.is_ascii_alphabetic(),
        b"digit" => byte.is_ascii_digit(),
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"upper" => byte.is_ascii_uppercase(),
        b"lower" => byte.is_ascii_lowercase(),
        b"space" => matches!(byte, b' ' | 9..=13),
        b"blank" => matches!(byte, b' ' | b'\t'),
        b"punct" => byte.is_ascii_punctuation(),
        b"print" => matches!(byte, b' '..=b'~'),
        b"graph" => byte.is_ascii_graphic(),
        b"cntrl" => byte.is_ascii_control(),
        b"xdigit" => byte.is_ascii_hexdigit(),
        _ => return None,
    };
    Some((is_in, behind.get(2..)?))
}

/// Of more braces than these, or more alternatives, nobody is asked.
const MOST_BRACES: usize = 8;
const MOST_ALTERNATIVES: usize = 1024;

/// The patterns that one with braces stands for: `/{a,b}/*` for `/a/*` and `/b/*`.
pub(crate) fn alternatives(pattern: &str) -> Vec<String> {
    let mut all = Vec::new();
    if pattern.matches('{').count() <= MOST_BRACES {
        add_alternatives(pattern, &mut all);
    } else {
        all.push(pattern.to_owned());
    }
    all
}

/// The last braces first, which are the innermost ones.
fn add_alternatives(pattern: &str, all: &mut Vec<String>) {
    if let Some((before, rest)) = pattern.rsplit_once('{')
        && let Some((inside, behind)) = rest.split_once('}')
        && !inside.is_empty()
    {
        for one in inside.split(',') {
            add_alternatives(&[before, one, behind].concat(), all);
        }
    } else if all.len() < MOST_ALTERNATIVES {
        all.push(pattern.to_owned());
    }
}

/// The paths of a pattern, in the order of their names.
pub(crate) fn paths(pattern: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    any(pattern, &mut |path| {
        found.push(path.to_owned());
        false
    });
    sort(&mut found);
    found
}

/// Whether one of what is there by this pattern is it.
pub(super) fn any(pattern: &str, is_it: &mut dyn FnMut(&Path) -> bool) -> bool {
    let mut all = alternatives(pattern).into_iter();
    all.any(|one| any_below(Path::new("/"), one.trim_start_matches('/'), is_it))
}

fn any_below(folder: &Path, pattern: &str, is_it: &mut dyn FnMut(&Path) -> bool) -> bool {
    let (part, rest) = match pattern.split_once('/') {
        Some((part, rest)) => (part, Some(rest)),
        None => (pattern, None),
    };
    let mut look = |path: &Path| match rest {
        Some(rest) => any_below(path, rest, is_it),
        None => path.symlink_metadata().is_ok() && is_it(path),
    };
    if !is_pattern(part.as_bytes()) {
        return look(&folder.join(part));
    }
    let mut entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.any(|entry| {
        matches(part.as_bytes(), entry.file_name().as_encoded_bytes()) && look(&entry.path())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_the_shells_do() {
        for (pattern, name, wanted) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*b*c", "aXbYbZc", true),
            ("*.pid", "x.pid.old", false),
            (".X[0-9]*-lock", ".X12-lock", true),
            (".X[0-9]*-lock", ".Xa-lock", false),
            ("[!a-c]?", "dx", true),
            ("[!a-c]?", "bx", false),
            ("[]x]", "]", true),
            ("[ab", "[ab", true),
            ("*", ".hidden", false),
            (".*", ".hidden", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("", "", true),
            ("*", "", true),
            ("[[:alpha:]_]x", "bx", true),
            ("[[:alpha:]_]x", "_x", true),
            ("[[:alpha:]_]x", "1x", false),
            ("[![:digit:]a-c]", "d", true),
            ("[![:digit:]a-c]", "3", false),
            ("[[:xdigit:][:upper:]]*", "Z", true),
            ("[[:none:]]", ":]", true),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), name.as_bytes()),
                wanted,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn each_alternative_is_a_pattern() {
        for (pattern, wanted) in [
            ("/a", &["/a"][..]),
            ("/{a,b}/{1,2}", &["/a/1", "/b/1", "/a/2", "/b/2"]),
            ("/{a,{b,c}d}", &["/a", "/bd", "/a", "/cd"]),
            ("/{}/{a", &["/{}/{a"]),
            ("/{a}", &["/a"]),
            ("/x}{,y}", &["/x}", "/x}y"]),
        ] {
            assert_eq!(alternatives(pattern), wanted, "{pattern}");
        }
        let many = "{a,b,c,d,e,f,g,h,i}".repeat(8);
        assert_eq!(alternatives(&many).len(), MOST_ALTERNATIVES);
        assert_eq!(alternatives(&"{a,b}".repeat(9)).len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn any_pattern_has_an_end(pattern in "[\\[\\]!^*?a:\\\\-]{0,20}", name in "[a\\[\\]*-]{0,20}") {
            let _ = matches(pattern.as_bytes(), name.as_bytes());
        }
    }
}
