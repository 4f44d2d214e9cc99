//! `journalctl`: what `rinitctl logs` tells, under the options and in the forms that fingers
//! and scripts know. There is no journal on disk: what concerns its files is done already.

mod entry;
mod times;

use std::cell::RefCell;

use serde_json::Value;

pub(super) use self::entry::host;
use self::entry::{Entry, Form};
use super::ctl::{Wanted, levels, services_of, standing, tell_logs};
use super::environment::text;
use super::getopt::{Flag, Help, Parser, Rules, both, long};
use super::print::{self, Text};
use crate::control::{UNKNOWN, obey_signals, places, wall_clock};
use crate::core::pattern::Pattern;
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
    Boot,
    Priority,
    Identifier,
    Grep,
    NoHost,
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
    both(
        Kind::Lines,
        'n',
        "lines",
        "[=N]",
        "only the last N (10), or all",
    ),
    both(Kind::End, 'e', "pager-end", "", "the last 1000"),
    both(Kind::Since, 'S', "since", "TIME", "not before this time"),
    both(Kind::Until, 'U', "until", "TIME", "not after it"),
    both(
        Kind::Output,
        'o',
        "output",
        "FORM",
        "short, short-full, short-iso, short-precise, short-unix, cat or json",
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
    both(
        Kind::Priority,
        'p',
        "priority",
        "LEVEL",
        "not what says to be less urgent",
    ),
    both(
        Kind::Identifier,
        't',
        "identifier",
        "NAME",
        "of who is called so",
    ),
    both(Kind::Grep, 'g', "grep", "PATTERN", "in which this occurs"),
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
    long(Kind::Files, "smart-relinquish-var", "", ""),
    long(Kind::Files, "header", "", ""),
    long(Kind::Files, "verify", "", ""),
    long(Kind::Files, "list-boots", "", ""),
    long(Kind::Files, "update-catalog", "", ""),
    long(Kind::Files, "disk-usage", "", ""),
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
    both(Kind::Boot, 'b', "boot", "[=ID]", ""),
    both(Kind::Taken, 'a', "all", "", ""),
    both(Kind::Taken, 'l', "full", "", ""),
    both(Kind::Taken, 'm', "merge", "", ""),
    long(Kind::Taken, "no-pager", "", ""),
    long(Kind::Taken, "no-full", "", ""),
    long(Kind::Taken, "no-tail", "", ""),
    long(Kind::NoHost, "no-hostname", "", ""),
    long(Kind::Taken, "output-fields", "LIST", ""),
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
    no_host: bool,
    /// The most and the least urgent level.
    levels: Option<(u8, u8)>,
    identifiers: Vec<String>,
    pattern: Option<Pattern>,
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
    for at in operands..inherited.arguments.len() {
        let word = inherited.arguments.get(at).unwrap_or_default();
        let word = Text(word).to_string();
        match word.split_once('=') {
            Some(("_SYSTEMD_UNIT" | "UNIT", unit)) => options.units.push(unit.to_owned()),
            Some(("SYSLOG_IDENTIFIER", name)) => options.identifiers.push(name.to_owned()),
            _ => {
                return say(&format!(
                    "journalctl: {word} is no option; lines are chosen by -u UNIT, -t NAME, -p LEVEL and -g PATTERN here"
                ));
            }
        }
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
            Kind::Lines if text.is_empty() => self.lines = Some(Some(BEFORE)),
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
            // All that there is is of this boot.
            Kind::Boot if text.starts_with('-') => {
                return Err(format!(
                    "Data from the specified boot ({text}) is not available: No such boot ID in journal"
                ));
            }
            Kind::NoHost => self.no_host = true,
            Kind::Priority => {
                let found = levels(text);
                self.levels = Some(found.ok_or_else(|| format!("Unknown log level {text}"))?);
            }
            Kind::Identifier => self.identifiers.push(text.to_owned()),
            Kind::Grep => {
                let any_case = !text.bytes().any(|byte| byte.is_ascii_uppercase());
                let whole = format!("{}{text}", if any_case { "(?i)" } else { "" });
                let pattern = Pattern::new(&whole);
                self.pattern = Some(pattern.map_err(|wrong| format!("journalctl: {wrong}"))?);
            }
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
            Kind::Boot | Kind::Taken => {}
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
        let troubles = self.troubles(places);
        let most = lines.and_then(|lines| usize::try_from(lines).ok());
        let troubles = troubles
            .get(..most.unwrap_or(usize::MAX))
            .unwrap_or(&troubles);
        // What is turned round, cut off at its end or chosen has to be there as a whole.
        let chooses = self.levels.is_some() || self.pattern.is_some();
        let chooses = chooses || self.until.is_some() || !self.identifiers.is_empty();
        let gathers = !self.follow && (self.reverse || chooses);
        let host = match self.no_host {
            true => String::new(),
            false => host() + " ",
        };
        let terminal = print::out_is_terminal();
        let gathered = RefCell::new((false, Vec::new()));
        let tell = |entry: &Entry, out: &mut Vec<u8>| {
            if !self.wants(entry) {
                return;
            }
            let (printed, all) = &mut *gathered.borrow_mut();
            *printed = true;
            if gathers {
                let mut text = Vec::new();
                self.form.write(entry, &host, &mut text);
                all.push(text);
            } else {
                self.form.write(entry, &host, out);
            }
        };
        let left = |lines: u64| lines.saturating_sub(troubles.len() as u64);
        let wanted = Wanted {
            follow: self.follow,
            lines: lines.filter(|_| !gathers).map(left),
            since: self.since,
            form: &|line, out| tell(&Entry::of(line, terminal), out),
        };
        let code = if self.kernel {
            0
        } else {
            tell_logs(&self.units, wanted, places)
        };
        let mut out = Vec::new();
        troubles.iter().for_each(|entry| tell(entry, &mut out));
        print::out(Text(&out));
        // It was said that there is no such service; so there are none of its lines.
        let code = if code == i32::from(UNKNOWN) { 0 } else { code };
        let (printed, mut all) = gathered.into_inner();
        if let Some(most) = most {
            all.drain(..all.len().saturating_sub(most));
        }
        if self.reverse {
            all.reverse();
        }
        all.iter().for_each(|text| print::out(Text(text)));
        if code == 0 && !printed && !self.follow {
            if self.pattern.is_some() {
                return FAILED;
            }
            if !self.quiet {
                print::out("-- No entries --\n");
            }
        }
        i32::from(code != 0)
    }

    fn wants(&self, entry: &Entry) -> bool {
        let ids = &self.identifiers;
        // What says nothing of it may be anything.
        let within = |(first, last): (u8, u8)| {
            entry
                .level
                .is_none_or(|level| (first..=last).contains(&level))
        };
        self.until.is_none_or(|until| entry.time <= until)
            && self.levels.is_none_or(within)
            && (ids.is_empty() || ids.iter().any(|name| entry.is_of(name)))
            && (self.pattern.as_ref()).is_none_or(|pattern| pattern.occurs_in(&entry.text))
    }

    /// What has become of those that have failed, which no line of theirs says: rinit's own
    /// last word of each.
    fn troubles(&self, places: &[String]) -> Vec<Entry> {
        if self.units.is_empty() || self.follow || self.kernel {
            return Vec::new();
        }
        let all = standing(&self.units, places);
        let mut all: Vec<Entry> = services_of(&all).filter_map(trouble).collect();
        all.retain(|entry| self.since.is_none_or(|since| entry.time >= since));
        all
    }
}

