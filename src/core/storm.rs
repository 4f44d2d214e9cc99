//! A storm of orphans: what a wake-up for each of them would cost.
//!
//! A process that forks away its helpers by the thousand hands each to rinit, and each
//! would be a wake-up of its own. After many of those in a row rinit no longer wakes for
//! ended children, but looks once a millisecond, until a look finds none. What ends for
//! real is seen so much later at most, and only then.

use std::time::Duration;

/// From look to look.
const REST: Duration = Duration::from_millis(1);
/// So many wake-ups in a row for nothing but orphans may be a storm. One that isn't costs
/// a single look.
const IN_A_ROW: u32 = 32;

/// Who ended in a turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ended {
    /// Some whose end is waited for.
    pub ours: bool,
    /// Others.
    pub orphans: bool,
}

/// What the loop is to do about ended children from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Not to wake for them.
    Rest,
    /// To wake for each again.
    Watch,
}

/// Whether there is one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Storm {
    in_a_row: u32,
    resting: bool,
}

impl Storm {
    /// While it lasts: how long to wait for what else there is, before the next look.
    #[must_use]
    pub fn rest(&self) -> Option<Duration> {
        self.resting.then_some(REST)
    }

    /// A turn has reaped, or found nobody.
    pub fn reaped(&mut self, ended: Ended) -> Option<Change> {
        let orphans_only = ended.orphans && !ended.ours;
        if self.resting {
            if !ended.orphans {
                *self = Self::default();
                return Some(Change::Watch);
            }
        } else if orphans_only {
            self.in_a_row = self.in_a_row.saturating_add(1);
            self.resting = self.in_a_row >= IN_A_ROW;
            return self.resting.then_some(Change::Rest);
        } else if ended.ours {
            self.in_a_row = 0;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORPHANS: Ended = Ended {
        ours: false,
        orphans: true,
    };
    const OURS: Ended = Ended {
        ours: true,
        orphans: true,
    };

    #[test]
    fn orphans_in_a_row_are_a_storm_until_a_look_finds_none() {
        let mut storm = Storm::default();
        for _ in 1..IN_A_ROW {
            assert_eq!(storm.reaped(ORPHANS), None);
            assert_eq!(storm.reaped(Ended::default()), None);
        }
        assert_eq!(storm.rest(), None);
        assert_eq!(storm.reaped(ORPHANS), Some(Change::Rest));
        for ended in [ORPHANS, OURS] {
            assert_eq!(storm.rest(), Some(REST));
            assert_eq!(storm.reaped(ended), None);
        }
        assert_eq!(storm.reaped(Ended::default()), Some(Change::Watch));
        assert_eq!(storm.rest(), None);
        assert_eq!(storm.reaped(ORPHANS), None);
    }

    #[test]
    fn what_ends_for_real_begins_the_row_anew() {
        let mut storm = Storm::default();
        for _ in 0..IN_A_ROW {
            (1..IN_A_ROW).for_each(|_| assert_eq!(storm.reaped(ORPHANS), None));
            assert_eq!(storm.reaped(OURS), None);
        }
    }
}
