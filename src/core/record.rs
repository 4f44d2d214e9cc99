//! What is kept of each service for people who ask later: since when it stands where it
//! does, how often it was started, how its last runs ended. Nothing here decides what
//! happens next.

use std::time::Duration;

use super::apply::places::Places;
use super::ends::{Ends, Way};
use super::exit::Exit;
use super::first_start::FirstStart;
use super::id::{RunId, ServiceId};
use super::spec::{ServiceSpec, Spec};
use super::state::{Backoff, Reason, Run, Starting, State};
use super::system::System;
use super::time::{Instant, Now};

/// So many ends are kept for each service.
const ENDS_KEPT: usize = 5;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Why, where nobody had asked for it.
    pub reason: Option<Reason>,
    /// How its main process ended, if that is known.
    pub exit: Option<Exit>,
    /// When, in Unix milliseconds.
    pub at: i64,
    /// How long the run had taken; unknown where there was none.
    pub after: Option<Duration>,
}

impl End {
    /// When the run had begun, in Unix milliseconds.
    #[must_use]
    pub fn began(&self) -> Option<i64> {
        let millis = i64::try_from(self.after?.as_millis()).ok()?;
        Some(self.at.saturating_sub(millis))
    }
}

/// What is kept of one service.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Since when it stands where it does.
    pub since: Instant,
    /// How many runs it has had.
    pub runs: u32,
    /// In which ways they ended.
    pub ways: Ends,
    /// How it came up after the boot.
    pub first_start: FirstStart,
    /// The run that is under way.
    open: Option<RunId>,
    /// How its main process ended.
    exit: Option<Exit>,
    /// Why it ended, though it only waits for its next time.
    ran: Option<Box<Reason>>,
    ends: Vec<End>,
}

impl Record {
    /// How its last runs ended, the newest first.
    pub fn ends(&self) -> impl Iterator<Item = &End> {
        self.ends.iter().rev()
    }

    /// Why the last run ended that nobody had asked to.
    #[must_use]
    pub fn last_reason(&self) -> Option<&Reason> {
        self.ends().find_map(|end| end.reason.as_ref())
    }

    /// How many times it was started again.
    #[must_use]
    pub const fn restarts(&self) -> u32 {
        self.runs.saturating_sub(1)
    }

    /// Every run has ended in one way, but one that is under way; and the first start has
    /// its moments.
    pub(super) fn is_complete(&self) -> bool {
        let under_way = u32::from(self.open.is_some());
        self.ways.total().saturating_add(under_way) == self.runs && self.first_start.is_sound()
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
    booted: Instant,
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
            booted: Instant::default(),
            unready: u32::try_from(gates.count()).unwrap_or(u32::MAX),
            started: false,
        }
    }

    /// Services have other places now; new ones begin.
    pub(super) fn rearrange(&mut self, places: &Places, now: Instant) {
        let fresh = || Record {
            since: now,
            ..Record::default()
        };
        let mut of = Vec::new();
        of.resize_with(places.count(), fresh);
        for (id, mut record) in (0..).map(ServiceId).zip(std::mem::take(&mut self.of)) {
            let ends = record.ends.iter_mut();
            let reasons = ends.filter_map(|end| end.reason.as_mut());
            reasons
                .chain(record.ran.as_deref_mut())
                .for_each(|reason| places.renumber_reason(reason));
            let place = places.of(id);
            if let Some(slot) = place.and_then(|place| of.get_mut(place.index())) {
                *slot = record;
            }
        }
        self.of = of;
    }

    /// A new definition has changed where it stands.
    pub(super) fn stands_anew(&mut self, id: ServiceId, now: Instant) {
        if let Some(record) = self.of.get_mut(id.index()) {
            record.since = now;
        }
    }

    pub(super) fn boot(&mut self, spec: &Spec, now: Instant) {
        self.booted = now;
        for (record, service) in self.of.iter_mut().zip(&spec.services) {
            record.since = now;
            if service.enabled && !comes_by_itself(service) {
                record.first_start = FirstStart::pending();
            }
        }
    }

    /// A main process has ended.
    pub(super) fn exited(&mut self, id: ServiceId, exit: Exit) {
        if let Some(record) = self.of.get_mut(id.index()) {
            record.exit = Some(exit);
        }
    }

    /// A run of a schedule is over.
    pub(super) fn ran(&mut self, id: ServiceId, reason: &Reason) {
        if let Some(record) = self.of.get_mut(id.index()) {
            record.ran = Some(Box::new(reason.clone()));
        }
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
        let after_boot = now.at.since(self.booted);
        record.first_start.changed(from, to, after_boot);
        let open = record.open.take();
        let lasted = |run: &Run| now.at.since(run.since);
        let (reason, after) = match to {
            State::Starting(Starting { run, .. }) => {
                if open != Some(run.id) {
                    open.iter().for_each(|_| record.ways.count(Way::Stopped));
                    record.runs = record.runs.saturating_add(1);
                    record.exit = None;
                }
                record.open = Some(run.id);
                return;
            }
            State::Backoff(Backoff { reason, .. }) => {
                (Some(reason.clone()), from.run().map(lasted))
            }
            State::Exited { exit, after } => (Some(Reason::Exit(*exit)), Some(*after)),
            // Without a run of its own it has none that ended.
            State::Failed {
                reason: reason @ Reason::Dependency { .. },
                ..
            } => match from.run().filter(|run| open == Some(run.id)) {
                Some(run) => (Some(reason.clone()), Some(lasted(run))),
                None => return,
            },
            State::Failed { reason, after } => (Some(reason.clone()), Some(*after)),
            // It was stopped; or what it left was, long after its end.
            State::Inactive(_) | State::Waiting(_) => {
                match from.run().filter(|run| open == Some(run.id)) {
                    Some(run) => (record.ran.take().map(|reason| *reason), Some(lasted(run))),
                    None => return,
                }
            }
            State::Active { .. } | State::Stopping(_) | State::Killing(_) => {
                record.open = open;
                return;
            }
        };
        // What was left of a run doesn't end it a second time.
        if open.is_some() {
            let way = reason.as_ref().map(|reason| Way::of(reason, spec));
            record.ways.count(way.unwrap_or(Way::Stopped));
        }
        let exit = reason.as_ref().and_then(exit_of).or(record.exit.take());
        record.push(End {
            reason,
            exit,
            at: now.wall,
            after,
        });
    }
}

/// Whether the whole is ready only when this service is.
pub(super) fn is_gate(spec: &ServiceSpec) -> bool {
    spec.enabled && spec.readiness_gate && !comes_by_itself(spec)
}

/// At a time, or when somebody comes: nobody waits for it.
fn comes_by_itself(spec: &ServiceSpec) -> bool {
    spec.schedule.is_some() || spec.is_on_demand()
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
        exit_of(self.record(id)?.last_reason()?)
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
        Reason::Exit(exit) | Reason::Early(exit) => Some(*exit),
        Reason::StartLimit { last: what } | Reason::Explained { what, .. } => exit_of(what),
        Reason::Spawn(failure) => Some(Exit::Code(failure.code())),
        Reason::Command(failure) => Some(Exit::Code(failure.code())),
        Reason::Watchdog { .. }
        | Reason::NotStopped { .. }
        | Reason::TooLong(_)
        | Reason::NotReady { .. }
        | Reason::NotThere { .. }
        | Reason::Unmet { .. }
        | Reason::Unhealthy { .. }
        | Reason::ForkRefused { .. }
        | Reason::Dependency { .. } => None,
    }
}
