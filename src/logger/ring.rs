//! What each service has printed lately, for whoever asks: a ring of words for each, in
//! memory that outlives the logger. The logger alone writes; any number of processes read
//! at the same time, wait for nobody, and notice what was written over under their eyes.
//!
//! A ring holds entries of whole lines one after the other: three words of head, then the
//! bytes. `marks` says where its first entry begins and where its last one ends, in words
//! that were ever written. An entry is moved out of the way before it is written over, and
//! counts when its end is noted, so that a kill at any moment leaves whole entries alone.
//!
//! Entries are numbered through all rings by the bytes that were ever kept: that is the
//! order in which they came, and each line in an entry has a number of its own, that of
//! its last byte. `done` says up to where all that was begun is to be seen.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use memchr::memchr;

use crate::sys::error::Errno;
use crate::sys::shared;

/// The words of an entry before its bytes: length and pid, number and flags, time.
const HEAD: usize = 3;
const WORD: usize = 8;
/// The number is behind so many flags.
const FLAGS: u32 = 4;
/// An entry ends with the first line that ends behind so much: a part of the ring, so that
/// what is new pushes out little more than its own length.
const PARTS: usize = 8;
const LEAST_PART: usize = 256;

/// What is noted of some lines of one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// When they came, in Unix milliseconds.
    pub(super) time: i64,
    /// The main process of their service then; 0 where there was none.
    pub(super) pid: u32,
    /// They came from standard error.
    pub(super) error: bool,
    /// The first line goes on from an entry before.
    pub(super) begun: bool,
    /// The last line isn't over.
    pub(super) unended: bool,
}

/// What a reader is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) note: Note,
    /// How many bytes had been kept before it.
    pub(super) number: u64,
    /// The beginning of its first line is lost: the ring has no room for so long a line.
    pub(super) torn: bool,
}

const ERROR: u64 = 1;
const BEGUN: u64 = 2;
const UNENDED: u64 = 4;
const TORN: u64 = 8;

/// Where a ring is among the cells.
#[derive(Clone, Copy)]
struct Room {
    start: usize,
    words: usize,
}

/// Where a reader stands in a ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// So many words were ever written before it.
    pub(super) at: u64,
    /// Entries were written over that it had yet to read.
    pub(super) lost: bool,
}

/// All rings.
pub(super) struct Rings {
    /// The next entry's number.
    next: &'static AtomicU64,
    /// All entries with numbers below can be seen.
    done: &'static AtomicU64,
    /// How many follow.
    followers: &'static AtomicU64,
    /// First and end of each ring.
    marks: &'static [AtomicU64],
    cells: &'static [AtomicU64],
    rooms: Box<[Room]>,
}

impl Rings {
    /// Of these sizes in bytes, 0 for none. Touched as they are used.
    ///
    /// # Errors
    /// ENOMEM.
    pub(super) fn new(sizes: &[usize]) -> Result<Self, Errno> {
        let mut start = 0usize;
        let room = |bytes: &usize| {
            let words = bytes / WORD;
            let room = Room { start, words };
            start = start.saturating_add(words);
            room
        };
        let rooms: Box<[Room]> = sizes.iter().map(room).collect();
        let marks = shared::longs(sizes.len().saturating_mul(2).saturating_add(3))?;
        let ([next, done, followers], marks) =
            marks.split_first_chunk().ok_or(nix::errno::Errno::EINVAL)?;
        Ok(Self {
            next,
            done,
            followers,
            marks,
            cells: shared::longs(start)?,
            rooms,
        })
    }

