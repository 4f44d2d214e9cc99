//! A reload that is asked for by hand: the commands of `exec-reload`, then `reload-signal`,
//! and of a service that says when it is ready its own word, as with systemd's
//! `Type=notify-reload`. However it ends, the service runs on.
//!
//! One that is asked for while the service starts waits until it is ready; one that comes
//! while another is under way follows it, since what it is to read may be newer. A stop in
//! the meantime is the end of both.

use std::fmt;
use std::time::Duration;

use super::action::Action;
use super::commands::{CommandFailure, List};
use super::forking::is_headless;
use super::id::{RunId, ServiceId};
use super::report::Report;
use super::request::{Outcome, RequestId, Verb};
use super::service::Service;
use super::signal::Signal;
use super::sorted::sort;
use super::spec::{Kind, Ready, ServiceSpec};
use super::state::{Backoff, Idle, Killing, Reason, State, Stopping, Then};
use super::system::System;
use super::time::{Instant, Span};

/// A reload under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reload {
    /// When it takes too long (`start-timeout`).
    pub until: Option<Instant>,
    /// How far it has come.
    pub stage: ReloadStage,
    /// It was asked for by hand.
    pub asked: bool,
}

/// How far a reload has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReloadStage {
    /// `exec-reload` runs.
    Commands {
        /// It said itself that it reloads, and hasn't said yet that it is ready.
        told: bool,
    },
    /// `reload-signal` was sent: it has to say that it reloads.
    Signalled {
        /// When; what it said earlier is no answer.
        at: Instant,
    },
    /// It said so, and will say when it is ready.
    Told,
}

/// Who waits for a reload, and whether one is to come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Reloading {
    /// For the one that is under way.
    now: Vec<RequestId>,
    /// For the one that is to come.
    next: Vec<RequestId>,
    /// One is to come, whoever still waits for it.
    again: bool,
}

impl Reloading {
    /// Nobody is to be told any more.
    pub(super) fn withdraw(&mut self, request: RequestId) {
        self.now.retain(|known| *known != request);
        self.next.retain(|known| *known != request);
    }

    fn is_over(&self) -> bool {
        self.now.is_empty() && !self.again
    }
}

/// Why a service runs on as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReloadFailure {
    /// A command failed.
    Command(Box<CommandFailure>),
    /// It was not ready again in its time.
    Late {
        /// So long was waited.
        after: Duration,
        /// It had said that it reloads.
        told: bool,
    },
}

impl fmt::Display for ReloadFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(failure) => write!(f, "{failure}"),
            Self::Late { after, told: true } => {
                write!(f, "not ready again after {} (READY=1)", Span(*after))
            }
            Self::Late { after, told: false } => {
                write!(
                    f,
                    "it said nothing of it for {} (RELOADING=1)",
                    Span(*after)
                )
            }
        }
    }
}

impl Service {
    /// What can reload now: it runs, and nothing is about to stop it.
    fn reloads_now(&mut self) -> Option<(RunId, &mut Option<Reload>)> {
        if self.descent.is_some() {
            return None;
        }
        let State::Active { run, reload, .. } = &mut self.state else {
            return None;
        };
        Some((run.id, reload))
    }
}

impl System {
    /// They reload, or, where one can't, none does.
    pub(super) fn reload_by_hand(&mut self, request: RequestId, named: &[ServiceId]) {
        let mut all: Vec<ServiceId> = Vec::new();
        for id in named {
            // A handle for others does nothing itself.
            let others = self.graph.reloading(*id).iter().copied();
            let others: Vec<ServiceId> = others
                .filter(|id| self.reload_refused(*id).is_none())
                .collect();
            match self.reload_refused(*id) {
                Some(outcome) if others.is_empty() => {
                    self.answer(request, outcome);
                    return;
                }
                Some(_) => {}
                None => all.push(*id),
            }
            all.extend(others);
        }
        sort(&mut all);
        all.dedup();
        let named = &*all;
        self.await_all(request, named);
        for id in named {
            if let Some(service) = self.services.get_mut(id.index()) {
                let reloading = service.reloading.get_or_insert_default();
                reloading.next.push(request);
                reloading.again = true;
            }
        }
        for id in named {
            self.reload_next(*id);
        }
    }

    /// Why it cannot reload, if it can't.
    fn reload_refused(&self, id: ServiceId) -> Option<Outcome> {
        let (service, spec) = (self.services.get(id.index())?, self.service(id)?);
        let runs = match &service.state {
            State::Starting(_) | State::Active { .. } => service.descent.is_none(),
            State::Inactive(_)
            | State::Waiting(_)
            | State::Stopping(_)
            | State::Killing(_)
            | State::Backoff(_)
            | State::Exited { .. }
            | State::Failed { .. } => false,
        };
        if !can_reload(spec) {
            return Some(Outcome::NoReload { service: id });
        }
        (!runs).then_some(Outcome::NotReloaded { service: id })
    }

