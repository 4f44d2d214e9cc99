//! How long files may keep the logger. On a file system that hangs a call may never return,
//! not even for a kill, and nobody else's lines would be written meanwhile.
//!
//! Before a file is touched it is noted whose, in memory that outlives the logger, and an
//! alarm is set that PID 1 hears; afterwards both are undone. Should it ring, PID 1 kills the
//! logger, and leaves behind one that can't be killed. The next one doesn't touch what is
//! noted as hung, until a process that nobody waits for has found that it answers.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::core::output::Log;
use crate::core::signal::Signal;
use crate::sys::alarm::Alarm;
use crate::sys::error::Errno;
use crate::sys::{process, shared};

/// So long may a file keep the logger.
const LONG: Duration = Duration::from_secs(3);
/// The same while another one hangs, since that is most often the same file system; and
/// what a killed logger has to be gone.
const SHORT: Duration = Duration::from_millis(250);
/// What hung is left alone for so long at the least: it may answer now and hang again.
const PAUSE: Duration = Duration::from_secs(10);

/// What is noted of it.
pub struct Patience {
    /// None where the kernel refused it: then a file may keep the logger for ever.
    alarm: Option<Alarm>,
    /// Whose files are being touched: a stream plus one, or 0.
    touched: &'static AtomicU32,
    /// For each stream whether its files hang: under a writer's first stream the one that its
    /// lines go to, under its second those that are followed.
    hung: &'static [AtomicU32],
}

fn is_set(word: &AtomicU32) -> bool {
    word.load(Ordering::SeqCst) != 0
}

impl Patience {
    /// For this many streams.
    ///
    /// # Errors
    /// ENOMEM.
    pub(super) fn new(streams: usize) -> Result<Self, Errno> {
        let words = shared::words(streams.saturating_add(1))?;
        let (touched, hung) = words.split_first().ok_or(nix::errno::Errno::EINVAL)?;
        Ok(Self {
            alarm: Alarm::new().ok(),
            touched,
            hung,
        })
    }

    /// Can be read when the alarm rings.
    #[must_use]
    pub fn alarm(&self) -> Option<BorrowedFd<'_>> {
        self.alarm.as_ref().map(AsFd::as_fd)
    }

    fn set(&self, after: Duration) {
        self.alarm.iter().for_each(|alarm| alarm.set(after));
    }

    /// Touches files; `None` where they hang.
    pub(super) fn touch<T>(&self, stream: usize, work: impl FnOnce() -> T) -> Option<T> {
        if !self.begin(stream) {
            return None;
        }
        let done = work();
        self.rest();
        Some(done)
    }

    fn begin(&self, stream: usize) -> bool {
        if self.hung.get(stream).is_some_and(is_set) {
            return false;
        }
        let word = u32::try_from(stream).unwrap_or(u32::MAX).saturating_add(1);
        self.touched.store(word, Ordering::SeqCst);
        let other = self.hung.iter().any(is_set);
        self.set(if other { SHORT } else { LONG });
        true
    }

    /// The logger is about to end, which closes files, and that may hang too.
    pub(super) fn leave(&self) {
        self.set(LONG);
    }

    /// Nothing is being touched, or nobody is there yet who could.
    pub fn rest(&self) {
        self.touched.store(0, Ordering::SeqCst);
        self.set(Duration::ZERO);
    }

    /// For PID 1: whether the alarm has rung, once.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.alarm.as_ref().is_some_and(Alarm::rang)
    }

    /// For PID 1 when it has: under which stream files hang from now on, if the logger is
    /// still at some.
    #[must_use]
    pub fn note_hung(&self) -> Option<usize> {
        let word = self.touched.load(Ordering::SeqCst);
        let stream = usize::try_from(word.checked_sub(1)?).ok()?;
        self.hung.get(stream)?.store(1, Ordering::SeqCst);
        Some(stream)
    }

    /// For PID 1: the logger was killed; the alarm rings if it isn't gone soon.
    pub fn expect_end(&self) {
        self.set(SHORT);
    }

    /// These don't hang any more, or are others.
    pub fn forget(&self, stream: usize) {
        if let Some(word) = self.hung.get(stream) {
            word.store(0, Ordering::SeqCst);
        }
    }

    /// Waits until all files of the service that a stream is of answer, and forgets what was
    /// noted under it. To be called in a fork of its own, which may never end.
    #[must_use]
    pub fn probe(&self, stream: usize, log: Option<&Log>) -> i32 {
        let _ = process::set_parent_death(Signal::KILL);
        std::thread::sleep(PAUSE);
        if let Some(log) = log {
            log.file.iter().for_each(|file| wait_for(&file.path));
            log.follow.iter().for_each(|path| wait_for(path));
        }
        self.forget(stream);
        0
    }
}

/// Until this file answers, if only that it isn't there (none has the name of a pattern).
#[inline(never)]
fn wait_for(path: &str) {
    let _ = std::fs::File::open(path).and_then(|file| file.sync_all());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kept_a_logger_is_left_alone_until_it_is_forgotten() {
        let patience = Patience::new(3).unwrap();
        assert_eq!(patience.touch(1, || 5), Some(5));
        assert_eq!(patience.note_hung(), None);
        let noted = patience.touch(1, || patience.note_hung());
        assert_eq!(noted, Some(Some(1)));
        assert_eq!(patience.touch(1, || 5), None);
        assert_eq!(patience.touch(2, || 5), Some(5));
        patience.forget(1);
        assert_eq!(patience.touch(1, || 5), Some(5));
    }

    #[test]
    fn the_alarm_rings_for_what_takes_too_long_and_for_nothing_else() {
        let patience = Patience::new(3).unwrap();
        let rings = |millis| {
            let wait = Duration::from_millis(millis);
            crate::sys::poll::readable(patience.alarm().unwrap(), wait)
        };
        patience.touch(1, || patience.note_hung());
        // While one hangs there is little patience with another.
        assert_eq!(patience.touch(2, || rings(60_000)), Some(true));
        assert!(!rings(0) && !patience.is_over());
        patience.expect_end();
        assert!(rings(60_000) && patience.is_over() && !patience.is_over());
    }
}
