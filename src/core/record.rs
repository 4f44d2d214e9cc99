//! What is kept of each service for people who ask later: since when it stands where it
//! does, how often it was started, how its last runs ended. Nothing here decides what
//! happens next.

use std::time::Duration;

use super::exit::Exit;
use super::id::ServiceId;
use super::spec::{ServiceSpec, Spec};
use super::state::{Backoff, Reason, State};
use super::system::System;
use super::time::{Instant, Now};

/// So many ends are kept for each service.
const ENDS_KEPT: usize = 5;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Why.
    pub reason: Reason,
    /// When, in Unix milliseconds.
    pub at: i64,
    /// How long the run had taken; unknown for one that was stopped.
    pub after: Option<Duration>,
}

/// What is kept of one service.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Since when it stands where it does.
    pub since: Instant,
    /// How many runs it has had.
    pub runs: u32,
    ends: Vec<End>,
}

impl Record {
    /// How its last runs ended, the newest first.
    pub fn ends(&self) -> impl Iterator<Item = &End> {
        self.ends.iter().rev()
    }

    /// How many times it was started again.
    #[must_use]
    pub const fn restarts(&self) -> u32 {
        self.runs.saturating_sub(1)
    }

    fn push(&mut self, end: End) {
        if self.ends.len() >= ENDS_KEPT {
            self.ends.remove(0);
        }
        self.ends.push(end);
    }
}

/// All of them, and what is counted over all.
#[derive(Clone, Debug)]
pub(super) struct Records {
    of: Vec<Record>,
    /// How many keep the whole from being ready.
    pub(super) unready: u32,
    /// The whole was ready once.
    pub(super) started: bool,
}

impl Records {
    pub(super) fn new(spec: &Spec) -> Self {
        let gates = spec.services.iter().filter(|service| is_gate(service));
        Self {
            of: vec![Record::default(); spec.services.len()],
            unready: u32::try_from(gates.count()).unwrap_or(u32::MAX),
            started: false,
        }
    }

    pub(super) fn boot(&mut self, now: Instant) {
        self.of.iter_mut().for_each(|record| record.since = now);
    }

    /// A service comes from one state to another.
    pub(super) fn changed(
        &mut self,
        id: ServiceId,
        spec: &ServiceSpec,
        from: &State,
        to: &State,
        now: Now,
    ) {
        if is_gate(spec) && is_up(from) != is_up(to) {
            self.unready = if is_up(to) {
                self.unready.saturating_sub(1)
            } else {
                self.unready.saturating_add(1)
            };
        }
        let Some(record) = self.of.get_mut(id.index()) else {
            return;
        };
        if from.standing() != to.standing() {
            record.since = now.at;
        }
        let (reason, after) = match to {
            State::Starting(_) => {
                record.runs = record.runs.saturating_add(1);
                return;
            }
            State::Backoff(Backoff { reason, .. }) => {
                let after = from.run().map(|run| now.at.since(run.since));
                (reason.clone(), after)
            }
            State::Exited { exit, after } => (Reason::Exit(*exit), Some(*after)),
            // It had no run of its own.
            State::Failed {
                reason: Reason::Dependency { .. },
                ..
            } => return,
            State::Failed { reason, after } => (reason.clone(), Some(*after)),
            State::Inactive(_)
            | State::Waiting(_)
            | State::Active { .. }
            | State::Stopping(_)
            | State::Killing(_) => return,
        };
        let at = now.wall;
        record.push(End { reason, at, after });
    }
}

/// Whether the whole is ready only when this service is.
pub(super) fn is_gate(spec: &ServiceSpec) -> bool {
    // Nobody waits for a time, or for somebody to come.
    let comes_by_itself = spec.schedule.is_some() || spec.is_on_demand();
    spec.enabled && spec.readiness_gate && !comes_by_itself
}

/// Active, or ended as it should.
pub(super) fn is_up(state: &State) -> bool {
    match state {
        State::Active { .. } | State::Exited { .. } => true,
        State::Inactive(_)
        | State::Waiting(_)
        | State::Starting(_)
        | State::Stopping(_)
        | State::Killing(_)
        | State::Backoff(_)
        | State::Failed { .. } => false,
    }
}

impl System {
    /// What is kept of a service.
    #[must_use]
    pub fn record(&self, id: ServiceId) -> Option<&Record> {
        self.records.of.get(id.index())
    }

    /// How its last run ended, as an exit status.
    #[must_use]
    pub fn last_exit(&self, id: ServiceId) -> Option<Exit> {
        exit_of(&self.record(id)?.ends().next()?.reason)
    }

    /// Notes that all were ready at one moment. The look at each is taken only while all
    /// are up and one is unhealthy.
    pub(super) fn latch_startup(&mut self) {
        if !self.records.started && self.records.unready == 0 && self.shutdown.is_none() {
            self.records.started = self.unhealthy == 0
                || !self
                    .ids()
                    .any(|id| self.is_gate(id) && self.is_unhealthy(id));
        }
    }

    pub(super) fn is_gate(&self, id: ServiceId) -> bool {
        self.service(id).is_some_and(is_gate)
    }

    /// What `Records::unready` must be.
    pub(super) fn count_unready(&self) -> u32 {
        let unready = |id: &ServiceId| self.is_gate(*id) && !self.state(*id).is_some_and(is_up);
        u32::try_from(self.ids().filter(unready).count()).unwrap_or(u32::MAX)
    }
}

/// The exit status in a reason.
fn exit_of(reason: &Reason) -> Option<Exit> {
    match reason {
        Reason::Exit(exit) => Some(*exit),
        Reason::StartLimit { last: what } | Reason::Explained { what, .. } => exit_of(what),
        Reason::Spawn(failure) => Some(Exit::Code(failure.code())),
        Reason::Command(failure) => Some(Exit::Code(failure.code())),
        Reason::Watchdog { .. }
        | Reason::NotStopped { .. }
        | Reason::NotReady { .. }
        | Reason::NotThere { .. }
        | Reason::Unhealthy { .. }
        | Reason::ForkRefused { .. }
        | Reason::Dependency { .. } => None,
    }
}
