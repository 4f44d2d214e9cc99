//! What the faces that people type take from their environment.

use super::print::{Text, out_is_terminal};
use crate::single::Inherited;

/// A variable's text, unless it is empty.
pub(super) fn text(inherited: &Inherited, name: &str) -> Option<String> {
    let value = inherited.variable(name).filter(|value| !value.is_empty());
    value.map(|value| Text(value).to_string())
}

/// Whether control sequences may colour words on stdout.
pub(super) fn may_colour(inherited: &Inherited) -> bool {
    out_is_terminal()
        && text(inherited, "NO_COLOR").is_none()
        && text(inherited, "TERM").is_none_or(|it| it != "dumb")
}
