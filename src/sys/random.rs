//! Numbers that nobody can guess, for marks and jitter; no secret depends on them.
#![allow(unsafe_code)]

use nix::libc;

use super::{clock, process, raw};

/// One of them. Before Linux 3.17, and where it is forbidden, out of the clocks.
#[must_use]
pub fn number() -> u64 {
    let mut bytes = [0u8; 8];
    const GRND_NONBLOCK: usize = 1;
    // SAFETY: eight bytes, which live through the call.
    let got = unsafe {
        raw::call(
            libc::SYS_getrandom,
            [bytes.as_mut_ptr().addr(), bytes.len(), GRND_NONBLOCK],
        )
    };
    if got == Ok(bytes.len()) {
        return u64::from_ne_bytes(bytes);
    }
    let wall = clock::wall_nanos().cast_unsigned();
    wall.rotate_left(32) ^ clock::monotonic().0 ^ u64::from(process::own_pid().0.unsigned_abs())
}
