//! From the decision to start to being ready.

use std::time::Duration;

use super::action::{Action, Question};
use super::commands::List;
use super::event::{Answer, SpawnFailure};
use super::exit::Exit;
use super::id::{Pid, RunId, ServiceId};
use super::readiness::{NOTICE_AFTER, Poll, Readiness};
use super::report::Report;
use super::restart::next_fork_pause;
use super::spec::Ready;
use super::state::{Reason, Run, Stage, Starting, State, Then, Waiting};
use super::system::System;

impl System {
    /// Starts it if it waits and nothing is in its way.
    pub(super) fn consider(&mut self, id: ServiceId) {
        let Some(service) = self.services.get(id.index()) else {
            return;
        };
        let State::Waiting(waiting) = &service.state else {
            return;
        };
        if self.shutdown.is_some() {
            return;
        }
        if service.unmet_requires > 0 {
            if let Some(by) = self.lost_cause(id) {
                self.doomed(id, by);
            }
        } else if service.unmet_after == 0 || waiting.impatient {
            self.start(id);
        }
    }

    /// `main` has waited long enough for those that it merely comes after.
    pub(super) fn lose_patience(&mut self, id: ServiceId) {
        let Some(service) = self.services.get_mut(id.index()) else {
            return;
        };
        if let State::Waiting(waiting) = &mut service.state {
            waiting.until = None;
            waiting.impatient = true;
            self.reindex(id);
            self.consider(id);
        }
    }

    /// The delay is over. What it requires may be gone by now.
    pub(super) fn resume(&mut self, id: ServiceId) {
        let Some(service) = self.services.get(id.index()) else {
            return;
        };
        if service.unmet_requires == 0 {
            self.start(id);
        } else {
            self.transition(
                id,
                State::Waiting(Waiting {
                    until: None,
                    impatient: true,
                    comeback: false,
                }),
            );
            self.consider(id);
        }
    }

