//! What is started together: from the units that are asked for, through `.wants` and
//! `.requires` folders and what units say themselves, from unit to unit (`systemd.unit(5)`).
//! Targets start nothing; they are where others' orders meet.

use super::name::UnitName;
use super::search::{NoUnit, Search, Unit};
use super::specifier::{Machine, Specifiers};
use super::starts::{names, started};
use super::syntax::{Line, lines};
use super::value::boolean;
use crate::core::sorted::{Map, Set, sort_by_key};

/// Where everything begins.
const DEFAULT: &str = "default.target";
const MULTI_USER: &str = "multi-user.target";
/// A desktop is no container's.
const GRAPHICAL: &str = "graphical.target";

/// What `Type=dbus` requires, and comes after (`systemd.service(5)`).
pub(crate) const BUS_SOCKET: &str = "dbus.socket";

/// What systemd's own targets say, where its package isn't installed: what each has to do
/// with which others, all of which it comes after.
const TARGETS: &[(&str, &[&str])] = &[
    (DEFAULT, &[MULTI_USER]),
    (GRAPHICAL, &[MULTI_USER]),
    (MULTI_USER, &["basic.target"]),
    (
        "basic.target",
        &[
            "sysinit.target",
            "sockets.target",
            "timers.target",
            "paths.target",
        ],
    ),
];

/// What a unit says of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Links {
    /// Wants, requires, binds to or upholds.
    pub(crate) pulls: Set<String>,
    /// Starts at its own end.
    pub(crate) calls: Set<String>,
    pub(crate) after: Vec<String>,
    pub(crate) before: Vec<String>,
    /// `DefaultDependencies`.
    pub(crate) by_default: bool,
}

/// Why something that is pulled in isn't started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LeftOut {
    /// Machine maintenance.
    Skipped,
    /// A link to /dev/null, or an empty file.
    Masked,
    /// Nothing has this name.
    Missing,
    /// The file can't be read.
    Unreadable,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Pulled {
    /// The services, by their units' names.
    pub(crate) services: Map<UnitName, Unit>,
    /// Of services the units that start them.
    pub(crate) starters: Map<UnitName, Vec<Unit>>,
    /// The services that start by themselves, whatever else starts them.
    pub(crate) direct: Set<UnitName>,
    /// The services that start only with those that need them.
    pub(crate) later: Set<UnitName>,
    /// What starts with services, by their names: people may start these after the boot.
    pub(crate) along: Map<String, Set<String>>,
    /// The targets that are reached, by their names.
    pub(crate) targets: Map<String, Links>,
    /// Other names of targets.
    pub(crate) target_aliases: Map<String, String>,
    pub(crate) left_out: Map<String, LeftOut>,
}

/// When what a service pulls in starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follow {
    /// At the boot, as the service.
    AtOnce,
    /// With the service, which something starts later.
    WithIt,
    Never,
}

/// A walk from unit to unit.
pub(crate) struct Walk<'a> {
    search: &'a Search,
    machine: &'a Machine,
    skips: &'a dyn Fn(&str) -> bool,
    seen: Set<String>,
    waiting: Vec<String>,
    /// What starts with another, or at its end, and not before.
    called: Vec<String>,
    /// The sockets that a machine opens at its boot, each with its service.
    enabled: Option<Vec<(String, UnitName)>>,
    pulled: Pulled,
}

impl<'a> Walk<'a> {
    /// `skips` says what is never started unless it is asked for by its name.
    pub(crate) fn new(
        search: &'a Search,
        machine: &'a Machine,
        skips: &'a dyn Fn(&str) -> bool,
    ) -> Self {
        Self {
            search,
            machine,
            skips,
            seen: Set::new(),
            waiting: Vec::new(),
            called: Vec::new(),
            enabled: None,
            pulled: Pulled::default(),
        }
    }

    /// A service that is asked for by its name.
    pub(crate) fn add(&mut self, unit: Unit, follow: Follow) {
        self.seen.insert(unit.name.as_str().to_owned());
        self.seen.extend(unit.aliases.iter().cloned());
        self.pulled.direct.insert(unit.name.clone());
        self.put(unit, follow);
    }

    /// A unit that is asked for by its name, and the service that it starts.
    pub(crate) fn add_started(&mut self, starter: Unit, service: Unit, follow: Follow) {
        self.seen.insert(starter.name.as_str().to_owned());
        self.start_by(starter, &service.name);
        if !self.pulled.services.contains_key(&service.name) {
            let follow = match follow {
                Follow::AtOnce => Follow::WithIt,
                Follow::WithIt | Follow::Never => follow,
            };
            self.put(service, follow);
        }
    }

    fn put(&mut self, unit: Unit, follow: Follow) {
        self.follow(&unit, follow);
        let enabled = self.enabled_for(&unit.name);
        self.waiting.extend(enabled);
        self.pulled.services.insert(unit.name.clone(), unit);
    }

