//! `[service.NAME]`: each key, and what it does to a draft.

use super::directive::Directive;
use super::draft::{Draft, Target};
use super::value::Value;
use super::{execution, health, readiness, wait_for};
use crate::core::exit::Exit;
use crate::core::signal::Signal;
use crate::core::spec::{KillMode, Kind, RestartPolicy, StartLimit};

type Setter = fn(&mut Draft, Value<'_>) -> Option<()>;

/// A key of one service alone.
pub(super) const fn own(
    key: &'static str,
    form: &'static str,
    default: &'static str,
    set: Setter,
    doc: &'static str,
) -> Directive<Draft> {
    Directive {
        key,
        form,
        default,
        doc,
        shared: false,
        merges: false,
        set,
    }
}

/// A key that `[defaults]` takes too.
pub(super) const fn shared(
    key: &'static str,
    form: &'static str,
    default: &'static str,
    set: Setter,
    doc: &'static str,
) -> Directive<Draft> {
    Directive {
        shared: true,
        ..own(key, form, default, set, doc)
    }
}

const NAMES: &str = "array of names";
pub(super) const NONE: &str = "none";

pub(super) const TABLE: &[Directive<Draft>] = &[
    own(
        "command",
        "array of words, or string",
        "required without unit",
        execution::command,
        "What is executed: an array as it is, a string by /bin/sh -c.",
    ),
    own(
        "unit",
        "name",
        NONE,
        // Read before the rest of the table, which is laid over it.
        |_, _| Some(()),
        "The name of a package's unit file, which is the base: what it says holds where no key says otherwise.",
    ),
    own(
        "type",
        "\"simple\", \"oneshot\", \"notify\" or \"forking\"",
        "\"simple\"",
        kind,
        "simple stays, oneshot does something once and ends, notify is simple with ready = \"notify\".",
    ),
    own(
        "after",
        NAMES,
        NONE,
        |draft, value| targets(&mut draft.targets.after, value),
        "Starts after these were tried, and stops before them.",
    ),
    own(
        "before",
        NAMES,
        NONE,
        |draft, value| targets(&mut draft.targets.before, value),
        "Starts before these, and stops after them.",
    ),
    own(
        "requires",
        NAMES,
        NONE,
        |draft, value| targets(&mut draft.targets.requires, value),
        "Starts them too, waits until they are ready, and stops when one of them does.",
    ),
    own(
        "wants",
        NAMES,
        NONE,
        |draft, value| targets(&mut draft.targets.wants, value),
        "Starts them too and after they were tried, but does without them.",
    ),
    own(
        "binds-to",
        NAMES,
        NONE,
        |draft, value| targets(&mut draft.targets.binds_to, value),
        "As requires, but only of services that stay active: never of a oneshot.",
    ),
    own(
        "part-of",
        NAMES,
        NONE,
        |draft, value| targets(&mut draft.targets.part_of, value),
        "Is stopped and restarted with these when they are by hand; neither starts with them nor orders.",
    ),
    own(
        "on-failure",
        NAMES,
        NONE,
        |draft, value| targets(&mut draft.targets.on_failure, value),
        "Starts these when it has failed for good, or a run at its times has; what was started so starts nothing by its own end.",
    ),
    own(
        "on-success",
        NAMES,
        NONE,
        |draft, value| targets(&mut draft.targets.on_success, value),
        "Starts these when it has ended as it should.",
    ),
    own(
        "conflicts",
        NAMES,
        NONE,
        |draft, value| targets(&mut draft.targets.conflicts, value),
        "Never runs beside these: a start of one by hand, at its time or for a connection stops the other. One of them at most is enabled.",
    ),
    shared(
        "enabled",
        "boolean",
        "true",
        |draft, value| {
            draft.spec.enabled = value.boolean()?;
            Some(())
        },
        "false: not started by itself, startable by hand.",
    ),
    own(
        "wait-for",
        "{ tcp = address or array of addresses | unix = path | http = URL | file = path | exec = command, status? = code or array of codes, body? = text, timeout? = duration or \"infinity\" }",
        "none; timeout \"60s\"",
        wait_for::set,
        "What lives elsewhere and is asked before each start until it answers; names are resolved at each look.",
    ),
    own(
        "instances",
        "0 to 1000",
        "one service",
        // Read before the rest of the table, since it says how often that is read.
        |_, _| Some(()),
        "Makes so many services of the table, NAME@1 and so on; ${INSTANCE} in values, RINIT_INSTANCE in the environment; NAME means all of them.",
    ),
    own(
        "ready",
        "\"notify\", or { file = path | tcp = address or array of addresses | unix = path | http = URL | exec = command | log = pattern | fd = 3 to 1023 | delay = duration, status? = code or array of codes, body? = text }",
        "once executed",
        readiness::set,
        "When it counts as ready: READY=1 by sd_notify, a file that changed, an address or socket that accepts, a request or command that succeeds, a line of output, a newline on a descriptor, or after a time.",
    ),
    own(
        "health",
        "{ http = URL | tcp = address or array of addresses | unix = path | exec = command, status? = code or array of codes, body? = text, interval? = duration, timeout? = duration, retries? = number, start-period? = duration, on-unhealthy? = \"none\" or \"restart\" or \"shutdown\" }",
        NONE,
        health::set,
        "What is asked again and again while it is active; too many times no in a row is unhealthy: said, or a restart or shutdown.",
    ),
    shared(
        "start-timeout",
        "duration or \"infinity\"",
        "\"90s\"; oneshots and schedules \"infinity\"",
        |draft, value| {
            let timeout = value.timeout()?;
            if timeout == Some(std::time::Duration::ZERO) {
                return value.wrong(
                    "start-timeout leaves no time at all",
                    "write \"infinity\" for no limit",
                );
            }
            draft.start_timeout = Some(timeout);
            Some(())
        },
        "How long it may take to become ready; then it is killed and counts as failed.",
    ),
    shared(
        "restart",
        "\"always\", \"on-failure\", \"on-success\", \"on-abnormal\", \"on-abort\", \"on-watchdog\" or \"no\"",
        "\"always\"; essential services and oneshots \"no\"",
        |draft, value| {
            draft.restart = Some(value.choice(&RestartPolicy::WORDS)?);
            Some(())
        },
        "Whether it is started again after it ended: always, when that was no success, only then, unless it was an exit status, by a signal, because it was stuck or unhealthy, never; in [defaults] it skips oneshots and schedules.",
    ),
    shared(
        "restart-delay",
        "duration",
        "\"100ms\"",
        |draft, value| {
            draft.spec.restart.delay = value.duration()?;
            Some(())
        },
        "The delay before the first restart; doubled each time.",
    ),
    shared(
        "restart-delay-max",
        "duration",
        "\"30s\"",
        |draft, value| {
            draft.restart_delay_max = Some(value.duration()?);
            Some(())
        },
        "The longest delay.",
    ),
    shared(
        "restart-reset",
        "duration",
        "\"10s\"",
        |draft, value| {
            draft.spec.restart.reset = value.duration()?;
            Some(())
        },
        "Active for so long, and the delay begins anew.",
    ),
    shared(
        "start-limit",
        "{ count = number, within = duration }",
        NONE,
        start_limit,
        "More starts than this in that time, and it is failed for good.",
    ),
    shared(
        "success-exit-status",
        "array of codes and signals",
        "none beside 0",
        success,
        "Ends that count as success as well: [143, \"SIGUSR1\"].",
    ),
    shared(
        "restart-prevent-exit-status",
        "array of codes and signals",
        NONE,
        |draft, value| {
            draft.restart_by_exit().prevent = exits(value)?;
            Some(())
        },
        "Ends after which it isn't started again, whatever restart says.",
    ),
    shared(
        "restart-force-exit-status",
        "array of codes and signals",
        NONE,
        |draft, value| {
            draft.restart_by_exit().force = exits(value)?;
            Some(())
        },
        "Ends after which it is started again, whatever restart says.",
    ),
    own(
        "essential",
        "boolean",
        "false",
        |draft, value| {
            draft.spec.essential = value.boolean()?;
            Some(())
        },
        "When it has ended for good, the container ends with its exit status.",
    ),
    shared(
        "readiness-gate",
        "boolean",
        "true",
        |draft, value| {
            draft.spec.readiness_gate = value.boolean()?;
            Some(())
        },
        "rinitctl health --ready and --startup ask for it too.",
    ),
    shared(
        "reload-signal",
        "signal",
        NONE,
        |draft, value| {
            let at = value.at;
            let found = signal(value)?;
            if matches!(found, Signal::KILL | Signal::STOP) {
                let what = format!("{found} can't be a reload-signal: no process sees it");
                return value.wrong_at(at, what, "write the signal that it reloads on: \"SIGHUP\"");
            }
            draft.spec.reload_signal = Some(found);
            Some(())
        },
        "Sent to its main process by rinitctl reload; with ready = \"notify\" it is to say RELOADING=1 then, and READY=1.",
    ),
    shared(
        "stop-signal",
        "signal",
        "\"SIGTERM\"",
        |draft, value| {
            draft.spec.stop.signal = signal(value)?;
            Some(())
        },
        "The signal that asks its main process to stop.",
    ),
    shared(
        "stop-timeout",
        "duration or \"infinity\"",
        "\"10s\"",
        |draft, value| {
            draft.spec.stop.timeout = value.timeout()?;
            Some(())
        },
        "The grace before SIGKILL; a shutdown shortens it to fit shutdown-timeout.",
    ),
    shared(
        "kill-mode",
        "\"tree\", \"control-group\", \"mixed\", \"process\" or \"none\"",
        "\"tree\"",
        |draft, value| {
            draft.spec.stop.kill_mode = value.choice(&[
                ("tree", KillMode::Tree),
                ("control-group", KillMode::ControlGroup),
                ("mixed", KillMode::Mixed),
                ("process", KillMode::Process),
                ("none", KillMode::None),
            ])?;
            Some(())
        },
        "Whom a stop signals: the main process, then the rest (tree) or SIGKILL for the rest (mixed); all at once (control-group); the main one alone; nobody.",
    ),
];

#[derive(Clone, Copy)]
enum Type {
    Simple,
    Oneshot,
    Notify,
    Forking,
}

fn kind(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    let kind = value.choice(&[
        ("simple", Type::Simple),
        ("oneshot", Type::Oneshot),
        ("notify", Type::Notify),
        ("forking", Type::Forking),
    ])?;
    draft.forking.forks = matches!(kind, Type::Forking);
    match kind {
        Type::Simple => {
            draft.spec.kind = Kind::Simple;
            super::unit::become_simple(draft);
        }
        Type::Oneshot => draft.spec.kind = Kind::Oneshot,
        Type::Notify => draft.notify_by_type = true,
        Type::Forking => draft.spec.kind = Kind::Simple,
    }
    Some(())
}

fn targets(list: &mut Vec<Target>, value: Value<'_>) -> Option<()> {
    list.clear();
    let mut good = Some(());
    for item in value.items() {
        match item.text() {
            Some(name) => list.push(Target {
                name: name.into(),
                at: item.at,
                lenient: false,
            }),
            None => good = None,
        }
    }
    good
}

fn start_limit(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    const FORM: &str = "start-limit = { count = 5, within = \"1m\" }";
    let Some(entries) = value.entries() else {
        return value.wrong("start-limit must be a table with count and within", FORM);
    };
    let (mut count, mut within, mut good) = (None, None, Some(()));
    for (key_at, entry) in entries {
        match entry.key {
            "count" => match entry.integer(1..=i64::from(u32::MAX)) {
                Some(number) => count = u32::try_from(number).ok(),
                None => good = None,
            },
            "within" => match entry.duration() {
                Some(duration) if duration.is_zero() => {
                    good = entry.wrong("within is no time at all", FORM);
                }
                Some(duration) => within = Some(duration),
                None => good = None,
            },
            other => {
                good = value.wrong_at(key_at, format!("start-limit has no key \"{other}\""), FORM);
            }
        }
    }
    good?;
    let (Some(count), Some(within)) = (count, within) else {
        return value.wrong("start-limit needs both count and within", FORM);
    };
    draft.spec.restart.limit = Some(StartLimit { count, within });
    Some(())
}

fn success(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    draft.spec.success = exits(value)?;
    Some(())
}

/// Exit codes and signals.
fn exits(value: Value<'_>) -> Option<Box<[Exit]>> {
    let mut exits = Vec::new();
    let mut good = Some(());
    for item in value.items() {
        let number = item.as_str().is_none_or(|text| text.parse::<i64>().is_ok());
        let exit = if number {
            item.integer(0..=255)
                .and_then(|code| u8::try_from(code).ok())
                .map(Exit::Code)
        } else {
            signal(item).map(Exit::Signal)
        };
        match exit {
            Some(exit) => exits.push(exit),
            None => good = None,
        }
    }
    good.map(|()| exits.into())
}

pub(super) fn signal(value: Value<'_>) -> Option<Signal> {
    let text = value.word()?;
    if let Some(signal) = Signal::parse(&text) {
        return Some(signal);
    }
    let upper = text.to_ascii_uppercase();
    let short = upper.strip_prefix("SIG").unwrap_or(&upper);
    let help = match super::nearest::nearest(short, Signal::names()) {
        Some(near) => format!("did you mean \"SIG{near}\"?"),
        None => "a name such as \"SIGTERM\", \"SIGRTMIN+3\", or a number from 1 to 64".to_owned(),
    };
    value.wrong(format!("there is no signal \"{text}\""), help)
}
