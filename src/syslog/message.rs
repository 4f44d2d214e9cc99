//! What a message says, out of the forms in which programs send them. Anything can come
//! in: what has no form is text as a whole.

/// Who says what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Message<'a> {
    /// What the sender calls itself; empty for nothing.
    pub(super) tag: &'a [u8],
    /// The process that it names; empty for none.
    pub(super) process: &'a [u8],
    /// How urgent it says to be: 0 to 7.
    pub(super) level: Option<u8>,
    pub(super) text: &'a [u8],
}

/// A datagram of /dev/log: RFC 3164 as programs have it, which is without a host, or RFC 5424.
pub(super) fn syslog(bytes: &[u8]) -> Message<'_> {
    let bytes = trim_end(bytes);
    let Some((level, rest)) = behind_priority(bytes) else {
        return identified(bytes);
    };
    let modern = rest.strip_prefix(b"1 ").and_then(structured);
    Message {
        level: Some(level),
        ..modern.unwrap_or_else(|| identified(behind_time(rest)))
    }
}

/// The level of `<13>`, which is 5, and what is behind it. The rest of the number says what
/// kind of program it is of.
pub(super) fn behind_priority(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let rest = bytes.strip_prefix(b"<")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = rest.split_at_checked(digits).filter(|_| digits <= 3)?;
    let number: u16 = std::str::from_utf8(number).ok()?.parse().ok()?;
    let [level, _] = (number % 8).to_le_bytes();
    Some((level, rest.strip_prefix(b">")?))
}

/// Behind `Nov 28 23:30:44 ` or `2026-11-28T23:30:44Z `, if that is there.
fn behind_time(bytes: &[u8]) -> &[u8] {
    let (word, rest) = word(bytes);
    if let [_, _, _, _, b'-', _, _, b'-', _, _, b'T', ..] = word {
        return rest;
    }
    match bytes {
        [
            _,
            _,
            _,
            b' ',
            _,
            _,
            b' ',
            _,
            _,
            b':',
            _,
            _,
            b':',
            _,
            _,
            b' ',
            rest @ ..,
        ] => rest,
        _ => bytes,
    }
}

/// `tag[12]: text`, `tag: text`, or text alone.
fn identified(bytes: &[u8]) -> Message<'_> {
    let bytes = bytes.trim_ascii_start();
    let (first, rest) = word(bytes);
    let Some(name) = first.strip_suffix(b":").filter(|name| !name.is_empty()) else {
        return Message {
            text: bytes,
            ..Message::default()
        };
    };
    let (tag, process) = named(name);
    Message {
        tag,
        process,
        text: rest,
        ..Message::default()
    }
}

/// `tag[12]` in its parts.
fn named(name: &[u8]) -> (&[u8], &[u8]) {
    let split = || {
        let inside = name.strip_suffix(b"]")?;
        let open = inside.iter().rposition(|byte| *byte == b'[')?;
        let (tag, process) = inside.split_at_checked(open)?;
        let process = process.strip_prefix(b"[")?;
        (!tag.is_empty()).then_some((tag, process))
    };
    split().unwrap_or((name, b""))
}

/// RFC 5424 behind its version: time, host, program, process, message's kind, elements, text.
fn structured(bytes: &[u8]) -> Option<Message<'_>> {
    let (_time, rest) = word(bytes);
    let (_host, rest) = word(rest);
    let (tag, rest) = word(rest);
    let (process, rest) = word(rest);
    let (kind, rest) = word(rest);
    if kind.is_empty() {
        return None;
    }
    let text = match rest.strip_prefix(b"-") {
        Some(text) => text,
        None => behind_elements(rest)?,
    };
    let text = text.strip_prefix(b" ").unwrap_or(text);
    let given = |word| if word == b"-" { &b""[..] } else { word };
    Some(Message {
        tag: given(tag),
        process: given(process),
        text: text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text),
        ..Message::default()
    })
}

/// Behind `[a b="c"][d]`, in whose quotes anything may stand.
fn behind_elements(bytes: &[u8]) -> Option<&[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    let mut rest = bytes;
    while rest.first() == Some(&b'[') {
        let end = rest.iter().position(|byte| {
            let ends = *byte == b']' && !quoted;
            quoted ^= *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        })?;
        rest = rest.get(end.saturating_add(1)..)?;
    }
    (rest.len() < bytes.len()).then_some(rest)
}

