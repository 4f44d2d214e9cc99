//! The supervisor's loop: wait, make events of what happened, give them to the core,
//! carry out its orders. One thread, one blocking call, no decisions.
//!
//! A turn takes signals, then what notify sockets and helpers say, then the ended
//! processes, then deadlines, then control; results of orders come before anything newly
//! sensed. The work of a turn is bounded for each descriptor.

mod accept;
mod act;
mod bind;
mod bus;
mod cgroups;
mod clearing;
mod configuration;
mod control_process;
mod credentials;
mod environment;
mod explain;
mod extras;
mod farewell;
mod folders;
mod full;
mod grouping;
mod hands;
mod hearing;
mod http;
mod in_context;
mod launch;
mod lines;
mod look;
mod main_process;
mod making;
mod marks;
mod memory_events;
mod mounts;
mod notification;
mod notify;
mod output;
mod own_lines;
mod passed;
mod paths;
mod preparation;
mod probe;
mod probing;
mod resolve;
mod runs;
mod sandbox;
mod scheduling;
mod sense;
mod sockets;
mod source;
mod stamps;
mod standard;
mod start;
mod store;
mod strays;
mod syslog;
mod tellings;
mod trees;
mod upward;
mod users;

use std::mem::ManuallyDrop;
use std::time::Duration;

use self::act::Results;
use self::hands::Hands;
use self::sense::Reaped;
use crate::control::Counts;
use crate::core::action::Action;
use crate::core::event::Event;
use crate::core::storm::{Change, Ended, Storm};
use crate::core::system::{System, Whole};
use crate::core::time::{Instant, Now};
use crate::maker::Maker;
use crate::sys::poll::Interest;
use crate::sys::{clock, memory};

pub(crate) use environment::Base;
pub(crate) use in_context::become_command;
pub use own_lines::begin as begin_log;
pub(crate) use source::Source;
pub use start::{MainOptions, Start, Surrounded, Trouble, pid1_supervises, prepare_process};

/// A turn that comes so much later than it should was not slow: time has jumped.
const OVERSLEPT: Duration = Duration::from_secs(1);

/// What is left to whoever is due when all have slept, at most.
const SPARED: Duration = Duration::from_secs(10);
/// How many ended processes a turn reaps.
const REAPED_PER_TURN: usize = 4096;

/// The core and its hands.
struct Supervisor {
    system: System,
    hands: Hands,
    actions: Vec<Action>,
    results: Results,
    more_to_reap: bool,
    storm: Storm,
    settled: bool,
    /// Who is due is spared no second time before.
    spared_until: Instant,
}

/// Supervises until the core says to leave; gives the exit status.
///
/// # Errors
/// Where the kernel refuses what rinit cannot do without; nothing was started then.
pub fn run(start: Start<'_>) -> Result<u8, Trouble> {
    // Where another init serves the machine, its folders and users are its own to make.
    let maker = (start.has_units && start.request.generators)
        .then(|| Maker::begin(&start.request.unit_root));
    let (system, mut hands) = start.prepare()?;
    if let Some(maker) = maker {
        hands.wait_for_maker(maker);
    }
    // Whoever waits for the end of all waits for no piece of memory to be given back.
    let mut supervisor = ManuallyDrop::new(Supervisor {
        system,
        hands,
        actions: Vec::new(),
        results: Results::new(),
        more_to_reap: false,
        storm: Storm::default(),
        settled: false,
        spared_until: Instant::default(),
    });
    Ok(supervisor.run())
}

impl Supervisor {
    fn run(&mut self) -> u8 {
        let now = clock::now();
        // Whoever is started first may ask at once.
        start::bind_control(&self.system, &mut self.hands);
        self.feed(Event::Booted, now);
        self.start_logger(now.at);
        self.hands.start_http(now.at);
        self.hands.start_syslog(now.at);
        self.hands.memory_events = memory_events::MemoryEvents::open(
            self.hands.cgroups.as_ref().and_then(|it| it.own_memory()),
        );
        let mut ready = Vec::new();
        loop {
            if let Some(code) = self.hands.exit {
                self.hands.farewell.leave();
                if !self.hands.pid1 {
                    self.hands.outputs.end();
                }
                self.hands
                    .notify
                    .values()
                    .for_each(notify::NotifySocket::unlink);
                self.hands
                    .control
                    .iter()
                    .for_each(crate::control::Server::unlink);
                self.hands.cgroups.iter().for_each(cgroups::Cgroups::leave);
                self.hands.syslog.unlink();
                return code;
            }
            self.turn(&mut ready);
        }
    }

