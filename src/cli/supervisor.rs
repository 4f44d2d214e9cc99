//! The way from the options to the supervisor: which files, the reader of text, and what
//! people are told when there is nothing to do or something is wrong.

use std::ffi::OsStr;
use std::fmt::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::basename;
use super::init::{FAILED, Options};
use super::print::{self, Text};
use crate::config::{Outcome, Request};
use crate::core::calendar::{At, Times};
use crate::core::graph::start_order;
use crate::core::id::ServiceId;
use crate::core::schedule::{Timer, When};
use crate::core::spec::Spec;
use crate::core::time::Span;
use crate::reader;
use crate::single::Inherited;
use crate::supervise::{self, MainOptions, Start, Surrounded, begin_log, prepare_process};

/// Supervises until the container ends; gives its exit status.
#[must_use]
pub fn run(options: Options, inherited: Inherited) -> i32 {
    let here = prepare_process();
    let filter = inherited
        .variable("RINIT_LOG")
        .and_then(|value| std::str::from_utf8(value).ok());
    begin_log(filter, options.verbose);
    let colour =
        print::err_is_terminal() && inherited.variable("NO_COLOR").is_none_or(<[u8]>::is_empty);
    let request = request(&options, &inherited, here, colour);
    let named: Vec<_> = request
        .explicit
        .iter()
        .map(|path| path.display().to_string())
        .filter(|path| path != "none")
        .collect();
    match reader::read(&request) {
        Err(trouble) => {
            print::err(format_args!("rinit: {trouble}\n"));
            FAILED
        }
        Ok(Outcome::Refused { errors, warnings }) => {
            warnings
                .iter()
                .chain(&errors)
                .for_each(|text| print::err(format_args!("{text}\n")));
            FAILED
        }
        Ok(Outcome::Nothing) => {
            let named = named.join(", ");
            print::err(if named.is_empty() {
                format!("{NOTHING}{LINES}")
            } else {
                format!(
                    "rinit: there is nothing to supervise: {named} has no [service.NAME]\n\
                    help: write these three lines there (of a folder its *.toml are read), with your own command:\n\
                    {LINES}"
                )
            });
            FAILED
        }
        Ok(Outcome::Ready {
            spec,
            warnings,
            notes,
            has_units,
        }) => {
            warnings
                .iter()
                .for_each(|text| print::err(format_args!("{text}\n")));
            if options.check {
                notes
                    .iter()
                    .for_each(|text| print::err(format_args!("{text}\n")));
                print::out(order(&spec));
                print::out(times(&spec, here.time));
                return 0;
            }
            notes.iter().for_each(|text| log::debug!("{text}"));
            let start = (spec, has_units, warnings);
            supervise(start, &inherited, here.pid1, &options, request)
        }
    }
}

fn supervise(
    (spec, has_units, warnings): (Spec, bool, Vec<Box<str>>),
    inherited: &Inherited,
    pid1: bool,
    options: &Options,
    request: Request,
) -> i32 {
    if !pid1 && !spec.init.nested && supervise::pid1_supervises() {
        print::err(
            "rinit: rinit runs as pid 1; use rinitctl\nhelp: `nested = true` in [init] allows a second one\n",
        );
        return FAILED;
    }
    let main = MainOptions {
        to_group: options.group,
        codes: options.codes,
        rewrite: options.rewrite,
        parent_death: options.parent_death,
    };
    match supervise::run(Start {
        spec,
        has_units,
        warnings,
        inherited,
        main,
        request,
    }) {
        Ok(code) => i32::from(code),
        Err(trouble) => {
            print::err(format_args!("rinit: cannot start: {trouble}\n"));
            FAILED
        }
    }
}

const NOTHING: &str = "\
rinit: there is nothing to supervise: no /etc/rinit.toml, no /etc/rinit.d/*.toml, no COMMAND, no enabled unit
help: install a package with a service, or write these three lines into /etc/rinit.toml, with your own command:
";

