//! `logs`: what services have printed lately, and with `-f` what they print.
//!
//! Each line has a number, so that whoever is cut off goes on where it was: when rinit's
//! helper dies, or lets go of us because nobody read our own output for too long.

use std::io::{self, Write};

use serde_json::Value;

use super::{Clean, NOBODY, Options, REFUSED, explain, refused};
use crate::cli::print;
use crate::config::{NoDuration, duration};
use crate::control::{Json, Lines, NoAnswer, wall_clock};
use crate::core::calendar::date::{DAY, Date};
use crate::logger::COLOURS;

/// So often it is tried again in vain before that is an end.
const TRIES: usize = 3;

/// The last lines of one, for its page, as rinit's helper tells them; none where nothing is
/// kept, or for who may not read them.
pub(super) fn last(names: &[String], lines: u64, places: &[String]) -> Vec<Value> {
    let mut request = Vec::new();
    let mut json = Json::object(&mut request);
    json.text("verb", "logs")
        .texts("names", names)
        .plain("lines", lines);
    json.end();
    request.push(b'\n');
    let mut told = Vec::new();
    let Ok(mut lines) = Lines::ask(places, &request) else {
        return told;
    };
    while let Some(line) = lines.next() {
        let value: Value = serde_json::from_slice(line).unwrap_or_default();
        if value.get("message").is_some() {
            told.push(value);
        } else if value.get("services").is_none() && value.get("gap").is_none() {
            break;
        }
    }
    told
}

/// How another face writes a line.
type Form<'a> = dyn Fn(&Value, &mut Vec<u8>) + 'a;

/// What another face wants of it.
pub(in crate::cli) struct Wanted<'a> {
    pub(in crate::cli) follow: bool,
    pub(in crate::cli) lines: Option<u64>,
    /// In Unix milliseconds.
    pub(in crate::cli) since: Option<i64>,
    /// How each line looks.
    pub(in crate::cli) form: &'a Form<'a>,
}

/// Asks, and prints what comes in another face's form.
pub(in crate::cli) fn tell_logs(names: &[String], wanted: Wanted<'_>, places: &[String]) -> i32 {
    let options = Options {
        follow: wanted.follow,
        lines: wanted.lines,
        since: wanted.since,
        ..Options::default()
    };
    tell(names, &options, Some(wanted.form), places)
}

/// Why it ended.
enum End {
    /// All was told.
    Told,
    /// Refused, for this exit status.
    Refused(i32),
    /// Nobody reads our output.
    Unread,
    /// The connection broke.
    Cut,
}

/// Where it stands.
struct Reader<'a> {
    options: &'a Options,
    /// How each line looks, where another face says it.
    form: Option<&'a Form<'a>>,
    /// One service was named, and its lines are printed as they are.
    alone: bool,
    /// All, so nobody needs to hear who has none.
    all: bool,
    services: Vec<String>,
    /// The last line's number, or that of the one before the first.
    after: Option<u64>,
    /// Something was told since the connection was made.
    moved: bool,
    /// Nothing is kept of those who were named.
    nothing: bool,
    /// What was said of that.
    noted: bool,
    out: Vec<u8>,
    /// It goes to one, which a service's words must not steer.
    terminal: bool,
}

/// Asks, and prints what comes.
pub(super) fn run(names: &[String], options: &Options, places: &[String]) -> i32 {
    tell(names, options, None, places)
}

fn tell<'a>(
    names: &[String],
    options: &'a Options,
    form: Option<&'a Form<'a>>,
    places: &[String],
) -> i32 {
    let mut reader = Reader {
        options,
        form,
        alone: super::is_one(names),
        all: names.is_empty(),
        services: Vec::new(),
        after: None,
        moved: false,
        nothing: false,
        noted: false,
        out: Vec::new(),
        terminal: print::out_is_terminal(),
    };
    let mut tries = 0;
    loop {
        let mut lines = match Lines::ask(places, &reader.request(names)) {
            Ok(lines) => lines,
            Err(NoAnswer::Nobody(_)) if reader.noted => {
                print::err("rinitctl: rinit has ended\n");
                return NOBODY;
            }
            Err(no_answer) => return explain(&no_answer, places),
        };
        reader.moved = false;
        match reader.read(&mut lines) {
            End::Told => return if reader.nothing { REFUSED } else { 0 },
            End::Refused(code) => return code,
            End::Unread => return 0,
            End::Cut if reader.moved => tries = 0,
            End::Cut => tries += 1,
        }
        if tries >= TRIES {
            print::err("rinitctl: rinit gives no more lines\n");
            return NOBODY;
        }
    }
}

