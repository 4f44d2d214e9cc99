//! Verbs that change what runs.

use std::fmt::Arguments;

use serde_json::Value;

use super::offline::nobody;
use super::world::{Request, Service, World, is_starter};
use super::{FAILED, say};
use crate::cli::print;
use crate::control::NoAnswer;
use crate::core::signal::Signal;
use crate::units::{NoUnit, UnitName, required};

/// What is wrong with a unit that doesn't say what to execute.
pub(super) const BAD_SETTING: &str = "has a bad unit file setting";

/// Exit status of a job that a unit has no use for.
const NOT_APPLICABLE: i32 = 3;
/// Exit status of a unit that starts or stops with others alone.
const NO_PERMISSION: i32 = 4;
/// Exit status of a unit that there isn't.
const NOT_FOUND: i32 = 5;

/// What is to become of services that are up, and of those that aren't; `None` is nothing.
struct Job {
    /// What systemd calls it in its messages.
    word: &'static str,
    up: Option<&'static str>,
    down: Option<&'static str>,
    /// Those that can are reloaded, if they are up.
    reloads: bool,
}

pub(super) fn start(world: &World, verb: &str, names: &[String]) -> i32 {
    let job = Job {
        word: "start",
        up: Some("start"),
        down: Some("start"),
        reloads: false,
    };
    job.run(world, verb, names)
}

pub(super) fn stop(world: &World, verb: &str, names: &[String]) -> i32 {
    let job = Job {
        word: "stop",
        up: Some("stop"),
        down: Some("stop"),
        reloads: false,
    };
    job.run(world, verb, names)
}

pub(super) fn restart(world: &World, verb: &str, names: &[String]) -> i32 {
    let job = Job {
        word: "restart",
        up: Some("restart"),
        down: Some("restart"),
        reloads: false,
    };
    job.run(world, verb, names)
}

pub(super) fn try_restart(world: &World, verb: &str, names: &[String]) -> i32 {
    let job = Job {
        word: "try-restart",
        up: Some("restart"),
        down: None,
        reloads: false,
    };
    job.run(world, verb, names)
}

pub(super) fn reload(world: &World, verb: &str, names: &[String]) -> i32 {
    let job = Job {
        word: "reload",
        up: None,
        down: None,
        reloads: true,
    };
    job.run(world, verb, names)
}

pub(super) fn reload_or_restart(world: &World, verb: &str, names: &[String]) -> i32 {
    let job = Job {
        word: "reload-or-restart",
        up: Some("restart"),
        down: Some("restart"),
        reloads: true,
    };
    job.run(world, verb, names)
}

pub(super) fn try_reload_or_restart(world: &World, verb: &str, names: &[String]) -> i32 {
    let job = Job {
        word: "try-reload-or-restart",
        up: Some("restart"),
        down: None,
        reloads: true,
    };
    job.run(world, verb, names)
}

