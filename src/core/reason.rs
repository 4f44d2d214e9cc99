//! A reason in words.

use std::fmt;

use super::exit::Exit;
use super::signal::Signal;
use super::state::{Reason, State};
use super::system::System;
use super::time::Span;

/// A reason in words.
pub(super) struct ReasonIn<'a> {
    pub(super) reason: &'a Reason,
    pub(super) system: &'a System,
}

impl fmt::Display for ReasonIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            // Nobody here asked for it, or it would be the reason.
            Reason::Exit(exit @ Exit::Signal(Signal::KILL)) => write!(f, "{exit}, not by rinit"),
            Reason::Exit(exit) => write!(f, "{exit}"),
            Reason::Spawn(failure) => {
                write!(f, "cannot start: {}", failure.step)?;
                match &*failure.reason {
                    "" => Ok(()),
                    reason => write!(f, ": {reason}"),
                }
            }
            Reason::NotThere { what } => f.write_str(what),
            Reason::Unmet { what, assert: true } => write!(f, "cannot start: {what}"),
            Reason::Unmet { what, .. } => write!(f, "skipped: {what}"),
            Reason::Command(failure) => write!(f, "{failure}"),
            Reason::Watchdog { silent: Some(time) } => {
                write!(f, "watchdog: no ping for {}", Span(*time))
            }
            Reason::Watchdog { silent: None } => f.write_str("watchdog: it said that it is stuck"),
            Reason::NotStopped { after } => {
                write!(f, "said that it stops, and didn't in {}", Span(*after))
            }
            Reason::TooLong(after) => {
                write!(f, "ran for {}, which is as long as it may", Span(*after))
            }
            Reason::Explained { what, cause } => {
                let what = ReasonIn {
                    reason: what,
                    system: self.system,
                };
                write!(f, "{what} ({cause})")
            }
            Reason::NotReady { after, answer } => {
                write!(f, "not ready after {}", Span(*after))?;
                in_brackets(f, answer.as_deref())
            }
            Reason::Unhealthy { answer } => write!(f, "unhealthy: {answer}"),
            Reason::ForkRefused { errno } => {
                write!(f, "the kernel gives no process (errno {errno})")
            }
            Reason::StartLimit { last } => {
                let last = ReasonIn {
                    reason: last,
                    system: self.system,
                };
                write!(f, "{last}; start limit reached")
            }
            Reason::Dependency { root, .. } => {
                write!(f, "dependency {}", self.system.name(*root))?;
                match self.system.state(*root) {
                    Some(State::Failed {
                        reason: Reason::Exit(Exit::Code(code)),
                        ..
                    }) => write!(f, ": exit {code}"),
                    Some(State::Failed { reason, .. })
                        if !matches!(reason, Reason::Dependency { .. }) =>
                    {
                        let system = self.system;
                        write!(f, ": {}", ReasonIn { reason, system })
                    }
                    Some(
                        State::Inactive(_)
                        | State::Waiting(_)
                        | State::Starting(_)
                        | State::Active { .. }
                        | State::Stopping(_)
                        | State::Killing(_)
                        | State::Backoff(_)
                        | State::Exited { .. }
                        | State::Failed { .. },
                    )
                    | None => Ok(()),
                }
            }
        }
    }
}

pub(super) fn in_brackets(f: &mut fmt::Formatter<'_>, text: Option<&str>) -> fmt::Result {
    match text {
        Some(text) => write!(f, " ({text})"),
        None => Ok(()),
    }
}
