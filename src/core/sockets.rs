//! The sockets of services: opened before anything starts, kept over restarts, closed when
//! their service has ended for good; and services that start with the first connection.
//!
//! A service on demand is *waiting* until somebody comes. Its sockets are what others wait
//! for: as long as they are open, it counts as ready and its first attempt as ended. It
//! starts when somebody came and all that it waits for itself is there; after each of its
//! runs it waits for the next connection, if `restart` lets it live. Paths that are watched
//! (`systemd.path(5)`) are to it what sockets are, but that nobody can rely on them.

use super::action::Action;
use super::event::SpawnFailure;
use super::id::ServiceId;
use super::service::Service;
use super::spec::ServiceSpec;
use super::state::{Reason, Stage, Starting, State, Then, Waiting};
use super::system::System;

/// How a service's sockets stand; closed where it has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Sockets {
    #[default]
    Closed,
    /// The loop was told to open them.
    Opening,
    Open,
    /// Open, and the loop was told to look for the first connection.
    Awaited,
}

impl Sockets {
    const fn are_open(self) -> bool {
        match self {
            Self::Open | Self::Awaited => true,
            Self::Closed | Self::Opening => false,
        }
    }
}

impl Service {
    /// Others may rely on its sockets, whether it runs or not.
    pub(super) fn is_reachable(&self, spec: &ServiceSpec) -> bool {
        spec.has_sockets() && self.awaits_somebody(spec)
    }

    /// Its sockets are open, or its paths are watched: whether it runs is up to others.
    pub(super) fn awaits_somebody(&self, spec: &ServiceSpec) -> bool {
        spec.is_on_demand() && self.sockets.are_open() && !self.state.standing().is_at_rest()
    }

    /// It waits for its time.
    pub(super) const fn has_appointment(&self) -> bool {
        matches!(
            self.state,
            State::Waiting(Waiting {
                appointment: Some(_),
                ..
            })
        )
    }

    /// It waits for what comes by itself: its time, or a connection. Nobody waits for it
    /// then, and while it does something is left to supervise.
    pub(super) fn is_dormant(&self, spec: &ServiceSpec) -> bool {
        match &self.state {
            State::Waiting(waiting) => {
                waiting.appointment.is_some() || spec.is_on_demand() && !waiting.summoned
            }
            State::Inactive(_)
            | State::Starting(_)
            | State::Active { .. }
            | State::Stopping(_)
            | State::Killing(_)
            | State::Backoff(_)
            | State::Exited { .. }
            | State::Failed { .. } => false,
        }
    }
}

impl System {
    /// The sockets of all services come before the first start, so that nobody is refused
    /// who is started first.
    pub(super) fn open_all(&mut self) {
        for id in self.ids() {
            let enabled = self.service(id).is_some_and(|spec| spec.enabled);
            if enabled && self.open_sockets(id) {
                self.to_open.insert(id);
            }
        }
    }

    /// Has the service's sockets opened, if it has any and they aren't open.
    pub(super) fn open_sockets(&mut self, id: ServiceId) -> bool {
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return false;
        };
        match service.sockets {
            Sockets::Closed if spec.listen.is_some() => {
                service.sockets = Sockets::Opening;
                self.orders.push(Action::Listen { service: id });
                true
            }
            Sockets::Opening => true,
            Sockets::Closed | Sockets::Open | Sockets::Awaited => false,
        }
    }

    /// All is there that it waits for; one on demand still waits for somebody to come.
    pub(super) fn start_or_await(&mut self, id: ServiceId) {
        if !self.awaits_trigger(id) {
            self.start(id);
            return;
        }
        if self.rests_unhooked(id) || self.open_sockets(id) {
            return;
        }
        if let Some(service) = self.services.get_mut(id.index())
            && service.sockets == Sockets::Open
        {
            service.sockets = Sockets::Awaited;
            self.orders.push(Action::AwaitConnection { service: id });
        }
    }

    /// The delay is over: it waits for the next connection.
    pub(super) fn go_on_call(&mut self, id: ServiceId) {
        self.transition(id, State::Waiting(Waiting::default()));
        self.consider(id);
    }

    /// Somebody came. Whoever finds no service that waits comes again once one does.
    pub(super) fn connected(&mut self, id: ServiceId) {
        let Some(service) = self.services.get_mut(id.index()) else {
            return;
        };
        if service.sockets != Sockets::Awaited {
            return;
        }
        service.sockets = Sockets::Open;
        // A new definition has it look anew.
        if self.shutdown.is_none() && !self.is_kept_still(id) {
            self.summon(id);
        }
    }

    /// The sockets are open.
    pub(super) fn listening(&mut self, id: ServiceId) {
        let Some(service) = self.services.get_mut(id.index()) else {
            return;
        };
        if service.sockets != Sockets::Opening {
            return;
        }
        service.sockets = Sockets::Open;
        match &service.state {
            State::Starting(Starting {
                run,
                stage: Stage::Opening,
                ..
            }) => {
                let run = run.id;
                self.set_out(id, run);
            }
            state @ State::Waiting(_) => {
                // What others make of it has changed.
                let same = state.clone();
                self.transition(id, same);
                if !self.to_open.contains(&id) {
                    self.starts.push_back(id);
                }
            }
            State::Inactive(_)
            | State::Starting(_)
            | State::Active { .. }
            | State::Stopping(_)
            | State::Killing(_)
            | State::Backoff(_)
            | State::Exited { .. }
            | State::Failed { .. } => {}
        }
        self.opened(id);
    }

    /// The sockets could not be opened. One that doesn't start yet tries again when it does.
    pub(super) fn not_listening(&mut self, id: ServiceId, failure: SpawnFailure) {
        let Some(service) = self.services.get_mut(id.index()) else {
            return;
        };
        if service.sockets != Sockets::Opening {
            return;
        }
        service.sockets = Sockets::Closed;
        let spec = self.spec.services.get(id.index());
        let on_demand = spec.is_some_and(ServiceSpec::is_on_demand);
        let reason = Reason::Spawn(Box::new(failure));
        match &service.state {
            State::Starting(starting) if starting.stage == Stage::Opening => self.ended(id, reason),
            State::Waiting(_) if on_demand => self.stop(id, Then::Failure(reason)),
            State::Inactive(_)
            | State::Waiting(_)
            | State::Starting(_)
            | State::Active { .. }
            | State::Stopping(_)
            | State::Killing(_)
            | State::Backoff(_)
            | State::Exited { .. }
            | State::Failed { .. } => {}
        }
        self.opened(id);
    }

    /// The last one's answer lets all start.
    fn opened(&mut self, id: ServiceId) {
        if self.to_open.remove(&id) && self.to_open.is_empty() {
            for id in self.ids() {
                self.starts.push_back(id);
            }
        }
    }

    /// Nobody will be served there any more: whoever comes is to be refused.
    pub(super) fn close_sockets(&mut self, id: ServiceId) {
        let Some(service) = self.services.get_mut(id.index()) else {
            return;
        };
        if std::mem::take(&mut service.sockets) != Sockets::Closed {
            self.orders.push(Action::CloseSockets { service: id });
            self.opened(id);
        }
    }
}
