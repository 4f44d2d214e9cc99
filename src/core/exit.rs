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
    /// The kernel's OOM killer did, by SIGKILL: memory ran out.
    OutOfMemory,
    /// Its parent alone was told: it was another's child. No success.
    Unknown,
}

impl Exit {
    /// The one byte that a shell, an engine and rinit itself report: 128+n for a signal.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128u8.saturating_add(signal.number()),
            Self::OutOfMemory => 128u8.saturating_add(Signal::KILL.number()),
            Self::Unknown => u8::MAX,
        }
    }

    /// The signal that killed it.
    #[must_use]
    pub const fn signal(self) -> Option<Signal> {
        match self {
            Self::Code(_) | Self::Unknown => None,
            Self::Signal(signal) => Some(signal),
            Self::OutOfMemory => Some(Signal::KILL),
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
            Self::OutOfMemory => f.write_str("killed by the kernel's OOM killer"),
            Self::Unknown => f.write_str("ended, its status unknown: another's child"),
        }
    }
}

/// A set of exit statuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Codes([u64; 4]);

impl Codes {
    /// None.
    pub const NONE: Self = Self([0; 4]);

    /// Puts one in.
    pub fn insert(&mut self, code: u8) {
        if let Some(word) = self.0.get_mut(usize::from(code / 64)) {
            *word |= 1 << (code % 64);
        }
    }

    /// Whether it is in it.
    #[must_use]
    pub fn contains(&self, code: u8) -> bool {
        self.0
            .get(usize::from(code / 64))
            .is_some_and(|word| word & (1 << (code % 64)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_hold_exactly_what_was_put_in() {
        let mut codes = Codes::NONE;
        for code in [0, 63, 64, 143, 255] {
            codes.insert(code);
        }
        let held: Vec<u8> = (0..=255).filter(|code| codes.contains(*code)).collect();
        assert_eq!(held, [0, 63, 64, 143, 255]);
    }
}
