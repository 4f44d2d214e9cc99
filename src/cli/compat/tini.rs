//! tini 0.19, which Docker calls docker-init.

use super::{Capital, LICENSE, leading_number};
use crate::cli::getopt::{Flag, Help, Parser, Rules, short};
use crate::cli::print::{self, Text};
use crate::core::signal::Signal;
use crate::single::{self, Codes, Inherited, Notice, Refused, Settings, Stream, Target};

const VERSION: &str = "tini version 0.19.0";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Help,
    Subreaper,
    ParentDeath,
    Verbose,
    Warn,
    Group,
    Code,
    License,
}

const FLAGS: &[Flag<Kind>] = &[
    short(Kind::Help, 'h', "", "print this"),
    short(
        Kind::Subreaper,
        's',
        "",
        "adopt orphans when not PID 1 (TINI_SUBREAPER; done anyway)",
    ),
    short(
        Kind::ParentDeath,
        'p',
        "SIGNAL",
        "want this signal when the parent dies",
    ),
    short(
        Kind::Verbose,
        'v',
        "",
        "more words, up to three times (TINI_VERBOSITY=N)",
    ),
    short(Kind::Warn, 'w', "", "warn of each process that is reaped"),
    short(
        Kind::Group,
        'g',
        "",
        "signal the child's whole group (TINI_KILL_PROCESS_GROUP)",
    ),
    short(
        Kind::Code,
        'e',
        "CODE",
        "report this exit status as 0 (repeatable)",
    ),
    short(Kind::License, 'l', "", "print the licence"),
];

/// What fails before there is a child.
const FAILED: i32 = 1;

pub(in crate::cli) fn run(inherited: &mut Inherited) -> i32 {
    let own = single::own_pid().0;
    let name = inherited.arguments.get(0).unwrap_or(b"tini");
    let name = crate::cli::basename(name);
    if inherited.arguments.len() == 2 && inherited.arguments.get(1) == Some(b"--version") {
        print::out(format_args!("{VERSION}\n"));
        return 0;
    }
    let rules = Rules {
        permute: inherited.variable("POSIXLY_CORRECT").is_none(),
        abbreviate: false,
    };
    let mut verbosity = 1;
    let mut target = Target::Process;
    let mut codes = Codes::NONE;
    let mut parent_death = None;
    let mut warn = false;
    let mut parser = Parser::new(FLAGS, rules, &mut inherited.arguments);
    while let Some(given) = parser.next_option() {
        let (kind, value) = match given {
            Ok(given) => given,
            Err(fault) => {
                print::err(format_args!("{}: {fault}\n{}", Text(name), usage(name)));
                return FAILED;
            }
        };
        match kind {
            Kind::Help => {
                print::out(usage(name));
                return 0;
            }
            Kind::License => {
                print::out(LICENSE);
                return 0;
            }
            Kind::Subreaper => {}
            Kind::Verbose => verbosity += 1,
            Kind::Warn => warn = true,
            Kind::Group => target = Target::Group,
            Kind::ParentDeath => match full_name(value) {
                Some(signal) => parent_death = Some(signal),
                None => return invalid(own, 'p', value),
            },
            Kind::Code => match leading_number(value) {
                (Some(code), []) if u8::try_from(code).is_ok() => {
                    codes.insert(u8::try_from(code).unwrap_or_default());
                }
                _ => return invalid(own, 'e', value),
            },
        }
    }
    let command = parser.operands();
    if let Some(value) = inherited.variable("TINI_VERBOSITY") {
        verbosity = leading_number(value).0.unwrap_or(0);
    }
    if inherited.variable("TINI_KILL_PROCESS_GROUP").is_some() {
        target = Target::Group;
    }
    let Some(program) = inherited.arguments.get(command) else {
        print::err(usage(name));
        return FAILED;
    };
    let notices = move |notice: &Notice<'_>| tell(notice, own, program, verbosity);
    let settings = Settings {
        target,
        codes,
        parent_death,
        warn,
        ..Settings::new(&notices)
    };
    match single::run(&settings, inherited, command) {
        Ok(code) => i32::from(code),
        Err(Refused::Fork(errno)) => {
            print::error(format_args!(
                "[FATAL tini ({own})] fork failed: {}",
                Capital(errno)
            ));
            FAILED
        }
        Err(Refused::Exec(errno)) => {
            print::error(format_args!(
                "[FATAL tini ({own})] exec {} failed: {}",
                Text(program),
                Capital(errno)
            ));
            match errno.0 {
                2 => 127,
                13 => 126,
                _ => FAILED,
            }
        }
    }
}

/// `SIGTERM`, and not `TERM`, `sigterm`, `15` or a real-time one.
fn full_name(value: &[u8]) -> Option<Signal> {
    let text = std::str::from_utf8(value).ok()?;
    Signal::parse(text).filter(|signal| signal.number() < 32 && text == signal.to_string())
}

fn invalid(own: i32, letter: char, value: &[u8]) -> i32 {
    print::error(format_args!(
        "[FATAL tini ({own})] Not a valid option for -{letter}: {}",
        Text(value)
    ));
    FAILED
}

fn usage(name: &[u8]) -> String {
    let name = Text(name);
    format!(
        "{name} ({VERSION}), spoken by rinit\n\
         usage: {name} [OPTIONS] PROGRAM -- [ARGS] | --version\n\n{}",
        Help(FLAGS)
    )
}

/// Warnings on stderr, the rest on stdout.
fn tell(notice: &Notice<'_>, own: i32, program: &[u8], verbosity: i32) {
    const WARN: i32 = 1;
    const INFO: i32 = 2;
    const DEBUG: i32 = 3;
    let warn = |text: std::fmt::Arguments<'_>| {
        if verbosity >= WARN {
            print::line(Stream::Err, format_args!("[WARN  tini ({own})] {text}"));
        }
    };
    let info = |text: std::fmt::Arguments<'_>| {
        if verbosity >= INFO {
            print::line(Stream::Out, format_args!("[INFO  tini ({own})] {text}"));
        }
    };
    match notice {
        Notice::Started { child } => info(format_args!(
            "Spawned child process '{}' with pid '{}'",
            Text(program),
            child.0
        )),
        Notice::Ended { exit, .. } => match exit.signal() {
            None => info(format_args!(
                "Main child exited normally (with status '{}')",
                exit.code()
            )),
            Some(signal) => info(format_args!(
                "Main child exited with signal (with signal '{signal}')"
            )),
        },
        Notice::Forwarded { sent, .. } => {
            if verbosity >= DEBUG {
                print::line(
                    Stream::Out,
                    format_args!("[DEBUG tini ({own})] Passing signal: '{sent}'"),
                );
            }
        }
        Notice::Reaped { pid, .. } => {
            warn(format_args!("Reaped zombie process with pid={}", pid.0));
        }
        Notice::Standing {
            pid,
            parent,
            parent_name,
            ..
        } => warn(format_args!(
            "Zombie process with pid={} is not reaped by its parent {} ({parent_name})",
            pid.0, parent.0
        )),
        Notice::NotForwarded { signal, errno } => {
            warn(format_args!("{signal} not passed on: {}", Capital(*errno)));
        }
        Notice::NoSubreaper(errno) => warn(format_args!(
            "Not running as PID 1 and no child subreaper ({}): zombies will not be reaped",
            Capital(*errno)
        )),
        Notice::NoParentDeath(errno) => warn(format_args!(
            "Parent death goes unnoticed: {}",
            Capital(*errno)
        )),
        Notice::Dropped { .. } => {}
    }
}