/// An entry of the journal's own protocol, the first of them: `KEY=VALUE` lines, or `KEY`,
/// a length of eight bytes and the value. `None` for one that says nothing.
pub(super) fn native(bytes: &[u8]) -> Option<Message<'_>> {
    let mut message = Message::default();
    let mut said = false;
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, behind) = rest.split_at(end.unwrap_or(rest.len()));
        let behind = behind.strip_prefix(b"\n").unwrap_or_default();
        rest = behind;
        let (key, value) = match line.iter().position(|byte| *byte == b'=') {
            Some(at) => (line.get(..at)?, line.get(at.saturating_add(1)..)?),
            None if line.is_empty() => {
                if said {
                    break;
                }
                continue;
            }
            None => {
                let (length, behind) = behind.split_first_chunk::<8>()?;
                let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
                let (value, behind) = behind.split_at_checked(length)?;
                rest = behind.strip_prefix(b"\n").unwrap_or(behind);
                (line, value)
            }
        };
        match key {
            b"MESSAGE" => {
                said = true;
                message.text = trim_end(value);
            }
            b"SYSLOG_IDENTIFIER" => message.tag = value,
            b"SYSLOG_PID" => message.process = value,
            b"PRIORITY" => message.level = level(value),
            _ => {}
        }
    }
    said.then_some(message)
}

/// A level as a digit.
pub(super) fn level(text: &[u8]) -> Option<u8> {
    match text {
        [digit @ b'0'..=b'7'] => Some(digit - b'0'),
        _ => None,
    }
}

/// Up to the next blank, and what is behind it.
fn word(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b' ') {
        Some(at) => {
            let (word, rest) = bytes.split_at(at);
            (word, rest.strip_prefix(b" ").unwrap_or(rest))
        }
        None => (bytes, b""),
    }
}

/// Without what ends it: programs send newlines and NULs.
fn trim_end(bytes: &[u8]) -> &[u8] {
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r' | 0);
    let length = bytes.iter().rposition(|byte| !is_end(byte));
    let length = length.map_or(0, |last| last.saturating_add(1));
    bytes.get(..length).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(message: Message<'_>) -> [String; 3] {
        [message.tag, message.process, message.text]
            .map(|part| String::from_utf8_lossy(part).into_owned())
    }

    #[test]
    fn each_form_of_syslog_says_who_says_what() {
        for (sent, wanted) in [
            ("<13>Nov 28 23:30:44 me: hello\n\0", ["me", "", "hello"]),
            (
                "<86>Nov  8 03:00:01 CRON[42]: (root) CMD (x)",
                ["CRON", "42", "(root) CMD (x)"],
            ),
            (
                "<13>2026-11-28T23:30:44.1+01:00 me[7]: a: b",
                ["me", "7", "a: b"],
            ),
            ("<13>me:  indented", ["me", "", " indented"]),
            ("<13>Nov 28 23:30:44 no tag here", ["", "", "no tag here"]),
            ("no form at all", ["", "", "no form at all"]),
            ("<9999>x: y", ["<9999>x", "", "y"]),
            (
                "<13>1 2026-11-28T23:30:44Z host app 9 ID - \u{feff}text",
                ["app", "9", "text"],
            ),
            (
                r#"<13>1 - - app - - [a@1 b="]\"x"][c] said"#,
                ["app", "", "said"],
            ),
            ("<13>1 - - app - - -", ["app", "", ""]),
            ("<13>1 apple: a day", ["", "", "1 apple: a day"]),
            ("<13>[12]: odd", ["[12]", "", "odd"]),
            ("<13>:", ["", "", ":"]),
            ("", ["", "", ""]),
        ] {
            assert_eq!(parts(syslog(sent.as_bytes())), wanted, "{sent}");
        }
    }

    #[test]
    fn each_form_says_how_urgent_it_is() {
        for (sent, level) in [
            ("<13>me: x", Some(5)),
            ("<0>1 - - app - - - x", Some(0)),
            ("<191>x", Some(7)),
            ("<>x", None),
            ("x", None),
        ] {
            assert_eq!(syslog(sent.as_bytes()).level, level, "{sent}");
        }
        for (sent, level) in [
            ("PRIORITY=3\n", Some(3)),
            ("PRIORITY=8\n", None),
            ("", None),
        ] {
            let entry = format!("{sent}MESSAGE=x\n");
            assert_eq!(native(entry.as_bytes()).unwrap().level, level, "{sent}");
        }
    }

    #[test]
    fn the_journals_form_has_lines_and_lengths() {
        let mut sent = b"PRIORITY=6\nSYSLOG_IDENTIFIER=me\nMESSAGE\n".to_vec();
        sent.extend(9u64.to_le_bytes());
        sent.extend(b"one\ntwo=3\nSYSLOG_PID=5\n\nMESSAGE=next entry\n");
        assert_eq!(
            native(&sent).map(parts),
            Some(["me", "5", "one\ntwo=3"].map(String::from))
        );
        assert_eq!(
            native(b"MESSAGE=x").map(parts),
            Some(["", "", "x"].map(String::from))
        );
        for broken in [
            &b"MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xffx"[..],
            b"MESSAGE\n1",
            b"A=B\n",
            b"",
        ] {
            assert_eq!(native(broken), None);
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read(bytes: Vec<u8>, head in "(<[0-9]{1,4}>)?(1 )?([-a-z\\[\\]\":= ]{0,30})(MESSAGE\n)?") {
            let all = [head.as_bytes(), &bytes].concat();
            let message = syslog(&all);
            prop_assert!(message.text.len() <= all.len());
            let _ = native(&all);
        }
    }
}
