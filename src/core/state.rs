//! Where a service stands.
//!
//! The machine in prose. A service that is enabled begins as *waiting*. When all that it
//! `requires` is ready and the first attempt of all that it otherwise comes after has
//! ended, a run is allocated. It is still *waiting* while what lives elsewhere is asked
//! for (`wait-for`), and then *starting*: what answers at its address already is
//! asked for, the process is spawned, the program executed, its readiness awaited. Then it
//! is *active*; a oneshot never is: it is starting until it has *exited*, but for one that
//! remains (`RemainAfterExit=`), which is *active* from then on, without a process. One that forks
//! is *starting* until its first process has ended and its main one is known (`forking`). Sockets are opened
//! before all that; a service on demand is *waiting* until somebody comes (`sockets`).
//!
//! A main process that ends by itself leads to *backoff* (it will be started again at a
//! known time, by way of *waiting* if a required one is not ready then), to *exited* (it
//! ended as it should) or to *failed*. The last two are final. What a service for good
//! ended leaves of its tree is swept beside these states, since nobody waits for it.
//!
//! An active service that says so is *reloading* until it says that it is ready again, and
//! so is one that is asked to by hand (`reload`); all that holds of an active one holds
//! then too. One that says that it stops is *stopping*,
//! without having been asked.
//!
//! A stop leads through *stopping* (the stop signal was sent; then, main gone, the rest of
//! the tree gets its SIGTERM) and, when the grace is over, *killing*, to what the stop was
//! for: `Then`. A service that has no process gets there at once.
//!
//! Commands around a service run within these states, one after the other, each in a run of
//! its own (`control_process`): before the spawn and after readiness it is *starting*,
//! before the stop signal and when all is gone *stopping*. With `exec-stop-post` an end that
//! nobody asked for leads through *stopping* as well; where a restart follows, what is left
//! of the tree is *killed* first.
//!
//! When a required service is no longer ready, its dependants stop and stand in *waiting*
//! until it is. When it has failed, so have they; when it has exited for good, they are
//! *inactive*. A stop by hand leads to *inactive* too, but takes down first those that
//! require the service, and they stand in *waiting*: it is still *active* then, with a
//! descent before it. In a shutdown everything ends as *inactive*, and nothing starts.
//!
//! One whose conditions don't hold when it is to start (Condition*=, `exec-condition`) has been
//! skipped and is *inactive*: that is no failure, and those that require it go on.
//!
//! A service with a schedule is *waiting* for its next time, *starting* while it runs, and
//! then *waiting* again, however it ended.

mod deadlines;

use std::time::Duration;

use super::exit::Exit;
use super::id::{Pid, RunId, ServiceId};
use super::readiness::Poll;
pub use super::reason::Reason;
use super::reload::Reload;
use super::said::Said;
use super::schedule::Appointment;
use super::time::Instant;

/// Where a service stands, with what is known there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Not wanted, or stopped.
    Inactive(Idle),
    /// For its dependencies, its next time, or its first connection.
    Waiting(Waiting),
    /// Spawned, not ready; or about to be spawned.
    Starting(Starting),
    /// Ready.
    Active {
        /// Its life.
        run: Run,
        /// Since when it is ready.
        since: Instant,
        /// It reloads what it was told, and goes on meanwhile.
        reload: Option<Reload>,
    },
    /// The stop signal was sent.
    Stopping(Stopping),
    /// The grace is over; SIGKILL was sent.
    Killing(Killing),
    /// It will be restarted at a known time.
    Backoff(Backoff),
    /// It ended as it should, for good.
    Exited {
        /// How.
        exit: Exit,
        /// How long it ran.
        after: Duration,
    },
    /// It will not be restarted.
    Failed {
        /// Why.
        reason: Reason,
        /// How long its last run took.
        after: Duration,
    },
}

/// A state's name alone: the words of documentation, output and control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the words of `State`")]
pub enum Standing {
    Inactive,
    Waiting,
    Starting,
    Active,
    Reloading,
    Stopping,
    Killing,
    Backoff,
    Exited,
    Failed,
}

/// Why a service is inactive.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Idle {
    /// `enabled = false`.
    Disabled,
    /// The shutdown stopped it, or kept it from starting; or its schedule is over.
    Stopped,
    /// A service that it requires has exited for good.
    DependencyEnded(ServiceId),
    /// Somebody stopped it, or what it is part of, or started what it conflicts with.
    ByHand,
    /// It had failed, and that was cleared by hand.
    Reset,
    /// It isn't to run here and now, and this is why.
    Skipped(Box<str>),
}

