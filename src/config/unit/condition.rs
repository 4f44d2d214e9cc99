//! Condition*= and Assert*=: read here, asked at each start (`units::unmet`).

use super::given::Given;
use super::reading::Reading;
use crate::units;

/// Keeps one to be asked; an empty one drops those before it.
pub(super) fn condition(reading: &mut Reading<'_>, given: &Given<'_>) {
    let (kind, what) = match given.key.strip_prefix("Assert") {
        Some(what) => ("Assert", what),
        None => ("Condition", given.key.trim_start_matches("Condition")),
    };
    if given.is_reset() {
        let all = &mut reading.conditions;
        all.retain(|word| !word.starts_with(kind.as_bytes()));
        return;
    }
    let Some(value) = given.expanded(given.value.as_bytes()) else {
        return;
    };
    if !units::is_asked(what) {
        let name = reading.draft.name();
        let what = format!("{name}: {} is not supported yet by this version", given.key);
        given.context.warn(given.at, what, "it is taken to hold");
        return;
    }
    // A path may end in a slash; the root is one.
    let path = value.strip_suffix(b"/");
    let path = path.filter(|path| path.last().is_some_and(|byte| !b"|! ".contains(byte)));
    let word = [given.key.as_bytes(), path.unwrap_or(&value)].join(&b'=');
    reading.conditions.push(word);
}
