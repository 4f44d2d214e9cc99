//! One value of a file, with its place: every way to read it either gives what was asked
//! for, or reports what is wrong and gives `None`.

use std::cell::{Cell, RefCell};
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Findings};
use super::nearest::nearest;
use super::source::{At, Origin, Source, Sources};
use super::units::{self, NoDuration};
use crate::core::expand;
use crate::core::sandbox::Means;
use crate::core::sorted::{Map, sort_by_key};

/// What every value can refer to.
pub(super) struct Context<'a> {
    pub(super) sources: &'a Sources,
    pub(super) environment: Map<&'a [u8], &'a [u8]>,
    /// The wall clock, in seconds since 1970.
    pub(super) now: i64,
    pub(super) findings: RefCell<Findings>,
    /// Which of several a table is read for: `${INSTANCE}`.
    pub(super) instance: Cell<Option<u32>>,
    /// What is read is a unit that nobody named.
    pub(super) forgiving: Cell<Forgiving>,
    /// `unit-environment = "clean"`.
    pub(super) clean: Cell<bool>,
    /// What is called before units are sought; it says what went wrong.
    pub(super) generate: &'a dyn Fn() -> Vec<String>,
    /// What a sandbox may be made of here; asked once, where any service wants one.
    pub(super) permitted: &'a dyn Fn() -> Means,
}

/// Whether an error costs what is being read alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Forgiving {
    #[default]
    No,
    Yes,
    /// And there was one.
    Spoiled,
}

/// The variable that tells instances apart.
const INSTANCE: &[u8] = b"INSTANCE";

impl Context<'_> {
    pub(super) fn add(&self, mut diagnostic: Diagnostic) {
        if diagnostic.is_error() && self.forgiving.get() != Forgiving::No {
            self.forgiving.set(Forgiving::Spoiled);
            diagnostic = diagnostic.forgiven();
        }
        self.findings.borrow_mut().add(diagnostic, self.sources);
    }

    /// Reads what does no harm to the rest: an error in it is a warning, and what was read
    /// is left out.
    pub(super) fn forgive<T>(&self, read: impl FnOnce() -> T) -> Option<T> {
        self.forgiving.set(Forgiving::Yes);
        let read = read();
        let spoiled = self.forgiving.replace(Forgiving::No) == Forgiving::Spoiled;
        (!spoiled).then_some(read)
    }

    pub(super) fn error(&self, at: At, what: impl Into<String>, help: impl Into<String>) {
        self.add(Diagnostic::error(Some(at), what.into(), help));
    }

    pub(super) fn warn(&self, at: At, what: impl Into<String>, help: impl Into<String>) {
        self.add(Diagnostic::warning(Some(at), what.into(), help));
    }

    pub(super) fn source(&self, at: At) -> Option<&Source> {
        self.sources.get(at.source)
    }

    /// `FILE:LINE`.
    pub(super) fn file_and_line(&self, at: At) -> String {
        match self.source(at) {
            Some(source) if source.origin == Origin::File => {
                format!("{}:{}", source.name, source.line_number(at.start))
            }
            Some(source) => source.name.clone(),
            None => String::new(),
        }
    }

    /// Whether a line of the file is broken as TOML, so that something may be missing.
    pub(super) fn is_broken(&self, at: At) -> bool {
        self.findings.borrow().is_broken(at.source)
    }

    /// The container's variable.
    pub(super) fn variable(&self, name: &[u8]) -> Option<Vec<u8>> {
        if name == INSTANCE
            && let Some(number) = self.instance.get()
        {
            return Some(number.to_string().into_bytes());
        }
        self.environment.get(name).map(|value| value.to_vec())
    }
}

/// A value, whose it is and where.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) key: &'a str,
    pub(super) at: At,
    toml: &'a DeValue<'a>,
    context: &'a Context<'a>,
}

impl<'a> Value<'a> {
    pub(super) fn new(
        key: &'a str,
        source: u32,
        toml: &'a Spanned<DeValue<'a>>,
        context: &'a Context<'a>,
    ) -> Self {
        Self {
            key,
            at: At::new(source, toml.span()),
            toml: toml.get_ref(),
            context,
        }
    }

    /// Reports an error at this value.
    pub(super) fn wrong<T>(&self, what: impl Into<String>, help: impl Into<String>) -> Option<T> {
        self.context.error(self.at, what, help);
        None
    }

    /// Reports an error at another place that belongs to this value, such as its key.
    pub(super) fn wrong_at<T>(
        &self,
        at: At,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        self.context.error(at, what, help);
        None
    }

    /// Reports that the value is of another kind than `wanted`.
    fn wrong_type<T>(&self, wanted: &str, example: &str) -> Option<T> {
        let found = match self.toml.type_str() {
            "table" => "a table",
            "integer" => "a number",
            "float" => "a number with a fraction",
            "boolean" => "true or false",
            "datetime" => "a date",
            "array" => "an array",
            _ => "a string",
        };
        let what = format!("{} must be {wanted}, this is {found}", self.key);
        self.wrong(what, format!("for example {} = {example}", self.key))
    }