impl Reader<'_> {
    fn request(&self, names: &[String]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut json = Json::object(&mut out);
        json.text("verb", "logs").texts("names", names);
        if self.options.follow {
            json.plain("follow", true);
        }
        if let Some(after) = self.after {
            json.plain("after", after);
        } else if let Some(lines) = self.options.lines {
            json.plain("lines", lines);
        }
        if let Some(since) = self.options.since {
            json.plain("since", since);
        }
        if let Some((first, last)) = self.options.levels {
            json.plain("priority-from", first).plain("priority", last);
        }
        json.end();
        out.push(b'\n');
        out
    }

    fn read(&mut self, lines: &mut Lines) -> End {
        loop {
            // What has come goes out before we wait for more.
            let goes_on = lines.has_next() && self.out.len() < 64 * 1024;
            if !goes_on && !self.flush() {
                return End::Unread;
            }
            let Some(line) = lines.next() else {
                return End::Cut;
            };
            let Ok(value) = serde_json::from_slice::<Value>(line) else {
                return End::Cut;
            };
            if value.get("end").is_some() {
                self.flush();
                return End::Told;
            }
            if let Some(code) = refused(&value, line, self.options) {
                return End::Refused(code);
            }
            if value.get("services").is_some() {
                // A quiet service gives nothing else.
                self.moved = true;
                let after = value.get("after").and_then(Value::as_u64);
                self.after = self.after.or(after);
                self.begin(&value);
                continue;
            }
            if let Some(number) = value.get("seq").and_then(Value::as_u64) {
                self.after = Some(number);
                self.moved = true;
            }
            if let Some(form) = self.form.filter(|_| value.get("message").is_some()) {
                form(&value, &mut self.out);
            } else if self.options.json {
                self.out.extend_from_slice(line);
            } else {
                self.print(&value);
            }
        }
    }

    fn flush(&mut self) -> bool {
        let mut stdout = io::stdout().lock();
        let done = stdout.write_all(&self.out).and_then(|()| stdout.flush());
        self.out.clear();
        done.is_ok()
    }

    /// Of whom it will be told, and of whom it can't be.
    fn begin(&mut self, head: &Value) {
        let words = |key| super::services::words(head, key);
        self.services = words("services").into_iter().map(str::to_owned).collect();
        self.nothing = self.services.is_empty() && !words("notes").is_empty();
        if std::mem::replace(&mut self.noted, true) || (self.all && !self.nothing) {
            return;
        }
        for note in words("notes") {
            print::err(format_args!("rinitctl: {}\n", Clean(note)));
        }
    }

    fn print(&mut self, line: &Value) {
        let name = line.get("service").and_then(Value::as_str).unwrap_or("?");
        let is = |key| line.get(key) == Some(&Value::Bool(true));
        if is("gap") {
            self.flush();
            print::err(format_args!(
                "rinitctl: lines of {} are missing here: they came faster than they were read\n",
                Clean(name)
            ));
            return;
        }
        let out = &mut self.out;
        if !self.alone {
            let place = self.services.iter().position(|service| service == name);
            let colour = COLOURS.get(place.unwrap_or(0) % COLOURS.len());
            match colour.filter(|_| self.options.colour) {
                Some(code) => {
                    out.extend_from_slice(format!("\x1b[{code}m{name}:\x1b[0m ").as_bytes());
                }
                None => out.extend_from_slice(format!("{name}: ").as_bytes()),
            }
        }
        if is("cut") || (is("continued") && !self.alone) {
            out.extend_from_slice("… ".as_bytes());
        }
        message(line, self.terminal, out);
        match (is("partial"), self.alone) {
            (false, _) => out.push(b'\n'),
            (true, false) => out.extend_from_slice(" …\n".as_bytes()),
            // The rest of the line follows.
            (true, true) => {}
        }
    }
}

