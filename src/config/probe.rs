//! The probes of `ready` and its kin: an address, a socket, a file, a request, a command.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::execution;
use super::nearest::nearest;
use super::source::At;
use super::value::Value;
use crate::core::probe::{Command, Http, Place, Probe};

/// What `sockaddr_un` holds, without its NUL (`unix(7)`).
const MAX_SOCKET_PATH: usize = 107;

/// A table with one thing to ask for, and options beside it.
pub(super) struct Form {
    /// What can be asked for.
    pub(super) kinds: &'static [&'static str],
    /// What else may be said.
    pub(super) options: &'static [&'static str],
    /// How it is written.
    pub(super) help: &'static str,
}

/// The table's one kind with its key's place, and its options.
pub(super) struct Parts<'a> {
    pub(super) kind: (At, Value<'a>),
    pub(super) options: Vec<(At, Value<'a>)>,
}

/// Takes the table apart. Unknown keys, no kind and several kinds are reported.
pub(super) fn split<'a>(value: Value<'a>, form: &Form) -> Option<Parts<'a>> {
    let table = value.key;
    let Some(entries) = value.entries() else {
        return value.wrong(format!("{table} must be a table"), form.help);
    };
    let mut good = Some(());
    let (mut kinds, mut options) = (Vec::new(), Vec::new());
    for entry in entries {
        let key = entry.1.key;
        if form.kinds.contains(&key) {
            kinds.push(entry);
        } else if form.options.contains(&key) {
            options.push(entry);
        } else {
            let known = form.kinds.iter().chain(form.options).copied();
            let help = match nearest(key, known) {
                Some(near) => format!("did you mean \"{near}\"? {}", form.help),
                None => form.help.to_owned(),
            };
            good = value.wrong_at(entry.0, format!("{table} has no key \"{key}\""), help);
        }
    }
    good?;
    let mut kinds = kinds.into_iter();
    match (kinds.next(), kinds.next()) {
        (Some(kind), None) => Some(Parts { kind, options }),
        (None, _) => value.wrong(format!("{table} names nothing to wait for"), form.help),
        (Some(_), Some(_)) => value.wrong(
            format!("{table} names more than one thing to wait for"),
            form.help,
        ),
    }
}

/// The probe that a kind and its options make, for a service itself.
pub(super) fn read(parts: &Parts<'_>) -> Option<Probe> {
    read_with(parts, &addresses)
}

/// The same for what lives elsewhere: its addresses may be names.
pub(super) fn read_elsewhere(parts: &Parts<'_>) -> Option<Probe> {
    read_with(parts, &|value| {
        let mut places = Vec::new();
        let mut named = false;
        for item in value.items() {
            let place = place(item)?;
            named |= place.host.parse::<IpAddr>().is_err() && &*place.host != "localhost";
            places.push(place);
        }
        if named {
            return Some(Probe::Names(places.into()));
        }
        addresses(value)
    })
}

fn addresses(value: Value<'_>) -> Option<Probe> {
    let mut addresses = Vec::new();
    for item in value.items() {
        address(item, &mut addresses)?;
    }
    if addresses.is_empty() {
        return value.wrong("tcp names no address", "tcp = \"127.0.0.1:80\"");
    }
    Some(Probe::Tcp(addresses.into()))
}

/// `db:5432`, `10.0.0.5:5432`, `[::1]:80`.
fn place(value: Value<'_>) -> Option<Place> {
    const HELP: &str = "write a name or an address and a port: \"db:5432\", \"[fd00::5]:5432\"";
    let text = value.word()?;
    let parts = text.rsplit_once(':').and_then(|(host, port)| {
        let host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
            Some(inner) => inner.parse::<Ipv6Addr>().is_ok().then_some(inner)?,
            None => is_name(host).then_some(host)?,
        };
        let port = port.parse::<u16>().ok().filter(|port| *port > 0)?;
        Some(Place {
            host: host.into(),
            port,
        })
    });
    match parts {
        Some(place) => Some(place),
        None => value.wrong(format!("\"{text}\" is no address with a port"), HELP),
    }
}

