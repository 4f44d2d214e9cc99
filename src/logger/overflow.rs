//! Streams whose lines are dropped while an output takes nothing (`when-full = "drop"`), so
//! that their service never waits for it: whenever one's pipe is half full then, all of it
//! goes. Whole lines are dropped, the last one's rest when it comes; each is counted.
//!
//! Whoever is killed meanwhile may lose what it was about to write of such a stream.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use memchr::{memchr, memchr_iter};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::read;

use super::intake::{PIECE, capacity};
use super::memory::{Memory, Unfinished};
use crate::core::time::Instant;
use crate::sys::poll::{Interest, Poll};
use crate::sys::{clock, fd};

/// An output that takes nothing for so long is full.
const GRACE: u16 = 5;
/// So often is looked at the least, should the kernel not say that more was written.
const LOOK_EVERY: u16 = 50;
/// What is written at once where an output can block: when it has room, it has so much.
const CAREFUL: usize = 4096;
/// That lines of a stream are being dropped isn't said more often.
const SAY_EVERY_MILLIS: u64 = 10_000;

struct Dropper<'a> {
    stream: usize,
    pipe: BorrowedFd<'a>,
    /// So much of its head is being written.
    held: usize,
    /// That was taken out of the pipe, to get at what follows.
    taken: bool,
    /// What comes up to the next newline goes too.
    cut: bool,
    /// Lines that nobody was told of.
    untold: u64,
    told_at: Option<Instant>,
}

/// All of them.
pub(super) struct Overflow<'a> {
    memory: &'a Memory,
    droppers: Vec<Dropper<'a>>,
    /// Rises when one writes.
    poll: Option<Poll<u64>>,
    /// The outputs by descriptions that never block, each beside the one that may.
    outputs: Vec<(RawFd, OwnedFd)>,
    room: Vec<u8>,
}

impl<'a> Overflow<'a> {
    pub(super) fn new(
        memory: &'a Memory,
        streams: impl Iterator<Item = (usize, BorrowedFd<'a>)>,
        outputs: [BorrowedFd<'a>; 2],
    ) -> Self {
        let dropper = |(stream, pipe)| Dropper {
            stream,
            pipe,
            held: 0,
            taken: false,
            cut: false,
            untold: 0,
            told_at: None,
        };
        let droppers: Vec<Dropper<'a>> = streams.map(dropper).collect();
        let mut poll = None;
        let mut reopened = Vec::new();
        if !droppers.is_empty() {
            poll = Poll::new().ok();
            for dropper in &droppers {
                if let Some(poll) = &poll {
                    let _ = poll.add(dropper.pipe, Interest::Rise, 0);
                }
            }
            let never_blocking = |fd: BorrowedFd<'_>| Some((fd.as_raw_fd(), fd::reopen(fd)?));
            reopened.extend(outputs.into_iter().filter_map(never_blocking));
        }
        Self {
            memory,
            droppers,
            poll,
            outputs: reopened,
            room: Vec::new(),
        }
    }

    /// What may be written to an output now, and where: with nobody who drops, all, however
    /// long it takes.
    pub(super) fn part<'b>(
        &mut self,
        output: BorrowedFd<'_>,
        bytes: &'b [u8],
    ) -> (Option<&OwnedFd>, &'b [u8]) {
        if self.droppers.is_empty() {
            return (None, bytes);
        }
        let same = |(raw, _): &(RawFd, OwnedFd)| *raw == output.as_raw_fd();
        if let Some(place) = self.outputs.iter().position(same) {
            return (self.outputs.get(place).map(|(_, fd)| fd), bytes);
        }
        self.wait(output);
        (None, bytes.get(..CAREFUL).unwrap_or(bytes))
    }

    /// Until an output takes something.
    pub(super) fn wait(&mut self, output: BorrowedFd<'_>) {
        let mut timeout = match self.droppers.as_slice() {
            [] => PollTimeout::NONE,
            [_, ..] => PollTimeout::from(GRACE),
        };
        let mut is_full = false;
        loop {
            let mut fds = vec![PollFd::new(output, PollFlags::POLLOUT)];
            if let Some(rises) = self.poll.as_ref().filter(|_| is_full) {
                fds.push(PollFd::new(rises.as_fd(), PollFlags::POLLIN));
            }
            let woken = poll(&mut fds, timeout);
            let events = fds
                .first()
                .and_then(PollFd::revents)
                .unwrap_or(PollFlags::empty());
            // Woken, interrupted or refused: the next write says what is the matter.
            if woken.is_err() || !events.is_empty() {
                return;
            }
            if let Some(rises) = &mut self.poll {
                rises.wait(Some(std::time::Duration::ZERO), &mut Vec::new());
            }
            self.drop_lines();
            (is_full, timeout) = (true, PollTimeout::from(LOOK_EVERY));
        }
    }

    fn drop_lines(&mut self) {
        self.room.resize(PIECE, 0);
        for dropper in &mut self.droppers {
            let half = capacity(dropper.pipe) / 2;
            if fd::pending(dropper.pipe) < half.max(1) {
                continue;
            }
            dropper.drop_all(&mut self.room, self.memory);
        }
    }

    fn of(&mut self, stream: usize) -> Option<&mut Dropper<'a>> {
        let same = |dropper: &&mut Dropper<'a>| dropper.stream == stream;
        self.droppers.iter_mut().find(same)
    }

