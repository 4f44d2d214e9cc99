//! What a service's processes say of it by `sd_notify(3)`, beside being ready: that it
//! reloads, that it stops, that it lives, that it needs more time, and why it fails.

use std::time::Duration;

use super::id::{RunId, ServiceId};
use super::reload::Reload;
use super::signal::Signal;
use super::spec::ServiceSpec;
use super::state::{Reason, Run, Starting, State, Stopping, Then};
use super::system::System;
use super::time::Instant;

/// What a run has said that counts later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Said {
    /// Why it fails, in its own words.
    pub(super) cause: Option<Box<str>>,
    /// How often it will say that it lives, if not as `watchdog` says; zero is never.
    period: Option<Duration>,
    /// When it must have said so.
    pub(super) ping_by: Option<Instant>,
    /// The deadline before it was extended: no extension makes it earlier.
    pub(super) floor: Option<Instant>,
}

impl Run {
    fn said(&mut self) -> &mut Said {
        self.said.get_or_insert_default()
    }

    /// Why it fails, in its own words.
    pub(super) fn cause(&self) -> Option<Box<str>> {
        self.said.as_ref()?.cause.clone()
    }

    fn period(&self, spec: &ServiceSpec) -> Option<Duration> {
        let own = self.said.as_ref().and_then(|said| said.period);
        own.or(spec.watchdog()).filter(|period| !period.is_zero())
    }

    /// From now on, or anew, it has to say in time that it lives.
    pub(super) fn expect_a_ping(&mut self, spec: &ServiceSpec, now: Instant) {
        let ping_by = self.period(spec).map(|period| now.plus(period));
        if ping_by.is_some() || self.said.is_some() {
            self.said().ping_by = ping_by;
        }
    }

    /// It is over, and nobody is left who would say so.
    pub(super) fn expect_no_ping(&mut self) {
        if let Some(said) = &mut self.said {
            said.ping_by = None;
        }
    }

    /// The next deadline is another's: it was not extended.
    pub(super) fn forget_extension(&mut self) {
        if let Some(said) = &mut self.said {
            said.floor = None;
        }
    }

    fn extend(&mut self, deadline: &mut Option<Instant>, until: Instant) {
        // Without a deadline there is nothing to extend.
        if let Some(at) = deadline {
            let floor = *self.said().floor.get_or_insert(*at);
            *at = until.max(floor);
        }
    }
}

impl Reason {
    /// With what the service itself said of it; a good end needs no words.
    pub(super) fn explained(self, cause: Option<Box<str>>) -> Self {
        let well = matches!(&self, Self::Exit(exit) if exit.is_success());
        match cause.filter(|_| !well) {
            Some(cause) => Self::Explained {
                what: Box::new(self),
                cause,
            },
            None => self,
        }
    }
}

impl System {
    /// The service, if this run is ready and not over: nobody speaks for what only remains.
    fn active(&mut self, run: RunId) -> Option<(ServiceId, &mut Run)> {
        let id = *self.runs.get(&run)?;
        if self.is_over_but_active(id) {
            return None;
        }
        match &mut self.services.get_mut(id.index())?.state {
            State::Active { run: own, .. } if own.id == run => Some((id, own)),
            State::Active { .. }
            | State::Starting(_)
            | State::Inactive(_)
            | State::Waiting(_)
            | State::Stopping(_)
            | State::Killing(_)
            | State::Backoff(_)
            | State::Exited { .. }
            | State::Failed { .. } => None,
        }
    }

    /// RELOADING=1. One that is stamped before the run began is another's.
    pub(super) fn said_reloading(&mut self, run: RunId, stamp: Option<Instant>) {
        if let Some((id, own)) = self.active(run)
            && stamp.is_none_or(|stamp| stamp >= own.since)
        {
            self.reload_told(id, stamp);
        }
    }

    /// READY=1 of a service that was ready: its reload, if there was one, is over.
    pub(super) fn reloaded(&mut self, run: RunId) {
        if let Some((id, _)) = self.active(run) {
            self.reload_ready(id);
        }
    }

    pub(super) fn set_reload(&mut self, id: ServiceId, reload: Option<Reload>) {
        if let Some(State::Active { run, since, .. }) = self.state(id) {
            let (run, since) = (run.clone(), *since);
            self.transition(id, State::Active { run, since, reload });
        }
    }