/// What a line says, byte by byte; on a terminal nothing that steers it.
pub(in crate::cli) fn message(line: &Value, terminal: bool, out: &mut Vec<u8>) {
    let begin = out.len();
    match line.get("base64").and_then(Value::as_str) {
        Some(text) => from_base64(text, out),
        None => {
            let message = line.get("message").and_then(Value::as_str);
            out.extend_from_slice(message.unwrap_or_default().as_bytes());
        }
    }
    if terminal {
        harmless(out, begin);
    }
}

/// Of what stands behind `begin` only colours may do something to a terminal.
fn harmless(out: &mut Vec<u8>, begin: usize) {
    let text = out.split_off(begin);
    let mut rest = text.as_slice();
    while let Some((byte, tail)) = rest.split_first() {
        let colour = colour(rest).and_then(|length| rest.split_at_checked(length));
        if let Some((sequence, behind)) = colour {
            out.extend_from_slice(sequence);
            rest = behind;
            continue;
        }
        // U+0080 to U+009F.
        let second = tail.split_first().filter(|_| *byte == 0xc2);
        let second = second.filter(|(next, _)| matches!(next, 0x80..=0x9f));
        let control = matches!(byte, 0..=8 | 10..=0x1f | 0x7f) || second.is_some();
        out.push(if control { b' ' } else { *byte });
        rest = second.map_or(tail, |(_, behind)| behind);
    }
}

/// The length of the sequence at the head that colours what follows, if one stands there.
fn colour(text: &[u8]) -> Option<usize> {
    let inside = text.strip_prefix(b"\x1b[")?;
    let is_inside = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b';' | b':');
    let length = inside.iter().position(|byte| !is_inside(byte))?;
    (inside.get(length) == Some(&b'm')).then_some(length.saturating_add(3))
}

