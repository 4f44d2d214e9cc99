//! What outlives a logger that is killed: the unfinished line of each stream, and where
//! the outputs stand. PID 1 makes it once and hands it to every logger.
//!
//! Taking bytes out of a service's pipe and noting what became of them must be one step,
//! or a kill between the two loses or doubles a part of a line. So the bytes are moved,
//! by one system call, into a pipe that outlives the logger too, `taken`: whether it holds
//! something tells the next logger whether the step had been made.
//!
//! | killed | `moving` | `taken` holds | so the next logger |
//! | --- | --- | --- | --- |
//! | before the move | the stream | nothing | forgets it; the piece comes again |
//! | after it | the stream | the piece | notes what was to be noted |
//! | after noting | nobody | the piece, or nothing | has nothing to do but to empty it |

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use super::bookmarks::Bookmarks;
use super::intake::PIECE;
use super::patience::Patience;
use super::pids::Pids;
use super::recent::Recent;
use super::ring::{Note, Rings};
use super::tallies::Tallies;
use crate::core::output::Tally;
use crate::sys::error::Errno;
use crate::sys::{fd, shared};

/// What outlives a logger.
pub struct Memory {
    stdout: &'static AtomicU32,
    stderr: &'static AtomicU32,
    /// The stream whose bytes are being taken, by its number plus one; 0 for nobody.
    moving: &'static AtomicU32,
    /// What its `Unfinished` is when they have been.
    next: &'static AtomicU32,
    /// A line has said how urgent it is (`level`).
    levels: &'static AtomicU32,
    unfinished: &'static [AtomicU32],
    text: &'static [AtomicU8],
    /// For each writer the number of the line that is asked for; 0 for none.
    asked: &'static [AtomicU32],
    taken: (OwnedFd, OwnedFd),
    pub(super) recent: Recent,
    pub(super) pids: Pids,
    pub(super) rings: Rings,
    pub(super) tallies: Tallies,
    pub(super) bookmarks: Bookmarks,
    /// How long files may keep a logger.
    pub patience: Patience,
    /// Rings for those who follow what is kept.
    bell: Option<OwnedFd>,
    /// How many bytes of address space earlier, smaller ones take.
    left: u64,
}

/// What stands of a stream's last line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unfinished {
    /// How much of it was taken from the pipe and not written.
    pub(super) length: usize,
    /// A piece of it is written already.
    pub(super) begun: bool,
}

const BEGUN: u32 = 1 << 31;

impl Unfinished {
    /// `length` is at most PIECE.
    fn to_word(self) -> u32 {
        let length = u32::try_from(self.length.min(PIECE)).unwrap_or(0);
        if self.begun { length | BEGUN } else { length }
    }

    fn from_word(word: u32) -> Self {
        let length = usize::try_from(word & !BEGUN).unwrap_or(0).min(PIECE);
        Self {
            length,
            begun: word & BEGUN != 0,
        }
    }
}

impl Memory {
    /// For as many streams as there are sizes; costs a service nothing before it writes.
    /// A size is that of its writer's ring in bytes, 0 for none.
    ///
    /// # Errors
    /// ENOMEM, EMFILE, ENFILE.
    pub fn new(rings: &[usize]) -> Result<Self, Errno> {
        let streams = rings.len();
        // First what may be refused for long: mappings are never given back.
        let taken = fd::pipe()?;
        let words = shared::words(streams.saturating_add(5))?;
        let ([stdout, stderr, moving, next, levels], unfinished) =
            words.split_first_chunk().ok_or(nix::errno::Errno::EINVAL)?;
        Ok(Self {
            stdout,
            stderr,
            moving,
            next,
            levels,
            unfinished,
            text: shared::bytes(streams.saturating_mul(PIECE))?,
            asked: shared::words(streams)?,
            taken,
            recent: Recent::new(streams)?,
            pids: Pids::new(streams)?,
            rings: Rings::new(rings)?,
            tallies: Tallies::new(streams)?,
            bookmarks: Bookmarks::new(streams)?,
            patience: Patience::new(streams)?,
            bell: fd::bell(),
            left: 0,
        })
    }

    /// For how many streams it has room.
    #[must_use]
    pub const fn room_for(&self) -> usize {
        self.unfinished.len()
    }