impl Job {
    fn run(&self, world: &World, verb: &str, words: &[String]) -> i32 {
        let mut services = match world.services(true) {
            Ok((services, _)) => services,
            Err(_) => return nobody(world, verb),
        };
        let names = world.names(words, &services);
        let unknown = |name: &UnitName, services: &[Service]| {
            world.meant(name, services).is_empty() && self.may_be_new(world, name)
        };
        // Its unit may have come since the configuration was read, or be one that isn't enabled.
        let new = names.iter().filter(|name| unknown(name, &services));
        let new: Vec<String> = new.map(|name| name.as_str().to_owned()).collect();
        if !new.is_empty() {
            let _ = learn(world, &[], &new);
            services = world
                .services(true)
                .map_or(services, |(services, _)| services);
        }
        let mut code = 0;
        let mut asked: Vec<(&'static str, Vec<String>)> = Vec::new();
        // Those that come up by what their files say now.
        let mut anew: Vec<String> = Vec::new();
        for name in &names {
            let meant = world.meant(name, &services);
            if meant.is_empty() {
                let failed = self.unknown(world, name);
                code = if code == 0 { failed } else { code };
            }
            for service in meant {
                world.warn_of_change(service);
                match self.of(service, name) {
                    Ok(None) => {}
                    Ok(Some("start" | "restart"))
                        if let Some(failed) = self.lacks(world, name, &services) =>
                    {
                        code = if code == 0 { failed } else { code };
                    }
                    Ok(Some("learn")) => anew.push(service.name.clone()),
                    Ok(Some(verb)) if is_anew(verb, service) => {
                        anew.push(service.name.clone());
                        asked.push(("start", vec![service.name.clone()]));
                    }
                    Ok(Some(verb)) => match asked.iter_mut().find(|(known, _)| *known == verb) {
                        Some((_, names)) => names.push(service.name.clone()),
                        None => asked.push((verb, vec![service.name.clone()])),
                    },
                    Err(failed) => code = if code == 0 { failed } else { code },
                }
            }
        }
        if !anew.is_empty() {
            let failed = self.told(world, &services, learn(world, &anew, &[]));
            code = if code == 0 { failed } else { code };
        }
        for (verb, names) in &asked {
            let request = Request {
                blocks: !world.options.no_block,
                ..Request::of(verb, names)
            };
            let failed = self.told(world, &services, world.ask(&request));
            code = if code == 0 { failed } else { code };
        }
        code
    }

    /// What this service is asked, or the exit status of that it can't be.
    fn of(&self, service: &Service, name: &UnitName) -> Result<Option<&'static str>, i32> {
        if is_starter(name) {
            return self.of_starter(service, name);
        }
        let can_reload = service.record.get("reloads") == Some(&Value::Bool(true));
        if self.reloads && self.up.is_none() && !can_reload {
            let name = name.as_str();
            say(format_args!(
                "Failed to reload {name}: Job type reload is not applicable for unit {name}."
            ));
            return Err(NOT_APPLICABLE);
        }
        if !service.is_up() {
            if self.down.is_none() && self.up.is_none() {
                let name = name.as_str();
                return Err(say(format_args!("{name} is not active, cannot reload.")));
            }
            return Ok(self.down);
        }
        if self.reloads && can_reload {
            return Ok(Some("reload"));
        }
        Ok(self.up)
    }

