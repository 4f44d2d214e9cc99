//! `rinitctl`, the same as `rinit ctl`: a verb for the running rinit.

use std::fmt::Display;

use super::asking::{self, With};
use super::getopt::{Flag, Help, Parser, Rules};
use super::print::{self, Text, USAGE};
use crate::control::{Answer, NoAnswer, ask, places};
use crate::single::Inherited;

/// Exit status when no rinit answers.
const NOBODY: i32 = 5;
/// Exit status of a request that was refused, or failed.
const REFUSED: i32 = 1;
/// Exit status of a request that names a service which isn't there.
const UNKNOWN: i32 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Socket,
    Json,
    Signal,
    Code,
    Help,
}

const FLAGS: &[Flag<Kind>] = &[
    Flag {
        kind: Kind::Socket,
        short: None,
        long: "socket",
        argument: "PATH",
        doc: "where rinit listens",
    },
    Flag {
        kind: Kind::Json,
        short: None,
        long: "json",
        argument: "",
        doc: "print the answer as JSON",
    },
    Flag {
        kind: Kind::Signal,
        short: None,
        long: "signal",
        argument: "S",
        doc: "of kill: which one (SIGTERM)",
    },
    Flag {
        kind: Kind::Code,
        short: None,
        long: "code",
        argument: "N",
        doc: "of shutdown: the exit status, where it would be 0",
    },
    Flag {
        kind: Kind::Help,
        short: Some('h'),
        long: "help",
        argument: "",
        doc: "print this",
    },
];

/// Verbs of later versions: known, so that nobody takes them for a mistake of theirs.
const LATER: &[&str] = &[
    "status",
    "list",
    "show",
    "why",
    "events",
    "logs",
    "health",
    "reload",
    "wait",
    "plan",
    "apply",
    "exec",
    "graph",
    "boot-chart",
];

/// The words from number `first` on are its own.
pub fn run(inherited: &mut Inherited, first: usize) -> i32 {
    let told = inherited
        .variable("RINIT_CONTROL_SOCKET")
        .filter(|path| !path.is_empty())
        .map(<[u8]>::to_vec);
    let runtime_dir = inherited.variable("XDG_RUNTIME_DIR");
    let mut socket = told.map(|path| String::from_utf8_lossy(&path).into_owned());
    let mut json = false;
    let mut with = With::default();
    let rules = Rules {
        permute: true,
        abbreviate: false,
    };
    let mut parser = Parser::new_at(FLAGS, rules, &mut inherited.arguments, first);
    while let Some(given) = parser.next_option() {
        match given {
            Err(fault) => return usage(fault),
            Ok((Kind::Socket, path)) => socket = Some(Text(path).to_string()),
            Ok((Kind::Json, _)) => json = true,
            Ok((Kind::Signal, signal)) => with.signal = Some(Text(signal).to_string()),
            Ok((Kind::Code, code)) => with.code = Some(Text(code).to_string()),
            Ok((Kind::Help, _)) => {
                print::out(format_args!(
                    "usage: rinitctl [OPTIONS] VERB\n\n{}\n{}",
                    asking::help(),
                    Help(FLAGS)
                ));
                return 0;
            }
        }
    }
    let operands = parser.operands();
    let Some(verb) = inherited.arguments.get(operands) else {
        return usage("there is no verb");
    };
    let names = (operands.saturating_add(1)..).map_while(|n| inherited.arguments.get(n));
    let names: Vec<&[u8]> = names.collect();
    let request = match asking::request(verb, &names, with) {
        Some(Ok(request)) => request,
        Some(Err(wrong)) => return usage(wrong),
        None if LATER.iter().any(|later| later.as_bytes() == verb) => {
            return usage(format_args!("{} is not in this version yet", Text(verb)));
        }
        None => return usage(format_args!("there is no verb {}", Text(verb))),
    };
    let places = places(socket, runtime_dir);
    match ask(&places, &request) {
        Err(NoAnswer::TooLong) => usage("so many names are more than one request takes"),
        Ok(answer) => tell(&answer, json),
        Err(NoAnswer::Nobody(errno)) => {
            print::err(format_args!(
                "rinitctl: no rinit answers at {}: {}\n",
                places.join(", "),
                crate::single::Errno::from(errno)
            ));
            NOBODY
        }
        Err(NoAnswer::Silence) => {
            print::err(
                "rinitctl: what listens there gives no answer that this version understands\n",
            );
            NOBODY
        }
    }
}

fn tell(answer: &Answer, json: bool) -> i32 {
    match answer {
        _ if json => print::out(Text(&answer.line())),
        Answer::Version { version, pid, .. } => {
            print::out(format_args!("rinit {version}, pid {pid}\n"))
        }
        Answer::Refused { error, .. } => print::err(format_args!("rinitctl: {error}\n")),
        Answer::Done { said: None, .. } => {}
        Answer::Done {
            said: Some(said), ..
        } => print::out(format_args!("{said}\n")),
    }
    match answer {
        Answer::Version { .. } | Answer::Done { .. } => 0,
        Answer::Refused { unknown: true, .. } => UNKNOWN,
        Answer::Refused { .. } => REFUSED,
    }
}

fn usage(wrong: impl Display) -> i32 {
    print::err(format_args!(
        "rinitctl: {wrong}\nhelp: rinitctl --help lists every verb and option\n"
    ));
    USAGE
}
