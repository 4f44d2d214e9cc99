//! PID 1's side of the control socket. Nothing here waits: a client that is slow, silent
//! or hostile costs a little bounded memory and nothing else.

use std::cmp::Reverse;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;

use super::answer::Peer;
use super::connection::Connection;
use super::context::Own;
use super::events::History;
use super::logs::Logs;
use super::protocol::{REFUSED, changes, done, refusal, wait};
use super::records::Counts;
use crate::core::apply::places::Places;
use crate::core::event::Event;
use crate::core::id::{Pid, ServiceId};
use crate::core::request::{Outcome, RequestId};
use crate::core::sorted::Map;
use crate::core::spec::ControlAccess;
use crate::core::system::System;
use crate::core::time::{Instant, Now};
use crate::supervise::Source;
use crate::sys::poll::{Interest, Poll};
use crate::sys::socket;

/// More clients than this, and one goes.
const CLIENTS_MAX: usize = 64;
/// How many new ones a turn takes.
const ACCEPTS_PER_TURN: usize = 16;
/// So long nobody is taken after the kernel had no descriptor for one.
const REST: Duration = Duration::from_secs(1);

/// The listening socket and its clients.
pub(crate) struct Server {
    listener: OwnedFd,
    address: String,
    own_uid: u32,
    own: Own,
    access: ControlAccess,
    clients: Map<u32, Connection>,
    next: u32,
    next_request: u64,
    /// What the core has to hear.
    events: Vec<Event>,
    units: Vec<Box<str>>,
    /// Until then the listener is not watched.
    rests_until: Option<Instant>,
    /// Somebody who waited has an answer.
    stirred: bool,
}

impl Server {
    /// Binds at the first of these places where that can be.
    ///
    /// # Errors
    /// What the kernel said of the last.
    pub(crate) fn bind(places: &[String], access: ControlAccess, own: Own) -> Result<Self, Errno> {
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
                        own,
                        access,
                        clients: Map::new(),
                        next: 0,
                        next_request: 0,
                        events: Vec::new(),
                        units: Vec::new(),
                        rests_until: None,
                        stirred: false,
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

    /// When something is due here.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.due().into_iter().chain(self.rests_until).min()
    }

    /// When a client has had its time.
    fn due(&self) -> Option<Instant> {
        self.clients.values().filter_map(Connection::deadline).min()
    }

    /// Does what is due: watches the listener again, answers those that waited. To be
    /// called last in a turn: what has come in it is sent.
    pub(crate) fn wake(
        &mut self,
        poll: &Poll<Source>,
        system: &System,
        history: &History,
        now: Now,
    ) {
        if self.rests_until.is_some_and(|at| at <= now.at) {
            let watched = poll.add(&self.listener, Interest::Read, Source::Control);
            self.rests_until = watched.is_err().then(|| now.at.plus(REST));
        }
        if self.stirred || self.due().is_some_and(|at| at <= now.at) {
            self.attend(poll, system, history, now);
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
            let Some((peer, pid)) = self.who(&fd) else {
                continue;
            };
            if self.clients.len() >= CLIENTS_MAX {
                self.make_room(poll);
            }
            let id = self.next;
            self.next = self.next.wrapping_add(1);
            if poll.add(&fd, Interest::Read, Source::Client(id)).is_ok() {
                self.clients.insert(id, Connection::new(fd, peer, pid, now));
            }
        }
    }

    /// Lets one go: a stranger before an owner, then of the process that has most, so that
    /// a crowd harms nobody but itself; of its clients the oldest that doesn't wait.
    fn make_room(&mut self, poll: &Poll<Source>) {
        let mut shares: Map<Pid, usize> = Map::new();
        for client in self.clients.values() {
            *shares.entry(client.pid()).or_default() += 1;
        }
        let oldest = self.clients.iter().min_by_key(|(id, client)| {
            let share = Reverse(shares.get(&client.pid()));
            (client.is_owner(), share, client.is_patient(), **id)
        });
        if let Some(id) = oldest.map(|(id, _)| *id) {
            self.watch(id, false, poll);
        }
    }

    /// Root and rinit's own user; others where `control-access` says so. A peer whose pid
    /// is 0 lives in another PID namespace: another container of the pod or the host.
    fn who(&self, fd: &OwnedFd) -> Option<(Peer, Pid)> {
        let peer = socket::peer(fd).filter(|peer| peer.pid != 0)?;
        let pid = Pid(peer.pid);
        if peer.uid == 0 || peer.uid == self.own_uid {
            return Some((Peer::Owner, pid));
        }
        (self.access == ControlAccess::Status).then_some((Peer::Stranger, pid))
    }

