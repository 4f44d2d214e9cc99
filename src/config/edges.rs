//! Who waits for whom: names become places in the declared order; what is unknown, its own
//! or goes round in a circle is reported.

use std::collections::{BTreeMap, VecDeque};

use super::diagnostic::Diagnostic;
use super::draft::{Draft, Target, Targets};
use super::nearest::nearest;
use super::source::At;
use super::unit;
use super::value::Context;
use crate::core::id::ServiceId;
use crate::core::spec::{Edges, Kind, Ties};

/// For each service those that start before it, with the place that says so.
pub(super) struct Order {
    before: Vec<Vec<(usize, At)>>,
}

/// Fills in the edges of all drafts.
pub(super) fn resolve(drafts: &mut [Draft], context: &Context<'_>) -> Order {
    let names: BTreeMap<Box<str>, usize> = drafts
        .iter()
        .enumerate()
        .map(|(index, draft)| (draft.name().into(), index))
        .collect();
    let units = unit::names(drafts);
    let mut order = Order {
        before: vec![Vec::new(); drafts.len()],
    };
    let mut all = Vec::with_capacity(drafts.len());
    for (index, draft) in drafts.iter().enumerate() {
        let mut resolver = Resolver {
            drafts,
            names: &names,
            units: &units,
            index,
            draft,
            context,
        };
        let Targets {
            requires,
            wants,
            after,
            before,
            part_of,
            binds_to,
            conflicts,
        } = &draft.targets;
        let requires = resolver.list("requires", requires);
        let wants = resolver.list("wants", wants);
        let after = resolver.list("after", after);
        let before = resolver.list("before", before);
        let binds_to = resolver.bound(binds_to);
        let part_of = resolver.list("part-of", part_of);
        let conflicts = resolver.rivals(conflicts, [&requires, &wants, &binds_to]);
        if let Some(firsts) = order.before.get_mut(index) {
            firsts.extend([&requires, &wants, &after, &binds_to].into_iter().flatten());
        }
        for (other, at) in &before {
            if let Some(firsts) = order.before.get_mut(*other) {
                firsts.push((index, *at));
            }
        }
        all.push(Edges {
            requires: ids(&requires),
            wants: ids(&wants),
            after: ids(&after),
            before: ids(&before),
            ties: ties(&part_of, &binds_to, &conflicts),
        });
    }
    for (draft, edges) in drafts.iter_mut().zip(all) {
        draft.spec.edges = edges;
    }
    order
}

fn ties(
    part_of: &[(usize, At)],
    binds_to: &[(usize, At)],
    conflicts: &[(usize, At)],
) -> Option<Box<Ties>> {
    let any = [part_of, binds_to, conflicts]
        .iter()
        .any(|list| !list.is_empty());
    any.then(|| {
        Box::new(Ties {
            part_of: ids(part_of),
            binds_to: ids(binds_to),
            conflicts: ids(conflicts),
        })
    })
}

fn ids(targets: &[(usize, At)]) -> Box<[ServiceId]> {
    let mut ids: Vec<ServiceId> = Vec::with_capacity(targets.len());
    for (index, _) in targets {
        let id = ServiceId(u32::try_from(*index).unwrap_or(u32::MAX));
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids.into()
}

struct Resolver<'a> {
    drafts: &'a [Draft],
    names: &'a BTreeMap<Box<str>, usize>,
    /// What units call them.
    units: &'a BTreeMap<&'a str, usize>,
    index: usize,
    draft: &'a Draft,
    context: &'a Context<'a>,
}

