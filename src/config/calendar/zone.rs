//! Time zones: the files of tzdata (`tzfile(5)`, RFC 9636) and POSIX TZ texts (`tzset(3)`).

use std::io::{ErrorKind, Read};
use std::path::Path;

use super::Wrong;
use super::field::cut;
use crate::core::calendar::{Change, DAY, Day, Rule, Summer, Transition, Zone};

const FOLDERS: [&str; 2] = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo"];
const LOCAL: &str = "/etc/localtime";
/// No file of tzdata is nearly as large.
const MOST_BYTES: u64 = 1 << 20;

/// The zone of this name. What lay well before `now` is left out.
pub(in crate::config) fn named(name: &str, now: i64) -> Result<Zone, Box<Wrong>> {
    if name.eq_ignore_ascii_case("UTC") {
        return Ok(Zone::default());
    }
    let steps = |part: &str| part.is_empty() || part.starts_with('.');
    let missing = || {
        let installed = FOLDERS.iter().any(|folder| Path::new(folder).is_dir());
        let help = if installed {
            "write UTC, or a name as below /usr/share/zoneinfo: Europe/Berlin"
        } else {
            "there are none in /usr/share/zoneinfo: install the package tzdata"
        };
        Wrong::new(format!("there is no time zone \"{name}\""), help)
    };
    if name.split('/').any(steps) {
        return Err(missing());
    }
    let found = FOLDERS
        .iter()
        .find_map(|folder| read(&Path::new(folder).join(name), now).transpose());
    found.unwrap_or_else(|| Err(missing()))
}

/// The container's own zone: what TZ says, else /etc/localtime, else UTC.
pub(in crate::config) fn local(tz: Option<&[u8]>, now: i64) -> Result<Zone, Box<Wrong>> {
    let Some(tz) = tz else {
        return Ok(read(Path::new(LOCAL), now)?.unwrap_or_default());
    };
    let text = String::from_utf8_lossy(tz);
    let text = text.strip_prefix(':').unwrap_or(&text);
    if text.is_empty() {
        return Ok(Zone::default());
    }
    let zone = if text.starts_with('/') {
        read(Path::new(text), now)?
    } else {
        match named(text, now) {
            Ok(zone) => Some(zone),
            Err(wrong) => match rule(text).map(ruled).filter(Zone::is_sound) {
                Some(zone) => Some(zone),
                None => return Err(wrong),
            },
        }
    };
    zone.ok_or_else(|| Wrong::new(format!("there is no {text}"), "set TZ to a zone's name"))
}

fn ruled(rule: Rule) -> Zone {
    Zone {
        rule: Some(Box::new(rule)),
        ..Zone::default()
    }
}

/// `None`: there is no such file.
fn read(path: &Path, now: i64) -> Result<Option<Zone>, Box<Wrong>> {
    let mut bytes = Vec::new();
    let result =
        std::fs::File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes));
    let shown = path.display();
    if let Err(error) = result {
        use ErrorKind::{IsADirectory, NotADirectory, NotFound};
        if matches!(error.kind(), NotFound | NotADirectory | IsADirectory) {
            return Ok(None);
        }
        let what = format!("{shown} can't be read: {error}");
        return Err(Wrong::new(what, "is it a file of tzdata?"));
    }
    match file(&bytes, now) {
        Some(zone) if zone.is_sound() => Ok(Some(zone)),
        Some(_) | None => Err(Wrong::new(
            format!("{shown} is no time zone"),
            "install the package tzdata anew",
        )),
    }
}

/// The bytes of a file.
pub(super) fn file(bytes: &[u8], now: i64) -> Option<Zone> {
    let first = Block::read(bytes, 4)?;
    // From version 2 on the same follows with times of 64 bits, and a rule.
    if first.version == 0 {
        return first.zone(None, now);
    }
    let second = Block::read(first.rest, 8)?;
    let footer = second.rest.strip_prefix(b"\n")?;
    let end = memchr::memchr(b'\n', footer)?;
    let text = std::str::from_utf8(footer.get(..end)?).ok()?;
    let rule = if text.is_empty() {
        None
    } else {
        Some(rule(text)?)
    };
    second.zone(rule, now)
}

