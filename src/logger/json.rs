//! Lines as JSON: one object a line, whatever bytes the service wrote.
//!
//! ```text
//! {"time":"2026-01-02T03:04:05.678Z","service":"web","stream":"stdout","pid":7,"message":"…"}
//! ```
//!
//! A line that is a JSON object already passes as it is, with `service` and `stream` in front
//! where it has none. Whether it is one is seen without building anything.

use std::str::from_utf8;

use memchr::memchr;

/// Deeper than this, a line is a text like any other.
const DEPTH: u32 = 64;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// How many bytes at the head stand in a JSON string as they are: neither a control
/// character nor a quote nor a backslash.
fn plain(bytes: &[u8]) -> usize {
    plain_but(0, bytes)
}

/// The same of ASCII alone, which needs no look at whether it is UTF-8.
fn plain_ascii(bytes: &[u8]) -> usize {
    plain_but(HIGHS, bytes)
}

/// Eight at a time: a byte of `x - ones` borrows into its high bit if and only if that byte
/// of `x`, or the found one before it, was zero. Those whose high bit is in `highs` end it too.
fn plain_but(highs: u64, bytes: &[u8]) -> usize {
    let mut at = 0;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word);
        let is = |byte: u8| (word ^ (ONES * u64::from(byte))).wrapping_sub(ONES);
        let control = word.wrapping_sub(ONES * 0x20);
        let found = (control | is(b'"') | is(b'\\')) & !word & HIGHS | word & highs;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let special =
        |byte: &u8| matches!(byte, 0..0x20 | b'"' | b'\\') || u64::from(*byte) & highs & 0x80 != 0;
    at + rest.iter().position(special).unwrap_or(rest.len())
}

/// Puts out the inside of a JSON string: the text, in which what isn't UTF-8 is U+FFFD.
/// Whether all of it was.
pub(super) fn escaped(text: &[u8], out: &mut impl FnMut(&[u8])) -> bool {
    // One look at all of most.
    if plain_ascii(text) == text.len() {
        out(text);
        return true;
    }
    // Most others are whole, and a look at all of one costs far less than the way by chunks.
    if from_utf8(text).is_ok() {
        escaped_text(text, out);
        return true;
    }
    for chunk in text.utf8_chunks() {
        escaped_text(chunk.valid().as_bytes(), out);
        if !chunk.invalid().is_empty() {
            out("\u{fffd}".as_bytes());
        }
    }
    false
}

fn escaped_text(text: &[u8], out: &mut impl FnMut(&[u8])) {
    let mut rest = text;
    loop {
        let (head, tail) = rest.split_at_checked(plain(rest)).unwrap_or_default();
        out(head);
        let Some((special, tail)) = tail.split_first() else {
            return;
        };
        rest = tail;
        match special {
            b'"' => out(b"\\\""),
            b'\\' => out(b"\\\\"),
            b'\t' => out(b"\\t"),
            b'\r' => out(b"\\r"),
            b'\n' => out(b"\\n"),
            other => {
                let digits = [hex(other >> 4), hex(other & 15)];
                out(b"\\u00");
                out(&digits);
            }
        }
    }
}

const fn hex(digit: u8) -> u8 {
    match digit {
        0..10 => b'0' + digit,
        _ => b'a' - 10 + digit,
    }
}

/// Puts out bytes as base64 (RFC 4648), with padding.
pub(super) fn base64(bytes: &[u8], out: &mut impl FnMut(&[u8])) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let digit = |at: usize| match at > group.len() {
            true => b'=',
            false => {
                let six = (bits >> (18 - 6 * at)) & 63;
                DIGITS.get(six as usize).copied().unwrap_or(b'=')
            }
        };
        out(&[digit(0), digit(1), digit(2), digit(3)]);
    }
}

/// A line that is a JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Object<'a> {
    /// What stands behind its opening brace.
    pub(super) inside: &'a [u8],
    /// It has no member.
    pub(super) is_empty: bool,
    /// It has a member of this name.
    pub(super) has_service: bool,
    /// The same.
    pub(super) has_stream: bool,
}

impl<'a> Object<'a> {
    /// `None`: it is something else, though it may begin like one.
    pub(super) fn of(line: &'a [u8]) -> Option<Self> {
        let (b'{', inside) = unspaced(line).split_first()? else {
            return None;
        };
        from_utf8(inside).ok()?;
        let mut object = Self {
            inside,
            is_empty: true,
            has_service: false,
            has_stream: false,
        };
        let mut scan = Scan(inside);
        scan.members(DEPTH, &mut |key| {
            object.is_empty = false;
            object.has_service |= key == b"service";
            object.has_stream |= key == b"stream";
        })?;
        // What follows its end is white space, which the line can do without.
        object.inside = inside.get(..inside.len() - scan.0.len())?;
        unspaced(scan.0).is_empty().then_some(object)
    }
}

/// Without the white space of JSON in front.
const fn unspaced(mut text: &[u8]) -> &[u8] {
    while let Some((b' ' | b'\t' | b'\n' | b'\r', rest)) = text.split_first() {
        text = rest;
    }
    text
}

/// What is still to be read of a JSON text (RFC 8259).
struct Scan<'a>(&'a [u8]);

