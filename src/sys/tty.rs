//! The terminal: whose it is, and how a child comes to it. Nothing here is ever fatal.
//!
//! Whoever calls these has SIGTTOU blocked, which lets a background process hand the
//! terminal over.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::libc;

use super::error::Errno;
use super::process;
use super::raw;

const DEV_TTY: &CStr = c"/dev/tty";

/// How we stand to the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// There is none.
    None,
    /// It is our session's, and our group is in its foreground.
    Foreground(Fd),
    /// It is our session's; somebody else has it.
    Background,
    /// Standard input is a terminal that is nobody's (LXC's console).
    Unowned,
}

/// A descriptor of the controlling terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fd {
    number: i32,
    opened: bool,
}

impl Fd {
    /// Its number.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.number
    }

    /// Closes it, if it was opened for this.
    pub fn done(self) {
        if self.opened {
            close(self.number);
        }
    }
}

/// How we stand to it now. Standard input and error are asked first; /dev/tty is opened
/// where they are something else.
#[must_use]
pub fn look() -> Terminal {
    for number in [libc::STDIN_FILENO, libc::STDERR_FILENO] {
        if let Ok(group) = foreground_group(number) {
            return stand(
                group,
                Fd {
                    number,
                    opened: false,
                },
            );
        }
    }
    if let Some(number) = open_dev_tty() {
        let fd = Fd {
            number,
            opened: true,
        };
        match foreground_group(number) {
            Ok(group) => return stand(group, fd),
            Err(_) => fd.done(),
        }
    }
    if is_terminal(libc::STDIN_FILENO) {
        Terminal::Unowned
    } else {
        Terminal::None
    }
}

fn stand(foreground: i32, fd: Fd) -> Terminal {
    if foreground == process::own_group() {
        Terminal::Foreground(fd)
    } else {
        fd.done();
        Terminal::Background
    }
}

/// Makes the group that this process leads (0: the caller's own) the terminal's
/// foreground. Safe between clone and exec.
pub fn give_to(fd: Fd, group: i32) -> Result<(), Errno> {
    // SAFETY: TIOCSPGRP reads one number.
    unsafe { ioctl(fd.number, libc::TIOCSPGRP, (&raw const group).addr()) }
}

/// Makes standard input the terminal of the session that we lead. Safe between clone and exec.
pub fn take_stdin() -> Result<(), Errno> {
    // SAFETY: TIOCSCTTY takes a number.
    unsafe { ioctl(libc::STDIN_FILENO, libc::TIOCSCTTY, 0) }
}

/// Makes a terminal that of the session that we lead; by force, whosoever it is.
pub fn take(fd: BorrowedFd<'_>, by_force: bool) -> Result<(), Errno> {
    // SAFETY: TIOCSCTTY takes a number.
    unsafe { ioctl(fd.as_raw_fd(), libc::TIOCSCTTY, usize::from(by_force)) }
}

/// Whether it is our session's.
#[must_use]
pub fn controls_us(fd: BorrowedFd<'_>) -> bool {
    foreground_group(fd.as_raw_fd()).is_ok()
}

/// Gives the terminal up for our whole session (if we lead it) or for ourselves.
pub fn give_up() -> Result<(), Errno> {
    // SAFETY: TIOCNOTTY takes nothing.
    unsafe { ioctl(libc::STDIN_FILENO, libc::TIOCNOTTY, 0) }
}

/// Whether the terminal behind a descriptor is gone.
#[must_use]
pub fn is_hung_up(fd: BorrowedFd<'_>) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut fds = [PollFd::new(fd, PollFlags::empty())];
    let asked = poll(&mut fds, PollTimeout::ZERO);
    asked.is_ok()
        && fds
            .iter()
            .filter_map(PollFd::revents)
            .any(|events| events.contains(PollFlags::POLLHUP))
}

/// Whether a descriptor is a terminal.
#[must_use]
pub fn is_one(fd: BorrowedFd<'_>) -> bool {
    is_terminal(fd.as_raw_fd())
}

fn foreground_group(fd: i32) -> Result<i32, Errno> {
    let mut group: libc::pid_t = 0;
    // SAFETY: TIOCGPGRP writes one number.
    unsafe { ioctl(fd, libc::TIOCGPGRP, (&raw mut group).addr()) }?;
    Ok(group)
}

fn is_terminal(fd: i32) -> bool {
    size(fd).is_some()
}

/// How many columns the terminal on standard output has, if it is one that knows.
#[must_use]
pub fn width() -> Option<usize> {
    let [_, columns, ..] = size(libc::STDOUT_FILENO)?;
    (columns > 0).then_some(usize::from(columns))
}

/// How many rows it has.
#[must_use]
pub fn height() -> Option<usize> {
    let [rows, ..] = size(libc::STDOUT_FILENO)?;
    (rows > 0).then_some(usize::from(rows))
}

/// Rows, columns, and both in pixels.
fn size(fd: i32) -> Option<[u16; 4]> {
    let mut size = [0u16; 4];
    // SAFETY: TIOCGWINSZ writes four 16-bit numbers.
    unsafe { ioctl(fd, libc::TIOCGWINSZ, (&raw mut size).addr()) }.ok()?;
    Some(size)
}

fn open_dev_tty() -> Option<i32> {
    let flags = libc::O_RDWR | libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NONBLOCK;
    // SAFETY: the path is a C string.
    let fd = unsafe {
        raw::call(
            libc::SYS_openat,
            [
                (libc::AT_FDCWD as isize).cast_unsigned(),
                DEV_TTY.as_ptr().addr(),
                flags.cast_unsigned() as usize,
                0,
            ],
        )
    };
    fd.ok().and_then(|fd| i32::try_from(fd).ok())
}

fn close(fd: i32) {
    // SAFETY: we opened it; nobody else knows it.
    let _ = unsafe { raw::call(libc::SYS_close, [fd.cast_unsigned() as usize]) };
}

/// # Safety
/// `argument` is what this request wants.
unsafe fn ioctl(fd: i32, request: libc::Ioctl, argument: usize) -> Result<(), Errno> {
    // SAFETY: the caller vouches for the argument.
    unsafe {
        raw::call(
            libc::SYS_ioctl,
            [fd.cast_unsigned() as usize, request as usize, argument],
        )
    }?;
    Ok(())
}
