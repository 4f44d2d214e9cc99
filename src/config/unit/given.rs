//! One assignment of a unit file: its value, read as systemd reads it, or a warning.

use std::time::Duration;

use crate::config::diagnostic::Diagnostic;
use crate::config::source::At;
use crate::config::value::Context;
use crate::core::quoting::{Backslash, quoted};
use crate::core::signal::Signal;
use crate::units::{self, Specifiers};

/// What is written instead.
pub(super) const WHOLE_PATH: &str = "a whole path, without \"..\"";
pub(super) const PERCENT: &str = "a percent sign itself is written %%";

/// It, and what its value can refer to.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) key: &'a str,
    pub(super) value: &'a str,
    pub(super) at: At,
    pub(super) specifiers: Specifiers<'a>,
    pub(super) context: &'a Context<'a>,
}

impl Given<'_> {
    /// The value is no good, and is ignored.
    pub(super) fn wrong<T>(&self, help: &str) -> Option<T> {
        let what = if self.is_secret() {
            format!("a word of {}= makes no sense and is ignored", self.key)
        } else {
            format!(
                "{}=\"{}\" makes no sense and is ignored",
                self.key, self.value
            )
        };
        self.warn(what, help);
        None
    }

    fn warn(&self, what: String, help: &str) {
        let mut warning = Diagnostic::warning(Some(self.at), what, help);
        if self.is_secret() {
            warning = warning.without_text();
        }
        self.context.add(warning);
    }

    /// Passwords stand there.
    fn is_secret(&self) -> bool {
        matches!(self.key, "Environment" | "SetCredential")
    }

    /// It is empty: back to the default, or to an empty list.
    pub(super) const fn is_reset(&self) -> bool {
        self.value.is_empty()
    }

    /// The value is no good, and the unit isn't what was meant without it: nothing comes of
    /// it, as with systemd.
    pub(super) fn fatal<T>(&self, help: &str) -> Option<T> {
        let what = format!("{}=\"{}\" makes no sense", self.key, self.value);
        self.context.error(self.at, what, help);
        None
    }

    /// The text with its specifiers replaced.
    pub(super) fn text(&self) -> Option<String> {
        let text = self.expanded(self.value.as_bytes())?;
        Some(String::from_utf8_lossy(&text).into_owned())
    }

    /// The path of a file or folder, without what says nothing in it.
    pub(super) fn path(&self) -> Option<String> {
        let path = units::simplified(&self.text()?);
        path.or_else(|| self.wrong(WHOLE_PATH))
    }

    /// Its specifiers replaced, if all of them are known.
    pub(super) fn expanded(&self, text: &[u8]) -> Option<Vec<u8>> {
        let expanded = self.specifiers.expand(text);
        let Some(letter) = expanded.unknown else {
            return Some(expanded.text);
        };
        let what = format!("{}: there is no specifier %{letter}: ignored", self.key);
        self.warn(what, PERCENT);
        None
    }

    pub(super) fn odd_escape(&self, met: bool) {
        if met {
            let what = "an escape that there isn't stays as it is".to_owned();
            self.warn(what, "a backslash itself is written \\\\");
        }
    }

    /// Its words, specifiers replaced in each, up to one that is none.
    pub(super) fn words(&self, backslash: Backslash) -> Vec<Vec<u8>> {
        let mut words = quoted(self.value.as_bytes(), backslash);
        let mut all = Vec::new();
        while let Some(word) = words.next() {
            match word {
                Ok(word) if !words.met_odd_escape() => all.extend(self.expanded(&word)),
                Ok(_) => {
                    self.wrong::<()>("a backslash itself is written \\\\");
                    break;
                }
                Err(_) => {
                    self.wrong::<()>("close the quotes that were opened");
                    break;
                }
            }
        }
        all
    }

    /// Names of units, users and the like.
    pub(super) fn names(&self) -> Vec<String> {
        let text = |word: Vec<u8>| String::from_utf8_lossy(&word).into_owned();
        self.words(Backslash::Stays).into_iter().map(text).collect()
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        units::boolean(self.value).or_else(|| self.wrong("write yes or no"))
    }

    /// A time; `Some(None)` is without end.
    pub(super) fn span(&self) -> Option<Option<Duration>> {
        let span = units::span(self.value);
        span.or_else(|| self.wrong("a time is 5, 500ms, 1min 30s or infinity"))
    }

    /// A time; none at all is without end, too.
    pub(super) fn timeout(&self) -> Option<Option<Duration>> {
        self.span().map(|span| span.filter(|span| !span.is_zero()))
    }

    pub(super) fn number(&self, least: i64, most: i64) -> Option<i64> {
        let number = units::number(self.value);
        let number = number.and_then(|number| i64::try_from(number).ok());
        let number = number.filter(|number| (least..=most).contains(number));
        number.or_else(|| self.wrong(&format!("a number from {least} to {most}")))
    }

    pub(super) fn octal(&self) -> Option<u32> {
        let mode = u32::from_str_radix(self.value, 8)
            .ok()
            .filter(|mode| *mode <= 0o7777);
        mode.or_else(|| self.wrong("a mode in octal, such as 0755"))
    }

    pub(super) fn signal(&self) -> Option<Signal> {
        // Here all names are in capitals.
        let is_lower = self.value.contains(|c: char| c.is_ascii_lowercase());
        let signal = Signal::parse(self.value).filter(|_| !is_lower);
        signal.or_else(|| self.wrong("a signal such as SIGTERM, or its number"))
    }

    /// One of these words.
    pub(super) fn choice<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        if let Some((_, choice)) = words.iter().find(|(word, _)| *word == self.value) {
            return Some(*choice);
        }
        let list: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.wrong(&format!("one of {}", list.join(", ")))
    }
}
