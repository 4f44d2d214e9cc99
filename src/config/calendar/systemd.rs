//! systemd's calendar events (`systemd.time(7)`): `WEEKDAYS YEAR-MONTH-DAY HOUR:MINUTE:SECOND`.

use super::field::{self, Field, Item, cut, no_word};
use super::{FORMS, Wrong};
use crate::core::calendar::{Calendar, YEARS};

const fn field(name: &'static str, low: u32, high: u32) -> Field {
    Field {
        name,
        low,
        high,
        range: "..",
        word: no_word,
    }
}

const SECOND: Field = field("second", 0, 59);
const MINUTE: Field = field("minute", 0, 59);
const HOUR: Field = field("hour", 0, 23);
const DAY: Field = field("day", 1, 31);
const MONTH: Field = field("month", 1, 12);
const YEAR: Field = field("year", 0, 2127);
const WEEKDAY: Field = Field {
    word: field::weekday,
    ..field("weekday", 1, 7)
};

/// The words of an expression, without its zone.
pub(super) fn parse(words: &[&str]) -> Result<Calendar, Box<Wrong>> {
    if let [word] = words
        && let Some(calendar) = shorthand(word)
    {
        return Ok(calendar);
    }
    let mut calendar = Calendar {
        hours: 1,
        minutes: 1,
        seconds: 1,
        ..Calendar::ALWAYS
    };
    let mut rest = words.iter().copied().peekable();
    if let Some(word) = rest.next_if(|word| word.starts_with(|c: char| c.is_ascii_alphabetic())) {
        calendar.weekdays = weekdays(word)?;
    }
    if let Some(word) = rest.next_if(|word| !word.contains(':') && word.contains(['-', '~'])) {
        date(word, &mut calendar)?;
    }
    if let Some(word) = rest.next_if(|word| word.contains(':')) {
        time(word, &mut calendar)?;
    }
    match rest.next() {
        Some(word) => Err(Wrong::new(
            format!("\"{word}\" is neither weekdays nor a date nor a time of day here"),
            FORMS,
        )),
        None => Ok(calendar),
    }
}

/// `daily` and its kin.
pub(super) fn shorthand(word: &str) -> Option<Calendar> {
    let second = Calendar {
        seconds: 1,
        ..Calendar::ALWAYS
    };
    let hour = Calendar {
        minutes: 1,
        ..second
    };
    let day = Calendar { hours: 1, ..hour };
    let first_of = |months| Calendar {
        days: 1 << 1,
        months,
        ..day
    };
    Some(match word.to_ascii_lowercase().as_str() {
        "minutely" => second,
        "hourly" => hour,
        "daily" => day,
        "weekly" => Calendar { weekdays: 1, ..day },
        "monthly" => first_of(Calendar::ALWAYS.months),
        "quarterly" => first_of(1 << 1 | 1 << 4 | 1 << 7 | 1 << 10),
        "semiannually" | "semi-annually" | "biannually" | "bi-annually" => {
            first_of(1 << 1 | 1 << 7)
        }
        "yearly" | "annually" => first_of(1 << 1),
        _ => return None,
    })
}

/// `Mon..Wed,Sat`; a range may go over Sunday.
fn weekdays(text: &str) -> Result<u8, Box<Wrong>> {
    let list = text.strip_suffix(',').unwrap_or(text);
    let items = WEEKDAY
        .items(list)
        .map_err(|wrong| Wrong::new(wrong.what, FORMS))?;
    let once = |item: &Item| Item { step: 1, ..*item }.weekdays();
    Ok(items.iter().fold(0, |bits, item| bits | once(item)))
}

/// `2026-11-25`, `*-*-1,15`, `11-25`, `*-02~03` (the third last day).
fn date(text: &str, calendar: &mut Calendar) -> Result<(), Box<Wrong>> {
    let (months, days) = match cut(text, b'~') {
        Some((months, days)) => (months, Err(days)),
        None => match text.rsplit_once('-') {
            Some((months, days)) => (months, Ok(days)),
            None => (text, Ok("*")),
        },
    };
    let (year, month) = match cut(months, b'-') {
        Some((year, month)) => (year, month),
        None => ("*", months),
    };
    if month.contains('-') || days.is_ok_and(|days| days.contains('~')) {
        return Err(Wrong::new(
            format!("\"{text}\" is no date"),
            "a date is YEAR-MONTH-DAY or MONTH-DAY; \"*-*-01\" is the first of each month, \"*-*~01\" the last",
        ));
    }
    calendar.years = years(year)?;
    calendar.months = u16::try_from(MONTH.bits(month)?).unwrap_or(0);
    match days {
        Ok(days) => calendar.days = u32::try_from(DAY.bits(days)?).unwrap_or(0),
        Err(days) => {
            calendar.days = 0;
            calendar.last_days = last_days(days)?;
        }
    }
    Ok(())
}

fn years(text: &str) -> Result<u128, Box<Wrong>> {
    if text == "*" {
        return Ok(u128::MAX);
    }
    let mut bits = 0;
    for item in YEAR.items(text)? {
        // As people write them, and systemd reads them.
        let whole = |year: u32| match year {
            0..70 => year + 2000,
            70..100 => year + 1900,
            _ => year,
        };
        let (from, to) = (whole(item.from), whole(item.to));
        if from > to {
            return Err(Wrong::new(
                format!("year {from}..{to} runs backwards"),
                "write the earlier year first",
            ));
        }
        let item = Item { from, to, ..item };
        item.each(&mut |year| {
            // Those before are over.
            let bit = i64::from(year) - YEARS.start();
            bits |= u32::try_from(bit).map_or(0, |bit| 1_u128.checked_shl(bit).unwrap_or(0));
        });
    }
    Ok(bits)
}

/// Counted from the end of the month, and from the farther end of a range on.
fn last_days(text: &str) -> Result<u32, Box<Wrong>> {
    let mut bits = 0;
    for item in DAY.items(text)? {
        let (near, far) = match (item.closed, item.from == item.to) {
            (true, _) => (item.from.min(item.to), item.from.max(item.to)),
            (false, true) => (item.from, item.from),
            // A start with a step goes on to the month's end.
            (false, false) => (1, item.from),
        };
        for day in (near..=far).rev().step_by(item.step as usize) {
            bits |= 1 << day;
        }
    }
    Ok(bits)
}

/// `03:00`, `*:0/15`, `08..18:30:00`.
fn time(text: &str, calendar: &mut Calendar) -> Result<(), Box<Wrong>> {
    let mut parts = text.split(':');
    let hour = parts.next().unwrap_or("*");
    let minute = parts.next().unwrap_or("*");
    let second = parts.next().unwrap_or("0");
    if parts.next().is_some() {
        return Err(Wrong::new(
            format!("\"{text}\" is no time of day"),
            "a time of day is HOUR:MINUTE or HOUR:MINUTE:SECOND",
        ));
    }
    calendar.hours = u32::try_from(HOUR.bits(hour)?).unwrap_or(0);
    calendar.minutes = MINUTE.bits(minute)?;
    calendar.seconds = SECOND.bits(second)?;
    Ok(())
}
