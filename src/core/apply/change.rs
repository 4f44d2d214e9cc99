//! What differs between two definitions of a service, key by key, and which of these
//! differences need a new run.

use std::fmt;

use super::places::Places;
use crate::core::commands::{ControlCommand, List};
use crate::core::exec::Identity;
use crate::core::exit::Exit;
use crate::core::id::ServiceId;
use crate::core::listen::Listen;
use crate::core::output::Log;
use crate::core::setup::{Base, Folder, Setup};
use crate::core::spec::{
    ControlAccess, Edges, InitSpec, Kind, Restart, RestartByExit, ServiceSpec, Spec, Ties,
};

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

/// Two definitions of one service. The bonds of the old one are in the new one's numbers.
struct Pair<'a> {
    old: &'a ServiceSpec,
    new: &'a ServiceSpec,
    bonds: Edges,
}

struct Key {
    name: &'static str,
    /// It needs a new run.
    anew: bool,
    differs: fn(&Pair<'_>) -> bool,
}

const fn live(name: &'static str, differs: fn(&Pair<'_>) -> bool) -> Key {
    let anew = false;
    Key {
        name,
        anew,
        differs,
    }
}

const fn anew(name: &'static str, differs: fn(&Pair<'_>) -> bool) -> Key {
    let anew = true;
    Key {
        name,
        anew,
        differs,
    }
}

