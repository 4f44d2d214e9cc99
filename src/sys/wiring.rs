//! The child's steps that put descriptors where its program looks for them, and its own
//! number where that is told by a variable.
#![allow(unsafe_code)]

use std::os::fd::RawFd;

use nix::libc;

use super::error::Errno;
use super::process;
use super::raw;
use crate::core::exec::FIRST_PASSED;

/// The longest number of a process has so many digits.
pub(super) const DIGITS: usize = 10;

/// Values in a slot: the first, and how many.
pub(super) type Values<T> = (*mut T, usize);

/// What goes where. All that it points to lies in the child's slot.
pub(super) struct Wiring {
    /// For 0, 1 and 2.
    pub(super) standard: [RawFd; 3],
    /// For another number.
    pub(super) ready: Option<(RawFd, RawFd)>,
    /// For the numbers from 3 on.
    pub(super) passed: Values<RawFd>,
    /// Where its own number is to be written: `DIGITS` bytes and a NUL each.
    pub(super) pids: Values<*const libc::c_char>,
}

impl Wiring {
    /// Puts all in its place; what stands there and is still needed first makes room.
    ///
    /// # Safety
    /// What it points to is there, and nobody else's. Safe between clone and exec.
    pub(super) unsafe fn place(&mut self, report: &mut RawFd) -> Result<(), Errno> {
        let (first, count) = self.passed;
        // SAFETY: so promises the caller.
        let passed = unsafe { std::slice::from_raw_parts_mut(first, count) };
        let taken = FIRST_PASSED..FIRST_PASSED.saturating_add(count as RawFd);
        let beyond = |(_, number): (RawFd, RawFd)| number.saturating_add(1);
        let above = self.ready.map_or(taken.end, beyond).max(taken.end);
        let sources = self.standard.iter_mut().chain(&mut *passed);
        let ready = self.ready.as_mut().map(|(fd, _)| fd);
        for fd in sources.chain(ready).chain([report]) {
            if taken.contains(fd) {
                *fd = copy_above(*fd, above)?;
            }
        }
        for (number, fd) in (0..).zip(self.standard) {
            place_fd(fd, number)?;
        }
        for (number, fd) in taken.zip(passed) {
            place_fd(*fd, number)?;
        }
        if let Some((fd, number)) = self.ready {
            place_fd(fd, number)?;
        }
        Ok(())
    }

    /// Fills in the variables that hold the process's own number.
    ///
    /// # Safety
    /// As for `place`.
    pub(super) unsafe fn write_own_number(&self) {
        let mut number = process::own_pid().0.cast_unsigned();
        let mut digits = [0u8; DIGITS];
        let mut length = 0;
        for place in digits.iter_mut().rev() {
            *place = b'0'.wrapping_add((number % 10) as u8);
            length += 1;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        for index in 0..self.pids.1 {
            // SAFETY: so promises the caller.
            let place = unsafe { self.pids.0.wrapping_add(index).read() }
                .cast_mut()
                .cast::<u8>();
            for (offset, digit) in digits.iter().skip(DIGITS - length).enumerate() {
                // SAFETY: that many bytes were left there.
                unsafe { place.wrapping_add(offset).write(*digit) };
            }
            // SAFETY: at most the NUL that ends the longest number.
            unsafe { place.wrapping_add(length).write(0) };
        }
    }
}

/// A copy with a number from `above` on, closed by the exec.
fn copy_above(fd: RawFd, above: RawFd) -> Result<RawFd, Errno> {
    let command = libc::F_DUPFD_CLOEXEC.cast_unsigned() as usize;
    let (fd, above) = (fd.cast_unsigned() as usize, above.cast_unsigned() as usize);
    // SAFETY: no pointers.
    let copy = unsafe { raw::call(libc::SYS_fcntl, [fd, command, above]) }?;
    Ok(RawFd::try_from(copy).unwrap_or(RawFd::MAX))
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
