//! Verbs that change what runs.

use serde_json::Value;

use super::failures::{Failures, NOT_APPLICABLE, NOT_FOUND, refused};
use super::naming::is_pattern;
use super::offline::nobody;
use super::targets::{is_always, pulled};
use super::world::{Request, Service, World, is_starter};
use super::{FAILED, say};
use crate::cli::print;
use crate::control::NoAnswer;
use crate::units::{NoUnit, UnitName, required};

/// What is wrong with a unit of which no service can be made.
pub(super) const BAD_SETTING: &str = "has a bad unit file setting";

/// What is to become of services that are up, and of those that aren't; `None` is nothing.
pub(super) struct Job {
    /// What systemd calls it in its messages.
    pub(super) word: &'static str,
    up: Option<&'static str>,
    down: Option<&'static str>,
    /// Those that can are reloaded, if they are up.
    reloads: bool,
}

const START: Job = Job {
    word: "start",
    up: Some("start"),
    down: Some("start"),
    reloads: false,
};

const STOP: Job = Job {
    word: "stop",
    up: Some("stop"),
    down: Some("stop"),
    reloads: false,
};

const RESTART: Job = Job {
    word: "restart",
    up: Some("restart"),
    down: Some("restart"),
    reloads: false,
};

const TRY_RESTART: Job = Job {
    word: "try-restart",
    down: None,
    ..RESTART
};

const RELOAD: Job = Job {
    word: "reload",
    up: None,
    down: None,
    reloads: true,
};

const RELOAD_OR_RESTART: Job = Job {
    word: "reload-or-restart",
    reloads: true,
    ..RESTART
};

const TRY_RELOAD_OR_RESTART: Job = Job {
    word: "reload-or-try-restart",
    reloads: true,
    ..TRY_RESTART
};

pub(super) fn start(world: &World, _: &str, names: &[String]) -> i32 {
    START.run(world, names)
}

pub(super) fn stop(world: &World, _: &str, names: &[String]) -> i32 {
    STOP.run(world, names)
}

pub(super) fn restart(world: &World, _: &str, names: &[String]) -> i32 {
    RESTART.run(world, names)
}

pub(super) fn try_restart(world: &World, _: &str, names: &[String]) -> i32 {
    TRY_RESTART.run(world, names)
}

pub(super) fn reload(world: &World, _: &str, names: &[String]) -> i32 {
    RELOAD.run(world, names)
}

pub(super) fn reload_or_restart(world: &World, _: &str, names: &[String]) -> i32 {
    RELOAD_OR_RESTART.run(world, names)
}

pub(super) fn try_reload_or_restart(world: &World, _: &str, names: &[String]) -> i32 {
    TRY_RELOAD_OR_RESTART.run(world, names)
}

/// What systemctl(1) says of patterns that start.
const PATTERN: &str = "\
Warning: systemctl start called with a glob pattern.
Hint: unit globs expand to loaded units, so start will usually have no effect.
      Passing --all will also load units which are pulled in by other units.
      See systemctl(1) for more details.
";

