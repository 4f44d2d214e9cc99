//! What there is: units on disk, and the services that the running rinit knows, under the
//! names that units have.

use std::cell::{Cell, OnceCell};
use std::path::Path;

use serde_json::Value;

use super::naming::{by_path, is_pattern, mangled, with_suffix};
use super::offline::is_offline;
use super::options::Options;
use super::starters::starters;
use super::targets::walk;
use crate::control::{Json, Lines, NoAnswer, ask};
use crate::core::sorted::Set;
use crate::units::glob::matches;
use crate::units::{Machine, Search, UnitName};

/// All that a verb can ask.
pub(super) struct World {
    pub(super) options: Options,
    /// SYSTEMD_OFFLINE says so.
    pub(super) told_offline: Option<bool>,
    /// Control sequences may colour words.
    pub(super) colour: bool,
    pub(super) places: Vec<String>,
    search: OnceCell<Search>,
    machine: OnceCell<Machine>,
    /// When rinit read its files, in Unix milliseconds, as far as it has said so.
    pub(super) read: Cell<i64>,
    live: OnceCell<bool>,
    /// The targets that the default one leads to.
    defaults: OnceCell<Set<String>>,
}

/// A service of rinit's.
#[derive(Default)]
pub(super) struct Service {
    pub(super) name: String,
    /// The unit that it is made of; or would be.
    pub(super) unit: String,
    /// What rinit says of it.
    pub(super) record: Value,
}

/// How the reason of one begins whose assertion doesn't hold.
pub(super) const ASSERTION: &str = "cannot start: Assert";

/// How it stands, in systemd's words.
pub(super) struct Stands {
    pub(super) active: &'static str,
    pub(super) sub: &'static str,
}

impl Service {
    fn of(record: &Value) -> Option<Self> {
        let name = record.get("name")?.as_str()?.to_owned();
        let unit = record.get("unit").and_then(Value::as_str);
        Some(Self {
            unit: unit.map_or_else(|| format!("{name}.service"), str::to_owned),
            name,
            record: record.clone(),
        })
    }

    #[inline(never)]
    pub(super) fn text(&self, key: &str) -> &str {
        self.record.get(key).and_then(Value::as_str).unwrap_or("")
    }

    #[inline(never)]
    pub(super) fn number(&self, key: &str) -> Option<i64> {
        self.record.get(key).and_then(Value::as_i64)
    }

    #[inline(never)]
    pub(super) fn stands(&self) -> Stands {
        let (active, sub) = match self.text("state") {
            "starting" => ("activating", "start"),
            "active" if self.number("pid").is_none() => ("active", "exited"),
            "active" => ("active", "running"),
            "reloading" => ("reloading", "reload"),
            "stopping" => ("deactivating", "stop-sigterm"),
            "killing" => ("deactivating", "stop-sigkill"),
            "backoff" => ("activating", "auto-restart"),
            "failed" if !self.was_kept() => ("failed", "failed"),
            // Waiting, exited, or at rest: it doesn't run.
            _ => ("inactive", "dead"),
        };
        Stands { active, sub }
    }

    /// It is made of a unit, and not by a table alone.
    pub(super) fn is_unit(&self) -> bool {
        self.text("source").contains(".service:")
    }

    /// Something kept it from starting, which is no failure of its own.
    pub(super) fn was_kept(&self) -> bool {
        let reason = self.text("reason");
        reason.starts_with(ASSERTION) || reason.starts_with("dependency ")
    }

    /// The same of the unit by which it is named.
    pub(super) fn stands_as(&self, name: &UnitName) -> Stands {
        let stands = self.stands();
        let Some(starter) = Starter::of(name) else {
            return stands;
        };
        if self.record.get("unhooked").is_some() {
            return Stands {
                active: "inactive",
                sub: "dead",
            };
        }
        match self.text("state") {
            "waiting" => Stands {
                active: "active",
                sub: starter.waits,
            },
            "inactive" | "exited" | "failed" => stands,
            _ => Stands {
                active: "active",
                sub: "running",
            },
        }
    }

