//! The helper's loop: who comes, who is ready, whose time is over.

use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

use super::Setup;
use super::client::{Client, Next};
use super::metrics;
use super::questions::{Heard, Questions};
use super::request::{Request, Target};
use super::response::{HTML, JSON, OPENMETRICS, PROMETHEUS, Response, Status, TEXT};
use crate::core::sorted::Map;
use crate::core::time::Instant;
use crate::sys::poll::{Interest, Poll};
use crate::sys::{clock, socket};

/// More clients than this, and one goes.
const CLIENTS_MAX: usize = 64;
/// How many new ones a turn takes.
const ACCEPTS_PER_TURN: usize = 16;
/// Where none can be taken, it is tried again after so long.
const PAUSE: Duration = Duration::from_millis(200);
/// Clients, what else is open, and files of /proc.
pub(super) const DESCRIPTORS: u64 = 96;

const PAGE: &str = include_str!("page.html");

/// Whose descriptor is ready.
enum Source {
    Listener,
    Core,
    Client(u32),
}

impl From<Source> for u64 {
    fn from(source: Source) -> Self {
        match source {
            Source::Listener => Self::MAX,
            Source::Core => Self::MAX - 1,
            Source::Client(id) => id.into(),
        }
    }
}

impl TryFrom<u64> for Source {
    type Error = std::num::TryFromIntError;

    fn try_from(value: u64) -> Result<Self, Self::Error> {
        match value {
            u64::MAX => Ok(Self::Listener),
            value if value == u64::MAX - 1 => Ok(Self::Core),
            value => u32::try_from(value).map(Self::Client),
        }
    }
}

pub(super) struct Server {
    poll: Poll<Source>,
    listener: OwnedFd,
    questions: Questions,
    clients: Map<u32, Client>,
    next: u32,
    /// Nobody is let in before this.
    closed_until: Option<Instant>,
    /// Metrics as they were written last, in each form.
    metrics: [Option<Rc<[u8]>>; 2],
    page: Rc<[u8]>,
}

impl Server {
    /// # Errors
    /// What the kernel refuses: a descriptor for epoll.
    pub(super) fn new(setup: Setup) -> nix::Result<Self> {
        let poll = Poll::new()?;
        poll.add(&setup.listener, Interest::Read, Source::Listener)?;
        poll.add(&setup.core, Interest::Read, Source::Core)?;
        Ok(Self {
            poll,
            listener: setup.listener,
            questions: Questions::new(setup.core),
            clients: Map::new(),
            next: 0,
            closed_until: None,
            metrics: [None, None],
            page: PAGE.as_bytes().into(),
        })
    }

    /// Until PID 1 is gone.
    pub(super) fn run(&mut self) -> i32 {
        let mut ready = Vec::new();
        loop {
            let due = self.clients.values().map(Client::deadline).min();
            if due.is_none() {
                // Nothing is kept for nobody.
                self.questions.forget();
                self.metrics = [None, None];
            }
            let due = due.into_iter().chain(self.closed_until).min();
            let timeout = due.map(|at| at.since(clock::monotonic()));
            self.poll.wait(timeout, &mut ready);
            let now = clock::monotonic();
            for source in ready.drain(..) {
                match source {
                    Source::Listener => self.accept(now),
                    Source::Client(id) => {
                        let next = self.clients.get_mut(&id).map(|client| client.go_on(now));
                        self.follow(id, next, now);
                    }
                    Source::Core => match self.questions.hear(now) {
                        Heard::Nothing => {}
                        Heard::Answer(target) => self.answered(target, now),
                        Heard::Gone => return 0,
                    },
                }
            }
            self.expire(now);
            if self.closed_until.is_some_and(|until| until <= now) {
                self.closed_until = None;
                // It was watched before, so this can't fail for long.
                let watched = self
                    .poll
                    .add(&self.listener, Interest::Read, Source::Listener);
                if watched.is_err() {
                    self.closed_until = Some(now.plus(PAUSE));
                }
            }
        }
    }

    fn accept(&mut self, now: Instant) {
        for _ in 0..ACCEPTS_PER_TURN {
            let fd = match socket::accept(&self.listener) {
                Ok(Some(fd)) => fd,
                Ok(None) => return,
                // A client less makes room for another. But it may be the machine that has
                // no more, and whoever waits would wake us for ever.
                Err(_) => {
                    self.make_room();
                    self.closed_until = Some(now.plus(PAUSE));
                    return self.poll.remove(&self.listener);
                }
            };
            if self.clients.len() >= CLIENTS_MAX {
                self.make_room();
            }
            let id = self.next;
            self.next = self.next.wrapping_add(1);
            if self
                .poll
                .add(&fd, Interest::Read, Source::Client(id))
                .is_ok()
            {
                self.clients.insert(id, Client::new(fd, now));
            }
        }
    }

