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
/// No more connections at once. Where there is no room for one more, who has most gives one
/// up (`room`).
const CLIENTS_MOST: usize = 64;
/// So often a socket is read at the end: the kernel keeps no more of one.
const LAST_READS: usize = 64;
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
    /// How often a connection was heard.
    heard: u64,
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
            heard: 0,
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
                    CONTROL if socket::receive_now(self.control, &mut [0]) == Some(0) => {
                        self.leave();
                    }
                    CONTROL => return self.end(),
                    client => self.read(client),
                }
            }
            if self.leaves && self.clients.iter().all(Option::is_none) {
                self.sink.tell();
                return 0;
            }
        }
    }

    /// Nobody is left who could say more: all that has come is taken still.
    fn end(&mut self) -> i32 {
        let mut rounds = 0..LAST_READS;
        while rounds.next().is_some()
            && self.datagrams(self.log, false) | self.datagrams(self.journal, true)
        {}
        (0..CLIENTS_MOST).for_each(|_| self.accept());
        for client in (CLIENT..).take(self.clients.len()) {
            (0..LAST_READS).for_each(|_| self.read(client));
        }
        self.sink.tell();
        0
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
        let client = Client::new(waiting, |pid| self.sink.owner(pid));
        let free = self.clients.iter().position(Option::is_none);
        let place = match free {
            None if self.clients.len() >= CLIENTS_MOST => {
                let Some(place) = room(&self.clients, client.owner) else {
                    return;
                };
                if let Some(Some(old)) = self.clients.get(place) {
                    self.poll.remove(old.fd());
                }
                place
            }
            free => free.unwrap_or(self.clients.len()),
        };
        let number = u64::try_from(place)
            .unwrap_or(u64::MAX)
            .saturating_add(CLIENT);
        let added = self.poll.add(client.fd(), Interest::Read, number);
        let client = Some(client).filter(|_| added.is_ok());
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
        self.heard = self.heard.saturating_add(1);
        client.heard = self.heard;
        let (sender, sink): (Option<Pid>, &mut Sink<'_>) = (client.sender, &mut self.sink);
        if !client.read(|message: Message<'_>| sink.put(sender, message)) {
            self.poll.remove(client.fd());
            *slot = None;
        }
    }
}

/// Which of them is given up for one more of this owner's, so that nobody shuts the others
/// out: of who has more, first what never said who it is, then what was silent longest. Where
/// nobody has more it is one of its own that never said who it is, or none.
fn room(clients: &[Option<Client>], owner: Option<usize>) -> Option<usize> {
    let all = || clients.iter().enumerate();
    let all = || all().filter_map(|(place, client)| Some((place, client.as_ref()?)));
    let count = |of| all().filter(|(_, client)| client.owner == of).count();
    let (_, greedy) = all().max_by_key(|(_, client)| count(client.owner))?;
    let (greedy, has_more) = (greedy.owner, count(greedy.owner) > count(owner));
    let given = all().filter(|(_, client)| match has_more {
        true => client.owner == greedy,
        false => client.owner == owner && !client.is_known(),
    });
    let first = given.min_by_key(|(_, client)| (client.is_known(), client.heard));
    first.map(|(place, _)| place)
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
    fn who_has_most_connections_gives_one_up_and_nobody_loses_the_last() {
        let mut ends = Vec::new();
        let mut client = |owner, heard| {
            let (ours, theirs) = socket::stream_pair().unwrap();
            crate::sys::fd::write_all(&theirs, b"d\n\n6\n0\n0\n0\n0\n").unwrap();
            ends.push(theirs);
            let mut client = Client::new(ours, |_| None);
            assert!(client.read(|_| ()) && client.is_known());
            (client.owner, client.heard) = (owner, heard);
            Some(client)
        };
        let mut all = vec![
            client(Some(0), 1),
            client(None, 4),
            client(None, 3),
            client(Some(1), 2),
        ];
        assert_eq!(
            room(&all, Some(0)),
            Some(2),
            "the one that was silent longest"
        );
        assert_eq!(room(&all, None), None, "its own are in use");
        let (silent, _held) = socket::stream_pair().unwrap();
        let mut silent = Client::new(silent, |_| None);
        silent.heard = 9;
        all.push(Some(silent));
        assert_eq!(room(&all, None), Some(4), "what never said who it is");
        let two = [all.remove(0), all.pop().unwrap()];
        assert_eq!(room(&two, Some(0)), None, "as many as the other has");
    }

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
