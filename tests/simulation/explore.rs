//! Every order of events for small systems, breadth first: whatever may happen next does,
//! in a copy of the world each. States that were seen before are not gone into again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::time::Duration;

use rinit::core::action::{Action, Question};
use rinit::core::apply::places::Places;
use rinit::core::calendar::{Calendar, Times, Zone};
use rinit::core::commands::{Commands, List};
use rinit::core::event::{Answer, Event, SpawnFailure};
use rinit::core::exit::Exit;
use rinit::core::id::{Pid, RunId, ServiceId};
use rinit::core::probe::{Health, OnUnhealthy, Probe, WaitFor};
use rinit::core::reload::{Reload, ReloadStage};
use rinit::core::request::Verb;
use rinit::core::schedule::{Schedule, When};
use rinit::core::signal::Signal;
use rinit::core::spec::{
    Forking, KillMode, Kind, Notify, Ready, RestartPolicy, ServiceSpec, Spec, StartLimit, Terms,
    Tracking,
};
use rinit::core::state::{Idle, Stage, Standing, State};
use rinit::core::system::{Surroundings, System, Whole};
use rinit::core::time::{Instant, Now};

use crate::applying::GONE;
use crate::asking::{Asking, moved};
use crate::changing::Changing;
use crate::random::{command, listen};
use crate::sockets::Sockets;

/// States gone into for each system: some seconds for all of them in a debug build.
const MOST_STATES: usize = 8_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Main {
    Ordered,
    Forked,
    Runs,
    Gone,
}

/// A run as the world sees it.
#[derive(Clone, Debug, Hash)]
struct Life {
    service: ServiceId,
    main: Main,
    probed: bool,
    /// What was asked is which process is the main one.
    sought: bool,
    watched: bool,
    asked_to_end: bool,
    control: bool,
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) system: System,
    now: Instant,
    lives: BTreeMap<RunId, Life>,
    strays_asked: bool,
    draining: bool,
    pub(crate) left: bool,
    signals: u8,
    /// What the wall clock shows beyond the monotonic one, and by how much it will be set.
    wall: i64,
    clock_sets: Vec<i64>,
    sockets: Sockets,
    forgotten: BTreeSet<RunId>,
    pub(crate) asking: Asking,
    /// Oneshots that did their work once.
    pub(crate) done: BTreeSet<ServiceId>,
    /// Those that others did without, and may until their next attempt has ended.
    skipped: BTreeSet<ServiceId>,
    pub(crate) changing: Changing,
    pub(crate) path: Path,
}

/// How it came to this; worlds that began alike share it.
#[derive(Clone, Default)]
pub(crate) struct Path(Option<Rc<(Event, Path)>>);

impl Path {
    fn push(&mut self, event: Event) {
        let before = std::mem::take(self);
        *self = Self(Some(Rc::new((event, before))));
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.0.as_ref();
        let back = std::iter::successors(last, |step| step.1.0.as_ref());
        let mut events: Vec<&Event> = back.map(|step| &step.0).collect();
        events.reverse();
        events.fmt(f)
    }
}

