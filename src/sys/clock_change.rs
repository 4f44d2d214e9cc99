//! News of the wall clock being set, without ever waking up for anything else.

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

/// A timer that never expires, but is cancelled when somebody sets the clock
/// (TFD_TIMER_CANCEL_ON_SET, `timerfd_create(2)`), or when the machine has slept.
pub struct ClockChange(TimerFd);

impl ClockChange {
    /// Watches from now on.
    ///
    /// # Errors
    /// Where the kernel, or a sandbox, has no such timer.
    pub fn open() -> nix::Result<Self> {
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        let timer = TimerFd::new(ClockId::CLOCK_REALTIME, flags)?;
        let flags =
            TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        // The kernel takes what it can't count to for the end of time.
        timer.set(Expiration::OneShot(TimeSpec::new(i64::MAX, 0)), flags)?;
        Ok(Self(timer))
    }

    /// Takes the news, so that the next is heard.
    pub fn take(&self) {
        // ECANCELED is the news itself; EAGAIN that there was none.
        let _ = self.0.wait();
    }
}

impl AsFd for ClockChange {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sys::poll;

    #[test]
    fn it_is_silent_while_nobody_sets_the_clock() {
        let clock = ClockChange::open().unwrap();
        assert!(!poll::readable(clock.as_fd(), Duration::ZERO));
        clock.take();
        assert!(!poll::readable(clock.as_fd(), Duration::ZERO));
    }
}
