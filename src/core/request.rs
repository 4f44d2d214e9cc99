//! What people ask for, and what they are answered.

use std::fmt;
use std::time::Duration;

use super::apply::change::Changes;
use super::id::ServiceId;
use super::reason::ReasonIn;
use super::reload::ReloadFailure;
use super::signal::Signal;
use super::spec::Kind;
use super::state::{Reason, State};
use super::system::System;
use super::time::Span;

/// A request, by the number that its asker gave it. Each is answered once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// That they run, with all that they require.
    Start,
    /// That they rest, whoever needs them.
    Stop,
    /// That they stop and start again.
    Restart,
    /// That they read their own configuration again, and go on.
    Reload,
    /// That what failed, and how often, is forgotten.
    Reset,
    /// That their main processes get this signal.
    Kill {
        /// Which.
        signal: Signal,
    },
    /// To be told what a new configuration would change; of no service.
    Plan,
    /// That the configuration is read, and that it is so; of no service.
    Apply,
    /// That the configuration is read; but only these begin anew for it, or begin: what is
    /// up goes on as it was, and what is new is known.
    Learn,
    /// That nothing starts them but people: no time, connection or path. What runs goes on, and
    /// rests after that.
    Unhook,
    /// That all ends; of no service.
    Shutdown {
        /// The exit status, where it would be 0.
        code: Option<u8>,
    },
}

impl Verb {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Reload => "reload",
            Self::Reset => "reset",
            Self::Kill { .. } => "kill",
            Self::Plan => "plan",
            Self::Apply => "apply",
            Self::Learn => "learn",
            Self::Unhook => "unhook",
            Self::Shutdown { .. } => "shutdown",
        }
    }
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is so.
    Done {
        /// This one was stopped, and it would have been the end of the container, had it
        /// ended by itself.
        stays: Option<ServiceId>,
    },
    /// A later request wanted something else.
    Superseded {
        /// Which.
        by: Verb,
    },
    /// An attempt failed.
    Failed {
        /// Whose.
        service: ServiceId,
        /// Why.
        reason: Reason,
        /// It will be tried again, so much later.
        again: Option<Duration>,
    },
    /// What it requires has ended for good.
    DependencyEnded {
        /// Which.
        service: ServiceId,
        /// What it requires.
        on: ServiceId,
    },
    /// They are in each other's way, and both would have to run.
    Conflict {
        /// One.
        one: ServiceId,
        /// The other.
        other: ServiceId,
    },
    /// Its unit says that it starts and stops with others alone (`RefuseManualStart=`).
    ByOthersAlone {
        /// Which.
        service: ServiceId,
    },
    /// It has no main process that could get a signal.
    NoProcess {
        /// Which.
        service: ServiceId,
    },
    /// Nothing was written of how it reloads.
    NoReload {
        /// Which.
        service: ServiceId,
    },
    /// It doesn't run, or not for much longer: it reads its configuration when it starts.
    NotReloaded {
        /// Which.
        service: ServiceId,
    },
    /// A reload failed; the service runs on.
    ReloadFailed {
        /// Whose.
        service: ServiceId,
        /// Why.
        failure: ReloadFailure,
    },
    /// The configuration would change this.
    Planned(Box<Changes>),
    /// It has, and what was to start has made its first attempt.
    Applied(Box<Changes>),
    /// It can't be used, and has changed nothing.
    NotApplied {
        /// Why, as finished texts.
        errors: Box<[Box<str>]>,
    },
    /// A new configuration doesn't define it any more.
    Gone {
        /// Its name.
        service: Box<str>,
    },
    /// All ends: nothing is started or stopped by hand any more.
    Stopping,
}

impl Outcome {
    pub(super) const DONE: Self = Self::Done { stays: None };

    /// Whether it is as it was asked for.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(
            self,
            Self::Done { .. } | Self::Planned(_) | Self::Applied(_)
        )
    }

    /// One line, for whoever asked; empty where there is nothing to say.
    #[must_use]
    pub const fn display<'a>(&'a self, system: &'a System) -> impl fmt::Display + 'a {
        OutcomeIn {
            outcome: self,
            system,
        }
    }
}

struct OutcomeIn<'a> {
    outcome: &'a Outcome,
    system: &'a System,
}

impl fmt::Display for OutcomeIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let system = self.system;
        let name = |id: &ServiceId| system.name(*id);
        match self.outcome {
            Outcome::Done { stays: None } => Ok(()),
            Outcome::Done { stays: Some(id) } => f.write_str(&stays(name(id))),
            Outcome::Superseded { by } => write!(f, "superseded by {}", by.word()),
            Outcome::Failed {
                service,
                reason,
                again,
            } => {
                let reason = ReasonIn { reason, system };
                write!(f, "{} failed: {reason}", name(service))?;
                match again {
                    Some(delay) if delay.is_zero() => f.write_str("; restarted"),
                    Some(delay) if system.has_schedule(*service) => {
                        write!(f, "; next run in {}", Span(*delay))
                    }
                    Some(delay) => write!(f, "; restart in {}", Span(*delay)),
                    None => Ok(()),
                }
            }
            Outcome::DependencyEnded { service, on } => {
                write!(f, "{}: dependency {} ended", name(service), name(on))
            }
            Outcome::Conflict { one, other } => write!(
                f,
                "{} and {} conflict, and this would need both",
                name(one),
                name(other)
            ),
            Outcome::ByOthersAlone { service } => write!(
                f,
                "{} refuses this by hand: its unit has RefuseManualStart= or RefuseManualStop=",
                name(service)
            ),
            Outcome::NoProcess { service } if system.is_headless(*service) => {
                let name = name(service);
                write!(
                    f,
                    "{name} runs, but which is its main process isn't known; pid-file tells"
                )
            }
            Outcome::NoProcess { service } => {
                let stands = system.state(*service).map(State::standing);
                let stands = stands.map_or("unknown", |standing| standing.word());
                write!(f, "{} is {stands}: no process runs", name(service))
            }
            Outcome::NoReload { service } => {
                let spec = system.service(*service);
                let name = name(service);
                if spec.is_some_and(|spec| spec.kind == Kind::Oneshot) {
                    return write!(
                        f,
                        "{name} is a oneshot: it is never active, so there is nothing to reload"
                    );
                }
                write!(
                    f,
                    "{name} has nothing that makes it reload; in [service.{name}] write \
                     reload-signal = \"SIGHUP\", or exec-reload = [\"COMMAND\"]"
                )
            }
            Outcome::NotReloaded { service } => {
                let stands = system.state(*service).map(State::standing);
                let stands = stands.map_or("unknown", |standing| standing.word());
                let name = name(service);
                let stops = system.is_descending(*service);
                let stands = if stops { "about to stop" } else { stands };
                write!(
                    f,
                    "{name} is {stands}: it reads its configuration when it starts"
                )
            }
            Outcome::ReloadFailed { service, failure } => {
                write!(
                    f,
                    "{} was not reloaded, and runs on: {failure}",
                    name(service)
                )
            }
            Outcome::Planned(changes) | Outcome::Applied(changes) => changes.fmt(f),
            Outcome::NotApplied { errors } => f.write_str(&errors.join("\n")),
            Outcome::Gone { service } => write!(f, "{service} is no longer defined"),
            Outcome::Stopping => f.write_str("rinit is stopping: nothing can be asked of it now"),
        }
    }
}

/// What is said when a stop by hand does not end what an end would have.
pub(super) fn stays(name: &str) -> String {
    format!("{name} stopped; container stays (rinitctl shutdown ends it)")
}
