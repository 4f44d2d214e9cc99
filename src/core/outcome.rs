//! What becomes of a service that ended without being asked to: restart, end, failure.

use std::time::Duration;

use super::action::Action;
use super::commands::Failing;
use super::exit::Exit;
use super::id::{RunId, ServiceId};
use super::report::{Next, Report};
use super::restart;
use super::schedule::Appointment;
use super::service::Sweep;
use super::signal::Signal;
use super::spec::{KillMode, Kind, RestartPolicy, ServiceSpec, Stop, Tracking};
use super::state::{Backoff, Reason, Run, Stage, Starting, State, Stopping, Then};
use super::stop::KILL_PAUSE;
use super::system::System;

/// What comes after an end that nobody asked for.
pub(super) enum Verdict {
    Again { delay: Duration },
    Next { well: bool, next: Appointment },
    Exited(Exit),
    Skipped(Box<str>),
    Failed(Reason),
}

impl System {
    /// It ended without being asked to, or never came to be.
    pub(super) fn ended(&mut self, id: ServiceId, reason: Reason) {
        let Some(run) = self.state(id).and_then(State::run).cloned() else {
            return;
        };
        let reason = self.unless_ready(id, reason);
        if self.stays_active(id, &run, &reason) || self.ended_with_commands(id, &run, &reason) {
            return;
        }
        let after = self.now.at.since(run.since);
        if self.shutdown.is_some() {
            self.ended_in_stop(id, run, &reason, Then::Stopped);
            return;
        }
        if let Some(then) = self.descent_of(id).cloned() {
            self.ended_in_stop(id, run, &reason, then);
            return;
        }
        self.credit(id);
        // Where somebody else answers in its place, it could hardly do but end.
        let cause = run.cause().or_else(|| self.taken(id));
        match self.verdict(id, reason.clone()) {
            Verdict::Again { delay } => {
                let left = self.clear_for_restart(id, run.id, &reason);
                self.back_off(id, reason.explained(cause), left, delay, after);
            }
            Verdict::Next { well, next } => {
                self.sweep(id, run.id, &reason);
                self.ran(id, reason, well, next, after);
            }
            Verdict::Exited(exit) => {
                self.sweep(id, run.id, &reason);
                self.end_well(id, exit, reason, after);
            }
            Verdict::Skipped(what) => {
                self.sweep(id, run.id, &reason);
                self.skip(id, what);
            }
            Verdict::Failed(reason) => {
                self.sweep(id, run.id, &reason);
                self.fail(id, reason.explained(cause), after);
            }
        }
    }

    /// However well a main process ends, one that was to become ready first has failed.
    fn unless_ready(&self, id: ServiceId, reason: Reason) -> Reason {
        match (self.state(id), self.service(id), reason) {
            (
                Some(State::Starting(Starting {
                    stage: Stage::Executed { .. },
                    ..
                })),
                Some(spec),
                Reason::Exit(exit),
            ) if spec.kind == Kind::Simple && spec.is_well(exit) => Reason::Early(exit),
            (.., reason) => reason,
        }
    }

    /// A stop that nobody asked for is over, and nothing is left.
    pub(super) fn judge(
        &mut self,
        id: ServiceId,
        reason: Reason,
        after: Duration,
        cause: Option<Box<str>>,
    ) {
        match self.verdict(id, reason.clone()) {
            Verdict::Again { delay } => {
                self.back_off(id, reason.explained(cause), None, delay, after);
            }
            Verdict::Next { well, next } => self.ran(id, reason, well, next, after),
            Verdict::Exited(exit) => self.end_well(id, exit, reason, after),
            Verdict::Skipped(what) => self.skip(id, what),
            Verdict::Failed(reason) => self.fail(id, reason.explained(cause), after),
        }
    }

    fn end_well(&mut self, id: ServiceId, exit: Exit, reason: Reason, after: Duration) {
        self.transition(id, State::Exited { exit, after });
        self.reports.push(Report::Ended {
            service: id,
            reason,
            after,
            next: Next::Nothing,
        });
        self.call_others(id, true);
    }

