//! From the decision to stop to the last of the tree, and to where the stop leads.

use std::time::Duration;

use super::action::Action;
use super::exit::Exit;
use super::id::{RunId, ServiceId};
use super::outcome::Verdict;
use super::report::Report;
use super::signal::Signal;
use super::spec::{KillMode, ServiceSpec};
use super::state::{Backoff, Idle, Killing, Reason, Run, Starting, State, Stopping, Then, Waiting};
use super::system::{System, Work};

/// The first pause before SIGKILL is sent again.
pub(super) const KILL_PAUSE: Duration = Duration::from_millis(100);

impl System {
    /// A main process ended.
    pub(super) fn exited(&mut self, run: RunId, exit: Exit) {
        let Some(&id) = self.runs.get(&run) else {
            return;
        };
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return;
        };
        let kill_mode = spec.stop.kill_mode;
        let by_force = match &mut service.state {
            State::Starting(starting) if starting.run.id == run => {
                self.ended(id, Reason::Exit(exit));
                return;
            }
            State::Active { run: active, .. } if active.id == run => {
                self.ended(id, Reason::Exit(exit));
                return;
            }
            State::Stopping(stopping) if stopping.run.id == run && !stopping.main_gone => {
                stopping.main_gone = true;
                false
            }
            State::Killing(killing) if killing.run.id == run && !killing.main_gone => {
                killing.main_gone = true;
                true
            }
            State::Inactive(_)
            | State::Waiting(_)
            | State::Starting(_)
            | State::Active { .. }
            | State::Stopping(_)
            | State::Killing(_)
            | State::Backoff(_)
            | State::Exited { .. }
            | State::Failed { .. } => return,
        };
        self.note_stopped(id, exit, by_force);
        match kill_mode {
            KillMode::Tree | KillMode::ControlGroup | KillMode::Mixed if by_force => {
                self.kill_tree(run);
            }
            KillMode::Tree => self.end_tree(run, Signal::TERM),
            // All of it was asked already.
            KillMode::ControlGroup => self.orders.push(Action::WatchTree { run }),
            KillMode::Mixed => {
                self.kill_tree(run);
                self.now_killing(id);
            }
            KillMode::Process | KillMode::None => self.run_over(id),
        }
    }

    /// Nothing of a run is left.
    pub(super) fn tree_gone(&mut self, run: RunId) {
        let Some(&id) = self.runs.get(&run) else {
            return;
        };
        let Some(service) = self.services.get_mut(id.index()) else {
            return;
        };
        if service.sweep.as_ref().is_some_and(|sweep| sweep.run == run) {
            service.sweep = None;
            self.sweeps = self.sweeps.saturating_sub(1);
            self.forget(run);
            self.reindex(id);
            self.passed(id);
            return;
        }
        match &mut service.state {
            State::Stopping(stopping) if stopping.run.id == run && stopping.main_gone => {
                self.run_over(id);
            }
            State::Killing(killing) if killing.run.id == run && killing.main_gone => {
                self.run_over(id);
            }
            State::Backoff(backoff) if backoff.left == Some(run) => {
                backoff.left = None;
                let due = backoff.until <= self.now.at;
                self.forget(run);
                self.reindex(id);
                self.passed(id);
                if due {
                    self.resume(id);
                }
            }
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
    }

    /// The spawn that a stop overtook came to nothing.
    pub(super) fn never_was(&mut self, run: RunId) {
        let Some(&id) = self.runs.get(&run) else {
            return;
        };
        let over = match self.state(id) {
            Some(State::Stopping(stopping)) => stopping.run.id == run && !stopping.main_gone,
            Some(State::Killing(killing)) => killing.run.id == run && !killing.main_gone,
            Some(
                State::Inactive(_)
                | State::Waiting(_)
                | State::Starting(_)
                | State::Active { .. }
                | State::Backoff(_)
                | State::Exited { .. }
                | State::Failed { .. },
            )
            | None => false,
        };
        if over {
            self.run_over(id);
        }
    }

    /// Brings it down, whatever it is doing, and then to where the stop leads. A later
    /// stop's destination replaces an earlier one's.
    pub(super) fn stop(&mut self, id: ServiceId, then: Then) {
        let then = match (&self.shutdown, self.descent_of(id)) {
            (Some(_), _) => Then::Stopped,
            (None, Some(known)) => known.clone().or_rather(then),
            (None, None) => then,
        };
        let at = self.now.at;
        let grace = self.grace(id);
        let kill_at = grace.map(|grace| at.plus(grace));
        self.credit(id);
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return;
        };
        let run = match &mut service.state {
            State::Inactive(_) | State::Exited { .. } | State::Failed { .. } => return,
            State::Waiting(_) | State::Backoff(Backoff { left: None, .. }) => {
                self.arrive(id, then, Duration::ZERO);
                return;
            }
            State::Backoff(Backoff {
                left: Some(left), ..
            }) => {
                let killing = Killing {
                    run: Run {
                        id: *left,
                        pid: None,
                        since: at,
                        status: None,
                    },
                    main_gone: true,
                    again_at: at.plus(KILL_PAUSE),
                    wait: KILL_PAUSE,
                    then,
                };
                self.transition(id, State::Killing(killing));
                return;
            }
            State::Starting(starting) if !starting.stage.has_process() => {
                let (run, after) = (starting.run.id, at.since(starting.run.since));
                self.forget(run);
                self.arrive(id, then, after);
                return;
            }
            State::Stopping(stopping) => {
                stopping.then = stopping.then.clone().or_rather(then);
                if let Some(kill_at) = kill_at {
                    let sooner = stopping.kill_at.map_or(kill_at, |known| known.min(kill_at));
                    stopping.kill_at = Some(sooner);
                }
                self.reindex(id);
                return;
            }
            State::Killing(killing) => {
                killing.then = killing.then.clone().or_rather(then);
                return;
            }
            State::Starting(Starting { run, .. }) | State::Active { run, .. } => run.clone(),
        };
        let to_group = spec.stop.to_group;
        for signal in [spec.stop.signal, Signal::CONT] {
            let run = run.id;
            self.orders.push(match spec.stop.kill_mode {
                KillMode::Tree | KillMode::Process | KillMode::Mixed => Action::SignalMain {
                    run,
                    signal,
                    to_group,
                },
                KillMode::ControlGroup => Action::SignalTree { run, signal },
                KillMode::None => break,
            });
        }
        let stopping = Stopping {
            run,
            main_gone: false,
            since: at,
            kill_at,
            then,
        };
        let nobody = spec.stop.kill_mode == KillMode::None;
        self.transition(id, State::Stopping(stopping));
        if nobody {
            self.run_over(id);
        }
    }

    /// What is left of a tree has got SIGKILL before the grace was over: it gets it again
    /// until it is gone.
    pub(super) fn now_killing(&mut self, id: ServiceId) {
        let Some(State::Stopping(stopping)) = self.state(id) else {
            return;
        };
        let killing = Killing {
            run: stopping.run.clone(),
            main_gone: stopping.main_gone,
            again_at: self.now.at.plus(KILL_PAUSE),
            wait: KILL_PAUSE,
            then: stopping.then.clone(),
        };
        self.transition(id, State::Killing(killing));
    }

    /// The grace is over, or nobody waits any longer.
    pub(super) fn kill(&mut self, id: ServiceId) {
        let at = self.now.at;
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return;
        };
        let State::Stopping(stopping) = &service.state else {
            return;
        };
        let after = at.since(stopping.since);
        self.orders
            .push(kill_order(stopping.run.id, spec.stop.kill_mode));
        self.now_killing(id);
        self.reports.push(Report::Killed { service: id, after });
        if let Some(shutdown) = &mut self.shutdown {
            shutdown.note_killed(id, after);
        }
    }

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
        let now = self.now.at;
        self.sweep_due(id);
        self.health_due(id);
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
                self.orders
                    .push(kill_order(killing.run.id, spec.stop.kill_mode));
                self.reindex(id);
            }
            State::Backoff(_) => self.resume(id),
            State::Inactive(_)
            | State::Active { .. }
            | State::Exited { .. }
            | State::Failed { .. } => {}
        }
    }

    /// A stop has come to its end.
    fn run_over(&mut self, id: ServiceId) {
        let Some(service) = self.services.get(id.index()) else {
            return;
        };
        let (run, then) = match &service.state {
            State::Stopping(Stopping { run, then, .. })
            | State::Killing(Killing { run, then, .. }) => (run, then.clone()),
            State::Inactive(_)
            | State::Waiting(_)
            | State::Starting(_)
            | State::Active { .. }
            | State::Backoff(_)
            | State::Exited { .. }
            | State::Failed { .. } => return,
        };
        let after = self.now.at.since(run.since);
        self.forget(run.id);
        self.arrive(id, then, after);
    }

    /// Where a stop leads.
    pub(super) fn arrive(&mut self, id: ServiceId, then: Then, after: Duration) {
        match then {
            Then::Stopped => self.transition(id, State::Inactive(Idle::Stopped)),
            Then::Waiting if self.has_schedule(id) && !self.is_asked_up(id) => {
                self.await_next_time(id);
            }
            Then::ByHand => self.rest(id),
            Then::Waiting => {
                let on_demand = self.service(id).is_some_and(ServiceSpec::is_on_demand);
                let waiting = Waiting {
                    // Its sockets may have failed before the turn of its first start came.
                    impatient: !on_demand,
                    comeback: true,
                    ..Waiting::default()
                };
                self.transition(id, State::Waiting(waiting));
                self.push_work(Work::Consider(id));
            }
            Then::Failure(reason) => match self.verdict(id, reason.clone()) {
                Verdict::Again { delay } => self.back_off(id, reason, None, delay, after),
                Verdict::Next { well, next } => self.ran(id, reason, well, next, after),
                Verdict::Exited(exit) => self.transition(id, State::Exited { exit, after }),
                Verdict::Failed(reason) => self.fail(id, reason, after),
            },
            Then::DependencyFailed(on) => {
                let root = self.root_of(on);
                self.fail(id, Reason::Dependency { on, root }, after);
            }
            Then::DependencyEnded(on) => {
                self.transition(id, State::Inactive(Idle::DependencyEnded(on)));
                self.reports
                    .push(Report::DependencyEnded { service: id, on });
            }
        }
    }

    /// The main process is gone: the rest of the tree is asked to end, and awaited.
    pub(super) fn end_tree(&mut self, run: RunId, signal: Signal) {
        for signal in [signal, Signal::CONT] {
            self.orders.push(Action::SignalTree { run, signal });
        }
        self.orders.push(Action::WatchTree { run });
    }

    /// The main process is gone: the rest of the tree is killed, and awaited.
    pub(super) fn kill_tree(&mut self, run: RunId) {
        let signal = Signal::KILL;
        self.orders.push(Action::SignalTree { run, signal });
        self.orders.push(Action::WatchTree { run });
    }

    pub(super) fn forget(&mut self, run: RunId) {
        self.runs.remove(&run);
        self.orders.push(Action::Forget { run });
    }
}

const fn kill_order(run: RunId, kill_mode: KillMode) -> Action {
    let signal = Signal::KILL;
    match kill_mode {
        KillMode::Tree | KillMode::ControlGroup | KillMode::Mixed => {
            Action::SignalTree { run, signal }
        }
        KillMode::Process | KillMode::None => Action::SignalMain {
            run,
            signal,
            to_group: false,
        },
    }
}
