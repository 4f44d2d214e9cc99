//! Rings read as one story: the entries of those that were chosen, in the order in which
//! they came, none twice and none left out but those that were written over meanwhile.
//!
//! A round takes what can be seen at its beginning (`Rings::done`). What came later is
//! later in every ring, so the next round goes on exactly where this one ended.

use std::collections::VecDeque;

use memchr::memchr_iter;

use super::level;
use super::ring::{Entry, Head, Place, Rings};
use crate::core::sorted::Map;

/// What of the past is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Past {
    /// No more than so many lines of it.
    pub lines: Option<usize>,
    /// Nothing that came before this, in Unix milliseconds.
    pub since: Option<i64>,
    /// Nothing up to the line of this number.
    pub after: u64,
    /// Nothing that says of itself to be of another level than these, of syslog's 0 to 7.
    pub levels: Option<(u8, u8)>,
}

/// The rings of some services.
pub(super) struct History<'a> {
    rings: &'a Rings,
    places: Vec<(usize, Place)>,
    /// The next entry of each ring, as far as this round goes.
    heads: Map<u64, (usize, Head)>,
    past: Past,
}

/// An entry of one of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// Whose: the place among those that were chosen.
    pub(super) chosen: usize,
    pub(super) entry: Entry,
    /// Something of this ring's was written over before it.
    pub(super) lost: bool,
}

/// One line of an entry, or the part of it that is there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'b> {
    /// Later ones have higher numbers, in all rings.
    pub(super) number: u64,
    /// Without its newline.
    pub(super) bytes: &'b [u8],
    /// Its beginning stood in another entry.
    pub(super) begun: bool,
    /// It goes on in another entry.
    pub(super) unended: bool,
    /// Its beginning is lost.
    pub(super) torn: bool,
}

impl<'a> History<'a> {
    /// Of these rings, by their numbers.
    pub(super) fn new(rings: &'a Rings, chosen: &[usize], past: Past) -> Self {
        let mut this = Self {
            rings,
            places: chosen
                .iter()
                .map(|ring| (*ring, rings.first(*ring)))
                .collect(),
            heads: Map::new(),
            past,
        };
        if past.after > 0 {
            this.mark_what_is_missing();
        }
        if let Some(lines) = past.lines {
            this.past.after = this.before_the_last(lines);
        }
        this
    }

    /// The number of the line behind which this begins; 0 where it begins with the first.
    pub(super) const fn begins_after(&self) -> u64 {
        self.past.after
    }

    /// Who goes on behind a line has missed what was written over since; that there was
    /// something is likely where nothing up to that line is left.
    fn mark_what_is_missing(&mut self) {
        for (ring, place) in &mut self.places {
            let begins = self.rings.peek(*ring, place).map(|head| head.entry.number);
            place.lost |= place.at > 0 && begins.is_some_and(|number| number > self.past.after);
        }
    }

    /// Behind which number the last so many lines begin.
    fn before_the_last(&self, lines: usize) -> u64 {
        let past = Past {
            lines: None,
            ..self.past
        };
        let chosen: Vec<usize> = self.places.iter().map(|(ring, _)| *ring).collect();
        let mut history = History::new(self.rings, &chosen, past);
        let until = self.rings.done();
        let (mut entries, mut sum, mut bytes) = (VecDeque::new(), 0usize, Vec::new());
        while let Some(found) = history.next(until, &mut bytes) {
            let count = history.lines(&found.entry, &bytes).count();
            sum = sum.saturating_add(count);
            entries.push_back((found.entry.number, count));
            while let Some((_, first)) = entries.front()
                && sum.saturating_sub(*first) >= lines
            {
                sum = sum.saturating_sub(*first);
                entries.pop_front();
            }
        }
        let Some((number, _)) = entries.front() else {
            return until;
        };
        // Of that entry the first lines may be too many.
        let Some(last_left_out) = sum.saturating_sub(lines).checked_sub(1) else {
            return *number;
        };
        let after = *number;
        let mut history = History::new(self.rings, &chosen, Past { after, ..past });
        let first = history.next(until, &mut bytes);
        let first = first.filter(|found| found.entry.number == after);
        let left_out = first.and_then(|found| {
            let mut lines = history.lines(&found.entry, &bytes);
            lines.nth(last_left_out).map(|line| line.number)
        });
        left_out.unwrap_or(after)
    }

