//! Signals by the kernel's numbers: 1 to 64, real-time ones counted from 34 as glibc
//! and everybody's documentation do (`signal(7)`), whatever the C library.

use std::fmt;

/// A signal number, 1 to 64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(u8);

/// The first real-time signal that programs name; 32 and 33 are the C library's own.
const RTMIN: u8 = 34;
const RTMAX: u8 = 64;

const NAMES: [(u8, &str); 31] = [
    (1, "HUP"),
    (2, "INT"),
    (3, "QUIT"),
    (4, "ILL"),
    (5, "TRAP"),
    (6, "ABRT"),
    (7, "BUS"),
    (8, "FPE"),
    (9, "KILL"),
    (10, "USR1"),
    (11, "SEGV"),
    (12, "USR2"),
    (13, "PIPE"),
    (14, "ALRM"),
    (15, "TERM"),
    (16, "STKFLT"),
    (17, "CHLD"),
    (18, "CONT"),
    (19, "STOP"),
    (20, "TSTP"),
    (21, "TTIN"),
    (22, "TTOU"),
    (23, "URG"),
    (24, "XCPU"),
    (25, "XFSZ"),
    (26, "VTALRM"),
    (27, "PROF"),
    (28, "WINCH"),
    (29, "IO"),
    (30, "PWR"),
    (31, "SYS"),
];

const ALIASES: [(u8, &str); 4] = [(6, "IOT"), (17, "CLD"), (29, "POLL"), (31, "UNUSED")];

impl Signal {
    /// Terminal hang-up; the request to reload.
    pub const HUP: Self = Self(1);
    /// Interrupt from the keyboard.
    pub const INT: Self = Self(2);
    /// Quit from the keyboard.
    pub const QUIT: Self = Self(3);
    /// Cannot be caught; ends a process at once.
    pub const ABRT: Self = Self(6);
    /// SIGKILL.
    pub const KILL: Self = Self(9);
    /// A write to what nobody reads.
    pub const PIPE: Self = Self(13);
    /// The usual request to stop.
    pub const TERM: Self = Self(15);
    /// A child changed its state.
    pub const CHLD: Self = Self(17);
    /// Goes on after a stop.
    pub const CONT: Self = Self(18);
    /// Cannot be caught; stops a process.
    pub const STOP: Self = Self(19);
    /// Stop from the keyboard.
    pub const TSTP: Self = Self(20);
    /// A background process read from the terminal.
    pub const TTIN: Self = Self(21);
    /// A background process wrote to the terminal.
    pub const TTOU: Self = Self(22);
    /// The terminal's size changed.
    pub const WINCH: Self = Self(28);
    /// Power failure; LXC's request to stop.
    pub const PWR: Self = Self(30);

    /// A signal by its number, if there is one of that number.
    #[must_use]
    pub fn new(number: i32) -> Option<Self> {
        match u8::try_from(number) {
            Ok(number @ 1..=RTMAX) => Some(Self(number)),
            _ => None,
        }
    }

    /// Its number, 1 to 64.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// It asks for a stop, whoever sends it, and whatever the terminal.
    #[must_use]
    pub const fn asks_for_a_stop(self) -> bool {
        match self {
            Self::TERM | Self::INT | Self::QUIT | Self::PWR => true,
            // LXC, podman and systemd-nspawn: halt, power off, reboot (SIGRTMIN+3 to +5).
            Self(number) => matches!(number, 37..=39),
        }
    }

    /// A signal as a person writes it: `SIGTERM`, `term`, `15`, `SIGRTMIN+3`, `RTMAX-1`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::new(text.parse().ok()?);
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let offset = |rest: &str, sign: char| -> Option<u8> {
            match rest.strip_prefix(sign) {
                None if rest.is_empty() => Some(0),
                Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                    digits.parse().ok()
                }
                _ => None,
            }
        };
        let number = if let Some(rest) = name.strip_prefix("RTMIN") {
            RTMIN.checked_add(offset(rest, '+')?)?
        } else if let Some(rest) = name.strip_prefix("RTMAX") {
            RTMAX
                .checked_sub(offset(rest, '-')?)
                .filter(|number| *number >= RTMIN)?
        } else {
            NAMES
                .iter()
                .chain(&ALIASES)
                .find(|(_, known)| *known == name)?
                .0
        };
        Self::new(i32::from(number))
    }

    /// Every name that `parse` knows without a number in it, for hints.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(_, name)| *name)
    }
}

impl fmt::Display for Signal {
    /// `SIGTERM`, `SIGRTMIN+3`, `signal 32`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => write!(f, "SIG{name}"),
            None if self.0 == RTMIN => f.write_str("SIGRTMIN"),
            None if self.0 > RTMIN => write!(f, "SIGRTMIN+{}", self.0 - RTMIN),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_display_writes_parse_reads_for_every_number_with_a_name() {
        for number in (1..=31).chain(34..=64) {
            let signal = Signal::new(number).unwrap();
            assert_eq!(Signal::parse(&signal.to_string()), Some(signal));
        }
    }

    #[test]
    fn sigrtmin_counts_from_34_and_rtmax_back_from_64() {
        assert_eq!(Signal::parse("SIGRTMIN+3"), Signal::new(37));
        assert_eq!(Signal::parse("rtmax-1"), Signal::new(63));
        assert_eq!(Signal::parse("RTMAX"), Signal::new(64));
    }

    #[test]
    fn what_is_no_signal_is_refused() {
        for text in [
            "",
            "0",
            "65",
            "SIG",
            "SIGFOO",
            "RTMIN+31",
            "RTMAX-31",
            "RTMIN-1",
            "-1",
            "999999999999",
            "RTMIN+",
        ] {
            assert_eq!(Signal::parse(text), None, "{text}");
        }
    }
}
