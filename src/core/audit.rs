//! What the simulation asks of a system beside what everybody sees: whether its books
//! agree, and whether two systems are alike.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::graph::Bond;
use super::id::ServiceId;
use super::state::{Idle, Standing, State};
use super::system::System;

/// What `System::audit` found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disagreement {
    /// A service's counters of unmet needs.
    Needs(ServiceId),
    /// The deadlines.
    Deadlines,
    /// How many stand where.
    Tally,
    /// How many keep the whole from being ready.
    Unready,
    /// How many runs a service had, and how they ended.
    Runs(ServiceId),
    /// Whether it stands still for a new configuration.
    Held(ServiceId),
}

impl System {
    /// Checks what the types cannot: that the counters and the deadlines say what
    /// the states say. For the simulation and for tests.
    ///
    /// # Errors
    /// Names the first disagreement.
    pub fn audit(&self) -> Result<(), Disagreement> {
        let mut tally = [0_u32; Standing::ALL.len()];
        let mut deadlines = 0;
        let mut sweeps = 0_u32;
        let mut unhealthy = 0_u32;
        let mut by_hand = 0_u32;
        let mut elsewhere = 0_u32;
        let mut dormant = 0_u32;
        let mut over = 0_u32;
        for (id, service) in self.ids().zip(&self.services) {
            if let Some(count) = tally.get_mut(service.state.standing() as usize) {
                *count = count.saturating_add(1);
            }
            let deadline = service.deadline();
            if self.deadlines.of(id) != deadline {
                return Err(Disagreement::Deadlines);
            }
            deadlines += usize::from(deadline.is_some());
            let record = self.record(id);
            if !record.is_some_and(|record| record.is_complete()) {
                return Err(Disagreement::Runs(id));
            }
            // In a shutdown nothing starts anyway.
            if self.shutdown.is_none() && service.held != self.holds(id) {
                return Err(Disagreement::Held(id));
            }
            sweeps = sweeps.saturating_add(u32::from(service.sweep.is_some()));
            elsewhere = elsewhere.saturating_add(u32::from(service.state.waits_elsewhere()));
            unhealthy = unhealthy.saturating_add(u32::from(self.is_unhealthy(id)));
            let spec = self.spec.services.get(id.index());
            let sleeps = spec.is_some_and(|spec| service.is_dormant(spec));
            dormant = dormant.saturating_add(u32::from(sleeps));
            over = over.saturating_add(u32::from(service.state.is_over()));
            let rests = matches!(service.state, State::Inactive(Idle::ByHand));
            by_hand = by_hand.saturating_add(u32::from(rests));
            if service.unmet_requires != self.unmet(id, Bond::Requires)
                || service.unmet_after != self.unmet(id, Bond::After)
            {
                return Err(Disagreement::Needs(id));
            }
        }
        if deadlines != self.deadlines.len() {
            return Err(Disagreement::Deadlines);
        }
        if self.records.unready != self.count_unready() {
            return Err(Disagreement::Unready);
        }
        let counted = (sweeps, unhealthy, dormant, over, elsewhere, by_hand);
        let kept = (
            self.sweeps,
            self.unhealthy,
            self.dormant,
            self.over,
            self.elsewhere,
            self.by_hand,
        );
        if tally != self.tally || counted != kept {
            return Err(Disagreement::Tally);
        }
        Ok(())
    }

    /// A number for all that decides what comes: two systems of one spec that share it
    /// behave alike. For the exploration of all orders of events.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.services, &self.runs, &self.random, &self.to_open).hash(&mut hasher);
        (&self.requests, &self.apply).hash(&mut hasher);
        (self.now.at, &self.first_stop_signal, self.first_failed).hash(&mut hasher);
        self.shutdown.hash(&mut hasher);
        hasher.finish()
    }
}
