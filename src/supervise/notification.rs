//! The text of a readiness message (`sd_notify(3)`): lines of KEY=VALUE from anybody who
//! can reach the socket, so nothing in it is trusted.

use std::time::Duration;

use super::store::{self, Deposit};
use crate::core::event::Event;
use crate::core::id::{Pid, RunId};
use crate::core::time::Instant;
use crate::sys::error::strerror;

/// The longest message that is looked at; systemd's own bound.
pub(super) const LIMIT: usize = 4096;

/// The longest STATUS= that is kept, in bytes.
const STATUS_LIMIT: usize = 512;

/// The longest word of a cause that isn't a number, in bytes.
const WORD_LIMIT: usize = 128;

/// What a message says, of what rinit understands; or several that came together, of
/// each matter the last word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Notification {
    /// READY=1, before a reload if there is one.
    pub(super) ready: bool,
    /// RELOADING=1.
    pub(super) reloading: Option<Reloading>,
    /// STOPPING=1.
    pub(super) stopping: bool,
    /// STATUS=: one printable line.
    pub(super) status: Option<Box<str>>,
    /// Why it fails: ERRNO=, EXIT_STATUS=, BUSERROR=, VARLINKERROR=.
    pub(super) cause: Cause,
    /// MAINPID=: a claim, yet to be checked.
    pub(super) main_pid: Option<Pid>,
    /// WATCHDOG=1.
    pub(super) ping: bool,
    /// WATCHDOG=trigger.
    pub(super) stuck: bool,
    /// WATCHDOG_USEC=.
    pub(super) ping_period: Option<Duration>,
    /// EXTEND_TIMEOUT_USEC=.
    pub(super) extend: Option<Duration>,
    /// FDSTORE=1, FDSTOREREMOVE=1, FDNAME=, FDPOLL=0: of one message alone.
    pub(super) deposit: Deposit,
    /// BARRIER=1: its sender wants to know when all before it has been handled.
    pub(super) barrier: bool,
}

/// A reload that has begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reloading {
    /// When, by its own words (MONOTONIC_USEC=).
    pub(super) stamp: Option<Instant>,
    /// READY=1 came after it.
    pub(super) over: bool,
}

/// The parts of why it fails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cause {
    errno: Option<i32>,
    status: Option<u8>,
    word: Option<Box<str>>,
}

impl Cause {
    /// In words; `None` where nothing was said. ERRNO=0 takes it all back.
    pub(super) fn text(&self) -> Option<Box<str>> {
        if *self == Self::default() {
            return None;
        }
        let errno = self.errno.filter(|errno| *errno != 0);
        let parts = [
            errno.map(|errno| format!("errno {errno}: {}", strerror(errno))),
            self.status.map(|status| format!("exit status {status}")),
            self.word.as_deref().map(str::to_owned),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        Some(parts.join("; ").into())
    }
}

impl Notification {
    /// Reads a message. Unknown keys and malformed lines say nothing.
    #[must_use]
    pub(super) fn parse(message: &[u8]) -> Self {
        let mut found = Self::default();
        let mut reloading = false;
        let mut stamp = None;
        for line in message.split(|byte| *byte == b'\n') {
            let Some(equals) = memchr::memchr(b'=', line) else {
                continue;
            };
            let (key, value) = line.split_at(equals);
            let value = value.get(1..).unwrap_or_default();
            let is_one = value == b"1";
            match key {
                b"READY" => found.ready |= is_one,
                b"RELOADING" => reloading |= is_one,
                b"MONOTONIC_USEC" => stamp = micros(value).map(|time| Instant(0).plus(time)),
                b"STOPPING" => found.stopping |= is_one,
                b"BARRIER" => found.barrier |= is_one,
                b"STATUS" => found.status = Some(printable(value, STATUS_LIMIT)),
                b"ERRNO" => found.cause.errno = number(value).filter(|n| (0..4096).contains(n)),
                b"EXIT_STATUS" => {
                    found.cause.status = number(value).and_then(|n| u8::try_from(n).ok());
                }
                b"BUSERROR" | b"VARLINKERROR" => {
                    found.cause.word = Some(printable(value, WORD_LIMIT));
                }
                b"MAINPID" => found.main_pid = number(value).filter(|pid| *pid > 1).map(Pid),
                b"WATCHDOG" => {
                    found.ping |= is_one;
                    found.stuck |= value == b"trigger";
                }
                b"WATCHDOG_USEC" => found.ping_period = micros(value),
                b"EXTEND_TIMEOUT_USEC" => found.extend = micros(value),
                b"FDSTORE" => found.deposit.keep |= is_one,
                b"FDSTOREREMOVE" => found.deposit.remove |= is_one,
                b"FDNAME" => found.deposit.name = store::name(value),
                b"FDPOLL" => found.deposit.unwatched = value == b"0",
                _ => {}
            }
        }
        found.reloading = reloading.then_some(Reloading { stamp, over: false });
        found
    }

