//! What rinit tells people about its services: facts as values; the words are made when
//! somebody reads them.

mod level;

use std::fmt;
use std::time::Duration;

use super::apply::change::Changes;
use super::commands::CommandFailure;
use super::id::ServiceId;
use super::reason::{ReasonIn, in_brackets};
use super::reload::ReloadFailure;
use super::request::stays;
use super::shutdown::Cause;
use super::signal::Signal;
use super::spec::Ready;
use super::state::{Reason, Standing};
use super::system::System;
use super::time::Span;

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
pub enum Report {
    /// A service changed its state.
    Changed {
        /// Which.
        service: ServiceId,
        /// It stood here.
        from: Standing,
        /// It stands here.
        to: Standing,
    },
    /// The first attempt of every service has ended.
    Up {
        /// How many run.
        active: u32,
        /// How many have done their work.
        done: u32,
        /// How many failed, or are to be restarted.
        troubled: u32,
        /// So long after the start.
        after: Duration,
    },
    /// A service ended by itself, but didn't fail for good.
    Ended {
        /// Which.
        service: ServiceId,
        /// How.
        reason: Reason,
        /// After how long.
        after: Duration,
        /// What comes.
        next: Next,
    },
    /// A service will not be restarted.
    Failed {
        /// Which.
        service: ServiceId,
        /// Why.
        reason: Reason,
    },
    /// A service isn't to run here and now.
    Skipped {
        /// Which.
        service: ServiceId,
        /// `ConditionPathExists=/x doesn't hold`.
        what: Box<str>,
    },
    /// A start takes long.
    StillWaiting {
        /// Whose.
        service: ServiceId,
        /// What it, or its probe, said last.
        answer: Option<Box<str>>,
    },
    /// What a service waits for elsewhere takes long.
    StillWaitingElsewhere {
        /// Which service.
        service: ServiceId,
        /// What the last probe said.
        answer: Option<Box<str>>,
    },
    /// A service runs, but not well.
    Unhealthy {
        /// Which.
        service: ServiceId,
        /// What the last probe said.
        answer: Box<str>,
    },
    /// It is well again.
    Healthy {
        /// Which.
        service: ServiceId,
    },
    /// Before the spawn somebody else answered where the service will listen.
    AlreadyTaken {
        /// Whose place.
        service: ServiceId,
    },
    /// The kernel has no process to give; rinit goes on asking.
    ForkRefused {
        /// For which service.
        service: ServiceId,
        /// `errno`.
        errno: i32,
    },
    /// A service stops because one that it requires is not there; it comes back.
    DependencyLost {
        /// Which.
        service: ServiceId,
    },
    /// A service will not start because one that it requires has ended.
    DependencyEnded {
        /// Which.
        service: ServiceId,
        /// The one that ended.
        on: ServiceId,
    },
    /// A time of a schedule had passed long before anything could be done.
    TimeMissed {
        /// Whose.
        service: ServiceId,
        /// So long ago.
        late: Duration,
    },
    /// A schedule names no time any more.
    NoTimeLeft {
        /// Whose.
        service: ServiceId,
    },
    /// A service was stopped by hand.
    StoppedByHand {
        /// Which.
        service: ServiceId,
        /// Had it ended by itself, the container would have ended too.
        stays: bool,
    },
    /// A service stops because another starts that it conflicts with.
    MadeWay {
        /// Which.
        service: ServiceId,
        /// For whom.
        by: ServiceId,
    },
    /// A service stops because nothing is up that needs it.
    Unneeded {
        /// Which.
        service: ServiceId,
    },
    /// A command around a service did not end well, which changes nothing.
    CommandFailed {
        /// Whose.
        service: ServiceId,
        /// Which, and how.
        failure: CommandFailure,
        /// `ignore-failure`.
        ignored: bool,
    },
    /// A reload was not over in its time; the service goes on.
    ReloadLate {
        /// Whose.
        service: ServiceId,
        /// So long was waited.
        after: Duration,
    },
    /// A service has reloaded, as somebody asked.
    Reloaded {
        /// Which.
        service: ServiceId,
    },
    /// A reload that somebody asked for failed; the service goes on.
    ReloadFailed {
        /// Whose.
        service: ServiceId,
        /// Why.
        failure: ReloadFailure,
    },
    /// A service did not stop in its time.
    Killed {
        /// Which.
        service: ServiceId,
        /// After how long.
        after: Duration,
    },
    /// The end begins.
    Shutdown {
        /// Why.
        cause: Cause,
    },
    /// A repeated stop signal is no reason to hurry; but whom does all wait for?
    WaitingFor {
        /// The signal.
        signal: Signal,
        /// Those that have not stopped.
        services: Box<[ServiceId]>,
    },
    /// A repeated SIGINT or SIGQUIT is.
    KillingAll {
        /// The signal.
        signal: Signal,
    },
    /// A new configuration has to wait until oneshots have ended.
    ApplyWaits {
        /// Those that run, and have changed.
        services: Box<[ServiceId]>,
    },
    /// A new configuration counts.
    Applied {
        /// What it has changed.
        changes: Box<Changes>,
    },
    /// It can't be used, and has changed nothing; `Mistake`s follow.
    NotApplied,
    /// What is wrong in a configuration.
    Mistake {
        /// A finished text.
        text: Box<str>,
    },
    /// What is doubtful in one that is applied.
    Doubt {
        /// A finished text.
        text: Box<str>,
    },
    /// SIGHUP asked for the configuration to be read, but all ends.
    NotReadNow,
    /// A signal was for nobody.
    SignalDropped {
        /// Which.
        signal: Signal,
    },
}

