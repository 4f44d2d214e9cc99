//! `status`: a page of each unit, for eyes.

use std::fmt::Write;

use serde_json::Value;

use super::dates::{ago, moment};
use super::jobs::is_reached;
use super::offline::nobody;
use super::starters::{left, next};
use super::world::{Service, Stands, Starter, World, is_starter};
use crate::cli::ctl;
use crate::cli::print;
use crate::control::{usage, wall_clock};
use crate::core::signal::Signal;
use crate::units::{NoUnit, Presets, UnitName, file_state};

/// Exit status of a unit that isn't active.
const NOT_ACTIVE: i32 = 3;
/// Exit status of one that there isn't.
const UNKNOWN: i32 = 4;

pub(super) fn status(world: &World, verb: &str, words: &[String]) -> i32 {
    let Ok((services, whole)) = world.services(true) else {
        return nobody(world, verb);
    };
    if words.is_empty() {
        print::out(all(&services, &whole));
        return 0;
    }
    let mut code = 0;
    let mut first = true;
    for name in names(world, words, &services) {
        let meant = world.meant(&name, &services);
        if meant.is_empty() {
            let unit = world.unit(&name);
            let known = unit.is_ok() || matches!(unit, Err(NoUnit::Masked(_)));
            let reached = is_reached(world, &name);
            if !known && !reached {
                let name = name.as_str();
                print::err(format_args!("Unit {name} could not be found.\n"));
                code = UNKNOWN;
                continue;
            }
            if !std::mem::take(&mut first) {
                print::out("\n");
            }
            let (active, sub) = if reached {
                ("active", "active")
            } else {
                ("inactive", "dead")
            };
            print::out(brief(world, &name, &Stands { active, sub }));
            if !reached && code == 0 {
                code = NOT_ACTIVE;
            }
        }
        for service in meant {
            if !std::mem::take(&mut first) {
                print::out("\n");
            }
            if is_starter(&name) {
                let stands = service.stands_as(&name);
                if stands.active != "active" && code == 0 {
                    code = NOT_ACTIVE;
                }
                print::out(starter(world, &name, service, &stands));
                continue;
            }
            world.warn_of_change(service);
            print::out(page(world, service));
            output(world, service);
            if !service.is_up() && code == 0 {
                code = NOT_ACTIVE;
            }
        }
    }
    code
}

/// A number is a process: the unit whose main process it is.
fn names(world: &World, words: &[String], services: &[Service]) -> Vec<UnitName> {
    let mut all = Vec::new();
    for word in words {
        let pid = word.parse::<i64>().ok();
        let of_pid = services
            .iter()
            .find(|it| pid.is_some() && it.number("pid") == pid);
        match of_pid {
            Some(service) => all.extend(UnitName::parse(&service.unit)),
            None => all.extend(world.names(std::slice::from_ref(word), services)),
        }
    }
    all
}

fn all(services: &[Service], whole: &str) -> String {
    let mut out = format!("● container\n    State: {whole}\n");
    let failed = services.iter().filter(|it| it.stands().active == "failed");
    let _ = writeln!(out, "    Units: {} supervised", services.len());
    let _ = writeln!(out, "   Failed: {} units", failed.count());
    out
}

/// What the links and presets say: `; enabled; preset: enabled`.
pub(super) fn enabled(world: &World, name: &UnitName) -> Option<(&'static str, &'static str)> {
    let state = file_state(world.search(), world.machine(), name).ok()?;
    let preset = Presets::read(world.search().root());
    let preset = if state.has_preset() {
        preset.of(name).word()
    } else {
        "-"
    };
    Some((state.word(), preset))
}

fn loaded(world: &World, name: &UnitName) -> Option<String> {
    let (state, preset) = enabled(world, name)?;
    if state.starts_with("masked") {
        return Some(format!(
            "masked (Reason: Unit {} is masked.)",
            name.as_str()
        ));
    }
    let unit = world.unit(name).ok()?;
    let path = unit
        .files
        .first()
        .map(|file| world.search().shown(&file.path));
    let path = path.unwrap_or_default().display().to_string();
    let preset = if preset == "-" {
        String::new()
    } else {
        format!("; preset: {preset}")
    };
    Some(format!("loaded ({path}; {state}{preset})"))
}

/// The dot, the name and what it is.
fn head(world: &World, name: &str, active: &str) -> String {
    let (dot, colour) = match active {
        "active" | "reloading" => ("●", "1;32"),
        "failed" => ("×", "1;31"),
        "activating" | "deactivating" => ("●", "1"),
        _ => ("○", ""),
    };
    let dot = if world.colour && !colour.is_empty() {
        format!("\x1b[{colour}m{dot}\x1b[0m")
    } else {
        dot.to_owned()
    };
    let described = UnitName::parse(name).and_then(|name| world.said(&name, "Unit", "Description"));
    match described {
        Some(text) => format!("{dot} {name} - {text}\n"),
        None => format!("{dot} {name}\n"),
    }
}

/// A socket, or a timer with its next time.
fn starter(world: &World, name: &UnitName, service: &Service, stands: &Stands) -> String {
    let mut out = brief(world, name, stands);
    let mut line = |key: &str, value: String| {
        let _ = writeln!(out, "{key:>11}: {}", ctl::Clean(&value));
    };
    let place = Starter::of(name).and_then(|own| Some((own.place?, own.key)));
    if place.is_none() {
        let next = next(service).map(|at| format!("{}; {}", moment(at), left(at - wall_clock())));
        line("Trigger", next.unwrap_or_else(|| "n/a".to_owned()));
    }
    line("Triggers", format!("● {}", service.unit));
    if let Some((place, key)) = place {
        line(place, words(&service.record, key).join(", "));
    }
    out
}

