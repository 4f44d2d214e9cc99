//! What has to stop before a new configuration counts.

use std::hash::{Hash, Hasher};

use super::change::{Becomes, Change, Changes, Class, compare, places, settle_init};
use super::places::Places;
use super::{Asked, Stage};
use crate::core::action::Action;
use crate::core::graph::Graph;
use crate::core::id::ServiceId;
use crate::core::report::Report;
use crate::core::request::{Outcome, RequestId, Verb};
use crate::core::service::Service;
use crate::core::sorted::Map;
use crate::core::spec::{Edges, Kind, ServiceSpec, Spec, Ties};
use crate::core::state::{Idle, State, Then};
use crate::core::system::System;

/// A new configuration, on its way.
#[derive(Clone, Debug)]
pub(super) struct Leaving {
    pub(super) next: Box<Spec>,
    pub(super) places: Places,
    /// By old numbers.
    pub(super) classes: Box<[Class]>,
    pub(super) changes: Box<Changes>,
    pub(super) asked: Asked,
    /// Those that go on by another definition than the files', by new numbers.
    pub(super) stale: Vec<ServiceId>,
    /// What changes has been told to go down.
    down: bool,
    /// All is at rest, and what was open for those that stop is closed.
    over: bool,
}

/// What comes next is the explorer's own to know.
impl Hash for Leaving {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (&self.classes, &self.asked, self.down, self.over).hash(hasher);
    }
}

impl Leaving {
    pub(super) const fn changes(&self) -> &Changes {
        &self.changes
    }

    pub(super) fn forget(&mut self, request: RequestId) {
        self.asked.forget(request);
    }

    pub(super) fn asked(self) -> Asked {
        self.asked
    }

    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    pub(super) fn class(&self, old: ServiceId) -> Class {
        let class = self.classes.get(old.index()).copied();
        class.unwrap_or(Class::Same)
    }

    /// The new definition, if there is one.
    fn successor(&self, old: ServiceId) -> Option<&ServiceSpec> {
        self.next.services.get(self.places.of(old)?.index())
    }
}

impl System {
    /// Compares, and changes nothing yet.
    pub(super) fn prepare(&self, mut next: Box<Spec>, warnings: Box<[Box<str>]>) -> Leaving {
        let places = places(&self.spec, &next);
        let (init, kept) = settle_init(&self.spec.init, &mut next.init);
        let mut classes = Vec::with_capacity(self.spec.services.len());
        let mut removed = Vec::new();
        let mut changed: Map<ServiceId, Change> = Map::new();
        for ((id, old), service) in self.ids().zip(&self.spec.services).zip(&self.services) {
            let place = places.of(id);
            let Some((place, new)) = place.zip(place.and_then(|at| next.services.get(at.index())))
            else {
                classes.push(Class::Removed);
                removed.push(Change {
                    service: old.name.clone(),
                    becomes: Becomes::Removed,
                    keys: Box::default(),
                });
                continue;
            };
            let (class, keys) = compare(old, new, &places);
            classes.push(class);
            if class != Class::Same {
                let becomes = becomes(class, service, old, new);
                let service = new.name.clone();
                let change = Change {
                    service,
                    becomes,
                    keys,
                };
                changed.insert(place, change);
            }
        }
        let survivors: Vec<ServiceId> = self.ids().filter_map(|id| places.of(id)).collect();
        let mut known = vec![false; next.services.len()];
        for id in survivors {
            if let Some(known) = known.get_mut(id.index()) {
                *known = true;
            }
        }
        for ((id, spec), known) in (0..).map(ServiceId).zip(&next.services).zip(known) {
            if !known {
                let change = Change {
                    service: spec.name.clone(),
                    becomes: Becomes::Added,
                    keys: Box::default(),
                };
                changed.insert(id, change);
            }
        }
        removed.extend(changed.into_values());
        let changes = Changes {
            services: removed.into(),
            init,
            kept,
            warnings,
        };
        Leaving {
            next,
            places,
            classes: classes.into(),
            changes: Box::new(changes),
            asked: Asked::default(),
            stale: Vec::new(),
            down: false,
            over: false,
        }
    }

