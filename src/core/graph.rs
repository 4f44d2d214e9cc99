//! Who waits for whom: the edges of all enabled services as one order without circles.
//! Knows nothing of states.

use super::id::ServiceId;
use super::sorted::{Map, sort, sort_by_key};
use super::spec::Spec;

/// How one service waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Bond {
    /// `requires`, `binds-to`: until it is ready, and shares its fate.
    Requires,
    /// `wants`, `after`, the other's `before`: until its first attempt has ended.
    After,
}

/// One edge, seen from one of its ends: the other end, and the bond.
pub(crate) type Edge = (ServiceId, Bond);

/// More circles than anybody reads are not collected: a dense graph has very many.
const MAX_CYCLES: usize = 100;

/// The order of a system, both ways.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    needs: Vec<Box<[Edge]>>,
    dependants: Vec<Box<[Edge]>>,
    order: Vec<ServiceId>,
    /// Where each stands in the order.
    ranks: Box<[u32]>,
    /// Those that are part of it.
    parts: Map<ServiceId, Vec<ServiceId>>,
    /// Those that are stopped with it.
    stopping: Map<ServiceId, Vec<ServiceId>>,
    /// Those that are reloaded with it.
    reloading: Map<ServiceId, Vec<ServiceId>>,
    /// Those that it cannot run beside, whichever of the two says so.
    conflicts: Map<ServiceId, Vec<ServiceId>>,
    /// Those that stop unless it, or another that needs them, is up.
    used: Map<ServiceId, Vec<ServiceId>>,
}

impl Graph {
    /// The order among services; what is disabled is not waited for. What would close a circle is left out, the same
    /// edge each time: the one that a walk in declared order meets last.
    pub(crate) fn new(spec: &Spec) -> Self {
        let walk = Walk::over(edges(spec, |id| may_start(spec, id)));
        let (mut parts, mut conflicts) = (Map::new(), Map::new());
        let (mut stopping, mut reloading, mut used) = (Map::new(), Map::new(), Map::new());
        for (id, service) in ids().zip(&spec.services) {
            let Some(ties) = &service.edges.ties else {
                continue;
            };
            for whole in &ties.part_of {
                link(&mut parts, *whole, id);
            }
            for other in &ties.stops_with {
                link(&mut stopping, *other, id);
            }
            for other in &ties.reloads_with {
                link(&mut reloading, *other, id);
            }
            for other in &ties.needed_by {
                link(&mut used, *other, id);
            }
            for other in ties.conflicts.iter().filter(|other| **other != id) {
                link(&mut conflicts, *other, id);
                link(&mut conflicts, id, *other);
            }
        }
        let mut dependants = vec![Vec::new(); walk.needs.len()];
        for (id, needs) in ids().zip(&walk.needs) {
            for (need, bond) in needs {
                if let Some(list) = dependants.get_mut(need.index()) {
                    list.push((id, *bond));
                }
            }
        }
        let mut ranks = vec![0; walk.order.len()];
        for (rank, id) in (0..).zip(&walk.order) {
            if let Some(slot) = ranks.get_mut(id.index()) {
                *slot = rank;
            }
        }
        Self {
            ranks: ranks.into(),
            needs: walk.needs.into_iter().map(Vec::into).collect(),
            dependants: dependants.into_iter().map(Vec::into).collect(),
            order: walk.order,
            parts,
            stopping,
            reloading,
            conflicts,
            used,
        }
    }

    /// What this service waits for.
    pub(crate) fn needs(&self, id: ServiceId) -> &[Edge] {
        self.needs.get(id.index()).map_or(&[], |edges| edges)
    }

    /// What waits for this service, in declared order.
    pub(crate) fn dependants(&self, id: ServiceId) -> &[Edge] {
        self.dependants.get(id.index()).map_or(&[], |edges| edges)
    }

    /// What is part of this service.
    pub(crate) fn parts(&self, id: ServiceId) -> &[ServiceId] {
        self.parts.get(&id).map_or(&[], |list| list)
    }

    /// What stops with this service by hand, beside its parts.
    pub(crate) fn stopping(&self, id: ServiceId) -> &[ServiceId] {
        self.stopping.get(&id).map_or(&[], |list| list)
    }

    /// What reloads with this service.
    pub(crate) fn reloading(&self, id: ServiceId) -> &[ServiceId] {
        self.reloading.get(&id).map_or(&[], |list| list)
    }

    /// What stops once neither this service nor another that needs it is up.
    pub(crate) fn used(&self, id: ServiceId) -> &[ServiceId] {
        self.used.get(&id).map_or(&[], |list| list)
    }

    /// What cannot run beside this service.
    pub(crate) fn conflicts(&self, id: ServiceId) -> &[ServiceId] {
        self.conflicts.get(&id).map_or(&[], |list| list)
    }