impl World {
    pub(crate) fn new(spec: Spec, asks: u8) -> Self {
        Self {
            asking: Asking::new(asks),
            done: BTreeSet::new(),
            skipped: BTreeSet::new(),
            system: System::new(spec, Surroundings::default()),
            now: Instant(1),
            lives: BTreeMap::new(),
            strays_asked: false,
            draining: false,
            left: false,
            signals: 0,
            wall: 1_774_746_000_000,
            clock_sets: Vec::new(),
            sockets: Sockets::default(),
            forgotten: BTreeSet::new(),
            changing: Changing::default(),
            path: Path::default(),
        }
    }

    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.asking.hash(&mut hasher);
        (self.system.fingerprint(), &self.lives).hash(&mut hasher);
        self.sockets.hash(&mut hasher);
        (self.strays_asked, self.draining, self.left, self.signals).hash(&mut hasher);
        (self.wall, &self.clock_sets, &self.changing).hash(&mut hasher);
        hasher.finish()
    }

    /// All that may happen next. Results of a spawn come before anything else.
    pub(crate) fn choices(&self) -> Vec<Event> {
        if self.path.0.is_none() {
            return vec![Event::Booted];
        }
        let mut all = Vec::new();
        let spec = self.system.spec();
        for (&run, life) in &self.lives {
            if life.main == Main::Ordered && !life.probed {
                let failure = SpawnFailure {
                    step: "exec x".into(),
                    errno: 2,
                    reason: "gone".into(),
                };
                return vec![
                    Event::Spawned { run, pid: Pid(7) },
                    Event::ForkRefused { run, errno: 11 },
                    Event::SpawnFailed { run, failure },
                    Event::Unmet {
                        run,
                        what: "".into(),
                        assert: false,
                    },
                ];
            }
        }
        for (&run, life) in &self.lives {
            match life.main {
                Main::Ordered => {}
                Main::Forked | Main::Runs if life.control => {}
                Main::Forked => all.push(Event::Executed { run }),
                Main::Runs => {
                    all.push(Event::Ready { run });
                    let service = &spec.services[life.service.index()];
                    if service.watchdog().is_some() {
                        all.extend(sayings(run));
                    } else if reloads(service) && service.ready == Ready::Notify {
                        let stamp = Some(self.now);
                        all.push(Event::Reloading { run, stamp });
                    }
                }
                Main::Gone if life.watched => all.push(Event::TreeGone { run }),
                // Something that it has left may still speak.
                Main::Gone if self.is_over(run) => {
                    let service = &spec.services[life.service.index()];
                    all.extend(service.watchdog().iter().flat_map(|_| sayings(run)));
                }
                Main::Gone => {}
            }
            if life.sought && life.probed && self.system.seeks_main(run) {
                all.push(Event::MainPid { run, pid: Pid(8) });
            }
            if life.probed {
                let no = Answer::No("refused".into());
                all.extend([Answer::Yes, no].map(|answer| Event::Probed { run, answer }));
            }
            if matches!(life.main, Main::Forked | Main::Runs) {
                let ways = [Exit::Code(0), Exit::Code(1), Exit::Signal(Signal::TERM)];
                let ways = if life.asked_to_end {
                    &ways[2..]
                } else {
                    &ways[..2]
                };
                all.extend(ways.iter().map(|&exit| Event::Exited { run, exit }));
            }
        }
        all.extend(self.sockets.choices());
        if self.system.deadline().is_some() {
            all.push(Event::Woke);
        }
        if !self.changing.alone {
            all.extend(self.asking.choices(self.system.spec()));
        }
        all.extend(self.changing.choices(&self.asking));
        all.extend(self.system.wants_quiet().then_some(Event::Quiet));
        if self.signals < self.asking.most_signals() {
            let signal = Signal::INT;
            let hung_up = false;
            all.push(Event::Signalled { signal, hung_up });
        }
        if !self.clock_sets.is_empty() {
            all.push(Event::ClockSet);
        }
        if self.strays_asked {
            all.push(Event::StraysGone);
        }
        if self.draining {
            all.push(Event::OutputDrained);
        }
        all
    }

    /// One of them happens.
    pub(crate) fn step(&mut self, event: Event) {
        match &event {
            Event::Requested {
                request,
                verb: Verb::Apply | Verb::Learn,
                ..
            } => self.asking.ask_for_all(*request),
            Event::Requested {
                request,
                verb,
                services,
            } => self
                .asking
                .ask(self.system.spec(), *request, *verb, services),
            Event::Woke => self.now = self.system.deadline().unwrap().max(self.now),
            Event::Signalled { .. } => self.signals += 1,
            Event::ClockSet => self.wall += self.clock_sets.remove(0),
            Event::Spawned { run, .. } => self.life(*run).main = Main::Forked,
            Event::Executed { run } => self.life(*run).main = Main::Runs,
            Event::MainPid { run, .. } => {
                let life = self.life(*run);
                (life.main, life.sought) = (Main::Runs, false);
            }
            Event::Exited { run, .. } => self.life(*run).main = Main::Gone,
            Event::SpawnFailed { run, .. }
            | Event::Unmet { run, .. }
            | Event::ForkRefused { run, .. } => {
                self.life(*run).main = Main::Gone;
            }
            Event::TreeGone { run } => {
                let life = self.life(*run);
                (life.watched, life.sought) = (false, false);
            }
            Event::Probed { run, .. } => self.life(*run).probed = false,
            Event::ConfigurationRead(reading) => self.changing.was_read(reading),
            Event::StraysGone => self.strays_asked = false,
            Event::OutputDrained => self.draining = false,
            _ => {}
        }
        assert!(self.sockets.happens(&event));
        let mut actions = Vec::new();
        let now = Now {
            at: self.now,
            wall: self.wall + (self.now.0 / 1_000_000) as i64,
        };
        self.path.push(event.clone());
        self.sockets.asked(self.system.spec(), &event);
        self.system.handle(event, now, &mut actions);
        if let Some(Action::TakeOver { places }) = actions.first() {
            self.take_over(places);
        }
        let leaves = actions.iter().any(|a| matches!(a, Action::Exit { .. }));
        for action in actions {
            let ordered = self.sockets.carry_out(self.system.spec(), &action);
            assert_eq!(ordered, Ok(()), "{:#?}", self.path);
            self.carry_out(action);
        }
        if leaves {
            self.asking.all_answered(&self.path);
        }
        self.check();
    }

    /// Services have other numbers now.
    fn take_over(&mut self, places: &Places) {
        for life in self.lives.values_mut() {
            life.service = places.of(life.service).unwrap_or(GONE);
        }
        self.sockets.take_over(places);
        self.asking.take_over(places);
        self.done = moved(&self.done, places);
        self.skipped = moved(&self.skipped, places);
        self.changing.took_over();
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Spawn { service, run } | Action::Probe { service, run, .. } => {
                let probe = matches!(action, Action::Probe { .. });
                let of = Question::MainProcess;
                let sought = action == Action::Probe { service, run, of };
                let lives = self.lives.values();
                let twin = lives
                    .filter(|life| life.service == service && !life.control)
                    .any(|life| matches!(life.main, Main::Forked | Main::Runs));
                let spec = &self.system.spec().services[service.index()];
                let exact = spec.tracking.is_exact() && spec.stop.kill_mode.ends_tree();
                let mut others = self.lives.iter().filter(|(other, _)| **other != run);
                let left = others.any(|(_, life)| life.service == service && life.watched);
                assert!(!(exact && left), "beside what was left: {:#?}", self.path);
                let life = self.lives.entry(run).or_insert(Life {
                    service,
                    main: Main::Gone,
                    probed: false,
                    sought: false,
                    watched: false,
                    asked_to_end: false,
                    control: false,
                });
                life.sought = sought;
                if probe {
                    assert!(!life.probed, "two probes: {:#?}", self.path);
                    life.probed = true;
                } else {
                    assert!(!twin, "two main processes: {:#?}", self.path);
                    life.main = Main::Ordered;
                }
            }
            Action::SpawnControl {
                service,
                life,
                run,
                command,
                ..
            } => {
                if command.list == List::Reload {
                    self.asking.reloaded(service);
                }
                let twins = self.lives.values().filter(|life| life.service == service);
                let busy = |life: &Life| life.main != Main::Gone || life.watched;
                let twin = twins.filter(|life| life.control).any(busy);
                assert!(!twin, "two control processes: {:#?}", self.path);
                for (run, control) in [(life, false), (run, true)] {
                    let life = self.lives.entry(run).or_insert(Life {
                        service,
                        main: Main::Gone,
                        probed: false,
                        sought: false,
                        watched: false,
                        asked_to_end: false,
                        control,
                    });
                    if control {
                        life.main = Main::Ordered;
                    }
                }
            }
            Action::SignalMain { run, signal, .. } | Action::SignalTree { run, signal } => {
                if signal == Signal::HUP {
                    let service = self.life(run).service;
                    self.asking.reloaded(service);
                } else if signal != Signal::CONT {
                    self.life(run).asked_to_end = true;
                }
            }
            Action::WatchTree { run } => self.life(run).watched = true,
            Action::Forget { run } => {
                let life = self.lives.remove(&run);
                let once = self.forgotten.insert(run);
                assert!(once, "forgotten twice: {:#?}", self.path);
                let alive = life.filter(|life| life.service != GONE).is_some_and(|life| {
                    let stop = &self.system.spec().services[life.service.index()].stop;
                    stop.kill_mode != KillMode::None
                        && matches!(life.main, Main::Forked | Main::Runs)
                });
                assert!(!alive, "forgotten alive: {:#?}", self.path);
            }
            Action::SignalStrays { .. } => self.strays_asked = true,
            Action::DrainOutput { .. } => {
                assert!(!self.draining, "two last lines: {:#?}", self.path);
                self.draining = true;
            }
            Action::Answered { request, outcome } => {
                self.asking.answered(request, &outcome, &self.path);
            }
            Action::Exit { .. } => self.left = true,
            Action::ReadConfiguration { .. } => self.changing.is_to_be_read(&self.path),
            // `sockets` has seen to them.
            Action::Listen { .. }
            | Action::AwaitConnection { .. }
            | Action::CloseSockets { .. }
            | Action::DropStored { .. }
            | Action::Stamp { .. }
            // It was told before.
            | Action::TakeOver { .. }
            | Action::Forward { .. }
            | Action::ToldOfWait { .. }
            | Action::Report(_) => {}
        }
    }

    /// All goes well, and nobody asks for anything more: as it is then, it stays.
    pub(crate) fn calm_down(&mut self) {
        for _ in 0..300 {
            if self.left || self.system.whole() == Whole::Stopping {
                return;
            }
            let well = |event: &Event| match event {
                Event::Requested { .. }
                | Event::Signalled { .. }
                | Event::ForkRefused { .. }
                | Event::SpawnFailed { .. }
                | Event::Unmet { .. }
                | Event::Stopping { .. }
                | Event::Pinged { .. }
                | Event::Stuck { .. }
                | Event::Extended { .. }
                | Event::Woke => false,
                Event::Ready { run } => self.is_waited_for(*run),
                Event::Reloading { run, .. } => self.is_to_reload(*run),
                Event::Exited { run, exit } => {
                    let life = &self.lives[run];
                    let kind = self.system.service(life.service).unwrap().kind;
                    let works = kind == Kind::Oneshot && life.main == Main::Runs;
                    let works = works || life.control && life.main == Main::Runs;
                    let works = works || self.forks(*run);
                    life.asked_to_end || works && *exit == Exit::Code(0)
                }
                Event::TreeGone { run } => self.lives[run].asked_to_end || !self.is_up(*run),
                _ => true,
            };
            let choices = self.choices();
            let woke = |event: &Event| *event == Event::Woke;
            let next = choices.iter().find(|event| well(event));
            let Some(next) = next.or_else(|| choices.iter().find(|event| woke(event))) else {
                return;
            };
            self.step(next.clone());
        }
        panic!("it doesn't calm down: {:#?}", self.path);
    }

    /// Its first process is to end.
    fn forks(&self, run: RunId) -> bool {
        let state = self.system.state(self.lives[&run].service);
        matches!(state, Some(State::Starting(s)) if s.run.id == run && s.stage == Stage::Forking)
    }

    /// It starts or runs, with a main process or without.
    fn is_up(&self, run: RunId) -> bool {
        let state = self.system.state(self.lives[&run].service).unwrap();
        let up = matches!(state, State::Starting(_) | State::Active { .. });
        up && state.run().is_some_and(|own| own.id == run)
    }

    /// Its service only remains active.
    fn is_over(&self, run: RunId) -> bool {
        let state = self.system.state(self.lives[&run].service).unwrap();
        matches!(state, State::Active { run: own, .. } if own.id == run && own.is_over)
    }

    /// READY=1 makes a difference to this run.
    fn is_waited_for(&self, run: RunId) -> bool {
        let service = self.lives[&run].service;
        let state = self.system.state(service).unwrap();
        let own = state.run().is_some_and(|own| own.id == run);
        let simple = self.system.service(service).unwrap().kind == Kind::Simple;
        let reloads = matches!(
            state,
            State::Active {
                reload: Some(Reload {
                    stage: ReloadStage::Told | ReloadStage::Commands { told: true },
                    ..
                }),
                ..
            }
        );
        own && simple && (reloads || state.standing() == Standing::Starting)
    }

    /// It got its signal, and is to say that it reloads.
    fn is_to_reload(&self, run: RunId) -> bool {
        let service = self.lives[&run].service;
        let signalled = |reload: &Reload| matches!(reload.stage, ReloadStage::Signalled { .. });
        match self.system.state(service).unwrap() {
            State::Active {
                run: own, reload, ..
            } => own.id == run && reload.as_ref().is_some_and(signalled),
            _ => false,
        }
    }

    fn life(&mut self, run: RunId) -> &mut Life {
        let path = &self.path;
        self.lives
            .get_mut(&run)
            .unwrap_or_else(|| panic!("{run:?} is unknown: {path:#?}"))
    }

    fn check(&mut self) {
        let audit = self.system.audit();
        assert_eq!(audit, Ok(()), "{:#?}", self.path);
        if self.left {
            return;
        }
        // Each live run stands in a state, and each state that speaks of a run has one.
        let spec = self.system.spec();
        for id in (0..spec.services.len() as u32).map(ServiceId) {
            let state = self.system.state(id).unwrap();
            let run = state.run().map(|run| run.id);
            let alive = |(_, life): &(&RunId, &Life)| {
                life.service == id
                    && !life.control
                    && matches!(life.main, Main::Forked | Main::Runs)
            };
            if let Some((known, _)) = self.lives.iter().find(alive) {
                assert_eq!(run, Some(*known), "{:#?}", self.path);
            }
            let opening = matches!(state, State::Starting(s) if s.stage == Stage::Opening);
            if let Some(run) = run.filter(|_| !opening) {
                assert!(self.lives.contains_key(&run), "{:#?}", self.path);
            }
            let service = &spec.services[id.index()];
            let skipped = matches!(state, State::Inactive(Idle::Skipped(_)));
            match state.standing() {
                _ if skipped => drop(self.skipped.insert(id)),
                Standing::Waiting | Standing::Starting => {}
                _ => drop(self.skipped.remove(&id)),
            }
            if service.kind == Kind::Oneshot && (skipped || state.standing() == Standing::Exited) {
                self.done.insert(id);
            }
            if let Some(ties) = &service.edges.ties
                && state.is_alive()
            {
                for other in &ties.conflicts {
                    let alive = self.system.state(*other).unwrap().is_alive();
                    assert!(!alive, "{id:?} runs beside its rival: {:#?}", self.path);
                }
            }
            if matches!(
                state.standing(),
                Standing::Starting | Standing::Active | Standing::Reloading
            ) {
                for id_of_need in service.edges.required() {
                    if !spec.services[id_of_need.index()].enabled
                        || !self.changing.keeps(spec, id, id_of_need)
                    {
                        continue;
                    }
                    let own = &spec.services[id_of_need.index()];
                    let on_demand = own.is_on_demand() && own.has_sockets();
                    let reachable = on_demand && self.sockets.is_open(id_of_need);
                    let need = self.system.state(id_of_need).unwrap();
                    let skipped = matches!(need, State::Inactive(Idle::Skipped(_)));
                    let need = need.standing();
                    let ready = reachable
                        || skipped
                        || matches!(
                            need,
                            Standing::Active | Standing::Reloading | Standing::Exited
                        )
                        || self.skipped.contains(&id_of_need)
                        || self.done.contains(&id_of_need) && own.stays_done();
                    let stopping = self.system.whole() == Whole::Stopping;
                    assert!(
                        ready || stopping,
                        "{id:?} runs without its own: {:#?}",
                        self.path
                    );
                }
            }
        }
        let waits_for_nothing = self.choices().is_empty();
        assert!(!waits_for_nothing, "stuck: {:#?}", self.path);
    }

    /// From here on all goes well: it has to come to an end.
    fn run_out(mut self) {
        for _ in 0..200 {
            if self.left {
                return;
            }
            let choices = self.choices();
            let well = |event: &&Event| match event {
                Event::ForkRefused { .. }
                | Event::SpawnFailed { .. }
                | Event::Unmet { .. }
                | Event::NotListening { .. }
                | Event::Woke => false,
                Event::Ready { .. }
                | Event::Requested { .. }
                | Event::Reloading { .. }
                | Event::Stopping { .. }
                | Event::Pinged { .. }
                | Event::Stuck { .. }
                | Event::Extended { .. } => false,
                Event::Exited { run, .. } => {
                    let life = &self.lives[run];
                    life.asked_to_end || life.control
                }
                _ => true,
            };
            let event = choices
                .iter()
                .find(well)
                .or_else(|| choices.iter().find(|event| matches!(event, Event::Woke)));
            let event = event.or(choices.first()).unwrap().clone();
            self.step(event);
        }
        panic!("it doesn't end: {:#?}", self.path);
    }
}

