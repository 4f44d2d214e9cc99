//! The table of rinit's own options.

use super::getopt::{Flag, both, long, short};

/// The kinds of options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table below has a line for each")]
pub enum Kind {
    Config,
    Check,
    Group,
    Subreaper,
    ParentDeath,
    Code,
    Rewrite,
    Wait,
    Warn,
    Verbose,
    Help,
    Version,
    Man,
    Completions,
    Schema,
}

/// Every option of rinit's own.
pub const FLAGS: &[Flag<Kind>] = &[
    both(
        Kind::Config,
        'c',
        "config",
        "PATH",
        "supervise what this file or folder describes (repeatable; none: no file)",
    ),
    long(
        Kind::Check,
        "check",
        "",
        "load and check everything, print the start order, start nothing",
    ),
    short(
        Kind::Group,
        'g',
        "",
        "forward signals to the command's whole process group",
    ),
    short(
        Kind::Subreaper,
        's',
        "",
        "adopt orphans when not PID 1 (done anyway)",
    ),
    short(
        Kind::ParentDeath,
        'p',
        "SIGNAL",
        "want this signal when the parent dies",
    ),
    short(
        Kind::Code,
        'e',
        "CODE",
        "report this exit status as 0 (repeatable)",
    ),
    long(
        Kind::Rewrite,
        "rewrite",
        "FROM:TO",
        "forward one signal as another, or not at all (0) (repeatable)",
    ),
    long(
        Kind::Wait,
        "wait",
        "TIME",
        "after the command's end give the rest SIGTERM and this long",
    ),
    short(
        Kind::Warn,
        'w',
        "",
        "tell what is reaped, and whose zombies are not",
    ),
    short(Kind::Verbose, 'v', "", "more words (repeatable)"),
    both(Kind::Help, 'h', "help", "", "print this"),
    both(Kind::Version, 'V', "version", "", "print the version"),
    long(
        Kind::Man,
        "man",
        "[=PAGE]",
        "print a manual page in roff: rinit, rinitctl or rinit.toml",
    ),
    long(
        Kind::Completions,
        "completions",
        "SHELL",
        "print completions for bash, zsh or fish",
    ),
    long(
        Kind::Schema,
        "schema",
        "",
        "print the JSON Schema of rinit.toml, for editors",
    ),
];
