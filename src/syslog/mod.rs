//! The syslog helper: takes what programs send to /dev/log and to the journal's sockets, and
//! puts it into the output of the service that the sender belongs to.
//!
//! It is a fork of PID 1 that never execs; PID 1 keeps the sockets, so what is sent while
//! there is no helper waits in them. It promises:
//! - It reads whatever comes, so nobody who sends waits for whom the output waits (`sink`).
//! - Whose a message is says the kernel, not the message.
//! - Senders, their lines and what is kept of them are bounded.
//!
//! It must not know what a service is: pipes have names and main processes, no more.

mod client;
mod message;
mod sink;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::uio::pread;

use self::client::Client;
use self::message::Message;
pub use self::sink::Place;
use self::sink::Sink;
use crate::core::id::Pid;
use crate::logger::Memory;
use crate::sys::poll::{Interest, Poll};
use crate::sys::{caps, clock, datagram, socket};

/// A datagram is no longer, nor what comes in a file; the rest is cut off.
const DATAGRAM_MOST: usize = 256 * 1024;
/// No more connections at once.
const CLIENTS_MOST: usize = 64;
/// So many datagrams of one socket before the others have their turn.
const BATCH: usize = 64;
/// So often it is told what was dropped.
const NEWS_EVERY: Duration = Duration::from_secs(1);

/// What the helper works with.
pub struct Setup<'a> {
    /// /dev/log.
    pub log: BorrowedFd<'a>,
    /// The journal's datagrams.
    pub journal: BorrowedFd<'a>,
    /// Where the journal's streams come in.
    pub streams: BorrowedFd<'a>,
    /// PID 1 holds the other end; when that closes, another helper has the sockets.
    pub control: BorrowedFd<'a>,
    /// The services', and behind them everybody else's.
    pub places: Vec<Place<'a>>,
    /// Where the services' main processes stand.
    pub memory: &'a Memory,
}

impl Setup<'_> {
    /// Every descriptor that the helper needs.
    #[must_use]
    pub fn descriptors(&self) -> Vec<RawFd> {
        let own = [self.log, self.journal, self.streams, self.control];
        let pipes = self.places.iter().map(|place| place.pipe);
        own.into_iter()
            .chain(pipes)
            .map(|fd| fd.as_raw_fd())
            .collect()
    }
}

/// Works until PID 1 closes the control socket, and as long as connections last then.
#[must_use]
pub fn run(setup: Setup<'_>) -> i32 {
    caps::bound_to_nothing();
    caps::surrender();
    match Receiver::new(setup) {
        Ok(mut receiver) => receiver.run(),
        Err(_) => 1,
    }
}

const LOG: u64 = 0;
const JOURNAL: u64 = 1;
const STREAMS: u64 = 2;
const CONTROL: u64 = 3;
/// The first connection.
const CLIENT: u64 = 4;

struct Receiver<'a> {
    log: BorrowedFd<'a>,
    journal: BorrowedFd<'a>,
    streams: BorrowedFd<'a>,
    poll: Poll<u64>,
    sink: Sink<'a>,
    clients: Vec<Option<Client>>,
    buffer: Box<[u8]>,
    control: BorrowedFd<'a>,
    /// Another helper has the sockets.
    leaves: bool,
}

impl<'a> Receiver<'a> {
    fn new(setup: Setup<'a>) -> nix::Result<Self> {
        let poll = Poll::new()?;
        poll.add(setup.log, Interest::Read, LOG)?;
        poll.add(setup.journal, Interest::Read, JOURNAL)?;
        poll.add(setup.streams, Interest::Read, STREAMS)?;
        poll.add(setup.control, Interest::Read, CONTROL)?;
        Ok(Self {
            log: setup.log,
            journal: setup.journal,
            streams: setup.streams,
            poll,
            sink: Sink::new(setup.places, setup.memory),
            clients: Vec::new(),
            buffer: vec![0; DATAGRAM_MOST].into(),
            control: setup.control,
            leaves: false,
        })
    }

