//! What a service's end means for those that require it.

use super::graph::Bond;
use super::id::ServiceId;
use super::report::Report;
use super::service::Service;
use super::spec::Kind;
use super::state::{Idle, State, Then};
use super::system::System;

impl System {
    /// Something that it requires is no longer ready.
    pub(super) fn lost(&mut self, id: ServiceId) {
        let Some(service) = self.services.get(id.index()) else {
            return;
        };
        if self.shutdown.is_some() || service.unmet_requires == 0 {
            return;
        }
        match &service.state {
            State::Starting(_) | State::Active { .. } => {
                if service.descent.is_none() {
                    self.reports.push(Report::DependencyLost { service: id });
                }
                // What is only on its way down is still there for those above it.
                if self.is_lost_in_order(id) {
                    self.descend(id, Then::Waiting);
                } else {
                    self.stop(id, Then::Waiting);
                }
            }
            // Nothing runs, or it is on its way down already.
            State::Inactive(_)
            | State::Waiting(_)
            | State::Stopping(_)
            | State::Killing(_)
            | State::Backoff(_)
            | State::Exited { .. }
            | State::Failed { .. } => {}
        }
    }

    /// Something that it requires will never be ready again.
    pub(super) fn doomed(&mut self, id: ServiceId, by: ServiceId) {
        // At its time that is tried again.
        let dormant = self
            .services
            .get(id.index())
            .is_some_and(Service::has_appointment);
        if self.shutdown.is_some() || dormant {
            return;
        }
        let then = match self.state(by) {
            Some(State::Failed { .. }) => Then::DependencyFailed(by),
            Some(
                State::Inactive(_)
                | State::Waiting(_)
                | State::Starting(_)
                | State::Active { .. }
                | State::Stopping(_)
                | State::Killing(_)
                | State::Backoff(_)
                | State::Exited { .. },
            )
            | None => Then::DependencyEnded(by),
        };
        self.stop(id, then);
    }

    /// The first of those that it requires which will never be ready again.
    pub(super) fn lost_cause(&self, id: ServiceId) -> Option<ServiceId> {
        let lost = |by: ServiceId| match self.state(by) {
            // A oneshot that did its work once has done it.
            _ if self.satisfies(by) => false,
            Some(State::Failed { .. } | State::Inactive(Idle::DependencyEnded(_))) => true,
            Some(State::Exited { .. }) => self
                .service(by)
                .is_some_and(|spec| spec.kind == Kind::Simple),
            Some(
                State::Inactive(
                    Idle::Disabled | Idle::Stopped | Idle::ByHand | Idle::Reset | Idle::Skipped(_),
                )
                | State::Waiting(_)
                | State::Starting(_)
                | State::Active { .. }
                | State::Stopping(_)
                | State::Killing(_)
                | State::Backoff(_),
            )
            | None => false,
        };
        let mut needs = self.graph.needs(id).iter();
        needs
            .find(|(need, bond)| *bond == Bond::Requires && lost(*need))
            .map(|(need, _)| *need)
    }
}
