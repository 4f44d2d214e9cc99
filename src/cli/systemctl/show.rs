//! `show`: properties, a line each, for programs.

use serde_json::Value;

use super::asks::state_of;
use super::dates::moment;
use super::jobs::{BAD_SETTING, is_reached};
use super::offline::nobody;
use super::starters::{last, next, starters};
use super::status::{drop_ins, enabled, exit_of, result, words};
use super::world::{ASSERTION, Request, Service, Starter, World, is_starter};
use super::{FAILED, SPEAKS};
use crate::cli::print;
use crate::control::wall_clock;
use crate::notifier::monotonic_micros;
use crate::units::{NoUnit, UnitName};

/// What is shown of one, or of all.
struct Properties<'w> {
    world: &'w World,
    out: String,
    /// Asked for, and not there yet.
    left: Vec<&'w str>,
}

impl<'w> Properties<'w> {
    fn new(world: &'w World) -> Self {
        let wanted = world.options.properties.iter();
        Self {
            world,
            out: String::new(),
            left: wanted.map(String::as_str).collect(),
        }
    }

    #[inline(never)]
    fn put(&mut self, key: &str, value: &str) {
        let options = &self.world.options;
        let wanted = &options.properties;
        let shown = if wanted.is_empty() {
            // Without names, what is empty is shown with --all alone.
            options.all || !value.is_empty()
        } else {
            wanted.iter().any(|name| name == key)
        };
        self.left.retain(|name| *name != key);
        if shown {
            if !options.value {
                self.out.push_str(key);
                self.out.push('=');
            }
            self.out.push_str(&value.replace(['\n', '\x1b'], " "));
            self.out.push('\n');
        }
    }

    fn number(&mut self, key: &str, value: i64) {
        self.put(key, &value.to_string());
    }

    fn flag(&mut self, key: &str, is: bool) {
        self.put(key, if is { "yes" } else { "no" });
    }

    /// A moment in Unix milliseconds, on both clocks.
    fn moment(&mut self, key: &str, millis: Option<i64>) {
        self.put(key, &millis.map(moment).unwrap_or_default());
        let micros = millis.map_or(0, |millis| {
            let ago = wall_clock().saturating_sub(millis).saturating_mul(1000);
            let now = i64::try_from(monotonic_micros()).unwrap_or(i64::MAX);
            now.saturating_sub(ago).max(0)
        });
        self.number(&format!("{key}Monotonic"), micros);
    }
}

pub(super) fn show(world: &World, verb: &str, names: &[String]) -> i32 {
    let Ok((services, whole)) = world.services(true) else {
        return nobody(world, verb);
    };
    if names.is_empty() {
        let mut all = Properties::new(world);
        of_all(&services, &whole, &mut all);
        print::out(all.out);
        return 0;
    }
    let names = world.names(names, &services);
    for (place, name) in names.iter().enumerate() {
        if place > 0 {
            print::out("\n");
        }
        let meant = world.meant(name, &services);
        let own = meant.first().copied();
        let service = own.filter(|_| !is_starter(name));
        // The service's own name says nothing of its unit's files.
        let unit = service.and_then(|service| UnitName::parse(&service.unit));
        let is_alias = world.unit(name).is_ok();
        let name = unit.filter(|_| !is_alias).unwrap_or_else(|| name.clone());
        let mut all = Properties::new(world);
        if is_starter(&name) {
            of_starter(&name, own, &mut all);
        } else if name.suffix() == "service" {
            of_service(&name, service, &mut all);
        }
        of_unit(&name, &services, &mut all);
        // What else is asked for is told as the files say it.
        for key in all.left.clone() {
            if let Some(value) = world.said(&name, "", key) {
                all.put(key, &value);
            }
        }
        print::out(all.out);
    }
    if names.is_empty() { FAILED } else { 0 }
}

