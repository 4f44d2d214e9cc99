//! When is a tree that only marks keep together gone? One read of our children tells
//! that nothing is left anywhere; only where something is, a helper looks whose it is.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use super::marks::{self, Invocation, Member, Wanted};
use super::runs::{Run, Runs};
use crate::core::id::{Pid, RunId};
use crate::core::signal::Signal;
use crate::core::time::Instant;
use crate::sys::fork::helper;
use crate::sys::signal::{group_exists, kill};
use crate::sys::{fd, procfs};

/// Deaths come in swarms: not oftener than this.
const SPACING: Duration = Duration::from_millis(5);
/// The pauses between looks at what stays.
const PAUSE: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(250);
/// How long the helper may look.
const LIMIT: Duration = Duration::from_secs(1);
/// How much it may say: one record is 20 bytes.
const RECORD: usize = 20;
const ANSWER_MAX: usize = 1 << 20;

/// The process that looks, and what it has said so far.
struct Seeker {
    pid: Pid,
    pipe: OwnedFd,
    wanted: Vec<RunId>,
    said: Vec<u8>,
    give_up_at: Instant,
}

/// The trees whose end is waited for.
#[derive(Default)]
pub(crate) struct Trees {
    waiting: BTreeSet<RunId>,
    last: Option<Instant>,
    look_at: Option<Instant>,
    pause: Duration,
    seeker: Option<Seeker>,
}

impl Trees {
    /// Begins to wait for a run's tree.
    pub(crate) fn wait_for(&mut self, run: RunId, now: Instant) {
        self.waiting.insert(run);
        self.pause = PAUSE;
        self.look_at = Some(now);
    }

    /// The run is over, however that was found out.
    pub(crate) fn forget(&mut self, run: RunId) {
        self.waiting.remove(&run);
        if self.waiting.is_empty() {
            self.look_at = None;
        }
    }

    /// A child ended: perhaps a tree did.
    pub(crate) fn child_ended(&mut self, now: Instant) {
        if !self.waiting.is_empty() {
            self.look_at = Some(self.look_at.map_or(now, |at| at.min(now)));
        }
    }

