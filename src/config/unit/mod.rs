//! What packages' unit files say, laid into drafts before TOML's keys are: which units are
//! services (`chosen`), what each directive does (`table`), and what they say of each other
//! (`order`). systemd takes what it doesn't
//! understand with a warning, and so does this.

mod chosen;
mod commands;
mod condition;
mod dynamic;
mod given;
mod order;
mod path;
mod reading;
mod sandbox;
mod service;
mod socket;
mod streams;
mod table;
mod terms;
mod timer;
mod unneeded;

use std::path::PathBuf;

use self::dynamic::Dynamic;
use self::given::Given;
use self::reading::Reading;
use self::socket::Sockets;
use self::timer::Timer;
use super::draft::{Draft, Target};
use super::needs::Accounts;
use super::source::{At, Origin, Source};
use super::value::{Context, Forgiving};
use crate::core::listen::Streams;
use crate::core::sorted::Map;
use crate::core::spec::{Kind, Ready, RestartPolicy};
use crate::units::{
    BUS_SOCKET, Line, Machine, Search, Specifiers, Unit, Wrong, is_maintenance, is_reached, lines,
};

pub(super) use self::chosen::{Units, names_in, wanted};
pub(super) use self::order::arrange;
pub(super) use self::sandbox::tell as tell_of_sandboxes;

/// What a draft keeps of its unit.
#[derive(Clone, Debug)]
pub(super) struct FromUnit {
    /// Its name and its aliases.
    names: Vec<Box<str>>,
    /// DefaultDependencies=.
    by_default: bool,
    /// Nobody named it: what is wrong with it costs it alone.
    pub(super) is_pulled: bool,
    /// What DynamicUser=yes comes to, unless TOML names a user.
    dynamic: Option<Dynamic>,
    /// Standard streams that are to be a connection.
    streams: Streams,
}

impl FromUnit {
    /// The unit's own name.
    pub(super) fn name(&self) -> &str {
        self.names.first().map_or("", |name| &**name)
    }

    /// What stands before the suffix, and before the @ of an instance.
    fn prefix(&self) -> &str {
        let name = self.name();
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        stem.split_once('@').map_or(stem, |(prefix, _)| prefix)
    }
}

/// A unit that is to be a service.
pub(super) struct Found {
    service: Read,
    /// The units that start it.
    starters: Vec<Read>,
    /// It starts by itself, whatever else starts it.
    is_direct: bool,
    /// Only those that need it start it.
    is_along: bool,
    /// Where it is asked for, or its own file.
    pub(super) asked: At,
    /// Nobody named it: what is wrong with it costs it alone.
    pub(super) is_pulled: bool,
}

/// A unit whose files are among the sources.
struct Read {
    unit: Unit,
    /// As its users see it.
    path: PathBuf,
    /// Of each of its files the number of its source.
    sources: Vec<u32>,
}

impl Read {
    /// Moves its texts behind the sources, the first of which has that number.
    fn new(mut unit: Unit, search: &Search, first: usize, sources: &mut Vec<Source>) -> Self {
        let mut numbers = Vec::new();
        for file in &mut unit.files {
            let number = first.saturating_add(sources.len());
            numbers.push(u32::try_from(number).unwrap_or(u32::MAX));
            let name = search.shown(&file.path).display().to_string();
            let text = std::mem::take(&mut file.text);
            sources.push(Source::new(name, Origin::File, text));
        }
        let path = unit.files.first().map(|file| search.shown(&file.path));
        Self {
            unit,
            path: path.unwrap_or_default(),
            sources: numbers,
        }
    }

    /// Every line of it.
    fn lines(
        &self,
        sections: [&str; 3],
        machine: &Machine,
        context: &Context<'_>,
        apply: &mut dyn FnMut(&str, &Given<'_>),
    ) {
        let specifiers = Specifiers {
            machine,
            name: &self.unit.name,
            path: &self.path,
        };
        for (index, number) in self.sources.iter().enumerate() {
            read(*number, index > 0, sections, specifiers, context, apply);
        }
    }
}

impl Read {
    /// The same of what starts a service. Whether its conditions hold now, and it counts.
    fn heeded(
        &self,
        sections: [&str; 3],
        machine: &Machine,
        context: &Context<'_>,
        apply: &mut dyn FnMut(&str, &Given<'_>),
    ) -> bool {
        let name = self.unit.name.as_str();
        let mut conditions = Vec::new();
        self.lines(sections, machine, context, &mut |section, given| {
            if section == "Unit" && condition::is_one(given.key) {
                condition::keep(&mut conditions, name, given);
            }
            apply(section, given);
        });
        let unmet = condition::unmet(&conditions);
        if let Some(why) = &unmet {
            let what = format!("{name} is skipped: {why}");
            context.findings.borrow_mut().note(what);
        }
        unmet.is_none()
    }
}

impl Found {
    /// A unit by itself, or what the second one starts; their texts become sources.
    pub(super) fn alone(
        service: Unit,
        starter: Option<Unit>,
        search: &Search,
        context: &Context<'_>,
    ) -> Self {
        let mut sources = Vec::new();
        let mut read = |unit| Read::new(unit, search, 0, &mut sources);
        let service = read(service);
        let starters: Vec<Read> = starter.into_iter().map(read).collect();
        context.sources.add_units(sources);
        Self {
            service,
            is_direct: starters.is_empty(),
            starters,
            asked: At::new(0, 0..0),
            is_pulled: false,
            is_along: false,
        }
    }

