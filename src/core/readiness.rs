//! When a service counts as ready, and how often it is asked.

use std::time::Duration;

use super::probe::{Probe, no_owner};
use super::spec::{Kind, Ready, ServiceSpec};
use super::time::Instant;

/// People are told after this long that a start takes long.
pub(crate) const NOTICE_AFTER: Duration = Duration::from_secs(10);

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What makes a service ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Its program runs.
    Executed,
    /// It did its work: a oneshot. Whatever its `ready` says, only the end counts.
    Ended,
    /// It says so.
    Told,
    /// It says so in its output. That has to be still before the spawn: what the last run
    /// wrote is not to count for this one.
    Logged,
    /// It is asked for.
    Probed {
        /// Somebody else may answer, so it is asked for before the spawn too.
        before_spawn: bool,
    },
    /// It has run for so long.
    Delayed(Duration),
}

impl Readiness {
    pub(crate) fn of(spec: &ServiceSpec) -> Self {
        match (spec.kind, &spec.ready) {
            (Kind::Oneshot, _) => Self::Ended,
            (Kind::Simple, Ready::Exec) => Self::Executed,
            (Kind::Simple, Ready::Notify | Ready::Fd(_)) => Self::Told,
            (Kind::Simple, Ready::Log(_)) => Self::Logged,
            (Kind::Simple, Ready::Probe(probe)) => Self::Probed {
                before_spawn: probe.may_be_taken()
                    && spec
                        .listen
                        .as_ref()
                        .is_none_or(|listen| listen.answering(probe).is_none()),
            },
            (Kind::Simple, Ready::Delay(delay)) => Self::Delayed(*delay),
        }
    }
}

/// What is said of a service that isn't ready, and has said nothing itself.
pub(crate) fn missing(spec: &ServiceSpec) -> Option<Box<str>> {
    match (spec.kind, &spec.ready) {
        (Kind::Simple, Ready::Notify) => Some("it has not said READY=1".into()),
        (Kind::Simple, Ready::Fd(fd)) => {
            Some(format!("it has written no newline on descriptor {fd}").into())
        }
        (Kind::Simple, Ready::Log(pattern)) => {
            Some(format!("no line of its output has \"{pattern}\"").into())
        }
        (Kind::Simple, Ready::Probe(Probe::Bus(name))) => Some(no_owner(name)),
        (Kind::Simple, Ready::Exec | Ready::Probe(_) | Ready::Delay(_)) | (Kind::Oneshot, _) => {
            None
        }
    }
}

/// What is said where somebody else answers at its address.
pub(crate) fn taken(spec: &ServiceSpec) -> Option<Box<str>> {
    match &spec.ready {
        Ready::Probe(probe) => Some(format!("{probe} is already taken").into()),
        Ready::Exec | Ready::Notify | Ready::Fd(_) | Ready::Log(_) | Ready::Delay(_) => None,
    }
}

/// Repeated probes, one in flight at a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Poll {
    pause: Duration,
    next_at: Option<Instant>,
}

impl Poll {
    /// The first probe is in flight.
    pub(crate) const fn asked() -> Self {
        Self {
            pause: FIRST_PAUSE,
            next_at: None,
        }
    }

    /// Due once, at that time.
    pub(crate) const fn at(time: Instant) -> Self {
        Self {
            pause: LONGEST_PAUSE,
            next_at: Some(time),
        }
    }

    /// The system was asleep for so long.
    pub(crate) fn postpone(&mut self, by: Duration) {
        self.next_at = self.next_at.map(|at| at.plus(by));
    }

    /// The answer came and was no: asked again after a pause.
    pub(crate) fn refused(&mut self, now: Instant) {
        if self.next_at.is_none() {
            self.next_at = Some(now.plus(self.pause));
            self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    /// Whether it is time to ask; if so, the probe is in flight from now on.
    pub(crate) fn ask(&mut self, now: Instant) -> bool {
        let due = self.next_at.is_some_and(|at| at <= now);
        if due {
            self.next_at = None;
        }
        due
    }

    /// Whether an answer is awaited.
    #[must_use]
    pub const fn is_in_flight(&self) -> bool {
        self.next_at.is_none()
    }

    pub(crate) const fn next_at(&self) -> Option<Instant> {
        self.next_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_between_probes_double_from_10_ms_to_1_s() {
        let mut poll = Poll::asked();
        let mut now = Instant(0);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            assert!(!poll.ask(now), "one probe in flight at a time");
            poll.refused(now);
            let next = poll.next_at().unwrap();
            pauses.push(next.since(now).as_millis());
            now = next;
            assert!(poll.ask(now));
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    }
}
