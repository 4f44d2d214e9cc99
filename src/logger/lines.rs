//! The pure part: where the head of a stream may be cut, and how what was cut looks.
//! Knows no descriptor, so that every case can be tried with plain bytes.
//!
//! A line that is too long to wait for its end is written in pieces. A piece ends with
//! ` …` and a newline of ours, and the next begins with `… ` after the name:
//!
//! ```text
//! web: the first 64 KiB of a very long li …
//! web: … ne
//! ```

use memchr::{memchr_iter, memrchr};

use super::record::Record;
use super::stamp::Stamp;
use super::{Stream, Style, Target};

/// What ends a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The newline of its last line.
    Newline,
    /// Nothing: the line goes on.
    Piece,
    /// Nothing: the run is over, and so is the line.
    Rest,
}

/// The length of all complete lines at the head of `bytes`, if there is one.
pub(super) fn complete(bytes: &[u8]) -> Option<usize> {
    memrchr(b'\n', bytes).map(|newline| newline.saturating_add(1))
}

/// The length of the piece to write of a line whose end isn't in `bytes`: all of it, but
/// for a character of UTF-8 whose end is missing too.
pub(super) fn piece(bytes: &[u8]) -> usize {
    // A character has at most three bytes before its last.
    let torn = (1..=3).find_map(|back| {
        let at = bytes.len().checked_sub(back)?;
        let width = match bytes.get(at)? {
            0x80..=0xBF => return None,
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => 1,
        };
        Some(if width > back { at } else { bytes.len() })
    });
    // Never nothing: a caller that cannot go on would ask for ever.
    torn.filter(|length| *length > 0).unwrap_or(bytes.len())
}

/// How the lines of one stream look.
pub(super) struct Frame {
    style: Style,
    /// What a line begins with.
    head: Box<[u8]>,
    /// What the next piece of a line begins with.
    again: Box<[u8]>,
    /// The time stands before that.
    timestamps: bool,
    /// For those whose lines are objects.
    record: Option<Record>,
}

/// What a piece ends with, instead of the newline that its line doesn't have yet.
const CONTINUES: &str = " …\n";

/// The colours of names on a terminal: all that are readable on black and on white,
/// without the reds, which mean that something is wrong.
pub const COLOURS: [u8; 8] = [36, 33, 32, 35, 34, 96, 92, 95];

impl Frame {
    /// `colour` is the number of a colour, if the name is to have one.
    pub(super) fn new(stream: &Stream<'_>, colour: Option<usize>) -> Self {
        let name = stream.name;
        let head = match stream.style {
            Style::Prefix => match colour.and_then(|number| COLOURS.get(number % COLOURS.len())) {
                Some(code) => format!("\x1b[{code}m{name}:\x1b[0m "),
                None => format!("{name}: "),
            },
            Style::Raw | Style::Plain | Style::Own | Style::Json | Style::OwnJson => String::new(),
        };
        let of = match stream.target {
            Target::Out => "stdout",
            Target::Err => "stderr",
        };
        Self {
            style: stream.style,
            timestamps: stream.log.is_some_and(|log| log.timestamps),
            again: format!("{head}… ").into_bytes().into(),
            head: head.into_bytes().into(),
            record: match stream.style {
                Style::Json => Some(Record::new(name, of, b"")),
                Style::OwnJson => Some(Record::new(name, of, b"rinit: ")),
                Style::Prefix | Style::Raw | Style::Plain | Style::Own => None,
            },
        }
    }

    /// It shows when its lines came.
    pub(super) fn needs_stamp(&self) -> bool {
        self.timestamps || self.record.is_some()
    }

    /// It shows how urgent its lines are, where they say it.
    pub(super) fn says_levels(&self) -> bool {
        self.record.is_some()
    }

    /// Whole lines look as they are.
    pub(super) fn is_bare(&self) -> bool {
        self.style == Style::Plain && !self.timestamps
    }

