//! What happens, a line a change.

use std::fmt::Write;

use serde_json::Value;

use super::{Clean, Options};
use crate::cli::print::{self, Text};
use crate::core::calendar::date::{DAY, Date};

/// Tells one line of the answer; `false` for its last one, and where nobody reads any more.
pub(super) fn tell(line: &[u8], options: &Options) -> bool {
    let event: Value = serde_json::from_slice(line).unwrap_or_default();
    let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut shown = String::new();
    if let Some(gap) = event.get("gap").and_then(Value::as_u64) {
        let _ = writeln!(shown, "... {gap} more, which were lost");
    } else if let Some(at) = event.get("at").and_then(Value::as_i64) {
        let change = format!("{} -> {}", text("from"), text("to"));
        let _ = write!(
            shown,
            "{}  {:<16}  {change:<20}  {}",
            time(at),
            Clean(text("service")).to_string(),
            Clean(text("reason"))
        );
        shown.truncate(shown.trim_end().len());
        shown.push('\n');
    } else {
        return false;
    }
    if options.json {
        print::out_if_read(Text(line))
    } else {
        print::out_if_read(shown)
    }
}

/// Unix milliseconds as RFC 3339 has it, in UTC.
pub(super) fn time(at: i64) -> String {
    let seconds = at.div_euclid(1000);
    let date = Date::of(seconds.div_euclid(DAY));
    let of_day = seconds.rem_euclid(DAY);
    let (year, month, day) = (date.year, date.month, date.day);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let millis = at.rem_euclid(1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_others_do() {
        assert_eq!(time(1_767_225_600_007), "2026-01-01T00:00:00.007Z");
    }
}
