//! Requests under way: who waits for what, and when that is so.
//!
//! A service knows the last thing that was asked of it (`Wish`) until that is so or has
//! failed; the system knows of each request which services it still waits for. The last
//! request wins: an earlier one that wanted something else is answered at once.

use std::time::Duration;

use super::action::Action;
use super::apply::places::Places;
use super::graph::Bond;
use super::id::ServiceId;
use super::request::{Outcome, RequestId, Verb};
use super::shutdown::Cause;
use super::sorted::{Set, sort};
use super::spec::Kind;
use super::state::{Idle, Reason, State};
use super::system::System;

/// What was asked of a service, and isn't so yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Wish {
    pub(super) verb: Verb,
    /// Who is to be told.
    requests: Vec<RequestId>,
}

/// A request that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pending {
    /// Those that are not yet as they should be.
    left: Set<ServiceId>,
    stays: Option<ServiceId>,
}

/// What a service's state makes of a wish.
enum Weighed {
    NotYet,
    So,
    Not(Outcome),
}

impl System {
    /// Somebody asks for something.
    pub(super) fn requested(&mut self, request: RequestId, verb: Verb, services: &[ServiceId]) {
        let known = |id: &&ServiceId| id.index() < self.services.len();
        let mut named: Vec<ServiceId> = services.iter().filter(known).copied().collect();
        sort(&mut named);
        named.dedup();
        if self.shutdown.is_some() {
            let outcome = match verb {
                // It ends anyway.
                Verb::Shutdown { code: None } => Outcome::DONE,
                Verb::Start
                | Verb::Stop
                | Verb::Restart
                | Verb::Reload
                | Verb::Reset
                | Verb::Kill { .. }
                | Verb::Plan
                | Verb::Apply
                | Verb::Learn
                | Verb::Unhook
                | Verb::Shutdown { code: Some(_) } => Outcome::Stopping,
            };
            self.answer(request, outcome);
            return;
        }
        if let Some(service) = named.iter().copied().find(|id| self.refuses(*id, verb)) {
            self.answer(request, Outcome::ByOthersAlone { service });
            return;
        }
        match verb {
            Verb::Start | Verb::Restart => self.up_by_hand(request, verb, &named),
            Verb::Stop => self.down_by_hand(request, &named),
            Verb::Reload => self.reload_by_hand(request, &named),
            Verb::Reset => {
                for id in named {
                    self.reset(id);
                }
                self.answer(request, Outcome::DONE);
            }
            Verb::Kill { signal } => {
                let outcome = self.signal_by_hand(&named, signal);
                self.answer(request, outcome);
            }
            Verb::Unhook => self.unhook(request, &named),
            Verb::Plan | Verb::Apply | Verb::Learn => {
                self.hook(&named);
                self.configuration_wanted(Some(request), verb, &named);
            }
            Verb::Shutdown { code } => {
                self.answer(request, Outcome::DONE);
                self.begin_shutdown(Cause::Request { code });
            }
        }
    }

    /// Its unit says that people don't do this to it.
    fn refuses(&self, id: ServiceId, verb: Verb) -> bool {
        let terms = self.service(id).and_then(|spec| spec.terms.as_ref());
        terms.is_some_and(|terms| match verb {
            Verb::Start => terms.refuses_start,
            Verb::Stop => terms.refuses_stop,
            Verb::Restart => terms.refuses_start || terms.refuses_stop,
            Verb::Reload
            | Verb::Reset
            | Verb::Kill { .. }
            | Verb::Plan
            | Verb::Apply
            | Verb::Learn
            | Verb::Unhook
            | Verb::Shutdown { .. } => false,
        })
    }

    /// Nobody waits for the answer any more; what was asked for goes on.
    pub(super) fn withdrawn(&mut self, request: RequestId) {
        if !self.close(request) {
            self.forget_application(request);
        }
    }

    pub(super) fn answer(&mut self, request: RequestId, outcome: Outcome) {
        self.orders.push(Action::Answered { request, outcome });
    }

