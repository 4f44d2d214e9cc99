//! What is due: a service's deadline has come.

use super::action::Action;
use super::id::ServiceId;
use super::signal::Signal;
use super::state::{State, Waiting};
use super::stop_orders::kill_order;
use super::system::System;

impl System {
    /// A sweep's SIGKILL is due.
    fn sweep_due(&mut self, id: ServiceId) {
        let now = self.now.at;
        if let Some(service) = self.services.get_mut(id.index())
            && let Some(sweep) = &mut service.sweep
            && sweep.kill_at.is_some_and(|at| at <= now)
        {
            let (run, signal) = (sweep.run, Signal::KILL);
            sweep.kill_at = Some(now.plus(sweep.wait));
            sweep.wait = sweep.wait.saturating_mul(2);
            self.orders.push(Action::SignalTree { run, signal });
            self.reindex(id);
        }
    }

    /// A deadline of this service is due.
    pub(super) fn due(&mut self, id: ServiceId) {
        self.sweep_due(id);
        self.state_due(id);
        // Of what has just been stopped nobody asks how it is.
        self.health_due(id);
        self.controls_due(id);
    }

    pub(super) fn state_due(&mut self, id: ServiceId) {
        let now = self.now.at;
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return;
        };
        let due = service.state.deadline().is_some_and(|at| at <= now);
        if !due {
            return;
        }
        match &mut service.state {
            State::Waiting(Waiting {
                appointment: Some(_),
                ..
            }) => self.time_came(id),
            State::Waiting(_) => self.lose_patience(id),
            State::Starting(_) => self.start_due(id),
            State::Stopping(_) => self.kill(id),
            State::Killing(killing) => {
                killing.wait = killing.wait.saturating_mul(2);
                killing.again_at = now.plus(killing.wait);
                let order = kill_order(killing.run.id, spec.stop.kill_mode, Signal::KILL);
                if self.kill_controls(id) {
                    self.orders.extend(order);
                }
                self.reindex(id);
            }
            State::Backoff(_) => self.resume(id),
            State::Active { .. } => self.active_due(id),
            State::Inactive(_) | State::Exited { .. } | State::Failed { .. } => {}
        }
    }
}
