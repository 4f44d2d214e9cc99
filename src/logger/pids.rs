//! The main process of each writer, and what keeps its processes together, as PID 1 last
//! said: in memory that outlives the logger, and without a message for each start.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::sys::error::Errno;
use crate::sys::shared;

/// By writer; 0 for none. Each has two streams and is called by the first, so the number
/// of the second is free for its keeper.
pub(super) struct Pids(&'static [AtomicU32]);

impl Pids {
    /// For this many writers.
    ///
    /// # Errors
    /// ENOMEM.
    pub(super) fn new(writers: usize) -> Result<Self, Errno> {
        shared::words(writers).map(Self)
    }

    pub(super) fn set(&self, writer: usize, pid: u32) {
        if let Some(word) = self.0.get(writer) {
            word.store(pid, Ordering::Relaxed);
        }
    }

    pub(super) fn of(&self, writer: usize) -> u32 {
        self.0
            .get(writer)
            .map_or(0, |word| word.load(Ordering::Relaxed))
    }

    pub(super) fn set_keeper(&self, writer: usize, pid: u32) {
        self.set(writer.saturating_add(1), pid);
    }

    pub(super) fn keeper(&self, writer: usize) -> u32 {
        self.of(writer.saturating_add(1))
    }
}
