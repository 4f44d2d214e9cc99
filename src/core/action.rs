//! Orders to the loop, carried out in this order; results come back as events before
//! anything newly sensed.

use super::apply::places::Places;
use super::commands::{CommandId, ServiceResult};
use super::id::{RunId, ServiceId};
use super::report::Report;
use super::request::{Outcome, RequestId};
use super::signal::Signal;

/// What a probe is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// Whether what it needs from elsewhere is there: `wait-for`.
    Elsewhere,
    /// Which process is the main one, once the first has ended: `Probed`, after `MainPid`
    /// if it can be told.
    MainProcess,
    /// Whether it is ready: `ready`.
    Readiness,
    /// Whether it is well: `health`.
    Health,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start the service's program: `Spawned`, then `Executed`; or `ForkRefused`; or `SpawnFailed`.
    Spawn {
        /// Which.
        service: ServiceId,
        /// In which life.
        run: RunId,
    },
    /// Open the service's sockets: `Listening` or `NotListening`.
    Listen {
        /// Whose.
        service: ServiceId,
    },
    /// Say `Connected` once when somebody comes, or is there, at one of the service's
    /// sockets, or one of its paths is as it is to be.
    AwaitConnection {
        /// Whose.
        service: ServiceId,
    },
    /// Close the service's sockets and remove their files; no answer to an earlier order
    /// follows.
    CloseSockets {
        /// Whose.
        service: ServiceId,
    },
    /// Start a control process, in a run of its own that ends when nothing of it is left:
    /// its events are those of `Spawn`, and say `run`.
    SpawnControl {
        /// Whose.
        service: ServiceId,
        /// In which life.
        life: RunId,
        /// Its own number.
        run: RunId,
        /// What it executes.
        command: CommandId,
        /// What it is told of the end.
        result: Option<ServiceResult>,
    },
    /// Ask once: `Probed`. One question of a run at a time. May come before `Spawn`, to
    /// find out whether somebody else answers there.
    Probe {
        /// Which.
        service: ServiceId,
        /// In which life.
        run: RunId,
        /// What.
        of: Question,
    },
    /// To the main process, or to its process group. No error if it is gone.
    SignalMain {
        /// Whose.
        run: RunId,
        /// What.
        signal: Signal,
        /// To the group that the main process leads.
        to_group: bool,
    },
    /// To all that is there of the run's tree, the main process included.
    SignalTree {
        /// Whose.
        run: RunId,
        /// What.
        signal: Signal,
    },
    /// Say `TreeGone` once the main process and all of its tree have ended.
    WatchTree {
        /// Whose.
        run: RunId,
    },
    /// Keep on disk that its schedule's time came now.
    Stamp {
        /// Whose.
        service: ServiceId,
    },
    /// No run of it will come for the descriptors that it left: close them.
    DropStored {
        /// Whose.
        service: ServiceId,
    },
    /// The run is over for the core: forget its number; the rest is a stray.
    Forget {
        /// Whose.
        run: RunId,
    },
    /// rinit got a signal that is no request: pass it to `main`.
    Forward {
        /// Whose.
        run: RunId,
        /// What.
        signal: Signal,
    },
    /// Tell whoever asked.
    Answered {
        /// Which.
        request: RequestId,
        /// What became of it.
        outcome: Outcome,
    },
    /// Tell whoever asked for a configuration whose end that takes; the answer comes later.
    ToldOfWait {
        /// Which request.
        request: RequestId,
        /// The oneshots that run.
        services: Box<[ServiceId]>,
    },
    /// Tell people.
    Report(Report),
    /// Have the configuration read, by a child with a deadline: `ConfigurationRead`.
    ReadConfiguration {
        /// It is to take this one's place, so that what its units count on is made.
        applies: bool,
    },
    /// The new specification has taken the old one's place: every number that names a
    /// service is another one from now on, in orders and in events. What belongs to those
    /// that are no more goes.
    TakeOver {
        /// Which.
        places: Places,
    },
    /// A signal to every process that is neither a live run's nor a helper, and
    /// `StraysGone` once none is left. Again with a stronger signal if it takes too long.
    SignalStrays {
        /// What.
        signal: Signal,
    },
    /// Write out what the services wrote, then this line, to the termination log as well,
    /// then say `OutputDrained`.
    DrainOutput {
        /// The last line of all, without `rinit: ` and newline.
        epilogue: Box<str>,
        /// Whose bad end it was: its last lines of output stand before that line.
        culprit: Option<ServiceId>,
    },
    /// Leave.
    Exit {
        /// With this status.
        code: u8,
    },
}
