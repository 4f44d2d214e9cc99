//! A storm of orphans: what a wake-up for each of them would cost.
//!
//! A service that forks away its helpers by the thousand hands each to PID 1, and each
//! would be a turn of its own. Once that is so the loop no longer wakes for ended
//! children, but looks once a millisecond, until a look finds none. A service's own end is
//! seen so much later at most, and only then.

use std::time::Duration;

use crate::core::time::Instant;

/// From look to look.
const REST: Duration = Duration::from_millis(1);
/// So many turns for nothing but orphans, within so long, are a storm.
const TURNS: u32 = 32;
const WITHIN: Duration = Duration::from_millis(32);

/// Who ended in a turn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ended {
    /// Main processes of runs, and helpers.
    pub(super) ours: bool,
    /// All others.
    pub(super) orphans: bool,
}

/// What the loop is to do about ended children from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Not to wake for them.
    Rest,
    /// To wake for each again.
    Watch,
}

/// Whether there is one.
#[derive(Debug, Default)]
pub(super) struct Storm {
    began: Option<Instant>,
    turns: u32,
    resting: bool,
}

impl Storm {
    /// How long the next wait may last.
    pub(super) fn bound(&self, timeout: Option<Duration>) -> Option<Duration> {
        if !self.resting {
            return timeout;
        }
        Some(timeout.map_or(REST, |timeout| timeout.min(REST)))
    }

    /// A turn has reaped, or found nobody.
    pub(super) fn reaped(&mut self, ended: Ended, now: Instant) -> Option<Change> {
        if self.resting {
            let goes_on = ended.orphans;
            if !goes_on {
                *self = Self::default();
            }
            return (!goes_on).then_some(Change::Watch);
        }
        if !ended.orphans || ended.ours {
            return None;
        }
        let recent = self.began.filter(|began| now.since(*began) <= WITHIN);
        if recent.is_none() {
            self.began = Some(now);
            self.turns = 0;
        }
        self.turns = self.turns.saturating_add(1);
        self.resting = self.turns >= TURNS;
        self.resting.then_some(Change::Rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORPHANS: Ended = Ended {
        ours: false,
        orphans: true,
    };

    fn at(millis: u64) -> Instant {
        Instant::default().plus(Duration::from_millis(millis))
    }

    #[test]
    fn a_wake_up_each_millisecond_is_a_storm_until_a_look_finds_none() {
        let mut storm = Storm::default();
        for turn in 1..TURNS {
            assert_eq!(storm.reaped(ORPHANS, at(turn.into())), None);
        }
        assert_eq!(storm.bound(None), None);
        assert_eq!(storm.reaped(ORPHANS, at(32)), Some(Change::Rest));
        assert_eq!(storm.bound(None), Some(REST));
        assert_eq!(storm.bound(Some(Duration::ZERO)), Some(Duration::ZERO));
        assert_eq!(storm.reaped(ORPHANS, at(33)), None);
        assert_eq!(storm.reaped(Ended::default(), at(34)), Some(Change::Watch));
        assert_eq!(storm.bound(None), None);
        assert_eq!(storm.reaped(ORPHANS, at(35)), None);
    }

    #[test]
    fn a_few_or_slow_ones_are_none() {
        let mut storm = Storm::default();
        for turn in 0..1000 {
            assert_eq!(storm.reaped(ORPHANS, at(turn * 2)), None);
            assert_eq!(storm.reaped(Ended::default(), at(turn * 2)), None);
        }
    }

    #[test]
    fn services_that_end_are_none() {
        let mut storm = Storm::default();
        let ours = Ended {
            ours: true,
            orphans: true,
        };
        assert!((0..1000).all(|_| storm.reaped(ours, at(0)).is_none()));
    }
}
