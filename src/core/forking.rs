//! A service whose first process starts it and ends (`type = "forking"`): once that has
//! ended well, its main process is sought among what it left.
//!
//! One whose main process can't be told runs all the same, for as long as anything of its
//! tree does. It has no number then, and whoever stops it means the whole tree.

use super::action::{Action, Question};
use super::commands::List;
use super::event::Answer;
use super::exit::Exit;
use super::id::{RunId, ServiceId};
use super::readiness::Poll;
use super::spec::{Forking, KillMode, Kind, ServiceSpec, Stop};
use super::state::{Reason, Run, Stage, Starting, State};
use super::system::System;

impl ServiceSpec {
    /// An init script starts it, which may have its reasons to start nothing.
    #[must_use]
    pub fn is_by_script(&self) -> bool {
        self.forking.as_ref().is_some_and(|own| own.by_script)
    }
}

impl System {
    fn forking(&self, id: ServiceId) -> Option<&Forking> {
        self.service(id)?.forking.as_deref()
    }

    /// Without the file there is no telling which process is the main one.
    fn is_known_by_file(&self, id: ServiceId) -> bool {
        let is_known = |own: &Forking| own.pid_file.is_some() && !own.by_script;
        self.forking(id).is_some_and(is_known)
    }

    /// Whether it is still asked which process is the run's main one.
    #[must_use]
    pub fn seeks_main(&self, run: RunId) -> bool {
        let state = self.service_of(run).and_then(|id| self.state(id));
        let seeks = |starting: &Starting| {
            starting.run.id == run && matches!(starting.stage, Stage::Finding { .. })
        };
        matches!(state, Some(State::Starting(starting)) if seeks(starting))
    }

