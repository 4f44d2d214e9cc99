//! The moment at which a new specification takes the old one's place.

use super::Stage;
use super::arrival::Arrival;
use super::change::Class;
use super::leaving::Leaving;
use super::places::Places;
use super::sparing::Touch;
use crate::core::action::Action;
use crate::core::graph::{Bond, Graph};
use crate::core::health::Checks;
use crate::core::id::ServiceId;
use crate::core::report::Report;
use crate::core::request::Outcome;
use crate::core::service::Service;
use crate::core::signal::Signal;
use crate::core::spec::{Kind, ServiceSpec, Spec};
use crate::core::state::{Idle, Killing, Reason, Run, Standing, State, Then, Waiting};
use crate::core::system::System;
use crate::core::time::Instant;

/// One that was there before: where it stood, and what its new definition changes.
struct Former {
    standing: Standing,
    schedule_changed: bool,
    health_changed: bool,
}

impl System {
    /// Nothing is under way: the numbers may change.
    pub(in crate::core) fn turn_over(&mut self) {
        if !self.wants_quiet() {
            return;
        }
        let Stage::Leaving(leaving) = std::mem::take(&mut self.apply.stage) else {
            return;
        };
        let mut leaving = *leaving;
        let places = leaving.places.clone();
        self.orders.push(Action::TakeOver {
            places: places.clone(),
        });
        self.let_go(&leaving);
        let old = std::mem::replace(&mut self.spec, std::mem::take(&mut leaving.next));
        self.keep_main(&old);
        self.graph = Graph::new(&self.spec);
        let formers = self.move_services(&old, &leaving);
        self.renumber_books(&places);
        if leaving.asked.all {
            self.raise_dependants(&formers);
        }
        self.recount();
        self.take_up(&formers);
        for id in &leaving.stale {
            if let Some(service) = self.services.get_mut(id.index()) {
                service.stale = true;
            }
        }
        let asked = &leaving.asked;
        let begun = |id: &ServiceId| {
            self.state(*id).is_some_and(is_to_start) && asked.touches(self.name(*id))
        };
        let awaited = self.graph.order().iter().filter(|id| begun(id));
        let awaited = awaited.copied().collect();
        // Packages' scripts have it read many times.
        if asked.all || !leaving.changes.is_empty() {
            self.reports.push(Report::Applied {
                changes: leaving.changes.clone(),
            });
        }
        let requests = leaving.asked.applications;
        self.apply.arrival = Arrival::new(requests, leaving.changes, awaited);
        self.consider_all();
        for id in self.ids() {
            self.descend_anew(id);
            self.weigh(id);
        }
        self.next_configuration();
    }

    /// Whoever waits for something of what is no more is told.
    fn let_go(&mut self, leaving: &Leaving) {
        for id in self.ids() {
            if leaving.class(id) == Class::Removed {
                self.answer_of_gone(id);
            }
        }
        for order in &mut self.orders {
            if let Action::Answered {
                outcome: Outcome::Done { stays },
                ..
            } = order
            {
                *stays = stays.and_then(|id| leaving.places.of(id));
            }
        }
    }

    /// The COMMAND stays as it was started, but for the numbers of others.
    fn keep_main(&mut self, old: &Spec) {
        let former = old.services.iter().find(|spec| spec.is_main);
        let own = self.spec.services.iter_mut().find(|spec| spec.is_main);
        if let Some((former, own)) = former.zip(own) {
            let edges = std::mem::take(&mut own.edges);
            *own = ServiceSpec {
                edges,
                ..former.clone()
            };
        }
    }