/// What has become of one that has failed.
fn trouble(service: &Value) -> Option<Entry> {
    let text = |key| service.get(key).and_then(Value::as_str);
    if !matches!(text("state"), Some("failed" | "backoff")) {
        return None;
    }
    let time = service.get("since").and_then(Value::as_i64)?;
    let said = format!("{}.service: {}", text("name")?, text("reason")?);
    Some(Entry {
        time,
        service: "rinit".to_owned(),
        pid: None,
        level: Some(4),
        text: said.into_bytes(),
    })
}

/// The last lines of a service as `systemctl status` has them, and what has become of it.
pub(super) fn last_lines(service: &Value, lines: u64, places: &[String]) -> Vec<u8> {
    let trouble = trouble(service);
    let name = service.get("name").and_then(Value::as_str);
    let lines = lines.saturating_sub(u64::from(trouble.is_some()));
    let told = super::ctl::last_lines(name.unwrap_or_default(), lines, places);
    let told = told.iter().map(|line| Entry::of(line, true));
    let host = host() + " ";
    let mut out = Vec::new();
    for entry in told.chain(trouble) {
        Form::Short.write(&entry, &host, &mut out);
    }
    out
}

fn time(text: &str) -> Result<i64, String> {
    times::moment(text, wall_clock()).ok_or_else(|| format!("Failed to parse timestamp: {text}"))
}
