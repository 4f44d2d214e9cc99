//! Opens a service's sockets, and removes their files again. What has a path may hang on
//! its file system, so a child does that; all else never waits.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrLike, SockaddrStorage, UnixAddr, bind,
    connect, listen, setsockopt, socket, sockopt,
};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, umask};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchdir, fchownat, mkfifoat, symlinkat, unlinkat};

use super::folders;
use super::full;
use crate::core::event::SpawnFailure;
use crate::core::exec::Identity;
use crate::core::listen::{Address, Listen, Socket, SocketKind, SocketOptions};
use crate::sys::error::strerror;
use crate::sys::socket::unix_address;

/// An open socket.
pub(super) struct Bound {
    pub(super) fd: OwnedFd,
    /// Its file, if it has one.
    pub(super) file: Option<FileId>,
}

/// Which file it is, whatever has its name by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    pub(super) device: u64,
    pub(super) inode: u64,
}

/// Whether a path has to be touched for these.
pub(super) fn have_paths(sockets: &Listen) -> bool {
    sockets.sockets.iter().any(|socket| socket.path().is_some())
}

/// Opens all of them, or none. With paths only in a child: it changes its folder and umask.
pub(super) fn open(sockets: &Listen) -> Result<Vec<Bound>, SpawnFailure> {
    let mut bound: Vec<Bound> = Vec::new();
    for socket in &sockets.sockets {
        match open_one(socket) {
            Ok(one) => bound.push(one),
            Err(failure) => {
                for (socket, one) in sockets.sockets.iter().zip(&bound) {
                    if let (Some(path), Some(file)) = (socket.path(), one.file) {
                        remove(path, file);
                    }
                }
                return Err(failure);
            }
        }
    }
    Ok(bound)
}

/// Removes a socket's file, unless another has its name by now.
pub(super) fn remove(path: &str, file: FileId) {
    if let Ok((above, name)) = folders::walk(Path::new(path), None)
        && let Ok(stat) = fstatat(&above, name, AtFlags::AT_SYMLINK_NOFOLLOW)
        && FileId::of(&stat) == file
    {
        // Whoever removed it meanwhile did what is to be done.
        let _ = unlinkat(&above, name, UnlinkatFlags::NoRemoveDir);
    }
}

impl FileId {
    const fn of(stat: &FileStat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
        }
    }
}

fn open_one(socket: &Socket) -> Result<Bound, SpawnFailure> {
    let plain = |fd| Bound { fd, file: None };
    let opened = match &socket.address {
        Address::Port(port) => {
            let all = (Ipv6Addr::UNSPECIFIED, *port).into();
            match at_ip(socket, all, Some(false)) {
                // There is no IPv6 here.
                Err(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL) => {
                    at_ip(socket, (Ipv4Addr::UNSPECIFIED, *port).into(), None)
                }
                other => other,
            }
            .map(plain)
        }
        Address::Ip(address) => at_ip(socket, *address, socket.ipv6_only).map(plain),
        Address::Unix(path) if socket.path().is_some() => return at_path(socket, path),
        Address::Unix(name) => unix_address(name.as_bytes())
            .and_then(|address| at_name(socket, &address))
            .map(plain),
    };
    opened.map_err(|errno| refused(socket, errno))
}

fn refused(socket: &Socket, errno: Errno) -> SpawnFailure {
    let (step, reason) = if errno == Errno::EADDRINUSE {
        (format!("{socket} is already taken"), "")
    } else {
        (format!("listen {socket}"), strerror(errno as i32))
    };
    SpawnFailure {
        step: step.into(),
        errno: errno as i32,
        reason: reason.into(),
    }
}

const fn sock_type(kind: SocketKind) -> SockType {
    match kind {
        SocketKind::Stream => SockType::Stream,
        // A pipe is never asked for as a socket.
        SocketKind::Datagram | SocketKind::Fifo => SockType::Datagram,
        SocketKind::Seqpacket => SockType::SeqPacket,
    }
}

fn at_ip(spec: &Socket, address: SocketAddr, v6_only: Option<bool>) -> nix::Result<OwnedFd> {
    let family = if address.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let fd = socket(family, sock_type(spec.kind), SockFlag::SOCK_CLOEXEC, None)?;
    if spec.kind == SocketKind::Stream {
        // Connections of a former life don't keep the port.
        setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    }
    if spec.reuse_port {
        setsockopt(&fd, sockopt::ReusePort, &true)?;
    }
    if let Some(only) = v6_only.filter(|_| address.is_ipv6()) {
        setsockopt(&fd, sockopt::Ipv6V6Only, &only)?;
    }
    bind_and_listen(spec, fd, &SockaddrStorage::from(address))
}