    /// STOPPING=1: as if it had got its stop signal. In a shutdown it gets that in its turn.
    pub(super) fn said_stopping(&mut self, run: RunId) {
        let Some((id, own)) = self.active(run) else {
            return;
        };
        let run = own.clone();
        if self.shutdown.is_some() {
            return;
        }
        self.credit(id);
        let since = self.now.at;
        // Whoever was about to be stopped has only come before its turn.
        let aim = self.descent_of(id).cloned();
        let stopping = Stopping {
            run,
            main_gone: false,
            since,
            kill_at: self.grace(id).map(|grace| since.plus(grace)),
            then: aim.unwrap_or(Then::ByItself(None)),
        };
        self.transition(id, State::Stopping(stopping));
        self.end_control(id, Signal::TERM);
    }

    /// ERRNO= and the like; an empty text takes it back.
    pub(super) fn said_cause(&mut self, run: RunId, text: Box<str>) {
        if let Some(known) = self.run_mut(run) {
            known.said().cause = Some(text).filter(|text| !text.is_empty());
        }
    }

    /// WATCHDOG=1.
    pub(super) fn said_ping(&mut self, run: RunId) {
        let now = self.now.at;
        let Some((id, _)) = self.active(run) else {
            return;
        };
        if let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) && let State::Active { run: own, .. } = &mut service.state
        {
            own.expect_a_ping(spec, now);
            self.reindex(id);
        }
    }

    /// WATCHDOG_USEC=.
    pub(super) fn said_ping_period(&mut self, run: RunId, period: Duration) {
        if let Some(known) = self.run_mut(run) {
            known.said().period = Some(period);
            self.said_ping(run);
        }
    }

    /// WATCHDOG=trigger.
    pub(super) fn said_stuck(&mut self, run: RunId) {
        let Some(&id) = self.runs.get(&run) else {
            return;
        };
        let stoppable = match self.state(id) {
            Some(State::Active { run: own, .. } | State::Starting(Starting { run: own, .. })) => {
                own.id == run
            }
            Some(
                State::Inactive(_)
                | State::Waiting(_)
                | State::Stopping(_)
                | State::Killing(_)
                | State::Backoff(_)
                | State::Exited { .. }
                | State::Failed { .. },
            )
            | None => false,
        };
        if stoppable && self.shutdown.is_none() && !self.is_over_but_active(id) {
            self.stop(id, Then::Failure(Reason::Watchdog { silent: None }));
        }
    }

    /// EXTEND_TIMEOUT_USEC=: of the start, the reload or the stop that is under way. A
    /// shutdown's own end never moves.
    pub(super) fn said_extended(&mut self, run: RunId, by: Duration) {
        let until = self.now.at.plus(by);
        let Some(&id) = self.runs.get(&run) else {
            return;
        };
        let past = self.spent_with_this_stop(id);
        let shutdown = self.shutdown.as_ref();
        let limit = shutdown.and_then(|shutdown| shutdown.extension_limit(id, past));
        let now = self.now.at;
        let Some(service) = self.services.get_mut(id.index()) else {
            return;
        };
        match &mut service.state {
            State::Starting(Starting {
                run: own, deadline, ..
            }) if own.id == run => own.extend(deadline, until),
            State::Active {
                run: own,
                reload: Some(reload),
                ..
            } if own.id == run => own.extend(&mut reload.until, until),
            State::Stopping(Stopping {
                run: own, kill_at, ..
            }) if own.id == run => {
                own.extend(kill_at, limit.map_or(until, |limit| until.min(limit)));
                // So has the command that comes before the stop signal.
                if let (Some(controls), Some(kill_at)) = (&mut service.controls, *kill_at) {
                    controls.extend_signal(now, kill_at);
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
            | State::Failed { .. } => return,
        }
        self.reindex(id);
    }

    /// A ready service's reload is late, or its ping.
    pub(super) fn active_due(&mut self, id: ServiceId) {
        let now = self.now.at;
        let shutting_down = self.shutdown.is_some();
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return;
        };
        let State::Active { run, reload, .. } = &mut service.state else {
            return;
        };
        let silent = run.period(spec);
        if let Some(said) = &mut run.said
            && said.ping_by.is_some_and(|at| at <= now)
        {
            said.ping_by = None;
            // In a shutdown nobody cares any more.
            if !shutting_down {
                self.stop(id, Then::Failure(Reason::Watchdog { silent }));
                return;
            }
        }
        if let Some(reload) = reload.filter(|it| it.until.is_some_and(|at| at <= now)) {
            self.reload_late(id, reload);
            return;
        }
        self.reindex(id);
    }
}
