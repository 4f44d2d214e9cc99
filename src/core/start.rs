//! From the decision to start to being ready.

use super::action::{Action, Question};
use super::commands::List;
use super::event::SpawnFailure;
use super::graph::{Bond, Edge};
use super::id::{Pid, RunId, ServiceId};
use super::probe::WaitFor;
use super::readiness::{Readiness, missing};
use super::report::Report;
use super::restart::next_fork_pause;
use super::spec::Ready;
use super::state::{Idle, Reason, Run, Stage, Starting, State, Then, Waiting};
use super::system::System;

impl System {
    /// Starts it if it waits and nothing is in its way. Sockets are: but what it needs to
    /// start with it waits for them as well, so that a stop by hand finds it on its way.
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
        let may_start = self.to_open.is_empty();
        if service.unmet_requires > 0 {
            let goes_on = waiting.appointment.is_none() && !self.is_kept_still(id);
            if let Some(by) = self.lost_cause(id) {
                self.doomed(id, by);
            } else if goes_on && self.awaits_trigger(id) {
                if may_start && self.needs_a_start(id) {
                    self.start_or_await(id);
                }
            } else if goes_on {
                self.pull_in(id);
            }
        } else if may_start
            && waiting.appointment.is_none()
            && (service.unmet_after == 0 || waiting.impatient)
            && !self.is_held(id)
        {
            self.start_or_await(id);
        }
    }

    /// What it requires starts with it, where it rests for no reason of anybody's: nothing has
    /// needed it yet, its schedule has gone or is over, or its failure was cleared.
    fn pull_in(&mut self, id: ServiceId) {
        let rests = |(need, bond): &&Edge| {
            let state = self.state(*need);
            *bond == Bond::Requires
                && !self.satisfies(*need)
                && (matches!(state, Some(State::Inactive(Idle::Stopped | Idle::Reset)))
                    || self.is_pulled(*need)
                        && matches!(state, Some(State::Inactive(Idle::Disabled))))
        };
        let needs = self.graph.needs(id).iter().filter(rests);
        for (need, _) in needs.copied().collect::<Vec<Edge>>() {
            self.raise(need, false);
        }
    }

    /// What it conflicts with is still there; or it comes after something that is asked to
    /// start as well; or its new definition doesn't count yet.
    pub(super) fn is_held(&self, id: ServiceId) -> bool {
        let asked = |(need, _): &Edge| self.is_asked_up(*need);
        self.is_kept_still(id)
            || self.rivals(id).next().is_some()
            || self.joining(id).next().is_some()
            || self.is_asked_up(id) && self.graph.needs(id).iter().any(asked)
    }

    /// What it conflicts with, and is still there.
    pub(super) fn rivals(&self, id: ServiceId) -> impl Iterator<Item = ServiceId> {
        let is_there = |id: &ServiceId| {
            let service = self.services.get(id.index());
            service.is_some_and(|service| service.state.is_alive() || service.sweep.is_some())
        };
        self.graph.conflicts(id).iter().copied().filter(is_there)
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
        let Some(spec) = self.service(id) else {
            return;
        };
        // A new configuration may have brought something that comes before it.
        let impatient = spec.is_main;
        let met = service.unmet_requires == 0 && (service.unmet_after == 0 || impatient);
        if spec.is_on_demand() {
            self.go_on_call(id);
        } else if met && !self.is_held(id) {
            self.start(id);
        } else {
            self.transition(
                id,
                State::Waiting(Waiting {
                    impatient,
                    ..Waiting::default()
                }),
            );
            self.consider(id);
        }
    }

    /// A new life.
    pub(super) fn start(&mut self, id: ServiceId) {
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
        let run = Run::new(run, at);
        match spec.wait_for {
            Some(_) => self.wait_elsewhere(id, run),
            None => self.begin(id, run),
        }
    }

    /// Nothing elsewhere is in its way any more: the time of `start-timeout` begins.
    pub(super) fn begin(&mut self, id: ServiceId, run: Run) {
        self.note_begin(id);
        let opens = self.open_sockets(id);
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return;
        };
        let at = self.now.at;
        let deadline = spec.start_timeout.map(|timeout| at.plus(timeout));
        service.controls = spec.commands.is_some().then(Box::default);
        let number = run.id;
        let stage = if opens { Stage::Opening } else { Stage::Before };
        let mut starting = Starting::at(stage, Run { since: at, ..run }, deadline);
        if spec.schedule.is_some() {
            // Nobody waits for a run of the calendar.
            starting.notice_at = None;
        }
        self.transition(id, State::Starting(starting));
        if !opens {
            self.set_out(id, number);
        }
    }

    /// Its sockets are open, if it has any: what comes before the main process begins.
    pub(super) fn set_out(&mut self, id: ServiceId, run: RunId) {
        if let Some(service) = self.services.get_mut(id.index())
            && let State::Starting(starting) = &mut service.state
        {
            starting.stage = Stage::Before;
        }
        let has_commands = self.service(id).is_some_and(|spec| spec.commands.is_some());
        let begins = |list| self.begin_list(id, list);
        if !has_commands || ![List::Condition, List::StartPre].into_iter().any(begins) {
            self.launch(id, run);
        }
    }

    /// The main process's turn.
    pub(super) fn launch(&mut self, id: ServiceId, run: RunId) {
        let stage = match self.service(id).map(Readiness::of) {
            Some(Readiness::Probed { before_spawn: true } | Readiness::Logged) => {
                let of = Question::Readiness;
                self.orders.push(Action::Probe {
                    service: id,
                    run,
                    of,
                });
                Stage::Probing
            }
            Some(
                Readiness::Executed
                | Readiness::Ended
                | Readiness::Told
                | Readiness::Delayed(_)
                | Readiness::Probed {
                    before_spawn: false,
                },
            )
            | None => {
                self.orders.push(Action::Spawn { service: id, run });
                Stage::Spawning
            }
        };
        if let Some(service) = self.services.get_mut(id.index())
            && let State::Starting(starting) = &mut service.state
        {
            starting.stage = stage;
            self.reindex(id);
        }
    }

    /// The service's start, if this run is in it.
    pub(super) fn starting(&mut self, run: RunId) -> Option<(ServiceId, &mut Starting)> {
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

    /// It isn't to run here and now.
    pub(super) fn skip(&mut self, id: ServiceId, what: Box<str>) {
        self.reports.push(Report::Skipped {
            service: id,
            what: what.clone(),
        });
        self.transition(id, State::Inactive(Idle::Skipped(what)));
    }

    /// What prepared the start found that it isn't to be. Nothing of it has begun, so nothing
    /// comes after it either.
    pub(super) fn unmet_condition(&mut self, run: RunId, what: Box<str>, assert: bool) {
        let failure = SpawnFailure {
            step: what.clone(),
            errno: 0,
            reason: "".into(),
        };
        match self.drop_first_control(run) {
            Some(id) => self.ended(id, Reason::Unmet { what, assert }),
            None if self.control_failed(run, &failure) => {}
            None => match self.starting(run) {
                Some((id, _)) => {
                    if let Some(service) = self.services.get_mut(id.index()) {
                        service.controls = None;
                    }
                    self.ended(id, Reason::Unmet { what, assert });
                }
                None => self.never_was(run),
            },
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
            let was_over = std::mem::take(&mut known.is_over);
            self.over = self.over.saturating_sub(u32::from(was_over));
        }
        self.main_found(run);
    }

    pub(super) fn run_mut(&mut self, run: RunId) -> Option<&mut Run> {
        let id = self.runs.get(&run)?;
        let service = self.services.get_mut(id.index())?;
        service.state.run_mut().filter(|known| known.id == run)
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
                Stage::Elsewhere { .. } => {
                    let after = now.since(starting.run.since);
                    let answer = starting.answer.as_deref();
                    let vain = |wait_for: &WaitFor| wait_for.gave_up(after, answer);
                    let what = spec.wait_for.as_deref().map(vain);
                    Reason::NotThere {
                        what: what.unwrap_or_default().into(),
                    }
                }
                Stage::Opening
                | Stage::Before
                | Stage::Probing
                | Stage::Spawning
                | Stage::Spawned
                | Stage::Forking
                | Stage::Finding { .. }
                | Stage::Executed { .. }
                | Stage::After { .. } => Reason::NotReady {
                    after: now.since(starting.run.since),
                    answer: starting
                        .answer
                        .take()
                        .or(starting.run.status.take())
                        .or_else(|| missing(spec)),
                    gone: false,
                },
            };
            self.stop(id, Then::Failure(reason));
            return;
        }
        if starting.notice_at.is_some_and(|at| at <= now) {
            starting.notice_at = None;
            let said = starting.answer.clone().or(starting.run.status.clone());
            let answer = said.or_else(|| missing(spec));
            self.reports.push(match starting.stage {
                Stage::Elsewhere { .. } => Report::StillWaitingElsewhere {
                    service: id,
                    answer,
                },
                Stage::Opening
                | Stage::Before
                | Stage::ForkRefused { .. }
                | Stage::Probing
                | Stage::Spawning
                | Stage::Spawned
                | Stage::Forking
                | Stage::Finding { .. }
                | Stage::Executed { .. }
                | Stage::After { .. } => Report::StillWaiting {
                    service: id,
                    answer,
                },
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
            Stage::Finding { poll, .. } => {
                if poll.ask(now) {
                    let of = Question::MainProcess;
                    self.orders.push(Action::Probe {
                        service: id,
                        run,
                        of,
                    });
                }
            }
            Stage::Elsewhere { poll } => {
                if poll.ask(now) {
                    let of = Question::Elsewhere;
                    self.orders.push(Action::Probe {
                        service: id,
                        run,
                        of,
                    });
                }
            }
            Stage::Before
            | Stage::ForkRefused { .. }
            | Stage::Opening
            | Stage::Probing
            | Stage::Spawning
            | Stage::Spawned
            | Stage::Forking
            | Stage::Executed { poll: None }
            | Stage::After { .. } => {}
        }
        self.reindex(id);
    }
}
