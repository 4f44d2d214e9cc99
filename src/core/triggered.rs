//! What starts with a service that a trigger starts: its time, or somebody who came. As with a
//! start by hand it is all that the service requires, whatever became of that before, and what
//! is there only for those that need it (`pulled`), which a boot leaves alone until then.

use super::graph::{Bond, Edge};
use super::id::ServiceId;
use super::request::{RequestId, Verb};
use super::spec::ServiceSpec;
use super::state::{Idle, Standing, State, Waiting};
use super::system::System;

/// An attempt of it is to come, or under way.
const fn is_on_its_way(standing: Standing) -> bool {
    match standing {
        Standing::Waiting | Standing::Starting => true,
        Standing::Inactive
        | Standing::Active
        | Standing::Reloading
        | Standing::Stopping
        | Standing::Killing
        | Standing::Backoff
        | Standing::Exited
        | Standing::Failed => false,
    }
}

impl System {
    /// It waits for somebody to come before it starts.
    pub(super) fn awaits_trigger(&self, id: ServiceId) -> bool {
        let on_demand = self.service(id).is_some_and(ServiceSpec::is_on_demand);
        let summoned = |state: &State| matches!(state, State::Waiting(own) if own.summoned);
        on_demand && !self.state(id).is_some_and(summoned) && !self.is_asked_up(id)
    }

    /// All that it requires is there, or rests until something starts that needs it.
    pub(super) fn needs_a_start(&self, id: ServiceId) -> bool {
        let mut needs = self.graph.needs(id).iter();
        needs.all(|(need, bond)| {
            let idle = matches!(
                self.state(*need),
                Some(State::Inactive(
                    Idle::Disabled | Idle::Stopped | Idle::ByHand | Idle::Reset
                ))
            );
            *bond == Bond::After || self.satisfies(*need) || idle
        })
    }

    /// Somebody came: it starts as soon as all is there that it needs.
    pub(super) fn summon(&mut self, id: ServiceId) {
        let Some(State::Waiting(waiting)) = self.state(id) else {
            return;
        };
        let waiting = Waiting {
            summoned: true,
            ..waiting.clone()
        };
        self.transition(id, State::Waiting(waiting));
        self.bring_along(id);
        self.consider(id);
    }

    /// Nothing but people starts them any more. A stop is enough for those that don't run.
    pub(super) fn unhook(&mut self, request: RequestId, named: &[ServiceId]) {
        let mut resting = Vec::new();
        for id in named {
            let (Some(service), Some(spec)) = (
                self.services.get_mut(id.index()),
                self.spec.services.get(id.index()),
            ) else {
                continue;
            };
            let on_demand = spec.is_on_demand();
            let state = &service.state;
            if service.is_dormant(spec) || on_demand && matches!(state, State::Backoff(_)) {
                resting.push(*id);
            } else if !state.standing().is_at_rest() {
                let is_active = matches!(state, State::Active { .. });
                service.unhooked = on_demand || spec.schedule.is_some();
                // Who still starts is to be given them.
                if is_active {
                    self.close_sockets(*id);
                }
            }
        }
        self.down_by_hand(request, &resting);
    }

    /// Their triggers count again.
    pub(super) fn hook(&mut self, named: &[ServiceId]) {
        for id in named {
            if let Some(service) = self.services.get_mut(id.index()) {
                service.unhooked = false;
            }
        }
    }

    /// Whether its trigger was stopped while it runs.
    #[must_use]
    pub fn is_unhooked(&self, id: ServiceId) -> bool {
        let service = self.services.get(id.index());
        service.is_some_and(|service| service.unhooked)
    }

    /// It would wait for its trigger, but that was stopped.
    pub(super) fn rests_unhooked(&mut self, id: ServiceId) -> bool {
        let unhooked = self.is_unhooked(id);
        if unhooked {
            self.hook(&[id]);
            self.rest(id);
        }
        unhooked
    }

    /// What it needs starts with it, and what is in their way stops.
    pub(super) fn bring_along(&mut self, id: ServiceId) {
        let mut all = self.with_requirements(&[id]);
        let mut rivals = self.rivals_of(&all);
        rivals.retain(|(_, rival)| !all.contains(rival));
        self.make_way(rivals, Verb::Start);
        all.remove(&id);
        for need in self.graph.sorted(all) {
            if self.asked_of(need) == Some(Verb::Stop) {
                self.supersede(need, Verb::Start);
            }
            self.raise(need, false);
        }
    }

    /// What it comes after that starts for those that need it, and isn't up yet.
    pub(super) fn joining(&self, id: ServiceId) -> impl Iterator<Item = ServiceId> {
        let needs = self.graph.needs(id).iter();
        let joins = |id: &ServiceId| self.is_joining(*id);
        needs.map(|(need, _)| *need).filter(joins)
    }

    /// Whoever comes after it waits until it is up, or has failed; but not for what people
    /// have stopped.
    fn is_joining(&self, id: ServiceId) -> bool {
        let service = self.services.get(id.index()).zip(self.service(id));
        let joins = service.is_some_and(|(service, spec)| {
            spec.pulled && is_on_its_way(service.state.standing()) && !service.is_dormant(spec)
        });
        let stopped = |(need, bond): &Edge| {
            let state = self.state(*need);
            *bond == Bond::Requires && matches!(state, Some(State::Inactive(Idle::ByHand)))
        };
        joins && !self.graph.needs(id).iter().any(stopped)
    }

    /// It starts only with those that need it.
    pub(super) fn is_pulled(&self, id: ServiceId) -> bool {
        self.service(id).is_some_and(|spec| spec.pulled)
    }

    /// It was on its way, or rests now: whoever waits for that is looked at again.
    pub(super) fn has_joined(&mut self, id: ServiceId, from: Standing, to: Standing) {
        let arrives = is_on_its_way(from) && !is_on_its_way(to);
        let arrives = arrives && self.is_pulled(id);
        if !arrives && to != Standing::Inactive {
            return;
        }
        let waits = |(dependant, bond): &&Edge| {
            arrives || *bond == Bond::Requires && self.awaits_trigger(*dependant)
        };
        let dependants = self.graph.dependants(id).iter();
        let held = dependants
            .clone()
            .filter(|(own, _)| !arrives && self.is_pulled(*own));
        let held = held.flat_map(|(own, _)| self.graph.dependants(*own));
        let all = dependants.filter(waits).chain(held).map(|(own, _)| *own);
        let all: Vec<ServiceId> = all.collect();
        self.starts.extend(all);
    }
}
