//! In which order: first what goes, then what is made, then what patterns adjust; a folder
//! before what is in it, and when it goes behind.

use std::path::{Path, PathBuf};

use super::{Complaint, Entry, Tmpfiles, Type};
use crate::core::sorted::{Map, sort_by_key};

/// The entries in their order.
#[derive(Debug, Default)]
pub(crate) struct Order {
    pub(crate) removals: Vec<Entry>,
    pub(crate) makings: Vec<Entry>,
}

impl Order {
    /// Of two lines that contradict each other the first counts; the second is complained of.
    pub(crate) fn of(entries: Vec<Entry>) -> (Self, Vec<Complaint>) {
        let mut complaints = Vec::new();
        let mut known: Map<(bool, PathBuf), Vec<usize>> = Map::new();
        let mut kept: Vec<Entry> = Vec::new();
        for entry in entries {
            let key = (entry.kind.is.takes_pattern(), entry.path.clone());
            let same = known.entry(key).or_default();
            let earlier = same.iter().filter_map(|index| kept.get(*index));
            let appends = entry.kind.is == Type::Write && entry.kind.force;
            let contradicted = !appends
                && entry.kind.is.owns_path()
                && earlier
                    .filter(|other| other.kind.is.owns_path())
                    .any(|other| !asks_the_same(other, &entry));
            // Somebody's own line for what we would make anyway is no contradiction.
            if contradicted {
                if entry.place.file != Path::new("rinit") {
                    let what = format!("an earlier line is for {} too", entry.path.display());
                    complaints.push(Complaint {
                        place: entry.place,
                        what,
                    });
                }
                continue;
            }
            same.push(kept.len());
            kept.push(entry);
        }
        let mut removals: Vec<Entry> = kept
            .iter()
            .filter(|entry| removes(entry))
            .cloned()
            .collect();
        sort_by_key(&mut removals, |entry| std::cmp::Reverse(depth(entry)));
        let is_made = |entry: &Entry| !matches!(entry.kind.is, Type::Remove | Type::RemoveTree);
        let made: Vec<Entry> = kept.into_iter().filter(is_made).collect();
        let (patterns, plain): (Vec<_>, Vec<_>) = made
            .into_iter()
            .partition(|entry| entry.kind.is.takes_pattern());
        let makings = parents_first(plain)
            .into_iter()
            .chain(parents_first(patterns))
            .collect();
        (Self { removals, makings }, complaints)
    }
}

impl Order {
    /// Nothing goes, and nothing is adjusted; what is for a start alone has had its time.
    pub(crate) fn keep_what_makes(&mut self) {
        self.removals.clear();
        self.makings
            .retain(|entry| !entry.kind.is.takes_pattern() && !entry.at_boot);
    }
}

fn removes(entry: &Entry) -> bool {
    matches!(
        entry.kind.is,
        Type::Remove | Type::RemoveTree | Type::EmptiedFolder
    )
}

fn depth(entry: &Entry) -> usize {
    entry.path.components().count()
}

fn asks_the_same(one: &Entry, other: &Entry) -> bool {
    one.mode == other.mode
        && one.user == other.user
        && one.group == other.group
        && one.argument == other.argument
}

/// The given order, but for what lies above something earlier.
fn parents_first(entries: Vec<Entry>) -> Vec<Entry> {
    let mut by_path: Map<PathBuf, Vec<usize>> = Map::new();
    for (index, entry) in entries.iter().enumerate() {
        let same = by_path.entry(entry.path.clone()).or_default();
        // What is said of the tree holds less than what is said of its root.
        let at = if entry.kind.is == Type::AdjustTree {
            0
        } else {
            same.len()
        };
        same.insert(at, index);
    }
    let mut entries: Vec<Option<Entry>> = entries.into_iter().map(Some).collect();
    let mut ordered = Vec::with_capacity(entries.len());
    for index in 0..entries.len() {
        let Some(path) = entries
            .get(index)
            .and_then(Option::as_ref)
            .map(|entry| entry.path.clone())
        else {
            continue;
        };
        let mut above: Vec<&Path> = path.ancestors().collect();
        above.reverse();
        for folder in above {
            for index in by_path.remove(folder).unwrap_or_default() {
                ordered.extend(entries.get_mut(index).and_then(Option::take));
            }
        }
    }
    ordered
}

impl Tmpfiles {
    /// The entries in their order; what contradicts is complained of.
    pub(crate) fn order(&mut self) -> Order {
        let (order, complaints) = Order::of(std::mem::take(&mut self.entries));
        self.complaints.extend(complaints);
        order
    }
}