    fn ring(&self, number: usize) -> Option<Ring<'_>> {
        let room = self.rooms.get(number).filter(|room| room.words > 0)?;
        let marks = self.marks.get(number.checked_mul(2)?..)?;
        let ([first, end], _) = marks.split_first_chunk()?;
        Some(Ring {
            first,
            end,
            cells: self
                .cells
                .get(room.start..room.start.checked_add(room.words)?)?,
        })
    }

    /// How many bytes there are for one.
    pub(super) fn size(&self, number: usize) -> usize {
        let room = self.rooms.get(number);
        room.map_or(0, |room| room.words.saturating_mul(WORD))
    }

    /// Takes over what stands in others, of the rings that are as large here.
    pub(super) fn copy(&self, from: &Self) {
        let copy = |from: &AtomicU64, to: &AtomicU64| {
            to.store(from.load(Ordering::SeqCst), Ordering::SeqCst);
        };
        copy(from.next, self.next);
        copy(from.done, self.done);
        copy(from.followers, self.followers);
        for number in 0..self.rooms.len() {
            let (Some(old), Some(new)) = (from.ring(number), self.ring(number)) else {
                continue;
            };
            let end = old.end.load(Ordering::SeqCst);
            // One that was never written stays untouched.
            if end == 0 || old.cells.len() != new.cells.len() {
                continue;
            }
            for (from, to) in old.cells.iter().zip(new.cells) {
                let word = from.load(Ordering::Relaxed);
                if word != 0 {
                    to.store(word, Ordering::Relaxed);
                }
            }
            copy(old.first, new.first);
            new.end.store(end, Ordering::SeqCst);
        }
    }

    /// Nothing is kept there any longer.
    pub(super) fn forget(&self, number: usize) {
        if let Some(ring) = self.ring(number) {
            let end = ring.end.load(Ordering::SeqCst);
            ring.first.store(end, Ordering::SeqCst);
        }
    }

    /// Whether anything is kept there.
    pub(super) fn has(&self, number: usize) -> bool {
        self.ring(number).is_some()
    }

    /// For PID 1: so many follow.
    pub(super) fn set_followers(&self, count: u64) {
        self.followers.store(count, Ordering::SeqCst);
    }

    pub(super) fn has_followers(&self) -> bool {
        self.followers.load(Ordering::SeqCst) > 0
    }

    /// All entries with numbers below this can be seen.
    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::SeqCst)
    }

    /// After a logger that was killed: what it began and didn't finish never was.
    pub(super) fn recover(&self) {
        self.done
            .store(self.next.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Keeps lines: `begin`, which has no newline, what follows it, and the newline that
    /// they may lack. Where there is no ring, or no byte, nothing happens.
    pub(super) fn keep(&self, number: usize, note: Note, [begin, bytes, newline]: [&[u8]; 3]) {
        let Some(ring) = self.ring(number) else {
            return;
        };
        let (mut note, mut begin, mut bytes) = (note, begin, bytes);
        // What would be pushed out by its own end isn't written at all.
        let most = ring.most();
        if let Some(skipped) = bytes.len().checked_sub(most) {
            let kept = bytes.get(skipped..).unwrap_or_default();
            let line = memchr(b'\n', kept).map_or(0, |newline| newline.saturating_add(1));
            if line < kept.len() && line > 0 {
                bytes = kept.get(line..).unwrap_or_default();
                (begin, note.begun) = (&[], false);
                // Nor does anything stay that came before it: it would seem to join.
                let end = ring.end.load(Ordering::Relaxed);
                ring.first.store(end, Ordering::SeqCst);
            }
        }
        let part = (ring.cells.len().saturating_mul(WORD) / PARTS).max(LEAST_PART);
        loop {
            let wanted = part.saturating_sub(begin.len()).max(1);
            let from = wanted.saturating_sub(1);
            let cut = match bytes.get(from..).and_then(|rest| memchr(b'\n', rest)) {
                Some(newline) => from.saturating_add(newline).saturating_add(1),
                None => bytes.len(),
            };
            let (now, later) = bytes.split_at_checked(cut).unwrap_or((bytes, &[]));
            let last = later.is_empty();
            let here = Note {
                unended: last && note.unended,
                ..note
            };
            self.put(&ring, here, [begin, now, if last { newline } else { &[] }]);
            if last {
                return;
            }
            (begin, bytes, note.begun) = (&[], later, false);
        }
    }

    /// One entry.
    fn put(&self, ring: &Ring<'_>, note: Note, parts: [&[u8]; 3]) {
        let whole: usize = parts.iter().map(|part| part.len()).sum();
        let length = whole.min(ring.most());
        if length == 0 {
            return;
        }
        let words = HEAD.saturating_add(length.div_ceil(WORD));
        let end = ring.end.load(Ordering::Relaxed);
        ring.make_room(end, words);
        // What is written from here on is not seen by whoever sees the old first entry.
        fence(Ordering::SeqCst);
        let number = self.next.load(Ordering::Relaxed);
        let done = number.saturating_add(long(length));
        self.next.store(done, Ordering::SeqCst);
        let flag = |is_so: bool, flag: u64| if is_so { flag } else { 0 };
        let flags = flag(note.error, ERROR)
            | flag(note.begun, BEGUN)
            | flag(note.unended, UNENDED)
            | flag(length < whole, TORN);
        let mut pen = Pen::at(ring.cells, end);
        pen.word(long(length) | u64::from(note.pid) << 32);
        pen.word(number << FLAGS | flags);
        pen.word(note.time.cast_unsigned());
        let mut skip = whole.saturating_sub(length);
        for part in parts {
            let skipped = skip.min(part.len());
            skip = skip.saturating_sub(skipped);
            pen.bytes(part.get(skipped..).unwrap_or_default());
        }
        pen.finish();
        ring.end
            .store(end.saturating_add(long(words)), Ordering::SeqCst);
        self.done.store(done, Ordering::SeqCst);
    }

    /// A reader's place at the first entry of a ring.
    pub(super) fn first(&self, number: usize) -> Place {
        let first = self.ring(number).map(|ring| ring.first);
        Place {
            at: first.map_or(0, |first| first.load(Ordering::SeqCst)),
            lost: false,
        }
    }

    /// The head of the entry at this place, or of the first one after it that is still
    /// there: then some were lost. Nothing at the end.
    pub(super) fn peek(&self, number: usize, place: &mut Place) -> Option<Head> {
        let ring = self.ring(number)?;
        loop {
            let end = ring.end.load(Ordering::SeqCst);
            let first = ring.first.load(Ordering::SeqCst);
            if place.at < first {
                *place = Place {
                    at: first,
                    lost: true,
                };
            }
            if place.at >= end {
                return None;
            }
            let [length, number, time] = [0, 1, 2].map(|word| ring.load(place.at, word));
            if ring.still_has(place.at) {
                let flag = |flag: u64| number & flag != 0;
                let note = Note {
                    time: time.cast_signed(),
                    pid: u32::try_from(length >> 32).unwrap_or(0),
                    error: flag(ERROR),
                    begun: flag(BEGUN),
                    unended: flag(UNENDED),
                };
                let entry = Entry {
                    note,
                    number: number >> FLAGS,
                    torn: flag(TORN),
                };
                return Some(Head {
                    entry,
                    length: usize::try_from(length & u64::from(u32::MAX)).unwrap_or(0),
                });
            }
        }
    }

    /// The bytes of the entry at this place, which is moved behind it. `false` if it was
    /// written over meanwhile.
    pub(super) fn read(
        &self,
        number: usize,
        place: &mut Place,
        head: &Head,
        bytes: &mut Vec<u8>,
    ) -> bool {
        bytes.clear();
        let Some(ring) = self.ring(number) else {
            return false;
        };
        let words = head.length.min(ring.most()).div_ceil(WORD);
        for word in 0..words {
            let word = ring.load(place.at, HEAD.saturating_add(word));
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.truncate(head.length);
        let there = ring.still_has(place.at);
        if there {
            place.at = place.at.saturating_add(long(HEAD.saturating_add(words)));
        }
        there
    }
}

/// An entry without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) entry: Entry,
    length: usize,
}

impl Head {
    /// The number of its last byte.
    pub(super) fn end(&self) -> u64 {
        self.entry.number.saturating_add(long(self.length))
    }
}

/// One of them.
struct Ring<'a> {
    first: &'a AtomicU64,
    end: &'a AtomicU64,
    cells: &'a [AtomicU64],
}

