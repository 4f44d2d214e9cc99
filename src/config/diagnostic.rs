//! What is wrong in a person's file: where, what, and what to write instead. All of them
//! are collected; nothing stops at the first.

use std::fmt::Write;

use super::source::{At, Origin, Source, Sources};
use crate::core::sorted::Set;

/// No more errors than this are printed.
const MAX_SHOWN: usize = 100;
/// No more than this are kept.
const MAX_KEPT: usize = 10_000;
/// Of a long line, this many characters are shown.
const WIDTH: usize = 100;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Diagnostic {
    at: Option<At>,
    level: Level,
    what: String,
    notes: Vec<(At, String)>,
    help: String,
    /// What stands there may be a password: it isn't shown.
    secret: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Error,
    Warning,
}

impl Diagnostic {
    pub(super) fn error(at: Option<At>, what: String, help: impl Into<String>) -> Self {
        Self {
            at,
            level: Level::Error,
            what,
            notes: Vec::new(),
            help: help.into(),
            secret: false,
        }
    }

    pub(super) fn warning(at: Option<At>, what: String, help: impl Into<String>) -> Self {
        Self {
            level: Level::Warning,
            ..Self::error(at, what, help)
        }
    }

    /// The place is told, what stands there isn't.
    pub(super) fn without_text(mut self) -> Self {
        self.secret = true;
        self
    }

    pub(super) fn is_error(&self) -> bool {
        self.level == Level::Error
    }

    /// What it is about is done without.
    pub(super) fn forgiven(mut self) -> Self {
        self.level = Level::Warning;
        self.what.push_str(": left out");
        self
    }

    /// A second place that belongs to it.
    pub(super) fn note(mut self, at: At, what: String) -> Self {
        self.notes.push((at, what));
        self
    }
}

/// Everything found so far.
#[derive(Default)]
pub(super) struct Findings {
    errors: Set<Diagnostic>,
    warnings: Set<Diagnostic>,
    notes: Vec<Box<str>>,
    dropped: usize,
    /// Starts of lines (by source) that are broken as TOML: what the parser made of them
    /// is a guess, and a second error about a guess helps nobody.
    broken: Set<(u32, usize)>,
}

impl Findings {
    pub(super) fn add(&mut self, diagnostic: Diagnostic, sources: &Sources) {
        if let Some(at) = diagnostic.at
            && !self.broken.is_empty()
            && let Some(source) = sources.get(at.source)
            && self
                .broken
                .contains(&(at.source, source.line_start(at.start)))
        {
            return;
        }
        self.keep(diagnostic);
    }

    /// A syntax error: later findings on its line are left out.
    pub(super) fn add_syntax(&mut self, at: At, diagnostic: Diagnostic, source: &Source) {
        self.broken.insert((at.source, source.line_start(at.start)));
        self.keep(diagnostic);
    }

    fn keep(&mut self, diagnostic: Diagnostic) {
        let kept = match diagnostic.level {
            Level::Error => &mut self.errors,
            Level::Warning => &mut self.warnings,
        };
        if kept.len() < MAX_KEPT {
            kept.insert(diagnostic);
        } else {
            self.dropped += 1;
        }
    }

    /// Something worth knowing that is no fault.
    pub(super) fn note(&mut self, text: String) {
        self.notes.push(text.into());
    }

    pub(super) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Whether any line of this source is broken as TOML.
    pub(super) fn is_broken(&self, source: u32) -> bool {
        self.broken.iter().any(|(broken, _)| *broken == source)
    }

    /// (errors, warnings, notes) as finished texts, in the order of their places.
    pub(super) fn render(self, sources: &Sources, colour: bool) -> Rendered {
        let style = if colour { &COLOURED } else { &PLAIN };
        let all = |list: &Set<Diagnostic>, dropped: usize| {
            let shown = shown(list).into_iter();
            let mut texts: Vec<Box<str>> = shown
                .map(|diagnostic| diagnostic.render(sources, style).into())
                .collect();
            let more = list.len().saturating_sub(texts.len()) + dropped;
            if more > 0 {
                let text =
                    format!("and {more} more, which rinit --check says once these are mended");
                texts.push(text.into());
            }
            texts
        };
        Rendered {
            errors: all(&self.errors, self.dropped),
            warnings: all(&self.warnings, 0),
            notes: self.notes,
        }
    }
}

