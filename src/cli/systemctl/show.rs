//! `show`: properties, a line each, for programs.

use serde_json::Value;

use super::asks::{no_instance, state_of};
use super::dates::moment;
use super::jobs::BAD_SETTING;
use super::offline::nobody;
use super::properties::{Properties, Ran, exec, of_files, shell_words};
use super::results::{exit_of, result};
use super::starters::{last, next, starters};
use super::status::{drop_ins, enabled, group_of, words};
use super::targets::is_reached;
use super::world::{ASSERTION, Request, Service, Starter, World, is_starter};
use super::{FAILED, SPEAKS, say};
use crate::cli::print;
use crate::units::{Enabling, ExecLine, NoUnit, Presets, Step, UnitName, file_name};

pub(super) fn show(world: &World, _: &str, words: &[String]) -> i32 {
    let Ok((services, whole)) = world.services(true) else {
        return nobody();
    };
    if words.is_empty() {
        let mut all = Properties::new(world);
        of_all(&services, &whole, &mut all);
        print::out(all.out);
        return 0;
    }
    let Some(names) = world.names(words, &services) else {
        return FAILED;
    };
    for (place, name) in names.iter().enumerate() {
        if let Some(wrong) = no_instance(name) {
            return say(format_args!("Failed to get properties: {wrong}"));
        }
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
            of_files(&name, &mut all);
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
    0
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
    let reached = meant.is_empty() && is_reached(world, name, services);
    let (load, error, what) = match &unit {
        Err(NoUnit::Masked(_)) => ("masked", "UnitMasked", "is masked"),
        Err(NoUnit::Unreadable(..)) => ("error", "", ""),
        Err(NoUnit::Missing | NoUnit::Template) if service.is_none() && !reached => {
            ("not-found", "NoSuchUnit", "not found")
        }
        _ if service.is_some_and(|service| world.is_gone(service)) => {
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
    let file_state = enabled(world, name).map_or("", |(state, _)| state);
    let preset = unit.as_ref().err() != Some(&NoUnit::Missing);
    let preset = preset.then(|| Presets::read(world.search().root()).of(name).word());
    let described = world.said(name, "Unit", "Description");
    let triggers = world.started_by(name);
    let triggers = triggers.as_ref().map(UnitName::as_str);
    let own = |(name, service): &(UnitName, &Service)| {
        (service.unit == id).then(|| name.as_str().to_owned())
    };
    let by: Vec<String> = starters(world, services).iter().filter_map(own).collect();
    let reloads = service.is_some_and(|it| it.record.get("reloads") == Some(&Value::Bool(true)))
        || world.said(name, "Service", "ExecReload").is_some();
    let isolates = world.said_or(name, "Unit", "AllowIsolate", "no");
    let (wanted_by, required_by) = wanting(world, name);
    let docs = world
        .said(name, "Unit", "Documentation")
        .unwrap_or_default();
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
    all.put("UnitFilePreset", preset.unwrap_or_default());
    all.put("WantedBy", &wanted_by);
    all.put("RequiredBy", &required_by);
    all.put("Documentation", &shell_words(&docs));
    all.moment("StateChangeTimestamp", time(true));
    all.moment("ActiveEnterTimestamp", time(up));
    all.moment("InactiveEnterTimestamp", time(!up));
    all.flag("CanStart", load == "loaded");
    all.flag("CanStop", true);
    all.flag("CanReload", reloads);
    all.flag("CanIsolate", crate::units::boolean(&isolates) == Some(true));
    let changed = service.is_some_and(|own| world.has_changed(own));
    all.flag("NeedDaemonReload", changed);
    // Neither was looked at before the first start.
    let met = service
        .is_some_and(|it| it.is_up() || !reason.is_empty() || it.number("exit").is_some())
        || reached;
    all.flag("ConditionResult", met && !reason.starts_with("skipped"));
    all.flag("AssertResult", met && !reason.starts_with(ASSERTION));
    all.put("LoadError", &error);
}

/// The units by whose links it starts.
fn wanting(world: &World, name: &UnitName) -> (String, String) {
    let names = std::slice::from_ref(name);
    let enabling = Enabling::new(world.search(), world.machine(), false, false);
    let (mut wants, mut requires) = (Vec::new(), Vec::new());
    for step in enabling.disable(names, false) {
        let Step::Remove { at } = step else {
            continue;
        };
        let folder = at.parent().map(file_name).unwrap_or_default();
        if let Some(unit) = folder.strip_suffix(".wants") {
            wants.push(unit.to_owned());
        } else if let Some(unit) = folder.strip_suffix(".requires") {
            requires.push(unit.to_owned());
        }
    }
    (wants.join(" "), requires.join(" "))
}

/// What a socket or timer has.
fn of_starter(name: &UnitName, service: Option<&Service>, all: &mut Properties<'_>) {
    let world = all.world;
    if name.suffix() == "socket" {
        for at in world.listens(name) {
            all.put("Listen", &at);
        }
    } else if let Some((Starter { place, key, .. }, service)) = Starter::of(name).zip(service)
        && let Some(place) = place
    {
        all.put(place, &words(&service.record, key).join(" "));
    }
    if name.suffix() == "timer" {
        let unit = world.started_by(name);
        all.put("Unit", unit.as_ref().map_or("", UnitName::as_str));
        let stamp = |millis: Option<i64>| millis.map(moment).unwrap_or_default();
        all.put("NextElapseUSecRealtime", &stamp(service.and_then(next)));
        all.put("LastTriggerUSec", &stamp(service.and_then(last)));
    }
    all.put("Result", "success");
}

#[inline(never)]
fn text_of(value: &Value, key: &str) -> String {
    let text = value.get(key).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
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
    let text = |key: &str| text_of(&definition, key);
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
    let or = |key: &str, else_is: &str| world.said_or(name, "Service", key, else_is);
    let remains = crate::units::boolean(&or("RemainAfterExit", "no"));
    let mut restart = text("restart");
    if restart.is_empty() {
        restart = or("Restart", "no");
    }
    let access = if kind == "notify" { "main" } else { "none" };
    let mut commands = world.commands(name, "ExecStart");
    if commands.is_empty() {
        let words = words(&definition, "command").into_iter();
        let mut words = words.map(String::into_bytes);
        commands.extend(words.next().map(|program| ExecLine {
            program,
            arguments: words.collect(),
            ..ExecLine::default()
        }));
    }
    let ends = service.record.get("ends").and_then(Value::as_array);
    let end = ends.and_then(|ends| ends.last()).filter(|_| pid == 0);
    let of_end = |key: &str| end.and_then(|end| end.get(key)).and_then(Value::as_i64);
    let ran = Ran {
        began: of_end("began").or_else(|| service.number("since").filter(|_| pid > 0)),
        ended: of_end("at"),
        pid,
        code,
        status,
    };
    all.put("Type", &or("Type", kind));
    all.put("Restart", &restart);
    all.put("PIDFile", &or("PIDFile", ""));
    all.put("NotifyAccess", &or("NotifyAccess", access));
    all.flag("RemainAfterExit", remains == Some(true));
    all.number("MainPID", pid);
    let group = service.number("pid").map(group_of);
    all.put("ControlGroup", &group.unwrap_or_default());
    all.put("StatusText", service.text("status"));
    all.put("Result", result(service));
    all.number("NRestarts", service.number("restarts").unwrap_or(0));
    all.number("ExecMainPID", pid);
    all.number("ExecMainCode", code);
    all.number("ExecMainStatus", status);
    for command in &commands {
        all.put("ExecStart", &exec(command, &ran));
    }
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
        let names = names.collect::<Vec<_>>().join(" ");
        // One that rinit doesn't know has what its files say.
        let names = match service.name.is_empty() {
            true => world.said_or(name, "Unit", property, ""),
            false => names,
        };
        all.put(property, &names);
    }
}
