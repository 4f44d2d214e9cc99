//! What the program prints about itself: manual pages, completions, the schema of its
//! files. All are made from the tables that the parsers read, so that none can lag behind.

mod schema;

use super::print;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Document {
    /// `--schema`.
    Schema,
}

impl Document {
    /// Prints it; gives the exit status.
    pub(super) fn print(self) -> i32 {
        match self {
            Self::Schema => print::out(schema::text()),
        }
        0
    }
}
