//! Who needs what stops when nobody does (`StopWhenUnneeded=`).

use super::chosen::Units;
use super::{names, target};
use crate::config::draft::{Draft, Target};

/// Each that would stop is told of those that want or require it, in whatever order they
/// start. What a target pulls in is needed for ever: no target stops.
pub(super) fn note_users(drafts: &mut [Draft], units: &Units) {
    let stops = |draft: &Draft| draft.spec.stops_unneeded();
    if !drafts.iter().any(stops) {
        return;
    }
    let mut places = names(drafts);
    for (index, draft) in drafts.iter().enumerate() {
        places.insert(draft.name(), index);
    }
    let place = |name: &str| {
        let by_stem = || places.get(name.strip_suffix(".service")?);
        places.get(name).or_else(by_stem).copied()
    };
    let pulls = units.pulled.targets.values().flat_map(|links| &links.pulls);
    let kept: Vec<usize> = pulls.filter_map(|name| place(name)).collect();
    let mut users: Vec<(usize, Target)> = Vec::new();
    for draft in drafts.iter() {
        let targets = &draft.targets;
        for other in [&targets.requires, &targets.wants, &targets.binds_to] {
            let others = other.iter().filter_map(|other| place(&other.name));
            users.extend(others.map(|other| (other, target(draft.name(), draft.at))));
        }
    }
    for (index, user) in users {
        if let Some(draft) = drafts.get_mut(index).filter(|draft| stops(draft)) {
            draft.targets.needed_by.push(user);
        }
    }
    for index in kept {
        if let Some(draft) = drafts.get_mut(index).filter(|draft| stops(draft)) {
            draft.terms().stops_unneeded = false;
            draft.targets.needed_by.clear();
        }
    }
}
