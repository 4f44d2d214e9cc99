//! Days since 1970 and what people call them.

/// The seconds of a day.
pub const DAY: i64 = 86_400;

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// The year.
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
}

/// The number of a day, counted from 1970-01-01; month 13 is the next year's first.
/// (Eras of 400 years that begin in March, so that the leap day is a year's last.)
#[must_use]
pub const fn days_from(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 12 {
        (year + 1, month - 12)
    } else {
        (year, month)
    };
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let in_era = year.rem_euclid(400);
    let of_era = in_era * 365 + in_era / 4 - in_era / 100 + of_year;
    year.div_euclid(400) * 146_097 + of_era - 719_468
}

impl Date {
    /// The day of this number.
    #[must_use]
    pub const fn of(days: i64) -> Self {
        let days = days + 719_468;
        let of_era = days.rem_euclid(146_097);
        let in_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * in_era + in_era / 4 - in_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 {
            shifted + 3
        } else {
            shifted - 9
        };
        let year = days.div_euclid(146_097) * 400 + in_era;
        Self {
            year: if month <= 2 { year + 1 } else { year },
            month,
            day: of_year - (153 * shifted + 2) / 5 + 1,
        }
    }

    /// Its number.
    #[must_use]
    pub const fn days(self) -> i64 {
        days_from(self.year, self.month, self.day)
    }

    /// 0 is Monday.
    #[must_use]
    pub const fn weekday(self) -> i64 {
        (self.days() + 3).rem_euclid(7)
    }

    /// How many days its month has.
    #[must_use]
    pub const fn month_length(self) -> i64 {
        days_from(self.year, self.month + 1, 1) - days_from(self.year, self.month, 1)
    }
}