impl<'a> Scan<'a> {
    /// The first byte that is no white space, taken.
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = unspaced(self.0).split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Behind the opening brace.
    fn members(&mut self, depth: u32, key: &mut dyn FnMut(&'a [u8])) -> Option<()> {
        let mut next = self.next()?;
        if next == b'}' {
            return Some(());
        }
        loop {
            if next != b'"' {
                return None;
            }
            key(self.string()?);
            if self.next()? != b':' {
                return None;
            }
            self.value(depth)?;
            match self.next()? {
                b',' => next = self.next()?,
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Behind the opening bracket.
    fn items(&mut self, depth: u32) -> Option<()> {
        let before = self.0;
        if self.next()? == b']' {
            return Some(());
        }
        self.0 = before;
        loop {
            self.value(depth)?;
            match self.next()? {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    fn value(&mut self, depth: u32) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match self.next()? {
            b'{' => self.members(depth, &mut |_| ()),
            b'[' => self.items(depth),
            b'"' => self.string().map(|_| ()),
            b't' => self.word(b"rue"),
            b'f' => self.word(b"alse"),
            b'n' => self.word(b"ull"),
            b'-' => {
                let first = self.next_digit()?;
                self.number(first)
            }
            first @ b'0'..=b'9' => self.number(first),
            _ => None,
        }
    }

    fn word(&mut self, rest: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(rest)?;
        Some(())
    }

    /// Behind the opening quote: its inside, as it is written.
    fn string(&mut self) -> Option<&'a [u8]> {
        let all = self.0;
        loop {
            let (special, tail) = self.0.get(plain(self.0)..)?.split_first()?;
            self.0 = tail;
            match special {
                b'"' => {
                    let length = all.len() - tail.len() - 1;
                    return all.get(..length);
                }
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        let (kind, rest) = self.0.split_first()?;
        self.0 = rest;
        match kind {
            b'u' => {
                let (digits, rest) = rest.split_at_checked(4)?;
                self.0 = rest;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())
            }
            other => memchr(*other, b"\"\\/bfnrt").map(|_| ()),
        }
    }

    fn next_digit(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        first.is_ascii_digit().then_some(*first)
    }

    /// Behind its first digit.
    fn number(&mut self, first: u8) -> Option<()> {
        if first != b'0' {
            self.digits();
        }
        if let Some(rest) = self.0.strip_prefix(b".") {
            self.0 = rest;
            self.next_digit()?;
            self.digits();
        }
        if let Some((b'e' | b'E', rest)) = self.0.split_first() {
            self.0 = match rest.split_first() {
                Some((b'+' | b'-', rest)) => rest,
                _ => rest,
            };
            self.next_digit()?;
            self.digits();
        }
        Some(())
    }

    fn digits(&mut self) {
        while let Some((b'0'..=b'9', rest)) = self.0.split_first() {
            self.0 = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn string_of(text: &[u8]) -> (String, bool) {
        let mut bytes = b"\"".to_vec();
        let whole = escaped(text, &mut |part| bytes.extend_from_slice(part));
        bytes.push(b'"');
        (String::from_utf8(bytes).unwrap(), whole)
    }

    fn is_object(line: &[u8]) -> bool {
        Object::of(line).is_some()
    }

    #[test]
    fn base64_is_that_of_everybody() {
        let of = |text: &str| {
            let mut bytes = Vec::new();
            base64(text.as_bytes(), &mut |part| bytes.extend_from_slice(part));
            String::from_utf8(bytes).unwrap()
        };
        let known = [
            "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy",
        ];
        for (length, known) in known.iter().enumerate() {
            assert_eq!(of(&"foobar"[..length]), *known);
        }
    }

    #[test]
    fn an_object_is_known_by_its_whole() {
        for good in [
            r#"{}"#,
            r#" { } "#,
            r#"{"a":1}"#,
            r#"{"a":-0.5e+10,"b":[1, 2,[]],"c":{"d":null},"e":true,"f":false,"g":"\u00e9\n"}"#,
            "{\"\u{e9}\":\"\u{1f980}\"}\r",
        ] {
            assert!(is_object(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "{",
            "[]",
            "1",
            r#""a""#,
            "{a:1}",
            r#"{"a":1"#,
            r#"{"a":1}}"#,
            r#"{"a":1} x"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":.5}"#,
            r#"{"a":1e}"#,
            r#"{"a":+1}"#,
            r#"{"a":- 1}"#,
            r#"{"a":tru}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12"}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":1,}"#,
            r#"{"a" 1}"#,
            r#"{,}"#,
            r#"{"a":}"#,
            "{\"a\":\"\t\"}",
            r#"{"a":"}"#,
            r#"{"a":[}"#,
        ] {
            assert!(!is_object(bad.as_bytes()), "{bad}");
        }
        assert!(!is_object(b"{\"a\":\"\xff\"}"));
    }

    #[test]
    fn only_its_own_members_count_as_its_names() {
        let object = Object::of(br#"{"a":{"service":1},"stream":2}"#).unwrap();
        assert!(!object.has_service && object.has_stream && !object.is_empty);
        assert!(Object::of(b"{ }").unwrap().is_empty);
    }

    #[test]
    fn nesting_without_end_is_a_text() {
        let deep = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_object(deep(60).as_bytes()));
        assert!(!is_object(deep(100_000).as_bytes()));
    }

    proptest! {
        #[test]
        fn whatever_bytes_come_out_is_a_string_that_says_them(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0u8..0x60], 0..60)
        ) {
            let (text, whole) = string_of(&bytes);
            let read: String = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&read, &String::from_utf8_lossy(&bytes));
            prop_assert_eq!(whole, String::from_utf8(bytes).is_ok());
        }

        /// Against a parser that builds it.
        #[test]
        fn objects_are_those_that_others_take(
            text in r#"\{("[ab]":([0-9.e+-]{1,4}|true|null|"[a\\nu0"]{0,3}"|\[[1, ]{0,3}\]|\{\}),?){0,3}[ ]?\}?"#
        ) {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            prop_assert_eq!(is_object(text.as_bytes()), theirs.is_ok_and(|value| value.is_object()));
        }
    }
}
