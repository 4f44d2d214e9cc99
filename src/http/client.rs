//! One client: a request that is read, an answer that is waited for and written, and the
//! moment until the client has closed its side. A connection carries one request.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{Shutdown, shutdown};

use super::request::{Request, parse};
use super::response::{Response, Status};
use crate::core::time::Instant;
use crate::sys::poll::Interest;
use crate::sys::socket;

/// So long a request may take to come.
const TO_ASK: Duration = Duration::from_secs(5);
/// So long PID 1 may take.
const TO_ANSWER: Duration = Duration::from_secs(1);
/// So long an answer may take to be taken.
const TO_TAKE: Duration = Duration::from_secs(10);
/// So long, and so much, a client may still say that has its answer.
const TO_LEAVE: Duration = Duration::from_secs(1);
const REST_MAX: usize = 64 * 1024;

/// Where it stands.
enum Stage {
    Reading(Vec<u8>),
    Waiting(Request),
    Writing(Response),
    Leaving(usize),
}

/// What is to be done for a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing, for now.
    Wait,
    /// Its request is to be answered.
    Answer(Request),
    /// It is gone, or is to go.
    Close,
}

pub(super) struct Client {
    fd: OwnedFd,
    stage: Stage,
    until: Instant,
}

impl Client {
    pub(super) fn new(fd: OwnedFd, now: Instant) -> Self {
        Self {
            fd,
            stage: Stage::Reading(Vec::new()),
            until: now.plus(TO_ASK),
        }
    }

    pub(super) const fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    pub(super) const fn deadline(&self) -> Instant {
        self.until
    }

    pub(super) const fn interest(&self) -> Interest {
        match self.stage {
            Stage::Reading(_) | Stage::Leaving(_) => Interest::Read,
            Stage::Waiting(_) => Interest::HangUp,
            Stage::Writing(_) => Interest::Write,
        }
    }

    /// Who goes last where there is no room: whoever has asked something.
    pub(super) const fn has_asked(&self) -> bool {
        matches!(self.stage, Stage::Waiting(_) | Stage::Writing(_))
    }

    /// What it waits for an answer to.
    pub(super) const fn awaited(&self) -> Option<Request> {
        match self.stage {
            Stage::Waiting(request) => Some(request),
            Stage::Reading(_) | Stage::Writing(_) | Stage::Leaving(_) => None,
        }
    }

    /// Its answer has to come first.
    pub(super) fn wait(&mut self, request: Request, now: Instant) {
        self.stage = Stage::Waiting(request);
        self.until = now.plus(TO_ANSWER);
    }

    /// Begins to answer.
    pub(super) fn answer(&mut self, response: Response, now: Instant) -> Next {
        self.stage = Stage::Writing(response);
        self.until = now.plus(TO_TAKE);
        self.write(now)
    }

    /// Its descriptor is ready.
    pub(super) fn go_on(&mut self, now: Instant) -> Next {
        match &self.stage {
            Stage::Reading(_) => self.read(now),
            // A hang-up; nobody is there to answer.
            Stage::Waiting(_) => Next::Close,
            Stage::Writing(_) => self.write(now),
            Stage::Leaving(_) => self.leave(),
        }
    }

    fn read(&mut self, now: Instant) -> Next {
        let Stage::Reading(bytes) = &mut self.stage else {
            return Next::Wait;
        };
        let mut buffer = [0u8; 4096];
        match socket::receive_now(&self.fd, &mut buffer) {
            None => return Next::Wait,
            Some(0) => return Next::Close,
            Some(count) => bytes.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
        match parse(bytes) {
            Ok(None) => Next::Wait,
            Ok(Some(request)) => Next::Answer(request),
            Err(status) => self.answer(Response::plain(status), now),
        }
    }

    fn write(&mut self, now: Instant) -> Next {
        let Stage::Writing(response) = &mut self.stage else {
            return Next::Wait;
        };
        while !response.rest().is_empty() {
            match socket::send_some(&self.fd, response.rest()) {
                Ok(count) => response.took(count),
                Err(Errno::EAGAIN) => return Next::Wait,
                Err(Errno::EINTR) => {}
                Err(_) => return Next::Close,
            }
        }
        // Closed at once, what the client still says would be answered by a reset, which
        // may overtake the answer.
        if shutdown(self.fd.as_raw_fd(), Shutdown::Write).is_err() {
            return Next::Close;
        }
        self.stage = Stage::Leaving(0);
        self.until = now.plus(TO_LEAVE);
        Next::Wait
    }

    fn leave(&mut self) -> Next {
        let Stage::Leaving(said) = &mut self.stage else {
            return Next::Wait;
        };
        let mut buffer = [0u8; 4096];
        match socket::receive_now(&self.fd, &mut buffer) {
            None => Next::Wait,
            Some(0) => Next::Close,
            Some(count) => {
                *said = said.saturating_add(count);
                if *said > REST_MAX {
                    Next::Close
                } else {
                    Next::Wait
                }
            }
        }
    }

    /// Its time is over.
    pub(super) fn expire(&mut self, now: Instant) -> Next {
        match &self.stage {
            // Whoever has said nothing at all gets no answer: it asked nothing.
            Stage::Reading(bytes) if bytes.is_empty() => Next::Close,
            Stage::Reading(_) => self.answer(Response::plain(Status::TooSlow), now),
            Stage::Waiting(_) => self.answer(Response::plain(Status::Unavailable), now),
            Stage::Writing(_) | Stage::Leaving(_) => Next::Close,
        }
    }
}
