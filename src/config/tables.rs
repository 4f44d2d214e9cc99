//! From texts to tables: what TOML says, merged over all files key by key, with nothing
//! lost about where it was written.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::Diagnostic;
use super::directive::{self, Directive};
use super::draft::Draft;
use super::foreign::{self, Unknown};
use super::nearest::nearest;
use super::source::{At, Source};
use super::value::{Context, Value};
use crate::core::sorted::{Map, sort_by_key};
use crate::core::spec::InitSpec;

/// Of a file this large only the first syntax error is shown: a list of millions would
/// not fit into the reader's memory.
const LARGE: usize = 256 << 10;

/// The keys of one table and their values, later ones over earlier ones.
pub(super) struct Section<'a, T: 'static> {
    entries: Vec<(&'static Directive<T>, Value<'a>)>,
}

impl<'a, T> Section<'a, T> {
    const fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// A key was written, or is overridden.
    pub(super) fn put(&mut self, directive: &'static Directive<T>, value: Value<'a>) {
        let known = self
            .entries
            .iter_mut()
            .find(|(known, _)| known.key == directive.key);
        match known {
            Some((_, old)) if !directive.merges => *old = value,
            Some(_) | None => self.entries.push((directive, value)),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static Directive<T>, Value<'a>)> {
        self.entries.iter().copied()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn get(&self, key: &str) -> Option<Value<'a>> {
        let mut entries = self.entries.iter();
        entries
            .find(|(known, _)| known.key == key)
            .map(|(_, value)| *value)
    }
}

/// `[service.NAME]` of all files.
pub(super) struct ServiceTable<'a> {
    pub(super) name: &'a str,
    /// Where its name was written first.
    pub(super) at: At,
    pub(super) section: Section<'a, Draft>,
}

/// Everything that the files say.
pub(super) struct Tables<'a> {
    pub(super) init: Section<'a, InitSpec>,
    pub(super) http: Section<'a, InitSpec>,
    pub(super) defaults: Section<'a, Draft>,
    /// In declared order.
    pub(super) services: Vec<ServiceTable<'a>>,
    by_name: Map<&'a str, usize>,
}

/// The file's table; what is broken in it is reported, the rest is used.
pub(super) fn parse<'a>(source: &'a Source, number: u32, context: &Context<'_>) -> DeTable<'a> {
    let (table, errors) = if source.text.len() > LARGE {
        match DeTable::parse(&source.text) {
            Ok(table) => (table, Vec::new()),
            Err(error) => (Spanned::new(0..0, DeTable::new()), vec![error]),
        }
    } else {
        DeTable::parse_recoverable(&source.text)
    };
    let mut findings = context.findings.borrow_mut();
    let mut last = None;
    for error in &errors {
        // Without a span: a dotted key that is too deep. Its line is the one with the dots.
        let span = error.span().unwrap_or_else(|| deepest_line(&source.text));
        // One place is named once; the first error says most.
        if last.replace(span.start) == Some(span.start) {
            continue;
        }
        let (what, help) = syntax(error.message(), source.text.get(span.clone()));
        let at = At::new(number, span);
        findings.add_syntax(at, Diagnostic::error(Some(at), what, help), source);
    }
    table.into_inner()
}

fn deepest_line(text: &str) -> std::ops::Range<usize> {
    let mut start = 0;
    let mut found = (0, 0..0);
    for line in text.split_inclusive('\n') {
        let dots = memchr::memchr_iter(b'.', line.as_bytes()).count();
        if dots > found.0 {
            found = (dots, start..start + line.trim_end().len());
        }
        start += line.len();
    }
    found.1
}