pub(crate) fn reloads(spec: &ServiceSpec) -> bool {
    let commands = spec.commands.as_ref();
    spec.reload_signal.is_some() || commands.is_some_and(|it| !it.reload.is_empty())
}

/// What a service may say beside being ready.
fn sayings(run: RunId) -> [Event; 5] {
    let by = Duration::from_secs(40);
    [
        Event::Reloading { run, stamp: None },
        Event::Stopping { run },
        Event::Pinged { run },
        Event::Stuck { run },
        Event::Extended { run, by },
    ]
}

fn explore(spec: &Spec) -> BTreeSet<Standing> {
    explore_with(spec, &[])
}

/// With a wall clock that is set by these, at any moment.
fn explore_with(spec: &Spec, clock_sets: &[i64]) -> BTreeSet<Standing> {
    let start = World {
        clock_sets: clock_sets.to_vec(),
        ..World::new(spec.clone(), 0)
    };
    explore_from(start, MOST_STATES, &mut |_, _, _| {})
}

/// From here on; `look` sees each step: the world before it, what happened, and after.
pub(crate) fn explore_from(
    start: World,
    most_states: usize,
    look: &mut dyn FnMut(&World, &Event, &World),
) -> BTreeSet<Standing> {
    let spec = start.system.spec().clone();
    let mut seen = BTreeSet::new();
    let mut standings = BTreeSet::new();
    let mut open = VecDeque::from([start]);
    while let Some(world) = open.pop_front() {
        for event in world.choices() {
            let mut next = world.clone();
            next.step(event.clone());
            look(&world, &event, &next);
            if !seen.insert(next.fingerprint()) {
                continue;
            }
            let count = spec.services.len() as u32;
            let all = (0..count).map(ServiceId);
            standings.extend(
                all.filter_map(|id| next.system.state(id))
                    .map(State::standing),
            );
            if next.left {
                continue;
            }
            if seen.len() % 16 == 0 {
                next.clone().run_out();
            }
            if seen.len() < most_states {
                open.push_back(next);
            }
        }
    }
    standings
}

