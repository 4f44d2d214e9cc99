//! The other side of the control socket. It may wait, but not for ever.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;

use super::protocol::{Answer, LINE_MAX, Request};
use crate::sys::poll::readable;
use crate::sys::{fd, socket};

/// So long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// Nobody is at any of the places; the last one's reason.
    Nobody(Errno),
    /// The request has more words than a line takes.
    TooLong,
    /// Somebody is there, and says nothing that we understand.
    Silence,
}

/// Asks at the first of these places where somebody is.
///
/// # Errors
/// Where there is no answer.
pub(crate) fn ask(places: &[String], request: &Request) -> Result<Answer, NoAnswer> {
    let mut last = Errno::ENOENT;
    for place in places {
        match socket::connect_unix_within(place.as_bytes(), PATIENCE) {
            // Anybody may bind an abstract name, and a path in a folder that is theirs.
            Ok(connection) if !is_trusted(&connection) => last = Errno::EPERM,
            Ok(connection) => return converse(&connection, request),
            // A path that isn't there says less than one that refuses.
            Err(Errno::ENOENT) => {}
            Err(errno) => last = errno,
        }
    }
    Err(NoAnswer::Nobody(last))
}

/// Whether root or our own user listens there.
fn is_trusted(connection: &OwnedFd) -> bool {
    let own = nix::unistd::geteuid().as_raw();
    socket::peer(connection).is_some_and(|peer| peer.uid == 0 || peer.uid == own)
}

fn converse(connection: &OwnedFd, request: &Request) -> Result<Answer, NoAnswer> {
    let mut line = serde_json::to_vec(request).unwrap_or_default();
    line.push(b'\n');
    if line.len() > LINE_MAX {
        return Err(NoAnswer::TooLong);
    }
    socket::send_now(connection, &line).map_err(|_| NoAnswer::Silence)?;
    let mut answer = Vec::new();
    let mut buffer = [0u8; LINE_MAX];
    while memchr::memchr(b'\n', &answer).is_none() && answer.len() < LINE_MAX {
        if !readable(connection.as_fd(), PATIENCE) {
            if request.takes_its_time() {
                continue;
            }
            return Err(NoAnswer::Silence);
        }
        match fd::read_some(connection, &mut buffer) {
            None => {}
            Some(0) => return Err(NoAnswer::Silence),
            Some(count) => answer.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
    }
    serde_json::from_slice(&answer).map_err(|_| NoAnswer::Silence)
}