/// The parser's words for the text at the place, or plainer ones, and what to write instead.
fn syntax(message: &str, text: Option<&str>) -> (String, &'static str) {
    let starts = |word: &str| message.starts_with(word);
    let is_guess = starts("string values must be quoted") || starts("invalid float");
    if is_guess && text.is_some_and(str::is_empty) {
        return ("a value is missing".to_owned(), "write key = value");
    }
    // The standard library's letters are tables of kilobytes.
    let is_text = |c: char| {
        c.is_ascii_alphabetic() || !c.is_ascii() || matches!(c, '/' | '.' | '$' | '%' | '@')
    };
    if is_guess && text.is_some_and(|text| text.starts_with(is_text)) {
        let help = "put the text into quotes: key = \"text\"";
        return ("a text must stand in quotes".to_owned(), help);
    }
    let help = if starts("duplicate key") {
        "a key stands once in a table, and a table once in a file: put the two together"
    } else if starts("cannot recurse") || starts("recursion limit") {
        "nothing in a configuration is nested more than four deep"
    } else if starts("unclosed table") || starts("unclosed array table") {
        "close the header: [service.NAME]"
    } else if starts("unclosed array") || starts("missing comma between array") {
        "an array is [\"a\", \"b\"]"
    } else if starts("unclosed inline table") || starts("missing comma between key") {
        "an inline table is { a = \"x\", b = 1 }"
    } else if starts("invalid basic string") || starts("invalid literal string") {
        "close the string on its line with the quote that opened it; \"\"\" may span lines"
    } else if starts("missing escaped") || starts("too few unicode") {
        "a backslash itself is written \\\\, or put the text into single quotes"
    } else if starts("invalid unquoted key") {
        "a name with more than letters, digits, _ and - stands in quotes: [service.\"web@1\"]"
    } else if starts("key with no value") || starts("missing assignment") {
        "write key = value"
    } else {
        "a line is [table], key = value, or # a comment; a value is \"text\", 1, true, [list] or { table }"
    };
    let help_says_it = message.split(", expected").next().unwrap_or(message);
    (help_says_it.to_owned(), help)
}

impl<'a> Tables<'a> {
    pub(super) const fn new() -> Self {
        Self {
            init: Section::new(),
            http: Section::new(),
            defaults: Section::new(),
            services: Vec::new(),
            by_name: Map::new(),
        }
    }

    /// Lays one file's tables over those of the files before it.
    pub(super) fn add(&mut self, source: u32, root: &'a DeTable<'a>, context: &'a Context<'a>) {
        for (key_at, key, value) in in_order(root, source, context) {
            let good = match key {
                "init" => fill(&mut self.init, value, context, admit_init),
                "http" => fill(&mut self.http, value, context, admit_http),
                "defaults" => fill(&mut self.defaults, value, context, admit_default),
                "service" => self.add_services(value, context),
                _ => {
                    let (what, help) = top_level(key);
                    context.error(key_at, what, help);
                    continue;
                }
            };
            if good.is_none() {
                let example = match key {
                    "service" => "write [service.NAME] above the service's keys".to_owned(),
                    _ => format!("write [{key}] above its keys"),
                };
                context.error(key_at, format!("{key} must be a table"), example);
            }
        }
    }

    fn add_services(&mut self, services: Value<'a>, context: &'a Context<'a>) -> Option<()> {
        let table = services.as_table()?;
        for (at, name, value) in in_order(table, services.at.source, context) {
            if value.as_table().is_none() {
                let help = format!("write [service.{name}] above the service's keys");
                context.error(at, format!("service.{name} must be a table"), help);
                continue;
            }
            let index = *self.by_name.entry(name).or_insert_with(|| {
                check_name(name, at, context);
                self.services.push(ServiceTable {
                    name,
                    at,
                    section: Section::new(),
                });
                self.services.len() - 1
            });
            if let Some(service) = self.services.get_mut(index) {
                fill(&mut service.section, value, context, admit_service);
            }
        }
        Some(())
    }
}

fn admit_init(key: &str) -> Result<&'static Directive<InitSpec>, Unknown> {
    directive::find(directive::init(), key).ok_or_else(|| foreign::in_init(key))
}

fn admit_http(key: &str) -> Result<&'static Directive<InitSpec>, Unknown> {
    directive::find(directive::http(), key).ok_or_else(|| Unknown {
        what: format!("unknown key \"{key}\""),
        help: "[http] has one key: listen = \"0.0.0.0:9180\"".to_owned(),
    })
}

fn admit_service(key: &str) -> Result<&'static Directive<Draft>, Unknown> {
    directive::find(directive::service(), key).ok_or_else(|| foreign::in_service(key))
}

