//! From the first reason to end until rinit leaves.
//!
//! *Delay*: all runs on, nothing starts. *Services*: in reverse order, each when all that
//! comes after it has stopped; what is dead already passes its turn on. *Strays*: whatever
//! else runs. *Draining*: the output, and the last line. Three instants are fixed at the
//! start and never move: when everything left is killed, when the output is drained
//! whatever stands, and when rinit leaves.

mod grace;

use std::time::Duration;

use super::action::Action;
use super::exit::Exit;
use super::id::ServiceId;
use super::report::Report;
use super::signal::Signal;
use super::state::{State, Then};
use super::stop::KILL_PAUSE;
use super::system::{System, Work};
use super::time::Instant;

/// Kept of the timeout for SIGKILL and the last output.
const KEPT: Duration = Duration::from_millis(250);
/// Strays have this long between SIGTERM and SIGKILL.
const STRAYS_GRACE: Duration = Duration::from_secs(1);

/// Why rinit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// It was told to.
    Signal(Signal),
    /// An essential service has ended for good.
    Essential(ServiceId),
    /// A service is unhealthy, and that was to end all.
    Unhealthy(ServiceId),
    /// Nothing runs, and nothing will.
    NothingLeft,
    /// Somebody asked for it on the control socket.
    Request {
        /// What is reported where it would be 0.
        code: Option<u8>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Delay {
        until: Instant,
    },
    Services,
    Strays {
        next_at: Instant,
        /// The pause after the next SIGKILL.
        wait: Duration,
    },
    Draining {
        code: u8,
    },
    Gone,
}

/// A service's part in the order of stops.
#[derive(Clone, Debug, Default, Hash)]
struct Place {
    /// How many that come after it have not passed their turn on.
    dependants_left: usize,
    turned: bool,
    passed_on: bool,
    /// The sum of graces on the longest chain of stops that begins with it.
    chain: Duration,
}

/// A shutdown under way.
#[derive(Clone, Debug, Hash)]
pub(super) struct Shutdown {
    pub(super) cause: Cause,
    pub(super) begun: Instant,
    phase: Phase,
    timeout: Option<Duration>,
    kill_at: Option<Instant>,
    drain_at: Option<Instant>,
    leave_at: Option<Instant>,
    forced: bool,
    places: Vec<Place>,
    remaining: usize,
    /// How many services were stopped.
    pub(super) stopped: u32,
    /// Which of them had to be killed, and after how long.
    pub(super) killed: Vec<(ServiceId, Duration)>,
    /// What the ends of essential services make of the exit status.
    pub(super) essential_code: u8,
}

impl Shutdown {
    fn new(cause: Cause, begun: Instant, timeout: Option<Duration>, delay: Duration) -> Self {
        let kept = timeout.map_or(KEPT, |timeout| KEPT.min(timeout / 2));
        let before_end = |kept| Some(begun.plus(timeout?.saturating_sub(kept)));
        let kill_at = before_end(kept);
        let delay_end = begun.plus(delay);
        Self {
            cause,
            begun,
            phase: Phase::Delay {
                until: kill_at.map_or(delay_end, |kill_at| kill_at.min(delay_end)),
            },
            timeout,
            kill_at,
            drain_at: before_end(kept / 2),
            leave_at: before_end(Duration::ZERO),
            forced: false,
            places: Vec::new(),
            remaining: 0,
            stopped: 0,
            killed: Vec::new(),
            essential_code: 0,
        }
    }

    /// The last line is on its way: nothing may follow it.
    pub(super) const fn is_silent(&self) -> bool {
        matches!(self.phase, Phase::Draining { .. } | Phase::Gone)
    }

    pub(super) fn has_turned(&self, id: ServiceId) -> bool {
        self.places
            .get(id.index())
            .is_some_and(|place| place.turned)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Delay { until } => Some(until),
            Phase::Services if self.forced => self.drain_at,
            Phase::Services => self.kill_at,
            Phase::Strays { next_at, .. } => self.drain_at.into_iter().chain([next_at]).min(),
            Phase::Draining { .. } => self.leave_at,
            Phase::Gone => None,
        }
    }

    pub(super) fn note_killed(&mut self, id: ServiceId, after: Duration) {
        self.killed.push((id, after));
    }
    /// Until when a stop may be extended: what comes after it keeps its time.
    pub(super) fn extension_limit(&self, id: ServiceId, past: Duration) -> Option<Instant> {
        let place = self.places.get(id.index());
        let rest = place.map_or(Duration::ZERO, |place| place.chain.saturating_sub(past));
        Some(self.kill_at?.minus(rest))
    }
}

