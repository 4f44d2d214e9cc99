//! Every request in every state, and two in a row: each is answered once, and when all
//! goes well from there on it ends as a person expects.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rinit::core::apply::places::Places;
use rinit::core::commands::{Commands, List};
use rinit::core::event::Event;
use rinit::core::id::ServiceId;
use rinit::core::request::{Outcome, RequestId, Verb};
use rinit::core::signal::Signal;
use rinit::core::spec::{Kind, Ready, RestartPolicy, ServiceSpec, Spec, Ties, Tracking};
use rinit::core::state::{Idle, Standing, State};
use rinit::core::system::Whole;

use crate::explore::{Path, World, explore_from, of, reloads, remains, service};
use crate::random::command;

/// The verbs that take their time.
const VERBS: [Verb; 3] = [Verb::Start, Verb::Stop, Verb::Restart];
/// Those that are answered at once, and a start after them.
const AT_ONCE: [Verb; 4] = [
    Verb::Reset,
    Verb::Kill {
        signal: Signal::TERM,
    },
    Verb::Shutdown { code: None },
    Verb::Start,
];

/// What people do to a world.
#[derive(Clone, Hash)]
pub(crate) struct Asking {
    left: u8,
    verbs: &'static [Verb],
    asked: u64,
    open: BTreeSet<RequestId>,
    /// Whom nothing but a request may start.
    rests: BTreeSet<ServiceId>,
    /// Those among them that were named, and not stopped with or for others.
    told: BTreeSet<ServiceId>,
    /// What the last request is to bring up, with what that requires.
    wanted: BTreeSet<ServiceId>,
    named: BTreeSet<ServiceId>,
    refused: bool,
    /// It may die of a signal by hand at any time.
    signalled: bool,
    /// Whose reload somebody waits for, that hasn't begun since.
    to_reload: BTreeMap<RequestId, BTreeSet<ServiceId>>,
}

impl Asking {
    pub(crate) fn new(left: u8) -> Self {
        Self {
            left,
            verbs: &VERBS,
            asked: 0,
            open: BTreeSet::new(),
            rests: BTreeSet::new(),
            told: BTreeSet::new(),
            wanted: BTreeSet::new(),
            named: BTreeSet::new(),
            refused: false,
            signalled: false,
            to_reload: BTreeMap::new(),
        }
    }

    /// Signals are explored elsewhere: here one is enough.
    pub(crate) fn most_signals(&self) -> u8 {
        if self.asked > 0 || self.left > 0 {
            1
        } else {
            2
        }
    }

    pub(crate) fn choices(&self, spec: &Spec) -> Vec<Event> {
        if self.left == 0 {
            return Vec::new();
        }
        let ids = (0..spec.services.len() as u32).map(ServiceId);
        let request = RequestId(self.asked);
        ids.flat_map(|id| {
            let reloads = reloads(&spec.services[id.index()]) || leads_a_reload(spec, id);
            let reload = reloads.then_some(Verb::Reload);
            let verbs = self.verbs.iter().copied().chain(reload);
            verbs.map(move |verb| Event::Requested {
                request,
                verb,
                services: [id].into(),
            })
        })
        .collect()
    }

    pub(crate) fn ask(&mut self, spec: &Spec, request: RequestId, verb: Verb, ids: &[ServiceId]) {
        self.left -= 1;
        self.asked += 1;
        assert!(self.open.insert(request));
        // These bring nothing up, and keep nothing down.
        match verb {
            Verb::Reload => {
                self.wanted.clear();
                // One with which others reload may be no more than a handle for them.
                let alone = |id: &&ServiceId| !leads_a_reload(spec, **id);
                let all = ids.iter().filter(alone).copied();
                self.to_reload.insert(request, all.collect());
                return;
            }
            Verb::Reset | Verb::Kill { .. } | Verb::Shutdown { .. } => {
                self.signalled |= matches!(verb, Verb::Kill { .. });
                self.wanted.clear();
                return;
            }
            _ => {}
        }
        self.wanted.clear();
        self.refused = false;
        if verb == Verb::Stop {
            self.rests.extend(with_parts(spec, ids, true));
            self.told.extend(ids);
            return;
        }
        self.named = ids.iter().copied().collect();
        self.wanted = with_requirements(spec, ids);
        for id in &self.wanted {
            self.rests.remove(id);
            self.told.remove(id);
        }
        self.rests.extend(rivals(spec, &self.wanted));
    }