/// As many as are shown: of each file its first ones, so that one with hundreds hides no
/// other's.
fn shown(list: &Set<Diagnostic>) -> Vec<&Diagnostic> {
    let mut counts: Vec<(Option<u32>, usize)> = Vec::new();
    let mut rank = |diagnostic: &Diagnostic| {
        let source = diagnostic.at.map(|at| at.source);
        let known = counts.iter().position(|(own, _)| *own == source);
        let place = known.unwrap_or(counts.len());
        if known.is_none() {
            counts.push((source, 0));
        }
        counts.get_mut(place).map_or(0, |(_, count)| {
            *count += 1;
            *count
        })
    };
    let ranks: Vec<usize> = list.iter().map(&mut rank).collect();
    let fits = |most: &usize| ranks.iter().filter(|rank| *rank <= most).count() <= MAX_SHOWN;
    let most = (1..=MAX_SHOWN).take_while(fits).last().unwrap_or(1);
    let ranked = list.iter().zip(&ranks).filter(|(_, rank)| **rank <= most);
    ranked.map(|(own, _)| own).take(MAX_SHOWN).collect()
}

/// What `Findings` become.
#[derive(Default)]
pub(crate) struct Rendered {
    pub(crate) errors: Vec<Box<str>>,
    pub(crate) warnings: Vec<Box<str>>,
    pub(crate) notes: Vec<Box<str>>,
}

struct Style {
    place: &'static str,
    error: &'static str,
    warning: &'static str,
    help: &'static str,
    end: &'static str,
}

const PLAIN: Style = Style {
    place: "",
    error: "",
    warning: "",
    help: "",
    end: "",
};

const COLOURED: Style = Style {
    place: "\x1b[1m",
    error: "\x1b[1;31m",
    warning: "\x1b[1;33m",
    help: "\x1b[32m",
    end: "\x1b[0m",
};

impl Diagnostic {
    fn render(&self, sources: &Sources, style: &Style) -> String {
        let (paint, label) = match self.level {
            Level::Error => (style.error, ""),
            Level::Warning => (style.warning, "warning: "),
        };
        let Style {
            place, help, end, ..
        } = style;
        let mut text = String::new();
        let found = self.at.and_then(|at| Some((at, sources.get(at.source)?)));
        // Writing into a String cannot fail.
        if let Some((at, source)) = found {
            let _ = write!(text, "{place}{}:{end} ", place_of(at, source));
        }
        let _ = writeln!(text, "{paint}{label}{end}{place}{}{end}", clean(&self.what));
        if let Some((at, source)) = found.filter(|_| !self.secret) {
            excerpt(&mut text, at, source, paint, end);
        }
        for (at, what) in &self.notes {
            if let Some(source) = sources.get(at.source) {
                let _ = writeln!(text, "{}: note: {what}", place_of(*at, source));
                excerpt(&mut text, *at, source, paint, end);
            }
        }
        let _ = write!(text, "{help}help:{end} {}", clean(&self.help));
        text
    }
}

/// What a file says may be quoted in a message, but never moves the terminal's cursor.
fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            clean.extend(c.escape_default());
        } else {
            clean.push(c);
        }
    }
    clean
}

/// `FILE:LINE:COLUMN`, columns in characters from 1.
fn place_of(at: At, source: &Source) -> String {
    match source.origin {
        Origin::Environment | Origin::CommandLine => clean(&source.name),
        Origin::File | Origin::Unreadable => {
            let start = source.line_start(at.start);
            let before = source.text.get(start..at.start as usize);
            let column = before.map_or(0, |before| before.chars().count()) + 1;
            format!(
                "{}:{}:{column}",
                clean(&source.name),
                source.line_number(at.start)
            )
        }
    }
}

