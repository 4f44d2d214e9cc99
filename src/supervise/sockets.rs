//! The sockets of services: opened, passed on, looked at, closed. What has a path is opened
//! and removed by a child with a deadline; open descriptors come back from it.

use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

use super::act::Results;
use super::bind::{self, Bound, FileId};
use super::hands::Hands;
use super::passed::Passed;
use super::preparation;
use super::source::Source;
use crate::core::apply::places::Places;
use crate::core::event::{Event, SpawnFailure};
use crate::core::id::{Pid, ServiceId};
use crate::core::listen::{Listen, MOST_SOCKETS};
use crate::core::signal::Signal;
use crate::core::sorted::{Map, Set};
use crate::core::spec::ServiceSpec;
use crate::core::system::System;
use crate::core::time::{Instant, Now, Span};
use crate::sys::error::{Errno, strerror};
use crate::sys::fork::helper;
use crate::sys::poll::{Interest, Poll};
use crate::sys::signal::kill;
use crate::sys::{datagram, fd, socket};

/// How long a child may take to open a service's sockets.
const LIMIT: Duration = Duration::from_secs(10);
/// A success, and a file for each socket.
const MESSAGE: usize = 1 + MOST_SOCKETS * 16;

/// All sockets of services.
#[derive(Default)]
pub(crate) struct Listeners {
    open: Map<ServiceId, Vec<Bound>>,
    opening: Map<ServiceId, Opening>,
    deadlines: Set<(Instant, ServiceId)>,
    /// Children that remove files, each with a pipe that ends with it.
    closing: Map<ServiceId, (Pid, OwnedFd)>,
}

/// A child that opens.
struct Opening {
    pid: Pid,
    channel: OwnedFd,
    give_up_at: Instant,
}

impl Listeners {
    /// When a child is given up.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// The service's sockets with their names, as it gets them.
    pub(crate) fn pass<'a>(
        &'a self,
        service: ServiceId,
        spec: &'a ServiceSpec,
        to: &mut Vec<Passed<'a>>,
    ) {
        let sockets = spec.listen.iter().flat_map(|listen| &listen.sockets);
        for (bound, socket) in self.open.get(&service).into_iter().flatten().zip(sockets) {
            // Whoever had it last may have changed that, for all who have it.
            fd::set_blocking(&bound.fd);
            to.push(Passed {
                fd: bound.fd.as_fd(),
                name: &socket.name,
            });
        }
    }

    /// A child ended: perhaps one that removed files.
    pub(crate) fn child_ended(&mut self, pid: Pid) {
        self.closing.retain(|_, (known, _)| *known != pid);
    }

    /// Nothing could be opened while everything slept.
    pub(crate) fn postpone(&mut self, by: Duration) {
        let late = std::mem::take(&mut self.deadlines);
        for (_, service) in late {
            if let Some(opening) = self.opening.get_mut(&service) {
                opening.give_up_at = opening.give_up_at.plus(by);
                self.deadlines.insert((opening.give_up_at, service));
            }
        }
    }

    /// Services have other numbers now. Those that are no more have closed theirs.
    pub(super) fn take_over(&mut self, places: &Places, poll: &Poll<Source>) {
        for (_, bound) in places.rearrange(&mut self.open) {
            bound.iter().for_each(|bound| poll.remove(&bound.fd));
        }
        for (_, opening) in places.rearrange(&mut self.opening) {
            poll.remove(&opening.channel);
            let _ = kill(opening.pid, Signal::KILL);
        }
        drop(places.rearrange(&mut self.closing));
        for (service, bound) in &self.open {
            for bound in bound {
                // Only those are watched at which somebody is awaited.
                let _ = poll.change(&bound.fd, Interest::Read, Source::Listener(*service));
            }
        }
        self.deadlines.clear();
        for (service, opening) in &self.opening {
            let _ = poll.change(&opening.channel, Interest::Read, Source::Opening(*service));
            self.deadlines.insert((opening.give_up_at, *service));
        }
    }

    fn stop_opening(&mut self, service: ServiceId) -> Option<Opening> {
        let opening = self.opening.remove(&service)?;
        self.deadlines.remove(&(opening.give_up_at, service));
        Some(opening)
    }
}

impl Hands {
    /// Begins to open a service's sockets; the event if that is done at once.
    pub(crate) fn listen(
        &mut self,
        service: ServiceId,
        spec: &ServiceSpec,
        now: Now,
    ) -> Option<Event> {
        let listen = spec.listen.as_deref()?;
        if !bind::have_paths(listen) {
            return Some(match bind::open(listen) {
                Ok(bound) => self.opened(service, bound),
                Err(failure) => Event::NotListening { service, failure },
            });
        }
        let last = self
            .listeners
            .closing
            .get(&service)
            .map(|(_, end)| end.as_fd());
        match open_elsewhere(listen, last) {
            Ok((pid, channel)) => {
                let source = Source::Opening(service);
                let _ = self.poll.add(&channel, Interest::Read, source);
                self.helpers.insert(pid);
                let give_up_at = now.at.plus(LIMIT);
                self.listeners.deadlines.insert((give_up_at, service));
                let opening = Opening {
                    pid,
                    channel,
                    give_up_at,
                };
                self.listeners.opening.insert(service, opening);
                None
            }
            Err(errno) => Some(not_listening(service, spec, strerror(errno.0), errno.0)),
        }
    }

