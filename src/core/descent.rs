//! The way down in order: what is to stop goes on until those that have to stop before it
//! have.
//!
//! From the first moment it no longer satisfies those that require it: they go down as
//! well, in order themselves, and don't come back before it does. A crash on the way is
//! none, but then those above it stop at once.

use super::apply::places::Places;
use super::graph::Bond;
use super::id::ServiceId;
use super::service::Service;
use super::state::{Stage, Starting, State, Then};
use super::system::{System, Work};

/// A stop that waits for others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Descent {
    then: Then,
    /// How many of its dependants are known not to be in the way.
    past: usize,
}

impl Service {
    /// Where its descent leads names services by other numbers now.
    pub(super) fn renumber_descent(&mut self, places: &Places) {
        if let Some(descent) = &mut self.descent {
            places.renumber_aim(&mut descent.then);
        }
    }
}

impl System {
    /// Where its descent leads, if it is before one.
    pub(super) fn descent_of(&self, id: ServiceId) -> Option<&Then> {
        let descent = self.services.get(id.index())?.descent.as_ref()?;
        Some(&descent.then)
    }

    /// Brings it down once all that depends on it, and has to stop, has stopped.
    pub(super) fn descend(&mut self, id: ServiceId, then: Then) {
        let Some(service) = self.services.get_mut(id.index()) else {
            return;
        };
        if let Some(descent) = &mut service.descent {
            descent.then = descent.then.clone().or_rather(then);
            return;
        }
        // It has no process yet, and would have one before its turn.
        if let State::Starting(Starting { stage, .. }) = &service.state
            && !stage.has_process()
            && !matches!(stage, Stage::After { .. })
        {
            self.stop(id, then);
            return;
        }
        service.descent = Some(Box::new(Descent { then, past: 0 }));
        self.satisfy(id);
        self.work.push_back(Work::Descend(id));
    }

    /// Down and up again, whatever it was to come to before.
    pub(super) fn descend_again(&mut self, id: ServiceId) {
        if let Some(service) = self.services.get_mut(id.index())
            && let Some(descent) = &mut service.descent
        {
            descent.then = Then::Waiting;
            return;
        }
        self.descend(id, Then::Waiting);
    }

    /// It is to go on after all: somebody started it by hand. If what it requires goes
    /// down, so does it, and comes back.
    pub(super) fn ascend(&mut self, id: ServiceId) {
        let Some(service) = self.services.get_mut(id.index()) else {
            return;
        };
        let Some(descent) = &mut service.descent else {
            return;
        };
        // A new configuration has it go down in any case.
        if service.unmet_requires > 0 || service.held {
            descent.then = Then::Waiting;
            return;
        }
        service.descent = None;
        self.remember_the_longest(id);
        self.satisfy(id);
        self.passed(id);
        self.weigh_reload(id);
        // Whoever starts it alone is told that it is up; but it needs somebody to stay so.
        self.look_for_unneeded(id);
    }

    /// It runs, and is about to stop.
    #[must_use]
    pub fn is_descending(&self, id: ServiceId) -> bool {
        let service = self.services.get(id.index());
        service.is_some_and(|service| service.descent.is_some())
    }

    /// Something that was in its way may be gone.
    pub(super) fn descend_now(&mut self, id: ServiceId) {
        let dependants = self.graph.dependants(id);
        let Some(descent) = self
            .services
            .get(id.index())
            .and_then(|service| service.descent.as_ref())
        else {
            return;
        };
        let ahead = dependants.iter().skip(descent.past);
        let clear = ahead.take_while(|(other, _)| !self.goes_down(*other));
        let past = descent.past.saturating_add(clear.count());
        let there = past >= dependants.len();
        let Some(service) = self.services.get_mut(id.index()) else {
            return;
        };
        if !there {
            if let Some(descent) = &mut service.descent {
                descent.past = past;
            }
            return;
        }
        if let Some(descent) = service.descent.take() {
            self.stop(id, descent.then);
        }
    }

    /// The bonds have changed: it is found out anew what is in its way.
    pub(super) fn descend_anew(&mut self, id: ServiceId) {
        let service = self.services.get_mut(id.index());
        if let Some(descent) = service.and_then(|service| service.descent.as_mut()) {
            descent.past = 0;
            self.work.push_back(Work::Descend(id));
        }
    }

    fn goes_down(&self, id: ServiceId) -> bool {
        self.services
            .get(id.index())
            .is_some_and(|service| match &service.state {
                State::Stopping(_) | State::Killing(_) => true,
                State::Backoff(backoff) => backoff.left.is_some(),
                State::Starting(_) | State::Active { .. } => service.descent.is_some(),
                State::Inactive(_)
                | State::Waiting(_)
                | State::Exited { .. }
                | State::Failed { .. } => false,
            })
    }

    /// It is no longer on its way down: what comes before it may go on with its own, and
    /// what it conflicts with may start.
    pub(super) fn passed(&mut self, id: ServiceId) {
        for other in self.graph.conflicts(id) {
            self.starts.push_back(*other);
        }
        for (need, _) in self.graph.needs(id) {
            let need_service = self.services.get(need.index());
            if need_service.is_some_and(|service| service.descent.is_some()) {
                self.work.push_back(Work::Descend(*need));
            }
        }
    }

    /// Whether each that it requires, and is not satisfied by, is only on its way down.
    pub(super) fn is_lost_in_order(&self, id: ServiceId) -> bool {
        let needs = self.graph.needs(id).iter();
        let mut required = needs.filter(|(_, bond)| *bond == Bond::Requires);
        required.all(|(need, _)| {
            let need = self.services.get(need.index());
            need.is_some_and(|need| need.satisfied || need.descent.is_some())
        })
    }
}
