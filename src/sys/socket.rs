//! Sockets: never blocking, close-on-exec, addresses by path or abstract name.

use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, SockFlag, SockType, SockaddrStorage, UnixAddr, accept4, bind,
    connect, getsockopt, listen, recv, send, setsockopt, socket, socketpair, sockopt,
};
use nix::sys::stat::{FchmodatFlags, FileStat, Mode, SFlag, fchmodat, lstat};
use nix::sys::time::TimeVal;

const FLAGS: SockFlag = SockFlag::SOCK_CLOEXEC.union(SockFlag::SOCK_NONBLOCK);

/// The address of a path, or of an abstract name where it begins with `@`.
pub(crate) fn unix_address(path: &[u8]) -> nix::Result<UnixAddr> {
    match path.strip_prefix(b"@") {
        Some(name) => UnixAddr::new_abstract(name),
        None => UnixAddr::new(path),
    }
}

/// Two ends that keep messages apart. The first is non-blocking, for PID 1; the second
/// blocks, for the helper.
///
/// # Errors
/// EMFILE, ENFILE.
pub fn message_pair() -> nix::Result<(OwnedFd, OwnedFd)> {
    let pair = socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    )?;
    super::fd::set_nonblocking(&pair.0);
    Ok(pair)
}

/// Two ends of one stream, neither of which blocks.
///
/// # Errors
/// EMFILE, ENFILE.
pub fn stream_pair() -> nix::Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::Unix, SockType::Stream, None, FLAGS)
}

/// Sends one message without waiting and without SIGPIPE.
///
/// # Errors
/// EAGAIN when the other side doesn't read; EPIPE when it is gone.
pub fn send_now(fd: impl AsFd, message: &[u8]) -> nix::Result<()> {
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    send(fd.as_fd().as_raw_fd(), message, flags).map(drop)
}

/// Sends what a stream takes now, without SIGPIPE; how much.
///
/// # Errors
/// EAGAIN when it takes nothing; EPIPE when the other side is gone.
pub fn send_some(fd: impl AsFd, bytes: &[u8]) -> nix::Result<usize> {
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    send(fd.as_fd().as_raw_fd(), bytes, flags)
}

/// Sends one message and waits for room. For helpers.
///
/// # Errors
/// EPIPE when PID 1 is gone.
pub fn send_wait(fd: impl AsFd, message: &[u8]) -> nix::Result<()> {
    loop {
        match send(fd.as_fd().as_raw_fd(), message, MsgFlags::MSG_NOSIGNAL) {
            Err(Errno::EINTR) => {}
            other => return other.map(drop),
        }
    }
}

/// Takes one message without waiting; `None` where there is none, `Some(0)` at the end.
pub fn receive_now(fd: impl AsFd, buffer: &mut [u8]) -> Option<usize> {
    loop {
        match recv(fd.as_fd().as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(count) => return Some(count),
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return None,
            Err(_) => return Some(0),
        }
    }
}

/// A datagram socket that anybody may write to, for `sd_notify(3)`.
///
/// # Errors
/// What `socket(2)` and `bind(2)` say.
pub fn notify_socket(path: &[u8]) -> nix::Result<OwnedFd> {
    let fd = socket(AddressFamily::Unix, SockType::Datagram, FLAGS, None)?;
    setsockopt(&fd, sockopt::PassCred, &true)?;
    bind(fd.as_raw_fd(), &unix_address(path)?)?;
    open_to(path, 0o666)?;
    Ok(fd)
}

/// As `notify_socket`, in place of one that a dead process left behind.
///
/// # Errors
/// EADDRINUSE where somebody answers; what `bind(2)` says.
pub fn datagram_listener(path: &[u8]) -> nix::Result<OwnedFd> {
    match notify_socket(path) {
        Err(Errno::EADDRINUSE) if is_socket(path) && is_left(path) => {
            nix::unistd::unlink(path)?;
            notify_socket(path)
        }
        other => other,
    }
}

/// Nobody answers at a datagram socket's file.
fn is_left(path: &[u8]) -> bool {
    connect_datagram(path).err() == Some(Errno::ECONNREFUSED)
}

/// Sets a socket file's mode; an abstract name has none.
fn open_to(path: &[u8], mode: u32) -> nix::Result<()> {
    if path.first() == Some(&b'@') {
        return Ok(());
    }
    let mode = Mode::from_bits_truncate(mode);
    fchmodat(
        nix::fcntl::AT_FDCWD,
        path,
        mode,
        FchmodatFlags::FollowSymlink,
    )
}

/// A listening stream socket with this mode. A path on which somebody answers is never
/// taken; one that a dead process left behind is.
///
/// # Errors
/// EADDRINUSE where somebody answers; what `bind(2)` says.
pub fn listener(path: &[u8], mode: u32) -> nix::Result<OwnedFd> {
    let address = unix_address(path)?;
    let fd = socket(AddressFamily::Unix, SockType::Stream, FLAGS, None)?;
    match bind(fd.as_raw_fd(), &address) {
        Err(Errno::EADDRINUSE) if path.first() != Some(&b'@') => {
            // A full backlog is somebody's too; and a file that is no socket is left alone.
            if !is_socket(path) || connect_unix(path).err() != Some(Errno::ECONNREFUSED) {
                return Err(Errno::EADDRINUSE);
            }
            nix::unistd::unlink(path)?;
            bind(fd.as_raw_fd(), &address)?;
        }
        other => other?,
    }
    open_to(path, mode)?;
    listen(&fd, Backlog::new(64)?)?;
    Ok(fd)
}

