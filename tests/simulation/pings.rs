//! What must hold of watchdogs, and of services that ask for more time.

use std::collections::BTreeMap;
use std::time::Duration;

use rinit::core::action::Action;
use rinit::core::event::Event;
use rinit::core::id::RunId;
use rinit::core::signal::Signal;
use rinit::core::state::State;
use rinit::core::system::{System, Whole};
use rinit::core::time::Instant;

use crate::invariants::{LATE, ids};
use crate::kernel::Kernel;

#[derive(Default)]
pub(crate) struct Pings {
    /// Until when a run has asked for more time.
    extended: BTreeMap<RunId, Instant>,
    /// How often a run has said that it will ping.
    periods: BTreeMap<RunId, Duration>,
    /// When a ready run must have pinged, and how much had been slept by then.
    ping_by: BTreeMap<RunId, (Instant, Duration)>,
}

impl Pings {
    /// Until when this run has asked for more time.
    pub(crate) fn extended(&self, run: RunId) -> Option<Instant> {
        self.extended.get(&run).copied()
    }

    /// A service that asks for more time has it, but not in a shutdown's end.
    fn note_extension(&mut self, system: &System, kernel: &Kernel, event: &Event) {
        if let Event::Extended { run, by } = event
            && system.service_of(*run).is_some()
        {
            let until = self.extended.entry(*run).or_default();
            *until = kernel.now.plus(*by).max(*until);
        }
    }

    /// One that is ready is aborted when it didn't say in time that it lives: then, and
    /// only then, or when it says that it is stuck.
    pub(crate) fn check(
        &mut self,
        system: &System,
        kernel: &Kernel,
        event: &Event,
        actions: &[Action],
    ) -> Result<(), String> {
        self.note_extension(system, kernel, event);
        if let Event::PingPeriod { run, period } = event {
            self.periods.insert(*run, *period);
        }
        for action in actions {
            if let Action::SignalMain { run, signal, .. } = action
                && *signal == Signal::ABRT
            {
                let due = self
                    .ping_by
                    .get(run)
                    .is_some_and(|(at, _)| kernel.now >= *at);
                if !due && *event != (Event::Stuck { run: *run }) {
                    return Err(format!("{action:?} after {event:?}"));
                }
            }
        }
        let mut ping_by = BTreeMap::new();
        for id in ids(system.spec()) {
            let Some(State::Active { run, .. }) = system.state(id) else {
                continue;
            };
            // Nobody is left who would say so.
            if run.is_over {
                continue;
            }
            let own = system.service(id).unwrap().watchdog();
            let period = self.periods.get(&run.id).copied().or(own);
            let Some(period) = period.filter(|period| !period.is_zero()) else {
                continue;
            };
            let anew = match event {
                Event::Pinged { run: who } | Event::PingPeriod { run: who, .. } => *who == run.id,
                _ => false,
            };
            let fresh = (kernel.now.plus(period), kernel.slept);
            let known = self.ping_by.get(&run.id).copied().filter(|_| !anew);
            let (at, slept) = known.unwrap_or(fresh);
            let at = at.plus(kernel.slept.saturating_sub(slept));
            if kernel.now > at.plus(LATE * 2) && system.whole() != Whole::Stopping {
                return Err(format!("{id:?} is silent for too long"));
            }
            ping_by.insert(run.id, (at, kernel.slept));
        }
        self.ping_by = ping_by;
        Ok(())
    }
}
