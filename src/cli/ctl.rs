//! `rinitctl`, the same as `rinit ctl`: a verb for the running rinit.

use std::fmt::Display;

use super::getopt::{Flag, Help, Parser, Rules};
use super::print::{self, Text, USAGE};
use crate::control::{Answer, NoAnswer, Request, ask, places};
use crate::single::Inherited;

/// Exit status when no rinit answers.
const NOBODY: i32 = 5;
/// Exit status of a request that was refused.
const REFUSED: i32 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Socket,
    Json,
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
    "start",
    "stop",
    "restart",
    "reload",
    "kill",
    "wait",
    "reset",
    "plan",
    "apply",
    "exec",
    "graph",
    "boot-chart",
    "shutdown",
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
            Ok((Kind::Help, _)) => {
                print::out(format_args!(
                    "usage: rinitctl [OPTIONS] VERB\n\n  version  what runs, and as which pid\n\n{}",
                    Help(FLAGS)
                ));
                return 0;
            }
        }
    }
    let operands = parser.operands();
    let verb = match inherited.arguments.get(operands) {
        None => return usage("there is no verb"),
        Some(b"version") => "version",
        Some(verb) if LATER.iter().any(|later| later.as_bytes() == verb) => {
            return usage(format_args!("{} is not in this version yet", Text(verb)));
        }
        Some(verb) => return usage(format_args!("there is no verb {}", Text(verb))),
    };
    if let Some(word) = inherited.arguments.get(operands + 1) {
        return usage(format_args!("{verb} takes no {}", Text(word)));
    }
    let places = places(socket, runtime_dir);
    match ask(
        &places,
        &Request {
            verb: verb.to_owned(),
        },
    ) {
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
    }
    match answer {
        Answer::Version { .. } => 0,
        Answer::Refused { .. } => REFUSED,
    }
}

fn usage(wrong: impl Display) -> i32 {
    print::err(format_args!(
        "rinitctl: {wrong}\nhelp: rinitctl version says what runs; rinitctl --help lists every option\n"
    ));
    USAGE
}
