//! From the decision to stop to the last of the tree, and to where the stop leads.

use std::time::Duration;

use super::action::Action;
use super::commands::List;
use super::exit::Exit;
use super::forking::is_headless;
use super::id::{RunId, ServiceId};
use super::report::Report;
use super::signal::Signal;
use super::spec::KillMode;
use super::state::{Backoff, Idle, Killing, Reason, Run, Starting, State, Stopping, Then, Waiting};
use super::stop_orders::{ask_to_stop, kill_order};
use super::system::System;
use super::time::Instant;

/// The first pause before SIGKILL is sent again.
pub(super) const KILL_PAUSE: Duration = Duration::from_millis(100);

impl Killing {
    /// SIGKILL has been sent, or is about to be.
    pub(super) fn begin(run: Run, main_gone: bool, now: Instant, then: Then) -> Self {
        Self {
            run,
            main_gone,
            again_at: now.plus(KILL_PAUSE),
            wait: KILL_PAUSE,
            then,
        }
    }
}

impl System {
    /// A main process ended.
    pub(super) fn exited(&mut self, run: RunId, exit: Exit) {
        if self.control_exited(run, exit) {
            return;
        }
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
                if !self.has_forked(id, exit) {
                    self.ended(id, Reason::Exit(exit));
                }
                return;
            }
            State::Active { run: active, .. } if active.id == run => {
                self.ended(id, Reason::Exit(exit));
                return;
            }
            State::Stopping(stopping) if stopping.run.id == run && !stopping.main_gone => {
                stopping.main_gone = true;
                if let Then::ByItself(end) = &mut stopping.then {
                    *end = Some(exit);
                }
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
        self.note_exit(id, exit);
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
        if self.control_gone(run) {
            return;
        }
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
        // Of one without a main process nothing else tells the end.
        let is_over = |own: &Run, main_gone| own.id == run && (main_gone || own.pid.is_none());
        match &mut service.state {
            State::Stopping(stopping) if is_over(&stopping.run, stopping.main_gone) => {
                self.run_over(id);
            }
            State::Killing(killing) if is_over(&killing.run, killing.main_gone) => {
                self.run_over(id);
            }
            State::Starting(Starting { run: own, .. }) | State::Active { run: own, .. }
                if own.id == run =>
            {
                self.headless_gone(id);
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
        let stuck = matches!(then, Then::Failure(Reason::Watchdog { .. }));
        let grace = self.grace_after(id, stuck);
        let kill_at = grace.map(|grace| at.plus(grace));
        let forced = self.is_forced();
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
                self.arrive(id, then, Duration::ZERO, None);
                return;
            }
            State::Backoff(Backoff {
                left: Some(left), ..
            }) => {
                let killing = Killing::begin(Run::new(*left, at), true, at, then);
                self.transition(id, State::Killing(killing));
                return;
            }
            State::Starting(starting)
                if !starting.stage.has_process() && service.controls.is_none() =>
            {
                let (run, after) = (starting.run.id, at.since(starting.run.since));
                self.forget(run);
                self.arrive(id, then, after, None);
                return;
            }
            State::Stopping(stopping) => {
                stopping.then = stopping.then.clone().or_rather(then);
                if let Some(kill_at) = kill_at {
                    stopping.run.forget_extension();
                    let sooner = stopping.kill_at.map_or(kill_at, |known| known.min(kill_at));
                    stopping.kill_at = Some(sooner);
                    if let Some(controls) = &mut service.controls
                        && controls.signal_owed
                    {
                        controls.owe_signal(at, Some(sooner));
                    }
                }
                self.reindex(id);
                return;
            }
            State::Killing(killing) => {
                killing.then = killing.then.clone().or_rather(then);
                return;
            }
            State::Starting(starting) => starting.run.clone(),
            State::Active { run, .. } => run.clone(),
        };
        // Who was never active, or is stuck, isn't told to stop but by the signal.
        let commands = spec.commands.as_ref();
        let asks = commands.is_some_and(|commands| !commands.stop.is_empty());
        let asks = asks && !forced && !stuck && matches!(service.state, State::Active { .. });
        let main_gone = match &service.state {
            State::Starting(starting) => !starting.stage.has_process(),
            State::Inactive(_)
            | State::Waiting(_)
            | State::Active { .. }
            | State::Stopping(_)
            | State::Killing(_)
            | State::Backoff(_)
            | State::Exited { .. }
            | State::Failed { .. } => false,
        };
        let nobody = spec.stop.kill_mode == KillMode::None;
        let headless = is_headless(spec, &service.state);
        let leaves_rest = !spec.stop.kill_mode.ends_tree();
        let stop = spec.stop_for(&then);
        let run_id = run.id;
        if asks {
            if let Some(controls) = &mut service.controls {
                controls.owe_signal(at, kill_at);
            }
        } else if !main_gone && !headless {
            // A core dump tells where it is stuck.
            let first = if stuck {
                spec.watchdog_signal()
            } else {
                stop.signal
            };
            self.orders.extend(ask_to_stop(run.id, first, &stop));
        }
        let stopping = Stopping {
            run,
            main_gone: main_gone || headless && !asks,
            since: at,
            kill_at,
            then,
        };
        self.transition(id, State::Stopping(stopping));
        if headless && !asks && self.end_headless(run_id, &stop) {
            self.now_killing(id);
        }
        // A reload's command is ended first; `exec-stop` begins when it is gone.
        let busy = self.is_controlled(id);
        self.end_control(id, Signal::TERM);
        if asks && !busy {
            self.begin_list(id, List::Stop);
        } else if !asks && (nobody || if headless { leaves_rest } else { main_gone }) {
            self.run_over(id);
        }
    }

