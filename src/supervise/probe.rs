//! One look at whether something answers. An address is tried here, since a connection
//! never blocks; all else may hang, so a child with a deadline does it (`look`).

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::core::event::Answer;
use crate::core::exit::Exit;
use crate::core::id::Pid;
use crate::core::probe::Probe;
use crate::core::time::{Instant, Span};
use crate::sys::error::strerror;
use crate::sys::socket::{self, Attempt};

/// How long one look may take that is but a system call.
const SHORT: Duration = Duration::from_secs(1);
/// How long one may take that somebody has to work for.
const LONG: Duration = Duration::from_secs(10);

/// How long one look may take, where nobody says.
pub(crate) const fn limit(probe: &Probe) -> Duration {
    match probe {
        Probe::Tcp(_) | Probe::Unix(_) | Probe::File(_) => SHORT,
        Probe::Names(_) | Probe::Http(_) | Probe::Exec(_) | Probe::Bus(_) => LONG,
    }
}

/// A look that isn't over yet.
pub(crate) struct Attempts {
    /// When it is given up.
    pub(crate) give_up_at: Instant,
    /// How long it may take.
    pub(crate) limit: Duration,
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
    /// This child: its exit code, and what it tells here if that isn't 0.
    Child {
        pid: Pid,
        what: Box<str>,
        told: OwnedFd,
        /// It executes a program; what it tells is why that failed.
        program: bool,
    },
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

/// What a child that has ended found. What it told is why not.
pub(crate) fn from_child(what: &str, exit: Exit, told: &[u8]) -> Answer {
    match exit {
        Exit::Code(0) => Answer::Yes,
        Exit::Code(2) if !told.is_empty() => Answer::Nobody(String::from_utf8_lossy(told).into()),
        Exit::Code(_) if !told.is_empty() => no(&String::from_utf8_lossy(told)),
        Exit::Code(code) => no(&format!("{what}: exit {code}")),
        Exit::Signal(_) | Exit::OutOfMemory | Exit::Unknown => no(&format!("{what}: {exit}")),
    }
}

/// The answer of a look that took too long.
pub(crate) fn timed_out(step: &Step, limit: Duration) -> Answer {
    let limit = Span(limit);
    match step {
        Step::Connection { address, .. } => {
            no(&format!("connect {address}: no answer within {limit}"))
        }
        Step::Child { what, .. } => no(&format!("{what}: no answer within {limit}")),
    }
}

fn no(why: &str) -> Answer {
    Answer::No(why.into())
}
