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

/// Deaths come in swarms: not oftener than this while they do, nor where a helper has to look.
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
    /// The last look didn't tell by itself: a helper had to.
    sought: bool,
    /// A child ended since the last turn, and others may be about to.
    swarming: bool,
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
        self.swarming = true;
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

    /// Whether it is to be looked in this turn; from then on it has been.
    fn is_due(&mut self, now: Instant, others_live: bool) -> bool {
        let swarming = std::mem::take(&mut self.swarming);
        if self.seeker.is_some() || self.look_at.is_none_or(|at| now < at) {
            return false;
        }
        let next = self.last.map(|last| last.plus(SPACING));
        let spaced = others_live && (swarming || self.sought);
        if let Some(next) = next.filter(|next| spaced && now < *next) {
            // Where one stops after the other nobody else dies meanwhile: the next turn tells.
            self.look_at = Some(if self.sought { next } else { now });
            return false;
        }
        (self.look_at, self.last, self.sought) = (None, Some(now), false);
        true
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
        if !self.is_due(now, runs.living() > 0) {
            return Vec::new();
        }
        let open: Vec<(RunId, &Run)> = self
            .waiting
            .iter()
            .filter_map(|run| Some((*run, runs.get(*run)?)))
            .filter(|(_, run)| run.main.is_none())
            .collect();
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
                self.sought = true;
                self.seek(now, wanted, helpers, poll);
                Vec::new()
            }
        }
    }

    fn gone(&mut self, runs: Vec<RunId>) -> Vec<RunId> {
        runs.iter().rev().for_each(|run| self.forget(*run));
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
                let sent = run.sent;
                run.extra().marks.found(leader, members, sent);
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

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: Instant = Instant(1_000_000_000);

    /// One tree is awaited, and it has just been looked.
    fn looked(sought: bool) -> Trees {
        let mut trees = Trees::default();
        trees.wait_for(RunId(1), BEGIN);
        assert!(trees.is_due(BEGIN, true), "at once");
        trees.sought = sought;
        trees
    }

    #[test]
    fn the_look_after_a_death_waits_for_others_in_the_next_turn_and_for_no_clock() {
        let mut trees = looked(false);
        trees.child_ended(BEGIN);
        assert!(!trees.is_due(BEGIN, true), "others may be about to");
        assert_eq!(trees.deadline(), Some(BEGIN));
        assert!(trees.is_due(BEGIN, true), "nobody else has");
    }

    #[test]
    fn a_swarm_is_looked_at_now_and_then_and_its_last_at_once() {
        let mut trees = looked(false);
        for turn in 0..5 {
            let now = BEGIN.plus(Duration::from_millis(turn));
            trees.child_ended(now);
            assert!(!trees.is_due(now, true), "{turn} ms");
        }
        trees.child_ended(BEGIN.plus(SPACING));
        assert!(trees.is_due(BEGIN.plus(SPACING), true));
        trees.child_ended(BEGIN.plus(SPACING));
        assert!(trees.is_due(BEGIN.plus(SPACING), false));
    }

    #[test]
    fn helpers_that_have_to_look_are_not_sent_oftener() {
        let mut trees = looked(true);
        trees.child_ended(BEGIN);
        for _ in 0..2 {
            assert!(!trees.is_due(BEGIN, true));
            assert_eq!(trees.deadline(), Some(BEGIN.plus(SPACING)));
        }
        assert!(trees.is_due(BEGIN.plus(SPACING), true));
    }
}
