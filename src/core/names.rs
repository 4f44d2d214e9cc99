//! From the names of hosts to addresses: what /etc/hosts, /etc/resolv.conf and an answer
//! of a name server (RFC 1035) say. The C library's own way loads modules, which a static
//! binary can't.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const DNS_PORT: u16 = 53;
/// As many as the C library asks.
const SERVERS: usize = 3;
const HEADER: usize = 12;
const INTERNET: u16 = 1;

/// Which addresses are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// A
    V4,
    /// AAAA
    V6,
}

impl Family {
    const fn number(self) -> u16 {
        match self {
            Self::V4 => 1,
            Self::V6 => 28,
        }
    }
}

/// What `resolv.conf(5)` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolver {
    /// Whom to ask, in this order.
    pub servers: Vec<SocketAddr>,
    search: Vec<String>,
    dots: usize,
}

/// What a name server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// These; may be none.
    Addresses(Vec<IpAddr>),
    /// There is no such name.
    NoSuchName,
    /// It can't or won't say.
    Refused,
}

/// The addresses that a hosts file gives a name.
#[must_use]
pub fn in_hosts(text: &[u8], name: &str) -> Vec<IpAddr> {
    let text = String::from_utf8_lossy(text);
    let line_addresses = text.lines().filter_map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words
            .any(|word| word.eq_ignore_ascii_case(name))
            .then_some(address)
    });
    line_addresses.collect()
}

impl Resolver {
    /// Reads resolv.conf; without servers it is the local one.
    #[must_use]
    pub fn read(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let mut found = Self {
            servers: Vec::new(),
            search: Vec::new(),
            dots: 1,
        };
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") if found.servers.len() < SERVERS => {
                    let address = words.next().and_then(|word| word.parse::<IpAddr>().ok());
                    let server = address.map(|address| SocketAddr::new(address, DNS_PORT));
                    found.servers.extend(server);
                }
                Some("search" | "domain") => {
                    found.search = words
                        .map(|word| word.trim_matches('.').to_owned())
                        .collect();
                }
                Some("options") => {
                    let dots = words.find_map(|word| word.strip_prefix("ndots:")?.parse().ok());
                    found.dots = dots.unwrap_or(found.dots);
                }
                _ => {}
            }
        }
        if found.servers.is_empty() {
            found.servers.push((Ipv4Addr::LOCALHOST, DNS_PORT).into());
        }
        found
    }

    /// The whole names that a name may stand for, in the order of asking.
    #[must_use]
    pub fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(whole) = name.strip_suffix('.') {
            return vec![whole.to_owned()];
        }
        let mut all: Vec<String> = self
            .search
            .iter()
            .filter(|domain| !domain.is_empty())
            .map(|domain| format!("{name}.{domain}"))
            .collect();
        let has_dots = name.matches('.').count() >= self.dots;
        let place = if has_dots { 0 } else { all.len() };
        all.insert(place, name.to_owned());
        all
    }
}

/// The question to a name server; `None` where this can't be a name.
#[must_use]
pub fn query(id: u16, name: &str, family: Family) -> Option<Vec<u8>> {
    let mut message = Vec::with_capacity(HEADER.saturating_add(name.len()).saturating_add(6));
    let recursive = 0x0100_u16;
    for field in [id, recursive, 1, 0, 0, 0] {
        message.extend(field.to_be_bytes());
    }
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok();
        message.push(length.filter(|length| (1..=63).contains(length))?);
        message.extend(label.bytes());
    }
    message.push(0);
    message.extend(family.number().to_be_bytes());
    message.extend(INTERNET.to_be_bytes());
    Some(message)
}