    pub(super) fn as_str(&self) -> Option<&'a str> {
        self.toml.as_str()
    }

    pub(super) fn as_bool(&self) -> Option<bool> {
        self.toml.as_bool()
    }

    pub(super) fn as_table(&self) -> Option<&'a DeTable<'a>> {
        self.toml.as_table()
    }

    pub(super) fn is_array(&self) -> bool {
        self.toml.is_array()
    }

    pub(super) fn is_integer(&self) -> bool {
        self.toml.is_integer()
    }

    /// An integer written in octal (`0o022`).
    pub(super) fn as_octal(&self) -> Option<u32> {
        let integer = self.toml.as_integer().filter(|i| i.radix() == 8)?;
        u32::from_str_radix(integer.as_str(), 8).ok()
    }

    /// The table's entries as values of their own, in the order of the file.
    pub(super) fn entries(&self) -> Option<Vec<(At, Value<'a>)>> {
        let table = self.toml.as_table()?;
        let mut entries: Vec<_> = table
            .iter()
            .map(|(key, value)| {
                let at = At::new(self.at.source, key.span());
                let name: &'a str = key.get_ref();
                (at, Value::new(name, self.at.source, value, self.context))
            })
            .collect();
        sort_by_key(&mut entries, |(at, _)| *at);
        Some(entries)
    }

    /// The array's items, or this one value alone.
    pub(super) fn items(&self) -> Vec<Value<'a>> {
        match self.toml.as_array() {
            Some(array) => array
                .iter()
                .map(|item| Value::new(self.key, self.at.source, item, self.context))
                .collect(),
            None => vec![*self],
        }
    }

    /// Any scalar as bytes, its variables expanded: `environment`.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        let bytes = match self.toml {
            DeValue::String(text) => self.expanded(text)?,
            DeValue::Integer(integer) => match integer.radix() {
                10 => integer.as_str().as_bytes().to_vec(),
                radix => match i64::from_str_radix(integer.as_str(), radix) {
                    Ok(number) => number.to_string().into_bytes(),
                    Err(_) => self.as_written().as_bytes().to_vec(),
                },
            },
            DeValue::Float(_) | DeValue::Boolean(_) => self.as_written().as_bytes().to_vec(),
            DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                return self.wrong_type("a string", "\"text\"");
            }
        };
        if bytes.contains(&0) {
            return self.wrong(
                format!("{} holds a NUL character", self.key),
                "the kernel ends every text at a NUL",
            );
        }
        Some(bytes)
    }

    /// The value's own characters in the file.
    fn as_written(&self) -> &'a str {
        let span = self.at.start as usize..self.at.end as usize;
        let source = self.context.source(self.at);
        source
            .and_then(|source| source.text.get(span))
            .unwrap_or_default()
    }

    /// A word that is expanded at the spawn, where nobody knows of instances any more.
    pub(super) fn for_instance(&self, word: &str) -> Vec<u8> {
        match self.context.instance.get() {
            Some(number) => expand::replace(word.as_bytes(), INSTANCE, &number.to_string()),
            None => word.as_bytes().to_vec(),
        }
    }

    fn expanded(&self, text: &str) -> Option<Vec<u8>> {
        let from_file = self.context.source(self.at).map(|source| source.origin);
        if from_file != Some(Origin::File) || !expand::has_variables(text.as_bytes()) {
            return Some(text.as_bytes().to_vec());
        }
        match expand::expand(text.as_bytes(), &|name| self.context.variable(name)) {
            Ok(bytes) => Some(bytes),
            Err(error) => self.wrong_variable(text, &error),
        }
    }

    /// Reports a variable at its own place.
    pub(super) fn wrong_variable<T>(&self, text: &str, error: &expand::ExpandError) -> Option<T> {
        let ordinal = text
            .get(..error.at.start)
            .map_or(0, |before| before.matches("${").count());
        let written = self.as_written();
        // The same "${" in the file, where escapes may stand before it.
        let at = written
            .match_indices("${")
            .nth(ordinal)
            .map_or(self.at, |(offset, _)| {
                let length = error.at.len().min(written.len() - offset);
                self.at.part(offset..offset + length)
            });
        self.context
            .error(at, error.kind.to_string(), error.kind.help());
        None
    }

    /// Reports an error in a part of its text, as it was read.
    pub(super) fn wrong_in<T>(
        &self,
        text: &str,
        part: std::ops::Range<usize>,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        // Escapes and variables make another text of it, which has no such place.
        let at = self.as_written().find(text).map_or(self.at, |offset| {
            self.at.part(offset + part.start..offset + part.end)
        });
        self.wrong_at(at, what, help)
    }

    /// A text that isn't empty, its variables expanded.
    pub(super) fn text(&self) -> Option<String> {
        if !self.toml.is_str() {
            return self.wrong_type("a string", "\"text\"");
        }
        self.word()
    }

    /// As `text`, but a number is taken as well: `user = 1000`.
    pub(super) fn word(&self) -> Option<String> {
        if !self.toml.is_str() && !self.toml.is_integer() {
            return self.wrong_type("a string or a number", "1000");
        }
        let Ok(text) = String::from_utf8(self.bytes()?) else {
            return self.wrong(
                format!(
                    "{} is not valid UTF-8 once its variables are expanded",
                    self.key
                ),
                "set the variable to a text in UTF-8",
            );
        };
        if text.is_empty() {
            return self.wrong(
                format!("{} is empty", self.key),
                format!("give it a value, or leave the key {} out", self.key),
            );
        }
        Some(text)
    }

    /// A boolean, also as the texts that variables hold.
    pub(super) fn boolean(&self) -> Option<bool> {
        let text = match self.toml {
            DeValue::Boolean(value) => return Some(*value),
            DeValue::String(text) => self.expanded(text)?,
            DeValue::Integer(integer) => integer.as_str().as_bytes().to_vec(),
            DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                return self.wrong_type("true or false", "true");
            }
        };
        match text.to_ascii_lowercase().as_slice() {
            b"true" | b"yes" | b"on" | b"1" => Some(true),
            b"false" | b"no" | b"off" | b"0" | b"" => Some(false),
            _ => self.wrong(
                format!(
                    "{} must be true or false, this is \"{}\"",
                    self.key,
                    String::from_utf8_lossy(&text)
                ),
                "true, yes, on, 1 or false, no, off, 0 or an empty text",
            ),
        }
    }

    /// A duration.
    pub(super) fn duration(&self) -> Option<Duration> {
        match self.timeout()? {
            Some(duration) => Some(duration),
            None => self.wrong(
                format!("{} can't be infinite", self.key),
                "write a duration such as \"30s\"",
            ),
        }
    }

    /// A duration, or `"infinity"`, which is `Some(None)`.
    pub(super) fn timeout(&self) -> Option<Option<Duration>> {
        let bare = |number: &str| {
            format!(
                "write \"{number}s\" for {number} seconds or \"{number}ms\" for {number} milliseconds"
            )
        };
        if self.toml.is_integer() || self.toml.is_float() {
            let number = self.as_written();
            return self.wrong(format!("{} = {number} has no unit", self.key), bare(number));
        }
        if !self.toml.is_str() {
            return self.wrong_type("a duration", "\"10s\"");
        }
        let text = self.text()?;
        if text == "infinity" {
            return Some(None);
        }
        match units::duration(&text) {
            Ok(duration) => Some(Some(duration)),
            Err(NoDuration::BareNumber) => self.wrong(
                format!("{} = \"{text}\" has no unit", self.key),
                bare(&text),
            ),
            Err(NoDuration::TooLong) => self.wrong(
                format!("\"{text}\" is longer than a hundred years"),
                "write \"infinity\" where a timeout may be without end",
            ),
            Err(NoDuration::Form) => self.wrong(
                format!("\"{text}\" is no duration"),
                "durations are \"500ms\", \"5s\", \"1m30s\", \"2h\"",
            ),
        }
    }

    /// A number in this range, also as a text.
    pub(super) fn integer(&self, range: RangeInclusive<i64>) -> Option<i64> {
        let number = match self.toml {
            DeValue::Integer(integer) => {
                i64::from_str_radix(integer.as_str(), integer.radix()).ok()
            }
            DeValue::String(_) => {
                let text = self.text()?;
                match text.trim().parse::<i64>() {
                    Ok(number) => Some(number),
                    Err(error) if is_overflow(&error) => None,
                    Err(_) => {
                        return self.wrong(
                            format!("{} must be a number, this is \"{text}\"", self.key),
                            format!("a number from {} to {}", range.start(), range.end()),
                        );
                    }
                }
            }
            DeValue::Boolean(_)
            | DeValue::Float(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => return self.wrong_type("a number", "5"),
        };
        match number.filter(|number| range.contains(number)) {
            Some(number) => Some(number),
            None => self.wrong(
                format!("{} is out of range", self.key),
                format!("a number from {} to {}", range.start(), range.end()),
            ),
        }
    }

    /// One of these words.
    pub(super) fn choice<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let list = || {
            let names: Vec<_> = words
                .iter()
                .map(|(word, _)| format!("\"{word}\""))
                .collect();
            names.join(", ")
        };
        if !self.toml.is_str() {
            let example = words
                .first()
                .map_or(String::new(), |(w, _)| format!("\"{w}\""));
            return self.wrong_type(&format!("one of {}", list()), &example);
        }
        let text = self.text()?;
        if let Some((_, choice)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*choice);
        }
        let help = match nearest(&text, words.iter().map(|(word, _)| *word)) {
            Some(word) => format!("write \"{word}\"; {} is one of {}", self.key, list()),
            None => format!("{} is one of {}", self.key, list()),
        };
        self.wrong(format!("{} can't be \"{text}\"", self.key), help)
    }
}

fn is_overflow(error: &std::num::ParseIntError) -> bool {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    *error.kind() == PosOverflow || *error.kind() == NegOverflow
}
