//! The chart in letters.

use std::fmt::Write;

use super::scale::{ticks, took};
use super::{Chart, Phase, Start};
use crate::cli::ctl::Options;
use crate::cli::ctl::table::{Cell, Table};
use crate::core::first_start::StartResult;

/// How wide the drawing is at least, at most, and where nobody says how wide a line may be.
const NARROWEST: usize = 20;
const WIDEST: usize = 100;
const WIDTH: usize = 60;
/// A mark of the axis takes so many columns at least; the last one's words, and a cross,
/// stand behind the end.
const TICK: usize = 10;
const BEHIND: usize = 6;

const CRITICAL: &str = "35";
const FAILED: &str = "31";

/// A letter of the drawing, its colour, and what it means.
struct Ink {
    letter: char,
    colour: &'static str,
    means: &'static str,
}

const INK_OF_CHAIN: Ink = ink('█', CRITICAL, "critical chain");
const INK_OF_END: Ink = ink('✗', FAILED, "failed");

const fn ink(letter: char, colour: &'static str, means: &'static str) -> Ink {
    Ink {
        letter,
        colour,
        means,
    }
}

const fn ink_of(phase: Phase) -> Ink {
    match phase {
        Phase::Waiting => ink('·', "2", "waiting"),
        Phase::InVain => ink('░', "33", "in vain"),
        Phase::Starting => ink('▒', "36", "starting"),
        Phase::Failing => ink('▒', FAILED, "starting"),
    }
}

/// A line each, the axis above, and below what the letters mean, how it went, and why it
/// took so long.
pub(super) fn show(chart: &Chart, options: &Options) -> String {
    let rows: Vec<[Cell; 4]> = (0..)
        .zip(&chart.starts)
        .map(|(place, start)| head_of(start, chart.is_critical(place)))
        .collect();
    let head = ["NAME", "BEGAN", "TOOK", "RESULT"].map(Cell::plain);
    let used: usize = (0..head.len())
        .filter_map(|column| {
            let cells = rows.iter().chain([&head]);
            cells
                .filter_map(|row| row.get(column))
                .map(Cell::width)
                .max()
        })
        .map(|width| width + 2)
        .sum();
    let room = |width: usize| width.saturating_sub(used + BEHIND);
    let wide = options.width.map_or(WIDTH, room).clamp(NARROWEST, WIDEST);
    let mut seen = Vec::new();
    let [name, began, time, result] = head;
    let mut table = Table::new([
        name,
        began,
        time,
        result,
        Cell::plain(axis(chart.end, wide)),
    ]);
    for (place, ([name, began, time, result], start)) in
        (0..).zip(rows.into_iter().zip(&chart.starts))
    {
        let bar = bar(start, chart.is_critical(place), chart.end, wide, &mut seen);
        table.row([name, began, time, result, bar]);
    }
    let mut out = table.show(options.colour, options.width);
    if !seen.is_empty() {
        let seen: Vec<String> = seen
            .iter()
            .map(|(means, letter)| format!("{letter} {means}"))
            .collect();
        let _ = writeln!(out, "\n{}", seen.join("  "));
    }
    let _ = writeln!(out, "\n{}", chart.summary());
    let links = chart.links();
    if !links.is_empty() {
        let _ = writeln!(out, "critical chain: {}", links.join(" → "));
    }
    out
}

fn head_of(start: &Start, critical: bool) -> [Cell; 4] {
    let moment = |at: Option<u64>| Cell::plain(at.map_or_else(|| "-".to_owned(), took));
    let colour = match start.result {
        _ if start.is_down_again() => FAILED,
        StartResult::Failed => FAILED,
        StartResult::Ready | StartResult::Done => "32",
        StartResult::Pending => "33",
        StartResult::Stopped | StartResult::NotOfBoot => "2",
    };
    [
        Cell::coloured(&start.name, if critical { CRITICAL } else { "" }),
        moment(start.began),
        moment(start.took()),
        Cell::coloured(start.word(), colour),
    ]
}

/// The column of a moment.
fn column(at: u64, end: u64, wide: usize) -> usize {
    let wide = wide as u64;
    let column = u128::from(at) * u128::from(wide) / u128::from(end.max(1));
    usize::try_from(column.min(u128::from(wide))).unwrap_or(0)
}

fn bar(
    start: &Start,
    critical: bool,
    end: u64,
    wide: usize,
    seen: &mut Vec<(&'static str, char)>,
) -> Cell {
    let mut parts: Vec<(String, &'static str)> = Vec::new();
    let mut drawn = 0;
    let mut draw = |ink: Ink, until: usize| {
        let letters = until.saturating_sub(drawn);
        if letters > 0 {
            parts.push((ink.letter.to_string().repeat(letters), ink.colour));
            let meaning = (ink.means, ink.letter);
            if !seen.contains(&meaning) {
                seen.push(meaning);
            }
        }
        drawn = drawn.max(until);
        drawn
    };
    for stretch in start.stretches(end) {
        let ink = if critical && stretch.phase == Phase::Starting {
            INK_OF_CHAIN
        } else {
            ink_of(stretch.phase)
        };
        // What has begun is seen, however short it was; the start most of all.
        let shortest = usize::from(stretch.phase != Phase::Waiting);
        let from = column(stretch.from, end, wide).min(wide - shortest);
        let until = column(stretch.to, end, wide).max(from + shortest);
        draw(ink, until);
    }
    if start.result == StartResult::Failed {
        let at = draw(INK_OF_END, 0);
        draw(INK_OF_END, at + 1);
    }
    Cell::of_parts(parts)
}

/// The marks of the axis, each where its time is.
fn axis(end: u64, wide: usize) -> String {
    let mut line = String::new();
    let most = (wide / TICK).max(1) as u64;
    for (at, label) in ticks(end, most) {
        let at = column(at, end, wide);
        let gap = at.saturating_sub(line.chars().count());
        line.extend(std::iter::repeat_n(' ', gap));
        line.push_str(&label);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::super::tests::{chart, ready};
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_each_and_below_them_why_it_took_so_long() {
        let broken = json!({"name": "broken", "state": "failed", "result": "failed", "requires": [], "after": [],
            "began": 0, "attempted": 500, "last-began": 1000, "settled": 1500});
        let services = [
            ready("web", 1500, 2000, &["db"]),
            ready("db", 0, 1500, &[]),
            ready("cache", 0, 3, &[]),
            broken,
        ];
        let options = Options {
            width: Some(57),
            ..Options::default()
        };
        let shown = show(&chart(&services, 9000), &options);
        assert_eq!(
            shown,
            "\
NAME    BEGAN  TOOK    RESULT  0         1 s       2 s
cache   0 ms   3 ms    ready   ▒
db      0 ms   1.5 s   ready   ███████████████
broken  0 ms   1.5 s   failed  ░░░░░░░░░░▒▒▒▒▒✗
web     1.5 s  500 ms  ready   ···············█████

▒ starting  █ critical chain  ░ in vain  ✗ failed  · waiting

3 of 4 services up after 2 s, 1 failed
critical chain: db 1.5 s → web 500 ms
"
        );
        let colour = true;
        let shown = show(&chart(&services, 9000), &Options { colour, ..options });
        assert!(shown.contains("\x1b[35mdb\x1b[0m "), "{shown}");
        assert!(
            shown.contains("\x1b[2m···············\x1b[0m\x1b[35m█████\x1b[0m"),
            "{shown}"
        );
    }
}
