//! A time zone: what to add to UTC, and when that changes.

use super::date::{DAY, Date, days_from};

/// What a place's clocks show. Without anything it is UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Zone {
    /// Seconds east of UTC, before the first transition.
    pub offset: i32,
    /// Known changes, in order.
    pub transitions: Box<[Transition]>,
    /// What goes on for ever after the last of them.
    pub rule: Option<Box<Rule>>,
}

/// From an instant on another offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transition {
    /// In seconds since 1970, UTC.
    pub at: i64,
    /// Seconds east of UTC from then on.
    pub offset: i32,
}

/// The rule of a POSIX TZ text (`tzset(3)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// Seconds east of UTC in winter.
    pub offset: i32,
    /// Daylight saving time, if there is any.
    pub summer: Option<Summer>,
}

/// Daylight saving time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Summer {
    /// Seconds east of UTC in it.
    pub offset: i32,
    /// When it begins, by the winter's clock.
    pub begins: Change,
    /// When it ends, by its own clock.
    pub ends: Change,
}

/// A moment of each year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// The day.
    pub day: Day,
    /// Seconds after that day's midnight; may be negative, or another day.
    pub time: i32,
}

/// A day of each year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Day {
    /// `Jn`: 1 to 365, February 29 is never counted.
    Julian(u16),
    /// `n`: 0 to 365, it is counted.
    Ordinal(u16),
    /// `Mm.w.d`: the w-th weekday of a month, 5 is the last; Sunday is 0.
    Weekday {
        /// 1 to 12.
        month: u8,
        /// 1 to 5.
        week: u8,
        /// 0 to 6.
        weekday: u8,
    },
}

/// No zone is farther away from UTC, and no rule's time from its day.
const MOST_OFFSET: u32 = 26 * 3600;
const MOST_TIME: u32 = 168 * 3600;

impl Zone {
    /// Seconds east of UTC at an instant.
    #[must_use]
    pub fn offset_at(&self, utc: i64) -> i64 {
        let passed = self.transitions.partition_point(|known| known.at <= utc);
        let ruled = passed == self.transitions.len();
        let offset = match (&self.rule, passed.checked_sub(1)) {
            (Some(rule), _) if ruled => return rule.offset_at(utc),
            (_, Some(last)) => self.transitions.get(last).map_or(0, |known| known.offset),
            (_, None) => self.offset,
        };
        offset.into()
    }

    /// The first instant after this one at which the offset may change.
    #[must_use]
    pub fn next_change(&self, utc: i64) -> Option<i64> {
        let passed = self.transitions.partition_point(|known| known.at <= utc);
        match self.transitions.get(passed) {
            Some(next) => Some(next.at),
            None => self.rule.as_ref()?.next_change(utc),
        }
    }

    /// Whether nothing in it leads the arithmetic astray.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let near = |offset: i32| offset.unsigned_abs() <= MOST_OFFSET;
        let ordered = self.transitions.is_sorted_by(|a, b| a.at < b.at);
        let sound = |rule: &Rule| {
            near(rule.offset)
                && rule.summer.is_none_or(|summer| {
                    near(summer.offset) && summer.begins.is_sound() && summer.ends.is_sound()
                })
        };
        ordered
            && near(self.offset)
            && self.transitions.iter().all(|known| near(known.offset))
            && self.rule.as_ref().is_none_or(|rule| sound(rule))
    }
}

impl Rule {
    /// The changes of the years around an instant, and whether each begins the summer.
    fn changes(&self, utc: i64) -> Option<[(i64, bool); 6]> {
        let summer = self.summer?;
        let this = Date::of(utc.div_euclid(DAY)).year;
        let change = |year, begins: bool| {
            let (change, offset) = if begins {
                (summer.begins, self.offset)
            } else {
                (summer.ends, summer.offset)
            };
            (change.local(year) - i64::from(offset), begins)
        };
        Some([
            change(this - 1, true),
            change(this - 1, false),
            change(this, true),
            change(this, false),
            change(this + 1, true),
            change(this + 1, false),
        ])
    }

    fn offset_at(&self, utc: i64) -> i64 {
        let changes = self.changes(utc);
        let passed = changes.iter().flatten().filter(|(at, _)| *at <= utc);
        // All year round, the end of one year's summer is the beginning of the next.
        match (passed.max(), self.summer) {
            (Some((_, true)), Some(summer)) => summer.offset.into(),
            _ => self.offset.into(),
        }
    }

    fn next_change(&self, utc: i64) -> Option<i64> {
        let changes = self.changes(utc)?;
        let next = changes.iter().filter(|(at, _)| *at > utc).min()?;
        Some(next.0)
    }
}

impl Change {
    fn local(self, year: i64) -> i64 {
        self.day.number(year) * DAY + i64::from(self.time)
    }

    const fn is_sound(self) -> bool {
        let day = match self.day {
            Day::Julian(day) => 1 <= day && day <= 365,
            Day::Ordinal(day) => day <= 365,
            Day::Weekday {
                month,
                week,
                weekday,
            } => 1 <= month && month <= 12 && 1 <= week && week <= 5 && weekday <= 6,
        };
        day && self.time.unsigned_abs() < MOST_TIME
    }
}

impl Day {
    fn number(self, year: i64) -> i64 {
        let new_year = days_from(year, 1, 1);
        match self {
            Self::Ordinal(day) => new_year + i64::from(day),
            Self::Julian(day) => {
                let leap_day = days_from(year, 3, 1) - new_year == 60 && day >= 60;
                new_year + i64::from(day) - 1 + i64::from(leap_day)
            }
            Self::Weekday {
                month,
                week,
                weekday,
            } => {
                let first = Date {
                    year,
                    month: month.into(),
                    day: 1,
                };
                // Sunday is 0 here, Monday there.
                let wanted = (i64::from(weekday) + 6) % 7;
                let day = (wanted - first.weekday()).rem_euclid(7) + 7 * (i64::from(week) - 1);
                let day = if day < first.month_length() {
                    day
                } else {
                    day - 7
                };
                first.days() + day
            }
        }
    }
}
