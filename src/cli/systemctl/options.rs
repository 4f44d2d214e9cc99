//! Its options: those that mean something here, and those that are taken because scripts
//! give them.

use std::path::PathBuf;

use crate::cli::getopt::{Fault, Flag, both, long, short};
use crate::cli::print::Text;
use crate::core::signal::Signal;
use crate::units::{KINDS, PresetMode};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Now,
    Quiet,
    Force,
    NoBlock,
    NoReload,
    Runtime,
    Root,
    User,
    Global,
    Type,
    State,
    Failed,
    Property,
    PropertyValue,
    Value,
    All,
    Plain,
    Full,
    NoLegend,
    Legend,
    Signal,
    Whom,
    Lines,
    PresetMode,
    Reverse,
    Wait,
    JobMode,
    Output,
    Help,
    Version,
    /// Of no meaning here.
    Taken,
}

pub(super) const FLAGS: &[Flag<Kind>] = &[
    long(Kind::Now, "now", "", "start or stop it as well"),
    both(Kind::Quiet, 'q', "quiet", "", "say nothing"),
    both(
        Kind::Force,
        'f',
        "force",
        "",
        "replace links that are in the way",
    ),
    long(Kind::NoBlock, "no-block", "", "don't wait until it is so"),
    long(
        Kind::NoReload,
        "no-reload",
        "",
        "don't read the configuration after links changed",
    ),
    long(
        Kind::Runtime,
        "runtime",
        "",
        "links in /run, which the next start forgets",
    ),
    long(
        Kind::Root,
        "root",
        "DIR",
        "act on the links and units below this folder",
    ),
    long(
        Kind::User,
        "user",
        "",
        "a manager of a user, which there isn't",
    ),
    long(Kind::Global, "global", "", "the same"),
    both(Kind::Type, 't', "type", "TYPE", "only units of these types"),
    long(Kind::State, "state", "STATE", "only units in these states"),
    long(Kind::Failed, "failed", "", "the same as --state=failed"),
    both(
        Kind::Property,
        'p',
        "property",
        "NAME",
        "show only these properties",
    ),
    short(
        Kind::PropertyValue,
        'P',
        "NAME",
        "the same as --value --property=NAME",
    ),
    long(Kind::Value, "value", "", "show values without names"),
    both(
        Kind::All,
        'a',
        "all",
        "",
        "also what isn't active, or is empty",
    ),
    long(Kind::Plain, "plain", "", "no dots, no tree"),
    long(Kind::NoLegend, "no-legend", "", "no heading, no count"),
    long(Kind::Legend, "legend", "BOOL", "heading and count, or none"),
    both(
        Kind::Signal,
        's',
        "signal",
        "SIGNAL",
        "which signal kill sends",
    ),
    long(Kind::Whom, "kill-whom", "WHOM", "main or all"),
    long(Kind::Whom, "kill-who", "WHOM", "the same"),
    both(
        Kind::Lines,
        'n',
        "lines",
        "N",
        "how many lines of output status shows",
    ),
    long(
        Kind::PresetMode,
        "preset-mode",
        "MODE",
        "full, enable-only or disable-only",
    ),
    long(Kind::Reverse, "reverse", "", "who depends on it"),
    long(
        Kind::Wait,
        "wait",
        "",
        "until what was started has ended, or the system has started",
    ),
    both(Kind::Help, 'h', "help", "", "print this"),
    long(
        Kind::Version,
        "version",
        "",
        "print the version of systemd that this speaks as",
    ),
    long(
        Kind::Taken,
        "system",
        "",
        "taken, and without effect here, as all below",
    ),
    long(Kind::Taken, "no-pager", "", ""),
    long(Kind::Taken, "no-ask-password", "", ""),
    long(Kind::Taken, "no-wall", "", ""),
    long(Kind::Taken, "no-warn", "", ""),
    long(Kind::Taken, "fail", "", ""),
    long(Kind::Taken, "irreversible", "", ""),
    long(Kind::Taken, "ignore-dependencies", "", ""),
    long(Kind::Taken, "with-dependencies", "", ""),
    long(Kind::Taken, "show-types", "", ""),
    long(Kind::Taken, "check-inhibitors", "WHEN", ""),
    long(Kind::JobMode, "job-mode", "MODE", ""),
    long(Kind::Taken, "after", "", ""),
    long(Kind::Taken, "before", "", ""),
    both(Kind::Taken, 'i', "ignore-inhibitors", "", ""),
    both(Kind::Full, 'l', "full", "", ""),
    both(Kind::Taken, 'r', "recursive", "", ""),
    both(Kind::Output, 'o', "output", "FORM", ""),
    both(Kind::Taken, 'T', "show-transaction", "", ""),
];

