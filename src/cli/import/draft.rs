//! What an import has found, and how it is written: services of keys whose values are TOML
//! already, and comments on what has no key.

use std::time::Duration;

use crate::config::import::written;
use crate::core::json;
use crate::core::signal::Signal;
use crate::units;

/// No line of comment is longer than this, and no array stands on a longer one.
const WIDTH: usize = 96;

/// All services, and what is said before the first.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) head: Service,
    pub(super) services: Vec<Service>,
}

/// One `[service.NAME]`.
#[derive(Default)]
pub(super) struct Service {
    pub(super) name: String,
    /// Above its header.
    pub(super) comments: Vec<String>,
    lines: Vec<Line>,
    /// Keys by which its old manager's defaults are kept.
    usual: Vec<Line>,
    /// Names of services in its bonds: those that aren't in the draft become a comment.
    bonds: Vec<(&'static str, Vec<String>)>,
    /// `NAME = value` each.
    environment: Vec<String>,
}

/// A key with its values, which are TOML already; a comment has no key.
struct Line {
    key: String,
    values: Vec<String>,
    shape: Shape,
}

/// How values stand behind a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// There is one.
    One,
    /// In brackets, if there are several.
    Some,
    /// In brackets.
    List,
}

/// What becomes of foreign keys, a line each: their names with `|` between, how the value
/// is written, and rinit's key. The ways are:
///
/// - `text`, `filled`: a text; in the second one rinit fills in its variables
/// - `amount`: a number, if it is one; `switch`: true or false, if it is yes or no
/// - `time`, `limit`: a time, in seconds where it has no unit; in the second 0 is none at all
/// - `signal`
/// - `names`: words, which add up; `each`: a text, which does
/// - `lost`: no key says that; what stands in its place is what to write instead
/// - `silent`: it has no meaning, or is looked at elsewhere
pub(super) type Table = &'static str;

impl Service {
    /// Of this name, with letters that no name may have made into `_`.
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: good_name(name),
            ..Self::default()
        }
    }

    /// A key's only value.
    pub(super) fn put(&mut self, key: &str, value: String) {
        self.add(key, Shape::One, value);
    }

    /// A key with a text.
    pub(super) fn put_text(&mut self, key: &str, text: &str) {
        self.put(key, value(text));
    }

    /// One more value of an array.
    pub(super) fn push(&mut self, key: &str, value: String) {
        self.add(key, Shape::List, value);
    }

    /// A key that says what its old manager does when nobody says so.
    pub(super) fn put_usual(&mut self, key: &str, value: &str) {
        self.usual
            .push(Line::new(key, Shape::One, value.to_owned()));
    }

    /// A key with what stands behind its `=`.
    pub(super) fn put_bare(&mut self, key: &str, value: &str) {
        self.put(key, value.to_owned());
    }

    /// A variable, its value as TOML.
    pub(super) fn variable(&mut self, name: &str, value: &str) {
        self.environment.push(format!("{} = {value}", key(name)));
    }

    /// Whether it has variables of its own.
    pub(super) fn has_variables(&self) -> bool {
        !self.environment.is_empty()
    }

    /// A comment where the next key would stand.
    pub(super) fn note(&mut self, text: String) {
        self.lines.push(Line::new("", Shape::One, text));
    }

    /// No key says what this foreign one does.
    pub(super) fn lost(&mut self, key: &str, text: &str, help: &str) {
        let equals = if text.is_empty() { "" } else { " = " };
        self.note(format!("{key}{equals}{text}: {help}"));
    }

    /// Names in one of its bonds.
    pub(super) fn bind(&mut self, key: &'static str, names: Vec<String>) {
        self.bonds.push((key, names));
    }

    fn add(&mut self, key: &str, shape: Shape, value: String) {
        for line in &mut self.lines {
            if line.key == key {
                if shape == Shape::One {
                    line.values.clear();
                }
                line.values.push(value);
                return;
            }
        }
        self.lines.push(Line::new(key, shape, value));
    }

    /// Whether the table has the key; then what it says is said. An empty value is as if
    /// nothing had been said.
    pub(super) fn take(&mut self, table: Table, key: &str, text: &str) -> bool {
        for row in table.lines() {
            let (names, row) = row.split_once(' ').unwrap_or((row, ""));
            if !names.split('|').any(|name| name == key) {
                continue;
            }
            let (way, own) = row.split_once(' ').unwrap_or((row, ""));
            match way {
                "silent" => {}
                "lost" => self.lost(key, text, own),
                _ if text.is_empty() => self.lines.retain(|line| line.key != own),
                "each" => self.add(own, Shape::Some, value(text)),
                "names" => {
                    for word in text.split_whitespace() {
                        self.add(own, Shape::Some, value(word.trim_end_matches('/')));
                    }
                }
                _ => self.put(own, written_as(way, text)),
            }
            return true;
        }
        false
    }
}

impl Line {
    fn new(key: &str, shape: Shape, value: String) -> Self {
        Self {
            key: key.to_owned(),
            values: vec![value],
            shape,
        }
    }

