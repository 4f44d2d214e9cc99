//! What a socket's unit says: the sockets that its service is given (`systemd.socket(5)`).

use std::net::SocketAddr;

use super::given::Given;
use super::service::{account, targets};
use crate::config::draft::{Draft, Target};
use crate::config::listen::{LONGEST_NAME, MOST_BACKLOG, USUAL_MODE};
use crate::config::nearest::nearest;
use crate::core::listen::{
    Accept, Address, MOST_SOCKETS, Socket, SocketFile, SocketKind, SocketOptions,
};
use crate::units::{self, UnitName};

/// A socket's unit while its lines are read.
pub(super) struct Sockets {
    /// What it is called in LISTEN_FDNAMES.
    name: Box<str>,
    places: Vec<(SocketKind, Address)>,
    backlog: u16,
    reuse_port: bool,
    /// BindIPv6Only=.
    ipv6_only: Option<bool>,
    file: SocketFile,
    options: SocketOptions,
    accept: bool,
    most: u32,
    most_per_source: u32,
    /// What can't run beside it: with Accept=yes as a rule the service that has its port.
    conflicts: Vec<Target>,
    /// Without what it isn't opened.
    needs: Vec<Target>,
}

/// MaxConnections= if nobody says.
const USUAL_MOST: u32 = 64;
/// More connections have no process of their own, whatever a unit says.
const MOST_CONNECTIONS: u32 = 4096;

