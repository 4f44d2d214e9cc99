//! How far each followed file is written: in memory that outlives the logger, so that the
//! next one goes on there. A file is known by its device, inode and birth, whatever its name is.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use crate::sys::error::Errno;
use crate::sys::shared;

/// So many files are followed at once, of all services.
pub(super) const MOST: usize = 256;

/// Stream plus one, or 0 for a free one; device; inode; birth; offset and flag.
const WORDS: usize = 5;
/// The offset is behind this many flags.
const FLAGS: u32 = 1;
const BEGUN: u64 = 1;

/// Which file of which stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) device: u64,
    pub(super) inode: u64,
    /// When it was made, in nanoseconds, where its file system knows: a number that is free
    /// again is given to the next file.
    pub(super) born: u64,
}

impl Identity {
    pub(super) fn of(data: &Metadata) -> Self {
        let born = data.created().ok();
        let born = born.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self {
            device: data.dev(),
            inode: data.ino(),
            born: born.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(0)),
        }
    }
}

/// How far a file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bookmark {
    pub(super) offset: u64,
    /// A piece of the line that goes on there is out already.
    pub(super) begun: bool,
}

pub(super) struct Bookmarks {
    cells: &'static [AtomicU64],
    /// For each stream when its files began to be followed, in Unix milliseconds, until
    /// they were looked at for the first time; then 0.
    since: &'static [AtomicU64],
}

impl Bookmarks {
    /// For this many streams.
    ///
    /// # Errors
    /// ENOMEM.
    pub(super) fn new(streams: usize) -> Result<Self, Errno> {
        Ok(Self {
            cells: shared::longs(MOST * WORDS)?,
            since: shared::longs(streams)?,
        })
    }

    fn cell(&self, slot: usize) -> Option<&[AtomicU64; WORDS]> {
        self.cells.as_chunks().0.get(slot)
    }

    /// Which one a stream's file has.
    pub(super) fn find(&self, stream: usize, identity: Identity) -> Option<usize> {
        let Identity {
            device,
            inode,
            born,
        } = identity;
        let wanted = [name(stream), device, inode, born];
        let has = |cell: &[AtomicU64; WORDS]| {
            let words = cell.iter().zip(wanted);
            words
                .into_iter()
                .all(|(word, wanted)| word.load(Ordering::SeqCst) == wanted)
        };
        self.cells.as_chunks().0.iter().position(has)
    }

    /// A free one for this file; none if there is none.
    pub(super) fn put(&self, stream: usize, identity: Identity, mark: Bookmark) -> Option<usize> {
        let free = |cell: &[AtomicU64; WORDS]| {
            let [owner, ..] = cell;
            owner.load(Ordering::SeqCst) == 0
        };
        let slot = self.cells.as_chunks().0.iter().position(free)?;
        let [owner, device, inode, born, _] = self.cell(slot)?;
        device.store(identity.device, Ordering::SeqCst);
        inode.store(identity.inode, Ordering::SeqCst);
        born.store(identity.born, Ordering::SeqCst);
        self.set(slot, mark);
        owner.store(name(stream), Ordering::SeqCst);
        Some(slot)
    }

    pub(super) fn get(&self, slot: usize) -> Bookmark {
        let word = self
            .cell(slot)
            .map_or(0, |[.., word]| word.load(Ordering::SeqCst));
        Bookmark {
            offset: word >> FLAGS,
            begun: word & BEGUN != 0,
        }
    }

    pub(super) fn set(&self, slot: usize, mark: Bookmark) {
        if let Some([.., word]) = self.cell(slot) {
            let flag = if mark.begun { BEGUN } else { 0 };
            word.store(mark.offset << FLAGS | flag, Ordering::SeqCst);
        }
    }

    pub(super) fn free(&self, slot: usize) {
        if let Some([owner, ..]) = self.cell(slot) {
            owner.store(0, Ordering::SeqCst);
        }
    }

    /// All of a stream but these.
    pub(super) fn free_others(&self, stream: usize, kept: &[usize]) {
        for (slot, [owner, ..]) in self.cells.as_chunks::<WORDS>().0.iter().enumerate() {
            if owner.load(Ordering::SeqCst) == name(stream) && !kept.contains(&slot) {
                owner.store(0, Ordering::SeqCst);
            }
        }
    }

    /// Its files are followed since then.
    pub(super) fn begin(&self, stream: usize, since: i64) {
        if let Some(word) = self.since.get(stream) {
            word.store(u64::try_from(since).unwrap_or(1).max(1), Ordering::SeqCst);
        }
    }

    /// Since when, if they were never looked at.
    pub(super) fn since(&self, stream: usize) -> Option<u64> {
        let since = self.since.get(stream)?.load(Ordering::SeqCst);
        (since != 0).then_some(since)
    }

    /// They were looked at.
    pub(super) fn looked(&self, stream: usize) {
        if let Some(word) = self.since.get(stream) {
            word.store(0, Ordering::SeqCst);
        }
    }

    pub(super) fn forget(&self, stream: usize) {
        self.looked(stream);
        self.free_others(stream, &[]);
    }

    /// Takes over what another has, as far as there is room for it.
    pub(super) fn copy(&self, from: &Self) {
        let cells = from.cells.iter().zip(self.cells);
        for (from, to) in cells.chain(from.since.iter().zip(self.since)) {
            let word = from.load(Ordering::SeqCst);
            if word != 0 {
                to.store(word, Ordering::SeqCst);
            }
        }
    }
}

/// How a cell names a stream.
fn name(stream: usize) -> u64 {
    u64::try_from(stream).unwrap_or(u64::MAX).saturating_add(1)
}