    /// This is now what is asked of these; nothing is answered before all are entered.
    pub(super) fn wish(&mut self, request: RequestId, verb: Verb, ids: &[ServiceId]) {
        self.await_all(request, ids);
        for id in ids {
            let Some(service) = self.services.get_mut(id.index()) else {
                continue;
            };
            // Whoever wants the same is answered together; but a restart begins anew.
            match &mut service.wish {
                Some(wish) if wish.verb == verb && verb != Verb::Restart => {
                    wish.requests.push(request);
                }
                Some(_) | None => {
                    let requests = vec![request];
                    let wish = Box::new(Wish { verb, requests });
                    let earlier = service.wish.replace(wish);
                    for request in earlier.into_iter().flat_map(|wish| wish.requests) {
                        self.end_request(request, Outcome::Superseded { by: verb });
                    }
                }
            }
        }
    }

    /// The request is answered once all of these are as it says.
    pub(super) fn await_all(&mut self, request: RequestId, ids: &[ServiceId]) {
        let pending = Pending {
            left: ids.iter().copied().collect(),
            stays: None,
        };
        self.requests.insert(request, pending);
        if ids.is_empty() {
            self.end_request(request, Outcome::DONE);
        }
    }

    /// What was asked of it will not be.
    pub(super) fn supersede(&mut self, id: ServiceId, by: Verb) {
        for request in self.take_wish(id) {
            self.end_request(request, Outcome::Superseded { by });
        }
    }

    /// What is asked of it, and still to come.
    pub(super) fn asked_of(&self, id: ServiceId) -> Option<Verb> {
        let wish = self.services.get(id.index())?.wish.as_ref()?;
        Some(wish.verb)
    }

    /// Whether it is asked to run, and does not yet.
    pub(super) fn is_asked_up(&self, id: ServiceId) -> bool {
        self.asked_of(id).is_some_and(|verb| verb != Verb::Stop)
    }

    /// Its state has changed: is it what somebody waits for?
    pub(super) fn weigh(&mut self, id: ServiceId) {
        let Some(verb) = self.asked_of(id) else {
            return;
        };
        let weighed = match verb {
            Verb::Stop => self.weigh_stop(id),
            Verb::Start
            | Verb::Restart
            | Verb::Reload
            | Verb::Reset
            | Verb::Kill { .. }
            | Verb::Plan
            | Verb::Apply
            | Verb::Learn
            | Verb::Unhook
            | Verb::Shutdown { .. } => self.weigh_start(id),
        };
        match weighed {
            Weighed::NotYet => {}
            Weighed::So => {
                let stays = (verb == Verb::Stop && self.would_have_ended(id)).then_some(id);
                for request in self.take_wish(id) {
                    self.one_less(request, id, stays);
                }
            }
            Weighed::Not(outcome) => {
                for request in self.take_wish(id) {
                    self.end_request(request, outcome.clone());
                }
            }
        }
    }

    /// A run of a schedule is over, which somebody may have asked for.
    pub(super) fn tell_of_run(
        &mut self,
        id: ServiceId,
        well: bool,
        reason: &Reason,
        delay: Duration,
    ) {
        if !self.is_asked_up(id) {
            return;
        }
        for request in self.take_wish(id) {
            if well {
                self.one_less(request, id, None);
            } else {
                let outcome = Outcome::Failed {
                    service: id,
                    reason: reason.clone(),
                    again: Some(delay),
                };
                self.end_request(request, outcome);
            }
        }
    }

    fn weigh_stop(&self, id: ServiceId) -> Weighed {
        match self.state(id) {
            Some(
                State::Waiting(_)
                | State::Starting(_)
                | State::Active { .. }
                | State::Stopping(_)
                | State::Killing(_)
                | State::Backoff(_),
            ) => Weighed::NotYet,
            Some(State::Inactive(_) | State::Exited { .. } | State::Failed { .. }) | None => {
                Weighed::So
            }
        }
    }

    fn weigh_start(&self, id: ServiceId) -> Weighed {
        let Some(service) = self.services.get(id.index()) else {
            return Weighed::So;
        };
        match &service.state {
            State::Active { .. } if service.descent.is_none() => Weighed::So,
            // As with systemd: a start that isn't to be has succeeded.
            State::Inactive(Idle::Skipped(_)) => Weighed::So,
            State::Waiting(_)
            | State::Starting(_)
            | State::Active { .. }
            | State::Stopping(_)
            | State::Killing(_) => Weighed::NotYet,
            State::Exited { exit, .. } => {
                if self
                    .service(id)
                    .is_some_and(|spec| spec.kind == Kind::Oneshot || spec.is_by_script())
                {
                    return Weighed::So;
                }
                Weighed::Not(Outcome::Failed {
                    service: id,
                    reason: Reason::Exit(*exit),
                    again: None,
                })
            }
            State::Backoff(backoff) => Weighed::Not(Outcome::Failed {
                service: id,
                reason: backoff.reason.clone(),
                again: Some(backoff.until.since(self.now.at)),
            }),
            State::Failed { reason, .. } => Weighed::Not(Outcome::Failed {
                service: id,
                reason: reason.clone(),
                again: None,
            }),
            State::Inactive(Idle::DependencyEnded(on)) => Weighed::Not(Outcome::DependencyEnded {
                service: id,
                on: *on,
            }),
            State::Inactive(Idle::Disabled | Idle::Stopped | Idle::ByHand | Idle::Reset) => {
                Weighed::Not(Outcome::Superseded { by: Verb::Stop })
            }
        }
    }

