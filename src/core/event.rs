//! Facts in the past, as the loop saw them. Each names the run that it belongs to, so
//! that a late one cannot touch the next run; the core ignores what is stale.

use std::time::Duration;

use super::apply::Reading;
use super::exit::Exit;
use super::id::{Pid, RunId, ServiceId};
use super::request::{RequestId, Verb};
use super::signal::Signal;
use super::time::Instant;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The system is complete; the first event of all.
    Booted,
    /// Time has passed; deadlines may be due.
    Woke,
    /// A turn came this much later than its deadline (docker pause, a VM's snapshot).
    /// Comes before the turn's other events; `Woke` follows at the turn's end.
    Overslept {
        /// By how much.
        by: Duration,
    },
    /// The wall clock was set; the time that comes along is the new one.
    ClockSet,
    /// A signal reached rinit.
    Signalled {
        /// Which.
        signal: Signal,
        /// For SIGHUP: rinit has a terminal and it is gone.
        hung_up: bool,
    },
    /// `Spawn` was carried out: the process exists, its program doesn't run yet.
    Spawned {
        /// Whose.
        run: RunId,
        /// The main process.
        pid: Pid,
    },
    /// The kernel had no process to give (EAGAIN, ENOMEM, EMFILE, ENFILE).
    ForkRefused {
        /// Whose.
        run: RunId,
        /// `errno`.
        errno: i32,
    },
    /// The program runs: exec succeeded.
    Executed {
        /// Whose.
        run: RunId,
    },
    /// A step before the exec, or the exec, failed; the process is gone. No `Exited` follows.
    SpawnFailed {
        /// Whose.
        run: RunId,
        /// Where and why.
        failure: SpawnFailure,
    },
    /// Before the exec it was found that it isn't to start; the process is gone. No `Exited`
    /// follows.
    Unmet {
        /// Whose.
        run: RunId,
        /// `ConditionPathExists=/x doesn't hold`.
        what: Box<str>,
        /// It is to fail then.
        assert: bool,
    },
    /// `Listen` was carried out: the service's sockets are open.
    Listening {
        /// Whose.
        service: ServiceId,
    },
    /// They could not be opened; none is.
    NotListening {
        /// Whose.
        service: ServiceId,
        /// Which, and why.
        failure: SpawnFailure,
    },
    /// Somebody came at a socket of this service; answers `AwaitConnection`.
    Connected {
        /// Whose.
        service: ServiceId,
    },
    /// The main process ended. At most once a run.
    Exited {
        /// Whose.
        run: RunId,
        /// How.
        exit: Exit,
    },
    /// Nothing of the run's tree is left; answers `WatchTree`, after `Exited` or `SpawnFailed`.
    TreeGone {
        /// Whose.
        run: RunId,
    },
    /// READY=1, or a newline on the readiness descriptor.
    Ready {
        /// Whose.
        run: RunId,
    },
    /// RELOADING=1.
    Reloading {
        /// Whose.
        run: RunId,
        /// When it said so, by its own words (MONOTONIC_USEC=).
        stamp: Option<Instant>,
    },
    /// STOPPING=1.
    Stopping {
        /// Whose.
        run: RunId,
    },
    /// ERRNO=, EXIT_STATUS= and the like: what it says of why it fails.
    Cause {
        /// Whose.
        run: RunId,
        /// In words, bounded by the loop.
        text: Box<str>,
    },
    /// WATCHDOG=1.
    Pinged {
        /// Whose.
        run: RunId,
    },
    /// WATCHDOG=trigger: it wants to be ended as one that is stuck.
    Stuck {
        /// Whose.
        run: RunId,
    },
    /// WATCHDOG_USEC=: it will say so as often from now on; zero is never again.
    PingPeriod {
        /// Whose.
        run: RunId,
        /// So often.
        period: Duration,
    },
    /// EXTEND_TIMEOUT_USEC=: it needs more time, and speaks again before that is over.
    Extended {
        /// Whose.
        run: RunId,
        /// From now.
        by: Duration,
    },
    /// STATUS=.
    Status {
        /// Whose.
        run: RunId,
        /// One line, bounded by the loop.
        text: Box<str>,
    },
    /// MAINPID=, or what was found of a service that forks: checked to be its own.
    MainPid {
        /// Whose.
        run: RunId,
        /// The new main process.
        pid: Pid,
    },
    /// The answer to `Probe`.
    Probed {
        /// Whose.
        run: RunId,
        /// What it said.
        answer: Answer,
    },
    /// Somebody asks for something by hand; `Answered` follows, once, at some time.
    Requested {
        /// Its number, never used before.
        request: RequestId,
        /// What.
        verb: Verb,
        /// Of whom.
        services: Box<[ServiceId]>,
    },
    /// Whoever asked doesn't wait for the answer any more.
    Withdrawn {
        /// Which.
        request: RequestId,
    },
    /// The configuration was read; answers `ReadConfiguration`.
    ConfigurationRead(Reading),
    /// No other event and no order is under way (`System::wants_quiet`).
    Quiet,
    /// Nothing but rinit's helpers is left; answers `SignalStrays`.
    StraysGone,
    /// All output is written, and the termination log; answers `DrainOutput`.
    OutputDrained,
}

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It answers.
    Yes,
    /// It doesn't, and why: `connect 127.0.0.1:6379: connection refused`.
    No(Box<str>),
    /// There is nobody to ask, and why: a service can't be kept waiting for that.
    Nobody(Box<str>),
}

/// Why a program does not run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpawnFailure {
    /// What was tried, with its object: `chdir /srv`, `exec redis-server`, `user redis`.
    pub step: Box<str>,
    /// `errno`; 0 where `step` says it all.
    pub errno: i32,
    /// The kernel's words for it: `no such file or directory`.
    pub reason: Box<str>,
}

impl SpawnFailure {
    /// The exit status that it gives (MEANING §6): ENOENT and ENOTDIR 127, all else 126; of
    /// credentials systemd's.
    #[must_use]
    pub fn code(&self) -> u8 {
        const ENOENT: i32 = 2;
        const ENOTDIR: i32 = 20;
        if self.step.starts_with("LoadCredential") {
            return 243;
        }
        if self.errno == ENOENT || self.errno == ENOTDIR {
            127
        } else {
            126
        }
    }
}
