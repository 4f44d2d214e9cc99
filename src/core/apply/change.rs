//! What differs between two definitions of a service, key by key, and which of these
//! differences need a new run.

use std::fmt;

use super::keys::{KEYS, Key, Pair};
use super::places::Places;
use crate::core::id::ServiceId;
use crate::core::sorted::Map;
use crate::core::spec::{ControlAccess, InitSpec, Kind, ServiceSpec, Spec};

/// How a service comes to its new definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Class {
    /// There is nothing to come to.
    Same,
    /// As it stands.
    Live,
    /// A oneshot: with its next run, which doesn't come for that.
    Later,
    /// It stops, and starts anew.
    Redefined,
    /// It stops, and is no more.
    Removed,
}

/// What becomes of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Becomes {
    /// It starts, or is there to be started.
    Added,
    /// It stops, and is no more.
    Removed,
    /// It stops and starts.
    Restarted,
    /// It goes on, or rests, with its new definition.
    Changed,
    /// It had failed, or was disabled, and starts.
    Started,
    /// It stops, since it is disabled now.
    Disabled,
}

impl Becomes {
    /// The word for it: `web: restart (command)`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Added => "new",
            Self::Removed => "removed",
            Self::Restarted => "restart",
            Self::Changed => "change without a restart",
            Self::Started => "start",
            Self::Disabled => "stop",
        }
    }
}

/// What a new configuration does to one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub service: Box<str>,
    /// What becomes of it.
    pub becomes: Becomes,
    /// The keys that differ.
    pub keys: Box<[&'static str]>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.service, self.becomes.word())?;
        if self.keys.is_empty() {
            return Ok(());
        }
        write!(f, " ({})", self.keys.join(", "))
    }
}

/// What a new configuration does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// To services: removed ones first, then in declared order.
    pub services: Box<[Change]>,
    /// Keys of `[init]` that take effect.
    pub init: Box<[&'static str]>,
    /// Keys of `[init]` that stay as they were, since they count at a start alone.
    pub kept: Box<[&'static str]>,
    /// What is doubtful in it.
    pub warnings: Box<[Box<str>]>,
}

impl Changes {
    /// Nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.services.is_empty() && self.init.is_empty() && self.kept.is_empty()
    }
}

/// In one line: `web: restart (command); old: removed`.
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// More would be no line.
        const NAMED: usize = 20;
        let mut between = "";
        for change in self.services.iter().take(NAMED) {
            write!(f, "{between}{change}")?;
            between = "; ";
        }
        let more = self.services.len().saturating_sub(NAMED);
        if more > 0 {
            write!(f, "; {more} more")?;
        }
        if !self.init.is_empty() {
            write!(f, "{between}[init]: {}", self.init.join(", "))?;
            between = "; ";
        }
        if !self.kept.is_empty() {
            let kept = self.kept.join(", ");
            write!(f, "{between}[init]: not without a new start: {kept}")?;
            between = "; ";
        }
        if between.is_empty() {
            f.write_str("nothing changes")?;
        }
        Ok(())
    }
}

/// But for its bonds, and where it was defined. What no key above stands for would be lost
/// without this.
fn is_the_same(old: &ServiceSpec, new: &ServiceSpec) -> bool {
    let ServiceSpec {
        name,
        kind,
        enabled,
        pulled,
        essential,
        readiness_gate,
        is_main,
        edges: _,
        wait_for,
        listen,
        ready,
        health,
        schedule,
        notify,
        start_timeout,
        restart,
        success,
        reload_signal,
        stop,
        forking,
        commands,
        tracking,
        exec,
        terms,
        source: _,
        unit,
    } = old;
    *name == new.name
        && *kind == new.kind
        && *unit == new.unit
        && *enabled == new.enabled
        && *pulled == new.pulled
        && *essential == new.essential
        && *readiness_gate == new.readiness_gate
        && *is_main == new.is_main
        && *wait_for == new.wait_for
        && *listen == new.listen
        && *ready == new.ready
        && *health == new.health
        && *schedule == new.schedule
        && *notify == new.notify
        && *start_timeout == new.start_timeout
        && *restart == new.restart
        && *success == new.success
        && *reload_signal == new.reload_signal
        && *stop == new.stop
        && *forking == new.forking
        && *commands == new.commands
        && *tracking == new.tracking
        && *exec == new.exec
        && *terms == new.terms
}