    fn opened(&mut self, service: ServiceId, bound: Vec<Bound>) -> Event {
        self.listeners.open.insert(service, bound);
        Event::Listening { service }
    }

    /// The child that opens has said something, or has ended.
    pub(crate) fn hear_opening(&mut self, system: &System, service: ServiceId) -> Option<Event> {
        let spec = system.service(service)?;
        let opening = self.listeners.opening.get(&service)?;
        let mut buffer = [0u8; MESSAGE];
        let message = datagram::receive(&opening.channel, &mut buffer)?;
        self.poll.remove(&opening.channel);
        self.listeners.stop_opening(service);
        let bytes = buffer.get(..message.length).unwrap_or_default();
        let count = spec
            .listen
            .as_ref()
            .map_or(0, |listen| listen.sockets.len());
        Some(match Said::decode(bytes) {
            Some(Said::Open(files))
                if files.len() == count && message.descriptors.len() == count =>
            {
                let bound = message.descriptors.into_iter().zip(files);
                let bound = bound.map(|(fd, file)| Bound { fd, file }).collect();
                self.opened(service, bound)
            }
            Some(Said::Refused { errno, step }) => {
                let taken = errno == nix::errno::Errno::EADDRINUSE as i32 || errno == 0;
                let reason = if taken { "" } else { strerror(errno) };
                let failure = SpawnFailure {
                    step,
                    errno,
                    reason: reason.into(),
                };
                Event::NotListening { service, failure }
            }
            Some(Said::Open(_)) | None => not_listening(service, spec, "no answer", 0),
        })
    }

    /// Gives up the children that take too long.
    pub(crate) fn expire_openings(&mut self, system: &System, now: Now, events: &mut Results) {
        while let Some((_, service)) = self
            .listeners
            .deadlines
            .first()
            .copied()
            .filter(|(at, _)| *at <= now.at)
        {
            self.give_up_opening(service);
            if let Some(spec) = system.service(service) {
                let reason = format!("no answer within {}", Span(LIMIT));
                events.push_back(not_listening(service, spec, &reason, 0));
            }
        }
    }

    fn give_up_opening(&mut self, service: ServiceId) {
        if let Some(opening) = self.listeners.stop_opening(service) {
            self.poll.remove(&opening.channel);
            let _ = kill(opening.pid, Signal::KILL);
        }
    }

    /// Looks for somebody who comes; the event where that can't be: better a start too many
    /// than one that never comes.
    pub(crate) fn await_connection(
        &mut self,
        service: ServiceId,
        system: &System,
    ) -> Option<Event> {
        let listen = system
            .service(service)
            .and_then(|spec| spec.listen.as_ref());
        if let Some(watch) = listen.and_then(|listen| listen.watch.as_ref()) {
            self.watch_paths(service, watch);
        }
        let mut blind = false;
        for bound in self.listeners.open.get(&service).into_iter().flatten() {
            let source = Source::Listener(service);
            blind |= self.poll.add(&bound.fd, Interest::Read, source).is_err();
        }
        blind.then(|| self.somebody_came(service))
    }

    /// Somebody came. He waits for the service; nobody looks any more.
    pub(crate) fn somebody_came(&self, service: ServiceId) -> Event {
        for bound in self.listeners.open.get(&service).into_iter().flatten() {
            self.poll.remove(&bound.fd);
        }
        Event::Connected { service }
    }

    /// Closes a service's sockets; a child removes their files.
    pub(crate) fn close_sockets(&mut self, service: ServiceId, spec: &ServiceSpec) {
        self.give_up_opening(service);
        self.watchers.stop(service);
        let bound = self.listeners.open.remove(&service).unwrap_or_default();
        bound.iter().for_each(|bound| self.poll.remove(&bound.fd));
        let sockets = spec.listen.iter().flat_map(|listen| &listen.sockets);
        let files: Vec<(&str, FileId)> = sockets
            .zip(&bound)
            .filter_map(|(socket, bound)| Some((socket.path()?, bound.file?)))
            .collect();
        // Before the fork: whoever comes now is refused, and not by a child's leave.
        drop(bound);
        if files.is_empty() {
            return;
        }
        match remove_elsewhere(&files) {
            Ok(child) => drop(self.listeners.closing.insert(service, child)),
            // Nobody answers there: the next server replaces it.
            Err(errno) => log::warn!("{}: the files of its sockets stay: {errno}", spec.name),
        }
    }
}

