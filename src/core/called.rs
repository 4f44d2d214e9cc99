//! What starts because another has ended (`on-failure`, `on-success`). What was started so
//! starts nothing by its own end: two that name each other can't go round for ever.

use super::id::ServiceId;
use super::request::Verb;
use super::state::{Idle, Reason, State};
use super::system::{System, Work};

impl System {
    /// It has ended, for good or until its next time: those start that are to then.
    pub(super) fn call_others(&mut self, id: ServiceId, well: bool) {
        // Its next end, after a start of its own, counts again.
        if self.ends_all(id, well) {
            self.push_work(Work::EssentialEnded(id));
            return;
        }
        let own = self.services.get_mut(id.index());
        let called = own.is_none_or(|own| std::mem::take(&mut own.called));
        let ties = self.service(id).and_then(|own| own.edges.ties.as_deref());
        let Some(ties) = ties.filter(|_| !called && self.shutdown.is_none()) else {
            return;
        };
        let all = if well {
            &ties.on_success
        } else {
            &ties.on_failure
        };
        let mut named = all.to_vec();
        named.retain(|id| self.may_be_called(*id));
        for id in self.graph.sorted(self.with_requirements(&named)) {
            if self.may_be_called(id) {
                let is_named = named.contains(&id);
                self.raise(id, is_named);
                if let Some(service) = self.services.get_mut(id.index()) {
                    service.called = is_named;
                }
            }
        }
    }

    /// With it all ends (`SuccessAction=`, `FailureAction=`).
    pub(super) fn ends_all(&self, id: ServiceId, well: bool) -> bool {
        let at_limit = matches!(
            self.state(id),
            Some(State::Failed {
                reason: Reason::StartLimit { .. },
                ..
            })
        );
        let terms = self.service(id).and_then(|own| own.terms.as_deref());
        terms.is_some_and(|terms| match well {
            true => terms.success_ends_all,
            false => terms.failure_ends_all || terms.limit_ends_all && at_limit,
        })
    }

    /// It rests; but what was stopped by hand stays so.
    fn may_be_called(&self, id: ServiceId) -> bool {
        let rests = match self.state(id) {
            Some(State::Inactive(Idle::ByHand)) | None => false,
            Some(State::Inactive(_) | State::Exited { .. } | State::Failed { .. }) => true,
            Some(State::Waiting(waiting)) => waiting.appointment.is_some(),
            Some(
                State::Starting(_)
                | State::Active { .. }
                | State::Stopping(_)
                | State::Killing(_)
                | State::Backoff(_),
            ) => false,
        };
        rests && self.asked_of(id) != Some(Verb::Stop)
    }
}
