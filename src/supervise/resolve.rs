//! In a probing child: the addresses of a host. /etc/hosts first, then the name servers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use crate::core::names::{self, Family, Reply, Resolver};
use crate::sys::random;

/// How long a name server has for its answers.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often each is asked.
const ROUNDS: usize = 2;

/// Why there is no address.
pub(super) enum Unknown {
    /// There is no such name.
    NoSuchName,
    /// Nobody could be asked.
    NoServer,
}

impl Unknown {
    /// In words.
    pub(super) const fn reason(&self) -> &'static str {
        match self {
            Self::NoSuchName => "there is no such name",
            Self::NoServer => "no name server answers",
        }
    }
}

/// The addresses of a name; of an address itself.
pub(super) fn resolve(host: &str) -> Result<Vec<IpAddr>, Unknown> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let hosts = std::fs::read("/etc/hosts").unwrap_or_default();
    let known = names::in_hosts(&hosts, host);
    if !known.is_empty() {
        return Ok(known);
    }
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let resolver = Resolver::read(&std::fs::read("/etc/resolv.conf").unwrap_or_default());
    let mut answered = false;
    for name in resolver.candidates(host) {
        match ask_servers(&resolver.servers, &name) {
            Some(addresses) if addresses.is_empty() => answered = true,
            Some(addresses) => return Ok(addresses),
            None => {}
        }
    }
    Err(if answered {
        Unknown::NoSuchName
    } else {
        Unknown::NoServer
    })
}

/// What the first server says that says anything.
fn ask_servers(servers: &[SocketAddr], name: &str) -> Option<Vec<IpAddr>> {
    let round = || servers.iter().find_map(|server| ask(*server, name));
    (0..ROUNDS).find_map(|_| round())
}

/// Both families at once; `None` where neither was answered.
fn ask(server: SocketAddr, name: &str) -> Option<Vec<IpAddr>> {
    let own: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(own).ok()?;
    socket.connect(server).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    let [first, second, ..] = random::number().to_ne_bytes();
    let id = u16::from_ne_bytes([first, second]);
    let mut open = vec![(id, Family::V4), (id.wrapping_add(1), Family::V6)];
    for (id, family) in &open {
        // What can't be a name isn't one.
        let Some(question) = names::query(*id, name, *family) else {
            return Some(Vec::new());
        };
        socket.send(&question).ok()?;
    }
    let mut addresses = Vec::new();
    let mut answered = false;
    let mut buffer = [0u8; 1500];
    while !open.is_empty() {
        let Ok(count) = socket.recv(&mut buffer) else {
            break;
        };
        let message = buffer.get(..count).unwrap_or_default();
        open.retain(|(id, family)| match names::reply(message, *id, *family) {
            Some(Reply::Addresses(found)) => {
                answered = true;
                addresses.extend(found);
                false
            }
            Some(Reply::NoSuchName) => {
                answered = true;
                false
            }
            Some(Reply::Refused) => false,
            None => true,
        });
    }
    answered.then_some(addresses)
}