pub(crate) fn service(name: &str, requires: &[u32]) -> ServiceSpec {
    let mut service = ServiceSpec::new(name);
    service.edges.requires = requires.iter().copied().map(ServiceId).collect();
    service.restart.limit = Some(StartLimit {
        count: 2,
        within: Duration::from_secs(3600),
    });
    service
}

pub(crate) fn of(services: Vec<ServiceSpec>) -> Spec {
    Spec {
        services,
        ..Spec::default()
    }
}

#[test]
fn one_service_survives_every_order_of_events() {
    for ready in [
        Ready::Exec,
        Ready::Notify,
        Ready::Probe(Probe::Unix("/x".into())),
        Ready::Delay(Duration::from_secs(2)),
        Ready::Log("ready".into()),
    ] {
        for tracking in [Tracking::Marks, Tracking::Cgroup] {
            for kill_mode in [
                KillMode::Tree,
                KillMode::Process,
                KillMode::ControlGroup,
                KillMode::Mixed,
                KillMode::None,
            ] {
                let mut only = service("only", &[]);
                only.ready = ready.clone();
                only.tracking = tracking;
                only.stop.kill_mode = kill_mode;
                let met = explore(&of(vec![only]));
                let stops = [Standing::Stopping, Standing::Killing];
                let stops = stops.iter().filter(|standing| met.contains(standing));
                let waited_for = if kill_mode == KillMode::None { 0 } else { 2 };
                assert_eq!(stops.count(), waited_for, "{met:?}");
                assert_eq!(
                    met.len(),
                    5 + waited_for,
                    "all but waiting and exited: {met:?}"
                );
            }
        }
    }
}

