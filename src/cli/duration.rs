//! Spans of time as people write them: `500ms`, `5s`, `1m30s`, `2h`, `infinity`.

use std::time::Duration;

use crate::single::FOR_EVER;

/// The span that is meant; `None` for anything else, a bare number too.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    if text == "infinity" {
        return Some(FOR_EVER);
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let letters = after
            .find(|letter: char| letter.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let number: u64 = number.parse().ok()?;
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        let span = Duration::from_millis(number.checked_mul(milliseconds)?);
        total = total.checked_add(span)?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_add_up() {
        assert_eq!(parse("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(parse("2h"), Some(Duration::from_secs(7200)));
        assert_eq!(parse("infinity"), Some(FOR_EVER));
    }

    #[test]
    fn a_bare_number_is_no_span() {
        for text in ["", "5", "s", "5x", "1m30", "-1s", "99999999999999999999s"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
