//! What a signal to rinit means: a request to stop, one to hurry, or one for `main`.

use std::time::Duration;

use super::action::Action;
use super::id::ServiceId;
use super::report::Report;
use super::request::Verb;
use super::shutdown::Cause;
use super::signal::Signal;
use super::state::{Starting, State};
use super::system::System;

/// A stop signal so soon after the first is an echo of it, not impatience.
const ECHO: Duration = Duration::from_millis(500);

impl System {
    /// A signal reached rinit.
    pub(super) fn signalled(&mut self, signal: Signal, hung_up: bool) {
        if !self.is_stop_request(signal, hung_up) {
            self.pass_on(signal);
            return;
        }
        let now = self.now.at;
        let first = *self.first_stop_signal.get_or_insert(now);
        if self.shutdown.is_none() {
            self.begin_shutdown(Cause::Signal(signal));
        } else if matches!(signal, Signal::INT | Signal::QUIT) && now.since(first) >= ECHO {
            self.reports.push(Report::KillingAll { signal });
            self.force();
        } else {
            let ids = self.ids();
            let alive = |id: &ServiceId| self.state(*id).is_some_and(State::is_alive);
            let services = ids.filter(alive).collect();
            self.reports.push(Report::WaitingFor { signal, services });
        }
    }

    fn is_stop_request(&self, signal: Signal, hung_up: bool) -> bool {
        match signal {
            Signal::WINCH => !self.surroundings.terminal,
            Signal::HUP => hung_up,
            other => other.asks_for_a_stop(),
        }
    }

    /// No request: for `main`, if it is there.
    fn pass_on(&mut self, signal: Signal) {
        if signal == Signal::HUP {
            self.configuration_wanted(None, Verb::Apply, &[]);
            return;
        }
        let main = self.main.and_then(|id| self.state(id));
        let run = match main {
            Some(State::Starting(Starting { run, stage, .. })) if stage.has_process() => Some(run),
            Some(State::Active { run, .. }) => Some(run),
            Some(State::Stopping(stopping)) if !stopping.main_gone => Some(&stopping.run),
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
            | None => None,
        };
        match run.map(|run| run.id) {
            Some(run) => self.orders.push(Action::Forward { run, signal }),
            None => self.reports.push(Report::SignalDropped { signal }),
        }
    }
}
