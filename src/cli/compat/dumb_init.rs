//! dumb-init 1.2.

use super::{Capital, leading_number};
use crate::cli::getopt::{Flag, Help, Parser, Rules, both};
use crate::cli::print::{self, Text};
use crate::core::signal::Signal;
use crate::single::{self, Inherited, Notice, Place, Refused, Rewrite, Settings, Stream, Target};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    SingleChild,
    Rewrite,
    Verbose,
    Help,
    Version,
}

const FLAGS: &[Flag<Kind>] = &[
    both(
        Kind::SingleChild,
        'c',
        "single-child",
        "",
        "no session: signal the child alone (DUMB_INIT_SETSID=0)",
    ),
    both(
        Kind::Rewrite,
        'r',
        "rewrite",
        "S:R",
        "forward signal S as R, by number; R = 0 drops it (repeatable)",
    ),
    both(
        Kind::Verbose,
        'v',
        "verbose",
        "",
        "tell what is done, on stderr (DUMB_INIT_DEBUG=1)",
    ),
    both(Kind::Help, 'h', "help", "", "print this"),
    both(Kind::Version, 'V', "version", "", "print the version"),
];

/// What fails before there is a child.
const FAILED: i32 = 1;
/// The child could not become its program.
const NO_EXEC: i32 = 2;

pub(in crate::cli) fn run(inherited: &mut Inherited) -> i32 {
    let name = Text(inherited.arguments.get(0).unwrap_or(b"dumb-init"));
    let mut session = true;
    let mut verbose = inherited.variable("DUMB_INIT_DEBUG") == Some(b"1");
    let mut rewrite = Rewrite::NONE;
    let rules = Rules {
        permute: false,
        abbreviate: true,
    };
    let mut parser = Parser::new(FLAGS, rules, &mut inherited.arguments);
    while let Some(given) = parser.next_option() {
        let (kind, value) = match given {
            Ok(given) => given,
            Err(fault) => {
                print::error(format_args!("{name}: {fault}"));
                return FAILED;
            }
        };
        match kind {
            Kind::SingleChild => session = false,
            Kind::Verbose => verbose = true,
            Kind::Help => {
                print::err(format_args!(
                    "dumb-init v1.2.5, spoken by rinit\n\
                     usage: {name} [options] program [args]\n\n{}",
                    Help(FLAGS)
                ));
                return 0;
            }
            Kind::Version => {
                print::err("dumb-init v1.2.5\n");
                return 0;
            }
            Kind::Rewrite => match pair(value) {
                Some((from, to)) => rewrite.set(from, to),
                None => {
                    print::err(
                        "usage: -r takes SIGNAL:REPLACEMENT, the first from 1 to 31, \
                         the second from 0 (drop it) to 31; it may be repeated\n",
                    );
                    return FAILED;
                }
            },
        }
    }
    let command = parser.operands();
    if inherited.variable("DUMB_INIT_SETSID") == Some(b"0") {
        session = false;
    }
    let Some(program) = inherited.arguments.get(command) else {
        print::err(format_args!(
            "Usage: {name} [option] program [args]\nTry {name} --help for full usage.\n"
        ));
        return FAILED;
    };
    if session {
        // A session has no shell that could continue what only asked to be stopped.
        for signal in [Signal::TSTP, Signal::TTIN, Signal::TTOU] {
            rewrite.set_default(signal, Some(Signal::STOP));
        }
    }
    let notices = move |notice: &Notice<'_>| tell(notice, verbose);
    let (target, place) = if session {
        (Target::Group, Place::OwnSession)
    } else {
        (Target::Process, Place::Ours)
    };
    let settings = Settings {
        target,
        place,
        rewrite,
        end_group: session,
        reset: true,
        ..Settings::new(&notices)
    };
    match single::run(&settings, inherited, command) {
        Ok(code) => i32::from(code),
        Err(Refused::Fork(errno)) => {
            print::error(format_args!(
                "[dumb-init] Unable to fork. {}",
                Capital(errno)
            ));
            FAILED
        }
        Err(Refused::Exec(errno)) => {
            print::error(format_args!(
                "[dumb-init] {}: {}",
                Text(program),
                Capital(errno)
            ));
            NO_EXEC
        }
    }
}

/// `S:R` by numbers; what follows R does not matter.
fn pair(value: &[u8]) -> Option<(Signal, Option<Signal>)> {
    let (from, rest) = leading_number(value);
    let (to, _) = leading_number(rest.strip_prefix(b":")?);
    let from = Signal::new(from?).filter(|signal| signal.number() < 32)?;
    match to? {
        0 => Some((from, None)),
        number => {
            let to = Signal::new(number).filter(|signal| signal.number() < 32)?;
            Some((from, Some(to)))
        }
    }
}

fn tell(notice: &Notice<'_>, verbose: bool) {
    if !verbose {
        return;
    }
    let say = |text: std::fmt::Arguments<'_>| {
        print::line(Stream::Err, format_args!("[dumb-init] {text}"));
    };
    match notice {
        Notice::Started { child } => {
            say(format_args!("Child spawned with PID {}.", child.0));
        }
        Notice::Forwarded { signal, sent, .. } => {
            say(format_args!("Received signal {}.", signal.number()));
            say(format_args!(
                "Forwarded signal {} to children.",
                sent.number()
            ));
        }
        Notice::NotForwarded { signal, errno } => {
            say(format_args!("Received signal {}.", signal.number()));
            say(format_args!("Not forwarded: {}.", Capital(*errno)));
        }
        Notice::Dropped { signal } => {
            say(format_args!("Received signal {}.", signal.number()));
            say(format_args!(
                "Not forwarding signal {} to children (ignored).",
                signal.number()
            ));
        }
        Notice::Ended { exit, .. } => match exit.signal() {
            None => say(format_args!(
                "Child exited with status {}. Goodbye.",
                exit.code()
            )),
            Some(signal) => say(format_args!(
                "Child exited with signal {}. Goodbye.",
                signal.number()
            )),
        },
        Notice::Reaped { .. }
        | Notice::Standing { .. }
        | Notice::NoSubreaper(_)
        | Notice::NoParentDeath(_) => {}
    }
}
