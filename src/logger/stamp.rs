//! When a line was read, and whose main process it was then.

use crate::core::calendar::date::{DAY, Date};

/// The length of a time: `2026-01-02T03:04:05.678Z`.
pub(super) const LENGTH: usize = 24;

/// What a piece of lines has in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// RFC 3339, in UTC, with milliseconds.
    pub(super) time: [u8; LENGTH],
    /// The service's main process; 0 where it isn't known.
    pub(super) pid: u32,
    /// Lines may say how urgent they are (`level`).
    pub(super) levels: bool,
}

impl Default for Stamp {
    fn default() -> Self {
        Self {
            time: *b"0000-00-00T00:00:00.000Z",
            pid: 0,
            levels: false,
        }
    }
}

impl Stamp {
    /// `nanos`: the wall clock, since 1970. A year has four digits; others come as they can.
    pub(super) fn new(nanos: i64, pid: u32) -> Self {
        let seconds = nanos.div_euclid(1_000_000_000);
        let millis = nanos.div_euclid(1_000_000).rem_euclid(1000);
        let date = Date::of(seconds.div_euclid(DAY));
        let of_day = seconds.rem_euclid(DAY);
        let mut stamp = Self {
            pid,
            ..Self::default()
        };
        for (end, width, value) in [
            (4, 4, date.year),
            (7, 2, date.month),
            (10, 2, date.day),
            (13, 2, of_day / 3600),
            (16, 2, of_day / 60 % 60),
            (19, 2, of_day % 60),
            (23, 3, millis),
        ] {
            let mut value = value;
            let digits = stamp.time.iter_mut().take(end).rev().take(width);
            for digit in digits {
                *digit = b'0' + u8::try_from(value.rem_euclid(10)).unwrap_or(0);
                value = value.div_euclid(10);
            }
        }
        stamp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_rfc_3339_says() {
        let of = |nanos| String::from_utf8(Stamp::new(nanos, 0).time.to_vec()).unwrap();
        assert_eq!(of(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(of(1_709_210_096_789_999_999), "2024-02-29T12:34:56.789Z");
        assert_eq!(of(-1), "1969-12-31T23:59:59.999Z");
    }
}