    /// Whether systemd would take it for running.
    pub(super) fn is_up(&self) -> bool {
        matches!(self.stands().active, "active" | "reloading")
    }
}

impl World {
    pub(super) const fn new(
        options: Options,
        places: Vec<String>,
        told_offline: Option<bool>,
        colour: bool,
    ) -> Self {
        Self {
            options,
            told_offline,
            colour,
            places,
            search: OnceCell::new(),
            machine: OnceCell::new(),
            read: Cell::new(i64::MAX),
            live: OnceCell::new(),
            defaults: OnceCell::new(),
        }
    }

    fn root(&self) -> &Path {
        self.options.root.as_deref().unwrap_or(Path::new("/"))
    }

    /// The units on disk, as they were first seen.
    #[inline(never)]
    pub(super) fn search(&self) -> &Search {
        self.search.get_or_init(|| Search::new(self.root()))
    }

    #[inline(never)]
    pub(super) fn machine(&self) -> &Machine {
        self.machine.get_or_init(|| Machine::new(self.root()))
    }

    /// The targets that are reached once all has started.
    #[inline(never)]
    pub(super) fn default_targets(&self) -> &Set<String> {
        self.defaults.get_or_init(|| {
            walk(
                self,
                &["default.target", "multi-user.target", "basic.target"],
            )
            .0
        })
    }

    /// Looks whether it is so, and again with each change of these services; of all, if none
    /// is named.
    pub(super) fn watch(&self, names: &[String], is_so: &mut dyn FnMut() -> bool) {
        let request = Request {
            follows: true,
            ..Request::of("events", names)
        };
        let lines = Lines::ask(&self.places, &request.line());
        let Ok(mut lines) = lines else {
            is_so();
            return;
        };
        while !is_so() {
            // What has come together is one change.
            loop {
                if lines.next().is_none() {
                    is_so();
                    return;
                }
                if !lines.has_next() {
                    break;
                }
            }
        }
    }

    /// Asks rinit; gives its answer, which may be a refusal.
    pub(super) fn ask(&self, request: &Request<'_>) -> Result<Value, NoAnswer> {
        let line = ask(&self.places, &request.line(), request.blocks)?;
        Ok(serde_json::from_slice(&line).unwrap_or_default())
    }

    /// rinit runs, and it is its system that is meant.
    #[inline(never)]
    pub(super) fn is_live(&self) -> bool {
        let ask = || self.ask(&Request::of("version", &[])).is_ok();
        *self
            .live
            .get_or_init(|| self.options.root.is_none() && !is_offline(self) && ask())
    }

    /// What rinit supervises, and how all of it stands.
    pub(super) fn services(&self, detail: bool) -> Result<(Vec<Service>, String), NoAnswer> {
        let answer = self.ask(&Request {
            detail,
            ..Request::of("status", &[])
        })?;
        let all = answer.get("services").and_then(Value::as_array);
        let all = all.into_iter().flatten().filter_map(Service::of).collect();
        let state = answer.get("state").and_then(Value::as_str);
        let read = answer.get("read").and_then(Value::as_i64);
        self.read.set(read.unwrap_or(i64::MAX));
        Ok((all, state.unwrap_or_default().to_owned()))
    }

