//! Time as the core knows it: it never reads a clock, every event brings `Now`.

use std::fmt;
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

    /// The instant `before` earlier; the origin where there is none.
    #[must_use]
    pub fn minus(self, before: Duration) -> Self {
        let nanos = u64::try_from(before.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(nanos))
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

/// A duration in words that people read at a glance: `40 ms`, `0.4 s`, `5 s`, `1m 5s`, `2h 5m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        if millis < 50 {
            return write!(f, "{millis} ms");
        }
        let tenths = millis.saturating_add(50) / 100;
        if tenths < 100 {
            return match tenths % 10 {
                0 => write!(f, "{} s", tenths / 10),
                rest => write!(f, "{}.{rest} s", tenths / 10),
            };
        }
        let seconds = millis.saturating_add(500) / 1000;
        let (big, unit, small, part) = match seconds {
            0..60 => return write!(f, "{seconds} s"),
            60..3600 => (seconds / 60, "m", seconds % 60, "s"),
            3600..86400 => (seconds / 3600, "h", seconds % 3600 / 60, "m"),
            86400.. => (seconds / 86400, "d", seconds % 86400 / 3600, "h"),
        };
        write!(f, "{big}{unit}")?;
        if small > 0 {
            write!(f, " {small}{part}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        for (millis, words) in [
            (0, "0 ms"),
            (7, "7 ms"),
            (95, "0.1 s"),
            (400, "0.4 s"),
            (1_249, "1.2 s"),
            (5_003, "5 s"),
            (9_960, "10 s"),
            (59_400, "59 s"),
            (65_000, "1m 5s"),
            (120_000, "2m"),
            (7_500_000, "2h 5m"),
            (90_000_000, "1d 1h"),
        ] {
            assert_eq!(Span(Duration::from_millis(millis)).to_string(), words);
        }
    }
}
