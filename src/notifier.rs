//! The sending side of `sd_notify(3)`: what a service, or a script, tells its manager.
//! May wait, but not for ever; never in PID 1.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use crate::core::accounts;
use crate::core::id::Pid;
use crate::sys::error::Errno;
use crate::sys::notify::Sender;
use crate::sys::poll::readable;
use crate::sys::process::own_pid;
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

/// What a manager is told.
pub struct Message<'a> {
    /// The lines.
    pub text: &'a [u8],
    /// What comes along.
    pub descriptors: &'a [OwnedFd],
    /// In whose name, where the kernel lets us; else in our own.
    pub sender: Option<Pid>,
    /// As which user and group, if not as our own; without the right to that it isn't told.
    pub user: Option<(u32, u32)>,
}

/// Sends a message.
///
/// # Errors
/// Where nobody is at the address, or nobody takes what is sent there.
pub fn tell(address: &[u8], message: &Message<'_>) -> Result<(), Untold> {
    let descriptors: Vec<_> = message.descriptors.iter().map(AsFd::as_fd).collect();
    let send = |sender| notify::send(address, message.text, &descriptors, sender, PATIENCE);
    let as_one = |pid| match message.user {
        Some((uid, gid)) => Sender { pid, uid, gid },
        None => Sender::of_own_user(pid),
    };
    match message.sender.map(as_one) {
        Some(sender) if send(Some(sender)).is_ok() => Ok(()),
        Some(_) | None => {
            let own = message.user.map(|_| as_one(own_pid()));
            send(own).map_err(Untold::Refused)
        }
    }
}

/// A user's number and group, by name or number.
#[must_use]
pub fn account(user: &str) -> Option<(u32, u32)> {
    let passwd = std::fs::read("/etc/passwd").unwrap_or_default();
    let entry = accounts::find_user(&passwd, user).map(|user| (user.uid, user.gid));
    let number = || accounts::number(user.as_bytes()).map(|uid| (uid, uid));
    entry.or_else(number)
}

/// A copy of a descriptor that we were started with.
///
/// # Errors
/// EBADF where there is none of that number.
pub fn inherited(number: i32) -> Result<OwnedFd, Errno> {
    fd::copy(number).map_err(Errno::from)
}

/// Becomes another program; comes back only with the reason why not.
#[must_use]
pub fn become_program(words: &[&CStr]) -> Errno {
    let Some(file) = words.first() else {
        return nix::errno::Errno::ENOENT.into();
    };
    match nix::unistd::execvp(file, words) {
        Err(errno) => errno.into(),
    }
}

/// Waits until the manager has handled all that was sent before: it closes the one
/// descriptor that it gets.
///
/// # Errors
/// Where it doesn't, or can't be asked.
pub fn wait_until_handled(address: &[u8]) -> Result<(), Untold> {
    let (ours, theirs) = fd::pipe().map_err(|errno| Untold::Refused(errno.into()))?;
    notify::send(address, b"BARRIER=1", &[theirs.as_fd()], None, PATIENCE)
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
