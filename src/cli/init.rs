//! rinit under its own name: its options, and whether it supervises or is the minimal
//! init for one command.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::documents::Document;
use super::getopt::{Fault, Help, Parser, Rules};
pub use super::init_flags::{FLAGS, Kind};
use super::print::{self, Text};
use super::{basename, supervisor};
use crate::config;
use crate::core::report::Level;
use crate::core::signal::Signal;
use crate::single::{
    self, Codes, Errno, Inherited, Notice, Refused, Rewrite, Settings, Stream, Target, Word, Words,
};

/// rinit's own failure before anything started.
pub const FAILED: i32 = 125;

/// The places that are looked at without `-c`.
pub const DEFAULT_FILE: &CStr = c"/etc/rinit.toml";
/// All `*.toml` in it, by name.
pub const DEFAULT_FOLDER: &CStr = c"/etc/rinit.d";

/// What the command line says.
#[derive(Clone, Debug)]
pub struct Options {
    /// `-c`, in order; `none` too.
    pub config: Vec<PathBuf>,
    /// `--check`.
    pub check: bool,
    /// `-g`.
    pub group: bool,
    /// `-s`.
    pub subreaper: bool,
    /// `-p`.
    pub parent_death: Option<Signal>,
    /// `-e`.
    pub codes: Codes,
    /// `--rewrite`.
    pub rewrite: Rewrite,
    /// `--wait`.
    pub wait: Option<Duration>,
    /// `-w`.
    pub warn: bool,
    /// How many `-v`.
    pub verbose: u8,
    /// `--help`.
    pub help: bool,
    /// `--version`.
    pub version: bool,
    /// What it prints about itself.
    pub(super) document: Option<Document>,
    /// The number of COMMAND's first word among the arguments; their number if there is none.
    pub command: usize,
}

impl Options {
    /// COMMAND and its arguments; empty if there is none.
    #[must_use]
    pub fn command<'a>(&self, inherited: &'a Inherited) -> &'a [Word] {
        let words = inherited.arguments.as_slice();
        words.get(self.command..).unwrap_or_default()
    }
}

