//! `--wait`: what is left when the command has ended gets SIGTERM and a time.

use std::time::Duration;

use crate::core::id::Pid;
use crate::core::signal::Signal;
use crate::sys::reap::{self, Found, Look};
use crate::sys::signal::{self, SignalSet};
use crate::sys::{clock, procfs};

/// Returns the instant that no child is left, or when the time is over; then what stands
/// is killed, by the kernel if we are PID 1 and leave.
pub(super) fn end(time: Duration, own: Pid) {
    let deadline = clock::monotonic().plus(time);
    tell(own, Signal::TERM);
    tell(own, Signal::CONT);
    while !all_gone() {
        let left = deadline.since(clock::monotonic());
        if left.is_zero() {
            tell(own, Signal::KILL);
            return;
        }
        match signal::wait(SignalSet::ALL, Some(left)) {
            Ok(received) if received.signal == Signal::CHLD => {}
            Ok(received) if received.sender() == Some(own.0) => {}
            Ok(received) => tell(own, received.signal),
            Err(_) => {}
        }
    }
}

/// PID 1 of a namespace may address all of it; anybody else only what is below it.
fn tell(own: Pid, signal: Signal) {
    if own.0 == 1 {
        let _ = signal::kill_everyone(signal);
        return;
    }
    let below = procfs::with_descendants(&procfs::stats(), [own]);
    for pid in below.into_iter().filter(|pid| *pid != own) {
        let _ = signal::kill(pid, signal);
    }
}

fn all_gone() -> bool {
    loop {
        match reap::next(Look::Ended) {
            Found::Child(..) => {}
            Found::Nothing => return false,
            Found::NoChildren => return true,
        }
    }
}
