//! Every key of a service: how it is seen that it differs, and whether that needs a new run.

use std::time::Duration;

use crate::core::commands::{ControlCommand, List};
use crate::core::exec::Identity;
use crate::core::exit::Exit;
use crate::core::group_limit::GroupResource;
use crate::core::id::ServiceId;
use crate::core::listen::Listen;
use crate::core::output::Log;
use crate::core::sandbox::last;
use crate::core::setup::{Base, Folder, Setup};
use crate::core::spec::{Edges, Restart, RestartByExit, ServiceSpec, Ties};

/// Two definitions of one service. The bonds of the old one are in the new one's numbers.
pub(super) struct Pair<'a> {
    pub(super) old: &'a ServiceSpec,
    pub(super) new: &'a ServiceSpec,
    pub(super) bonds: Edges,
}

pub(super) struct Key {
    pub(super) name: &'static str,
    /// It needs a new run.
    pub(super) anew: bool,
    pub(super) differs: fn(&Pair<'_>) -> bool,
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
pub(super) static KEYS: &[Key] = &[
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
    live("enabled", |p| {
        (p.old.enabled, p.old.pulled) != (p.new.enabled, p.new.pulled)
    }),
    live("essential", |p| p.old.essential != p.new.essential),
    live("readiness-gate", |p| {
        p.old.readiness_gate != p.new.readiness_gate
    }),
    live("requires", |p| p.bonds.requires != p.new.edges.requires),
    live("wants", |p| {
        p.bonds.wants != p.new.edges.wants || tie(p, |ties| &ties.starts)
    }),
    live("after", |p| p.bonds.after != p.new.edges.after),
    live("before", |p| p.bonds.before != p.new.edges.before),
    live("binds-to", |p| tie(p, |ties| &ties.binds_to)),
    live("part-of", |p| tie(p, |ties| &ties.part_of)),
    live("on-failure", |p| tie(p, |ties| &ties.on_failure)),
    live("on-success", |p| tie(p, |ties| &ties.on_success)),
    live("StopWhenUnneeded", |p| {
        p.old.stops_unneeded() != p.new.stops_unneeded() || tie(p, |ties| &ties.needed_by)
    }),
    live("StopPropagatedFrom", |p| tie(p, |ties| &ties.stops_with)),
    live("ReloadPropagatedFrom", |p| {
        tie(p, |ties| &ties.reloads_with)
    }),
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
    live("watchdog-signal", |p| {
        p.old.watchdog_signal() != p.new.watchdog_signal()
    }),
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
    live("RestartKillSignal and kin", |p| {
        p.old.terms != p.new.terms && !runs_differently(p)
    }),
    anew("RuntimeMaxSec", runs_differently),
    anew("exec-condition", |p| list(p, List::Condition)),
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
    live("memory-max", |p| group(p, GroupResource::MemoryMax)),
    live("memory-high", |p| group(p, GroupResource::MemoryHigh)),
    live("memory-low", |p| group(p, GroupResource::MemoryLow)),
    live("memory-min", |p| group(p, GroupResource::MemoryMin)),
    live("memory-swap-max", |p| {
        group(p, GroupResource::MemorySwapMax)
    }),
    live("cpu-quota", |p| group(p, GroupResource::CpuQuota)),
    live("cpu-weight", |p| group(p, GroupResource::CpuWeight)),
    live("io-weight", |p| group(p, GroupResource::IoWeight)),
    live("tasks-max", |p| group(p, GroupResource::TasksMax)),
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
    anew("Condition…=", |p| setup(p, |own| &own.conditions)),
    anew("cpu-affinity", affinity),
    anew("the sandbox", |p| {
        setup(p, |own| &own.sandbox) && !affinity(p)
    }),
];

/// How long it may run is fixed when it is ready.
fn runs_differently(pair: &Pair<'_>) -> bool {
    let of = |spec: &ServiceSpec| {
        let terms = spec.terms.as_ref();
        terms.map_or((None, Duration::ZERO), |own| (own.longest, own.extra))
    };
    of(pair.old) != of(pair.new)
}

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

/// Of a sandbox's words one is a key.
fn affinity(pair: &Pair<'_>) -> bool {
    let [old, new] = [pair.old, pair.new].map(|spec| {
        let setup = spec.exec.setup.as_ref();
        setup.and_then(|own| last(&own.sandbox, "CPUAffinity"))
    });
    old != new
}

fn group(pair: &Pair<'_>, of: GroupResource) -> bool {
    let amount = |spec: &ServiceSpec| {
        let mut limits = spec.exec.group_limits.iter();
        limits
            .find(|limit| limit.of == of)
            .map(|limit| limit.amount)
    };
    amount(pair.old) != amount(pair.new)
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
