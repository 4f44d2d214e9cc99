//! `listen`: the sockets that a service is given, opened before anything starts and kept
//! over its restarts (`systemd.socket(5)`, `sd_listen_fds(3)`).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::exec::Words;
use super::probe::Probe;
use super::spec::ServiceSpec;

/// The first descriptor that is passed (SD_LISTEN_FDS_START).
pub const FIRST_DESCRIPTOR: u32 = 3;
/// How many sockets one service may have; all of them fit into one message of the kernel's.
pub const MOST_SOCKETS: usize = 64;

/// All that a service listens on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listen {
    /// In the order of their descriptors.
    pub sockets: Box<[Socket]>,
    /// `on-demand`: the service starts with the first connection.
    pub on_demand: bool,
    /// Each connection has a process of its own.
    pub accept: Option<Box<Accept>>,
    /// With `on_demand`: the service starts when one of these paths says so, too.
    pub watch: Option<Box<Watch>>,
}

/// What a path's unit waits for (`systemd.path(5)`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// `PathExists=/x`, `PathChanged=/y`, …: each a word.
    pub paths: Words,
    /// The mode of the paths, which are made as folders if they aren't there
    /// (`MakeDirectory=`).
    pub make: Option<u32>,
}

/// How connections are served by a process each (`Accept=yes`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept {
    /// So many at a time.
    pub most: u32,
    /// So many at a time from one place; 0 is no limit.
    pub most_per_source: u32,
    /// Where the process finds its connection, beside descriptor 3.
    pub streams: Streams,
}

/// Which of a process's standard streams are its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streams {
    /// Standard input.
    pub input: bool,
    /// Standard output.
    pub output: bool,
    /// Standard error.
    pub error: bool,
}

/// One socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// What comes in.
    pub kind: SocketKind,
    /// Where.
    pub address: Address,
    /// In LISTEN_FDNAMES.
    pub name: Box<str>,
    /// How many connections wait at most.
    pub backlog: u16,
    /// Others may listen at the same port (SO_REUSEPORT).
    pub reuse_port: bool,
    /// IPv4 doesn't come in at an address of IPv6; `None` is the system's own rule.
    pub ipv6_only: Option<bool>,
    /// Of a socket with a path.
    pub file: SocketFile,
    /// What few sockets have.
    pub options: Option<Box<SocketOptions>>,
}

/// What a unit may say of a socket besides (`systemd.socket(5)`). Where the kernel refuses
/// one, the socket does without.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketOptions {
    /// Of folders that are made for its path; 0755 if nobody says.
    pub directory_mode: Option<u32>,
    /// Links to its path.
    pub symlinks: Box<[Box<str>]>,
    /// In bytes (SO_RCVBUF).
    pub receive_buffer: Option<u32>,
    /// In bytes (SO_SNDBUF).
    pub send_buffer: Option<u32>,
    /// TCP_NODELAY.
    pub no_delay: bool,
    /// SO_KEEPALIVE.
    pub keep_alive: bool,
    /// An address that isn't there yet will do (IP_FREEBIND).
    pub free_bind: bool,
    /// SO_PASSCRED.
    pub pass_credentials: bool,
}

/// What a socket's file looks like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketFile {
    /// `mode`.
    pub mode: u32,
    /// `user`; rinit's own where there is none.
    pub user: Option<Box<str>>,
    /// `group`; the user's where there is none.
    pub group: Option<Box<str>>,
}

/// What comes in at a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SocketKind {
    /// Connections: TCP.
    Stream,
    /// Messages: UDP.
    Datagram,
    /// Connections that keep messages apart.
    Seqpacket,
    /// No socket at all: a pipe with a name (`fifo(7)`).
    Fifo,
}

impl SocketKind {
    /// Whoever comes is accepted; messages just arrive.
    #[must_use]
    pub const fn takes_connections(self) -> bool {
        match self {
            Self::Stream | Self::Seqpacket => true,
            Self::Datagram | Self::Fifo => false,
        }
    }
}

/// Where a socket is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    /// This port of every address, of IPv6 and IPv4; of IPv4 alone where there is no IPv6.
    Port(u16),
    /// One address, or `0.0.0.0`, `[::]` for all of them.
    Ip(SocketAddr),
    /// A path; a leading `@` is the abstract namespace.
    Unix(Box<str>),
}

impl Listen {
    /// One above the last descriptor that is passed.
    #[must_use]
    pub fn first_free_descriptor(&self) -> u32 {
        let count = u32::try_from(self.sockets.len()).unwrap_or(u32::MAX);
        FIRST_DESCRIPTOR.saturating_add(count)
    }

