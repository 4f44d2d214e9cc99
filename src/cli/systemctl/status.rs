//! `status`: a page of each unit, for eyes.

use std::fmt::Write;

use serde_json::Value;

use super::asks::no_instance;
use super::dates::{ago, moment};
use super::jobs::BAD_SETTING;
use super::lists::jobs;
use super::offline::nobody;
use super::results::{cpu, ended, exit_of, result, size};
use super::starters::{left, next, starters};
use super::targets::is_reached;
use super::world::{Service, Stands, World, is_starter};
use super::{FAILED, say};
use crate::cli::ctl;
use crate::cli::print::{self, Text};
use crate::control::{usage, wall_clock};
use crate::units::{NoUnit, Presets, UnitName, file_state};

/// Exit status of a unit that isn't active.
const NOT_ACTIVE: i32 = 3;
/// Exit status of one that there isn't.
const UNKNOWN: i32 = 4;

pub(super) fn status(world: &World, _: &str, words: &[String]) -> i32 {
    let Ok((services, whole)) = world.services(true) else {
        return nobody();
    };
    if words.is_empty() {
        print::out(all(&services, &whole));
        return 0;
    }
    let Some(names) = names(world, words, &services) else {
        return FAILED;
    };
    // The first that isn't well says how.
    let mut code = 0;
    let mut fail = |failed: i32| code = if code == 0 { failed } else { code };
    let mut first = true;
    for name in names {
        if let Some(wrong) = no_instance(&name) {
            return say(format_args!("Failed to get properties: {wrong}"));
        }
        let meant = world.meant(&name, &services);
        let there = |it: &&&Service| !world.is_gone(it) || it.number("pid").is_some();
        let meant: Vec<&Service> = meant.iter().filter(there).copied().collect();
        if meant.is_empty() {
            let unit = world.unit(&name);
            let reached = is_reached(world, &name, &services);
            let name = match unit {
                Ok(unit) => unit.name,
                Err(NoUnit::Masked(_)) => name.clone(),
                Err(_) if reached => name.clone(),
                Err(_) => {
                    let name = name.as_str();
                    print::err(format_args!("Unit {name} could not be found.\n"));
                    fail(UNKNOWN);
                    continue;
                }
            };
            if !std::mem::take(&mut first) {
                print::out("\n");
            }
            let (active, sub) = if reached {
                ("active", "active")
            } else {
                ("inactive", "dead")
            };
            print::out(page(world, &name, None, &services, &Stands { active, sub }));
            if !reached {
                fail(NOT_ACTIVE);
            }
        }
        for service in meant {
            if !std::mem::take(&mut first) {
                print::out("\n");
            }
            let is_starter = is_starter(&name);
            let own = UnitName::parse(&service.unit).filter(|_| !is_starter);
            let name = own.unwrap_or_else(|| name.clone());
            let stands = service.stands_as(&name);
            let is_up = matches!(stands.active, "active" | "reloading");
            let page = page(world, &name, Some(service), &services, &stands);
            print::out(page);
            if !is_starter {
                output(world, service);
                world.warn_of_change(service);
            }
            if !is_up {
                fail(NOT_ACTIVE);
            }
        }
    }
    code
}

/// A number is a process: the unit whose main process it is.
fn names(world: &World, words: &[String], services: &[Service]) -> Option<Vec<UnitName>> {
    let mut all = Vec::new();
    for word in words {
        let pid = word.parse::<i64>().ok();
        let of_pid = services
            .iter()
            .find(|it| pid.is_some() && it.number("pid") == pid);
        match of_pid {
            Some(service) => all.extend(UnitName::parse(&service.unit)),
            None => all.extend(world.names(std::slice::from_ref(word), services)?),
        }
    }
    Some(all)
}

