//! When something is due in a state, and what becomes of that while the system sleeps.

use std::time::Duration;

use super::{Stage, State};
use crate::core::time::Instant;

impl State {
    /// When something is due here.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Waiting(waiting) => {
                let appointment = waiting.appointment.map(|known| known.at);
                waiting.until.into_iter().chain(appointment).min()
            }
            Self::Starting(starting) => [
                starting.deadline,
                starting.notice_at,
                starting.stage.next_at(),
            ]
            .into_iter()
            .flatten()
            .min(),
            Self::Stopping(stopping) => stopping.kill_at,
            Self::Killing(killing) => Some(killing.again_at),
            // With something left of the tree, its end is awaited, not the time.
            Self::Backoff(backoff) => backoff.left.is_none().then_some(backoff.until),
            Self::Active { run, reload, .. } => {
                let ping = run.said.as_ref().and_then(|said| said.ping_by);
                let reload = reload.and_then(|reload| reload.until);
                ping.into_iter().chain(reload).min()
            }
            Self::Inactive(_) | Self::Exited { .. } | Self::Failed { .. } => None,
        }
    }

    /// The system was asleep: nobody had the time that passed.
    pub(crate) fn postpone(&mut self, by: Duration) {
        let later = |at: &mut Instant| *at = at.plus(by);
        if let Some(said) = self.run_mut().and_then(|run| run.said.as_mut()) {
            said.ping_by.as_mut().into_iter().for_each(later);
            said.floor.as_mut().into_iter().for_each(later);
        }
        match self {
            Self::Waiting(waiting) => waiting.until.as_mut().into_iter().for_each(later),
            Self::Starting(starting) => {
                starting.deadline.as_mut().into_iter().for_each(later);
                starting.notice_at.as_mut().into_iter().for_each(later);
                if let Stage::Executed { poll: Some(poll) }
                | Stage::Elsewhere { poll }
                | Stage::Finding { poll, .. } = &mut starting.stage
                {
                    poll.postpone(by);
                }
            }
            Self::Stopping(stopping) => stopping.kill_at.as_mut().into_iter().for_each(later),
            Self::Backoff(backoff) => later(&mut backoff.until),
            Self::Active { reload, .. } => {
                let until = reload.as_mut().and_then(|reload| reload.until.as_mut());
                until.into_iter().for_each(later);
            }
            Self::Inactive(_) | Self::Killing(_) | Self::Exited { .. } | Self::Failed { .. } => {}
        }
    }
}

impl Stage {
    fn next_at(&self) -> Option<Instant> {
        match self {
            Self::ForkRefused { again_at, .. } => Some(*again_at),
            Self::Executed { poll: Some(poll) }
            | Self::Elsewhere { poll }
            | Self::Finding { poll, .. } => poll.next_at(),
            Self::Opening
            | Self::Before
            | Self::Probing
            | Self::Spawning
            | Self::Spawned
            | Self::Forking
            | Self::Executed { poll: None }
            | Self::After { .. } => None,
        }
    }
}
