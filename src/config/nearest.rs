//! The name that somebody meant.

/// The candidate with the smallest edit distance, if it is near enough to be meant.
/// Of several the first.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let near = distance(word, candidate, limit);
        if let Some(near) = near.filter(|near| best.is_none_or(|(other, _)| *near < other)) {
            best = Some((near, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour;
/// `None` beyond `limit`. Case and `_` against `-` cost nothing.
fn distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    let plain = |c: char| {
        if c == '_' {
            '-'
        } else {
            c.to_ascii_lowercase()
        }
    };
    if a.len().abs_diff(b.len()) > limit * 4 || a.len() > 200 {
        return None;
    }
    let b: Vec<char> = b.chars().map(plain).collect();
    // Rows of the usual table: the one before the last, the last, this one.
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (row, letter) in a.chars().map(plain).enumerate() {
        let mut line = vec![row + 1];
        for (column, other) in b.iter().enumerate() {
            let at =
                |line: &[usize], column: usize| line.get(column).copied().unwrap_or(usize::MAX);
            let replaced = at(&last, column) + usize::from(letter != *other);
            let mut least = replaced
                .min(at(&last, column + 1) + 1)
                .min(at(&line, column) + 1);
            let left = column.checked_sub(1).and_then(|left| b.get(left));
            if previous == Some(*other) && left == Some(&letter) {
                least = least.min(at(&before, column - 1).saturating_add(1));
            }
            line.push(least);
        }
        before = std::mem::replace(&mut last, line);
        previous = Some(letter);
    }
    last.last().copied().filter(|distance| *distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 4] = ["command", "stop-signal", "stop-timeout", "user"];

    #[test]
    fn a_slip_finds_the_word_that_was_meant() {
        for (word, meant) in [
            ("comand", "command"),
            ("commadn", "command"),
            ("stop_signal", "stop-signal"),
            ("StopTimeout", "stop-timeout"),
            ("usr", "user"),
        ] {
            assert_eq!(nearest(word, KEYS), Some(meant), "{word}");
        }
    }

    #[test]
    fn a_different_word_finds_none() {
        for word in ["colour", "x", "", "listen", "ö"] {
            assert_eq!(nearest(word, KEYS), None, "{word}");
        }
    }
}
