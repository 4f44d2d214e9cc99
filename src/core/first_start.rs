//! How a service came up after the boot, for the chart of it: four moments and a word, no
//! more. Once it is up, or has given up, nothing is written any more.

use std::time::Duration;

use super::state::{Standing, State};

/// No such moment, yet.
const NEVER: u32 = u32::MAX;

/// What has become of a start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartResult {
    /// Nobody waited for it at the boot: it is disabled, new, or comes by itself.
    #[default]
    NotOfBoot,
    /// It isn't up yet.
    Pending,
    /// It was ready.
    Ready,
    /// It ended as it should: a oneshot.
    Done,
    /// It will not be tried again, by itself.
    Failed,
    /// It was stopped before it was up.
    Stopped,
}

impl StartResult {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> Option<&'static str> {
        match self {
            Self::NotOfBoot => None,
            Self::Pending => Some("pending"),
            Self::Ready => Some("ready"),
            Self::Done => Some("done"),
            Self::Failed => Some("failed"),
            Self::Stopped => Some("stopped"),
        }
    }
}

/// The way from the boot to being up, in milliseconds since then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstStart {
    /// What has become of it.
    pub result: StartResult,
    began: u32,
    attempted: u32,
    last_began: u32,
    settled: u32,
}

impl Default for FirstStart {
    fn default() -> Self {
        Self {
            result: StartResult::NotOfBoot,
            began: NEVER,
            attempted: NEVER,
            last_began: NEVER,
            settled: NEVER,
        }
    }
}

impl FirstStart {
    /// Of a service that the boot waits for.
    pub(super) fn pending() -> Self {
        Self {
            result: StartResult::Pending,
            ..Self::default()
        }
    }

    /// When its first run was spawned.
    #[must_use]
    pub fn began(&self) -> Option<u32> {
        told(self.began)
    }

    /// When its first attempt had ended, in whichever way.
    #[must_use]
    pub fn attempted(&self) -> Option<u32> {
        told(self.attempted)
    }

    /// When the run was spawned that came up, or the last one so far.
    #[must_use]
    pub fn last_began(&self) -> Option<u32> {
        told(self.last_began)
    }

    /// When it was up, or given up.
    #[must_use]
    pub fn settled(&self) -> Option<u32> {
        told(self.settled)
    }

    /// It comes from one state to another, so long after the boot.
    pub(super) fn changed(&mut self, from: &State, to: &State, after: Duration) {
        if self.result != StartResult::Pending {
            return;
        }
        let at = u32::try_from(after.as_millis()).unwrap_or(NEVER);
        let at = at.min(NEVER.saturating_sub(1));
        let standing = to.standing();
        let is_same_run = || from.run().map(|run| run.id) == to.run().map(|run| run.id);
        match standing {
            Standing::Starting => {
                if from.standing() != Standing::Starting || !is_same_run() {
                    self.began = self.began.min(at);
                    self.last_began = at;
                }
            }
            Standing::Active | Standing::Reloading => self.settle(StartResult::Ready, at),
            Standing::Exited => self.settle(StartResult::Done, at),
            Standing::Failed => self.settle(StartResult::Failed, at),
            Standing::Inactive => self.settle(StartResult::Stopped, at),
            Standing::Backoff => self.attempted = self.attempted.min(at),
            // Whatever it waits for now, or is stopped for, it isn't up.
            Standing::Waiting | Standing::Stopping | Standing::Killing => {}
        }
    }

    fn settle(&mut self, result: StartResult, at: u32) {
        self.result = result;
        self.attempted = self.attempted.min(at);
        self.settled = at;
    }

    /// Its moments follow each other, and the end is there when it says so.
    pub(super) fn is_sound(&self) -> bool {
        let ended = match self.result {
            StartResult::NotOfBoot | StartResult::Pending => self.settled == NEVER,
            StartResult::Ready | StartResult::Done => {
                self.began < NEVER && self.last_began <= self.settled && self.settled < NEVER
            }
            StartResult::Failed | StartResult::Stopped => self.settled < NEVER,
        };
        ended
            && self.began <= self.last_began
            && (self.began == NEVER) == (self.last_began == NEVER)
            && self.attempted <= self.settled
    }
}

fn told(moment: u32) -> Option<u32> {
    (moment != NEVER).then_some(moment)
}
