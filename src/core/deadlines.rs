//! When each service is due next.
//!
//! A heap: where all services have one deadline, as at boot and in a stop of all, each
//! comes and goes without a move of the others.

use super::id::ServiceId;
use super::sorted::sort;
use super::time::Instant;

/// At most one deadline a service.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadlines {
    /// Each is no later than the two behind it, at twice its place plus one and plus two.
    heap: Vec<(Instant, ServiceId)>,
    /// Where each service's stands there, if it has one.
    places: Vec<Option<u32>>,
}

impl Deadlines {
    /// The earliest.
    pub(super) fn first(&self) -> Option<Instant> {
        self.at(0)
    }

    /// A service's own.
    pub(super) fn of(&self, id: ServiceId) -> Option<Instant> {
        self.at(self.place(id)?)
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.heap.len()
    }

    /// Who is due, the longest first.
    pub(super) fn due(&self, now: Instant) -> Vec<ServiceId> {
        let mut due = Vec::new();
        let mut places = vec![0];
        while let Some(place) = places.pop() {
            if let Some(entry) = self.heap.get(place).filter(|(at, _)| *at <= now) {
                due.push(*entry);
                places.extend([2 * place + 1, 2 * place + 2]);
            }
        }
        sort(&mut due);
        due.into_iter().map(|(_, id)| id).collect()
    }

    /// It is due then, or never.
    pub(super) fn set(&mut self, id: ServiceId, at: Option<Instant>) {
        if self.of(id) == at {
            return;
        }
        let place = self.place(id).unwrap_or(self.heap.len());
        match (self.heap.get_mut(place), at) {
            (Some(entry), Some(at)) => entry.0 = at,
            (Some(_), None) => {
                self.heap.swap_remove(place);
                self.note(id, None);
            }
            (None, at) => self.heap.extend(at.map(|at| (at, id))),
        }
        self.settle(place);
    }

    /// None is left.
    pub(super) fn clear(&mut self) {
        self.heap.clear();
        self.places.clear();
    }

    fn at(&self, place: usize) -> Option<Instant> {
        self.heap.get(place).map(|(at, _)| *at)
    }

    fn place(&self, id: ServiceId) -> Option<usize> {
        self.places.get(id.index())?.map(|place| place as usize)
    }

    fn note(&mut self, id: ServiceId, place: Option<usize>) {
        if self.places.len() <= id.index() {
            self.places.resize(id.index() + 1, None);
        }
        if let Some(known) = self.places.get_mut(id.index()) {
            *known = place.and_then(|place| u32::try_from(place).ok());
        }
    }

    /// Whatever stands here goes to where it belongs.
    fn settle(&mut self, mut place: usize) {
        while let Some((at, id)) = self.heap.get(place).copied() {
            self.note(id, Some(place));
            let before = place.checked_sub(1).map(|place| place / 2);
            let behind = [2 * place + 1, 2 * place + 2];
            let first_behind = behind
                .into_iter()
                .filter_map(|place| Some((self.at(place)?, place)));
            let other = match (before, first_behind.min()) {
                (Some(before), _) if self.at(before) > Some(at) => before,
                (_, Some((sooner, behind))) if sooner < at => behind,
                _ => return,
            };
            self.heap.swap(place, other);
            if let Some((_, id)) = self.heap.get(place).copied() {
                self.note(id, Some(place));
            }
            place = other;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_what_a_sorted_set_of_them_is(
            sets in prop::collection::vec((0..20u32, prop::option::of(0..9u64)), 0..200),
            now in 0..9u64,
        ) {
            let (mut ours, mut theirs) = (Deadlines::default(), BTreeSet::new());
            for (id, at) in sets {
                let (id, at) = (ServiceId(id), at.map(Instant));
                theirs.retain(|(_, known)| *known != id);
                theirs.extend(at.map(|at| (at, id)));
                ours.set(id, at);
                prop_assert_eq!(ours.of(id), at);
                prop_assert_eq!(ours.first(), theirs.first().map(|(at, _)| *at));
                prop_assert_eq!(ours.len(), theirs.len());
            }
            let due = theirs.range(..=(Instant(now), ServiceId(u32::MAX)));
            let due: Vec<ServiceId> = due.map(|(_, id)| *id).collect();
            prop_assert_eq!(ours.due(Instant(now)), due);
        }
    }
}