    /// A socket or timer is up while its service waits for it, or runs. Stopped alone it leaves
    /// that running.
    fn of_starter(&self, service: &Service, name: &UnitName) -> Result<Option<&'static str>, i32> {
        let is_up = service.stands_as(name).active == "active";
        match (self.up, self.down) {
            (None, None) => {
                let name = name.as_str();
                say(format_args!(
                    "Failed to reload {name}: Job type reload is not applicable for unit {name}."
                ));
                Err(NOT_APPLICABLE)
            }
            (Some("stop"), _) => Ok(Some("unhook")),
            (Some("start"), _) if is_up => Ok(None),
            (_, None) if !is_up => Ok(None),
            _ => Ok(Some("learn")),
        }
    }

    /// A unit that isn't supervised could be, once the configuration is read again.
    fn may_be_new(&self, world: &World, name: &UnitName) -> bool {
        let is_up = self.down.is_some() && self.word != "stop";
        is_up
            && (name.suffix() == "service" || is_starter(name))
            && world.unit(name).is_ok_and(|unit| !unit.name.is_template())
    }

    /// The exit status, where something isn't there that it requires, or that this requires.
    fn lacks(&self, world: &World, name: &UnitName, services: &[Service]) -> Option<i32> {
        let mut all = vec![name.clone()];
        let mut next = 0;
        while let Some(own) = all.get(next) {
            next += 1;
            let (what, code) = match world.unit(own) {
                Ok(unit) => {
                    for need in required(&unit, world.machine()) {
                        if !all.contains(&need) {
                            all.push(need);
                        }
                    }
                    continue;
                }
                Err(NoUnit::Missing) => ("not found", NOT_FOUND),
                Err(NoUnit::Masked(_)) => ("is masked", FAILED),
                Err(NoUnit::Template | NoUnit::Unreadable(..)) => continue,
            };
            // A table may stand for it; but not what is left of a unit.
            let is_left = |it: &&Service| it.record.get("stale").is_some() && it.is_unit();
            if world.meant(own, services).iter().all(is_left) {
                let (word, shown, own) = (self.word, name.as_str(), own.as_str());
                say(format_args!("Failed to {word} {shown}: Unit {own} {what}."));
                return Some(code);
            }
        }
        None
    }

    /// No service is meant: the exit status.
    fn unknown(&self, world: &World, name: &UnitName) -> i32 {
        let (word, shown) = (self.word, name.as_str());
        if is_reached(world, name) {
            return 0;
        }
        let what = match world.unit(name) {
            Ok(unit) if unit.name.is_template() => {
                return say(format_args!(
                    "Failed to {word} {shown}: Unit name {shown} is missing the instance name."
                ));
            }
            Ok(_) | Err(NoUnit::Masked(_)) if self.word == "stop" => return 0,
            Ok(_) if self.down.is_none() && self.up.is_some() => return 0,
            Err(NoUnit::Masked(_)) => {
                return say(format_args!(
                    "Failed to {word} {shown}: Unit {shown} is masked."
                ));
            }
            Ok(_) if world.is_bad(name) => {
                return say(format_args!(
                    "Failed to {word} {shown}: Unit {shown} {BAD_SETTING}.\nhelp: write ExecStart= into it, then systemctl daemon-reload"
                ));
            }
            Ok(_) => {
                say(format_args!(
                    "Failed to {word} {shown}: rinit doesn't supervise this unit."
                ));
                let stem = name.stem();
                print::err(format_args!(
                    "help: write [service.\"{stem}\"] with unit = \"{shown}\" into /etc/rinit.toml, then systemctl daemon-reload\n"
                ));
                return NOT_FOUND;
            }
            Err(NoUnit::Unreadable(_, error)) => {
                return say(format_args!("Failed to {word} {shown}: {error}."));
            }
            Err(NoUnit::Missing | NoUnit::Template) if self.word == "stop" => "not loaded",
            Err(NoUnit::Missing | NoUnit::Template) => "not found",
        };
        say(format_args!(
            "Failed to {word} {shown}: Unit {shown} {what}."
        ));
        NOT_FOUND
    }

    /// Tells what went wrong; the exit status.
    fn told(&self, world: &World, services: &[Service], answer: Result<Value, NoAnswer>) -> i32 {
        let Ok(answer) = answer else {
            return say(format_args!("rinit gave no answer."));
        };
        let Some(error) = answer.get("error").and_then(Value::as_str) else {
            return 0;
        };
        // Quiet or not, the exit status is the same.
        let tell = |what: Arguments<'_>| {
            if !world.options.quiet {
                say(what);
            }
            FAILED
        };
        let whose = services.iter().find_map(|service| {
            let rest = error.strip_prefix(&*service.name)?;
            Some((service, rest.strip_prefix(" failed: ")?))
        });
        match whose {
            Some((service, reason)) => {
                let unit = &service.unit;
                tell(format_args!(
                    "Job for {unit} failed: {reason}.\n\
                     See \"systemctl status {unit}\" and \"rinitctl logs {}\" for details.",
                    service.name
                ))
            }
            None => {
                tell(format_args!("Failed to {}: {error}.", self.word));
                match error {
                    // Its files are gone since it was last seen.
                    gone if gone.starts_with("there is no service ") => NOT_FOUND,
                    refused if refused.contains(" refuses this by hand") => NO_PERMISSION,
                    _ => FAILED,
                }
            }
        }
    }
}

/// A target that everything has passed which waits for it.
pub(super) fn is_reached(world: &World, name: &UnitName) -> bool {
    const ALWAYS: [&str; 15] = [
        "basic",
        "default",
        "graphical",
        "local-fs",
        "multi-user",
        "network",
        "network-online",
        "nss-lookup",
        "paths",
        "remote-fs",
        "slices",
        "sockets",
        "sysinit",
        "time-sync",
        "timers",
    ];
    const NEVER: [&str; 8] = [
        "emergency",
        "exit",
        "halt",
        "kexec",
        "poweroff",
        "reboot",
        "rescue",
        "shutdown",
    ];
    let stem = name.stem();
    name.suffix() == "target"
        && !NEVER.contains(&stem)
        && (ALWAYS.contains(&stem) || world.unit(name).is_ok())
}