/// What is wrong with the command line.
#[derive(Debug)]
enum Wrong {
    Fault(Fault),
    Value(Kind, &'static [u8]),
}

impl From<Fault> for Wrong {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// The face.
pub fn run(inherited: &mut Inherited) -> i32 {
    let options = match parse(&mut inherited.arguments) {
        Ok(options) => options,
        Err(wrong) => {
            complain(&wrong);
            return FAILED;
        }
    };
    if options.help {
        print::out(format_args!(
            "rinit: the init of a container: one command, or many services\n\n\
             usage: rinit [OPTIONS] [--] COMMAND [ARG…]   run one command\n\
             \x20      rinit [OPTIONS] [-c PATH…]           supervise services\n\
             \x20      rinit ctl VERB…                      talk to the running rinit (also: rinitctl)\n\
             \x20      rinit import PATH…                   print another manager's files as rinit.toml\n\n\
             {}",
            Help(FLAGS)
        ));
        return 0;
    }
    if options.version {
        print::out(concat!("rinit ", env!("CARGO_PKG_VERSION"), "\n"));
        return 0;
    }
    if let Some(document) = options.document {
        let word = inherited.arguments.get(options.command);
        return describe(document.or(word, b"rinit"));
    }
    if supervises(&options, inherited) {
        let empty = Inherited {
            mask: inherited.mask,
            arguments: Words::default(),
            environment: Words::default(),
        };
        return supervisor::run(options, std::mem::replace(inherited, empty));
    }
    i32::from(minimal(&options, inherited))
}

fn describe(document: Document) -> i32 {
    let wrong = match (document.text(), document) {
        (Some(text), _) => {
            print::out(text);
            return 0;
        }
        (None, Document::Man(page)) => Wrong::Value(Kind::Man, page),
        (None, Document::Completions(shell)) => Wrong::Value(Kind::Completions, shell),
        (None, Document::Schema) => Wrong::Value(Kind::Schema, b""),
    };
    complain(&wrong);
    FAILED
}

fn parse(words: &mut Words) -> Result<Options, Wrong> {
    let mut options = Options {
        config: Vec::new(),
        check: false,
        group: false,
        subreaper: false,
        parent_death: None,
        codes: Codes::NONE,
        rewrite: Rewrite::NONE,
        wait: None,
        warn: false,
        verbose: 0,
        help: false,
        version: false,
        document: None,
        command: 0,
    };
    let rules = Rules {
        permute: false,
        abbreviate: false,
    };
    let mut parser = Parser::new(FLAGS, rules, words);
    while let Some(given) = parser.next_option() {
        let (kind, value) = given?;
        let text = std::str::from_utf8(value).map_err(|_| Wrong::Value(kind, value));
        let wrong = || Wrong::Value(kind, value);
        match kind {
            Kind::Config => options.config.push(PathBuf::from(OsStr::from_bytes(value))),
            Kind::Check => options.check = true,
            Kind::Group => options.group = true,
            Kind::Subreaper => options.subreaper = true,
            Kind::ParentDeath => {
                options.parent_death = Some(Signal::parse(text?).ok_or_else(wrong)?);
            }
            Kind::Code => options.codes.insert(text?.parse().map_err(|_| wrong())?),
            Kind::Rewrite => {
                let (from, to) = rewrite(text?).ok_or_else(wrong)?;
                options.rewrite.set(from, to);
            }
            Kind::Wait => options.wait = Some(wait(text?).ok_or_else(wrong)?),
            Kind::Warn => options.warn = true,
            Kind::Verbose => options.verbose = options.verbose.saturating_add(1),
            Kind::Help => options.help = true,
            Kind::Version => options.version = true,
            Kind::Man => options.document = Some(Document::Man(value)),
            Kind::Completions => options.document = Some(Document::Completions(value)),
            Kind::Schema => options.document = Some(Document::Schema),
        }
    }
    options.command = parser.operands();
    Ok(options)
}

fn wait(text: &str) -> Option<Duration> {
    match text {
        "infinity" => Some(single::FOR_EVER),
        text => config::duration(text).ok(),
    }
}

/// `FROM:TO`; a TO of 0 is nothing.
fn rewrite(text: &str) -> Option<(Signal, Option<Signal>)> {
    let (from, to) = text.split_once(':')?;
    let from = Signal::parse(from)?;
    match to {
        "0" => Some((from, None)),
        to => Some((from, Some(Signal::parse(to)?))),
    }
}

fn complain(wrong: &Wrong) {
    match wrong {
        Wrong::Fault(fault) => print::error(format_args!("rinit: {fault}")),
        Wrong::Value(kind, value) => {
            let wants = match kind {
                Kind::ParentDeath => "a signal: SIGTERM, TERM or 15",
                Kind::Code => "an exit status, 0 to 255",
                Kind::Rewrite => "two signals: TERM:QUIT, or HUP:0 to drop it",
                Kind::Wait => "a time: 500ms, 5s, 1m30s, infinity",
                Kind::Config
                | Kind::Check
                | Kind::Group
                | Kind::Subreaper
                | Kind::Warn
                | Kind::Verbose
                | Kind::Help
                | Kind::Version
                | Kind::Schema => "text",
                Kind::Man => "a page: rinit, rinitctl or rinit.toml",
                Kind::Completions => "a shell: bash, zsh or fish",
            };
            let name = FLAGS.iter().find(|flag| flag.kind == *kind);
            let (dashes, name) = match name {
                Some(flag) if !flag.long.is_empty() => ("--", flag.long.to_owned()),
                Some(flag) => ("-", flag.short.map(String::from).unwrap_or_default()),
                None => ("", String::new()),
            };
            print::error(format_args!(
                "rinit: {dashes}{name} {}: it wants {wants}",
                Text(value)
            ));
        }
    }
    print::error("help: rinit --help lists every option; a command may follow --");
}

/// Whether this is the supervisor (which files, and when: README, "Which face").
fn supervises(options: &Options, inherited: &Inherited) -> bool {
    if options.check || options.command >= inherited.arguments.len() {
        return true;
    }
    if !options.config.is_empty() {
        return options.config.iter().any(|path| path != Path::new("none"));
    }
    let called = inherited.arguments.get(0).map(basename);
    if single::own_pid().0 != 1 && called != Some(b"init") {
        return false;
    }
    match inherited.variable("RINIT_CONFIG") {
        None | Some(b"") => single::exists(DEFAULT_FILE) || has_files(DEFAULT_FOLDER),
        Some(b"none") => false,
        Some(_) => true,
    }
}

/// No default place could make a supervisor of us, whatever we are called. No heap.
pub(super) fn no_files(inherited: &Inherited) -> bool {
    inherited
        .variable("RINIT_CONFIG")
        .is_none_or(<[u8]>::is_empty)
        && !single::exists(DEFAULT_FILE)
        && !single::exists(DEFAULT_FOLDER)
}

fn has_files(folder: &CStr) -> bool {
    if !single::exists(folder) {
        return false;
    }
    let folder = Path::new(OsStr::from_bytes(folder.to_bytes()));
    let mut entries = folder.read_dir().into_iter().flatten().flatten();
    entries.any(|entry| entry.path().extension() == Some(OsStr::new("toml")))
}

/// The minimal init for one command.
fn minimal(options: &Options, inherited: &mut Inherited) -> u8 {
    let level = level(options, inherited);
    let warn = options.warn;
    let notices = move |notice: &Notice<'_>| tell(notice, level, warn);
    let settings = Settings {
        target: if options.group {
            Target::Group
        } else {
            Target::Process
        },
        rewrite: options.rewrite,
        codes: options.codes,
        parent_death: options.parent_death,
        wait: options.wait,
        warn: options.warn,
        ..Settings::new(&notices)
    };
    let program = inherited.arguments.get(options.command).unwrap_or_default();
    match single::run(&settings, inherited, options.command) {
        Ok(code) => code,
        Err(Refused::Fork(errno)) => {
            print::error(format_args!(
                "rinit: no process for {}: {errno}",
                Text(program)
            ));
            125
        }
        Err(Refused::Exec(errno)) => {
            print::error(format_args!("rinit: exec {}: {errno}", Text(program)));
            if program.ends_with(b".toml") {
                let path = Text(program);
                print::error(format_args!(
                    "help: rinit -c {path} supervises what it describes"
                ));
            } else if super::ctl::is_verb(program) {
                let verb = Text(program);
                print::error(format_args!("help: rinitctl {verb} asks the running rinit"));
            }
            exec_status(errno)
        }
    }
}

/// As shells have it: 127 for what isn't there, 126 for what can't be executed.
fn exec_status(errno: Errno) -> u8 {
    const ENOENT: i32 = 2;
    const ENOTDIR: i32 = 20;
    if errno.0 == ENOENT || errno.0 == ENOTDIR {
        127
    } else {
        126
    }
}

/// `-v` and RINIT_LOG, whichever says more.
fn level(options: &Options, inherited: &Inherited) -> Level {
    let typed = match options.verbose {
        0 => Level::Warn,
        1 => Level::Info,
        _ => Level::Debug,
    };
    let variable = match inherited.variable("RINIT_LOG") {
        Some(b"info") => Level::Info,
        Some(b"debug" | b"trace") => Level::Debug,
        Some(_) | None => Level::Error,
    };
    typed.max(variable)
}

/// A notice in rinit's words, if it is loud enough.
fn tell(notice: &Notice<'_>, level: Level, warn: bool) {
    let say = |text: std::fmt::Arguments<'_>| print::line(Stream::Err, text);
    match notice {
        Notice::Started { child } if level >= Level::Info => {
            say(format_args!("rinit: command runs as pid {}", child.0));
        }
        Notice::Ended { exit, .. } if level >= Level::Info => {
            say(format_args!("rinit: command {exit}"));
        }
        Notice::Forwarded {
            signal,
            sent,
            child,
        } if level >= Level::Debug => {
            if signal == sent {
                say(format_args!("rinit: {signal} forwarded to {}", child.0));
            } else {
                say(format_args!(
                    "rinit: {signal} forwarded to {} as {sent}",
                    child.0
                ));
            }
        }
        Notice::Dropped { signal } if level >= Level::Debug => {
            say(format_args!("rinit: {signal} dropped"));
        }
        Notice::NotForwarded { signal, errno } if level >= Level::Warn => {
            say(format_args!("rinit: {signal} not forwarded: {errno}"));
        }
        Notice::Reaped { pid, name } if warn => {
            say(format_args!("rinit: reaped {} ({name})", pid.0));
        }
        Notice::Standing {
            pid,
            name,
            parent,
            parent_name,
        } if warn => say(format_args!(
            "rinit: zombie {} ({name}) stands: its parent {} ({parent_name}) lives and does not reap it",
            pid.0, parent.0
        )),
        Notice::NoSubreaper(errno) if level >= Level::Warn => {
            say(format_args!("rinit: orphans will not be adopted: {errno}"));
        }
        Notice::NoParentDeath(errno) if level >= Level::Warn => {
            say(format_args!(
                "rinit: the parent's death will go unnoticed: {errno}"
            ));
        }
        Notice::Started { .. }
        | Notice::Ended { .. }
        | Notice::Forwarded { .. }
        | Notice::Dropped { .. }
        | Notice::NotForwarded { .. }
        | Notice::Reaped { .. }
        | Notice::Standing { .. }
        | Notice::NoSubreaper(_)
        | Notice::NoParentDeath(_) => {}
    }
}
