//! Words to people from a loop: never waits for whoever should read them.
#![allow(unsafe_code)]

use std::fmt;
use std::os::fd::RawFd;

use nix::libc;

use super::raw;

/// Where to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Descriptor 1.
    Out,
    /// Descriptor 2.
    Err,
}

/// A pipe takes up to this much at once or not at all (PIPE_BUF is 4096).
const CAPACITY: usize = 1024;

/// One piece of text in the making; what doesn't fit is cut off.
pub struct Line {
    bytes: [u8; CAPACITY],
    length: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            bytes: [0; CAPACITY],
            length: 0,
        }
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // The last place is for a newline.
            if self.length + 1 < CAPACITY
                && let Some(place) = self.bytes.get_mut(self.length)
            {
                *place = byte;
                self.length += 1;
            }
        }
        Ok(())
    }
}

impl Line {
    /// Writes it with a newline, unless that would mean to wait: then it is lost.
    /// A closed descriptor is no error either.
    pub fn send(mut self, stream: Stream) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = b'\n';
        }
        let length = (self.length + 1).min(CAPACITY);
        let fd = match stream {
            Stream::Out => libc::STDOUT_FILENO,
            Stream::Err => libc::STDERR_FILENO,
        };
        if !writable(fd) {
            return;
        }
        // SAFETY: `length` bytes are there, and live through the call.
        let _ = unsafe {
            raw::call(
                libc::SYS_write,
                [
                    fd.cast_unsigned() as usize,
                    self.bytes.as_ptr().addr(),
                    length,
                ],
            )
        };
    }
}

/// Writes text to a descriptor unless that would mean to wait; whether it was taken. Text
/// beyond what a pipe takes at once is cut off.
#[must_use]
pub fn write_now(fd: RawFd, text: &[u8]) -> bool {
    let text = text.get(..PIECE).unwrap_or(text);
    // SAFETY: that many bytes are there, and live through the call.
    let write = || unsafe {
        raw::call(
            libc::SYS_write,
            [
                fd.cast_unsigned() as usize,
                text.as_ptr().addr(),
                text.len(),
            ],
        )
    };
    writable(fd) && write().is_ok()
}

/// PIPE_BUF: a pipe with room for anything has room for that much.
pub const PIECE: usize = 4096;

/// Whether a write would not wait.
fn writable(fd: i32) -> bool {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLOUT,
        revents: 0,
    };
    let now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: one pollfd and one timespec, which live through the call.
    let ready = unsafe {
        raw::call(
            libc::SYS_ppoll,
            [(&raw mut poll).addr(), 1, (&raw const now).addr(), 0, 0],
        )
    };
    ready == Ok(1) && poll.revents & libc::POLLOUT != 0
}