    /// These, needs before dependants.
    pub(crate) fn sorted(&self, ids: impl IntoIterator<Item = ServiceId>) -> Vec<ServiceId> {
        let mut ids: Vec<ServiceId> = ids.into_iter().collect();
        sort_by_key(&mut ids, |id| self.ranks.get(id.index()).copied());
        ids
    }

    /// Every service, needs before dependants.
    pub(crate) fn order(&self) -> &[ServiceId] {
        &self.order
    }
}

/// What starts at the same moment, level by level: for `--check`. Enabled services only.
#[must_use]
pub fn start_order(spec: &Spec) -> Vec<Vec<ServiceId>> {
    let graph = Graph::new(spec);
    let mut levels: Vec<Vec<ServiceId>> = Vec::new();
    let mut level_of = vec![0_usize; spec.services.len()];
    for id in graph.order() {
        if !is_enabled(spec, *id) {
            continue;
        }
        let level = graph
            .needs(*id)
            .iter()
            .filter_map(|(need, _)| level_of.get(need.index()))
            .map(|level| level.saturating_add(1))
            .max()
            .unwrap_or(0);
        if let Some(slot) = level_of.get_mut(id.index()) {
            *slot = level;
        }
        while levels.len() <= level {
            levels.push(Vec::new());
        }
        if let Some(list) = levels.get_mut(level) {
            list.push(*id);
        }
    }
    for level in &mut levels {
        sort(level);
    }
    levels
}

/// Every circle among requires, wants, after and before, each from its first declared
/// member on, where each waits for the next and the last for the first.
#[must_use]
pub fn cycles(spec: &Spec) -> Vec<Vec<ServiceId>> {
    Walk::over(edges(spec, |_| true)).cycles
}

fn ids() -> impl Iterator<Item = ServiceId> {
    (0_u32..).map(ServiceId)
}

/// By itself, or with those that need it.
fn may_start(spec: &Spec, id: ServiceId) -> bool {
    let service = spec.services.get(id.index());
    service.is_some_and(|service| service.enabled || service.pulled)
}

fn is_enabled(spec: &Spec, id: ServiceId) -> bool {
    spec.services
        .get(id.index())
        .is_some_and(|service| service.enabled)
}

fn link(lists: &mut Map<ServiceId, Vec<ServiceId>>, from: ServiceId, to: ServiceId) {
    let list = lists.entry(from).or_default();
    if !list.contains(&to) {
        list.push(to);
    }
}

/// The needs of each service among those that `counts` accepts, sorted, each named once.
fn edges(spec: &Spec, counts: impl Fn(ServiceId) -> bool) -> Vec<Vec<Edge>> {
    let mut needs: Vec<Vec<Edge>> = vec![Vec::new(); spec.services.len()];
    let mut add = |from: ServiceId, to: ServiceId, bond: Bond| {
        if counts(to)
            && to.index() < spec.services.len()
            && let Some(list) = needs.get_mut(from.index())
        {
            list.push((to, bond));
        }
    };
    for (id, service) in ids().zip(&spec.services) {
        let edges = &service.edges;
        for need in edges.required() {
            add(id, need, Bond::Requires);
        }
        for need in edges.wants.iter().chain(&edges.after) {
            add(id, *need, Bond::After);
        }
        for dependant in &edges.before {
            add(*dependant, id, Bond::After);
        }
        if service.is_main {
            for (other, spec) in ids().zip(&spec.services) {
                if !spec.is_main {
                    add(id, other, Bond::After);
                }
            }
        }
    }
    for list in &mut needs {
        // `Requires` sorts before `After`, so the stronger bond stays.
        sort(list);
        list.dedup_by_key(|(need, _)| *need);
    }
    needs
}

/// A walk through all edges, depth first in declared order, on a stack of its own: a chain
/// of any length is no recursion.
struct Walk {
    needs: Vec<Vec<Edge>>,
    order: Vec<ServiceId>,
    cycles: Vec<Vec<ServiceId>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    OnPath,
    Done,
}

