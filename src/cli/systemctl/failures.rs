//! What systemd says of jobs that failed, and the exit statuses of that.

use std::fmt::Arguments;

use serde_json::Value;

use super::results::result;
use super::world::{ASSERTION, Service, World};
use super::{FAILED, say};
use crate::control::NoAnswer;
use crate::units::UnitName;

/// Exit status of a job that a unit has no use for.
pub(super) const NOT_APPLICABLE: i32 = 3;
/// Exit status of a unit that starts or stops with others alone.
const NO_PERMISSION: i32 = 4;
/// Exit status of a unit that there isn't.
pub(super) const NOT_FOUND: i32 = 5;

/// What systemd does of a start before there is a process.
const BEFORE_THE_FORK: [&str; 2] = ["environment-file ", "listen "];

/// Why a service didn't come up, by its result.
const BECAUSE: [(&str, &str); 9] = [
    (
        "resources",
        "of unavailable resources or another system error",
    ),
    (
        "protocol",
        "the service did not take the steps required by its unit configuration",
    ),
    ("timeout", "a timeout was exceeded"),
    ("exit-code", "the control process exited with error code"),
    (
        "signal",
        "a fatal signal was delivered to the control process",
    ),
    (
        "core-dump",
        "a fatal signal was delivered causing the control process to dump core",
    ),
    ("oom-kill", "of an out-of-memory (OOM) situation"),
    ("watchdog", "the service failed to send watchdog ping"),
    (
        "start-limit-hit",
        "start of the service was attempted too often",
    ),
];

/// The job isn't even begun; the exit status.
pub(super) fn refused(word: &str, unit: &str, what: Arguments<'_>) -> i32 {
    say(format_args!(
        "Failed to {word} {unit}: {what}\n\
         See system logs and 'systemctl status {unit}' for details."
    ))
}

/// What has become of services that were asked for.
pub(super) struct Failures<'w> {
    pub(super) world: &'w World,
    /// What systemd calls the job.
    pub(super) word: &'static str,
}

impl Failures<'_> {
    /// Tells what went wrong with these; the exit status.
    pub(super) fn told(&self, names: &[String], answer: Result<Value, NoAnswer>) -> i32 {
        let Ok(answer) = answer else {
            return say(format_args!("rinit gave no answer."));
        };
        let Some(error) = answer.get("error").and_then(Value::as_str) else {
            return 0;
        };
        let word = self.word;
        if let Some((name, _)) = error.split_once(" refuses this by hand") {
            let unit = self.unit_of(name);
            refused(
                word,
                &unit,
                format_args!(
                    "Operation refused, unit {unit} may be requested by dependency only \
                     (it is configured to refuse manual start/stop)."
                ),
            );
            return NO_PERMISSION;
        }
        // Its files are gone since it was last seen.
        if let Some(name) = error.strip_prefix("there is no service ") {
            let unit = self.unit_of(name);
            say(format_args!(
                "Failed to {word} {unit}: Unit {unit} not found."
            ));
            return NOT_FOUND;
        }
        if let Some((name, _)) = error.split_once(" was not reloaded") {
            self.failed(&self.unit_of(name), None);
            return FAILED;
        }
        if error.starts_with("superseded by ") {
            let units = names.iter().map(|name| self.unit_of(name));
            for unit in units.filter(|_| !self.world.options.quiet) {
                say(format_args!("Job for {unit} canceled."));
            }
            return FAILED;
        }
        let mut told = None;
        let settled = self.settled(names);
        for name in names {
            let service = settled.iter().find(|service| service.name == *name);
            told = told.max(service.and_then(|service| self.ended(service)));
        }
        told.unwrap_or_else(|| say(format_args!("Failed to {word}: {error}.")))
    }

    /// How these stand when none of them is on its way any more.
    fn settled(&self, names: &[String]) -> Vec<Service> {
        let mut all = Vec::new();
        self.world.watch(names, &mut || {
            all = self.world.services(true).map_or(Vec::new(), |(all, _)| all);
            all.retain(|service| names.contains(&service.name));
            let under_way = ["starting", "reloading", "stopping", "killing"];
            let mut states = all.iter().map(|service| service.text("state"));
            !states.any(|state| under_way.contains(&state))
        });
        all
    }

    /// Tells of one that isn't up; the exit status, if there is something to tell.
    fn ended(&self, service: &Service) -> Option<i32> {
        let (unit, reason) = (&service.unit, service.text("reason"));
        let is_failed = matches!(service.text("state"), "failed" | "backoff");
        let exited = service.text("state") == "exited" && service.number("exit") != Some(0);
        if !is_failed && !exited && !service.was_kept() {
            return None;
        }
        let quiet = self.world.options.quiet;
        if reason.starts_with(ASSERTION) {
            if !quiet {
                say(format_args!("Assertion failed on job for {unit}."));
            }
        } else if reason.starts_with("dependency ") {
            if !quiet {
                say(format_args!(
                    "A dependency job for {unit} failed. See 'journalctl -xe' for details."
                ));
            }
        } else {
            let step = reason.strip_prefix("cannot start: ");
            let is_before =
                step.is_some_and(|step| BEFORE_THE_FORK.iter().any(|own| step.starts_with(own)));
            if step.is_some() && !is_before && self.is_simple(service) {
                // As with systemd: one of Type=simple has started before its program is there.
                return Some(0);
            }
            let why = if is_before {
                "resources"
            } else {
                result(service)
            };
            self.failed(unit, Some(why));
        }
        Some(FAILED)
    }

    fn failed(&self, unit: &str, result: Option<&str>) {
        if self.world.options.quiet {
            return;
        }
        let because = BECAUSE.iter().find(|(own, _)| Some(*own) == result);
        let because = because.map_or_else(String::new, |(_, why)| format!(" because {why}"));
        say(format_args!(
            "Job for {unit} failed{because}.\n\
             See \"systemctl status {unit}\" and \"journalctl -xeu {unit}\" for details."
        ));
        if result == Some("start-limit-hit") {
            say(format_args!(
                "To force a start use \"systemctl reset-failed {unit}\"\n\
                 followed by \"systemctl start {unit}\" again."
            ));
        }
    }

    /// A unit whose start is over with the fork.
    fn is_simple(&self, service: &Service) -> bool {
        let name = UnitName::parse(&service.unit);
        let is_unit = |name: &UnitName| self.world.unit(name).is_ok();
        name.filter(is_unit).is_some_and(|name| {
            let kind = self.world.said(&name, "Service", "Type");
            kind.as_deref().is_none_or(|kind| kind == "simple")
                && self.world.said(&name, "Service", "BusName").is_none()
        })
    }

    /// Of a service of rinit's.
    fn unit_of(&self, name: &str) -> String {
        let services = self.world.services(false);
        let services = services.map_or(Vec::new(), |(services, _)| services);
        let own = services.into_iter().find(|service| service.name == name);
        own.map_or_else(|| format!("{name}.service"), |service| service.unit)
    }
}
