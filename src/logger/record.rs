//! How a stream's lines look as JSON: each becomes an object of its own (`json`).
//!
//! | line | becomes |
//! | --- | --- |
//! | text | `time`, `service`, `stream`, `pid` (where it is known), `message` |
//! | of more than 64 KiB | one such object a piece, with `"partial":true` in all but the last |
//! | not UTF-8 | what isn't is U+FFFD in `message`, and `base64` has the line's own bytes |
//! | of syslog or the journal | the same with `priority`, 0 to 7, where its sender says it |
//! | a JSON object | itself, with `service` and `stream` in front where it has none |

use memchr::memchr_iter;

use super::json::{Object, base64, escaped};
use super::level;
use super::lines::End;
use super::stamp::Stamp;

/// What a head ends with.
const MESSAGE: &[u8] = b",\"message\":\"";

/// The head of a line that says how urgent it is.
fn urgent(head: &[u8], level: u8) -> Vec<u8> {
    let before = head.strip_suffix(MESSAGE).unwrap_or(head);
    [before, b",\"priority\":", &[b'0' + level], MESSAGE].concat()
}

/// The names that a stream's objects have.
pub(super) struct Record {
    /// `"service":"web"`.
    service: Box<[u8]>,
    /// `"stream":"stdout"`.
    stream: Box<[u8]>,
    /// What the service's lines begin with and their messages don't.
    without: &'static [u8],
}

impl Record {
    /// Names need no escape: they are letters, digits and a few signs.
    pub(super) fn new(service: &str, stream: &str, without: &'static [u8]) -> Self {
        let member = |key: &str, value: &str| {
            let text = ["\"", key, "\":\"", value, "\""].concat();
            text.into_bytes().into()
        };
        Self {
            service: member("service", service),
            stream: member("stream", stream),
            without,
        }
    }

    /// As `Frame::render`.
    pub(super) fn render(
        &self,
        stamp: Stamp,
        begun: bool,
        begin: &[u8],
        bytes: &[u8],
        end: End,
        out: &mut impl FnMut(&[u8]),
    ) {
        let head = self.head(stamp);
        let mut begun = begun;
        let mut begin = begin;
        let mut start = 0;
        let mut one = |begun: bool, begin: &[u8], line: &[u8], partial: bool| {
            let whole;
            let line = if begin.is_empty() {
                line
            } else {
                whole = [begin, line].concat();
                &whole
            };
            let (level, line) = if stamp.levels {
                level::split(line)
            } else {
                (None, line)
            };
            let head = match level {
                None => &head,
                Some(level) => &urgent(&head, level),
            };
            self.line(head, begun, line, partial, out);
        };
        for newline in memchr_iter(b'\n', bytes) {
            one(
                begun,
                begin,
                bytes.get(start..newline).unwrap_or_default(),
                false,
            );
            begun = false;
            begin = &[];
            start = newline.saturating_add(1);
        }
        let rest = bytes.get(start..).unwrap_or_default();
        if !(begin.is_empty() && rest.is_empty()) {
            one(begun, begin, rest, end == End::Piece);
        }
    }

    /// What every message of a piece begins with.
    fn head(&self, stamp: Stamp) -> Vec<u8> {
        let mut head = b"{\"time\":\"".to_vec();
        for part in [&stamp.time, &b"\","[..], &self.service, b",", &self.stream] {
            head.extend_from_slice(part);
        }
        if stamp.pid != 0 {
            head.extend_from_slice(b",\"pid\":");
            head.extend_from_slice(stamp.pid.to_string().as_bytes());
        }
        head.extend_from_slice(MESSAGE);
        head
    }

    fn line(
        &self,
        head: &[u8],
        begun: bool,
        line: &[u8],
        partial: bool,
        out: &mut impl FnMut(&[u8]),
    ) {
        if !begun
            && !partial
            && let Some(object) = Object::of(line)
        {
            self.complete(object, out);
            return;
        }
        // Comparing with nothing would cost more than all the rest: an empty slice's address
        // is none, and glibc's memcmp has the processor suppress the fault.
        let line = match self.without {
            [] => line,
            without => line.strip_prefix(without).unwrap_or(line),
        };
        out(head);
        let whole = escaped(line, out);
        if !whole {
            out(b"\",\"base64\":\"");
            base64(line, out);
        }
        out(if partial {
            b"\",\"partial\":true}\n"
        } else {
            b"\"}\n"
        });
    }