impl System {
    /// The end begins, unless it has already.
    pub(super) fn begin_shutdown(&mut self, cause: Cause) {
        if self.shutdown.is_some() {
            return;
        }
        let delay = match cause {
            Cause::Signal(_)
            | Cause::Essential(_)
            | Cause::Unhealthy(_)
            | Cause::Request { .. } => self.spec.init.shutdown_delay,
            Cause::NothingLeft => Duration::ZERO,
        };
        let timeout = self.spec.init.shutdown_timeout;
        self.reports.push(Report::Shutdown { cause });
        self.shutdown = Some(Shutdown::new(cause, self.now.at, timeout, delay));
        self.refuse_all();
        for id in self.ids() {
            let Some(service) = self.services.get_mut(id.index()) else {
                continue;
            };
            service.descent = None;
            let runs_on = match &mut service.state {
                State::Active { .. } => true,
                State::Starting(starting) => {
                    // It is stopped in its turn, ready or not.
                    starting.deadline = None;
                    starting.notice_at = None;
                    starting.stage.has_process()
                }
                State::Inactive(_)
                | State::Waiting(_)
                | State::Stopping(_)
                | State::Killing(_)
                | State::Backoff(_)
                | State::Exited { .. }
                | State::Failed { .. } => false,
            };
            self.reindex(id);
            if !runs_on {
                self.stop(id, Then::Stopped);
            }
        }
        if delay.is_zero() {
            self.stop_services();
        }
    }

    fn stop_services(&mut self) {
        let mut places: Vec<Place> = Vec::with_capacity(self.services.len());
        places.resize_with(self.services.len(), Place::default);
        let Some(shutdown) = &mut self.shutdown else {
            return;
        };
        for id in self.graph.order() {
            let (Some(service), Some(spec)) = (
                self.services.get(id.index()),
                self.spec.services.get(id.index()),
            ) else {
                continue;
            };
            let alive = service.state.is_alive();
            let own = grace::whole(spec, shutdown.timeout);
            let chain = self
                .graph
                .needs(*id)
                .iter()
                .filter_map(|(need, _)| places.get(need.index()))
                .map(|place| place.chain)
                .max()
                .unwrap_or_default()
                .saturating_add(if alive { own } else { Duration::ZERO });
            shutdown.stopped = shutdown.stopped.saturating_add(u32::from(alive));
            if let Some(place) = places.get_mut(id.index()) {
                place.chain = chain;
                place.dependants_left = self.graph.dependants(*id).len();
            }
        }
        shutdown.phase = Phase::Services;
        shutdown.remaining = places.len();
        shutdown.places = places;
        for id in self.ids().rev() {
            if self.graph.dependants(id).is_empty() {
                self.push_work(Work::Turn(id));
            }
            let limit = self.grace(id).map(|grace| self.now.at.plus(grace));
            if let Some(service) = self.services.get_mut(id.index())
                && let Some(sweep) = &mut service.sweep
            {
                sweep.kill_at = sweep.kill_at.into_iter().chain(limit).min();
                self.reindex(id);
            }
        }
    }

    /// All that comes after it has stopped: so does it; or it has, and passes its turn on.
    pub(super) fn turn(&mut self, id: ServiceId) {
        let alive = self.state(id).is_some_and(State::is_alive);
        let Some(shutdown) = &mut self.shutdown else {
            return;
        };
        let Some(place) = shutdown.places.get_mut(id.index()) else {
            return;
        };
        if alive {
            if !place.turned {
                place.turned = true;
                self.stop(id, Then::Stopped);
            }
            return;
        }
        place.turned = true;
        if std::mem::replace(&mut place.passed_on, true) {
            return;
        }
        shutdown.remaining = shutdown.remaining.saturating_sub(1);
        for (need, _) in self.graph.needs(id).iter().rev() {
            if let Some(place) = shutdown.places.get_mut(need.index()) {
                place.dependants_left = place.dependants_left.saturating_sub(1);
                if place.dependants_left == 0 {
                    self.work.push_back(Work::Turn(*need));
                }
            }
        }
    }

    /// Nothing may take its time any more.
    pub(super) fn is_forced(&self) -> bool {
        self.shutdown
            .as_ref()
            .is_some_and(|shutdown| shutdown.forced)
    }

    /// It is time for SIGKILL, or past it.
    pub(super) fn is_out_of_time(&self) -> bool {
        let due = |shutdown: &Shutdown| shutdown.kill_at.is_some_and(|at| at <= self.now.at);
        self.is_forced() || self.shutdown.as_ref().is_some_and(due)
    }

    /// Everything gets SIGKILL.
    pub(super) fn force(&mut self) {
        let Some(shutdown) = &mut self.shutdown else {
            return;
        };
        if std::mem::replace(&mut shutdown.forced, true) {
            return;
        }
        match shutdown.phase {
            Phase::Delay { .. } => self.stop_services(),
            Phase::Strays { .. } => {
                self.signal_strays();
                return;
            }
            Phase::Services => {}
            Phase::Draining { .. } | Phase::Gone => return,
        }
        for id in self.ids().rev() {
            if let Some(State::Starting(_) | State::Active { .. }) = self.state(id) {
                self.stop(id, Then::Stopped);
            }
            self.kill(id);
            self.kill_at_last(id);
            if let Some(service) = self.services.get_mut(id.index())
                && let Some(sweep) = &mut service.sweep
            {
                sweep.kill_at = Some(self.now.at);
                self.due(id);
            }
        }
    }