/// The keys that differ, and what they make of the service.
pub(super) fn compare(
    old: &ServiceSpec,
    new: &ServiceSpec,
    places: &Places,
) -> (Class, Box<[&'static str]>) {
    // The COMMAND is what the container was started for: no file changes it.
    if old.is_main || new.is_main {
        return (Class::Same, Box::default());
    }
    let bonds = places.bonds(&old.edges);
    let pair = Pair { old, new, bonds };
    let differing: Vec<&Key> = KEYS.iter().filter(|key| (key.differs)(&pair)).collect();
    let keys: Box<[&'static str]> = differing.iter().map(|key| key.name).collect();
    if keys.is_empty() && !is_the_same(old, new) {
        return (Class::Redefined, ["its definition"].into());
    }
    let is = |name: &str| keys.contains(&name);
    let disabled = old.enabled && !new.enabled;
    let oneshot = old.kind == Kind::Oneshot && new.kind == Kind::Oneshot;
    let class = if keys.is_empty() {
        Class::Same
    } else if !disabled && !differing.iter().any(|key| key.anew) {
        Class::Live
    } else if oneshot && !is("listen") && !is("conflicts") {
        Class::Later
    } else {
        Class::Redefined
    };
    (class, keys)
}

/// Takes over what can't change while rinit runs, and names what did and what would have.
pub(super) fn settle_init(
    old: &InitSpec,
    new: &mut InitSpec,
) -> (Box<[&'static str]>, Box<[&'static str]>) {
    let mut taken = Vec::new();
    let mut kept = Vec::new();
    let note = |list: &mut Vec<&'static str>, name, differs| {
        if differs {
            list.push(name);
        }
    };
    let timeout = old.shutdown_timeout != new.shutdown_timeout;
    note(&mut taken, "shutdown-timeout", timeout);
    let delay = old.shutdown_delay != new.shutdown_delay;
    note(&mut taken, "shutdown-delay", delay);
    let keep = old.keep_running != new.keep_running;
    note(&mut taken, "keep-running", keep);
    let access = |init: &InitSpec| init.control_access == ControlAccess::Status;
    note(&mut kept, "nested", old.nested != new.nested);
    let socket = old.control_socket != new.control_socket;
    note(&mut kept, "control-socket", socket);
    note(&mut kept, "control-access", access(old) != access(new));
    let log = old.termination_log != new.termination_log;
    note(&mut kept, "termination-log", log);
    note(&mut kept, "cgroups", old.cgroups != new.cgroups);
    let folder = old.systemd_folder != new.systemd_folder;
    note(&mut kept, "systemd-folder", folder);
    note(&mut kept, "syslog", old.syslog != new.syslog);
    note(&mut kept, "[http]", old.http != new.http);
    let own_lines = old.own_lines != new.own_lines;
    note(&mut kept, "output of rinit's own lines", own_lines);
    *new = InitSpec {
        shutdown_timeout: new.shutdown_timeout,
        shutdown_delay: new.shutdown_delay,
        keep_running: new.keep_running,
        ..old.clone()
    };
    (taken.into(), kept.into())
}

/// Where the services of one configuration stand in the other: by their names.
pub(super) fn places(old: &Spec, new: &Spec) -> Places {
    let by_name: Map<&str, ServiceId> = (0..)
        .map(ServiceId)
        .zip(&new.services)
        .map(|(id, service)| (&*service.name, id))
        .collect();
    let to = |service: &ServiceSpec| by_name.get(&*service.name).copied();
    Places::new(old.services.iter().map(to).collect(), new.services.len())
}