    /// Writes to `out` how it looks: `begin`, which has no newline, and `bytes` behind it.
    /// `begun`: a piece of the first line is out already. `end` says what becomes of what
    /// follows the last newline.
    pub(super) fn render(
        &self,
        stamp: Stamp,
        begun: bool,
        begin: &[u8],
        bytes: &[u8],
        end: End,
        mut out: impl FnMut(&[u8]),
    ) {
        if self.style == Style::Raw {
            out(begin);
            out(bytes);
        } else if let Some(record) = &self.record {
            record.render(stamp, begun, begin, bytes, end, &mut out);
        } else if self.timestamps {
            let timed = |head: &[u8]| [&stamp.time, &b" "[..], head].concat();
            let heads = [&timed(&self.again), &timed(&self.head)];
            lines(heads.map(Vec::as_slice), begun, begin, bytes, end, out);
        } else {
            lines([&self.again, &self.head], begun, begin, bytes, end, out);
        }
    }
}

/// Each line with a head: the first one's, if a piece of it is out, and all others'.
fn lines(
    [again, first]: [&[u8]; 2],
    begun: bool,
    begin: &[u8],
    bytes: &[u8],
    end: End,
    mut out: impl FnMut(&[u8]),
) {
    let mut head = if begun { again } else { first };
    let mut begin = begin;
    let mut start = 0;
    for newline in memchr_iter(b'\n', bytes) {
        let next = newline.saturating_add(1);
        out(head);
        out(begin);
        out(bytes.get(start..next).unwrap_or_default());
        head = first;
        begin = &[];
        start = next;
    }
    let rest = bytes.get(start..).unwrap_or_default();
    if !(begin.is_empty() && rest.is_empty()) {
        out(head);
        out(begin);
        out(rest);
        out(match end {
            End::Piece => CONTINUES.as_bytes(),
            End::Newline | End::Rest => b"\n",
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::output::Log;
    use proptest::prelude::*;
    use std::os::fd::AsFd;

    /// The frame of a stream named "web".
    fn frame(style: Style, colour: Option<usize>, timestamps: bool) -> Frame {
        let input = std::io::stdin();
        let log = Log {
            timestamps,
            ..Log::default()
        };
        let stream = Stream {
            name: "web",
            target: Target::Out,
            style,
            log: Some(&log),
            writer: 0,
            pattern: None,
            read: Some(input.as_fd()),
        };
        Frame::new(&stream, colour)
    }

    fn rendered(style: Style, bytes: &[u8], begun: bool, end: End) -> String {
        let mut text = Vec::new();
        frame(style, None, false).render(Stamp::default(), begun, b"", bytes, end, |part| {
            text.extend_from_slice(part);
        });
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn each_line_gets_the_name_and_an_empty_one_too() {
        let text = rendered(Style::Prefix, b"one\n\ntwo\n", false, End::Newline);
        assert_eq!(text, "web: one\nweb: \nweb: two\n");
    }

    #[test]
    fn the_rest_of_a_run_gets_the_newline_that_it_lacks() {
        let text = rendered(Style::Prefix, b"one\ntwo", false, End::Rest);
        assert_eq!(text, "web: one\nweb: two\n");
    }

    #[test]
    fn a_line_in_pieces_is_marked_at_every_seam() {
        assert_eq!(
            rendered(Style::Prefix, b"a", false, End::Piece),
            "web: a …\n"
        );
        assert_eq!(
            rendered(Style::Prefix, b"b", true, End::Piece),
            "web: … b …\n"
        );
        assert_eq!(
            rendered(Style::Prefix, b"c\nd\n", true, End::Newline),
            "web: … c\nweb: d\n"
        );
    }

    #[test]
    fn raw_output_is_what_went_in() {
        for end in [End::Newline, End::Piece, End::Rest] {
            assert_eq!(rendered(Style::Raw, b"a\nb", true, end), "a\nb");
        }
    }

    #[test]
    fn rinit_s_own_lines_get_no_name() {
        assert_eq!(
            rendered(Style::Own, b"rinit: x\n", false, End::Newline),
            "rinit: x\n"
        );
    }

    #[test]
    fn the_time_stands_before_the_name_of_each_line_and_piece() {
        let mut text = Vec::new();
        let stamp = Stamp::new(1_000_000_000, 0);
        let frame = frame(Style::Prefix, None, true);
        frame.render(stamp, true, b"", b"a\nb\n", End::Newline, |part| {
            text.extend_from_slice(part);
        });
        let time = "1970-01-01T00:00:01.000Z";
        assert_eq!(
            String::from_utf8(text).unwrap(),
            format!("{time} web: … a\n{time} web: b\n")
        );
    }

    #[test]
    fn a_coloured_name_is_reset_before_the_line_and_is_never_red() {
        for number in 0..20 {
            let mut text = Vec::new();
            frame(Style::Prefix, Some(number), false).render(
                Stamp::default(),
                false,
                b"",
                b"x\n",
                End::Newline,
                |part| text.extend_from_slice(part),
            );
            let text = String::from_utf8(text).unwrap();
            assert!(text.ends_with("mweb:\x1b[0m x\n"), "{text:?}");
            assert!(!text.contains("[31m") && !text.contains("[91m"), "{text:?}");
        }
    }

    #[test]
    fn a_piece_ends_before_a_character_that_is_cut() {
        for character in ["é", "…", "🦀"] {
            let whole = format!("abc{character}");
            assert_eq!(piece(whole.as_bytes()), whole.len(), "{character}");
            for cut in 1..character.len() {
                let bytes = &whole.as_bytes()[..3 + cut];
                assert_eq!(piece(bytes), 3, "{character} cut after {cut}");
                assert_eq!(piece(&bytes[3..]), cut, "never nothing");
            }
        }
        assert_eq!(piece(&[b'a', 0xFF]), 2);
        assert_eq!(piece(&[0x80; 9]), 9);
        assert_eq!(piece(&[]), 0);
    }

    /// What should come out, said the slow way: byte by byte over the whole stream.
    fn naive(bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        let mut at_start = true;
        for byte in bytes {
            if at_start {
                text.extend_from_slice(b"web: ");
            }
            text.push(*byte);
            at_start = *byte == b'\n';
        }
        if !at_start {
            text.push(b'\n');
        }
        text
    }

    /// Takes out the seams of lines that were written in pieces.
    fn joined(text: &[u8]) -> Vec<u8> {
        let seam = " …\nweb: … ".as_bytes();
        let mut joined = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.first() {
            if let Some(after) = rest.strip_prefix(seam) {
                rest = after;
            } else {
                joined.push(*first);
                rest = &rest[1..];
            }
        }
        joined
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(
            prop_oneof![Just(b'\n'), Just(0u8), Just(0xE2), any::<u8>()],
            0..200,
        )
    }

    proptest! {
        /// The cuts are the logger's: whole lines at once, an unfinished one kept until it
        /// is `most` long.
        #[test]
        fn whatever_bytes_come_in_whatever_pieces_the_lines_are_those_of_the_whole(
            bytes in bytes(), writes in prop::collection::vec(1..40usize, 1..30), most in 1..60usize
        ) {
            let frame = frame(Style::Prefix, None, false);
            let stamp = Stamp::default();
            let mut text = Vec::new();
            let mut pipe: Vec<u8> = Vec::new();
            let mut begin: Vec<u8> = Vec::new();
            let mut begun = false;
            let mut unwritten = bytes.as_slice();
            let mut writes = writes.iter().cycle();
            while !unwritten.is_empty() || !pipe.is_empty() {
                let (now, later) = unwritten.split_at((*writes.next().unwrap()).min(unwritten.len()));
                pipe.extend_from_slice(now);
                unwritten = later;
                let mut out = |part: &[u8]| text.extend_from_slice(part);
                let length = if let Some(length) = complete(&pipe) {
                    frame.render(stamp, begun, &begin, &pipe[..length], End::Newline, &mut out);
                    begun = false;
                    begin.clear();
                    length
                } else if begin.len() + pipe.len() <= most {
                    begin.extend_from_slice(&pipe);
                    pipe.len()
                } else {
                    let length = piece(&pipe);
                    frame.render(stamp, begun, &begin, &pipe[..length], End::Piece, &mut out);
                    begun = true;
                    begin.clear();
                    length
                };
                pipe.drain(..length);
            }
            frame.render(stamp, begun, &begin, b"", End::Rest, |part| text.extend_from_slice(part));
            // A line whose last piece came last has the mark of one that goes on.
            let text = if begun && begin.is_empty() {
                [text.strip_suffix(CONTINUES.as_bytes()).unwrap(), b"\n"].concat()
            } else {
                text
            };
            prop_assert_eq!(joined(&text), naive(&bytes));
        }
    }
}
