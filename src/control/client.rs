//! The other side of the control socket. It may wait, but not for ever.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;

use super::protocol::LINE_MAX;
use crate::sys::poll::readable;
use crate::sys::{fd, socket};

/// So long an answer that comes at once may take, and each piece of it.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// An answer that waits for something comes when it comes.
pub(super) const NO_HURRY: Duration = Duration::from_secs(u64::MAX);
/// No answer is longer.
pub(super) const ANSWER_MAX: usize = 64 << 20;

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// Nobody is at any of the places; the last one's reason.
    Nobody(Errno),
    /// The request has more words than a line takes.
    TooLong,
    /// Somebody is there, and says nothing that we understand.
    Silence,
    /// The answer has an end too early.
    CutOff,
}

/// Asks at the first of these places where somebody is; gives the answer's line.
///
/// # Errors
/// Where there is no answer.
pub(crate) fn ask(places: &[String], request: &[u8], waits: bool) -> Result<Vec<u8>, NoAnswer> {
    let patience = if waits { NO_HURRY } else { PATIENCE };
    converse(&open(places, request)?, request, patience)
}

/// A connection to the first of these places where somebody is, for this request.
pub(super) fn open(places: &[String], request: &[u8]) -> Result<OwnedFd, NoAnswer> {
    if request.len() > LINE_MAX {
        return Err(NoAnswer::TooLong);
    }
    let mut last = Errno::ENOENT;
    for place in places {
        match socket::connect_unix_within(place.as_bytes(), PATIENCE) {
            // Anybody may bind an abstract name, and a path in a folder that is theirs.
            Ok(connection) if !is_trusted(&connection) => last = Errno::EPERM,
            Ok(connection) => return Ok(connection),
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

fn converse(connection: &OwnedFd, request: &[u8], patience: Duration) -> Result<Vec<u8>, NoAnswer> {
    socket::send_now(connection, request).map_err(|_| NoAnswer::Silence)?;
    let mut answer = Vec::new();
    let mut buffer = [0u8; 4 * LINE_MAX];
    while answer.last() != Some(&b'\n') && answer.len() < ANSWER_MAX {
        if !readable(connection.as_fd(), patience) {
            return Err(NoAnswer::Silence);
        }
        match fd::read_some(connection, &mut buffer) {
            None => {}
            Some(0) => return Err(NoAnswer::Silence),
            Some(count) => answer.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
    }
    Ok(answer)
}
