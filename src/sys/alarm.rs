//! An alarm that a process shares with its forks: one sets it, another hears it.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::fd::read_some;

/// Readable once it has rung, until that is taken or it is set anew.
pub struct Alarm(TimerFd);

impl Alarm {
    /// One that isn't set.
    ///
    /// # Errors
    /// EMFILE, ENFILE; where the kernel, or a sandbox, has no such timer.
    pub fn new() -> nix::Result<Self> {
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        TimerFd::new(ClockId::CLOCK_MONOTONIC, flags).map(Self)
    }

    /// It rings after this long, whatever was set before; zero for never.
    pub fn set(&self, after: Duration) {
        let once = Expiration::OneShot(TimeSpec::from_duration(after));
        // A valid time for a valid timer.
        let _ = self.0.set(once, TimerSetTimeFlags::empty());
    }

    /// Whether it has rung since this was last asked, or it was set.
    pub fn rang(&self) -> bool {
        // How often, which is once.
        let mut count = [0; 8];
        read_some(self, &mut count) == Some(count.len())
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::poll;

    #[test]
    fn it_rings_once_and_not_if_it_is_set_to_never() {
        let alarm = Alarm::new().unwrap();
        assert!(!alarm.rang());
        alarm.set(Duration::from_nanos(1));
        assert!(poll::readable(alarm.as_fd(), Duration::from_secs(60)));
        assert!(alarm.rang() && !alarm.rang());
        alarm.set(Duration::from_nanos(1));
        assert!(poll::readable(alarm.as_fd(), Duration::from_secs(60)));
        alarm.set(Duration::ZERO);
        assert!(!alarm.rang());
    }
}
