//! The kernel's side of the supervisor: everything that is not the core. `act` carries
//! out orders, `sense` makes events of what happens; neither decides anything.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use super::cgroups::Cgroups;
use super::clearing::Clearing;
use super::configuration::Configuration;
use super::farewell::Farewell;
use super::http::Http;
use super::launch::Launcher;
use super::memory_events::MemoryEvents;
use super::notify::{Barriers, Place, Sockets};
use super::output::Outputs;
use super::paths::Watchers;
use super::runs::Runs;
use super::sockets::Listeners;
use super::source::Source;
use super::stamps::Stamps;
use super::store::Stores;
use super::strays::Strays;
use super::syslog::Syslog;
use super::tellings::Tellings;
use super::trees::Trees;
use super::upward::Upward;
use crate::control::{History, Server};
use crate::core::id::{Pid, RunId};
use crate::core::sorted::{Map, Set};
use crate::core::time::Instant;
use crate::single::Rewrite;
use crate::sys::clock_change::ClockChange;
use crate::sys::fd::Standard;
use crate::sys::poll::Poll;
use crate::sys::signal_pipe::SignalPipe;

/// All that the supervisor holds of the kernel.
pub(crate) struct Hands {
    pub(crate) poll: Poll<Source>,
    pub(crate) signals: SignalPipe,
    pub(crate) launcher: Launcher,
    pub(crate) runs: Runs,
    /// Children of ours that belong to no service: never strays, never a tree's.
    pub(crate) helpers: Set<Pid>,
    /// Subreapers among them, while their run lives.
    pub(crate) keepers: Map<Pid, RunId>,
    /// Probing children among them.
    pub(crate) probes: Map<Pid, RunId>,
    pub(crate) probe_deadlines: Set<(Instant, RunId)>,
    pub(crate) notify_place: Place,
    pub(crate) notify: Sockets,
    pub(crate) barriers: Barriers,
    pub(crate) stores: Stores,
    pub(crate) outputs: Outputs,
    /// Who tells clients what services print.
    pub(crate) tellings: Tellings,
    pub(crate) trees: Trees,
    /// Where services get cgroups of their own.
    pub(crate) cgroups: Option<Cgroups>,
    pub(crate) strays: Strays,
    /// The latest spawns.
    pub(crate) launching: VecDeque<RunId>,
    pub(crate) farewell: Farewell,
    pub(crate) memory_events: MemoryEvents,
    pub(crate) upward: Upward,
    pub(crate) clearing: Clearing,
    pub(crate) stamps: Stamps,
    /// Of services that start because of a path.
    pub(crate) watchers: Watchers,
    pub(crate) configuration: Configuration,
    /// For the calendars, if there are any.
    pub(crate) clock_change: Option<ClockChange>,
    pub(crate) listeners: Listeners,
    /// What signals become on their way to `main`.
    pub(crate) rewrite: Rewrite,
    /// Runs that get SIGCONT once all others have their stop signal.
    pub(crate) to_continue: Vec<RunId>,
    pub(crate) control: Option<Server>,
    /// For those that ask it what has happened.
    pub(crate) history: History,
    pub(crate) http: Http,
    pub(crate) syslog: Syslog,
    pub(crate) null: OwnedFd,
    /// rinit is PID 1 of its namespace.
    pub(crate) pid1: bool,
    /// Which of the standard descriptors is a terminal.
    pub(crate) terminal: Option<Standard>,
    /// The core said: leave.
    pub(crate) exit: Option<u8>,
}

impl Hands {
    /// When something is due that the core doesn't know of.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let probe = self.probe_deadlines.first().map(|(at, _)| *at);
        let others = [
            self.outputs.deadline(),
            self.http.deadline(),
            self.syslog.deadline(),
            self.trees.deadline(),
            self.strays.deadline(),
            self.control.as_ref().and_then(Server::deadline),
            self.farewell.deadline(),
            self.listeners.deadline(),
            self.configuration.deadline(),
        ];
        others.into_iter().flatten().chain(probe).min()
    }
}
