//! Cron's five fields, as Debian's and Red Hat's cron read them (`crontab(5)`).

use super::field::{self, Field, no_word};
use super::{Wrong, systemd};
use crate::core::calendar::Calendar;

const fn field(name: &'static str, low: u32, high: u32) -> Field {
    Field {
        name,
        low,
        high,
        range: "-",
        word: no_word,
    }
}

const MINUTE: Field = field("minute", 0, 59);
const HOUR: Field = field("hour", 0, 23);
const DAY: Field = field("day", 1, 31);
const MONTH: Field = Field {
    word: field::month,
    ..field("month", 1, 12)
};
/// 0 and 7 are Sunday.
const WEEKDAY: Field = Field {
    word: field::weekday,
    ..field("weekday", 0, 7)
};

/// `minute hour day month weekday`.
pub(super) fn parse(
    minute: &str,
    hour: &str,
    day: &str,
    month: &str,
    weekday: &str,
) -> Result<Calendar, Box<Wrong>> {
    let narrow = |bits: u64| u32::try_from(bits).unwrap_or(0);
    // A field that begins with a star restricts nothing, whatever its step.
    let restricted = |text: &str| !text.starts_with(['*', '?']);
    Ok(Calendar {
        seconds: 1,
        minutes: MINUTE.bits(minute)?,
        hours: narrow(HOUR.bits(hour)?),
        days: narrow(DAY.bits(day)?),
        months: u16::try_from(MONTH.bits(month)?).unwrap_or(0),
        weekdays: weekdays(weekday)?,
        either: restricted(day) && restricted(weekday),
        ..Calendar::ALWAYS
    })
}

/// Bit 0 is Monday. A range may go over Sunday.
fn weekdays(text: &str) -> Result<u8, Box<Wrong>> {
    let items = WEEKDAY.items(text)?;
    Ok(items.iter().fold(0, |bits, item| bits | item.weekdays()))
}

/// `@daily` and its kin.
pub(super) fn nickname(name: &str) -> Result<Calendar, Box<Wrong>> {
    let word = match name {
        "@midnight" => "daily",
        "@reboot" => {
            return Err(Wrong::new(
                "@reboot is no time",
                "type = \"oneshot\" without schedule runs once at the start",
            ));
        }
        _ => name.strip_prefix('@').unwrap_or(name),
    };
    // Only cron's week begins with Sunday.
    if word == "weekly" {
        return parse("0", "0", "*", "*", "0");
    }
    systemd::shorthand(word).ok_or_else(|| {
        let help = "@hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually";
        Wrong::new(format!("there is no {name}"), help)
    })
}

/// Whether words can only be cron's fields, and nothing of systemd's.
pub(super) fn looks_like(words: &[&str]) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"*,-/?#".contains(&byte);
    let starts = |first: &&str| !first.starts_with(|c: char| c.is_ascii_alphabetic());
    words.first().is_some_and(starts) && words.iter().all(|word| word.bytes().all(fits))
}