    /// How many bytes of address space that takes.
    #[must_use]
    pub fn reserved(&self) -> u64 {
        let each = PIECE.saturating_add(super::recent::ROOM).saturating_add(44);
        let rings = (0..self.room_for()).map(|writer| self.rings.size(writer));
        let all = rings.fold(self.room_for().saturating_mul(each), usize::saturating_add);
        let all = u64::try_from(all).unwrap_or(u64::MAX);
        all.saturating_add(self.left)
    }

    /// How large a ring a writer can have.
    #[must_use]
    pub fn ring_room(&self, writer: usize) -> usize {
        self.rings.size(writer)
    }

    /// How many bytes of address space earlier rooms take: more whenever it has grown.
    #[must_use]
    pub const fn outgrown(&self) -> u64 {
        self.left
    }

    /// Makes room for more streams, or for larger rings, while there is no logger. The old
    /// room is never given back, so it should grow by leaps, and no ring shrink.
    ///
    /// # Errors
    /// ENOMEM, EMFILE, ENFILE; then it stays as it was.
    pub fn grow(&mut self, rings: &[usize]) -> Result<(), Errno> {
        let mut larger = Self::new(rings)?;
        let copy = |from: &AtomicU32, to: &AtomicU32| {
            to.store(from.load(Ordering::SeqCst), Ordering::SeqCst);
        };
        copy(self.stdout, larger.stdout);
        copy(self.stderr, larger.stderr);
        copy(self.moving, larger.moving);
        copy(self.next, larger.next);
        copy(self.levels, larger.levels);
        for (from, to) in self.asked.iter().zip(larger.asked) {
            copy(from, to);
        }
        for writer in 0..self.room_for() {
            larger.pids.set(writer, self.pids.of(writer));
        }
        let mut text = Vec::new();
        for stream in 0..self.room_for() {
            let unfinished = self.unfinished(stream);
            self.recall(stream, PIECE, &mut text);
            if unfinished != Unfinished::default() || self.holds(stream) {
                larger.append(stream, 0, &text);
            }
            larger.set_unfinished(stream, unfinished);
        }
        larger.recent.copy(&self.recent);
        larger.tallies.copy(&self.tallies);
        larger.bookmarks.copy(&self.bookmarks);
        larger.rings.copy(&self.rings);
        larger.left = self.reserved();
        std::mem::swap(&mut larger.bell, &mut self.bell);
        std::mem::swap(&mut larger.taken, &mut self.taken);
        *self = larger;
        Ok(())
    }

    /// Somebody else has this stream, and the one behind it, from now on: nothing is left
    /// of what was its.
    pub fn forget(&self, writer: usize) {
        for stream in [writer, writer.saturating_add(1)] {
            self.set_unfinished(stream, Unfinished::default());
            self.patience.forget(stream);
        }
        self.ask(writer, 0);
        self.pids.set(writer, 0);
        self.pids.set_keeper(writer, 0);
        self.recent.forget(writer);
        self.tallies.forget(writer);
        self.bookmarks.forget(writer);
        self.rings.forget(writer);
    }

    /// Whether an unfinished line of a stream stands here. For PID 1, which must have seen
    /// the stream's pipe empty before it asks: then what was in it is either written or here.
    #[must_use]
    pub fn holds(&self, stream: usize) -> bool {
        // In this order: a step notes what it moved before it says that it is over.
        self.moving.load(Ordering::SeqCst) == mover(stream)
            || self.unfinished(stream) != Unfinished::default()
    }

    /// For PID 1: from now on a line of this writer's is asked for, by a number that isn't
    /// 0, in place of another one. All that is written afterwards is looked at.
    pub fn ask(&self, writer: usize, number: u32) {
        if let Some(word) = self.asked.get(writer) {
            word.store(number, Ordering::SeqCst);
        }
    }

    /// The number of the line that is asked for. What was in the pipe before this was
    /// asked may have come before the question.
    pub(super) fn asked(&self, writer: usize) -> Option<u32> {
        let number = self.asked.get(writer)?.load(Ordering::SeqCst);
        (number != 0).then_some(number)
    }

    /// It has come, and PID 1 knows. The next question may be there already.
    pub(super) fn answered(&self, writer: usize, number: u32) {
        if let Some(word) = self.asked.get(writer) {
            let _ = word.compare_exchange(number, 0, Ordering::SeqCst, Ordering::SeqCst);
        }
    }

    /// For PID 1: this is the writer's main process now; 0 for none.
    pub fn has_main(&self, writer: usize, pid: u32) {
        self.pids.set(writer, pid);
    }

