//! Ended and stopped children, one at a time, without ever waiting.
#![allow(unsafe_code)]

use std::os::fd::AsFd;
use std::time::Duration;

use nix::libc;

use super::{poll, process, raw};
use crate::core::exit::Exit;
use crate::core::id::Pid;
use crate::core::signal::Signal;

/// What became of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is gone, and reaped.
    Ended(Exit),
    /// A signal stopped it; only told to those who ask for it.
    Stopped(Signal),
}

/// Whom to tell about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Those that ended.
    Ended,
    /// Those that were stopped as well.
    EndedOrStopped,
}

/// What a look at the children gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// This one changed.
    Child(Pid, Change),
    /// There are children, none has changed.
    Nothing,
    /// There are no children at all.
    NoChildren,
}

/// The next child that changed. Statuses that say neither are skipped.
#[must_use]
pub fn next(look: Look) -> Found {
    let options = match look {
        Look::Ended => libc::WNOHANG,
        Look::EndedOrStopped => libc::WNOHANG | libc::WUNTRACED,
    };
    loop {
        let mut status: libc::c_int = 0;
        // SAFETY: `status` lives through the call; no usage is asked for.
        let result = unsafe {
            raw::call(
                libc::SYS_wait4,
                [
                    usize::MAX,
                    (&raw mut status).addr(),
                    options.cast_unsigned() as usize,
                    0,
                ],
            )
        };
        match result.map(i32::try_from) {
            Ok(Ok(pid)) if pid > 0 => {
                if let Some(change) = decode(status) {
                    return Found::Child(Pid(pid), change);
                }
            }
            Ok(_) => return Found::Nothing,
            Err(errno) if errno.0 == libc::EINTR => {}
            Err(_) => return Found::NoChildren,
        }
    }
}

/// The next child that ended; it is reaped. The supervisor's loop calls it until `None`.
#[must_use]
pub fn next_ended() -> Option<(Pid, Exit)> {
    match next(Look::Ended) {
        Found::Child(pid, Change::Ended(exit)) => Some((pid, exit)),
        Found::Child(_, Change::Stopped(_)) | Found::Nothing | Found::NoChildren => None,
    }
}

/// What a look at ended children gave; nothing is reaped by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// This one ended so, and still stands: `take` reaps it.
    Child(Pid, Exit),
    /// There are children, none has ended.
    Nothing,
    /// There are no children at all.
    NoChildren,
}

/// The next child that ended, left standing.
#[must_use]
pub fn look() -> Ended {
    match standing() {
        None => Ended::NoChildren,
        Some(info) => {
            // SAFETY: waitid fills this arm of the union, or leaves the zeros.
            let pid = unsafe { info.si_pid() };
            // SAFETY: as above.
            let status = unsafe { info.si_status() };
            if pid <= 0 {
                return Ended::Nothing;
            }
            let exit = match Signal::new(status) {
                Some(signal) if info.si_code != libc::CLD_EXITED => Exit::Signal(signal),
                _ => Exit::Code(u8::try_from(status & 0xff).unwrap_or(u8::MAX)),
            };
            Ended::Child(Pid(pid), exit)
        }
    }
}

/// The next child that ended, left standing: its /proc entry can still be read.
#[must_use]
pub fn peek() -> Option<Pid> {
    match look() {
        Ended::Child(pid, _) => Some(pid),
        Ended::Nothing | Ended::NoChildren => None,
    }
}

fn standing() -> Option<libc::siginfo_t> {
    let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: `info` lives through the call; no usage is asked for.
    unsafe {
        raw::call(
            libc::SYS_waitid,
            [
                libc::P_ALL as usize,
                0,
                info.as_mut_ptr().addr(),
                options.cast_unsigned() as usize,
                0,
            ],
        )
    }
    .ok()?;
    // SAFETY: all zeros is a siginfo_t, and the kernel may have filled it.
    Some(unsafe { info.assume_init() })
}

/// Reaps one child that has ended.
pub fn take(pid: Pid) {
    let target = pid.0.cast_unsigned() as usize;
    // SAFETY: no status and no usage are asked for.
    let _ = unsafe {
        raw::call(
            libc::SYS_wait4,
            [target, 0, libc::WNOHANG.cast_unsigned() as usize, 0],
        )
    };
}

/// Reaps a child that was killed, if it is gone within a moment; one that hangs in the
/// kernel is left to the parent of us all.
pub fn take_soon(pid: Pid) {
    const PATIENCE: Duration = Duration::from_millis(100);
    let ended = process::descriptor(pid);
    if ended.is_ok_and(|fd| poll::readable(fd.as_fd(), PATIENCE)) {
        take(pid);
    }
}

/// Waits for a child that is about to end, and reaps it. For the start, before there is a
/// loop.
pub fn wait_for(pid: Pid) {
    let target = pid.0.cast_unsigned() as usize;
    // SAFETY: no status and no usage are asked for.
    while unsafe { raw::call(libc::SYS_wait4, [target, 0, 0, 0]) }
        == Err(super::error::Errno(libc::EINTR))
    {}
}

/// A wait status in our words; `None` for what is neither an end nor a stop.
fn decode(status: libc::c_int) -> Option<Change> {
    if libc::WIFEXITED(status) {
        let code = u8::try_from(libc::WEXITSTATUS(status)).unwrap_or(u8::MAX);
        return Some(Change::Ended(Exit::Code(code)));
    }
    if libc::WIFSIGNALED(status) {
        let signal = Signal::new(libc::WTERMSIG(status))?;
        return Some(Change::Ended(Exit::Signal(signal)));
    }
    if libc::WIFSTOPPED(status) {
        return Signal::new(libc::WSTOPSIG(status)).map(Change::Stopped);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_and_every_signal_with_and_without_a_core_is_decoded() {
        for code in 0..=255u8 {
            let status = i32::from(code) << 8;
            assert_eq!(decode(status), Some(Change::Ended(Exit::Code(code))));
        }
        for number in 1..=64 {
            let signal = Signal::new(number).unwrap();
            let ended = Some(Change::Ended(Exit::Signal(signal)));
            assert_eq!(decode(number), ended);
            assert_eq!(decode(number | 0x80), ended);
            assert_eq!(decode(number << 8 | 0x7f), Some(Change::Stopped(signal)));
        }
    }

    #[test]
    fn a_status_that_says_neither_is_none() {
        assert_eq!(decode(0xffff), None);
        assert_eq!(decode(0x7f00_007f), None);
    }
}