fn of_all(services: &[Service], whole: &str, all: &mut Properties<'_>) {
    let failed = services.iter().filter(|it| it.stands().active == "failed");
    all.put("Version", SPEAKS.trim_start_matches("systemd "));
    all.put("Architecture", &std::env::consts::ARCH.replace('_', "-"));
    all.put("NNames", &services.len().to_string());
    all.put("NFailedUnits", &failed.count().to_string());
    all.put("NJobs", "0");
    all.put("Environment", "");
    all.put("DefaultStandardOutput", "journal");
    all.put("SystemState", whole);
}

/// What every unit has.
fn of_unit(name: &UnitName, services: &[Service], all: &mut Properties<'_>) {
    let world = all.world;
    let meant = world.meant(name, services);
    let service = meant.first();
    let is_starter = is_starter(name);
    let unit = world.unit(name);
    let reached = meant.is_empty() && is_reached(world, name);
    let (load, error, what) = match &unit {
        Err(NoUnit::Masked(_)) => ("masked", "UnitMasked", "is masked"),
        Err(NoUnit::Unreadable(..)) => ("error", "", ""),
        Err(NoUnit::Missing | NoUnit::Template) if service.is_none() && !reached => {
            ("not-found", "NoSuchUnit", "not found")
        }
        Ok(_) if service.is_none() && world.is_bad(name) => {
            ("bad-setting", "BadUnitSetting", BAD_SETTING)
        }
        Ok(_) | Err(NoUnit::Missing | NoUnit::Template) => ("loaded", "", ""),
    };
    let error = if error.is_empty() {
        String::new()
    } else {
        let name = name.as_str();
        format!("org.freedesktop.systemd1.{error} \"Unit {name} {what}.\"")
    };
    let real = unit.as_ref().map(|unit| unit.name.as_str().to_owned());
    let id = service.filter(|_| !is_starter).map_or_else(
        || real.unwrap_or_else(|_| name.as_str().to_owned()),
        |service| service.unit.clone(),
    );
    let mut names = vec![id.clone()];
    if let Ok(unit) = &unit {
        names.extend(unit.aliases.iter().filter(|alias| **alias != id).cloned());
    }
    let sub = match service {
        Some(service) => service.stands_as(name).sub,
        None if reached => "active",
        None => "dead",
    };
    let file = unit.as_ref().ok().and_then(|unit| unit.files.first());
    let file = file.map(|file| world.search().shown(&file.path).display().to_string());
    let (file_state, preset) = enabled(world, name).unwrap_or_default();
    let described = world.said(name, "Unit", "Description");
    let triggers = service.filter(|_| is_starter);
    let triggers = triggers.map(|service| &*service.unit);
    let own = |(name, service): &(UnitName, &Service)| {
        (service.unit == id).then(|| name.as_str().to_owned())
    };
    let by: Vec<String> = starters(world, services).iter().filter_map(own).collect();
    let reloads = service.is_some_and(|it| it.record.get("reloads") == Some(&Value::Bool(true)));
    let time = |is: bool| {
        let since = service.and_then(|service| service.number("since"));
        since.filter(|_| is)
    };
    let up = service.is_some_and(|service| service.is_up());
    let reason = service.map_or("", |service| service.text("reason"));
    all.put("Id", &id);
    all.put("Names", &names.join(" "));
    all.put("Triggers", triggers.unwrap_or_default());
    all.put("TriggeredBy", &by.join(" "));
    all.put("Description", &described.unwrap_or(id));
    all.put("LoadState", load);
    all.put("ActiveState", state_of(world, name, services));
    all.put("SubState", sub);
    all.put("FragmentPath", &file.unwrap_or_default());
    all.put("SourcePath", "");
    all.put("DropInPaths", &drop_ins(world, name));
    all.put("UnitFileState", file_state);
    all.put("UnitFilePreset", preset.trim_start_matches('-'));
    all.moment("StateChangeTimestamp", time(true));
    all.moment("ActiveEnterTimestamp", time(up));
    all.moment("InactiveEnterTimestamp", time(!up));
    all.flag("CanStart", load == "loaded");
    all.flag("CanStop", load == "loaded");
    all.flag("CanReload", reloads);
    all.flag("CanIsolate", false);
    let changed = service.is_some_and(|own| world.has_changed(own));
    all.flag("NeedDaemonReload", changed);
    all.flag("ConditionResult", !reason.starts_with("skipped"));
    all.flag("AssertResult", !reason.starts_with(ASSERTION));
    all.put("LoadError", &error);
}

