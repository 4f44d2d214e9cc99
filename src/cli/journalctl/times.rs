//! Times as `--since` and `--until` have them (`systemd.time(7)`), in UTC.

use crate::cli::ctl;
use crate::units::span;

const DAY: i64 = 86_400_000;

/// In Unix milliseconds: `now`, `today`, `-1h`, `10 min ago`, `2026-01-02 03:04:05`, `03:04`.
pub(super) fn moment(text: &str, now: i64) -> Option<i64> {
    let text = text.trim();
    // The day of the week in front, as it is written by those who write times.
    let text = match text.split_once(' ') {
        Some((day, rest)) if day.len() == 3 && rest.contains('-') => rest,
        _ => text,
    };
    let today = now - now.rem_euclid(DAY);
    let length = |text: &str| {
        let span = span(text)??;
        i64::try_from(span.as_millis()).ok()
    };
    match text {
        "now" => return Some(now),
        "today" => return Some(today),
        "yesterday" => return Some(today - DAY),
        "tomorrow" => return Some(today + DAY),
        _ => {}
    }
    if let Some(ago) = text.strip_suffix(" ago").or_else(|| text.strip_prefix('-')) {
        return now.checked_sub(length(ago)?);
    }
    if let Some(ahead) = text.strip_prefix('+') {
        return now.checked_add(length(ahead)?);
    }
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    if !text.contains('-') && text.contains(':') {
        let of_day = ctl::since(&format!("1970-01-01 {text}"))?;
        return today.checked_add(of_day);
    }
    ctl::since(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_systemd_reads_them() {
        let now = 3 * DAY + 3_600_000;
        for (text, wanted) in [
            ("now", Some(now)),
            ("today", Some(3 * DAY)),
            ("yesterday", Some(2 * DAY)),
            ("-1h", Some(3 * DAY)),
            ("1 hour ago", Some(3 * DAY)),
            ("2 days 1h ago", Some(DAY)),
            ("00:30", Some(3 * DAY + 1_800_000)),
            ("1970-01-02", Some(DAY)),
            ("1970-01-02 00:00:01 UTC", Some(DAY + 1000)),
            ("@5", Some(5000)),
            ("soon", None),
            ("x ago", None),
            ("", None),
        ] {
            assert_eq!(moment(text, now), wanted, "{text}");
        }
    }
}
