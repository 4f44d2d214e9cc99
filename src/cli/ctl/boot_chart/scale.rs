//! The time axis: how long things took in words, and where its marks stand.

use std::time::Duration;

use crate::core::time::Span;

/// Distances between marks that people count in, in milliseconds.
const STEPS: [u64; 26] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1000,
    2000,
    5000,
    10_000,
    20_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    1_200_000,
    3_600_000,
    7_200_000,
    14_400_000,
    28_800_000,
    86_400_000,
    864_000_000,
];

/// `95 ms`, `1.2 s`, `2m 5s`.
pub(super) fn took(millis: u64) -> String {
    match millis {
        ..1000 => format!("{millis} ms"),
        1000.. => Span(Duration::from_millis(millis)).to_string(),
    }
}

/// Marks from 0 to `end`, no more than `most` beside the first one, each with its words.
pub(super) fn ticks(end: u64, most: u64) -> Vec<(u64, String)> {
    let step = STEPS.into_iter().find(|step| end / step <= most);
    let step = step.unwrap_or_else(|| (end / most.max(1)).max(1));
    let count = end / step;
    (0..=count)
        .map(|place| place.saturating_mul(step))
        .map(|at| (at, label(at, step, end)))
        .collect()
}

fn label(at: u64, step: u64, end: u64) -> String {
    // As many of a second's decimals as the step needs, and what one of the last is worth.
    let (decimals, worth) = match step {
        1000.. => (0, 1000),
        100.. => (1, 100),
        10.. => (2, 10),
        ..10 => (3, 1),
    };
    if at == 0 {
        "0".to_owned()
    } else if end < 1000 {
        format!("{at} ms")
    } else if at >= 60_000 || decimals == 0 {
        Span(Duration::from_millis(at)).to_string()
    } else {
        let part = at % 1000 / worth;
        format!("{}.{part:0decimals$} s", at / 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_as_many_as_there_is_room_for() {
        let words = |end, most| -> Vec<String> {
            ticks(end, most).into_iter().map(|(_, word)| word).collect()
        };
        assert_eq!(words(7, 4), ["0", "2 ms", "4 ms", "6 ms"]);
        assert_eq!(words(1, 8), ["0", "1 ms"]);
        assert_eq!(words(2300, 5), ["0", "0.5 s", "1.0 s", "1.5 s", "2.0 s"]);
        assert_eq!(words(1007, 100)[100..].join(" "), "1.00 s");
        assert_eq!(words(95_000, 3), ["0", "30 s", "1m", "1m 30s"]);
        for end in (0..64).map(|bits| 1_u64 << bits) {
            let ticks = ticks(end, 10);
            assert!((2..=11).contains(&ticks.len()), "{end}: {ticks:?}");
            assert!(ticks.iter().all(|(at, _)| *at <= end), "{end}: {ticks:?}");
        }
    }
}
