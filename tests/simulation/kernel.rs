//! Fake processes, a fake clock, and faults. Carries out the core's orders and says what
//! happened then, as the loop would.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rinit::core::action::{Action, Question};
use rinit::core::apply::places::Places;
use rinit::core::event::{Answer, Event, SpawnFailure};
use rinit::core::exit::Exit;
use rinit::core::id::{Pid, RunId, ServiceId};
use rinit::core::signal::Signal;
use rinit::core::spec::{NotifyAccess, Ready, Spec};
use rinit::core::system::System;
use rinit::core::time::{Instant, Now};

use crate::applying::{GONE, next_reading, renumbered};
use crate::random::Dice;
use crate::sockets::{Sockets, not_listening};

/// How bad the world is, in percent.
#[derive(Clone, Copy)]
pub(crate) struct Faults {
    pub(crate) fork_refused: u64,
    pub(crate) spawn_fails: u64,
    pub(crate) dies: u64,
    pub(crate) ignores_term: u64,
    pub(crate) commands_fail: u64,
    pub(crate) commands_hang: u64,
    /// Not even SIGKILL helps (a dead disk).
    pub(crate) immortal: u64,
    pub(crate) never_ready: u64,
    pub(crate) taken: u64,
    /// Its port is somebody else's.
    pub(crate) not_listening: u64,
    /// Each look at its health.
    pub(crate) sick: u64,
    pub(crate) oversleeps: u64,
    /// Standard output takes nothing.
    pub(crate) stdout_blocked: u64,
}

#[derive(Clone, Debug)]
struct Process {
    ignores_term: bool,
    immortal: bool,
    /// In the main process's group.
    in_group: bool,
    dying: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) service: ServiceId,
    /// `Spawn` was ordered and not refused.
    pub(crate) spawned: bool,
    /// It is a control process's.
    pub(crate) control: bool,
    main: Option<Process>,
    /// Its number among the others, where it was one of them.
    was: Option<u64>,
    others: BTreeMap<u64, Process>,
    ready_at: Instant,
    taken: bool,
    sick: bool,
    watched: bool,
    pub(crate) probes: u32,
    /// Somebody looks for its main process.
    looked_for: bool,
}

impl Run {
    pub(crate) fn main_lives(&self) -> bool {
        self.main.is_some()
    }

    pub(crate) fn anything_lives(&self) -> bool {
        self.main.is_some() || !self.others.is_empty()
    }
}

#[derive(Clone, Debug)]
enum Fact {
    Executed(RunId),
    MainDies(RunId, Exit),
    OtherDies(u64),
    Answers(RunId),
    /// The main process was looked for.
    Sought(RunId),
    Says(Event),
    /// Somebody sets the wall clock, by so many milliseconds.
    ClockSet(i64),
}

/// The world outside the core.
pub(crate) struct Kernel {
    pub(crate) now: Instant,
    /// How much of that time everything slept.
    pub(crate) slept: Duration,
    /// What the wall clock shows beyond the monotonic one, in milliseconds.
    pub(crate) wall: i64,
    pub(crate) runs: BTreeMap<RunId, Run>,
    pub(crate) exit: Option<u8>,
    pub(crate) sockets: Sockets,
    strays: BTreeMap<u64, Process>,
    strays_awaited: bool,
    /// Results of orders: told before anything else.
    results: VecDeque<Event>,
    facts: BTreeMap<(Instant, u64), Fact>,
    faults: Faults,
    dice: Dice,
    counter: u64,
    spec: Spec,
}

impl Kernel {
    pub(crate) fn new(spec: &Spec, faults: Faults, dice: Dice) -> Self {
        Self {
            now: Instant(1_000_000_000),
            slept: Duration::ZERO,
            // Two in the morning of March 29, 2026, in Berlin: summer is near.
            wall: 1_774_746_000_000 - 30_000,
            runs: BTreeMap::new(),
            exit: None,
            sockets: Sockets::default(),
            strays: BTreeMap::new(),
            strays_awaited: false,
            results: VecDeque::from([Event::Booted]),
            facts: BTreeMap::new(),
            faults,
            dice,
            counter: 0,
            spec: spec.clone(),
        }
    }

