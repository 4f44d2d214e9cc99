//! Whoever asked for a new configuration waits until what it starts has made its first
//! attempts.

use std::hash::{Hash, Hasher};

use super::change::Changes;
use crate::core::id::ServiceId;
use crate::core::request::{Outcome, RequestId};
use crate::core::service::Service;
use crate::core::sockets::Sockets;
use crate::core::state::{Reason, State};
use crate::core::system::System;

/// Somebody waits.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    requests: Vec<RequestId>,
    changes: Box<Changes>,
    /// What they need first.
    awaited: Box<[ServiceId]>,
    /// How many of them were there when they were last looked at.
    arrived: usize,
}

/// What has changed is told at the end, and decides nothing.
impl Hash for Arrival {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (&self.requests, &self.awaited, self.arrived).hash(hasher);
    }
}

impl Arrival {
    /// `None` if nobody does.
    pub(super) fn new(
        requests: Vec<RequestId>,
        changes: Box<Changes>,
        awaited: Box<[ServiceId]>,
    ) -> Option<Self> {
        (!requests.is_empty()).then_some(Self {
            requests,
            changes,
            awaited,
            arrived: 0,
        })
    }

    /// Whether nobody is left.
    pub(super) fn forget(&mut self, request: RequestId) -> bool {
        self.requests.retain(|known| *known != request);
        self.requests.is_empty()
    }

    pub(super) fn requests(self) -> impl Iterator<Item = RequestId> {
        self.requests.into_iter()
    }
}

impl System {
    /// Answers once none of those that were to start is on its way any more.
    pub(in crate::core) fn advance_arrival(&mut self) {
        let Some(mut arrival) = self.apply.arrival.take() else {
            return;
        };
        // All are looked at only when it seems that all are there: events are many.
        while let Some(id) = arrival.awaited.get(arrival.arrived) {
            if self.plainly_moves(*id) {
                self.apply.arrival = Some(arrival);
                return;
            }
            arrival.arrived += 1;
        }
        let moving = self.moving();
        let moves = |id: &ServiceId| moving.get(id.index()).copied().unwrap_or(false);
        if let Some(first) = arrival.awaited.iter().position(moves) {
            arrival.arrived = first;
            self.apply.arrival = Some(arrival);
            return;
        }
        let failed = arrival.awaited.iter();
        let failed = failed.filter_map(|id| Some((*id, self.failure_of(*id)?)));
        let outcome = match failed.min_by_key(|(_, (reason, _))| is_consequence(reason)) {
            Some((service, (reason, again))) => Outcome::Failed {
                service,
                reason: reason.clone(),
                again,
            },
            None => Outcome::Applied(arrival.changes),
        };
        for request in arrival.requests {
            self.answer(request, outcome.clone());
        }
    }

    fn failure_of(&self, id: ServiceId) -> Option<(&Reason, Option<std::time::Duration>)> {
        match self.state(id)? {
            State::Failed { reason, .. } => Some((reason, None)),
            State::Backoff(backoff) => {
                let again = backoff.until.since(self.now.at);
                Some((&backoff.reason, Some(again)))
            }
            State::Inactive(_)
            | State::Waiting(_)
            | State::Starting(_)
            | State::Active { .. }
            | State::Stopping(_)
            | State::Killing(_)
            | State::Exited { .. } => None,
        }
    }

    /// It is on the way to somewhere by itself, or waits for one that is.
    fn plainly_moves(&self, id: ServiceId) -> bool {
        let own = |id: ServiceId| self.services.get(id.index()).map(own_motion);
        match own(id) {
            Some(Motion::Waits) => {
                let mut needs = self.graph.needs(id).iter();
                needs.any(|edge| own(edge.0) == Some(Motion::Moves) && self.is_in_the_way(*edge))
            }
            own => own == Some(Motion::Moves),
        }
    }

    /// Who is on the way to somewhere, or waits for somebody who is.
    fn moving(&self) -> Vec<bool> {
        let mut moving = vec![false; self.services.len()];
        for id in self.graph.order() {
            let Some(service) = self.services.get(id.index()) else {
                continue;
            };
            let own = match own_motion(service) {
                Motion::Moves => true,
                Motion::Waits => {
                    let in_its_way = self.graph.needs(*id).iter().any(|edge| {
                        let moves = moving.get(edge.0.index()).copied();
                        moves.unwrap_or(false) && self.is_in_the_way(*edge)
                    });
                    in_its_way || !self.to_open.is_empty()
                }
                Motion::Rests => false,
            };
            if let Some(slot) = moving.get_mut(id.index()) {
                *slot = own;
            }
        }
        moving
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Motion {
    Moves,
    /// As long as what it needs moves.
    Waits,
    Rests,
}

fn own_motion(service: &Service) -> Motion {
    match &service.state {
        State::Starting(_) | State::Stopping(_) | State::Killing(_) => Motion::Moves,
        State::Active { .. } if service.descent.is_some() => Motion::Moves,
        // Whoever asked for a socket finds it.
        State::Waiting(_) if service.sockets == Sockets::Opening => Motion::Moves,
        State::Waiting(waiting) if waiting.appointment.is_none() => Motion::Waits,
        State::Active { .. }
        | State::Waiting(_)
        | State::Inactive(_)
        | State::Backoff(_)
        | State::Exited { .. }
        | State::Failed { .. } => Motion::Rests,
    }
}

/// It says only that another failed.
const fn is_consequence(reason: &Reason) -> bool {
    matches!(reason, Reason::Dependency { .. })
}
