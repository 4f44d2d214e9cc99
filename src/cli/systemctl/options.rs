//! Its options: those that mean something here, and those that are taken because scripts
//! give them.

use std::path::PathBuf;

use crate::cli::getopt::{Fault, Flag, both, long, short};
use crate::cli::print::Text;
use crate::units::PresetMode;

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
    NoLegend,
    Legend,
    Signal,
    Whom,
    Lines,
    PresetMode,
    Reverse,
    Wait,
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
    long(Kind::Wait, "wait", "", ""),
    long(Kind::Taken, "fail", "", ""),
    long(Kind::Taken, "irreversible", "", ""),
    long(Kind::Taken, "ignore-dependencies", "", ""),
    long(Kind::Taken, "with-dependencies", "", ""),
    long(Kind::Taken, "show-types", "", ""),
    long(Kind::Taken, "check-inhibitors", "WHEN", ""),
    long(Kind::Taken, "job-mode", "MODE", ""),
    long(Kind::Taken, "after", "", ""),
    long(Kind::Taken, "before", "", ""),
    both(Kind::Taken, 'i', "ignore-inhibitors", "", ""),
    both(Kind::Taken, 'l', "full", "", ""),
    both(Kind::Taken, 'r', "recursive", "", ""),
    both(Kind::Taken, 'o', "output", "FORM", ""),
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
    pub(super) no_legend: bool,
    pub(super) signal: Option<String>,
    pub(super) whom: Option<String>,
    pub(super) lines: Option<u64>,
    pub(super) preset_mode: PresetMode,
    pub(super) reverse: bool,
    /// Until it has started.
    pub(super) waits: bool,
    /// How they ended otherwise: the exit status is known without a verb.
    pub(super) instead: Option<Instead>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instead {
    Help,
    Version,
    /// There is no manager of a user.
    NoUsers,
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
            Kind::Quiet => self.quiet = true,
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
                    let list = if matches!(&*word, "loaded" | "masked" | "not-found" | "error") {
                        &mut self.states
                    } else {
                        &mut self.types
                    };
                    list.push(word);
                }
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
            Kind::NoLegend => self.no_legend = true,
            Kind::Legend => self.no_legend = crate::units::boolean(&text) == Some(false),
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
            Kind::Help => self.instead = Some(Instead::Help),
            Kind::Version => self.instead = Some(Instead::Version),
            Kind::Taken => {}
        }
        Ok(())
    }
}

/// As getopt(3) says it.
pub(super) fn fault(fault: &Fault) -> String {
    format!("systemctl: {fault}")
}
