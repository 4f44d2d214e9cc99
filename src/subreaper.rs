//! A small process between PID 1 and a service, under which all of the service stays:
//! whatever its processes do, their orphans come here and not to PID 1. So the tree is
//! known exactly, and gone when there are no children left.
//!
//! It promises: the main process's status reaches PID 1 before it is reaped here, so it
//! is lost on neither road if this process is killed in between. PID 1 may not listen
//! any more (the run was forgotten); then it goes on reaping in silence.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::SigSet;
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::core::exit::Exit;
use crate::core::id::Pid;
use crate::core::signal::Signal;
use crate::core::sorted::Set;
use crate::sys::fork::fork;
use crate::sys::reap::{self, Ended};
use crate::sys::signal::{kill, kill_group, kill_group_of, process_exists};
use crate::sys::{fd, process, procfs, socket};

/// What such a process is called.
pub const NAME: &CStr = c"rinit-subreaper";

/// What PID 1 asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// A signal to the main process.
    Main(Signal),
    /// A signal to the main process's group.
    Group(Signal),
    /// A signal to all that is below.
    Tree(Signal),
    /// Another process is the main one from now on.
    Watch(Pid),
}

/// What PID 1 is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// The main process.
    Main(Pid),
    /// The kernel gave no process, and why.
    Refused(i32),
    /// A process ended that was the main one here; which, since PID 1 may have heard of
    /// another meanwhile.
    Exited(Pid, Exit),
    /// Nothing is left below.
    Gone,
}

/// How often the tree is looked through for one order.
const LOOKS: usize = 32;

/// The length of every message.
pub const LENGTH: usize = 9;

/// A tag, a number, and the process that it is about, if any.
type Wire = [u8; LENGTH];

fn wire(tag: u8, number: i32, pid: Pid) -> Wire {
    let [a, b, c, d] = number.to_ne_bytes();
    let [e, f, g, h] = pid.0.to_ne_bytes();
    [tag, a, b, c, d, e, f, g, h]
}

fn unwire(bytes: &[u8]) -> Option<(u8, i32, Pid)> {
    let [tag, a, b, c, d, e, f, g, h] = *bytes.first_chunk::<LENGTH>()?;
    let pid = Pid(i32::from_ne_bytes([e, f, g, h]));
    Some((tag, i32::from_ne_bytes([a, b, c, d]), pid))
}

impl Order {
    /// For the socket.
    #[must_use]
    pub fn encode(self) -> Wire {
        let (tag, signal) = match self {
            Self::Main(signal) => (1, signal),
            Self::Group(signal) => (2, signal),
            Self::Tree(signal) => (3, signal),
            Self::Watch(pid) => return wire(4, 0, pid),
        };
        wire(tag, i32::from(signal.number()), Pid(0))
    }

    /// Out of the socket.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (tag, number, pid) = unwire(bytes)?;
        match tag {
            1 => Signal::new(number).map(Self::Main),
            2 => Signal::new(number).map(Self::Group),
            3 => Signal::new(number).map(Self::Tree),
            4 => Some(Self::Watch(pid)),
            _ => None,
        }
    }
}

impl Report {
    /// For the socket.
    #[must_use]
    pub fn encode(self) -> Wire {
        match self {
            Self::Main(pid) => wire(1, 0, pid),
            Self::Refused(errno) => wire(2, errno, Pid(0)),
            Self::Exited(pid, Exit::Unknown) => wire(6, 0, pid),
            Self::Exited(pid, exit) => match exit.signal() {
                None => wire(3, i32::from(exit.code()), pid),
                Some(signal) => wire(4, i32::from(signal.number()), pid),
            },
            Self::Gone => wire(5, 0, Pid(0)),
        }
    }

    /// Out of the socket.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (tag, number, pid) = unwire(bytes)?;
        match tag {
            1 => Some(Self::Main(pid)),
            2 => Some(Self::Refused(number)),
            3 => Some(Self::Exited(pid, Exit::Code(u8::try_from(number).ok()?))),
            4 => Some(Self::Exited(pid, Exit::Signal(Signal::new(number)?))),
            5 => Some(Self::Gone),
            6 => Some(Self::Exited(pid, Exit::Unknown)),
            _ => None,
        }
    }
}

/// The subreaper's life, in a fork with every signal blocked. `body` is the main process's
/// way to its program. Gives the exit code.
pub fn run(socket: &OwnedFd, body: impl FnOnce() -> i32) -> i32 {
    // Where the kernel has none (gVisor), orphans go to PID 1 and are strays.
    let _ = process::become_subreaper();
    let mut keeper = Keeper {
        socket: Some(socket.as_fd()),
        main: None,
        leader: None,
    };
    // PID 1 knows it before it is more than a fork, even if we die at once; and if nobody
    // heard that, it will be nothing.
    let known = || socket::send_wait(socket, &Report::Main(process::own_pid()).encode());
    match fork(|| known().map_or(127, |()| body())) {
        Ok(pid) => {
            keeper.main = Some(pid);
            keeper.leader = Some(pid);
        }
        Err(errno) => {
            keeper.tell(Report::Refused(errno.0));
            return 1;
        }
    }
    // What tells of the exec, and what the service writes to, are the service's alone.
    fd::close_all_but(&[socket.as_raw_fd()]);
    keeper
        .main
        .into_iter()
        .for_each(|pid| keeper.tell(Report::Main(pid)));
    keeper.keep()
}

struct Keeper<'a> {
    socket: Option<BorrowedFd<'a>>,
    main: Option<Pid>,
    /// The first main process: its group may outlive it.
    leader: Option<Pid>,
}

