//! `ready`: when a service counts as ready.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::draft::Draft;
use super::nearest::nearest;
use super::value::Value;
use crate::core::spec::Ready;

const FORMS: &str = "ready is \"notify\" or one of { file = PATH }, { tcp = \"127.0.0.1:80\" }, { unix = PATH }, { fd = 3 }";

/// What `sockaddr_un` holds, without its NUL (`unix(7)`).
const MAX_SOCKET_PATH: usize = 107;

pub(super) fn set(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    let Some(entries) = value.entries() else {
        return match value.as_str() {
            Some("notify") => {
                draft.ready = Some(Ready::Notify);
                Some(())
            }
            Some(word) => value.wrong(format!("ready can't be \"{word}\""), FORMS),
            None => value.wrong("ready must be \"notify\" or a table with one key", FORMS),
        };
    };
    let &[(key_at, probe)] = entries.as_slice() else {
        let what = match entries.len() {
            0 => "ready names nothing to wait for",
            _ => "ready names more than one thing to wait for",
        };
        return value.wrong(what, FORMS);
    };
    let ready = match probe.key {
        "file" => Ready::File(probe.text()?.into()),
        "unix" => {
            let path = probe.text()?;
            check_socket_path(&path, probe)?;
            Ready::Unix(path.into())
        }
        "fd" => Ready::Fd(descriptor(probe)?),
        "tcp" => {
            let mut addresses = Vec::new();
            for item in probe.items() {
                address(item, &mut addresses)?;
            }
            if addresses.is_empty() {
                return probe.wrong("tcp names no address", FORMS);
            }
            Ready::Tcp(addresses.into())
        }
        later @ ("http" | "exec" | "log" | "delay") => {
            draft.ready = None;
            return probe.wrong_at(
                key_at,
                format!("ready = {{ {later} = … }} is not supported yet by this version"),
                FORMS,
            );
        }
        other => {
            let help = match nearest(other, ["file", "tcp", "unix", "fd"]) {
                Some(near) => format!("did you mean \"{near}\"? {FORMS}"),
                None => FORMS.to_owned(),
            };
            return probe.wrong_at(key_at, format!("ready has no key \"{other}\""), help);
        }
    };
    draft.ready = Some(ready);
    Some(())
}

fn descriptor(value: Value<'_>) -> Option<u32> {
    let number = value.integer(0..=1023)?;
    if number < 3 {
        return value.wrong(
            format!("descriptor {number} is standard input, output or error"),
            "the first free number is 3: fd = 3",
        );
    }
    u32::try_from(number).ok()
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
