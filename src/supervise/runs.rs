//! The live runs, and whose a process is.

use std::os::fd::OwnedFd;

use super::cgroups::Group;
use super::grouping::Grouped;
use super::marks::Marks;
use super::probe::Attempts;
use crate::core::apply::places::Places;
use crate::core::commands::CommandId;
use crate::core::group_limit::GroupLimit;
use crate::core::id::{Pid, RunId, ServiceId};
use crate::core::signal::Signal;
use crate::core::sorted::Map;
use crate::sys::cgroup::{Cgroup, Events};
use crate::sys::procfs;
use crate::sys::signal::{SignalSet, group_exists, kill_group, kill_group_of, process_exists};

/// One live run, as the kernel's side knows it.
pub(crate) struct Run {
    /// Whose life it is.
    pub(crate) service: ServiceId,
    /// The first main process: its number names the run's session and group.
    pub(crate) leader: Option<Pid>,
    /// It was reaped: the number names the session and group while they have members, and
    /// may be another's afterwards.
    leader_gone: bool,
    /// Nobody is in that group any more, so nobody can come to it.
    group_gone: bool,
    /// What its tree was sent: a process found later gets all of it.
    pub(crate) sent: SignalSet,
    /// The main process, while it lives.
    pub(crate) main: Option<Pid>,
    /// The pipe that tells how the exec went, until it has told.
    pub(crate) launch: Option<OwnedFd>,
    /// What else some runs have.
    pub(crate) extra: Option<Box<Extra>>,
    /// When it was spawned, on the clock that files are stamped with.
    pub(crate) spawned_nanos: i64,
    /// The core waits for the end of its tree.
    pub(crate) watched: bool,
    /// Its end was reported to the core.
    pub(crate) ended: bool,
    /// Its subreaper said that nothing is left.
    pub(crate) tree_gone: bool,
}

/// What only some runs need.
#[derive(Default)]
pub(crate) struct Extra {
    /// The read end of the readiness descriptor.
    pub(crate) ready: Option<OwnedFd>,
    /// The probe under way.
    pub(crate) attempts: Option<Attempts>,
    /// The subreaper above it: its process and the socket to it.
    pub(crate) keeper: Option<(Pid, OwnedFd)>,
    /// Its cgroups.
    pub(crate) groups: Vec<Group>,
    /// What tells when the first of these is empty, where its processes are known by that.
    pub(crate) changes: Option<Events>,
    /// What its groups were told last.
    pub(crate) limits: Box<[GroupLimit]>,
    /// How many of its processes the OOM killer has taken that are accounted for.
    pub(crate) oom_kills: u64,
    /// Its main process is not our child: the descriptor that tells of its end.
    pub(crate) foreign: Option<OwnedFd>,
    /// It is a control process's: the command that this executes, and the service's run.
    pub(crate) control: Option<(CommandId, RunId)>,
    /// The run of the service's control process, the last one.
    pub(crate) controlled_by: Option<RunId>,
    /// It left more descriptors than it may, which is said once.
    pub(crate) store_was_full: bool,
    /// What is known of its tree, once that is asked for.
    pub(crate) marks: Marks,
}

impl Run {
    /// A run that isn't spawned yet.
    pub(crate) fn new(service: ServiceId) -> Self {
        Self {
            service,
            leader: None,
            leader_gone: false,
            group_gone: false,
            sent: SignalSet::EMPTY,
            main: None,
            launch: None,
            extra: None,
            spawned_nanos: 0,
            watched: false,
            ended: false,
            tree_gone: false,
        }
    }

    /// The first main process, unless its number is another's by now: no new process gets
    /// the number that a session or a group with members is called by.
    pub(crate) fn known_leader(&self) -> Option<Pid> {
        let leader = self.leader?;
        let keeper = self.keeper().map(|(keeper, _)| keeper.0);
        // A subreaper tells of ends before it reaps, and of the main process's alone.
        let is_another = match keeper {
            // Mostly there is nobody, which costs less to ask than /proc.
            None if !self.leader_gone || !process_exists(leader) => false,
            // Where there is no /proc, it is.
            None | Some(_) => match procfs::stat(leader) {
                Some(stat) => !stat.zombie && keeper != Some(stat.parent),
                None => keeper.is_none(),
            },
        };
        (!is_another).then_some(leader)
    }

    /// The group of its first main process is empty, for good.
    pub(crate) fn has_lost_group(&mut self) -> bool {
        if let Some(leader) = self.leader.filter(|_| self.leader_gone && !self.group_gone) {
            self.group_gone = !group_exists(leader);
        }
        self.group_gone
    }

    /// Signals the group of its first main process (`leader`), if that is still its own; one
    /// that isn't reaped may not have founded it yet.
    pub(crate) fn signal_group(&self, leader: Option<Pid>, signal: Signal) {
        // Whoever is gone by now needs no signal.
        let _ = leader.map(|leader| match self.main == Some(leader) {
            true => kill_group_of(leader, signal),
            false => kill_group(leader, signal),
        });
    }

