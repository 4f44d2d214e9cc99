//! The lines of a unit file (`systemd.syntax(7)`): sections, `Key=value`, comments, and
//! lines that a backslash continues.

use std::borrow::Cow;
use std::ops::Range;

/// What blanks are to systemd.
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

// By bytes: all of this is done for every line of every unit.
fn trim_start(text: &str) -> &str {
    let from = text.bytes().position(|byte| !is_blank(byte));
    text.get(from.unwrap_or(text.len())..).unwrap_or_default()
}

fn trim_end(text: &str) -> &str {
    let last = text.bytes().rposition(|byte| !is_blank(byte));
    text.get(..last.map_or(0, |last| last + 1))
        .unwrap_or_default()
}

/// What one line, continued or not, says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// `[Name]`, and its place.
    Section(Cow<'a, str>, Range<usize>),
    /// `key=value`, with the place of both.
    Assignment {
        key: Cow<'a, str>,
        value: Cow<'a, str>,
        at: Range<usize>,
    },
    /// None of it.
    Wrong(Wrong, Range<usize>),
}

/// Why a line says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// A `[` without its `]`.
    Header,
    /// No `=`.
    NoValue,
    /// Nothing before the `=`.
    NoKey,
    /// It isn't text.
    NotUtf8,
}

/// All lines that say something, in order. Whatever the text is, this comes to its end.
/// A byte order mark that begins one of them is no part of it: one, and no second one.
pub(crate) fn lines(text: &str) -> Lines<'_> {
    Lines {
        text,
        at: 0,
        marked: false,
        // Files rarely have anything of the kind, so that their lines needn't be looked through.
        has_marks: text.contains(char::REPLACEMENT_CHARACTER),
    }
}

const MARK: char = '\u{feff}';

pub(crate) struct Lines<'a> {
    text: &'a str,
    at: usize,
    /// A byte order mark was met.
    marked: bool,
    /// Somewhere in it is something that wasn't UTF-8.
    has_marks: bool,
}

impl<'a> Lines<'a> {
    /// The next line as it stands, without its end: a newline, a carriage return or both,
    /// or a NUL.
    fn physical(&mut self) -> Option<Range<usize>> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr3(b'\n', b'\r', 0, rest.as_bytes());
        let length = length.unwrap_or(rest.len());
        let mut line = self.at..self.at + length;
        let ends = rest.as_bytes().get(length..).unwrap_or_default();
        let both = matches!(ends, [b'\r', b'\n', ..] | [b'\n', b'\r', ..]);
        self.at = line.end + if both { 2 } else { 1 };
        if !self.marked && rest.starts_with(MARK) {
            self.marked = true;
            line.start += MARK.len_utf8();
        }
        Some(line)
    }

    fn slice(&self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or_default()
    }

    /// The next line with all that continues it: its text, and where it stands.
    fn logical(&mut self) -> Option<(Cow<'a, str>, Range<usize>)> {
        let mut whole: Option<(String, usize)> = None;
        while let Some(line) = self.physical() {
            let text = self.slice(line.clone());
            if matches!(trim_start(text).bytes().next(), Some(b'#' | b';')) {
                continue;
            }
            let goes_on = text.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1;
            if !goes_on {
                return Some(match whole {
                    None => (Cow::Borrowed(text), line),
                    Some((mut before, start)) => {
                        before.push_str(text);
                        (Cow::Owned(before), start..line.end)
                    }
                });
            }
            let (before, _) = whole.get_or_insert_with(|| (String::new(), line.start));
            before.push_str(text.strip_suffix('\\').unwrap_or(text));
            before.push(' ');
        }
        let end = self.text.len();
        whole.map(|(text, start)| (Cow::Owned(text), start..end))
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        loop {
            let (text, place) = self.logical()?;
            let trimmed = trim_end(trim_start(&text));
            if trimmed.is_empty() {
                continue;
            }
            let start = place.start + (text.len() - trim_start(&text).len());
            let at = start..place.end.max(start);
            if self.has_marks && trimmed.contains(char::REPLACEMENT_CHARACTER) {
                return Some(Line::Wrong(Wrong::NotUtf8, at));
            }
            // What is borrowed from the file stays so.
            let keep = |part: &str| match &text {
                Cow::Borrowed(text) => {
                    let from = part.as_ptr().addr() - text.as_ptr().addr();
                    Cow::Borrowed(text.get(from..from + part.len()).unwrap_or_default())
                }
                Cow::Owned(_) => Cow::Owned(part.to_owned()),
            };
            if let Some(rest) = trimmed.strip_prefix('[') {
                return Some(match rest.strip_suffix(']') {
                    Some(name) => Line::Section(keep(name), at),
                    None => Line::Wrong(Wrong::Header, at),
                });
            }
            let Some((key, value)) = trimmed.split_once('=') else {
                return Some(Line::Wrong(Wrong::NoValue, at));
            };
            let key = trim_end(key);
            if key.is_empty() {
                return Some(Line::Wrong(Wrong::NoKey, at));
            }
            return Some(Line::Assignment {
                key: keep(key),
                value: keep(trim_start(value)),
                at,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        lines(text)
            .map(|line| match line {
                Line::Section(name, _) => format!("[{name}]"),
                Line::Assignment { key, value, .. } => format!("{key}={value}"),
                Line::Wrong(wrong, at) => format!("{wrong:?} {}", &text[at]),
            })
            .collect()
    }

    #[test]
    fn blanks_around_are_dropped_and_comments_only_begin_lines() {
        assert_eq!(
            read("# c\n ; c\n\n[Unit]\n  A = b # c \nB==\nC=\n"),
            ["[Unit]", "A=b # c", "B==", "C="]
        );
    }

    #[test]
    fn a_backslash_at_the_end_becomes_a_blank_and_comments_between_dont_end_it() {
        // Compared with systemd 252: the blanks that begin the next line stay.
        assert_eq!(
            read("A=a\\\n  # c\n     b\\\\\nB=1"),
            ["A=a      b\\\\", "B=1"]
        );
        assert_eq!(read("A=a\\\n\nB=1"), ["A=a", "B=1"]);
        assert_eq!(read("A=x\\\r\n  y\r\nB=1\r"), ["A=x   y", "B=1"]);
        assert_eq!(read("A=a \\"), ["A=a"]);
        assert_eq!(read("A\\\n=b"), ["A=b"]);
    }

    #[test]
    fn a_byte_order_mark_at_the_head_is_passed_over() {
        let marked = "\u{feff}[Unit]\nA=b";
        assert_eq!(read(marked), ["[Unit]", "A=b"]);
        let section = Line::Section("Unit".into(), 3..9);
        assert_eq!(lines(marked).next(), Some(section));
        assert_eq!(
            read("[Unit]\n\u{feff}A=b\n\u{feff}C=d"),
            ["[Unit]", "A=b", "\u{feff}C=d"]
        );
    }

    #[test]
    fn what_is_no_line_is_told_with_its_place() {
        assert_eq!(
            read("[Unit\nword \n=x\nA=\u{fffd}"),
            [
                "Header [Unit",
                "NoValue word ",
                "NoKey =x",
                "NotUtf8 A=\u{fffd}"
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_an_end_and_every_place_is_in_it(text in "[\\[\\]=#; \\\\\n\r\0aé\u{fffd}]{0,60}") {
            let mut count = 0;
            for line in lines(&text) {
                count += 1;
                let (Line::Section(_, at) | Line::Wrong(_, at) | Line::Assignment { at, .. }) = line;
                proptest::prop_assert!(text.get(at).is_some());
            }
            proptest::prop_assert!(count <= text.len());
        }
    }
}
