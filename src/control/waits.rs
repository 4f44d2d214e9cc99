//! Answers that come later: a client that waits until services stand somewhere. Nothing
//! is asked again and again; each change of state is looked at once for each wait.

use std::time::Duration;

use super::answer::Reply;
use super::protocol::{REFUSED, Request, UNKNOWN, USAGE, done, refusal};
use crate::core::apply::places::Places;
use crate::core::id::ServiceId;
use crate::core::sorted::Set;
use crate::core::state::{Idle, Standing, State};
use crate::core::system::System;
use crate::core::time::{Instant, Now, Span};

/// What is waited for.
#[derive(Debug)]
pub(crate) struct Wait {
    open: Set<ServiceId>,
    /// `None`: active, or exited as it should.
    goal: Option<Standing>,
    begun: Instant,
    until: Option<Instant>,
}

impl Wait {
    /// Begins to wait, or answers at once.
    pub(crate) fn begin(
        request: &Request,
        ids: Vec<ServiceId>,
        system: &System,
        now: Now,
    ) -> Reply {
        let goal = match request.word("for") {
            None => None,
            Some(word) => match Standing::ALL.into_iter().find(|it| it.word() == word) {
                Some(standing) => Some(standing),
                None => return Reply::Now(refusal(USAGE, "there is no such state")),
            },
        };
        let timeout = request.number("timeout").map(Duration::from_millis);
        let mut wait = Self {
            open: ids.into_iter().collect(),
            goal,
            begun: now.at,
            until: timeout.map(|timeout| now.at.plus(timeout)),
        };
        for id in wait.open.clone() {
            if let Some(line) = wait.look(id, system) {
                return Reply::Now(line);
            }
        }
        match wait.expire(system, now.at) {
            Some(line) => Reply::Now(line),
            None => Reply::Later(wait),
        }
    }

    /// When it has taken too long.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.until
    }

    /// A service has changed; the answer, if that decides it.
    pub(crate) fn look(&mut self, id: ServiceId, system: &System) -> Option<Vec<u8>> {
        let state = system.state(id).filter(|_| self.open.contains(&id))?;
        let standing = state.standing();
        let there = match self.goal {
            Some(goal) => goal == standing,
            None => {
                let skipped = matches!(state, State::Inactive(Idle::Skipped(_)));
                skipped || matches!(standing, Standing::Active | Standing::Exited)
            }
        };
        if there {
            self.open.remove(&id);
            return self.open.is_empty().then(|| done(""));
        }
        // What has ended for good stays where it is.
        let ended = match state {
            State::Failed { .. } | State::Exited { .. } => true,
            State::Inactive(
                Idle::DependencyEnded(_) | Idle::Stopped | Idle::ByHand | Idle::Skipped(_),
            ) => self.goal.is_none(),
            State::Inactive(Idle::Disabled | Idle::Reset)
            | State::Waiting(_)
            | State::Starting(_)
            | State::Active { .. }
            | State::Stopping(_)
            | State::Killing(_)
            | State::Backoff(_) => false,
        };
        ended.then(|| {
            let name = system.service(id).map_or("?", |spec| &spec.name);
            let reason = system.last_reason(id);
            let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
            let error = format!("{name} is {}{reason}", standing.word());
            refusal(REFUSED, &error)
        })
    }

    /// Services have other numbers now. The answer, if one is no more.
    pub(crate) fn take_over(&mut self, places: &Places) -> Option<Vec<u8>> {
        let open = std::mem::take(&mut self.open);
        self.open = open.iter().filter_map(|id| places.of(*id)).collect();
        (self.open.len() < open.len())
            .then(|| refusal(UNKNOWN, "a new configuration doesn't define it any more"))
    }

    /// The answer, if the time is over.
    pub(crate) fn expire(&self, system: &System, now: Instant) -> Option<Vec<u8>> {
        if self.until.is_none_or(|until| until > now) {
            return None;
        }
        let first = *self.open.first()?;
        let sentence = system.why(first, now).into_iter().next();
        let after = Span(now.since(self.begun));
        let error = format!("not so after {after}: {}", sentence.unwrap_or_default());
        Some(refusal(REFUSED, &error))
    }
}
