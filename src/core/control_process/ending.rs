//! Control processes in a stop: who is ended, what a service is told, and what comes last.

use super::Standing;
use crate::core::action::Action;
use crate::core::commands::{Failing, List, ServiceResult};
use crate::core::exit::Exit;
use crate::core::forking::is_headless;
use crate::core::id::ServiceId;
use crate::core::outcome::{exit_of, restarts};
use crate::core::signal::Signal;
use crate::core::spec::{KillMode, Kind};
use crate::core::state::{Killing, Reason, Run, Stage, Starting, State, Stopping, Then};
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
        let by_itself = controls.ended_at.is_some();
        if owed && let State::Stopping(stopping) = &mut service.state {
            let (run, stop) = (stopping.run.id, spec.stop_for(&stopping.then));
            if stopping.main_gone {
                // What outlives the main process, which the commands have ended, was told
                // nothing yet; nor was anything if it ended before them.
                let untold = by_itself || stop.kill_mode == KillMode::ControlGroup;
                if untold && !tree_gone && self.end_rest(run, &stop) {
                    self.now_killing(id);
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
        let controls = service.and_then(|service| service.controls.as_ref());
        let owed = controls.is_some_and(|controls| controls.signal_owed);
        let by_itself = controls.is_some_and(|controls| controls.ended_at.is_some());
        let state = service.map(|service| &service.state);
        if owed
            && let Some(State::Stopping(stopping)) = state
            && (by_itself || !stopping.main_gone)
        {
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

    /// Where commands come after the end, or a control process is there to be ended: leads
    /// through a stop to the verdict. `false` where there is nothing of the kind.
    pub(in crate::core) fn ended_with_commands(
        &mut self,
        id: ServiceId,
        run: &Run,
        reason: &Reason,
    ) -> bool {
        let at = self.now.at;
        // It was about to be stopped, or all is.
        let ordered = match &self.shutdown {
            Some(_) => Some(Then::Stopped),
            None => self.descent_of(id).cloned(),
        };
        let (ending, forced) = (ordered.is_some(), self.is_forced());
        let kill_at = self.grace(id).map(|grace| at.plus(grace));
        let farewell = self.has_commands(id, List::StopPost);
        let welcome = self.has_commands(id, List::StartPost);
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return false;
        };
        let Some(controls) = &mut service.controls else {
            return false;
        };
        let (kind, stop) = (spec.kind, spec.stop.clone());
        let exit = exit_of(reason);
        let well = exit.filter(|exit| spec.is_well(*exit));
        let is_after = matches!(
            &service.state,
            State::Starting(Starting {
                stage: Stage::After { .. },
                ..
            })
        );
        if kind == Kind::Oneshot && well.is_some() && welcome && !is_after && !ending {
            controls.ended_at = Some(at);
            self.note_exit_of(id, exit);
            self.come_after(id, well);
            return true;
        }
        // Its start has succeeded.
        let started = match kind {
            Kind::Simple => matches!(service.state, State::Active { .. }),
            Kind::Oneshot => is_after || !welcome || matches!(service.state, State::Active { .. }),
        };
        let commands = spec.commands.as_ref();
        let stops = commands.is_some_and(|own| own.stop_at_end && !own.stop.is_empty());
        let stops = stops && started && well.is_some() && !forced;
        let busy = controls.is_busy();
        if !farewell && !busy && !stops {
            return false;
        }
        controls.ended_at.get_or_insert(at);
        if stops {
            controls.owe_signal(at, kill_at);
        }
        let again = !ending && restarts(spec, reason);
        let at_once = again && !stops;
        let left = exit.is_some() && stop.kill_mode.ends_tree() && (again || kind == Kind::Simple);
        self.note_exit_of(id, exit);
        self.credit(id);
        if ending && let Some(exit) = exit {
            self.note_stopped(id, exit, false);
        }
        let run = run.clone();
        let run_id = run.id;
        let then = ordered.unwrap_or_else(|| Then::Failure(reason.clone()));
        // People wait for a service that comes back: what is left of it is killed at once.
        let state = if at_once {
            State::Killing(Killing::begin(run, true, at, then))
        } else {
            State::Stopping(Stopping {
                run,
                main_gone: true,
                since: at,
                kill_at,
                then,
            })
        };
        self.transition(id, state);
        self.end_control(id, Signal::TERM);
        if stops && !busy {
            self.begin_list(id, List::Stop);
        }
        if left && stops {
            self.orders.push(Action::WatchTree { run: run_id });
        } else if left && at_once {
            self.kill_tree(run_id);
        } else if left {
            if self.end_rest(run_id, &stop) {
                self.now_killing(id);
            }
        } else {
            self.run_over(id);
        }
        true
    }

    fn note_exit_of(&mut self, id: ServiceId, exit: Option<Exit>) {
        exit.into_iter().for_each(|exit| self.note_exit(id, exit));
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
            Some(Then::Failure(reason)) => reason.result(),
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