/// For its dependencies, its next time, or its first connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Waiting {
    /// It then starts without those that it only comes after: `main`'s patience.
    pub until: Option<Instant>,
    /// It waits only for what it requires: the others had their time.
    pub impatient: bool,
    /// It comes back after a dependency did, or by hand: no start for its counts.
    pub comeback: bool,
    /// It doesn't start before then, whatever else it waits for.
    pub appointment: Option<Appointment>,
    /// Somebody came to a service on demand: it starts once all is there.
    pub summoned: bool,
}

/// One life of a service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// The main process, once there is one.
    pub pid: Option<Pid>,
    /// It has ended as it should, and its service only remains (`RemainAfterExit=`).
    pub is_over: bool,
    /// When it began.
    pub since: Instant,
    /// What it says about itself (STATUS=).
    pub status: Option<Box<str>>,
    /// What else it has said, if anything.
    pub said: Option<Box<Said>>,
}

impl Run {
    /// One that begins now, of which nothing is known yet.
    #[must_use]
    pub const fn new(id: RunId, since: Instant) -> Self {
        Self {
            id,
            pid: None,
            is_over: false,
            since,
            status: None,
            said: None,
        }
    }
}

/// On the way to being ready. While its stage is `Elsewhere` the service is called waiting.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Starting {
    /// Its life.
    pub run: Run,
    /// How far it has come.
    pub stage: Stage,
    /// When its stage takes too long: the timeout of `wait-for`, then `start-timeout`.
    pub deadline: Option<Instant>,
    /// When people are told that it takes long; `None` once they were.
    pub notice_at: Option<Instant>,
    /// READY=1 came before the news that the program runs.
    pub ready_early: bool,
    /// Somebody else answers at its address: a yes counts only after a no.
    pub taken: bool,
    /// `exec-start-post` came before the main process was known.
    pub welcomed: bool,
    /// The pause after the last fork that the kernel refused.
    pub fork_pause: Duration,
    /// What the last probe, or the kernel, said.
    pub answer: Option<Box<str>>,
}

/// How far a start has come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Whether what it needs from elsewhere is there is being found out, again and again.
    Elsewhere {
        /// The probes.
        poll: Poll,
    },
    /// Its sockets are being opened.
    Opening,
    /// `exec-start-pre` runs.
    Before,
    /// Whether somebody else answers at its address is being found out.
    Probing,
    /// The kernel had no process to give.
    ForkRefused {
        /// When it is asked again.
        again_at: Instant,
        /// `errno`.
        errno: i32,
    },
    /// The spawn is ordered.
    Spawning,
    /// The process exists.
    Spawned,
    /// The program runs, and is to fork and end.
    Forking,
    /// It has; the main process is sought.
    Finding {
        /// The looks.
        poll: Poll,
        /// How the first ended: that is the run's end too if nothing else is left of it.
        first: Exit,
        /// Nothing is, and that it stays active nevertheless waits for the answer.
        gone: bool,
    },
    /// The program runs.
    Executed {
        /// The probes, where readiness is asked for; or the time, where that makes it ready.
        poll: Option<Poll>,
    },
    /// It is ready, or a oneshot has ended well: `exec-start-post` runs.
    After {
        /// How the oneshot ended.
        ended: Option<Exit>,
    },
}

/// On the way down, politely.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stopping {
    /// Its life.
    pub run: Run,
    /// The main process has ended; the rest of the tree is awaited.
    pub main_gone: bool,
    /// When the stop began.
    pub since: Instant,
    /// When the grace is over; `None` is never.
    pub kill_at: Option<Instant>,
    /// What comes after.
    pub then: Then,
}

/// On the way down, by force.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Killing {
    /// Its life.
    pub run: Run,
    /// The main process has ended; the rest of the tree is awaited.
    pub main_gone: bool,
    /// When SIGKILL is sent again: a tree may have forked meanwhile.
    pub again_at: Instant,
    /// The pause that ends then, doubled each time: a process that can't die costs nothing.
    pub wait: Duration,
    /// What comes after.
    pub then: Then,
}

/// What comes after a stop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Then {
    /// The end: a shutdown.
    Stopped,
    /// Rest, until somebody starts it again.
    ByHand,
    /// It waits for its dependencies.
    Waiting,
    /// What `restart` says about a failure.
    Failure(Reason),
    /// What `restart` says about its end: it stops by itself. How its main process ended,
    /// once it has.
    ByItself(Option<Exit>),
    /// It has failed, because of this one.
    DependencyFailed(ServiceId),
    /// It is inactive, because of this one.
    DependencyEnded(ServiceId),
}