/// One of which little is known.
fn brief(world: &World, name: &UnitName, stands: &Stands) -> String {
    let Stands { active, sub } = stands;
    let mut out = head(world, name.as_str(), active);
    let loaded = loaded(world, name).unwrap_or_else(|| "loaded".to_owned());
    let _ = writeln!(out, "     Loaded: {loaded}");
    let _ = writeln!(out, "     Active: {active} ({sub})");
    out
}

fn page(world: &World, service: &Service) -> String {
    let Stands { active, sub } = service.stands();
    let mut out = head(world, &service.unit, active);
    let mut line = |key: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(out, "{key:>11}: {}", ctl::Clean(value));
        }
    };
    let name = UnitName::parse(&service.unit);
    let loaded = name.as_ref().and_then(|name| loaded(world, name));
    let source = service.text("source");
    line(
        "Loaded",
        &loaded.unwrap_or_else(|| format!("loaded ({source})")),
    );
    if let Some(name) = &name {
        line("Drop-In", &drop_ins(world, name));
    }
    let now = wall_clock();
    let result = match active {
        "failed" => format!(" (Result: {})", result(service)),
        _ => format!(" ({sub})"),
    };
    let since = service.number("since");
    let since = since.map(|since| format!(" since {}; {}", moment(since), ago(now - since)));
    line(
        "Active",
        &format!("{active}{result}{}", since.unwrap_or_default()),
    );
    if active == "activating" || active == "inactive" {
        line("Reason", service.text("reason"));
    }
    let docs = name.and_then(|name| world.said(&name, "Unit", "Documentation"));
    line("Docs", &docs.unwrap_or_default());
    let pid = service
        .number("pid")
        .and_then(|pid| i32::try_from(pid).ok());
    if let Some(pid) = pid {
        let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        line("Main PID", &format!("{pid} ({})", comm.trim_end()));
    } else if let Some(exit) = exit_of(service) {
        line("Main PID", &format!("({})", ended(exit)));
    }
    line("Status", &quoted(service.text("status")));
    if let Some(used) = pid.and_then(|pid| usage(&[pid]).get(&pid).copied()) {
        let tasks = used.tasks.map(|tasks| tasks.to_string());
        line("Tasks", &tasks.unwrap_or_default());
        line("Memory", &size(used.memory));
        line("CPU", &cpu(used.cpu));
    }
    out
}

/// The files that adjust its unit.
pub(super) fn drop_ins(world: &World, name: &UnitName) -> String {
    let unit = world.unit(name).ok();
    let files = unit.iter().flat_map(|unit| unit.files.iter().skip(1));
    let paths = files.map(|file| world.search().shown(&file.path).display().to_string());
    paths.collect::<Vec<_>>().join(" ")
}

fn quoted(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("\"{text}\"")
    }
}

/// The last lines of its output.
fn output(world: &World, service: &Service) {
    let lines = world.options.lines.unwrap_or(ctl::ON_PAGE);
    if lines > 0 {
        print::out(ctl::last_lines(&service.name, lines, &world.places));
    }
}

/// Exit status of a program that never was, as systemd has it (`systemd.exec(5)`): rinit's
/// own are a shell's.
pub(super) fn exit_of(service: &Service) -> Option<i64> {
    let reason = service.text("reason");
    let why = reason.rsplit_once("cannot start: ").map(|(_, why)| why);
    let step = why.and_then(|why| why.split(' ').next());
    match step {
        Some("exec") => Some(203),
        Some("chdir") => Some(200),
        Some("group") => Some(216),
        Some("user") => Some(217),
        Some(_) | None => service.number("exit"),
    }
}

/// `code=exited, status=3` of an exit status.
pub(super) fn ended(exit: i64) -> String {
    let setup = match exit {
        200 => "/CHDIR",
        203 => "/EXEC",
        216 => "/GROUP",
        217 => "/USER",
        _ => "",
    };
    let signal = i32::try_from(exit - 128).ok().and_then(Signal::new);
    match signal {
        Some(signal) => format!(
            "code=killed, signal={}",
            signal.to_string().trim_start_matches("SIG")
        ),
        None if exit == 0 => "code=exited, status=0/SUCCESS".to_owned(),
        None => format!("code=exited, status={exit}{setup}"),
    }
}

/// Why it failed, in one of systemd's words.
pub(super) fn result(service: &Service) -> &str {
    match service.text("result") {
        "" => "success",
        word => word,
    }
}

/// `3.0M`.
fn size(bytes: u64) -> String {
    let tenths = |shift: u32| {
        let tenths = (u128::from(bytes) * 10) >> shift;
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match bytes {
        ..1024 => format!("{bytes}B"),
        1024..1_048_576 => format!("{}K", tenths(10)),
        1_048_576..1_073_741_824 => format!("{}M", tenths(20)),
        _ => format!("{}G", tenths(30)),
    }
}

/// `124ms`, `1.240s`, `2min 3.000s`.
fn cpu(millis: u64) -> String {
    match millis {
        ..1000 => format!("{millis}ms"),
        1000..60_000 => format!("{}.{:03}s", millis / 1000, millis % 1000),
        _ => format!(
            "{}min {}.{:03}s",
            millis / 60_000,
            millis / 1000 % 60,
            millis % 1000
        ),
    }
}

/// The words in a list of an answer.
pub(super) fn words(value: &Value, key: &str) -> Vec<String> {
    let list = value.get(key).and_then(Value::as_array);
    let list = list.into_iter().flatten().filter_map(Value::as_str);
    list.map(str::to_owned).collect()
}
