//! The one place where a service changes its state, and what depends on that is kept:
//! the counters of those that wait, the tally, the deadlines.

use super::action::Action;
use super::graph::{Bond, Edge};
use super::health::Checks;
use super::id::ServiceId;
use super::report::Report;
use super::service::Service;
use super::spec::{Kind, ServiceSpec};
use super::state::{Idle, Standing, State};
use super::system::{System, Work};

/// What a change means for those that wait.
struct Turned {
    id: ServiceId,
    /// It may be required from now on, or no longer.
    satisfied: Option<bool>,
    /// Its first attempt has ended.
    attempted: bool,
    /// It will never be ready again.
    doomed: bool,
    /// It stopped before those that were to stop before it.
    overtaken: bool,
}

impl Service {
    /// Whether those that require it may run. A oneshot that did its work once has done it.
    /// Open sockets of a service on demand are what its dependants need.
    pub(super) fn satisfies(&self, spec: &ServiceSpec) -> bool {
        if self.is_reachable(spec) && self.descent.is_none() && !self.held {
            return true;
        }
        match (&self.state, spec.kind) {
            (State::Exited { .. }, Kind::Oneshot) | (State::Inactive(Idle::Skipped(_)), _) => true,
            (State::Active { .. }, _) if self.descent.is_none() => true,
            (
                State::Inactive(_)
                | State::Waiting(_)
                | State::Starting(_)
                | State::Active { .. }
                | State::Stopping(_)
                | State::Killing(_)
                | State::Backoff(_)
                | State::Exited { .. }
                | State::Failed { .. },
                _,
            ) => self.satisfied && (spec.stays_done() || self.is_tried_again()),
        }
    }
}

impl Service {
    /// It was skipped, and another attempt has neither ended nor been given up: what requires
    /// it did without it, and goes on meanwhile. A condition that doesn't hold is no failure.
    fn is_tried_again(&self) -> bool {
        self.skipped && self.descent.is_none()
    }
}

impl System {
    /// The one place where a service changes its state.
    pub(super) fn transition(&mut self, id: ServiceId, to: State) {
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return;
        };
        let from = service.state.standing();
        let goes_on = matches!(
            (&service.state, &to),
            (State::Active { run: old, .. }, State::Active { run: new, .. }) if old.id == new.id
        );
        let was_alive = service.state.is_alive();
        let rested = matches!(service.state, State::Inactive(Idle::ByHand));
        let was_elsewhere = service.state.waits_elsewhere();
        let was_dormant = service.is_dormant(spec);
        let was_over = service.state.is_over();
        self.records
            .changed(id, spec, &service.state, &to, self.now);
        service.skipped = match &to {
            State::Inactive(Idle::Skipped(_)) => true,
            State::Waiting(_) | State::Starting(_) => service.skipped,
            State::Inactive(_)
            | State::Active { .. }
            | State::Stopping(_)
            | State::Killing(_)
            | State::Backoff(_)
            | State::Exited { .. }
            | State::Failed { .. } => false,
        };
        service.state = to;
        let dormant = service.is_dormant(spec);
        self.dormant = self
            .dormant
            .saturating_sub(u32::from(was_dormant))
            .saturating_add(u32::from(dormant));
        self.over = self
            .over
            .saturating_sub(u32::from(was_over))
            .saturating_add(u32::from(service.state.is_over()));
        if let Some(run) = service.state.run_mut() {
            run.forget_extension();
        }
        if !goes_on {
            let checks = Checks::begin(&service.state, spec, self.now.at, &mut self.random);
            let checked = std::mem::replace(&mut service.checks, checks);
            if checked.is_some_and(|checks| checks.unhealthy) {
                self.unhealthy = self.unhealthy.saturating_sub(1);
            }
        }
        if !service.state.is_alive() {
            service.controls = None;
        }
        let state = &service.state;
        match (was_elsewhere, state.waits_elsewhere()) {
            (false, true) => self.elsewhere = self.elsewhere.saturating_add(1),
            (true, false) => self.elsewhere = self.elsewhere.saturating_sub(1),
            (false, false) | (true, true) => {}
        }
        let to = state.standing();
        let descended = match state {
            State::Starting(_) | State::Active { .. } => false,
            State::Inactive(_)
            | State::Waiting(_)
            | State::Stopping(_)
            | State::Killing(_)
            | State::Backoff(_)
            | State::Exited { .. }
            | State::Failed { .. } => service.descent.take().is_some(),
        };
        let at_rest = to.is_at_rest();
        if at_rest && spec.store_max() > 0 {
            self.orders.push(Action::DropStored { service: id });
        }
        let ended_for_good = match state {
            State::Exited { .. }
            | State::Failed { .. }
            | State::Inactive(Idle::DependencyEnded(_) | Idle::Skipped(_)) => true,
            State::Inactive(Idle::Disabled | Idle::Stopped | Idle::ByHand | Idle::Reset)
            | State::Waiting(_)
            | State::Starting(_)
            | State::Active { .. }
            | State::Stopping(_)
            | State::Killing(_)
            | State::Backoff(_) => false,
        };
        let satisfies = service.satisfies(spec);
        let rests = matches!(state, State::Inactive(Idle::ByHand));
        self.by_hand = match (rested, rests) {
            (false, true) => self.by_hand.saturating_add(1),
            (true, false) => self.by_hand.saturating_sub(1),
            (true, true) | (false, false) => self.by_hand,
        };
        // Nobody waits for a time of the calendar, or for somebody to come to open sockets or
        // watched paths.
        let attempted = service.attempted
            || service.has_appointment()
            || service.awaits_somebody(spec)
            || match to {
                Standing::Active
                | Standing::Reloading
                | Standing::Backoff
                | Standing::Exited
                | Standing::Failed
                | Standing::Inactive => true,
                Standing::Waiting | Standing::Starting | Standing::Stopping | Standing::Killing => {
                    false
                }
            };
        let turned_satisfied = service.satisfied != satisfies;
        let turned_attempted = service.attempted != attempted;
        service.satisfied = satisfies;
        service.attempted = attempted;
        let died = was_alive && !state.is_alive();

