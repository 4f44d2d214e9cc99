//! What people ask of a system: how it stands, whether it is well, and why not. All of it
//! is read from the states; nothing here changes one.

mod health;
mod names;
mod why;

use std::fmt::{self, Write};

pub use health::{Ask, Verdict};
pub use names::{Unknown, matches};

use super::exit::Exit;
use super::graph::Bond;
use super::id::ServiceId;
use super::reason::ReasonIn;
use super::state::{Backoff, Idle, Reason, Stage, State};
use super::system::{System, Whole};
use super::time::{Instant, Span};
use crate::core::sorted::Set;

/// So many names are said in one phrase.
const NAMED: usize = 10;

impl Whole {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Degraded => "degraded",
            Self::Stopping => "stopping",
        }
    }
}

impl System {
    /// The monotonic time of the last event.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now.at
    }

    /// The monotonic time of its beginning.
    #[must_use]
    pub const fn booted_at(&self) -> Instant {
        self.booted_at
    }

    /// What a service waits for, in declared order; nothing unless it is waiting.
    pub fn waiting_for(&self, id: ServiceId) -> impl Iterator<Item = ServiceId> {
        let waiting = match self.state(id) {
            Some(State::Waiting(waiting)) => Some(waiting),
            Some(
                State::Inactive(_)
                | State::Starting(_)
                | State::Active { .. }
                | State::Stopping(_)
                | State::Killing(_)
                | State::Backoff(_)
                | State::Exited { .. }
                | State::Failed { .. },
            )
            | None => None,
        };
        let needs = waiting.map_or(&[][..], |_| self.graph.needs(id));
        let patient = waiting.is_some_and(|waiting| !waiting.impatient);
        let asked = self.is_asked_up(id);
        let rivals = waiting.map(|_| self.rivals(id));
        needs
            .iter()
            .filter(move |(id, bond)| {
                let need = self.services.get(id.index());
                let unmet = need.is_some_and(|need| match bond {
                    Bond::Requires => !need.satisfied,
                    Bond::After => patient && !need.attempted,
                });
                unmet || asked && self.is_asked_up(*id)
            })
            .map(|(need, _)| *need)
            .chain(rivals.into_iter().flatten())
    }

    /// What a service waits for at its start, and whether it shares the other's fate.
    pub fn needs(&self, id: ServiceId) -> impl Iterator<Item = (ServiceId, bool)> {
        let needs = self.graph.needs(id).iter();
        needs.map(|(need, bond)| (*need, *bond == Bond::Requires))
    }

    /// These, and all that they wait for at their start, however indirectly; each once, in
    /// declared order.
    #[must_use]
    pub fn with_needs(&self, ids: Vec<ServiceId>) -> Vec<ServiceId> {
        let mut found = Set::new();
        let mut next = ids;
        while let Some(id) = next.pop() {
            if found.insert(id) {
                next.extend(self.needs(id).map(|(need, _)| need));
            }
        }
        found.into_iter().collect()
    }

    /// Why a service is down, in one of systemd's words (`systemctl show -p Result`).
    #[must_use]
    pub fn last_result(&self, id: ServiceId) -> &'static str {
        match self.state(id) {
            Some(State::Failed { reason, .. } | State::Backoff(Backoff { reason, .. })) => {
                reason.result()
            }
            Some(_) | None => "success",
        }
    }

    /// Why a service stands where it does, or how its last run ended.
    #[must_use]
    pub fn last_reason(&self, id: ServiceId) -> Option<String> {
        match self.state(id)? {
            State::Failed { reason, .. } | State::Backoff(Backoff { reason, .. }) => {
                Some(self.words_of(reason))
            }
            State::Starting(starting) => match (&starting.answer, &starting.stage) {
                (Some(answer), _) => Some(answer.to_string()),
                (None, Stage::Executed { .. } | Stage::Elsewhere { .. }) => {
                    self.awaited(id, starting)
                }
                (None, _) => None,
            }
            .or_else(|| self.last_end(id)),
            State::Inactive(Idle::DependencyEnded(on)) => {
                Some(format!("dependency {} ended", self.name(*on)))
            }
            State::Inactive(Idle::ByHand) => Some("stopped by hand".to_owned()),
            State::Inactive(Idle::Skipped(what)) => Some(format!("skipped: {what}")),
            State::Inactive(Idle::Disabled | Idle::Stopped | Idle::Reset)
            | State::Waiting(_)
            | State::Active { .. }
            | State::Stopping(_)
            | State::Killing(_)
            | State::Exited { .. } => self.last_end(id),
        }
    }

    /// How its last run ended, in words.
    fn last_end(&self, id: ServiceId) -> Option<String> {
        Some(self.words_of(self.record(id)?.last_reason()?))
    }

    /// A reason in words.
    #[must_use]
    pub fn words_of(&self, reason: &Reason) -> String {
        let system = self;
        ReasonIn { reason, system }.to_string()
    }

    /// How it stands in a few words, for a list of culprits: `backoff (exited with status
    /// 1, next in 3 s)`, `waits for pgbouncer`.
    pub(super) fn write_condition(
        &self,
        line: &mut String,
        id: ServiceId,
        now: Instant,
    ) -> fmt::Result {
        let Some(state) = self.state(id) else {
            return Ok(());
        };
        match state {
            State::Waiting(_) => {
                let mut separator = "waits for ";
                for need in self.waiting_for(id).take(NAMED) {
                    write!(line, "{separator}{}", self.name(need))?;
                    separator = ", ";
                }
                if separator.starts_with('w') {
                    line.push_str("waiting");
                }
                Ok(())
            }
            State::Backoff(backoff) => {
                line.push_str("backoff (");
                if let Reason::Exit(Exit::Code(code)) = &backoff.reason {
                    write!(line, "exit {code}")?;
                } else {
                    line.push_str(&self.words_of(&backoff.reason));
                }
                write!(line, ", next in {})", Span(backoff.until.since(now)))
            }
            State::Failed { reason, .. } => write!(line, "failed ({})", self.words_of(reason)),
            State::Starting(starting) => {
                line.push_str("starting");
                match (&starting.answer, &starting.run.status, &starting.stage) {
                    (Some(said), _, _) | (None, Some(said), _) => write!(line, " ({said})"),
                    (None, None, Stage::ForkRefused { .. }) => {
                        line.write_str(" (the kernel gives no process)")
                    }
                    (None, None, _) => Ok(()),
                }
            }
            State::Active { .. } if self.is_unhealthy(id) => line.write_str("unhealthy"),
            State::Inactive(Idle::DependencyEnded(on)) => {
                write!(line, "inactive (dependency {} ended)", self.name(*on))
            }
            State::Inactive(Idle::ByHand) => line.write_str("inactive (stopped by hand)"),
            State::Inactive(Idle::Skipped(what)) => write!(line, "inactive (skipped: {what})"),
            State::Inactive(Idle::Disabled | Idle::Stopped | Idle::Reset)
            | State::Active { .. }
            | State::Stopping(_)
            | State::Killing(_)
            | State::Exited { .. } => line.write_str(state.standing().word()),
        }
    }
}
