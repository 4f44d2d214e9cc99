//! `journalctl`: what `rinitctl logs` tells, under the options and in the forms that fingers
//! and scripts know. There is no journal on disk: what concerns its files is done already.

mod entry;
mod times;

use std::cell::RefCell;

use serde_json::Value;

use self::entry::Form;
use super::ctl::{Wanted, tell_logs};
use super::environment::text;
use super::getopt::{Flag, Help, Parser, Rules, both, long, short};
use super::print::{self, Text};
use crate::control::{UNKNOWN, obey_signals, places, wall_clock};
use crate::single::Inherited;

/// Every failure.
const FAILED: i32 = 1;
/// So many lines come before those that are followed.
const BEFORE: u64 = 10;
/// So many are looked at from the end.
const AT_END: u64 = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unit,
    Follow,
    Lines,
    End,
    Since,
    Until,
    Output,
    Reverse,
    Quiet,
    Kernel,
    /// Of the journal's files, which there aren't.
    Files,
    Help,
    Version,
    /// Of no meaning here.
    Taken,
}

const FLAGS: &[Flag<Kind>] = &[
    both(
        Kind::Unit,
        'u',
        "unit",
        "UNIT",
        "only lines of this unit (repeatable; * and ?)",
    ),
    both(Kind::Follow, 'f', "follow", "", "and all that comes"),
    both(Kind::Lines, 'n', "lines", "N", "only the last N, or all"),
    both(Kind::End, 'e', "pager-end", "", "the last 1000"),
    both(Kind::Since, 'S', "since", "TIME", "not before this time"),
    both(Kind::Until, 'U', "until", "TIME", "not after it"),
    both(
        Kind::Output,
        'o',
        "output",
        "FORM",
        "short, short-iso, short-precise, short-unix, cat or json",
    ),
    both(Kind::Reverse, 'r', "reverse", "", "the newest first"),
    both(
        Kind::Quiet,
        'q',
        "quiet",
        "",
        "don't say that there is nothing",
    ),
    both(
        Kind::Kernel,
        'k',
        "dmesg",
        "",
        "the kernel's lines, which aren't kept here",
    ),
    both(Kind::Help, 'h', "help", "", "print this"),
    long(
        Kind::Version,
        "version",
        "",
        "print the version of systemd that this speaks as",
    ),
    long(
        Kind::Files,
        "flush",
        "",
        "taken: there are no files, as with all below",
    ),
    long(Kind::Files, "rotate", "", ""),
    long(Kind::Files, "sync", "", ""),
    long(Kind::Files, "relinquish-var", "", ""),
    long(Kind::Files, "vacuum-size", "SIZE", ""),
    long(Kind::Files, "vacuum-time", "TIME", ""),
    long(Kind::Files, "vacuum-files", "N", ""),
    both(
        Kind::Taken,
        'x',
        "catalog",
        "",
        "taken, and without effect here, as all below",
    ),
    short(Kind::Taken, 'b', "", ""),
    long(Kind::Taken, "boot", "[=ID]", ""),
    both(Kind::Taken, 'a', "all", "", ""),
    both(Kind::Taken, 'l', "full", "", ""),
    both(Kind::Taken, 'm', "merge", "", ""),
    both(Kind::Taken, 'p', "priority", "LEVEL", ""),
    long(Kind::Taken, "no-pager", "", ""),
    long(Kind::Taken, "no-full", "", ""),
    long(Kind::Taken, "no-tail", "", ""),
    long(Kind::Taken, "no-hostname", "", ""),
    long(Kind::Taken, "utc", "", ""),
    long(Kind::Taken, "system", "", ""),
];

/// What was typed.
#[derive(Default)]
struct Options {
    units: Vec<String>,
    follow: bool,
    /// How many; `Some(None)` is all.
    lines: Option<Option<u64>>,
    at_end: bool,
    since: Option<i64>,
    until: Option<i64>,
    form: Form,
    reverse: bool,
    quiet: bool,
    kernel: bool,
    /// There is nothing more to do.
    done: bool,
}