impl Ring<'_> {
    /// The longest entry.
    fn most(&self) -> usize {
        self.cells.len().saturating_sub(HEAD).saturating_mul(WORD)
    }

    /// Moves the first entry until so many words are free behind the end.
    fn make_room(&self, end: u64, words: usize) {
        let room = long(self.cells.len().saturating_sub(words));
        let mut first = self.first.load(Ordering::Relaxed);
        while end.saturating_sub(first) > room && first < end {
            let length = self.load(first, 0) & u64::from(u32::MAX);
            let words = length.div_ceil(long(WORD)).saturating_add(long(HEAD));
            first = first.saturating_add(words).min(end);
        }
        self.first.store(first, Ordering::SeqCst);
    }

    fn load(&self, place: u64, word: usize) -> u64 {
        let at = index(place.saturating_add(long(word)), self.cells.len());
        self.cells
            .get(at)
            .map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    /// Whether what was read at this place before was not written over.
    fn still_has(&self, place: u64) -> bool {
        fence(Ordering::SeqCst);
        self.first.load(Ordering::SeqCst) <= place
    }
}

/// Writes words and bytes one after the other.
struct Pen<'a> {
    cells: &'a [AtomicU64],
    at: usize,
    /// Bytes that don't fill a word yet, and how many bits they are.
    partial: u64,
    bits: u32,
}

impl<'a> Pen<'a> {
    fn at(cells: &'a [AtomicU64], place: u64) -> Self {
        Self {
            cells,
            at: index(place, cells.len()),
            partial: 0,
            bits: 0,
        }
    }

    #[inline]
    fn word(&mut self, word: u64) {
        if let Some(cell) = self.cells.get(self.at) {
            cell.store(word, Ordering::Relaxed);
        }
        self.at = self.at.saturating_add(1);
        if self.at >= self.cells.len() {
            self.at = 0;
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<WORD>();
        for word in words {
            let word = u64::from_le_bytes(*word);
            if self.bits == 0 {
                self.word(word);
            } else {
                self.word(self.partial | word << self.bits);
                self.partial = word >> (64 - self.bits);
            }
        }
        for byte in rest {
            self.partial |= u64::from(*byte) << self.bits;
            self.bits = self.bits.saturating_add(8);
            if self.bits == 64 {
                self.word(self.partial);
                (self.partial, self.bits) = (0, 0);
            }
        }
    }

    fn finish(&mut self) {
        if self.bits > 0 {
            self.word(self.partial);
        }
    }
}

fn long(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn index(place: u64, length: usize) -> usize {
    usize::try_from(place.checked_rem(long(length)).unwrap_or(0)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