/// One whose first process ends.
fn forks(pid_file: Option<&str>, kill_mode: KillMode) -> ServiceSpec {
    let mut only = service("only", &[]);
    only.forking = Some(Box::new(Forking {
        pid_file: pid_file.map(Into::into),
        never_guess: false,
        starts_anyhow: false,
        by_script: false,
    }));
    only.tracking = Tracking::Subreaper;
    only.stop.kill_mode = kill_mode;
    only
}

#[test]
fn a_service_that_forks_survives_every_order_of_events() {
    for pid_file in [None, Some("/run/x.pid")] {
        for kill_mode in [
            KillMode::Tree,
            KillMode::Process,
            KillMode::ControlGroup,
            KillMode::Mixed,
            KillMode::None,
        ] {
            let mut only = forks(pid_file, kill_mode);
            only.ready = Ready::Probe(Probe::Unix("/x".into()));
            let met = explore(&of(vec![only]));
            assert!(met.contains(&Standing::Active), "{met:?}");
        }
    }
    let mut script = forks(Some("/run/x.pid"), KillMode::ControlGroup);
    if let Some(forking) = &mut script.forking {
        forking.by_script = true;
    }
    script.restart.policy = RestartPolicy::No;
    let met = explore(&of(vec![script]));
    assert!(met.contains(&Standing::Active) && met.contains(&Standing::Exited));
    let mut base = forks(None, KillMode::Tree);
    base.tracking = Tracking::Cgroup;
    explore(&of(vec![base, service("web", &[0])]));
}