/// What comes after an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another start.
    Restart {
        /// So much later.
        delay: Duration,
    },
    /// Its next time, whatever came of this run.
    Run {
        /// So much later.
        delay: Duration,
        /// It ended as it should.
        well: bool,
    },
    /// It waits for the next connection.
    Connection,
    /// It waits until its path says so again.
    Path,
    /// It is done.
    Nothing,
}

impl Report {
    /// One line, without `rinit: ` and newline.
    #[must_use]
    pub const fn display<'a>(&'a self, system: &'a System) -> impl fmt::Display + 'a {
        ReportIn {
            report: self,
            system,
        }
    }
}

struct ReportIn<'a> {
    report: &'a Report,
    system: &'a System,
}

impl ReportIn<'_> {
    const fn reason<'a>(&'a self, reason: &'a Reason) -> ReasonIn<'a> {
        ReasonIn {
            reason,
            system: self.system,
        }
    }
}

impl fmt::Display for ReportIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |id: &ServiceId| self.system.name(*id);
        match self.report {
            Report::Changed { service, from, to } => {
                write!(f, "{}: {} -> {}", name(service), from.word(), to.word())
            }
            Report::Up {
                active,
                done,
                troubled,
                after,
            } => {
                let plural = if *active == 1 { "service" } else { "services" };
                write!(f, "{active} {plural} running")?;
                if *done > 0 {
                    write!(f, ", {done} done")?;
                }
                if *troubled > 0 {
                    write!(f, ", {troubled} in trouble")?;
                }
                write!(f, ", {}", Span(*after))
            }
            Report::Skipped { service, what } => write!(f, "{} skipped: {what}", name(service)),
            Report::Ended {
                service,
                reason,
                after,
                next,
            } => {
                let colon = match reason {
                    Reason::NotThere { .. } | Reason::Unmet { .. } => ":",
                    Reason::Exit(_)
                    | Reason::Early(_)
                    | Reason::Spawn(_)
                    | Reason::Command(_)
                    | Reason::Watchdog { .. }
                    | Reason::NotStopped { .. }
                    | Reason::TooLong(_)
                    | Reason::Explained { .. }
                    | Reason::NotReady { .. }
                    | Reason::Unhealthy { .. }
                    | Reason::ForkRefused { .. }
                    | Reason::StartLimit { .. } => "",
                    Reason::Dependency { .. } => " did not run:",
                };
                write!(f, "{}{colon} {}", name(service), self.reason(reason))?;
                match next {
                    Next::Restart { delay } if delay.is_zero() => f.write_str("; restarted"),
                    Next::Restart { delay } => write!(f, "; restart in {}", Span(*delay)),
                    Next::Run { delay, .. } => {
                        let (after, delay) = (Span(*after), Span(*delay));
                        write!(f, " after {after}; next run in {delay}")
                    }
                    Next::Connection => f.write_str("; it waits for the next connection"),
                    Next::Path => f.write_str("; it waits for its path"),
                    Next::Nothing => write!(f, " after {}", Span(*after)),
                }
            }
            Report::Failed { service, reason } => {
                write!(f, "{} failed: {}", name(service), self.reason(reason))
            }
            Report::StillWaiting { service, answer } => {
                write!(f, "still waiting for {}", name(service))?;
                in_brackets(f, answer.as_deref())
            }
            Report::StillWaitingElsewhere { service, answer } => {
                write!(f, "{} is still waiting", name(service))?;
                let spec = self.system.service(*service);
                let Some(wait_for) = spec.and_then(|spec| spec.wait_for.as_ref()) else {
                    return Ok(());
                };
                write!(f, " for {}", wait_for.probe)?;
                let answer = answer.as_deref().map(|answer| wait_for.news_of(answer));
                in_brackets(f, answer)
            }
            Report::Unhealthy { service, answer } => {
                write!(f, "{} is unhealthy: {answer}", name(service))
            }
            Report::Healthy { service } => write!(f, "{} is healthy again", name(service)),
            Report::AlreadyTaken { service } => {
                write!(f, "{}: ", name(service))?;
                match self.system.service(*service).map(|spec| &spec.ready) {
                    Some(Ready::Probe(probe)) => write!(f, "{probe}")?,
                    Some(
                        Ready::Exec
                        | Ready::Notify
                        | Ready::Fd(_)
                        | Ready::Delay(_)
                        | Ready::Log(_),
                    )
                    | None => {
                        f.write_str("its place")?;
                    }
                }
                f.write_str(" is already taken")
            }
            Report::ForkRefused { service, errno } => write!(
                f,
                "{}: the kernel gives no process (errno {errno}); trying again",
                name(service)
            ),
            Report::DependencyLost { service } if self.system.has_schedule(*service) => write!(
                f,
                "{} stops until its next time: what it requires is not ready",
                name(service)
            ),
            Report::DependencyLost { service } => write!(
                f,
                "{} stops until what it requires is ready again",
                name(service)
            ),
            Report::DependencyEnded { service, on } => {
                write!(
                    f,
                    "{} inactive: dependency {} ended",
                    name(service),
                    name(on)
                )
            }
            Report::TimeMissed { service, late } => {
                let late = Span(*late);
                write!(f, "{} missed its time {late} ago", name(service))
            }
            Report::NoTimeLeft { service } => {
                write!(f, "{}: its schedule names no more time", name(service))
            }
            Report::StoppedByHand {
                service,
                stays: true,
            } => f.write_str(&stays(name(service))),
            Report::StoppedByHand { service, .. } => write!(f, "{} stopped by hand", name(service)),
            Report::MadeWay { service, by } => {
                write!(f, "{} makes way for {}", name(service), name(by))
            }
            Report::Unneeded { service } => {
                write!(f, "{} stops: nothing needs it any more", name(service))
            }
            Report::CommandFailed {
                service,
                failure,
                ignored,
            } => {
                write!(f, "{}: {failure}", name(service))?;
                f.write_str(if *ignored { " (ignored)" } else { "" })
            }
            Report::ReloadLate { service, after } => write!(
                f,
                "{} reloads, and isn't ready again after {}; it is left alone",
                name(service),
                Span(*after)
            ),
            Report::Reloaded { service } => write!(f, "{} reloaded", name(service)),
            Report::ReloadFailed { service, failure } => write!(
                f,
                "{} was not reloaded, and runs on: {failure}",
                name(service)
            ),
            Report::Killed { service, after } => {
                write!(
                    f,
                    "{} did not stop in {}; killed",
                    name(service),
                    Span(*after)
                )
            }
            Report::Shutdown { cause } => match cause {
                Cause::Signal(signal) => write!(f, "{signal}: stopping all services"),
                Cause::Essential(id) => match self.system.why_essential(*id) {
                    "essential" => write!(f, "{} is essential: stopping all", name(id)),
                    why => write!(f, "{} has ended, and has {why}: stopping all", name(id)),
                },
                Cause::Unhealthy(id) => write!(f, "{} is unhealthy: stopping all", name(id)),
                Cause::Request { .. } => f.write_str("shutdown by request: stopping all services"),
                Cause::NothingLeft => f.write_str("nothing left to supervise"),
            },
            Report::WaitingFor { signal, services } => {
                write!(f, "{signal}: waiting for ")?;
                for (place, id) in services.iter().enumerate() {
                    write!(f, "{}{}", if place > 0 { ", " } else { "" }, name(id))?;
                }
                if services.is_empty() {
                    f.write_str("the last processes")?;
                }
                Ok(())
            }
            Report::KillingAll { signal } => write!(f, "{signal} again: killing everything"),
            Report::ApplyWaits { services } => f.write_str(&self.system.words_of_wait(services)),
            Report::Applied { changes } => write!(f, "configuration applied: {changes}"),
            Report::NotApplied => f.write_str("the configuration can't be used; nothing changes"),
            Report::Mistake { text } | Report::Doubt { text } => f.write_str(text),
            Report::NotReadNow => {
                f.write_str("SIGHUP: rinit is stopping, and reads no configuration")
            }
            Report::SignalDropped { signal } => write!(f, "{signal} is for nobody"),
        }
    }
}
