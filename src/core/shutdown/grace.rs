//! How long a stop may take: each service's own time, or in a shutdown its fair share of
//! what is left for the longest chain of stops that begins with it.

use std::time::Duration;

use super::Shutdown;
use crate::core::id::ServiceId;
use crate::core::spec::ServiceSpec;
use crate::core::system::System;
use crate::core::time::Instant;

/// All the time that a service has for its stop: once until nothing of it is left, and
/// once more for `exec-stop-post`.
pub(super) fn whole(spec: &ServiceSpec, infinity: Option<Duration>) -> Duration {
    let own = spec.stop.timeout.or(infinity).unwrap_or_default();
    let commands = spec.commands.as_ref();
    let farewell = commands.is_some_and(|commands| !commands.stop_post.is_empty());
    own.saturating_mul(1 + u32::from(farewell))
}

impl Shutdown {
    /// How long a stop that begins now may take: its own timeout, or its share of the time
    /// left if the chain of stops that it begins would take longer.
    /// `spent`: of its two, before and after all is gone, the first is past.
    pub(super) fn grace(
        &self,
        id: ServiceId,
        own: Option<Duration>,
        spent: bool,
        now: Instant,
    ) -> Option<Duration> {
        let (Some(kill_at), Some(timeout)) = (self.kill_at, self.timeout) else {
            return own;
        };
        let left = kill_at.since(now);
        let own = own.unwrap_or(timeout);
        let chain = self.places.get(id.index()).map_or(own, |place| place.chain);
        let past = if spent { own } else { Duration::ZERO };
        let chain = chain.saturating_sub(past).max(own);
        if chain <= left {
            return Some(own);
        }
        let share = own
            .as_nanos()
            .saturating_mul(left.as_nanos())
            .checked_div(chain.as_nanos())
            .unwrap_or(0);
        Some(Duration::from_nanos(
            u64::try_from(share).unwrap_or(u64::MAX),
        ))
    }
}

impl System {
    /// `exec-stop-post` has begun: of a stop's two times the first is past.
    fn is_spent(&self, id: ServiceId) -> bool {
        let controls = self.services.get(id.index()).map(|s| &s.controls);
        controls.is_some_and(|c| c.as_ref().is_some_and(|c| c.last))
    }

    /// What of the service's chain of stops is past when the one under way is.
    pub(in crate::core) fn spent_with_this_stop(&self, id: ServiceId) -> Duration {
        let own = self.service(id).and_then(|spec| spec.stop.timeout);
        let own = own.unwrap_or_default();
        own.saturating_mul(1 + u32::from(self.is_spent(id)))
    }

    /// How long a stop that begins now may take.
    pub(in crate::core) fn grace(&self, id: ServiceId) -> Option<Duration> {
        let own = self.service(id).and_then(|spec| spec.stop.timeout);
        match &self.shutdown {
            Some(shutdown) => shutdown.grace(id, own, self.is_spent(id), self.now.at),
            None => own,
        }
    }
}
