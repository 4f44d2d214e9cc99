//! Text as roff: what a manual page is made of.

use std::fmt::{self, Display, Write};

use crate::cli::getopt::OptionText;

/// When what the pages say was last looked through.
const DATE: &str = "2026-11-24";

/// A page that grows.
pub(super) struct Page(String);

impl Page {
    /// `NAME(SECTION)`, and what it is in one line.
    pub(super) fn new(name: &str, section: u8, is: &str) -> Self {
        let mut page = Self(String::new());
        page.line(format_args!(
            ".TH \"{name}\" {section} {DATE} \"rinit {}\"",
            env!("CARGO_PKG_VERSION")
        ));
        page.section("NAME");
        page.line(format_args!("{} \\- {}", Safe(name), Safe(is)));
        page
    }

    fn line(&mut self, line: impl Display) {
        let _ = writeln!(self.0, "{line}");
    }

    /// A heading.
    pub(super) fn section(&mut self, title: &str) {
        self.line(format_args!(".SH \"{title}\""));
    }

    /// How it is called: the words in bold, the rest as it stands; a line each.
    pub(super) fn synopsis(&mut self, calls: &[(&str, &str)]) {
        for (number, (bold, rest)) in calls.iter().enumerate() {
            if number > 0 {
                self.line(".br");
            }
            self.line(format_args!("\\fB{}\\fR {}", Safe(bold), Safe(rest)));
        }
    }

    /// Sentences.
    pub(super) fn text(&mut self, text: impl Display) {
        self.paragraph();
        self.line(Safe(&text.to_string()));
    }

    /// Parts what follows from what stands before, which a heading does by itself.
    fn paragraph(&mut self) {
        let last = self.0.lines().next_back();
        if !last.is_some_and(|line| line.starts_with(".SH")) {
            self.line(".PP");
        }
    }

    /// Lines that stay as they are.
    pub(super) fn example(&mut self, text: &str) {
        self.line(".PP\n.RS 4\n.nf");
        for line in text.lines() {
            self.line(Safe(line));
        }
        self.line(".fi\n.RE");
    }

    /// What is explained, with what belongs to it, and what it means.
    pub(super) fn entry(&mut self, bold: &str, plain: &str, doc: impl Display) {
        let gap = if plain.is_empty() { "" } else { " " };
        self.line(format_args!(
            ".TP\n\\fB{}\\fR{gap}{}\n{}",
            Safe(bold),
            Safe(plain),
            Safe(&doc.to_string())
        ));
    }

    /// An option, as its table has it.
    pub(super) fn option(&mut self, option: &OptionText) {
        let argument = option.argument;
        let gap = if argument.is_empty() || argument.starts_with('[') {
            ""
        } else {
            " "
        };
        self.line(format_args!(
            ".TP\n\\fB{}\\fR{gap}{}\n{}",
            Safe(&option.each().collect::<Vec<_>>().join(", ")),
            Safe(argument),
            Safe(option.doc)
        ));
    }

    /// More about the last entry.
    pub(super) fn more(&mut self, text: impl Display) {
        self.line(format_args!(".br\n{}", Safe(&text.to_string())));
    }

    /// Other pages.
    pub(super) fn see_also(&mut self, pages: &[(&str, u8)]) {
        self.section("SEE ALSO");
        for (number, (name, section)) in pages.iter().enumerate() {
            let comma = if number + 1 < pages.len() { "," } else { "" };
            self.line(format_args!("\\fB{}\\fR({section}){comma}", Safe(name)));
        }
    }

    /// The whole.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// Text that troff takes as text, whatever it begins with.
struct Safe<'a>(&'a str);

impl Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.starts_with(['.', '\'']) {
            f.write_str("\\&")?;
        }
        for letter in self.0.chars() {
            match letter {
                '\\' => f.write_str("\\e")?,
                '-' => f.write_str("\\-")?,
                '\'' => f.write_str("\\(aq")?,
                '`' => f.write_str("\\(ga")?,
                '^' => f.write_str("\\(ha")?,
                '~' => f.write_str("\\(ti")?,
                '…' => f.write_str("...")?,
                letter => f.write_char(letter)?,
            }
        }
        Ok(())
    }
}