    /// For PID 1: what is below this process belongs to the writer too; 0 for none.
    pub fn has_keeper(&self, writer: usize, pid: u32) {
        self.pids.set_keeper(writer, pid);
    }

    /// The subreaper that the writer's processes are below, as PID 1 last said; 0 for none.
    #[must_use]
    pub fn keeper(&self, writer: usize) -> u32 {
        self.pids.keeper(writer)
    }

    /// Whether this is the writer's main process, or the one that keeps all of its.
    #[must_use]
    pub fn is_of(&self, writer: usize, pid: u32) -> bool {
        pid != 0 && [self.pids.of(writer), self.pids.keeper(writer)].contains(&pid)
    }

    /// The last lines of a writer (`Stream::writer`), oldest first.
    #[must_use]
    pub fn last_lines(&self, writer: usize) -> Vec<String> {
        self.recent.lines(writer)
    }

    /// For PID 1: files are followed into this stream since then, in Unix milliseconds. To
    /// be said before a logger knows of it.
    pub fn follows(&self, stream: usize, since: i64) {
        self.bookmarks.begin(stream, since);
    }

    /// For who writes a line that says how urgent it is, before that: from now on it is
    /// looked for.
    pub fn will_say_levels(&self) {
        self.levels.store(1, Ordering::SeqCst);
    }

    /// Lines may say how urgent they are.
    pub(super) fn says_levels(&self) -> bool {
        self.levels.load(Ordering::SeqCst) != 0
    }

    /// What has come of a writer's lines.
    #[must_use]
    pub fn tally(&self, writer: usize) -> Tally {
        self.tallies.of(writer)
    }

    /// Whether no other writer's output was written since this one's.
    #[must_use]
    pub fn wrote_last(&self, writer: usize) -> bool {
        self.recent.is_latest(writer)
    }

    /// Keeps lines in the ring of a writer that has one, and tells those who follow.
    pub(super) fn keep(&self, writer: usize, note: Note, parts: [&[u8]; 3]) {
        self.rings.keep(writer, note, parts);
        if let Some(bell) = self.bell.as_ref().filter(|_| self.rings.has_followers()) {
            fd::ring(bell);
        }
    }

    /// For PID 1: so many follow.
    pub fn set_followers(&self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.rings.set_followers(count);
    }

    pub(super) fn bell(&self) -> Option<BorrowedFd<'_>> {
        self.bell.as_ref().map(AsFd::as_fd)
    }

    /// Where standard output and standard error stand (`output`).
    pub(super) fn positions(&self) -> (&'static AtomicU32, &'static AtomicU32) {
        (self.stdout, self.stderr)
    }

    /// Both ends of the pipe that is part of it: to read, to write.
    pub(super) fn taken(&self) -> (BorrowedFd<'_>, BorrowedFd<'_>) {
        (self.taken.0.as_fd(), self.taken.1.as_fd())
    }

    /// The descriptors that a logger must keep.
    pub(super) fn descriptors(&self) -> Vec<RawFd> {
        let (out, into) = self.taken();
        let all = [Some(out), Some(into), self.bell(), self.patience.alarm()];
        all.iter().flatten().map(AsRawFd::as_raw_fd).collect()
    }

    pub(super) fn unfinished(&self, stream: usize) -> Unfinished {
        self.unfinished
            .get(stream)
            .map_or_else(Unfinished::default, |word| {
                Unfinished::from_word(word.load(Ordering::SeqCst))
            })
    }

    pub(super) fn set_unfinished(&self, stream: usize, unfinished: Unfinished) {
        if let Some(word) = self.unfinished.get(stream) {
            word.store(unfinished.to_word(), Ordering::SeqCst);
        }
    }

    /// Puts the unfinished text of a stream into `text`.
    pub(super) fn recall(&self, stream: usize, length: usize, text: &mut Vec<u8>) {
        text.clear();
        let cells = self.room(stream).get(..length).unwrap_or_default();
        text.extend(cells.iter().map(|cell| cell.load(Ordering::Relaxed)));
    }

    /// Writes `bytes` behind the first `length` of a stream's unfinished text. They count
    /// only when the length is noted.
    pub(super) fn append(&self, stream: usize, length: usize, bytes: &[u8]) {
        let cells = self.room(stream).get(length..).unwrap_or_default();
        for (cell, byte) in cells.iter().zip(bytes) {
            cell.store(*byte, Ordering::Relaxed);
        }
    }

    fn room(&self, stream: usize) -> &[AtomicU8] {
        let start = stream.saturating_mul(PIECE);
        self.text
            .get(start..start.saturating_add(PIECE))
            .unwrap_or_default()
    }

    /// One step: `take` moves bytes of this stream into `taken`, and then its `Unfinished`
    /// is this. What is in `taken` afterwards may be thrown away.
    pub(super) fn step(&self, stream: usize, next: Unfinished, take: impl FnOnce()) {
        self.next.store(next.to_word(), Ordering::SeqCst);
        self.moving.store(mover(stream), Ordering::SeqCst);
        take();
        self.set_unfinished(stream, next);
        self.moving.store(0, Ordering::SeqCst);
    }

    /// Finishes the step in which the last logger was killed, if there is one. `moved`:
    /// something stands in `taken`.
    pub(super) fn recover(&self, moved: bool) {
        let mover = self.moving.load(Ordering::SeqCst).checked_sub(1);
        if let Some(stream) = mover.filter(|_| moved) {
            let next = Unfinished::from_word(self.next.load(Ordering::SeqCst));
            self.set_unfinished(usize::try_from(stream).unwrap_or(usize::MAX), next);
        }
        self.moving.store(0, Ordering::SeqCst);
        self.rings.recover();
    }
}

