//! What units say of each other, as edges between services. A target starts nothing: it is
//! a place where orders meet, so that "A before T" and "B after T" is "A before B", and no
//! trace of it reaches PID 1.
//!
//! systemd's dependencies don't order by themselves; ours do. Where a unit requires or
//! wants one that comes after it, only the bond is kept.

use super::chosen::Units;
use super::{names, target, unneeded};
use crate::config::draft::{Draft, Target};
use crate::config::source::At;
use crate::config::value::Context;
use crate::core::sorted::{Map, Set};
use crate::units::{self, Links, Pulled};

/// Every service comes after these, unless its unit says otherwise.
const BY_DEFAULT: [&str; 2] = ["sysinit.target", "basic.target"];

/// Rewrites what the drafts' units say, by the names of services.
pub(in crate::config) fn arrange(drafts: &mut [Draft], units: &Units, context: &Context<'_>) {
    if drafts.iter().all(|draft| draft.unit.is_none()) {
        return;
    }
    settle_conflicts(drafts, context);
    close_what_stands_alone(drafts, context);
    turn_around(drafts);
    unneeded::note_users(drafts, units);
    let order = Order::new(drafts, units);
    let along: Vec<Vec<Target>> = drafts
        .iter()
        .map(|draft| order.along(draft, drafts))
        .collect();
    let all: Vec<Arranged> = (0..drafts.len())
        .map(|index| order.arranged(index, drafts))
        .collect();
    let names: Vec<Box<str>> = drafts.iter().map(|draft| draft.name().into()).collect();
    for ((draft, arranged), along) in drafts.iter_mut().zip(all).zip(along) {
        let targets = &mut draft.targets;
        targets.starts = along;
        targets.before.retain(|own| !own.lenient);
        targets.after.retain(|own| !own.lenient);
        targets.wants.retain(|own| !own.lenient);
        let after = arranged.after.iter();
        targets
            .after
            .extend(after.filter_map(|(first, at)| Some(target(names.get(*first)?, *at))));
        let wants = arranged.wants.iter();
        targets
            .wants
            .extend(wants.filter_map(|(first, at)| Some(target(names.get(*first)?, *at))));
        for list in [&mut targets.requires, &mut targets.binds_to] {
            let (bonds, kept) = std::mem::take(list)
                .into_iter()
                .partition(|own| own.lenient && arranged.behind.contains(&own.name));
            *list = kept;
            let bonds: Vec<Target> = bonds;
            targets.part_of.extend(bonds);
        }
    }
}

/// What a unit says that it does to another is kept with that one.
fn turn_around(drafts: &mut [Draft]) {
    let places = names(drafts);
    let mut found: Vec<(usize, bool, Target)> = Vec::new();
    for draft in drafts.iter() {
        let targets = &draft.targets;
        for (list, reload) in [(&targets.stops, false), (&targets.reloads, true)] {
            for other in list {
                if let Some(place) = places.get(&*other.name) {
                    found.push((*place, reload, target(draft.name(), other.at)));
                }
            }
        }
    }
    for (place, reload, target) in found {
        if let Some(draft) = drafts.get_mut(place) {
            match reload {
                true => draft.targets.reloads_with.push(target),
                false => draft.targets.stops_with.push(target),
            }
        }
    }
}

/// Of two that can't run side by side one starts at the boot: that which can, else that which
/// somebody named, else the earlier. The other makes it stop once people start it.
fn settle_conflicts(drafts: &mut [Draft], context: &Context<'_>) {
    let places = names(drafts);
    let mut pairs: Vec<(usize, usize, At)> = Vec::new();
    for (index, draft) in drafts.iter().enumerate() {
        let own = draft.targets.conflicts.iter().filter(|own| own.lenient);
        let rivals = own.filter_map(|own| Some((*places.get(&*own.name)?, own.at)));
        pairs.extend(rivals.map(|(rival, at)| (index.min(rival), index.max(rival), at)));
    }
    for (one, other, at) in pairs {
        // The worst goes.
        let rank = |index: usize| {
            let draft = drafts.get(index)?;
            // One that accepts has its port from the beginning, though nobody comes.
            let waits = draft.is_triggered() && !draft.spec.accepts();
            let starts = draft.is_enabled() && !waits;
            let is_pulled = draft.unit.as_ref().is_some_and(|unit| unit.is_pulled);
            starts.then(|| (!meets_conditions(draft), is_pulled))
        };
        let Some((first, second)) = rank(one).zip(rank(other)).filter(|_| one != other) else {
            continue;
        };
        let (goes, stays) = if first > second {
            (one, other)
        } else {
            (other, one)
        };
        let (skipped, _) = first.max(second);
        let stays = drafts.get(stays).map(|own| own.name().to_owned());
        let stays = stays.unwrap_or_default();
        if let Some(draft) = drafts.get_mut(goes) {
            draft.spec.enabled = false;
            let name = draft.name();
            let what =
                format!("{name} is not started: it and {stays} conflict, and both are enabled");
            if skipped {
                context.findings.borrow_mut().note(what);
                continue;
            }
            let help = "remove one of the two packages, or name one in units-skip";
            context.warn(at, what, help);
        }
    }
}