    pub(crate) fn clock(&self) -> Now {
        Now {
            at: self.now,
            wall: self.wall + (self.now.0 / 1_000_000) as i64,
        }
    }

    /// Something from outside, so much later.
    pub(crate) fn will_say(&mut self, after: Duration, event: Event) {
        self.later(after, Fact::Says(event));
    }

    /// The wall clock is set, so much later.
    pub(crate) fn will_set_the_clock(&mut self, after: Duration, by: i64) {
        self.later(after, Fact::ClockSet(by));
    }

    pub(crate) fn stray_count(&self) -> usize {
        self.strays.len()
    }

    /// The next event. `deadline` is what the core asked to be woken at.
    pub(crate) fn next(&mut self, deadline: Option<Instant>) -> Option<Event> {
        loop {
            if let Some(event) = self.results.pop_front() {
                self.sockets.happens(&event);
                return Some(event);
            }
            let fact = self.facts.first_key_value().map(|((at, _), _)| *at);
            let fact_first = match (fact, deadline) {
                (None, None) => return None,
                (Some(fact), Some(deadline)) => fact <= deadline.max(self.now),
                (fact, _) => fact.is_some(),
            };
            if !fact_first {
                let deadline = deadline.unwrap_or_default();
                if deadline > self.now && self.dice.percent(self.faults.oversleeps) {
                    return Some(self.oversleep(deadline));
                }
                // A turn is never on the dot.
                let late = Duration::from_micros(self.dice.roll(1_000));
                self.now = self.now.max(deadline).plus(late);
                return Some(Event::Woke);
            }
            if let Some(((at, _), fact)) = self.facts.pop_first() {
                self.now = self.now.max(at);
                if let Some(event) = self.happens(fact) {
                    return Some(event);
                }
            }
        }
    }

    /// Where the core doesn't seek any longer, the loop makes nothing of what a look finds.
    pub(crate) fn look_no_longer(&mut self, system: &System) {
        for (id, run) in &mut self.runs {
            run.looked_for &= system.seeks_main(*id);
        }
    }