fn read_with(parts: &Parts<'_>, tcp: &dyn Fn(Value<'_>) -> Option<Probe>) -> Option<Probe> {
    let (_, kind) = parts.kind;
    let probe = match kind.key {
        "tcp" => tcp(kind)?,
        "unix" => {
            let path = kind.text()?;
            check_socket_path(&path, kind)?;
            Probe::Unix(path.into())
        }
        "http" => Probe::Http(Box::new(http(kind, &parts.options)?)),
        "exec" => {
            let written = execution::words(kind)?;
            Probe::Exec(Command {
                words: written.words,
                manner: written.manner,
            })
        }
        _ => Probe::File(kind.text()?.into()),
    };
    if !matches!(probe, Probe::Http(_)) {
        let of_http = |(_, option): &&(At, Value<'_>)| matches!(option.key, "status" | "body");
        if let Some((at, option)) = parts.options.iter().find(of_http) {
            let what = format!("{} is for http alone", option.key);
            return kind.wrong_at(*at, what, "leave it out");
        }
    }
    Some(probe)
}

fn http(value: Value<'_>, options: &[(At, Value<'_>)]) -> Option<Http> {
    let mut http = url(value)?;
    for (_, option) in options {
        match option.key {
            "status" => {
                let statuses = option.items().into_iter().map(|item| {
                    let status = item.integer(100..=599)?;
                    u16::try_from(status).ok()
                });
                http.status = statuses.collect::<Option<_>>()?;
            }
            "body" => http.body = Some(option.text()?.into()),
            // Its owner's.
            _ => {}
        }
    }
    Some(http)
}

/// `http://HOST[:PORT][/PATH]`.
fn url(value: Value<'_>) -> Option<Http> {
    const HELP: &str = "http = \"http://127.0.0.1:8080/health\"";
    let text = value.text()?;
    if text.starts_with("https://") {
        return value.wrong(
            "rinit speaks no TLS",
            "ask by plain http on the loopback, or by exec = [\"curl\", \"-fsS\", …]",
        );
    }
    let wrong = || value.wrong(format!("\"{text}\" is no URL of http"), HELP);
    let Some(rest) = text.strip_prefix("http://") else {
        return wrong();
    };
    if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
        return value.wrong(
            "a URL holds no blanks, and nothing but ASCII",
            "write %20 for a blank",
        );
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let (authority, path) = match rest.find(['/', '?']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse::<u16>().ok()),
        _ => (authority, Some(80)),
    };
    let Some(port) = port.filter(|port| *port != 0) else {
        return value.wrong("this is no port", HELP);
    };
    let host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(inner) if inner.parse::<Ipv6Addr>().is_ok() => inner,
        None if is_name(host) => host,
        _ => return wrong(),
    };
    Some(Http {
        host: host.into(),
        port,
        path: path.into(),
        status: Box::default(),
        body: None,
    })
}

/// Whether this can be a host's name, or is an IPv4 address.
fn is_name(host: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !host.is_empty() && host.len() <= 253 && host.bytes().all(good)
}

pub(super) fn check_socket_path(path: &str, value: Value<'_>) -> Option<()> {
    if path.len() > MAX_SOCKET_PATH {
        return value.wrong(
            format!(
                "the path of a socket has at most {MAX_SOCKET_PATH} bytes, this one {}",
                path.len()
            ),
            "choose a shorter one",
        );
    }
    Some(())
}

/// `127.0.0.1:80`, `[::1]:80`; `localhost:80` is both loopbacks.
fn address(value: Value<'_>, addresses: &mut Vec<SocketAddr>) -> Option<()> {
    let text = value.word()?;
    if let Ok(address) = text.parse::<SocketAddr>() {
        if address.port() == 0 {
            return value.wrong(
                "port 0 is no port",
                "write the port that the service listens on",
            );
        }
        addresses.push(address);
        return Some(());
    }
    let port = text
        .rsplit(':')
        .next()
        .and_then(|port| port.parse::<u16>().ok());
    if let (Some(port), "localhost") = (port, text.rsplit_once(':').map_or("", |(host, _)| host)) {
        if port == 0 {
            return value.wrong(
                "port 0 is no port",
                "write the port that the service listens on",
            );
        }
        addresses.push((Ipv4Addr::LOCALHOST, port).into());
        addresses.push((Ipv6Addr::LOCALHOST, port).into());
        return Some(());
    }
    let bare_port = |port: u16| {
        value.wrong(
            format!("\"{text}\" names no address"),
            format!("write \"127.0.0.1:{port}\", or \"localhost:{port}\" for IPv4 and IPv6"),
        )
    };
    match port {
        Some(port)
            if text
                .trim_start_matches(':')
                .bytes()
                .all(|byte| byte.is_ascii_digit()) =>
        {
            bare_port(port)
        }
        Some(port) if text.parse::<IpAddr>().is_err() => value.wrong(
            format!("\"{text}\" is a name; a service's own readiness takes addresses"),
            format!(
                "write the address that it listens on, such as \"127.0.0.1:{port}\", or localhost"
            ),
        ),
        Some(_) | None => value.wrong(
            format!("\"{text}\" is no address with a port"),
            "write \"127.0.0.1:80\", \"[::1]:80\" or \"localhost:80\"",
        ),
    }
}