const LINES: &str = "    [service.web]
    command = [\"nginx\", \"-g\", \"daemon off;\"]
    essential = true
";

fn request(options: &Options, inherited: &Inherited, here: Surrounded, colour: bool) -> Request {
    let none = |path: &PathBuf| path == Path::new("none");
    let named = match inherited.variable("RINIT_CONFIG") {
        Some(path) if options.config.is_empty() && !path.is_empty() => {
            vec![PathBuf::from(OsStr::from_bytes(path))]
        }
        Some(_) | None => options.config.clone(),
    };
    let command: Vec<Vec<u8>> = options
        .command(inherited)
        .iter()
        .map(|word| word.bytes().to_vec())
        .collect();
    let called_init = inherited.arguments.get(0).map(basename) == Some(b"init");
    Request {
        unit_root: "/".into(),
        makes: false,
        asked_for: Vec::new(),
        machine: here.pid1 && in_first_namespace(),
        generators: here.uid == 0 && (here.pid1 || called_init || !systemd_runs()),
        // Never a machine's services beside the machine's own init; and `-c none` is none.
        default_units: named.is_empty() && (here.pid1 || called_init || options.check),
        default_places: named.is_empty() && (command.is_empty() || here.pid1 || called_init),
        explicit: named.into_iter().filter(|path| !none(path)).collect(),
        command,
        environment: inherited.environment.iter().filter_map(pair).collect(),
        uid: here.uid,
        rights: here.rights,
        hard_limits: here.hard_limits,
        descriptors: here.descriptors,
        cgroups: here.cgroups,
        group_limits: here.group_limits,
        now: here.time,
        colour,
    }
}

/// Whether the units in /run are another init's.
fn systemd_runs() -> bool {
    let is_named = || std::fs::read("/proc/1/comm").is_ok_and(|name| name == b"systemd\n");
    // rinit may bear that name (`systemd-folder`).
    !crate::supervise::pid1_supervises() && is_named()
}

/// Whether this is no container: the kernel's first PID namespace has always this name.
fn in_first_namespace() -> bool {
    std::fs::read_link("/proc/self/ns/pid").is_ok_and(|name| name == Path::new("pid:[4026531836]"))
}

fn pair(word: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (name, value) = word.split_at(word.iter().position(|byte| *byte == b'=')?);
    Some((name.to_vec(), value.get(1..)?.to_vec()))
}

/// What `--check` prints: what starts at the same moment stands on one line.
fn order(spec: &Spec) -> String {
    let mut text = String::new();
    let starting = |id: &ServiceId| {
        let service = spec.services.get(id.index())?;
        service.schedule.is_none().then_some(&*service.name)
    };
    let levels = start_order(spec);
    let levels = levels
        .iter()
        .map(|level| level.iter().filter_map(starting).collect::<Vec<_>>())
        .filter(|names| !names.is_empty());
    for (number, names) in (1..).zip(levels) {
        text.push_str(&format!("{number:>3}  {}\n", names.join("  ")));
    }
    for service in spec.services.iter().filter(|service| !service.enabled) {
        text.push_str(&format!(
            "  -  {} (disabled)\n",
            Text(service.name.as_bytes())
        ));
    }
    text
}

/// So many times of each schedule are shown.
const TIMES_SHOWN: usize = 3;

/// What `--check` prints of schedules: when they run next.
fn times(spec: &Spec, now: i64) -> String {
    let mut text = String::new();
    for service in spec.services.iter().filter(|service| service.enabled) {
        let Some(schedule) = service.schedule.as_deref() else {
            continue;
        };
        let _ = write!(text, "  @  {}: ", Text(service.name.as_bytes()));
        let _ = match &schedule.when {
            When::Every(interval) => write!(text, "every {}", Span(*interval)),
            When::Calendar(times) => next_times(times, now, &mut text),
            When::Timer(timer) => timer_times(timer, now, &mut text),
        };
        if !schedule.jitter.is_zero() {
            let _ = write!(text, ", up to {} later", Span(schedule.jitter));
        }
        text.push('\n');
    }
    text
}

/// What a timer's unit says.
fn timer_times(timer: &Timer, now: i64, text: &mut String) -> fmt::Result {
    next_times(&timer.calendars, now, text)?;
    let after_boot = timer.after_boot.iter().map(|time| (*time, "the boot"));
    let began = timer.after_start.map(|time| (time, "its last run began"));
    let ended = timer.after_end.map(|time| (time, "its last run ended"));
    let mut between = if timer.calendars.is_empty() { "" } else { ", " };
    for (time, what) in after_boot.chain(began).chain(ended) {
        write!(text, "{between}{} after {what}", Span(time))?;
        between = ", ";
    }
    Ok(())
}

/// The next times, each by the clock of its own zone.
fn next_times(times: &[Times], mut after: i64, text: &mut String) -> fmt::Result {
    let mut between = "";
    for _ in 0..TIMES_SHOWN {
        let mut first: Option<At<'_>> = None;
        for times in times {
            if let Some(instant) = times.next(after)
                && first.is_none_or(|first| instant < first.instant)
            {
                let zone = &times.zone;
                first = Some(At { zone, instant });
            }
        }
        let Some(first) = first else {
            break;
        };
        write!(text, "{between}{first}")?;
        between = ", ";
        after = first.instant;
    }
    Ok(())
}
