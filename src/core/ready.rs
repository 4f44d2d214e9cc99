//! From a program that runs to a service that is ready.

use super::action::{Action, Question};
use super::commands::List;
use super::event::Answer;
use super::exit::Exit;
use super::id::{RunId, ServiceId};
use super::readiness::{Poll, Readiness, taken};
use super::report::Report;
use super::state::{Stage, State};
use super::system::System;

impl System {
    pub(super) fn executed(&mut self, run: RunId) {
        let Some((id, starting)) = self.starting(run) else {
            return;
        };
        if !matches!(starting.stage, Stage::Spawning | Stage::Spawned) {
            return;
        }
        starting.stage = Stage::Forking;
        if self.service(id).is_some_and(|spec| spec.forking.is_some()) {
            self.reindex(id);
        } else {
            self.runs_on(id);
        }
    }

    /// What runs now is to become ready.
    pub(super) fn runs_on(&mut self, id: ServiceId) {
        let Some(State::Starting(starting)) = self
            .services
            .get_mut(id.index())
            .map(|service| &mut service.state)
        else {
            return;
        };
        let run = starting.run.id;
        starting.stage = Stage::Executed { poll: None };
        let early = starting.ready_early;
        match self.service(id).map(Readiness::of) {
            Some(Readiness::Executed) => self.become_active(id),
            Some(Readiness::Told | Readiness::Logged) if early => self.become_active(id),
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
            Some(Readiness::Told | Readiness::Logged | Readiness::Ended) | None => self.reindex(id),
        }
    }

    pub(super) fn said_ready(&mut self, run: RunId) {
        let Some((id, starting)) = self.starting(run) else {
            self.reloaded(run);
            return;
        };
        let executed = match starting.stage {
            Stage::Executed { .. } => true,
            Stage::Spawning | Stage::Spawned | Stage::Forking | Stage::Finding { .. } => false,
            // That is a command's word, and there is no main process to be ready.
            Stage::Before
            | Stage::Opening
            | Stage::Elsewhere { .. }
            | Stage::Probing
            | Stage::ForkRefused { .. }
            | Stage::After { .. } => return,
        };
        starting.ready_early = true;
        let told = self.service(id).map(Readiness::of);
        if executed && matches!(told, Some(Readiness::Told | Readiness::Logged)) {
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
            (Stage::Elsewhere { .. }, answer) => {
                self.elsewhere_answered(run, answer);
                return;
            }
            (Stage::Finding { .. }, answer) => {
                self.main_sought(run, answer);
                return;
            }
            (Stage::Probing, answer) => {
                starting.stage = Stage::Spawning;
                if answer == Answer::Yes {
                    starting.taken = true;
                    self.reports.push(Report::AlreadyTaken { service: id });
                }
                self.orders.push(Action::Spawn { service: id, run });
            }
            (Stage::Executed { poll: Some(poll) }, answer) if poll.is_in_flight() => match answer {
                Answer::Nobody(why) => {
                    let text = format!("{}: ready since it runs: {why}", self.name(id)).into();
                    self.reports.push(Report::Doubt { text });
                    self.become_active(id);
                    return;
                }
                Answer::Yes if !starting.taken => {
                    self.become_active(id);
                    return;
                }
                Answer::Yes => {
                    poll.refused(now);
                    let answer = self.taken(id);
                    if let Some((_, starting)) = self.starting(run) {
                        starting.answer = answer;
                    }
                }
                Answer::No(why) => {
                    poll.refused(now);
                    starting.taken = false;
                    starting.answer = Some(why);
                }
            },
            (
                Stage::Opening
                | Stage::Before
                | Stage::ForkRefused { .. }
                | Stage::Spawning
                | Stage::Spawned
                | Stage::Forking
                | Stage::Executed { .. }
                | Stage::After { .. },
                _,
            ) => return,
        }
        self.reindex(id);
    }

    /// What somebody else has who answers in its place, if that is so.
    pub(super) fn taken(&self, id: ServiceId) -> Option<Box<str>> {
        match self.state(id)? {
            State::Starting(starting) if starting.taken => taken(self.service(id)?),
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

    /// It is ready; `exec-start-post` belongs to the start.
    pub(super) fn become_active(&mut self, id: ServiceId) {
        let welcomed =
            matches!(self.state(id), Some(State::Starting(starting)) if starting.welcomed);
        if !welcomed && self.has_commands(id, List::StartPost) {
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
}

impl Stage {
    /// There is, or may be, a main process.
    pub(crate) const fn has_process(&self) -> bool {
        match self {
            Self::Opening
            | Self::Elsewhere { .. }
            | Self::Before
            | Self::Probing
            | Self::ForkRefused { .. }
            | Self::After { ended: Some(_) } => false,
            Self::Spawning
            | Self::Spawned
            | Self::Forking
            | Self::Finding { .. }
            | Self::Executed { .. }
            | Self::After { ended: None } => true,
        }
    }
}
