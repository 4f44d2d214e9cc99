//! Datagrams to a notify socket (`sd_notify(3)`): a message, and what comes along.

use std::io::IoSlice;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use nix::libc;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixCredentials, sendmsg,
    setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

use super::error::Errno;
use super::socket::unix_address;
use crate::core::id::Pid;

/// Whom the kernel is asked to name as the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Its process.
    pub pid: Pid,
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

impl Sender {
    /// This process, or another one of this user's.
    #[must_use]
    pub fn of_own_user(pid: Pid) -> Self {
        Self {
            pid,
            uid: nix::unistd::getuid().as_raw(),
            gid: nix::unistd::getgid().as_raw(),
        }
    }
}

/// Sends one message to the socket at this address (a leading `@` is the abstract
/// namespace), waiting no longer than `patience` for room there. With `sender` the kernel
/// is asked to name that one as the sender, for which it wants privileges.
///
/// # Errors
/// EPERM where that is refused; what `connect(2)` and `sendmsg(2)` say.
pub fn send(
    address: &[u8],
    message: &[u8],
    descriptors: &[BorrowedFd<'_>],
    sender: Option<Sender>,
    patience: Duration,
) -> Result<(), Errno> {
    let address = unix_address(address)?;
    let flags = SockFlag::SOCK_CLOEXEC;
    let fd = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
    let seconds = i64::try_from(patience.as_secs()).unwrap_or(i64::MAX);
    let micros = i64::from(patience.subsec_micros());
    setsockopt(&fd, sockopt::SendTimeout, &TimeVal::new(seconds, micros))?;
    let numbers: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let credentials = sender.map(|sender| {
        UnixCredentials::from(libc::ucred {
            pid: sender.pid.0,
            uid: sender.uid,
            gid: sender.gid,
        })
    });
    let rights = (!numbers.is_empty()).then_some(ControlMessage::ScmRights(&numbers));
    let controls: Vec<ControlMessage<'_>> = rights
        .into_iter()
        .chain(credentials.iter().map(ControlMessage::ScmCredentials))
        .collect();
    let parts = [IoSlice::new(message)];
    let flags = MsgFlags::MSG_NOSIGNAL;
    sendmsg(fd.as_raw_fd(), &parts, &controls, flags, Some(&address))?;
    Ok(())
}
