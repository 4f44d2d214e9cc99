//! Reading a stream without taking anything from it: what stands in the service's pipe
//! is copied with tee(2) into a pipe of our own and read there. It is taken only when
//! what became of it is settled: a logger that dies before has lost nothing.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, open, splice, tee};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{pipe2, read};

/// How much is looked at in one turn: what a pipe holds unless somebody resized it.
pub(super) const PIECE: usize = 64 * 1024;

const NOW: SpliceFFlags = SpliceFFlags::SPLICE_F_NONBLOCK;

/// What all streams are read with.
pub(super) struct Intake<'a> {
    copy_out: OwnedFd,
    copy_in: OwnedFd,
    /// Both ends of the pipe that outlives us (`memory`).
    taken_out: BorrowedFd<'a>,
    taken_in: BorrowedFd<'a>,
    /// Where bytes go without being copied; none if /dev/null isn't what it is called.
    null: Option<OwnedFd>,
    buffer: Box<[u8]>,
    /// There is tee(2), so bytes can be looked at before they are taken.
    can_look: bool,
}

impl<'a> Intake<'a> {
    /// # Errors
    /// EMFILE or ENFILE: no descriptors for a pipe.
    pub(super) fn new(
        (taken_out, taken_in): (BorrowedFd<'a>, BorrowedFd<'a>),
    ) -> nix::Result<Self> {
        let (copy_out, copy_in) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        // Pipes have room for a number of buffers. What was looked at must fit into `taken`,
        // or it would not be taken in one step; a user with many pipes gets small ones.
        if capacity(taken_in) < capacity(copy_in.as_fd()) {
            let most = i32::try_from(capacity(taken_in)).unwrap_or(i32::MAX);
            let _ = fcntl(&copy_in, FcntlArg::F_SETPIPE_SZ(most));
        }
        Ok(Self {
            copy_out,
            copy_in,
            taken_out,
            taken_in,
            null: null_device(),
            buffer: vec![0; PIECE].into(),
            can_look: true,
        })
    }

    /// What is looked at stands in its pipe until it is taken.
    pub(super) const fn can_look(&self) -> bool {
        self.can_look
    }

    /// Looks at the head of a stream and gives its length; 0 if there is nothing.
    ///
    /// # Errors
    /// The stream isn't a pipe.
    pub(super) fn look(&mut self, stream: BorrowedFd<'_>) -> nix::Result<usize> {
        if !self.can_look {
            return Ok(self.take_by_reading(stream, PIECE));
        }
        loop {
            match tee(stream, &self.copy_in, PIECE, NOW) {
                Ok(length) => return self.read_copy(length),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(0),
                // A sandbox without tee. A kill can lose what was read and not yet written.
                Err(Errno::ENOSYS | Errno::EPERM) => {
                    self.can_look = false;
                    return self.look(stream);
                }
                Err(errno) => return Err(errno),
            }
        }
    }

    /// The first `length` bytes of what was looked at.
    pub(super) fn bytes(&self, length: usize) -> &[u8] {
        self.buffer.get(..length).unwrap_or(&self.buffer)
    }

    /// Takes `length` bytes, which were looked at, from a stream and forgets them.
    pub(super) fn discard(&mut self, stream: BorrowedFd<'_>, length: usize) {
        if self.can_look {
            self.empty(stream, length);
        }
    }

    /// Takes `length` bytes, which were looked at, into the pipe that outlives us: all by
    /// one system call, so either all or none.
    pub(super) fn take(&mut self, stream: BorrowedFd<'_>, length: usize) {
        if !self.can_look {
            return;
        }
        let taken = loop {
            match splice(stream, None, self.taken_in, None, length, NOW) {
                Err(Errno::EINTR) => {}
                other => break other.unwrap_or(0),
            }
        };
        if taken == 0 {
            // There is tee and no splice; there is no such kernel, but perhaps a sandbox.
            self.empty(stream, length);
        }
    }

    /// Whether something stands in the pipe that outlives us.
    pub(super) fn has_taken(&self) -> bool {
        happens(self.taken_out, PollFlags::POLLIN)
    }

    /// Forgets what was taken.
    pub(super) fn forget_taken(&mut self) {
        while self.empty(self.taken_out, PIECE) {}
    }