    /// No crash: it was about to be stopped, or whoever asks rinit to stop may have asked
    /// the services themselves too.
    fn ended_in_stop(&mut self, id: ServiceId, run: Run, reason: &Reason, then: Then) {
        let cause = run.cause();
        let after = self.now.at.since(run.since);
        let Some(spec) = self.spec.services.get(id.index()) else {
            return;
        };
        let (kind, stop) = (spec.kind, spec.stop.clone());
        let exit = exit_of(reason);
        let well = exit.filter(|exit| spec.is_well(*exit));
        if let Some(exit) = exit {
            self.note_stopped(id, exit, false);
        }
        if exit.is_some() && kind == Kind::Simple && stop.kill_mode.ends_tree() {
            let by_force = self.end_rest(run.id, &stop);
            let grace = self.grace(id);
            let stopping = Stopping {
                run,
                main_gone: true,
                since: self.now.at,
                kill_at: grace.map(|grace| self.now.at.plus(grace)),
                then,
            };
            self.transition(id, State::Stopping(stopping));
            if by_force {
                self.now_killing(id);
            }
            return;
        }
        self.forget(run.id);
        match (kind, well) {
            (Kind::Oneshot, Some(exit)) => self.transition(id, State::Exited { exit, after }),
            (Kind::Oneshot, None) | (Kind::Simple, _) => self.arrive(id, then, after, cause),
        }
    }