/// Where a socket's unit requires a service that is skipped, nobody opens it: who came would
/// wait for a service that can't be.
fn close_what_stands_alone(drafts: &mut [Draft], context: &Context<'_>) {
    let places = names(drafts);
    let mut alone: Vec<(usize, Box<str>)> = Vec::new();
    for (index, draft) in drafts.iter().enumerate() {
        let is_skipped = |need: &&Target| {
            let place = places.get(&*need.name).filter(|place| **place != index);
            let needed = place.and_then(|place| drafts.get(*place));
            needed.is_some_and(|needed| !meets_conditions(needed))
        };
        let need = draft.targets.opens_with.iter().find(is_skipped);
        if let Some(need) = need.filter(|_| draft.spec.is_on_demand()) {
            alone.push((index, need.name.clone()));
        }
    }
    for (index, need) in alone {
        if let Some(draft) = drafts.get_mut(index) {
            draft.spec.enabled = false;
            let what = format!("{} is skipped: its socket requires {need}", draft.name());
            context.findings.borrow_mut().note(what);
        }
    }
}

/// As far as can be known now.
fn meets_conditions(draft: &Draft) -> bool {
    let setup = draft.spec.exec.setup.iter();
    let conditions = setup.flat_map(|setup| setup.conditions.iter());
    units::unmet(conditions, "Condition").is_none()
}

/// What becomes of one draft.
struct Arranged {
    /// The services that it waits for.
    after: Map<usize, At>,
    /// Those of them that it wants.
    wants: Vec<(usize, At)>,
    /// Names that it requires of services that wait for it.
    behind: Set<Box<str>>,
}

/// Services, by their places, then targets.
struct Order<'a> {
    places: Map<&'a str, usize>,
    /// For each what comes before it, and who says so.
    before: Vec<Vec<(usize, At)>>,
    /// Which of them are services that may start without people.
    starts: Vec<bool>,
    pulled: &'a Pulled,
}

impl<'a> Order<'a> {
    fn new(drafts: &'a [Draft], units: &'a Units) -> Self {
        let pulled = &units.pulled;
        let mut places = names(drafts);
        for (index, draft) in drafts.iter().enumerate() {
            places.insert(draft.name(), index);
        }
        for (index, name) in (drafts.len()..).zip(pulled.targets.keys()) {
            places.insert(name, index);
        }
        for (alias, name) in &pulled.target_aliases {
            if let Some(place) = places.get(&**name).copied() {
                places.entry(alias).or_insert(place);
            }
        }
        let count = drafts.len() + pulled.targets.len();
        let mut starts: Vec<bool> = drafts.iter().map(Draft::may_start).collect();
        starts.resize(count, false);
        let mut order = Self {
            places,
            before: vec![Vec::new(); count],
            starts,
            pulled,
        };
        for (index, draft) in drafts.iter().enumerate() {
            order.add_service(index, draft);
        }
        let targets = (drafts.len()..).zip(pulled.targets.values());
        for (place, links) in targets.clone() {
            order.add_target(place, links);
        }
        for (place, links) in targets {
            order.add_members(place, links, drafts);
        }
        order
    }

    fn place(&self, name: &str) -> Option<usize> {
        let by_stem = || self.places.get(name.strip_suffix(".service")?);
        self.places.get(name).or_else(by_stem).copied()
    }

    /// Those that start with it, also where it names a target of theirs. What starts by itself
    /// as well does so no more in a configuration that is only to be known.
    fn along(&self, draft: &Draft, drafts: &[Draft]) -> Vec<Target> {
        let name = draft.unit.as_ref().map_or("", |unit| unit.name());
        let mut waiting: Vec<&str> = Vec::new();
        let mut seen: Set<&str> = Set::new();
        let mut found: Vec<Target> = Vec::new();
        waiting.extend(
            self.pulled
                .along
                .get(name)
                .into_iter()
                .flatten()
                .map(|name| &**name),
        );
        while let Some(name) = waiting.pop() {
            if !seen.insert(name) {
                continue;
            }
            let place = self.place(name);
            if let Some(other) = place.and_then(|place| drafts.get(place)) {
                let starts = other.spec.pulled || other.is_enabled() && !other.is_triggered();
                if starts && other.name() != draft.name() {
                    found.push(target(other.name(), draft.at));
                }
            } else {
                let own = self
                    .pulled
                    .target_aliases
                    .get(name)
                    .map_or(name, |own| &**own);
                let links = self.pulled.targets.get(own);
                waiting.extend(
                    links
                        .into_iter()
                        .flat_map(|links| &links.pulls)
                        .map(|name| &**name),
                );
            }
        }
        found
    }

