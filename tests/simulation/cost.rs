//! What happens to one service costs the same, however many others there are.

use std::time::Duration;

use rinit::core::action::Action;
use rinit::core::apply::Reading;
use rinit::core::event::Event;
use rinit::core::exit::Exit;
use rinit::core::id::{Pid, RunId, ServiceId};
use rinit::core::request::{RequestId, Verb};
use rinit::core::signal::Signal;
use rinit::core::spec::{Ready, ServiceSpec, Spec};
use rinit::core::state::{Standing, State};
use rinit::core::system::{Surroundings, System};
use rinit::core::time::{Instant, Now};

/// A system whose every order is carried out at once.
struct Obeyed {
    system: System,
    now: Instant,
    /// How many events there were, and what they led to: orders and reports.
    steps: u32,
}

impl Obeyed {
    /// So many services, all active; every tenth requires the one before it.
    fn up(count: u32) -> Self {
        Self::with(count, Duration::ZERO, |number| {
            (number % 10 == 9).then(|| number - 1)
        })
    }

    /// So many services, all active, of which each requires another, or none.
    fn with(count: u32, delay: Duration, requires: impl Fn(u32) -> Option<u32>) -> Self {
        let service = |number: u32| {
            let mut spec = ServiceSpec::new(&format!("s{number}"));
            spec.restart.delay = delay;
            spec.edges.requires = requires(number).map(ServiceId).into_iter().collect();
            spec
        };
        let spec = Spec {
            services: (0..count).map(service).collect(),
            ..Spec::default()
        };
        let mut this = Self {
            system: System::new(spec, Surroundings::default()),
            now: Instant(1),
            steps: 0,
        };
        this.happens(Event::Booted);
        assert!(this.all_active());
        this
    }

    fn happens(&mut self, event: Event) {
        let mut events = vec![event];
        let mut actions = Vec::new();
        while let Some(event) = events.pop() {
            let now = Now {
                at: self.now,
                wall: 0,
            };
            self.system.handle(event, now, &mut actions);
            self.steps += 1 + actions.len() as u32;
            for action in actions.drain(..) {
                match action {
                    Action::Spawn { run, .. } => {
                        events.push(Event::Executed { run });
                        events.push(Event::Spawned { run, pid: Pid(7) });
                    }
                    Action::SignalMain { run, .. } => {
                        let exit = Exit::Code(0);
                        events.push(Event::Exited { run, exit });
                    }
                    Action::WatchTree { run } => events.insert(0, Event::TreeGone { run }),
                    _ => {}
                }
            }
        }
    }

    /// Somebody has this applied, and waits for it.
    fn apply(&mut self, change: impl FnOnce(&mut Spec)) {
        let mut spec = Box::new(self.system.spec().clone());
        change(&mut spec);
        self.ask(Verb::Apply, Box::default());
        let warnings = Box::default();
        self.happens(Event::ConfigurationRead(Reading::Sound { spec, warnings }));
        self.happens(Event::Quiet);
    }

    fn ask(&mut self, verb: Verb, services: Box<[ServiceId]>) {
        let request = RequestId(u64::MAX);
        self.happens(Event::Requested {
            request,
            verb,
            services,
        });
    }

    fn run(&self, id: ServiceId) -> Option<RunId> {
        Some(self.system.state(id)?.run()?.id)
    }

    fn is_active(&self, id: ServiceId) -> bool {
        let state = self.system.state(id);
        state.is_some_and(|state| state.standing() == Standing::Active)
    }

    fn ids(&self) -> impl Iterator<Item = ServiceId> + use<> {
        (0..self.system.spec().services.len() as u32).map(ServiceId)
    }

    fn all_active(&self) -> bool {
        self.ids().all(|id| self.is_active(id))
    }

    /// It dies by itself.
    fn dies(&mut self, id: ServiceId) {
        let run = self.run(id).expect("it runs");
        let exit = Exit::Code(1);
        self.happens(Event::Exited { run, exit });
    }

    /// Until nothing is due any more.
    fn time_passes(&mut self) {
        while let Some(at) = self.system.deadline() {
            self.now = at.max(self.now);
            self.happens(Event::Woke);
        }
    }

    /// It dies, is restarted, is stopped by hand and started again.
    fn round(&mut self, id: ServiceId, number: u64) {
        self.dies(id);
        while !self.is_active(id) {
            self.now = self.system.deadline().expect("it comes back").max(self.now);
            self.happens(Event::Woke);
        }
        for (verb, request) in [(Verb::Stop, 2 * number), (Verb::Start, 2 * number + 1)] {
            self.happens(Event::Requested {
                request: RequestId(request),
                verb,
                services: [id].into(),
            });
            assert_eq!(self.is_active(id), verb == Verb::Start);
        }
    }
}

