//! The chart as a drawing: one file that needs nothing else, for any browser, by day and by
//! night. A row a service; the names stand left of the axis, what it took right of the bar.

use std::fmt::{self, Display, Write};

use super::scale::{ticks, took};
use super::{Chart, Link, Phase, Start};
use crate::cli::ctl::events::time;
use crate::core::first_start::StartResult;

/// All in pixels.
const WIDTH: usize = 1200;
const ROW: usize = 18;
const BAR: usize = 12;
/// Above the rows: the title, the legend, the axis.
const HEAD: usize = 96;
/// Around everything, and between a name and its bar.
const MARGIN: usize = 20;
const GAP: usize = 8;
/// A letter of the type that names are in.
const LETTER: usize = 7;
/// Right of the axis there is room for what stands behind the longest bar.
const BEHIND: usize = 170;
/// Longer names are cut in their middle.
const NAME: usize = 36;
/// A mark of the axis takes so much.
const TICK: usize = 90;
/// With so many rows the axis stands below them too.
const MANY: usize = 25;
/// A line of the chain below has so many letters.
const LINE: usize = 150;

const STYLE: &str = "\
svg{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}\
.name,.took{font:11.5px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}\
.took{paint-order:stroke;stroke:#fff;stroke-width:3px}.name{text-anchor:end}.title{font-size:17px;font-weight:600}.tick{text-anchor:middle}\
.ground{fill:#fff}text{fill:#1f2328}.soft{fill:#59636e}.grid{stroke:#dfe3e8}\
.row .hit{fill:transparent}.row:hover .hit{fill:#0969da;fill-opacity}\
.waiting{fill:#d4d9df}.starting{fill:#4493d8}.vain{fill:#e3b341}.failed{fill:#c2255c}.critical{fill:#e8590c}\
text.critical{fill:#bc4c00;font-weight:600}text.failed{fill:#a61e4d}\
.link{fill:none;stroke:#e8590c;stroke-width:1.5}.end{stroke:#1f2328;stroke-width:2}\
.cross{stroke:#a61e4d;stroke-width:2}\
@media(prefers-color-scheme:dark){\
.ground{fill:#0d1117}.took{stroke:#0d1117}text{fill:#e6edf3}.soft{fill:#9198a1}.grid{stroke:#262c36}\
.row:hover .hit{fill:#58a6ff;fill-opacity:.15}\
.waiting{fill:#333b45}.starting{fill:#388bfd}.vain{fill:#bb8009}.failed{fill:#d6336c}.critical{fill:#f0883e}\
text.critical{fill:#ffa657}text.failed{fill:#ff7ba9}\
.link{stroke:#f0883e}.end{stroke:#e6edf3}.cross{stroke:#ff7ba9}}";

/// A text of somebody else's, between tags or quotes.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '&' => f.write_str("&amp;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            '\n' => f.write_char('\n'),
            // What XML doesn't take, in whichever way it is written.
            '\u{fffe}' | '\u{ffff}' => f.write_char('\u{fffd}'),
            letter if letter.is_control() => f.write_char(' '),
            letter => f.write_char(letter),
        })
    }
}

/// Where things stand.
struct Place {
    /// Of moment 0, and of the end.
    left: usize,
    right: usize,
    end: u64,
    /// Below the last row.
    bottom: usize,
}

/// A length in tenths of a pixel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Tenths(u64);

impl Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

impl Place {
    fn x(&self, at: u64) -> Tenths {
        let (left, right) = (self.left as u64 * 10, self.right as u64 * 10);
        let wide = u128::from(right - left) * u128::from(at) / u128::from(self.end.max(1));
        Tenths(left + u64::try_from(wide).unwrap_or(0))
    }
}

/// The middle of a row.
const fn middle(row: usize) -> usize {
    HEAD + row * ROW + ROW / 2
}

/// The whole file.
pub(super) fn draw(chart: &Chart) -> String {
    let longest = chart.starts.iter().map(|start| columns(&start.name)).max();
    let names = longest.unwrap_or(0).clamp(6, NAME) * LETTER;
    let rows = chart.starts.len();
    let place = Place {
        left: MARGIN + names + GAP,
        right: WIDTH - BEHIND,
        end: chart.end,
        bottom: HEAD + rows * ROW,
    };
    let below = below(chart);
    let axes = if rows > MANY { 20 } else { 0 };
    let height = place.bottom + axes + 24 + 18 * below.len() + MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n\
         <title>rinit boot chart: {}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n",
        Escaped(&chart.summary())
    );
    head(&mut out, chart);
    axis(&mut out, &place, rows > MANY);
    links(&mut out, chart, &place);
    for (row, start) in (0..).zip(&chart.starts) {
        service(&mut out, row, start, chart, &place);
    }
    for (number, line) in (0..).zip(&below) {
        let y = place.bottom + axes + 24 + 18 * number;
        let _ = writeln!(
            out,
            "<text class=\"critical\" x=\"{MARGIN}\" y=\"{y}\">{}</text>",
            Escaped(line)
        );
    }
    out.push_str("</svg>\n");
    out
}

