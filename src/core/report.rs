//! What rinit tells people about its services: facts as values; the words are made when
//! somebody reads them.

/// How loud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed for good.
    Error,
    /// Something went wrong and is being dealt with.
    Warn,
    /// The normal course, in few lines.
    Info,
    /// Every change of state (`-v`).
    Debug,
}

/// A fact for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {}
