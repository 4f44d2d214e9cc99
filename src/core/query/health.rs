//! The three questions of orchestrators. `--live`: is a restart of the container the
//! only cure? `--ready`: may it get traffic? `--startup`: was it ready once?

use std::fmt::Write;

use super::NAMED;
use crate::core::id::ServiceId;
use crate::core::record::is_up;
use crate::core::state::State;
use crate::core::system::System;
use crate::core::time::Instant;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// No essential service is failed or unhealthy; backoff doesn't count.
    Live,
    /// Every enabled service is up and healthy, but those with `readiness-gate = false`.
    Ready,
    /// That was so at one moment.
    Startup,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Yes.
    pub well: bool,
    /// One line that says why not.
    pub line: String,
}

impl System {
    /// Whether the whole is live, ready, or was ready once.
    #[must_use]
    pub fn health(&self, ask: Ask, now: Instant) -> Verdict {
        match ask {
            Ask::Live => self.live(now),
            Ask::Ready => self.ready("ready", now),
            Ask::Startup if self.records.started => Verdict {
                well: true,
                line: "started".to_owned(),
            },
            Ask::Startup => self.ready("started", now),
        }
    }

    fn live(&self, now: Instant) -> Verdict {
        let is_dead = |id: &ServiceId| {
            let failed = matches!(self.state(*id), Some(State::Failed { .. }));
            let essential = self.service(*id).is_some_and(|spec| spec.essential);
            essential && (failed || self.is_unhealthy(*id))
        };
        let dead: Vec<ServiceId> = self.ids().filter(is_dead).collect();
        if dead.is_empty() {
            let line = "live".to_owned();
            return Verdict { well: true, line };
        }
        let mut line = "not live: ".to_owned();
        self.write_culprits(&mut line, &dead, now);
        Verdict { well: false, line }
    }

    fn ready(&self, word: &str, now: Instant) -> Verdict {
        let gates = || self.ids().filter(|id| self.is_gate(*id));
        let is_well =
            |id: &ServiceId| self.state(*id).is_some_and(is_up) && !self.is_unhealthy(*id);
        let missing: Vec<ServiceId> = gates().filter(|id| !is_well(id)).collect();
        let all = gates().count();
        let up = all.saturating_sub(missing.len());
        let stopping = self.is_stopping();
        if missing.is_empty() && !stopping {
            let line = format!("{word} {up}/{all}");
            return Verdict { well: true, line };
        }
        let mut line = format!("not {word} {up}/{all}: ");
        if stopping {
            line.push_str("stopping");
        } else {
            self.write_culprits(&mut line, &missing, now);
        }
        Verdict { well: false, line }
    }

    /// A shutdown has begun; from the first stop signal on.
    fn is_stopping(&self) -> bool {
        self.shutdown.is_some() || self.first_stop_signal.is_some()
    }

    /// Those that have a trouble of their own first: the others wait for them.
    fn write_culprits(&self, line: &mut String, ids: &[ServiceId], now: Instant) {
        let waits = |id: &&ServiceId| matches!(self.state(**id), Some(State::Waiting(_)));
        let own = ids.iter().filter(|id| !waits(id));
        let ordered = own.chain(ids.iter().filter(waits));
        for (place, id) in ordered.take(NAMED).enumerate() {
            let separator = if place > 0 { "; " } else { "" };
            let _ = write!(line, "{separator}{} ", self.name(*id));
            let _ = self.write_condition(line, *id, now);
        }
        let more = ids.len().saturating_sub(NAMED);
        if more > 0 {
            let _ = write!(line, "; {more} more");
        }
    }
}
