//! When is a tree that only marks keep together gone? One read of our children tells
//! that nothing is left anywhere; only where something is, a helper looks whose it is.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use super::marks::{self, Invocation, Member, Wanted};
use super::runs::{Run, Runs};
use super::source::Source;
use crate::core::id::{Pid, RunId};
use crate::core::signal::Signal;
use crate::core::sorted::{Map, Set};
use crate::core::time::Instant;
use crate::sys::fork::helper;
use crate::sys::poll::{Interest, Poll};
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
/// What the last record says instead of a run's number, of which this is none.
const END: RunId = RunId(0);
const NOBODY: Member = Member {
    pid: Pid(0),
    started: 0,
};

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
    waiting: Set<RunId>,
    last: Option<Instant>,
    look_at: Option<Instant>,
    pause: Duration,
    seeker: Option<Seeker>,
    /// One that was given up and hasn't died yet: no other is started beside it.
    dying: Option<Pid>,
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

    /// Looks if that is due; the trees that are gone.
    pub(crate) fn look(
        &mut self,
        now: Instant,
        runs: &Runs,
        helpers: &mut Set<Pid>,
        poll: &Poll<Source>,
        invocation: impl Fn(RunId) -> Invocation,
    ) -> Vec<RunId> {
        if self
            .seeker
            .as_ref()
            .is_some_and(|seeker| now >= seeker.give_up_at)
        {
            self.give_up(now, poll);
        }
        if self.seeker.is_some() || self.look_at.is_none_or(|at| now < at) {
            return Vec::new();
        }
        if let Some(next) = self
            .last
            .map(|last| last.plus(SPACING))
            .filter(|next| now < *next && runs.living() > 0)
        {
            self.look_at = Some(next);
            return Vec::new();
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
            return Vec::new();
        }
        let known = |pid: &Pid| runs.of_main(*pid).is_some() || helpers.contains(pid);
        match procfs::children() {
            Some(children) if children.iter().all(known) => {
                self.gone(open.iter().map(|(run, _)| *run).collect())
            }
            None if procfs::all().is_none() => {
                // No /proc: the group is all that can be asked.
                let empty = |(_, run): &&(RunId, &Run)| {
                    run.leader.is_none_or(|leader| !group_exists(leader))
                };
                let gone = open.iter().filter(empty).map(|(run, _)| *run).collect();
                self.look_later(now);
                self.gone(gone)
            }
            Some(_) | None => {
                let wanted = open
                    .iter()
                    .map(|(id, run)| Wanted {
                        run: *id,
                        leader: run.known_leader(),
                        invocation: invocation(*id).to_string(),
                    })
                    .collect();
                self.look_later(now);
                self.seek(now, wanted, helpers, poll);
                Vec::new()
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

    /// Sends a helper to look. Where that can't be, the next look tries again.
    fn seek(
        &mut self,
        now: Instant,
        wanted: Vec<Wanted>,
        helpers: &mut Set<Pid>,
        poll: &Poll<Source>,
    ) {
        if self.dying.is_some() {
            return;
        }
        let Ok((read, write)) = fd::pipe() else {
            return;
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
                .chain(record(END, NOBODY))
                .collect();
            i32::from(fd::write_all(&write, &bytes).is_err())
        };
        let Ok(pid) = helper(c"rinit-seeker", &[write.as_raw_fd()], body) else {
            return;
        };
        helpers.insert(pid);
        // Unwatched, it is heard when it dies.
        let _ = poll.add(&read, Interest::Read, Source::Seeker);
        let wanted = wanted.iter().map(|wanted| wanted.run).collect();
        self.seeker = Some(Seeker {
            pid,
            pipe: read,
            wanted,
            said: Vec::new(),
            give_up_at: now.plus(LIMIT),
        });
    }

    /// Takes what the helper says; at its end, the trees of which nothing is left. One that
    /// died before it had said all says nothing of those that it didn't name.
    pub(crate) fn hear(&mut self, runs: &mut Runs, poll: &Poll<Source>) -> Vec<RunId> {
        let Some(seeker) = self.seeker.as_mut() else {
            return Vec::new();
        };
        let mut buffer = [0u8; 4096];
        loop {
            match fd::read_some(seeker.pipe.as_fd(), &mut buffer) {
                None => return Vec::new(),
                Some(0) => break,
                Some(count) if seeker.said.len() < ANSWER_MAX => seeker
                    .said
                    .extend_from_slice(buffer.get(..count).unwrap_or_default()),
                Some(_) => {}
            }
        }
        let Some(seeker) = self.seeker.take() else {
            return Vec::new();
        };
        // A child on its way to its exec may hold a copy, so closing alone would not do.
        poll.remove(&seeker.pipe);
        let mut found: Map<RunId, Set<Member>> = Map::new();
        for (run, member) in seeker.said.chunks_exact(RECORD).filter_map(unrecord) {
            found.entry(run).or_default().insert(member);
        }
        let complete = found.contains_key(&END);
        let (left, empty): (Vec<RunId>, Vec<RunId>) = seeker
            .wanted
            .into_iter()
            .partition(|run| found.contains_key(run));
        for id in left {
            if let (Some(run), Some(members)) = (runs.get_mut(id), found.remove(&id)) {
                let leader = run.known_leader();
                run.extra().marks.found(leader, members);
            }
        }
        let empty = empty
            .into_iter()
            .filter(|run| complete && self.waiting.contains(run))
            .collect();
        self.gone(empty)
    }

    /// The helper hangs on some file system: it is killed, and the look tried again later.
    fn give_up(&mut self, now: Instant, poll: &Poll<Source>) {
        if let Some(seeker) = self.seeker.take() {
            poll.remove(&seeker.pipe);
            let _ = kill(seeker.pid, Signal::KILL);
            self.dying = Some(seeker.pid);
        }
        self.look_later(now);
    }

    /// A helper of rinit's was reaped; if it was the one that looks, what it had said counts.
    pub(crate) fn helper_died(
        &mut self,
        pid: Pid,
        runs: &mut Runs,
        poll: &Poll<Source>,
    ) -> Vec<RunId> {
        self.dying.take_if(|dying| *dying == pid);
        match &self.seeker {
            Some(seeker) if seeker.pid == pid => self.hear(runs, poll),
            Some(_) | None => Vec::new(),
        }
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
