//! Values as systemd writes them: booleans, times, sizes (`systemd.syntax(7)`,
//! `systemd.time(7)`).

use std::time::Duration;

/// 1 yes y true t on, 0 no n false f off; in any case.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is(&["1", "yes", "y", "true", "t", "on"]) {
        Some(true)
    } else if is(&["0", "no", "n", "false", "f", "off"]) {
        Some(false)
    } else {
        None
    }
}

/// `5`, `1.5min`, `5min 20s`, `infinity` (`None`): a number without a unit is seconds.
pub(crate) fn span(text: &str) -> Option<Option<Duration>> {
    let mut rest = text.trim();
    if rest == "infinity" {
        return Some(None);
    }
    if rest.is_empty() {
        return None;
    }
    let mut micros: u128 = 0;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(end);
        let tail = tail.trim_start();
        let end = tail
            .find(|c: char| c.is_ascii() && !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        micros = micros.saturating_add(scaled(number, factor(unit)?)?);
        rest = tail.trim_start();
    }
    // So long is for ever.
    Some(
        u64::try_from(micros)
            .ok()
            .filter(|micros| *micros < u64::MAX / 1000)
            .map(Duration::from_micros),
    )
}

/// Microseconds in a unit.
fn factor(unit: &str) -> Option<u128> {
    const SECOND: u128 = 1_000_000;
    Some(match unit {
        "us" | "µs" | "μs" | "usec" => 1,
        "ms" | "msec" => 1000,
        "" | "s" | "sec" | "second" | "seconds" => SECOND,
        "m" | "min" | "minute" | "minutes" => 60 * SECOND,
        "h" | "hr" | "hour" | "hours" => 3600 * SECOND,
        "d" | "day" | "days" => 86_400 * SECOND,
        "w" | "week" | "weeks" => 7 * 86_400 * SECOND,
        "M" | "month" | "months" => 2_629_800 * SECOND,
        "y" | "year" | "years" => 31_557_600 * SECOND,
        _ => return None,
    })
}

/// A decimal number times `factor`.
fn scaled(number: &str, factor: u128) -> Option<u128> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) {
        return None;
    }
    let whole = whole.parse::<u128>().unwrap_or(u128::MAX);
    let part = part.get(..part.len().min(12)).unwrap_or_default();
    let power = 10u128.checked_pow(u32::try_from(part.len()).ok()?)?;
    let part = part.parse::<u128>().unwrap_or(0);
    Some(
        whole
            .saturating_mul(factor)
            .saturating_add(part * factor / power),
    )
}

/// A number with K, M, G, T, P or E behind it, 1024 each.
pub(crate) fn size(text: &str) -> Option<u64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let shift = match unit.trim() {
        "" | "B" => 0,
        unit => {
            let mut letters = unit.chars();
            let place = "KMGTPE".find(letters.next()?)?;
            if letters.next().is_some() {
                return None;
            }
            10 * (u32::try_from(place).ok()? + 1)
        }
    };
    number
        .parse::<u64>()
        .ok()?
        .checked_mul(1u64.checked_shl(shift)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_add_up() {
        for (text, millis) in [
            ("5", 5000),
            ("1.5", 1500),
            ("5min 20s", 320_000),
            ("1h30m", 5_400_000),
            ("100 ms", 100),
            ("0", 0),
            ("1d", 86_400_000),
            ("2us500us", 0),
        ] {
            let wanted = Duration::from_millis(millis);
            let found = span(text)
                .flatten()
                .map(|t| Duration::from_millis(u64::try_from(t.as_millis()).unwrap()));
            assert_eq!(found, Some(wanted), "{text}");
        }
        assert_eq!(span("infinity"), Some(None));
        assert_eq!(span("99999999999y"), Some(None));
        for text in ["", "5 apples", "s", "-1", "1..5", "."] {
            assert_eq!(span(text), None, "{text}");
        }
    }

    #[test]
    fn booleans_have_many_words() {
        assert_eq!(boolean("Yes"), Some(true));
        assert_eq!(boolean("off"), Some(false));
        assert_eq!(boolean("maybe"), None);
    }

    #[test]
    fn sizes_count_in_1024() {
        assert_eq!(size("64K"), Some(65_536));
        assert_eq!(size("2G"), Some(2 << 30));
        assert_eq!(size("7"), Some(7));
        for text in ["x", "5KM", "5KB", "K", "-1"] {
            assert_eq!(size(text), None, "{text}");
        }
        assert_eq!(size("99E"), None);
    }
}