    /// Its subreaper, if it has one, and the socket to it.
    pub(crate) fn keeper(&self) -> Option<&(Pid, OwnedFd)> {
        self.extra.as_ref()?.keeper.as_ref()
    }

    /// The cgroup by which its processes are known, if there is one, and what tells when
    /// that is empty.
    pub(crate) fn cgroup(&self) -> Option<(&Cgroup, &Events)> {
        let extra = self.extra.as_ref()?;
        let group = extra.groups.first()?;
        Some((&group.cgroup, extra.changes.as_ref()?))
    }

    /// The command, and the service's run, if this is a control process's.
    pub(crate) fn control(&self) -> Option<(CommandId, RunId)> {
        self.extra.as_ref()?.control
    }

    /// The run of its control process, if it has had one.
    pub(crate) fn controlled_by(&self) -> Option<RunId> {
        self.extra.as_ref()?.controlled_by
    }

    /// It has these groups, and these limits in them.
    pub(crate) fn belongs_to(&mut self, grouped: Grouped, limits: &[GroupLimit]) {
        if !grouped.groups.is_empty() || !limits.is_empty() {
            let extra = self.extra();
            extra.groups = grouped.groups;
            extra.changes = grouped.changes;
            extra.limits = limits.into();
        }
    }

    /// The rarely needed part, made when it is needed first.
    pub(crate) fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }
}

/// All live runs.
#[derive(Default)]
pub(crate) struct Runs {
    by_run: Map<RunId, Run>,
    by_pid: Map<Pid, RunId>,
    /// First processes that aren't the main one any more.
    apart: Map<Pid, RunId>,
}

impl Runs {
    /// A run, if it lives.
    pub(crate) fn get(&self, run: RunId) -> Option<&Run> {
        self.by_run.get(&run)
    }

    /// A run, to be changed.
    pub(crate) fn get_mut(&mut self, run: RunId) -> Option<&mut Run> {
        self.by_run.get_mut(&run)
    }

    /// Each, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&RunId, &mut Run)> {
        self.by_run.iter_mut()
    }

    /// A run, made if it is new (a probe may come before the spawn).
    pub(crate) fn entry(&mut self, run: RunId, service: ServiceId) -> &mut Run {
        self.by_run.entry(run).or_insert_with(|| Run::new(service))
    }

    /// Ends a run; its descriptors close.
    pub(crate) fn remove(&mut self, run: RunId) -> Option<Run> {
        let removed = self.by_run.remove(&run)?;
        if let Some(pid) = removed.main {
            self.by_pid.remove(&pid);
        }
        if let Some(pid) = removed.leader
            && self.apart.get(&pid) == Some(&run)
        {
            self.apart.remove(&pid);
        }
        Some(removed)
    }

    /// Services have other numbers now. Gives the runs of those that are no more.
    pub(crate) fn rearrange(&mut self, places: &Places) -> Vec<RunId> {
        let mut gone = Vec::new();
        for (id, run) in self.by_run.iter_mut() {
            match places.of(run.service) {
                Some(place) => run.service = place,
                None => gone.push(*id),
            }
        }
        gone
    }

    /// Notes that this process is the run's main one.
    pub(crate) fn set_main(&mut self, run: RunId, pid: Pid) {
        let Some(entry) = self.by_run.get_mut(&run) else {
            return;
        };
        if let Some(old) = entry.main.replace(pid) {
            self.by_pid.remove(&old);
            if entry.leader == Some(old) {
                self.apart.insert(old, run);
            }
        }
        entry.leader.get_or_insert(pid);
        self.by_pid.insert(pid, run);
    }

    /// Notes the first process of a run whose main one is another already.
    pub(crate) fn set_leader(&mut self, run: RunId, pid: Pid) {
        if let Some(entry) = self.by_run.get_mut(&run) {
            entry.leader = Some(pid);
            (entry.leader_gone, entry.group_gone) = (false, false);
            self.apart.insert(pid, run);
        }
    }

    /// Notes that the main process is gone.
    pub(crate) fn clear_main(&mut self, run: RunId) {
        let Some(entry) = self.by_run.get_mut(&run) else {
            return;
        };
        if let Some(pid) = entry.main.take() {
            entry.leader_gone |= entry.leader == Some(pid);
            self.by_pid.remove(&pid);
        }
    }

    /// A process was reaped that is no run's main one. It may have been the first, where
    /// another is that now.
    pub(crate) fn reaped(&mut self, pid: Pid) {
        let run = self.apart.remove(&pid);
        if let Some(run) = run.and_then(|run| self.by_run.get_mut(&run)) {
            run.leader_gone |= run.leader == Some(pid);
        }
    }

    /// Whose main process this is.
    pub(crate) fn of_main(&self, pid: Pid) -> Option<RunId> {
        self.by_pid.get(&pid).copied()
    }

    /// How many main processes live.
    pub(crate) fn living(&self) -> usize {
        self.by_pid.len()
    }
}