#[test]
fn a_service_that_forks_and_has_commands_survives_every_order_of_events() {
    for (pid_file, kill_mode, last) in [
        (Some("/run/x.pid"), KillMode::Tree, List::Stop),
        (Some("/run/x.pid"), KillMode::Process, List::StopPost),
        (None, KillMode::Mixed, List::Stop),
        (None, KillMode::None, List::Stop),
    ] {
        let mut only = forks(pid_file, kill_mode);
        let commands = only.commands.get_or_insert_default();
        for list in [List::StartPost, last] {
            *commands.list_mut(list) = Box::new([command(false)]);
        }
        explore(&of(vec![only]));
    }
}

#[test]
fn a_service_that_waits_for_another_place_survives_every_order_of_events() {
    for timeout in [Some(Duration::from_secs(15)), None] {
        let mut base = service("base", &[]);
        base.wait_for = Some(Box::new(WaitFor {
            probe: Probe::File("/x".into()),
            timeout,
        }));
        base.ready = Ready::Probe(Probe::Unix("/x".into()));
        let mut web = service("web", &[0]);
        web.wait_for = base.wait_for.clone();
        explore(&of(vec![base, web]));
    }
}

#[test]
fn a_service_that_is_asked_how_it_is_survives_every_order_of_events() {
    for on_unhealthy in [
        OnUnhealthy::None,
        OnUnhealthy::Restart,
        OnUnhealthy::Shutdown,
    ] {
        let mut base = service("base", &[]);
        base.ready = Ready::Notify;
        base.health = Some(Box::new(Health {
            probe: Probe::Unix("/x".into()),
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(1),
            retries: 2,
            start_period: Duration::from_secs(15),
            on_unhealthy,
        }));
        explore(&of(vec![base, service("web", &[0])]));
    }
}

