//! The one place where a service changes its state, and what depends on that is kept:
//! the counters of those that wait, the tally, the deadlines.

use super::action::Action;
use super::graph::Bond;
use super::health::Checks;
use super::id::ServiceId;
use super::report::Report;
use super::spec::Kind;
use super::state::{Idle, Standing, State};
use super::system::{System, Work};

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
        service.state = to;
        if let Some(run) = service.state.run_mut() {
            run.forget_extension();
        }
        if !goes_on {
            let checks = Checks::begin(&service.state, spec, self.now.at);
            let checked = std::mem::replace(&mut service.checks, checks);
            if checked.is_some_and(|checks| checks.unhealthy) {
                self.unhealthy = self.unhealthy.saturating_sub(1);
            }
        }
        if !service.state.is_alive() {
            service.controls = None;
        }
        let state = &service.state;
        let to = state.standing();
        let (satisfies, ended_for_good) = match state {
            State::Active { .. } => (true, false),
            State::Exited { .. } => (spec.kind == Kind::Oneshot, true),
            State::Failed { .. } | State::Inactive(Idle::DependencyEnded(_)) => (false, true),
            State::Inactive(Idle::Disabled | Idle::Stopped)
            | State::Waiting(_)
            | State::Starting(_)
            | State::Stopping(_)
            | State::Killing(_)
            | State::Backoff(_) => (false, false),
        };
        let at_rest = match state {
            State::Inactive(_) | State::Exited { .. } | State::Failed { .. } => true,
            State::Waiting(_)
            | State::Starting(_)
            | State::Active { .. }
            | State::Stopping(_)
            | State::Killing(_)
            | State::Backoff(_) => false,
        };
        if at_rest && spec.store_max() > 0 {
            self.orders.push(Action::DropStored { service: id });
        }
        let attempted = service.attempted
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
        if turned_satisfied || turned_attempted || ended_for_good {
            for (dependant, bond) in self.graph.dependants(id) {
                let Some(service) = self.services.get_mut(dependant.index()) else {
                    continue;
                };
                match bond {
                    Bond::Requires if turned_satisfied && satisfies => {
                        service.unmet_requires = service.unmet_requires.saturating_sub(1);
                        self.starts.push_back(*dependant);
                    }
                    Bond::Requires if turned_satisfied => {
                        service.unmet_requires = service.unmet_requires.saturating_add(1);
                        // What is gone for good follows as `Doomed`: nobody waits for it.
                        if !ended_for_good {
                            self.work.push_back(Work::Lost(*dependant));
                        }
                    }
                    Bond::After if turned_attempted => {
                        service.unmet_after = service.unmet_after.saturating_sub(1);
                        self.starts.push_back(*dependant);
                    }
                    Bond::Requires | Bond::After => {}
                }
                if *bond == Bond::Requires && ended_for_good && !satisfies {
                    self.work.push_back(Work::Doomed(*dependant, id));
                }
            }
        }
        if ended_for_good && spec.essential {
            // Before anything is stopped that the shutdown stops in its turn.
            self.work.push_front(Work::EssentialEnded(id));
        }
        if died && self.shutdown.as_ref().is_some_and(|s| s.has_turned(id)) {
            self.work.push_back(Work::Turn(id));
        }
        self.reindex(id);
    }

    /// Puts the service's deadline into the set, in place of the last one.
    pub(super) fn reindex(&mut self, id: ServiceId) {
        if let Some(service) = self.services.get_mut(id.index()) {
            let next = service.deadline();
            if next != service.indexed {
                if let Some(at) = service.indexed {
                    self.deadlines.remove(&(at, id));
                }
                self.deadlines.extend(next.map(|at| (at, id)));
                service.indexed = next;
            }
        }
    }
}