    /// As `place`, for what takes its time: sockets are open before anything starts, and
    /// nobody waits for a timer.
    fn turn(&self, name: &str) -> Option<usize> {
        let starter = [".socket", ".timer", ".path"];
        let is_starter = starter.iter().any(|suffix| name.ends_with(suffix));
        self.place(name).filter(|_| !is_starter)
    }

    /// `first` comes before `then`, both by their names or places.
    fn add(&mut self, first: Option<usize>, then: Option<usize>, at: At) {
        if let (Some(first), Some(then)) = (first, then)
            && first != then
            && let Some(before) = self.before.get_mut(then)
        {
            before.push((first, at));
        }
    }

    fn add_service(&mut self, index: usize, draft: &Draft) {
        let Some(unit) = &draft.unit else {
            return;
        };
        for other in draft.targets.after.iter().filter(|other| other.lenient) {
            self.add(self.turn(&other.name), Some(index), other.at);
        }
        for other in draft.targets.before.iter().filter(|other| other.lenient) {
            self.add(Some(index), self.turn(&other.name), other.at);
        }
        if unit.by_default {
            for name in BY_DEFAULT {
                self.add(self.place(name), Some(index), draft.at);
            }
        }
    }

    fn add_target(&mut self, place: usize, links: &Links) {
        let nowhere = At::new(u32::MAX, 0..0);
        for other in &links.after {
            self.add(self.turn(other), Some(place), nowhere);
        }
        for other in &links.before {
            self.add(Some(place), self.turn(other), nowhere);
        }
    }

    /// A target is reached after all that it pulls in, unless that waits for it.
    fn add_members(&mut self, place: usize, links: &Links, drafts: &[Draft]) {
        if !links.by_default {
            return;
        }
        let members = links.pulls.iter().filter_map(|name| self.turn(name));
        for member in members.collect::<Vec<_>>() {
            let draft = drafts.get(member);
            let at = draft.map_or(At::new(u32::MAX, 0..0), |draft| draft.at);
            let unit = draft.and_then(|draft| draft.unit.as_ref());
            let waits = self.before.get(member);
            let waits = waits.is_some_and(|list| list.iter().any(|(own, _)| *own == place));
            if !waits && unit.is_none_or(|unit| unit.by_default) {
                self.add(Some(member), Some(place), at);
            }
        }
    }

    /// The services that come before: through targets, and through what isn't started.
    fn firsts(&self, index: usize) -> Map<usize, At> {
        let mut found = Map::new();
        let mut seen = Set::new();
        let mut waiting: Vec<(usize, At)> = self.before.get(index).cloned().unwrap_or_default();
        while let Some((place, at)) = waiting.pop() {
            if place == index || !seen.insert(place) {
                continue;
            }
            if self.starts.get(place) == Some(&true) {
                found.insert(place, at);
            } else {
                let further = self.before.get(place).into_iter().flatten();
                waiting.extend(further.map(|(place, _)| (*place, at)));
            }
        }
        found
    }

    /// Whether `first` comes before `then`, over any number of others.
    fn comes_before(&self, first: usize, then: usize) -> bool {
        let mut seen = Set::new();
        let mut waiting = vec![then];
        while let Some(place) = waiting.pop() {
            for (before, _) in self.before.get(place).into_iter().flatten() {
                if *before == first {
                    return true;
                }
                if seen.insert(*before) {
                    waiting.push(*before);
                }
            }
        }
        false
    }

    fn arranged(&self, index: usize, drafts: &[Draft]) -> Arranged {
        let mut arranged = Arranged {
            after: self.firsts(index),
            wants: Vec::new(),
            behind: Set::new(),
        };
        let Some(draft) = drafts.get(index) else {
            return arranged;
        };
        let lenient = |list: &'_ [Target]| -> Vec<(usize, Box<str>, At)> {
            let own = list.iter().filter(|target| target.lenient);
            own.filter_map(|target| {
                let place = self.place(&target.name)?;
                (place < drafts.len()).then(|| (place, target.name.clone(), target.at))
            })
            .collect()
        };
        for (place, name, _) in [&draft.targets.requires, &draft.targets.binds_to]
            .into_iter()
            .flat_map(|list| lenient(list))
        {
            if self.comes_before(index, place) {
                arranged.behind.insert(name);
            } else {
                arranged.after.remove(&place);
            }
        }
        for (place, _, at) in lenient(&draft.targets.wants) {
            if arranged.after.remove(&place).is_some() {
                arranged.wants.push((place, at));
            }
        }
        arranged
    }
}