    /// What `schedule`, `restart`, `success-exit-status` and `start-limit` say.
    pub(super) fn verdict(&mut self, id: ServiceId, reason: Reason) -> Verdict {
        self.note_end(id);
        let spec = self.service(id);
        let exit = exit_of(&reason).filter(|_| !matches!(reason, Reason::Early(_)));
        let well = exit.filter(|exit| spec.is_some_and(|own| own.is_well(*exit)));
        let last = !matches!(reason, Reason::Unmet { .. }) && self.ends_all(id, well.is_some());
        let next = self.next_time(id).filter(|_| !last);
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return Verdict::Failed(reason);
        };
        if let Some(next) = next {
            let skipped = matches!(reason, Reason::Unmet { assert: false, .. });
            let well = well.is_some() || skipped;
            return Verdict::Next { well, next };
        }
        match well {
            _ if restarts(spec, &reason) => {}
            Some(exit) => return Verdict::Exited(exit),
            None => {
                if let Reason::Unmet {
                    what,
                    assert: false,
                } = reason
                {
                    return Verdict::Skipped(what);
                }
                return Verdict::Failed(reason);
            }
        }
        if well.is_some() && spec.is_on_demand() {
            // It did what it was there for; the pause keeps one from spinning that leaves
            // its connections where they are.
            service.attempt = 0;
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

    pub(super) fn back_off(
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
        let next = match self.spec.services.get(id.index()) {
            Some(spec) if spec.is_on_demand() && service.unhooked => Next::Nothing,
            Some(spec) if spec.is_on_demand() && !spec.has_sockets() => Next::Path,
            Some(spec) if service.is_reachable(spec) => Next::Connection,
            Some(_) | None => Next::Restart { delay },
        };
        let backoff = Backoff {
            until: self.now.at.plus(delay),
            attempt: service.attempt,
            left,
            reason: reason.clone(),
        };
        self.transition(id, State::Backoff(backoff));
        self.tell_of_attempt(id, &reason, delay);
        self.reports.push(Report::Ended {
            service: id,
            reason,
            after,
            next,
        });
        if delay.is_zero() && left.is_none() {
            self.resume(id);
        }
    }

    pub(super) fn fail(&mut self, id: ServiceId, reason: Reason, after: Duration) {
        self.first_failed.get_or_insert(id);
        self.reports.push(Report::Failed {
            service: id,
            reason: reason.clone(),
        });
        self.transition(id, State::Failed { reason, after });
        self.call_others(id, false);
    }

    /// Long enough active: the restart delay begins anew.
    pub(super) fn credit(&mut self, id: ServiceId) {
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
        let had_process = exit_of(reason).is_some();
        // `kill-mode = "process"` leaves sessions alone; without a process nothing is left.
        if had_process && spec.stop.kill_mode.ends_tree() {
            match spec.tracking {
                Tracking::Subreaper | Tracking::Cgroup => {
                    self.kill_tree(run);
                    return Some(run);
                }
                Tracking::Marks => self.orders.push(Action::SignalMain {
                    run,
                    signal: Signal::KILL,
                    to_group: true,
                }),
            }
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
        let (kind, stop) = (spec.kind, spec.stop.clone());
        let last = if let Reason::StartLimit { last } = reason {
            last
        } else {
            reason
        };
        let had_process = exit_of(last).is_some();
        if !had_process || kind == Kind::Oneshot || !stop.kill_mode.ends_tree() {
            self.forget(run);
            return;
        }
        self.end_rest(run, &stop);
        let grace = self.grace(id);
        if let Some(service) = self.services.get_mut(id.index()) {
            service.sweep = Some(Box::new(Sweep {
                run,
                kill_at: grace.map(|grace| self.now.at.plus(grace)),
                wait: KILL_PAUSE,
            }));
            self.sweeps = self.sweeps.saturating_add(1);
        }
    }

    /// The main process ended by itself: the rest of the tree is ended as its `kill-mode`
    /// says, and awaited. Whether by SIGKILL.
    pub(super) fn end_rest(&mut self, run: RunId, stop: &Stop) -> bool {
        match stop.kill_mode {
            KillMode::Tree => self.end_tree(run, Signal::TERM),
            KillMode::ControlGroup => self.end_tree(run, stop.signal),
            KillMode::Mixed => self.kill_tree(run),
            KillMode::Process | KillMode::None => {}
        }
        stop.kill_mode == KillMode::Mixed
    }
}

/// How the main process ended, if that is the reason.
pub(super) fn exit_of(reason: &Reason) -> Option<Exit> {
    match reason {
        Reason::Exit(exit) | Reason::Early(exit) => Some(*exit),
        Reason::Spawn(_)
        | Reason::Command(_)
        | Reason::NotReady { .. }
        | Reason::NotThere { .. }
        | Reason::Unmet { .. }
        | Reason::Unhealthy { .. }
        | Reason::Watchdog { .. }
        | Reason::NotStopped { .. }
        | Reason::TooLong(_)
        | Reason::Explained { .. }
        | Reason::ForkRefused { .. }
        | Reason::StartLimit { .. }
        | Reason::Dependency { .. } => None,
    }
}

/// Whether `restart` starts it again after an end. The start limit is another matter.
pub(super) fn restarts(spec: &ServiceSpec, reason: &Reason) -> bool {
    let restart = &spec.restart;
    // Another try would find the same.
    if matches!(reason, Reason::Unmet { .. }) {
        return false;
    }
    if let (Some(own), Some(exit)) = (&restart.by_exit, exit_of(reason)) {
        if own.prevent.contains(&exit) {
            return false;
        }
        if own.force.contains(&exit) {
            return true;
        }
    }
    let end = End::of(reason, spec);
    match restart.policy {
        // A oneshot that did its work is done, but for one whose path may say so again.
        _ if spec.kind == Kind::Oneshot && end == End::Well => spec.is_on_demand(),
        RestartPolicy::Always => true,
        RestartPolicy::OnFailure => end != End::Well,
        RestartPolicy::No => false,
        RestartPolicy::OnSuccess => end == End::Well,
        RestartPolicy::OnAbnormal => !matches!(end, End::Well | End::Status),
        RestartPolicy::OnAbort => end == End::Signal,
        RestartPolicy::OnWatchdog => end == End::Watchdog,
    }
}

/// What an end is to `restart` (`systemd.service(5)` has the table).
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// As it should be.
    Well,
    /// By an exit status, a command's and that of a program that couldn't be executed too.
    Status,
    /// By a signal.
    Signal,
    /// It was stuck, or unhealthy.
    Watchdog,
    /// A timeout, too little memory, no process to be had.
    Other,
}

impl End {
    fn of(reason: &Reason, spec: &ServiceSpec) -> Self {
        match reason {
            Reason::Exit(exit) if spec.is_well(*exit) => Self::Well,
            Reason::Exit(exit) => Self::of_exit(*exit),
            Reason::Spawn(_) => Self::Status,
            Reason::Command(failure) => match &failure.how {
                Failing::Exit(exit) => Self::of_exit(*exit),
                Failing::Spawn(_) => Self::Status,
                Failing::TooLong => Self::Other,
            },
            Reason::Watchdog { .. } | Reason::Unhealthy { .. } => Self::Watchdog,
            Reason::Explained { what, .. } | Reason::StartLimit { last: what } => {
                Self::of(what, spec)
            }
            Reason::Early(_)
            | Reason::NotReady { .. }
            | Reason::NotThere { .. }
            | Reason::Unmet { .. }
            | Reason::NotStopped { .. }
            | Reason::TooLong(_)
            | Reason::ForkRefused { .. }
            | Reason::Dependency { .. } => Self::Other,
        }
    }

    const fn of_exit(exit: Exit) -> Self {
        match exit {
            Exit::Code(_) | Exit::Unknown => Self::Status,
            Exit::Signal(_) => Self::Signal,
            Exit::OutOfMemory => Self::Other,
        }
    }
}