    fn run(&mut self) -> i32 {
        let mut ready = Vec::new();
        let mut told = clock::monotonic();
        loop {
            let has_news = self.sink.has_news();
            self.poll.wait(has_news.then_some(NEWS_EVERY), &mut ready);
            let now = clock::monotonic();
            if has_news && now.since(told) >= NEWS_EVERY {
                told = now;
                self.sink.tell();
            }
            for source in &ready {
                match *source {
                    LOG => drop(self.datagrams(self.log, false)),
                    JOURNAL => drop(self.datagrams(self.journal, true)),
                    STREAMS => self.accept(),
                    CONTROL => self.leave(),
                    client => self.read(client),
                }
            }
            if self.leaves && self.clients.iter().all(Option::is_none) {
                self.sink.tell();
                return 0;
            }
        }
    }

    /// The last that has come is taken still.
    fn leave(&mut self) {
        self.leaves = true;
        for fd in [self.log, self.journal, self.streams, self.control] {
            self.poll.remove(fd);
        }
        // Whoever floods us goes on with the next one.
        let _ = self.datagrams(self.log, false) | self.datagrams(self.journal, true);
    }

    /// Takes what stands in a socket; whether there may be more.
    fn datagrams(&mut self, from: BorrowedFd<'_>, native: bool) -> bool {
        for _ in 0..BATCH {
            let Some(datagram) = datagram::receive(from, &mut self.buffer) else {
                return false;
            };
            let mut length = datagram.length.min(self.buffer.len());
            // A long entry comes as a file.
            if native && length == 0 {
                let file = datagram.descriptors.first();
                length = file.map_or(0, |file| contents(file, &mut self.buffer));
            }
            let bytes = self.buffer.get(..length).unwrap_or_default();
            let message = if native {
                message::native(bytes)
            } else {
                Some(message::syslog(bytes)).filter(|_| length > 0)
            };
            if let Some(message) = message {
                self.sink.put(datagram.sender, message);
            }
        }
        true
    }

    fn accept(&mut self) {
        let waiting = match socket::accept(self.streams) {
            Ok(Some(waiting)) => waiting,
            Ok(None) => return,
            // No descriptor is left: rather one of ours less than to be asked for ever.
            Err(_) => {
                self.clients.pop();
                return;
            }
        };
        let free = self.clients.iter().position(Option::is_none);
        let place = free.unwrap_or(self.clients.len());
        let number = u64::try_from(place)
            .unwrap_or(u64::MAX)
            .saturating_add(CLIENT);
        if place >= CLIENTS_MOST || self.poll.add(&waiting, Interest::Read, number).is_err() {
            return;
        }
        let client = Some(Client::new(waiting));
        match self.clients.get_mut(place) {
            Some(slot) => *slot = client,
            None => self.clients.push(client),
        }
    }

    fn read(&mut self, number: u64) {
        let place = number
            .checked_sub(CLIENT)
            .and_then(|at| usize::try_from(at).ok());
        let Some(slot) = place.and_then(|place| self.clients.get_mut(place)) else {
            return;
        };
        let Some(client) = slot else {
            return;
        };
        let (sender, sink): (Option<Pid>, &mut Sink<'_>) = (client.sender, &mut self.sink);
        if !client.read(|message: Message<'_>| sink.put(sender, message)) {
            self.poll.remove(client.fd());
            *slot = None;
        }
    }
}

/// What stands in a file that its sender can't change any more; nothing of any other, which
/// might never come.
fn contents(file: &OwnedFd, buffer: &mut [u8]) -> usize {
    let seals = fcntl(file, FcntlArg::F_GET_SEALS).map(SealFlag::from_bits_retain);
    let wanted = SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SHRINK;
    if !seals.is_ok_and(|seals| seals.contains(wanted)) {
        return 0;
    }
    pread(file.as_fd(), buffer, 0).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::memfd::{MFdFlags, memfd_create};

    #[test]
    fn only_a_file_that_nobody_can_change_is_read() {
        let mut buffer = [0; 8];
        let file = memfd_create("entry", MFdFlags::MFD_ALLOW_SEALING).unwrap();
        nix::unistd::write(&file, b"MESSAGE=more than fits").unwrap();
        assert_eq!(contents(&file, &mut buffer), 0);
        let seals = SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SHRINK;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals)).unwrap();
        assert_eq!(contents(&file, &mut buffer), 8);
        assert_eq!(&buffer, b"MESSAGE=");
        let (never, _held) = nix::unistd::pipe().unwrap();
        assert_eq!(contents(&never, &mut buffer), 0);
    }
}