#[test]
fn a_service_with_all_its_commands_survives_every_order_of_events() {
    for (kind, ready) in [
        (Kind::Simple, Ready::Exec),
        (Kind::Simple, Ready::Notify),
        (Kind::Oneshot, Ready::Exec),
    ] {
        for (kill_mode, stop_at_end) in [
            (KillMode::Tree, false),
            (KillMode::Process, true),
            (KillMode::ControlGroup, true),
        ] {
            let mut only = service("only", &[]);
            only.kind = kind;
            only.ready = ready.clone();
            only.stop.kill_mode = kill_mode;
            let mut commands = Commands {
                stop_at_end,
                ..Commands::default()
            };
            for list in List::ALL {
                *commands.list_mut(list) = Box::new([command(list == List::StartPost)]);
            }
            only.commands = Some(Box::new(commands));
            explore(&of(vec![only]));
        }
    }
}

#[test]
fn a_service_that_says_all_it_can_survives_every_order_of_events() {
    for policy in [RestartPolicy::Always, RestartPolicy::No] {
        for timeout in [30, 3600] {
            let mut base = service("base", &[]);
            base.ready = Ready::Notify;
            base.restart.policy = policy;
            base.start_timeout = Some(Duration::from_secs(timeout));
            base.notify = Some(Box::new(Notify {
                watchdog: Some(Duration::from_secs(30)),
                store_max: 1,
                ..Notify::default()
            }));
            let met = explore(&of(vec![base.clone()]));
            assert!(met.contains(&Standing::Reloading), "{met:?}");
            explore(&of(vec![base, service("web", &[0])]));
        }
    }
}