/// What runs, runs by another definition than the files have now, which a start brings in.
fn is_anew(verb: &str, service: &Service) -> bool {
    let starts = verb == "restart" || (verb == "start" && !service.is_up());
    starts && service.record.get("stale").is_some()
}

/// rinit reads its configuration and units: what is new is known, and these services begin
/// anew. Nothing else starts or stops.
fn learn(world: &World, names: &[String], units: &[String]) -> Result<Value, NoAnswer> {
    world.ask(&Request {
        units,
        ..Request::of("learn", names)
    })
}

pub(super) fn daemon_reload(world: &World, verb: &str, _: &[String]) -> i32 {
    let Ok(answer) = learn(world, &[], &[]) else {
        return nobody(world, verb);
    };
    match answer.get("error").and_then(Value::as_str) {
        Some(error) => say(format_args!("Failed to reload daemon: {error}")),
        None => 0,
    }
}

pub(super) fn kill(world: &World, verb: &str, words: &[String]) -> i32 {
    let signal = world.options.signal.as_deref();
    if let Some(signal) = signal
        && Signal::parse(signal).is_none()
    {
        return say(format_args!("Failed to parse signal string \"{signal}\"."));
    }
    let Ok((services, _)) = world.services(false) else {
        return nobody(world, verb);
    };
    let mut code = 0;
    for name in world.names(words, &services) {
        let meant = world.meant(&name, &services);
        let name = name.as_str();
        if meant.is_empty() {
            say(format_args!(
                "Failed to kill unit {name}: Unit {name} not loaded."
            ));
            code = FAILED;
        }
        for service in meant {
            if service.number("pid").is_none() {
                if world.options.whom.as_deref() == Some("main") {
                    code = say(format_args!(
                        "Failed to kill unit {name}: No main process to kill"
                    ));
                }
                continue;
            }
            let names = [service.name.clone()];
            let request = Request {
                signal,
                ..Request::of("kill", &names)
            };
            if let Some(error) = refusal(world, &request) {
                code = say(format_args!("Failed to kill unit {name}: {error}"));
            }
        }
    }
    code
}

pub(super) fn reset_failed(world: &World, verb: &str, words: &[String]) -> i32 {
    let Ok((services, _)) = world.services(false) else {
        return nobody(world, verb);
    };
    let mut code = 0;
    let mut names: Vec<String> = Vec::new();
    if words.is_empty() {
        names.extend(services.iter().map(|service| service.name.clone()));
    }
    for name in world.names(words, &services) {
        let meant = world.meant(&name, &services);
        if meant.is_empty() && world.unit(&name).is_err() {
            let name = name.as_str();
            code = say(format_args!(
                "Failed to reset failed state of unit {name}: Unit {name} not loaded."
            ));
        }
        names.extend(meant.iter().map(|service| service.name.clone()));
    }
    for names in names.chunks(32) {
        if let Some(error) = refusal(world, &Request::of("reset", names)) {
            code = say(format_args!("Failed to reset failed state: {error}"));
        }
    }
    code
}

fn refusal(world: &World, request: &Request<'_>) -> Option<String> {
    match world.ask(request) {
        Err(_) => Some("rinit gave no answer".to_owned()),
        Ok(answer) => {
            let error = answer.get("error").and_then(Value::as_str);
            error.map(str::to_owned)
        }
    }
}

/// The services of these units are started or stopped, as enable --now and disable --now do.
pub(super) fn also(world: &World, starts: bool, names: &[String]) -> i32 {
    if starts {
        let _ = learn(world, &[], &[]);
        start(world, "start", names)
    } else {
        stop(world, "stop", names)
    }
}
