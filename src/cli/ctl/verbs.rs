//! The table of verbs and that of their options: the reader, the help, the manual and the
//! completions read it.

use serde_json::Value;

use super::{Options, boot_chart, changes, exec, graph, sentences, services};
use crate::cli::getopt::{Flag, both, long};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Socket,
    Json,
    Help,
    Version,
    Live,
    Ready,
    Startup,
    For,
    Timeout,
    Dot,
    Svg,
    Watch,
    Follow,
    Signal,
    Code,
    Lines,
    Since,
    Priority,
    Man,
    Completions,
}

pub(super) const FLAGS: &[Flag<Kind>] = &[
    long(Kind::Socket, "socket", "PATH", "where rinit listens"),
    long(Kind::Json, "json", "", "print the answer as JSON"),
    long(
        Kind::Live,
        "live",
        "",
        "health: no essential service failed",
    ),
    long(
        Kind::Ready,
        "ready",
        "",
        "health: every service is up and healthy",
    ),
    long(
        Kind::Startup,
        "startup",
        "",
        "health: that was so at one moment",
    ),
    long(Kind::For, "for", "STATE", "wait: until they stand there"),
    long(
        Kind::Timeout,
        "timeout",
        "TIME",
        "wait: no longer than this",
    ),
    long(Kind::Dot, "dot", "", "graph: for graphviz"),
    long(Kind::Svg, "svg", "", "boot-chart: as a drawing"),
    long(Kind::Watch, "watch", "", "status: live, until ^C"),
    both(
        Kind::Follow,
        'f',
        "follow",
        "",
        "events, logs: go on as they come",
    ),
    long(Kind::Signal, "signal", "S", "kill: which one (SIGTERM)"),
    long(
        Kind::Code,
        "code",
        "N",
        "shutdown: the exit status, where it would be 0",
    ),
    both(
        Kind::Lines,
        'n',
        "lines",
        "N",
        "logs: no more than the last N lines of all",
    ),
    long(
        Kind::Since,
        "since",
        "TIME",
        "logs: since 10m ago, 2026-01-02T03:04:05Z or @seconds",
    ),
    both(
        Kind::Priority,
        'p',
        "priority",
        "LEVEL",
        "logs: not what says to be less urgent: err, 3 or crit..warning",
    ),
    both(Kind::Help, 'h', "help", "", "print this"),
    both(
        Kind::Version,
        'V',
        "version",
        "",
        "print this program's version",
    ),
    long(
        Kind::Man,
        "man",
        "[=PAGE]",
        "print a manual page in roff: rinitctl, rinit or rinit.toml",
    ),
    long(
        Kind::Completions,
        "completions",
        "SHELL",
        "print completions for bash, zsh or fish",
    ),
];

/// The options that every verb takes.
pub(super) const COMMON: &[Kind] = &[
    Kind::Socket,
    Kind::Json,
    Kind::Help,
    Kind::Version,
    Kind::Man,
    Kind::Completions,
];

/// How many names a verb takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    None,
    Any,
    Some,
    /// One, and a command behind it.
    Command,
}

impl Names {
    /// What stands behind the verb.
    pub(super) const fn usage(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Any => "[NAME…]",
            Self::Some => "NAME…",
            Self::Command => "NAME -- CMD…",
        }
    }
}

/// A verb: what it asks, and how the answer is told.
pub(super) struct Verb {
    pub(super) name: &'static str,
    pub(super) names: Names,
    pub(super) doc: &'static str,
    /// What it is called on the socket.
    pub(super) asks: &'static str,
    /// Its own options.
    pub(super) takes: &'static [Kind],
    /// Its answer takes the time that it takes.
    pub(super) waits: bool,
    /// What it takes is told before it.
    pub(super) hears: bool,
    /// It has many lines, each told as it comes.
    pub(super) streams: bool,
    pub(super) tell: fn(&Value, &Options) -> i32,
}

const fn verb(
    name: &'static str,
    names: Names,
    doc: &'static str,
    tell: fn(&Value, &Options) -> i32,
) -> Verb {
    Verb {
        name,
        names,
        doc,
        asks: name,
        takes: &[],
        waits: false,
        hears: false,
        streams: false,
        tell,
    }
}

/// One whose answer comes when it is so.
const fn later(name: &'static str, doc: &'static str) -> Verb {
    Verb {
        waits: true,
        ..verb(name, Names::Some, doc, sentences::done)
    }
}

pub(super) const VERBS: &[Verb] = &[
    Verb {
        takes: &[Kind::Watch],
        ..verb(
            "status",
            Names::Any,
            "how all services stand, or all about one",
            services::status,
        )
    },
    Verb {
        asks: "status",
        ..verb("list", Names::Any, "their names", services::list)
    },
    verb(
        "show",
        Names::Some,
        "what was configured, as rinit understood it",
        services::show,
    ),
    verb(
        "why",
        Names::Some,
        "why a service stands where it does, down to the cause",
        sentences::why,
    ),
    Verb {
        takes: &[Kind::Live, Kind::Ready, Kind::Startup],
        ..verb(
            "health",
            Names::None,
            "0 if it is well, 1 if not: for HEALTHCHECK and probes",
            sentences::health,
        )
    },
    Verb {
        takes: &[Kind::For, Kind::Timeout],
        ..later("wait", "until they are active, or did their work")
    },
    Verb {
        takes: &[Kind::Dot],
        ..verb(
            "graph",
            Names::Any,
            "who waits for whom at the start",
            graph::tell,
        )
    },
    Verb {
        takes: &[Kind::Svg],
        ..verb(
            "boot-chart",
            Names::Any,
            "how the start went, and what it took the time for",
            boot_chart::tell,
        )
    },
    Verb {
        takes: &[Kind::Follow],
        streams: true,
        ..verb(
            "events",
            Names::Any,
            "the last changes of state, and with -f all that follow",
            sentences::done,
        )
    },
    Verb {
        takes: &[Kind::Follow, Kind::Lines, Kind::Since, Kind::Priority],
        ..verb(
            "logs",
            Names::Any,
            "what they have printed lately, and with -f what they print",
            // Told line by line (`logs`).
            |_, _| 0,
        )
    },
    later("start", "start them, and what they require"),
    later(
        "stop",
        "stop them, and what requires them; they stay stopped",
    ),
    later("restart", "stop them and start them again"),
    later("reload", "have them read their own configuration again"),
    verb(
        "reset",
        Names::Some,
        "forget that they failed, and how often",
        sentences::done,
    ),
    Verb {
        takes: &[Kind::Signal],
        ..verb(
            "kill",
            Names::Some,
            "send their main processes a signal",
            sentences::done,
        )
    },
    verb(
        "exec",
        Names::Command,
        "a command as that service: its user, environment, folder, limits",
        exec::run,
    ),
    Verb {
        takes: &[Kind::Code],
        ..verb(
            "shutdown",
            Names::None,
            "stop all, and end the container",
            sentences::done,
        )
    },
    Verb {
        names: Names::None,
        hears: true,
        tell: changes::tell,
        ..later("plan", "what a new configuration would change, and why")
    },
    Verb {
        names: Names::None,
        hears: true,
        tell: changes::tell,
        ..later(
            "apply",
            "read the configuration again; only what changed stops or starts",
        )
    },
    verb(
        "version",
        Names::None,
        "what runs, and as which pid",
        sentences::version,
    ),
];
