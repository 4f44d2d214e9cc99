//! What start, stop, restart, reset and kill mean in each state.

use super::action::Action;
use super::graph::Bond;
use super::id::ServiceId;
use super::report::Report;
use super::request::{Outcome, RequestId, Verb};
use super::restart::Starts;
use super::signal::Signal;
use super::sorted::Set;
use super::spec::{Kind, ServiceSpec};
use super::state::{Idle, Killing, Run, Starting, State, Stopping, Then, Waiting};
use super::system::System;

impl System {
    /// They start, or start anew, and what they require with them; what is in their way
    /// stops.
    pub(super) fn up_by_hand(&mut self, request: RequestId, verb: Verb, named: &[ServiceId]) {
        let mut named = named.to_vec();
        if verb == Verb::Restart {
            let runs = |state: &State| matches!(state, State::Starting(_) | State::Active { .. });
            let runs = |system: &Self, id| system.state(id).is_some_and(runs);
            self.add_parts(&mut named, false, runs);
        }
        let all = self.with_requirements(&named);
        let rivals = self.rivals_of(&all);
        if let Some((one, other)) = rivals.iter().find(|(_, other)| all.contains(other)) {
            let (one, other) = (*one, *other);
            self.answer(request, Outcome::Conflict { one, other });
            return;
        }
        self.wish(request, verb, &named);
        self.make_way(rivals, verb);
        for id in self.graph.sorted(all) {
            let is_named = named.contains(&id);
            if is_named {
                self.forget_failures(id);
            } else if self.asked_of(id) == Some(Verb::Stop) {
                self.supersede(id, verb);
            }
            match self.state(id) {
                Some(State::Starting(_) | State::Active { .. })
                    if is_named && verb == Verb::Restart =>
                {
                    self.descend_again(id);
                }
                Some(_) => self.raise(id, is_named),
                None => {}
            }
        }
        for id in named {
            self.weigh(id);
        }
    }

    /// Each of these with what it conflicts with.
    pub(super) fn rivals_of(&self, all: &Set<ServiceId>) -> Vec<(ServiceId, ServiceId)> {
        let rivals = |id: &ServiceId| {
            let id = *id;
            let rivals = self.graph.conflicts(id).iter();
            rivals.map(move |other| (id, *other))
        };
        all.iter().flat_map(rivals).collect()
    }

    /// What is in the way of those that start stops.
    pub(super) fn make_way(&mut self, rivals: Vec<(ServiceId, ServiceId)>, verb: Verb) {
        for (by, rival) in rivals {
            if self.is_up(rival) {
                self.supersede_with_dependants(rival, verb);
                self.reports.push(Report::MadeWay { service: rival, by });
                self.rest_by_hand(rival);
            }
        }
    }

    /// It is to run: begins where that begins in its state.
    pub(super) fn raise(&mut self, id: ServiceId, is_named: bool) {
        let joins = self.is_pulled(id);
        let comes_back = self.descent_of(id) == Some(&Then::Waiting);
        let Some(service) = self.services.get_mut(id.index()) else {
            return;
        };
        let stays_done = service.satisfied && !is_named && !joins;
        service.called = false;
        match &mut service.state {
            // It comes back anyway: a restart goes on.
            State::Starting(_) | State::Active { .. } if comes_back && !is_named => {}
            State::Starting(_) | State::Active { .. } => self.ascend(id),
            // Nobody who asks for a run means its next time.
            State::Waiting(waiting) if is_named && waiting.appointment.is_some() => {
                self.wait_by_hand(id);
            }
            State::Waiting(_) => self.starts.push_back(id),
            State::Stopping(Stopping { then, .. }) | State::Killing(Killing { then, .. }) => {
                match then {
                    // It will be tried again anyway, or somebody asks for it to be.
                    Then::Failure(_) if !is_named => {}
                    Then::Stopped
                    | Then::ByHand
                    | Then::Waiting
                    | Then::Failure(_)
                    | Then::ByItself(_)
                    | Then::DependencyFailed(_)
                    | Then::DependencyEnded(_) => *then = Then::Waiting,
                }
            }
            State::Backoff(_) if is_named => self.stop(id, Then::Waiting),
            State::Backoff(_) => {}
            State::Inactive(_) | State::Exited { .. } | State::Failed { .. } if stays_done => {}
            State::Inactive(_) | State::Exited { .. } | State::Failed { .. } => {
                if self.end_sweep(id, true, Then::Waiting) {
                    return;
                }
                // Its timer is what others want.
                if joins && !is_named && self.has_schedule(id) {
                    self.await_next_time(id);
                } else {
                    self.wait_by_hand(id);
                }
            }
        }
    }

