use proptest::prelude::*;

use super::*;

/// The European Union's rule.
fn berlin() -> Zone {
    by_rule(3600, 7200, (3, 5, 0, 2 * 3600), (10, 5, 0, 3 * 3600))
}

fn new_york() -> Zone {
    by_rule(-18_000, -14_400, (3, 2, 0, 7200), (11, 1, 0, 7200))
}

/// Half an hour of daylight saving, in the southern summer.
fn lord_howe() -> Zone {
    by_rule(37_800, 39_600, (10, 1, 0, 7200), (4, 1, 0, 7200))
}

fn kathmandu() -> Zone {
    Zone {
        offset: 20_700,
        ..Zone::default()
    }
}

fn by_rule(offset: i32, summer: i32, begins: (u8, u8, u8, i32), ends: (u8, u8, u8, i32)) -> Zone {
    let change = |(month, week, weekday, time)| Change {
        day: Day::Weekday {
            month,
            week,
            weekday,
        },
        time,
    };
    let summer = Summer {
        offset: summer,
        begins: change(begins),
        ends: change(ends),
    };
    Zone {
        rule: Some(Box::new(Rule {
            offset,
            summer: Some(summer),
        })),
        ..Zone::default()
    }
}

/// Clocks in Berlin of one year alone, known by instants.
fn berlin_2026() -> Zone {
    let change = |at, offset| Transition { at, offset };
    Zone {
        offset: 3600,
        transitions: [
            change(utc(2026, 3, 29, 1, 0), 7200),
            change(utc(2026, 10, 25, 1, 0), 3600),
        ]
        .into(),
        rule: None,
    }
}

fn utc(year: i64, month: i64, day: i64, hour: i64, minute: i64) -> i64 {
    days_from(year, month, day) * DAY + hour * 3600 + minute * 60
}

/// At this second of the minute, of the hours, each day.
fn at(hours: u32, minutes: u64) -> Calendar {
    Calendar {
        hours,
        minutes,
        seconds: 1,
        ..Calendar::ALWAYS
    }
}

/// The next times, in words.
fn next(calendar: Calendar, zone: Zone, after: i64, count: usize) -> Vec<String> {
    let times = Times { calendar, zone };
    let mut after = after;
    let mut all = Vec::new();
    for _ in 0..count {
        let Some(instant) = times.next(after) else {
            break;
        };
        let zone = &times.zone;
        all.push(At { zone, instant }.to_string());
        after = instant;
    }
    all
}

/// The same by the plainest means: second by second, a calendar counted day by day.
mod naive {
    use super::super::*;