/// What was typed beside the verb and the names.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) now: bool,
    pub(super) quiet: bool,
    pub(super) force: bool,
    pub(super) no_block: bool,
    pub(super) no_reload: bool,
    pub(super) runtime: bool,
    pub(super) root: Option<PathBuf>,
    pub(super) types: Vec<String>,
    pub(super) states: Vec<String>,
    pub(super) properties: Vec<String>,
    pub(super) value: bool,
    pub(super) all: bool,
    pub(super) plain: bool,
    pub(super) full: bool,
    pub(super) no_legend: bool,
    pub(super) signal: Option<String>,
    pub(super) whom: Option<String>,
    pub(super) lines: Option<u64>,
    pub(super) preset_mode: PresetMode,
    pub(super) reverse: bool,
    /// Until it has ended, or all has started.
    pub(super) waits: bool,
    pub(super) job_mode: Option<String>,
    /// How they ended otherwise: the exit status is known without a verb.
    pub(super) instead: Option<Instead>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Instead {
    Help,
    Version,
    /// There is no manager of a user.
    NoUsers,
    /// These words may be given.
    Words(fn() -> String),
}

/// How units are loaded, for `--type` and `--state`.
const LOADED: &str = "stub loaded not-found bad-setting error merged masked";

/// States by what they are of, each with its words.
const STATES: [(&str, &str); 14] = [
    ("load states", LOADED),
    (
        "active states",
        "active reloading inactive failed activating deactivating maintenance",
    ),
    (
        "file states",
        "enabled enabled-runtime linked linked-runtime alias masked masked-runtime static \
         disabled indirect generated transient bad",
    ),
    ("automount unit substates", "dead waiting running failed"),
    ("device unit substates", "dead tentative plugged"),
    (
        "mount unit substates",
        "dead mounting mounting-done mounted remounting unmounting remounting-sigterm \
         remounting-sigkill unmounting-sigterm unmounting-sigkill failed cleaning",
    ),
    ("path unit substates", "dead waiting running failed"),
    (
        "scope unit substates",
        "dead start-chown running abandoned stop-sigterm stop-sigkill failed",
    ),
    (
        "service unit substates",
        "dead condition start-pre start start-post running exited reload stop stop-watchdog \
         stop-sigterm stop-sigkill stop-post final-watchdog final-sigterm final-sigkill failed \
         auto-restart cleaning",
    ),
    ("slice unit substates", "dead active"),
    (
        "socket unit substates",
        "dead start-pre start-chown start-post listening running stop-pre stop-pre-sigterm \
         stop-pre-sigkill stop-post final-sigterm final-sigkill failed cleaning",
    ),
    (
        "swap unit substates",
        "dead activating activating-done active deactivating deactivating-sigterm \
         deactivating-sigkill failed cleaning",
    ),
    ("target unit substates", "dead active"),
    (
        "timer unit substates",
        "dead waiting running elapsed failed",
    ),
];

/// A heading, and a word a line.
fn listed<'a>(what: &str, words: impl Iterator<Item = &'a str>) -> String {
    let unit = if what.contains("unit ") { "" } else { "unit " };
    let mut out = format!("Available {unit}{what}:\n");
    for word in words {
        out.push_str(word);
        out.push('\n');
    }
    out
}

fn all_types() -> String {
    listed("types", KINDS.into_iter())
}

fn all_states() -> String {
    let all = STATES.iter();
    let all = all.map(|(what, words)| listed(what, words.split(' ')));
    all.collect::<Vec<_>>().join("\n")
}

