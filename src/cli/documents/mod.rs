//! What the program prints about itself: manual pages, completions, the schema of its
//! files. All are made from the tables that the parsers read, so that none can lag behind.

mod completions;
mod manual;
mod roff;
mod schema;

/// A name, and what makes the text of it.
type Named = (&'static str, fn() -> String);

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Document {
    /// `--man`: the page of this name.
    Man(&'static [u8]),
    /// `--completions`: for this shell.
    Completions(&'static [u8]),
    /// `--schema`.
    Schema,
}

impl Document {
    /// Where `--man` itself names no page: the one that the next word names, or else this.
    pub(super) fn or(self, word: Option<&'static [u8]>, page: &'static [u8]) -> Self {
        if self == Self::Man(b"") {
            return Self::Man(word.unwrap_or(page));
        }
        self
    }

    /// Its text; none if there is no such page or shell.
    pub(super) fn text(self) -> Option<String> {
        let (known, name) = match self {
            Self::Schema => return Some(schema::text()),
            Self::Man(page) => (manual::PAGES, page),
            Self::Completions(shell) => (completions::SHELLS, shell),
        };
        let found = known.iter().find(|(it, _)| it.as_bytes() == name);
        found.map(|(_, text)| text())
    }
}