impl Keeper<'_> {
    fn tell(&self, report: Report) {
        if let Some(socket) = self.socket {
            // PID 1 always reads; one that is gone needs no report.
            let _ = socket::send_wait(socket, &report.encode());
        }
    }

    fn keep(&mut self) -> i32 {
        let mut children = SigSet::empty();
        children.add(nix::sys::signal::Signal::SIGCHLD);
        let Ok(ended) =
            SignalFd::with_flags(&children, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        else {
            return 1;
        };
        loop {
            while ended.read_signal().is_ok_and(|signal| signal.is_some()) {}
            if !self.reap() {
                self.tell(Report::Gone);
                return 0;
            }
            let mut fds = vec![PollFd::new(ended.as_fd(), PollFlags::POLLIN)];
            fds.extend(
                self.socket
                    .map(|socket| PollFd::new(socket, PollFlags::POLLIN)),
            );
            // EINTR: nothing is lost by looking again.
            let _ = poll(&mut fds, PollTimeout::NONE);
            self.obey();
        }
    }

    /// Reaps all that has ended; whether children are left.
    fn reap(&mut self) -> bool {
        loop {
            match reap::look() {
                Ended::Child(pid, exit) => {
                    // It may be the main process that PID 1 has just named.
                    self.obey();
                    if self.main == Some(pid) {
                        self.tell(Report::Exited(pid, exit));
                        self.main = None;
                    }
                    reap::take(pid);
                }
                Ended::Nothing => return true,
                Ended::NoChildren => return false,
            }
        }
    }

    fn obey(&mut self) {
        let Some(socket) = self.socket else { return };
        let mut buffer = [0u8; LENGTH];
        while let Some(count) = socket::receive_now(socket, &mut buffer) {
            if count == 0 {
                self.socket = None;
                return;
            }
            if let Some(order) = Order::decode(buffer.get(..count).unwrap_or_default()) {
                self.carry_out(order);
            }
        }
    }

    fn carry_out(&mut self, order: Order) {
        // Whoever is gone by now needs no signal.
        match order {
            Order::Main(signal) => drop(self.main.map(|pid| kill(pid, signal))),
            Order::Group(signal) => drop(self.main.map(|pid| kill_group_of(pid, signal))),
            Order::Tree(signal) => self.signal_tree(signal),
            Order::Watch(pid) => {
                self.main = Some(pid);
                // It may have ended, and been reaped, before anybody knew what it was.
                if !process_exists(pid) {
                    self.tell(Report::Exited(pid, Exit::Unknown));
                    self.main = None;
                }
            }
        }
    }

    /// To all below. Processes that were forked meanwhile are found by looking again; who
    /// forks without end is not to keep us from what PID 1 asks for next.
    fn signal_tree(&self, signal: Signal) {
        let mut sent = Set::new();
        for _ in 0..LOOKS {
            let below = descendants(process::own_pid());
            let new: Vec<Pid> = below.into_iter().filter(|pid| sent.insert(*pid)).collect();
            if new.is_empty() {
                break;
            }
            for pid in new {
                let _ = kill(pid, signal);
            }
        }
        if sent.is_empty() {
            // No /proc: what the first main process leads, or led, is all that can be reached.
            let _ = self.leader.map(|pid| kill_group(pid, signal));
        }
    }
}

/// All that descends from a process; zombies are not worth a signal.
fn descendants(root: Pid) -> Vec<Pid> {
    let stats = procfs::stats();
    let inside = procfs::with_descendants(&stats, [root]);
    let alive =
        |stat: &&procfs::Stat| !stat.zombie && stat.pid != root && inside.contains(&stat.pid);
    stats.iter().filter(alive).map(|stat| stat.pid).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_that_was_gone_before_it_was_named_nobody_knows_how_it_ended() {
        let (ours, theirs) = socket::message_pair().unwrap();
        let mut keeper = Keeper {
            socket: Some(theirs.as_fd()),
            main: None,
            leader: None,
        };
        let gone = fork(|| 0).unwrap();
        while process_exists(gone) {
            reap::take(gone);
        }
        keeper.carry_out(Order::Watch(gone));
        let mut buffer = [0u8; LENGTH];
        let count = socket::receive_now(&ours, &mut buffer);
        assert_eq!(count, Some(LENGTH));
        let report = Report::decode(&buffer);
        assert_eq!(report, Some(Report::Exited(gone, Exit::Unknown)));
    }

    #[test]
    fn every_message_comes_back_as_it_was_sent_and_rubbish_is_none() {
        for order in [
            Order::Main(Signal::TERM),
            Order::Group(Signal::HUP),
            Order::Tree(Signal::KILL),
            Order::Watch(Pid(7)),
        ] {
            assert_eq!(Order::decode(&order.encode()), Some(order));
        }
        let signal = Exit::Signal(Signal::KILL);
        let ended = [Exit::Code(0), Exit::Code(255), signal, Exit::Unknown]
            .map(|exit| Report::Exited(Pid(7), exit));
        for report in
            ended
                .into_iter()
                .chain([Report::Main(Pid(7)), Report::Refused(11), Report::Gone])
        {
            assert_eq!(Report::decode(&report.encode()), Some(report));
        }
        for bytes in [
            &[][..],
            &[1],
            &[9, 0, 0, 0, 0, 0, 0, 0, 0],
            &[4, 0, 0, 0, 0, 0, 0, 0, 0],
            &[3, 0, 1, 0, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(Report::decode(bytes), None);
        }
    }
}
