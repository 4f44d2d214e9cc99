//! Where services stand when a new configuration takes the place of the old one: a number
//! is a place in the declared order, so what knows a service by its number has to learn
//! the new one.

use crate::core::id::ServiceId;
use crate::core::sorted::Map;
use crate::core::spec::{Edges, Ties};
use crate::core::state::{Idle, Reason, State, Then};

/// Nobody's number.
const NOBODY: ServiceId = ServiceId(u32::MAX);

/// The new number of each service, by its old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    to: Box<[Option<ServiceId>]>,
    count: usize,
}

impl Places {
    /// `to` by old numbers; so many services are there now.
    pub(super) const fn new(to: Box<[Option<ServiceId>]>, count: usize) -> Self {
        Self { to, count }
    }

    /// The new number of the one that had this; `None` if it is no more.
    #[must_use]
    pub fn of(&self, old: ServiceId) -> Option<ServiceId> {
        self.to.get(old.index()).copied().flatten()
    }

    /// Every number means whom it meant.
    #[must_use]
    pub fn are_same(&self) -> bool {
        let own = |(id, to): (u32, &Option<ServiceId>)| *to == Some(ServiceId(id));
        self.count == self.to.len() && (0..).zip(&self.to).all(own)
    }

    /// How many services are there now.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// A table by service, by the new numbers; gives what belonged to those that are no
    /// more, with their old ones.
    pub fn rearrange<T>(&self, table: &mut Map<ServiceId, T>) -> Vec<(ServiceId, T)> {
        let mut gone = Vec::new();
        for (old, entry) in std::mem::take(table) {
            match self.of(old) {
                Some(new) => drop(table.insert(new, entry)),
                None => gone.push((old, entry)),
            }
        }
        gone
    }

    /// Bonds of an old definition in the new numbers. Those to what is no more are to
    /// nobody.
    pub(super) fn bonds(&self, edges: &Edges) -> Edges {
        let each = |ids: &[ServiceId]| ids.iter().map(|id| self.or_nobody(*id)).collect();
        let ties = |ties: &Ties| Ties::from(ties.lists().map(&each));
        Edges {
            requires: each(&edges.requires),
            wants: each(&edges.wants),
            after: each(&edges.after),
            before: each(&edges.before),
            ties: edges.ties.as_deref().map(|known| Box::new(ties(known))),
        }
    }

    pub(super) fn or_nobody(&self, old: ServiceId) -> ServiceId {
        self.of(old).unwrap_or(NOBODY)
    }

    /// Whatever a state says of other services.
    pub(super) fn renumber(&self, state: &mut State) {
        match state {
            State::Inactive(Idle::DependencyEnded(on)) => *on = self.or_nobody(*on),
            State::Stopping(stopping) => self.renumber_aim(&mut stopping.then),
            State::Killing(killing) => self.renumber_aim(&mut killing.then),
            State::Backoff(backoff) => self.renumber_reason(&mut backoff.reason),
            State::Failed { reason, .. } => self.renumber_reason(reason),
            State::Inactive(
                Idle::Disabled | Idle::Stopped | Idle::ByHand | Idle::Reset | Idle::Skipped(_),
            )
            | State::Waiting(_)
            | State::Starting(_)
            | State::Active { .. }
            | State::Exited { .. } => {}
        }
    }

    pub(in crate::core) fn renumber_aim(&self, then: &mut Then) {
        match then {
            Then::DependencyFailed(on) | Then::DependencyEnded(on) => *on = self.or_nobody(*on),
            Then::Failure(reason) => self.renumber_reason(reason),
            Then::Stopped | Then::ByHand | Then::Waiting | Then::ByItself(_) => {}
        }
    }

    pub(in crate::core) fn renumber_reason(&self, reason: &mut Reason) {
        match reason {
            Reason::Dependency { on, root } => {
                *on = self.or_nobody(*on);
                *root = self.or_nobody(*root);
            }
            Reason::Explained { what, .. } | Reason::StartLimit { last: what } => {
                self.renumber_reason(what);
            }
            Reason::Exit(_)
            | Reason::Early(_)
            | Reason::Spawn(_)
            | Reason::NotThere { .. }
            | Reason::Unmet { .. }
            | Reason::Command(_)
            | Reason::NotReady { .. }
            | Reason::Unhealthy { .. }
            | Reason::Watchdog { .. }
            | Reason::NotStopped { .. }
            | Reason::TooLong(_)
            | Reason::ForkRefused { .. } => {}
        }
    }
}
