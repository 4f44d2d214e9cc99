//! One datagram with what came along: who sent it, and descriptors.
//!
//! nix refuses to read control messages that were cut off, and those are what a sender
//! can force upon us: the kernel installs as many descriptors as our limit allows, marks
//! the rest as cut, and what was installed would stay open for ever. So they are read here.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use nix::libc;

use crate::core::id::Pid;

/// What came.
#[derive(Debug)]
pub struct Datagram {
    /// Its length in the buffer.
    pub length: usize,
    /// Who sent it, as the kernel says; absent for a sender in a namespace that we can't see.
    pub sender: Option<Pid>,
    /// What came with it, close-on-exec.
    pub descriptors: Vec<OwnedFd>,
}

/// The most descriptors that the kernel passes at once (SCM_MAX_FD).
const DESCRIPTORS_MAX: usize = 253;

/// Room for credentials and that many descriptors, in words so that it is aligned.
type Space = [u64; (64 + DESCRIPTORS_MAX * size_of::<RawFd>()) / size_of::<u64>() + 1];

/// Takes one datagram without waiting; `None` where there is none.
pub fn receive(fd: impl AsFd, buffer: &mut [u8]) -> Option<Datagram> {
    let mut space: Space = [0; _];
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: all zeros is a msghdr that names nothing.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = space.as_mut_ptr().cast();
    header.msg_controllen = size_of::<Space>();
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    let length = loop {
        // SAFETY: the header names the buffer and the space, which live through the call.
        let length = unsafe { libc::recvmsg(fd.as_fd().as_raw_fd(), &raw mut header, flags) };
        match usize::try_from(length) {
            Ok(length) => break length,
            Err(_) if nix::errno::Errno::last() == nix::errno::Errno::EINTR => {}
            Err(_) => return None,
        }
    };
    let mut datagram = Datagram {
        length,
        sender: None,
        descriptors: Vec::new(),
    };
    // SAFETY: the kernel has filled the header that it was given.
    let mut control = unsafe { libc::CMSG_FIRSTHDR(&raw const header) };
    while !control.is_null() {
        // SAFETY: it points into `space`, at a header that the kernel wrote.
        unsafe { take(control, &mut datagram) };
        // SAFETY: as above; the next one is sought within the same space.
        control = unsafe { libc::CMSG_NXTHDR(&raw const header, control) };
    }
    Some(datagram)
}

/// # Safety
/// `control` points at a control message that the kernel wrote.
unsafe fn take(control: *const libc::cmsghdr, datagram: &mut Datagram) {
    // SAFETY: so promises the caller.
    let header = unsafe { control.read() };
    // SAFETY: the data follow the header.
    let data = unsafe { libc::CMSG_DATA(control) };
    let bytes = header
        .cmsg_len
        .saturating_sub(data.addr().saturating_sub(control.addr()));
    match (header.cmsg_level, header.cmsg_type) {
        (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if bytes >= size_of::<libc::ucred>() => {
            // SAFETY: that many bytes are there.
            let credentials = unsafe { ptr::read_unaligned(data.cast::<libc::ucred>()) };
            datagram.sender = (credentials.pid > 0).then_some(Pid(credentials.pid));
        }
        (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
            for index in 0..bytes / size_of::<RawFd>() {
                let place = data.cast::<RawFd>().wrapping_add(index);
                // SAFETY: within the bytes of this message.
                let fd = unsafe { ptr::read_unaligned(place) };
                // SAFETY: the kernel has just installed it for us; nobody else knows of it.
                datagram
                    .descriptors
                    .push(unsafe { OwnedFd::from_raw_fd(fd) });
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{
        AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, sendmsg, setsockopt,
        socketpair, sockopt,
    };
    use std::io::IoSlice;

    #[test]
    fn a_message_comes_with_its_sender_and_its_descriptors() {
        let flags = SockFlag::SOCK_CLOEXEC;
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::Datagram, None, flags).unwrap();
        setsockopt(&ours, sockopt::PassCred, &true).unwrap();
        let sent = [theirs.as_raw_fd(), theirs.as_raw_fd()];
        let rights = [ControlMessage::ScmRights(&sent)];
        let text = [IoSlice::new(b"BARRIER=1")];
        sendmsg::<()>(theirs.as_raw_fd(), &text, &rights, MsgFlags::empty(), None).unwrap();
        let mut buffer = [0; 32];
        let datagram = receive(&ours, &mut buffer).unwrap();
        assert_eq!(&buffer[..datagram.length], b"BARRIER=1");
        assert_eq!(datagram.sender, Some(Pid(nix::unistd::getpid().as_raw())));
        assert_eq!(datagram.descriptors.len(), 2);
        assert!(receive(&ours, &mut buffer).is_none());
    }
}