    /// The next phase, if this one is over.
    pub(super) fn advance_shutdown(&mut self) {
        if let Some(shutdown) = &self.shutdown
            && shutdown.phase == Phase::Services
            && shutdown.remaining == 0
            && self.sweeps == 0
        {
            self.signal_strays();
        }
    }

    /// Asks strays to end; the second time, or when time is short, makes them.
    fn signal_strays(&mut self) {
        let now = self.now.at;
        let Some(shutdown) = &mut self.shutdown else {
            return;
        };
        let short = shutdown.forced || shutdown.kill_at.is_some_and(|at| at <= now);
        let (kill, pause) = match &shutdown.phase {
            Phase::Strays { wait, .. } => (true, *wait),
            Phase::Delay { .. } | Phase::Services => (short, KILL_PAUSE),
            Phase::Draining { .. } | Phase::Gone => return,
        };
        if kill {
            shutdown.phase = Phase::Strays {
                next_at: now.plus(pause),
                wait: pause.saturating_mul(2),
            };
            let signal = Signal::KILL;
            self.orders.push(Action::SignalStrays { signal });
            return;
        }
        let patience = now.plus(STRAYS_GRACE);
        shutdown.phase = Phase::Strays {
            next_at: shutdown.kill_at.map_or(patience, |at| at.min(patience)),
            wait: pause,
        };
        for signal in [Signal::TERM, Signal::CONT] {
            self.orders.push(Action::SignalStrays { signal });
        }
    }

    pub(super) fn strays_gone(&mut self) {
        if let Some(shutdown) = &self.shutdown
            && let Phase::Strays { .. } = shutdown.phase
        {
            self.drain();
        }
    }

    pub(super) fn output_drained(&mut self) {
        if let Some(shutdown) = &self.shutdown
            && let Phase::Draining { code } = shutdown.phase
        {
            self.leave(code);
        }
    }

    /// A deadline of the shutdown is due; or several, after a long sleep.
    pub(super) fn shutdown_due(&mut self) {
        let now = self.now.at;
        while let Some(shutdown) = &self.shutdown
            && shutdown.deadline().is_some_and(|at| at <= now)
        {
            let drain = shutdown.drain_at.is_some_and(|at| at <= now);
            match shutdown.phase {
                Phase::Delay { .. } => self.stop_services(),
                Phase::Services if !shutdown.forced => self.force(),
                Phase::Services => self.drain(),
                Phase::Strays { .. } if drain => self.drain(),
                Phase::Strays { .. } => self.signal_strays(),
                Phase::Draining { code } => self.leave(code),
                Phase::Gone => return,
            }
            self.settle();
        }
    }

    fn drain(&mut self) {
        let code = self.exit_code();
        let epilogue = self.epilogue(code);
        self.flush_reports();
        if let Some(shutdown) = &mut self.shutdown {
            shutdown.phase = Phase::Draining { code };
        }
        let culprit = self.culprit();
        self.orders.push(Action::DrainOutput { epilogue, culprit });
    }

    fn leave(&mut self, code: u8) {
        if let Some(shutdown) = &mut self.shutdown {
            shutdown.phase = Phase::Gone;
        }
        self.orders.push(Action::Exit { code });
    }

    /// A main process ended while it was being stopped, or just before it would have been.
    pub(super) fn note_stopped(&mut self, id: ServiceId, exit: Exit, by_force: bool) {
        let (Some(shutdown), Some(spec)) = (&mut self.shutdown, self.spec.services.get(id.index()))
        else {
            return;
        };
        if !spec.essential {
            return;
        }
        let ended_by = |signal: Signal| {
            let signal = Exit::Signal(signal);
            exit == signal || exit == Exit::Code(signal.code())
        };
        let asked = match shutdown.cause {
            Cause::Signal(signal) => ended_by(signal),
            Cause::Essential(_)
            | Cause::Unhealthy(_)
            | Cause::NothingLeft
            | Cause::Request { .. } => false,
        };
        let killed = by_force && exit == Exit::Signal(Signal::KILL);
        // Of one that was asked to end it is enough to know that it has.
        let is_gone = exit == Exit::Unknown;
        let in_order = spec.is_well(exit) || is_gone || ended_by(spec.stop.signal);
        if killed {
            shutdown.essential_code = Exit::Signal(Signal::KILL).code();
        } else if !in_order && !asked && shutdown.essential_code == 0 {
            shutdown.essential_code = exit.code();
        }
    }
}