/// Every key of a service.
static KEYS: &[Key] = &[
    anew("type", |p| {
        let of = |spec: &ServiceSpec| (spec.kind, spec.forking.is_some());
        of(p.old) != of(p.new)
    }),
    anew("command", |p| {
        let (old, new) = (&p.old.exec, &p.new.exec);
        (&old.command, &old.manner) != (&new.command, &new.manner)
            || p.old.stop.to_group != p.new.stop.to_group
    }),
    live("unit", |p| p.old.unit != p.new.unit),
    live("enabled", |p| p.old.enabled != p.new.enabled),
    live("essential", |p| p.old.essential != p.new.essential),
    live("readiness-gate", |p| {
        p.old.readiness_gate != p.new.readiness_gate
    }),
    live("requires", |p| p.bonds.requires != p.new.edges.requires),
    live("wants", |p| p.bonds.wants != p.new.edges.wants),
    live("after", |p| p.bonds.after != p.new.edges.after),
    live("before", |p| p.bonds.before != p.new.edges.before),
    live("binds-to", |p| tie(p, |ties| &ties.binds_to)),
    live("part-of", |p| tie(p, |ties| &ties.part_of)),
    live("conflicts", |p| {
        tie(p, |ties| &ties.conflicts) && !has_rivals(p)
    }),
    // What it must not run beside may run.
    anew("conflicts", |p| {
        tie(p, |ties| &ties.conflicts) && has_rivals(p)
    }),
    live("wait-for", |p| p.old.wait_for != p.new.wait_for),
    anew("listen", |p| {
        let but_on_demand = |listen: &Listen| Listen {
            on_demand: false,
            ..listen.clone()
        };
        p.old.listen.as_deref().map(but_on_demand) != p.new.listen.as_deref().map(but_on_demand)
    }),
    anew("on-demand", |p| {
        p.old.is_on_demand() != p.new.is_on_demand()
    }),
    anew("pid-file, guess-main-pid", |p| {
        p.old.forking.is_some() && p.new.forking.is_some() && p.old.forking != p.new.forking
    }),
    anew("ready", |p| p.old.ready != p.new.ready),
    live("health", |p| p.old.health != p.new.health),
    live("schedule, every", |p| {
        let when = |spec: &ServiceSpec| spec.schedule.as_ref().map(|own| own.when.clone());
        when(p.old) != when(p.new)
    }),
    live("randomized-delay", |p| {
        let jitter = |spec: &ServiceSpec| {
            let jitter = spec.schedule.as_ref().map(|own| own.jitter);
            jitter.unwrap_or_default()
        };
        jitter(p.old) != jitter(p.new)
    }),
    anew("notify-access", |p| {
        p.old.notify_access() != p.new.notify_access()
    }),
    anew("watchdog", |p| p.old.watchdog() != p.new.watchdog()),
    anew("file-descriptor-store-max", |p| {
        p.old.store_max() != p.new.store_max()
    }),
    live("start-timeout", |p| {
        p.old.start_timeout != p.new.start_timeout
    }),
    live("restart", |p| restart(p, |own| own.policy)),
    live("restart-delay", |p| restart(p, |own| own.delay)),
    live("restart-delay-max", |p| restart(p, |own| own.delay_max)),
    live("restart-reset", |p| restart(p, |own| own.reset)),
    live("start-limit", |p| restart(p, |own| own.limit)),
    live("restart-prevent-exit-status", |p| {
        by_exit(p, |own| &own.prevent)
    }),
    live("restart-force-exit-status", |p| {
        by_exit(p, |own| &own.force)
    }),
    live("success-exit-status", |p| p.old.success != p.new.success),
    live("stop-signal", |p| p.old.stop.signal != p.new.stop.signal),
    live("stop-timeout", |p| p.old.stop.timeout != p.new.stop.timeout),
    live("kill-mode", |p| {
        p.old.stop.kill_mode != p.new.stop.kill_mode
    }),
    anew("exec-start-pre", |p| list(p, List::StartPre)),
    anew("exec-start-post", |p| list(p, List::StartPost)),
    anew("exec-reload", |p| list(p, List::Reload)),
    live("reload-signal", |p| {
        p.old.reload_signal != p.new.reload_signal
    }),
    anew("exec-stop", |p| list(p, List::Stop)),
    anew("exec-stop-post", |p| list(p, List::StopPost)),
    anew("IgnoreSIGPIPE", |p| {
        p.old.exec.ignore_pipe != p.new.exec.ignore_pipe
    }),
    anew("tracking", |p| p.old.tracking != p.new.tracking),
    anew("environment", |p| {
        let of = |spec: &ServiceSpec| {
            let exec = &spec.exec;
            (exec.environment_below.clone(), exec.environment.clone())
        };
        of(p.old) != of(p.new)
    }),
    anew("environment-file", |p| {
        p.old.exec.environment_files != p.new.exec.environment_files
    }),
    anew("working-directory", |p| {
        p.old.exec.directory != p.new.exec.directory
    }),
    anew("user", |p| identity(p, |own| &own.user)),
    anew("group", |p| identity(p, |own| &own.group)),
    anew("supplementary-groups", |p| {
        identity(p, |own| &own.supplementary)
    }),
    anew("umask", |p| p.old.exec.umask != p.new.exec.umask),
    anew("limit-*", |p| p.old.exec.limits != p.new.exec.limits),
    anew("nice", |p| p.old.exec.nice != p.new.exec.nice),
    anew("oom-score-adjust", |p| {
        p.old.exec.oom_score_adjust != p.new.exec.oom_score_adjust
    }),
    anew("output", |p| {
        let of = |spec: &ServiceSpec| {
            let file = spec.exec.log.as_ref().and_then(|log| log.file.clone());
            (spec.exec.output, file)
        };
        of(p.old) != of(p.new)
    }),
    anew("timestamps", |p| {
        let log = |spec: &ServiceSpec| spec.exec.log.as_ref().is_some_and(|log| log.timestamps);
        log(p.old) != log(p.new)
    }),
    anew("when-full", |p| {
        let drops = |spec: &ServiceSpec| spec.exec.log.as_ref().is_some_and(|log| log.drops);
        drops(p.old) != drops(p.new)
    }),
    anew("log-files", |p| {
        let of = |spec: &ServiceSpec| spec.exec.log.as_ref().map(|log| log.follow.clone());
        of(p.old).unwrap_or_default() != of(p.new).unwrap_or_default()
    }),
    anew("log-ring", |p| {
        let ring = |spec: &ServiceSpec| Log::ring_of(spec.exec.log.as_deref());
        ring(p.old) != ring(p.new)
    }),
    anew("runtime-directory", |p| folders(p, Base::Runtime)),
    anew("state-directory", |p| folders(p, Base::State)),
    anew("cache-directory", |p| folders(p, Base::Cache)),
    anew("logs-directory", |p| folders(p, Base::Logs)),
    anew("configuration-directory", |p| {
        folders(p, Base::Configuration)
    }),
    anew("runtime-directory-preserve", |p| {
        setup(p, |own| &own.preserve)
    }),
    anew("remove-before-start", |p| setup(p, |own| &own.remove)),
    anew("no-new-privileges", |p| {
        setup(p, |own| &own.confinement.no_new_privileges)
    }),
    anew("capability-bounding-set", |p| {
        setup(p, |own| &own.confinement.bounding)
    }),
    anew("ambient-capabilities", |p| {
        setup(p, |own| &own.confinement.ambient)
    }),
    anew("pass-environment", |p| setup(p, |own| &own.pass)),
    anew("unset-environment", |p| setup(p, |own| &own.unset)),
    anew("environment-from", |p| setup(p, |own| &own.secrets)),
    anew("expand-file-variables", |p| {
        setup(p, |own| &own.file_variables)
    }),
    anew("Assert…=", |p| setup(p, |own| &own.unmet)),
];