/// What a socket or timer has.
fn of_starter(name: &UnitName, service: Option<&Service>, all: &mut Properties<'_>) {
    if let Some((Starter { place, key, .. }, service)) = Starter::of(name).zip(service) {
        if let Some(place) = place {
            all.put(place, &words(&service.record, key).join(" "));
        } else {
            all.put("Unit", &service.unit);
            let stamp = |millis: Option<i64>| millis.map(moment).unwrap_or_default();
            all.put("NextElapseUSecRealtime", &stamp(next(service)));
            all.put("LastTriggerUSec", &stamp(last(service)));
        }
    }
    all.put("Result", "success");
}

/// What a service has, supervised or not.
fn of_service(name: &UnitName, service: Option<&Service>, all: &mut Properties<'_>) {
    let world = all.world;
    let nothing = Service::default();
    let service = service.unwrap_or(&nothing);
    let names = [service.name.clone()];
    let answer = world.ask(&Request::of("show", &names)).unwrap_or_default();
    let definition = answer.get("services").and_then(|all| all.get(0));
    let definition = definition.cloned().unwrap_or_default();
    let text = |key: &str| {
        let text = definition.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let pid = service.number("pid").unwrap_or(0);
    let (code, status) = match (service.number("pid"), exit_of(service)) {
        (Some(_), _) | (None, None) => (0, 0),
        (None, Some(exit @ 129..=192)) => (2, exit - 128),
        (None, Some(exit)) => (1, exit),
    };
    let kind = match (text("type").as_str(), text("ready").as_str()) {
        ("oneshot", _) => "oneshot",
        ("forking", _) => "forking",
        (_, "notify") => "notify",
        _ => "simple",
    };
    // What the unit says itself is told as it says it.
    let or = |key: &str, else_is: &str| {
        let said = world.said(name, "Service", key);
        said.unwrap_or_else(|| else_is.to_owned())
    };
    let remains = crate::units::boolean(&or("RemainAfterExit", "no"));
    let mut restart = text("restart");
    if restart.is_empty() {
        restart = or("Restart", "no");
    }
    let access = if kind == "notify" { "main" } else { "none" };
    let mut command = words(&definition, "command").join(" ");
    if command.is_empty() {
        command = or("ExecStart", "");
    }
    all.put("Type", &or("Type", kind));
    all.put("Restart", &restart);
    all.put("PIDFile", &or("PIDFile", ""));
    all.put("NotifyAccess", &or("NotifyAccess", access));
    all.flag("RemainAfterExit", remains == Some(true));
    all.number("MainPID", pid);
    all.put("StatusText", service.text("status"));
    all.put("Result", result(service));
    all.number("NRestarts", service.number("restarts").unwrap_or(0));
    all.number("ExecMainPID", pid);
    all.number("ExecMainCode", code);
    all.number("ExecMainStatus", status);
    all.put("ExecStart", &command);
    for (property, key) in [
        ("WorkingDirectory", "working-directory"),
        ("User", "user"),
        ("Group", "group"),
    ] {
        all.put(property, &text(key));
    }
    for (property, key) in [
        ("Requires", "requires"),
        ("Wants", "wants"),
        ("Before", "before"),
        ("After", "after"),
    ] {
        let names = words(&definition, key);
        let names = names.iter().map(|name| format!("{name}.service"));
        all.put(property, &names.collect::<Vec<_>>().join(" "));
    }
}
