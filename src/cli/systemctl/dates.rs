//! Moments as systemd writes them.

use crate::core::calendar::date::{DAY, Date};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// `Sat 2026-01-03 04:05:06 UTC`, of Unix milliseconds.
pub(in crate::cli) fn moment(millis: i64) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let seconds = millis.div_euclid(1000);
    let date = Date::of(seconds.div_euclid(DAY));
    let of_day = seconds.rem_euclid(DAY);
    let weekday = usize::try_from(date.weekday()).ok();
    let weekday = weekday.and_then(|day| DAYS.get(day)).unwrap_or(&"");
    format!(
        "{weekday} {:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC",
        date.year,
        date.month,
        date.day,
        of_day / HOUR,
        of_day / MINUTE % 60,
        of_day % 60
    )
}

/// `2min 3s ago`: the two largest units, as systemd has them.
pub(super) fn ago(millis: i64) -> String {
    let seconds = millis.div_euclid(1000).max(0);
    let (days, hours) = (seconds / DAY, seconds / HOUR % 24);
    let (minutes, rest) = (seconds / MINUTE % 60, seconds % 60);
    let plural = |count: i64, word: &str| {
        let end = if count == 1 { "" } else { "s" };
        format!("{count} {word}{end}")
    };
    match seconds {
        ..1 => format!("{}ms ago", millis.max(0)),
        1..60 => format!("{rest}s ago"),
        60..3600 => format!("{minutes}min{} ago", more(rest, "s")),
        3600..86_400 => format!("{hours}h{} ago", more(minutes, "min")),
        _ if days < 7 => format!("{}{} ago", plural(days, "day"), more(hours, "h")),
        _ if days < 30 => match (days / 7, days % 7) {
            (weeks, 0) => format!("{} ago", plural(weeks, "week")),
            (weeks, days) => format!("{} {} ago", plural(weeks, "week"), plural(days, "day")),
        },
        _ => match (days / 30, days % 30) {
            (months, 0) => format!("{} ago", plural(months, "month")),
            (months, days) => format!("{} {} ago", plural(months, "month"), plural(days, "day")),
        },
    }
}

fn more(count: i64, unit: &str) -> String {
    if count == 0 {
        String::new()
    } else {
        format!(" {count}{unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_systemd_does() {
        assert_eq!(moment(0), "Thu 1970-01-01 00:00:00 UTC");
        assert_eq!(moment(1_795_904_021_500), "Sat 2026-11-28 22:13:41 UTC");
        for (millis, wanted) in [
            (20, "20ms ago"),
            (5_000, "5s ago"),
            (60_000, "1min ago"),
            (123_000, "2min 3s ago"),
            (3_900_000, "1h 5min ago"),
            (90_000_000, "1 day 1h ago"),
            (8 * 86_400_000, "1 week 1 day ago"),
            (31 * 86_400_000, "1 month 1 day ago"),
        ] {
            assert_eq!(ago(millis), wanted);
        }
    }
}
