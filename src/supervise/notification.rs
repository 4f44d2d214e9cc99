//! The text of a readiness message (`sd_notify(3)`): lines of KEY=VALUE from anybody who
//! can reach the socket, so nothing in it is trusted.

use crate::core::id::Pid;

/// The longest message that is looked at; systemd's own bound.
pub(super) const LIMIT: usize = 4096;

/// The longest STATUS= that is kept, in bytes.
const STATUS_LIMIT: usize = 512;

/// What a message says, of what rinit understands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Notification {
    /// READY=1.
    pub(super) ready: bool,
    /// STATUS=: one printable line.
    pub(super) status: Option<Box<str>>,
    /// MAINPID=: a claim, yet to be checked.
    pub(super) main_pid: Option<Pid>,
    /// BARRIER=1: its sender wants to know when all before it has been handled.
    pub(super) barrier: bool,
}

impl Notification {
    /// Reads a message. Unknown keys and malformed lines say nothing.
    #[must_use]
    pub(super) fn parse(message: &[u8]) -> Self {
        let mut found = Self::default();
        for line in message.split(|byte| *byte == b'\n') {
            let Some(equals) = memchr::memchr(b'=', line) else {
                continue;
            };
            let (key, value) = line.split_at(equals);
            let value = value.get(1..).unwrap_or_default();
            match key {
                b"READY" => found.ready |= value == b"1",
                b"BARRIER" => found.barrier |= value == b"1",
                b"STATUS" => found.status = Some(printable(value)),
                b"MAINPID" => found.main_pid = number(value).filter(|pid| *pid > 1).map(Pid),
                _ => {}
            }
        }
        found
    }
}

impl Notification {
    /// Takes a later message into account.
    pub(super) fn add(&mut self, later: Self) {
        self.ready |= later.ready;
        self.status = later.status.or(self.status.take());
        self.main_pid = later.main_pid.or(self.main_pid);
    }
}

fn number(value: &[u8]) -> Option<i32> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Text for a terminal: bounded, and without characters that would move the cursor.
fn printable(value: &[u8]) -> Box<str> {
    let value = value.get(..STATUS_LIMIT).unwrap_or(value);
    let text = String::from_utf8_lossy(value);
    text.chars()
        .map(|char| if char.is_control() { '?' } else { char })
        .collect::<String>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_three_known_keys_are_read_and_others_ignored() {
        let found =
            Notification::parse(b"X_FOO=1\nREADY=1\nSTATUS=all well\nMAINPID=42\nFDSTORE=1");
        let wanted = Notification {
            ready: true,
            status: Some("all well".into()),
            main_pid: Some(Pid(42)),
            barrier: false,
        };
        assert_eq!(found, wanted);
    }

    #[test]
    fn what_is_not_exactly_right_says_nothing() {
        for text in [
            &b"READY"[..],
            b"READY=0",
            b"READY=11",
            b"ready=1",
            b" READY=1",
            b"MAINPID=1",
            b"MAINPID=-4",
            b"MAINPID=x",
        ] {
            assert_eq!(Notification::parse(text), Notification::default());
        }
    }

    #[test]
    fn a_status_cannot_steer_the_terminal() {
        let found = Notification::parse(b"STATUS=a\x1b[2Jb");
        assert_eq!(found.status.as_deref(), Some("a?[2Jb"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived_and_bounded(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
            let found = Notification::parse(&bytes);
            prop_assert!(found.status.is_none_or(|text| text.len() <= STATUS_LIMIT * 3));
        }
    }
}