    fn start_by(&mut self, starter: Unit, service: &UnitName) {
        let starters = self.pulled.starters.entry(service.clone()).or_default();
        // As its own name says, first; then in the order of names.
        let rank = |unit: &Unit| (unit.name.stem() != service.stem(), unit.name.clone());
        if !starters.iter().any(|known| known.name == starter.name) {
            starters.push(starter);
            sort_by_key(starters, rank);
        }
    }

    /// The sockets that are open at a boot for this service.
    fn enabled_for(&mut self, service: &UnitName) -> Vec<String> {
        let (search, machine) = (self.search, self.machine);
        let all = self.enabled.get_or_insert_with(|| {
            let names = search.pulled_in_by("sockets.target").into_iter();
            let service = |name: String| {
                let unit = search.find(&UnitName::parse(&name)?).ok()?;
                let service = search.find(&started(&unit, machine)?).ok()?;
                Some((name, service.name))
            };
            names
                .filter(|name| name.ends_with(".socket"))
                .filter_map(service)
                .collect()
        });
        let own = all.iter().filter(|(_, own)| own == service);
        own.map(|(name, _)| name.clone()).collect()
    }

    /// One that is to be there if it is asked for: a service doesn't start by itself.
    pub(crate) fn know(&mut self, name: &UnitName) {
        if name.suffix() == "service" {
            self.called.push(name.as_str().to_owned());
        } else {
            self.waiting.push(name.as_str().to_owned());
        }
    }

    /// A target that is asked for by its name.
    pub(crate) fn add_target(&mut self, name: &str) {
        self.waiting.push(name.to_owned());
    }

    /// What a machine would start.
    pub(crate) fn add_default(&mut self) {
        let default = UnitName::parse(DEFAULT);
        let found = default.and_then(|name| self.search.find(&name).ok());
        let name = found.map_or(MULTI_USER.to_owned(), |unit| unit.name.as_str().to_owned());
        if name == GRAPHICAL {
            self.add_target(MULTI_USER);
        } else {
            self.add_target(&name);
        }
        // Its own folders count whatever it is a link to, and so do those that every
        // service depends on.
        self.add_target(DEFAULT);
        self.add_target("basic.target");
    }

    /// Goes all the way.
    pub(crate) fn finish(mut self) -> Pulled {
        while let Some(name) = self.waiting.pop() {
            if self.seen.insert(name.clone()) {
                self.step(&name);
            }
        }
        // Known last: whoever starts by himself is called as he is.
        while let Some(name) = self.called.pop() {
            if self.seen.insert(name.clone()) {
                self.call(&name);
            }
        }
        self.pulled
    }

    fn step(&mut self, text: &str) {
        let Some(name) = UnitName::parse(text) else {
            return;
        };
        match name.suffix() {
            "target" => self.target(&name, true),
            "service" => self.service(&name),
            "socket" | "timer" | "path" => self.starter(&name),
            // Mounts, devices and slices are as they are.
            _ => {}
        }
    }

    /// What it pulls in starts with it, and not before either.
    fn call(&mut self, text: &str) {
        let Some(name) = UnitName::parse(text).filter(|_| !(self.skips)(text)) else {
            return;
        };
        if name.suffix() == "target" {
            return self.target(&name, false);
        }
        let Ok(unit) = self.search.find(&name) else {
            return;
        };
        let is_direct = name.suffix() == "service";
        let is_starter = matches!(name.suffix(), "socket" | "timer" | "path");
        let found = if is_direct {
            Ok(unit)
        } else if let Some(service) = started(&unit, self.machine)
            && is_starter
            && !text.starts_with("systemd-")
        {
            self.start_by(unit, &service);
            self.search.find(&service)
        } else {
            return;
        };
        if let Ok(unit) = found
            && !(self.skips)(unit.name.as_str())
            && !self.pulled.services.contains_key(&unit.name)
        {
            self.follow(&unit, Follow::WithIt);
            if is_direct {
                self.pulled.direct.insert(unit.name.clone());
            }
            self.pulled.later.insert(unit.name.clone());
            self.pulled.services.insert(unit.name.clone(), unit);
        }
    }

    fn leave_out(&mut self, name: &str, reason: LeftOut) {
        self.pulled.left_out.insert(name.to_owned(), reason);
    }

    /// With the service that it starts.
    fn starter(&mut self, name: &UnitName) {
        let text = name.as_str();
        // systemd's own are not for here.
        if (self.skips)(text) || text.starts_with("systemd-") {
            return self.leave_out(text, LeftOut::Skipped);
        }
        let unit = match self.search.find(name) {
            Ok(unit) => unit,
            Err(NoUnit::Masked(_)) => return self.leave_out(text, LeftOut::Masked),
            Err(_) => return self.leave_out(text, LeftOut::Missing),
        };
        let service = started(&unit, self.machine);
        let service = service.and_then(|name| self.search.find(&name).ok());
        match service {
            Some(service) if !(self.skips)(service.name.as_str()) => {
                self.add_started(unit, service, Follow::WithIt);
            }
            Some(_) => self.leave_out(text, LeftOut::Skipped),
            None => self.leave_out(text, LeftOut::Missing),
        }
    }

