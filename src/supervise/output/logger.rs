//! The logger: its start, its death, and what becomes of one that hangs.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;

use super::{Outputs, Stream};
use crate::core::id::Pid;
use crate::core::signal::Signal;
use crate::core::sorted::Set;
use crate::core::time::Instant;
use crate::logger::message::ToLogger;
use crate::logger::{self, Memory, Setup, Sink};
use crate::sys::fd::{Standard, standard};
use crate::sys::fork::helper;
use crate::sys::signal::kill;
use crate::sys::{reap, socket};

/// A logger that dies is followed by another after this long, so that one that can't
/// live costs little.
pub(super) const PAUSE: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// So long alive, and a logger is a good one.
const GOOD_AFTER: Duration = Duration::from_millis(100);

/// One that works.
pub(super) struct Logger {
    pub(super) pid: Pid,
    pub(super) socket: OwnedFd,
    since: Instant,
    /// It hung, and was killed.
    killed: bool,
}

impl Outputs {
    /// Starts the logger if it is due. Gives what is to be watched, if it has begun.
    pub(crate) fn start(
        &mut self,
        now: Instant,
    ) -> Option<(BorrowedFd<'_>, Option<BorrowedFd<'_>>)> {
        if self.streams.is_empty()
            || self.logger.is_some()
            || self.start_at.is_some_and(|at| now < at)
        {
            return None;
        }
        self.start_at = None;
        match self.make_room().and_then(|()| self.fork_logger()) {
            Ok((pid, socket)) => {
                self.logger = Some(Logger {
                    pid,
                    socket,
                    since: now,
                    killed: false,
                });
                self.tell_again();
            }
            Err(_) => self.start_later(now),
        }
        let alarm = self.memory.as_ref().and_then(|it| it.patience.alarm());
        let logger = self.logger.as_ref()?;
        Some((logger.socket.as_fd(), alarm))
    }

    fn fork_logger(&mut self) -> Result<(Pid, OwnedFd), crate::sys::error::Errno> {
        let (ours, theirs) = socket::message_pair()?;
        if let Some(memory) = &self.memory {
            for (stream, since) in self.follows.drain(..) {
                memory.follows(stream, since);
            }
            memory.patience.rest();
        }
        let setup = self.setup(theirs.as_fd()).ok_or(Errno::EINVAL)?;
        let keep = setup.descriptors();
        let pid = helper(c"rinit-logger", &keep, || logger::run(setup))?;
        Ok((pid, ours))
    }

    fn setup<'a>(&'a self, control: BorrowedFd<'a>) -> Option<Setup<'a>> {
        let sink = |fd| Sink {
            fd: standard(fd),
            colour: self.colour,
        };
        let stream = |stream: &'a Stream| logger::Stream {
            name: &stream.name,
            target: stream.target,
            style: stream.style,
            log: stream.log.as_deref(),
            writer: stream.writer,
            pattern: self.lines.pattern(stream.writer),
            read: stream.read(),
        };
        Some(Setup {
            streams: self.streams.iter().map(stream).collect(),
            control,
            memory: self.memory.as_ref()?,
            stdout: sink(Standard::Output),
            stderr: sink(Standard::Error),
        })
    }

    /// What the former logger was asked and didn't answer.
    fn tell_again(&mut self) {
        let ended: Vec<u32> = (0u32..)
            .zip(&self.streams)
            .filter(|(_, stream)| stream.ended)
            .map(|(index, _)| index)
            .collect();
        for stream in ended {
            self.tell(ToLogger::RunEnded { stream });
        }
        if self.drains > 0 {
            self.drains = 1;
            self.tell(ToLogger::Drain);
        }
    }

    fn start_later(&mut self, now: Instant) {
        self.start_at = Some(now.plus(self.pause));
        self.pause = self.pause.saturating_mul(2).min(PAUSE_MAX);
    }

    /// When the next logger is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.start_at
    }

    /// The logger's process.
    pub(crate) fn logger(&self) -> Option<Pid> {
        self.logger.as_ref().map(|logger| logger.pid)
    }

    /// The logger died. Another follows, at once if this one was good.
    pub(crate) fn logger_died(&mut self, now: Instant) {
        let Some(old) = self.logger.take() else {
            return;
        };
        if now.since(old.since) >= GOOD_AFTER {
            self.pause = PAUSE;
        }
        if std::mem::take(&mut self.renew) {
            self.start_at = None;
        } else {
            self.start_later(now);
        }
    }

    /// If its alarm rang: kills the logger, and has somebody else wait for the files that it
    /// hangs at. Whether it is to be given up, since it was killed before.
    pub(crate) fn heed_alarm(&mut self, helpers: &mut Set<Pid>) -> bool {
        let Some(Memory { patience, .. }) = self.memory.as_ref().filter(|it| it.patience.is_over())
        else {
            return false;
        };
        let Some(logger) = self.logger.as_mut().filter(|logger| !logger.killed) else {
            return true;
        };
        let hung = patience.note_hung();
        // Else it goes on after all, unless it was told to end.
        if hung.is_some() || self.renew {
            let _ = kill(logger.pid, Signal::KILL);
            (logger.killed, self.renew) = (true, true);
            patience.expect_end();
        }
        if let Some(stream) = hung
            && let Some(Stream { log, .. }) = self.streams.get(stream)
        {
            let probe = || patience.probe(stream, log.as_deref());
            match helper(c"rinit-logger", &[], probe) {
                Ok(pid) => drop(helpers.insert(pid)),
                // Then the next logger finds out.
                Err(_) => patience.forget(stream),
            }
        }
        false
    }

    /// Ends the logger, which has written everything or never will, and reaps it: where
    /// rinit isn't PID 1 its zombie would stand under whoever is.
    pub(crate) fn end(&mut self) {
        if let Some(logger) = self.logger.take() {
            let _ = kill(logger.pid, Signal::KILL);
            reap::take_soon(logger.pid);
        }
    }

    /// The logger's socket, to stop watching it.
    pub(crate) fn socket(&self) -> Option<&OwnedFd> {
        self.logger.as_ref().map(|logger| &logger.socket)
    }
}