fn all(services: &[Service], whole: &str) -> String {
    let failed = services.iter().filter(|it| it.stands().active == "failed");
    format!(
        "● {}\n    State: {whole}\n    Units: {} loaded\n     Jobs: {} queued\n   Failed: {} units\n",
        crate::cli::journalctl::host(),
        services.len(),
        jobs(services).len(),
        failed.count(),
    )
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

fn loaded(world: &World, name: &UnitName, service: Option<&Service>) -> String {
    let shown = name.as_str();
    let source = service.map_or("", |service| service.text("source"));
    match world.unit(name) {
        Err(NoUnit::Masked(_)) => format!("masked (Reason: Unit {shown} is masked.)"),
        Ok(_) if service.is_none() && world.is_bad(name) => {
            format!("bad-setting (Reason: Unit {shown} {BAD_SETTING}.)")
        }
        Ok(unit) => {
            let (state, preset) = enabled(world, name).unwrap_or_default();
            let path = unit.files.first();
            let path = path.map(|file| world.search().shown(&file.path));
            let path = path.unwrap_or_default();
            let preset = if preset == "-" {
                String::new()
            } else {
                format!("; preset: {preset}")
            };
            format!("loaded ({}; {state}{preset})", path.display())
        }
        Err(_) if service.is_some_and(|service| world.is_gone(service)) => {
            format!("not-found (Reason: Unit {shown} not found.)")
        }
        Err(_) if source.is_empty() => "loaded".to_owned(),
        Err(_) => format!("loaded ({source})"),
    }
}

/// The dot of a state, and its colour.
pub(super) fn dot(active: &str) -> (&'static str, &'static str) {
    match active {
        "active" | "reloading" => ("●", "1;32"),
        "failed" => ("×", "1;31"),
        "activating" | "deactivating" => ("●", "1"),
        _ => ("○", ""),
    }
}

/// The dot, the name and what it is.
fn head(world: &World, name: &str, active: &str) -> String {
    let (dot, colour) = dot(active);
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

/// A page with its lines in systemd's order.
struct Page(String);

impl Page {
    /// Nothing is told of what is empty. What has several lines has them below each other.
    #[inline(never)]
    fn line(&mut self, key: &str, value: &str) {
        let mut key = format!("{key}:");
        for value in value.lines() {
            let _ = writeln!(self.0, "{key:>12} {}", ctl::Clean(value));
            key.clear();
        }
    }
}

fn page(
    world: &World,
    name: &UnitName,
    service: Option<&Service>,
    services: &[Service],
    Stands { active, sub }: &Stands,
) -> String {
    let is_starter = is_starter(name);
    let nothing = Service::default();
    let record = service.unwrap_or(&nothing);
    let own = service.filter(|_| !is_starter).unwrap_or(&nothing);
    let mut page = Page(head(world, name.as_str(), active));
    page.line("Loaded", &loaded(world, name, service));
    page.line("Drop-In", &drop_in_lines(world, name));
    let now = wall_clock();
    let since = record.number("since");
    let since = since.map(|since| format!("{}; {}", moment(since), ago(now - since)));
    let mut standing = (*active).to_owned();
    if sub != active {
        standing.push_str(&format!(" ({sub})"));
    }
    if result(own) != "success" {
        standing.push_str(&format!(" (Result: {})", result(own)));
    }
    if let Some(since) = &since {
        standing.push_str(&format!(" since {since}"));
    }
    page.line("Active", &standing);
    if is_starter {
        starter(world, name, service, &mut page);
    }
    let ups = starters(world, services).into_iter();
    let by = ups.filter(|(starter, it)| it.unit == name.as_str() && starter != name);
    let by = by.map(|(starter, it)| {
        let dot = dot(it.stands_as(&starter).active).0;
        format!("{dot} {}", starter.as_str())
    });
    page.line("TriggeredBy", &by.collect::<Vec<_>>().join("\n"));
    let reason = own.text("reason");
    for (key, word, begin) in [
        ("Condition", "condition", "skipped: "),
        ("Assert", "assertion", "cannot start: "),
    ] {
        let unmet = reason.strip_prefix(begin);
        let unmet = unmet.and_then(|rest| rest.strip_suffix(" doesn't hold"));
        if let Some((unmet, since)) = unmet.zip(since.as_ref()) {
            let text = format!("start {word} failed at {since}\n└─ {unmet} was not met");
            page.line(key, &text);
        }
    }
    let docs = world.said_or(name, "Unit", "Documentation", "");
    page.line(
        "Docs",
        &docs.split_whitespace().collect::<Vec<_>>().join("\n"),
    );
    let pid = own.number("pid").and_then(|pid| i32::try_from(pid).ok());
    if let Some(pid) = pid {
        page.line("Main PID", &format!("{pid} ({})", comm(pid)));
    } else if let Some(exit) = exit_of(own) {
        page.line("Main PID", &format!("({})", ended(exit)));
    }
    page.line("Status", &quoted(own.text("status")));
    if let Some((pid, used)) = pid.and_then(|pid| Some((pid, usage(&[pid]).get(&pid)?.clone()))) {
        let tasks = used.tasks.map(|tasks| tasks.to_string());
        page.line("Tasks", &tasks.unwrap_or_default());
        page.line("Memory", &size(used.memory));
        page.line("CPU", &cpu(used.cpu));
        page.line("CGroup", &group(pid, &used.pids));
    }
    page.0
}

/// What a socket, timer or path waits for, and what it starts.
fn starter(world: &World, name: &UnitName, service: Option<&Service>, page: &mut Page) {
    if name.suffix() == "timer" {
        let next = service.and_then(next);
        let next = next.map(|at| format!("{}; {}", moment(at), left(at - wall_clock())));
        page.line("Trigger", &next.unwrap_or_else(|| "n/a".to_owned()));
    }
    if let Some(unit) = world.started_by(name) {
        page.line("Triggers", &format!("● {}", unit.as_str()));
    }
    page.line("Listen", &world.listens(name).join("\n"));
}

fn comm(pid: i32) -> String {
    let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    comm.trim_end().to_owned()
}

/// The group that the kernel counts a process in.
pub(super) fn group_of(pid: impl std::fmt::Display) -> String {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"));
    own.unwrap_or("/").to_owned()
}

/// That group, and the processes that are a service's.
fn group(main: i32, pids: &[i32]) -> String {
    let mut out = group_of(main);
    let width = pids.iter().max().map_or(0, |pid| pid.to_string().len());
    for (place, pid) in pids.iter().enumerate() {
        let branch = if place + 1 == pids.len() {
            "└─"
        } else {
            "├─"
        };
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        let words = match words.trim_end() {
            "" => format!("[{}]", comm(*pid)),
            words => words.to_owned(),
        };
        let _ = write!(out, "\n{branch}{pid:>width$} {}", words.replace('\n', " "));
    }
    out
}

/// The drop-ins by their folders.
fn drop_in_lines(world: &World, name: &UnitName) -> String {
    let mut out = String::new();
    let mut last = String::new();
    for path in drop_ins(world, name).split_whitespace() {
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        if folder == last {
            let _ = write!(out, ", {file}");
        } else {
            let _ = write!(out, "\n{folder}\n└─{file}");
            last = folder.to_owned();
        }
    }
    out.trim_start().to_owned()
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

/// The last lines of its output, as a journal has them.
fn output(world: &World, service: &Service) {
    let lines = world.options.lines.unwrap_or(ctl::ON_PAGE);
    if lines > 0 {
        let text = crate::cli::journalctl::last_lines(&service.record, lines, &world.places);
        if !text.is_empty() {
            print::out(format_args!("\n{}", Text(&text)));
        }
    }
}

/// The words in a list of an answer.
pub(super) fn words(value: &Value, key: &str) -> Vec<String> {
    let list = value.get(key).and_then(Value::as_array);
    let list = list.into_iter().flatten().filter_map(Value::as_str);
    list.map(str::to_owned).collect()
}
