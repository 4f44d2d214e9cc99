//! The texts of `schedule`: systemd's calendar (`systemd.time(7)`) or cron's five fields
//! (`crontab(5)`), either with a time zone behind it.

mod cron;
mod field;
mod systemd;
mod zone;

pub(super) use zone::{local, named};

use crate::core::calendar::Calendar;

/// What is wrong with a text, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) what: String,
    pub(super) help: String,
}

impl Wrong {
    fn new(what: impl Into<String>, help: impl Into<String>) -> Box<Self> {
        let (what, help) = (what.into(), help.into());
        Box::new(Self { what, help })
    }
}

const FORMS: &str = "systemd's form is \"Mon..Fri *-*-* 03:00:00\" (each part may be left out), \"hourly\", \"daily\", \"weekly\", \"monthly\"; cron's is \"0 3 * * 1-5\"";

/// The local times that a text means, and the name of the time zone behind it.
pub(super) fn parse(text: &str) -> Result<(Calendar, Option<&str>), Box<Wrong>> {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    // Five words are cron's, and the last of them is the weekday.
    let zone = (words.len() > 1 && words.len() != 5)
        .then(|| words.pop_if(|word| is_zone(word)))
        .flatten();
    let calendar = match words.as_slice() {
        [] => Err(Wrong::new("no time at all", FORMS)),
        [minute, hour, day, month, weekday] => cron::parse(minute, hour, day, month, weekday),
        // As in supercronic and Go.
        ["@every", ..] => Err(Wrong::new(
            "@every is an interval, no time of the calendar",
            "write every = \"5m\" instead of schedule",
        )),
        [name] if name.starts_with('@') => cron::nickname(name),
        words if words.len() > 2 && cron::looks_like(words) => {
            let help = if words.len() == 6 {
                "they are minute, hour, day, month and weekday: leave out the seconds"
            } else {
                "they are minute, hour, day, month and weekday; \"0 3 * * *\" is each day at three"
            };
            let count = words.len();
            Err(Wrong::new(
                format!("cron has five fields, this has {count}"),
                help,
            ))
        }
        words => systemd::parse(words),
    };
    Ok((calendar?, zone))
}

/// Whether a last word can only be a zone's name.
fn is_zone(word: &str) -> bool {
    let weekdays = || {
        word.get(..3)
            .is_some_and(|day| field::weekday(day).is_some())
    };
    word.starts_with(|c: char| c.is_ascii_alphabetic()) && !weekdays()
}

#[cfg(test)]
mod tests;
