//! `listen`: the sockets that a service is given.

use std::net::{IpAddr, SocketAddr};

use super::draft::Draft;
use super::execution::{account, octal};
use super::nearest::nearest;
use super::probe::check_socket_path;
use super::value::{Context, Value};
use crate::core::listen::{Address, Listen, MOST_SOCKETS, Socket, SocketFile, SocketKind};
use crate::core::probe::Probe;
use crate::core::sorted::Map;
use crate::core::spec::{Kind, Ready};

const HELP: &str = "listen = [\"0.0.0.0:80\", \"/run/app.sock\", \"udp:[::]:53\", { stream = \"/run/x.sock\", mode = \"0660\" }]";
const KINDS: [(&str, SocketKind); 3] = [
    ("stream", SocketKind::Stream),
    ("datagram", SocketKind::Datagram),
    ("seqpacket", SocketKind::Seqpacket),
];
const OPTIONS: [&str; 7] = [
    "name",
    "mode",
    "user",
    "group",
    "backlog",
    "reuse-port",
    "ipv6-only",
];
/// Of a socket's file that doesn't say: systemd's.
pub(super) const USUAL_MODE: u32 = 0o666;
/// The kernel's own limit (`net.core.somaxconn`) as it usually is.
pub(super) const MOST_BACKLOG: u16 = 4096;
/// systemd's limit for names.
pub(super) const LONGEST_NAME: usize = 255;

pub(super) fn set(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    let mut sockets = Vec::new();
    let mut good = Some(());
    for item in value.items() {
        match socket(draft.name(), item) {
            Some(socket) => sockets.push(socket),
            None => good = None,
        }
    }
    good?;
    if sockets.len() > MOST_SOCKETS {
        let what = format!("listen has {} sockets", sockets.len());
        return value.wrong(what, format!("a service has at most {MOST_SOCKETS}"));
    }
    draft.listen().sockets = sockets.into();
    Some(())
}

/// What follows from other keys, and what contradicts them.
pub(super) fn finish(draft: &mut Draft, context: &Context<'_>) {
    let empty = |listen: &mut Box<Listen>| listen.sockets.is_empty() && listen.watch.is_none();
    if let Some(none) = draft.spec.listen.take_if(empty)
        && none.on_demand
    {
        let what = "on-demand needs a socket at which somebody can come";
        context.error(draft.place("on-demand"), what, HELP);
    }
    let Some(listen) = &draft.spec.listen else {
        return;
    };
    if listen.on_demand && draft.is_scheduled() {
        let what = "what runs at its times can't be on demand too";
        let help =
            "leave out on-demand: its sockets are open, and whoever comes waits for its next run";
        context.error(draft.place("on-demand"), what, help);
    } else if listen.on_demand && listen.watch.is_none() && draft.spec.kind == Kind::Oneshot {
        let what = "a oneshot runs once; it can't be on demand";
        let help = "leave type out: a service that ends waits for the next connection";
        context.error(draft.place("on-demand"), what, help);
    }
    let free = listen.first_free_descriptor();
    if let Some(Ready::Fd(number)) = draft.ready
        && number < free
    {
        let what = format!("descriptor {number} is one of the sockets of listen");
        let help = format!("the first free number is {free}: fd = {free}");
        context.error(draft.place("ready"), what, help);
    }
    let asks_itself = |probe: &Probe| match probe {
        Probe::Tcp(_) | Probe::Unix(_) => listen.answering(probe),
        // Only the service itself can answer these.
        Probe::Names(_) | Probe::File(_) | Probe::Http(_) | Probe::Exec(_) | Probe::Bus(_) => None,
    };
    if let Some(Ready::Probe(probe)) = &draft.ready
        && let Some(socket) = asks_itself(probe)
    {
        let what = format!("{socket} is open before the service starts, so it says nothing");
        let help = "leave ready out: whoever connects waits until it serves; or write ready = \"notify\" or { http = … }";
        context.error(draft.place("ready"), what, help);
    }
    if let Some(health) = &draft.spec.health
        && let Some(socket) = asks_itself(&health.probe)
    {
        let name = draft.name();
        let what = format!("{name}: {socket} accepts whether the service is well or not");
        context.warn(
            draft.place("health"),
            what,
            "ask by http or exec, which it has to answer",
        );
    }
}

/// Two can't have one address.
pub(super) fn shared(drafts: &mut [Draft], context: &Context<'_>) {
    // By kind and text: doubts has a map of texts too, and a second kind costs bytes.
    let mut owners: Map<String, String> = Map::new();
    for draft in drafts.iter_mut().filter(|draft| draft.is_enabled()) {
        let name = draft.name().to_owned();
        let (at, of_unit) = (draft.place("listen"), draft.unit.is_some());
        let Some(listen) = &mut draft.spec.listen else {
            continue;
        };
        let mut kept = std::mem::take(&mut listen.sockets).into_vec();
        kept.retain(|socket| {
            let key = format!("{} {socket}", socket.kind as u8);
            if socket.reuse_port {
                return true;
            }
            let Some(owner) = owners.get(&key) else {
                owners.insert(key, name.clone());
                return true;
            };
            let what = if *owner == name {
                format!("{owner} listens at {socket} twice")
            } else {
                format!("{owner} and {name} both listen at {socket}")
            };
            if of_unit {
                // What packages say costs none but the later of them.
                context.warn(at, what, format!("{name} goes without it"));
            } else {
                let help = "give each its own address, or each reuse-port = true";
                context.error(at, what, help);
            }
            !of_unit
        });
        if kept.is_empty() {
            // What its paths say counts all the same.
            draft.spec.listen.take_if(|listen| listen.watch.is_none());
        } else {
            listen.sockets = kept.into();
        }
    }
}

