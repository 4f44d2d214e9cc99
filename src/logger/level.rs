//! How urgent a line is, of syslog's levels: 0 (nothing works) to 7 (for who looks for a
//! fault). What came by syslog or the journal says it by two bytes in front of the line, as
//! the kernel's own lines do: `MARK` and the level's digit. Only who keeps lines for later
//! sees them; whatever is printed says it in words or not at all.

use memchr::{memchr, memchr_iter};

/// What stands before the digit.
pub const MARK: u8 = 1;

/// A line's level, and the line without it.
pub(super) fn split(line: &[u8]) -> (Option<u8>, &[u8]) {
    match line {
        [MARK, digit @ b'0'..=b'7', rest @ ..] => (Some(digit - b'0'), rest),
        _ => (None, line),
    }
}

/// The level, in whichever form the line says it: `<6>` in front is what daemons write that
/// know who reads.
pub(super) fn of(line: &[u8]) -> Option<u8> {
    match line {
        [b'<', digit @ b'0'..=b'7', b'>', ..] => Some(digit - b'0'),
        _ => split(line).0,
    }
}

/// Whether a line of these may say it.
pub(super) fn stands_in(bytes: &[u8]) -> bool {
    memchr(MARK, bytes).is_some()
}

/// The lines as they are printed. A line that came while another was unfinished stands in
/// the middle of that.
pub(super) fn without(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut start = 0usize;
    for at in memchr_iter(MARK, bytes) {
        let rest = bytes.get(at..).unwrap_or_default();
        if split(rest).0.is_some() {
            out.extend_from_slice(bytes.get(start..at).unwrap_or_default());
            start = at.saturating_add(2);
        }
    }
    out.extend_from_slice(bytes.get(start..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_said_by_two_bytes_and_seen_by_nobody() {
        assert_eq!(split(b"\x013a"), (Some(3), &b"a"[..]));
        for line in [&b"\x018a"[..], b"\x01", b"a\x013", b"", b"<3>a"] {
            assert_eq!(split(line), (None, line));
        }
        assert_eq!(
            [of(b"<3>a"), of(b"\x014"), of(b"<8>a")],
            [Some(3), Some(4), None]
        );
        assert_eq!(
            without(b"\x013a\nb\x017c\n\x01\n\x01\x010"),
            b"a\nbc\n\x01\n\x01"
        );
    }

    proptest::proptest! {
        #[test]
        fn all_else_stays(bytes in "[a\n\x01<>0-9]{0,40}") {
            let bytes = bytes.as_bytes();
            let shown = without(bytes);
            let gone = bytes.len() - shown.len();
            proptest::prop_assert!(gone.is_multiple_of(2) && (gone == 0 || stands_in(bytes)));
        }
    }
}
