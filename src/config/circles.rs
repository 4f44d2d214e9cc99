//! The order that all edges make: circles in it, and who comes behind a oneshot.

use std::collections::VecDeque;

use super::diagnostic::Diagnostic;
use super::draft::Draft;
use super::source::At;
use super::value::Context;
use crate::core::id::ServiceId;
use crate::core::sorted::Map;
use crate::core::spec::Kind;

/// A name that was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    /// Whose it is.
    pub(super) other: usize,
    /// What says so.
    pub(super) at: At,
    /// A unit does: it can be done without.
    pub(super) lenient: bool,
}

/// For each service those that start before it.
pub(super) struct Order {
    before: Vec<Vec<Edge>>,
}

/// It is started by itself, once, before others.
fn is_oneshot(draft: &Draft) -> bool {
    draft.spec.kind == Kind::Oneshot && draft.is_enabled() && !draft.is_scheduled()
}

impl Order {
    pub(super) fn new(count: usize) -> Self {
        Self {
            before: vec![Vec::new(); count],
        }
    }

    /// What the edge names starts before this one.
    pub(super) fn add(&mut self, index: usize, edge: Edge) {
        if let Some(before) = self.before.get_mut(index) {
            before.push(edge);
        }
    }

    /// Opens every circle that units have a part in, as systemd does: what a unit says is
    /// forgotten rather than that nothing starts.
    pub(super) fn open_circles(&mut self, drafts: &mut [Draft], context: &Context<'_>) {
        let mut outside = self.outside_circles();
        for start in 0..self.before.len() {
            while outside.get(start) == Some(&false)
                && let Some(circle) = self.circle(start)
                && let Some((index, edge)) = circle.iter().rev().find(|(_, edge)| edge.lenient)
            {
                let name = |index: usize| drafts.get(index).map_or("", Draft::name);
                let mut names: Vec<&str> = circle.iter().map(|(index, _)| name(*index)).collect();
                names.push(name(start));
                let what = format!(
                    "units wait for each other in a circle: {}",
                    names.join(" -> ")
                );
                let help = format!(
                    "{} starts without waiting for {}",
                    name(*index),
                    name(edge.other)
                );
                context.warn(edge.at, what, help);
                self.forget(*index, edge.other, drafts);
                outside = self.outside_circles();
            }
        }
    }

    fn forget(&mut self, index: usize, first: usize, drafts: &mut [Draft]) {
        if let Some(before) = self.before.get_mut(index) {
            before.retain(|edge| edge.other != first);
        }
        let without = |list: &mut Box<[ServiceId]>, gone: usize| {
            let mut all = std::mem::take(list).into_vec();
            all.retain(|id| id.index() != gone);
            *list = all.into();
        };
        if let Some(draft) = drafts.get_mut(index) {
            let edges = &mut draft.spec.edges;
            without(&mut edges.requires, first);
            without(&mut edges.wants, first);
            without(&mut edges.after, first);
            if let Some(ties) = &mut edges.ties {
                without(&mut ties.binds_to, first);
            }
        }
        if let Some(draft) = drafts.get_mut(first) {
            without(&mut draft.spec.edges.before, index);
        }
    }

    /// Reports every circle, each service in one of them at most.
    pub(super) fn report_circles(&self, drafts: &[Draft], context: &Context<'_>) {
        let mut reported = self.outside_circles();
        for start in 0..self.before.len() {
            if reported.get(start) == Some(&true) {
                continue;
            }
            let Some(circle) = self.circle(start) else {
                continue;
            };
            let name = |index: usize| drafts.get(index).map_or("", Draft::name);
            let mut names: Vec<&str> = circle.iter().map(|(index, _)| name(*index)).collect();
            names.push(name(start));
            let what = format!(
                "services wait for each other in a circle: {}",
                names.join(" -> ")
            );
            let help = "take one of these out: none of them could ever start";
            let mut places = circle.iter().zip(names.iter().zip(names.iter().skip(1)));
            let Some(((_, edge), _)) = places.next() else {
                continue;
            };
            let mut diagnostic = Diagnostic::error(Some(edge.at), what, help);
            for ((_, edge), (waiting, first)) in places {
                diagnostic = diagnostic.note(edge.at, format!("{waiting} waits for {first}"));
            }
            context.add(diagnostic);
            for (index, _) in &circle {
                if let Some(flag) = reported.get_mut(*index) {
                    *flag = true;
                }
            }
        }
    }

    /// Who is in no circle for sure: all that can be started one after the other.
    fn outside_circles(&self) -> Vec<bool> {
        let mut waits: Vec<usize> = self.before.iter().map(Vec::len).collect();
        let after = self.after();
        let mut free: Vec<usize> = (0..waits.len())
            .filter(|i| waits.get(*i) == Some(&0))
            .collect();
        let mut outside = vec![false; waits.len()];
        while let Some(index) = free.pop() {
            if let Some(flag) = outside.get_mut(index) {
                *flag = true;
            }
            for next in after.get(index).into_iter().flatten() {
                if let Some(count) = waits.get_mut(*next) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        free.push(*next);
                    }
                }
            }
        }
        outside
    }

    fn after(&self) -> Vec<Vec<usize>> {
        let mut after = vec![Vec::new(); self.before.len()];
        for (index, firsts) in self.before.iter().enumerate() {
            for first in firsts {
                if let Some(list) = after.get_mut(first.other) {
                    list.push(index);
                }
            }
        }
        after
    }

    /// The shortest circle through `start`: each service with the place that makes it
    /// wait for the next.
    fn circle(&self, start: usize) -> Option<Vec<(usize, Edge)>> {
        let mut came_from: Map<usize, (usize, Edge)> = Map::new();
        let mut queue = VecDeque::from([start]);
        while let Some(index) = queue.pop_front() {
            for edge in self.before.get(index)? {
                let first = edge.other;
                if first == start {
                    let mut circle = vec![(index, *edge)];
                    let mut index = index;
                    while let Some((waiting, edge)) = came_from.get(&index) {
                        circle.push((*waiting, *edge));
                        index = *waiting;
                    }
                    circle.reverse();
                    return Some(circle);
                }
                if !came_from.contains_key(&first) {
                    came_from.insert(first, (index, *edge));
                    queue.push_back(first);
                }
            }
        }
        None
    }

    /// Who comes after an enabled oneshot, which may make what isn't there yet.
    pub(super) fn behind_oneshots(&self, drafts: &[Draft]) -> Vec<bool> {
        let after = self.after();
        let oneshots = drafts
            .iter()
            .enumerate()
            .filter(|(_, draft)| is_oneshot(draft));
        let mut behind = vec![false; drafts.len()];
        let mut queue: Vec<usize> = oneshots.map(|(index, _)| index).collect();
        while let Some(index) = queue.pop() {
            for next in after.get(index).into_iter().flatten() {
                if let Some(flag) = behind.get_mut(*next)
                    && !std::mem::replace(flag, true)
                {
                    queue.push(*next);
                }
            }
        }
        // The COMMAND starts after all of them.
        let any = drafts.iter().any(is_oneshot);
        for (flag, draft) in behind.iter_mut().zip(drafts) {
            *flag |= any && draft.spec.is_main;
        }
        behind
    }
}
