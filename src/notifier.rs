//! The sending side of `sd_notify(3)`: what a service, or a script, tells its manager.
//! May wait, but not for ever; never in PID 1.

use std::os::fd::AsFd;
use std::time::Duration;

use crate::core::id::Pid;
use crate::sys::error::Errno;
use crate::sys::poll::readable;
use crate::sys::{clock, fd, notify};

/// So long a manager may take, for a message and for the word that it was handled.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a manager was not told, or may not have heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untold {
    /// The kernel refused.
    Refused(Errno),
    /// It took the message, and didn't say in time that it has handled it.
    Unheard,
}

/// Sends a message; in the name of `sender` where the kernel lets us, else in our own.
///
/// # Errors
/// Where nobody is at the address, or nobody takes what is sent there.
pub fn tell(address: &[u8], message: &[u8], sender: Option<Pid>) -> Result<(), Untold> {
    let send = |sender| notify::send(address, message, None, sender, PATIENCE);
    match sender {
        Some(_) if send(sender).is_ok() => Ok(()),
        Some(_) | None => send(None).map_err(Untold::Refused),
    }
}

/// Waits until the manager has handled all that was sent before: it closes the one
/// descriptor that it gets.
///
/// # Errors
/// Where it doesn't, or can't be asked.
pub fn wait_until_handled(address: &[u8]) -> Result<(), Untold> {
    let (ours, theirs) = fd::pipe().map_err(|errno| Untold::Refused(errno.into()))?;
    notify::send(address, b"BARRIER=1", Some(theirs.as_fd()), None, PATIENCE)
        .map_err(Untold::Refused)?;
    drop(theirs);
    if readable(ours.as_fd(), PATIENCE) {
        Ok(())
    } else {
        Err(Untold::Unheard)
    }
}

/// The clock that RELOADING=1 is stamped with, in microseconds.
#[must_use]
pub fn monotonic_micros() -> u64 {
    clock::monotonic().0 / 1_000
}
