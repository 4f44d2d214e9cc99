//! What is left at the very end: orphans, shells of `exec`. As PID 1 that is everybody
//! but the helpers; elsewhere only what descends from us.

use std::time::Duration;

use crate::core::id::Pid;
use crate::core::signal::Signal;
use crate::core::sorted::{Map, Set};
use crate::core::time::Instant;
use crate::sys::procfs::{self, Stat};
use crate::sys::signal::{kill, kill_everyone};

const PAUSE: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// The hunt for strays.
#[derive(Default)]
pub(crate) struct Strays {
    /// What they get, in order: one that is found later gets all of it.
    signals: Vec<Signal>,
    /// How many of these each has got.
    sent: Map<Pid, usize>,
    look_at: Option<Instant>,
    pause: Duration,
}

impl Strays {
    /// Begins, or goes on with another signal.
    pub(crate) fn send(&mut self, signal: Signal, now: Instant) {
        self.signals.push(signal);
        self.look_at = Some(now);
        self.pause = PAUSE;
    }

    /// A child ended: perhaps the last.
    pub(crate) fn child_ended(&mut self, now: Instant) {
        if !self.signals.is_empty() {
            self.look_at = Some(now);
        }
    }

    /// When it is to be looked next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.look_at
    }

    /// Looks if that is due, and signals what stands; whether none is left.
    pub(crate) fn look(&mut self, now: Instant, pid1: bool, helpers: &Set<Pid>) -> bool {
        if self.look_at.is_none_or(|at| now < at) {
            return false;
        }
        let gone = match strays(pid1, helpers) {
            Some(strays) => {
                strays.iter().for_each(|pid| self.tell(*pid));
                strays.is_empty()
            }
            None => self.blind(pid1),
        };
        if gone {
            *self = Self::default();
        } else {
            self.look_at = Some(now.plus(self.pause));
            self.pause = self.pause.saturating_mul(2).clamp(PAUSE, PAUSE_MAX);
        }
        gone
    }

    fn tell(&mut self, pid: Pid) {
        let sent = self.sent.entry(pid).or_default();
        for signal in self.signals.iter().skip(*sent) {
            let _ = kill(pid, *signal);
        }
        *sent = self.signals.len();
    }

    /// Without /proc: everybody gets the gentle signals, to which helpers are deaf. The hard
    /// one would hit the logger before it has written everything; our own end kills all.
    fn blind(&mut self, pid1: bool) -> bool {
        let (hard, gentle): (Vec<Signal>, Vec<Signal>) = self
            .signals
            .iter()
            .partition(|signal| **signal == Signal::KILL);
        let sent = self.sent.entry(Pid(-1)).or_default();
        for signal in gentle.iter().skip(*sent).filter(|_| pid1) {
            let _ = kill_everyone(*signal);
        }
        *sent = gentle.len();
        !pid1 || !hard.is_empty()
    }
}

/// Everybody who is to go; `None` where there is no /proc to look into.
fn strays(pid1: bool, helpers: &Set<Pid>) -> Option<Vec<Pid>> {
    let own = Pid(nix::unistd::getpid().as_raw());
    procfs::all()?;
    let stats = procfs::stats();
    let below = if pid1 {
        Set::new()
    } else {
        procfs::with_descendants(&stats, [own])
    };
    let ours = |stat: &&Stat| pid1 || below.contains(&stat.pid);
    let alive = |stat: &&Stat| {
        !stat.zombie && stat.pid != own && !helpers.contains(&stat.pid) && !is_kernels(stat)
    };
    Some(
        stats
            .iter()
            .filter(ours)
            .filter(alive)
            .map(|stat| stat.pid)
            .collect(),
    )
}

/// A thread of the kernel, where rinit is PID 1 of a whole machine.
fn is_kernels(stat: &Stat) -> bool {
    const KTHREADD: i32 = 2;
    (stat.pid.0 == KTHREADD || stat.parent == KTHREADD) && stat.session == 0
}
