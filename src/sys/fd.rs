//! Descriptors: pipes, null, and what children must not keep.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl, open};
use nix::libc;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::stat::{Mode, SFlag, fchmod, fstat};
use nix::unistd::{pipe2, read, write};

use crate::core::sorted::sort;

/// The read end and the write end of a new pipe, both close-on-exec.
///
/// # Errors
/// EMFILE or ENFILE where no descriptor is left.
pub fn pipe() -> nix::Result<(OwnedFd, OwnedFd)> {
    pipe2(OFlag::O_CLOEXEC)
}

/// What rings for all who watch it (`eventfd(2)`); none where the kernel gives none.
#[must_use]
pub fn bell() -> Option<OwnedFd> {
    let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
    EventFd::from_flags(flags).ok().map(OwnedFd::from)
}

/// Rings it. Nobody ever reads it, and it can't be full before the end of time.
pub fn ring(bell: impl AsFd) {
    let _ = write(bell, &1u64.to_ne_bytes());
}

/// A pipe for a service's output: other users' processes may open it as /dev/stdout.
///
/// # Errors
/// As `pipe`.
pub fn output_pipe() -> nix::Result<(OwnedFd, OwnedFd)> {
    let pipe = pipe()?;
    // Where it is refused, only /dev/stdout of another user's service suffers.
    let _ = fchmod(&pipe.1, Mode::from_bits_truncate(0o622));
    Ok(pipe)
}

/// Sets O_NONBLOCK on a description that nobody else uses.
pub fn set_nonblocking(fd: impl AsFd) {
    // F_GETFL and F_SETFL cannot fail on an open descriptor.
    if let Ok(flags) = fcntl(&fd, FcntlArg::F_GETFL) {
        let flags = OFlag::from_bits_retain(flags) | OFlag::O_NONBLOCK;
        let _ = fcntl(&fd, FcntlArg::F_SETFL(flags));
    }
}

/// Clears O_NONBLOCK on a description, for all who have it.
pub fn set_blocking(fd: impl AsFd) {
    if let Ok(flags) = fcntl(&fd, FcntlArg::F_GETFL) {
        let flags = OFlag::from_bits_retain(flags) - OFlag::O_NONBLOCK;
        let _ = fcntl(&fd, FcntlArg::F_SETFL(flags));
    }
}

/// A duplicate numbered `minimum` or above, close-on-exec.
///
/// # Errors
/// EMFILE, EINVAL above the limit.
pub fn duplicate_above(fd: impl AsFd, minimum: RawFd) -> nix::Result<OwnedFd> {
    let raw = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(minimum))?;
    // SAFETY: fcntl just made this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// The same pipe or terminal by an own description that never blocks, so that nobody
/// else's flags change. Nothing for a file, which never blocks, and where /proc or the
/// rights to it are missing.
#[must_use]
pub fn reopen(fd: BorrowedFd<'_>) -> Option<OwnedFd> {
    let kind = fstat(fd).ok()?.st_mode & SFlag::S_IFMT.bits();
    if kind != SFlag::S_IFIFO.bits() && kind != SFlag::S_IFCHR.bits() {
        return None;
    }
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
    open(path.as_str(), flags, Mode::empty()).ok()
}

/// /dev/null, or where there is none a pipe that is at its end and takes nothing.
///
/// # Errors
/// EMFILE or ENFILE where no descriptor is left.
pub fn null() -> nix::Result<OwnedFd> {
    match open(
        "/dev/null",
        OFlag::O_RDWR | OFlag::O_CLOEXEC | OFlag::O_NOCTTY,
        Mode::empty(),
    ) {
        Ok(fd) => Ok(fd),
        Err(Errno::EMFILE | Errno::ENFILE) => Err(Errno::EMFILE),
        Err(_) => pipe().map(|(read, _)| read),
    }
}

/// Descriptors 0 to 2 lead nowhere from now on. For helpers.
pub fn forget_standard() {
    use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout};
    if let Ok(null) = null() {
        let _ = dup2_stdin(&null);
        let _ = dup2_stdout(&null);
        let _ = dup2_stderr(&null);
    }
}

/// Opens what is missing of descriptors 0 to 2, so that nothing of rinit's own ever
/// stands there.
pub fn occupy_standard() {
    while let Ok(fd) = null() {
        if fd.as_raw_fd() > 2 {
            return;
        }
        // Kept open on purpose; services get it as their standard descriptor.
        let raw = std::os::fd::IntoRawFd::into_raw_fd(fd);
        clear_cloexec(raw);
    }
}

