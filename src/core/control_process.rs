//! The control processes of a run: one command after the other, never two at once.
//!
//! Each has a run of its own in the number space of runs, so all that is known of main
//! processes (how the spawn went, how it ended, whose a process is) is known of them in the
//! same way. When one has ended, what it leaves is killed and awaited before anything else
//! goes on: nothing of it outlives it. What `kill-mode = "process"` says holds here too.
//!
//! A list goes on as long as its commands end well, or needn't. `list_over` is where each
//! list leads; `commands_remain` is the last gate before a run is over.

mod ending;

use std::time::Duration;

use super::action::Action;
use super::commands::{CommandFailure, CommandId, Commands, Failing, List};
use super::event::SpawnFailure;
use super::exit::Exit;
use super::id::{RunId, ServiceId};
use super::report::Report;
use super::restart::next_fork_pause;
use super::signal::Signal;
use super::spec::{KillMode, ServiceSpec};
use super::state::{Reason, Stage, State, Then};
use super::system::System;
use super::time::Instant;

/// What is known of a run's control processes; there while the service has a run, if it
/// has commands at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Controls {
    process: Option<ControlProcess>,
    /// `exec-stop` runs: the main process hasn't had its stop signal.
    pub(super) signal_owed: bool,
    /// When it gets it all the same.
    signal_at: Option<Instant>,
    /// The main process and its tree are gone.
    tree_gone: bool,
    /// `exec-stop-post` has begun, or there is none to begin.
    pub(super) last: bool,
    /// The main process was killed because its grace was over.
    killed: bool,
    /// How the main process ended.
    exit: Option<Exit>,
    /// When the run ended by itself: what comes then is not of its time.
    pub(super) ended_at: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ControlProcess {
    run: RunId,
    command: CommandId,
    standing: Standing,
    /// The pause after the last fork that the kernel refused.
    pause: Duration,
    /// It is being ended: its list goes no further.
    unwanted: bool,
    failing: Option<Failing>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Standing {
    /// The kernel had no process to give; it is asked again.
    Refused { again_at: Instant },
    /// It runs, or is about to.
    Runs,
    /// It has ended; the rest of its tree is awaited.
    Left,
}

impl Controls {
    /// When something is due here.
    pub(super) fn next_at(&self) -> Option<Instant> {
        let again = match self.process.as_ref().map(|process| process.standing) {
            Some(Standing::Refused { again_at }) => Some(again_at),
            Some(Standing::Runs | Standing::Left) | None => None,
        };
        self.signal_at.into_iter().chain(again).min()
    }

    /// The system was asleep: nobody had the time that passed.
    pub(super) fn postpone(&mut self, by: Duration) {
        self.signal_at = self.signal_at.map(|at| at.plus(by));
    }

    /// `exec-stop` leaves a quarter of the grace to the stop signal: who hangs there must
    /// not cost a database its last word.
    pub(super) fn owe_signal(&mut self, now: Instant, kill_at: Option<Instant>) {
        let at = kill_at.map(|kill_at| signal_at(now, kill_at));
        self.signal_at = self.signal_at.into_iter().chain(at).min();
        self.signal_owed = true;
    }

    /// The grace was extended: the signal comes no sooner.
    pub(super) fn extend_signal(&mut self, now: Instant, kill_at: Instant) {
        if let Some(at) = &mut self.signal_at {
            *at = signal_at(now, kill_at).max(*at).min(kill_at);
        }
    }

    /// A control process is there.
    pub(super) const fn is_busy(&self) -> bool {
        self.process.is_some()
    }
}

impl System {
    /// The service whose control process this is.
    fn controlled(&self, run: RunId) -> Option<ServiceId> {
        let id = *self.runs.get(&run)?;
        let process = self.services.get(id.index())?.controls.as_ref()?;
        let process = process.process.as_ref()?;
        (process.run == run).then_some(id)
    }

    fn control(&mut self, id: ServiceId) -> Option<&mut ControlProcess> {
        let controls = self.services.get_mut(id.index())?.controls.as_mut()?;
        controls.process.as_mut()
    }

    /// Whether a control process of it is there.
    pub(super) fn is_controlled(&self, id: ServiceId) -> bool {
        let service = self.services.get(id.index());
        let controls = service.and_then(|service| service.controls.as_ref());
        controls.is_some_and(|controls| controls.is_busy())
    }

    /// Whether the service has such commands.
    pub(super) fn has_commands(&self, id: ServiceId, list: List) -> bool {
        let commands = self.service(id).and_then(|spec| spec.commands.as_deref());
        commands.is_some_and(|commands| !commands.list(list).is_empty())
    }

    /// Starts the first command of a list; `false` where there is none.
    pub(super) fn begin_list(&mut self, id: ServiceId, list: List) -> bool {
        self.begin_command(id, CommandId { list, index: 0 })
    }

    fn begin_command(&mut self, id: ServiceId, command: CommandId) -> bool {
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return false;
        };
        let (Some(controls), Some(program)) = (&mut service.controls, program(spec, command))
        else {
            return false;
        };
        let run = RunId(self.next_run);
        self.next_run = self.next_run.saturating_add(1);
        self.runs.insert(run, id);
        controls.process = Some(ControlProcess {
            run,
            command,
            standing: Standing::Runs,
            pause: Duration::ZERO,
            unwanted: false,
            failing: None,
        });
        if let State::Starting(starting) = &mut service.state {
            starting.answer = Some(format!("{}: {program} runs", command.list.key()).into());
        }
        self.order_control(id);
        self.reindex(id);
        true
    }

    fn order_control(&mut self, id: ServiceId) {
        let life = self.state(id).and_then(State::run).map(|run| run.id);
        let process = self
            .control(id)
            .map(|process| (process.run, process.command));
        let (Some(life), Some((run, command))) = (life, process) else {
            return;
        };
        let result = match command.list {
            List::Stop | List::StopPost => self.result(id),
            List::Condition | List::StartPre | List::StartPost | List::Reload => None,
        };
        self.orders.push(Action::SpawnControl {
            service: id,
            life,
            run,
            command,
            result,
        });
    }

    /// A spawn of a control process that came to nothing for now; `false`: it is no such run.
    pub(super) fn control_refused(&mut self, run: RunId, errno: i32) -> bool {
        let now = self.now.at;
        let Some(id) = self.controlled(run) else {
            return false;
        };
        let Some(process) = self.control(id) else {
            return false;
        };
        if process.unwanted {
            self.forget(run);
            self.control_over(id);
            return true;
        }
        let first = process.pause.is_zero();
        process.pause = next_fork_pause(process.pause);
        process.standing = Standing::Refused {
            again_at: now.plus(process.pause),
        };
        self.reindex(id);
        if first {
            self.reports
                .push(Report::ForkRefused { service: id, errno });
        }
        true
    }

    /// A control process never came to be; `false`: it is no such run.
    pub(super) fn control_failed(&mut self, run: RunId, failure: &SpawnFailure) -> bool {
        let Some(id) = self.controlled(run) else {
            return false;
        };
        if let Some(process) = self.control(id) {
            let spawn = || Failing::Spawn(failure.clone());
            process.failing.get_or_insert_with(spawn);
        }
        self.forget(run);
        self.control_over(id);
        true
    }

    /// The first command of a start found that the start isn't to be: of the commands nothing
    /// remains. `None` if it is no such run.
    pub(super) fn drop_first_control(&mut self, run: RunId) -> Option<ServiceId> {
        let id = self.controlled(run)?;
        let service = self.services.get_mut(id.index())?;
        let starts =
            matches!(&service.state, State::Starting(starting) if starting.stage == Stage::Before);
        if !starts || service.controls.as_ref()?.process.as_ref()?.unwanted {
            return None;
        }
        service.controls = None;
        self.forget(run);
        Some(id)
    }

    /// A control process ended; `false`: it is no such run.
    pub(super) fn control_exited(&mut self, run: RunId, exit: Exit) -> bool {
        let Some(id) = self.controlled(run) else {
            return false;
        };
        if let Some(process) = self.control(id) {
            process.standing = Standing::Left;
            if !exit.is_success() {
                process.failing.get_or_insert(Failing::Exit(exit));
            }
        }
        match self.service(id).map(|spec| spec.stop.kill_mode) {
            Some(KillMode::Tree | KillMode::ControlGroup | KillMode::Mixed) => {
                self.kill_tree(run);
            }
            Some(KillMode::Process | KillMode::None) | None => {
                self.forget(run);
                self.control_over(id);
            }
        }
        true
    }

    /// Nothing of a control process is left; `false`: it is no such run.
    pub(super) fn control_gone(&mut self, run: RunId) -> bool {
        let Some(id) = self.controlled(run) else {
            return false;
        };
        let left = self
            .control(id)
            .is_some_and(|process| process.standing == Standing::Left);
        if left {
            self.forget(run);
            self.control_over(id);
        }
        true
    }

    /// The next command, or what comes after the list.
    fn control_over(&mut self, id: ServiceId) {
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return;
        };
        let process = service.controls.as_mut().and_then(|c| c.process.take());
        let Some(process) = process else {
            return;
        };
        let CommandId { list, index } = process.command;
        let command = spec.commands.as_ref().and_then(|c| c.get(process.command));
        let ignored = command.is_some_and(|command| command.ignore_failure);
        // Whoever is being ended needn't end well; who had to be killed for it is named.
        let counts = |how: &Failing| !process.unwanted || *how == Failing::TooLong;
        let failure = process.failing.filter(counts).map(|how| CommandFailure {
            list,
            program: program(spec, process.command).unwrap_or_default().into(),
            how,
        });
        self.reindex(id);
        let failure = match failure {
            Some(failure) if ignored && !process.unwanted => {
                self.reports.push(Report::CommandFailed {
                    service: id,
                    failure,
                    ignored,
                });
                None
            }
            failure => failure,
        };
        let next = CommandId {
            list,
            index: index.saturating_add(1),
        };
        if failure.is_none() && !process.unwanted && self.begin_command(id, next) {
            return;
        }
        self.list_over(id, list, failure);
    }

    /// Where a list leads.
    fn list_over(&mut self, id: ServiceId, list: List, failure: Option<CommandFailure>) {
        let ending = self.shutdown.is_some();
        let Some(service) = self.services.get_mut(id.index()) else {
            return;
        };
        match &mut service.state {
            State::Starting(starting) => {
                starting.answer = None;
                if let Some(failure) = failure {
                    // In a shutdown what runs is stopped in its turn.
                    if ending && starting.stage.has_process() {
                        self.reports.push(Report::CommandFailed {
                            service: id,
                            failure,
                            ignored: false,
                        });
                        return;
                    }
                    let reason = if failure.skips() {
                        let what = failure.to_string().into();
                        let assert = false;
                        Reason::Unmet { what, assert }
                    } else {
                        Reason::Command(Box::new(failure))
                    };
                    self.stop(id, Then::Failure(reason));
                    return;
                }
                match starting.stage {
                    Stage::Before => {
                        let run = starting.run.id;
                        if list != List::Condition || !self.begin_list(id, List::StartPre) {
                            self.launch(id, run);
                        }
                    }
                    Stage::After { ended: None } if starting.welcomed => {
                        if !self.is_still_sought(id) {
                            self.runs_on(id);
                        }
                    }
                    Stage::After { ended: None } => self.activate(id),
                    Stage::After { ended: Some(exit) } => self.ended(id, Reason::Exit(exit)),
                    Stage::Elsewhere { .. }
                    | Stage::Opening
                    | Stage::Probing
                    | Stage::ForkRefused { .. }
                    | Stage::Spawning
                    | Stage::Spawned
                    | Stage::Forking
                    | Stage::Finding { .. }
                    | Stage::Executed { .. } => {}
                }
            }
            State::Stopping(_) | State::Killing(_) => {
                if let Some(failure) = failure {
                    self.reports.push(Report::CommandFailed {
                        service: id,
                        failure,
                        ignored: false,
                    });
                }
                match list {
                    List::Stop => self.signal_owed(id),
                    List::Reload if self.stop_commands_owed(id) => return,
                    List::Reload
                    | List::Condition
                    | List::StartPre
                    | List::StartPost
                    | List::StopPost => {}
                }
                let controls = self.services.get(id.index());
                let controls = controls.and_then(|service| service.controls.as_ref());
                let nobody = self
                    .service(id)
                    .is_some_and(|spec| spec.stop.kill_mode == KillMode::None);
                // Where nobody is signalled nothing else is waited for.
                if controls.is_some_and(|controls| controls.tree_gone)
                    || (nobody && list == List::Stop)
                {
                    self.run_over(id);
                }
            }
            State::Active { .. } => self.reload_commands_over(id, failure),
            State::Inactive(_)
            | State::Waiting(_)
            | State::Backoff(_)
            | State::Exited { .. }
            | State::Failed { .. } => {}
        }
    }

    /// Something of the control processes is due.
    pub(super) fn controls_due(&mut self, id: ServiceId) {
        let now = self.now.at;
        let Some(controls) = self
            .services
            .get_mut(id.index())
            .and_then(|service| service.controls.as_mut())
        else {
            return;
        };
        if controls.signal_at.is_some_and(|at| at <= now) {
            self.end_control(id, Signal::KILL);
            self.signal_owed(id);
        }
        let Some(process) = self.control(id) else {
            return;
        };
        if let Standing::Refused { again_at } = process.standing
            && again_at <= now
        {
            process.standing = Standing::Runs;
            self.order_control(id);
            self.reindex(id);
        }
    }
}

fn signal_at(now: Instant, kill_at: Instant) -> Instant {
    now.plus(kill_at.since(now).saturating_mul(3) / 4)
}

/// What a command is called.
fn program(spec: &ServiceSpec, command: CommandId) -> Option<String> {
    let commands = spec.commands.as_deref();
    let found = commands.and_then(|commands: &Commands| commands.get(command));
    found.map(|found| found.command.to_string())
}
