//! How one command is to be run, and what there is to tell about it: plain values, made
//! by the faces, whose words the notices become.

use std::time::Duration;

use crate::core::exit::{Codes, Exit};
use crate::core::id::Pid;
use crate::core::signal::Signal;
use crate::sys::error::Errno;
use crate::sys::launch::Place;

/// Whom a forwarded signal goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The command alone.
    Process,
    /// The group that it leads.
    Group,
}

/// How the command is run.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// Whom signals go to.
    pub target: Target,
    /// Where the command stands.
    pub place: Place,
    /// What signals become on their way.
    pub rewrite: Rewrite,
    /// Exit statuses that are reported as 0.
    pub codes: Codes,
    /// The signal that we want when our parent dies.
    pub parent_death: Option<Signal>,
    /// After the command's end the rest gets SIGTERM and this long.
    pub wait: Option<Duration>,
    /// Tell what is reaped, and what nobody reaps.
    pub warn: bool,
    /// The command's group gets SIGTERM at its end.
    pub end_group: bool,
    /// The command gets no mask and default dispositions instead of those that we got.
    pub reset: bool,
    /// A LISTEN_PID that names us names the command.
    pub listen_pid: bool,
    /// Who turns notices into words, and leaves out what nobody wants to read.
    pub notices: &'a dyn Fn(&Notice<'_>),
}

impl<'a> Settings<'a> {
    /// tini's defaults.
    #[must_use]
    pub const fn new(notices: &'a dyn Fn(&Notice<'_>)) -> Self {
        Self {
            target: Target::Process,
            place: Place::OwnGroup,
            rewrite: Rewrite::NONE,
            codes: Codes::NONE,
            parent_death: None,
            wait: None,
            warn: false,
            end_group: false,
            reset: false,
            listen_pid: false,
            notices,
        }
    }

    pub(super) fn say(&self, notice: &Notice<'_>) {
        (self.notices)(notice);
    }
}

/// Something that a person may want to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice<'a> {
    /// The command runs.
    Started {
        /// As this process.
        child: Pid,
    },
    /// A signal was passed on.
    Forwarded {
        /// The one that came.
        signal: Signal,
        /// The one that it became.
        sent: Signal,
        /// To whom, or to whose group.
        child: Pid,
    },
    /// The kernel let a signal not be passed on.
    NotForwarded {
        /// Which.
        signal: Signal,
        /// Why.
        errno: Errno,
    },
    /// A signal that is rewritten to nothing came.
    Dropped {
        /// Which.
        signal: Signal,
    },
    /// The command ended.
    Ended {
        /// It was this process.
        child: Pid,
        /// So.
        exit: Exit,
    },
    /// An orphan was reaped.
    Reaped {
        /// Which.
        pid: Pid,
        /// Its name; empty if unknown.
        name: &'a str,
    },
    /// A zombie stands whose parent lives and does not reap it.
    Standing {
        /// Which.
        pid: Pid,
        /// Its name.
        name: &'a str,
        /// Who should reap it.
        parent: Pid,
        /// That one's name.
        parent_name: &'a str,
    },
    /// Orphans will not come to us.
    NoSubreaper(Errno),
    /// Our parent's death will pass unnoticed.
    NoParentDeath(Errno),
}

/// What signals become on their way to the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewrite([Option<u8>; 65]);

impl Rewrite {
    /// Each stays what it is.
    pub const NONE: Self = Self([None; 65]);

    /// From now on `from` becomes `to`, or nothing.
    pub fn set(&mut self, from: Signal, to: Option<Signal>) {
        if let Some(slot) = self.0.get_mut(usize::from(from.number())) {
            *slot = Some(to.map_or(0, Signal::number));
        }
    }

    /// As `set`, unless something was set already.
    pub fn set_default(&mut self, from: Signal, to: Option<Signal>) {
        if self.0.get(usize::from(from.number())) == Some(&None) {
            self.set(from, to);
        }
    }

    /// What it becomes; `None` if nothing.
    #[must_use]
    pub fn apply(&self, signal: Signal) -> Option<Signal> {
        match self.0.get(usize::from(signal.number())) {
            Some(Some(number)) => Signal::new(i32::from(*number)),
            Some(None) | None => Some(signal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewritten_signal_becomes_another_or_nothing_and_the_rest_stay() {
        let mut rewrite = Rewrite::NONE;
        rewrite.set(Signal::TERM, Some(Signal::QUIT));
        rewrite.set(Signal::HUP, None);
        rewrite.set_default(Signal::TERM, None);
        rewrite.set_default(Signal::TSTP, Some(Signal::STOP));
        assert_eq!(rewrite.apply(Signal::TERM), Some(Signal::QUIT));
        assert_eq!(rewrite.apply(Signal::HUP), None);
        assert_eq!(rewrite.apply(Signal::TSTP), Some(Signal::STOP));
        assert_eq!(rewrite.apply(Signal::INT), Some(Signal::INT));
    }
}
