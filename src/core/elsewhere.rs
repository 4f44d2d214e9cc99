//! `wait-for`: what a service needs from elsewhere, from another container say, is asked
//! for before each start, until it answers or its time is over.
//!
//! The service has a run by then, since probes belong to one, but it is called waiting.

use std::time::Duration;

use super::action::{Action, Question};
use super::event::Answer;
use super::id::{RunId, ServiceId};
use super::readiness::{NOTICE_AFTER, Poll};
use super::state::{Run, Stage, Starting, State};
use super::system::System;
use super::time::Instant;

impl Starting {
    /// A stage that begins with this run's beginning.
    pub(super) fn at(stage: Stage, run: Run, deadline: Option<Instant>) -> Self {
        Self {
            stage,
            deadline,
            notice_at: Some(run.since.plus(NOTICE_AFTER)),
            run,
            ready_early: false,
            taken: false,
            welcomed: false,
            fork_pause: Duration::ZERO,
            answer: None,
        }
    }
}

impl System {
    /// Begins to ask.
    pub(super) fn wait_elsewhere(&mut self, id: ServiceId, run: Run) {
        let wait_for = self.service(id).and_then(|spec| spec.wait_for.as_ref());
        let timeout = wait_for.and_then(|wait_for| wait_for.timeout);
        let deadline = timeout.map(|timeout| run.since.plus(timeout));
        self.orders.push(Action::Probe {
            service: id,
            run: run.id,
            of: Question::Elsewhere,
        });
        let poll = Poll::asked();
        let starting = Starting::at(Stage::Elsewhere { poll }, run, deadline);
        self.transition(id, State::Starting(starting));
    }

    /// What it found.
    pub(super) fn elsewhere_answered(&mut self, run: RunId, answer: Answer) {
        let now = self.now.at;
        let Some((id, starting)) = self.starting(run) else {
            return;
        };
        let Stage::Elsewhere { poll } = &mut starting.stage else {
            return;
        };
        if !poll.is_in_flight() {
            return;
        }
        match answer {
            Answer::Yes | Answer::Nobody(_) => {
                let run = starting.run.clone();
                self.begin(id, run);
            }
            Answer::No(why) => {
                poll.refused(now);
                starting.answer = Some(why);
                self.reindex(id);
            }
        }
    }
}