    /// No event is under way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.results.is_empty()
    }

    /// A new configuration counts: services have other numbers.
    pub(crate) fn take_over(&mut self, places: &Places, spec: &Spec) {
        self.spec = spec.clone();
        self.sockets.take_over(places);
        for run in self.runs.values_mut() {
            run.service = places.of(run.service).unwrap_or(GONE);
        }
        let facts = std::mem::take(&mut self.facts);
        let moved = |(at, fact): ((Instant, u64), Fact)| {
            let fact = match fact {
                Fact::Says(event) => Fact::Says(renumbered(event, places)?),
                fact => fact,
            };
            Some((at, fact))
        };
        self.facts = facts.into_iter().filter_map(moved).collect();
    }

    /// Everything but the clock stood still.
    fn oversleep(&mut self, deadline: Instant) -> Event {
        let by = Duration::from_secs(2 + self.dice.roll(100));
        self.now = self.now.max(deadline).plus(by);
        self.slept += by;
        let facts = std::mem::take(&mut self.facts);
        let later = |((at, number), fact): ((Instant, u64), Fact)| ((at.plus(by), number), fact);
        self.facts = facts.into_iter().map(later).collect();
        self.results.push_back(Event::Woke);
        Event::Overslept { by }
    }

    fn later(&mut self, after: Duration, fact: Fact) {
        self.counter += 1;
        // What happens at the same moment happens in any order.
        let order = self.dice.roll(1 << 20) << 40 | self.counter;
        self.facts.insert((self.now.plus(after), order), fact);
    }

    fn happens(&mut self, fact: Fact) -> Option<Event> {
        match fact {
            Fact::Says(event) => match &event {
                Event::Ready { run }
                | Event::Status { run, .. }
                | Event::Reloading { run, .. }
                | Event::Stopping { run }
                | Event::Cause { run, .. }
                | Event::Pinged { run }
                | Event::Stuck { run }
                | Event::PingPeriod { run, .. }
                | Event::Extended { run, .. } => {
                    let lives = self.runs.get(run).is_some_and(Run::main_lives);
                    // A stale one may arrive all the same.
                    (lives || self.dice.percent(30)).then_some(event)
                }
                _ => self.sockets.happens(&event).then_some(event),
            },
            Fact::ClockSet(by) => {
                self.wall += by;
                Some(Event::ClockSet)
            }
            Fact::Executed(run) => self
                .runs
                .get(&run)
                .is_some_and(Run::main_lives)
                .then_some(Event::Executed { run }),
            Fact::MainDies(run, exit) => {
                let known = self.runs.get_mut(&run)?;
                known.main.take()?;
                if known.watched && known.others.is_empty() {
                    self.results.push_back(Event::TreeGone { run });
                }
                Some(Event::Exited { run, exit })
            }
            Fact::OtherDies(number) => {
                let became_main =
                    |(id, run): (&RunId, &Run)| (run.was == Some(number)).then_some(*id);
                if let Some(run) = self.runs.iter().find_map(became_main) {
                    return self.happens(Fact::MainDies(run, Exit::Code(0)));
                }
                if self.strays.remove(&number).is_some() {
                    let gone = self.strays.is_empty() && std::mem::take(&mut self.strays_awaited);
                    return gone.then_some(Event::StraysGone);
                }
                let (id, run) = self
                    .runs
                    .iter_mut()
                    .find(|(_, run)| run.others.contains_key(&number))
                    .map(|(id, run)| (*id, run))?;
                run.others.remove(&number);
                (run.watched && !run.anything_lives()).then_some(Event::TreeGone { run: id })
            }
            Fact::Sought(run) => self.sought(run),
            Fact::Answers(run) => {
                let known = self.runs.get_mut(&run)?;
                known.probes -= 1;
                let answers = if known.main_lives() {
                    known.ready_at <= self.now && !known.sick
                } else {
                    known.taken
                };
                let answer = if answers {
                    Answer::Yes
                } else {
                    Answer::No("connection refused".into())
                };
                Some(Event::Probed { run, answer })
            }
        }
    }

    pub(crate) fn carry_out(&mut self, action: &Action) {
        match action {
            Action::Spawn { service, run } => self.spawn(*service, *run),
            Action::SpawnControl {
                service, life, run, ..
            } => {
                self.run(*service, *life);
                self.spawn_control(*service, *run);
            }
            Action::Probe { service, run, of } => {
                let sick = *of == Question::Health && self.dice.percent(self.faults.sick);
                let taken = match of {
                    Question::Elsewhere => self.dice.percent(60),
                    Question::Readiness | Question::Health => self.dice.percent(self.faults.taken),
                    Question::MainProcess => false,
                };
                let known = self.run(*service, *run);
                known.probes += 1;
                known.looked_for |= *of == Question::MainProcess;
                known.taken = taken;
                known.sick = sick;
                let after = self.dice.moment().min(Duration::from_millis(300));
                let fact = match of {
                    Question::MainProcess => Fact::Sought(*run),
                    Question::Elsewhere | Question::Readiness | Question::Health => {
                        Fact::Answers(*run)
                    }
                };
                self.later(after, fact);
            }
            Action::Listen { service } => {
                let service = *service;
                let event = if self.dice.percent(self.faults.not_listening) {
                    not_listening(service)
                } else {
                    Event::Listening { service }
                };
                let after = self.dice.moment().min(Duration::from_millis(300));
                self.later(after, Fact::Says(event));
            }
            Action::AwaitConnection { service } => {
                // Some wait for ever.
                if self.dice.percent(80) {
                    let service = *service;
                    let after = self.dice.moment();
                    self.later(after, Fact::Says(Event::Connected { service }));
                }
            }
            Action::CloseSockets { .. } => {}
            Action::SignalMain {
                run,
                signal,
                to_group,
            } => {
                self.signal_main(*run, *signal);
                if *to_group {
                    self.signal_others(*run, *signal, true);
                }
            }
            Action::SignalTree { run, signal } => {
                self.signal_main(*run, *signal);
                self.signal_others(*run, *signal, false);
            }
            Action::WatchTree { run } => {
                if let Some(known) = self.runs.get_mut(run) {
                    known.watched = true;
                    if !known.anything_lives() {
                        self.results.push_back(Event::TreeGone { run: *run });
                    }
                }
            }
            Action::Forget { run } => {
                if let Some(known) = self.runs.remove(run) {
                    self.strays.extend(known.others);
                    // `kill-mode = "none"`: it runs on as anybody's.
                    if let Some(main) = known.main {
                        self.counter += 1;
                        let number = self.counter;
                        if main.dying {
                            let after = self.dice.moment();
                            self.later(after, Fact::OtherDies(number));
                        }
                        self.strays.insert(number, main);
                    }
                }
            }
            Action::ReadConfiguration { .. } => {
                let reading = next_reading(&self.spec, &mut self.dice);
                let after = self.dice.moment().min(Duration::from_secs(10));
                self.later(after, Fact::Says(Event::ConfigurationRead(reading)));
            }
            // It was told before (`take_over`).
            Action::TakeOver { .. } => {}
            Action::DropStored { .. }
            | Action::Stamp { .. }
            | Action::Forward { .. }
            | Action::Answered { .. }
            | Action::ToldOfWait { .. }
            | Action::Report(_) => {}
            Action::SignalStrays { signal } => {
                self.strays_awaited = true;
                let numbers: Vec<u64> = self.strays.keys().copied().collect();
                for number in numbers {
                    self.hit(number, *signal);
                }
                if self.strays.is_empty() {
                    self.strays_awaited = false;
                    self.results.push_back(Event::StraysGone);
                }
            }
            Action::DrainOutput { .. } => {
                if !self.dice.percent(self.faults.stdout_blocked) {
                    let after = self.dice.moment().min(Duration::from_millis(20));
                    self.later(after, Fact::Says(Event::OutputDrained));
                }
            }
            Action::Exit { code } => self.exit = Some(*code),
        }
    }

    fn run(&mut self, service: ServiceId, run: RunId) -> &mut Run {
        self.runs.entry(run).or_insert_with(|| Run {
            service,
            spawned: false,
            control: false,
            main: None,
            was: None,
            others: BTreeMap::new(),
            ready_at: Instant(u64::MAX),
            taken: false,
            sick: false,
            watched: false,
            probes: 0,
            looked_for: false,
        })
    }

    fn process(&mut self) -> Process {
        Process {
            ignores_term: self.dice.percent(self.faults.ignores_term),
            immortal: self.dice.percent(self.faults.immortal),
            in_group: self.dice.percent(60),
            dying: false,
        }
    }

    fn spawn_control(&mut self, service: ServiceId, run: RunId) {
        self.run(service, run).control = true;
        if !self.fork(service, run) {
            return;
        }
        if !self.dice.percent(self.faults.commands_hang) {
            let exit = if self.dice.percent(self.faults.commands_fail) {
                self.dice
                    .pick(&[Exit::Code(2), Exit::Code(255), Exit::Signal(Signal::KILL)])
            } else {
                Exit::Code(0)
            };
            let after = self.dice.moment();
            self.later(after, Fact::MainDies(run, exit));
        }
    }

    fn spawn(&mut self, service: ServiceId, run: RunId) {
        if !self.fork(service, run) {
            return;
        }
        let ready_after = if self.dice.percent(self.faults.never_ready) {
            Duration::MAX
        } else {
            self.dice.moment()
        };
        let now = self.now;
        let known = self.run(service, run);
        known.ready_at = now.plus(ready_after);
        let told = matches!(
            self.spec.services[service.index()].ready,
            Ready::Notify | Ready::Fd(_) | Ready::Exec | Ready::Log(_)
        );
        if told && ready_after < Duration::MAX {
            self.later(ready_after, Fact::Says(Event::Ready { run }));
            let text = "warming up".into();
            self.later(ready_after / 2, Fact::Says(Event::Status { run, text }));
        }
        if self.spec.services[service.index()].notify_access() != NotifyAccess::None {
            for _ in 0..self.dice.roll(8) {
                let saying = self.saying(run);
                let after = self.dice.moment();
                self.later(after, Fact::Says(saying));
            }
        }
        if self.spec.services[service.index()].forking.is_some() {
            // Its first process is to end, and mostly does.
            if !self.dice.percent(self.faults.commands_hang) {
                let well = !self.dice.percent(self.faults.commands_fail);
                let after = self.dice.moment() + Duration::from_millis(50);
                self.later(after, Fact::MainDies(run, Exit::Code(u8::from(!well))));
            }
        } else if self.dice.percent(self.faults.dies) {
            let exit = self.dice.pick(&[
                Exit::Code(0),
                Exit::Code(0),
                Exit::Code(1),
                Exit::Code(3),
                Exit::Signal(Signal::KILL),
                Exit::OutOfMemory,
                Exit::Signal(Signal::TERM),
            ]);
            let after = self.dice.moment();
            self.later(after, Fact::MainDies(run, exit));
        }
    }

    /// A look at what the first process of a run has left.
    fn sought(&mut self, run: RunId) -> Option<Event> {
        let by_file = |run: &Run, spec: &Spec| {
            let forking = spec.services[run.service.index()].forking.as_ref();
            forking.is_some_and(|own| own.pid_file.is_some() && !own.by_script)
        };
        let there = self.dice.percent(70);
        let dies = self.dice.percent(self.faults.dies);
        let known = self.runs.get_mut(&run)?;
        known.probes -= 1;
        let wanted = std::mem::take(&mut known.looked_for);
        let by_file = known.service != GONE && by_file(known, &self.spec);
        let found = match known.others.pop_first() {
            Some((number, process)) if there && wanted => {
                (known.main, known.was) = (Some(process), Some(number));
                let pid = Pid(40_000);
                self.results.push_back(Event::MainPid { run, pid });
                true
            }
            other => {
                known.others.extend(other);
                false
            }
        };
        let answer = if found || !by_file {
            Answer::Yes
        } else {
            Answer::No("/run/x.pid: no such file or directory".into())
        };
        self.results.push_back(Event::Probed { run, answer });
        if found && dies {
            let exit = self.dice.pick(&[Exit::Code(0), Exit::Code(1)]);
            let after = self.dice.moment();
            self.later(after, Fact::MainDies(run, exit));
        }
        self.results.pop_front()
    }

    /// A process of a run's own, with some below it; whether there is one.
    fn fork(&mut self, service: ServiceId, run: RunId) -> bool {
        self.run(service, run);
        if self.dice.percent(self.faults.fork_refused) {
            self.results
                .push_back(Event::ForkRefused { run, errno: 11 });
            return false;
        }
        let pid = Pid(2 + self.dice.roll(30_000) as i32);
        self.results.push_back(Event::Spawned { run, pid });
        if self.dice.percent(self.faults.spawn_fails) {
            let failure = SpawnFailure {
                step: "exec nosuch".into(),
                errno: 2,
                reason: "no such file or directory".into(),
            };
            self.run(service, run).spawned = true;
            self.results.push_back(if self.dice.percent(30) {
                let what = "ConditionPathExists=/x doesn't hold".into();
                let assert = self.dice.percent(30);
                Event::Unmet { run, what, assert }
            } else {
                Event::SpawnFailed { run, failure }
            });
            return false;
        }
        let main = self.process();
        let mut others = BTreeMap::new();
        for _ in 0..self.dice.roll(3) {
            self.counter += 1;
            others.insert(self.counter, self.process());
        }
        let exec_after = self.dice.moment().min(Duration::from_millis(50));
        let known = self.run(service, run);
        known.spawned = true;
        known.main = Some(main);
        known.others = others;
        self.later(exec_after, Fact::Executed(run));
        let numbers: Vec<u64> = self.runs[&run].others.keys().copied().collect();
        for number in numbers {
            if self.dice.percent(20) {
                let after = self.dice.moment();
                self.later(after, Fact::OtherDies(number));
            }
        }
        true
    }

    /// Something of what `sd_notify(3)` knows beside being ready.
    fn saying(&mut self, run: RunId) -> Event {
        let time = self.dice.moment();
        match self.dice.roll(12) {
            0..=1 => Event::Reloading { run, stamp: None },
            2 => {
                // Of now, or of long ago.
                let stamp = Instant(self.now.0 * self.dice.roll(2));
                let stamp = Some(stamp);
                Event::Reloading { run, stamp }
            }
            3 => Event::Ready { run },
            4 => Event::Stopping { run },
            5 => Event::Cause {
                run,
                text: "errno 2: no such file or directory".into(),
            },
            6..=8 => Event::Pinged { run },
            9 => Event::PingPeriod { run, period: time },
            10 => Event::Extended { run, by: time },
            _ => Event::Stuck { run },
        }
    }

    fn signal_main(&mut self, run: RunId, signal: Signal) {
        let Some(known) = self.runs.get_mut(&run) else {
            return;
        };
        let spec = &self.spec.services[known.service.index()];
        let hears = spec.notify_access() != NotifyAccess::None;
        let Some(main) = known.main.as_mut() else {
            return;
        };
        if signal == Signal::HUP && hears && !self.dice.percent(self.faults.never_ready) {
            let stamp = Some(self.now);
            let after = self.dice.moment();
            self.later(after, Fact::Says(Event::Reloading { run, stamp }));
            let after = after + self.dice.moment();
            self.later(after, Fact::Says(Event::Ready { run }));
            return;
        }
        if dies_of(main, signal) {
            let exit = match self.dice.roll(4) {
                _ if signal == Signal::KILL => Exit::Signal(signal),
                0 => Exit::Code(0),
                1 => Exit::Code(128 + signal.number()),
                2 => Exit::Code(7),
                _ => Exit::Signal(signal),
            };
            let after = self.death_after(signal);
            self.later(after, Fact::MainDies(run, exit));
        }
    }

    fn signal_others(&mut self, run: RunId, signal: Signal, group_only: bool) {
        let Some(known) = self.runs.get(&run) else {
            return;
        };
        let reached = known.others.iter();
        let reached = reached.filter(|(_, process)| process.in_group || !group_only);
        let numbers: Vec<u64> = reached.map(|(number, _)| *number).collect();
        for number in numbers {
            self.hit(number, signal);
        }
    }

    fn hit(&mut self, number: u64, signal: Signal) {
        let in_runs = self.runs.values_mut();
        let process = self
            .strays
            .get_mut(&number)
            .or_else(|| in_runs.filter_map(|run| run.others.get_mut(&number)).next());
        if process.is_some_and(|process| dies_of(process, signal)) {
            let after = self.death_after(signal);
            self.later(after, Fact::OtherDies(number));
        }
    }

    fn death_after(&mut self, signal: Signal) -> Duration {
        if signal == Signal::KILL {
            Duration::from_micros(self.dice.roll(2_000))
        } else {
            self.dice.moment()
        }
    }
}

/// Whether this signal will be its end, and it isn't on its way already.
fn dies_of(process: &mut Process, signal: Signal) -> bool {
    let kill = signal == Signal::KILL;
    let ends = kill && !process.immortal
        || matches!(
            signal,
            Signal::TERM | Signal::INT | Signal::QUIT | Signal::ABRT
        ) && !process.ignores_term
            && !process.dying;
    process.dying |= ends;
    ends
}
