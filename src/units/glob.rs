//! Shell patterns of names, of one part of a path, and of paths (`glob(7)`).

use std::path::{Path, PathBuf};

use crate::core::sorted::sort;
use crate::core::wildcard;

/// Whether there is anything in it that matches more than itself.
#[must_use]
pub(crate) fn is_pattern(part: &[u8]) -> bool {
    part.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
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
        let high = match behind {
            [b'-', high, ..] if *high != b']' => Some(*high),
            _ => None,
        };
        found |= (*low..=high.unwrap_or(*low)).contains(&byte);
        rest = behind.get(if high.is_some() { 2 } else { 0 }..)?;
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
    any_below(Path::new("/"), pattern.trim_start_matches('/'), is_it)
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
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), name.as_bytes()),
                wanted,
                "{pattern} {name}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn any_pattern_has_an_end(pattern in "[\\[\\]!^*?a\\\\-]{0,20}", name in "[a\\[\\]*-]{0,20}") {
            let _ = matches(pattern.as_bytes(), name.as_bytes());
        }
    }
}
