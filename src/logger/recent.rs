//! The last lines of each service, so that the end of the container can repeat those of
//! its culprit. They stand in memory that outlives the logger, half a page for each
//! service that writes; a logger killed between writing and noting repeats a piece here too.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use crate::sys::error::Errno;
use crate::sys::shared;

/// How much of a service's output is kept; with the last line of all it fits into what
/// Kubernetes shows of an end.
pub(super) const ROOM: usize = 2048;
/// How many lines of it are given back.
const MOST_LINES: usize = 10;

pub(super) struct Recent {
    /// Who wrote last, by its number plus one; 0 for nobody.
    latest: &'static AtomicU32,
    /// How many bytes each has written; twice round and more, as often as matters.
    counts: &'static [AtomicU32],
    text: &'static [AtomicU8],
}

impl Recent {
    /// For this many writers.
    ///
    /// # Errors
    /// ENOMEM.
    pub(super) fn new(writers: usize) -> Result<Self, Errno> {
        let words = shared::words(writers.saturating_add(1))?;
        let (latest, counts) = words.split_first().ok_or(nix::errno::Errno::EINVAL)?;
        Ok(Self {
            latest,
            counts,
            text: shared::bytes(writers.saturating_mul(ROOM))?,
        })
    }

    /// Notes what one of them wrote. Who isn't there leaves nothing.
    pub(super) fn keep(&self, writer: usize, parts: [&[u8]; 3]) {
        let (Some(word), Some(room)) = (self.counts.get(writer), self.room(writer)) else {
            return;
        };
        let mut count = number(word);
        for part in parts {
            let part = part
                .get(part.len().saturating_sub(ROOM)..)
                .unwrap_or_default();
            let (newer, older) = room.split_at_checked(count % ROOM).unwrap_or_default();
            for (cell, byte) in older.iter().chain(newer).zip(part) {
                cell.store(*byte, Ordering::Relaxed);
            }
            count = count.saturating_add(part.len());
        }
        if count >= 2 * ROOM {
            count = ROOM + count % ROOM;
        }
        word.store(u32::try_from(count).unwrap_or(0), Ordering::SeqCst);
        self.latest.store(name(writer), Ordering::SeqCst);
    }

    /// Whether nobody has written since this one did.
    pub(super) fn is_latest(&self, writer: usize) -> bool {
        self.latest.load(Ordering::SeqCst) == name(writer)
    }

    /// Takes over what another has, as far as there is room for it.
    pub(super) fn copy(&self, from: &Self) {
        let copy = |from: &AtomicU32, to: &AtomicU32| {
            to.store(from.load(Ordering::SeqCst), Ordering::SeqCst);
        };
        copy(from.latest, self.latest);
        for (from, to) in from.counts.iter().zip(self.counts) {
            copy(from, to);
        }
        for writer in (0..from.counts.len()).filter(|writer| from.wrote(*writer)) {
            let rooms = from.room(writer).zip(self.room(writer));
            for (from, to) in rooms.iter().flat_map(|(from, to)| from.iter().zip(*to)) {
                to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
    }

    fn wrote(&self, writer: usize) -> bool {
        self.counts.get(writer).is_some_and(|word| number(word) > 0)
    }

    /// It has written nothing.
    pub(super) fn forget(&self, writer: usize) {
        if let Some(word) = self.counts.get(writer) {
            word.store(0, Ordering::SeqCst);
        }
    }

    /// The last lines that it wrote.
    pub(super) fn lines(&self, writer: usize) -> Vec<String> {
        let (Some(word), Some(room)) = (self.counts.get(writer), self.room(writer)) else {
            return Vec::new();
        };
        let count = number(word);
        let (newer, older) = room.split_at_checked(count % ROOM).unwrap_or_default();
        let cells = older.iter().chain(newer).skip(ROOM.saturating_sub(count));
        let bytes: Vec<u8> = cells.map(|cell| cell.load(Ordering::Relaxed)).collect();
        last_lines(&bytes, count >= ROOM)
    }

    fn room(&self, writer: usize) -> Option<&[AtomicU8]> {
        let start = writer.checked_mul(ROOM)?;
        self.text.get(start..start.checked_add(ROOM)?)
    }
}

fn number(word: &AtomicU32) -> usize {
    usize::try_from(word.load(Ordering::SeqCst)).unwrap_or(0)
}

/// How `latest` names a writer.
fn name(writer: usize) -> u32 {
    u32::try_from(writer).unwrap_or(u32::MAX).saturating_add(1)
}

/// Those at the end, oldest first. `torn`: more stood before the first byte.
fn last_lines(bytes: &[u8], torn: bool) -> Vec<String> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let mut lines = Vec::new();
    for line in bytes.rsplit(|byte| *byte == b'\n').take(MOST_LINES) {
        let cut = torn && line.as_ptr() == bytes.as_ptr();
        if cut && !lines.is_empty() {
            break;
        }
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches('\r');
        lines.push(if cut {
            format!("… {text}")
        } else {
            text.to_owned()
        });
    }
    lines.reverse();
    // Nothing was written, or nothing but an empty line.
    if lines.iter().all(String::is_empty) {
        lines.clear();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        last_lines(text.as_bytes(), false)
    }

    #[test]
    fn the_last_ten_lines_are_given_back_in_order() {
        assert!(of("").is_empty());
        assert!(of("\n").is_empty());
        assert_eq!(of("one\ntwo\r\n"), ["one", "two"]);
        assert_eq!(of("one\n\ntwo"), ["one", "", "two"]);
        let many: String = (0..20).map(|number| format!("{number}\n")).collect();
        let expected: Vec<String> = (10..20).map(|number: i32| number.to_string()).collect();
        assert_eq!(of(&many), expected);
    }

    #[test]
    fn a_line_whose_beginning_is_lost_is_left_out_or_alone_and_marked() {
        assert_eq!(last_lines(b"ne\ntwo\n", true), ["two"]);
        assert_eq!(last_lines(b"the end\n", true), ["… the end"]);
    }

    #[test]
    fn a_writer_keeps_its_end_however_it_is_written() {
        let recent = Recent::new(2).unwrap();
        assert!(recent.lines(1).is_empty() && !recent.is_latest(1));
        let mut written = 0;
        for piece in [1, 7, ROOM, ROOM - 1, 9000, 3] {
            let text = "y".repeat(piece) + "\n";
            recent.keep(1, [b"be", b"gin ", text.as_bytes()]);
            written += text.len();
        }
        assert!(written > 2 * ROOM && recent.is_latest(1));
        assert_eq!(recent.lines(1).last().unwrap(), "begin yyy");
        recent.keep(0, [b"", b"other", b"\n"]);
        recent.keep(usize::MAX, [b"", b"nobody", b"\n"]);
        assert!(recent.is_latest(0) && !recent.is_latest(1));
        assert_eq!(recent.lines(0), ["other"]);
        assert!(recent.lines(2).is_empty());
    }
}
