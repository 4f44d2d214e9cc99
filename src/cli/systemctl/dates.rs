//! Moments as systemd writes them.

use std::time::Duration;

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

/// Spans by their names, the longest first, in seconds; a year and a month are mean ones.
const SPANS: [(&str, i64); 7] = [
    ("y", 31_557_600),
    ("month", 2_629_800),
    ("w", 7 * DAY),
    ("d", DAY),
    ("h", HOUR),
    ("min", MINUTE),
    ("s", 1),
];

/// `2min 3s ago`: the two largest units, as systemd has them.
pub(super) fn ago(millis: i64) -> String {
    let seconds = millis.div_euclid(1000).max(0);
    let plural = |count: i64, word: &str| {
        let end = if count == 1 { "" } else { "s" };
        format!("{count} {word}{end}")
    };
    let two = |one: i64, first: &str, other: i64, second: &str| {
        let rest = plural(seconds % one / other, second);
        format!("{} {rest} ago", plural(seconds / one, first))
    };
    let [(_, year), (_, month), (_, week), ..] = SPANS;
    let hours = seconds / HOUR;
    match seconds {
        ..1 => format!("{}ms ago", millis.max(0)),
        1..60 => format!("{seconds}s ago"),
        60..300 => format!("{}min {}s ago", seconds / MINUTE, seconds % MINUTE),
        300..3600 => format!("{}min ago", seconds / MINUTE),
        _ if hours < 6 => format!("{hours}h {}min ago", seconds / MINUTE % 60),
        _ if hours < 25 => format!("{hours}h ago"),
        _ if hours < 48 => format!("1 day {}h ago", hours - 24),
        _ if seconds < week => format!("{} days ago", seconds / DAY),
        _ if seconds < month => two(week, "week", DAY, "day"),
        _ if seconds < year => two(month, "month", DAY, "day"),
        _ => two(year, "year", month, "month"),
    }
}

/// `1min 30s`, as properties have it.
pub(super) fn span(time: Option<Duration>) -> String {
    let Some(time) = time else {
        return "infinity".to_owned();
    };
    let mut left = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let mut parts = Vec::new();
    for (name, length) in SPANS {
        let count = left / length;
        left %= length;
        if count > 0 {
            let end = if name == "month" && count > 1 {
                "s"
            } else {
                ""
            };
            parts.push(format!("{count}{name}{end}"));
        }
    }
    match time.subsec_millis() {
        0 if parts.is_empty() => "0".to_owned(),
        0 => parts.join(" "),
        millis => {
            parts.push(format!("{millis}ms"));
            parts.join(" ")
        }
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
            (60_000, "1min 0s ago"),
            (600_000, "10min ago"),
            (3_600_000, "1h 0min ago"),
            (30_000_000, "8h ago"),
            (123_000, "2min 3s ago"),
            (3_900_000, "1h 5min ago"),
            (90_000_000, "1 day 1h ago"),
            (8 * 86_400_000, "1 week 1 day ago"),
            (32 * 86_400_000, "1 month 1 day ago"),
            (2_276_700_000_000, "72 years 1 month ago"),
        ] {
            assert_eq!(ago(millis), wanted);
        }
    }

    #[test]
    fn spans_are_written_as_systemd_does() {
        for (millis, wanted) in [
            (0, "0"),
            (100, "100ms"),
            (90_000, "1min 30s"),
            (86_400_000, "1d"),
            (3_600_500, "1h 500ms"),
        ] {
            assert_eq!(span(Some(Duration::from_millis(millis))), wanted);
        }
        assert_eq!(span(None), "infinity");
    }
}
