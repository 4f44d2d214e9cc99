//! PID 1's side of the HTTP helper: starts it, answers what it asks, and starts it again
//! when it dies. What it asks is what any stranger may ask on the control socket.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use super::bind;
use super::hands::Hands;
use super::own_lines;
use super::source::Source;
use crate::control::context::Own;
use crate::control::{Connection, Counts, Peer};
use crate::core::apply::places::Places;
use crate::core::id::Pid;
use crate::core::listen::{Listen, Socket};
use crate::core::signal::Signal;
use crate::core::system::System;
use crate::core::time::{Instant, Now};
use crate::http;
use crate::sys::fork::helper;
use crate::sys::poll::{Interest, Poll, readable};
use crate::sys::signal::kill;
use crate::sys::{error, fd, reap, socket};

/// A helper that dies, or an address that is taken, is tried again after this, and then
/// after longer.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// So long alive, and a helper is a good one.
const GOOD_AFTER: Duration = Duration::from_secs(10);

struct Helper {
    pid: Pid,
    connection: Connection,
    own: Own,
    since: Instant,
}

/// The helper, where one is wanted.
pub(crate) struct Http {
    listen: Option<Listen>,
    helper: Option<Helper>,
    start_at: Option<Instant>,
    pause: Duration,
}

impl Http {
    /// At this socket, if any.
    pub(crate) fn new(socket: Option<&Socket>) -> Self {
        let listen = socket.map(|socket| Listen {
            sockets: [socket.clone()].into(),
            on_demand: false,
            accept: None,
            watch: None,
        });
        Self {
            listen,
            helper: None,
            start_at: None,
            pause: PAUSE,
        }
    }

    /// When the next helper is due.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.start_at
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Option<Pid> {
        self.helper.as_ref().map(|helper| helper.pid)
    }

    fn start_later(&mut self, now: Instant) {
        self.start_at = Some(now.plus(self.pause));
        self.pause = self.pause.saturating_mul(2).min(PAUSE_MAX);
    }

    /// Services have other numbers now.
    pub(crate) fn take_over(&mut self, places: &Places, now: Instant) {
        if let Some(helper) = &mut self.helper {
            // It waits for no service, so nothing is decided by that.
            let _ = helper.connection.take_over(places, now);
        }
    }

    /// It died. Another follows.
    pub(crate) fn died(&mut self, poll: &Poll<Source>, now: Instant) {
        let Some(old) = self.helper.take() else {
            return;
        };
        poll.remove(old.connection.fd());
        if now.since(old.since) >= GOOD_AFTER {
            self.pause = PAUSE;
        }
        self.start_later(now);
    }

    /// Ends it for good: the last words are next. Whoever isn't PID 1 reaps it too: its
    /// zombie would stand under whoever is.
    pub(crate) fn end(&mut self, poll: &Poll<Source>, pid1: bool) {
        self.listen = None;
        self.start_at = None;
        if let Some(old) = self.helper.take() {
            poll.remove(old.connection.fd());
            let _ = kill(old.pid, Signal::KILL);
            if !pid1 {
                reap::take_soon(old.pid);
            }
        }
    }
}

impl Hands {
    /// Starts the helper if it is due.
    pub(crate) fn start_http(&mut self, now: Instant) {
        let http = &mut self.http;
        let Some(listen) = &http.listen else {
            return;
        };
        if http.helper.is_some() || http.start_at.is_some_and(|at| now < at) {
            return;
        }
        http.start_at = None;
        match begin(listen) {
            Ok((pid, ours)) => {
                let watched = self.poll.add(&ours, Interest::Read, Source::Http);
                // It ends when nobody holds the other end of its connection.
                if watched.is_ok() {
                    http.helper = Some(Helper {
                        pid,
                        connection: Connection::new(ours, Peer::Stranger, pid, now),
                        own: Own::new(self.launcher.base()),
                        since: now,
                    });
                } else {
                    http.start_later(now);
                }
                self.helpers.insert(pid);
            }
            Err(_) => http.start_later(now),
        }
    }

    /// Answers what the helper asks. One that speaks no sense is ended.
    pub(crate) fn serve_http(&mut self, system: &System, now: Now) {
        let Some(helper) = &mut self.http.helper else {
            return;
        };
        let connection = &mut helper.connection;
        let alive = connection.converse(
            system,
            &self.history,
            &Counts {
                tally: &|id| self.outputs.tally(id),
                applies: self.configuration.applies,
            },
            &helper.own,
            now,
        );
        let interest = connection.interest();
        let watched = alive
            && self
                .poll
                .change(connection.fd(), interest, Source::Http)
                .is_ok();
        if !watched {
            let _ = kill(helper.pid, Signal::KILL);
            self.http.died(&self.poll, now.at);
        }
    }
}

fn begin(listen: &Listen) -> Result<(Pid, OwnedFd), error::Errno> {
    let (ours, theirs) = socket::stream_pair()?;
    let keep = [theirs.as_raw_fd(), own_lines::descriptor()];
    let pid = helper(c"rinit-http", &keep, || serve(listen, theirs))?;
    Ok((pid, ours))
}

/// In the helper: opens the socket, which may take until somebody else lets go of the
/// address, with the rights that this takes; then serves without any.
fn serve(listen: &Listen, core: OwnedFd) -> i32 {
    let mut pause = PAUSE;
    let mut told = false;
    let mut bound = loop {
        match bind::open(listen) {
            Ok(bound) => break bound,
            Err(failure) if !told => {
                told = true;
                let colon = if failure.reason.is_empty() { "" } else { ": " };
                let (what, why) = (&failure.step, &failure.reason);
                log::warn!("http: {what}{colon}{why}; trying again");
            }
            Err(_) => {}
        }
        // PID 1 says nothing that it isn't asked for: it is gone.
        if readable(core.as_fd(), pause) {
            return 0;
        }
        pause = pause.saturating_mul(2).min(PAUSE_MAX);
    };
    let (Some(one), Some(socket)) = (bound.pop(), listen.sockets.first()) else {
        return 1;
    };
    let level = if told {
        log::Level::Info
    } else {
        log::Level::Debug
    };
    log::log!(level, "http at {socket}");
    let listener = one.fd;
    fd::set_nonblocking(&listener);
    http::run(http::Setup { listener, core })
}