    /// So much of a stream's head is about to be written.
    pub(super) fn hold(&mut self, stream: usize, length: usize) {
        if let Some(dropper) = self.of(stream) {
            (dropper.held, dropper.taken) = (length, false);
        }
    }

    /// It is written; whether it was taken out of the pipe, and what followed it dropped.
    pub(super) fn release(&mut self, stream: usize) -> bool {
        self.of(stream).is_some_and(|dropper| {
            dropper.held = 0;
            std::mem::take(&mut dropper.taken)
        })
    }

    /// How much of what has come belongs to a line whose beginning was dropped: it goes too.
    pub(super) fn rest_of_line(&mut self, stream: usize, bytes: &[u8]) -> usize {
        let memory = self.memory;
        let Some(dropper) = self.of(stream).filter(|dropper| dropper.cut) else {
            return 0;
        };
        match memchr(b'\n', bytes) {
            Some(newline) => {
                dropper.line_is_over(memory);
                newline.saturating_add(1)
            }
            None => bytes.len(),
        }
    }

    /// What has come of a stream is all.
    pub(super) fn end(&mut self, stream: usize) {
        let memory = self.memory;
        if let Some(dropper) = self.of(stream).filter(|dropper| dropper.cut) {
            dropper.line_is_over(memory);
        }
    }

    /// Lines that were dropped and not told of: whose, and how many. `all`: though it was
    /// said just now that there are some.
    pub(super) fn news(&mut self, all: bool) -> Option<(usize, u64)> {
        if self.droppers.iter().all(|dropper| dropper.untold == 0) {
            return None;
        }
        let now = clock::monotonic();
        let due = |dropper: &&mut Dropper<'a>| {
            let since = dropper.told_at.map(|at| now.since(at).as_millis());
            let is_time = since.is_none_or(|since| since >= u128::from(SAY_EVERY_MILLIS));
            dropper.untold > 0 && (all || is_time)
        };
        let dropper = self.droppers.iter_mut().find(due)?;
        dropper.told_at = Some(now);
        Some((dropper.stream, std::mem::take(&mut dropper.untold)))
    }
}

impl Dropper<'_> {
    /// Empties the pipe of what stands in it now.
    fn drop_all(&mut self, room: &mut [u8], memory: &Memory) {
        let mut held = std::mem::take(&mut self.held);
        self.taken |= held > 0;
        let own = self.taken;
        let mut left = fd::pending(self.pipe);
        let mut last = None;
        let mut lines = 0;
        while left > 0 {
            let part = left.min(room.len());
            let Some(part) = room.get_mut(..part) else {
                break;
            };
            // There is so much, and nobody else reads: this doesn't wait.
            let count = match read(self.pipe, part) {
                Ok(count @ 1..) => count,
                Err(nix::errno::Errno::EINTR) => continue,
                Ok(0) | Err(_) => break,
            };
            left = left.saturating_sub(count);
            let skipped = held.min(count);
            held = held.saturating_sub(skipped);
            let dropped = room.get(skipped..count).unwrap_or_default();
            lines += memchr_iter(b'\n', dropped).count();
            last = dropped.last().copied().or(last);
        }
        let Some(last) = last else {
            return;
        };
        // Of the one that is being written this is said when it is.
        if !own {
            memory.set_unfinished(self.stream, Unfinished::default());
        }
        self.cut = last != b'\n';
        self.count(lines, memory);
    }

    fn line_is_over(&mut self, memory: &Memory) {
        self.cut = false;
        self.count(1, memory);
    }

    fn count(&mut self, lines: usize, memory: &Memory) {
        memory.tallies.dropped(self.stream, lines);
        let lines = u64::try_from(lines).unwrap_or(0);
        self.untold = self.untold.saturating_add(lines);
    }
}
