//! Who waits for whom: names become places in the declared order; what is unknown or its
//! own is reported.

use super::circles::{Edge, Order};
use super::draft::{Draft, Target, Targets};
use super::nearest::nearest;
use super::unit;
use super::value::Context;
use crate::core::id::ServiceId;
use crate::core::sorted::Map;
use crate::core::spec::{Edges, Kind, Ties};

/// Fills in the edges of all drafts.
pub(super) fn resolve(drafts: &mut [Draft], context: &Context<'_>) -> Order {
    let names: Map<Box<str>, usize> = drafts
        .iter()
        .enumerate()
        .map(|(index, draft)| (draft.name().into(), index))
        .collect();
    let units = unit::names(drafts);
    let mut order = Order::new(drafts.len());
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
            on_failure,
            on_success,
            stops_with,
            reloads_with,
            starts,
            needed_by,
            opens_with: _,
            stops: _,
            reloads: _,
        } = &draft.targets;
        let requires = resolver.list("requires", requires);
        let wants = resolver.list("wants", wants);
        let after = resolver.list("after", after);
        let before = resolver.list("before", before);
        let binds_to = resolver.bound(binds_to);
        let part_of = resolver.list("part-of", part_of);
        let on_failure = resolver.list("on-failure", on_failure);
        let on_success = resolver.list("on-success", on_success);
        let stops_with = resolver.list("StopPropagatedFrom", stops_with);
        let reloads_with = resolver.list("ReloadPropagatedFrom", reloads_with);
        let starts = resolver.list("Wants", starts);
        let needed_by = resolver.list("StopWhenUnneeded", needed_by);
        let conflicts = resolver.rivals(conflicts, [&requires, &wants, &binds_to]);
        for edge in [&requires, &wants, &after, &binds_to].into_iter().flatten() {
            order.add(index, *edge);
        }
        for edge in &before {
            let other = index;
            order.add(edge.other, Edge { other, ..*edge });
        }
        all.push(Edges {
            requires: ids(&requires),
            wants: ids(&wants),
            after: ids(&after),
            before: ids(&before),
            ties: ties([
                &part_of,
                &binds_to,
                &conflicts,
                &on_failure,
                &on_success,
                &stops_with,
                &reloads_with,
                &starts,
                &needed_by,
            ]),
        });
    }
    for (draft, edges) in drafts.iter_mut().zip(all) {
        draft.spec.edges = edges;
    }
    pull_in(drafts);
    order
}

/// What starts only with those that need it starts by itself where those do.
fn pull_in(drafts: &mut [Draft]) {
    let starts = |draft: &&Draft| draft.is_enabled() && !draft.is_triggered();
    let edges = |draft: &Draft| {
        let edges = &draft.spec.edges;
        let along = edges.ties.iter().flat_map(|ties| &*ties.starts);
        let all = edges
            .required()
            .chain(edges.wants.iter().chain(along).copied());
        all.map(ServiceId::index).collect::<Vec<usize>>()
    };
    let mut open: Vec<usize> = drafts.iter().filter(starts).flat_map(edges).collect();
    while let Some(draft) = open.pop().and_then(|index| drafts.get_mut(index)) {
        if std::mem::take(&mut draft.spec.pulled) {
            draft.spec.enabled = true;
            open.extend(edges(draft));
        }
    }
}

fn ties(lists: [&[Edge]; 9]) -> Option<Box<Ties>> {
    let any = lists.iter().any(|list| !list.is_empty());
    any.then(|| Box::new(lists.map(ids).into()))
}

fn ids(targets: &[Edge]) -> Box<[ServiceId]> {
    let mut ids: Vec<ServiceId> = Vec::with_capacity(targets.len());
    for edge in targets {
        let id = ServiceId(u32::try_from(edge.other).unwrap_or(u32::MAX));
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids.into()
}

struct Resolver<'a> {
    drafts: &'a [Draft],
    names: &'a Map<Box<str>, usize>,
    /// What units call them.
    units: &'a Map<&'a str, usize>,
    index: usize,
    draft: &'a Draft,
    context: &'a Context<'a>,
}

impl Resolver<'_> {
    fn list(&mut self, key: &str, targets: &[Target]) -> Vec<Edge> {
        let edge = |target: &Target| {
            Some(Edge {
                other: self.one(key, target)?,
                at: target.at,
                lenient: target.lenient,
            })
        };
        targets.iter().filter_map(edge).collect()
    }

    /// Nothing binds to a service that never is active.
    fn bound(&mut self, targets: &[Target]) -> Vec<Edge> {
        let mut bound = self.list("binds-to", targets);
        bound.retain(|edge| {
            let Some(other) = self.drafts.get(edge.other) else {
                return false;
            };
            let stays = other.spec.kind == Kind::Simple;
            if !stays && self.draft.unit.is_none() {
                let name = other.name();
                self.context.error(
                    edge.at,
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
    fn rivals(&mut self, targets: &[Target], needs: [&Vec<Edge>; 3]) -> Vec<Edge> {
        let rivals = self.list("conflicts", targets);
        for Edge {
            other: index, at, ..
        } in &rivals
        {
            let Some(other) = self.drafts.get(*index) else {
                continue;
            };
            let (own, name) = (self.draft.name(), other.name());
            if needs.into_iter().flatten().any(|need| need.other == *index) {
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
        rivals
    }

    fn one(&mut self, key: &str, target: &Target) -> Option<usize> {
        let Target { name, at, lenient } = target;
        let lenient = *lenient;
        let context = self.context;
        let unit = || self.names.get(name.strip_suffix(".service")?);
        let by_unit = || {
            let whole = || self.units.get(&*format!("{name}.service"));
            self.units.get(&**name).or_else(whole)
        };
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
        // The others are about services that somebody starts by hand, too.
        let orders = matches!(key, "requires" | "binds-to" | "wants" | "after" | "before");
        if !target.may_start() && orders {
            let place = context.file_and_line(*at);
            let text = format!(
                "{place}: {} in {key} of {} is disabled: not waited for",
                target.name(),
                self.draft.name()
            );
            context.findings.borrow_mut().note(text);
            return None;
        }
        if target.is_scheduled() && lenient && orders {
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