    /// The socket that answers this question in the service's place: it would say yes
    /// whether the service runs or not.
    #[must_use]
    pub fn answering(&self, probe: &Probe) -> Option<&Socket> {
        let answers = |socket: &&Socket| match (probe, &socket.address) {
            _ if !socket.kind.takes_connections() => false,
            (Probe::Tcp(asked), address) => asked.iter().any(|asked| address.is_at(*asked)),
            (Probe::Unix(asked), Address::Unix(path)) => asked == path,
            (Probe::Http(http), address) => {
                let loopbacks = [
                    IpAddr::V4(Ipv4Addr::LOCALHOST),
                    IpAddr::V6(Ipv6Addr::LOCALHOST),
                ];
                let asked = match http.host.parse::<IpAddr>() {
                    Ok(ip) => &[ip][..],
                    Err(_) if &*http.host == "localhost" => &loopbacks,
                    Err(_) => &[],
                };
                asked
                    .iter()
                    .any(|ip| address.is_at((*ip, http.port).into()))
            }
            (
                Probe::Unix(_) | Probe::Names(_) | Probe::File(_) | Probe::Exec(_) | Probe::Bus(_),
                _,
            ) => false,
        };
        self.sockets.iter().find(answers)
    }
}

impl Socket {
    /// Its file, if it has one.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match &self.address {
            Address::Unix(path) if !path.starts_with('@') => Some(path),
            Address::Unix(_) | Address::Port(_) | Address::Ip(_) => None,
        }
    }
}

impl Address {
    /// Whether who asks there reaches this socket.
    fn is_at(&self, asked: SocketAddr) -> bool {
        match self {
            Self::Port(port) => *port == asked.port(),
            Self::Ip(own) => {
                own.port() == asked.port() && (own.ip() == asked.ip() || own.ip().is_unspecified())
            }
            Self::Unix(_) => false,
        }
    }
}

/// As it is written.
impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let udp = self.kind == SocketKind::Datagram && !matches!(self.address, Address::Unix(_));
        f.write_str(if udp { "udp:" } else { "" })?;
        match &self.address {
            Address::Port(port) => write!(f, "{}{port}", if udp { "" } else { ":" }),
            Address::Ip(address) => write!(f, "{address}"),
            Address::Unix(path) => f.write_str(path),
        }
    }
}

impl ServiceSpec {
    /// Each connection has a process of its own.
    #[must_use]
    pub fn accepts(&self) -> bool {
        let listen = self.listen.as_ref();
        listen.is_some_and(|listen| listen.accept.is_some())
    }

    /// It has sockets, and not only paths that are watched.
    #[must_use]
    pub fn has_sockets(&self) -> bool {
        let listen = self.listen.as_ref();
        listen.is_some_and(|listen| !listen.sockets.is_empty())
    }

    /// It starts with the first connection, or when a path says so.
    #[must_use]
    pub fn is_on_demand(&self) -> bool {
        self.listen.as_ref().is_some_and(|listen| listen.on_demand)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::probe::Http;

    fn socket(kind: SocketKind, address: Address) -> Socket {
        Socket {
            kind,
            address,
            name: "web".into(),
            backlog: 4096,
            reuse_port: false,
            ipv6_only: None,
            file: SocketFile::default(),
            options: None,
        }
    }

    #[test]
    fn a_probe_of_ones_own_socket_is_known() {
        let at = |text: &str| Address::Ip(text.parse().unwrap());
        let tcp = |text: &str| Probe::Tcp([text.parse().unwrap()].into());
        let http = |host: &str| {
            Probe::Http(Box::new(Http {
                host: host.into(),
                port: 80,
                path: "/".into(),
                status: Box::default(),
                body: None,
            }))
        };
        let unix = |path: &str| Probe::Unix(path.into());
        for (address, probe, answers) in [
            (at("127.0.0.1:80"), tcp("127.0.0.1:80"), true),
            (at("127.0.0.1:80"), tcp("127.0.0.2:80"), false),
            (at("0.0.0.0:80"), tcp("127.0.0.1:80"), true),
            (at("0.0.0.0:80"), tcp("127.0.0.1:81"), false),
            (Address::Port(80), tcp("[::1]:80"), true),
            (Address::Port(80), http("localhost"), true),
            (at("127.0.0.1:80"), http("127.0.0.1"), true),
            (at("127.0.0.1:80"), http("example.org"), false),
            (Address::Unix("/run/x".into()), unix("/run/x"), true),
            (Address::Unix("/run/x".into()), unix("/run/y"), false),
        ] {
            let listen = Listen {
                sockets: [socket(SocketKind::Stream, address)].into(),
                on_demand: false,
                accept: None,
                watch: None,
            };
            assert_eq!(
                listen.answering(&probe).is_some(),
                answers,
                "{listen:?} {probe:?}"
            );
        }
    }

    #[test]
    fn a_socket_is_shown_as_it_is_written() {
        for (kind, address, shown) in [
            (SocketKind::Stream, Address::Port(80), ":80"),
            (SocketKind::Datagram, Address::Port(53), "udp:53"),
            (
                SocketKind::Datagram,
                Address::Ip(([0, 0, 0, 0], 53).into()),
                "udp:0.0.0.0:53",
            ),
            (SocketKind::Seqpacket, Address::Unix("@x".into()), "@x"),
        ] {
            assert_eq!(socket(kind, address).to_string(), shown);
        }
    }

    #[test]
    fn the_first_free_descriptor_follows_the_sockets() {
        let one = socket(SocketKind::Stream, Address::Port(80));
        let listen = Listen {
            sockets: [one.clone(), one].into(),
            on_demand: false,
            accept: None,
            watch: None,
        };
        assert_eq!(listen.first_free_descriptor(), 5);
        assert_eq!(Listen::default().first_free_descriptor(), 3);
    }
}
