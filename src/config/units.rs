//! Durations and sizes as people write them, and back.

use std::time::Duration;

/// Longer than any machine runs, and far from where nanoseconds overflow.
const MAX_SECONDS: u64 = 100 * 365 * 86_400;

/// Why a duration is none.
#[derive(Debug, PartialEq, Eq)]
pub enum NoDuration {
    /// Digits without a unit.
    BareNumber,
    /// Beyond a hundred years.
    TooLong,
    /// Anything else.
    Form,
}

/// `500ms`, `5s`, `1m30s`, `2h`, `1.5s`, `1d`; units may be apart: `1m 30s`.
///
/// # Errors
/// A bare number, which could mean anything, and what is no duration at all.
pub fn duration(text: &str) -> Result<Duration, NoDuration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(NoDuration::Form);
    }
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(end);
        let end = tail
            .find(|c: char| !c.is_ascii_alphabetic() && c != 'µ')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let factor: u128 = match unit {
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" | "sec" => 1_000_000_000,
            "m" | "min" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            "" if number.len() == text.trim().len() => return Err(NoDuration::BareNumber),
            _ => return Err(NoDuration::Form),
        };
        nanos = nanos.saturating_add(scaled(number, factor).ok_or(NoDuration::Form)?);
        rest = tail.trim_start();
    }
    let seconds = nanos / 1_000_000_000;
    match u64::try_from(seconds) {
        Ok(seconds @ ..=MAX_SECONDS) => {
            let part = u32::try_from(nanos % 1_000_000_000).unwrap_or(0);
            Ok(Duration::new(seconds, part))
        }
        Ok(_) | Err(_) => Err(NoDuration::TooLong),
    }
}

/// A decimal number times `factor`; what is too large saturates.
pub(super) fn scaled(number: &str, factor: u128) -> Option<u128> {
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 12 {
        return None;
    }
    let whole = whole.parse::<u128>().unwrap_or(u128::MAX);
    let power = 10u128.checked_pow(u32::try_from(part.len()).ok()?)?;
    let part = part.parse::<u128>().ok()?;
    Some(
        whole
            .saturating_mul(factor)
            .saturating_add(part * factor / power),
    )
}

/// `4096`, `64K`, `10M`, `2G` (1024 each); also with `B`, `iB`.
pub(super) fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor: u64 = match unit.trim_start() {
        "" | "B" => 1,
        "K" | "k" | "KB" | "KiB" => 1 << 10,
        "M" | "MB" | "MiB" => 1 << 20,
        "G" | "GB" | "GiB" => 1 << 30,
        "T" | "TB" | "TiB" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// `25s`, `1m30s`, `500ms`, `infinity`.
pub(crate) fn written(duration: Option<Duration>) -> String {
    let Some(duration) = duration else {
        return "infinity".to_owned();
    };
    let seconds = duration.as_secs();
    let parts = [
        (seconds / 3600, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (u64::from(duration.subsec_millis()), "ms"),
    ];
    let text: String = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_every_unit() {
        for (text, millis) in [
            ("500ms", 500),
            ("5s", 5_000),
            ("1m30s", 90_000),
            ("1m 30s", 90_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("1.5s", 1_500),
            ("0s", 0),
            (" 3s ", 3_000),
            ("2000us", 2),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn a_bare_number_is_told_from_nonsense() {
        assert_eq!(duration("5"), Err(NoDuration::BareNumber));
        assert_eq!(duration("5.5"), Err(NoDuration::BareNumber));
        for text in ["", "s", "5x", "1m30", "-5s", "5 s s", "1..5s", ".s", "ö"] {
            assert_eq!(duration(text), Err(NoDuration::Form), "{text}");
        }
        for text in [
            "99999999h",
            "999999999999999999999999999999999999999999999h",
        ] {
            assert_eq!(duration(text), Err(NoDuration::TooLong), "{text}");
        }
    }

    #[test]
    fn sizes_count_in_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("64K", 65_536),
            ("10M", 10 << 20),
            ("2 GiB", 2 << 30),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "K", "1X", "-1", "1.5G", "99999999999999G"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_written_as_they_are_read() {
        for text in ["25s", "1m30s", "500ms", "2h", "1h1m1s1ms", "0s"] {
            assert_eq!(written(duration(text).ok()), text);
        }
        assert_eq!(written(None), "infinity");
    }
}
