//! A service of which each connection has a process of its own (`Accept=yes`, as inetd did):
//! its main process is a fork that accepts, and starts one process a connection. They are
//! the service's, in its tree, and go with it; PID 1 knows only the process that accepts, so
//! no number of connections costs it anything.
//!
//! It reads nothing of what comes in. Each connection's process takes the full road by
//! itself: user, limits, environment and folder are its own.

use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::SigSet;
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{SockaddrStorage, getpeername};

use super::explain::explain;
use super::extras::Extras;
use super::full::{Full, Role};
use super::launch::Wires;
use super::passed::Passed;
use crate::core::connections::{Connections, Full as NoRoom, Peer};
use crate::core::exit::Exit;
use crate::core::listen::Accept;
use crate::core::signal::Signal;
use crate::sys::fork::fork;
use crate::sys::signal::{self, SignalSet};
use crate::sys::spawn::Failure;
use crate::sys::{fd, process, reap, socket};

/// What such a process is called.
const NAME: &std::ffi::CStr = c"rinit-accept";
/// The name of what is passed (`sd_listen_fds(3)`).
const CONNECTION: &str = "connection";
/// How long nothing is accepted where there is no descriptor or process for it, in ms.
const PAUSE: u16 = 200;
/// What its processes find stands below.
const OUT_OF_THE_WAY: i32 = 64;

/// The variables that rinit gives a process of the run, which finds these descriptors.
pub(super) type Variables<'a> = &'a dyn Fn(&Wires<'_>) -> Extras;

/// The life of the process that accepts. Gives its exit code.
pub(super) fn serve(full: &Full<'_>, accept: &Accept, variables: Variables<'_>) -> i32 {
    let _ = process::lead_session();
    process::set_name(NAME);
    signal::set_dispositions(SignalSet::EMPTY);
    let begun = full.enter().and_then(|()| full.prepare()).map(drop);
    if let Err(failure) = begun {
        // Whoever doesn't read this is gone.
        let _ = fd::write_all(full.report, &failure.encode());
        return 127;
    }
    let [_, _, told] = full.wires.standard;
    let Ok(told) = fd::duplicate_above(told, OUT_OF_THE_WAY) else {
        return 1;
    };
    let passed = full.wires.passed.iter().map(|passed| passed.fd);
    let keep: Vec<_> = full
        .wires
        .standard
        .iter()
        .map(AsRawFd::as_raw_fd)
        .chain(passed.map(|fd| fd.as_raw_fd()))
        .chain([told.as_raw_fd()])
        .collect();
    // PID 1 takes that for the exec: from here on it is active.
    fd::close_all_but(&keep);
    let door = Door {
        full,
        accept,
        variables,
        told,
    };
    door.keep()
}

struct Door<'a> {
    full: &'a Full<'a>,
    accept: &'a Accept,
    variables: Variables<'a>,
    /// Where it says what went wrong: the service's standard error.
    told: OwnedFd,
}