/// What this thread has had of a processor: others on the machine don't count.
fn spent() -> Duration {
    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
    Duration::from(clock.now().expect("a clock"))
}

/// The best of some tries: whatever else the machine does only adds.
fn best_of(tries: u64, mut work: impl FnMut(u64)) -> Duration {
    let tries = (0..tries).map(|attempt| {
        let begin = spent();
        work(attempt);
        spent() - begin
    });
    tries.min().unwrap_or_default()
}

/// Of a hundred rounds.
fn cost(all: &mut Obeyed) -> Duration {
    best_of(15, |attempt| {
        for number in 0..100 {
            all.round(ServiceId(5), attempt * 100 + number);
        }
    })
}

#[test]
fn an_event_costs_the_same_among_ten_services_and_among_ten_thousand() {
    let [few, many] = [10, 10_000].map(|count| cost(&mut Obeyed::up(count)));
    // A walk over all, even the shortest, would be a hundred times as long.
    assert!(many < few * 8, "{few:?} among 10, {many:?} among 10,000");
}

#[test]
fn nor_more_while_somebody_waits_for_what_a_new_configuration_starts() {
    let [few, many] = [10, 10_000].map(|count| {
        let mut all = Obeyed::up(count);
        all.apply(|spec| {
            let mut late = ServiceSpec::new("late");
            late.ready = Ready::Notify;
            late.start_timeout = None;
            spec.services.push(late);
        });
        let late = all.system.state(ServiceId(count));
        assert!(matches!(late, Some(State::Starting(_))), "{late:?}");
        cost(&mut all)
    });
    assert!(many < few * 8, "{few:?} among 10, {many:?} among 10,000");
}

#[test]
fn a_stop_of_all_costs_the_same_for_each() {
    let [few, many] = [100, 10_000].map(|count| {
        let each = best_of(5, |_| {
            let mut all = Obeyed::up(count);
            all.ask(Verb::Stop, (0..count).map(ServiceId).collect());
            assert!((0..count).all(|id| !all.is_active(ServiceId(id))));
        });
        each / count
    });
    assert!(many < few * 8, "{few:?} among 100, {many:?} among 10,000");
}

/// What each of them costs, and how many steps: among few, and among many.
fn each_of(work: fn(u32) -> Obeyed) {
    let [(few, few_steps), (many, many_steps)] = [100, 3_000].map(|count| {
        let mut steps = 0;
        let time = best_of(5, |_| steps = work(count).steps);
        (time / count, f64::from(steps) / f64::from(count))
    });
    assert!(many < few * 4, "{few:?} among 100, {many:?} among 3,000");
    let same = (few_steps - many_steps).abs() < 0.5;
    assert!(
        same,
        "{few_steps} steps among 100, {many_steps} among 3,000"
    );
}

/// Each requires the one before it.
fn chain(count: u32) -> Obeyed {
    Obeyed::with(count, Duration::ZERO, |number| number.checked_sub(1))
}

#[test]
fn a_chain_that_starts_and_stops_costs_the_same_for_each() {
    each_of(chain);
    each_of(|count| {
        let mut all = chain(count);
        all.ask(Verb::Stop, [ServiceId(0)].into());
        assert!(!all.ids().any(|id| all.is_active(id)));
        all.ask(Verb::Start, [ServiceId(count - 1)].into());
        assert!(all.all_active());
        all.happens(Event::Signalled {
            signal: Signal::TERM,
            hung_up: false,
        });
        assert!(!all.ids().any(|id| all.is_active(id)));
        all
    });
}

#[test]
fn a_storm_of_crashes_costs_the_same_for_each() {
    // All at once, and each comes back after a while of its own.
    each_of(|count| {
        let mut all = Obeyed::with(count, Duration::from_millis(100), |_| None);
        for id in all.ids() {
            all.dies(id);
        }
        assert!(!all.ids().any(|id| all.is_active(id)));
        all.time_passes();
        assert!(all.all_active());
        all
    });
    // One that all require, and the first of a chain: all go down with it, and come back.
    each_of(|count| {
        let mut all = Obeyed::with(count, Duration::ZERO, |number| (number > 0).then_some(0));
        all.dies(ServiceId(0));
        all.time_passes();
        assert!(all.all_active());
        all
    });
    each_of(|count| {
        let mut all = chain(count);
        all.dies(ServiceId(0));
        all.time_passes();
        assert!(all.all_active());
        all
    });
}
