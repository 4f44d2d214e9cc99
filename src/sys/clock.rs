//! The clocks. The only place that reads one.

use nix::time::{ClockId, clock_gettime};

use crate::core::time::{Instant, Now};

/// Both clocks now. A clock that can't be read is 0: nothing then ever is late.
#[must_use]
#[inline]
pub fn now() -> Now {
    Now {
        at: monotonic(),
        wall: wall_nanos() / 1_000_000,
    }
}

/// The monotonic clock (`clock_gettime(2)`).
#[must_use]
pub fn monotonic() -> Instant {
    Instant(u64::try_from(read(ClockId::CLOCK_MONOTONIC)).unwrap_or(0))
}

/// The wall clock in nanoseconds since 1970.
#[must_use]
pub fn wall_nanos() -> i64 {
    read(ClockId::CLOCK_REALTIME)
}

/// The wall clock as the kernel stamps files: it may be a tick behind `wall_nanos`.
#[must_use]
pub fn file_nanos() -> i64 {
    read(ClockId::CLOCK_REALTIME_COARSE)
}

fn read(clock: ClockId) -> i64 {
    clock_gettime(clock).map_or(0, |time| {
        time.tv_sec()
            .saturating_mul(1_000_000_000)
            .saturating_add(time.tv_nsec())
    })
}