/// What an answer says; `None` where it is none to this question, or malformed.
#[must_use]
pub fn reply(message: &[u8], id: u16, family: Family) -> Option<Reply> {
    let mut rest = Cursor(message);
    let (their_id, flags) = (rest.number()?, rest.number()?);
    let (questions, answers) = (rest.number()?, rest.number()?);
    rest.skip(4)?;
    if their_id != id || flags & 0x8000 == 0 {
        return None;
    }
    match flags & 0xf {
        0 => {}
        3 => return Some(Reply::NoSuchName),
        _ => return Some(Reply::Refused),
    }
    for _ in 0..questions {
        rest.skip_name()?;
        rest.skip(4)?;
    }
    let mut addresses = Vec::new();
    for _ in 0..answers {
        // A message that was cut off holds fewer.
        let Some(record) = rest.record() else { break };
        let (kind, class, data) = record;
        if kind != family.number() || class != INTERNET {
            continue;
        }
        if let Ok(four) = <[u8; 4]>::try_from(data) {
            addresses.push(Ipv4Addr::from(four).into());
        } else if let Ok(sixteen) = <[u8; 16]>::try_from(data) {
            addresses.push(Ipv6Addr::from(sixteen).into());
        }
    }
    Some(Reply::Addresses(addresses))
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(drop)
    }

    fn number(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// A name ends with an empty label, or goes on elsewhere, which is of no interest.
    fn skip_name(&mut self) -> Option<()> {
        loop {
            match *self.take(1)? {
                [0] => return Some(()),
                [pointer] if pointer >= 0xc0 => return self.skip(1),
                [length] => self.skip(length.into())?,
                _ => return None,
            }
        }
    }

    /// Kind, class and data.
    fn record(&mut self) -> Option<(u16, u16, &'a [u8])> {
        self.skip_name()?;
        let (kind, class) = (self.number()?, self.number()?);
        self.skip(4)?;
        let length = self.number()?;
        Some((kind, class, self.take(length.into())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_file_gives_all_addresses_of_a_name() {
        let text = b"127.0.0.1 localhost\n::1 localhost ip6-localhost # comment db\n\
                     10.0.0.5\tdb.example DB\nrubbish db\n";
        let addresses = |name| in_hosts(text, name);
        assert_eq!(addresses("db"), ["10.0.0.5".parse::<IpAddr>().unwrap()]);
        assert_eq!(addresses("localhost").len(), 2);
        assert!(addresses("d").is_empty());
    }

    #[test]
    fn short_names_are_sought_in_the_search_domains_first() {
        let kubernetes = Resolver::read(
            b"search ns.svc.cluster.local svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n",
        );
        assert_eq!(kubernetes.servers, ["10.96.0.10:53".parse().unwrap()]);
        assert_eq!(
            kubernetes.candidates("db"),
            ["db.ns.svc.cluster.local", "db.svc.cluster.local", "db"]
        );
        assert_eq!(kubernetes.candidates("db.example."), ["db.example"]);
        let docker = Resolver::read(b"nameserver 127.0.0.11\noptions ndots:0\n");
        assert_eq!(docker.candidates("db"), ["db"]);
        assert_eq!(
            Resolver::read(b"").servers,
            ["127.0.0.1:53".parse().unwrap()]
        );
    }

    /// An answer with an alias in front, as name servers make it.
    fn answer() -> Vec<u8> {
        let mut message = query(7, "db.example", Family::V4).unwrap();
        message[2] = 0x81;
        message[3] = 0x80;
        message[7] = 2;
        message.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, b'x', 0xc0, 12]);
        message.extend([0xc0, 40, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 5]);
        message
    }

    #[test]
    fn an_answer_gives_the_addresses_behind_an_alias() {
        let expected = Reply::Addresses(vec!["10.0.0.5".parse().unwrap()]);
        assert_eq!(reply(&answer(), 7, Family::V4), Some(expected));
        assert_eq!(reply(&answer(), 8, Family::V4), None, "another question's");
        let none = Some(Reply::Addresses(Vec::new()));
        assert_eq!(reply(&answer(), 7, Family::V6), none);
        let mut no_such_name = answer();
        no_such_name[3] = 0x83;
        assert_eq!(reply(&no_such_name, 7, Family::V4), Some(Reply::NoSuchName));
    }

    #[test]
    fn an_answer_that_is_cut_off_anywhere_harms_nobody() {
        let whole = answer();
        for length in 0..whole.len() {
            let _ = reply(&whole[..length], 7, Family::V4);
        }
    }

    #[test]
    fn what_cannot_be_a_name_is_not_asked_for() {
        assert_eq!(query(1, "a..b", Family::V4), None);
        assert_eq!(query(1, &"a".repeat(64), Family::V4), None);
    }
}