impl Then {
    /// What two stops together lead to: the later one's aim, but by hand is by hand, and
    /// what was told to stop cannot fail at it.
    pub(crate) fn or_rather(self, later: Self) -> Self {
        match (self, later) {
            (_, Self::Stopped) => Self::Stopped,
            (Self::ByHand, _) => Self::ByHand,
            (Self::Waiting, Self::Failure(_)) => Self::Waiting,
            (
                Self::Stopped
                | Self::Waiting
                | Self::Failure(_)
                | Self::ByItself(_)
                | Self::DependencyFailed(_)
                | Self::DependencyEnded(_),
                later,
            ) => later,
        }
    }
}

/// It will be restarted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Backoff {
    /// When.
    pub until: Instant,
    /// How many restarts in a row this makes.
    pub attempt: u32,
    /// What is left of the last run's tree was killed; its end is awaited too.
    pub left: Option<RunId>,
    /// Why it is here.
    pub reason: Reason,
}

impl Standing {
    /// It neither runs nor will by itself.
    pub(super) const fn is_at_rest(self) -> bool {
        match self {
            Self::Inactive | Self::Exited | Self::Failed => true,
            Self::Waiting
            | Self::Starting
            | Self::Active
            | Self::Reloading
            | Self::Stopping
            | Self::Killing
            | Self::Backoff => false,
        }
    }

    /// Every one, in the machine's order.
    pub const ALL: [Self; 10] = [
        Self::Inactive,
        Self::Waiting,
        Self::Starting,
        Self::Active,
        Self::Reloading,
        Self::Stopping,
        Self::Killing,
        Self::Backoff,
        Self::Exited,
        Self::Failed,
    ];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Active => "active",
            Self::Reloading => "reloading",
            Self::Stopping => "stopping",
            Self::Killing => "killing",
            Self::Backoff => "backoff",
            Self::Exited => "exited",
            Self::Failed => "failed",
        }
    }
}

impl State {
    /// Its name alone.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        match self {
            Self::Inactive(_) => Standing::Inactive,
            Self::Waiting(_) => Standing::Waiting,
            Self::Starting(starting) => match starting.stage {
                Stage::Elsewhere { .. } => Standing::Waiting,
                Stage::Opening
                | Stage::Before
                | Stage::Probing
                | Stage::ForkRefused { .. }
                | Stage::Spawning
                | Stage::Spawned
                | Stage::Forking
                | Stage::Finding { .. }
                | Stage::Executed { .. }
                | Stage::After { .. } => Standing::Starting,
            },
            Self::Active { reload: None, .. } => Standing::Active,
            Self::Active {
                reload: Some(_), ..
            } => Standing::Reloading,
            Self::Stopping(_) => Standing::Stopping,
            Self::Killing(_) => Standing::Killing,
            Self::Backoff(_) => Standing::Backoff,
            Self::Exited { .. } => Standing::Exited,
            Self::Failed { .. } => Standing::Failed,
        }
    }

    /// The run that it is in, if any.
    #[must_use]
    pub const fn run(&self) -> Option<&Run> {
        match self {
            Self::Starting(Starting { run, .. })
            | Self::Active { run, .. }
            | Self::Stopping(Stopping { run, .. })
            | Self::Killing(Killing { run, .. }) => Some(run),
            Self::Inactive(_)
            | Self::Waiting(_)
            | Self::Backoff(_)
            | Self::Exited { .. }
            | Self::Failed { .. } => None,
        }
    }

    pub(crate) const fn run_mut(&mut self) -> Option<&mut Run> {
        match self {
            Self::Starting(Starting { run, .. })
            | Self::Active { run, .. }
            | Self::Stopping(Stopping { run, .. })
            | Self::Killing(Killing { run, .. }) => Some(run),
            Self::Inactive(_)
            | Self::Waiting(_)
            | Self::Backoff(_)
            | Self::Exited { .. }
            | Self::Failed { .. } => None,
        }
    }

    /// Its run is over, and it only remains, or stops.
    pub(crate) fn is_over(&self) -> bool {
        self.run().is_some_and(|run| run.is_over)
    }

    /// It waits for what lives elsewhere.
    pub(crate) const fn waits_elsewhere(&self) -> bool {
        match self {
            Self::Starting(starting) => matches!(starting.stage, Stage::Elsewhere { .. }),
            Self::Inactive(_)
            | Self::Waiting(_)
            | Self::Active { .. }
            | Self::Stopping(_)
            | Self::Killing(_)
            | Self::Backoff(_)
            | Self::Exited { .. }
            | Self::Failed { .. } => false,
        }
    }

    /// Something of it may be running: a shutdown has to wait for it.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        match self {
            Self::Starting(_) | Self::Active { .. } | Self::Stopping(_) | Self::Killing(_) => true,
            Self::Backoff(backoff) => backoff.left.is_some(),
            Self::Inactive(_) | Self::Waiting(_) | Self::Exited { .. } | Self::Failed { .. } => {
                false
            }
        }
    }
}
