//! What there is: units on disk, and the services that the running rinit knows, under the
//! names that units have.

use std::cell::{Cell, OnceCell};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::Value;

use super::options::Options;
use crate::cli::print::Text;
use crate::control::{Json, NoAnswer, ask};
use crate::units::glob::matches;
use crate::units::{Line, Machine, NoUnit, Search, Specifiers, Unit, UnitName, lines, started};

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
    read: Cell<i64>,
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

    pub(super) fn text(&self, key: &str) -> &str {
        self.record.get(key).and_then(Value::as_str).unwrap_or("")
    }

    pub(super) fn number(&self, key: &str) -> Option<i64> {
        self.record.get(key).and_then(Value::as_i64)
    }

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
        }
    }

    fn root(&self) -> &Path {
        self.options.root.as_deref().unwrap_or(Path::new("/"))
    }

    /// The units on disk, as they were first seen.
    pub(super) fn search(&self) -> &Search {
        self.search.get_or_init(|| Search::new(self.root()))
    }

    pub(super) fn machine(&self) -> &Machine {
        self.machine.get_or_init(|| Machine::new(self.root()))
    }

    /// Asks rinit; gives its answer, which may be a refusal.
    pub(super) fn ask(&self, request: &Request<'_>) -> Result<Value, NoAnswer> {
        let mut out = Vec::new();
        let mut json = Json::object(&mut out);
        json.text("verb", request.verb)
            .texts("names", request.names);
        if !request.units.is_empty() {
            json.texts("units", request.units);
        }
        if request.detail {
            json.plain("detail", true);
        }
        if !request.blocks {
            json.plain("block", false);
        }
        if let Some(signal) = request.signal {
            json.text("signal", signal);
        }
        if let Some(code) = request.code {
            json.plain("code", code);
        }
        json.end();
        out.push(b'\n');
        let line = ask(&self.places, &out, request.blocks)?;
        Ok(serde_json::from_slice(&line).unwrap_or_default())
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

    /// The unit that a name means, and its files, if it has any.
    pub(super) fn unit(&self, name: &UnitName) -> Result<Unit, NoUnit> {
        self.search().load(name)
    }

    /// Its files are not those that rinit has read.
    pub(super) fn has_changed(&self, service: &Service) -> bool {
        let name = UnitName::parse(&service.unit);
        match name.map(|name| self.unit(&name)) {
            Some(Ok(unit)) => unit.files.iter().any(|file| {
                let met = std::fs::metadata(&file.path);
                met.is_ok_and(|it| {
                    it.ctime() * 1000 + it.ctime_nsec() / 1_000_000 > self.read.get()
                })
            }),
            // Of one that is known to be gone only the process is left.
            Some(Err(NoUnit::Missing)) => {
                service.is_unit() && service.record.get("stale").is_none()
            }
            Some(Err(_)) | None => false,
        }
    }

    /// Says so.
    pub(super) fn warn_of_change(&self, service: &Service) {
        if self.has_changed(service) {
            crate::cli::print::err(format_args!(
                "Warning: The unit file, source configuration file or drop-ins of {} changed on disk. Run 'systemctl daemon-reload' to reload units.\n",
                service.unit
            ));
        }
    }

    /// A service's unit that doesn't say what to execute is none.
    pub(super) fn is_bad(&self, name: &UnitName) -> bool {
        name.suffix() == "service" && self.said(name, "Service", "ExecStart").is_none()
    }

    /// What a unit's files say of something, in any section if none is named; the last word
    /// counts, or all of them where they add up.
    pub(super) fn said(&self, name: &UnitName, section: &str, wanted: &str) -> Option<String> {
        let unit = self.unit(name).ok()?;
        let path = unit
            .files
            .first()
            .map(|file| self.search().shown(&file.path))?;
        let specifiers = Specifiers {
            machine: self.machine(),
            name,
            path: &path,
        };
        let adds_up = matches!(wanted, "Documentation" | "Environment" | "WantedBy");
        let mut said: Option<String> = None;
        for file in &unit.files {
            let mut inside = false;
            for line in lines(&file.text) {
                match line {
                    Line::Section(name, _) => inside = section.is_empty() || name == section,
                    Line::Assignment { key, value, .. } if inside && key == wanted => {
                        let value = specifiers.expand(value.as_bytes()).text;
                        let value = Some(Text(&value).to_string()).filter(|text| !text.is_empty());
                        said = match (said, value) {
                            (Some(said), Some(value)) if adds_up => Some(said + " " + &value),
                            (_, value) => value,
                        };
                    }
                    Line::Assignment { .. } | Line::Wrong(..) => {}
                }
            }
        }
        said
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

    /// What the unit of a socket or timer starts.
    pub(super) fn started_by(&self, name: &UnitName) -> Option<UnitName> {
        if !is_starter(name) {
            return None;
        }
        started(&self.unit(name).ok()?, self.machine())
    }

    /// The names of units that words mean; a pattern means what rinit supervises.
    pub(super) fn names(&self, words: &[String], services: &[Service]) -> Vec<UnitName> {
        let mut names = Vec::new();
        for word in words {
            if is_pattern(word) {
                let pattern = with_suffix(word);
                let all = services.iter().map(|service| &service.unit);
                let fit = all.filter(|unit| matches(pattern.as_bytes(), unit.as_bytes()));
                names.extend(fit.filter_map(|unit| UnitName::parse(unit)));
            } else {
                names.extend(by_path(word).or_else(|| mangled(word)));
            }
        }
        names
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
        }
    }
}

pub(super) fn is_pattern(word: &str) -> bool {
    word.contains(['*', '?', '['])
}

/// A pattern without a suffix means services.
pub(super) fn with_suffix(pattern: &str) -> String {
    if pattern.contains('.') || pattern.ends_with('*') {
        pattern.to_owned()
    } else {
        format!("{pattern}.service")
    }
}

/// A path means the unit that mounts it (`systemd.unit(5)`), so no word goes unanswered.
fn by_path(word: &str) -> Option<UnitName> {
    if !word.contains('/') {
        return None;
    }
    let parts: Vec<&str> = word.split('/').filter(|part| !part.is_empty()).collect();
    let name = match parts.join("-") {
        root if root.is_empty() => "-".to_owned(),
        name => name,
    };
    match word.strip_prefix('/') {
        Some(_) => UnitName::parse(&format!("{name}.mount")),
        None => mangled(&name),
    }
}

/// The unit's name that a word is; what can't stand in one is escaped, with a word of it.
pub(super) fn mangled(word: &str) -> Option<UnitName> {
    if let Some(name) = UnitName::parse(word) {
        return Some(name);
    }
    if word.is_empty() || word.contains('/') {
        return None;
    }
    let mut escaped = String::new();
    for byte in word.bytes() {
        let allowed = byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
        if allowed {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("\\x{byte:02x}"));
        }
    }
    let hint = if is_pattern(word) {
        "."
    } else {
        " (maybe you should use systemd-escape?)."
    };
    crate::cli::print::err(format_args!(
        "Invalid unit name \"{}\" escaped as \"{escaped}\"{hint}\n",
        Text(word.as_bytes())
    ));
    UnitName::parse(&escaped)
}