    fn service(&mut self, name: &UnitName) {
        if (self.skips)(name.as_str()) {
            return self.leave_out(name.as_str(), LeftOut::Skipped);
        }
        match self.search.find(name) {
            Ok(unit) => {
                // By another name it may be here already.
                if let Some(known) = self.pulled.services.get_mut(&unit.name) {
                    let is_new = name.as_str() != unit.name.as_str();
                    if is_new && !known.aliases.iter().any(|own| own == name.as_str()) {
                        known.aliases.push(name.as_str().to_owned());
                    }
                    // What it pulls in was to wait until something started it.
                    if self.pulled.direct.insert(unit.name.clone()) {
                        self.follow(&unit, Follow::AtOnce);
                    }
                } else if (self.skips)(unit.name.as_str()) {
                    self.leave_out(name.as_str(), LeftOut::Skipped);
                } else {
                    self.add(unit, Follow::AtOnce);
                }
            }
            Err(NoUnit::Masked(_)) => self.leave_out(name.as_str(), LeftOut::Masked),
            Err(NoUnit::Missing | NoUnit::Template) => {
                self.leave_out(name.as_str(), LeftOut::Missing);
            }
            Err(NoUnit::Unreadable(..)) => self.leave_out(name.as_str(), LeftOut::Unreadable),
        }
    }

    /// `now`: what it pulls in starts at the boot.
    fn target(&mut self, name: &UnitName, now: bool) {
        if (self.skips)(name.as_str()) {
            return self.leave_out(name.as_str(), LeftOut::Skipped);
        }
        let unit = match self.search.find(name) {
            Ok(unit) => unit,
            Err(NoUnit::Masked(_)) => return self.leave_out(name.as_str(), LeftOut::Masked),
            Err(_) => self.search.without_file(name),
        };
        let own = unit.name.as_str().to_owned();
        for alias in &unit.aliases {
            self.pulled
                .target_aliases
                .insert(alias.clone(), own.clone());
        }
        if own != name.as_str() && !self.seen.insert(own.clone()) {
            return;
        }
        if own == GRAPHICAL {
            // Of the link to it what was put behind the link's own name.
            let behind = self.search.without_file(name);
            let list = self.list(now);
            list.extend(behind.pulls());
            list.push(MULTI_USER.to_owned());
            return;
        }
        let mut links = links(&unit, self.machine);
        if unit.files.is_empty() {
            let known = TARGETS.iter().find(|(known, _)| *known == own);
            for other in known.into_iter().flat_map(|(_, others)| *others) {
                links.pulls.insert((*other).to_owned());
                links.after.push((*other).to_owned());
            }
        }
        self.list(now).extend(links.pulls.iter().cloned());
        self.pulled.targets.insert(own, links);
    }

    fn list(&mut self, now: bool) -> &mut Vec<String> {
        match now {
            true => &mut self.waiting,
            false => &mut self.called,
        }
    }

    fn follow(&mut self, unit: &Unit, follow: Follow) {
        if follow == Follow::Never {
            return;
        }
        let links = links(unit, self.machine);
        self.called.extend(links.calls);
        let now = follow == Follow::AtOnce;
        self.list(now).extend(links.pulls.iter().cloned());
        let name = unit.name.as_str().to_owned();
        self.pulled.along.insert(name, links.pulls);
    }
}

/// What the unit's files and folders say.
fn links(unit: &Unit, machine: &Machine) -> Links {
    let mut links = Links {
        pulls: unit.pulls(),
        calls: Set::new(),
        after: Vec::new(),
        before: Vec::new(),
        by_default: true,
    };
    let Some(first) = unit.files.first() else {
        return links;
    };
    let specifiers = Specifiers {
        machine,
        name: &unit.name,
        path: &first.path,
    };
    // Type=dbus needs the bus, and BusName= alone says as much.
    let (mut kind, mut named) = (None, false);
    for file in &unit.files {
        let (mut is_unit, mut is_service) = (false, false);
        for line in lines(&file.text) {
            match line {
                Line::Section(name, _) => {
                    is_unit = name == "Unit";
                    is_service = name == "Service";
                }
                Line::Assignment { key, value, .. } if is_service => match &*key {
                    "Sockets" => links.pulls.extend(names(&value, &specifiers)),
                    "Type" => kind = Some(value == "dbus"),
                    "BusName" => named = true,
                    _ => {}
                },
                Line::Assignment { key, value, .. } if is_unit => match &*key {
                    "Wants" | "Requires" | "BindsTo" | "Upholds" => {
                        links.pulls.extend(names(&value, &specifiers));
                    }
                    "OnFailure" | "OnSuccess" => {
                        links.calls.extend(names(&value, &specifiers));
                    }
                    "After" => links.after.extend(names(&value, &specifiers)),
                    "Before" => links.before.extend(names(&value, &specifiers)),
                    "DefaultDependencies" => {
                        links.by_default = boolean(&value).unwrap_or(links.by_default);
                    }
                    _ => {}
                },
                Line::Assignment { .. } | Line::Wrong(..) => {}
            }
        }
    }
    if kind.unwrap_or(named) {
        links.pulls.insert(BUS_SOCKET.to_owned());
    }
    links
}
