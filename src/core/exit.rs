//! How a process ended, and what counts as well.

use std::fmt;

use super::signal::Signal;

/// How a process ended (`waitid(2)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exit {
    /// It called `exit`.
    Code(u8),
    /// A signal killed it.
    Signal(Signal),
}

impl Exit {
    /// The one byte that a shell, an engine and rinit itself report: 128+n for a signal.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128u8.saturating_add(signal.number()),
        }
    }

    /// Whether it is exit code 0.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

impl fmt::Display for Exit {
    /// `exited with status 3`, `killed by SIGTERM`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with status {code}"),
            Self::Signal(signal) => write!(f, "killed by {signal}"),
        }
    }
}
