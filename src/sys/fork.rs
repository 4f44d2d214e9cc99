//! Forks of this process: helpers, which never exec, and children on the full road to
//! one. PID 1 has one thread, so a fork may use the heap.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::os::fd::RawFd;

use nix::libc;

use super::error::Errno;
use super::signal::{self, Disposition, SignalSet};
use super::{fd, process};
use crate::core::id::Pid;
use crate::core::signal::Signal;

/// A fork that runs `body` with every signal blocked and leaves with its code. Nothing of
/// ours is dropped or flushed in it.
///
/// # Errors
/// EAGAIN, ENOMEM where no process is to be had.
pub fn fork(body: impl FnOnce() -> i32) -> Result<Pid, Errno> {
    let mask = signal::set_mask(SignalSet::ALL);
    // SAFETY: this process has one thread, so the child may do whatever we may.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let code = body();
        process::leave(code);
    }
    let answer = if pid > 0 {
        Ok(Pid(pid))
    } else {
        Err(nix::errno::Errno::last().into())
    };
    signal::set_mask(mask);
    answer
}

/// What stops other processes must not stop a helper: it has work to do after them.
const DEAF: [Signal; 7] = [
    Signal::TERM,
    Signal::INT,
    Signal::QUIT,
    Signal::HUP,
    Signal::PIPE,
    Signal::TTOU,
    Signal::TSTP,
];

/// A helper: a fork with a name of its own, deaf to requests to stop, with no descriptor
/// above 2 but those in `keep`.
///
/// # Errors
/// As for `fork`.
pub fn helper(name: &CStr, keep: &[RawFd], body: impl FnOnce() -> i32) -> Result<Pid, Errno> {
    fork(|| {
        name_and_deafen(name);
        fd::close_all_but(keep);
        signal::set_mask(SignalSet::EMPTY);
        body()
    })
}

/// What every helper does first. Signals stay blocked.
pub fn name_and_deafen(name: &CStr) {
    process::set_name(name);
    signal::set_dispositions(DEAF.into_iter().fold(SignalSet::EMPTY, SignalSet::with));
}

/// Makes a signal that nobody is to see ignored, for this process and its helpers.
pub fn ignore(signal: Signal) {
    signal::set_disposition(signal, Disposition::Ignored);
}
