//! All services together: the one entrance for facts.
//!
//! `handle` carries out a fact, then works through what follows from it (`Work`) until
//! nothing does.

use std::collections::VecDeque;
use std::time::Duration;

use super::action::Action;
use super::apply::Applying;
use super::asked::Pending;
use super::deadlines::Deadlines;
use super::event::Event;
use super::exit::Codes;
use super::graph::Graph;
use super::id::{RunId, ServiceId};
use super::record::Records;
use super::report::Report;
use super::request::{Outcome, RequestId};
use super::restart::Random;
use super::service::Service;
use super::shutdown::{Cause, Shutdown};
use super::sorted::{Map, Set};
use super::spec::{ServiceSpec, Spec};
use super::state::{Idle, Standing, State, Waiting};
use super::time::{Instant, Now};

/// `main` waits no longer than this for services that it merely comes after.
const MAIN_PATIENCE: Duration = Duration::from_secs(30);

/// What the core cannot see for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// rinit is PID 1 of its namespace.
    pub pid1: bool,
    /// rinit has a terminal: SIGWINCH is about its size, no request to stop.
    pub terminal: bool,
    /// Of the restart delays' jitter.
    pub seed: u64,
    /// `-e`: statuses that are reported as 0.
    pub as_zero: Codes,
}

/// How the whole is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whole {
    /// The first attempt of some service has not ended.
    Starting,
    /// All is as it should be.
    Running,
    /// Something failed, or is unhealthy.
    Degraded,
    /// A shutdown is under way.
    Stopping,
}

/// What follows from a change, carried out before the next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Something that it requires is no longer ready.
    Lost(ServiceId),
    /// What was to stop before it may have.
    Descend(ServiceId),
    /// Something that it requires (the second) will never be ready again.
    Doomed(ServiceId, ServiceId),
    /// What needed it may have gone.
    Unneeded(ServiceId),
    /// An essential service has ended for good.
    EssentialEnded(ServiceId),
    /// In a shutdown: all that had to stop before it has, or it has itself.
    Turn(ServiceId),
}

/// The supervisor's mind.
#[derive(Clone, Debug)]
pub struct System {
    pub(super) spec: Spec,
    pub(super) surroundings: Surroundings,
    pub(super) graph: Graph,
    pub(super) main: Option<ServiceId>,
    pub(super) services: Vec<Service>,
    pub(super) runs: Map<RunId, ServiceId>,
    pub(super) next_run: u64,
    pub(super) random: Random,
    pub(super) now: Now,
    pub(super) booted_at: Instant,
    /// Of services that must be swept though they have ended.
    pub(super) sweeps: u32,
    /// Whose sockets are opened before anything starts.
    pub(super) to_open: Set<ServiceId>,
    /// How many wait for what will come: their next time, or a connection.
    pub(super) dormant: u32,
    /// Of how many the run is over though they are active, or stop.
    pub(super) over: u32,
    /// How many run, but not well.
    pub(super) unhealthy: u32,
    /// How many were stopped by hand.
    pub(super) by_hand: u32,
    /// What was asked for, and isn't so yet.
    pub(super) requests: Map<RequestId, Pending>,
    pub(super) first_failed: Option<ServiceId>,
    pub(super) shutdown: Option<Shutdown>,
    pub(super) first_stop_signal: Option<Instant>,
    /// Orders in the making: first those that cannot wait, reports behind them.
    pub(super) orders: Vec<Action>,
    pub(super) reports: Vec<Report>,
    pub(super) work: VecDeque<Work>,
    /// Those that may be able to start, once all else that follows is done: nothing starts
    /// that would have to stop at once.
    pub(super) starts: VecDeque<ServiceId>,
    pub(super) deadlines: Deadlines,
    pub(super) tally: [u32; Standing::ALL.len()],
    /// How many wait for what lives elsewhere.
    pub(super) elsewhere: u32,
    pub(super) attempts_pending: u32,
    pub(super) records: Records,
    pub(super) apply: Applying,
    up_told: bool,
}

impl System {
    /// A system at rest; `Event::Booted` starts it.
    #[must_use]
    pub fn new(spec: Spec, surroundings: Surroundings) -> Self {
        let graph = Graph::new(&spec);
        let mut tally = [0_u32; Standing::ALL.len()];
        let mut attempts_pending = 0_u32;
        let mut dormant = 0_u32;
        let services: Vec<Service> = spec
            .services
            .iter()
            .map(|service| {
                let state = if service.enabled {
                    attempts_pending = attempts_pending.saturating_add(1);
                    dormant = dormant.saturating_add(u32::from(service.is_on_demand()));
                    State::Waiting(Waiting::default())
                } else {
                    State::Inactive(Idle::Disabled)
                };
                if let Some(count) = tally.get_mut(state.standing() as usize) {
                    *count = count.saturating_add(1);
                }
                Service::new(state)
            })
            .collect();
        let main = (0_u32..)
            .map(ServiceId)
            .zip(&spec.services)
            .find(|(_, service)| service.is_main && service.enabled);
        let main = main.map(|(id, _)| id);
        let mut system = Self {
            surroundings,
            graph,
            main,
            services,
            runs: Map::new(),
            next_run: 1,
            random: Random::new(surroundings.seed),
            now: Now::default(),
            booted_at: Instant::default(),
            sweeps: 0,
            to_open: Set::new(),
            dormant,
            over: 0,
            unhealthy: 0,
            by_hand: 0,
            requests: Map::new(),
            first_failed: None,
            shutdown: None,
            first_stop_signal: None,
            orders: Vec::new(),
            reports: Vec::new(),
            work: VecDeque::new(),
            starts: VecDeque::new(),
            deadlines: Deadlines::default(),
            tally,
            elsewhere: 0,
            attempts_pending,
            records: Records::new(&spec),
            apply: Applying::default(),
            up_told: false,
            spec,
        };
        system.recount_needs();
        system
    }

