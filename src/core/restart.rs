//! When a service that ended is started again: delays, jitter, the start limit.

use std::collections::VecDeque;
use std::time::Duration;

use super::spec::{Restart, StartLimit};
use super::time::Instant;

/// The pauses between forks that the kernel refused.
const FORK_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_FORK_PAUSE: Duration = Duration::from_secs(5);

/// The pause after this one; zero is none yet.
pub(crate) fn next_fork_pause(pause: Duration) -> Duration {
    pause
        .saturating_mul(2)
        .clamp(FORK_PAUSE, LONGEST_FORK_PAUSE)
}

/// The delay before restart number `attempt` in a row, from 0, without jitter.
pub(crate) fn delay(restart: &Restart, attempt: u32) -> Duration {
    let doubled = 1_u32
        .checked_shl(attempt)
        .map_or(Duration::MAX, |factor| restart.delay.saturating_mul(factor));
    if restart.delay.is_zero() {
        return Duration::ZERO;
    }
    doubled.min(restart.delay_max)
}

/// A small generator (splitmix64), so that the same seed gives the same delays.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Any time up to this one.
    pub(crate) fn up_to(&mut self, most: Duration) -> Duration {
        if most.is_zero() {
            return most;
        }
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        let below = nanos.saturating_add(1);
        Duration::from_nanos(self.next().checked_rem(below).unwrap_or(0))
    }

    /// The duration, up to a tenth shorter or longer: what failed together shall not come
    /// back together.
    pub(crate) fn jitter(&mut self, duration: Duration) -> Duration {
        if duration.is_zero() {
            return duration;
        }
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let tenth = nanos / 10;
        let moved = self
            .next()
            .checked_rem(tenth.saturating_mul(2).saturating_add(1))
            .unwrap_or(0);
        Duration::from_nanos(nanos.saturating_sub(tenth).saturating_add(moved))
    }
}

/// The latest starts, as far as a start limit asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Starts(VecDeque<Instant>);

impl Starts {
    /// A start at this moment. No more are kept than the limit needs.
    pub(crate) fn note(&mut self, limit: StartLimit, at: Instant) {
        self.forget_old(limit, at);
        self.0.push_back(at);
        while self.0.len() > limit.count as usize {
            self.0.pop_front();
        }
    }

    /// Whether one more start at that time would be too many.
    pub(crate) fn exhausted(&self, limit: StartLimit, at: Instant) -> bool {
        let recent = self
            .0
            .iter()
            .filter(|start| at.since(**start) < limit.within);
        recent.count() >= limit.count as usize
    }

    fn forget_old(&mut self, limit: StartLimit, at: Instant) {
        while let Some(start) = self.0.front()
            && at.since(*start) >= limit.within
        {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_its_maximum() {
        let restart = Restart::default();
        let seconds: Vec<f64> = (0..11).map(|n| delay(&restart, n).as_secs_f64()).collect();
        assert_eq!(
            seconds,
            [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]
        );
        assert_eq!(delay(&restart, u32::MAX), Duration::from_secs(30));
    }

    #[test]
    fn no_delay_stays_no_delay() {
        let restart = Restart {
            delay: Duration::ZERO,
            ..Restart::default()
        };
        assert_eq!(delay(&restart, 40), Duration::ZERO);
        assert_eq!(Random::new(0).jitter(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn jitter_stays_within_a_tenth_and_moves() {
        let mut random = Random::new(0);
        let second = Duration::from_secs(1);
        let delays: Vec<Duration> = (0..200).map(|_| random.jitter(second)).collect();
        assert!(
            delays
                .iter()
                .all(|delay| (900..=1100).contains(&delay.as_millis()))
        );
        assert!(delays.iter().any(|delay| *delay < second));
        assert!(delays.iter().any(|delay| *delay > second));
    }

    #[test]
    fn a_start_limit_counts_only_what_is_recent() {
        let limit = StartLimit {
            count: 2,
            within: Duration::from_secs(60),
        };
        let second = |n: u64| Instant(n * 1_000_000_000);
        let mut starts = Starts::default();
        starts.note(limit, second(0));
        assert!(!starts.exhausted(limit, second(1)));
        starts.note(limit, second(30));
        assert!(starts.exhausted(limit, second(59)));
        assert!(!starts.exhausted(limit, second(60)));
    }
}