    /// The services that a unit's name means: one, or all of the `instances` of a table.
    pub(super) fn meant<'s>(&self, name: &UnitName, services: &'s [Service]) -> Vec<&'s Service> {
        let is = |wanted: &str| -> Vec<&'s Service> {
            let all = services.iter();
            all.filter(|service| {
                service.unit == wanted || format!("{}.service", service.name) == wanted
            })
            .collect()
        };
        let found = is(name.as_str());
        if !found.is_empty() {
            return found;
        }
        if let Some((starter, service)) = Starter::of(name).zip(self.started_by(name)) {
            let has = |service: &&Service| service.record.get(starter.key).is_some();
            return is(service.as_str()).into_iter().filter(has).collect();
        }
        let number = |service: &&Service| {
            let rest = service.name.strip_prefix(name.stem());
            let number = rest.and_then(|rest| rest.strip_prefix('@'));
            number.is_some_and(|number| number.parse::<u16>().is_ok())
        };
        let instances: Vec<_> = services.iter().filter(number).collect();
        if !instances.is_empty() && name.suffix() == "service" {
            return instances;
        }
        // It may be an alias.
        match self.search().fragment(name) {
            Ok((real, _)) if real != *name => is(real.as_str()),
            Ok(_) | Err(_) => Vec::new(),
        }
    }

    /// The names of units that words mean; a pattern means what rinit supervises. `None`
    /// where a word can't be one, which is said.
    pub(super) fn names(&self, words: &[String], services: &[Service]) -> Option<Vec<UnitName>> {
        let mut names = Vec::new();
        for word in words {
            if is_pattern(word) {
                let pattern = with_suffix(word);
                let all = services.iter().map(|service| service.unit.clone());
                let own = starters(self, services);
                let own = own.iter().map(|(name, _)| name.as_str().to_owned());
                let fit = |unit: &String| matches(pattern.as_bytes(), unit.as_bytes());
                let fit = all.chain(own).filter(fit);
                names.extend(fit.filter_map(|unit| UnitName::parse(&unit)));
            } else if let Some(name) = by_path(word).or_else(|| mangled(word)) {
                names.push(name);
            } else {
                crate::cli::print::err(
                    "Failed to mangle name: Invalid argument\nFailed to expand names: Invalid argument\n",
                );
                return None;
            }
        }
        Some(names)
    }
}

/// A kind of units that go with their services.
pub(super) struct Starter {
    /// Its suffix.
    pub(super) kind: &'static str,
    /// By which a service's record shows that it has one.
    pub(super) key: &'static str,
    /// What it is called while nobody has come.
    waits: &'static str,
    /// What it waits at, as a property; a timer has its times.
    pub(super) place: Option<&'static str>,
}

pub(super) const STARTERS: [Starter; 3] = [
    Starter {
        kind: "timer",
        key: "schedule",
        waits: "waiting",
        place: None,
    },
    Starter {
        kind: "socket",
        key: "listen",
        waits: "listening",
        place: Some("Listen"),
    },
    Starter {
        kind: "path",
        key: "paths",
        waits: "waiting",
        place: Some("Paths"),
    },
];

impl Starter {
    /// That of this name, if it is of such a kind.
    pub(super) fn of(name: &UnitName) -> Option<&'static Self> {
        STARTERS.iter().find(|own| own.kind == name.suffix())
    }
}

/// Sockets, timers and paths go with their services.
pub(super) fn is_starter(name: &UnitName) -> bool {
    Starter::of(name).is_some()
}

/// What rinit is asked.
pub(super) struct Request<'a> {
    pub(super) verb: &'a str,
    pub(super) names: &'a [String],
    /// That are to be known.
    pub(super) units: &'a [String],
    pub(super) detail: bool,
    /// The answer comes when it is so.
    pub(super) blocks: bool,
    pub(super) signal: Option<&'a str>,
    pub(super) code: Option<u8>,
    /// What comes later is told too.
    pub(super) follows: bool,
}

impl<'a> Request<'a> {
    pub(super) const fn of(verb: &'a str, names: &'a [String]) -> Self {
        Self {
            verb,
            names,
            units: &[],
            detail: false,
            blocks: true,
            signal: None,
            code: None,
            follows: false,
        }
    }

    fn line(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut json = Json::object(&mut out);
        json.text("verb", self.verb).texts("names", self.names);
        if !self.units.is_empty() {
            json.texts("units", self.units);
        }
        for (key, value, counts) in [
            ("detail", true, self.detail),
            ("follow", true, self.follows),
            ("block", false, !self.blocks),
        ] {
            if counts {
                json.plain(key, value);
            }
        }
        if let Some(signal) = self.signal {
            json.text("signal", signal);
        }
        if let Some(code) = self.code {
            json.plain("code", code);
        }
        json.end();
        out.push(b'\n');
        out
    }
}
