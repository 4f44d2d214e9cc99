//! What the core remembers of one service between two events, beside its spec.

use std::time::Duration;

use super::asked::Wish;
use super::control_process::Controls;
use super::descent::Descent;
use super::health::Checks;
use super::id::RunId;
use super::reload::Reloading;
use super::restart::Starts;
use super::schedule::LastRun;
use super::sockets::Sockets;
use super::state::State;
use super::time::Instant;

/// One service.
#[derive(Clone, Debug, Hash)]
pub(super) struct Service {
    pub(super) state: State,
    /// What is left of the tree of a service that has ended for good.
    pub(super) sweep: Option<Box<Sweep>>,
    /// How it is, while it is active and somebody asks.
    pub(super) checks: Option<Box<Checks>>,
    /// How its sockets stand.
    pub(super) sockets: Sockets,
    /// What was asked of it by hand, and isn't so yet.
    pub(super) wish: Option<Box<Wish>>,
    /// Who asked it to reload by hand, and isn't answered yet.
    pub(super) reloading: Option<Box<Reloading>>,
    /// It stops once those that have to stop before it have.
    pub(super) descent: Option<Box<Descent>>,
    /// The control processes of its run, where it has commands for any.
    pub(super) controls: Option<Box<Controls>>,
    /// It doesn't start before its new definition counts.
    pub(super) held: bool,
    /// The configuration has another definition of it, which a restart brings in.
    pub(super) stale: bool,
    /// Its trigger was stopped: once its run is over it rests.
    pub(super) unhooked: bool,
    /// Another's end has started it: its own starts nothing.
    pub(super) called: bool,
    /// How many that it requires are not ready.
    pub(super) unmet_requires: u32,
    /// Of how many that it comes after the first attempt has not ended.
    pub(super) unmet_after: u32,
    /// Those that require it may run.
    pub(super) satisfied: bool,
    /// Its last attempt found that it isn't to run.
    pub(super) skipped: bool,
    /// Its first attempt has ended.
    pub(super) attempted: bool,
    /// How many restarts in a row.
    pub(super) attempt: u32,
    /// The calendar's time of its latest run.
    pub(super) ran_for: Option<i64>,
    /// Its latest run, if a timer's times count from it.
    pub(super) last_run: Option<Box<LastRun>>,
    /// For the start limit.
    pub(super) starts: Starts,
}

/// The end of a tree whose service has already ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sweep {
    pub(super) run: RunId,
    /// When SIGKILL is sent (again); `None` is never.
    pub(super) kill_at: Option<Instant>,
    /// The pause after the next SIGKILL.
    pub(super) wait: Duration,
}

impl Service {
    /// What it needs is counted once all are there.
    pub(super) fn new(state: State) -> Self {
        Self {
            sweep: None,
            checks: None,
            sockets: Sockets::Closed,
            wish: None,
            reloading: None,
            descent: None,
            controls: None,
            held: false,
            stale: false,
            unhooked: false,
            called: false,
            unmet_requires: 0,
            unmet_after: 0,
            satisfied: false,
            skipped: false,
            // What isn't started by itself is not waited for.
            attempted: matches!(state, State::Inactive(_)),
            attempt: 0,
            ran_for: None,
            last_run: None,
            starts: Starts::default(),
            state,
        }
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let sweep = self.sweep.as_ref().and_then(|sweep| sweep.kill_at);
        let check = self.checks.as_ref().and_then(|checks| checks.next_at());
        let control = self.controls.as_ref().and_then(|c| c.next_at());
        let state = self.state.deadline();
        let others = [sweep, check, control];
        others.into_iter().flatten().chain(state).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_costs_little_memory() {
        assert!(size_of::<Service>() <= 320, "{}", size_of::<Service>());
    }
}