/// What it took the time for, in lines.
fn below(chart: &Chart) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for link in chart.links() {
        match lines.last_mut() {
            None => lines.push(format!("Critical chain: {link}")),
            Some(line) if columns(line) + columns(&link) < LINE => {
                line.push_str(" → ");
                line.push_str(&link);
            }
            Some(_) => lines.push(format!("→ {link}")),
        }
    }
    lines
}

fn head(out: &mut String, chart: &Chart) {
    let booted = time(chart.booted);
    let _ = writeln!(
        out,
        "<text class=\"title\" x=\"{MARGIN}\" y=\"32\">{}</text>\n\
         <text class=\"soft\" x=\"{}\" y=\"32\" text-anchor=\"end\">boot of {booted}</text>",
        Escaped(&chart.summary()),
        WIDTH - MARGIN,
    );
    let mut x = MARGIN;
    for (class, words) in [
        ("waiting", "waiting"),
        ("starting", "starting, until it is up"),
        ("critical", "starting, in the critical chain"),
        ("vain", "attempts in vain"),
        ("failed", "failed"),
    ] {
        let _ = writeln!(
            out,
            "<rect class=\"{class}\" x=\"{x}\" y=\"47\" width=\"{BAR}\" height=\"{BAR}\" rx=\"2\"/>\
             <text class=\"soft\" x=\"{}\" y=\"57\">{words}</text>",
            x + BAR + 5
        );
        x += BAR + 24 + words.len() * (LETTER - 1);
    }
}

fn axis(out: &mut String, place: &Place, below_too: bool) {
    let most = ((place.right - place.left) / TICK).max(1) as u64;
    for (at, label) in ticks(place.end, most) {
        let x = place.x(at);
        let (top, bottom) = (HEAD - 4, place.bottom + 4);
        let _ = writeln!(
            out,
            "<path class=\"grid\" d=\"M{x} {top}V{bottom}\"/>\
             <text class=\"tick soft\" x=\"{x}\" y=\"{}\">{label}</text>",
            HEAD - 10
        );
        if below_too {
            let _ = writeln!(
                out,
                "<text class=\"tick soft\" x=\"{x}\" y=\"{}\">{label}</text>",
                place.bottom + 18
            );
        }
    }
}

/// From where each of the chain let the next one go.
fn links(out: &mut String, chart: &Chart, place: &Place) {
    for pair in chart.chain.windows(2) {
        if let [
            Link {
                place: before, to, ..
            },
            next,
        ] = pair
        {
            let began = chart.starts.get(next.place).and_then(|start| start.began);
            let (x, until) = (place.x(*to), place.x(began.unwrap_or(*to)));
            let (y, next) = (middle(*before), middle(next.place));
            let _ = writeln!(out, "<path class=\"link\" d=\"M{x} {y}V{next}H{until}\"/>");
        }
    }
}

fn service(out: &mut String, row: usize, start: &Start, chart: &Chart, place: &Place) {
    let critical = chart.is_critical(row);
    let y = HEAD + row * ROW;
    let text = y + 13;
    let class = if critical { " critical" } else { "" };
    let _ = writeln!(
        out,
        "<g class=\"row\"><title>{}</title>\
         <rect class=\"hit\" x=\"0\" y=\"{y}\" width=\"{WIDTH}\" height=\"{ROW}\"/>\
         <text class=\"name{class}\" x=\"{}\" y=\"{text}\">{}</text>",
        Escaped(&tooltip(start, chart)),
        place.left - GAP,
        Escaped(&short(&start.name))
    );
    let mut x = place.x(0);
    for stretch in start.stretches(chart.end) {
        let class = match stretch.phase {
            Phase::Waiting => "waiting",
            Phase::InVain => "vain",
            Phase::Starting if critical => "critical",
            Phase::Starting => "starting",
            Phase::Failing => "failed",
        };
        let from = place.x(stretch.from);
        // Seen, however short it was.
        let wide = Tenths(place.x(stretch.to).0 - from.0).max(Tenths(20));
        let (top, high) = match stretch.phase {
            Phase::Waiting => (y + ROW / 2 - 1, 2),
            Phase::InVain | Phase::Starting | Phase::Failing => (y + (ROW - BAR) / 2, BAR),
        };
        let _ = writeln!(
            out,
            "<rect class=\"{class}\" x=\"{from}\" y=\"{top}\" width=\"{wide}\" height=\"{high}\" rx=\"1\"/>"
        );
        x = Tenths(from.0 + wide.0);
    }
    x.0 += 40;
    let (top, bottom) = (middle(row) - 4, middle(row) + 4);
    let class = match start.result {
        StartResult::Failed => {
            let _ = write!(
                out,
                "<path class=\"cross\" d=\"M{x} {top}l8 8m0 -8l-8 8\"/>"
            );
            x.0 += 120;
            " failed"
        }
        StartResult::Done => {
            let _ = write!(out, "<path class=\"end\" d=\"M{x} {top}V{bottom}\"/>");
            x.0 += 50;
            ""
        }
        StartResult::Ready if start.is_down_again() => " failed",
        StartResult::Pending
        | StartResult::Ready
        | StartResult::Stopped
        | StartResult::NotOfBoot => class,
    };
    let _ = writeln!(
        out,
        "<text class=\"took{class}\" x=\"{x}\" y=\"{text}\">{}</text></g>",
        Escaped(&remark(start))
    );
}

