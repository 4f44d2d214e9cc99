//! A calendar at a place: the instants that it means.

use std::fmt;

use super::date::{DAY, Date};
use super::{Calendar, Zone};

/// How far local time and UTC may lie apart.
const FAR: i64 = 26 * 3600;

/// Which times are meant, and whose.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Times {
    /// The local times.
    pub calendar: Calendar,
    /// Where.
    pub zone: Zone,
}

impl Times {
    /// The first instant after this one, both in seconds since 1970, UTC.
    #[must_use]
    pub fn next(&self, after: i64) -> Option<i64> {
        if self.calendar.hours == Calendar::EVERY_HOUR {
            self.next_as_time_passes(after)
        } else {
            self.next_of_the_day(after)
        }
    }

    /// Every hour is meant: whatever a clock does, each hour that passes is one.
    fn next_as_time_passes(&self, after: i64) -> Option<i64> {
        let mut from = after.saturating_add(1);
        loop {
            let offset = self.zone.offset_at(from);
            let found = self.calendar.next(from.saturating_add(offset))? - offset;
            match self.zone.next_change(from) {
                Some(change) if change <= found => from = change,
                Some(_) | None => return Some(found),
            }
        }
    }

    /// Some hours are meant: each of their times once a day, whatever the clock does.
    fn next_of_the_day(&self, after: i64) -> Option<i64> {
        // What the clock has shown by now: more than it shows, in an hour that comes twice.
        let mut shown = after.saturating_add(self.zone.offset_at(after));
        let mut segment = after.saturating_sub(FAR);
        while let Some(change) = self.zone.next_change(segment)
            && change <= after
        {
            shown = shown.max(change - 1 + self.zone.offset_at(change - 1));
            segment = change;
        }
        let local = self.calendar.next(shown.saturating_add(1))?;
        Some(self.first_instant(local))
    }

    /// When the clock first shows this time, or a later one if it skips it.
    fn first_instant(&self, local: i64) -> i64 {
        let mut from = local - FAR;
        loop {
            let instant = (local - self.zone.offset_at(from)).max(from);
            match self.zone.next_change(from) {
                Some(change) if change <= instant => from = change,
                Some(_) | None => return instant,
            }
        }
    }
}

/// An instant in words, by a place's clock: `Wed 2026-11-25 03:00:00 +01:00`.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// Where.
    pub zone: &'a Zone,
    /// In seconds since 1970, UTC.
    pub instant: i64,
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.zone.offset_at(self.instant);
        let local = self.instant.saturating_add(offset);
        let date = Date::of(local.div_euclid(DAY));
        let second = local.rem_euclid(DAY);
        let weekday = match date.weekday() {
            0 => "Mon",
            1 => "Tue",
            2 => "Wed",
            3 => "Thu",
            4 => "Fri",
            5 => "Sat",
            _ => "Sun",
        };
        let Date { year, month, day } = date;
        write!(f, "{weekday} {year}-{month:02}-{day:02} ")?;
        let (hour, minute) = (second / 3600, second / 60 % 60);
        write!(f, "{hour:02}:{minute:02}:{:02} ", second % 60)?;
        if offset == 0 {
            return f.write_str("UTC");
        }
        let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}
