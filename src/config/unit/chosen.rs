//! Which units are services: those that tables name, those of `[init] units`, and what
//! these pull in.

use std::path::Path;

use super::{Found, Read};
use crate::config::Request;
use crate::config::diagnostic::Diagnostic;
use crate::config::nearest::nearest;
use crate::config::source::{At, Source};
use crate::config::tables::Tables;
use crate::config::value::{Context, Value};
use crate::core::sorted::{Map, Set};
use crate::units::{
    Follow, LeftOut, Machine, NoUnit, Pulled, Search, Unit, UnitName, Walk, is_maintenance,
    matches, started,
};

/// `units`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) enum Wanted {
    None,
    /// What the packages' links say.
    Enabled,
    These(Vec<(String, At)>),
}

/// The value of `units`.
pub(in crate::config) fn wanted(value: Value<'_>) -> Wanted {
    match value.as_str() {
        Some("enabled") => Wanted::Enabled,
        Some("none" | "") => Wanted::None,
        Some(_) | None => Wanted::These(names_in(value)),
    }
}

/// A list of names, or a text of several with blanks or commas between them (a variable).
pub(in crate::config) fn names_in(value: Value<'_>) -> Vec<(String, At)> {
    let mut names = Vec::new();
    for item in value.items() {
        // What was wrong has been said; the others are looked at.
        let Some(text) = item.text() else {
            continue;
        };
        let words = text.split([' ', ',', '\t', '\n']);
        let words = words.filter(|word| !word.is_empty());
        names.extend(words.map(|word| (word.to_owned(), item.at)));
    }
    names
}

/// All units that are services.
pub(in crate::config) struct Units {
    pub(in crate::config) machine: Machine,
    found: Map<UnitName, Found>,
    /// Which unit is a table's.
    tables: Map<String, UnitName>,
    /// The targets between them, and what is left out.
    pub(super) pulled: Pulled,
}

impl Units {
    /// Finds and reads them all.
    pub(in crate::config) fn load(
        tables: &Tables<'_>,
        request: &Request,
        context: &Context<'_>,
    ) -> Self {
        let root = match &request.unit_root {
            none if none.as_os_str().is_empty() => Path::new("/"),
            root => root,
        };
        let mut units = Self {
            machine: Machine::new(root),
            found: Map::new(),
            tables: Map::new(),
            pulled: Pulled::default(),
        };
        let wanted = match tables.init.get("units") {
            Some(value) => wanted(value),
            None if request.is_bare(context.sources.named()) => Wanted::Enabled,
            None => Wanted::None,
        };
        let named = tables
            .services
            .iter()
            .any(|table| table.section.has("unit"));
        if named || wanted != Wanted::None {
            for what in (context.generate)() {
                let help = "the units that it writes are missing";
                context.add(Diagnostic::warning(None, what, help));
            }
            let search = Search::new(root);
            let asked_for = &request.asked_for;
            units.choose(
                tables,
                &wanted,
                &search,
                request.machine,
                asked_for,
                context,
            );
        }
        units
    }

    /// Whether none is asked for.
    pub(in crate::config) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The unit of a table.
    pub(in crate::config) fn of(&self, table: &str) -> Option<&Found> {
        self.found.get(self.tables.get(table)?)
    }

    /// Those without a table.
    pub(in crate::config) fn others(&self) -> impl Iterator<Item = &Found> {
        let own: Set<&UnitName> = self.tables.values().collect();
        let others = self.found.iter();
        others.filter_map(move |(name, found)| (!own.contains(name)).then_some(found))
    }

    fn choose(
        &mut self,
        tables: &Tables<'_>,
        wanted: &Wanted,
        search: &Search,
        machine: bool,
        asked_for: &[Box<str>],
        context: &Context<'_>,
    ) {
        let more = tables.init.get("units-skip").map(names_in);
        let more = more.unwrap_or_default();
        let skips = |name: &str| {
            let stem = name.strip_suffix(".service").unwrap_or(name);
            is_maintenance(name, machine)
                || more
                    .iter()
                    .any(|(own, _)| matches(own, name) || matches(own, stem))
        };
        let mut walk = Walk::new(search, &self.machine, &skips);
        // Who was named, and where first.
        let mut named: Map<UnitName, At> = Map::new();
        for table in &tables.services {
            let section = &table.section;
            let found = match section.get("unit") {
                Some(value) => value
                    .text()
                    .and_then(|text| find(search, &self.machine, &text, value.at, context))
                    .map(|(unit, starter)| (unit, starter, value.at)),
                // A table that says only what is to be otherwise.
                None if *wanted != Wanted::None && !section.has("command") => {
                    let unit = UnitName::parse(table.name).and_then(|own| search.find(&own).ok());
                    unit.filter(|unit| unit.name.suffix() == "service")
                        .map(|unit| (unit, None, table.at))
                }
                None => None,
            };
            let Some((unit, starter, at)) = found else {
                continue;
            };
            let says = |key: &str| section.get(key).and_then(|value| value.boolean());
            let timed = section.has("schedule") || section.has("every");
            let follow = match says("enabled") {
                Some(false) => Follow::Never,
                _ if timed || says("on-demand") == Some(true) => Follow::WithIt,
                _ => Follow::AtOnce,
            };
            self.tables.insert(table.name.to_owned(), unit.name.clone());
            named.entry(unit.name.clone()).or_insert(at);
            match starter {
                Some(starter) => walk.add_started(starter, unit, follow),
                None => walk.add(unit, follow),
            }
        }
        match wanted {
            Wanted::None => {}
            Wanted::Enabled => {
                for name in asked_for.iter().filter_map(|name| UnitName::parse(name)) {
                    walk.know(&name);
                }
                walk.add_default();
            }
            Wanted::These(names) => {
                for (name, at) in names {
                    if name.ends_with(".target") {
                        walk.add_target(name);
                    } else if let Some((unit, starter)) =
                        find(search, &self.machine, name, *at, context)
                    {
                        let is_new = named.insert(unit.name.clone(), *at).is_none();
                        match starter {
                            Some(starter) => walk.add_started(starter, unit, Follow::AtOnce),
                            None if is_new => walk.add(unit, Follow::AtOnce),
                            None => {}
                        }
                    }
                }
            }
        }
        self.pulled = walk.finish();
        self.lay_out(tables, &named, search, context);
        self.tell(context);
    }

