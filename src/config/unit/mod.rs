//! What packages' unit files say, laid into drafts before TOML's keys are: which units are
//! asked for, and what each directive does (`table`). systemd takes what it doesn't
//! understand with a warning, and so does this.

mod commands;
mod given;
mod reading;
mod service;
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use self::given::Given;
use self::reading::Reading;
use super::draft::{Draft, Target};
use super::nearest::nearest;
use super::needs::Accounts;
use super::source::{At, Origin, Source};
use super::tables::Tables;
use super::value::{Context, Value};
use crate::core::spec::Ready;
use crate::units::{Line, Machine, NoUnit, Search, Specifiers, Unit, UnitName, Wrong, lines};

/// What a draft keeps of its unit.
#[derive(Clone, Debug)]
pub(super) struct FromUnit {
    /// Its name and its aliases.
    names: Vec<Box<str>>,
    /// Type=forking, which TOML may still say otherwise.
    forking: Option<At>,
    /// DynamicUser=yes.
    dynamic_user: Option<At>,
}

/// The units that tables ask for, by the tables' names.
pub(super) struct Units {
    machine: Machine,
    found: BTreeMap<String, Found>,
}

struct Found {
    unit: Unit,
    /// As its users see it.
    path: PathBuf,
    /// Of each of its files the number of its source.
    sources: Vec<u32>,
    /// Where it is asked for.
    asked: At,
}

impl Units {
    /// Finds and reads them all.
    pub(super) fn load(tables: &Tables<'_>, root: &Path, context: &Context<'_>) -> Self {
        let root = if root.as_os_str().is_empty() {
            Path::new("/")
        } else {
            root
        };
        let mut search = None;
        let mut sources: Vec<Source> = Vec::new();
        let mut found = BTreeMap::new();
        let first = context.sources.named().len();
        for table in &tables.services {
            let Some(value) = table.section.get("unit") else {
                continue;
            };
            let search = search.get_or_insert_with(|| Search::new(root));
            let Some(mut unit) = find(search, value) else {
                continue;
            };
            let mut numbers = Vec::new();
            for file in &mut unit.files {
                let number = first.saturating_add(sources.len());
                numbers.push(u32::try_from(number).unwrap_or(u32::MAX));
                let name = search.shown(&file.path).display().to_string();
                let text = std::mem::take(&mut file.text);
                sources.push(Source::new(name, Origin::File, text));
            }
            let path = unit.files.first().map(|file| search.shown(&file.path));
            let known = Found {
                unit,
                path: path.unwrap_or_default(),
                sources: numbers,
                asked: value.at,
            };
            found.insert(table.name.to_owned(), known);
        }
        context.sources.add_units(sources);
        Self {
            machine: Machine::new(root),
            found,
        }
    }

    /// Lays what the table's unit says into the draft, if it has one.
    pub(super) fn lay_into(
        &self,
        draft: &mut Draft,
        table: &str,
        accounts: &Accounts,
        context: &Context<'_>,
    ) {
        let Some(found) = self.found.get(table) else {
            return;
        };
        let name = &found.unit.name;
        let names = [name.as_str()]
            .into_iter()
            .chain(found.unit.aliases.iter().map(String::as_str));
        draft.unit = Some(Box::new(FromUnit {
            names: names.map(Into::into).collect(),
            forking: None,
            dynamic_user: None,
        }));
        for (list, linked) in [
            (&mut draft.targets.wants, &found.unit.wants),
            (&mut draft.targets.requires, &found.unit.requires),
        ] {
            list.extend(linked.iter().map(|name| target(name, found.asked)));
        }
        let specifiers = Specifiers {
            machine: &self.machine,
            name,
            path: &found.path,
        };
        let mut reading = Reading::new(draft, found.asked);
        for number in &found.sources {
            read(*number, &mut reading, specifiers, context);
        }
        reading.finish(accounts, context);
    }
}

fn target(name: &str, at: At) -> Target {
    Target {
        name: name.into(),
        at,
        lenient: true,
    }
}

/// The unit of this name, or an error.
fn find(search: &Search, value: Value<'_>) -> Option<Unit> {
    let text = value.text()?;
    let name = UnitName::parse(&text).filter(|name| name.suffix() == "service");
    let Some(name) = name else {
        let help = "the name of a service's unit, such as \"nginx.service\"";
        return value.wrong(format!("\"{text}\" can't be the unit of a service"), help);
    };
    let text = name.as_str();
    match search.find(&name) {
        Ok(unit) => Some(unit),
        Err(NoUnit::Missing) => {
            let help = match nearest(text, search.names()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "install the package that brings it; units lie in /etc/systemd/system, /usr/lib/systemd/system and their like".to_owned(),
            };
            value.wrong(format!("there is no unit \"{text}\""), help)
        }
        Err(NoUnit::Masked(path)) => value.wrong(
            format!(
                "the unit \"{text}\" is masked by {}",
                search.shown(&path).display()
            ),
            "remove that link or empty file, or take the service out",
        ),
        Err(NoUnit::Template) => {
            let stem = name.prefix();
            let help = format!("name the instance behind the @: \"{stem}@NAME.service\"");
            value.wrong(format!("\"{text}\" is a template"), help)
        }
        Err(NoUnit::Unreadable(path, reason)) => value.wrong(
            format!("{}: cannot read: {reason}", search.shown(&path).display()),
            "a unit file is a text that rinit may read",
        ),
    }
}