    /// It starts as soon as all is there that it waits for.
    fn wait_by_hand(&mut self, id: ServiceId) {
        let waiting = Waiting {
            // What people start doesn't count.
            comeback: true,
            ..Waiting::default()
        };
        self.transition(id, State::Waiting(waiting));
        self.starts.push_back(id);
    }

    /// They stop, and stay so; what requires them goes down first and waits.
    pub(super) fn down_by_hand(&mut self, request: RequestId, named: &[ServiceId]) {
        let mut named = named.to_vec();
        self.add_parts(&mut named, true, Self::is_up);
        self.wish(request, Verb::Stop, &named);
        for id in &named {
            self.supersede_with_dependants(*id, Verb::Stop);
        }
        for id in &named {
            self.rest_by_hand(*id);
        }
        for id in named {
            self.weigh(id);
        }
    }

    /// It is to rest, whatever it is doing.
    fn rest_by_hand(&mut self, id: ServiceId) {
        self.forget_named(id);
        let is_oneshot = self
            .service(id)
            .is_some_and(|spec| spec.kind == Kind::Oneshot);
        match self.state(id) {
            Some(State::Starting(_) | State::Active { .. }) => self.descend(id, Then::ByHand),
            Some(
                State::Waiting(_) | State::Backoff(_) | State::Stopping(_) | State::Killing(_),
            ) => self.stop(id, Then::ByHand),
            // Its work is done, and stays done.
            Some(State::Exited { .. }) if is_oneshot => {}
            Some(State::Inactive(Idle::Disabled | Idle::ByHand)) | None => {}
            Some(State::Inactive(_) | State::Exited { .. } | State::Failed { .. }) => {
                if !self.end_sweep(id, false, Then::ByHand) {
                    self.transition(id, State::Inactive(Idle::ByHand));
                }
            }
        }
    }

    /// A stop by hand has come to its end.
    pub(super) fn rest(&mut self, id: ServiceId) {
        self.transition(id, State::Inactive(Idle::ByHand));
        let stays = self.would_have_ended(id);
        self.reports
            .push(Report::StoppedByHand { service: id, stays });
    }

    /// Had it ended by itself, so would the container have.
    pub(super) fn would_have_ended(&self, id: ServiceId) -> bool {
        self.service(id).is_some_and(|spec| spec.essential) || self.nothing_runs()
    }

    /// What it left is waited for, if there is any: with force where people wait for a
    /// start.
    pub(super) fn end_sweep(&mut self, id: ServiceId, by_force: bool, then: Then) -> bool {
        let at = self.now.at;
        let grace = self.grace(id).map(|grace| at.plus(grace));
        let Some(service) = self.services.get_mut(id.index()) else {
            return false;
        };
        let Some(sweep) = service.sweep.take() else {
            return false;
        };
        self.sweeps = self.sweeps.saturating_sub(1);
        let run = Run::new(sweep.run, at);
        if by_force {
            let (run_id, signal) = (sweep.run, Signal::KILL);
            self.orders.push(Action::SignalTree {
                run: run_id,
                signal,
            });
            let killing = Killing::begin(run, true, at, then);
            self.transition(id, State::Killing(killing));
        } else {
            let stopping = Stopping {
                run,
                main_gone: true,
                since: at,
                kill_at: sweep.kill_at.into_iter().chain(grace).min(),
                then,
            };
            self.transition(id, State::Stopping(stopping));
        }
        true
    }

    /// What failed is forgotten: `failed` itself, the delays, the start limit.
    pub(super) fn reset(&mut self, id: ServiceId) {
        self.forget_failures(id);
        if let Some(State::Failed { .. }) = self.state(id) {
            self.transition(id, State::Inactive(Idle::Reset));
        }
    }