    /// Each service to its new place. Gives for each what it was; `None` for new ones.
    fn move_services(&mut self, old: &Spec, leaving: &Leaving) -> Vec<Option<Former>> {
        let places = &leaving.places;
        let mut known: Vec<Option<(ServiceId, Service)>> = Vec::new();
        known.resize_with(self.spec.services.len(), || None);
        let services = std::mem::take(&mut self.services);
        for (id, service) in (0..).map(ServiceId).zip(services) {
            let place = places.of(id);
            if let Some(slot) = place.and_then(|place| known.get_mut(place.index())) {
                *slot = Some((id, service));
            }
        }
        let mut formers = Vec::with_capacity(known.len());
        let mut moved = Vec::with_capacity(known.len());
        for (spec, known) in self.spec.services.iter().zip(known) {
            let Some((old_id, mut service)) = known else {
                let state = if spec.enabled {
                    State::Waiting(Waiting::default())
                } else {
                    State::Inactive(Idle::Disabled)
                };
                moved.push(Service::new(state));
                formers.push(None);
                continue;
            };
            places.renumber(&mut service.state);
            service.renumber_descent(places);
            service.held = false;
            service.stale = false;
            // What is new may have to come before it.
            if let State::Waiting(waiting) = &mut service.state {
                waiting.impatient &= spec.is_main;
            }
            let former = old.services.get(old_id.index()).unwrap_or(spec);
            // Nobody waited for what was disabled. Now those that come after it do, until the
            // start that somebody has asked for has ended.
            service.attempted &= former.enabled || !spec.enabled || !is_on_its_way(&service.state);
            formers.push(Some(Former {
                standing: service.state.standing(),
                schedule_changed: former.schedule != spec.schedule,
                health_changed: former.health != spec.health,
            }));
            let class = leaving.class(old_id);
            let touch = leaving.asked.touch(&spec.name);
            if let Some(state) = anew(class, touch, &service, former, spec) {
                let done = former.kind == spec.kind;
                service.begin_anew(state, done && spec.stays_done());
                self.orders.extend(service.end_sweep_first(self.now.at));
            }
            moved.push(service);
        }
        self.services = moved;
        formers
    }

    /// Every other place where services are named by number.
    fn renumber_books(&mut self, places: &Places) {
        self.main = self.main.and_then(|id| places.of(id));
        self.first_failed = self.first_failed.and_then(|id| places.of(id));
        let runs = std::mem::take(&mut self.runs);
        let moved = |(run, id)| Some((run, places.of(id)?));
        self.runs = runs.into_iter().filter_map(moved).collect();
        let to_open = std::mem::take(&mut self.to_open);
        self.to_open = to_open.iter().filter_map(|id| places.of(*id)).collect();
        self.renumber_requests(places);
        self.records.rearrange(places, self.now.at);
        self.work.clear();
        self.starts.clear();
    }

    /// What failed, or ended, because of something that starts anew starts with it.
    fn raise_dependants(&mut self, formers: &[Option<Former>]) {
        let order: Vec<ServiceId> = self.graph.order().to_vec();
        for id in order {
            let on = match self.state(id) {
                Some(State::Failed {
                    reason: Reason::Dependency { on, .. },
                    ..
                }) => *on,
                Some(State::Inactive(Idle::DependencyEnded(on))) => *on,
                Some(
                    State::Inactive(
                        Idle::Disabled
                        | Idle::Stopped
                        | Idle::ByHand
                        | Idle::Reset
                        | Idle::Skipped(_),
                    )
                    | State::Waiting(_)
                    | State::Starting(_)
                    | State::Active { .. }
                    | State::Stopping(_)
                    | State::Killing(_)
                    | State::Backoff(_)
                    | State::Exited { .. }
                    | State::Failed { .. },
                )
                | None => continue,
            };
            let known = formers.get(on.index()).and_then(Option::as_ref);
            let rested = known.is_none_or(|former| former.standing.is_at_rest());
            let gone = on.index() >= self.services.len();
            let waits = self.state(on).is_some_and(is_to_start);
            let enabled = self.service(id).is_some_and(|spec| spec.enabled);
            if (gone || (rested && waits))
                && enabled
                && let Some(service) = self.services.get_mut(id.index())
            {
                service.begin_anew(State::Waiting(Waiting::default()), true);
                self.orders.extend(service.end_sweep_first(self.now.at));
            }
        }
    }

