//! PID 1's side of the control socket. Nothing here waits: a client that is slow, silent
//! or hostile costs a little bounded memory and nothing else.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;

use super::protocol::{Answer, LINE_MAX};
use super::requests::{Ask, Heard, Talk};
use crate::core::event::Event;
use crate::core::request::RequestId;
use crate::core::spec::{ControlAccess, Spec};
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
    may_act: bool,
    /// For the core, which doesn't know of it yet.
    asked: Option<Ask>,
    /// The core will answer this; until then nothing else is heard.
    awaits: Option<RequestId>,
    /// It says nothing more, but may still listen.
    has_closed: bool,
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
    next_request: u64,
    /// Whose askers have gone.
    withdrawn: Vec<RequestId>,
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
                        next_request: 0,
                        withdrawn: Vec::new(),
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
            let Some(may_act) = self.may_speak(&fd) else {
                continue;
            };
            if self.clients.len() >= CLIENTS_MAX
                && let Some((_, oldest)) = self.clients.pop_first()
            {
                self.part(&oldest, poll);
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
                        may_act,
                        asked: None,
                        awaits: None,
                        has_closed: false,
                    },
                );
            }
        }
    }

    /// Root and rinit's own user; others where `control-access` says so. A peer whose pid
    /// is 0 lives in another PID namespace: another container of the pod or the host.
    /// Whether it may change things, if it may speak at all.
    fn may_speak(&self, fd: &OwnedFd) -> Option<bool> {
        let peer = socket::peer(fd)?;
        let own = peer.uid == 0 || peer.uid == self.own_uid;
        (peer.pid != 0 && (own || self.access == ControlAccess::Status)).then_some(own)
    }

    fn part(&mut self, client: &Client, poll: &Poll<Source>) {
        poll.remove(&client.fd);
        self.withdrawn.extend(client.awaits);
    }

    /// Those whose askers have gone since the last time.
    pub(crate) fn take_withdrawn(&mut self) -> Vec<RequestId> {
        std::mem::take(&mut self.withdrawn)
    }

    /// Hears and answers a client; what the core has to answer comes back.
    pub(crate) fn serve(&mut self, id: u32, poll: &Poll<Source>, spec: &Spec) -> Option<Event> {
        let own_pid = self.own_pid;
        let client = self.clients.get_mut(&id)?;
        let alive = client.converse(spec, own_pid);
        self.go_on(id, alive, poll)
    }

    /// The core has answered; what the client asked meanwhile comes back.
    pub(crate) fn answered(
        &mut self,
        request: RequestId,
        answer: &Answer,
        poll: &Poll<Source>,
        spec: &Spec,
    ) -> Option<Event> {
        let own_pid = self.own_pid;
        let awaits = |(_, client): &(&u32, &mut Client)| client.awaits == Some(request);
        let (&id, client) = self.clients.iter_mut().find(awaits)?;
        client.awaits = None;
        client.output = answer.line();
        let alive = client.answer(spec, own_pid);
        self.go_on(id, alive, poll)
    }

    /// Watches for what may come next from a client, or parts with it.
    fn go_on(&mut self, id: u32, alive: bool, poll: &Poll<Source>) -> Option<Event> {
        let client = self.clients.get_mut(&id)?;
        let interest = match (client.output.is_empty(), client.awaits.is_some()) {
            (false, _) => Interest::Write,
            (true, true) if client.has_closed => Interest::HangUp,
            (true, true | false) => Interest::Read,
        };
        let watched = alive
            && poll
                .change(&client.fd, interest, Source::Client(id))
                .is_ok();
        if !watched {
            let client = self.clients.remove(&id)?;
            self.part(&client, poll);
            return None;
        }
        let Ask { verb, services } = client.asked.take()?;
        let request = RequestId(self.next_request);
        self.next_request = self.next_request.wrapping_add(1);
        client.awaits = Some(request);
        Some(Event::Requested {
            request,
            verb,
            services,
        })
    }

    /// Removes the socket's file.
    pub(crate) fn unlink(&self) {
        if !self.address.starts_with('@') {
            let _ = nix::unistd::unlink(self.address.as_str());
        }
    }
}

impl Client {
    /// Answers line by line, and reads once: an answer that isn't taken, or isn't there yet,
    /// stops the next question from being heard, so there is one at a time. Whether the
    /// client is still there.
    fn converse(&mut self, spec: &Spec, own_pid: i32) -> bool {
        if !self.answer(spec, own_pid) {
            return false;
        }
        // Whoever has asked all its questions is owed the last answer first.
        if !self.output.is_empty() || self.asked.is_some() {
            return true;
        }
        let mut buffer = [0u8; LINE_MAX];
        match socket::receive_now(&self.fd, &mut buffer) {
            None => return true,
            Some(0) if self.awaits.is_some() => {
                return !std::mem::replace(&mut self.has_closed, true);
            }
            Some(0) => return false,
            Some(count) => self
                .input
                .extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
        self.answer(spec, own_pid)
            && (self.input.len() < LINE_MAX || !self.output.is_empty() || self.asked.is_some())
    }

    /// Answers the lines that have come, as far as the answers are there and are taken;
    /// whether the client is still there.
    fn answer(&mut self, spec: &Spec, own_pid: i32) -> bool {
        let talk = Talk {
            spec,
            own_pid,
            may_act: self.may_act,
        };
        while self.send() {
            let busy = self.asked.is_some() || self.awaits.is_some() || !self.output.is_empty();
            let end = memchr::memchr(b'\n', &self.input);
            let Some(end) = end.filter(|_| !busy) else {
                return true;
            };
            let line: Vec<u8> = self.input.drain(..=end).collect();
            match talk.hear(line.trim_ascii()) {
                Heard::Answer(answer) => self.output = answer.line(),
                Heard::Ask(ask) => self.asked = Some(ask),
            }
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