    fn write(&self, out: &mut String) {
        match self.values.as_slice() {
            [text] if self.key.is_empty() => comment(out, text),
            [value] if self.shape != Shape::List => push(out, &[&self.key, " = ", value, "\n"]),
            values => push(out, &[&self.key, " = ", &list(values), "\n"]),
        }
    }
}

/// A value, by its way in a table.
fn written_as(way: &str, text: &str) -> String {
    match way {
        "filled" => quoted(text),
        "amount" if text.parse::<i64>().is_ok() => text.to_owned(),
        "switch" if let Some(yes) = units::boolean(text) => yes.to_string(),
        "limit" if units::span(text) == Some(Some(Duration::ZERO)) => value("infinity"),
        "time" | "limit" if let Some(time) = units::span(text) => value(&written(time)),
        "signal" if let Some(signal) = Signal::parse(text) => value(&signal.to_string()),
        _ => value(text),
    }
}

impl Draft {
    /// One more service; a name that is taken gets a number.
    pub(super) fn add(&mut self, mut service: Service) {
        let base = service.name.clone();
        let mut number = 1;
        while self.has(&service.name) {
            number += 1;
            service.name = format!("{base}-{number}");
        }
        self.services.push(service);
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.services.iter().any(|service| service.name == name)
    }

    /// The whole file.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        for line in &self.head.lines {
            line.write(&mut out);
        }
        for service in &self.services {
            if !out.is_empty() {
                out.push('\n');
            }
            self.service(&mut out, service);
        }
        out
    }

    fn service(&self, out: &mut String, service: &Service) {
        for text in &service.comments {
            comment(out, text);
        }
        let header = format!("[service.{}", key(&service.name));
        push(out, &[&header, "]\n"]);
        for line in &service.lines {
            line.write(out);
        }
        for (key, names) in &service.bonds {
            let (mut known, mut unknown) = (Vec::new(), Vec::new());
            for name in names.iter().filter(|name| **name != service.name) {
                let names = if self.has(name) {
                    &mut known
                } else {
                    &mut unknown
                };
                names.push(value(name));
            }
            if !known.is_empty() {
                push(out, &[key, " = ", &list(&known), "\n"]);
            }
            if !unknown.is_empty() {
                let names = list(&unknown);
                comment(out, &format!("{key} = {names} once such services are here"));
            }
        }
        if !service.usual.is_empty() {
            comment(out, "What it was used to, where rinit does otherwise:");
        }
        for line in &service.usual {
            line.write(out);
        }
        Self::environment(out, service, &header);
    }

    /// On one line, or as a table of its own, which ends the service's.
    fn environment(out: &mut String, service: &Service, header: &str) {
        let pairs = &service.environment;
        let short = pairs.join(", ");
        if pairs.is_empty() {
        } else if short.len() <= WIDTH {
            push(out, &["environment = { ", &short, " }\n"]);
        } else {
            push(
                out,
                &["\n", header, ".environment]\n", &pairs.join("\n"), "\n"],
            );
        }
    }
}

fn push(out: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| out.push_str(part));
}

/// As many lines as it takes.
fn comment(out: &mut String, text: &str) {
    for paragraph in text.lines() {
        let mut length = 0;
        for word in paragraph.split(' ') {
            if length > 0 && length + word.len() > WIDTH {
                out.push('\n');
                length = 0;
            }
            out.push_str(if length == 0 { "# " } else { " " });
            out.extend(word.chars().filter(|c| !c.is_control()));
            length += word.len() + 1;
        }
        out.push('\n');
    }
}

/// A text as TOML has it, whatever it holds.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = |c: char| c != '\'' && !c.is_control();
    // Between single quotes nothing means anything.
    if text.contains(['"', '\\']) && text.chars().all(is_plain) {
        return ["'", text, "'"].concat();
    }
    let mut out = Vec::new();
    json::text(&mut out, text);
    String::from_utf8(out).unwrap_or_default()
}

/// A text that is to be taken as it is: rinit fills in nothing.
pub(super) fn value(text: &str) -> String {
    quoted(&text.replace("${", "$${"))
}

/// Texts that are to be taken as they are.
pub(super) fn array(texts: &[&str]) -> String {
    let mut values = Vec::new();
    for text in texts {
        values.push(value(text));
    }
    list(&values)
}

/// An array of values; a long one has a line for each.
pub(super) fn list(values: &[String]) -> String {
    let short = ["[", &values.join(", "), "]"].concat();
    if short.len() <= WIDTH || values.len() < 2 {
        return short;
    }
    ["[\n    ", &values.join(",\n    "), ",\n]"].concat()
}

/// A name of a service that is like this one.
fn good_name(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.@:-".contains(c);
    let mut good = String::new();
    for letter in name.chars().take(80) {
        good.push(if allowed(letter) { letter } else { '_' });
    }
    good
}

/// A key of a table, in quotes where it needs them.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}
