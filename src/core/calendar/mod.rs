//! Calendar arithmetic: which second of the wall clock comes next. Pure numbers; where an
//! expression or a time zone was written, or read from, is not known here.
//!
//! `Calendar` says which local times are meant, `Zone` how local time and UTC belong
//! together, `Times` puts the two together: a time that a clock change skips is taken when
//! the gap ends, one that comes twice is taken once, unless every hour is meant.

pub mod date;
mod times;
mod zone;

pub use date::{DAY, Date, days_from};
pub use times::{At, Times};
pub use zone::{Change, Day, Rule, Summer, Transition, Zone};

/// The first year that a calendar can name, and the last: beyond it nothing is found.
pub const YEARS: std::ops::RangeInclusive<i64> = 2000..=2127;

/// The local times that an expression means: sets of bits, one for each part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Calendar {
    /// Bit n is the year 2000 + n; all of them also mean the years before.
    pub years: u128,
    /// Bits 1 to 12.
    pub months: u16,
    /// Bits 1 to 31.
    pub days: u32,
    /// Bit n is the n-th last day of the month; a day is meant by this set or the other.
    pub last_days: u32,
    /// Bit 0 is Monday.
    pub weekdays: u8,
    /// Cron's rule: with days and weekdays both restricted, either suffices.
    pub either: bool,
    /// Bits 0 to 23.
    pub hours: u32,
    /// Bits 0 to 59.
    pub minutes: u64,
    /// Bits 0 to 59.
    pub seconds: u64,
}

impl Calendar {
    /// Every hour of a day.
    pub const EVERY_HOUR: u32 = (1 << 24) - 1;

    /// Every second there is.
    pub const ALWAYS: Self = Self {
        years: u128::MAX,
        months: 0b1_1111_1111_1110,
        days: u32::MAX - 1,
        last_days: 0,
        weekdays: 0x7f,
        either: false,
        hours: Self::EVERY_HOUR,
        minutes: (1 << 60) - 1,
        seconds: (1 << 60) - 1,
    };

    /// The first local time from `from` on, both in seconds since 1970 as a clock there
    /// shows them.
    #[must_use]
    pub fn next(&self, from: i64) -> Option<i64> {
        let (mut day, mut second) = (from.div_euclid(DAY), from.rem_euclid(DAY));
        if day < 0 {
            (day, second) = (0, 0);
        }
        loop {
            let date = Date::of(day);
            if date.year > *YEARS.end() {
                return None;
            }
            let later = if !self.has_year(date.year) {
                days_from(date.year + 1, 1, 1)
            } else if u64::from(self.months) >> date.month & 1 == 0 {
                days_from(date.year, date.month + 1, 1)
            } else {
                if self.has_day(date)
                    && let Some(second) = self.time_from(second)
                {
                    return Some(day * DAY + second);
                }
                day + 1
            };
            (day, second) = (later, 0);
        }
    }

    fn has_year(&self, year: i64) -> bool {
        let bit = u32::try_from(year - YEARS.start()).unwrap_or(u32::MAX);
        self.years == u128::MAX || self.years.checked_shr(bit).unwrap_or(0) & 1 == 1
    }

    fn has_day(&self, date: Date) -> bool {
        let from_end = date.month_length() - date.day + 1;
        let day = (self.days >> date.day | self.last_days >> from_end) & 1 == 1;
        let weekday = self.weekdays >> date.weekday() & 1 == 1;
        if self.either {
            day || weekday
        } else {
            day && weekday
        }
    }

    /// The first second of a day from this one on.
    fn time_from(&self, from: i64) -> Option<i64> {
        let (first_hour, first_minute, first_second) = (from / 3600, from / 60 % 60, from % 60);
        let mut hour = first_bit(self.hours.into(), first_hour)?;
        loop {
            let same_hour = hour == first_hour;
            let mut minute = first_bit(self.minutes, if same_hour { first_minute } else { 0 });
            while let Some(found) = minute {
                let same = same_hour && found == first_minute;
                if let Some(second) = first_bit(self.seconds, if same { first_second } else { 0 }) {
                    return Some(hour * 3600 + found * 60 + second);
                }
                minute = first_bit(self.minutes, found + 1);
            }
            hour = first_bit(self.hours.into(), hour + 1)?;
        }
    }
}

/// The number of the first bit that is set, from this one on.
fn first_bit(bits: u64, from: i64) -> Option<i64> {
    let from = u32::try_from(from).ok()?;
    let rest = bits.checked_shr(from)?;
    (rest != 0).then(|| i64::from(from + rest.trailing_zeros()))
}

#[cfg(test)]
mod tests;
