//! A child's descriptors, put where its program looks for them: raw calls alone.
#![allow(unsafe_code)]

use std::os::fd::RawFd;

use nix::libc;

use super::error::Errno;
use super::raw;

/// Which descriptor stands where.
pub(super) struct Placing {
    /// On 0, 1 and 2.
    pub(super) standard: [RawFd; 3],
    /// On 3 and on; none of these has one of the numbers that are given away.
    pub(super) passed: (*const u32, usize),
    /// `(descriptor, number)`.
    pub(super) ready: Option<(RawFd, RawFd)>,
}

/// Puts all where they belong.
///
/// # Safety
/// `passed` is that many numbers.
pub(super) unsafe fn place(placing: &Placing) -> Result<(), Errno> {
    for (number, fd) in (0..).zip(placing.standard) {
        place_fd(fd, number)?;
    }
    let (first, count) = placing.passed;
    for (number, index) in (3..).zip(0..count) {
        // SAFETY: so promises the caller.
        let fd = unsafe { first.wrapping_add(index).read() };
        place_fd(fd.cast_signed(), number)?;
    }
    if let Some((fd, number)) = placing.ready {
        place_fd(fd, number)?;
    }
    Ok(())
}

fn place_fd(fd: RawFd, number: RawFd) -> Result<(), Errno> {
    let (fd, number) = (fd.cast_unsigned() as usize, number.cast_unsigned() as usize);
    if fd == number {
        // SAFETY: no pointers; it stays open over the exec.
        return unsafe {
            raw::call(
                libc::SYS_fcntl,
                [fd, libc::F_SETFD.cast_unsigned() as usize, 0],
            )
        }
        .map(drop);
    }
    // SAFETY: no pointers.
    unsafe { raw::call(libc::SYS_dup3, [fd, number, 0]) }.map(drop)
}