    /// The reload that is to come begins, if nothing is in its way.
    fn reload_next(&mut self, id: ServiceId) {
        let now = self.now.at;
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return;
        };
        let told = match service.reloads_now() {
            None | Some((_, Some(Reload { asked: true, .. }))) => return,
            Some((_, Some(_))) => true,
            Some((_, None)) => false,
        };
        let Some(reloading) = service.reloading.as_mut().filter(|it| it.again) else {
            return;
        };
        reloading.again = false;
        reloading.now = std::mem::take(&mut reloading.next);
        self.set_reload(
            id,
            Some(Reload {
                until: spec.start_timeout.map(|timeout| now.plus(timeout)),
                stage: ReloadStage::Commands { told },
                asked: true,
            }),
        );
        if !self.begin_list(id, List::Reload) {
            self.reload_signal(id);
        }
    }

    /// The commands of a reload are over.
    pub(super) fn reload_commands_over(&mut self, id: ServiceId, failure: Option<CommandFailure>) {
        match failure {
            Some(failure) => {
                self.reload_failed(id, ReloadFailure::Command(Box::new(failure)));
            }
            None => self.reload_signal(id),
        }
    }

    /// The signal, after the commands; and whose word is awaited then.
    fn reload_signal(&mut self, id: ServiceId) {
        let now = self.now.at;
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return;
        };
        let headless = is_headless(spec, &service.state);
        let State::Active {
            run,
            reload: Some(reload),
            ..
        } = &mut service.state
        else {
            return;
        };
        let told = reload.stage == ReloadStage::Commands { told: true };
        let speaks = spec.ready == Ready::Notify;
        if spec.reload_signal.is_some() && headless {
            self.nobody_reloads(id);
            self.set_reload(id, None);
            return;
        }
        if let Some(signal) = spec.reload_signal {
            self.orders.push(Action::SignalMain {
                run: run.id,
                signal,
                to_group: false,
            });
        }
        if spec.reload_signal.is_some() && speaks {
            reload.stage = ReloadStage::Signalled { at: now };
        } else if told {
            reload.stage = ReloadStage::Told;
        } else {
            self.reload_over(id);
        }
    }

    /// It has said that it reloads, at that time if it told one.
    pub(super) fn reload_told(&mut self, id: ServiceId, stamp: Option<Instant>) {
        let timeout = self.service(id).and_then(|spec| spec.start_timeout);
        let until = timeout.map(|timeout| self.now.at.plus(timeout));
        let Some(service) = self.services.get_mut(id.index()) else {
            return;
        };
        let State::Active { reload, .. } = &mut service.state else {
            return;
        };
        match reload {
            Some(Reload {
                stage: ReloadStage::Commands { told },
                ..
            }) => *told = true,
            Some(Reload { stage, .. }) if *stage == ReloadStage::Told => {
                let asked = reload.is_some_and(|reload| reload.asked);
                let stage = ReloadStage::Told;
                let fresh = Reload {
                    until,
                    stage,
                    asked,
                };
                self.set_reload(id, Some(fresh));
            }
            Some(Reload { stage, .. }) => {
                // It counts microseconds.
                let answers = |at: Instant| stamp.is_none_or(|stamp| stamp.0 / 1000 >= at.0 / 1000);
                if let ReloadStage::Signalled { at } = stage
                    && answers(*at)
                {
                    *stage = ReloadStage::Told;
                }
            }
            None => {
                let fresh = Reload {
                    until,
                    stage: ReloadStage::Told,
                    asked: false,
                };
                self.set_reload(id, Some(fresh));
            }
        }
    }

    /// READY=1 of a service that was ready: what it reloaded is in force.
    pub(super) fn reload_ready(&mut self, id: ServiceId) {
        let Some(service) = self.services.get_mut(id.index()) else {
            return;
        };
        let State::Active {
            reload: Some(reload),
            ..
        } = &mut service.state
        else {
            return;
        };
        match &mut reload.stage {
            ReloadStage::Commands { told } => *told = false,
            // That was an earlier one's end.
            ReloadStage::Signalled { .. } => {}
            ReloadStage::Told => self.reload_over(id),
        }
    }

    /// It takes too long.
    pub(super) fn reload_late(&mut self, id: ServiceId, reload: Reload) {
        let timeout = self.service(id).and_then(|spec| spec.start_timeout);
        let after = timeout.unwrap_or_default();
        let told = match reload.stage {
            ReloadStage::Commands { .. } => {
                // Its failure follows when it is gone.
                if let Some(State::Active {
                    reload: Some(reload),
                    ..
                }) = self.services.get_mut(id.index()).map(|it| &mut it.state)
                {
                    reload.until = None;
                }
                self.end_control(id, Signal::KILL);
                self.reindex(id);
                return;
            }
            ReloadStage::Signalled { .. } => false,
            ReloadStage::Told => true,
        };
        if reload.asked {
            self.reload_failed(id, ReloadFailure::Late { after, told });
        } else {
            self.reports.push(Report::ReloadLate { service: id, after });
            self.set_reload(id, None);
        }
    }

    /// Its main process is gone, and it stays active. Its commands go on, but nobody is left
    /// who would hear a signal or say that it has reloaded.
    pub(super) fn reload_left(&mut self, id: ServiceId) -> Option<Reload> {
        let Some(State::Active {
            reload: Some(reload),
            ..
        }) = self.state(id)
        else {
            return None;
        };
        let reload = *reload;
        if let ReloadStage::Commands { .. } = reload.stage {
            let stage = ReloadStage::Commands { told: false };
            return Some(Reload { stage, ..reload });
        }
        self.nobody_reloads(id);
        None
    }

    /// There is nobody to get its signal, and nobody is told that it was done.
    fn nobody_reloads(&mut self, id: ServiceId) {
        for request in self.reload_askers(id) {
            self.end_request(request, Outcome::NoProcess { service: id });
        }
    }

    fn reload_over(&mut self, id: ServiceId) {
        let asked = matches!(
            self.state(id),
            Some(State::Active {
                reload: Some(Reload { asked: true, .. }),
                ..
            })
        );
        if asked {
            self.reports.push(Report::Reloaded { service: id });
        }
        for request in self.reload_askers(id) {
            self.one_less(request, id, None);
        }
        self.set_reload(id, None);
    }

    fn reload_failed(&mut self, id: ServiceId, failure: ReloadFailure) {
        for request in self.reload_askers(id) {
            let failure = failure.clone();
            let service = id;
            self.end_request(request, Outcome::ReloadFailed { service, failure });
        }
        self.reports.push(Report::ReloadFailed {
            service: id,
            failure,
        });
        self.set_reload(id, None);
    }

    /// Who waits for the reload that is under way.
    fn reload_askers(&mut self, id: ServiceId) -> Vec<RequestId> {
        let service = self.services.get_mut(id.index());
        let reloading = service.and_then(|service| service.reloading.as_mut());
        reloading.map_or_else(Vec::new, |it| std::mem::take(&mut it.now))
    }

    /// The state has changed: what is to come begins, or will not be.
    pub(super) fn weigh_reload(&mut self, id: ServiceId) {
        let Some(service) = self.services.get_mut(id.index()) else {
            return;
        };
        if service.reloading.is_none() {
            return;
        }
        match &service.state {
            State::Starting(_) => return,
            State::Active { .. } => {
                service.reloading.take_if(|reloading| reloading.is_over());
                self.reload_next(id);
                return;
            }
            State::Inactive(_)
            | State::Waiting(_)
            | State::Stopping(_)
            | State::Killing(_)
            | State::Backoff(_)
            | State::Exited { .. }
            | State::Failed { .. } => {}
        }
        let outcome = self.reload_came_to(id);
        let reloading = self.services.get_mut(id.index());
        let reloading = reloading.and_then(|service| service.reloading.take());
        let Some(reloading) = reloading else { return };
        for request in reloading.now.into_iter().chain(reloading.next) {
            self.end_request(request, outcome.clone());
        }
    }

    /// What a state in which nothing can reload says of a reload.
    fn reload_came_to(&self, id: ServiceId) -> Outcome {
        let failed = |reason: &Reason, again| Outcome::Failed {
            service: id,
            reason: reason.clone(),
            again,
        };
        let restart = || self.asked_of(id) == Some(Verb::Restart);
        match self.state(id) {
            Some(State::Stopping(Stopping { then, .. }) | State::Killing(Killing { then, .. })) => {
                match then {
                    Then::ByHand => Outcome::Superseded { by: Verb::Stop },
                    Then::Waiting if restart() => Outcome::Superseded { by: Verb::Restart },
                    Then::Failure(reason) => failed(reason, None),
                    Then::Stopped
                    | Then::Waiting
                    | Then::ByItself(_)
                    | Then::DependencyFailed(_)
                    | Then::DependencyEnded(_) => Outcome::NotReloaded { service: id },
                }
            }
            Some(State::Inactive(Idle::ByHand)) => Outcome::Superseded { by: Verb::Stop },
            Some(State::Backoff(Backoff { reason, until, .. })) => {
                failed(reason, Some(until.since(self.now.at)))
            }
            Some(State::Failed { reason, .. }) => failed(reason, None),
            Some(State::Exited { exit, .. }) => failed(&Reason::Exit(*exit), None),
            Some(
                State::Inactive(_) | State::Waiting(_) | State::Starting(_) | State::Active { .. },
            )
            | None => Outcome::NotReloaded { service: id },
        }
    }
}

/// Whether it was written how. A oneshot is never active, so there is nothing to reload.
#[must_use]
pub fn can_reload(spec: &ServiceSpec) -> bool {
    let commands = spec.commands.as_ref();
    let any = commands.is_some_and(|commands| !commands.reload.is_empty());
    spec.kind == Kind::Simple && (any || spec.reload_signal.is_some())
}