    fn turn(&mut self, ready: &mut Vec<Source>) {
        let quiet = self.system.wants_quiet();
        if quiet {
            // Between two turns: nothing that was sensed names a service.
            self.feed(Event::Quiet, clock::now());
            self.settled = false;
        }
        let due = self.deadline();
        let began = clock::monotonic();
        let timeout = match (self.more_to_reap || quiet, due) {
            (true, _) => Some(Duration::ZERO),
            (false, _) if !self.hands.to_continue.is_empty() => Some(Duration::ZERO),
            (false, due) => due.map(|at| at.since(began)),
        };
        let timeout = timeout.into_iter().chain(self.storm.rest()).min();
        self.hands.poll.wait(timeout, ready);
        let now = clock::now();
        self.notice_a_jump(began, due, now);
        let mut events = Results::new();
        // Signals first: a service that ends because a stop request was sent to everybody
        // is no crash.
        let is_signals = |source: &Source| *source == Source::Signals;
        let others = ready.iter().filter(|source| !is_signals(source));
        for source in ready
            .iter()
            .filter(|source| is_signals(source))
            .chain(others)
        {
            self.hands.sense(&self.system, *source, now, &mut events);
            self.feed_all(&mut events, now);
        }
        self.reap(now);
        self.hands.continue_all();
        self.look_around(&mut events, now);
        self.feed_all(&mut events, now);
        if self.system.deadline().is_some_and(|at| at <= now.at) {
            self.feed(Event::Woke, now);
        }
        self.start_logger(now.at);
        self.hands.start_http(now.at);
        self.hands.start_syslog(now.at);
        if ready.contains(&Source::Http) {
            self.hands.serve_http(&self.system, now);
        }
        self.serve(ready, now);
        self.hands.launcher.trim();
        self.settle();
    }

    /// Once all is up, what only the start needed is given back.
    fn settle(&mut self) {
        if !self.settled && self.system.whole() != Whole::Starting {
            self.settled = true;
            self.actions = Vec::new();
            self.results = Results::new();
            self.system.give_back();
            memory::give_back_heap();
            memory::drop_unused_code();
        }
    }

