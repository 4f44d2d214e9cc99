//! epoll: the one blocking call of PID 1. Each descriptor is registered with a value of
//! its owner's own type, which comes back with its events.

use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// What to wait for on a descriptor; a hang-up and an error always come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Nothing else.
    HangUp,
    /// Something can be read.
    Read,
    /// Something can be written.
    Write,
    /// Either.
    Both,
    /// Something can be read, told once each time that there is more: for what many watch
    /// and nobody reads.
    Rise,
    /// Something is urgent.
    Urgent,
}

impl Interest {
    const fn flags(self) -> EpollFlags {
        match self {
            Self::HangUp => EpollFlags::empty(),
            Self::Read => EpollFlags::EPOLLIN,
            Self::Rise => EpollFlags::EPOLLIN.union(EpollFlags::EPOLLET),
            Self::Write => EpollFlags::EPOLLOUT,
            Self::Urgent => EpollFlags::EPOLLPRI,
            Self::Both => EpollFlags::EPOLLIN.union(EpollFlags::EPOLLOUT),
        }
    }
}

/// How many events one turn takes at most; the rest come with the next turn.
const BATCH: usize = 64;

/// A set of descriptors, each with a `T` that says whose it is.
pub struct Poll<T> {
    epoll: Epoll,
    events: [EpollEvent; BATCH],
    owner: PhantomData<T>,
}

/// To be watched itself: it can be read while something is ready.
impl<T> AsFd for Poll<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

impl<T: Into<u64> + TryFrom<u64>> Poll<T> {
    /// An empty set.
    ///
    /// # Errors
    /// What `epoll_create1(2)` says.
    pub fn new() -> nix::Result<Self> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            events: [EpollEvent::empty(); BATCH],
            owner: PhantomData,
        })
    }

    /// Watches a descriptor, level-triggered, until it is closed or removed.
    ///
    /// # Errors
    /// What `epoll_ctl(2)` says; EPERM for a regular file.
    pub fn add(&self, fd: impl AsFd, interest: Interest, owner: T) -> nix::Result<()> {
        self.epoll
            .add(fd, EpollEvent::new(interest.flags(), owner.into()))
    }

    /// Changes what is waited for.
    ///
    /// # Errors
    /// What `epoll_ctl(2)` says.
    pub fn change(&self, fd: impl AsFd, interest: Interest, owner: T) -> nix::Result<()> {
        let mut event = EpollEvent::new(interest.flags(), owner.into());
        self.epoll.modify(fd, &mut event)
    }

    /// Forgets a descriptor. One that a fork still holds must be removed before it is closed.
    pub fn remove(&self, fd: impl AsFd) {
        // It may be gone already; then there is nothing to forget.
        let _ = self.epoll.delete(fd);
    }

    /// Waits until something happens or the time is over, and gives the owners of what
    /// happened. An interruption by a signal is an empty answer.
    pub fn wait(&mut self, timeout: Option<Duration>, ready: &mut Vec<T>) {
        ready.clear();
        let timeout = timeout.map_or(EpollTimeout::NONE, |time| {
            // Rounded up: a deadline is never met early, which would be a busy loop.
            let millis = time.as_nanos().div_ceil(1_000_000);
            EpollTimeout::try_from(i32::try_from(millis).unwrap_or(i32::MAX))
                .unwrap_or(EpollTimeout::MAX)
        });
        // EINTR: the signal pipe says more. Anything else can't happen to a valid set.
        let count = self
            .epoll
            .wait(&mut self.events, timeout)
            .unwrap_or_default();
        ready.extend(
            self.events
                .iter()
                .take(count)
                .filter_map(|event| T::try_from(event.data()).ok()),
        );
    }
}

/// Whether a descriptor is of no more use: the other end is gone, or it has an error.
pub fn is_over(fd: BorrowedFd<'_>) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut fds = [PollFd::new(fd, PollFlags::empty())];
    let count = poll(&mut fds, PollTimeout::ZERO);
    let [fd] = fds;
    count.is_ok_and(|count| count > 0) && fd.any().unwrap_or(true)
}

/// Waits until one descriptor can be read, at most this long. For the start, before
/// there is a set. `false` when the time is over.
pub fn readable(fd: BorrowedFd<'_>, timeout: Duration) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    match poll(
        &mut fds,
        PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX),
    ) {
        Ok(count) => count > 0,
        Err(Errno::EINTR) => false,
        Err(_) => true,
    }
}

/// Waits until one of two descriptors can be read, at most this long; says which can.
pub fn which_is_readable(
    one: BorrowedFd<'_>,
    other: BorrowedFd<'_>,
    timeout: Duration,
) -> (bool, bool) {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
    let mut fds = [one, other].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    let count = poll(&mut fds, timeout);
    let [one, other] = fds.map(|fd| count.is_ok_and(|count| count > 0) && fd.any() != Some(false));
    (one, other)
}

/// Waits until a descriptor can be read; `false` once nobody is left to read what is
/// written to the other one.
pub fn readable_while_read(fd: BorrowedFd<'_>, read: BorrowedFd<'_>) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    loop {
        let mut fds = [
            PollFd::new(fd, PollFlags::POLLIN),
            PollFd::new(read, PollFlags::empty()),
        ];
        let waited = poll(&mut fds, PollTimeout::NONE);
        let [fd, read] = fds.map(|fd| fd.any().unwrap_or(true));
        match waited {
            Ok(_) if fd => return true,
            Ok(_) if read => return false,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return true,
        }
    }
}