fn admit_default(key: &str) -> Result<&'static Directive<Draft>, Unknown> {
    let directive = admit_service(key)?;
    if directive.shared {
        return Ok(directive);
    }
    Err(Unknown {
        what: format!("{key} belongs to one service, not into [defaults]"),
        help: format!("write {key} into [service.NAME]"),
    })
}

/// Puts the table's keys into the section; `admit` finds a key's directive or says what is
/// wrong with it here.
fn fill<'a, T>(
    section: &mut Section<'a, T>,
    table: Value<'a>,
    context: &'a Context<'a>,
    admit: impl Fn(&str) -> Result<&'static Directive<T>, Unknown>,
) -> Option<()> {
    let source = table.at.source;
    let table = table.as_table()?;
    for (at, key, value) in in_order(table, source, context) {
        match admit(key) {
            Ok(directive) => section.put(directive, value),
            Err(Unknown { what, help }) => {
                // [service.my.app] is the table "app" in the service "my".
                let is_service = value.as_table().is_some_and(|t| t.contains_key("command"));
                let help = if is_service {
                    format!("a name with a dot stands in quotes: [service.\"NAME.{key}\"]")
                } else {
                    help
                };
                context.error(at, what, help);
            }
        }
    }
    Some(())
}

/// The entries as they stand in the file. What the parser put in for a value that isn't
/// there is left out: it has been reported.
fn in_order<'a>(
    table: &'a DeTable<'a>,
    source: u32,
    context: &'a Context<'a>,
) -> Vec<(At, &'a str, Value<'a>)> {
    let mut entries: Vec<_> = table
        .iter()
        .filter(|(_, value)| !value.span().is_empty())
        .map(|(key, value): (_, &Spanned<DeValue<'a>>)| {
            let name: &'a str = key.get_ref();
            let at = At::new(source, key.span());
            (at, name, Value::new(name, source, value, context))
        })
        .collect();
    sort_by_key(&mut entries, |(at, ..)| *at);
    entries
}

fn top_level(key: &str) -> (String, String) {
    let what = format!("unknown table \"{key}\"");
    let known = ["init", "http", "defaults", "service"];
    if let Some(directive) = directive::find(directive::service(), key) {
        let help = if directive.shared {
            format!("write [service.NAME] above it, or [defaults] if {key} is for all")
        } else {
            "write [service.NAME] above it".to_owned()
        };
        return (format!("{key} belongs to a service"), help);
    }
    if directive::find(directive::init(), key).is_some() {
        return (
            format!("{key} belongs into [init]"),
            "write [init] above it".to_owned(),
        );
    }
    let help = match (key, nearest(key, known)) {
        ("program" | "process" | "processes" | "unit", _) => {
            "services are written as [service.NAME]".to_owned()
        }
        ("supervisord" | "supervisorctl" | "unix_http_server" | "inet_http_server", _) => {
            "leave it out; services are written as [service.NAME]".to_owned()
        }
        ("include" | "includes", _) => {
            "-c may be repeated, and takes a folder too; /etc/rinit.d/*.toml is read without"
                .to_owned()
        }
        (_, Some(near)) => format!("did you mean \"{near}\"?"),
        (_, None) => "the tables are [init], [http], [defaults] and [service.NAME]".to_owned(),
    };
    (what, help)
}

/// What `check_name` lets pass, for the schema.
pub const NAME_PATTERN: &str = "^[A-Za-z0-9_.@:-]{1,80}$";

fn check_name(name: &str, at: At, context: &Context<'_>) {
    /// Its notify socket has to fit into `sockaddr_un`.
    const MAX: usize = 80;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '@' | ':' | '-');
    let help = "names are made of letters, digits and _ . @ : -";
    if name.is_empty() || !name.chars().all(allowed) || name == "." || name == ".." {
        context.error(
            at,
            format!("\"{name}\" can't be the name of a service"),
            help,
        );
    } else if name.len() > MAX {
        let what = format!("the name has {} characters, {MAX} are allowed", name.len());
        context.error(at, what, "choose a shorter one");
    }
}