    /// All that came before this number, one entry a call; nothing at the end of the round.
    pub(super) fn next(&mut self, until: u64, bytes: &mut Vec<u8>) -> Option<Found> {
        if self.heads.is_empty() {
            (0..self.places.len()).for_each(|chosen| self.look(chosen, until));
        }
        loop {
            let (_, (chosen, head)) = self.heads.pop_first()?;
            let (ring, place) = self.places.get_mut(chosen)?;
            let there = self.rings.read(*ring, place, &head, bytes);
            let lost = there && std::mem::take(&mut place.lost);
            self.look(chosen, until);
            if there && self.wants(&head) {
                let entry = head.entry;
                return Some(Found {
                    chosen,
                    entry,
                    lost,
                });
            }
        }
    }

    fn look(&mut self, chosen: usize, until: u64) {
        if let Some((ring, place)) = self.places.get_mut(chosen)
            && let Some(head) = self.rings.peek(*ring, place)
            && head.entry.number < until
        {
            self.heads.insert(head.entry.number, (chosen, head));
        }
    }

    fn wants(&self, head: &Head) -> bool {
        let entry = &head.entry;
        self.past.since.is_none_or(|since| entry.note.time >= since) && head.end() > self.past.after
    }

    /// The lines of an entry that are wanted.
    pub(super) fn lines<'b>(
        &self,
        entry: &Entry,
        bytes: &'b [u8],
    ) -> impl Iterator<Item = Line<'b>> {
        let Past { after, levels, .. } = self.past;
        let wants = move |line: &Line<'_>| {
            let said = levels.zip(level::of(line.bytes));
            said.is_none_or(|((first, last), level)| (first..=last).contains(&level))
        };
        lines(*entry, bytes).filter(move |line| line.number > after && wants(line))
    }
}