/// Runs it; gives the exit status.
pub(super) fn run(inherited: &mut Inherited) -> i32 {
    let socket = text(inherited, "RINIT_CONTROL_SOCKET");
    obey_signals(inherited);
    let places = places(socket, inherited.variable("XDG_RUNTIME_DIR"));
    let rules = Rules {
        permute: true,
        abbreviate: true,
    };
    let mut options = Options::default();
    let mut parser = Parser::new(FLAGS, rules, &mut inherited.arguments);
    while let Some(given) = parser.next_option() {
        let taken = match given {
            Ok((kind, argument)) => options.take(kind, &Text(argument).to_string()),
            Err(fault) => Err(format!("journalctl: {fault}")),
        };
        if let Err(wrong) = taken {
            return say(&wrong);
        }
    }
    let operands = parser.operands();
    if options.done {
        return 0;
    }
    if let Some(word) = inherited.arguments.get(operands) {
        return say(&format!(
            "journalctl: {} is no option; lines are chosen by -u UNIT alone here",
            Text(word)
        ));
    }
    options.print(&places)
}

fn say(what: &str) -> i32 {
    print::err(format_args!("{what}\n"));
    FAILED
}

impl Options {
    fn take(&mut self, kind: Kind, text: &str) -> Result<(), String> {
        match kind {
            Kind::Unit => self.units.push(text.to_owned()),
            Kind::Follow => self.follow = true,
            Kind::Lines if text == "all" => self.lines = Some(None),
            Kind::Lines => {
                let lines = text.trim_start_matches('+').parse();
                let lines = lines.map_err(|_| format!("Failed to parse lines '{text}'"))?;
                self.lines = Some(Some(lines));
            }
            Kind::End => self.at_end = true,
            Kind::Since => self.since = Some(time(text)?),
            Kind::Until => self.until = Some(time(text)?),
            Kind::Output => {
                let form = Form::parse(text);
                self.form = form.ok_or_else(|| format!("Unknown output format '{text}'."))?;
            }
            Kind::Reverse => self.reverse = true,
            Kind::Quiet => self.quiet = true,
            Kind::Kernel => self.kernel = true,
            Kind::Files => self.done = true,
            Kind::Help => {
                print::out(format_args!(
                    "usage: journalctl [OPTIONS]\n\n{}",
                    Help(FLAGS)
                ));
                self.done = true;
            }
            Kind::Version => {
                let version = env!("CARGO_PKG_VERSION");
                print::out(format_args!(
                    "{} (rinit {version})\n",
                    super::systemctl::SPEAKS
                ));
                self.done = true;
            }
            Kind::Taken => {}
        }
        Ok(())
    }

    fn print(&self, places: &[String]) -> i32 {
        let usual = match (self.follow, self.at_end) {
            (true, _) if self.since.is_none() => Some(BEFORE),
            (false, true) => Some(AT_END),
            _ => None,
        };
        let lines = self.lines.unwrap_or(usual);
        // What is turned round, or cut off at its end, has to be there as a whole.
        let gathers = !self.follow && (self.reverse || self.until.is_some());
        let host = entry::host();
        let terminal = print::out_is_terminal();
        let (printed, gathered) = (RefCell::new(false), RefCell::new(Vec::new()));
        let form = |line: &Value, out: &mut Vec<u8>| {
            let time = line.get("time").and_then(Value::as_i64).unwrap_or(0);
            if self.until.is_some_and(|until| time > until) {
                return;
            }
            printed.replace(true);
            if gathers {
                let mut text = Vec::new();
                self.form.write(line, &host, terminal, &mut text);
                gathered.borrow_mut().push(text);
            } else {
                self.form.write(line, &host, terminal, out);
            }
        };
        let wanted = Wanted {
            follow: self.follow,
            lines: lines.filter(|_| !gathers),
            since: self.since,
            form: &form,
        };
        let code = if self.kernel {
            0
        } else {
            tell_logs(&self.units, wanted, places)
        };
        // It was said that there is no such service; so there are none of its lines.
        let code = if code == i32::from(UNKNOWN) { 0 } else { code };
        let mut all = gathered.into_inner();
        if let Some(lines) = lines.and_then(|lines| usize::try_from(lines).ok()) {
            all.drain(..all.len().saturating_sub(lines));
        }
        if self.reverse {
            all.reverse();
        }
        all.iter().for_each(|text| print::out(Text(text)));
        let nothing = !printed.into_inner() && !self.follow;
        if code == 0 && nothing && !self.quiet {
            print::out("-- No entries --\n");
        }
        i32::from(code != 0)
    }
}

fn time(text: &str) -> Result<i64, String> {
    times::moment(text, wall_clock()).ok_or_else(|| format!("Failed to parse timestamp: {text}"))
}
