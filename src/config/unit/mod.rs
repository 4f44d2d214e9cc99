//! What packages' unit files say, laid into drafts before TOML's keys are: which units are
//! services (`chosen`), what each directive does (`table`), and what they say of each other
//! (`order`). systemd takes what it doesn't
//! understand with a warning, and so does this.

mod chosen;
mod commands;
mod dynamic;
mod given;
mod order;
mod reading;
mod service;
mod table;

use std::collections::BTreeMap;
use std::path::PathBuf;

use self::dynamic::Dynamic;
use self::given::Given;
use self::reading::Reading;
use super::draft::{Draft, Target};
use super::needs::Accounts;
use super::source::At;
use super::value::Context;
use crate::core::spec::Ready;
use crate::units::{Line, Machine, Specifiers, Unit, Wrong, is_maintenance, lines};

pub(super) use self::chosen::{Units, names_in, wanted};
pub(super) use self::order::arrange;

/// What a draft keeps of its unit.
#[derive(Clone, Debug)]
pub(super) struct FromUnit {
    /// Its name and its aliases.
    names: Vec<Box<str>>,
    /// DefaultDependencies=.
    by_default: bool,
    /// Nobody named it: what is wrong with it costs it alone.
    pub(super) is_pulled: bool,
    /// Type=forking, which TOML may still say otherwise.
    forking: Option<At>,
    /// What DynamicUser=yes comes to, unless TOML names a user.
    dynamic: Option<Dynamic>,
}

impl FromUnit {
    /// The unit's own name.
    pub(super) fn name(&self) -> &str {
        self.names.first().map_or("", |name| &**name)
    }
}

/// A unit that is to be a service.
pub(super) struct Found {
    unit: Unit,
    /// As its users see it.
    path: PathBuf,
    /// Of each of its files the number of its source.
    sources: Vec<u32>,
    /// Where it is asked for, or its own file.
    pub(super) asked: At,
    /// Nobody named it: what is wrong with it costs it alone.
    pub(super) is_pulled: bool,
}

impl FromUnit {
    /// What stands before the suffix, and before the @ of an instance.
    fn prefix(&self) -> &str {
        let name = self.names.first().map_or("", |name| &**name);
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        stem.split_once('@').map_or(stem, |(prefix, _)| prefix)
    }
}

impl Found {
    /// The service's name, where no table gives it one.
    pub(super) fn stem(&self) -> &str {
        self.unit.name.stem()
    }

    /// Lays what the unit says into the draft.
    pub(super) fn lay_into(
        &self,
        draft: &mut Draft,
        machine: &Machine,
        accounts: &Accounts,
        context: &Context<'_>,
    ) {
        let name = &self.unit.name;
        let names = [name.as_str()]
            .into_iter()
            .chain(self.unit.aliases.iter().map(String::as_str));
        draft.unit = Some(Box::new(FromUnit {
            names: names.map(Into::into).collect(),
            by_default: true,
            is_pulled: self.is_pulled,
            forking: None,
            dynamic: None,
        }));
        for (list, linked) in [
            (&mut draft.targets.wants, &self.unit.wants),
            (&mut draft.targets.requires, &self.unit.requires),
        ] {
            list.extend(linked.iter().map(|name| target(name, self.asked)));
        }
        let specifiers = Specifiers {
            machine,
            name,
            path: &self.path,
        };
        let mut reading = Reading::new(draft, self.asked);
        for number in &self.sources {
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
    let reached = [
        ".target",
        ".mount",
        ".automount",
        ".swap",
        ".slice",
        ".device",
    ];
    let is_reached = reached.iter().any(|suffix| name.ends_with(suffix));
    let own = name == "syslog.socket" || name == "dbus.socket" || is_maintenance(name, false);
    if is_reached || own || !matches!(key, "requires" | "binds-to") {
        return;
    }
    let what = format!(
        "{} requires {name}, which isn't there: left out",
        draft.name()
    );
    let help = if name.ends_with(".service") {
        "install what brings it; it may be masked or left out itself, too"
    } else {
        "only services are read from units"
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
pub(super) fn finish(draft: &mut Draft, context: &Context<'_>) {
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
    if draft.written("user").is_none()
        && let Some(dynamic) = draft.unit.as_mut().and_then(|unit| unit.dynamic.take())
    {
        dynamic.lay_into(draft, context);
    }
}
