//! The groups of a run: made before its process is, found again when its limits change or
//! when it was killed. Writing what is less than a group has taken already may last, so it
//! is a helper that changes the limits of those that run.

use std::os::fd::OwnedFd;

use super::cgroups::{Cgroups, Group, Wanted};
use super::hands::Hands;
use super::own_lines;
use crate::core::group_limit::{GroupLimit, GroupResource, GroupResources};
use crate::core::id::{Pid, RunId, ServiceId};
use crate::core::spec::{ServiceSpec, Spec, Tracking};
use crate::sys::cgroup::{Cgroup, Events};
use crate::sys::controllers::{self, oom_kills};
use crate::sys::error::Errno;
use crate::sys::fork::helper;
use crate::sys::procfs;

/// How often it is looked for processes that were forked meanwhile.
const LOOKS: usize = 8;

/// A new run's groups, and the ways in.
#[derive(Default)]
pub(crate) struct Grouped {
    pub(crate) groups: Vec<Group>,
    pub(crate) entrances: Vec<OwnedFd>,
    /// What tells when the first one is empty, where that one tells its processes from others.
    pub(crate) changes: Option<Events>,
}

/// What a helper is to do for one run.
#[derive(Default)]
struct Change {
    name: Box<str>,
    /// Groups that are new, for this process and all below it, but not for its subreaper.
    moves: Vec<Cgroup>,
    root: Option<Pid>,
    keeper: Option<Pid>,
    limits: Vec<(Cgroup, bool, GroupLimit)>,
}

/// What a service wants of groups.
fn wanted(spec: &ServiceSpec) -> Wanted {
    Wanted {
        tracking: spec.tracking == Tracking::Cgroup,
        limits: GroupResources::of(&spec.exec.group_limits),
    }
}

/// Where services want groups of their own. What can't be had they do without.
pub(super) fn cgroups_for(spec: &Spec, pid1: bool, known: Option<Cgroups>) -> Option<Cgroups> {
    let all = spec.services.iter().map(wanted);
    let all = all.fold(Wanted::default(), |all, one| Wanted {
        tracking: all.tracking || one.tracking,
        limits: all.limits.or(one.limits),
    });
    if !all.tracking && all.limits.is_empty() {
        return known;
    }
    let choice = spec.init.cgroups;
    let find = || Cgroups::find(|hierarchy| choice.allows(hierarchy.alone && pid1));
    let mut cgroups = known.unwrap_or_else(find);
    cgroups.want(all, pid1);
    Some(cgroups)
}

impl Hands {
    /// The groups of a run. Where none can be had by which its processes are known, a
    /// subreaper does it too. A control process's are for its limits alone.
    pub(super) fn group(
        &mut self,
        service: ServiceId,
        run: RunId,
        spec: &ServiceSpec,
        is_control: bool,
    ) -> Grouped {
        let Some(cgroups) = &mut self.cgroups else {
            return Grouped::default();
        };
        let mut wanted = wanted(spec);
        wanted.tracking &= !is_control;
        let mut grouped = Grouped::default();
        let made = cgroups.make(service, &spec.name, run, wanted, &[]);
        match made.and_then(|groups| open(groups, wanted.tracking, &mut grouped)) {
            Ok(()) => cgroups.limit(&spec.name, &grouped.groups, &spec.exec.group_limits),
            Err(errno) => {
                log::warn!("{}: no cgroup, but a subreaper: {errno}", spec.name);
                cgroups.discard(service, std::mem::take(&mut grouped).groups);
            }
        }
        grouped
    }

    /// A run's groups are given back.
    pub(super) fn ungroup(&mut self, service: ServiceId, groups: Vec<Group>) {
        if let Some(cgroups) = &mut self.cgroups {
            cgroups.discard(service, groups);
        }
    }

