//! Time as the core knows it: it never reads a clock, every event brings `Now`.

use std::time::Duration;

/// A point on the monotonic clock, in nanoseconds since an origin that only
/// `sys::clock` knows. Two of them are comparable within one boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub u64);

impl Instant {
    /// The instant `after` later; saturates instead of overflowing.
    #[must_use]
    pub fn plus(self, after: Duration) -> Self {
        let nanos = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// The two clocks at the moment of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock: everything that is a deadline.
    pub at: Instant,
    /// The wall clock in Unix milliseconds: everything that a person reads.
    pub wall: i64,
}
