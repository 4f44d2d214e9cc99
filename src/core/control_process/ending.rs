//! Control processes in a stop: who is ended, what a service is told, and what comes last.

use super::Standing;
use crate::core::action::Action;
use crate::core::commands::{Failing, List, ServiceResult};
use crate::core::exit::Exit;
use crate::core::forking::is_headless;
use crate::core::id::ServiceId;
use crate::core::signal::Signal;
use crate::core::spec::KillMode;
use crate::core::state::{Reason, State, Stopping, Then};
use crate::core::stop_orders::ask_to_stop;
use crate::core::system::System;

impl System {
    /// The stop signal, which `exec-stop` came before.
    pub(super) fn signal_owed(&mut self, id: ServiceId) {
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return;
        };
        let Some(controls) = &mut service.controls else {
            return;
        };
        controls.signal_at = None;
        let owed = std::mem::take(&mut controls.signal_owed);
        let headless = is_headless(spec, &service.state);
        let tree_gone = controls.tree_gone;
        if owed && let State::Stopping(stopping) = &mut service.state {
            let (run, stop) = (stopping.run.id, spec.stop_for(&stopping.then));
            if stopping.main_gone {
                // What outlives the main process, which the commands have ended, was told
                // nothing yet.
                if !tree_gone && stop.kill_mode == KillMode::ControlGroup {
                    self.orders.extend(ask_to_stop(run, stop.signal, &stop));
                }
            } else if headless {
                stopping.main_gone = true;
                if self.end_headless(run, &stop) {
                    self.now_killing(id);
                } else if !stop.kill_mode.ends_tree() {
                    self.run_over(id);
                }
            } else {
                self.orders.extend(ask_to_stop(run, stop.signal, &stop));
            }
        }
        self.reindex(id);
    }

    /// A reload's command, which a stop has ended, is gone: `exec-stop` begins, if it is to
    /// come before the stop signal. Whether it does.
    pub(super) fn stop_commands_owed(&mut self, id: ServiceId) -> bool {
        let service = self.services.get(id.index());
        let owed = service
            .and_then(|service| service.controls.as_ref())
            .is_some_and(|controls| controls.signal_owed);
        let there = matches!(
            service.map(|service| &service.state),
            Some(State::Stopping(Stopping {
                main_gone: false,
                ..
            }))
        );
        if owed && there {
            return self.begin_list(id, List::Stop);
        }
        self.signal_owed(id);
        false
    }

    /// Ends the control process that is under way, if one is: politely, or because its time
    /// is over. A reload that is not wanted any more costs a stop none of its time.
    pub(in crate::core) fn end_control(&mut self, id: ServiceId, signal: Signal) {
        let kill_mode = self.service(id).map(|spec| spec.stop.kill_mode);
        let Some(process) = self.control(id) else {
            return;
        };
        let run = process.run;
        process.unwanted = true;
        let standing = process.standing;
        let is_reload = process.command.list == List::Reload;
        if signal == Signal::KILL && standing != Standing::Left {
            process.failing.get_or_insert(Failing::TooLong);
        }
        let signal = if is_reload { Signal::KILL } else { signal };
        match (standing, kill_mode) {
            (Standing::Refused { .. }, _) => {
                self.forget(run);
                self.control_over(id);
            }
            (Standing::Left, _)
            | (_, Some(KillMode::Tree | KillMode::ControlGroup | KillMode::Mixed)) => {
                self.orders.push(Action::SignalTree { run, signal });
                if signal != Signal::KILL {
                    let signal = Signal::CONT;
                    self.orders.push(Action::SignalTree { run, signal });
                }
            }
            (Standing::Runs, Some(KillMode::Process | KillMode::None) | None) => {
                let to_group = false;
                self.orders.push(Action::SignalMain {
                    run,
                    signal,
                    to_group,
                });
            }
        }
    }

    /// The grace is over: what is left of the control process is killed (again). Whether
    /// the main process's tree is there to be killed too.
    pub(in crate::core) fn kill_controls(&mut self, id: ServiceId) -> bool {
        let Some(controls) = self
            .services
            .get_mut(id.index())
            .and_then(|service| service.controls.as_mut())
        else {
            return true;
        };
        controls.signal_owed = false;
        controls.signal_at = None;
        let main_stands = !controls.tree_gone;
        controls.killed |= main_stands;
        self.reindex(id);
        self.end_control(id, Signal::KILL);
        main_stands
    }

    /// The main process ended.
    pub(in crate::core) fn note_exit(&mut self, id: ServiceId, exit: Exit) {
        self.records.exited(id, exit);
        if let Some(controls) = self
            .services
            .get_mut(id.index())
            .and_then(|service| service.controls.as_mut())
        {
            controls.exit = Some(exit);
        }
    }

    /// The main process and its tree are gone, or never were. Whether a control process is
    /// still there, or `exec-stop-post` is to come: then this is asked again.
    pub(in crate::core) fn commands_remain(&mut self, id: ServiceId) -> bool {
        let at = self.now.at;
        let forced = self.is_forced();
        let Some(service) = self.services.get_mut(id.index()) else {
            return false;
        };
        let Some(controls) = &mut service.controls else {
            return false;
        };
        controls.tree_gone = true;
        let busy = controls.process.is_some();
        let (run, then) = match &mut service.state {
            State::Stopping(stopping) => {
                stopping.main_gone = true;
                (&stopping.run, &stopping.then)
            }
            State::Killing(killing) => {
                killing.main_gone = true;
                (&killing.run, &killing.then)
            }
            State::Inactive(_)
            | State::Waiting(_)
            | State::Starting(_)
            | State::Active { .. }
            | State::Backoff(_)
            | State::Exited { .. }
            | State::Failed { .. } => return false,
        };
        if busy {
            return true;
        }
        if std::mem::replace(&mut controls.last, true) {
            return false;
        }
        let (run, then) = (run.clone(), then.clone());
        if forced || !self.has_commands(id, List::StopPost) {
            return false;
        }
        let stopping = Stopping {
            run,
            main_gone: true,
            since: at,
            kill_at: self.grace(id).map(|grace| at.plus(grace)),
            then,
        };
        self.transition(id, State::Stopping(stopping));
        self.begin_list(id, List::StopPost)
    }

    /// What a run's last commands are told of it.
    pub(super) fn result(&self, id: ServiceId) -> Option<ServiceResult> {
        let service = self.services.get(id.index())?;
        let controls = service.controls.as_ref()?;
        let exit = controls.exit;
        let asked = self.service(id).map(|spec| spec.stop.signal);
        let then = match &service.state {
            State::Stopping(stopping) => Some(&stopping.then),
            State::Killing(killing) => Some(&killing.then),
            State::Inactive(_)
            | State::Waiting(_)
            | State::Starting(_)
            | State::Active { .. }
            | State::Backoff(_)
            | State::Exited { .. }
            | State::Failed { .. } => None,
        };
        let word = match then {
            _ if controls.killed => "timeout",
            Some(Then::Failure(reason)) => word(reason),
            Some(Then::ByItself(None)) => "timeout",
            Some(
                Then::Stopped
                | Then::ByHand
                | Then::Waiting
                | Then::ByItself(Some(_))
                | Then::DependencyFailed(_)
                | Then::DependencyEnded(_),
            )
            | None => exit.map_or("success", |exit| ServiceResult::of(exit, asked).word),
        };
        Some(ServiceResult { word, exit })
    }
}

fn word(reason: &Reason) -> &'static str {
    match reason {
        Reason::NotReady { .. }
        | Reason::NotThere { .. }
        | Reason::NotStopped { .. }
        | Reason::TooLong(_) => "timeout",
        Reason::Unhealthy { .. } | Reason::Watchdog { .. } => "watchdog",
        Reason::Unmet { .. } => "exec-condition",
        Reason::ForkRefused { .. } => "resources",
        Reason::Spawn(_) => "exit-code",
        Reason::Command(failure) => match &failure.how {
            Failing::Exit(exit) => ServiceResult::of(*exit, None).word,
            Failing::Spawn(_) => "exit-code",
            Failing::TooLong => "timeout",
        },
        Reason::Exit(exit) => ServiceResult::of(*exit, None).word,
        Reason::Explained { what, .. } => word(what),
        Reason::StartLimit { .. } | Reason::Dependency { .. } => "success",
    }
}