    /// Throws away `length` bytes of a pipe; `false` if it had fewer.
    fn empty(&mut self, pipe: BorrowedFd<'_>, length: usize) -> bool {
        let mut left = length;
        while left > 0 {
            let gone = match &self.null {
                Some(null) => match splice(pipe, None, null, None, left, NOW) {
                    Ok(gone) => gone,
                    Err(Errno::EINTR) => continue,
                    Err(Errno::EAGAIN) => 0,
                    Err(_) => {
                        self.null = None;
                        continue;
                    }
                },
                None => self.take_by_reading(pipe, left),
            };
            if gone == 0 {
                return false;
            }
            left = left.saturating_sub(gone);
        }
        true
    }

    /// Reads what tee just copied.
    fn read_copy(&mut self, length: usize) -> nix::Result<usize> {
        let mut have = 0;
        while have < length {
            let room = self.buffer.get_mut(have..length).unwrap_or_default();
            match read(&self.copy_out, room) {
                Ok(0) => return Err(Errno::EIO),
                Ok(count) => have = have.saturating_add(count),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(length)
    }

    /// Reads, and so takes, up to `most` bytes; 0 if there are none.
    fn take_by_reading(&mut self, pipe: BorrowedFd<'_>, most: usize) -> usize {
        // The read end may be a blocking one, and its bytes may be somebody else's by now.
        if !happens(pipe, PollFlags::POLLIN) {
            return 0;
        }
        let room = self.buffer.get_mut(..most.min(PIECE)).unwrap_or_default();
        read(pipe, room).unwrap_or(0)
    }
}

/// How many bytes a pipe holds if all of its buffers are full.
pub(super) fn capacity(pipe: BorrowedFd<'_>) -> usize {
    let size = fcntl(pipe, FcntlArg::F_GETPIPE_SZ).unwrap_or(0);
    usize::try_from(size).unwrap_or(0)
}

/// Whether nobody can write into a pipe any more.
pub(super) fn hung_up(pipe: BorrowedFd<'_>) -> bool {
    happens(pipe, PollFlags::POLLHUP)
}

fn happens(fd: BorrowedFd<'_>, what: PollFlags) -> bool {
    let mut fds = [PollFd::new(fd, what)];
    while poll(&mut fds, PollTimeout::ZERO) == Err(Errno::EINTR) {}
    fds.iter()
        .filter_map(PollFd::revents)
        .any(|events| events.intersects(what))
}

/// /dev/null, if it is the kernel's: images have had files of that name.
fn null_device() -> Option<OwnedFd> {
    /// What kind of file, of `st_mode`; a character device; and which.
    const KIND: u32 = 0o170_000;
    const CHARACTER: u32 = 0o020_000;
    const NULL: u64 = 0x103;
    let flags = OFlag::O_WRONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let null = open("/dev/null", flags, Mode::empty()).ok()?;
    let stat = fstat(&null).ok()?;
    (stat.st_mode & KIND == CHARACTER && stat.st_rdev == NULL).then_some(null)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::{pipe, write};

    /// Each way to read gives the same, whatever the kernel lets us do.
    #[test]
    fn without_tee_or_null_the_same_bytes_come_once() {
        for (can_look, has_null) in [(true, true), (true, false), (false, false)] {
            let taken = pipe().unwrap();
            let stream = pipe().unwrap();
            let mut intake = Intake::new((taken.0.as_fd(), taken.1.as_fd())).unwrap();
            intake.can_look = can_look;
            if !has_null {
                intake.null = None;
            }
            assert_eq!(intake.look(stream.0.as_fd()), Ok(0));
            write(&stream.1, b"one two three").unwrap();
            let length = intake.look(stream.0.as_fd()).unwrap();
            assert_eq!(intake.bytes(length), b"one two three");
            if can_look {
                intake.discard(stream.0.as_fd(), 4);
                assert_eq!(intake.look(stream.0.as_fd()), Ok(9));
                assert_eq!(intake.bytes(9), b"two three");
                intake.take(stream.0.as_fd(), 4);
                assert!(intake.has_taken());
                intake.forget_taken();
                assert!(!intake.has_taken());
                assert_eq!(intake.look(stream.0.as_fd()), Ok(5));
                assert_eq!(intake.bytes(5), b"three");
                intake.discard(stream.0.as_fd(), 5);
            }
            assert_eq!(intake.look(stream.0.as_fd()), Ok(0));
        }
    }
}