/// The line, its number before it, and carets below the place; of a long line the part
/// around the place.
fn excerpt(text: &mut String, at: At, source: &Source, paint: &str, end: &str) {
    let line_start = source.line_start(at.start);
    let rest = source.text.get(line_start..).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default();
    let offset = (at.start as usize).saturating_sub(line_start);
    let length = (at.end.saturating_sub(at.start)) as usize;
    let column = line.get(..offset).unwrap_or(line).chars().count();
    let marked = line
        .get(offset..)
        .map_or(0, |tail| tail.get(..length).unwrap_or(tail).chars().count())
        .max(1);
    let skip = if column + marked.min(WIDTH / 2) > WIDTH {
        column.saturating_sub(WIDTH / 3)
    } else {
        0
    };
    let mut shown: String = line
        .chars()
        .skip(skip)
        .take(WIDTH)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mut indent = column - skip;
    if skip > 0 {
        shown.insert(0, '…');
        indent += 1;
    }
    if line.chars().nth(skip + WIDTH).is_some() {
        shown.push('…');
    }
    let number = match source.origin {
        Origin::File | Origin::Unreadable => source.line_number(at.start).to_string(),
        Origin::Environment | Origin::CommandLine => String::new(),
    };
    let carets = "^".repeat(marked.min(WIDTH.saturating_sub(column - skip).max(1)));
    let gutter = number.len();
    let _ = writeln!(text, "  {number} | {}", shown.trim_end());
    let _ = writeln!(
        text,
        "  {:gutter$} | {:indent$}{paint}{carets}{end}",
        "", ""
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Sources {
        Sources::new(vec![Source::new(
            "a.toml".into(),
            Origin::File,
            text.into(),
        )])
    }

    fn rendered(text: &str, span: std::ops::Range<usize>) -> String {
        let at = At::new(0, span);
        Diagnostic::error(Some(at), "is wrong".into(), "right it").render(&source(text), &PLAIN)
    }

    #[test]
    fn the_caret_stands_below_the_word_behind_tabs_and_letters_of_two_bytes() {
        assert_eq!(
            rendered("x = 1\n\té = bad # no\n", 12..15),
            "a.toml:2:6: is wrong\n  2 |  é = bad # no\n    |      ^^^\nhelp: right it"
        );
    }

    #[test]
    fn of_a_long_line_the_part_around_the_place_is_shown() {
        let line = format!("{}bad{}", "x".repeat(5000), "y".repeat(5000));
        let text = rendered(&line, 5000..5003);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[1].chars().count() < 120, "{text}");
        let caret = lines[2].chars().position(|c| c == '^').unwrap();
        let below: String = lines[1].chars().skip(caret).take(3).collect();
        assert_eq!(below, "bad", "{text}");
    }

    #[test]
    fn a_place_at_the_end_or_beyond_it_is_no_panic() {
        for span in [0..0, 5..5, 6..6, 7..900] {
            assert!(rendered("a = 1\n", span).contains('^'));
        }
        assert!(rendered("", 0..0).contains('^'));
    }

    #[test]
    fn what_a_file_says_never_reaches_the_terminal_as_an_order() {
        let at = Some(At::new(0, 0..1));
        let diagnostic = Diagnostic::error(at, "no \x1b[2J".into(), "a\nb");
        let text = diagnostic.render(&source("\x1b[2J"), &PLAIN);
        assert!(!text.contains('\x1b'), "{text:?}");
        assert!(text.ends_with("help: a\\nb"), "{text}");
    }

    #[test]
    fn no_more_than_a_hundred_errors_are_shown() {
        let sources = source("");
        let mut findings = Findings::default();
        for number in 0..250 {
            findings.add(
                Diagnostic::error(None, format!("{number:03}"), ""),
                &sources,
            );
        }
        let rendered = findings.render(&sources, false);
        assert_eq!(rendered.errors.len(), 101);
        assert_eq!(
            &*rendered.errors[100],
            "and 150 more, which rinit --check says once these are mended"
        );
    }

    #[test]
    fn of_too_many_warnings_each_file_has_its_first_ones_told() {
        let texts = ["a\n".repeat(300), "b\n".to_owned()];
        let sources = texts.map(|text| Source::new("x".to_owned(), Origin::File, text));
        let sources = Sources::new(sources.into());
        let mut findings = Findings::default();
        for (source, line) in (0..300).map(|line| (0, line)).chain([(1, 0)]) {
            let at = Some(At::new(source, line * 2..line * 2 + 1));
            findings.add(Diagnostic::warning(at, format!("{source}"), ""), &sources);
        }
        let warnings = findings.render(&sources, false).warnings;
        assert_eq!(warnings.len(), 101);
        assert!(
            warnings[0].starts_with("x:1:1: warning: 0"),
            "{}",
            warnings[0]
        );
        assert!(
            warnings[99].starts_with("x:1:1: warning: 1"),
            "{}",
            warnings[99]
        );
        assert!(
            warnings[100].starts_with("and 201 more"),
            "{}",
            warnings[100]
        );
    }
}