    /// Lets one go: of those that have asked nothing yet, whose time is over first.
    fn make_room(&mut self) {
        let worst = self
            .clients
            .iter()
            .min_by_key(|(_, client)| (client.has_asked(), client.deadline()));
        if let Some(id) = worst.map(|(id, _)| *id) {
            self.close(id);
        }
    }

    fn close(&mut self, id: u32) {
        if let Some(client) = self.clients.remove(&id) {
            self.poll.remove(client.fd());
        }
    }

    /// Does what is to be done for a client, and watches for what comes next.
    fn follow(&mut self, id: u32, next: Option<Next>, now: Instant) {
        let next = match next {
            Some(Next::Answer(request)) => {
                let response = self.respond(request, now);
                let client = self.clients.get_mut(&id);
                client.map(|client| match response {
                    Some(response) => client.answer(response, now),
                    None => {
                        client.wait(request, now);
                        Next::Wait
                    }
                })
            }
            other => other,
        };
        let kept = next == Some(Next::Wait)
            && self.clients.get(&id).is_some_and(|client| {
                let interest = client.interest();
                let changed = self.poll.change(client.fd(), interest, Source::Client(id));
                changed.is_ok()
            });
        if !kept {
            self.close(id);
        }
    }

    /// The answer, unless PID 1 has to be asked.
    fn respond(&mut self, request: Request, now: Instant) -> Option<Response> {
        let Request {
            target,
            head_only,
            openmetrics,
        } = request;
        if target == Target::Page {
            let page = Rc::clone(&self.page);
            return Some(Response::new(Status::Good, HTML, page, head_only));
        }
        let answer = self.questions.ask(target, now)?;
        let (status, kind, body) = match target {
            Target::Page | Target::Status => (Status::Good, JSON, answer),
            Target::Metrics => {
                let kind = if openmetrics { OPENMETRICS } else { PROMETHEUS };
                let [old, new] = &mut self.metrics;
                let slot = if openmetrics { new } else { old };
                let body = slot.get_or_insert_with(|| metrics::text(&answer, openmetrics).into());
                (Status::Good, kind, Rc::clone(body))
            }
            Target::Live | Target::Ready | Target::Startup => {
                let (status, line) = health(&answer);
                (status, TEXT, line.into_bytes().into())
            }
        };
        Some(Response::new(status, kind, body, head_only))
    }

    /// PID 1 has answered: so are all that waited for that.
    fn answered(&mut self, target: Target, now: Instant) {
        if target == Target::Metrics {
            self.metrics = [None, None];
        }
        let waits = |(id, client): (&u32, &Client)| {
            let request = client.awaited()?;
            (request.target == target).then_some((*id, request))
        };
        let waiting: Vec<(u32, Request)> = self.clients.iter().filter_map(waits).collect();
        for (id, request) in waiting {
            self.follow(id, Some(Next::Answer(request)), now);
        }
    }

    fn expire(&mut self, now: Instant) {
        let due = |(id, client): (&u32, &Client)| (client.deadline() <= now).then_some(*id);
        let due: Vec<u32> = self.clients.iter().filter_map(due).collect();
        for id in due {
            let next = self.clients.get_mut(&id).map(|client| client.expire(now));
            self.follow(id, next, now);
        }
    }
}

/// What `rinitctl health` would print.
fn health(answer: &[u8]) -> (Status, String) {
    let value: Value = serde_json::from_slice(answer).unwrap_or_default();
    let healthy = value.get("healthy").and_then(Value::as_bool) == Some(true);
    let line = value.get("message").and_then(Value::as_str);
    let line = format!(
        "{}\n",
        line.unwrap_or("no answer that this version understands")
    );
    let status = if healthy {
        Status::Good
    } else {
        Status::Unavailable
    };
    (status, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_that_gives_nobody_wakes_nobody_for_a_while() {
        let (core, _pid1) = socket::stream_pair().unwrap();
        // Nobody listens here, so each try fails; and it is always ready.
        let (listener, other) = socket::stream_pair().unwrap();
        drop(other);
        let mut server = Server::new(Setup { listener, core }).unwrap();
        let mut ready = Vec::new();
        server.poll.wait(Some(Duration::ZERO), &mut ready);
        assert_eq!(ready.len(), 1);
        server.accept(clock::monotonic());
        assert!(server.closed_until.is_some());
        server.poll.wait(Some(Duration::ZERO), &mut ready);
        assert!(ready.is_empty());
    }
}