    /// How many more may be asked.
    pub(crate) const fn left(&self) -> u8 {
        self.left
    }

    /// The number of the next one.
    pub(crate) const fn next(&self) -> RequestId {
        RequestId(self.asked)
    }

    /// For something that names no service: the others mean the same as before.
    pub(crate) fn ask_for_all(&mut self, request: RequestId) {
        self.left -= 1;
        self.asked += 1;
        assert!(self.open.insert(request));
        self.expect_nothing_up();
    }

    /// What was to come up may have ended since.
    pub(crate) fn expect_nothing_up(&mut self) {
        self.wanted.clear();
    }

    /// Services have other numbers now.
    pub(crate) fn take_over(&mut self, places: &Places) {
        for set in [
            &mut self.rests,
            &mut self.told,
            &mut self.wanted,
            &mut self.named,
        ]
        .into_iter()
        .chain(self.to_reload.values_mut())
        {
            *set = moved(set, places);
        }
    }

    pub(crate) fn answered(&mut self, request: RequestId, outcome: &Outcome, path: &Path) {
        assert!(self.open.remove(&request), "answered twice: {path:#?}");
        self.refused |= matches!(outcome, Outcome::Conflict { .. });
        let left = self.to_reload.remove(&request).unwrap_or_default();
        let done = outcome.is_done();
        assert!(
            !done || left.is_empty(),
            "{left:?} didn't reload: {path:#?}"
        );
    }

    /// A service was made to reload.
    pub(crate) fn reloaded(&mut self, id: ServiceId) {
        for left in self.to_reload.values_mut() {
            left.remove(&id);
        }
    }

    pub(crate) fn all_answered(&self, path: &Path) {
        assert!(self.open.is_empty(), "never answered: {path:#?}");
    }

    /// Nobody has asked for anything of a single service.
    pub(crate) fn names_nobody(&self) -> bool {
        self.named.is_empty() && self.rests.is_empty()
    }

    /// It is not to run unless somebody asks.
    pub(crate) fn is_to_rest(&self, id: ServiceId) -> bool {
        self.rests.contains(&id)
    }

    /// All went well since the last request, and nothing happens any more.
    pub(crate) fn check(&self, world: &World) {
        let path = &world.path;
        if self.refused || world.left || world.system.whole() == Whole::Stopping {
            return;
        }
        let spec = world.system.spec();
        let standing = |id: &ServiceId| world.system.state(*id).map(State::standing).unwrap();
        for id in self.rests.iter().filter(|id| !may_be_called(spec, **id)) {
            let rests = match spec.services[id.index()].kind {
                Kind::Simple if self.told.contains(id) => standing(id) == Standing::Inactive,
                // What has ended already stays so when it is another that was named.
                Kind::Simple => matches!(
                    standing(id),
                    Standing::Inactive | Standing::Exited | Standing::Failed
                ),
                Kind::Oneshot => matches!(standing(id), Standing::Inactive | Standing::Exited),
            };
            assert!(rests, "{id:?} doesn't rest: {:?} {path:#?}", standing(id));
        }
        for id in self.wanted.iter().filter(|_| !self.signalled) {
            let up = match spec.services[id.index()].kind {
                Kind::Simple => standing(id) == Standing::Active,
                Kind::Oneshot if spec.services[id.index()].remains() => {
                    standing(id) == Standing::Active
                }
                // What was done once need not be done again for others.
                Kind::Oneshot => {
                    standing(id) == Standing::Exited
                        || !self.named.contains(id) && world.done.contains(id)
                }
            };
            let state = world.system.state(*id).unwrap();
            let skipped = matches!(state, State::Inactive(Idle::Skipped(_)));
            let up = up || skipped && !self.named.contains(id);
            assert!(up, "{id:?} isn't up: {:?} {path:#?}", standing(id));
        }
        // Whoever waits for something that rests may wait for ever; a request to start it
        // was answered, since that rests by a later one.
        self.all_answered(path);
    }
}

/// By their new numbers.
pub(crate) fn moved(ids: &BTreeSet<ServiceId>, places: &Places) -> BTreeSet<ServiceId> {
    ids.iter().filter_map(|id| places.of(*id)).collect()
}

