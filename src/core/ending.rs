//! How it ends: the exit status, and the last line that says why.

use std::fmt::{self, Write};

use super::exit::Exit;
use super::id::ServiceId;
use super::reason::ReasonIn;
use super::shutdown::Cause;
use super::signal::Signal;
use super::state::{Idle, Reason, State};
use super::system::System;
use super::time::Span;

/// So many killed services are named in the last line.
const NAMED: usize = 5;

impl System {
    /// The status that rinit leaves with.
    pub(super) fn exit_code(&self) -> u8 {
        let Some(shutdown) = &self.shutdown else {
            return 0;
        };
        let code = match shutdown.cause {
            Cause::Essential(id) => self.named_code(id).unwrap_or_else(|| self.code_of(id)),
            Cause::Unhealthy(_) => 1,
            Cause::NothingLeft => self.first_failed.map_or(0, |id| self.code_of(id)),
            Cause::Signal(_) | Cause::Request { .. } => {
                let stands = |id: ServiceId| {
                    self.service(id).is_some_and(|spec| spec.essential)
                        && self.state(id).is_some_and(State::is_alive)
                };
                if self.ids().any(stands) {
                    Exit::Signal(Signal::KILL).code()
                } else if let (0, Cause::Request { code: Some(code) }) =
                    (shutdown.essential_code, shutdown.cause)
                {
                    code
                } else {
                    shutdown.essential_code
                }
            }
        };
        if self.surroundings.as_zero.contains(code) {
            0
        } else {
            code
        }
    }

    /// The service that failed by itself, where this one failed because of it.
    pub(super) fn root_of(&self, id: ServiceId) -> ServiceId {
        if let Some(State::Failed {
            reason: Reason::Dependency { root, .. },
            ..
        }) = self.state(id)
        {
            *root
        } else {
            id
        }
    }

    /// What a service that has ended for good makes of the exit status.
    fn code_of(&self, id: ServiceId) -> u8 {
        let root = self.root_of(id);
        match self.state(root) {
            Some(State::Failed { reason, .. }) => code_of(reason),
            Some(State::Exited { exit, .. }) if root == id => exit.code(),
            Some(
                State::Inactive(_)
                | State::Waiting(_)
                | State::Starting(_)
                | State::Active { .. }
                | State::Stopping(_)
                | State::Killing(_)
                | State::Backoff(_)
                | State::Exited { .. },
            )
            // The root may have been started again by hand.
            | None => u8::from(root != id),
        }
    }

    /// The service whose bad end this is, if it is one's.
    pub(super) fn culprit(&self) -> Option<ServiceId> {
        let id = match self.shutdown.as_ref()?.cause {
            Cause::Essential(id) => id,
            Cause::NothingLeft => self.first_failed?,
            Cause::Unhealthy(id) => return Some(id),
            Cause::Signal(_) | Cause::Request { .. } => return None,
        };
        let failed = |id: &ServiceId| matches!(self.state(*id), Some(State::Failed { .. }));
        [self.root_of(id), id].into_iter().find(failed)
    }

    /// The last line of all.
    pub(super) fn epilogue(&self, code: u8) -> Box<str> {
        let mut line = String::new();
        // Writing into a string cannot fail.
        let _ = self.write_epilogue(&mut line, code);
        line.into_boxed_str()
    }