    /// All that is counted over all services.
    fn recount(&mut self) {
        for (service, spec) in self.services.iter_mut().zip(&self.spec.services) {
            service.satisfied = service.satisfies(spec);
            service.attempted |= service.has_appointment() || service.awaits_somebody(spec);
        }
        self.deadlines.clear();
        self.recount_needs();
        self.tally = [0; Standing::ALL.len()];
        let (mut pending, mut sweeps, mut elsewhere, mut dormant) = (0_u32, 0_u32, 0_u32, 0_u32);
        let (mut by_hand, mut unhealthy, mut over) = (0_u32, 0_u32, 0_u32);
        let note = |count: &mut u32, counts: bool| {
            *count = count.saturating_add(u32::from(counts));
        };
        for (service, spec) in self.services.iter().zip(&self.spec.services) {
            if let Some(count) = self.tally.get_mut(service.state.standing() as usize) {
                *count = count.saturating_add(1);
            }
            note(&mut pending, !service.attempted);
            note(&mut sweeps, service.sweep.is_some());
            note(&mut elsewhere, service.state.waits_elsewhere());
            note(&mut dormant, service.is_dormant(spec));
            note(&mut over, service.state.is_over());
            let rests = matches!(service.state, State::Inactive(Idle::ByHand));
            note(&mut by_hand, rests);
            let checks = service.checks.as_ref();
            note(&mut unhealthy, checks.is_some_and(|own| own.unhealthy));
        }
        self.attempts_pending = pending;
        self.sweeps = sweeps;
        self.elsewhere = elsewhere;
        self.dormant = dormant;
        self.over = over;
        self.by_hand = by_hand;
        self.unhealthy = unhealthy;
        self.records.unready = self.count_unready();
        let failed = |id: &ServiceId| matches!(self.state(*id), Some(State::Failed { .. }));
        if !self.first_failed.as_ref().is_some_and(failed) {
            self.first_failed = self.ids().find(failed);
        }
    }

    /// What a new definition brings to those that go on, and to those that begin.
    fn take_up(&mut self, formers: &[Option<Former>]) {
        for (id, former) in self.ids().zip(formers) {
            let former = former.as_ref();
            if former.is_some_and(|former| former.health_changed) {
                self.check_anew(id);
            }
            self.reindex(id);
            let to = self.state(id).map(State::standing);
            if let (Some(from), Some(to)) = (former.map(|former| former.standing), to)
                && from != to
            {
                self.records.stands_anew(id, self.now.at);
                self.reports.push(Report::Changed {
                    service: id,
                    from,
                    to,
                });
            }
            self.reschedule(id, former);
            let begins = former.is_none_or(|former| Some(former.standing) != to);
            // Its schedule may name no more time.
            if begins && matches!(self.state(id), Some(State::Waiting(_))) {
                // As at the boot: nobody is refused who starts first.
                self.open_sockets(id);
            }
        }
    }

    fn check_anew(&mut self, id: ServiceId) {
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return;
        };
        let before = service.checks.take();
        let checks = Checks::begin(&service.state, spec, self.now.at, &mut self.random);
        service.checks = checks.map(|checks| checks.goes_on(before.as_deref()));
        if before.is_some_and(|checks| checks.unhealthy) {
            self.unhealthy = self.unhealthy.saturating_sub(1);
        }
    }

    /// A service's next time, where it has none yet or another schedule.
    fn reschedule(&mut self, id: ServiceId, former: Option<&Former>) {
        let changed = former.is_none_or(|former| former.schedule_changed);
        let scheduled = self.has_schedule(id);
        match self.state(id) {
            Some(State::Waiting(waiting)) if scheduled => {
                let begins = former.is_none_or(|former| former.standing.is_at_rest());
                if changed || waiting.appointment.is_none() && begins {
                    self.await_next_time(id);
                }
            }
            Some(State::Waiting(waiting)) if waiting.appointment.is_some() => {
                self.transition(id, State::Inactive(Idle::Stopped));
            }
            Some(State::Exited { .. } | State::Inactive(Idle::Stopped | Idle::Reset))
                if scheduled && changed =>
            {
                self.await_next_time(id);
            }
            // What was to be tried again runs at its times now.
            Some(State::Backoff(_)) if scheduled && changed => self.stop(id, Then::Waiting),
            Some(
                State::Inactive(_)
                | State::Waiting(_)
                | State::Starting(_)
                | State::Active { .. }
                | State::Stopping(_)
                | State::Killing(_)
                | State::Backoff(_)
                | State::Exited { .. }
                | State::Failed { .. },
            )
            | None => {}
        }
    }

    /// How many of what it needs stand in its way, for each.
    pub(in crate::core) fn recount_needs(&mut self) {
        for id in self.ids() {
            let requires = self.unmet(id, Bond::Requires);
            let after = self.unmet(id, Bond::After);
            if let Some(service) = self.services.get_mut(id.index()) {
                service.unmet_requires = requires;
                service.unmet_after = after;
            }
        }
    }
}

