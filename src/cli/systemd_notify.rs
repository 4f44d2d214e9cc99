//! `systemd-notify`: tells the manager of a service how it is, from a script. Comes back
//! when the manager has handled it, so that nothing is lost when the script ends then.

use std::fmt::Display;
use std::os::fd::OwnedFd;

use super::getopt::{Flag, Help, Parser, Rules, both, long};
use super::print::{self, Text};
use crate::core::id::Pid;
use crate::notifier::{self, Message, Untold};
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
    Uid,
    Fd,
    FdName,
    Exec,
    Help,
    Version,
}

const FLAGS: &[Flag<Kind>] = &[
    long(Kind::Ready, "ready", "", "the start, or a reload, is over"),
    long(
        Kind::Reloading,
        "reloading",
        "",
        "a reload begins; --ready ends it",
    ),
    long(Kind::Stopping, "stopping", "", "it goes down by itself"),
    long(
        Kind::Pid,
        "pid",
        "[=PID]",
        "the main process: a number, self, or parent, which is the default",
    ),
    long(Kind::Status, "status", "TEXT", "one line on how it is"),
    long(
        Kind::Booted,
        "booted",
        "",
        "say only whether systemd started the system",
    ),
    long(
        Kind::NoBlock,
        "no-block",
        "",
        "don't wait until it is handled",
    ),
    long(Kind::Uid, "uid", "USER", "in this user's name, by root"),
    long(
        Kind::Fd,
        "fd",
        "N",
        "hand over this descriptor for the next run (repeatable)",
    ),
    long(
        Kind::FdName,
        "fdname",
        "NAME",
        "what the descriptors are called",
    ),
    long(
        Kind::Exec,
        "exec",
        "",
        "then become the command behind a \";\"",
    ),
    both(Kind::Help, 'h', "help", "", "print this"),
    long(Kind::Version, "version", "", "print the version"),
];

/// Runs it; gives the exit status.
pub(super) fn run(inherited: &mut Inherited) -> i32 {
    let address = inherited.variable("NOTIFY_SOCKET");
    let parent = Pid(i32::try_from(std::os::unix::process::parent_id()).unwrap_or(0));
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut descriptors: Vec<OwnedFd> = Vec::new();
    let mut fd_name = None;
    let mut user = None;
    let mut wait = true;
    let mut becomes = false;
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
            Ok((Kind::Uid, name)) => {
                user = std::str::from_utf8(name).ok().and_then(notifier::account);
                if user.is_none() {
                    return failed(format_args!("there is no user {}", Text(name)));
                }
            }
            Ok((Kind::Fd, word)) => match number(word).map(notifier::inherited) {
                Some(Ok(fd)) => descriptors.push(fd),
                Some(Err(errno)) => return failed(format_args!("fd {}: {errno}", Text(word))),
                None => return wrong(format_args!("{} is no descriptor's number", Text(word))),
            },
            Ok((Kind::FdName, name)) => fd_name = Some(name),
            Ok((Kind::Exec, _)) => becomes = true,
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
    let words = inherited.arguments.len();
    let is_divider = |index: &usize| inherited.arguments.get(*index) == Some(&b";"[..]);
    let end = (operands..words).find(|index| becomes && is_divider(index));
    if becomes && end.is_none_or(|end| end.saturating_add(1) >= words) {
        return wrong("--exec wants a \";\" and a command behind it");
    }
    if !descriptors.is_empty() {
        lines.push(b"FDSTORE=1".to_vec());
    }
    lines.extend(fd_name.map(|name| [b"FDNAME=", name].concat()));
    for index in operands..end.unwrap_or(words) {
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
    let message = Message {
        text: &lines.join(&b'\n'),
        descriptors: &descriptors,
        sender,
        user,
    };
    let mut told = notifier::tell(address, &message);
    if wait {
        told = told.and_then(|()| notifier::wait_until_handled(address));
    }
    match told {
        Ok(()) => end.map_or(0, |end| become_command(inherited, end.saturating_add(1))),
        Err(Untold::Refused(errno)) => failed(format_args!("{}: {errno}", Text(address))),
        Err(Untold::Unheard) => failed(format_args!(
            "{}: not handled in time; it may be later",
            Text(address)
        )),
    }
}

/// The rest of the words, executed in our place.
fn become_command(inherited: &Inherited, first: usize) -> i32 {
    let words = inherited.arguments.as_slice().get(first..);
    let words: Vec<_> = words
        .unwrap_or_default()
        .iter()
        .map(|w| w.c_str())
        .collect();
    let errno = notifier::become_program(&words);
    let name = words.first().map_or(&b""[..], |word| word.to_bytes());
    failed(format_args!("{}: {errno}", Text(name)))
}

fn number(word: &[u8]) -> Option<i32> {
    let number = std::str::from_utf8(word).ok()?.parse().ok()?;
    (0..i32::MAX).contains(&number).then_some(number)
}

fn main_process(word: &[u8], parent: Pid) -> Option<Pid> {
    match word {
        b"" | b"auto" | b"parent" => Some(parent),
        b"self" => Some(own_pid()),
        word => number(word).filter(|number| *number > 0).map(Pid),
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
