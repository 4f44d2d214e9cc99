//! The reader of text: a short-lived child that reads, checks and compiles the
//! configuration, so that no parser ever runs in PID 1 and its heap never was there. One
//! that crashes, hangs or eats memory is an error message.

use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use crate::config::{self, Outcome, Request};
use crate::core::signal::Signal;
use crate::plan;
use crate::sys::fork::helper;
use crate::sys::signal::kill;
use crate::sys::{clock, fd, limits, poll, reap};

/// So long it may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// So much memory it may use.
const MEMORY: u64 = 256 << 20;

/// Why there is no outcome at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The kernel gave no process or no pipe.
    Refused(nix::errno::Errno),
    /// It took too long.
    Late,
    /// What it has to say is more than is taken.
    TooLarge,
    /// It crashed or ran out of memory.
    Died,
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(errno) => write!(
                f,
                "the configuration could not be read: no process for it: {}",
                crate::sys::error::Errno::from(*errno)
            ),
            Self::Late => write!(
                f,
                "the configuration could not be read within {} s\nhelp: is a file of it on a file system that hangs?",
                PATIENCE.as_secs()
            ),
            Self::TooLarge => write!(
                f,
                "the configuration is too large: its plan has more than {} MiB",
                plan::MAX_BYTES >> 20
            ),
            Self::Died => write!(
                f,
                "the configuration could not be read: its reader died\nhelp: it may use {} MiB of memory; is a file of it that large?",
                MEMORY >> 20
            ),
        }
    }
}

/// Reads the configuration in a child.
///
/// # Errors
/// Where there is no outcome.
pub fn read(request: &Request) -> Result<Outcome, Trouble> {
    let (ours, theirs) = fd::pipe().map_err(Trouble::Refused)?;
    let body = || {
        limits::memory(MEMORY);
        let bytes = plan::encode(&config::load(request));
        i32::from(fd::write_all(&theirs, &bytes).is_err())
    };
    let pid = helper(c"rinit-reader", &[theirs.as_raw_fd()], body)
        .map_err(|errno| Trouble::Refused(nix::errno::Errno::from_raw(errno.0)))?;
    drop(theirs);
    fd::set_nonblocking(&ours);
    let deadline = clock::monotonic().plus(PATIENCE);
    let mut bytes = Vec::new();
    let mut buffer = [0u8; 16 * 1024];
    let outcome = loop {
        let left = deadline.since(clock::monotonic());
        let too_large = bytes.len() > plan::MAX_BYTES;
        if left.is_zero() || too_large {
            let _ = kill(pid, Signal::KILL);
            // One that hangs in the kernel would not even die: nobody waits for it.
            return Err(if too_large {
                Trouble::TooLarge
            } else {
                Trouble::Late
            });
        }
        if !poll::readable(ours.as_fd(), left) {
            continue;
        }
        match fd::read_some(&ours, &mut buffer) {
            None => {}
            Some(0) => break plan::decode(&bytes).map_err(|_| Trouble::Died),
            Some(count) => bytes.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
    };
    // One that did its work ends while the services start, and is reaped as any child.
    if !matches!(outcome, Ok(Outcome::Ready { .. })) {
        reap::wait_for(pid);
    }
    outcome
}