fn at_name(spec: &Socket, address: &UnixAddr) -> nix::Result<OwnedFd> {
    let fd = socket(
        AddressFamily::Unix,
        sock_type(spec.kind),
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    bind_and_listen(spec, fd, address)
}

fn bind_and_listen(spec: &Socket, fd: OwnedFd, address: &dyn SockaddrLike) -> nix::Result<OwnedFd> {
    if let Some(options) = &spec.options {
        set_options(&fd, options);
    }
    bind(fd.as_raw_fd(), address)?;
    if spec.kind.takes_connections() {
        listen(&fd, Backlog::new(spec.backlog)?)?;
    }
    Ok(fd)
}

/// What the kernel refuses the socket does without. The larger buffers are for the
/// privileged.
fn set_options(fd: &OwnedFd, options: &SocketOptions) {
    if let Some(size) = options.receive_buffer.map(|size| size as usize) {
        let _ = setsockopt(fd, sockopt::RcvBufForce, &size)
            .or_else(|_| setsockopt(fd, sockopt::RcvBuf, &size));
    }
    if let Some(size) = options.send_buffer.map(|size| size as usize) {
        let _ = setsockopt(fd, sockopt::SndBufForce, &size)
            .or_else(|_| setsockopt(fd, sockopt::SndBuf, &size));
    }
    if options.keep_alive {
        let _ = setsockopt(fd, sockopt::KeepAlive, &true);
    }
    if options.no_delay {
        let _ = setsockopt(fd, sockopt::TcpNoDelay, &true);
    }
    if options.free_bind {
        let _ = setsockopt(fd, sockopt::IpFreebind, &true);
    }
    if options.pass_credentials {
        let _ = setsockopt(fd, sockopt::PassCred, &true);
    }
}

fn at_path(spec: &Socket, path: &str) -> Result<Bound, SpawnFailure> {
    let owner = owner(spec)?;
    below(spec, path, owner).map_err(|errno| refused(spec, errno))
}

/// User and group of the file, as /etc/passwd has them.
fn owner(spec: &Socket) -> Result<Option<(u32, u32)>, SpawnFailure> {
    let (user, group) = (spec.file.user.clone(), spec.file.group.clone());
    if user.is_none() && group.is_none() {
        return Ok(None);
    }
    let identity = Identity {
        user,
        group,
        ..Identity::default()
    };
    match full::account(&identity) {
        Ok(account) => Ok(account.identity.map(|them| (them.uid, them.gid))),
        Err(failure) => Err(SpawnFailure {
            step: format!("listen {spec}: {}", failure.detail).into(),
            errno: failure.errno,
            reason: "".into(),
        }),
    }
}

/// By its last part from the folder above, which no service can exchange under our hands.
fn below(spec: &Socket, path: &str, owner: Option<(u32, u32)>) -> nix::Result<Bound> {
    let options = spec.options.as_deref();
    let written = options.and_then(|options| options.directory_mode);
    if written.is_some() {
        // The umask is to take nothing from it.
        umask(Mode::empty());
    }
    let mode = Mode::from_bits_truncate(written.unwrap_or(0o755));
    let (above, name) = folders::walk(Path::new(path), Some(mode))?;
    fchdir(&above)?;
    // Never open to more than it may be, not even for a moment.
    umask(Mode::from_bits_truncate(!spec.file.mode & 0o777));
    let fd = if spec.kind == SocketKind::Fifo {
        pipe_at(spec, &above, name)?
    } else {
        let address = UnixAddr::new(name)?;
        match at_name(spec, &address) {
            Err(Errno::EADDRINUSE) if is_left_over(spec.kind, &above, name, &address) => {
                unlinkat(&above, name, UnlinkatFlags::NoRemoveDir)?;
                at_name(spec, &address)?
            }
            other => other?,
        }
    };
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file = openat(&above, name, flags, Mode::empty())?;
    let stat = fstat(&file)?;
    let wanted = if spec.kind == SocketKind::Fifo {
        SFlag::S_IFIFO
    } else {
        SFlag::S_IFSOCK
    };
    if kind_of(&stat) != wanted {
        return Err(Errno::EADDRINUSE);
    }
    if let Some((uid, gid)) = owner.filter(|owner| *owner != (stat.st_uid, stat.st_gid)) {
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        fchownat(&file, "", uid, gid, AtFlags::AT_EMPTY_PATH)?;
    }
    for link in options.iter().flat_map(|options| &options.symlinks) {
        // As with systemd, the socket is there without it.
        let _ = link_to(path, link);
    }
    Ok(Bound {
        fd,
        file: Some(FileId::of(&stat)),
    })
}

/// A pipe of that name, which is made or was there already, with somebody who writes: so
/// that no reader meets its end.
fn pipe_at(spec: &Socket, above: &OwnedFd, name: &Path) -> nix::Result<OwnedFd> {
    let mode = Mode::from_bits_truncate(spec.file.mode);
    match mkfifoat(above, name, mode) {
        Ok(()) | Err(Errno::EEXIST) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlag::O_RDWR | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let fd = openat(above, name, flags | OFlag::O_NOCTTY, Mode::empty())?;
    if kind_of(&fstat(&fd)?) == SFlag::S_IFIFO {
        Ok(fd)
    } else {
        Err(Errno::EADDRINUSE)
    }
}

/// Leaves alone what is no link.
fn link_to(path: &str, link: &str) -> nix::Result<()> {
    const ABOVE: Mode = Mode::from_bits_truncate(0o755);
    let (above, name) = folders::walk(Path::new(link), Some(ABOVE))?;
    if fstatat(&above, name, AtFlags::AT_SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| kind_of(&stat) == SFlag::S_IFLNK)
    {
        unlinkat(&above, name, UnlinkatFlags::NoRemoveDir)?;
    }
    symlinkat(path, &above, name)
}

fn kind_of(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

/// Whether nobody answers there any more. A full queue is somebody's, and a file that is no
/// socket is left alone.
fn is_left_over(kind: SocketKind, above: &OwnedFd, name: &Path, address: &UnixAddr) -> bool {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    fstatat(above, name, AtFlags::AT_SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| kind_of(&stat) == SFlag::S_IFSOCK)
        && socket(AddressFamily::Unix, sock_type(kind), flags, None)
            .is_ok_and(|fd| connect(fd.as_raw_fd(), address) == Err(Errno::ECONNREFUSED))
}
