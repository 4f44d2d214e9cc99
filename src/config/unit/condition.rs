//! Condition*= and Assert*=: read here, asked at each start (`units::unmet`).

use super::given::Given;
use crate::units;

/// Whether the key is one of them.
pub(super) fn is_one(key: &str) -> bool {
    key.starts_with("Condition") || key.starts_with("Assert")
}

/// Keeps one to be asked; an empty one drops those before it. `name`: whose it is.
pub(super) fn keep(all: &mut Vec<Vec<u8>>, name: &str, given: &Given<'_>) {
    let (kind, what) = match given.key.strip_prefix("Assert") {
        Some(what) => ("Assert", what),
        None => ("Condition", given.key.trim_start_matches("Condition")),
    };
    if given.is_reset() {
        all.retain(|word| !word.starts_with(kind.as_bytes()));
        return;
    }
    let Some(value) = given.expanded(given.value.as_bytes()) else {
        return;
    };
    if !units::is_asked(what) {
        let what = format!("{name}: {} is not supported yet by this version", given.key);
        given.context.warn(given.at, what, "it is taken to hold");
        return;
    }
    // A path may end in a slash; the root is one.
    let path = value.strip_suffix(b"/");
    let path = path.filter(|path| path.last().is_some_and(|byte| !b"|! ".contains(byte)));
    let word = [given.key.as_bytes(), path.unwrap_or(&value)].join(&b'=');
    all.push(word);
}

/// Why not all of them hold.
pub(super) fn unmet(all: &[Vec<u8>]) -> Option<String> {
    let mut kinds = ["Condition", "Assert"].into_iter();
    kinds.find_map(|kind| units::unmet(all.iter().map(Vec::as_slice), kind))
}
