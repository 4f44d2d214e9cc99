//! Services that stop once nothing is up any more that needs them (`StopWhenUnneeded=` of
//! `systemd.unit(5)`). Also one that people start alone stops as soon as it is up.

use super::graph::Bond;
use super::id::ServiceId;
use super::report::Report;
use super::spec::ServiceSpec;
use super::state::{State, Then};
use super::system::{System, Work};

impl System {
    /// It has come up, or down: what it needs may have nobody left, and so may it.
    pub(super) fn look_for_unneeded(&mut self, id: ServiceId) {
        let required = self.graph.needs(id).iter().map(|(need, _)| *need);
        let used = self.graph.used(id).iter().copied().chain(required);
        let stops = |id: &ServiceId| self.service(*id).is_some_and(ServiceSpec::stops_unneeded);
        let stops = used.chain([id]).filter(stops);
        let stops: Vec<Work> = stops.map(Work::Unneeded).collect();
        self.work.extend(stops);
    }

    /// It is up, and stops if nobody needs it.
    pub(super) fn stop_unneeded(&mut self, id: ServiceId) {
        let is_up = matches!(self.state(id), Some(State::Active { .. }));
        let stays = self.shutdown.is_some() || self.descent_of(id).is_some();
        if is_up && !stays && !self.is_needed(id) {
            self.reports.push(Report::Unneeded { service: id });
            self.descend(id, Then::Stopped);
        }
    }

    /// Something that needs it is up, or on its way.
    fn is_needed(&self, id: ServiceId) -> bool {
        let ties = self.service(id).and_then(|spec| spec.edges.ties.as_deref());
        let users = ties.into_iter().flat_map(|ties| &*ties.needed_by);
        let dependants = self.graph.dependants(id).iter();
        let dependants = dependants.filter(|(_, bond)| *bond == Bond::Requires);
        let mut users = users.chain(dependants.map(|(user, _)| user));
        users.any(|user| {
            let known = self.services.get(user.index()).zip(self.service(*user));
            known.is_some_and(|(service, spec)| {
                !service.state.standing().is_at_rest() && !service.is_dormant(spec)
            })
        })
    }
}
