//! Who is connected to a service of which each connection has a process of its own, and
//! whether one more may come (`MaxConnections=`, `MaxConnectionsPerSource=`).

use std::fmt;
use std::net::SocketAddr;

use super::id::Pid;
use super::listen::Accept;
use super::sorted::Map;

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Over the network.
    Network(SocketAddr),
    /// A process of this user here.
    Local(Option<u32>),
}

impl Peer {
    /// All ports of one machine are one source.
    fn is_from(self, other: Self) -> bool {
        match (self, other) {
            (Self::Network(one), Self::Network(other)) => one.ip() == other.ip(),
            (Self::Local(one), Self::Local(other)) => one == other,
            (Self::Network(_), Self::Local(_)) | (Self::Local(_), Self::Network(_)) => false,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(address) => write!(f, "{address}"),
            Self::Local(Some(user)) => write!(f, "user {user}"),
            Self::Local(None) => f.write_str("somebody"),
        }
    }
}

/// Why a connection is closed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// There are as many as may be.
    All,
    /// There are as many as may be from there.
    Source,
}

/// The connections that have a process; never more than the limit.
#[derive(Debug)]
pub struct Connections {
    most: u32,
    most_per_source: u32,
    present: Map<Pid, Peer>,
}

impl Connections {
    /// None yet.
    #[must_use]
    pub const fn new(accept: &Accept) -> Self {
        Self {
            most: accept.most,
            most_per_source: accept.most_per_source,
            present: Map::new(),
        }
    }

    /// Whether one more may come from there.
    ///
    /// # Errors
    /// Which limit is reached.
    pub fn admit(&self, peer: Peer) -> Result<(), Full> {
        let reached = |count: usize, most: u32| count >= most as usize;
        if reached(self.present.len(), self.most) {
            return Err(Full::All);
        }
        let from_there = self.present.values().filter(|known| known.is_from(peer));
        if self.most_per_source > 0 && reached(from_there.count(), self.most_per_source) {
            return Err(Full::Source);
        }
        Ok(())
    }

    /// This process has it.
    pub fn came(&mut self, pid: Pid, peer: Peer) {
        self.present.insert(pid, peer);
    }

    /// A process ended; whose it was.
    pub fn left(&mut self, pid: Pid) -> Option<Peer> {
        self.present.remove(&pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::listen::Streams;

    fn connections(most: u32, most_per_source: u32) -> Connections {
        Connections::new(&Accept {
            most,
            most_per_source,
            streams: Streams::default(),
        })
    }

    fn from(text: &str) -> Peer {
        Peer::Network(text.parse().unwrap())
    }

    #[test]
    fn no_more_come_than_there_is_room_for_and_who_leaves_makes_room() {
        let mut own = connections(2, 0);
        for (pid, peer) in [(1, "10.0.0.1:1"), (2, "10.0.0.1:2")] {
            assert_eq!(own.admit(from(peer)), Ok(()));
            own.came(Pid(pid), from(peer));
        }
        assert_eq!(own.admit(from("10.0.0.2:1")), Err(Full::All));
        assert_eq!(own.left(Pid(7)), None);
        assert_eq!(own.left(Pid(1)), Some(from("10.0.0.1:1")));
        assert_eq!(own.admit(from("10.0.0.2:1")), Ok(()));
    }

    #[test]
    fn one_source_does_not_take_the_room_of_all() {
        let mut own = connections(9, 1);
        own.came(Pid(1), from("[::1]:1"));
        own.came(Pid(2), Peer::Local(Some(7)));
        assert_eq!(own.admit(from("[::1]:2")), Err(Full::Source));
        assert_eq!(own.admit(from("[::2]:2")), Ok(()));
        assert_eq!(own.admit(Peer::Local(Some(7))), Err(Full::Source));
        assert_eq!(own.admit(Peer::Local(Some(8))), Ok(()));
    }

    #[test]
    fn a_thousand_connections_leave_nothing() {
        let mut own = connections(3, 2);
        let mut refused = 0;
        for number in 0..1000 {
            let peer = Peer::Local(Some(number % 2));
            match own.admit(peer) {
                Ok(()) => own.came(Pid(number.cast_signed()), peer),
                Err(_) => refused += 1,
            }
            assert!(own.present.len() <= 3);
            if number % 3 == 0 {
                let first = own.present.keys().next().copied();
                let _ = first.and_then(|first| own.left(first));
            }
        }
        assert!(refused > 300, "{refused}");
        let present: Vec<Pid> = own.present.keys().copied().collect();
        for first in present {
            assert!(own.left(first).is_some());
        }
        assert_eq!(own.admit(Peer::Local(None)), Ok(()));
    }
}
