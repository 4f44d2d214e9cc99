//! `schedule`, `every`, `randomized-delay`: when a service runs that doesn't run for ever.

use std::path::Path;
use std::time::Duration;

use super::calendar;
use super::draft::Draft;
use super::source::At;
use super::value::{Context, Value};
use crate::core::calendar::{Calendar, Times};
use crate::core::schedule::{Schedule, When};
use crate::core::spec::Kind;
use crate::units;

/// What was written of a schedule.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    calendars: Vec<(Box<str>, At)>,
    every: Option<Duration>,
    jitter: Duration,
}

/// Keys that say what becomes of a service that runs for ever.
const NOT_FOR_SCHEDULES: [&str; 8] = [
    "restart",
    "restart-delay",
    "restart-delay-max",
    "restart-reset",
    "start-limit",
    "ready",
    "health",
    "essential",
];

pub(super) fn calendars(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    let mut texts = Vec::new();
    let mut good = Some(());
    for item in value.items() {
        match item.text() {
            Some(text) => texts.push((text.into(), item.at)),
            None => good = None,
        }
    }
    good?;
    if texts.is_empty() {
        return value.wrong("schedule names no time", "leave it out, or write \"daily\"");
    }
    draft.times.calendars = texts;
    Some(())
}

pub(super) fn every(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    let interval = value.duration()?;
    if interval.is_zero() {
        return value.wrong(
            "every is no time at all",
            "write a duration such as \"5m\"; without every the service runs once, or for ever",
        );
    }
    draft.times.every = Some(interval);
    Some(())
}

pub(super) fn jitter(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    draft.times.jitter = value.duration()?;
    Some(())
}

impl Draft {
    /// It runs at its times.
    pub(super) const fn is_scheduled(&self) -> bool {
        self.has_times() || self.spec.schedule.is_some()
    }

    /// When its timer fired last, where that is kept.
    pub(super) fn find_stamp(&mut self, root: &Path) {
        let schedule = self.spec.schedule.as_deref_mut();
        if let Some(When::Timer(timer)) = schedule.map(|own| &mut own.when)
            && let Some(stamp) = &mut timer.persistent
        {
            stamp.last = units::stamped(root, &stamp.name);
        }
    }

    /// Of its own, whatever a unit's timer says.
    const fn has_times(&self) -> bool {
        !self.times.calendars.is_empty() || self.times.every.is_some()
    }

    /// What `[defaults]` says of restarts is not for schedules; `own` tells which keys the
    /// service's own table has.
    pub(super) fn restrict_schedule(&mut self, own: impl Fn(&str) -> bool, context: &Context<'_>) {
        if !self.is_scheduled() {
            return;
        }
        for key in NOT_FOR_SCHEDULES {
            // Only `essential = false` says what is so anyway.
            if own(key) && (key != "essential" || self.spec.essential) {
                context.error(
                    self.place(key),
                    format!("a service that runs at its times can't have {key}"),
                    "whatever came of a run, it waits for its next time; leave it out",
                );
            }
            self.forget(key);
        }
        self.spec.essential = false;
        self.restart = None;
        self.restart_delay_max = None;
        self.spec.restart = Default::default();
        self.ready = None;
    }

    /// Makes a schedule of what was written.
    pub(super) fn finish_schedule(&mut self, context: &Context<'_>) {
        if !self.has_times() && self.spec.schedule.is_some() {
            // A unit's timer, of which TOML may say the chance otherwise.
            if self.written("randomized-delay").is_some()
                && let Some(schedule) = &mut self.spec.schedule
            {
                schedule.jitter = self.times.jitter;
            }
            return;
        }
        if !self.is_scheduled() {
            if let Some(at) = self.written("randomized-delay") {
                context.error(
                    at,
                    "randomized-delay without schedule or every delays nothing",
                    "add schedule = \"daily\" or every = \"1h\", or leave it out",
                );
            }
            return;
        }
        if let Some(at) = self.written("type")
            && (self.spec.kind != Kind::Oneshot || self.notify_by_type)
        {
            let help = "leave type out: a service that runs at its times is a oneshot";
            context.error(at, "what runs at its times has to end", help);
            self.notify_by_type = false;
        }
        self.spec.kind = Kind::Oneshot;
        let when = match (self.times.every, self.times.calendars.is_empty()) {
            (Some(_), false) => {
                let what = "schedule and every contradict each other";
                let help = "schedule names times of the calendar, every an interval: keep one";
                context.error(self.place("every"), what, help);
                return;
            }
            (Some(interval), true) => When::Every(interval),
            (None, _) => When::Calendar(self.calendars(context)),
        };
        let jitter = self.times.jitter;
        self.spec.schedule = Some(Box::new(Schedule { when, jitter }));
    }

    fn calendars(&self, context: &Context<'_>) -> Box<[Times]> {
        let times = self.times.calendars.iter();
        times
            .filter_map(|(text, at)| one(text, *at, context))
            .collect()
    }
}

/// One text, or what is wrong with it.
fn one(text: &str, at: At, context: &Context<'_>) -> Option<Times> {
    let times = times(text, at, context);
    let wrong = |(what, help)| context.error(at, what, help);
    times.map_err(wrong).ok()
}

/// The times that a text means; or what is wrong with it, and what to write instead.
pub(super) fn times(text: &str, at: At, context: &Context<'_>) -> Result<Times, (String, String)> {
    let wrong = |wrong: Box<calendar::Wrong>| (format!("\"{text}\": {}", wrong.what), wrong.help);
    let (calendar, name) = calendar::parse(text).map_err(wrong)?;
    let now = context.now;
    let zone = if let Some(name) = name {
        calendar::named(name, now).map_err(wrong)?
    } else {
        let tz = context.variable(b"TZ");
        calendar::local(tz.as_deref(), now).unwrap_or_else(|wrong| {
            let what = format!("{}: the schedule's times are UTC", wrong.what);
            context.warn(at, what, wrong.help);
            Default::default()
        })
    };
    let times = Times { calendar, zone };
    if times.next(now).is_some() {
        return Ok(times);
    }
    let any_year = Calendar {
        years: u128::MAX,
        ..calendar
    };
    let (what, help) = if any_year.next(0).is_none() {
        let help = "no such day comes in any year; \"*-02~01\" is February's last day";
        (format!("\"{text}\" never happens"), help)
    } else {
        let help = "its time has passed: write * for each year, or leave it out";
        (format!("\"{text}\" never happens again"), help)
    };
    Err((what, help.to_owned()))
}
