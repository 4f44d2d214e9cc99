//! `show`: properties, a line each, for programs.

use serde_json::Value;

use super::asks::state_of;
use super::dates::moment;
use super::jobs::is_reached;
use super::offline::nobody;
use super::starters::{last, next, starters};
use super::status::{drop_ins, enabled, exit_of, result, words};
use super::world::{Request, Service, Starter, World, is_starter};
use super::{FAILED, SPEAKS};
use crate::cli::print;
use crate::control::wall_clock;
use crate::notifier::monotonic_micros;
use crate::units::{NoUnit, UnitName};

/// A property, in the order in which they are shown.
type Properties = Vec<(&'static str, String)>;

pub(super) fn show(world: &World, verb: &str, names: &[String]) -> i32 {
    let Ok((services, whole)) = world.services(true) else {
        return nobody(world, verb);
    };
    if names.is_empty() {
        tell(world, &of_all(&services, &whole));
        return 0;
    }
    let names = world.names(names, &services);
    for (place, name) in names.iter().enumerate() {
        if place > 0 {
            print::out("\n");
        }
        let mut properties = Properties::new();
        let meant = world.meant(name, &services);
        let own = meant.first().copied();
        let service = own.filter(|_| !is_starter(name));
        // The service's own name says nothing of its unit's files.
        let unit = service.and_then(|service| UnitName::parse(&service.unit));
        let is_alias = world.unit(name).is_ok();
        let name = unit.filter(|_| !is_alias).unwrap_or_else(|| name.clone());
        of_unit(world, &name, &services, &mut properties);
        if let Some(service) = service {
            of_service(world, service, &mut properties);
        } else if let Some(service) = own {
            of_starter(&name, service, &mut properties);
        }
        tell(world, &properties);
    }
    if names.is_empty() { FAILED } else { 0 }
}

fn tell(world: &World, properties: &Properties) {
    let wanted = &world.options.properties;
    let mut out = String::new();
    for (key, value) in properties {
        let named = wanted.iter().any(|name| name == key);
        if !wanted.is_empty() && !named {
            continue;
        }
        // Without names, what is empty is shown with --all alone.
        if wanted.is_empty() && value.is_empty() && !world.options.all {
            continue;
        }
        let value = value.replace(['\n', '\x1b'], " ");
        if world.options.value {
            out.push_str(&format!("{value}\n"));
        } else {
            out.push_str(&format!("{key}={value}\n"));
        }
    }
    print::out(out);
}

fn of_all(services: &[Service], whole: &str) -> Properties {
    let failed = services.iter().filter(|it| it.stands().active == "failed");
    vec![
        ("Version", SPEAKS.trim_start_matches("systemd ").to_owned()),
        ("Architecture", std::env::consts::ARCH.replace('_', "-")),
        ("NNames", services.len().to_string()),
        ("NFailedUnits", failed.count().to_string()),
        ("NJobs", "0".to_owned()),
        ("Environment", String::new()),
        ("DefaultStandardOutput", "journal".to_owned()),
        ("SystemState", whole.to_owned()),
    ]
}

const fn yes_or_no(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

/// What every unit has.
fn of_unit(world: &World, name: &UnitName, services: &[Service], all: &mut Properties) {
    let meant = world.meant(name, services);
    let service = meant.first();
    let is_starter = is_starter(name);
    let unit = world.unit(name);
    let reached = meant.is_empty() && is_reached(world, name);
    let load = match &unit {
        Err(NoUnit::Masked(_)) => "masked",
        Err(NoUnit::Unreadable(..)) => "error",
        Err(NoUnit::Missing | NoUnit::Template) if service.is_none() && !reached => "not-found",
        Ok(_) | Err(NoUnit::Missing | NoUnit::Template) => "loaded",
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
    let triggers = triggers.map(|service| service.unit.clone());
    let own = |(name, service): &(UnitName, &Service)| {
        (service.unit == id).then(|| name.as_str().to_owned())
    };
    let by: Vec<String> = starters(world, services).iter().filter_map(own).collect();
    let can = yes_or_no(load == "loaded");
    let reloads = service.is_some_and(|it| it.record.get("reloads") == Some(&Value::Bool(true)));
    let time = |is: bool| {
        let since = service.and_then(|service| service.number("since"));
        since.filter(|_| is)
    };
    let up = service.is_some_and(|service| service.is_up());
    all.extend([
        ("Id", id.clone()),
        ("Names", names.join(" ")),
        ("Description", described.unwrap_or(id)),
        ("LoadState", load.to_owned()),
        ("ActiveState", state_of(world, name, services).to_owned()),
        ("SubState", sub.to_owned()),
        ("FragmentPath", file.unwrap_or_default()),
        ("SourcePath", String::new()),
        ("DropInPaths", drop_ins(world, name)),
        ("UnitFileState", file_state.to_owned()),
        ("UnitFilePreset", preset.trim_start_matches('-').to_owned()),
        ("StateChangeTimestamp", stamp(time(true))),
        ("StateChangeTimestampMonotonic", monotonic(time(true))),
        ("ActiveEnterTimestamp", stamp(time(up))),
        ("ActiveEnterTimestampMonotonic", monotonic(time(up))),
        ("InactiveEnterTimestamp", stamp(time(!up))),
        ("InactiveEnterTimestampMonotonic", monotonic(time(!up))),
        ("CanStart", can.to_owned()),
        ("CanStop", can.to_owned()),
        ("CanReload", yes_or_no(reloads).to_owned()),
        ("CanIsolate", "no".to_owned()),
        ("NeedDaemonReload", "no".to_owned()),
        ("Triggers", triggers.unwrap_or_default()),
        ("TriggeredBy", by.join(" ")),
    ]);
}

fn stamp(millis: Option<i64>) -> String {
    millis.map(moment).unwrap_or_default()
}

/// The same moment on the monotonic clock, in microseconds.
fn monotonic(millis: Option<i64>) -> String {
    let micros = millis.map_or(0, |millis| {
        let ago = wall_clock().saturating_sub(millis).saturating_mul(1000);
        let now = i64::try_from(monotonic_micros()).unwrap_or(i64::MAX);
        now.saturating_sub(ago).max(0)
    });
    micros.to_string()
}

/// What a socket or timer has.
fn of_starter(name: &UnitName, service: &Service, all: &mut Properties) {
    if let Some(Starter { place, key, .. }) = Starter::of(name) {
        match place {
            Some(place) => all.push((place, words(&service.record, key).join(" "))),
            None => all.extend([
                ("Unit", service.unit.clone()),
                ("NextElapseUSecRealtime", stamp(next(service))),
                ("LastTriggerUSec", stamp(last(service))),
            ]),
        }
    }
    all.push(("Result", "success".to_owned()));
}

/// What a service has.
fn of_service(world: &World, service: &Service, all: &mut Properties) {
    let names = [service.name.clone()];
    let answer = world.ask(&Request::of("show", &names)).unwrap_or_default();
    let definition = answer.get("services").and_then(|all| all.get(0));
    let definition = definition.cloned().unwrap_or_default();
    let text = |key: &str| {
        let text = definition.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let unit_names = |key: &str| {
        let names = words(&definition, key);
        let names = names.iter().map(|name| format!("{name}.service"));
        names.collect::<Vec<_>>().join(" ")
    };
    let pid = service.number("pid").unwrap_or(0).to_string();
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
    let name = UnitName::parse(&service.unit);
    let said = |key: &str| {
        name.as_ref()
            .and_then(|name| world.said(name, "Service", key))
    };
    let or = |key: &str, else_is: &str| said(key).unwrap_or_else(|| else_is.to_owned());
    let remains = said("RemainAfterExit").and_then(|text| crate::units::boolean(&text));
    let skipped = service.text("reason").starts_with("skipped");
    all.extend([
        ("Type", or("Type", kind)),
        ("PIDFile", or("PIDFile", "")),
        (
            "NotifyAccess",
            or(
                "NotifyAccess",
                if kind == "notify" { "main" } else { "none" },
            ),
        ),
        (
            "RemainAfterExit",
            yes_or_no(remains == Some(true)).to_owned(),
        ),
        ("ConditionResult", yes_or_no(!skipped).to_owned()),
        ("Restart", text("restart")),
        ("MainPID", pid.clone()),
        ("ExecMainPID", pid),
        ("ExecMainCode", code.to_string()),
        ("ExecMainStatus", status.to_string()),
        (
            "NRestarts",
            service.number("restarts").unwrap_or(0).to_string(),
        ),
        ("Result", result(service).to_owned()),
        ("StatusText", service.text("status").to_owned()),
        ("ExecStart", words(&definition, "command").join(" ")),
        ("User", text("user")),
        ("Group", text("group")),
        ("WorkingDirectory", text("working-directory")),
        ("Requires", unit_names("requires")),
        ("Wants", unit_names("wants")),
        ("After", unit_names("after")),
        ("Before", unit_names("before")),
    ]);
}
