//! The table of verbs as the manual and the completions read it.

use super::verbs::{COMMON, FLAGS, Kind, VERBS};
use crate::cli::getopt::{Flag, OptionText};

/// A verb as documentation has it.
pub(in crate::cli) struct VerbText {
    pub(in crate::cli) name: &'static str,
    /// What stands behind it.
    pub(in crate::cli) usage: &'static str,
    pub(in crate::cli) doc: &'static str,
    takes: &'static [Kind],
}

impl VerbText {
    /// Whether names of services follow.
    pub(in crate::cli) fn has_names(&self) -> bool {
        self.usage.contains("NAME")
    }

    /// Its own options.
    pub(in crate::cli) fn options(&self) -> impl Iterator<Item = OptionText> {
        texts(self.takes)
    }
}

/// Every verb, in the order of the help.
pub(in crate::cli) fn verbs() -> impl Iterator<Item = VerbText> {
    VERBS.iter().map(|verb| VerbText {
        name: verb.name,
        usage: verb.names.usage(),
        doc: verb.doc,
        takes: verb.takes,
    })
}

/// Every option.
pub(in crate::cli) fn options() -> impl Iterator<Item = OptionText> {
    FLAGS.iter().map(Flag::text)
}

/// Those that every verb takes.
pub(in crate::cli) fn common() -> impl Iterator<Item = OptionText> {
    texts(COMMON)
}

fn texts(kinds: &'static [Kind]) -> impl Iterator<Item = OptionText> {
    let of_them = move |flag: &&Flag<Kind>| kinds.contains(&flag.kind);
    FLAGS.iter().filter(of_them).map(Flag::text)
}
