//! Columns for eyes: aligned, the last one cut where the terminal ends.

use std::fmt::Write;

use super::Clean;

/// One field, in parts that may be coloured.
pub(super) struct Cell {
    parts: Vec<(String, &'static str)>,
}

impl Cell {
    /// As it is, but for what a terminal would obey.
    pub(super) fn plain(text: impl AsRef<str>) -> Self {
        Self::coloured(text, "")
    }

    /// With the parameters of a control sequence.
    pub(super) fn coloured(text: impl AsRef<str>, colour: &'static str) -> Self {
        Self::of_parts([(Clean(text.as_ref()).to_string(), colour)])
    }

    /// Of texts without control characters, each with its colour.
    pub(super) fn of_parts(parts: impl Into<Vec<(String, &'static str)>>) -> Self {
        Self {
            parts: parts.into(),
        }
    }

    /// In letters.
    pub(super) fn width(&self) -> usize {
        self.parts
            .iter()
            .map(|(text, _)| text.chars().count())
            .sum()
    }
}

/// Rows of as many cells each.
pub(super) struct Table<const N: usize> {
    rows: Vec<[Cell; N]>,
}

impl<const N: usize> Table<N> {
    /// With this head.
    pub(super) fn new(head: [Cell; N]) -> Self {
        Self { rows: vec![head] }
    }

    /// One more row.
    pub(super) fn row(&mut self, cells: [Cell; N]) {
        self.rows.push(cells);
    }

    /// As lines, of no more than `width` letters.
    pub(super) fn show(&self, colour: bool, width: Option<usize>) -> String {
        let mut widths = [0_usize; N];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        let mut out = String::new();
        for row in &self.rows {
            let mut left = width.unwrap_or(usize::MAX);
            for (place, (cell, wide)) in row.iter().zip(widths).enumerate() {
                let last = place + 1 == N;
                let pad = wide.saturating_sub(cell.width().min(left)) + 2;
                let mut room = left;
                for (text, code) in &cell.parts {
                    let shown: String = text.chars().take(room).collect();
                    room -= shown.chars().count();
                    let _ = match *code {
                        "" => write!(out, "{shown}"),
                        _ if !colour || shown.is_empty() => write!(out, "{shown}"),
                        code => write!(out, "\x1b[{code}m{shown}\x1b[0m"),
                    };
                }
                left = left.saturating_sub(wide + 2);
                let pad = if last || left == 0 { 0 } else { pad };
                let _ = write!(out, "{:pad$}", "");
            }
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other_and_end_where_the_terminal_does() {
        let mut table = Table::new(["A", "B", "C"].map(Cell::plain));
        table.row([
            Cell::plain("long"),
            Cell::coloured("red", "31"),
            Cell::plain("a\x1b[5mreason\n"),
        ]);
        assert_eq!(
            table.show(false, None),
            "A     B    C\nlong  red  a [5mreason\n"
        );
        assert_eq!(table.show(false, Some(13)), "A     B    C\nlong  red  a\n");
        assert!(table.show(true, None).contains("\x1b[31mred\x1b[0m"));
    }
}
