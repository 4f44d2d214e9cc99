//! One client of the control socket: what it asks is heard line by line, one question at
//! a time, and the next only when the last answer was taken.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;

use super::answer::{Peer, Reply, reply};
use super::context::Own;
use super::events::{History, Reader};
use super::logs::Logs;
use super::protocol::{LINE_MAX, done};
use super::records::{Counts, List};
use super::requests::ByHand;
use super::waits::Wait;
use crate::core::apply::places::Places;
use crate::core::event::Event;
use crate::core::id::{Pid, ServiceId};
use crate::core::request::RequestId;
use crate::core::system::System;
use crate::core::time::{Instant, Now};
use crate::sys::poll::Interest;
use crate::sys::socket;

/// A client that neither asks nor takes anything for so long is let go.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many lines are answered in one turn.
const LINES_PER_TURN: usize = 16;

/// A client, and what it is owed.
pub(crate) struct Connection {
    fd: OwnedFd,
    peer: Peer,
    pid: Pid,
    input: Vec<u8>,
    output: Vec<u8>,
    owed: Owed,
    /// When it last said or took something.
    moved_at: Instant,
}

/// What follows the bytes that stand ready.
enum Owed {
    /// Nothing: the next question is heard.
    Nothing,
    /// More pieces.
    List(List),
    /// What has happened, and perhaps what will.
    Events(Reader),
    /// An answer that comes later.
    Later(Box<Wait>),
    /// An answer of the core's, which doesn't know of it yet.
    ByHand(ByHand),
    /// An answer of the core's.
    Request {
        /// Which.
        request: RequestId,
        /// What it takes is told before.
        hears: bool,
    },
    /// Another process.
    Logs(Logs),
}

impl Connection {
    /// One that has just come.
    pub(crate) const fn new(fd: OwnedFd, peer: Peer, pid: Pid, now: Instant) -> Self {
        Self {
            fd,
            peer,
            pid,
            input: Vec::new(),
            output: Vec::new(),
            owed: Owed::Nothing,
            moved_at: now,
        }
    }

    /// The descriptor to watch.
    pub(crate) const fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// What to wait for.
    pub(crate) fn interest(&self) -> Interest {
        match &self.owed {
            _ if !self.output.is_empty() => Interest::Write,
            Owed::List(_) => Interest::Write,
            Owed::Events(reader) if reader.has_more => Interest::Write,
            // A question that came with the last one waits in the buffer.
            Owed::Nothing if self.has_line() => Interest::Both,
            Owed::Nothing => Interest::Read,
            Owed::Events(_)
            | Owed::Later(_)
            | Owed::ByHand(_)
            | Owed::Request { .. }
            | Owed::Logs(_) => Interest::HangUp,
        }
    }