    /// Year, month, day, and how many days the month has.
    pub(super) fn date(mut days: i64) -> (i64, i64, i64, i64) {
        let leap = |year| i64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
        let mut year = 1970;
        while days >= 365 + leap(year) {
            days -= 365 + leap(year);
            year += 1;
        }
        let mut month = 1;
        loop {
            let length = match month {
                2 => 28 + leap(year),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            if days < length {
                return (year, month, days + 1, length);
            }
            days -= length;
            month += 1;
        }
    }

    /// Days are remembered: the scan asks for the same one again and again.
    pub(super) struct Scan {
        pub(super) calendar: Calendar,
        day: Option<(i64, bool)>,
    }

    impl Scan {
        pub(super) fn new(calendar: Calendar) -> Self {
            Self {
                calendar,
                day: None,
            }
        }

        fn means_day(&mut self, number: i64) -> bool {
            if let Some((known, means)) = self.day
                && known == number
            {
                return means;
            }
            let (year, month, day, length) = date(number);
            let last = length - day + 1;
            let c = &self.calendar;
            let by_day = c.days >> day & 1 == 1 || c.last_days >> last & 1 == 1;
            let by_weekday = c.weekdays >> ((number + 3) % 7) & 1 == 1;
            let both = if c.either {
                by_day || by_weekday
            } else {
                by_day && by_weekday
            };
            let year = c.years == u128::MAX || (year >= 2000 && c.years >> (year - 2000) & 1 == 1);
            let means = year && c.months >> month & 1 == 1 && both;
            self.day = Some((number, means));
            means
        }

        pub(super) fn means(&mut self, local: i64) -> bool {
            let second = local % DAY;
            let c = &self.calendar;
            let time = c.hours >> (second / 3600) & 1 == 1
                && c.minutes >> (second / 60 % 60) & 1 == 1
                && c.seconds >> (second % 60) & 1 == 1;
            time && self.means_day(local / DAY)
        }

        /// All that come after this instant, up to the other.
        pub(super) fn all(&mut self, zone: &Zone, after: i64, until: i64) -> Vec<i64> {
            let mut all = Vec::new();
            let mut shown = (after - 30 * 3600..=after)
                .step_by(300)
                .chain([after])
                .map(|at| at + zone.offset_at(at))
                .max()
                .unwrap();
            let hourly = self.calendar.hours == Calendar::EVERY_HOUR;
            for at in after + 1..=until {
                let local = at + zone.offset_at(at);
                let due = if hourly {
                    self.means(local)
                } else {
                    (shown + 1..=local).any(|local| self.means(local))
                };
                shown = shown.max(local);
                if due {
                    all.push(at);
                }
            }
            all
        }
    }
}

#[test]
fn dates_are_those_that_are_counted_day_by_day() {
    for days in (0..60_000)
        .step_by(13)
        .chain([11_016, 11_017, 47_540, 47_541])
    {
        let date = Date::of(days);
        let length = date.month_length();
        assert_eq!((date.year, date.month, date.day, length), naive::date(days));
        assert_eq!(date.days(), days);
    }
    assert_eq!(Date::of(-1).days(), -1);
    assert_eq!(days_from(2026, 13, 1), days_from(2027, 1, 1));
    assert_eq!(Date::of(days_from(2000, 2, 29)).weekday(), 1);
}

#[test]
fn a_time_that_the_clock_skips_comes_when_the_gap_ends() {
    let half_past_two = at(1 << 2, 1 << 30);
    for zone in [berlin(), berlin_2026()] {
        assert_eq!(
            next(half_past_two, zone, utc(2026, 3, 28, 0, 0), 3),
            [
                "Sat 2026-03-28 02:30:00 +01:00",
                "Sun 2026-03-29 03:00:00 +02:00",
                "Mon 2026-03-30 02:30:00 +02:00",
            ]
        );
    }
    let both = at(1 << 2 | 1 << 3, 1 << 0 | 1 << 30);
    assert_eq!(
        next(both, berlin(), utc(2026, 3, 29, 0, 0), 3),
        [
            "Sun 2026-03-29 03:00:00 +02:00",
            "Sun 2026-03-29 03:30:00 +02:00",
            "Mon 2026-03-30 02:00:00 +02:00",
        ],
        "all that was skipped is one run"
    );
}

#[test]
fn a_time_that_comes_twice_is_taken_once() {
    let half_past_two = at(1 << 2, 1 << 30);
    for zone in [berlin(), berlin_2026()] {
        assert_eq!(
            next(half_past_two, zone, utc(2026, 10, 24, 12, 0), 2),
            [
                "Sun 2026-10-25 02:30:00 +02:00",
                "Mon 2026-10-26 02:30:00 +01:00"
            ]
        );
    }
    // Asked in the second of the two hours, it is over.
    assert_eq!(
        next(half_past_two, berlin(), utc(2026, 10, 25, 1, 10), 1),
        ["Mon 2026-10-26 02:30:00 +01:00"]
    );
}

#[test]
fn every_hour_goes_on_whatever_the_clock_does() {
    let half_past = at(Calendar::EVERY_HOUR, 1 << 30);
    assert_eq!(
        next(half_past, berlin(), utc(2026, 10, 25, 0, 0), 3),
        [
            "Sun 2026-10-25 02:30:00 +02:00",
            "Sun 2026-10-25 02:30:00 +01:00",
            "Sun 2026-10-25 03:30:00 +01:00",
        ]
    );
    assert_eq!(
        next(half_past, berlin(), utc(2026, 3, 29, 0, 0), 2),
        [
            "Sun 2026-03-29 01:30:00 +01:00",
            "Sun 2026-03-29 03:30:00 +02:00"
        ]
    );
}

#[test]
fn half_an_hour_of_summer_and_a_quarter_of_an_offset() {
    let quarter_past_two = at(1 << 2, 1 << 15);
    assert_eq!(
        next(quarter_past_two, lord_howe(), utc(2026, 10, 2, 20, 0), 2),
        [
            "Sun 2026-10-04 02:30:00 +11:00",
            "Mon 2026-10-05 02:15:00 +11:00"
        ]
    );
    let quarter_to_two = at(1 << 1, 1 << 45);
    assert_eq!(
        next(quarter_to_two, lord_howe(), utc(2026, 4, 4, 12, 0), 2),
        [
            "Sun 2026-04-05 01:45:00 +11:00",
            "Mon 2026-04-06 01:45:00 +10:30"
        ]
    );
    assert_eq!(
        next(at(1 << 0, 1), kathmandu(), utc(2026, 11, 24, 18, 14), 2),
        [
            "Wed 2026-11-25 00:00:00 +05:45",
            "Thu 2026-11-26 00:00:00 +05:45"
        ]
    );
}

#[test]
fn the_rule_holds_beyond_2038_and_the_search_ends() {
    let noon = at(1 << 12, 1);
    assert_eq!(
        next(noon, new_york(), utc(2099, 7, 1, 0, 0), 1),
        ["Wed 2099-07-01 12:00:00 -04:00"]
    );
    let leap_day = Calendar {
        months: 1 << 2,
        days: 1 << 29,
        ..noon
    };
    assert_eq!(
        next(leap_day, Zone::default(), utc(2096, 3, 1, 0, 0), 1),
        ["Fri 2104-02-29 12:00:00 UTC"]
    );
    let never = Calendar {
        months: 1 << 2,
        days: 1 << 30,
        ..noon
    };
    assert_eq!(never.next(0), None);
    assert_eq!(noon.next(utc(2128, 1, 1, 0, 0)), None);
    assert_eq!(noon.next(i64::MAX / 2), None);
    assert_eq!(noon.next(-5 * DAY), Some(DAY / 2));
}

#[test]
fn last_days_are_counted_from_the_end_and_either_suffices_for_cron() {
    let last_monday = Calendar {
        days: 0,
        last_days: 0b1111_1110,
        weekdays: 1,
        ..at(1, 1)
    };
    assert_eq!(
        next(last_monday, Zone::default(), utc(2024, 2, 1, 0, 0), 2),
        ["Mon 2024-02-26 00:00:00 UTC", "Mon 2024-03-25 00:00:00 UTC"]
    );
    let cron = Calendar {
        days: 1 << 13,
        weekdays: 1 << 4,
        either: true,
        ..at(1, 1)
    };
    assert_eq!(
        next(cron, Zone::default(), utc(2026, 10, 8, 0, 0), 3),
        [
            "Fri 2026-10-09 00:00:00 UTC",
            "Tue 2026-10-13 00:00:00 UTC",
            "Fri 2026-10-16 00:00:00 UTC",
        ]
    );
}

fn some_bits(width: u32) -> impl Strategy<Value = u64> {
    let all = (1_u64 << width) - 1;
    prop_oneof![
        2 => Just(all),
        3 => (0..width).prop_map(|bit| 1 << bit),
        2 => 1..=all,
    ]
}

fn calendar() -> impl Strategy<Value = Calendar> {
    let times = (some_bits(24), some_bits(60), some_bits(60));
    let days = (
        some_bits(31),
        some_bits(31),
        some_bits(7),
        any::<[bool; 3]>(),
    );
    (times, days).prop_map(
        |((hours, minutes, seconds), (days, last, weekdays, flags))| {
            let [either, any_day, from_end] = flags;
            Calendar {
                days: if any_day {
                    Calendar::ALWAYS.days
                } else {
                    (days as u32) << 1
                },
                last_days: if from_end { (last as u32) << 1 } else { 0 },
                weekdays: weekdays as u8,
                either,
                hours: hours as u32,
                minutes,
                seconds,
                ..Calendar::ALWAYS
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Around the changes of the clock, where it is difficult.
    #[test]
    fn the_next_times_are_those_that_a_scan_of_each_second_finds(
        calendar in calendar(),
        zone in proptest::sample::select(vec![
            berlin(), berlin_2026(), new_york(), lord_howe(), kathmandu(), Zone::default(),
        ]),
        (year, spring) in (2026..2029_i64, any::<bool>()),
        before in 0..100_000_i64,
    ) {
        let begin = if spring { utc(year, 3, 28, 0, 0) } else { utc(year, 10, 24, 0, 0) };
        let change = zone.next_change(begin).unwrap_or(begin);
        let after = change - before;
        let until = change + 30_000;
        let expected = naive::Scan::new(calendar).all(&zone, after, until);
        let times = Times { calendar, zone };
        let mut found = Vec::new();
        let mut last = after;
        while let Some(next) = times.next(last).filter(|next| *next <= until) {
            prop_assert!(next > last);
            found.push(next);
            last = next;
            if found.len() > 200 {
                break;
            }
        }
        let count = found.len().min(200);
        prop_assert_eq!(&found[..count], &expected[..count.min(expected.len())]);
        prop_assert!(found.len() > 200 || found.len() == expected.len());
    }

    /// Far away, where a second by second scan would take for ever: day by day.
    #[test]
    fn the_next_day_is_the_one_that_a_scan_of_each_day_finds(
        calendar in calendar(),
        months in some_bits(12),
        from in days_from(2000, 1, 1)..days_from(2100, 1, 1),
    ) {
        let calendar = Calendar { months: (months as u16) << 1, hours: 1, minutes: 1, seconds: 1, ..calendar };
        let mut scan = naive::Scan::new(calendar);
        let expected = (from..from + 400).find(|day| scan.means(day * DAY));
        let found = calendar.next(from * DAY).map(|second| second / DAY);
        let found = found.filter(|day| *day < from + 400);
        prop_assert_eq!(found, expected);
    }
}