impl Walk {
    fn over(needs: Vec<Vec<Edge>>) -> Self {
        let count = needs.len();
        let mut marks = vec![Mark::New; count];
        let mut kept: Vec<Vec<Edge>> = vec![Vec::new(); count];
        let mut order = Vec::with_capacity(count);
        let mut cycles = Vec::new();
        let set = |marks: &mut Vec<Mark>, id: ServiceId, mark| {
            if let Some(slot) = marks.get_mut(id.index()) {
                *slot = mark;
            }
        };
        for start in ids().take(count) {
            if marks.get(start.index()) != Some(&Mark::New) {
                continue;
            }
            set(&mut marks, start, Mark::OnPath);
            let mut path = vec![(start, 0_usize)];
            while let Some((id, next)) = path.last_mut() {
                let id = *id;
                let Some((need, bond)) = needs
                    .get(id.index())
                    .and_then(|edges| edges.get(*next))
                    .copied()
                else {
                    set(&mut marks, id, Mark::Done);
                    order.push(id);
                    path.pop();
                    continue;
                };
                *next = next.saturating_add(1);
                match marks.get(need.index()).copied().unwrap_or(Mark::Done) {
                    Mark::OnPath => {
                        if cycles.len() < MAX_CYCLES {
                            cycles.push(circle(&path, need));
                        }
                        continue;
                    }
                    Mark::New => {
                        set(&mut marks, need, Mark::OnPath);
                        path.push((need, 0));
                    }
                    Mark::Done => {}
                }
                if let Some(list) = kept.get_mut(id.index()) {
                    list.push((need, bond));
                }
            }
        }
        Self {
            needs: kept,
            order,
            cycles,
        }
    }
}

/// The part of the path from `from` on, turned so that its first declared member leads.
fn circle(path: &[(ServiceId, usize)], from: ServiceId) -> Vec<ServiceId> {
    let mut circle: Vec<ServiceId> = path
        .iter()
        .map(|(id, _)| *id)
        .skip_while(|id| *id != from)
        .collect();
    if let Some((first, _)) = circle.iter().enumerate().min_by_key(|(_, id)| **id) {
        circle.rotate_left(first);
    }
    circle
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::spec::ServiceSpec;

    /// Name, `requires`, `after`, `before`.
    type Line<'a> = (&'a str, &'a [u32], &'a [u32], &'a [u32]);

    fn spec(edges: &[Line<'_>]) -> Spec {
        let mut spec = Spec::default();
        let list = |ids: &[u32]| ids.iter().copied().map(ServiceId).collect();
        for (name, requires, after, before) in edges {
            let mut service = ServiceSpec::new(name);
            service.edges.requires = list(requires);
            service.edges.after = list(after);
            service.edges.before = list(before);
            spec.services.push(service);
        }
        spec
    }

    fn numbers(levels: Vec<Vec<ServiceId>>) -> Vec<Vec<u32>> {
        levels
            .into_iter()
            .map(|level| level.into_iter().map(|id| id.0).collect())
            .collect()
    }

    #[test]
    fn what_does_not_wait_starts_at_the_same_moment() {
        let spec = spec(&[
            ("a", &[], &[], &[2]),
            ("b", &[], &[], &[]),
            ("c", &[1], &[], &[]),
            ("d", &[], &[2], &[]),
        ]);
        assert_eq!(numbers(start_order(&spec)), [vec![0, 1], vec![2], vec![3]]);
        assert!(cycles(&spec).is_empty());
    }

    #[test]
    fn an_edge_to_a_disabled_service_is_dropped() {
        let mut spec = spec(&[("a", &[], &[], &[]), ("b", &[0], &[], &[])]);
        spec.services[0].enabled = false;
        assert_eq!(numbers(start_order(&spec)), [vec![1]]);
    }

    #[test]
    fn main_starts_after_everything_else() {
        let mut spec = spec(&[("main", &[], &[], &[]), ("b", &[], &[], &[])]);
        spec.services[0].is_main = true;
        assert_eq!(numbers(start_order(&spec)), [vec![1], vec![0]]);
    }

    #[test]
    fn each_circle_is_named_whole_and_the_order_goes_on_without_it() {
        let spec = spec(&[
            ("a", &[1], &[], &[]),
            ("b", &[], &[2], &[]),
            ("c", &[], &[0], &[]),
            ("d", &[], &[3, 4], &[]),
            ("e", &[], &[], &[3]),
            ("f", &[], &[], &[4]),
        ]);
        assert_eq!(numbers(cycles(&spec)), [vec![0, 1, 2], vec![3]]);
        assert_eq!(
            numbers(start_order(&spec)),
            [vec![2, 5], vec![1, 4], vec![0, 3]]
        );
    }

    #[test]
    fn names_out_of_range_are_no_edges() {
        let spec = spec(&[("a", &[7], &[9], &[8])]);
        assert_eq!(numbers(start_order(&spec)), [vec![0]]);
    }

    #[test]
    fn a_chain_of_any_length_is_no_recursion() {
        let mut spec = Spec::default();
        for id in 0..100_000_u32 {
            let mut service = ServiceSpec::new("x");
            service.edges.requires = (id > 0).then(|| ServiceId(id - 1)).into_iter().collect();
            spec.services.push(service);
        }
        assert_eq!(start_order(&spec).len(), 100_000);
    }
}