/// One of a file's two parts.
struct Block<'a> {
    version: u8,
    width: usize,
    times: &'a [u8],
    kinds: &'a [u8],
    infos: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Block<'a> {
    fn read(bytes: &'a [u8], width: usize) -> Option<Self> {
        let bytes = bytes.strip_prefix(b"TZif")?;
        let (&version, bytes) = bytes.split_first()?;
        let (counts, bytes) = bytes.get(15..)?.split_at_checked(24)?;
        let mut counts = counts.chunks_exact(4).map(|count| {
            let count = count.try_into().map(u32::from_be_bytes).unwrap_or(0);
            usize::try_from(count).unwrap_or(usize::MAX)
        });
        let mut next = || counts.next();
        let (utc, standard, leaps) = (next()?, next()?, next()?);
        let (times, infos, names) = (next()?, next()?, next()?);
        let (all_times, bytes) = bytes.split_at_checked(times.checked_mul(width)?)?;
        let (kinds, bytes) = bytes.split_at_checked(times)?;
        let (infos, bytes) = bytes.split_at_checked(infos.checked_mul(6)?)?;
        let leaps = leaps.checked_mul(width + 4)?;
        let unused = names.checked_add(leaps)?.checked_add(standard)?;
        Some(Self {
            version,
            width,
            times: all_times,
            kinds,
            infos,
            rest: bytes.get(unused.checked_add(utc)?..)?,
        })
    }

    fn offset(&self, kind: u8) -> Option<i32> {
        let start = usize::from(kind) * 6;
        let bytes = self.infos.get(start..start + 4)?;
        Some(i32::from_be_bytes(bytes.try_into().ok()?))
    }

    fn zone(&self, rule: Option<Rule>, now: i64) -> Option<Zone> {
        // A clock that is set back by more than that is wrong anyway.
        let from = now.saturating_sub(2 * DAY);
        let mut offset = self.offset(0)?;
        let mut kept = Vec::new();
        for (time, kind) in self.times.chunks_exact(self.width).zip(self.kinds) {
            let at = match time.try_into() {
                Ok(long) => i64::from_be_bytes(long),
                Err(_) => i32::from_be_bytes(time.try_into().ok()?).into(),
            };
            let after = self.offset(*kind)?;
            if at <= from {
                offset = after;
            } else if after != kept.last().map_or(offset, |last: &Transition| last.offset) {
                kept.push(Transition { at, offset: after });
            }
        }
        let Some(rule) = rule else {
            return Some(Zone {
                offset,
                transitions: kept.into(),
                rule: None,
            });
        };
        let mut zone = ruled(rule);
        // What the rule says by itself needs no list.
        while let Some(last) = kept.last() {
            let (since, before) = match kept.iter().rev().nth(1) {
                Some(earlier) => (earlier.at, earlier.offset),
                None => (from, offset),
            };
            let agrees = zone.next_change(since) == Some(last.at)
                && zone.offset_at(since) == i64::from(before)
                && zone.offset_at(last.at) == i64::from(last.offset);
            if !agrees {
                break;
            }
            kept.pop();
        }
        zone.offset = if kept.is_empty() { 0 } else { offset };
        zone.transitions = kept.into();
        Some(zone)
    }
}

/// `CET-1CEST,M3.5.0,M10.5.0/3`.
pub(super) fn rule(text: &str) -> Option<Rule> {
    let rest = name(text)?;
    let (offset, rest) = time(rest)?;
    let offset = -offset;
    if rest.is_empty() {
        return Some(Rule {
            offset,
            summer: None,
        });
    }
    let rest = name(rest)?;
    let (summer, rest) = match time(rest) {
        Some((offset, rest)) => (-offset, rest),
        None => (offset + 3600, rest),
    };
    // POSIX leaves the days open; everybody takes those of the USA.
    let rest = if rest.is_empty() {
        ",M3.2.0,M11.1.0"
    } else {
        rest
    };
    let (begins, rest) = change(rest.strip_prefix(',')?)?;
    let (ends, rest) = change(rest.strip_prefix(',')?)?;
    rest.is_empty().then_some(Rule {
        offset,
        summer: Some(Summer {
            offset: summer,
            begins,
            ends,
        }),
    })
}

/// Leaves a zone's short name out: `CET`, `<+0545>`.
fn name(text: &str) -> Option<&str> {
    if let Some(quoted) = text.strip_prefix('<') {
        return cut(quoted, b'>').map(|(_, rest)| rest);
    }
    let end = text
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    (end >= 3).then(|| text.get(end..)).flatten()
}

/// `[+-]hh[:mm[:ss]]` in seconds.
fn time(text: &str) -> Option<(i32, &str)> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (hours, after) = number(rest, 167)?;
    let mut seconds = hours * 3600;
    rest = after;
    for factor in [60, 1] {
        let Some(more) = rest.strip_prefix(':') else {
            break;
        };
        let (part, after) = number(more, 59)?;
        seconds += part * factor;
        rest = after;
    }
    Some((sign * seconds, rest))
}

/// `M3.5.0/2`, `J60`, `59`, with or without the time.
fn change(text: &str) -> Option<(Change, &str)> {
    let small = |number: i32| u8::try_from(number).ok();
    let (day, rest) = if let Some(rest) = text.strip_prefix('M') {
        let (month, rest) = number(rest, 12)?;
        let (week, rest) = number(rest.strip_prefix('.')?, 5)?;
        let (weekday, rest) = number(rest.strip_prefix('.')?, 6)?;
        let (month, week, weekday) = (small(month)?, small(week)?, small(weekday)?);
        let day = Day::Weekday {
            month,
            week,
            weekday,
        };
        (day, rest)
    } else if let Some(rest) = text.strip_prefix('J') {
        let (day, rest) = number(rest, 365)?;
        (Day::Julian(day.try_into().ok()?), rest)
    } else {
        let (day, rest) = number(text, 365)?;
        (Day::Ordinal(day.try_into().ok()?), rest)
    };
    let (time, rest) = match rest.strip_prefix('/') {
        Some(rest) => time(rest)?,
        None => (2 * 3600, rest),
    };
    Some((Change { day, time }, rest))
}

fn number(text: &str, most: i32) -> Option<(i32, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let number: i32 = digits.parse().ok()?;
    (number <= most).then_some((number, rest))
}