type Setter = fn(&mut Sockets, &Given<'_>) -> Option<()>;

/// What is done.
const SET: &[(&str, Setter)] = &[
    ("ListenStream", |s, g| s.add(SocketKind::Stream, g)),
    ("ListenDatagram", |s, g| s.add(SocketKind::Datagram, g)),
    ("ListenSequentialPacket", |s, g| {
        s.add(SocketKind::Seqpacket, g)
    }),
    ("ListenFIFO", |s, g| s.add(SocketKind::Fifo, g)),
    ("Accept", |s, g| {
        s.accept = g.boolean()?;
        Some(())
    }),
    ("MaxConnections", |s, g| {
        s.most = limit(g)?;
        Some(())
    }),
    ("MaxConnectionsPerSource", |s, g| {
        s.most_per_source = limit(g)?;
        Some(())
    }),
    ("FileDescriptorName", |s, g| {
        let name = g.text()?;
        let bad = |c: char| c == ':' || c.is_control();
        if name.contains(bad) || name.len() > LONGEST_NAME {
            return g.wrong("a name without colons, of at most 255 bytes");
        }
        s.name = name.into();
        Some(())
    }),
    ("Backlog", |s, g| {
        let number = g.number(0, i64::from(u32::MAX))?;
        s.backlog = u16::try_from(number).map_or(MOST_BACKLOG, |number| number.min(MOST_BACKLOG));
        Some(())
    }),
    ("BindIPv6Only", |s, g| {
        s.ipv6_only = match units::boolean(g.value) {
            // As units had it before there were words.
            Some(only) => Some(only),
            None => g.choice(&[
                ("default", None),
                ("both", Some(false)),
                ("ipv6-only", Some(true)),
            ])?,
        };
        Some(())
    }),
    ("SocketMode", |s, g| {
        s.file.mode = g.octal()? & 0o777;
        Some(())
    }),
    ("SocketUser", |s, g| {
        s.file.user = account(g)?;
        Some(())
    }),
    ("SocketGroup", |s, g| {
        s.file.group = account(g)?;
        Some(())
    }),
    ("DirectoryMode", |s, g| {
        s.options.directory_mode = Some(g.octal()?);
        Some(())
    }),
    ("Symlinks", |s, g| {
        let mut all = std::mem::take(&mut s.options.symlinks).into_vec();
        if g.is_reset() {
            all.clear();
        }
        for name in g.names() {
            if is_whole(&name) {
                all.push(name.into());
            } else {
                g.wrong::<()>("whole paths without \".\" and \"..\"");
            }
        }
        s.options.symlinks = all.into();
        Some(())
    }),
    ("ReceiveBuffer", |s, g| {
        s.options.receive_buffer = Some(size(g)?);
        Some(())
    }),
    ("SendBuffer", |s, g| {
        s.options.send_buffer = Some(size(g)?);
        Some(())
    }),
    ("ReusePort", |s, g| {
        s.reuse_port = g.boolean()?;
        Some(())
    }),
    ("NoDelay", |s, g| {
        s.options.no_delay = g.boolean()?;
        Some(())
    }),
    ("KeepAlive", |s, g| {
        s.options.keep_alive = g.boolean()?;
        Some(())
    }),
    ("FreeBind", |s, g| {
        s.options.free_bind = g.boolean()?;
        Some(())
    }),
    ("PassCredentials", |s, g| {
        s.options.pass_credentials = g.boolean()?;
        Some(())
    }),
];

/// Looked at elsewhere, or without a meaning here: rinit removes a socket's file itself.
const SILENT: &str = "Service RemoveOnStop TimeoutSec Writable SocketProtocol DeferAcceptSec \
    KeepAliveTimeSec KeepAliveIntervalSec KeepAliveProbes Priority IPTOS IPTTL Mark PipeSize TCPCongestion \
    Timestamping TriggerLimitIntervalSec TriggerLimitBurst PollLimitIntervalSec PollLimitBurst \
    SELinuxContextFromNet SmackLabel SmackLabelIPIn SmackLabelIPOut PassSecurity PassPacketInfo \
    FlushPending Slice";

/// Does something that is missed.
const MISSED: &str = "ListenNetlink ListenSpecial ListenMessageQueue ListenUSBFunction BindToDevice Transparent Broadcast \
    ExecStartPre ExecStartPost ExecStopPre ExecStopPost MessageQueueMaxMessages MessageQueueMessageSize";

impl Sockets {
    pub(super) fn new(unit: &UnitName) -> Self {
        Self {
            name: unit.as_str().into(),
            places: Vec::new(),
            backlog: MOST_BACKLOG,
            reuse_port: false,
            ipv6_only: None,
            file: SocketFile {
                mode: USUAL_MODE,
                ..SocketFile::default()
            },
            options: SocketOptions::default(),
            accept: false,
            most: USUAL_MOST,
            most_per_source: 0,
            conflicts: Vec::new(),
            needs: Vec::new(),
        }
    }

    /// What one assignment does.
    pub(super) fn apply(&mut self, section: &str, given: &Given<'_>) {
        let key = given.key;
        let edges = match (section, key) {
            ("Unit", "Conflicts") => Some(&mut self.conflicts),
            ("Unit", "Requires" | "BindsTo") => Some(&mut self.needs),
            _ => None,
        };
        if let Some(edges) = edges {
            let _ = targets(edges, given);
        }
        if section != "Socket" || key.starts_with("X-") {
            return;
        }
        let is_in = |list: &str| list.split_whitespace().any(|known| known == key);
        if let Some((_, set)) = SET.iter().find(|(known, _)| *known == key) {
            // What was wrong has been said.
            let _ = set(self, given);
        } else if is_in(MISSED) {
            if !given.is_reset() && units::boolean(given.value) != Some(false) {
                let what = format!("{key} is not supported yet by this version");
                let help = "the service gets its sockets without it";
                given.context.warn(given.at, what, help);
            }
        } else if !is_in(SILENT) {
            let known = SET.iter().map(|(known, _)| *known);
            let lists = [SILENT, MISSED].into_iter();
            let known = known.chain(lists.flat_map(str::split_whitespace));
            let help = match nearest(key, known) {
                Some(near) => format!("did you mean {near}?"),
                None => "it is ignored, as systemd does".to_owned(),
            };
            let what = format!("there is no {key} in [{section}]: it is ignored");
            given.context.warn(given.at, what, help);
        }
    }

    /// One more address; an empty one drops all before it, of every kind.
    fn add(&mut self, kind: SocketKind, given: &Given<'_>) -> Option<()> {
        if given.is_reset() {
            self.places.clear();
            return Some(());
        }
        let text = given.text()?;
        let address = address(kind, &text);
        let address = address.or_else(|| {
            given
                .wrong("write a port, 127.0.0.1:80, [::1]:80, the whole path of a socket, or @NAME")
        })?;
        self.places.push((kind, address));
        Some(())
    }

    /// Gives them to the service, behind those that it has.
    pub(super) fn finish(mut self, draft: &mut Draft) {
        let is_path = |(_, address): &&(SocketKind, Address)| matches!(address, Address::Unix(path) if path.starts_with('/'));
        if self.places.iter().filter(is_path).count() != 1 {
            // Of several, links could be to any: with systemd they are to none.
            self.options.symlinks = Box::default();
        }
        let options = (self.options != SocketOptions::default()).then(|| Box::new(self.options));
        let sockets = self.places.into_iter().map(|(kind, address)| {
            let is_path = matches!(&address, Address::Unix(path) if path.starts_with('/'));
            let address = match (address, self.ipv6_only) {
                (Address::Port(port), Some(true)) => {
                    Address::Ip((std::net::Ipv6Addr::UNSPECIFIED, port).into())
                }
                (other, _) => other,
            };
            let is_six = matches!(address, Address::Ip(SocketAddr::V6(_)));
            Socket {
                kind,
                name: self.name.clone(),
                backlog: self.backlog,
                reuse_port: self.reuse_port && matches!(address, Address::Ip(_) | Address::Port(_)),
                ipv6_only: self.ipv6_only.filter(|_| is_six),
                file: if is_path {
                    self.file.clone()
                } else {
                    SocketFile {
                        mode: USUAL_MODE,
                        ..SocketFile::default()
                    }
                },
                options: options.clone(),
                address,
            }
        });
        let streams = draft.unit.as_ref().map(|unit| unit.streams);
        draft.targets.opens_with.append(&mut self.needs);
        if self.accept {
            draft.targets.conflicts.append(&mut self.conflicts);
        }
        let listen = draft.listen();
        if self.accept {
            listen.accept = Some(Box::new(Accept {
                most: self.most,
                most_per_source: self.most_per_source,
                streams: streams.unwrap_or_default(),
            }));
        }
        let mut all = std::mem::take(&mut listen.sockets).into_vec();
        all.extend(sockets);
        all.truncate(MOST_SOCKETS);
        listen.sockets = all.into();
    }
}

/// Where systemd would listen, in the forms that it knows.
fn address(kind: SocketKind, text: &str) -> Option<Address> {
    const LONGEST: usize = 107;
    if text.starts_with(['/', '@']) {
        let is_good =
            text.len() <= LONGEST && text.len() > 1 && (text.starts_with('@') || is_whole(text));
        return is_good.then(|| Address::Unix(text.into()));
    }
    match kind {
        SocketKind::Stream | SocketKind::Datagram => {}
        SocketKind::Seqpacket | SocketKind::Fifo => return None,
    }
    if let Ok(port) = text.parse::<u16>() {
        return (port > 0).then_some(Address::Port(port));
    }
    let address = text.parse::<SocketAddr>().ok()?;
    (address.port() > 0).then_some(Address::Ip(address))
}

/// A whole path without detours.
fn is_whole(path: &str) -> bool {
    path.strip_prefix('/').is_some_and(|below| {
        let mut parts = below.split('/');
        parts.all(|part| !matches!(part, "" | "." | "..")) && !path.contains('\0')
    })
}

fn limit(given: &Given<'_>) -> Option<u32> {
    let number = given.number(0, i64::from(u32::MAX))?;
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    Some(number.min(MOST_CONNECTIONS))
}

fn size(given: &Given<'_>) -> Option<u32> {
    let size = units::size(given.value).and_then(|size| u32::try_from(size).ok());
    size.or_else(|| given.wrong("a size such as 64K"))
}