    /// A new specification counts: limits that it changes are changed for what runs, too.
    pub(super) fn regroup(&mut self, spec: &Spec) {
        self.cgroups = cgroups_for(spec, self.pid1, self.cgroups.take());
        let Some(cgroups) = &mut self.cgroups else {
            return;
        };
        self.memory_events = super::memory_events::MemoryEvents::open(cgroups.own_memory());
        let mut changes = Vec::new();
        for (id, run) in self.runs.iter_mut() {
            let Some(service) = spec.services.get(run.service.index()) else {
                continue;
            };
            let new = &service.exec.group_limits;
            let old = run.extra.as_deref().map_or(&[][..], |extra| &extra.limits);
            if **new == *old {
                continue;
            }
            let keeper = run.keeper().map(|(pid, _)| *pid);
            let root = keeper.or(run.main);
            let old = GroupResources::of(old);
            let owner = run.service;
            let extra = run.extra();
            extra.limits.clone_from(new);
            let wanted = Wanted {
                tracking: false,
                ..wanted(service)
            };
            let name = &service.name;
            let more = cgroups.make(owner, name, *id, wanted, &extra.groups);
            let more = more.unwrap_or_default();
            let moves = more.iter().map(|group| group.cgroup.clone()).collect();
            extra.groups.extend(more);
            let gone = old.without(wanted.limits).iter();
            let gone = gone.map(|of| GroupLimit {
                of,
                amount: of.default_amount(),
            });
            let limits = new.iter().copied().chain(gone).filter_map(|limit| {
                let mut groups = extra.groups.iter();
                let group = groups.find(|group| group.limits.has(limit.of))?;
                Some((group.cgroup.clone(), group.first, limit))
            });
            changes.push(Change {
                limits: limits.collect(),
                name: name.clone(),
                moves,
                root,
                keeper,
            });
        }
        if changes.is_empty() {
            return;
        }
        let keep = [own_lines::descriptor()];
        match helper(c"rinit-limits", &keep, || carry_out(&changes)) {
            Ok(pid) => drop(self.helpers.insert(pid)),
            Err(errno) => log::warn!("limits by cgroup stay until the next start: {errno}"),
        }
    }

    /// Whether the OOM killer has taken something of the run, that nobody was told of yet.
    pub(super) fn ran_out_of_memory(&mut self, run: RunId) -> bool {
        let entry = self.runs.get_mut(run);
        let Some(extra) = entry.and_then(|entry| entry.extra.as_deref_mut()) else {
            return false;
        };
        let mut groups = extra.groups.iter();
        let group = groups.find(|group| group.limits.has(GroupResource::MemoryMax));
        let count = group.and_then(|group| oom_kills(&group.cgroup, group.first));
        let count = count.unwrap_or_default();
        std::mem::replace(&mut extra.oom_kills, count) < count
    }
}

/// Opens the ways in; what it says is empty is the first one.
fn open(groups: Vec<Group>, tracking: bool, into: &mut Grouped) -> Result<(), Errno> {
    into.groups = groups;
    for group in &into.groups {
        into.entrances.push(group.cgroup.entrance()?);
    }
    let mut tracking = into.groups.iter().filter(|group| tracking && !group.first);
    let events = tracking.next().map(|group| group.cgroup.events());
    into.changes = events.transpose()?;
    Ok(())
}

/// In the helper. Gives its exit code.
fn carry_out(changes: &[Change]) -> i32 {
    for change in changes {
        for group in &change.moves {
            bring_in(change, group);
        }
        for (group, first, limit) in &change.limits {
            let set = controllers::limit(group, *first, *limit);
            if let Err(errno) = set
                && group.path().exists()
            {
                log::warn!("{}: {} stays: {errno}", change.name, limit.of.key());
            }
        }
    }
    0
}

/// Puts all that runs into a group that is new, while it may fork.
fn bring_in(change: &Change, group: &Cgroup) {
    for _ in 0..LOOKS {
        let all = procfs::with_descendants(&procfs::stats(), change.root);
        let members = group.members();
        let mut new = all
            .iter()
            .filter(|pid| Some(**pid) != change.keeper && !members.contains(pid))
            .peekable();
        if new.peek().is_none() {
            return;
        }
        for pid in new {
            let _ = group.take(*pid);
        }
    }
}