fn from_base64(text: &str, out: &mut Vec<u8>) {
    let (mut bits, mut count) = (0u32, 0u32);
    for letter in text.bytes() {
        let digit = match letter {
            b'A'..=b'Z' => letter.wrapping_sub(b'A'),
            b'a'..=b'z' => letter.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => letter.wrapping_sub(b'0').wrapping_add(52),
            b'+' => 62,
            b'/' => 63,
            _ => return,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if let Some(left) = count.checked_sub(8) {
            count = left;
            out.extend(u8::try_from(bits >> count & 0xFF));
        }
    }
}

/// syslog's levels by their names, the most urgent first.
const LEVELS: &str = "emerg alert crit err warning notice info debug";

/// `--priority`: a level, which means all that is as urgent, or two with `..` between them.
pub(in crate::cli) fn levels(text: &str) -> Option<(u8, u8)> {
    let level = |text: &str| {
        let named = LEVELS.split(' ').position(|name| name == text);
        let named = named.and_then(|level| u8::try_from(level).ok());
        named.or_else(|| text.parse().ok().filter(|level| *level < 8))
    };
    let (first, last) = text.split_once("..").unwrap_or(("0", text));
    let (first, last) = (level(first)?, level(last)?);
    Some((first.min(last), first.max(last)))
}

/// `--since`: a duration before now, or a time, in Unix milliseconds.
pub(in crate::cli) fn since(text: &str) -> Option<i64> {
    if let Some(seconds) = text.strip_prefix('@') {
        return seconds.parse::<i64>().ok()?.checked_mul(1000);
    }
    match duration(text) {
        Ok(ago) => Some(wall_clock().saturating_sub(i64::try_from(ago.as_millis()).ok()?)),
        Err(NoDuration::TooLong) => Some(i64::MIN),
        Err(NoDuration::BareNumber | NoDuration::Form) => time(text),
    }
}

/// `2026-01-02T03:04:05Z`, as far as it is written; in UTC unless it says `+01:00`.
fn time(text: &str) -> Option<i64> {
    let (day, clock) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let mut parts = day.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let date = Date { year, month, day };
    if parts.next().is_some() || Date::of(date.days()) != date {
        return None;
    }
    let (clock, offset) = match clock.split_once(['+', '-']) {
        Some((before, zone)) => {
            let minutes = of_day(zone)? / 60_000;
            (
                before,
                if clock.contains('-') {
                    -minutes
                } else {
                    minutes
                },
            )
        }
        None => (clock.strip_suffix('Z').unwrap_or(clock), 0),
    };
    let seconds = date.days().checked_mul(DAY)?.checked_sub(offset * 60)?;
    seconds.checked_mul(1000)?.checked_add(of_day(clock)?)
}

/// `03:04`, `03:04:05`, `03:04:05.678`, in milliseconds.
fn of_day(clock: &str) -> Option<i64> {
    let mut parts = clock.split(':');
    let mut field = |most: i64| {
        let field = parts.next()?.parse::<i64>().ok();
        field.filter(|field| (0..=most).contains(field))
    };
    let minutes = field(23)? * 60 + field(59)?;
    let seconds = match parts.next() {
        None => 0.0,
        Some(seconds) => seconds
            .parse::<f64>()
            .ok()
            .filter(|it| (0.0..61.0).contains(it))?,
    };
    if parts.next().is_some() {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, reason = "at most 61,000")]
    let millis = (seconds * 1000.0).round() as i64;
    Some(minutes * 60_000 + millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_far_as_they_are_written() {
        for (text, wanted) in [
            ("@5", Some(5000)),
            ("1970-01-02", Some(86_400_000)),
            ("1970-01-01 00:01", Some(60_000)),
            ("1970-01-01T00:00:01.5Z", Some(1500)),
            ("1970-01-01T01:00:00+01:00", Some(0)),
            ("1970-01-01T01:00:00-01:30", Some(9_000_000)),
            ("2024-02-29T12:34:56.789Z", Some(1_709_210_096_789)),
            ("2023-02-29", None),
            ("1970-01-01T24:00", None),
            ("1970-01-01T1", None),
            ("yesterday", None),
            ("5", None),
            ("", None),
        ] {
            assert_eq!(since(text), wanted, "{text}");
        }
        let then = since("10m").expect("a duration");
        let ago = wall_clock() - then;
        assert!((600_000..660_000).contains(&ago), "{ago}");
    }

    #[test]
    fn levels_have_names_and_numbers() {
        for (text, wanted) in [
            ("err", Some((0, 3))),
            ("7", Some((0, 7))),
            ("warning..crit", Some((2, 4))),
            ("3..3", Some((3, 3))),
            ("8", None),
            ("error", None),
            ("", None),
        ] {
            assert_eq!(levels(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_was_no_text_comes_back_byte_by_byte() {
        for (text, wanted) in [
            ("", &b""[..]),
            ("/w==", b"\xff"),
            ("YWI=", b"ab"),
            ("AP/+", b"\0\xff\xfe"),
        ] {
            let mut out = Vec::new();
            from_base64(text, &mut out);
            assert_eq!(out, wanted);
        }
    }

    #[test]
    fn only_colours_and_tabs_get_through_to_a_terminal() {
        for (text, shown) in [
            ("a\tb é", "a\tb é"),
            ("\x1b[1;31mred\x1b[m", "\x1b[1;31mred\x1b[m"),
            ("\x1b]52;c;eA==\x07", " ]52;c;eA== "),
            ("a\rb\x1b[2K\x1b[6n\x7f", "a b [2K [6n "),
            ("\u{9b}6n\x1b[", " 6n ["),
        ] {
            let mut out = b"x: \x1b".to_vec();
            let begin = out.len();
            out.extend_from_slice(text.as_bytes());
            harmless(&mut out, begin);
            assert_eq!(out, ["x: \x1b", shown].concat().as_bytes());
        }
    }
}
