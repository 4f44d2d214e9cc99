//! How many lines of each stream were written, and how many dropped: in memory that outlives
//! the logger, for whoever asks PID 1.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::core::output::Tally;
use crate::sys::error::Errno;
use crate::sys::shared;

/// Two numbers a stream.
pub(super) struct Tallies(&'static [AtomicU64]);

impl Tallies {
    /// For this many streams.
    ///
    /// # Errors
    /// ENOMEM.
    pub(super) fn new(streams: usize) -> Result<Self, Errno> {
        shared::longs(streams.saturating_mul(2)).map(Self)
    }

    fn add(&self, place: usize, lines: usize) {
        if let Some(word) = self.0.get(place) {
            let lines = u64::try_from(lines).unwrap_or(0);
            word.fetch_add(lines, Ordering::Relaxed);
        }
    }

    pub(super) fn written(&self, stream: usize, lines: usize) {
        self.add(stream.saturating_mul(2), lines);
    }

    pub(super) fn dropped(&self, stream: usize, lines: usize) {
        self.add(stream.saturating_mul(2).saturating_add(1), lines);
    }

    /// A writer's: its two streams have numbers that follow each other.
    fn words(&self, writer: usize) -> &[AtomicU64] {
        let start = writer.saturating_mul(2);
        let words = self.0.get(start..).unwrap_or_default();
        words.get(..4).unwrap_or(words)
    }

    pub(super) fn of(&self, writer: usize) -> Tally {
        let mut tally = Tally::default();
        for pair in self.words(writer).as_chunks::<2>().0 {
            let [lines, dropped] = pair.each_ref().map(|word| word.load(Ordering::Relaxed));
            tally.lines = tally.lines.wrapping_add(lines);
            tally.dropped = tally.dropped.wrapping_add(dropped);
        }
        tally
    }

    pub(super) fn forget(&self, writer: usize) {
        let words = self.words(writer).iter();
        words.for_each(|word| word.store(0, Ordering::Relaxed));
    }

    /// Takes over what another has, as far as there is room for it.
    pub(super) fn copy(&self, from: &Self) {
        for (from, to) in from.0.iter().zip(self.0) {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}