/// How `moving` names a stream.
fn mover(stream: usize) -> u32 {
    u32::try_from(stream).unwrap_or(u32::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEVEN: Unfinished = Unfinished {
        length: 7,
        begun: true,
    };

    #[test]
    fn what_is_unfinished_is_kept_for_each_stream() {
        let memory = Memory::new(&[0; 2]).unwrap();
        memory.append(1, 0, b"one");
        memory.append(1, 3, b" two");
        memory.set_unfinished(1, SEVEN);
        assert_eq!(memory.unfinished(0), Unfinished::default());
        assert_eq!(memory.unfinished(1), SEVEN);
        assert!(memory.holds(1) && !memory.holds(0));
        let mut text = b"before".to_vec();
        memory.recall(1, 7, &mut text);
        assert_eq!(text, b"one two");
    }

    #[test]
    fn a_stream_that_is_not_there_has_nothing() {
        let memory = Memory::new(&[0; 1]).unwrap();
        memory.append(1, 0, b"lost");
        memory.set_unfinished(1, SEVEN);
        assert_eq!(memory.unfinished(1), Unfinished::default());
        memory.step(usize::MAX, SEVEN, || ());
        memory.recover(true);
    }

    #[test]
    fn with_more_room_all_stands_as_it_did() {
        let mut memory = Memory::new(&[64, 0]).unwrap();
        memory.keep(0, Note::default(), [b"", b"kept\n", b""]);
        memory.append(1, 0, b"one two");
        memory.set_unfinished(1, SEVEN);
        memory.ask(0, 5);
        memory.recent.keep(0, [b"said\n", b"", b""]);
        memory.grow(&[64, 0, 64, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!(memory.room_for(), 8);
        assert_eq!(memory.unfinished(1), SEVEN);
        let mut text = Vec::new();
        memory.recall(1, 7, &mut text);
        assert_eq!(text, b"one two");
        assert_eq!(memory.asked(0), Some(5));
        assert_eq!(memory.last_lines(0), ["said"]);
        assert!(memory.wrote_last(0));
        let place = &mut memory.rings.first(0);
        assert!(memory.rings.peek(0, place).is_some());
        memory.forget(0);
        assert!(memory.rings.peek(0, place).is_none());
        assert_eq!(memory.unfinished(1), Unfinished::default());
        assert_eq!(memory.asked(0), None);
        assert!(memory.last_lines(0).is_empty());
    }

    #[test]
    fn a_step_counts_if_and_only_if_the_bytes_were_moved() {
        for moved in [false, true] {
            let memory = Memory::new(&[0; 3]).unwrap();
            let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                memory.step(2, SEVEN, || panic!("killed here"));
            }));
            assert!(killed.is_err());
            memory.recover(moved);
            assert_eq!(memory.unfinished(2) == SEVEN, moved);
            memory.recover(true);
            assert_eq!(memory.unfinished(0), Unfinished::default(), "once only");
        }
    }
}
