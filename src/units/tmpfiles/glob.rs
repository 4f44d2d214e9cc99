//! Shell patterns in one part of a path (`glob(7)`).

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
    // The last `*`, and how much of the name it has taken: the only place to go back to.
    let (mut pattern, mut name) = (pattern, name);
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        let step = match pattern.split_first() {
            Some((b'*', rest)) => {
                star = Some((rest, name));
                pattern = rest;
                continue;
            }
            None if name.is_empty() => return true,
            None => None,
            Some(_) => one(pattern, name),
        };
        match (step, &mut star) {
            (Some((next_pattern, next_name)), _) => (pattern, name) = (next_pattern, next_name),
            (None, None) => return false,
            (None, Some((behind, taken))) => {
                let Some((_, rest)) = taken.split_first() else {
                    return false;
                };
                *taken = rest;
                (pattern, name) = (*behind, rest);
            }
        }
    }
}

/// What is left of both, where the first byte of the name is what the pattern begins with.
fn one<'a>(pattern: &'a [u8], name: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (byte, name) = name.split_first()?;
    let (first, rest) = pattern.split_first()?;
    let (good, rest) = match first {
        b'?' => (true, rest),
        b'[' => match class(rest, *byte) {
            Some(found) => found,
            None => (*byte == b'[', rest),
        },
        b'\\' => match rest.split_first() {
            Some((quoted, rest)) => (quoted == byte, rest),
            None => (*byte == b'\\', rest),
        },
        first => (first == byte, rest),
    };
    good.then_some((rest, name))
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