    fn forget_failures(&mut self, id: ServiceId) {
        if let Some(service) = self.services.get_mut(id.index()) {
            service.attempt = 0;
            service.starts = Starts::default();
        }
    }

    /// The signal goes to all of them or, where one has no process, to none.
    pub(super) fn signal_by_hand(&mut self, named: &[ServiceId], signal: Signal) -> Outcome {
        let mut orders = Vec::new();
        for id in named {
            if self.is_headless(*id) {
                return Outcome::NoProcess { service: *id };
            }
            let run = match self.state(*id) {
                Some(State::Starting(Starting { run, stage, .. })) if stage.has_process() => run,
                Some(State::Active { run, .. }) => run,
                Some(State::Stopping(stopping)) if !stopping.main_gone => &stopping.run,
                Some(State::Killing(killing)) if !killing.main_gone => &killing.run,
                Some(
                    State::Inactive(_)
                    | State::Waiting(_)
                    | State::Starting(_)
                    | State::Stopping(_)
                    | State::Killing(_)
                    | State::Backoff(_)
                    | State::Exited { .. }
                    | State::Failed { .. },
                )
                | None => return Outcome::NoProcess { service: *id },
            };
            orders.push(Action::SignalMain {
                run: run.id,
                signal,
                to_group: false,
            });
        }
        self.orders.append(&mut orders);
        Outcome::DONE
    }

    /// Something of it runs, or is about to.
    fn is_up(&self, id: ServiceId) -> bool {
        let swept = |id: ServiceId| {
            let service = self.services.get(id.index());
            service.is_some_and(|service| service.sweep.is_some())
        };
        match self.state(id) {
            Some(
                State::Waiting(_)
                | State::Starting(_)
                | State::Active { .. }
                | State::Stopping(_)
                | State::Killing(_)
                | State::Backoff(_),
            ) => true,
            Some(State::Inactive(_) | State::Exited { .. } | State::Failed { .. }) => swept(id),
            None => false,
        }
    }

    /// Those with all that they require, and what else starts with them, and so on.
    pub(super) fn with_requirements(&self, named: &[ServiceId]) -> Set<ServiceId> {
        let mut all = Set::new();
        let mut open = named.to_vec();
        while let Some(id) = open.pop() {
            if all.insert(id) {
                let needs = self.graph.needs(id).iter();
                let required = needs.filter(|(_, bond)| *bond == Bond::Requires);
                open.extend(required.map(|(need, _)| *need));
                let ties = self.service(id).and_then(|own| own.edges.ties.as_deref());
                open.extend(ties.iter().flat_map(|ties| &*ties.starts));
            }
        }
        all
    }

    /// What is part of them, as far as it counts; but what comes back with what it
    /// requires needs no word of its own.
    fn add_parts(
        &self,
        named: &mut Vec<ServiceId>,
        stop: bool,
        counts: impl Fn(&Self, ServiceId) -> bool,
    ) {
        let mut next = 0;
        while let Some(id) = named.get(next).copied() {
            next = next.saturating_add(1);
            let others = self.graph.stopping(id).iter().filter(|_| stop);
            for part in self.graph.parts(id).iter().chain(others) {
                let needs = self.graph.needs(*part);
                let requires = needs.contains(&(id, Bond::Requires));
                if !named.contains(part) && !requires && counts(self, *part) {
                    named.push(*part);
                }
            }
        }
    }

    /// It goes down, and all that requires it: a start of those will not be.
    fn supersede_with_dependants(&mut self, id: ServiceId, by: Verb) {
        if self.requests.is_empty() {
            return;
        }
        let mut seen = Set::from([id]);
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            // A stop that is asked for anyway will be.
            if self.is_asked_up(id) {
                self.supersede(id, by);
            }
            let stays_done = self.service(id).is_some_and(ServiceSpec::stays_done);
            if stays_done && self.satisfies(id) {
                continue;
            }
            for (dependant, bond) in self.graph.dependants(id) {
                if *bond == Bond::Requires && seen.insert(*dependant) {
                    open.push(*dependant);
                }
            }
        }
    }
}