fn not_listening(service: ServiceId, spec: &ServiceSpec, reason: &str, errno: i32) -> Event {
    let sockets = spec.listen.iter().flat_map(|listen| &listen.sockets);
    let names: Vec<String> = sockets.map(ToString::to_string).collect();
    let failure = SpawnFailure {
        step: format!("listen {}", names.join(", ")).into(),
        errno,
        reason: reason.into(),
    };
    Event::NotListening { service, failure }
}

/// The child that opens, and where it tells of it. It waits until the files of the
/// service's last sockets are gone.
fn open_elsewhere(listen: &Listen, last: Option<BorrowedFd<'_>>) -> Result<(Pid, OwnedFd), Errno> {
    let (ours, theirs) = socket::message_pair()?;
    let keep: Vec<_> = last
        .iter()
        .map(AsRawFd::as_raw_fd)
        .chain([theirs.as_raw_fd()])
        .collect();
    let pid = helper(c"rinit-listen", &keep, || {
        if let Some(last) = last {
            let _ = preparation::await_end(last);
        }
        let bound = bind::open(listen);
        let (said, bound) = match bound {
            Ok(bound) => (
                Said::Open(bound.iter().map(|one| one.file).collect()),
                bound,
            ),
            Err(failure) => {
                let SpawnFailure { errno, step, .. } = failure;
                (Said::Refused { errno, step }, Vec::new())
            }
        };
        let message = said.encode();
        let fds: Vec<_> = bound.iter().map(|one| one.fd.as_raw_fd()).collect();
        let rights = [ControlMessage::ScmRights(&fds)];
        let rights = if fds.is_empty() { &[][..] } else { &rights };
        let text = [IoSlice::new(&message)];
        let flags = MsgFlags::MSG_NOSIGNAL;
        let Err(errno) = sendmsg::<()>(theirs.as_raw_fd(), &text, rights, flags, None) else {
            return 0;
        };
        // All of a user's programs together may have only so many on their way.
        let (errno, step) = (errno as i32, "pass its sockets".into());
        let refused = Said::Refused { errno, step }.encode();
        let text = [IoSlice::new(&refused)];
        let sent = sendmsg::<()>(theirs.as_raw_fd(), &text, &[], flags, None);
        i32::from(sent.is_err())
    })?;
    Ok((pid, ours))
}

/// The child that removes, and the pipe that it holds open. No helper that the end spares,
/// but a stray that it waits for.
fn remove_elsewhere(files: &[(&str, FileId)]) -> Result<(Pid, OwnedFd), Errno> {
    let (end, held) = fd::pipe()?;
    let pid = helper(c"rinit-unlink", &[held.as_raw_fd()], || {
        files
            .iter()
            .for_each(|(path, file)| bind::remove(path, *file));
        0
    })?;
    Ok((pid, end))
}

/// What the child that opens tells.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Open(Vec<Option<FileId>>),
    Refused { errno: i32, step: Box<str> },
}

impl Said {
    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Open(files) => {
                let numbers = files.iter().flat_map(|file| {
                    let (device, inode) = file.map_or((0, 0), |file| (file.device, file.inode));
                    [device, inode]
                });
                let bytes = numbers.flat_map(u64::to_le_bytes);
                [0].into_iter().chain(bytes).collect()
            }
            Self::Refused { errno, step } => {
                let mut bytes = vec![1];
                bytes.extend(errno.to_le_bytes());
                bytes.extend(step.bytes().take(MESSAGE - 5));
                bytes
            }
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        if *kind == 0 {
            let (pairs, odd) = rest.as_chunks::<16>();
            let file = |pair: &[u8; 16]| {
                let number = u128::from_le_bytes(*pair);
                let half = |number: u128| u64::try_from(number & u128::from(u64::MAX)).ok();
                let (device, inode) = (half(number)?, half(number >> 64)?);
                (inode != 0).then_some(FileId { device, inode })
            };
            return odd
                .is_empty()
                .then(|| Self::Open(pairs.iter().map(file).collect()));
        }
        let (errno, step) = rest.split_first_chunk::<4>()?;
        Some(Self::Refused {
            errno: i32::from_le_bytes(*errno),
            step: String::from_utf8_lossy(step).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_child_says_comes_back_as_it_was() {
        let file = |inode| FileId {
            device: u64::MAX,
            inode,
        };
        for said in [
            Said::Open(vec![Some(file(7)), None, Some(file(u64::MAX))]),
            Said::Refused {
                errno: 98,
                step: "/run/x.sock is already taken".into(),
            },
        ] {
            assert_eq!(Said::decode(&said.encode()), Some(said));
        }
        for rubbish in [&[][..], &[0, 1], &[1, 2, 3]] {
            assert_eq!(Said::decode(rubbish), None);
        }
    }
}
