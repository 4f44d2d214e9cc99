//! Reading a stream without taking anything from it: what stands in the service's pipe
//! is copied with tee(2) into a pipe of our own and read there. Only `consume` takes, and
//! is called when what is taken has been written; a logger that dies between the two has
//! lost nothing.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, open, splice, tee};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{pipe2, read};

use super::Stream;

/// How much is looked at in one turn: what a pipe holds unless somebody resized it.
pub(super) const PIECE: usize = 64 * 1024;

/// The largest pipe that a user may make, so that the copy has as many buffers as the
/// largest pipe that a service may make of its own.
const COPY_CAPACITY: i32 = 1024 * 1024;

/// What all streams are read with.
pub(super) struct Intake {
    copy_out: OwnedFd,
    copy_in: OwnedFd,
    copy_capacity: usize,
    /// Where consumed bytes go without being copied; none if /dev/null isn't what it is called.
    null: Option<OwnedFd>,
    buffer: Box<[u8]>,
    /// There is tee(2), so bytes can be looked at before they are taken.
    can_look: bool,
}

impl Intake {
    /// # Errors
    /// EMFILE or ENFILE: no descriptors for a pipe.
    pub(super) fn new() -> nix::Result<Self> {
        let (copy_out, copy_in) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        // Refused to a user who has many pipes; then it stays as it is.
        let _ = fcntl(&copy_in, FcntlArg::F_SETPIPE_SZ(COPY_CAPACITY));
        Ok(Self {
            copy_capacity: capacity(copy_in.as_fd()),
            copy_out,
            copy_in,
            null: null_device(),
            buffer: vec![0; PIECE].into(),
            can_look: true,
        })
    }

    /// Looks at the head of a stream and gives its length; 0 if there is nothing.
    ///
    /// # Errors
    /// The stream isn't a pipe.
    pub(super) fn look(&mut self, stream: &Stream<'_>) -> nix::Result<usize> {
        if !self.can_look {
            return Ok(self.take(stream.read, PIECE));
        }
        loop {
            match tee(
                stream.read,
                &self.copy_in,
                PIECE,
                SpliceFFlags::SPLICE_F_NONBLOCK,
            ) {
                Ok(length) => return self.read_copy(length),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(0),
                // A sandbox without tee: what is read is gone from the pipe, so a kill can
                // lose one read and unfinished lines are written as pieces.
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

    /// Takes `length` bytes, which were looked at, from a stream.
    pub(super) fn consume(&mut self, stream: &Stream<'_>, length: usize) {
        if !self.can_look {
            return;
        }
        let mut left = length;
        while left > 0 {
            let taken = match &self.null {
                Some(null) => match splice(
                    stream.read,
                    None,
                    null,
                    None,
                    left,
                    SpliceFFlags::SPLICE_F_NONBLOCK,
                ) {
                    Ok(taken) => taken,
                    Err(Errno::EINTR) => continue,
                    Err(Errno::EAGAIN) => 0,
                    Err(_) => {
                        self.null = None;
                        continue;
                    }
                },
                None => self.take(stream.read, left),
            };
            if taken == 0 {
                // Somebody else read from the service's pipe; there is nothing left to take.
                return;
            }
            left = left.saturating_sub(taken);
        }
    }

    /// Whether the line without end, of which `length` bytes were looked at, can't be
    /// waited for: the service has no room to go on with it, or there is more of it than
    /// we look at.
    pub(super) fn must_cut(&self, stream: &Stream<'_>, length: usize) -> bool {
        !self.can_look || self.looked_at_a_part(stream, length) || !has_room(stream.write)
    }

    /// Whether more may stand in the pipe than the `length` bytes that were looked at.
    pub(super) fn looked_at_a_part(&self, stream: &Stream<'_>, length: usize) -> bool {
        // A pipe has room for a number of buffers, however little is in each. A service
        // can give its pipe more of them than the copy has.
        length >= PIECE || capacity(stream.read) > self.copy_capacity
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

    /// Reads and so takes up to `most` bytes; 0 if there are none.
    fn take(&mut self, from: BorrowedFd<'_>, most: usize) -> usize {
        let most = most.min(PIECE);
        // The read end may be a blocking one, and its bytes may be somebody else's by now.
        if !happens(from, PollFlags::POLLIN) {
            return 0;
        }
        read(from, self.buffer.get_mut(..most).unwrap_or_default()).unwrap_or(0)
    }
}

/// How many bytes a pipe holds if all of its buffers are full.
pub(super) fn capacity(pipe: BorrowedFd<'_>) -> usize {
    let size = fcntl(pipe, FcntlArg::F_GETPIPE_SZ).unwrap_or(0);
    usize::try_from(size).unwrap_or(0)
}

/// Whether a writer would not have to wait.
fn has_room(write_end: BorrowedFd<'_>) -> bool {
    happens(write_end, PollFlags::POLLOUT)
}

fn happens(fd: BorrowedFd<'_>, what: PollFlags) -> bool {
    let mut fds = [PollFd::new(fd, what)];
    loop {
        match poll(&mut fds, PollTimeout::ZERO) {
            Err(Errno::EINTR) => {}
            Err(_) => return false,
            Ok(_) => break,
        }
    }
    fds.iter()
        .filter_map(PollFd::revents)
        .any(|events| events.intersects(what))
}

/// /dev/null, if it is the kernel's: images have had files of that name.
fn null_device() -> Option<OwnedFd> {
    /// S_IFMT and S_IFCHR, and the device 1:3.
    const KIND: u32 = 0o170_000;
    const CHARACTER: u32 = 0o020_000;
    const NULL: u64 = 0x103;
    let flags = OFlag::O_WRONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let null = open("/dev/null", flags, Mode::empty()).ok()?;
    let stat = fstat(null.as_fd()).ok()?;
    (stat.st_mode & KIND == CHARACTER && stat.st_rdev == NULL).then_some(null)
}
