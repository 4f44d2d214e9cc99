//! catatonit 0.1, which Podman mounts as podman-init.

use super::{Capital, LICENSE};
use crate::cli::getopt::{Flag, Help, Parser, Rules, both, short};
use crate::cli::print::{self, Text};
use crate::single::{self, Inherited, Notice, Refused, Settings, Stream, Target};

/// Begins so because dockerd wants it so.
const VERSION: &str = "tini version 0.1.7_catatonit";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Group,
    Help,
    License,
    Pause,
    Version,
}

const FLAGS: &[Flag<Kind>] = &[
    short(Kind::Group, 'g', "", "signal the child's whole group"),
    short(Kind::Help, 'h', "", "print this"),
    short(Kind::License, 'L', "", "print the licence"),
    short(
        Kind::Pause,
        'P',
        "",
        "run nothing; reap until SIGTERM or SIGINT",
    ),
    both(Kind::Version, 'V', "version", "", "print the version"),
];

/// Whatever fails.
const FAILED: i32 = 1;

pub(in crate::cli) fn run(inherited: &mut Inherited) -> i32 {
    let own = single::own_pid().0;
    let name = Text(inherited.arguments.get(0).unwrap_or(b"catatonit"));
    let rules = Rules {
        permute: inherited.variable("POSIXLY_CORRECT").is_none(),
        abbreviate: true,
    };
    let mut target = Target::Process;
    let mut pause = false;
    let mut parser = Parser::new(FLAGS, rules, &mut inherited.arguments);
    while let Some(given) = parser.next_option() {
        match given {
            Ok((Kind::Group, _)) => target = Target::Group,
            Ok((Kind::Pause, _)) => pause = true,
            Ok((Kind::Help, _)) => {
                print::err(format_args!("{}\n{}", usage(&name), Help(FLAGS)));
                return 0;
            }
            Ok((Kind::License, _)) => {
                print::out(LICENSE);
                return 0;
            }
            Ok((Kind::Version, _)) => {
                print::out(format_args!("{VERSION}\n"));
                return 0;
            }
            Err(fault) => {
                print::err(format_args!("{name}: {fault}\n{}", usage(&name)));
                return FAILED;
            }
        }
    }
    let command = parser.operands();
    if inherited.variable("CATATONIT_LOG").is_some() {
        fatal(
            own,
            format_args!("CATATONIT_LOG is reserved for future use"),
        );
        return FAILED;
    }
    if pause {
        single::pause();
        return 0;
    }
    let Some(program) = inherited.arguments.get(command) else {
        fatal(own, format_args!("missing program name"));
        print::err(usage(&name));
        return FAILED;
    };
    let debug = inherited.variable("CATATONIT_DEBUG").is_some();
    let notices = move |notice: &Notice<'_>| tell(notice, own, program, debug);
    let settings = Settings {
        target,
        listen_pid: true,
        ..Settings::new(&notices)
    };
    match single::run(&settings, inherited, command) {
        Ok(code) => i32::from(code),
        Err(Refused::Fork(errno)) => {
            fatal(own, format_args!("failed to fork: {}", Capital(errno)));
            FAILED
        }
        Err(Refused::Exec(errno)) => {
            // The name is what people miss in the original's line.
            fatal(
                own,
                format_args!("failed to exec pid1: {}: {}", Text(program), Capital(errno)),
            );
            FAILED
        }
    }
}

fn usage(name: &Text<'_>) -> String {
    format!("usage: {name} [-ghLPV] [--] <progname> [<arguments>...]\n")
}

fn fatal(own: i32, text: std::fmt::Arguments<'_>) {
    print::error(format_args!("ERROR (catatonit:{own}): {text}"));
}

fn tell(notice: &Notice<'_>, own: i32, program: &[u8], debug: bool) {
    if !debug {
        return;
    }
    let say = |text: std::fmt::Arguments<'_>| {
        print::line(Stream::Err, format_args!("DEBUG (catatonit:{own}): {text}"));
    };
    match notice {
        Notice::Started { child } => {
            say(format_args!(
                "pid1 ({}) spawned: {}",
                child.0,
                Text(program)
            ));
        }
        Notice::Forwarded { sent, child, .. } => {
            say(format_args!("{sent} forwarded to {}", child.0));
        }
        Notice::NotForwarded { signal, errno } => {
            say(format_args!("{signal} not forwarded: {}", Capital(*errno)));
        }
        Notice::Ended { child, exit } => say(format_args!("pid1 ({}) {exit}", child.0)),
        Notice::NoSubreaper(errno) => {
            say(format_args!("no subreaper: {}", Capital(*errno)));
        }
        Notice::Dropped { .. }
        | Notice::Reaped { .. }
        | Notice::Standing { .. }
        | Notice::NoParentDeath(_) => {}
    }
}