/// Every line of one file.
fn read(number: u32, reading: &mut Reading<'_>, specifiers: Specifiers<'_>, context: &Context<'_>) {
    let Some(source) = context.sources.get(number) else {
        return;
    };
    let mut section = None;
    for line in lines(&source.text) {
        match line {
            Line::Section(name, at) => {
                section = Some(name.to_string());
                table::check_section(&name, At::new(number, at), context);
            }
            Line::Assignment { key, value, at } => {
                let at = At::new(number, at);
                let Some(section) = section.as_deref() else {
                    let help = "write [Unit], [Service] or [Install] above it";
                    context.warn(at, "a line outside of a section is ignored", help);
                    continue;
                };
                let given = Given {
                    key: &key,
                    value: &value,
                    at,
                    specifiers,
                    context,
                };
                table::apply(section, reading, &given);
            }
            Line::Wrong(wrong, at) => {
                let (what, help) = match wrong {
                    Wrong::Header => ("a section's name has no \"]\"", "write [Service]"),
                    Wrong::NoValue => ("a line without \"=\" is ignored", "write Key=value"),
                    Wrong::NoKey => (
                        "a line with nothing before \"=\" is ignored",
                        "write Key=value",
                    ),
                    Wrong::NotUtf8 => ("a line that isn't UTF-8 is ignored", "write it in UTF-8"),
                };
                let at = At::new(number, at);
                if wrong == Wrong::Header {
                    context.error(at, what, help);
                } else {
                    context.warn(at, what, help);
                }
            }
        }
    }
}

/// Under which names units know the drafts.
pub(super) fn names(drafts: &[Draft]) -> BTreeMap<&str, usize> {
    let mut names = BTreeMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        for name in draft.unit.iter().flat_map(|unit| &unit.names) {
            names.entry(&**name).or_insert(index);
        }
    }
    names
}

/// A unit names another that nobody asked for. Most are targets, which are always reached.
pub(super) fn note_absent(draft: &Draft, key: &str, target: &Target, context: &Context<'_>) {
    let name = &*target.name;
    let reached = [".target", ".mount", ".slice", ".device"]
        .iter()
        .any(|suffix| name.ends_with(suffix));
    let own = name.starts_with("systemd-") || name == "syslog.socket" || name == "dbus.socket";
    if reached || own || !matches!(key, "requires" | "binds-to") {
        return;
    }
    let what = format!(
        "{} requires {name}, which isn't there: left out",
        draft.name()
    );
    let help = match name.strip_suffix(".service") {
        Some(stem) => format!("write [service.{stem}] with unit = \"{name}\" if it needs it"),
        None => "only services are read from units".to_owned(),
    };
    context.warn(target.at, what, help);
}

/// `type = "simple"` in TOML, whatever the unit says.
pub(super) fn become_simple(draft: &mut Draft) {
    if let Some(unit) = &mut draft.unit {
        unit.forking = None;
        if draft.ready == Some(Ready::Notify) && draft.written("ready").is_none() {
            draft.ready = None;
        }
    }
}

/// What is left of the unit when all keys were read.
pub(super) fn finish(draft: &Draft, context: &Context<'_>) {
    if let Some(at) = draft.unit.as_ref().and_then(|unit| unit.forking) {
        let what = format!(
            "{}: Type=forking is not supported yet by this version",
            draft.name()
        );
        let help = format!(
            "write type = \"simple\" and a command that stays in the foreground into [service.{}]",
            draft.name()
        );
        context.error(at, what, help);
    }
    let dynamic = draft.unit.as_ref().and_then(|unit| unit.dynamic_user);
    let has_user = draft
        .spec
        .exec
        .identity
        .as_ref()
        .is_some_and(|identity| identity.user.is_some());
    if let Some(at) = dynamic.filter(|_| !has_user) {
        let name = draft.name();
        let what = format!(
            "{name}: DynamicUser= is not supported yet by this version, and it is not to run as root"
        );
        let help = format!("write user = … into [service.{name}]");
        context.error(at, what, help);
    }
}