    /// The first process ended. Whether that was no more than a step of the start.
    pub(super) fn has_forked(&mut self, id: ServiceId, exit: Exit) -> bool {
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return false;
        };
        let State::Starting(starting) = &mut service.state else {
            return false;
        };
        let anyhow = spec.forking.as_ref().is_some_and(|own| own.starts_anyhow);
        let coded = matches!(exit, Exit::Code(_));
        let well = anyhow || coded && (spec.is_by_script() || spec.is_well(exit));
        if starting.stage != Stage::Forking || !well {
            return false;
        }
        starting.run.pid = None;
        let run = starting.run.id;
        self.orders.push(Action::WatchTree { run });
        self.seek_main(id, exit);
        true
    }

    /// Looks for the main process, after that end of the first.
    fn seek_main(&mut self, id: ServiceId, first: Exit) {
        if let Some(service) = self.services.get_mut(id.index())
            && let State::Starting(starting) = &mut service.state
        {
            let poll = Poll::asked();
            let gone = false;
            starting.stage = Stage::Finding { poll, first, gone };
            self.orders.push(Action::Probe {
                service: id,
                run: starting.run.id,
                of: Question::MainProcess,
            });
            self.reindex(id);
        }
    }

    /// It was looked for. A yes without a number: there is no telling.
    pub(super) fn main_sought(&mut self, run: RunId, answer: Answer) {
        let now = self.now.at;
        let Some((id, starting)) = self.starting(run) else {
            return;
        };
        let known = starting.run.pid.is_some();
        let welcomed = starting.welcomed;
        let Stage::Finding { poll, gone, .. } = &mut starting.stage else {
            return;
        };
        if !poll.is_in_flight() {
            return;
        }
        if *gone {
            poll.refused(now);
            self.headless_gone(id);
            return;
        }
        match answer {
            Answer::No(why) if !known => {
                poll.refused(now);
                starting.answer = Some(why);
                self.reindex(id);
                // They may be what writes the file.
                if !welcomed && self.has_commands(id, List::StartPost) {
                    self.welcome_early(id);
                }
            }
            Answer::Yes | Answer::No(_) | Answer::Nobody(_) => {
                starting.answer = None;
                self.runs_on(id);
            }
        }
    }

    /// `exec-start-post` before the main process is known.
    fn welcome_early(&mut self, id: ServiceId) {
        if let Some(service) = self.services.get_mut(id.index())
            && let State::Starting(starting) = &mut service.state
        {
            starting.welcomed = true;
            self.come_after(id, None);
        }
    }

    /// The service itself, or the file, has said which process is the main one.
    pub(super) fn main_found(&mut self, run: RunId) {
        let Some((id, starting)) = self.starting(run) else {
            return;
        };
        let paused = matches!(&starting.stage, Stage::Finding { poll, .. } if !poll.is_in_flight());
        if paused {
            starting.answer = None;
            self.runs_on(id);
        }
    }

    /// `exec-start-post` is over. Whether the main process is still to be found.
    pub(super) fn is_still_sought(&mut self, id: ServiceId) -> bool {
        let unknown = self.is_known_by_file(id) && self.is_headless(id);
        if unknown {
            self.seek_main(id, Exit::Code(0));
        }
        unknown
    }

    /// It runs, or may, without a main process that is known.
    pub(super) fn is_headless(&self, id: ServiceId) -> bool {
        let (Some(state), Some(spec)) = (self.state(id), self.service(id)) else {
            return false;
        };
        is_headless(spec, state)
    }

    /// It has done its work and stays active nevertheless (`RemainAfterExit=`).
    pub(super) fn is_over_but_active(&self, id: ServiceId) -> bool {
        let over = |state: &State| state.is_over() && matches!(state, State::Active { .. });
        self.state(id).is_some_and(over)
    }

    /// A service that remains has ended as it should, by itself: it is active from now on, or
    /// still is. Whether that is so.
    pub(super) fn stays_active(&mut self, id: ServiceId, run: &Run, reason: &Reason) -> bool {
        let ends_anyway = self.shutdown.is_some()
            || self.descent_of(id).is_some()
            || self.has_schedule(id)
            || self.is_over_but_active(id);
        let welcome = self.has_commands(id, List::StartPost);
        let (Some(state), Some(spec), Reason::Exit(exit)) =
            (self.state(id), self.service(id), reason)
        else {
            return false;
        };
        let since = match state {
            State::Active { since, .. } => *since,
            State::Starting(Starting { stage, .. })
                if spec.kind == Kind::Oneshot
                    && (!welcome || matches!(stage, Stage::After { .. })) =>
            {
                self.now.at
            }
            // Its first process left nothing behind, so the work is done.
            State::Starting(Starting {
                stage: Stage::Finding { .. },
                ..
            }) if !welcome => self.now.at,
            State::Inactive(_)
            | State::Waiting(_)
            | State::Starting(_)
            | State::Stopping(_)
            | State::Killing(_)
            | State::Backoff(_)
            | State::Exited { .. }
            | State::Failed { .. } => return false,
        };
        if ends_anyway || !spec.remains() || !spec.is_well(*exit) {
            return false;
        }
        self.note_exit(id, *exit);
        let mut run = run.clone();
        (run.pid, run.is_over) = (None, true);
        run.expect_no_ping();
        let reload = self.reload_left(id);
        self.transition(id, State::Active { run, since, reload });
        true
    }

    /// Nothing is left of a run. If it had no main process, that is its end.
    pub(super) fn headless_gone(&mut self, id: ServiceId) {
        if !self.is_headless(id) || self.is_over_but_active(id) {
            return;
        }
        if self.answers_first(id) {
            return;
        }
        let by_file = self.is_known_by_file(id);
        let by_script = self.service(id).is_some_and(ServiceSpec::is_by_script);
        let since = self.now.at;
        let reason = match self.state(id) {
            // Also while a command after the start still runs that may write the file.
            Some(State::Starting(Starting { run, answer, .. })) if by_file => {
                let last = answer.as_deref().unwrap_or("no main process was found");
                Reason::NotReady {
                    after: since.since(run.since),
                    answer: Some(last.into()),
                    gone: true,
                }
            }
            Some(State::Starting(Starting {
                stage: Stage::Finding { first, .. },
                ..
            })) if by_script => Reason::Exit(*first),
            Some(State::Starting(_) | State::Active { .. }) => Reason::Exit(Exit::Code(0)),
            Some(
                State::Inactive(_)
                | State::Waiting(_)
                | State::Stopping(_)
                | State::Killing(_)
                | State::Backoff(_)
                | State::Exited { .. }
                | State::Failed { .. },
            )
            | None => return,
        };
        self.ended(id, reason);
    }

    /// It is to remain, and is still asked which process is the main one: nobody is asked two
    /// things at a time, so that its being over waits for the answer.
    fn answers_first(&mut self, id: ServiceId) -> bool {
        let remains = self.service(id).is_some_and(ServiceSpec::remains);
        let by_file = self.is_known_by_file(id);
        let Some(service) = self.services.get_mut(id.index()) else {
            return false;
        };
        let State::Starting(Starting {
            stage: Stage::Finding { poll, gone, .. },
            ..
        }) = &mut service.state
        else {
            return false;
        };
        *gone = remains && !by_file && poll.is_in_flight();
        *gone
    }

    /// What a stop begins with where no main process is known: the whole tree gets the stop
    /// signal. Whether what is left was killed.
    pub(super) fn end_headless(&mut self, run: RunId, stop: &Stop) -> bool {
        match stop.kill_mode {
            KillMode::Tree | KillMode::ControlGroup => self.end_tree(run, stop.signal),
            KillMode::Mixed => self.kill_tree(run),
            KillMode::Process | KillMode::None => {}
        }
        stop.kill_mode == KillMode::Mixed
    }
}

/// Its first process has ended, and no other is known to be the main one; or it only remains.
pub(super) fn is_headless(spec: &ServiceSpec, state: &State) -> bool {
    let forks = spec.forking.is_some();
    let unknown = |run: &Run| run.is_over || forks && run.pid.is_none();
    state.run().is_some_and(unknown)
        && match state {
            State::Starting(starting) => match starting.stage {
                Stage::Finding { .. } | Stage::Executed { .. } | Stage::After { ended: None } => {
                    true
                }
                Stage::Opening
                | Stage::Elsewhere { .. }
                | Stage::Before
                | Stage::Probing
                | Stage::ForkRefused { .. }
                | Stage::Spawning
                | Stage::Spawned
                | Stage::Forking
                | Stage::After { ended: Some(_) } => false,
            },
            State::Active { .. } => true,
            State::Stopping(stopping) => !stopping.main_gone,
            State::Killing(killing) => !killing.main_gone,
            State::Inactive(_)
            | State::Waiting(_)
            | State::Backoff(_)
            | State::Exited { .. }
            | State::Failed { .. } => false,
        }
}