    /// When it has had its time, or its wait has.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.owed {
            Owed::Later(wait) => wait.deadline(),
            Owed::ByHand(_) | Owed::Request { .. } | Owed::Logs(_) => None,
            Owed::Events(reader) if reader.follows => None,
            Owed::Nothing | Owed::List(_) | Owed::Events(_) => Some(self.moved_at.plus(PATIENCE)),
        }
    }

    /// The process that came.
    pub(crate) const fn pid(&self) -> Pid {
        self.pid
    }

    /// A stranger goes before an owner when there is no room.
    pub(crate) const fn is_owner(&self) -> bool {
        matches!(self.peer, Peer::Owner)
    }

    /// It waits for an answer.
    pub(crate) const fn is_patient(&self) -> bool {
        matches!(self.owed, Owed::Later(_) | Owed::Request { .. }) || self.follows()
    }

    /// It is told what happens.
    pub(crate) const fn follows(&self) -> bool {
        matches!(&self.owed, Owed::Events(reader) if reader.follows)
    }

    /// What the core has to hear of, by this number.
    pub(crate) fn ask(&mut self, request: RequestId) -> Option<Event> {
        let Owed::ByHand(by_hand) = &self.owed else {
            return None;
        };
        let hears = by_hand.hears;
        match std::mem::replace(&mut self.owed, Owed::Request { request, hears }) {
            Owed::ByHand(ByHand {
                verb,
                services,
                waits,
                ..
            }) => {
                if !waits {
                    self.output = done("");
                    self.owed = Owed::Nothing;
                }
                Some(Event::Requested {
                    request,
                    verb,
                    services,
                })
            }
            Owed::Nothing
            | Owed::List(_)
            | Owed::Events(_)
            | Owed::Later(_)
            | Owed::Request { .. }
            | Owed::Logs(_) => None,
        }
    }

    /// Units that are to be known before the core hears of it.
    pub(crate) fn take_units(&mut self) -> Vec<Box<str>> {
        match &mut self.owed {
            Owed::ByHand(by_hand) => std::mem::take(&mut by_hand.units),
            Owed::Nothing
            | Owed::List(_)
            | Owed::Events(_)
            | Owed::Later(_)
            | Owed::Request { .. }
            | Owed::Logs(_) => Vec::new(),
        }
    }

    /// What another process has to answer.
    pub(crate) const fn logs(&self) -> Option<&Logs> {
        if let Owed::Logs(logs) = &self.owed {
            Some(logs)
        } else {
            None
        }
    }

    /// What the core still has to answer.
    pub(crate) const fn request(&self) -> Option<RequestId> {
        match &self.owed {
            Owed::Request { request, .. } => Some(*request),
            Owed::Nothing
            | Owed::List(_)
            | Owed::Events(_)
            | Owed::Later(_)
            | Owed::ByHand(_)
            | Owed::Logs(_) => None,
        }
    }

    /// The answer takes time; for this.
    pub(crate) fn tell_of_wait(&mut self, line: &[u8]) {
        if let Owed::Request { hears: true, .. } = &self.owed {
            self.output.extend_from_slice(line);
        }
    }

    /// What it waited for is decided.
    pub(crate) fn settle(&mut self, line: Vec<u8>, now: Instant) {
        // Behind what was told of the wait, if that isn't taken yet.
        self.output.extend_from_slice(&line);
        self.owed = Owed::Nothing;
        self.moved_at = now;
    }

    /// A service has changed; whether that is what this one waited for.
    pub(crate) fn changed(&mut self, service: ServiceId, system: &System) -> bool {
        let Owed::Later(wait) = &mut self.owed else {
            return false;
        };
        let Some(line) = wait.look(service, system) else {
            return false;
        };
        self.settle(line, system.now());
        true
    }

    /// Services have other numbers now; whether that decides what this one waited for.
    pub(crate) fn take_over(&mut self, places: &Places, now: Instant) -> bool {
        match &mut self.owed {
            Owed::List(list) => list.take_over(places),
            Owed::Events(reader) => {
                if reader.take_over(places) {
                    self.moved_at = now;
                    return true;
                }
            }
            Owed::Later(wait) => {
                if let Some(line) = wait.take_over(places) {
                    self.settle(line, now);
                    return true;
                }
            }
            // The core has heard of all that was asked before, and output is handed over at once.
            Owed::Nothing | Owed::ByHand(_) | Owed::Request { .. } | Owed::Logs(_) => {}
        }
        false
    }

    /// Does what is due; whether the client is still there, if anything was. What it asks
    /// next is heard in a later turn.
    pub(crate) fn attend(&mut self, system: &System, history: &History, now: Now) -> Option<bool> {
        if let Owed::Later(wait) = &self.owed
            && let Some(line) = wait.expire(system, now.at)
        {
            self.settle(line, now.at);
        }
        if self.deadline().is_some_and(|at| at <= now.at) {
            return Some(false);
        }
        // Whoever doesn't keep up holds no more than a piece.
        if let Owed::Events(reader) = &mut self.owed
            && self.output.is_empty()
        {
            if reader.piece(&mut self.output, history) {
                self.owed = Owed::Nothing;
            }
            return Some(self.send(now));
        }
        (!self.output.is_empty()).then(|| self.send(now))
    }

    /// Answers line by line, and reads once: an answer that isn't taken stops the next
    /// question from being heard, so there is one at a time. Whether the client is still
    /// there.
    pub(crate) fn converse(
        &mut self,
        system: &System,
        history: &History,
        counts: &Counts<'_>,
        own: &Own,
        now: Now,
    ) -> bool {
        if matches!(&self.owed, Owed::Request { .. }) && !self.output.is_empty() {
            return self.send(now);
        }
        // Only a hang-up brings us here.
        if let Owed::Later(_) | Owed::ByHand(_) | Owed::Request { .. } | Owed::Logs(_) = &self.owed
        {
            return false;
        }
        let waits = matches!(&self.owed, Owed::Events(reader) if !reader.has_more);
        if waits && self.output.is_empty() {
            return false;
        }
        if !self.answer(system, history, counts, own, now) {
            return false;
        }
        // Whoever has asked all its questions is owed the last answer first.
        if !self.is_free() || self.has_line() {
            return true;
        }
        let mut buffer = [0u8; LINE_MAX];
        match socket::receive_now(&self.fd, &mut buffer) {
            None => return true,
            Some(0) => return false,
            // D-Bus begins so, and would wait for an answer in its own words.
            Some(_) if self.input.is_empty() && buffer.first() == Some(&0) => return false,
            Some(count) => {
                self.moved_at = now.at;
                self.input
                    .extend_from_slice(buffer.get(..count).unwrap_or_default());
            }
        }
        self.answer(system, history, counts, own, now)
            && (self.input.len() < LINE_MAX || !self.is_free() || self.has_line())
    }

    fn is_free(&self) -> bool {
        self.output.is_empty() && matches!(self.owed, Owed::Nothing)
    }

    fn has_line(&self) -> bool {
        memchr::memchr(b'\n', &self.input).is_some()
    }

    /// Answers the lines that have come, as far as the answers are taken; whether the
    /// client is still there.
    fn answer(
        &mut self,
        system: &System,
        history: &History,
        counts: &Counts<'_>,
        own: &Own,
        now: Now,
    ) -> bool {
        for _ in 0..LINES_PER_TURN {
            if !self.send(now) {
                return false;
            }
            if !self.output.is_empty() {
                return true;
            }
            match &mut self.owed {
                Owed::Later(_) | Owed::ByHand(_) | Owed::Request { .. } | Owed::Logs(_) => {
                    return true;
                }
                Owed::Events(reader) => {
                    if reader.piece(&mut self.output, history) {
                        self.owed = Owed::Nothing;
                    }
                    return self.send(now);
                }
                Owed::List(list) => {
                    if list.piece(&mut self.output, system, counts, now) {
                        self.owed = Owed::Nothing;
                    }
                    // One piece a turn, so that a thousand services delay nobody.
                    return self.send(now);
                }
                Owed::Nothing => {}
            }
            let Some(end) = memchr::memchr(b'\n', &self.input) else {
                return true;
            };
            let line: Vec<u8> = self.input.drain(..=end).collect();
            match reply(line.trim_ascii(), self.peer, system, own, now) {
                Reply::Now(line) => self.output = line,
                Reply::List(list) => self.owed = Owed::List(list),
                Reply::Events(reader) => self.owed = Owed::Events(reader),
                Reply::Later(wait) => {
                    self.owed = Owed::Later(Box::new(wait));
                    return true;
                }
                Reply::ByHand(by_hand) => {
                    self.owed = Owed::ByHand(by_hand);
                    return true;
                }
                Reply::Logs(logs) => {
                    self.owed = Owed::Logs(logs);
                    return true;
                }
            }
        }
        self.send(now)
    }

    /// Sends what can be sent; whether the client is still there.
    fn send(&mut self, now: Now) -> bool {
        while !self.output.is_empty() {
            match socket::send_some(self.fd.as_fd(), &self.output) {
                Ok(count) => {
                    self.moved_at = now.at;
                    self.output.drain(..count);
                }
                Err(Errno::EAGAIN) => return true,
                Err(_) => return false,
            }
        }
        true
    }
}