    /// Takes a later message into account.
    pub(super) fn add(&mut self, later: Self) {
        match &mut self.reloading {
            Some(reloading) if later.reloading.is_none() => reloading.over |= later.ready,
            earlier => {
                self.ready |= later.ready || earlier.is_some_and(|reloading| reloading.over);
                *earlier = later.reloading;
            }
        }
        self.stopping |= later.stopping;
        self.status = later.status.or(self.status.take());
        self.cause.errno = later.cause.errno.or(self.cause.errno);
        self.cause.status = later.cause.status.or(self.cause.status);
        self.cause.word = later.cause.word.or(self.cause.word.take());
        self.main_pid = later.main_pid.or(self.main_pid);
        self.ping |= later.ping;
        self.stuck |= later.stuck;
        self.ping_period = later.ping_period.or(self.ping_period);
        self.extend = later.extend.or(self.extend);
    }

    /// What happened, in an order in which each part can count.
    pub(super) fn events(self, run: RunId) -> impl Iterator<Item = Event> {
        let reload = self.reloading;
        let is_over = reload.is_some_and(|reloading| reloading.over);
        [
            self.cause.text().map(|text| Event::Cause { run, text }),
            self.status.map(|text| Event::Status { run, text }),
            self.ping_period
                .map(|period| Event::PingPeriod { run, period }),
            self.ready.then_some(Event::Ready { run }),
            reload.map(|Reloading { stamp, .. }| Event::Reloading { run, stamp }),
            is_over.then_some(Event::Ready { run }),
            self.ping.then_some(Event::Pinged { run }),
            self.stopping.then_some(Event::Stopping { run }),
            self.extend.map(|by| Event::Extended { run, by }),
            self.stuck.then_some(Event::Stuck { run }),
        ]
        .into_iter()
        .flatten()
    }
}

fn number(value: &[u8]) -> Option<i32> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn micros(value: &[u8]) -> Option<Duration> {
    let micros = std::str::from_utf8(value).ok()?.parse().ok()?;
    Some(Duration::from_micros(micros))
}

/// Text for a terminal: bounded, and without characters that would move the cursor.
fn printable(value: &[u8], limit: usize) -> Box<str> {
    let value = value.get(..limit).unwrap_or(value);
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

    const RUN: RunId = RunId(1);

    fn events(messages: &[&[u8]]) -> Vec<Event> {
        let mut said = Notification::default();
        for message in messages {
            said.add(Notification::parse(message));
        }
        said.events(RUN).collect()
    }

    #[test]
    fn known_keys_are_read_and_others_ignored() {
        let found = Notification::parse(
            b"X_FOO=1\nREADY=1\nSTATUS=all well\nMAINPID=42\nFDSTORE=1\nFDNAME=db\nFDPOLL=0\n\
              WATCHDOG=1\nWATCHDOG_USEC=2000000\nEXTEND_TIMEOUT_USEC=5\nERRNO=2\nEXIT_STATUS=3",
        );
        let wanted = Notification {
            ready: true,
            status: Some("all well".into()),
            main_pid: Some(Pid(42)),
            deposit: Deposit {
                keep: true,
                remove: false,
                name: Some("db".into()),
                unwatched: true,
            },
            ping: true,
            ping_period: Some(Duration::from_secs(2)),
            extend: Some(Duration::from_micros(5)),
            cause: Cause {
                errno: Some(2),
                status: Some(3),
                word: None,
            },
            ..Notification::default()
        };
        assert_eq!(found, wanted);
        let words = found.cause.text().unwrap();
        assert_eq!(&*words, "errno 2: no such file or directory; exit status 3");
        assert_eq!(
            Notification::parse(b"ERRNO=0").cause.text().as_deref(),
            Some("")
        );
        assert_eq!(Notification::default().cause.text(), None);
    }

    #[test]
    fn of_a_flood_the_order_of_reloads_and_their_ends_is_kept() {
        let ready = || Event::Ready { run: RUN };
        let reloading = |stamp| Event::Reloading { run: RUN, stamp };
        let begins = &b"RELOADING=1\nMONOTONIC_USEC=7"[..];
        let stamp = Some(Instant(7_000));
        assert_eq!(events(&[b"READY=1", b"READY=1"]), [ready()]);
        assert_eq!(events(&[b"READY=1", begins]), [ready(), reloading(stamp)]);
        assert_eq!(events(&[begins, b"READY=1"]), [reloading(stamp), ready()]);
        assert_eq!(
            events(&[begins, b"READY=1", b"RELOADING=1"]),
            [ready(), reloading(None)]
        );
        assert_eq!(
            events(&[b"RELOADING=1\nEXTEND_TIMEOUT_USEC=1"]),
            [
                reloading(None),
                Event::Extended {
                    run: RUN,
                    by: Duration::from_micros(1)
                }
            ]
        );
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
            b"RELOADING=0",
            b"STOPPING=yes",
            b"WATCHDOG=0",
            b"WATCHDOG_USEC=-1",
            b"WATCHDOG_USEC=99999999999999999999999",
            b"EXTEND_TIMEOUT_USEC=",
            b"ERRNO=4096",
            b"EXIT_STATUS=256",
            b"FDNAME=a:b",
            b"FDPOLL=1",
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
