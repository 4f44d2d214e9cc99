//! `ready = { log }`: which run waits for which line of its output. The logger looks for
//! it; here is only who asked.
//!
//! A run asks by a number of its own, before it is spawned, so that an answer that comes
//! late is nobody's. It asks only when all that the run before it wrote was looked at:
//! what stands in the pipe then is its own.

use super::act::Results;
use crate::core::event::{Answer, Event};
use crate::core::id::RunId;
use crate::core::sorted::Map;
use crate::core::spec::Ready;

/// Who waits for what. Writers are the logger's (`Stream::writer`).
#[derive(Default)]
pub(super) struct Lines {
    patterns: Map<usize, Box<str>>,
    /// By the number that they asked with.
    asking: Map<u32, RunId>,
    /// Before their spawn, by the writer that is to be still.
    waiting: Map<usize, RunId>,
    /// What the core has to know.
    pub(super) news: Results,
}

/// Nothing of the run before is left. No answer of yes: that would be somebody else's.
pub(super) fn still(run: RunId) -> Event {
    let answer = Answer::No("".into());
    Event::Probed { run, answer }
}

impl Lines {
    /// Notes what makes a service ready, if that is a line; in place of a former one.
    pub(super) fn look_for(&mut self, writer: usize, ready: &Ready) {
        match ready {
            Ready::Log(pattern) => {
                self.patterns.insert(writer, pattern.clone());
            }
            Ready::Exec | Ready::Notify | Ready::Fd(_) | Ready::Probe(_) | Ready::Delay(_) => {
                self.patterns.remove(&writer);
            }
        }
    }

    pub(super) fn pattern(&self, writer: usize) -> Option<&str> {
        self.patterns.get(&writer).map(AsRef::as_ref)
    }

    /// The number to ask with; none for a service that says nothing in its output.
    pub(super) fn ask(&mut self, writer: usize, run: RunId) -> Option<u32> {
        self.patterns.get(&writer)?;
        let number = u32::try_from(run.0 % u64::from(u32::MAX)).unwrap_or(0);
        let number = number.saturating_add(1);
        self.asking.insert(number, run);
        Some(number)
    }

    /// The logger found it.
    pub(super) fn came(&mut self, number: u32) {
        let run = self.asking.remove(&number);
        self.news.extend(run.map(|run| Event::Ready { run }));
    }

    pub(super) fn wait_until_still(&mut self, writer: usize, run: RunId) {
        self.waiting.insert(writer, run);
    }

    /// All that a writer's last run left is written.
    pub(super) fn still(&mut self, writer: usize) {
        self.news.extend(self.waiting.remove(&writer).map(still));
    }

    pub(super) fn forget(&mut self, run: RunId) {
        self.asking.retain(|_, other| *other != run);
        self.waiting.retain(|_, other| *other != run);
    }
}