fn all_signals() -> String {
    const LAST: i32 = 64;
    let mut out = String::new();
    for number in 0..=LAST {
        let name = Signal::new(number).map(|signal| signal.to_string());
        let name = name.unwrap_or_else(|| number.to_string());
        let name = name.trim_start_matches("SIG").trim_start_matches("signal ");
        out.push_str(if name == "RTMIN" { "RTMIN+0" } else { name });
        out.push('\n');
    }
    out
}

impl Options {
    /// Takes one.
    pub(super) fn take(&mut self, kind: Kind, argument: &[u8]) -> Result<(), String> {
        let text = Text(argument).to_string();
        let words = || {
            text.split(',')
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
        };
        match kind {
            Kind::Now => self.now = true,
            Kind::Quiet => (self.quiet, self.no_legend) = (true, true),
            Kind::Force => self.force = true,
            Kind::NoBlock => self.no_block = true,
            Kind::NoReload => self.no_reload = true,
            Kind::Runtime => self.runtime = true,
            Kind::Root => {
                self.root = Some(text.into()).filter(|root: &PathBuf| root.as_os_str() != "/")
            }
            Kind::User | Kind::Global => self.instead = Some(Instead::NoUsers),
            Kind::Type => {
                // A state among the types is one of the states, as with systemd.
                for word in words() {
                    if word == "help" {
                        self.instead = Some(Instead::Words(all_types));
                    } else if KINDS.contains(&&*word) {
                        self.types.push(word);
                    } else if LOADED.split(' ').any(|state| state == word) {
                        self.states.push(word);
                    } else {
                        return Err(format!(
                            "Unknown unit type or load state '{word}'.\n\
                             Use -t help to see a list of allowed values."
                        ));
                    }
                }
            }
            Kind::State if words().any(|word| word == "help") => {
                self.instead = Some(Instead::Words(all_states));
            }
            Kind::State => self.states.extend(words()),
            Kind::Failed => self.states.push("failed".to_owned()),
            Kind::Property => self.properties.extend(words()),
            Kind::PropertyValue => {
                self.properties.extend(words());
                self.value = true;
            }
            Kind::Value => self.value = true,
            Kind::All => self.all = true,
            Kind::Plain => self.plain = true,
            Kind::Full => self.full = true,
            Kind::NoLegend => self.no_legend = true,
            Kind::Legend => {
                let wrong = || format!("Failed to parse boolean argument to --legend: {text}.");
                self.no_legend = !crate::units::boolean(&text).ok_or_else(wrong)?;
            }
            Kind::Signal if text == "help" => {
                self.instead = Some(Instead::Words(all_signals));
            }
            Kind::Signal if Signal::parse(&text).is_none() => {
                return Err(format!("Failed to parse signal string \"{text}\"."));
            }
            Kind::Signal => self.signal = Some(text),
            Kind::Whom => self.whom = Some(text),
            Kind::Lines => {
                let lines = text
                    .parse()
                    .map_err(|_| format!("Failed to parse lines '{text}'"))?;
                self.lines = Some(lines);
            }
            Kind::PresetMode => {
                self.preset_mode = PresetMode::parse(&text)
                    .ok_or_else(|| format!("Failed to parse preset mode: {text}."))?;
            }
            Kind::Reverse => self.reverse = true,
            Kind::Wait => self.waits = true,
            Kind::JobMode => self.job_mode = Some(text),
            Kind::Output if !OUTPUTS.split(' ').any(|form| form == text) => {
                return Err(format!("Unknown output '{text}'."));
            }
            Kind::Output => {}
            Kind::Help => self.instead = Some(Instead::Help),
            Kind::Version => self.instead = Some(Instead::Version),
            Kind::Taken => {}
        }
        Ok(())
    }
}

/// Forms of the lines that status shows, which have one form here.
const OUTPUTS: &str = "short short-full short-iso short-iso-precise short-precise \
    short-monotonic short-unix short-delta verbose export json json-pretty json-sse json-seq \
    cat with-unit help";

/// As getopt(3) says it.
pub(super) fn fault(fault: &Fault) -> String {
    format!("systemctl: {fault}")
}
