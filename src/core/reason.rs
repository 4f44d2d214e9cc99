//! Why a service is not running as it should, and that in words.

use std::fmt;
use std::time::Duration;

use super::commands::{CommandFailure, Failing, ServiceResult};
use super::event::SpawnFailure;
use super::exit::Exit;
use super::id::ServiceId;
use super::signal::Signal;
use super::state::State;
use super::system::System;
use super::time::Span;

/// Why a service is not running as it should.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Its main process ended.
    Exit(Exit),
    /// The same, and well; but it was to become ready first.
    Early(Exit),
    /// Its program could not be run.
    Spawn(Box<SpawnFailure>),
    /// The timeout of `wait-for` was over.
    NotThere {
        /// What was asked in vain, for how long, and what the last probe said.
        what: Box<str>,
    },
    /// A command that belongs to its start failed.
    Command(Box<CommandFailure>),
    /// `start-timeout` was over.
    NotReady {
        /// So long was waited.
        after: Duration,
        /// What the last probe, or the service itself, said.
        answer: Option<Box<str>>,
        /// All of its processes have ended, so that there is nothing to wait for.
        gone: bool,
    },
    /// `health` said no too often.
    Unhealthy {
        /// What the last probe said.
        answer: Box<str>,
    },
    /// It was to say that it lives (`watchdog`).
    Watchdog {
        /// And didn't for so long; or it said itself that it is stuck.
        silent: Option<Duration>,
    },
    /// It said that it stops, and didn't in its `stop-timeout`.
    NotStopped {
        /// So long was waited.
        after: Duration,
    },
    /// It ran for longer than it may (`RuntimeMaxSec=`): so long.
    TooLong(Duration),
    /// What happened, with what the service itself said of it.
    Explained {
        /// What happened.
        what: Box<Reason>,
        /// Its words.
        cause: Box<str>,
    },
    /// `start-timeout` was over, and the kernel still had no process to give.
    ForkRefused {
        /// `errno`.
        errno: i32,
    },
    /// It isn't to run here and now.
    Unmet {
        /// `ConditionPathExists=/x doesn't hold`, or the command that said so.
        what: Box<str>,
        /// That is a failure (Assert*=).
        assert: bool,
    },
    /// One more restart would be too many.
    StartLimit {
        /// What happened last.
        last: Box<Reason>,
    },
    /// A required service has failed.
    Dependency {
        /// Which.
        on: ServiceId,
        /// The one that failed by itself.
        root: ServiceId,
    },
}

impl Reason {
    /// The same in one of systemd's words (`systemd.exec(5)`, SERVICE_RESULT).
    #[must_use]
    pub fn result(&self) -> &'static str {
        match self {
            Self::Early(_) | Self::NotReady { gone: true, .. } => "protocol",
            Self::NotReady { .. }
            | Self::NotThere { .. }
            | Self::NotStopped { .. }
            | Self::TooLong(_) => "timeout",
            Self::Unhealthy { .. } | Self::Watchdog { .. } => "watchdog",
            Self::Unmet { assert: false, .. } => "exec-condition",
            Self::ForkRefused { .. } => "resources",
            Self::Spawn(_) => "exit-code",
            Self::Command(failure) => match &failure.how {
                Failing::Exit(exit) => ServiceResult::of(*exit, None).word,
                Failing::Spawn(_) => "exit-code",
                Failing::TooLong => "timeout",
            },
            Self::Exit(exit) => ServiceResult::of(*exit, None).word,
            Self::Explained { what, .. } => what.result(),
            // The limit is the result only of what ended well, again and again.
            Self::StartLimit { last } => match last.result() {
                "success" => "start-limit-hit",
                word => word,
            },
            // It wasn't even tried.
            Self::Unmet { assert: true, .. } | Self::Dependency { .. } => "success",
        }
    }
}

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
            Reason::Early(exit) => write!(f, "{exit} before it was ready"),
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
            Reason::NotReady {
                after,
                answer,
                gone,
            } => {
                write!(f, "not ready after {}", Span(*after))?;
                match answer.as_deref() {
                    Some(answer) if *gone => {
                        write!(f, " (all of its processes ended; {answer})")
                    }
                    answer => in_brackets(f, answer),
                }
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