fn restart<T: PartialEq>(pair: &Pair<'_>, of: fn(&Restart) -> T) -> bool {
    of(&pair.old.restart) != of(&pair.new.restart)
}

fn by_exit(pair: &Pair<'_>, of: fn(&RestartByExit) -> &Box<[Exit]>) -> bool {
    let of = |spec: &ServiceSpec| -> Vec<Exit> {
        let own = spec.restart.by_exit.as_deref();
        own.map_or_else(Vec::new, |own| of(own).to_vec())
    };
    of(pair.old) != of(pair.new)
}

fn ties(edges: &Edges, of: fn(&Ties) -> &Box<[ServiceId]>) -> &[ServiceId] {
    edges.ties.as_deref().map_or(&[], |ties| of(ties))
}

fn tie(pair: &Pair<'_>, of: fn(&Ties) -> &Box<[ServiceId]>) -> bool {
    ties(&pair.bonds, of) != ties(&pair.new.edges, of)
}

/// It conflicts with something that it didn't conflict with.
fn has_rivals(pair: &Pair<'_>) -> bool {
    let known = ties(&pair.bonds, |ties| &ties.conflicts);
    let now = ties(&pair.new.edges, |ties| &ties.conflicts);
    now.iter().any(|rival| !known.contains(rival))
}

fn list(pair: &Pair<'_>, list: List) -> bool {
    let of = |spec: &ServiceSpec| -> Vec<ControlCommand> {
        let commands = spec.commands.as_ref();
        commands.map_or_else(Vec::new, |commands| commands.list(list).to_vec())
    };
    of(pair.old) != of(pair.new)
}

fn setup<T: PartialEq + Default>(pair: &Pair<'_>, of: fn(&Setup) -> &T) -> bool {
    let default = T::default();
    let old = pair.old.exec.setup.as_deref().map_or(&default, of);
    let new = pair.new.exec.setup.as_deref().map_or(&default, of);
    old != new
}

fn identity<T: PartialEq>(pair: &Pair<'_>, of: fn(&Identity) -> &T) -> bool {
    let none = Identity::default();
    let old = pair.old.exec.identity.as_deref().unwrap_or(&none);
    let new = pair.new.exec.identity.as_deref().unwrap_or(&none);
    of(old) != of(new)
}

fn folders(pair: &Pair<'_>, base: Base) -> bool {
    let of = |spec: &ServiceSpec| -> Vec<Folder> {
        let setup = spec.exec.setup.iter();
        let all = setup.flat_map(|setup| &setup.folders);
        all.filter(|folder| folder.base == base).cloned().collect()
    };
    of(pair.old) != of(pair.new)
}

/// But for its bonds, and where it was defined. What no key above stands for would be lost
/// without this.
fn is_the_same(old: &ServiceSpec, new: &ServiceSpec) -> bool {
    let ServiceSpec {
        name,
        kind,
        enabled,
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
        source: _,
        unit,
    } = old;
    *name == new.name
        && *kind == new.kind
        && *unit == new.unit
        && *enabled == new.enabled
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
    let by_name: std::collections::BTreeMap<&str, ServiceId> = (0..)
        .map(ServiceId)
        .zip(&new.services)
        .map(|(id, service)| (&*service.name, id))
        .collect();
    let to = |service: &ServiceSpec| by_name.get(&*service.name).copied();
    Places::new(old.services.iter().map(to).collect(), new.services.len())
}