/// An address, or a table with one.
pub(super) fn socket(service: &str, value: Value<'_>) -> Option<Socket> {
    let Some(entries) = value.entries() else {
        let text = value.word()?;
        let (kind, rest) = match text.strip_prefix("udp:") {
            Some(rest) => (SocketKind::Datagram, rest),
            None => (SocketKind::Stream, &*text),
        };
        return at(service, kind, rest, value);
    };
    let mut good = Some(());
    let (mut found, mut options) = (Vec::new(), Vec::new());
    for (at, entry) in entries {
        if let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == entry.key) {
            found.push((*kind, entry));
        } else if OPTIONS.contains(&entry.key) {
            options.push((at, entry));
        } else {
            let known = KINDS.iter().map(|(name, _)| *name).chain(OPTIONS);
            let help = match nearest(entry.key, known) {
                Some(near) => format!("did you mean \"{near}\"? {HELP}"),
                None => HELP.to_owned(),
            };
            good = value.wrong_at(at, format!("listen has no key \"{}\"", entry.key), help);
        }
    }
    good?;
    let [(kind, address)] = &*found else {
        let what = "a socket is one of stream, datagram and seqpacket";
        return value.wrong(what, HELP);
    };
    let mut socket = at(service, *kind, &address.word()?, *address)?;
    for (place, option) in options {
        let wanted = match option.key {
            "mode" | "user" | "group" if socket.path().is_none() => "a socket with a path",
            "ipv6-only" if !matches!(socket.address, Address::Ip(SocketAddr::V6(_))) => {
                "an address of IPv6"
            }
            "reuse-port" if matches!(socket.address, Address::Unix(_)) => "a port",
            "backlog" if !socket.kind.takes_connections() => "a socket that takes connections",
            _ => {
                good = good.and(set_option(&mut socket, option));
                continue;
            }
        };
        let what = format!("{} is for {wanted}", option.key);
        good = value.wrong_at(place, what, "leave it out");
    }
    good.map(|()| socket)
}

fn set_option(socket: &mut Socket, option: Value<'_>) -> Option<()> {
    match option.key {
        "name" => socket.name = name(option)?,
        "mode" => socket.file.mode = octal(option, 0o777)?,
        "user" => socket.file.user = Some(account(option)?),
        "group" => socket.file.group = Some(account(option)?),
        "backlog" => {
            let number = option.integer(1..=i64::from(MOST_BACKLOG))?;
            socket.backlog = u16::try_from(number).ok()?;
        }
        "reuse-port" => socket.reuse_port = option.boolean()?,
        _ => socket.ipv6_only = Some(option.boolean()?),
    }
    Some(())
}

fn name(value: Value<'_>) -> Option<Box<str>> {
    let name = value.text()?;
    let bad = |c: char| c == ':' || c.is_control();
    if name.contains(bad) || name.len() > LONGEST_NAME {
        let what = format!("\"{name}\" can't be the name of a socket");
        return value.wrong(
            what,
            "names stand between colons in LISTEN_FDNAMES: without colons, at most 255 bytes",
        );
    }
    Some(name.into())
}

fn at(service: &str, kind: SocketKind, text: &str, value: Value<'_>) -> Option<Socket> {
    Some(Socket {
        kind,
        address: address(kind, text, value)?,
        name: service.into(),
        backlog: MOST_BACKLOG,
        reuse_port: false,
        ipv6_only: None,
        file: SocketFile {
            mode: USUAL_MODE,
            user: None,
            group: None,
        },
        options: None,
    })
}

fn address(kind: SocketKind, text: &str, value: Value<'_>) -> Option<Address> {
    if text.starts_with(['/', '@']) {
        check_socket_path(text, value)?;
        let parts = || text.split('/');
        if text == "@" || text.ends_with('/') || parts().any(|part| matches!(part, "." | "..")) {
            let what = format!("\"{text}\" can't be the address of a socket");
            return value.wrong(
                what,
                "write its whole path without \".\" and \"..\", or @NAME",
            );
        }
        return Some(Address::Unix(text.into()));
    }
    if kind == SocketKind::Seqpacket {
        let what = format!("\"{text}\" can't be a seqpacket socket");
        return value.wrong(what, "write a path such as \"/run/app.sock\", or @NAME");
    }
    let port = |port: u16| match port {
        0 => value.wrong("port 0 is no port", "write the port that clients know"),
        port => Some(port),
    };
    if let Ok(address) = text.parse::<SocketAddr>() {
        port(address.port())?;
        return Some(Address::Ip(address));
    }
    let bare = text.strip_prefix(':').or_else(|| text.strip_prefix("*:"));
    if let Ok(number) = bare.unwrap_or(text).parse::<u16>() {
        return Some(Address::Port(port(number)?));
    }
    let what = format!("\"{text}\" is no address to listen at");
    let help = match text.rsplit_once(':') {
        _ if text.parse::<IpAddr>().is_ok() => "an address needs a port: \"127.0.0.1:80\"".into(),
        Some(("localhost", port)) => {
            format!("write \"127.0.0.1:{port}\" or \"[::1]:{port}\"")
        }
        Some(_) => "addresses are \"0.0.0.0:80\", \"[::]:80\", \":80\" for IPv6 and IPv4, \"udp:0.0.0.0:53\"; no names".into(),
        None => "write \"0.0.0.0:80\", \":80\", a whole path such as \"/run/app.sock\", or @NAME".into(),
    };
    value.wrong(what, help)
}