/// What stands behind the bar.
fn remark(start: &Start) -> String {
    let took = start.took().map(took);
    match (start.result, took) {
        (StartResult::Ready | StartResult::Done, Some(took)) if start.is_down_again() => {
            format!("{took}, now {}", start.state)
        }
        (StartResult::Ready | StartResult::NotOfBoot, Some(took)) => took,
        (StartResult::Done, Some(took)) => format!("{took}, done"),
        (StartResult::Failed, Some(took)) => format!("failed after {took}"),
        (StartResult::Stopped, Some(took)) => format!("stopped after {took}"),
        (StartResult::Pending, _) | (_, None) => start.word(),
    }
}

/// All that is known of it, a line each.
fn tooltip(start: &Start, chart: &Chart) -> String {
    let mut lines = vec![format!("{}: {}", start.name, start.word())];
    let names = |places: &[usize]| -> Option<String> {
        let names = places.iter().filter_map(|place| chart.starts.get(*place));
        let names: Vec<&str> = names.map(|start| start.name.as_str()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    lines.extend(names(&start.requires).map(|names| format!("requires {names}")));
    lines.extend(names(&start.after).map(|names| format!("after {names}")));
    let since =
        |what: &str, at: Option<u64>| at.map(|at| format!("{what} {} after the boot", took(at)));
    lines.extend(since("began", start.began));
    if start.last_began != start.began {
        lines.extend(since("first attempt in vain until", start.attempted));
        lines.extend(since("last attempt began", start.last_began));
    }
    let result = start.result.word().unwrap_or_default();
    lines.extend(since(result, start.settled));
    lines.join("\n")
}

/// How many columns a text takes in the type of names: many scripts' letters take two.
fn columns(text: &str) -> usize {
    let columns = text.chars().map(|letter| match letter {
        '\u{1100}'..='\u{115f}' | '\u{2e80}'.. => 2,
        _ => 1,
    });
    columns.sum()
}

/// A name, without its middle if it is long: instances differ at their ends.
fn short(name: &str) -> String {
    if columns(name) <= NAME {
        return name.to_owned();
    }
    let fits = |letters: &mut dyn Iterator<Item = char>| -> Vec<char> {
        let mut room = NAME / 2 - 1;
        let mut kept = Vec::new();
        for letter in letters {
            let wide = columns(letter.encode_utf8(&mut [0; 4]));
            if wide > room {
                break;
            }
            room -= wide;
            kept.push(letter);
        }
        kept
    };
    let head: String = fits(&mut name.chars()).into_iter().collect();
    let tail: String = fits(&mut name.chars().rev()).into_iter().rev().collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{chart, ready};
    use super::*;

    #[test]
    fn names_cannot_leave_their_place() {
        let name = "</text><script>alert('1')&\u{1}\u{ffff}";
        let drawn = draw(&chart(&[ready(name, 0, 5, &[])], 10));
        assert!(!drawn.contains("<script"), "{drawn}");
        assert!(
            drawn.contains("&lt;/text&gt;&lt;script&gt;alert(&#39;1&#39;)&amp; \u{fffd}"),
            "{drawn}"
        );
        assert!(!drawn.contains('\u{1}') && !drawn.contains('\u{ffff}'));
    }

    #[test]
    fn each_has_its_row_and_all_stand_within_the_drawing() {
        let services: Vec<_> = (0..300)
            .map(|number| {
                ready(
                    &format!("service-with-a-rather-long-name-indeed@{number}"),
                    number,
                    number + 40,
                    &[],
                )
            })
            .collect();
        let drawn = draw(&chart(&services, 10_000));
        assert_eq!(drawn.matches("<g class=\"row\">").count(), 300);
        assert!(
            drawn.contains("service-with-a-ra…ther-long-name-indeed@299") || drawn.contains('…')
        );
        for part in drawn.split(" x=\"").skip(1) {
            let x: f64 = part.split('"').next().unwrap().parse().unwrap();
            assert!((0.0..1200.0).contains(&x), "{x}: {part}");
        }
    }

    #[test]
    fn a_long_name_loses_its_middle_and_a_long_chain_goes_on_below() {
        let name = "a".repeat(60) + "@7";
        assert_eq!(
            short(&name),
            format!("{}…{}@7", "a".repeat(17), "a".repeat(15))
        );
        assert_eq!(columns(&short(&"語".repeat(60))), 33);
        let mut services = vec![ready("s0", 0, 10, &[])];
        for number in 1..60 {
            let need = format!("s{}", number - 1);
            services.push(ready(
                &format!("s{number}"),
                number * 10,
                number * 10 + 10,
                &[&need],
            ));
        }
        let lines = below(&chart(&services, 10_000));
        assert!(lines.len() > 3, "{lines:?}");
        assert!(lines.iter().all(|line| columns(line) < 170), "{lines:?}");
    }
}
