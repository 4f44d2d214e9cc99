//! The supervisor's signals: handlers that set a bit each and wake one pipe, so that a
//! flood of one signal can't push out another. SIGCHLD comes by a descriptor of its own,
//! since a thousand children that end at one moment would interrupt the reaping of them.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use nix::sys::signal::SigSet;
use nix::sys::signalfd::{SfdFlags, SignalFd};
use signal_hook::low_level::register;

use super::signal::{Disposition, SignalSet, set_mask};
use super::{fd, fork, signal};
use crate::core::signal::Signal;

static PENDING: AtomicU64 = AtomicU64::new(0);
static WAKE: AtomicI32 = AtomicI32::new(-1);

/// What arrives when a signal did.
pub struct SignalPipe {
    read: OwnedFd,
    _write: OwnedFd,
    children: SignalFd,
}

/// Left alone: what cannot or must not be caught, SIGCHLD, the C library's own two, and
/// what a person at the terminal stops rinit with.
const LEFT: [i32; 14] = [4, 5, 7, 8, 9, 11, 17, 19, 20, 21, 22, 31, 32, 33];

/// Above it are the real-time signals.
const LAST_NAMED: i32 = 31;

impl SignalPipe {
    /// Catches the signals that can be, and unblocks all but SIGCHLD. Those that mean
    /// something only to a command that they are forwarded to are dropped without one.
    ///
    /// # Errors
    /// Where there is no descriptor left.
    pub fn open(forwards: bool) -> nix::Result<Self> {
        let (read, write) = fd::pipe()?;
        fd::set_nonblocking(&read);
        fd::set_nonblocking(&write);
        let mut chld = SigSet::empty();
        chld.add(nix::sys::signal::Signal::SIGCHLD);
        let children = SignalFd::with_flags(&chld, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        WAKE.store(write.as_raw_fd(), Ordering::Release);
        for number in (1..=64).filter(|number| !LEFT.contains(number)) {
            let unheard = number > LAST_NAMED && !forwards;
            let unheard = Signal::new(number).filter(|it| unheard && !it.asks_for_a_stop());
            if let Some(signal) = unheard {
                fork::ignore(signal);
                continue;
            }
            let bit = 1u64 << (number - 1);
            // SAFETY: the handler touches two atomics and writes to a pipe, all of which a
            // signal handler may do. One that the kernel refuses stays as it is.
            let _ = unsafe { register(number, move || wake(bit)) };
        }
        // Who ignores it reaps nothing: whoever started us may have.
        signal::set_disposition(Signal::CHLD, Disposition::Default);
        set_mask(SignalSet::EMPTY.with(Signal::CHLD));
        Ok(Self {
            read,
            _write: write,
            children,
        })
    }

    /// The descriptor to watch.
    #[must_use]
    pub fn fd(&self) -> &OwnedFd {
        &self.read
    }

    /// The descriptor that tells of ended children; `clear_children` before reaping them.
    #[must_use]
    pub fn children(&self) -> BorrowedFd<'_> {
        self.children.as_fd()
    }

    /// Forgets that children have ended: those that end from now on tell again.
    pub fn clear_children(&self) {
        // The kernel keeps one at most.
        let _ = self.children.read_signal();
    }

    /// Whether any signal came that nobody has taken yet.
    #[must_use]
    pub fn waits(&self) -> bool {
        PENDING.load(Ordering::Acquire) != 0
    }

    /// Whether a stop request came that nobody has taken yet; it stays there.
    #[must_use]
    pub fn stop_waits(&self) -> bool {
        SignalSet(PENDING.load(Ordering::Acquire))
            .iter()
            .any(Signal::asks_for_a_stop)
    }

    /// All that came since the last call, lowest first. Reads the pipe before it looks, so
    /// that a signal in between wakes the next wait; and once, since in a flood of signals
    /// each read would find what the last one's interruption wrote.
    pub fn take(&self) -> impl Iterator<Item = Signal> + use<> {
        let mut buffer = [0u8; 4096];
        let _ = fd::read_some(&self.read, &mut buffer);
        SignalSet(PENDING.swap(0, Ordering::AcqRel)).iter()
    }
}

impl Drop for SignalPipe {
    /// The handlers stay. Once the read end is closed, a write would be answered with
    /// SIGPIPE, whose handler writes too, and so on for ever.
    fn drop(&mut self) {
        WAKE.store(-1, Ordering::Release);
    }
}

fn wake(bit: u64) {
    PENDING.fetch_or(bit, Ordering::AcqRel);
    signal::write_byte(WAKE.load(Ordering::Acquire));
}