impl Resolver<'_> {
    fn list(&mut self, key: &str, targets: &[Target]) -> Vec<(usize, At)> {
        targets
            .iter()
            .filter_map(|target| Some((self.one(key, target)?, target.at)))
            .collect()
    }

    /// Nothing binds to a service that never is active.
    fn bound(&mut self, targets: &[Target]) -> Vec<(usize, At)> {
        let mut bound = self.list("binds-to", targets);
        bound.retain(|(other, at)| {
            let Some(other) = self.drafts.get(*other) else {
                return false;
            };
            let stays = other.spec.kind == Kind::Simple;
            if !stays && self.draft.unit.is_none() {
                let name = other.name();
                self.context.error(
                    *at,
                    format!("\"{name}\" is a oneshot, which ends: nothing can be bound to it"),
                    format!("requires = [\"{name}\"]"),
                );
            }
            stays
        });
        bound
    }

    /// Of two that can't run side by side, one at most starts by itself, and neither needs
    /// the other.
    fn rivals(&mut self, targets: &[Target], needs: [&Vec<(usize, At)>; 3]) -> Vec<(usize, At)> {
        let mut rivals = self.list("conflicts", targets);
        for (index, at) in &rivals {
            let Some(other) = self.drafts.get(*index) else {
                continue;
            };
            let (own, name) = (self.draft.name(), other.name());
            if needs.into_iter().flatten().any(|(need, _)| need == index) {
                self.context.error(
                    *at,
                    format!("\"{own}\" needs \"{name}\" and conflicts with it"),
                    "take it out of one of the two",
                );
            } else if self.draft.is_enabled() && other.is_enabled() && self.draft.unit.is_none() {
                self.context.error(
                    *at,
                    format!("\"{own}\" and \"{name}\" conflict, and both are enabled"),
                    "write enabled = false for the one that somebody starts by hand",
                );
            }
        }
        // Units that conflict are a choice of the package's; both were asked for here.
        rivals.retain(|(other, _)| {
            let both = |other: &Draft| other.is_enabled() && self.draft.is_enabled();
            self.draft.unit.is_none() || !self.drafts.get(*other).is_some_and(both)
        });
        rivals
    }

    fn one(&mut self, key: &str, target: &Target) -> Option<usize> {
        let Target { name, at, lenient } = target;
        let lenient = *lenient;
        let context = self.context;
        let unit = || self.names.get(name.strip_suffix(".service")?);
        let by_unit = || self.units.get(&**name);
        let found = self.names.get(name).or_else(unit).or_else(by_unit);
        let Some(&other) = found else {
            if target.lenient {
                unit::note_absent(self.draft, key, target, context);
                return None;
            }
            let names = self.drafts.iter().map(Draft::name);
            let help = match nearest(name, names.filter(|name| *name != self.draft.name())) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("define [service.{name}], or take it out of {key}"),
            };
            context.error(*at, format!("there is no service \"{name}\""), help);
            return None;
        };
        if other == self.index && target.lenient {
            return None;
        }
        if other == self.index {
            let what = format!("\"{name}\" can't have itself in {key}");
            context.error(*at, what, "take it out");
            return None;
        }
        let target = self.drafts.get(other)?;
        if target.spec.is_main {
            // Before main is where everything is anyway.
            if key != "before" && !lenient {
                context.error(
                    *at,
                    "\"main\" is the COMMAND, which starts after all services",
                    format!("take it out of {key}"),
                );
            }
            return None;
        }
        // Those are about services that somebody starts by hand, too.
        if !target.is_enabled() && !matches!(key, "part-of" | "conflicts") {
            let place = context.file_and_line(*at);
            let text = format!(
                "{place}: {} in {key} of {} is disabled: not waited for",
                target.name(),
                self.draft.name()
            );
            context.findings.borrow_mut().note(text);
            return None;
        }
        if target.is_scheduled() && lenient {
            return None;
        }
        if target.is_scheduled() && matches!(key, "requires" | "wants" | "after") {
            let what = format!(
                "{} runs at its times: nothing waits for that",
                target.name()
            );
            if key == "after" {
                let help = "after only makes this one stop first; to let it start later, take the schedule out";
                context.warn(*at, what, help);
            } else {
                context.error(*at, what, format!("take it out of {key}"));
                return None;
            }
        }
        Some(other)
    }
}

/// It is started by itself, once, before others.
fn is_oneshot(draft: &Draft) -> bool {
    draft.spec.kind == Kind::Oneshot && draft.is_enabled() && !draft.is_scheduled()
}

impl Order {
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
            let Some(((_, at), _)) = places.next() else {
                continue;
            };
            let mut diagnostic = Diagnostic::error(Some(*at), what, help);
            for ((_, at), (waiting, first)) in places {
                diagnostic = diagnostic.note(*at, format!("{waiting} waits for {first}"));
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
            for (first, _) in firsts {
                if let Some(list) = after.get_mut(*first) {
                    list.push(index);
                }
            }
        }
        after
    }

    /// The shortest circle through `start`: each service with the place that makes it
    /// wait for the next.
    fn circle(&self, start: usize) -> Option<Vec<(usize, At)>> {
        let mut came_from: BTreeMap<usize, (usize, At)> = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(index) = queue.pop_front() {
            for (first, at) in self.before.get(index)? {
                if *first == start {
                    let mut circle = vec![(index, *at)];
                    let mut index = index;
                    while let Some((waiting, at)) = came_from.get(&index) {
                        circle.push((*waiting, *at));
                        index = *waiting;
                    }
                    circle.reverse();
                    return Some(circle);
                }
                if !came_from.contains_key(first) {
                    came_from.insert(*first, (index, *at));
                    queue.push_back(*first);
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