    fn deadline(&self) -> Option<Instant> {
        [self.system.deadline(), self.hands.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// `docker pause`, a snapshot of a virtual machine.
    fn notice_a_jump(&mut self, began: Instant, due: Option<Instant>, now: Now) {
        let late = due.map(|at| now.at.since(at));
        if let Some((due, late)) = due.zip(late.filter(|late| *late > OVERSLEPT)) {
            // When it began, nobody knows. Whoever was due first has what was left to it when
            // the wait began, or all that ran out in the pause would be over at its end; but
            // not each time, or where every wait is late nothing would ever be due.
            let left = if now.at < self.spared_until {
                Duration::ZERO
            } else {
                due.since(began).min(SPARED)
            };
            self.spared_until = now.at.plus(SPARED * 2);
            let by = late + left;
            self.hands.postpone_probes(by);
            self.hands.listeners.postpone(by);
            self.hands.configuration.postpone(by);
            self.feed(Event::Overslept { by }, now);
        }
    }

    fn reap(&mut self, now: Now) {
        let mut events = Results::new();
        let mut ended = Ended::default();
        self.more_to_reap = true;
        for _ in 0..REAPED_PER_TURN {
            match self.hands.reap_next(&self.system, now, &mut events) {
                Some(Reaped::Ours) => ended.ours = true,
                Some(Reaped::Orphan) => ended.orphans = true,
                None => {
                    self.more_to_reap = false;
                    break;
                }
            }
            self.feed_all(&mut events, now);
        }
        if let Some(change) = self.storm.reaped(ended) {
            let interest = match change {
                Change::Rest => Interest::HangUp,
                Change::Watch => Interest::Read,
            };
            let children = self.hands.signals.children();
            // Refused, all that is lost is the rest.
            let _ = self.hands.poll.change(children, interest, Source::Children);
        }
    }

    /// What no descriptor tells.
    fn look_around(&mut self, events: &mut Results, now: Now) {
        let hands = &mut self.hands;
        hands.expire_probes(now, events);
        hands.expire_openings(&self.system, now, events);
        hands.expire_reading(now, events);
        let launcher = &hands.launcher;
        let invocation = |run| launcher.invocation(run);
        let (runs, helpers, poll) = (&hands.runs, &mut hands.helpers, &hands.poll);
        let gone = hands.trees.look(now.at, runs, helpers, poll, invocation);
        self.feed_all(events, now);
        // Many at the end of all: one after the other needs no room, and the last in a list
        // leaves nothing to move.
        for run in gone.into_iter().rev() {
            self.feed(Event::TreeGone { run }, now);
        }
        let hands = &mut self.hands;
        if hands.strays.look(now.at, hands.pid1, &hands.helpers) {
            events.push_back(Event::StraysGone);
        }
        if hands.finish_farewell(&self.system, now.at) {
            events.push_back(Event::OutputDrained);
        }
    }

    fn start_logger(&mut self, now: Instant) {
        let hands = &mut self.hands;
        let before = hands.outputs.outgrown();
        if let Some((socket, alarm)) = hands.outputs.start(now) {
            let _ = hands.poll.add(socket, Interest::Read, Source::Logger);
            // The same for all loggers, and most often watched already.
            let _ = alarm.map(|alarm| hands.poll.add(alarm, Interest::Read, Source::Logger));
            hands.helpers.extend(hands.outputs.logger());
        }
        // Who reads the old memory would never see what is written from now on.
        if hands.outputs.outgrown() != before {
            hands.tellings.end();
        }
    }

    /// Hears and answers clients; what they ask of the core is fed, and then all answers
    /// that this turn has brought are sent.
    fn serve(&mut self, ready: &[Source], now: Now) {
        let Some(server) = &mut self.hands.control else {
            return;
        };
        for source in ready {
            if *source == Source::Control {
                server.accept(&self.hands.poll, now.at);
            } else if let Source::Client(id) = source {
                server.serve(
                    *id,
                    &self.hands.poll,
                    &self.system,
                    &self.hands.history,
                    &Counts {
                        tally: &|id| self.hands.outputs.tally(id),
                        applies: self.hands.configuration.applies,
                    },
                    now,
                );
                let (tellings, outputs) = (&mut self.hands.tellings, &self.hands.outputs);
                let (system, helpers) = (&self.system, &mut self.hands.helpers);
                server.hand_over(*id, &self.hands.poll, now, |logs, client| {
                    helpers.insert(tellings.begin(logs, client, system, outputs)?);
                    Ok(())
                });
            }
        }
        self.hands.configuration.ask_for(server.take_units());
        let mut events = server.take_events().into();
        self.feed_all(&mut events, now);
        if let Some(server) = &mut self.hands.control {
            server.wake(&self.hands.poll, &self.system, &self.hands.history, now);
        }
    }

    /// Signals first, also those of which this turn's wait did not tell: a stop request that
    /// was sent before an end counts before it, and the kernel hands us a signal no later
    /// than the call by which we learn of the end.
    fn feed_all(&mut self, events: &mut Results, now: Now) {
        if self.hands.signals.waits() {
            let mut signals = Results::new();
            self.hands
                .sense(&self.system, Source::Signals, now, &mut signals);
            for signal in signals {
                self.feed(signal, now);
            }
        }
        while let Some(event) = events.pop_front() {
            self.feed(event, now);
        }
        self.hands.barriers.lift();
    }

    /// One fact, and all that its orders come to at once.
    fn feed(&mut self, event: Event, now: Now) {
        self.results.push_back(event);
        while let Some(event) = self.results.pop_front() {
            self.system.handle(event, now, &mut self.actions);
            for action in self.actions.drain(..) {
                self.hands.act(&self.system, action, now, &mut self.results);
            }
        }
    }
}