    /// Makes sources of all texts.
    fn lay_out(
        &mut self,
        tables: &Tables<'_>,
        named: &Map<UnitName, At>,
        search: &Search,
        context: &Context<'_>,
    ) {
        let names: Set<&str> = tables.services.iter().map(|table| table.name).collect();
        let first = context.sources.named().len();
        let mut sources: Vec<Source> = Vec::new();
        let mut starters = std::mem::take(&mut self.pulled.starters);
        let mut read = |unit| Read::new(unit, search, first, &mut sources);
        for (name, unit) in std::mem::take(&mut self.pulled.services) {
            let asked = named.get(&name);
            if asked.is_none() && names.contains(name.stem()) {
                let (unit, table) = (name.as_str(), name.stem());
                let text = format!("{unit} not started: [service.{table}] stands in its place");
                context.findings.borrow_mut().note(text);
                continue;
            }
            let service = read(unit);
            let itself = service.sources.first().copied().unwrap_or(u32::MAX);
            let itself = At::new(itself, 0..0);
            let starters = starters.remove(&name).unwrap_or_default();
            let found = Found {
                service,
                starters: starters.into_iter().map(&mut read).collect(),
                is_direct: self.pulled.direct.contains(&name),
                is_along: self.pulled.later.contains(&name),
                asked: asked.copied().unwrap_or(itself),
                is_pulled: asked.is_none(),
            };
            self.found.insert(name, found);
        }
        context.sources.add_units(sources);
    }

    /// What is not started though it is enabled.
    fn tell(&self, context: &Context<'_>) {
        for (reason, text) in [
            (LeftOut::Skipped, "upkeep of a machine, or in units-skip"),
            (LeftOut::Masked, "masked"),
        ] {
            if let Some(names) = self.left_out(reason) {
                let text = format!("units not started ({text}): {names}");
                context.findings.borrow_mut().note(text);
            }
        }
    }

    fn left_out(&self, reason: LeftOut) -> Option<String> {
        let all = self.pulled.left_out.iter();
        let names: Vec<&str> = all
            .filter(|(_, own)| **own == reason)
            .map(|(name, _)| name.as_str())
            .collect();
        (!names.is_empty()).then(|| names.join(", "))
    }
}

/// The service of this name, or the one that the unit of this name starts and that unit; or
/// an error.
fn find(
    search: &Search,
    machine: &Machine,
    text: &str,
    at: At,
    context: &Context<'_>,
) -> Option<(Unit, Option<Unit>)> {
    let wrong = |what: String, help: String| {
        context.error(at, what, help);
        None
    };
    let is_one = |name: &UnitName| matches!(name.suffix(), "service" | "socket" | "timer" | "path");
    let Some(mut name) = UnitName::parse(text).filter(is_one) else {
        let help = "the name of a service's unit, such as \"nginx.service\", or of its socket's, timer's or path's";
        return wrong(
            format!("\"{text}\" can't be the unit of a service"),
            help.to_owned(),
        );
    };
    let mut starter = None;
    let mut why = String::new();
    let mut found = search.find(&name);
    if let Ok(unit) = &found
        && let Some(service) = started(unit, machine)
    {
        why = format!(", which \"{}\" starts", unit.name.as_str());
        name = service;
        starter = std::mem::replace(&mut found, search.find(&name)).ok();
    }
    let text = name.as_str();
    match found {
        Ok(unit) => Some((unit, starter)),
        Err(NoUnit::Missing) => {
            let help = match nearest(text, search.names()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "install the package that brings it; units lie in /etc/systemd/system, /usr/lib/systemd/system and their like".to_owned(),
            };
            wrong(format!("there is no unit \"{text}\"{why}"), help)
        }
        Err(NoUnit::Masked(path)) => wrong(
            format!(
                "the unit \"{text}\" is masked by {}",
                search.shown(&path).display()
            ),
            "remove that link or empty file, or take the service out".to_owned(),
        ),
        Err(NoUnit::Template) => {
            let stem = name.prefix();
            let suffix = name.suffix();
            let help = format!("name the instance behind the @: \"{stem}@NAME.{suffix}\"");
            wrong(format!("\"{text}\" is a template"), help)
        }
        Err(NoUnit::Unreadable(path, reason)) => wrong(
            format!("{}: cannot read: {reason}", search.shown(&path).display()),
            "a unit file is a text that rinit may read".to_owned(),
        ),
    }
}