    /// Takes a fact and appends the orders that follow from it. `now` never goes back.
    pub fn handle(&mut self, event: Event, now: Now, actions: &mut Vec<Action>) {
        self.now = Now {
            at: now.at.max(self.now.at),
            wall: now.wall,
        };
        // Once the last line is on its way nothing counts but its arrival, or the time.
        if self.is_silent() && !matches!(event, Event::Woke | Event::OutputDrained) {
            if let Event::Requested { request, .. } = event {
                let outcome = Outcome::Stopping;
                actions.push(Action::Answered { request, outcome });
            }
            return;
        }
        match event {
            Event::Booted => self.boot(),
            Event::Woke => self.wake(),
            Event::Overslept { by } => {
                for id in self.ids() {
                    // In a shutdown every stop hangs on its deadline, which never moves.
                    if self.shutdown.is_none()
                        && let Some(service) = self.services.get_mut(id.index())
                    {
                        service.state.postpone(by);
                        service
                            .checks
                            .iter_mut()
                            .for_each(|checks| checks.postpone(by));
                        service
                            .controls
                            .iter_mut()
                            .for_each(|controls| controls.postpone(by));
                        self.reindex(id);
                    }
                }
            }
            Event::ClockSet => self.clock_set(),
            Event::Signalled { signal, hung_up } => self.signalled(signal, hung_up),
            Event::Spawned { run, pid } => self.spawned(run, pid),
            Event::ForkRefused { run, errno } => self.fork_refused(run, errno),
            Event::Executed { run } => self.executed(run),
            Event::SpawnFailed { run, failure } => self.spawn_failed(run, failure),
            Event::Unmet { run, what, assert } => self.unmet_condition(run, what, assert),
            Event::Listening { service } => self.listening(service),
            Event::NotListening { service, failure } => self.not_listening(service, failure),
            Event::Connected { service } => self.connected(service),
            Event::Exited { run, exit } => self.exited(run, exit),
            Event::TreeGone { run } => self.tree_gone(run),
            Event::Ready { run } => self.said_ready(run),
            Event::Reloading { run, stamp } => self.said_reloading(run, stamp),
            Event::Stopping { run } => self.said_stopping(run),
            Event::Cause { run, text } => self.said_cause(run, text),
            Event::Pinged { run } => self.said_ping(run),
            Event::Stuck { run } => self.said_stuck(run),
            Event::PingPeriod { run, period } => self.said_ping_period(run, period),
            Event::Extended { run, by } => self.said_extended(run, by),
            Event::Status { run, text } => self.said_status(run, text),
            Event::MainPid { run, pid } => self.said_main_pid(run, pid),
            Event::Probed { run, answer } => self.probed(run, answer),
            Event::Requested {
                request,
                verb,
                services,
            } => self.requested(request, verb, &services),
            Event::Withdrawn { request } => self.withdrawn(request),
            Event::ConfigurationRead(reading) => self.configuration_read(reading),
            Event::Quiet => self.turn_over(),
            Event::StraysGone => self.strays_gone(),
            Event::OutputDrained => self.output_drained(),
        }
        self.settle();
        self.flush_reports();
        if actions.is_empty() {
            // Those of a stop of all are many: copied, they would need as much room again.
            std::mem::swap(actions, &mut self.orders);
        } else {
            actions.append(&mut self.orders);
        }
    }