    /// Hears and answers a client.
    pub(crate) fn serve(
        &mut self,
        id: u32,
        poll: &Poll<Source>,
        system: &System,
        history: &History,
        counts: &Counts<'_>,
        now: Now,
    ) {
        if let Some(client) = self.clients.get_mut(&id) {
            let alive = client.converse(system, history, counts, &self.own, now);
            self.units.extend(client.take_units());
            let asked = client.ask(RequestId(self.next_request));
            if asked.is_some() {
                self.next_request = self.next_request.wrapping_add(1);
            }
            self.events.extend(asked);
            self.watch(id, alive, poll);
        }
    }

    /// Hands a client that reads output over to another process: by `give`, or it is told
    /// why not.
    pub(crate) fn hand_over(
        &mut self,
        id: u32,
        poll: &Poll<Source>,
        now: Now,
        give: impl FnOnce(&Logs, &OwnedFd) -> Result<(), String>,
    ) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let Some(given) = client.logs().map(|logs| give(logs, client.fd())) else {
            return;
        };
        let kept = given.is_err();
        if let Err(error) = given {
            client.settle(refusal(REFUSED, &error), now.at);
            self.stirred = true;
        }
        self.watch(id, kept, poll);
    }

    /// What clients have asked of the core, and which of them don't wait any more.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// The units that they named, for the next reading.
    pub(crate) fn take_units(&mut self) -> Vec<Box<str>> {
        std::mem::take(&mut self.units)
    }

    /// The core has answered a request.
    pub(crate) fn answered(&mut self, request: RequestId, outcome: &Outcome, system: &System) {
        let asks = |client: &&mut Connection| client.request() == Some(request);
        if let Some(client) = self.clients.values_mut().find(asks) {
            let line = if let Outcome::Planned(all) | Outcome::Applied(all) = outcome {
                changes(all)
            } else {
                let said = outcome.display(system).to_string();
                if outcome.is_done() {
                    done(&said)
                } else {
                    refusal(REFUSED, &said)
                }
            };
            client.settle(line, system.now());
            self.stirred = true;
        }
    }

    /// An answer takes until these have ended.
    pub(crate) fn told_of_wait(
        &mut self,
        request: RequestId,
        services: &[ServiceId],
        system: &System,
    ) {
        let asks = |client: &&mut Connection| client.request() == Some(request);
        if let Some(client) = self.clients.values_mut().find(asks) {
            client.tell_of_wait(&wait(services, system));
            self.stirred = true;
        }
    }

    /// Services have other numbers now.
    pub(crate) fn take_over(&mut self, places: &Places, now: Instant) {
        for client in self.clients.values_mut() {
            self.stirred |= client.take_over(places, now);
        }
    }

    /// A service has changed its state: for those that wait for it. Whether anybody follows
    /// what happens.
    pub(crate) fn changed(&mut self, service: ServiceId, system: &System) -> bool {
        let mut followed = false;
        for client in self.clients.values_mut() {
            followed |= client.follows();
            self.stirred |= client.changed(service, system) || followed;
        }
        followed
    }

    /// Sends what came meanwhile to those that waited, and lets go of those that have had
    /// their time.
    fn attend(&mut self, poll: &Poll<Source>, system: &System, history: &History, now: Now) {
        self.stirred = false;
        let ids: Vec<u32> = self.clients.keys().copied().collect();
        for id in ids {
            let Some(client) = self.clients.get_mut(&id) else {
                continue;
            };
            if let Some(alive) = client.attend(system, history, now) {
                self.watch(id, alive, poll);
            }
        }
    }

    /// Watches for what a client does next, or forgets it.
    fn watch(&mut self, id: u32, alive: bool, poll: &Poll<Source>) {
        let watched = alive
            && self.clients.get(&id).is_some_and(|client| {
                poll.change(client.fd(), client.interest(), Source::Client(id))
                    .is_ok()
            });
        if !watched && let Some(client) = self.clients.remove(&id) {
            poll.remove(client.fd());
            let withdrawn = client.request();
            self.events
                .extend(withdrawn.map(|request| Event::Withdrawn { request }));
        }
    }

    /// Removes the socket's file.
    pub(crate) fn unlink(&self) {
        if !self.address.starts_with('@') {
            let _ = nix::unistd::unlink(self.address.as_str());
        }
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
