//! One look at whether a service answers. An address is tried here, since a connection
//! never blocks; a path may lie on a file system that hangs, so a child with a deadline
//! looks at it.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::core::event::Answer;
use crate::core::id::Pid;
use crate::core::time::Instant;
use crate::sys::error::strerror;
use crate::sys::socket::{self, Attempt};

/// How long one look may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(1);

/// A look that isn't over yet.
pub(crate) struct Attempts {
    /// When it is given up.
    pub(crate) give_up_at: Instant,
    /// What it waits for.
    pub(crate) step: Step,
}

/// What a look waits for.
pub(crate) enum Step {
    /// This connection, and then these addresses.
    Connection {
        fd: OwnedFd,
        address: SocketAddr,
        left: Vec<SocketAddr>,
    },
    /// This child; its exit code is an errno, 0 for yes.
    Child { pid: Pid, what: Box<str> },
}

/// How a look stands.
pub(crate) enum Progress {
    /// It is over.
    Over(Answer),
    /// The descriptor will be writable.
    Waits(Step),
}

/// Tries one address after the other.
pub(crate) fn connect(mut left: Vec<SocketAddr>) -> Progress {
    left.reverse();
    next(left, no("there is no address to connect to"))
}

fn next(mut left: Vec<SocketAddr>, mut last: Answer) -> Progress {
    while let Some(address) = left.pop() {
        match socket::connect_tcp(address) {
            Ok(Attempt::Connected) => return Progress::Over(Answer::Yes),
            Ok(Attempt::Pending(fd)) => {
                return Progress::Waits(Step::Connection { fd, address, left });
            }
            Err(errno) => last = refused(address, errno),
        }
    }
    Progress::Over(last)
}

/// Goes on when a pending connection's descriptor is writable.
pub(crate) fn connected(fd: OwnedFd, address: SocketAddr, left: Vec<SocketAddr>) -> Progress {
    match socket::connection_result(&fd) {
        Ok(()) => Progress::Over(Answer::Yes),
        Err(errno) => next(left, refused(address, errno)),
    }
}

fn refused(address: SocketAddr, errno: nix::errno::Errno) -> Answer {
    no(&format!("connect {address}: {}", strerror(errno as i32)))
}

/// What a child's exit code says about `what`.
pub(crate) fn from_child(what: &str, code: u8) -> Answer {
    match code {
        0 => Answer::Yes,
        UNCHANGED => no(&format!("{what}: not changed since the start")),
        errno => no(&format!("{what}: {}", strerror(i32::from(errno)))),
    }
}

/// The answer of a look that took too long.
pub(crate) fn timed_out(step: &Step) -> Answer {
    match step {
        Step::Connection { address, .. } => no(&format!("connect {address}: no answer within 1 s")),
        Step::Child { what, .. } => no(&format!("{what}: no answer within 1 s")),
    }
}

/// A child's exit code for a file that is older than the service; no errno.
const UNCHANGED: u8 = 255;

/// In the child: whether somebody accepts at a socket. The exit code.
pub(crate) fn look_at_socket(path: &str) -> i32 {
    match socket::connect_unix(path.as_bytes()) {
        // A full backlog is somebody's.
        Ok(_) | Err(nix::errno::Errno::EAGAIN) => 0,
        Err(errno) => errno as i32,
    }
}

/// In the child: whether a file was changed since then. The exit code.
pub(crate) fn look_at_file(path: &str, since_nanos: i64) -> i32 {
    use std::os::unix::fs::MetadataExt;
    match std::fs::metadata(path) {
        Ok(meta) => {
            let changed = meta
                .ctime()
                .saturating_mul(1_000_000_000)
                .saturating_add(meta.ctime_nsec());
            if changed >= since_nanos {
                0
            } else {
                i32::from(UNCHANGED)
            }
        }
        Err(error) => error.raw_os_error().unwrap_or(5),
    }
}

fn no(why: &str) -> Answer {
    Answer::No(why.into())
}
