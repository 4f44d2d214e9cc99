//! Every order of events for small systems, breadth first: whatever may happen next does,
//! in a copy of the world each. States that were seen before are not gone into again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use rinit::core::action::Action;
use rinit::core::commands::{Commands, List};
use rinit::core::event::{Answer, Event, SpawnFailure};
use rinit::core::exit::Exit;
use rinit::core::id::{Pid, RunId, ServiceId};
use rinit::core::probe::{Health, OnUnhealthy, Probe};
use rinit::core::signal::Signal;
use rinit::core::spec::{
    KillMode, Kind, Notify, Ready, RestartPolicy, ServiceSpec, Spec, StartLimit, Tracking,
};
use rinit::core::state::{Standing, State};
use rinit::core::system::{Surroundings, System};
use rinit::core::time::{Instant, Now};

use crate::random::command;

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
    watched: bool,
    asked_to_end: bool,
    control: bool,
}

#[derive(Clone)]
struct World {
    system: System,
    now: Instant,
    lives: BTreeMap<RunId, Life>,
    strays_asked: bool,
    draining: bool,
    left: bool,
    signals: u8,
    /// How it came to this.
    path: Vec<Event>,
}

impl World {
    fn new(spec: Spec) -> Self {
        Self {
            system: System::new(spec, Surroundings::default()),
            now: Instant(1),
            lives: BTreeMap::new(),
            strays_asked: false,
            draining: false,
            left: false,
            signals: 0,
            path: Vec::new(),
        }
    }

    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.system.fingerprint(), &self.lives).hash(&mut hasher);
        (self.strays_asked, self.draining, self.left, self.signals).hash(&mut hasher);
        hasher.finish()
    }

    /// All that may happen next. Results of a spawn come before anything else.
    fn choices(&self) -> Vec<Event> {
        if self.path.is_empty() {
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
                    if spec.services[life.service.index()].watchdog().is_some() {
                        all.extend(sayings(run));
                    }
                }
                Main::Gone if life.watched => all.push(Event::TreeGone { run }),
                Main::Gone => {}
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
        if self.system.deadline().is_some() {
            all.push(Event::Woke);
        }
        if self.signals < 2 {
            let signal = Signal::INT;
            let hung_up = false;
            all.push(Event::Signalled { signal, hung_up });
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
    fn step(&mut self, event: Event) {
        match &event {
            Event::Woke => self.now = self.system.deadline().unwrap().max(self.now),
            Event::Signalled { .. } => self.signals += 1,
            Event::Spawned { run, .. } => self.life(*run).main = Main::Forked,
            Event::Executed { run } => self.life(*run).main = Main::Runs,
            Event::Exited { run, .. } => self.life(*run).main = Main::Gone,
            Event::SpawnFailed { run, .. } | Event::ForkRefused { run, .. } => {
                self.life(*run).main = Main::Gone;
            }
            Event::TreeGone { run } => self.life(*run).watched = false,
            Event::Probed { run, .. } => self.life(*run).probed = false,
            Event::StraysGone => self.strays_asked = false,
            Event::OutputDrained => self.draining = false,
            _ => {}
        }
        let mut actions = Vec::new();
        let now = Now {
            at: self.now,
            wall: 0,
        };
        self.path.push(event.clone());
        self.system.handle(event, now, &mut actions);
        for action in actions {
            self.carry_out(action);
        }
        self.check();
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Spawn { service, run } | Action::Probe { service, run, .. } => {
                let probe = matches!(action, Action::Probe { .. });
                let lives = self.lives.values();
                let twin = lives
                    .filter(|life| life.service == service && !life.control)
                    .any(|life| matches!(life.main, Main::Forked | Main::Runs));
                let life = self.lives.entry(run).or_insert(Life {
                    service,
                    main: Main::Gone,
                    probed: false,
                    watched: false,
                    asked_to_end: false,
                    control: false,
                });
                if probe {
                    assert!(!life.probed, "two probes: {:#?}", self.path);
                    life.probed = true;
                } else {
                    assert!(!twin, "two main processes: {:#?}", self.path);
                    life.main = Main::Ordered;
                }
            }
            Action::SpawnControl {
                service, life, run, ..
            } => {
                let twins = self.lives.values().filter(|life| life.service == service);
                let busy = |life: &Life| life.main != Main::Gone || life.watched;
                let twin = twins.filter(|life| life.control).any(busy);
                assert!(!twin, "two control processes: {:#?}", self.path);
                for (run, control) in [(life, false), (run, true)] {
                    let life = self.lives.entry(run).or_insert(Life {
                        service,
                        main: Main::Gone,
                        probed: false,
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
                if signal != Signal::CONT {
                    self.life(run).asked_to_end = true;
                }
            }
            Action::WatchTree { run } => self.life(run).watched = true,
            Action::Forget { run } => {
                let life = self.lives.remove(&run);
                let life = life.unwrap_or_else(|| panic!("forgotten twice: {:#?}", self.path));
                assert!(
                    !matches!(life.main, Main::Forked | Main::Runs),
                    "forgotten alive: {:#?}",
                    self.path
                );
            }
            Action::SignalStrays { .. } => self.strays_asked = true,
            Action::DrainOutput { .. } => {
                assert!(!self.draining, "two last lines: {:#?}", self.path);
                self.draining = true;
            }
            Action::Exit { .. } => self.left = true,
            Action::DropStored { .. } | Action::Forward { .. } | Action::Report(_) => {}
        }
    }

    fn life(&mut self, run: RunId) -> &mut Life {
        let path = &self.path;
        self.lives
            .get_mut(&run)
            .unwrap_or_else(|| panic!("{run:?} is unknown: {path:#?}"))
    }

    fn check(&self) {
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
            if let Some(run) = run {
                assert!(self.lives.contains_key(&run), "{:#?}", self.path);
            }
            let requires = &spec.services[id.index()].edges.requires;
            let standing = state.standing();
            if matches!(
                standing,
                Standing::Starting | Standing::Active | Standing::Reloading
            ) {
                for need in requires {
                    let need = self.system.state(*need).unwrap().standing();
                    let ready = matches!(
                        need,
                        Standing::Active | Standing::Reloading | Standing::Exited
                    );
                    let stopping = self.system.whole() == rinit::core::system::Whole::Stopping;
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
                Event::ForkRefused { .. } | Event::SpawnFailed { .. } | Event::Woke => false,
                Event::Ready { .. }
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
    let mut seen = BTreeSet::new();
    let mut standings = BTreeSet::new();
    let mut open = VecDeque::from([World::new(spec.clone())]);
    while let Some(world) = open.pop_front() {
        for event in world.choices() {
            let mut next = world.clone();
            next.step(event);
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
            if seen.len() < MOST_STATES {
                open.push_back(next);
            }
        }
    }
    standings
}

fn service(name: &str, requires: &[u32]) -> ServiceSpec {
    let mut service = ServiceSpec::new(name);
    service.edges.requires = requires.iter().copied().map(ServiceId).collect();
    service.restart.limit = Some(StartLimit {
        count: 2,
        within: Duration::from_secs(3600),
    });
    service
}

fn of(services: Vec<ServiceSpec>) -> Spec {
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
    ] {
        for tracking in [Tracking::Marks, Tracking::Subreaper] {
            for kill_mode in [KillMode::Tree, KillMode::Process] {
                let mut only = service("only", &[]);
                only.ready = ready.clone();
                only.tracking = tracking;
                only.stop.kill_mode = kill_mode;
                let met = explore(&of(vec![only]));
                assert_eq!(met.len(), 7, "all but waiting and exited: {met:?}");
            }
        }
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
        for kill_mode in [KillMode::Tree, KillMode::Process] {
            let mut only = service("only", &[]);
            only.kind = kind;
            only.ready = ready.clone();
            only.stop.kill_mode = kill_mode;
            let mut commands = Commands::default();
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
