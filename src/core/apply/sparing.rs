//! Of a new configuration that is only to be known: what is up goes on as it was, and what
//! is at rest stays so, whatever the files say of it now. As `systemctl daemon-reload` does.

use super::change::{Class, compare, places};
use super::places::Places;
use super::{Asked, Stage};
use crate::core::id::ServiceId;
use crate::core::service::Service;
use crate::core::spec::{Edges, ServiceSpec, Spec, Ties};
use crate::core::state::{Idle, State};
use crate::core::system::System;

/// What a new configuration may do with a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touch {
    /// What it says.
    ByAll,
    /// That too, and it starts if that is what it does by itself.
    ByName,
    /// Nothing that is noticed.
    Spared,
}

impl Asked {
    pub(super) fn touch(&self, name: &str) -> Touch {
        if self.named.iter().any(|own| **own == *name) {
            Touch::ByName
        } else if self.all {
            Touch::ByAll
        } else {
            Touch::Spared
        }
    }

    pub(super) fn touches(&self, name: &str) -> bool {
        self.touch(name) != Touch::Spared
    }
}

impl System {
    /// Whether it goes on by another definition than the configuration has now.
    #[must_use]
    pub fn is_stale(&self, id: ServiceId) -> bool {
        let service = self.services.get(id.index());
        service.is_some_and(|service| service.stale)
    }

    /// It is to rest, whatever was to begin it.
    pub(in crate::core) fn forget_named(&mut self, id: ServiceId) {
        let Some(spec) = self.spec.services.get(id.index()) else {
            return;
        };
        let apply = &mut self.apply;
        let leaving = match &mut apply.stage {
            Stage::Leaving(leaving) => Some(&mut leaving.asked),
            Stage::Nothing | Stage::Reading => None,
        };
        for asked in [&mut apply.asked]
            .into_iter()
            .chain(&mut apply.next)
            .chain(leaving)
        {
            asked.named.retain(|name| *name != spec.name);
        }
    }

    /// The new configuration with what it is not to touch as it was, and who has another
    /// definition there than they keep, by new numbers.
    pub(super) fn spare(&self, mut next: Box<Spec>, asked: &Asked) -> (Box<Spec>, Vec<ServiceId>) {
        let mut stale = Vec::new();
        if asked.all {
            return (next, stale);
        }
        let places = places(&self.spec, &next);
        let mut known = vec![false; next.services.len()];
        let mut gone = Vec::new();
        let all = self.ids().zip(&self.spec.services).zip(&self.services);
        for ((id, old), service) in all {
            let place = places.of(id);
            let Some((place, new)) =
                place.and_then(|at| Some((at, next.services.get_mut(at.index())?)))
            else {
                if goes_on(service, old) && !asked.touches(&old.name) {
                    gone.push(ServiceSpec {
                        edges: Edges::default(),
                        ..old.clone()
                    });
                }
                continue;
            };
            if let Some(known) = known.get_mut(place.index()) {
                *known = true;
            }
            if old.is_main || asked.touches(&old.name) {
                continue;
            }
            if let State::Inactive(Idle::Disabled) = service.state {
                new.pulled |= new.enabled && !old.enabled;
                new.enabled = old.enabled;
            } else if goes_on(service, old)
                && !matches!(compare(old, new, &places).0, Class::Same | Class::Live)
            {
                let edges = with_rivals_of(std::mem::take(&mut new.edges), &old.edges, &places);
                *new = ServiceSpec {
                    edges,
                    ..old.clone()
                };
                stale.push(place);
            }
        }
        // Nobody has started these: they start with those that need them.
        for (new, known) in next.services.iter_mut().zip(known) {
            let starts = known || asked.touches(&new.name);
            new.pulled |= new.enabled && !starts;
            new.enabled &= starts;
        }
        for spec in gone {
            stale.extend(u32::try_from(next.services.len()).map(ServiceId));
            next.services.push(spec);
        }
        (next, stale)
    }
}

/// It runs, or a time or a connection starts it.
fn goes_on(service: &Service, spec: &ServiceSpec) -> bool {
    let goes = if let State::Waiting(waiting) = &service.state {
        waiting.appointment.is_some() || spec.is_on_demand()
    } else {
        service.state.is_alive()
    };
    goes || service.descent.is_some() || service.sweep.is_some()
}

/// A new rival would have to stop.
fn with_rivals_of(mut edges: Edges, old: &Edges, places: &Places) -> Edges {
    let known = old.ties.iter().flat_map(|ties| &ties.conflicts);
    let rivals: Box<[ServiceId]> = known.filter_map(|id| places.of(*id)).collect();
    if edges.ties.is_some() || !rivals.is_empty() {
        edges
            .ties
            .get_or_insert_with(|| Box::new(Ties::default()))
            .conflicts = rivals;
    }
    edges
}
