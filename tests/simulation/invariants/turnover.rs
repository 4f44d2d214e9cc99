//! What was seen of services, by their new numbers.

use std::collections::{BTreeMap, BTreeSet};

use rinit::core::apply::places::Places;
use rinit::core::event::Event;
use rinit::core::id::{RunId, ServiceId};
use rinit::core::spec::Spec;

use super::{Watcher, bonds, ids};

impl Watcher {
    /// A new configuration counts. What has set out by then (`runs`) doesn't turn back for
    /// bonds that come with it, as what runs doesn't.
    pub(crate) fn take_over(
        &mut self,
        spec: &Spec,
        places: &Places,
        runs: impl Iterator<Item = RunId>,
    ) {
        self.set_out = runs.collect();
        (self.edges, self.later) = bonds(spec);
        let sets = [
            &mut self.attempted,
            &mut self.rests,
            &mut self.done,
            &mut self.skipped,
        ];
        for set in sets {
            *set = moved(set, places);
        }
        let stopping = std::mem::take(&mut self.stopping);
        self.lenient.extend(stopping.values().map(|known| known.0));
        // Another schedule knows other times, and none has no appointment.
        let scheduled = |id: &ServiceId| spec.services[id.index()].schedule.is_some();
        let appointed = std::mem::take(&mut self.appointed).into_iter();
        let moved = appointed.filter_map(|(id, known)| Some((places.of(id)?, known)));
        self.appointed = moved.filter(|(id, _)| scheduled(id)).collect();
        self.ran = BTreeMap::new();
        let scheduled = ids(spec).filter(|id| spec.services[id.index()].schedule.is_some());
        self.attempted.extend(scheduled);
        self.stages.take_over(places);
        self.reloads.take_over(places);
    }

    /// Those don't turn back either for a bond that counts since a circle is cut elsewhere.
    pub(crate) fn set_out(&mut self, runs: impl Iterator<Item = RunId>) {
        self.set_out.extend(runs);
    }

    /// While services stop for a new configuration only common bonds count.
    pub(super) fn note_configuration(&mut self, spec: &Spec, event: &Event) {
        if let Event::ConfigurationRead(_) = event {
            (self.edges, self.later) = bonds(spec);
        }
    }
}

fn moved(set: &BTreeSet<ServiceId>, places: &Places) -> BTreeSet<ServiceId> {
    set.iter().filter_map(|id| places.of(*id)).collect()
}
