//! `systemd-notify`: tells the manager of a service how it is, from a script. Comes back
//! when the manager has handled it, so that nothing is lost when the script ends then.

use std::fmt::Display;

use super::getopt::{Flag, Help, Parser, Rules};
use super::print::{self, Text};
use crate::core::id::Pid;
use crate::notifier::{self, Untold};
use crate::single::{Inherited, exists, own_pid};

/// Every failure of the program that this one stands in for.
const FAILED: i32 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ready,
    Reloading,
    Stopping,
    Pid,
    Status,
    Booted,
    NoBlock,
    Help,
    Version,
}

const fn flag(
    kind: Kind,
    long: &'static str,
    argument: &'static str,
    doc: &'static str,
) -> Flag<Kind> {
    Flag {
        kind,
        short: None,
        long,
        argument,
        doc,
    }
}

const FLAGS: &[Flag<Kind>] = &[
    flag(Kind::Ready, "ready", "", "the start, or a reload, is over"),
    flag(
        Kind::Reloading,
        "reloading",
        "",
        "a reload begins; --ready ends it",
    ),
    flag(Kind::Stopping, "stopping", "", "it goes down by itself"),
    flag(
        Kind::Pid,
        "pid",
        "[=PID]",
        "the main process: a number, self, or parent, which is the default",
    ),
    flag(Kind::Status, "status", "TEXT", "one line on how it is"),
    flag(
        Kind::Booted,
        "booted",
        "",
        "say only whether systemd started the system",
    ),
    flag(
        Kind::NoBlock,
        "no-block",
        "",
        "don't wait until it is handled",
    ),
    Flag {
        short: Some('h'),
        ..flag(Kind::Help, "help", "", "print this")
    },
    flag(Kind::Version, "version", "", "print the version"),
];

/// Runs it; gives the exit status.
pub(super) fn run(inherited: &mut Inherited) -> i32 {
    let address = inherited.variable("NOTIFY_SOCKET");
    let parent = Pid(i32::try_from(std::os::unix::process::parent_id()).unwrap_or(0));
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut wait = true;
    // A parent that only reaps is no sender that means anything.
    let mut sender = Some(parent).filter(|pid| pid.0 > 1);
    let rules = Rules {
        permute: true,
        abbreviate: true,
    };
    let mut parser = Parser::new(FLAGS, rules, &mut inherited.arguments);
    while let Some(given) = parser.next_option() {
        match given {
            Err(fault) => return wrong(fault),
            Ok((Kind::Ready, _)) => lines.push(b"READY=1".to_vec()),
            Ok((Kind::Reloading, _)) => {
                let since = notifier::monotonic_micros();
                lines.push(format!("RELOADING=1\nMONOTONIC_USEC={since}").into());
            }
            Ok((Kind::Stopping, _)) => lines.push(b"STOPPING=1".to_vec()),
            Ok((Kind::Status, text)) => lines.push([b"STATUS=", text].concat()),
            Ok((Kind::Pid, word)) => {
                let Some(pid) = main_process(word, parent) else {
                    return wrong(format_args!("{} is no process's number", Text(word)));
                };
                sender = Some(pid);
                lines.push(format!("MAINPID={}", pid.0).into());
            }
            Ok((Kind::NoBlock, _)) => wait = false,
            Ok((Kind::Booted, _)) => return i32::from(!exists(c"/run/systemd/system")),
            Ok((Kind::Help, _)) => {
                print::out(format_args!(
                    "usage: systemd-notify [OPTIONS] [VARIABLE=VALUE...]\n\n{}",
                    Help(FLAGS)
                ));
                return 0;
            }
            Ok((Kind::Version, _)) => {
                print::out(format_args!("rinit {}\n", env!("CARGO_PKG_VERSION")));
                return 0;
            }
        }
    }
    let operands = parser.operands();
    for index in operands..inherited.arguments.len() {
        let word = inherited.arguments.get(index).unwrap_or_default();
        if word.iter().position(|byte| *byte == b'=').unwrap_or(0) == 0 {
            return wrong(format_args!("{} is not VARIABLE=VALUE", Text(word)));
        }
        lines.push(word.to_vec());
    }
    if lines.is_empty() {
        return wrong("there is nothing to tell");
    }
    let Some(address) = address.filter(|address| !address.is_empty()) else {
        return failed("NOTIFY_SOCKET is not set: nobody wants to know");
    };
    let mut told = notifier::tell(address, &lines.join(&b'\n'), sender);
    if wait {
        told = told.and_then(|()| notifier::wait_until_handled(address));
    }
    match told {
        Ok(()) => 0,
        Err(Untold::Refused(errno)) => failed(format_args!("{}: {errno}", Text(address))),
        Err(Untold::Unheard) => failed(format_args!(
            "{}: not handled in time; it may be later",
            Text(address)
        )),
    }
}

fn main_process(word: &[u8], parent: Pid) -> Option<Pid> {
    match word {
        b"" | b"auto" | b"parent" => Some(parent),
        b"self" => Some(own_pid()),
        number => {
            let number: i32 = std::str::from_utf8(number).ok()?.parse().ok()?;
            (number > 0).then_some(Pid(number))
        }
    }
}

fn wrong(what: impl Display) -> i32 {
    failed(format_args!(
        "{what}\nhelp: systemd-notify --help lists every option"
    ))
}

fn failed(what: impl Display) -> i32 {
    print::err(format_args!("systemd-notify: {what}\n"));
    FAILED
}
