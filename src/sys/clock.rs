//! The clocks.
#![allow(unsafe_code)]

use nix::libc;

use crate::core::time::{Instant, Now};

/// The monotonic clock.
#[must_use]
pub fn monotonic() -> Instant {
    let (seconds, nanoseconds) = read(libc::CLOCK_MONOTONIC);
    Instant(
        seconds
            .cast_unsigned()
            .saturating_mul(1_000_000_000)
            .saturating_add(nanoseconds.cast_unsigned()),
    )
}

/// Both clocks at this moment.
#[must_use]
pub fn now() -> Now {
    let (seconds, nanoseconds) = read(libc::CLOCK_REALTIME);
    Now {
        at: monotonic(),
        wall: seconds
            .saturating_mul(1000)
            .saturating_add(nanoseconds / 1_000_000),
    }
}

/// A clock that every kernel has cannot fail.
#[allow(
    clippy::unnecessary_cast,
    clippy::useless_conversion,
    reason = "time_t is 32 bits wide on some platforms"
)]
fn read(clock: libc::clockid_t) -> (i64, i64) {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` lives through the call.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    (time.tv_sec as i64, time.tv_nsec as i64)
}