    /// What is left of a tree has got SIGKILL before the grace was over: it gets it again
    /// until it is gone.
    pub(super) fn now_killing(&mut self, id: ServiceId) {
        let Some(State::Stopping(stopping)) = self.state(id) else {
            return;
        };
        let killing = Killing::begin(
            stopping.run.clone(),
            stopping.main_gone,
            self.now.at,
            stopping.then.clone(),
        );
        self.transition(id, State::Killing(killing));
    }

    /// The grace is over, or nobody waits any longer.
    pub(super) fn kill(&mut self, id: ServiceId) {
        let at = self.now.at;
        let (forced, grace) = (self.is_out_of_time(), self.grace(id));
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
        let then = if stopping.then == Then::ByItself(None) {
            Then::Failure(Reason::NotStopped { after })
        } else {
            stopping.then.clone()
        };
        let mut killing = Killing::begin(stopping.run.clone(), stopping.main_gone, at, then);
        let kill_mode = spec.stop.kill_mode;
        let gentle = spec.final_signal().filter(|_| !forced);
        if let Some(grace) = gentle.and(grace) {
            killing.again_at = at.plus(grace);
        }
        // Of a main process that nobody knows nobody can wait for the end either.
        let headless = is_headless(spec, &service.state);
        let unknown = headless && !kill_mode.ends_tree();
        killing.main_gone |= headless;
        let run = killing.run.id;
        let order = kill_order(run, kill_mode, gentle.unwrap_or(Signal::KILL));
        let order = order.filter(|_| !unknown);
        self.transition(id, State::Killing(killing));
        if !self.kill_controls(id) {
            return;
        }
        let Some(order) = order else {
            // Nobody is signalled, so nothing is waited for.
            self.run_over(id);
            return;
        };
        self.orders.push(order);
        if headless {
            // No end of a main process will have the rest awaited.
            self.orders.push(Action::WatchTree { run });
        }
        self.reports.push(Report::Killed { service: id, after });
        if let Some(shutdown) = &mut self.shutdown {
            shutdown.note_killed(id, after);
        }
    }

    /// A stop has come to its end, but for what commands are still to do.
    pub(super) fn run_over(&mut self, id: ServiceId) {
        if self.commands_remain(id) {
            return;
        }
        let Some(service) = self.services.get(id.index()) else {
            return;
        };
        let (run, then) = match &service.state {
            State::Stopping(Stopping { run, then, .. })
            | State::Killing(Killing { run, then, .. }) => (run.clone(), then.clone()),
            State::Inactive(_)
            | State::Waiting(_)
            | State::Starting(_)
            | State::Active { .. }
            | State::Backoff(_)
            | State::Exited { .. }
            | State::Failed { .. } => return,
        };
        let controls = service.controls.as_ref();
        let ended_at = controls.and_then(|controls| controls.ended_at);
        let after = ended_at.unwrap_or(self.now.at).since(run.since);
        self.forget(run.id);
        self.arrive(id, then, after, run.cause());
    }

    /// Where a stop leads.
    pub(super) fn arrive(
        &mut self,
        id: ServiceId,
        then: Then,
        after: Duration,
        cause: Option<Box<str>>,
    ) {
        match then {
            Then::Stopped => self.transition(id, State::Inactive(Idle::Stopped)),
            Then::Waiting if self.has_schedule(id) && !self.is_asked_up(id) => {
                self.await_next_time(id);
            }
            Then::ByHand => self.rest(id),
            Then::Waiting => {
                let waiting = Waiting {
                    // Only `main` has started without waiting for all that it comes after.
                    impatient: self.service(id).is_some_and(|spec| spec.is_main),
                    comeback: true,
                    ..Waiting::default()
                };
                self.transition(id, State::Waiting(waiting));
                self.starts.push_back(id);
            }
            Then::Failure(reason) => self.judge(id, reason, after, cause),
            Then::ByItself(end) => {
                let reason = end.map_or(Reason::NotStopped { after }, Reason::Exit);
                self.judge(id, reason, after, cause);
            }
            Then::DependencyFailed(on) => {
                let root = self.root_of(on);
                let reason = Reason::Dependency { on, root };
                // A run of a schedule is one of many.
                match self.has_schedule(id) {
                    true => self.judge(id, reason, after, cause),
                    false => self.fail(id, reason, after),
                }
            }
            Then::DependencyEnded(_) if self.has_schedule(id) => self.await_next_time(id),
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