fn clear_cloexec(fd: RawFd) {
    // SAFETY: the number is valid for this call; F_SETFD touches no memory.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    let _ = fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()));
}

/// Marks every inherited descriptor above 2 close-on-exec: what rinit was given is not
/// what its services get.
pub fn cloexec_inherited() {
    const CLOSE_RANGE_CLOEXEC: libc::c_uint = 4;
    // SAFETY: close_range(2) with this flag changes descriptor flags only.
    let done = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3 as libc::c_uint,
            libc::c_uint::MAX,
            CLOSE_RANGE_CLOEXEC,
        )
    };
    if done == 0 {
        return;
    }
    for fd in 3..limit() {
        // SAFETY: F_SETFD touches no memory; a number that isn't open is EBADF.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}

/// Closes everything above 2 that isn't in `keep`. For helpers, right after the fork:
/// the caller's owned descriptors are dead numbers from then on.
pub fn close_all_but(keep: &[RawFd]) {
    let mut keep: Vec<RawFd> = keep.iter().copied().filter(|fd| *fd > 2).collect();
    sort(&mut keep);
    keep.dedup();
    let mut from: RawFd = 3;
    for fd in keep {
        close_range(from, fd - 1);
        from = fd + 1;
    }
    close_range(from, RawFd::MAX);
}

fn close_range(first: RawFd, last: RawFd) {
    if first > last {
        return;
    }
    // SAFETY: closing descriptors that this process, a fork that never returns to the
    // code that owned them, does not use again.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if done != 0 {
        // Any error: an old kernel (before 5.9) or an engine that doesn't know the call.
        for fd in first..=last.min(limit()) {
            // SAFETY: as above; a number that isn't open is EBADF.
            unsafe { libc::close(fd) };
        }
    }
}

/// One above the highest descriptor that may be open.
fn limit() -> RawFd {
    let soft = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)
        .map_or(1024, |limit| limit.0);
    RawFd::try_from(soft).unwrap_or(RawFd::MAX).min(1 << 20)
}

/// How many bytes stand in a pipe (`ioctl_pipe`, FIONREAD); 0 where the kernel won't say.
#[must_use]
pub fn pending(fd: BorrowedFd<'_>) -> usize {
    let mut count: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int, to a local that lives through the call.
    let done = unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONREAD, &raw mut count) };
    if done == 0 {
        usize::try_from(count).unwrap_or(0)
    } else {
        0
    }
}

/// A copy of an inherited descriptor, closed by an exec.
///
/// # Errors
/// EBADF where there is none of that number.
pub fn copy(number: RawFd) -> nix::Result<OwnedFd> {
    // SAFETY: no pointers; a number that isn't open is EBADF.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
    let copy = Errno::result(copy)?;
    // SAFETY: it was just made; nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// Whether both are copies of one (`kcmp(2)`); no where the kernel won't say.
pub fn is_same(one: impl AsFd, other: impl AsFd) -> bool {
    const KCMP_FILE: libc::c_int = 0;
    let own = std::process::id();
    let (one, other) = (one.as_fd().as_raw_fd(), other.as_fd().as_raw_fd());
    // SAFETY: no pointers.
    unsafe { libc::syscall(libc::SYS_kcmp, own, own, KCMP_FILE, one, other) == 0 }
}

/// Reads once; `None` where nothing is there yet, `Some(0)` at the end or an error.
pub fn read_some(fd: impl AsFd, buffer: &mut [u8]) -> Option<usize> {
    loop {
        match read(&fd, buffer) {
            Ok(count) => return Some(count),
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return None,
            Err(_) => return Some(0),
        }
    }
}

/// Writes all, blocking where the descriptor does. For helpers and clients.
///
/// # Errors
/// What `write(2)` says.
pub fn write_all(fd: impl AsFd, mut bytes: &[u8]) -> nix::Result<()> {
    while !bytes.is_empty() {
        match write(&fd, bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// A descriptor by its number, for as long as the caller keeps it open.
#[must_use]
pub fn standard(number: Standard) -> BorrowedFd<'static> {
    // SAFETY: 0 to 2 are open from `occupy_standard` on and never closed.
    unsafe { BorrowedFd::borrow_raw(number as RawFd) }
}

/// The three that everybody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "their names say it")]
pub enum Standard {
    Input = 0,
    Output = 1,
    Error = 2,
}
