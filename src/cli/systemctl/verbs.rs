//! The verbs, in one table.

use super::world::World;
use super::{asks, dependencies, jobs, links, lists, show, signals, starters, status, whole};

/// A verb, and what it does.
pub(super) struct Verb {
    /// It may have several.
    pub(super) names: &'static [&'static str],
    /// How many words it takes.
    pub(super) least: usize,
    pub(super) most: usize,
    /// It is a matter of files alone.
    pub(super) takes_root: bool,
    /// For the help; empty where it isn't worth a line.
    pub(super) doc: &'static str,
    /// Given the verb as typed and its words.
    pub(super) run: Run,
}

type Run = fn(&World, &str, &[String]) -> i32;

const ANY: usize = usize::MAX;

/// Of units that run, one at least.
const fn job(names: &'static [&'static str], doc: &'static str, run: Run) -> Verb {
    Verb {
        names,
        least: 1,
        most: ANY,
        takes_root: false,
        doc,
        run,
    }
}

/// Of what runs, perhaps of all.
const fn ask(names: &'static [&'static str], doc: &'static str, run: Run) -> Verb {
    Verb {
        least: 0,
        ..job(names, doc, run)
    }
}

/// Of links and files, one at least.
const fn file(names: &'static [&'static str], doc: &'static str, run: Run) -> Verb {
    Verb {
        takes_root: true,
        ..job(names, doc, run)
    }
}

/// Of all, and takes no name.
const fn all(names: &'static [&'static str], doc: &'static str, run: Run) -> Verb {
    Verb {
        most: 0,
        ..ask(names, doc, run)
    }
}

pub(super) const VERBS: &[Verb] = &[
    job(&["start"], "start units", jobs::start),
    job(&["stop"], "stop units; they stay stopped", jobs::stop),
    job(&["restart"], "stop and start them", jobs::restart),
    job(
        &["try-restart", "condrestart"],
        "the same of those that run",
        jobs::try_restart,
    ),
    job(
        &["reload"],
        "have them read their configuration again",
        jobs::reload,
    ),
    job(
        &["reload-or-restart", "force-reload"],
        "reload those that can, restart the others",
        jobs::reload_or_restart,
    ),
    job(
        &[
            "try-reload-or-restart",
            "reload-or-try-restart",
            "condreload",
        ],
        "the same of those that run",
        jobs::try_reload_or_restart,
    ),
    job(&["condstop"], "", jobs::stop),
    job(&["kill"], "send them a signal", signals::kill),
    ask(
        &["reset-failed"],
        "forget that they failed",
        signals::reset_failed,
    ),
    all(
        &["daemon-reload", "daemon-reexec"],
        "read rinit's configuration and units again",
        jobs::daemon_reload,
    ),
    job(
        &["is-active", "check"],
        "0 if one of them is active",
        asks::is_active,
    ),
    job(
        &["is-failed"],
        "0 if one of them has failed",
        asks::is_failed,
    ),
    Verb {
        takes_root: true,
        ..all(
            &["is-system-running"],
            "starting, running, degraded or stopping",
            whole::is_system_running,
        )
    },
    ask(&["status"], "how units are, or all", status::status),
    ask(&["show"], "properties, for programs", show::show),
    job(&["cat"], "the unit's files", lists::cat),
    ask(&["list-units"], "what is supervised", lists::list_units),
    Verb {
        least: 0,
        ..file(
            &["list-unit-files"],
            "unit files, and whether they are enabled",
            lists::list_unit_files,
        )
    },
    ask(
        &["list-timers", "list-sockets", "list-paths"],
        "what starts services at their times, or with connections",
        starters::list,
    ),
    ask(
        &["list-dependencies"],
        "what a unit requires and wants",
        dependencies::list_dependencies,
    ),
    ask(&["list-jobs"], "", lists::list_jobs),
    ask(
        &["list-automounts", "list-machines"],
        "",
        lists::list_nothing,
    ),
    file(&["enable"], "link them where they say", links::enable),
    file(&["disable"], "remove those links", links::disable),
    file(&["reenable"], "both", links::reenable),
    file(
        &["preset"],
        "enable or disable, as the presets say",
        links::preset,
    ),
    Verb {
        least: 0,
        most: 0,
        ..file(&["preset-all"], "all of them", links::preset_all)
    },
    file(
        &["is-enabled"],
        "0 if one of them is enabled",
        links::is_enabled,
    ),
    file(&["mask"], "make them impossible to start", links::mask),
    file(&["unmask"], "take that back", links::unmask),
    file(
        &["link"],
        "make files from elsewhere units",
        links::link_files,
    ),
    Verb {
        least: 2,
        ..file(
            &["add-wants", "add-requires"],
            "link units from a target",
            links::add,
        )
    },
    Verb {
        least: 0,
        most: 0,
        ..file(
            &["get-default"],
            "what default.target means",
            links::get_default,
        )
    },
    Verb {
        most: 1,
        ..file(&["set-default"], "change that", links::set_default)
    },
    ask(
        &[
            "edit",
            "revert",
            "set-property",
            "isolate",
            "default",
            "rescue",
            "emergency",
            "clean",
        ],
        "says what to write instead",
        lists::edit,
    ),
    all(&["show-environment"], "", whole::environment),
    job(
        &["set-environment", "unset-environment"],
        "variables of what starts from now on",
        whole::environment,
    ),
    ask(&["import-environment"], "", whole::environment),
    ask(
        &["poweroff", "reboot", "halt", "exit"],
        "end the container",
        whole::end,
    ),
];