/// It stays active once it has ended as it should.
pub(crate) fn remains(mut service: ServiceSpec) -> ServiceSpec {
    service.restart.policy = RestartPolicy::No;
    service.terms = Some(Box::new(Terms {
        remains: true,
        ..Terms::default()
    }));
    service
}

#[test]
fn a_service_that_remains_active_survives_every_order_of_events() {
    for (kind, kill_mode) in [
        (Kind::Oneshot, KillMode::ControlGroup),
        (Kind::Oneshot, KillMode::Process),
        (Kind::Simple, KillMode::Mixed),
        (Kind::Simple, KillMode::None),
    ] {
        let mut base = remains(service("base", &[]));
        base.kind = kind;
        base.stop.kill_mode = kill_mode;
        base.notify = Some(Box::new(Notify {
            watchdog: Some(Duration::from_secs(30)),
            ..Notify::default()
        }));
        let met = explore(&of(vec![base.clone(), service("web", &[0])]));
        assert!(met.contains(&Standing::Active), "{met:?}");
        base.notify = None;
        let commands = base.commands.get_or_insert_default();
        *commands.list_mut(List::Stop) = Box::new([command(false)]);
        explore(&of(vec![base]));
    }
}

#[test]
fn two_services_one_requiring_the_other_survive_every_order_of_events() {
    for policy in [
        RestartPolicy::Always,
        RestartPolicy::OnFailure,
        RestartPolicy::No,
    ] {
        let mut base = service("base", &[]);
        base.restart.policy = policy;
        let mut web = service("web", &[0]);
        web.tracking = Tracking::Subreaper;
        web.essential = policy == RestartPolicy::No;
        explore(&of(vec![base, web]));
    }
}

#[test]
fn a_oneshot_and_two_that_need_it_survive_every_order_of_events() {
    let mut migrate = service("migrate", &[]);
    migrate.kind = Kind::Oneshot;
    migrate.restart.policy = RestartPolicy::No;
    let mut worker = service("worker", &[]);
    worker.edges.wants = Box::new([ServiceId(0)]);
    worker.restart.delay = Duration::ZERO;
    let met = explore(&of(vec![migrate, service("web", &[0]), worker]));
    assert!(met.contains(&Standing::Exited));
}

#[test]
fn a_service_that_runs_at_its_times_survives_every_order_of_events() {
    let hourly = Calendar {
        minutes: 1,
        seconds: 1,
        ..Calendar::ALWAYS
    };
    let zone = Zone::default();
    let calendar = [Times {
        calendar: hourly,
        zone,
    }];
    for when in [
        When::Every(Duration::from_secs(60)),
        When::Calendar(calendar.into()),
    ] {
        for clock_sets in [[3_000_000, -60_000], [-9_000_000, 20_000_000]] {
            let mut job = service("job", &[1]);
            job.kind = Kind::Oneshot;
            job.restart.policy = RestartPolicy::No;
            job.restart.limit = None;
            job.start_timeout = None;
            let jitter = Duration::from_secs(1);
            job.schedule = Some(Box::new(Schedule {
                when: when.clone(),
                jitter,
            }));
            let base = service("base", &[]);
            let met = explore_with(&of(vec![job, base]), &clock_sets);
            assert!(met.contains(&Standing::Waiting));
        }
    }
}

#[test]
fn services_with_sockets_survive_every_order_of_events() {
    for on_demand in [false, true] {
        for policy in [RestartPolicy::Always, RestartPolicy::No] {
            let mut base = service("base", &[]);
            base.listen = listen(on_demand);
            base.restart.policy = policy;
            let met = explore(&of(vec![base, service("web", &[0])]));
            assert!(met.contains(&Standing::Waiting));
        }
    }
}

#[test]
fn a_service_on_demand_that_requires_another_survives_every_order_of_events() {
    let mut web = service("web", &[0]);
    web.listen = listen(true);
    web.restart.delay = Duration::ZERO;
    explore(&of(vec![service("base", &[]), web]));
}