    /// An attempt of this one failed, and will be made again. Whoever waits for something
    /// that requires it is told now: it may go on for ever.
    pub(super) fn tell_of_attempt(&mut self, id: ServiceId, reason: &Reason, delay: Duration) {
        if self.requests.is_empty() {
            return;
        }
        let mut open = vec![id];
        // Many ways may lead to one.
        let mut seen = Set::new();
        while let Some(on) = open.pop() {
            for (dependant, bond) in self.graph.dependants(on).to_vec() {
                let waits = matches!(self.state(dependant), Some(State::Waiting(_)));
                if bond != Bond::Requires || !waits || !seen.insert(dependant) {
                    continue;
                }
                open.push(dependant);
                if self.is_asked_up(dependant) {
                    let outcome = Outcome::Failed {
                        service: id,
                        reason: reason.clone(),
                        again: Some(delay),
                    };
                    for request in self.take_wish(dependant) {
                        self.end_request(request, outcome.clone());
                    }
                }
            }
        }
    }

    /// A shutdown begins: nothing that is asked for will be.
    pub(super) fn refuse_all(&mut self) {
        for service in &mut self.services {
            service.wish = None;
            service.reloading = None;
        }
        for (request, _) in std::mem::take(&mut self.requests) {
            self.answer(request, Outcome::Stopping);
        }
        self.end_applications();
    }

    /// It is no more: a stop of it is done, a start will never be.
    pub(super) fn answer_of_gone(&mut self, id: ServiceId) {
        let verb = self.asked_of(id);
        for request in self.take_wish(id) {
            if verb == Some(Verb::Stop) {
                self.one_less(request, id, None);
            } else {
                let service = self.name(id).into();
                self.end_request(request, Outcome::Gone { service });
            }
        }
    }

    /// Services have other numbers now.
    pub(super) fn renumber_requests(&mut self, places: &Places) {
        for pending in self.requests.values_mut() {
            let moved = pending.left.iter().filter_map(|id| places.of(*id));
            pending.left = moved.collect();
            pending.stays = pending.stays.and_then(|id| places.of(id));
        }
    }

    fn take_wish(&mut self, id: ServiceId) -> Vec<RequestId> {
        let wish = self
            .services
            .get_mut(id.index())
            .and_then(|service| service.wish.take());
        if wish.is_some() {
            self.release(id);
        }
        wish.map(|wish| wish.requests).unwrap_or_default()
    }

    /// Those that were asked for too, and come after it, need not wait for it any longer.
    fn release(&mut self, id: ServiceId) {
        for (dependant, _) in self.graph.dependants(id) {
            self.starts.push_back(*dependant);
        }
    }

    pub(super) fn one_less(&mut self, request: RequestId, id: ServiceId, stays: Option<ServiceId>) {
        let Some(pending) = self.requests.get_mut(&request) else {
            return;
        };
        pending.left.remove(&id);
        pending.stays = stays.or(pending.stays);
        if pending.left.is_empty() {
            let stays = pending.stays;
            self.end_request(request, Outcome::Done { stays });
        }
    }

    pub(super) fn end_request(&mut self, request: RequestId, outcome: Outcome) {
        if self.close(request) {
            self.answer(request, outcome);
        }
    }

    /// Whether it was open.
    fn close(&mut self, request: RequestId) -> bool {
        let Some(pending) = self.requests.remove(&request) else {
            return false;
        };
        for id in pending.left {
            if let Some(service) = self.services.get_mut(id.index()) {
                if let Some(wish) = &mut service.wish {
                    wish.requests.retain(|known| *known != request);
                }
                if let Some(reloading) = &mut service.reloading {
                    reloading.withdraw(request);
                }
            }
        }
        true
    }
}