    fn write_epilogue(&self, line: &mut String, code: u8) -> fmt::Result {
        let Some(shutdown) = &self.shutdown else {
            return Ok(());
        };
        match shutdown.cause {
            Cause::Signal(signal) => write!(line, "{signal}:")?,
            Cause::Request { .. } => line.push_str("shutdown by request:"),
            Cause::Essential(id) => {
                write!(line, "{} ({}) ", self.name(id), self.why_essential(id))?;
                self.write_end(line, id)?;
                line.push(';');
            }
            Cause::Unhealthy(id) => write!(line, "{} unhealthy;", self.name(id))?,
            Cause::NothingLeft => {
                if let Some(id) = self.first_failed {
                    write!(line, "{} ", self.name(id))?;
                    self.write_end(line, id)?;
                    line.push_str("; ");
                }
                line.push_str("nothing left to supervise;");
            }
        }
        let after = Span(self.now.at.since(shutdown.begun));
        match shutdown.stopped {
            0 if matches!(shutdown.cause, Cause::Signal(_) | Cause::Request { .. }) => {
                line.push_str(" nothing to stop;")
            }
            0 => {}
            1 => write!(line, " 1 service stopped in {after}")?,
            many => write!(line, " {many} services stopped in {after}")?,
        }
        for (id, after) in shutdown.killed.iter().take(NAMED) {
            let name = self.name(*id);
            write!(line, ", {name} killed after {}", Span(*after))?;
        }
        let more = shutdown.killed.len().saturating_sub(NAMED);
        if more > 0 {
            write!(line, ", {more} more killed")?;
        }
        let stands = |id: &ServiceId| self.state(*id).is_some_and(State::is_alive);
        for id in self.ids().filter(stands).take(NAMED) {
            write!(line, ", {} could not be killed", self.name(id))?;
        }
        if shutdown.stopped > 0 {
            line.push(';');
        }
        write!(line, " exit code {code}")
    }

    /// `exited with status 3 after 2h 5m`.
    fn write_end(&self, line: &mut String, id: ServiceId) -> fmt::Result {
        match self.state(id) {
            Some(State::Exited { exit, after }) => write!(line, "{exit} after {}", Span(*after)),
            Some(State::Failed { reason, after }) => {
                let system = self;
                let why = ReasonIn { reason, system };
                match reason {
                    Reason::Exit(_) | Reason::Early(_) => {
                        write!(line, "{why} after {}", Span(*after))
                    }
                    Reason::Explained { what, .. }
                        if matches!(**what, Reason::Exit(_) | Reason::Early(_)) =>
                    {
                        write!(line, "{why} after {}", Span(*after))
                    }
                    Reason::Spawn(_)
                    | Reason::Command(_)
                    | Reason::NotReady { .. }
                    | Reason::NotThere { .. }
                    | Reason::Unmet { .. }
                    | Reason::Unhealthy { .. }
                    | Reason::Watchdog { .. }
                    | Reason::NotStopped { .. }
                    | Reason::TooLong(_)
                    | Reason::Explained { .. }
                    | Reason::ForkRefused { .. }
                    | Reason::StartLimit { .. }
                    | Reason::Dependency { .. } => write!(line, "failed: {why}"),
                }
            }
            Some(State::Inactive(Idle::DependencyEnded(on))) => {
                write!(line, "stopped: dependency {} ended", self.name(*on))
            }
            Some(State::Inactive(Idle::Skipped(what))) => write!(line, "skipped: {what};"),
            Some(
                State::Inactive(Idle::Disabled | Idle::Stopped | Idle::ByHand | Idle::Reset)
                | State::Waiting(_)
                | State::Starting(_)
                | State::Active { .. }
                | State::Stopping(_)
                | State::Killing(_)
                | State::Backoff(_),
            )
            | None => line.write_str("ended"),
        }
    }

    /// A service's name.
    pub(super) fn name(&self, id: ServiceId) -> &str {
        self.service(id).map_or("?", |spec| &spec.name)
    }
}

fn code_of(reason: &Reason) -> u8 {
    match reason {
        Reason::Exit(exit) => exit.code(),
        Reason::Spawn(failure) => failure.code(),
        Reason::Command(failure) => failure.code(),
        Reason::StartLimit { last: what } | Reason::Explained { what, .. } => code_of(what),
        Reason::Early(_)
        | Reason::NotReady { .. }
        | Reason::NotThere { .. }
        | Reason::Unmet { .. }
        | Reason::Unhealthy { .. }
        | Reason::Watchdog { .. }
        | Reason::NotStopped { .. }
        | Reason::TooLong(_)
        | Reason::ForkRefused { .. }
        | Reason::Dependency { .. } => 1,
    }
}