/// Who is restarted with these, or stopped with them.
pub(crate) fn with_parts(spec: &Spec, ids: &[ServiceId], stop: bool) -> BTreeSet<ServiceId> {
    let mut all = BTreeSet::from_iter(ids.iter().copied());
    for _ in 0..spec.services.len() {
        for (id, service) in (0..).map(ServiceId).zip(&spec.services) {
            // What comes back with what it requires waits instead.
            let requires: BTreeSet<ServiceId> = service.edges.required().collect();
            let ties = service.edges.ties.iter();
            let mut wholes = ties.flat_map(|ties| {
                let others = ties.stops_with.iter().filter(|_| stop);
                ties.part_of.iter().chain(others)
            });
            if wholes.any(|whole| all.contains(whole) && !requires.contains(whole)) {
                all.insert(id);
            }
        }
    }
    all
}

/// A stop of what is disabled is nothing to remember: another's end may start it.
fn may_be_called(spec: &Spec, id: ServiceId) -> bool {
    let ties = spec
        .services
        .iter()
        .filter_map(|own| own.edges.ties.as_ref());
    let mut called = ties.flat_map(|ties| ties.on_failure.iter().chain(&ties.on_success));
    !spec.services[id.index()].enabled && called.any(|own| *own == id)
}

/// Whether others reload with it.
fn leads_a_reload(spec: &Spec, id: ServiceId) -> bool {
    let ties = |own: &ServiceSpec| own.edges.ties.clone().unwrap_or_default();
    let mut all = spec.services.iter();
    all.any(|own| ties(own).reloads_with.contains(&id))
}

fn with_requirements(spec: &Spec, ids: &[ServiceId]) -> BTreeSet<ServiceId> {
    let mut all = BTreeSet::new();
    let mut open = ids.to_vec();
    while let Some(id) = open.pop() {
        if all.insert(id) {
            let required = spec.services[id.index()].edges.required();
            open.extend(required.filter(|need| spec.services[need.index()].enabled));
        }
    }
    all
}

fn rivals(spec: &Spec, of: &BTreeSet<ServiceId>) -> BTreeSet<ServiceId> {
    let mut all = BTreeSet::new();
    for (id, service) in (0..).map(ServiceId).zip(&spec.services) {
        for other in service.edges.ties.iter().flat_map(|ties| &ties.conflicts) {
            all.extend(of.contains(&id).then_some(*other));
            all.extend(of.contains(other).then_some(id));
        }
    }
    all
}

