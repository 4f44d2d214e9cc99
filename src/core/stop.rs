//! From the end of a main process, or the decision to stop, to the state after it.

use std::time::Duration;

use super::action::Action;
use super::exit::Exit;
use super::graph::Bond;
use super::id::{RunId, ServiceId};
use super::report::{Next, Report};
use super::restart;
use super::service::Sweep;
use super::signal::Signal;
use super::spec::{KillMode, Kind, RestartPolicy, ServiceSpec, Tracking};
use super::state::{Backoff, Idle, Killing, Reason, Run, Starting, State, Stopping, Then, Waiting};
use super::system::{System, Work};

/// The first pause before SIGKILL is sent again.
const KILL_PAUSE: Duration = Duration::from_millis(100);

/// What comes after an end that nobody asked for.
enum Verdict {
    Again { delay: Duration },
    Exited(Exit),
    Failed(Reason),
}

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
            KillMode::Tree if by_force => {
                let signal = Signal::KILL;
                self.orders.push(Action::SignalTree { run, signal });
                self.orders.push(Action::WatchTree { run });
            }
            KillMode::Tree => self.end_tree(run),
            KillMode::Process => self.run_over(id),
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

    /// It ended without being asked to, or never came to be.
    pub(super) fn ended(&mut self, id: ServiceId, reason: Reason) {
        let Some(run) = self.state(id).and_then(State::run).cloned() else {
            return;
        };
        let after = self.now.at.since(run.since);
        if self.shutdown.is_some() {
            self.ended_in_shutdown(id, run, &reason, after);
            return;
        }
        self.credit(id);
        match self.verdict(id, reason.clone()) {
            Verdict::Again { delay } => {
                let left = self.clear_for_restart(id, run.id, &reason);
                self.back_off(id, reason, left, delay, after);
            }
            Verdict::Exited(exit) => {
                self.sweep(id, run.id, &reason);
                self.transition(id, State::Exited { exit, after });
                self.reports.push(Report::Ended {
                    service: id,
                    reason,
                    after,
                    next: Next::Nothing,
                });
            }
            Verdict::Failed(reason) => {
                self.sweep(id, run.id, &reason);
                self.fail(id, reason, after);
            }
        }
    }

    /// No crash: whoever asks rinit to stop may have asked the services themselves too.
    fn ended_in_shutdown(&mut self, id: ServiceId, run: Run, reason: &Reason, after: Duration) {
        let Some(spec) = self.spec.services.get(id.index()) else {
            return;
        };
        let (kind, kill_mode) = (spec.kind, spec.stop.kill_mode);
        let exit = match reason {
            Reason::Exit(exit) => Some(*exit),
            Reason::Spawn(_)
            | Reason::NotReady { .. }
            | Reason::ForkRefused { .. }
            | Reason::StartLimit { .. }
            | Reason::Dependency { .. } => None,
        };
        let well = exit.filter(|exit| is_well(spec, *exit));
        if let Some(exit) = exit {
            self.note_stopped(id, exit, false);
        }
        if exit.is_some() && kind == Kind::Simple && kill_mode == KillMode::Tree {
            self.end_tree(run.id);
            let grace = self.grace(id);
            let stopping = Stopping {
                run,
                main_gone: true,
                since: self.now.at,
                kill_at: grace.map(|grace| self.now.at.plus(grace)),
                then: Then::Stopped,
            };
            self.transition(id, State::Stopping(stopping));
            return;
        }
        self.forget(run.id);
        let state = match (kind, well) {
            (Kind::Oneshot, Some(exit)) => State::Exited { exit, after },
            (Kind::Oneshot, None) | (Kind::Simple, _) => State::Inactive(Idle::Stopped),
        };
        self.transition(id, state);
    }

    /// Brings it down, whatever it is doing, and then to where the stop leads. A later
    /// stop's destination replaces an earlier one's.
    pub(super) fn stop(&mut self, id: ServiceId, then: Then) {
        let then = match self.shutdown {
            Some(_) => Then::Stopped,
            None => then,
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
                stopping.then = then;
                if let Some(kill_at) = kill_at {
                    let sooner = stopping.kill_at.map_or(kill_at, |known| known.min(kill_at));
                    stopping.kill_at = Some(sooner);
                }
                self.reindex(id);
                return;
            }
            State::Killing(killing) => {
                killing.then = then;
                return;
            }
            State::Starting(Starting { run, .. }) | State::Active { run, .. } => run.clone(),
        };
        self.orders.push(Action::SignalMain {
            run: run.id,
            signal: spec.stop.signal,
            to_group: spec.stop.to_group,
        });
        self.orders.push(Action::SignalMain {
            run: run.id,
            signal: Signal::CONT,
            to_group: spec.stop.to_group,
        });
        let stopping = Stopping {
            run,
            main_gone: false,
            since: at,
            kill_at,
            then,
        };
        self.transition(id, State::Stopping(stopping));
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
        let killing = Killing {
            run: stopping.run.clone(),
            main_gone: stopping.main_gone,
            again_at: at.plus(KILL_PAUSE),
            wait: KILL_PAUSE,
            then: stopping.then.clone(),
        };
        self.orders
            .push(kill_order(killing.run.id, spec.stop.kill_mode));
        self.transition(id, State::Killing(killing));
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
                self.reports.push(Report::DependencyLost { service: id });
                self.stop(id, Then::Waiting);
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
        if self.shutdown.is_some() {
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
            Some(State::Failed { .. } | State::Inactive(Idle::DependencyEnded(_))) => true,
            Some(State::Exited { .. }) => self
                .service(by)
                .is_some_and(|spec| spec.kind == Kind::Simple),
            Some(
                State::Inactive(Idle::Disabled | Idle::Stopped)
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
    fn arrive(&mut self, id: ServiceId, then: Then, after: Duration) {
        match then {
            Then::Stopped => self.transition(id, State::Inactive(Idle::Stopped)),
            Then::Waiting => {
                let waiting = Waiting {
                    until: None,
                    impatient: true,
                    comeback: true,
                };
                self.transition(id, State::Waiting(waiting));
                self.push_work(Work::Consider(id));
            }
            Then::Failure(reason) => match self.verdict(id, reason.clone()) {
                Verdict::Again { delay } => self.back_off(id, reason, None, delay, after),
                Verdict::Exited(exit) => self.transition(id, State::Exited { exit, after }),
                Verdict::Failed(reason) => self.fail(id, reason, after),
            },
            Then::DependencyFailed(on) => {
                let root = match self.state(on) {
                    Some(State::Failed {
                        reason: Reason::Dependency { root, .. },
                        ..
                    }) => *root,
                    Some(
                        State::Inactive(_)
                        | State::Waiting(_)
                        | State::Starting(_)
                        | State::Active { .. }
                        | State::Stopping(_)
                        | State::Killing(_)
                        | State::Backoff(_)
                        | State::Exited { .. }
                        | State::Failed { .. },
                    )
                    | None => on,
                };
                self.fail(id, Reason::Dependency { on, root }, after);
            }
            Then::DependencyEnded(on) => {
                self.transition(id, State::Inactive(Idle::DependencyEnded(on)));
                self.reports
                    .push(Report::DependencyEnded { service: id, on });
            }
        }
    }

    /// What `restart`, `success-exit-status` and `start-limit` say.
    fn verdict(&mut self, id: ServiceId, reason: Reason) -> Verdict {
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return Verdict::Failed(reason);
        };
        let well = match &reason {
            Reason::Exit(exit) if is_well(spec, *exit) => Some(*exit),
            Reason::Exit(_)
            | Reason::Spawn(_)
            | Reason::NotReady { .. }
            | Reason::ForkRefused { .. }
            | Reason::StartLimit { .. }
            | Reason::Dependency { .. } => None,
        };
        match (spec.restart.policy, spec.kind, well) {
            // A oneshot that did its work is done, whatever `restart` says.
            (_, Kind::Oneshot, Some(exit))
            | (RestartPolicy::OnFailure | RestartPolicy::No, _, Some(exit)) => {
                return Verdict::Exited(exit);
            }
            (RestartPolicy::No, _, None) => return Verdict::Failed(reason),
            (RestartPolicy::Always, Kind::Simple, _) | (_, _, None) => {}
        }
        let delay = restart::delay(&spec.restart, service.attempt);
        let delay = self.random.jitter(delay);
        match spec.restart.limit {
            Some(limit) if service.starts.exhausted(limit, self.now.at.plus(delay)) => {
                Verdict::Failed(Reason::StartLimit {
                    last: Box::new(reason),
                })
            }
            Some(_) | None => Verdict::Again { delay },
        }
    }

    fn back_off(
        &mut self,
        id: ServiceId,
        reason: Reason,
        left: Option<RunId>,
        delay: Duration,
        after: Duration,
    ) {
        let Some(service) = self.services.get_mut(id.index()) else {
            return;
        };
        service.attempt = service.attempt.saturating_add(1);
        let backoff = Backoff {
            until: self.now.at.plus(delay),
            attempt: service.attempt,
            left,
            reason: reason.clone(),
        };
        self.transition(id, State::Backoff(backoff));
        self.reports.push(Report::Ended {
            service: id,
            reason,
            after,
            next: Next::Restart { delay },
        });
        if delay.is_zero() && left.is_none() {
            self.resume(id);
        }
    }

    fn fail(&mut self, id: ServiceId, reason: Reason, after: Duration) {
        self.first_failed.get_or_insert(id);
        self.reports.push(Report::Failed {
            service: id,
            reason: reason.clone(),
        });
        self.transition(id, State::Failed { reason, after });
    }

    /// Long enough active: the restart delay begins anew.
    fn credit(&mut self, id: ServiceId) {
        if let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) && let State::Active { since, .. } = &service.state
            && self.now.at.since(*since) >= spec.restart.reset
        {
            service.attempt = 0;
        }
    }

    /// Ends what a run left behind before its service starts again: at once, since people
    /// wait for the service. Gives back the run if its end has to be awaited.
    fn clear_for_restart(&mut self, id: ServiceId, run: RunId, reason: &Reason) -> Option<RunId> {
        let spec = self.spec.services.get(id.index())?;
        let signal = Signal::KILL;
        match (reason, spec.stop.kill_mode, spec.tracking) {
            (Reason::Exit(_), KillMode::Tree, Tracking::Subreaper) => {
                self.orders.push(Action::SignalTree { run, signal });
                self.orders.push(Action::WatchTree { run });
                return Some(run);
            }
            (Reason::Exit(_), KillMode::Tree, Tracking::Marks) => {
                let to_group = true;
                self.orders.push(Action::SignalMain {
                    run,
                    signal,
                    to_group,
                });
            }
            // `kill-mode = "process"` leaves sessions alone; without a process nothing is left.
            (_, KillMode::Process, _) | (_, KillMode::Tree, _) => {}
        }
        self.forget(run);
        None
    }

    /// Ends what a service leaves behind that has ended for good, while the world goes on.
    /// What oneshots leave was meant to stay, and is a stray.
    fn sweep(&mut self, id: ServiceId, run: RunId, reason: &Reason) {
        let Some(spec) = self.spec.services.get(id.index()) else {
            return;
        };
        let (kind, kill_mode) = (spec.kind, spec.stop.kill_mode);
        let had_process = match reason {
            Reason::Exit(_) => true,
            Reason::StartLimit { last } => matches!(**last, Reason::Exit(_)),
            Reason::Spawn(_)
            | Reason::NotReady { .. }
            | Reason::ForkRefused { .. }
            | Reason::Dependency { .. } => false,
        };
        if !had_process || kind == Kind::Oneshot || kill_mode == KillMode::Process {
            self.forget(run);
            return;
        }
        self.end_tree(run);
        let grace = self.grace(id);
        if let Some(service) = self.services.get_mut(id.index()) {
            service.sweep = Some(Sweep {
                run,
                kill_at: grace.map(|grace| self.now.at.plus(grace)),
                wait: KILL_PAUSE,
            });
            self.sweeps = self.sweeps.saturating_add(1);
        }
    }

    /// The main process is gone: the rest of the tree is asked to end, and awaited.
    fn end_tree(&mut self, run: RunId) {
        for signal in [Signal::TERM, Signal::CONT] {
            self.orders.push(Action::SignalTree { run, signal });
        }
        self.orders.push(Action::WatchTree { run });
    }

    pub(super) fn forget(&mut self, run: RunId) {
        self.runs.remove(&run);
        self.orders.push(Action::Forget { run });
    }
}

fn is_well(spec: &ServiceSpec, exit: Exit) -> bool {
    exit.is_success() || spec.success.contains(&exit)
}

const fn kill_order(run: RunId, kill_mode: KillMode) -> Action {
    let signal = Signal::KILL;
    match kill_mode {
        KillMode::Tree => Action::SignalTree { run, signal },
        KillMode::Process => Action::SignalMain {
            run,
            signal,
            to_group: false,
        },
    }
}