    /// What is no more, or needs a new run, goes down.
    pub(super) fn begin_leaving(
        &mut self,
        mut leaving: Leaving,
        asked: Asked,
        stale: Vec<ServiceId>,
    ) {
        leaving.changes.warnings = self.apply.told.renew(&leaving.changes.warnings);
        for warning in &leaving.changes.warnings {
            let text = warning.clone();
            self.reports.push(Report::Doubt { text });
        }
        if let Some(earlier) = self.apply.arrival.take() {
            for request in earlier.requests() {
                let by = Verb::Apply;
                self.answer(request, Outcome::Superseded { by });
            }
        }
        leaving.asked = asked;
        leaving.stale = stale;
        self.keep_common_bonds(&leaving);
        for id in self.ids() {
            if leaving.class(id) == Class::Later {
                self.hold(id);
                if let Some(State::Backoff(_)) = self.state(id) {
                    self.stop(id, Then::Waiting);
                }
            }
        }
        self.apply.stage = Stage::Leaving(Box::new(leaving));
        self.advance_leaving();
        let services: Box<[ServiceId]> = self.apply_waits_for().collect();
        if !services.is_empty() {
            self.reports.push(Report::ApplyWaits { services });
            self.tell_askers();
        }
        self.consider_all();
    }

    /// Until its new definition counts, or it is no more, it doesn't start.
    fn hold(&mut self, id: ServiceId) {
        if let Some(service) = self.services.get_mut(id.index()) {
            service.held = true;
        }
    }

    /// The oneshots whose end a new configuration waits for. Until then all else goes on as
    /// it was defined: it is restarted when it dies, and may be started by hand.
    pub(in crate::core) fn apply_waits_for(&self) -> impl Iterator<Item = ServiceId> {
        let leaving = match &self.apply.stage {
            Stage::Leaving(leaving) if !leaving.down => Some(leaving),
            Stage::Leaving(_) | Stage::Nothing | Stage::Reading => None,
        };
        let stands = move |(id, service): &(ServiceId, &Service)| {
            leaving.is_some_and(|leaving| leaving.class(*id) == Class::Later)
                && self.is_waited_for(*id, service)
        };
        self.ids()
            .zip(&self.services)
            .filter(stands)
            .map(|(id, _)| id)
    }

    /// Something of it is to end first. What only remains has done its work by the old
    /// definition, and is stopped by the new one if only its next run differs.
    fn is_waited_for(&self, id: ServiceId, service: &Service) -> bool {
        let goes = service.descent.is_some() || service.sweep.is_some();
        let remains = self.is_over_but_active(id) && !goes;
        let later = matches!(&self.apply.stage, Stage::Leaving(leaving) if leaving.class(id) == Class::Later);
        is_there(service) && !(remains && later)
    }

    /// Whoever waits for this one, or for the next, hears whose end that takes.
    fn tell_askers(&mut self) {
        let next = self.apply.next.iter().flat_map(|asked| {
            let plans = asked.plans.iter();
            plans.chain(&asked.applications).copied()
        });
        let mut askers: Vec<RequestId> = next.collect();
        if let Stage::Leaving(leaving) = &self.apply.stage {
            askers.extend(&leaving.asked.applications);
        }
        for request in askers {
            self.tell_asker(request);
        }
    }

    pub(super) fn tell_asker(&mut self, request: RequestId) {
        let services: Box<[ServiceId]> = self.apply_waits_for().collect();
        if !services.is_empty() {
            self.orders.push(Action::ToldOfWait { request, services });
        }
    }

    /// All that changes goes down, once nothing runs that is to end by itself: it may take
    /// hours, or need what would be down.
    fn go_down(&mut self, leaving: &Leaving) {
        let goes = |id: &ServiceId| match leaving.class(*id) {
            Class::Same | Class::Live | Class::Later => false,
            Class::Redefined | Class::Removed => true,
        };
        for id in self.ids().filter(goes) {
            self.hold(id);
        }
        for id in self.ids().filter(goes) {
            self.bring_down(id, leaving.class(id) == Class::Redefined);
        }
        self.consider_all();
    }

    /// Whether those are held, and no others, that a new configuration has stand still.
    pub(in crate::core) fn holds(&self, id: ServiceId) -> bool {
        let Stage::Leaving(leaving) = &self.apply.stage else {
            return false;
        };
        match leaving.class(id) {
            Class::Same | Class::Live => false,
            Class::Later => true,
            Class::Redefined | Class::Removed => leaving.down,
        }
    }

    fn bring_down(&mut self, id: ServiceId, comes_back: bool) {
        match self.state(id) {
            Some(State::Starting(_) | State::Active { .. }) => self.descend(id, Then::Waiting),
            Some(State::Stopping(_) | State::Killing(_) | State::Backoff(_)) => {
                self.stop(id, Then::Waiting);
            }
            // Its sockets are no longer what others may rely on.
            Some(State::Waiting(_)) => self.satisfy(id),
            Some(State::Inactive(_) | State::Exited { .. } | State::Failed { .. }) => {
                self.end_sweep(id, comes_back, Then::Waiting);
            }
            None => {}
        }
    }