fn is_socket(path: &[u8]) -> bool {
    let kind = |stat: FileStat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
    lstat(path).is_ok_and(|stat| kind(stat) == SFlag::S_IFSOCK)
}

/// Takes one waiting connection; `None` where there is none (any more).
///
/// # Errors
/// EMFILE, ENFILE, ENOMEM: the connection goes on waiting.
pub fn accept(listener: impl AsFd) -> nix::Result<Option<OwnedFd>> {
    match accept4(listener.as_fd().as_raw_fd(), FLAGS) {
        Ok(fd) => Ok(Some(own(fd))),
        Err(Errno::EAGAIN | Errno::EINTR | Errno::ECONNABORTED) => Ok(None),
        Err(errno) => Err(errno),
    }
}

#[allow(unsafe_code)]
fn own(fd: RawFd) -> OwnedFd {
    // SAFETY: accept4 or recvmsg just made this descriptor; nobody else knows of it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Who is at the other end of a unix stream socket.
#[must_use]
pub fn peer(fd: impl AsFd) -> Option<Peer> {
    let credentials = getsockopt(&fd, sockopt::PeerCredentials).ok()?;
    Some(Peer {
        pid: credentials.pid(),
        uid: credentials.uid(),
    })
}

/// The other end's identity (`SO_PEERCRED`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its pid here; 0 where it lives in another PID namespace.
    pub pid: i32,
    /// Its user.
    pub uid: u32,
}

/// A connection to a unix stream socket, non-blocking; it is complete or refused at once.
///
/// # Errors
/// ECONNREFUSED, ENOENT, EACCES; EAGAIN where its backlog is full.
pub fn connect_unix(path: &[u8]) -> nix::Result<OwnedFd> {
    let fd = socket(AddressFamily::Unix, SockType::Stream, FLAGS, None)?;
    connect(fd.as_raw_fd(), &unix_address(path)?)?;
    Ok(fd)
}

/// Datagrams to a unix socket, without ever waiting.
///
/// # Errors
/// ECONNREFUSED, ENOENT, EACCES.
pub fn connect_datagram(path: &[u8]) -> nix::Result<OwnedFd> {
    let fd = socket(AddressFamily::Unix, SockType::Datagram, FLAGS, None)?;
    connect(fd.as_raw_fd(), &unix_address(path)?)?;
    Ok(fd)
}

/// As `connect_unix`, but where the backlog is full it waits its turn, so long.
///
/// # Errors
/// As there; EAGAIN when the time is over.
pub fn connect_unix_within(path: &[u8], patience: Duration) -> nix::Result<OwnedFd> {
    let fd = socket(
        AddressFamily::Unix,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let seconds = patience
        .as_secs()
        .try_into()
        .unwrap_or(nix::libc::time_t::MAX);
    setsockopt(&fd, sockopt::SendTimeout, &TimeVal::new(seconds, 0))?;
    connect(fd.as_raw_fd(), &unix_address(path)?)?;
    super::fd::set_nonblocking(&fd);
    Ok(fd)
}

/// A read of a blocking socket waits so long for news, then it is EAGAIN. For helpers.
pub fn limit_silence(fd: &OwnedFd, patience: Duration) {
    let seconds = patience.as_secs().try_into();
    let seconds = seconds.unwrap_or(nix::libc::time_t::MAX);
    // Without it the wait is as long as the helper's own deadline lets it be.
    let _ = setsockopt(fd, sockopt::ReceiveTimeout, &TimeVal::new(seconds, 0));
}

/// How a connection attempt stands.
#[derive(Debug)]
pub enum Attempt {
    /// It answered.
    Connected,
    /// The descriptor becomes writable when it is known.
    Pending(OwnedFd),
}

/// Begins a TCP connection.
///
/// # Errors
/// ECONNREFUSED and kin, where that is known at once.
pub fn connect_tcp(address: SocketAddr) -> nix::Result<Attempt> {
    let family = if address.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let fd = socket(family, SockType::Stream, FLAGS, None)?;
    match connect(fd.as_raw_fd(), &SockaddrStorage::from(address)) {
        Ok(()) => Ok(Attempt::Connected),
        Err(Errno::EINPROGRESS | Errno::EAGAIN) => Ok(Attempt::Pending(fd)),
        Err(errno) => Err(errno),
    }
}

/// A TCP connection that is complete, however long that takes. For helpers.
///
/// # Errors
/// Why there is none.
pub fn connect_and_wait(address: SocketAddr) -> nix::Result<OwnedFd> {
    let family = if address.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let fd = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    connect(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(fd)
}

/// What became of a pending connection once it is writable.
///
/// # Errors
/// Why it failed.
pub fn connection_result(fd: impl AsFd) -> nix::Result<()> {
    match getsockopt(&fd, sockopt::SocketError)? {
        0 => Ok(()),
        errno => Err(Errno::from_raw(errno)),
    }
}
