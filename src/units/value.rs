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
        let signless = rest.strip_prefix('+').unwrap_or(rest);
        let end = signless
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(signless.len());
        let (number, tail) = signless.split_at(end);
        let tail = tail.trim_start();
        let end = tail
            .find(|c: char| c.is_ascii() && !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let factor = factor(unit)?;
        let more = scaled(number, factor)?;
        micros = micros.saturating_add(more);
        let most = u128::from(u64::MAX);
        if more / factor >= most / factor || micros >= most {
            return None;
        }
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
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if part.is_empty() || !digits(whole) || !digits(part) {
        return None;
    }
    let whole = match whole {
        "" if number.is_empty() => return None,
        "" => 0,
        whole => whole.parse::<u128>().unwrap_or(u128::MAX),
    };
    let part = part.get(..part.len().min(12)).unwrap_or_default();
    let power = 10u128.checked_pow(u32::try_from(part.len()).ok()?)?;
    let part = part.parse::<u128>().unwrap_or(0);
    Some(
        whole
            .saturating_mul(factor)
            .saturating_add(part * factor / power),
    )
}

/// Numbers with K, M, G, T, P or E behind them, 1024 each: `64K`, `1.5G`, `1G 512M`. A unit
/// is smaller than the one before it.
pub(crate) fn size(text: &str) -> Option<u64> {
    const UNITS: &str = "BKMGTPE";
    let mut rest = text.trim_start();
    let mut bytes: u128 = 0;
    let mut below = UNITS.len();
    while !rest.is_empty() || below == UNITS.len() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'));
        let (number, tail) = rest.split_at(end.unwrap_or(rest.len()));
        let tail = tail.trim_start();
        let letter = tail.chars().next().filter(|c| c.is_ascii_alphabetic());
        let place = letter.map_or(Some(0), |letter| UNITS.find(letter))?;
        if place >= below {
            return None;
        }
        below = place;
        bytes = bytes.saturating_add(scaled(number, 1 << (10 * place))?);
        rest = tail.get(usize::from(letter.is_some())..)?.trim_start();
    }
    u64::try_from(bytes).ok()
}

/// A number as C has it: `0x` begins those of sixteen digits, `0` those of eight.
pub(crate) fn number(text: &str) -> Option<i128> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (digits, radix) = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let number = i128::from(
        u64::from_str_radix(digits, radix)
            .ok()
            .filter(|_| is_plain)?,
    );
    Some(if text.starts_with('-') {
        -number
    } else {
        number
    })
}

/// A whole path without what says nothing in it: doubled slashes, dots, one at the end. None
/// where it goes up by "..", which is as much as to go anywhere.
pub(crate) fn simplified(path: &str) -> Option<String> {
    let below = path.strip_prefix('/').filter(|path| !path.contains('\0'))?;
    let parts: Vec<&str> = below
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    (!parts.contains(&"..")).then(|| format!("/{}", parts.join("/")))
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
        assert_eq!(span("584541y"), Some(None));
        assert_eq!(span(".5 +1"), Some(Some(Duration::from_millis(1500))));
        for text in ["", "5 apples", "s", "-1", "1..5", ".", "1.", "99999999999y"] {
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
        assert_eq!(size("1.5 K"), Some(1536));
        assert_eq!(size("1G 1M1"), Some((1 << 30) + (1 << 20) + 1));
        for text in ["", "x", "5KM", "1M 1G", "5K1K", "K", "-1", "1.", "é", "5é"] {
            assert_eq!(size(text), None, "{text}");
        }
        assert_eq!(size("99E"), None);
    }

    #[test]
    fn numbers_are_cs() {
        for (text, wanted) in [
            ("12", 12),
            ("0", 0),
            ("010", 8),
            ("0x1F", 31),
            ("-5", -5),
            ("+5", 5),
        ] {
            assert_eq!(number(text), Some(wanted), "{text}");
        }
        for text in [
            "",
            "+",
            "0x",
            "0x-1",
            "08",
            "1 2",
            "--1",
            "99999999999999999999",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn paths_say_all_that_they_say_in_one_way() {
        assert_eq!(simplified("//a//./b/").as_deref(), Some("/a/b"));
        assert_eq!(simplified("/").as_deref(), Some("/"));
        for text in ["", "a", "/a/../b", "/.."] {
            assert_eq!(simplified(text), None, "{text}");
        }
    }
}