impl Job {
    fn run(&self, world: &World, words: &[String]) -> i32 {
        let mut services = match world.services(true) {
            Ok((services, _)) => services,
            Err(_) => return nobody(),
        };
        let Some(mut names) = world.names(words, &services) else {
            return FAILED;
        };
        let options = &world.options;
        if let Some(mode) = options.job_mode.as_ref().filter(|mode| !is_mode(mode)) {
            let mut code = 0;
            for name in &names {
                let what = format_args!("Job mode {mode} invalid");
                code = refused(self.word, name.as_str(), what);
            }
            return code;
        }
        let starts = self.word == "start";
        if starts && !options.all && !options.quiet && words.iter().any(|word| is_pattern(word)) {
            print::err(PATTERN);
        }
        // What a target pulls in starts with it.
        let along: Vec<UnitName> = if starts || self.word == "restart" {
            names.iter().flat_map(|name| pulled(world, name)).collect()
        } else {
            Vec::new()
        };
        let unknown = |name: &&UnitName| {
            world.meant(name, &services).is_empty() && self.may_be_new(world, name)
        };
        // Its unit may have come since the configuration was read, or be one that isn't enabled.
        let new = names.iter().chain(&along).filter(unknown);
        let new: Vec<String> = new.map(|name| name.as_str().to_owned()).collect();
        if !new.is_empty() {
            let _ = learn(world, &[], &new);
            services = world
                .services(true)
                .map_or(services, |(services, _)| services);
        }
        let is_there = |name: &UnitName| !world.meant(name, &services).is_empty();
        names.extend(along.into_iter().filter(is_there));
        let mut code = 0;
        let mut fail = |failed: i32| code = if code == 0 { failed } else { code };
        let mut asked: Vec<(&'static str, Vec<String>)> = Vec::new();
        // Those that come up by what their files say now.
        let mut anew: Vec<String> = Vec::new();
        for name in &names {
            let meant = world.meant(name, &services);
            if meant.is_empty() {
                fail(self.unknown(world, name));
            }
            for service in meant {
                world.warn_of_change(service);
                match self.of(service, name) {
                    Ok(None) => {}
                    Ok(Some("start" | "restart"))
                        if let Some(failed) = self.lacks(world, name, &services) =>
                    {
                        fail(failed);
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
                    Err(failed) => fail(failed),
                }
            }
        }
        let failures = Failures {
            world,
            word: self.word,
        };
        if !anew.is_empty() {
            fail(failures.told(&anew, learn(world, &anew, &[])));
        }
        for (verb, names) in &asked {
            let request = Request {
                blocks: !options.no_block,
                ..Request::of(verb, names)
            };
            fail(failures.told(names, world.ask(&request)));
        }
        if options.waits && matches!(self.word, "start" | "restart") {
            for (_, names) in &asked {
                fail(ended(world, names));
            }
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
            return Err(self.not_applicable(name));
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

    fn not_applicable(&self, name: &UnitName) -> i32 {
        let (word, name) = (self.word, name.as_str());
        say(format_args!(
            "Failed to {word} {name}: Job type reload is not applicable for unit {name}."
        ));
        NOT_APPLICABLE
    }

    /// A socket or timer is up while its service waits for it, or runs. Stopped alone it leaves
    /// that running.
    fn of_starter(&self, service: &Service, name: &UnitName) -> Result<Option<&'static str>, i32> {
        let is_up = service.stands_as(name).active == "active";
        match (self.up, self.down) {
            (None, None) => Err(self.not_applicable(name)),
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
        let reloads = self.down.is_none() && self.up.is_none();
        let unit = world.unit(name);
        if name.is_template() {
            let what = format_args!("Unit name {shown} is missing the instance name.");
            return refused(word, shown, what);
        }
        if name.suffix() == "target" && (unit.is_ok() || is_always(name)) {
            return if reloads {
                self.not_applicable(name)
            } else {
                0
            };
        }
        let what = match unit {
            Ok(_) | Err(NoUnit::Masked(_)) if self.down.is_none() && self.up.is_some() => return 0,
            Err(NoUnit::Masked(_)) if word == "stop" => return 0,
            Err(NoUnit::Masked(_)) => {
                return say(format_args!(
                    "Failed to {word} {shown}: Unit {shown} is masked."
                ));
            }
            Ok(_) if world.is_bad(name) && word == "stop" => "not loaded",
            Ok(_) if word == "stop" => return 0,
            Ok(_) if world.is_bad(name) => {
                return refused(word, shown, format_args!("Unit {shown} {BAD_SETTING}."));
            }
            Ok(_) if reloads => {
                let can = world.said(name, "Service", "ExecReload").is_some();
                return if can {
                    say(format_args!("{shown} is not active, cannot reload."))
                } else {
                    self.not_applicable(name)
                };
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
                return refused(word, shown, format_args!("{error}."));
            }
            Err(NoUnit::Missing | NoUnit::Template) if word == "stop" => "not loaded",
            Err(NoUnit::Missing | NoUnit::Template) => "not found",
        };
        say(format_args!(
            "Failed to {word} {shown}: Unit {shown} {what}."
        ));
        NOT_FOUND
    }
}

/// What --job-mode= may say; here they mean the same.
fn is_mode(mode: &str) -> bool {
    const MODES: &str = "fail replace replace-irreversibly isolate flush ignore-dependencies \
        ignore-requirements triggering restart-dependencies";
    MODES.split(' ').any(|own| own == mode)
}

/// Returns when these have ended; the exit status.
fn ended(world: &World, names: &[String]) -> i32 {
    let mut failed = false;
    world.watch(names, &mut || {
        let Ok((services, _)) = world.services(false) else {
            return true;
        };
        let own = services.iter().filter(|it| names.contains(&it.name));
        let states: Vec<_> = own.map(|it| it.stands().active).collect();
        failed = states.contains(&"failed");
        states.iter().all(|it| matches!(*it, "failed" | "inactive"))
    });
    i32::from(failed)
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

pub(super) fn daemon_reload(world: &World, _: &str, _: &[String]) -> i32 {
    let Ok(answer) = learn(world, &[], &[]) else {
        return nobody();
    };
    match answer.get("error").and_then(Value::as_str) {
        Some(error) => say(format_args!("Failed to reload daemon: {error}")),
        None => 0,
    }
}

/// The services of these units are started or stopped, as enable --now and disable --now do.
pub(super) fn also(world: &World, starts: bool, names: &[String]) -> i32 {
    if starts {
        start(world, "start", names)
    } else {
        stop(world, "stop", names)
    }
}