impl Door<'_> {
    fn keep(&self) -> i32 {
        let mut children = SigSet::empty();
        children.add(nix::sys::signal::Signal::SIGCHLD);
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let Ok(ended) = SignalFd::with_flags(&children, flags) else {
            return 1;
        };
        signal::set_mask(SignalSet::EMPTY.with(Signal::CHLD));
        let sockets = self.full.spec.listen.iter();
        let sockets = sockets.flat_map(|listen| &listen.sockets);
        let listening: Vec<BorrowedFd<'_>> = sockets
            .zip(self.full.wires.passed)
            .filter(|(socket, _)| socket.kind.takes_connections())
            .map(|(_, passed)| passed.fd)
            .collect();
        listening.iter().for_each(fd::set_nonblocking);
        let mut connections = Connections::new(self.accept);
        let mut patience = PollTimeout::NONE;
        loop {
            while ended.read_signal().is_ok_and(|signal| signal.is_some()) {}
            while let Some((pid, exit)) = reap::next_ended() {
                if let Some(peer) = connections.left(pid) {
                    self.tell_of_end(peer, exit);
                }
            }
            let mut fds = vec![PollFd::new(ended.as_fd(), PollFlags::POLLIN)];
            if patience.is_none() {
                let all = listening.iter();
                fds.extend(all.map(|fd| PollFd::new(*fd, PollFlags::POLLIN)));
            }
            // EINTR: nothing is lost by looking again.
            let _ = poll(&mut fds, patience);
            let ready = |fd: &PollFd<'_>| fd.any() == Some(true);
            let ready: Vec<bool> = fds.iter().skip(1).map(ready).collect();
            patience = PollTimeout::NONE;
            for (fd, _) in listening.iter().zip(ready).filter(|(_, ready)| *ready) {
                if !self.let_in(*fd, &mut connections) {
                    patience = PollTimeout::from(PAUSE);
                }
            }
        }
    }

    /// One connection; `false` where there is nothing to serve it with, and it waits.
    fn let_in(&self, listening: BorrowedFd<'_>, connections: &mut Connections) -> bool {
        let connection = match socket::accept(listening) {
            Ok(Some(connection)) => connection,
            Ok(None) => return true,
            Err(_) => return false,
        };
        let peer = peer(&connection);
        if let Err(full) = connections.admit(peer) {
            let limit = match full {
                NoRoom::All => self.accept.most,
                NoRoom::Source => self.accept.most_per_source,
            };
            self.tell(&format!(
                "{peer}: closed: {limit} connections are served already"
            ));
            return true;
        }
        match fork(|| self.become_one(&connection, peer)) {
            Ok(pid) => connections.came(pid, peer),
            Err(errno) => self.tell(&format!("{peer}: closed: no process: {errno}")),
        }
        true
    }

    /// The way to the program, in a process of its own.
    fn become_one(&self, connection: &OwnedFd, peer: Peer) -> i32 {
        // The program decides how it reads.
        fd::set_blocking(connection);
        let connection = connection.as_fd();
        let own = self.full.wires.standard;
        let streams = self.accept.streams;
        let is_it = [streams.input, streams.output, streams.error];
        let mut standard = own;
        for (stream, _) in standard.iter_mut().zip(is_it).filter(|(_, is_it)| *is_it) {
            *stream = connection;
        }
        let wires = Wires {
            standard,
            ready: None,
            notify: None,
            entrances: &[],
            is_tracked: false,
            cleared: None,
            passed: &[Passed {
                fd: connection,
                name: CONNECTION,
            }],
        };
        let mut extras = (self.variables)(&wires);
        if let Peer::Network(address) = peer {
            extras.add(format!("REMOTE_ADDR={}", address.ip()));
            extras.add(format!("REMOTE_PORT={}", address.port()));
        }
        let full = Full {
            role: Role::Main,
            spec: self.full.spec,
            base: self.full.base,
            extras: &extras,
            wires: &wires,
            first: false,
            is_main: true,
            limits: self.full.limits,
            ignored: self.full.ignored,
            place: self.full.place,
            report: self.told.as_fd(),
        };
        let failure: Failure = match full.prepare() {
            Ok(slot) => slot.try_program(),
            Err(failure) => failure,
        };
        let why = explain(self.full.spec, &failure);
        self.tell(&format!("{peer}: cannot {}: {}", why.step, why.reason));
        127
    }

    fn tell_of_end(&self, peer: Peer, exit: Exit) {
        let well = exit == Exit::Code(0) || self.full.spec.success.contains(&exit);
        if !well && exit != Exit::Code(127) {
            self.tell(&format!("{peer}: {exit}"));
        }
    }

    fn tell(&self, text: &str) {
        // A line at once, so that none is torn; nobody may be there to read it.
        let _ = fd::write_all(&self.told, format!("{text}\n").as_bytes());
    }
}

/// Who is at the other end. Over IPv6, IPv4 is itself.
fn peer(connection: &OwnedFd) -> Peer {
    let address = getpeername::<SockaddrStorage>(connection.as_raw_fd()).ok();
    let address = address.and_then(|address| {
        let four = address
            .as_sockaddr_in()
            .map(|a| SocketAddrV4::from(*a).into());
        four.or_else(|| {
            address
                .as_sockaddr_in6()
                .map(|a| SocketAddrV6::from(*a).into())
        })
    });
    match address {
        Some(address) => {
            let address: SocketAddr = address;
            Peer::Network(SocketAddr::new(address.ip().to_canonical(), address.port()))
        }
        None => Peer::Local(socket::peer(connection).map(|peer| peer.uid)),
    }
}