/// How many requests met each service in each state, by verb.
type Met = BTreeMap<(u32, Standing, &'static str), u32>;

/// Explores all, and looks how each request ends. So many requests in a row.
fn explore_requests(spec: &Spec, asks: u8, most_states: usize) -> Met {
    explore_requests_from(World::new(spec.clone(), asks), most_states)
}

fn explore_requests_from(start: World, most_states: usize) -> Met {
    let mut met = Met::new();
    explore_from(start, most_states, &mut |before, event, after| {
        let Event::Requested { verb, services, .. } = event else {
            return;
        };
        for id in services {
            let standing = before.system.state(*id).unwrap().standing();
            *met.entry((id.0, standing, verb.word())).or_default() += 1;
        }
        let mut after = after.clone();
        after.calm_down();
        after.asking.check(&after);
        // Where nothing else is asked, a reload leaves all as it was.
        if *verb == Verb::Reload && before.asking.open.is_empty() && !after.left {
            for id in services {
                let standing = |world: &World| world.system.state(*id).unwrap().standing();
                let goes_on = standing(&after) == Standing::Active;
                let path = &after.path;
                assert!(goes_on || standing(before) != Standing::Active, "{path:#?}");
            }
        }
    });
    met
}

/// Fails with what was never tried.
fn all_met(met: &Met, id: u32, standings: &[Standing]) {
    for standing in standings {
        for verb in VERBS {
            let key = (id, *standing, verb.word());
            assert!(met.contains_key(&key), "never met {key:?}: {met:?}");
        }
    }
}

#[test]
fn every_request_meets_one_service_in_every_state() {
    for (ready, tracking, policy) in [
        (Ready::Exec, Tracking::Subreaper, RestartPolicy::Always),
        (Ready::Notify, Tracking::Marks, RestartPolicy::OnFailure),
        (Ready::Exec, Tracking::Marks, RestartPolicy::No),
    ] {
        let mut only = service("only", &[]);
        only.ready = ready;
        only.tracking = tracking;
        only.restart.policy = policy;
        let mut spec = of(vec![only]);
        spec.init.keep_running = true;
        let met = explore_requests(&spec, 2, 5_000);
        let mut standings = vec![
            Standing::Inactive,
            Standing::Starting,
            Standing::Active,
            Standing::Stopping,
            Standing::Killing,
            Standing::Failed,
        ];
        match policy {
            RestartPolicy::Always => standings.push(Standing::Backoff),
            RestartPolicy::OnFailure => standings.extend([Standing::Backoff, Standing::Exited]),
            RestartPolicy::No => standings.push(Standing::Exited),
            RestartPolicy::OnSuccess
            | RestartPolicy::OnAbnormal
            | RestartPolicy::OnAbort
            | RestartPolicy::OnWatchdog => unreachable!(),
        }
        all_met(&met, 0, &standings);
    }
}

#[test]
fn two_requests_in_a_row_meet_a_service_and_its_dependant() {
    for policy in [RestartPolicy::Always, RestartPolicy::OnFailure] {
        let mut base = service("base", &[]);
        base.restart.policy = policy;
        base.essential = policy == RestartPolicy::OnFailure;
        let mut web = service("web", &[0]);
        web.tracking = Tracking::Subreaper;
        let met = explore_requests(&of(vec![base, web]), 2, 8_000);
        let met_by_both = [
            Standing::Inactive,
            Standing::Starting,
            Standing::Active,
            Standing::Stopping,
        ];
        all_met(&met, 0, &met_by_both);
        all_met(&met, 1, &met_by_both);
        all_met(&met, 1, &[Standing::Waiting]);
    }
}

#[test]
fn a_oneshot_runs_again_by_hand_and_touches_nobody() {
    let mut migrate = service("migrate", &[]);
    migrate.kind = Kind::Oneshot;
    migrate.restart.policy = RestartPolicy::No;
    let met = explore_requests(&of(vec![migrate, service("web", &[0])]), 2, 6_000);
    all_met(&met, 0, &[Standing::Exited, Standing::Starting]);
}

fn tied(name: &str, requires: &[u32], ties: Ties) -> ServiceSpec {
    let mut service = service(name, requires);
    service.edges.ties = Some(Box::new(ties));
    service
}

fn to(id: u32) -> Box<[ServiceId]> {
    [ServiceId(id)].into()
}

#[test]
fn three_services_with_every_kind_of_edge_survive_requests_in_every_order() {
    let bound = || {
        tied(
            "bound",
            &[],
            Ties {
                binds_to: to(0),
                ..Ties::default()
            },
        )
    };
    let part = |requires: &[u32]| {
        tied(
            "part",
            requires,
            Ties {
                part_of: to(0),
                ..Ties::default()
            },
        )
    };
    let rival = |of: u32| {
        let conflicts = to(of);
        let mut rival = tied(
            "rival",
            &[],
            Ties {
                conflicts,
                ..Ties::default()
            },
        );
        rival.enabled = false;
        rival
    };
    let after = |mut service: ServiceSpec, id: u32| {
        service.edges.after = to(id);
        service
    };
    let base = || service("base", &[]);
    let with = |requires: &[u32]| {
        tied(
            "with",
            requires,
            Ties {
                stops_with: to(0),
                reloads_with: to(0),
                ..Ties::default()
            },
        )
    };
    let reloading = |mut service: ServiceSpec| {
        service.reload_signal = Some(Signal::HUP);
        service
    };
    let before = |mut service: ServiceSpec, id: u32| {
        service.edges.before = to(id);
        service
    };
    let wanting = |mut service: ServiceSpec, id: u32| {
        service.edges.wants = to(id);
        service
    };
    for services in [
        vec![base(), reloading(with(&[])), part(&[1])],
        vec![reloading(base()), reloading(with(&[0]))],
        vec![base(), before(base(), 0), wanting(part(&[]), 1)],
        vec![base(), bound(), after(part(&[]), 0)],
        vec![base(), bound(), rival(1)],
        vec![base(), service("web", &[0]), rival(0)],
        vec![base(), part(&[0]), rival(1)],
        vec![base(), service("app", &[0]), service("web", &[1])],
        vec![base(), after(base(), 0), after(service("web", &[0]), 1)],
    ] {
        explore_requests(&of(services), 2, 4_000);
    }
}

#[test]
fn requests_meet_one_that_calls_others_when_it_has_ended() {
    let rescue = || {
        let mut rescue = service("rescue", &[]);
        rescue.enabled = false;
        rescue
    };
    for (on_failure, on_success) in [(to(1), to(2)), (to(1), to(1))] {
        for policy in [RestartPolicy::OnFailure, RestartPolicy::No] {
            let calls = Ties {
                on_failure: on_failure.clone(),
                on_success: on_success.clone(),
                ..Ties::default()
            };
            let mut only = tied("only", &[], calls);
            only.restart.policy = policy;
            let mut news = rescue();
            news.kind = Kind::Oneshot;
            news.restart.policy = RestartPolicy::No;
            explore_requests(&of(vec![only, rescue(), news]), 1, 4_000);
        }
    }
}

#[test]
fn what_is_answered_at_once_meets_one_service_in_every_state() {
    for (ready, policy) in [
        (Ready::Exec, RestartPolicy::Always),
        (Ready::Notify, RestartPolicy::No),
    ] {
        let mut only = service("only", &[]);
        only.ready = ready;
        only.restart.policy = policy;
        let mut spec = of(vec![only]);
        spec.init.keep_running = true;
        let mut start = World::new(spec, 2);
        start.asking.verbs = &AT_ONCE;
        let met = explore_requests_from(start, 5_000);
        let mut standings = vec![
            Standing::Starting,
            Standing::Active,
            Standing::Stopping,
            Standing::Killing,
            Standing::Failed,
        ];
        standings.extend((policy == RestartPolicy::Always).then_some(Standing::Backoff));
        for standing in standings {
            for verb in AT_ONCE {
                let key = (0, standing, verb.word());
                assert!(met.contains_key(&key), "never met {key:?}: {met:?}");
            }
        }
    }
}

#[test]
fn requests_meet_a_chain_in_the_midst_of_a_descent() {
    let mut chain = vec![
        service("base", &[]),
        service("app", &[0]),
        service("web", &[1]),
    ];
    for service in &mut chain {
        service.restart.delay = Duration::ZERO;
    }
    // From the moment on in which all run, so that three in a row are in reach.
    let mut world = World::new(of(chain), 3);
    world.calm_down();
    let active = |id| world.system.state(ServiceId(id)).map(State::standing);
    assert!((0..3).all(|id| active(id) == Some(Standing::Active)));
    explore_from(world, 6_000, &mut |_, event, after| {
        if let Event::Requested { .. } = event {
            let mut after = after.clone();
            after.calm_down();
            after.asking.check(&after);
        }
    });
}

#[test]
fn a_reload_meets_a_service_in_every_state_and_ends_as_a_person_expects() {
    for (signal, commands, ready) in [
        (true, 0, Ready::Exec),
        (true, 0, Ready::Notify),
        (false, 2, Ready::Exec),
        (true, 1, Ready::Notify),
    ] {
        let mut only = service("only", &[]);
        only.ready = ready;
        only.reload_signal = signal.then_some(Signal::HUP);
        only.commands = (commands > 0).then(|| {
            let reload = (0..commands).map(|_| command(false)).collect();
            let stop = Box::new([command(false)]);
            Box::new(Commands {
                reload,
                stop,
                ..Commands::default()
            })
        });
        let mut spec = of(vec![only]);
        spec.init.keep_running = true;
        let met = explore_requests(&spec, 3, 12_000);
        for standing in [
            Standing::Inactive,
            Standing::Starting,
            Standing::Active,
            Standing::Stopping,
            Standing::Backoff,
        ] {
            let key = (0, standing, "reload");
            assert!(met.contains_key(&key), "never met {key:?}: {met:?}");
        }
        if commands > 0 {
            // Twice, and a stop, a start or a restart in the midst of one.
            for verb in ["reload", "stop", "start", "restart"] {
                let key = (0, Standing::Reloading, verb);
                assert!(met.contains_key(&key), "never met {key:?}: {met:?}");
            }
        }
    }
}

#[test]
fn requests_meet_what_remains_active_and_its_dependant() {
    for kind in [Kind::Oneshot, Kind::Simple] {
        let mut base = remains(service("base", &[]));
        base.kind = kind;
        base.restart.policy = RestartPolicy::OnFailure;
        base.restart.limit = None;
        base.reload_signal = Some(Signal::HUP);
        let commands = base.commands.get_or_insert_default();
        *commands.list_mut(List::Stop) = Box::new([command(false)]);
        let mut spec = of(vec![base, service("web", &[0])]);
        spec.init.keep_running = true;
        explore_requests(&spec, 2, 8_000);
    }
}

#[test]
fn a_reload_and_another_request_meet_a_service_and_its_dependant() {
    let mut base = service("base", &[]);
    base.ready = Ready::Notify;
    base.reload_signal = Some(Signal::HUP);
    explore_requests(&of(vec![base, service("web", &[0])]), 2, 6_000);
}
