//! In a probing child, which may hang: one look at whether something is there.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;

use super::resolve::resolve;
use crate::core::event::Answer;
use crate::core::probe::{Http, Place};
use crate::sys::error::strerror;
use crate::sys::{fd, socket};

/// So much of an answer is looked at.
const MOST_BYTES: usize = 64 * 1024;
/// So much of a reason is told: a pipe takes it at once.
const MOST_WORDS: usize = 400;

/// Tells PID 1; the exit code.
pub(super) fn tell(told: &OwnedFd, answer: &Answer) -> i32 {
    let (why, code) = match answer {
        Answer::Yes => return 0,
        Answer::No(why) => (why, 1),
        Answer::Nobody(why) => (why, 2),
    };
    let bytes = why.as_bytes();
    // Whoever doesn't read this is gone.
    let _ = fd::write_all(told, bytes.get(..MOST_WORDS).unwrap_or(bytes));
    code
}

/// Whether somebody accepts at a socket.
pub(super) fn at_socket(path: &str) -> Answer {
    match socket::connect_unix(path.as_bytes()) {
        // A full backlog is somebody's.
        Ok(_) | Err(nix::errno::Errno::EAGAIN) => Answer::Yes,
        Err(errno) => no(format!("connect {path}: {}", strerror(errno as i32))),
    }
}

/// Whether a file is there and was changed since then.
pub(super) fn at_file(path: &str, since_nanos: i64) -> Answer {
    use std::os::unix::fs::MetadataExt;
    match std::fs::metadata(path) {
        Ok(meta) => {
            let changed = meta
                .ctime()
                .saturating_mul(1_000_000_000)
                .saturating_add(meta.ctime_nsec());
            if changed >= since_nanos {
                Answer::Yes
            } else {
                no(format!("{path}: not changed since the start"))
            }
        }
        Err(error) => no(format!(
            "{path}: {}",
            strerror(error.raw_os_error().unwrap_or(5))
        )),
    }
}

/// Whether something accepts at one of these; by the first address that does.
pub(super) fn at_places(places: &[Place]) -> Answer {
    let mut last = no("there is no address to connect to".to_owned());
    for place in places {
        let addresses = match resolve(&place.host) {
            Ok(addresses) => addresses,
            Err(unknown) => {
                last = no(format!("connect {place}: {}", unknown.reason()));
                continue;
            }
        };
        for address in addresses {
            match socket::connect_and_wait(SocketAddr::new(address, place.port)) {
                Ok(_) => return Answer::Yes,
                Err(errno) => {
                    last = no(format!("connect {place}: {}", strerror(errno as i32)));
                }
            }
        }
    }
    last
}

/// Whether a request is answered well; by the first address that accepts.
pub(super) fn at_http(http: &Http) -> Answer {
    let addresses = match resolve(&http.host) {
        Ok(addresses) => addresses,
        Err(unknown) => return no(format!("{}: {}", http.host, unknown.reason())),
    };
    let mut last = no(format!("{}: it has no address", http.host));
    for address in addresses {
        let address = SocketAddr::new(address, http.port);
        match socket::connect_and_wait(address) {
            Ok(stream) => return request(http, TcpStream::from(stream)),
            Err(errno) => last = no(format!("connect {address}: {}", strerror(errno as i32))),
        }
    }
    last
}

fn request(http: &Http, mut stream: TcpStream) -> Answer {
    let url = http.to_string();
    // What stands between `http://` and the path.
    let authority = url
        .strip_prefix("http://")
        .and_then(|rest| rest.strip_suffix(&*http.path))
        .unwrap_or(&http.host);
    let text = format!(
        "GET {} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: rinit\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        http.path
    );
    let failed = |error: &std::io::Error| {
        let errno = error.raw_os_error().unwrap_or(5);
        no(format!("{url}: {}", strerror(errno)))
    };
    if let Err(error) = stream.write_all(text.as_bytes()) {
        return failed(&error);
    }
    let mut received = Vec::new();
    let mut buffer = [0u8; 4096];
    loop {
        let over = match stream.read(&mut buffer) {
            Ok(count) => {
                received.extend_from_slice(buffer.get(..count).unwrap_or_default());
                count == 0 || received.len() >= MOST_BYTES
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => false,
            Err(error) if received.is_empty() => return failed(&error),
            Err(_) => true,
        };
        match judge(http, &received) {
            Judgement::Good => return Answer::Yes,
            Judgement::Bad(why) => return no(format!("{url}: {why}")),
            Judgement::Unknown if over => {
                return no(match &http.body {
                    Some(body) if received.starts_with(b"HTTP/") => {
                        format!("{url}: \"{body}\" isn't in its body")
                    }
                    Some(_) | None => format!("{url}: no answer of HTTP"),
                });
            }
            Judgement::Unknown => {}
        }
    }
}

/// What is known by what was received so far.
#[derive(Debug, PartialEq, Eq)]
enum Judgement {
    Good,
    Bad(String),
    Unknown,
}

fn judge(http: &Http, received: &[u8]) -> Judgement {
    let Some(line_end) = memchr::memchr(b'\n', received) else {
        return Judgement::Unknown;
    };
    let line = String::from_utf8_lossy(received.get(..line_end).unwrap_or_default());
    let status = line
        .strip_prefix("HTTP/")
        .and_then(|rest| rest.split_whitespace().nth(1)?.parse::<u16>().ok());
    let Some(status) = status else {
        return Judgement::Bad("no answer of HTTP".to_owned());
    };
    if !http.is_good(status) {
        return Judgement::Bad(format!("status {status}"));
    }
    let Some(wanted) = &http.body else {
        return Judgement::Good;
    };
    let body = memchr::memmem::find(received, b"\r\n\r\n").and_then(|at| received.get(at..));
    match body.and_then(|body| memchr::memmem::find(body, wanted.as_bytes())) {
        Some(_) => Judgement::Good,
        None => Judgement::Unknown,
    }
}

fn no(why: String) -> Answer {
    Answer::No(why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(status: &[u16], body: Option<&str>) -> Http {
        Http {
            host: "localhost".into(),
            port: 80,
            path: "/".into(),
            status: status.into(),
            body: body.map(Into::into),
        }
    }

    #[test]
    fn an_answer_is_judged_as_soon_as_it_can_be() {
        let any = http(&[], None);
        assert_eq!(judge(&any, b"HTTP/1.1 20"), Judgement::Unknown);
        assert_eq!(judge(&any, b"HTTP/1.1 204 No Content\r\n"), Judgement::Good);
        let bad = Judgement::Bad("status 503".to_owned());
        assert_eq!(judge(&any, b"HTTP/1.0 503 Busy\r\n"), bad);
        let rubbish = Judgement::Bad("no answer of HTTP".to_owned());
        assert_eq!(judge(&any, b"220 mail.example ESMTP\r\n"), rubbish);
        let only = http(&[503], None);
        assert_eq!(judge(&only, b"HTTP/1.0 503 Busy\r\n"), Judgement::Good);
    }

    #[test]
    fn a_pattern_counts_in_the_body_alone() {
        let ok = http(&[], Some("ok"));
        let head = b"HTTP/1.1 200 ok\r\nX: ok\r\n";
        assert_eq!(judge(&ok, head), Judgement::Unknown);
        let whole = [&head[..], b"\r\nall ok\n"].concat();
        assert_eq!(judge(&ok, &whole), Judgement::Good);
    }
}
