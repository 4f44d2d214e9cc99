//! PID 1's side of the control socket. Nothing here waits: a client that is slow, silent
//! or hostile costs a little bounded memory and nothing else.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;

use super::protocol::{Answer, LINE_MAX};
use crate::core::spec::ControlAccess;
use crate::core::time::Instant;
use crate::supervise::Source;
use crate::sys::poll::{Interest, Poll};
use crate::sys::socket;

/// More clients than this, and the oldest goes.
const CLIENTS_MAX: usize = 64;
/// How many new ones a turn takes.
const ACCEPTS_PER_TURN: usize = 16;
/// So long nobody is taken after the kernel had no descriptor for one.
const REST: Duration = Duration::from_secs(1);

struct Client {
    fd: OwnedFd,
    input: Vec<u8>,
    output: Vec<u8>,
}

/// The listening socket and its clients.
pub(crate) struct Server {
    listener: OwnedFd,
    address: String,
    own_uid: u32,
    own_pid: i32,
    access: ControlAccess,
    clients: BTreeMap<u32, Client>,
    next: u32,
    /// Until then the listener is not watched.
    rests_until: Option<Instant>,
}

impl Server {
    /// Binds at the first of these places where that can be.
    ///
    /// # Errors
    /// What the kernel said of the last.
    pub(crate) fn bind(places: &[String], access: ControlAccess) -> Result<Self, Errno> {
        let mode = match access {
            ControlAccess::Owner => 0o600,
            ControlAccess::Status => 0o666,
        };
        let mut last = Errno::ENOENT;
        for place in places {
            make_parent(place);
            match socket::listener(place.as_bytes(), mode) {
                Ok(listener) => {
                    return Ok(Self {
                        listener,
                        address: place.clone(),
                        own_uid: nix::unistd::geteuid().as_raw(),
                        own_pid: nix::unistd::getpid().as_raw(),
                        access,
                        clients: BTreeMap::new(),
                        next: 0,
                        rests_until: None,
                    });
                }
                Err(errno) => last = errno,
            }
        }
        Err(last)
    }

    /// The descriptor to watch.
    pub(crate) fn listener(&self) -> &OwnedFd {
        &self.listener
    }

    /// Where it was bound.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// When the listener is to be watched again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.rests_until
    }

    /// Watches the listener again, if that is due.
    pub(crate) fn wake(&mut self, poll: &Poll<Source>, now: Instant) {
        if self.rests_until.is_some_and(|at| at <= now) {
            let watched = poll.add(&self.listener, Interest::Read, Source::Control);
            self.rests_until = watched.is_err().then(|| now.plus(REST));
        }
    }

    /// Takes waiting clients.
    pub(crate) fn accept(&mut self, poll: &Poll<Source>, now: Instant) {
        for _ in 0..ACCEPTS_PER_TURN {
            let fd = match socket::accept(&self.listener) {
                Ok(Some(fd)) => fd,
                Ok(None) => return,
                // It would be ready for ever, and nothing could be done about it.
                Err(_) => {
                    poll.remove(&self.listener);
                    self.rests_until = Some(now.plus(REST));
                    return;
                }
            };
            if !self.may_speak(&fd) {
                continue;
            }
            if self.clients.len() >= CLIENTS_MAX
                && let Some((_, oldest)) = self.clients.pop_first()
            {
                poll.remove(&oldest.fd);
            }
            let id = self.next;
            self.next = self.next.wrapping_add(1);
            if poll.add(&fd, Interest::Read, Source::Client(id)).is_ok() {
                self.clients.insert(
                    id,
                    Client {
                        fd,
                        input: Vec::new(),
                        output: Vec::new(),
                    },
                );
            }
        }
    }

    /// Root and rinit's own user; others where `control-access` says so. A peer whose pid
    /// is 0 lives in another PID namespace: another container of the pod or the host.
    fn may_speak(&self, fd: &OwnedFd) -> bool {
        let Some(peer) = socket::peer(fd) else {
            return false;
        };
        let own = peer.uid == 0 || peer.uid == self.own_uid;
        peer.pid != 0 && (own || self.access == ControlAccess::Status)
    }

    /// Hears and answers a client.
    pub(crate) fn serve(&mut self, id: u32, poll: &Poll<Source>) {
        let own_pid = self.own_pid;
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let alive = client.converse(own_pid);
        let interest = if client.output.is_empty() {
            Interest::Read
        } else {
            Interest::Write
        };
        let watched = alive
            && poll
                .change(&client.fd, interest, Source::Client(id))
                .is_ok();
        if !watched && let Some(client) = self.clients.remove(&id) {
            poll.remove(&client.fd);
        }
    }

    /// Removes the socket's file.
    pub(crate) fn unlink(&self) {
        if !self.address.starts_with('@') {
            let _ = nix::unistd::unlink(self.address.as_str());
        }
    }
}

impl Client {
    /// Answers line by line, and reads once: an answer that isn't taken stops the next
    /// question from being heard, so there is one at a time. Whether the client is still
    /// there.
    fn converse(&mut self, own_pid: i32) -> bool {
        if !self.answer(own_pid) {
            return false;
        }
        // Whoever has asked all its questions is owed the last answer first.
        if !self.output.is_empty() {
            return true;
        }
        let mut buffer = [0u8; LINE_MAX];
        match socket::receive_now(&self.fd, &mut buffer) {
            None => return true,
            Some(0) => return false,
            Some(count) => self
                .input
                .extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
        self.answer(own_pid) && (self.input.len() < LINE_MAX || !self.output.is_empty())
    }

    /// Answers the lines that have come, as far as the answers are taken; whether the
    /// client is still there.
    fn answer(&mut self, own_pid: i32) -> bool {
        while self.send() {
            let end = memchr::memchr(b'\n', &self.input);
            let Some(end) = end.filter(|_| self.output.is_empty()) else {
                return true;
            };
            let line: Vec<u8> = self.input.drain(..=end).collect();
            self.output = Answer::to(line.trim_ascii(), own_pid).line();
        }
        false
    }

    /// Sends what can be sent; whether the client is still there.
    fn send(&mut self) -> bool {
        while !self.output.is_empty() {
            match socket::send_some(self.fd.as_fd(), &self.output) {
                Ok(count) => drop(self.output.drain(..count)),
                Err(Errno::EAGAIN) => return true,
                Err(_) => return false,
            }
        }
        true
    }
}

/// The folder of a socket's path, if it can be made.
fn make_parent(place: &str) {
    use std::os::unix::fs::DirBuilderExt;
    if let Some((folder, _)) = place
        .rsplit_once('/')
        .filter(|(folder, _)| !folder.is_empty())
    {
        let _ = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o711)
            .create(folder);
    }
}