    /// The object with the names that it lacks.
    fn complete(&self, object: Object<'_>, out: &mut impl FnMut(&[u8])) {
        let names = [
            (object.has_service, &self.service),
            (object.has_stream, &self.stream),
        ];
        let mut before: &[u8] = b"{";
        for (_, name) in names.iter().filter(|(has, _)| !has) {
            out(before);
            out(name);
            before = b",";
        }
        if !object.is_empty {
            out(before);
        }
        out(object.inside);
        out(b"\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn rendered(begun: bool, begin: &[u8], bytes: &[u8], end: End) -> String {
        let mut text = Vec::new();
        let stamp = Stamp::new(0, 7);
        Record::new("web", "stdout", b"").render(stamp, begun, begin, bytes, end, &mut |part| {
            text.extend_from_slice(part);
        });
        String::from_utf8(text).unwrap()
    }

    fn objects(text: &str) -> Vec<Value> {
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_line_is_an_object_and_an_empty_one_too() {
        let text = rendered(false, b"o", b"ne\n\n", End::Newline);
        let expected = "{\"time\":\"1970-01-01T00:00:00.000Z\",\"service\":\"web\",\"stream\":\"stdout\",\"pid\":7,\"message\":\"one\"}\n";
        let (first, second) = text.split_at(expected.len());
        assert_eq!(first, expected);
        assert_eq!(objects(second)[0]["message"], "");
    }

    #[test]
    fn how_urgent_a_line_is_is_said_beside_it() {
        let mut text = Vec::new();
        let stamp = Stamp {
            levels: true,
            ..Stamp::default()
        };
        let record = Record::new("web", "stdout", b"");
        let lines = b"one\n\x013two\n\x016{\"a\":1}\n";
        record.render(stamp, false, b"\x014", lines, End::Newline, &mut |part| {
            text.extend_from_slice(part);
        });
        let said = objects(&String::from_utf8(text).unwrap());
        let of = |at: usize| (said[at]["priority"].as_u64(), said[at]["message"].as_str());
        assert_eq!(
            [of(0), of(1)],
            [(Some(4), Some("one")), (Some(3), Some("two"))]
        );
        assert_eq!(
            said[2],
            json!({"service": "web", "stream": "stdout", "a": 1})
        );
    }

    #[test]
    fn nothing_is_lost_of_what_is_no_text() {
        let text = rendered(false, b"", b"a\0b\xff\x1b[m\n", End::Newline);
        let object = &objects(&text)[0];
        assert_eq!(object["message"], "a\0b\u{fffd}\u{1b}[m");
        assert_eq!(object["base64"], "YQBi/xtbbQ==");
    }

    #[test]
    fn an_object_passes_with_the_names_that_it_lacks() {
        let of = |line: &str| rendered(false, b"", line.as_bytes(), End::Rest);
        assert_eq!(
            of("{ \"a\": 1.0 } \r"),
            "{\"service\":\"web\",\"stream\":\"stdout\", \"a\": 1.0 }\n"
        );
        assert_eq!(
            of("{\"stream\":1,\"a\":2}"),
            "{\"service\":\"web\",\"stream\":1,\"a\":2}\n"
        );
        let both = "{\"stream\":1,\"service\":2}\n";
        assert_eq!(of(both), both);
        let empty = json!({"service": "web", "stream": "stdout"});
        assert_eq!(objects(&of("{ }")), [empty]);
        assert_eq!(objects(&of("{ braces }"))[0]["message"], "{ braces }");
    }

    #[test]
    fn all_pieces_but_the_last_say_that_the_line_goes_on() {
        let first = objects(&rendered(false, b"{\"a\":", b"1}", End::Piece));
        assert_eq!(first[0]["message"], "{\"a\":1}");
        assert_eq!(first[0]["partial"], true);
        let last = objects(&rendered(true, b"", b"{}\n{}\n", End::Newline));
        assert_eq!(last[0]["message"], "{}");
        assert_eq!(last[0].get("partial"), None);
        assert_eq!(last[1].get("time"), None, "the next line is an object");
    }
}