    /// When it is to be looked next, or the helper given up.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let give_up = self.seeker.as_ref().map(|seeker| seeker.give_up_at);
        [self.look_at.filter(|_| self.seeker.is_none()), give_up]
            .into_iter()
            .flatten()
            .min()
    }

    /// The pipe of the helper that has just been started, to be watched.
    pub(crate) fn pipe(&self) -> Option<&OwnedFd> {
        self.seeker.as_ref().map(|seeker| &seeker.pipe)
    }

    /// The helper's process.
    pub(crate) fn seeker(&self) -> Option<Pid> {
        self.seeker.as_ref().map(|seeker| seeker.pid)
    }

    /// Looks if that is due; the trees that are gone. `true` if a helper was started.
    pub(crate) fn look(
        &mut self,
        now: Instant,
        runs: &Runs,
        helpers: &BTreeSet<Pid>,
        invocation: impl Fn(RunId) -> Invocation,
    ) -> (Vec<RunId>, bool) {
        if self
            .seeker
            .as_ref()
            .is_some_and(|seeker| now >= seeker.give_up_at)
        {
            self.give_up(now);
        }
        if self.seeker.is_some() || self.look_at.is_none_or(|at| now < at) {
            return (Vec::new(), false);
        }
        if let Some(next) = self
            .last
            .map(|last| last.plus(SPACING))
            .filter(|next| now < *next && runs.living() > 0)
        {
            self.look_at = Some(next);
            return (Vec::new(), false);
        }
        self.last = Some(now);
        let open: Vec<(RunId, &Run)> = self
            .waiting
            .iter()
            .filter_map(|run| Some((*run, runs.get(*run)?)))
            .filter(|(_, run)| run.main.is_none())
            .collect();
        self.look_at = None;
        if open.is_empty() {
            return (Vec::new(), false);
        }
        let known = |pid: &Pid| runs.of_main(*pid).is_some() || helpers.contains(pid);
        match procfs::children() {
            Some(children) if children.iter().all(known) => {
                (self.gone(open.iter().map(|(run, _)| *run).collect()), false)
            }
            None if procfs::all().is_none() => {
                // No /proc: the group is all that can be asked.
                let empty = |(_, run): &&(RunId, &Run)| {
                    run.leader.is_none_or(|leader| !group_exists(leader))
                };
                let gone = open.iter().filter(empty).map(|(run, _)| *run).collect();
                self.look_later(now);
                (self.gone(gone), false)
            }
            Some(_) | None => {
                let wanted = open
                    .iter()
                    .filter_map(|(id, run)| {
                        Some(Wanted {
                            run: *id,
                            leader: run.leader?,
                            invocation: invocation(*id).to_string(),
                        })
                    })
                    .collect();
                self.look_later(now);
                (Vec::new(), self.seek(now, wanted, helpers))
            }
        }
    }

    fn gone(&mut self, runs: Vec<RunId>) -> Vec<RunId> {
        runs.iter().for_each(|run| self.forget(*run));
        runs
    }

    fn look_later(&mut self, now: Instant) {
        self.look_at = Some(now.plus(self.pause));
        self.pause = self.pause.saturating_mul(2).clamp(PAUSE, PAUSE_MAX);
    }

    fn seek(&mut self, now: Instant, wanted: Vec<Wanted>, helpers: &BTreeSet<Pid>) -> bool {
        let Ok((read, write)) = fd::pipe() else {
            return false;
        };
        fd::set_nonblocking(&read);
        let mut spared = helpers.clone();
        spared.insert(Pid(nix::unistd::getpid().as_raw()));
        let body = || {
            let mut spared = spared.clone();
            spared.insert(Pid(nix::unistd::getpid().as_raw()));
            let found = marks::look(&wanted, &spared);
            let bytes: Vec<u8> = found
                .iter()
                .flat_map(|(run, member)| record(*run, *member))
                .collect();
            i32::from(fd::write_all(&write, &bytes).is_err())
        };
        let Ok(pid) = helper(c"rinit-seeker", &[write.as_raw_fd()], body) else {
            return false;
        };
        let wanted = wanted.iter().map(|wanted| wanted.run).collect();
        self.seeker = Some(Seeker {
            pid,
            pipe: read,
            wanted,
            said: Vec::new(),
            give_up_at: now.plus(LIMIT),
        });
        true
    }

    /// Takes what the helper says; once it has said all, the trees of which nothing is left.
    pub(crate) fn hear(&mut self, runs: &mut Runs) -> Option<Vec<RunId>> {
        let seeker = self.seeker.as_mut()?;
        let mut buffer = [0u8; 4096];
        loop {
            match fd::read_some(seeker.pipe.as_fd(), &mut buffer) {
                None => return None,
                Some(0) => break,
                Some(count) if seeker.said.len() < ANSWER_MAX => seeker
                    .said
                    .extend_from_slice(buffer.get(..count).unwrap_or_default()),
                Some(_) => {}
            }
        }
        let seeker = self.seeker.take()?;
        let mut found: BTreeMap<RunId, BTreeSet<Member>> = BTreeMap::new();
        for (run, member) in seeker.said.chunks_exact(RECORD).filter_map(unrecord) {
            found.entry(run).or_default().insert(member);
        }
        let (left, empty): (Vec<RunId>, Vec<RunId>) = seeker
            .wanted
            .into_iter()
            .partition(|run| found.contains_key(run));
        for id in left {
            if let (Some(run), Some(members)) = (runs.get_mut(id), found.remove(&id))
                && let Some(leader) = run.leader
            {
                run.extra().marks.found(leader, members);
            }
        }
        let empty = empty
            .into_iter()
            .filter(|run| self.waiting.contains(run))
            .collect();
        Some(self.gone(empty))
    }

    /// The helper hangs on some file system: it is killed, and the look tried again later.
    fn give_up(&mut self, now: Instant) {
        if let Some(seeker) = self.seeker.take() {
            let _ = kill(seeker.pid, Signal::KILL);
        }
        self.look_later(now);
    }

    /// The helper died. What it had said before counts; what it hadn't is looked for again.
    pub(crate) fn seeker_died(&mut self, runs: &mut Runs) -> Vec<RunId> {
        self.hear(runs).unwrap_or_default()
    }
}

fn record(run: RunId, member: Member) -> Vec<u8> {
    [
        &run.0.to_ne_bytes()[..],
        &member.pid.0.to_ne_bytes(),
        &member.started.to_ne_bytes(),
    ]
    .concat()
}

fn unrecord(bytes: &[u8]) -> Option<(RunId, Member)> {
    let (run, rest) = bytes.split_first_chunk::<8>()?;
    let (pid, rest) = rest.split_first_chunk::<4>()?;
    let started = rest.first_chunk::<8>()?;
    let member = Member {
        pid: Pid(i32::from_ne_bytes(*pid)),
        started: u64::from_ne_bytes(*started),
    };
    Some((RunId(u64::from_ne_bytes(*run)), member))
}