fn lines(entry: Entry, bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut start = 0usize;
    let ends = memchr_iter(b'\n', bytes).map(|newline| newline.saturating_add(1));
    let rest = (!bytes.ends_with(b"\n")).then_some(bytes.len());
    ends.chain(rest).map(move |end| {
        let first = start == 0;
        let line = bytes.get(start..end).unwrap_or_default();
        start = end;
        Line {
            number: entry
                .number
                .saturating_add(u64::try_from(end).unwrap_or(u64::MAX)),
            bytes: line.strip_suffix(b"\n").unwrap_or(line),
            begun: first && entry.note.begun,
            unended: end == bytes.len() && entry.note.unended,
            torn: first && entry.torn,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::ring::Note;
    use super::*;

    fn keep(rings: &Rings, ring: usize, time: i64, text: &str) {
        let note = Note {
            time,
            ..Note::default()
        };
        rings.keep(ring, note, [b"", text.as_bytes(), b""]);
    }

    /// All of a round, with the place of whose it is before each line.
    fn told(history: &mut History<'_>) -> Vec<String> {
        let (until, mut bytes, mut all) = (history.rings.done(), Vec::new(), Vec::new());
        while let Some(found) = history.next(until, &mut bytes) {
            if found.lost {
                all.push(format!("{} lost", found.chosen));
            }
            for line in history.lines(&found.entry, &bytes) {
                all.push(format!(
                    "{}{}",
                    found.chosen,
                    String::from_utf8_lossy(line.bytes)
                ));
            }
        }
        all
    }

    fn some() -> Rings {
        let rings = Rings::new(&[4096, 4096, 4096]).unwrap();
        keep(&rings, 0, 1, "a\nb\n");
        keep(&rings, 1, 2, "c\nd\n");
        keep(&rings, 2, 3, "not chosen\n");
        keep(&rings, 0, 4, "e\nf\ng\n");
        rings
    }

    #[test]
    fn rings_are_merged_and_followed_without_a_seam() {
        let rings = some();
        let mut history = History::new(&rings, &[0, 1], Past::default());
        assert_eq!(
            told(&mut history),
            ["0a", "0b", "1c", "1d", "0e", "0f", "0g"]
        );
        assert!(told(&mut history).is_empty());
        keep(&rings, 1, 5, "h\n");
        keep(&rings, 0, 6, "i\n");
        assert_eq!(told(&mut history), ["1h", "0i"]);
    }

    #[test]
    fn a_round_ends_where_it_began_to_look() {
        let rings = some();
        let mut history = History::new(&rings, &[1, 0], Past::default());
        let (until, mut bytes) = (rings.done(), Vec::new());
        let mut count = 0;
        while history.next(until, &mut bytes).is_some() {
            keep(&rings, 0, 7, "later\n");
            count += 1;
        }
        assert_eq!(count, 3);
        assert_eq!(told(&mut history), ["1later"; 3]);
    }

    #[test]
    fn the_last_lines_those_since_a_time_and_those_behind_a_number_are_told() {
        let rings = some();
        let of = |past| told(&mut History::new(&rings, &[0, 1], past));
        for (lines, wanted) in [
            (0, &[][..]),
            (1, &["0g"]),
            (4, &["1d", "0e", "0f", "0g"]),
            (5, &["1c", "1d", "0e", "0f", "0g"]),
            (100, &["0a", "0b", "1c", "1d", "0e", "0f", "0g"]),
        ] {
            let lines = Some(lines);
            let past = Past {
                lines,
                ..Past::default()
            };
            assert_eq!(of(past), wanted, "{lines:?}");
            // Who is cut off before the first line goes on there.
            let after = History::new(&rings, &[0, 1], past).begins_after();
            let again = Past {
                after,
                ..Past::default()
            };
            let told = of(again).into_iter().filter(|line| !line.ends_with("lost"));
            assert_eq!(told.collect::<Vec<_>>(), wanted, "{lines:?}");
        }
        let since = Some(2);
        let past = Past {
            since,
            lines: Some(4),
            ..Past::default()
        };
        assert_eq!(of(past), ["1d", "0e", "0f", "0g"]);
        let mut past = Past {
            since,
            ..Past::default()
        };
        assert_eq!(of(past).len(), 5);
        past.after = 6;
        assert_eq!(of(past), ["1d", "0e", "0f", "0g"]);
    }

    #[test]
    fn what_says_to_be_of_another_level_is_left_out() {
        let rings = some();
        keep(&rings, 0, 5, "\x013bad\n\x016good\n<7>why\nelse\n");
        let levels = Some((0, 3));
        for (lines, wanted) in [(3, &["0g", "0\x013bad", "0else"][..]), (1, &["0else"])] {
            let lines = Some(lines);
            let past = Past {
                lines,
                levels,
                ..Past::default()
            };
            assert_eq!(told(&mut History::new(&rings, &[0], past)), wanted);
        }
    }

    #[test]
    fn nothing_of_the_past_but_all_that_follows() {
        let rings = some();
        let past = Past {
            lines: Some(0),
            ..Past::default()
        };
        let mut history = History::new(&rings, &[0], past);
        keep(&rings, 0, 5, "new\n");
        assert_eq!(told(&mut history), ["0new"]);
    }

    #[test]
    fn who_is_overtaken_or_comes_back_too_late_is_told_so() {
        let rings = some();
        let mut history = History::new(&rings, &[0], Past::default());
        assert_eq!(told(&mut history).len(), 5);
        let after = rings.done();
        for number in 0..1000 {
            keep(&rings, 0, 5, &format!("{number}\n"));
        }
        let overtaken = told(&mut history);
        assert_eq!(overtaken.first().unwrap(), "0 lost");
        assert_eq!(overtaken.last().unwrap(), "0999");
        let past = Past {
            after,
            ..Past::default()
        };
        assert_eq!(told(&mut History::new(&rings, &[0], past)), overtaken);
    }

    #[test]
    fn a_line_that_goes_on_is_marked_at_its_seams_alone() {
        let entry = Entry {
            number: 10,
            note: Note {
                begun: true,
                unended: true,
                ..Note::default()
            },
            torn: true,
        };
        let marks = |line: Line<'_>| (line.number, line.begun, line.unended, line.torn);
        let all: Vec<_> = lines(entry, b"a\n\nb").map(marks).collect();
        let expected = [
            (12, true, false, true),
            (13, false, false, false),
            (14, false, true, false),
        ];
        assert_eq!(all, expected);
    }
}