        if from != to {
            self.reports.push(Report::Changed {
                service: id,
                from,
                to,
            });
            if let Some(count) = self.tally.get_mut(from as usize) {
                *count = count.saturating_sub(1);
            }
            if let Some(count) = self.tally.get_mut(to as usize) {
                *count = count.saturating_add(1);
            }
        }
        if turned_attempted {
            self.attempts_pending = self.attempts_pending.saturating_sub(1);
        }
        let essential = spec.essential;
        if turned_satisfied || turned_attempted || ended_for_good || descended {
            self.tell_dependants(&Turned {
                id,
                satisfied: turned_satisfied.then_some(satisfies),
                attempted: turned_attempted,
                doomed: ended_for_good && !satisfies,
                // Whoever was to stop before it is too late.
                overtaken: descended,
            });
        }
        self.has_joined(id, from, to);
        if at_rest || dormant || to == Standing::Active {
            self.look_for_unneeded(id);
        }
        if ended_for_good && essential {
            // Before anything is stopped that the shutdown stops in its turn.
            self.work.push_front(Work::EssentialEnded(id));
        }
        if died {
            self.passed(id);
        }
        if from == Standing::Failed && self.first_failed == Some(id) {
            let failed = |id: &ServiceId| matches!(self.state(*id), Some(State::Failed { .. }));
            self.first_failed = self.ids().find(failed);
        }
        if died && self.shutdown.as_ref().is_some_and(|s| s.has_turned(id)) {
            self.work.push_back(Work::Turn(id));
        }
        if at_rest || to == Standing::Active && self.is_unhooked(id) {
            self.close_sockets(id);
        }
        self.reindex(id);
        self.weigh(id);
        self.weigh_reload(id);
    }

    /// Whether those that require it may run, as far as it is concerned.
    pub(super) fn satisfies(&self, id: ServiceId) -> bool {
        let service = self.services.get(id.index());
        service.is_some_and(|service| service.satisfied)
    }

    /// Says anew whether those that require it may run.
    pub(super) fn satisfy(&mut self, id: ServiceId) {
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return;
        };
        let satisfies = service.satisfies(spec);
        if std::mem::replace(&mut service.satisfied, satisfies) != satisfies {
            self.tell_dependants(&Turned {
                id,
                satisfied: Some(satisfies),
                attempted: false,
                doomed: false,
                overtaken: false,
            });
        }
    }

    /// How many of those that it needs in this way stand in its way.
    pub(super) fn unmet(&self, id: ServiceId, wanted: Bond) -> u32 {
        let needs = self.graph.needs(id).iter();
        let open = needs.filter(|edge| edge.1 == wanted && self.is_in_the_way(**edge));
        u32::try_from(open.count()).unwrap_or(u32::MAX)
    }

    /// Whoever has this edge still waits for its other end.
    pub(super) fn is_in_the_way(&self, (need, bond): Edge) -> bool {
        let need = self.services.get(need.index());
        need.is_some_and(|need| match bond {
            Bond::Requires => !need.satisfied,
            Bond::After => !need.attempted,
        })
    }

    fn tell_dependants(&mut self, turned: &Turned) {
        let id = turned.id;
        for (dependant, bond) in self.graph.dependants(id) {
            let Some(service) = self.services.get_mut(dependant.index()) else {
                continue;
            };
            match (bond, turned.satisfied) {
                (Bond::Requires, Some(true)) => {
                    service.unmet_requires = service.unmet_requires.saturating_sub(1);
                    self.starts.push_back(*dependant);
                }
                (Bond::Requires, Some(false)) => {
                    service.unmet_requires = service.unmet_requires.saturating_add(1);
                    // What is gone for good follows as `Doomed`: nobody waits for it.
                    if !turned.doomed {
                        self.work.push_back(Work::Lost(*dependant));
                    }
                }
                (Bond::Requires, None) if turned.overtaken && !turned.doomed => {
                    self.work.push_back(Work::Lost(*dependant));
                }
                (Bond::After, _) if turned.attempted => {
                    service.unmet_after = service.unmet_after.saturating_sub(1);
                    self.starts.push_back(*dependant);
                }
                (Bond::Requires, None) | (Bond::After, _) => {}
            }
            if *bond == Bond::Requires && turned.doomed {
                self.work.push_back(Work::Doomed(*dependant, id));
            }
        }
    }

    /// Notes when the service is due, in place of what was noted last.
    pub(super) fn reindex(&mut self, id: ServiceId) {
        if let Some(service) = self.services.get(id.index()) {
            self.deadlines.set(id, service.deadline());
        }
    }
}