    /// A new life.
    fn start(&mut self, id: ServiceId) {
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return;
        };
        let at = self.now.at;
        let comeback = matches!(&service.state, State::Waiting(waiting) if waiting.comeback);
        if let Some(limit) = spec.restart.limit
            && !comeback
        {
            service.starts.note(limit, at);
        }
        let run = RunId(self.next_run);
        self.next_run = self.next_run.saturating_add(1);
        self.runs.insert(run, id);
        let has_commands = spec.commands.is_some();
        service.controls = has_commands.then(Box::default);
        let starting = Starting {
            run: Run {
                id: run,
                pid: None,
                since: at,
                status: None,
                said: None,
            },
            stage: Stage::Before,
            deadline: spec.start_timeout.map(|timeout| at.plus(timeout)),
            notice_at: Some(at.plus(NOTICE_AFTER)),
            ready_early: false,
            taken: false,
            fork_pause: Duration::ZERO,
            answer: None,
        };
        self.transition(id, State::Starting(starting));
        if !has_commands || !self.begin_list(id, List::StartPre) {
            self.launch(id, run);
        }
    }

    /// The main process's turn.
    pub(super) fn launch(&mut self, id: ServiceId, run: RunId) {
        let Some(spec) = self.spec.services.get(id.index()) else {
            return;
        };
        let stage = match Readiness::of(spec) {
            Readiness::Probed { before_spawn: true } => {
                let of = Question::Readiness;
                self.orders.push(Action::Probe {
                    service: id,
                    run,
                    of,
                });
                Stage::Probing
            }
            Readiness::Executed
            | Readiness::Ended
            | Readiness::Told
            | Readiness::Delayed(_)
            | Readiness::Probed {
                before_spawn: false,
            } => {
                self.orders.push(Action::Spawn { service: id, run });
                Stage::Spawning
            }
        };
        if let Some(service) = self.services.get_mut(id.index())
            && let State::Starting(starting) = &mut service.state
        {
            starting.stage = stage;
        }
    }

    /// The service's start, if this run is in it.
    fn starting(&mut self, run: RunId) -> Option<(ServiceId, &mut Starting)> {
        let id = *self.runs.get(&run)?;
        let service = self.services.get_mut(id.index())?;
        match &mut service.state {
            State::Starting(starting) if starting.run.id == run => Some((id, starting)),
            State::Starting(_)
            | State::Inactive(_)
            | State::Waiting(_)
            | State::Active { .. }
            | State::Stopping(_)
            | State::Killing(_)
            | State::Backoff(_)
            | State::Exited { .. }
            | State::Failed { .. } => None,
        }
    }

    pub(super) fn spawned(&mut self, run: RunId, pid: Pid) {
        if let Some((id, starting)) = self.starting(run)
            && starting.stage == Stage::Spawning
        {
            starting.stage = Stage::Spawned;
            self.reindex(id);
        }
        if let Some(known) = self.run_mut(run) {
            known.pid = Some(pid);
        }
    }

    /// Tried again under every policy: the service has done nothing wrong.
    pub(super) fn fork_refused(&mut self, run: RunId, errno: i32) {
        if self.control_refused(run, errno) {
            return;
        }
        let now = self.now.at;
        let Some((id, starting)) = self.starting(run) else {
            self.never_was(run);
            return;
        };
        if starting.stage != Stage::Spawning {
            return;
        }
        let first = starting.fork_pause.is_zero();
        starting.fork_pause = next_fork_pause(starting.fork_pause);
        starting.answer = Some("no process to be had".into());
        starting.stage = Stage::ForkRefused {
            again_at: now.plus(starting.fork_pause),
            errno,
        };
        self.reindex(id);
        if first {
            self.reports
                .push(Report::ForkRefused { service: id, errno });
        }
    }

    pub(super) fn executed(&mut self, run: RunId) {
        let Some((id, starting)) = self.starting(run) else {
            return;
        };
        if !matches!(starting.stage, Stage::Spawning | Stage::Spawned) {
            return;
        }
        starting.stage = Stage::Executed { poll: None };
        let early = starting.ready_early;
        match self.service(id).map(Readiness::of) {
            Some(Readiness::Executed) => self.become_active(id),
            Some(Readiness::Told) if early => self.become_active(id),
            Some(Readiness::Probed { .. }) => {
                if let Some((_, starting)) = self.starting(run) {
                    starting.stage = Stage::Executed {
                        poll: Some(Poll::asked()),
                    };
                }
                let of = Question::Readiness;
                self.orders.push(Action::Probe {
                    service: id,
                    run,
                    of,
                });
                self.reindex(id);
            }
            Some(Readiness::Delayed(delay)) => {
                let poll = Some(Poll::at(self.now.at.plus(delay)));
                if let Some((_, starting)) = self.starting(run) {
                    starting.stage = Stage::Executed { poll };
                }
                self.reindex(id);
            }
            Some(Readiness::Told | Readiness::Ended) | None => self.reindex(id),
        }
    }

    pub(super) fn said_ready(&mut self, run: RunId) {
        let Some((id, starting)) = self.starting(run) else {
            self.reloaded(run);
            return;
        };
        let executed = match starting.stage {
            Stage::Executed { .. } => true,
            // A command of `exec-start-pre` may speak for the service too.
            Stage::Before | Stage::Spawning | Stage::Spawned => false,
            Stage::Probing | Stage::ForkRefused { .. } | Stage::After { .. } => {
                return;
            }
        };
        starting.ready_early = true;
        if executed && self.service(id).map(Readiness::of) == Some(Readiness::Told) {
            self.become_active(id);
        }
    }

    pub(super) fn probed(&mut self, run: RunId, answer: Answer) {
        let now = self.now.at;
        let Some((id, starting)) = self.starting(run) else {
            self.health_answered(run, answer);
            return;
        };
        match (&mut starting.stage, answer) {
            (Stage::Probing, answer) => {
                starting.stage = Stage::Spawning;
                if answer == Answer::Yes {
                    starting.taken = true;
                    self.reports.push(Report::AlreadyTaken { service: id });
                }
                self.orders.push(Action::Spawn { service: id, run });
            }
            (Stage::Executed { poll: Some(poll) }, answer) if poll.is_in_flight() => match answer {
                Answer::Yes if !starting.taken => {
                    self.become_active(id);
                    return;
                }
                Answer::Yes => {
                    poll.refused(now);
                    starting.answer = Some("somebody else answers".into());
                }
                Answer::No(why) => {
                    poll.refused(now);
                    starting.taken = false;
                    starting.answer = Some(why);
                }
            },
            (
                Stage::Before
                | Stage::ForkRefused { .. }
                | Stage::Spawning
                | Stage::Spawned
                | Stage::Executed { .. }
                | Stage::After { .. },
                _,
            ) => return,
        }
        self.reindex(id);
    }

    /// The program does not run, and the process is gone.
    pub(super) fn spawn_failed(&mut self, run: RunId, failure: SpawnFailure) {
        if self.control_failed(run, &failure) {
            return;
        }
        match self.starting(run) {
            Some((id, _)) => self.ended(id, Reason::Spawn(Box::new(failure))),
            None => self.never_was(run),
        }
    }

    pub(super) fn said_status(&mut self, run: RunId, text: Box<str>) {
        if let Some(known) = self.run_mut(run) {
            known.status = Some(text);
        }
    }

    pub(super) fn said_main_pid(&mut self, run: RunId, pid: Pid) {
        if let Some(known) = self.run_mut(run) {
            known.pid = Some(pid);
        }
    }

    pub(super) fn run_mut(&mut self, run: RunId) -> Option<&mut Run> {
        let id = self.runs.get(&run)?;
        let service = self.services.get_mut(id.index())?;
        service.state.run_mut().filter(|known| known.id == run)
    }

    /// It is ready; `exec-start-post` belongs to the start.
    fn become_active(&mut self, id: ServiceId) {
        if self.has_commands(id, List::StartPost) {
            self.come_after(id, None);
        } else {
            self.activate(id);
        }
    }

    /// `exec-start-post`.
    pub(super) fn come_after(&mut self, id: ServiceId, ended: Option<Exit>) {
        if let Some(service) = self.services.get_mut(id.index())
            && let State::Starting(starting) = &mut service.state
        {
            starting.stage = Stage::After { ended };
            self.begin_list(id, List::StartPost);
        }
    }

    pub(super) fn activate(&mut self, id: ServiceId) {
        if let Some(mut run) = self.state(id).and_then(State::run).cloned() {
            let since = self.now.at;
            if let Some(spec) = self.service(id) {
                run.expect_a_ping(spec, since);
            }
            let reload = None;
            self.transition(id, State::Active { run, since, reload });
        }
    }

    /// A start's deadline, its notice, its next probe or its next fork is due.
    pub(super) fn start_due(&mut self, id: ServiceId) {
        let now = self.now.at;
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return;
        };
        let State::Starting(starting) = &mut service.state else {
            return;
        };
        let run = starting.run.id;
        if starting.deadline.is_some_and(|at| at <= now) {
            let reason = match starting.stage {
                Stage::ForkRefused { errno, .. } => Reason::ForkRefused { errno },
                Stage::Before
                | Stage::Probing
                | Stage::Spawning
                | Stage::Spawned
                | Stage::Executed { .. }
                | Stage::After { .. } => Reason::NotReady {
                    after: now.since(starting.run.since),
                    answer: starting.answer.take().or(starting.run.status.take()),
                },
            };
            self.stop(id, Then::Failure(reason));
            return;
        }
        if starting.notice_at.is_some_and(|at| at <= now) {
            starting.notice_at = None;
            let answer = starting.answer.clone().or(starting.run.status.clone());
            self.reports.push(Report::StillWaiting {
                service: id,
                answer,
            });
        }
        match &mut starting.stage {
            Stage::ForkRefused { again_at, .. } if *again_at <= now => {
                starting.stage = Stage::Spawning;
                self.orders.push(Action::Spawn { service: id, run });
            }
            Stage::Executed { poll: Some(poll) } => {
                if poll.ask(now) {
                    if matches!(spec.ready, Ready::Delay(_)) {
                        self.become_active(id);
                        return;
                    }
                    let of = Question::Readiness;
                    self.orders.push(Action::Probe {
                        service: id,
                        run,
                        of,
                    });
                }
            }
            Stage::Before
            | Stage::ForkRefused { .. }
            | Stage::Probing
            | Stage::Spawning
            | Stage::Spawned
            | Stage::Executed { poll: None }
            | Stage::After { .. } => {}
        }
        self.reindex(id);
    }
}