/// The state in which it begins anew; `None` if it goes on, or rests as it did.
fn anew(
    class: Class,
    touch: Touch,
    service: &Service,
    old: &ServiceSpec,
    new: &ServiceSpec,
) -> Option<State> {
    let waiting = Some(State::Waiting(Waiting::default()));
    let disabled = Some(State::Inactive(Idle::Disabled));
    let oneshot = old.kind == Kind::Oneshot && new.kind == Kind::Oneshot;
    let anew = class == Class::Redefined;
    // What it did as another kind of service isn't what those that require it need now.
    let undone = old.kind != new.kind && matches!(service.state, State::Exited { .. });
    let rests = undone.then_some(State::Inactive(Idle::Stopped));
    let begins = match &service.state {
        state if touch != Touch::ByAll && state.standing().is_at_rest() => {
            waiting.filter(|_| touch == Touch::ByName && new.enabled)
        }
        _ if class == Class::Same => None,
        State::Inactive(Idle::ByHand) => None,
        State::Inactive(Idle::Disabled) => waiting.filter(|_| new.enabled),
        // It did its work.
        State::Exited { .. } if oneshot => None,
        State::Starting(_) | State::Active { .. } | State::Stopping(_) | State::Killing(_) => None,
        State::Inactive(_)
        | State::Waiting(_)
        | State::Backoff(_)
        | State::Exited { .. }
        | State::Failed { .. }
            if old.enabled && !new.enabled =>
        {
            disabled
        }
        State::Failed { .. } | State::Inactive(Idle::DependencyEnded(_)) => {
            waiting.filter(|_| new.enabled)
        }
        // It runs when it was to, if it was.
        State::Waiting(_) => waiting.filter(|_| anew && !oneshot),
        State::Backoff(_) => waiting.filter(|_| class != Class::Live),
        // What has changed may be why it was skipped.
        State::Inactive(Idle::Stopped | Idle::Reset | Idle::Skipped(_)) | State::Exited { .. } => {
            waiting.filter(|_| anew && new.enabled)
        }
    };
    begins.or(rests)
}

impl Service {
    /// A new definition: nothing of what it was counts any more, but its sockets, what was
    /// asked of it, and the work that it did (`done`: a oneshot's).
    fn begin_anew(&mut self, state: State, done: bool) {
        let old = std::mem::replace(self, Self::new(state));
        self.sockets = old.sockets;
        self.wish = old.wish;
        self.ran_for = old.ran_for;
        self.last_run = old.last_run.clone();
        self.satisfied = old.satisfied && done;
        self.sweep = old.sweep;
    }

    /// What its last run left is killed before it starts.
    fn end_sweep_first(&mut self, now: Instant) -> Option<Action> {
        if !matches!(self.state, State::Waiting(_)) {
            return None;
        }
        let run = self.sweep.take()?.run;
        let killing = Killing::begin(Run::new(run, now), true, now, Then::Waiting);
        self.state = State::Killing(killing);
        let signal = Signal::KILL;
        Some(Action::SignalTree { run, signal })
    }
}

/// An attempt of it, or its end, is under way or to come.
const fn is_on_its_way(state: &State) -> bool {
    match state {
        State::Waiting(_) | State::Starting(_) | State::Stopping(_) | State::Killing(_) => true,
        State::Inactive(_)
        | State::Active { .. }
        | State::Backoff(_)
        | State::Exited { .. }
        | State::Failed { .. } => false,
    }
}

/// As soon as all is there that it waits for.
fn is_to_start(state: &State) -> bool {
    match state {
        State::Waiting(waiting) => waiting.appointment.is_none(),
        State::Killing(killing) => matches!(killing.then, Then::Waiting),
        State::Inactive(_)
        | State::Starting(_)
        | State::Active { .. }
        | State::Stopping(_)
        | State::Backoff(_)
        | State::Exited { .. }
        | State::Failed { .. } => false,
    }
}