    /// When `Event::Woke` is due; `None` when there is nothing to wait for but events.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let shutdown = self.shutdown.as_ref().and_then(Shutdown::deadline);
        if self.is_silent() {
            return shutdown;
        }
        self.deadlines.first().into_iter().chain(shutdown).min()
    }

    /// What a service is meant to be.
    #[must_use]
    pub fn service(&self, id: ServiceId) -> Option<&ServiceSpec> {
        self.spec.services.get(id.index())
    }

    /// Where a service stands.
    #[must_use]
    pub fn state(&self, id: ServiceId) -> Option<&State> {
        self.services.get(id.index()).map(|service| &service.state)
    }

    /// Everything that was to be supervised.
    #[must_use]
    pub const fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Whose life this is, as long as the core knows it.
    #[must_use]
    pub fn service_of(&self, run: RunId) -> Option<ServiceId> {
        self.runs.get(&run).copied()
    }

    /// Gives back the room for orders that only a start needs: all services at one moment.
    pub fn give_back(&mut self) {
        self.orders = Vec::new();
        self.reports = Vec::new();
        self.work = VecDeque::new();
        self.starts = VecDeque::new();
    }

    /// How the whole is.
    #[must_use]
    pub fn whole(&self) -> Whole {
        if self.shutdown.is_some() {
            Whole::Stopping
        } else if self.attempts_pending > 0 {
            Whole::Starting
        } else if self.count(Standing::Failed) > 0 || self.unhealthy > 0 {
            Whole::Degraded
        } else {
            Whole::Running
        }
    }

    fn boot(&mut self) {
        self.booted_at = self.now.at;
        self.open_all();
        self.records.boot(&self.spec, self.now.at);
        for id in self.ids() {
            let is_main = self.service(id).is_some_and(|spec| spec.is_main);
            if let Some(service) = self.services.get_mut(id.index())
                && let State::Waiting(waiting) = &mut service.state
            {
                waiting.until = is_main.then(|| self.now.at.plus(MAIN_PATIENCE));
                self.reindex(id);
                if self.has_schedule(id) {
                    self.await_next_time(id);
                } else {
                    self.starts.push_back(id);
                }
            }
        }
    }

    fn wake(&mut self) {
        // Each service once: what a deadline brings is later than now, or follows next turn.
        for id in self.deadlines.due(self.now.at) {
            if !self.is_silent() {
                self.due(id);
                self.settle();
            }
        }
        self.shutdown_due();
    }

    /// Works off what follows, but for starts.
    fn follow(&mut self) {
        while let Some(work) = self.work.pop_front() {
            match work {
                Work::Lost(id) => self.lost(id),
                Work::Descend(id) => self.descend_now(id),
                Work::Doomed(id, by) => self.doomed(id, by),
                Work::Unneeded(id) => self.stop_unneeded(id),
                Work::EssentialEnded(id) => self.begin_shutdown(Cause::Essential(id)),
                Work::Turn(id) => self.turn(id),
            }
        }
    }

    /// Works off what follows until nothing does.
    pub(super) fn settle(&mut self) {
        loop {
            self.follow();
            while let Some(id) = self.starts.pop_front() {
                self.consider(id);
                self.follow();
            }
            self.tell_up();
            self.latch_startup();
            if self.nothing_left() {
                self.begin_shutdown(Cause::NothingLeft);
            }
            self.advance_shutdown();
            self.advance_leaving();
            if self.work.is_empty() && self.starts.is_empty() {
                break;
            }
        }
        self.advance_arrival();
    }

    fn nothing_left(&self) -> bool {
        self.shutdown.is_none()
            && !self.spec.init.keep_running
            && self.by_hand == 0
            && !self.is_leaving()
            && self.nothing_runs()
            && !self.awaits_a_sweep()
    }

    /// Somebody starts once what a service that it conflicts with has left is gone.
    fn awaits_a_sweep(&self) -> bool {
        let waits = |id: &ServiceId| {
            let service = self.services.get(id.index());
            service.is_some_and(|own| {
                own.unmet_requires == 0 && matches!(own.state, State::Waiting(_))
            })
        };
        self.sweeps > 0
            && self
                .ids()
                .any(|id| waits(&id) && self.rivals(id).next().is_some())
    }

    /// Nothing runs, and nothing will by itself.
    pub(super) fn nothing_runs(&self) -> bool {
        let left = [
            Standing::Starting,
            Standing::Reloading,
            Standing::Stopping,
            Standing::Killing,
            Standing::Backoff,
        ];
        self.elsewhere == 0
            && self.to_open.is_empty()
            && self.dormant == 0
            && left.into_iter().all(|standing| self.count(standing) == 0)
            // What only remains is as good as done.
            && self.count(Standing::Active) == self.over
    }

    fn tell_up(&mut self) {
        if self.up_told || self.attempts_pending > 0 || self.shutdown.is_some() {
            return;
        }
        self.up_told = true;
        self.reports.push(Report::Up {
            active: self
                .count(Standing::Active)
                .saturating_add(self.count(Standing::Reloading)),
            done: self.count(Standing::Exited),
            troubled: self
                .count(Standing::Failed)
                .saturating_add(self.count(Standing::Backoff)),
            after: self.now.at.since(self.booted_at),
        });
    }

    pub(super) fn push_work(&mut self, work: Work) {
        self.work.push_back(work);
    }

    /// Behind the orders; but nothing follows the last line of all.
    pub(super) fn flush_reports(&mut self) {
        if self.is_silent() {
            self.reports.clear();
        }
        let reports = self.reports.drain(..).map(Action::Report);
        self.orders.extend(reports);
    }

    pub(super) fn count(&self, standing: Standing) -> u32 {
        self.tally.get(standing as usize).copied().unwrap_or(0)
    }

    pub(super) fn ids(&self) -> impl DoubleEndedIterator<Item = ServiceId> + use<> {
        let count = u32::try_from(self.services.len()).unwrap_or(u32::MAX);
        (0..count).map(ServiceId)
    }

    fn is_silent(&self) -> bool {
        self.shutdown.as_ref().is_some_and(Shutdown::is_silent)
    }
}