    /// The service's name, where no table gives it one.
    pub(super) fn stem(&self) -> &str {
        match self.service.unit.name.instance() {
            // It stands for all of them.
            Some("0") if !self.is_direct => self.service.unit.name.prefix(),
            _ => self.service.unit.name.stem(),
        }
    }

    /// Something else than a socket starts it.
    fn has_other_starters(&self) -> bool {
        let mut starters = self.starters.iter();
        starters.any(|starter| starter.unit.name.suffix() != "socket")
    }

    /// Lays what the unit says into the draft.
    pub(super) fn lay_into(
        &self,
        draft: &mut Draft,
        machine: &Machine,
        accounts: &Accounts,
        context: &Context<'_>,
    ) {
        let service = &self.service.unit;
        let units = [&self.service].into_iter().chain(&self.starters);
        let names = units.flat_map(|read| {
            let aliases = read.unit.aliases.iter().map(String::as_str);
            [read.unit.name.as_str()].into_iter().chain(aliases)
        });
        draft.unit = Some(Box::new(FromUnit {
            names: names.map(Into::into).collect(),
            by_default: true,
            is_pulled: self.is_pulled,
            dynamic: None,
            streams: Streams::default(),
        }));
        for (list, linked) in [
            (&mut draft.targets.wants, &service.wants),
            (&mut draft.targets.requires, &service.requires),
        ] {
            list.extend(linked.iter().map(|name| target(name, self.asked)));
        }
        if context.clean.get() {
            draft.setup().pass = Some(Box::default());
        }
        let mut reading = Reading::new(draft, self.asked);
        let sections = ["Unit", "Service", "Install"];
        self.service
            .lines(sections, machine, context, &mut |section, given| {
                table::apply(section, &mut reading, given);
            });
        reading.finish(accounts, context);
        let of_kind = |suffix: &'static str| {
            let starters = self.starters.iter();
            starters.filter(move |starter| starter.unit.name.suffix() == suffix)
        };
        let mut watched = path::Paths::default();
        // Of the only one that was to start it, people may say otherwise.
        let is_only = !self.is_direct && self.starters.len() == 1;
        let mut heeded = 0;
        for starter in of_kind("path") {
            let sections = ["Unit", "Path", "Install"];
            let mut more = watched.clone();
            let is_heeded = starter.heeded(sections, machine, context, &mut |section, given| {
                more.apply(section, given);
            });
            heeded += usize::from(is_heeded);
            if is_heeded || is_only {
                watched = more;
            }
        }
        for starter in of_kind("socket") {
            let mut sockets = Sockets::new(&starter.unit.name);
            let sections = ["Unit", "Socket", "Install"];
            let is_heeded = starter.heeded(sections, machine, context, &mut |section, given| {
                sockets.apply(section, given);
            });
            heeded += usize::from(is_heeded);
            if is_heeded || is_only {
                sockets.finish(draft);
            }
        }
        if draft.spec.accepts() {
            become_accepting(draft);
        } else if draft.unit.as_ref().is_some_and(|unit| unit.streams.input) {
            let name = draft.name();
            let what = format!("{name}: StandardInput=socket is for sockets with Accept=yes");
            let help = "the service reads from /dev/null, and has its sockets from descriptor 3 on";
            context.warn(self.asked, what, help);
        }
        let is_listening = draft.spec.listen.is_some();
        let mut timed = Timer::default();
        for starter in of_kind("timer") {
            let sections = ["Unit", "Timer", "Install"];
            let mut more = timed.clone();
            let is_heeded = starter.heeded(sections, machine, context, &mut |section, given| {
                more.apply(section, given);
            });
            heeded += usize::from(is_heeded);
            if is_heeded || is_only {
                timed = more;
            }
        }
        if self.is_along {
            draft.spec.enabled = false;
            draft.spec.pulled = true;
        }
        if self.is_direct || is_listening {
            // What starts by itself has no need of a timer, or of a path.
        } else if watched.finish(draft) {
            draft.listen().on_demand = true;
            // What a path says again is done again, whatever Restart= says.
            draft.restart = Some(RestartPolicy::Always);
        } else if self.has_other_starters() && !timed.finish(draft) {
            draft.spec.enabled = false;
            let name = draft.name();
            let what = format!("{name}: its timer names no time, or its path no path: not started");
            let help = "write OnCalendar= or OnBootSec= into the one, PathExists= or PathChanged= into the other";
            context.warn(self.asked, what, help);
        }
        if !self.is_direct && is_listening {
            become_on_demand(draft, context);
        }
        if heeded == 0 && !self.is_direct && !self.starters.is_empty() {
            // Nothing is left that would start it.
            draft.spec.enabled = false;
        }
    }
}

/// Its main process is the one that accepts: it is ready at once, says nothing, and stays.
fn become_accepting(draft: &mut Draft) {
    draft.spec.kind = Kind::Simple;
    draft.spec.notify = None;
    draft.ready = None;
    draft.restart = Some(RestartPolicy::Always);
}

/// Only its socket was asked for: the service starts with the first connection, and again
/// with the next one after each of its ends.
fn become_on_demand(draft: &mut Draft, context: &Context<'_>) {
    if draft.spec.kind == Kind::Oneshot {
        let name = draft.name();
        let what = format!("{name}: a oneshot isn't started by connections: it runs at once");
        let help = "units-skip leaves its socket out";
        context.warn(draft.at, what, help);
        return;
    }
    draft.listen().on_demand = true;
    // What somebody comes for is started for him, whatever Restart= says.
    draft.restart = Some(RestartPolicy::Always);
}

fn target(name: &str, at: At) -> Target {
    Target {
        name: name.into(),
        at,
        lenient: true,
    }
}

/// Every line of one file.
fn read(
    number: u32,
    is_drop_in: bool,
    sections: [&str; 3],
    specifiers: Specifiers<'_>,
    context: &Context<'_>,
    apply: &mut dyn FnMut(&str, &Given<'_>),
) {
    let Some(source) = context.sources.get(number) else {
        return;
    };
    let mut section = None;
    // Of a drop-in that goes wrong the rest is left out: it costs not even its unit.
    let before = is_drop_in.then(|| context.forgiving.replace(Forgiving::Yes));
    for line in lines(&source.text) {
        if is_drop_in && context.forgiving.get() == Forgiving::Spoiled {
            break;
        }
        match line {
            Line::Section(name, at) => {
                section = Some(name.to_string());
                table::check_section(&name, sections, At::new(number, at), context);
            }
            Line::Assignment { key, value, at } => {
                let at = At::new(number, at);
                let Some(section) = section.as_deref() else {
                    let [first, second, third] = sections;
                    let help = format!("write [{first}], [{second}] or [{third}] above it");
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
                apply(section, &given);
            }
            Line::Wrong(wrong, at) => {
                let (what, help) = match wrong {
                    Wrong::Header => ("a section's name has no \"]\"", "write [Service]"),
                    Wrong::NoValue => ("a line without \"=\" is ignored", "write Key=value"),
                    Wrong::NoKey => (
                        "a line with nothing before \"=\" is ignored",
                        "write Key=value",
                    ),
                    Wrong::NotUtf8 => ("a line that isn't UTF-8", "write it in UTF-8"),
                };
                let at = At::new(number, at);
                if matches!(wrong, Wrong::Header | Wrong::NotUtf8) {
                    context.error(at, what, help);
                } else {
                    context.warn(at, what, help);
                }
            }
        }
    }
    if let Some(before) = before {
        context.forgiving.set(before);
    }
}

/// Under which names units know the drafts.
pub(super) fn names(drafts: &[Draft]) -> Map<&str, usize> {
    let mut names = Map::new();
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
    let own = name == BUS_SOCKET || is_maintenance(name, false);
    let calls = matches!(key, "on-failure" | "on-success");
    if is_reached(name) || own || !calls && !matches!(key, "requires" | "binds-to") {
        return;
    }
    let verb = if calls {
        "starts at its end"
    } else {
        "requires"
    };
    let what = format!(
        "{} {verb} {name}, which isn't there: left out",
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
    let by_unit = draft.unit.is_some() && draft.written("ready").is_none();
    if by_unit && matches!(draft.ready, Some(Ready::Notify | Ready::Probe(_))) {
        draft.ready = None;
    }
}

/// What is left of the unit when all keys were read.
pub(super) fn finish(draft: &mut Draft, context: &Context<'_>) {
    if draft.unit.is_some() && draft.written("output").is_some() {
        draft.put_word("StandardOutput", None);
        draft.put_word("StandardError", None);
    }
    if draft.written("user").is_none()
        && let Some(dynamic) = draft.unit.as_mut().and_then(|unit| unit.dynamic.take())
    {
        dynamic.lay_into(draft, context);
    }
}
