//! What few services say of how they end: other signals and times than `stop-signal` and
//! `stop-timeout`, a longest life, the end of all.

use std::time::Duration;

use super::id::ServiceId;
use super::signal::Signal;
use super::spec::{Kind, ServiceSpec, Stop};
use super::state::{State, Then};
use super::system::System;

/// What few services say of how they end (`systemd.service(5)`, `systemd.unit(5)`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// `RestartKillSignal=`: instead of `stop-signal`, where it comes back.
    pub restart_signal: Option<Signal>,
    /// `FinalKillSignal=`: before SIGKILL, which comes another `stop-timeout` later.
    pub final_signal: Option<Signal>,
    /// `TimeoutAbortSec=`: instead of `stop-timeout`, after the watchdog's signal.
    pub abort_timeout: Option<Duration>,
    /// `RuntimeMaxSec=`: no longer may it be active.
    pub longest: Option<Duration>,
    /// `RuntimeRandomizedExtraSec=`: but up to so much longer, by chance.
    pub extra: Duration,
    /// `SuccessAction=`: all ends when it has ended as it should.
    pub success_ends_all: bool,
    /// `FailureAction=`: all ends when it has failed for good.
    pub failure_ends_all: bool,
    /// `StartLimitAction=`: all ends when it was started too often.
    pub limit_ends_all: bool,
    /// `RefuseManualStart=`: it starts with others alone.
    pub refuses_start: bool,
    /// `RefuseManualStop=`: it stops with others alone.
    pub refuses_stop: bool,
    /// `StopWhenUnneeded=`: it stops once nothing is up that needs it.
    pub stops_unneeded: bool,
    /// `RemainAfterExit=`: once it has ended as it should it stays active, until it is stopped.
    pub remains: bool,
    /// `SuccessActionExitStatus=`: rinit's exit status then, instead of its own.
    pub success_code: Option<u8>,
    /// `FailureActionExitStatus=`: as that.
    pub failure_code: Option<u8>,
}

impl ServiceSpec {
    /// How it is stopped on the way there; another signal may be for those that come back.
    #[must_use]
    pub fn stop_for(&self, then: &Then) -> Stop {
        let mut stop = self.stop.clone();
        let terms = self.terms.as_ref().filter(|_| *then == Then::Waiting);
        if let Some(signal) = terms.and_then(|terms| terms.restart_signal) {
            stop.signal = signal;
        }
        stop
    }

    /// It stays active without a process (`RemainAfterExit=`).
    #[must_use]
    pub fn remains(&self) -> bool {
        self.terms.as_ref().is_some_and(|terms| terms.remains)
    }

    /// What it did stays done, whatever becomes of it: a oneshot that doesn't remain.
    #[must_use]
    pub fn stays_done(&self) -> bool {
        self.kind == Kind::Oneshot && !self.remains()
    }

    /// It stops once nothing is up that needs it (`StopWhenUnneeded=`).
    #[must_use]
    pub fn stops_unneeded(&self) -> bool {
        self.terms
            .as_ref()
            .is_some_and(|terms| terms.stops_unneeded)
    }

    /// What is sent when a stop's time is over, if that isn't SIGKILL.
    #[must_use]
    pub fn final_signal(&self) -> Option<Signal> {
        self.terms.as_ref()?.final_signal
    }
}

impl System {
    /// One that got another signal first (`FinalKillSignal=`) gets SIGKILL now.
    pub(super) fn kill_at_last(&mut self, id: ServiceId) {
        let gentle = self.service(id).and_then(ServiceSpec::final_signal);
        if gentle.is_some()
            && let Some(service) = self.services.get_mut(id.index())
            && let State::Killing(killing) = &mut service.state
        {
            killing.again_at = self.now.at;
            self.state_due(id);
        }
    }

    /// How long a stop may take that begins now; one that is stuck may dump its core.
    pub(super) fn grace_after(&self, id: ServiceId, stuck: bool) -> Option<Duration> {
        let terms = self.service(id).and_then(|spec| spec.terms.as_ref());
        let own = terms
            .filter(|_| stuck)
            .and_then(|terms| terms.abort_timeout);
        own.or_else(|| self.grace(id))
    }

    /// What makes its end that of all.
    pub(super) fn why_essential(&self, id: ServiceId) -> &'static str {
        if self.service(id).is_none_or(|spec| spec.essential) {
            "essential"
        } else if self.has_ended_well(id) {
            "SuccessAction"
        } else {
            "FailureAction"
        }
    }

    /// The exit status that its unit names for its end.
    pub(super) fn named_code(&self, id: ServiceId) -> Option<u8> {
        let terms = self.service(id)?.terms.as_ref()?;
        if self.has_ended_well(id) {
            terms.success_code
        } else {
            terms.failure_code
        }
    }

    fn has_ended_well(&self, id: ServiceId) -> bool {
        matches!(self.state(id), Some(State::Exited { .. }))
    }
}