    /// Only bonds that both configurations have count from now on.
    fn keep_common_bonds(&mut self, leaving: &Leaving) {
        let places = &leaving.places;
        for (id, spec) in (0..).map(ServiceId).zip(&mut self.spec.services) {
            if let Some(new) = leaving.successor(id) {
                keep_common(&mut spec.edges, &new.edges, places);
            }
        }
        self.graph = Graph::new(&self.spec);
        self.recount_needs();
        for id in self.ids() {
            self.descend_anew(id);
        }
    }

    /// All that waits may be able to start.
    pub(super) fn consider_all(&mut self) {
        for id in self.ids() {
            self.starts.push_back(id);
            self.look_for_unneeded(id);
        }
    }

    /// Closes what was open for those that have stopped, once all have.
    pub(in crate::core) fn advance_leaving(&mut self) {
        if !self.is_leaving() {
            return;
        }
        let mut all = self.ids().zip(&self.services);
        if all.any(|(id, service)| service.held && self.is_waited_for(id, service)) {
            return;
        }
        let Stage::Leaving(mut leaving) = std::mem::take(&mut self.apply.stage) else {
            return;
        };
        if !std::mem::replace(&mut leaving.down, true) {
            self.go_down(&leaving);
            self.apply.stage = Stage::Leaving(leaving);
            return;
        }
        if !std::mem::replace(&mut leaving.over, true) {
            for id in self.ids() {
                if let Class::Later | Class::Redefined | Class::Removed = leaving.class(id) {
                    self.close_before_turnover(id, leaving.successor(id));
                }
            }
        }
        self.apply.stage = Stage::Leaving(leaving);
    }

    fn close_before_turnover(&mut self, id: ServiceId, new: Option<&ServiceSpec>) {
        let Some(old) = self.spec.services.get(id.index()) else {
            return;
        };
        let listens = new.is_some_and(|new| new.enabled && new.listen == old.listen);
        let stores = new.is_some_and(|new| new.enabled && new.store_max() > 0);
        if old.store_max() > 0 && !stores {
            self.orders.push(Action::DropStored { service: id });
        }
        if !listens {
            self.close_sockets(id);
        }
    }
}

/// Something of it runs, or is being swept.
fn is_there(service: &Service) -> bool {
    service.state.is_alive() || service.descent.is_some() || service.sweep.is_some()
}

fn keep_common(old: &mut Edges, new: &Edges, places: &Places) {
    let common = |old: &mut Box<[ServiceId]>, new: &[ServiceId]| {
        let both = |id: &&ServiceId| places.of(**id).is_some_and(|place| new.contains(&place));
        *old = old.iter().filter(both).copied().collect();
    };
    common(&mut old.requires, &new.requires);
    common(&mut old.wants, &new.wants);
    common(&mut old.after, &new.after);
    common(&mut old.before, &new.before);
    if let Some(ties) = &mut old.ties {
        let none = Ties::default();
        let new = new.ties.as_deref().unwrap_or(&none);
        for (old, new) in ties.lists_mut().into_iter().zip(new.lists()) {
            common(old, new);
        }
    }
}

/// What people are told of it.
fn becomes(class: Class, service: &Service, old: &ServiceSpec, new: &ServiceSpec) -> Becomes {
    let disabled = old.enabled && !new.enabled;
    let oneshot = old.kind == Kind::Oneshot && new.kind == Kind::Oneshot;
    match (class, &service.state) {
        (_, State::Inactive(Idle::ByHand)) => Becomes::Changed,
        (_, State::Inactive(Idle::Disabled)) if new.enabled => Becomes::Started,
        (_, State::Inactive(Idle::Disabled)) => Becomes::Changed,
        (_, State::Failed { .. }) if new.enabled => Becomes::Started,
        (Class::Live | Class::Later, State::Inactive(Idle::DependencyEnded(_))) if new.enabled => {
            Becomes::Started
        }
        (Class::Same | Class::Live | Class::Later | Class::Removed, _) => Becomes::Changed,
        (Class::Redefined, State::Exited { .. }) if oneshot => Becomes::Changed,
        (Class::Redefined, State::Inactive(_) | State::Exited { .. } | State::Failed { .. }) => {
            if new.enabled {
                Becomes::Started
            } else {
                Becomes::Changed
            }
        }
        (Class::Redefined, _) if disabled => Becomes::Disabled,
        (
            Class::Redefined,
            State::Waiting(_)
            | State::Starting(_)
            | State::Active { .. }
            | State::Stopping(_)
            | State::Killing(_)
            | State::Backoff(_),
        ) => Becomes::Restarted,
    }
}
