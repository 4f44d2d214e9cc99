//! The rules of supervision, one test each, driven by hand: no process, no sleep.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test looks for one order among all"
)]

mod apply;
mod commands;
mod elsewhere;
mod first_start;
mod found;
mod health;
mod query;
mod remaining;
mod requests;
mod said;
mod schedule;
mod sockets;
mod terms;
mod triggered;

use std::time::Duration;

use super::action::{Action, Question};
use super::event::{Answer, Event, SpawnFailure};
use super::exit::Exit;
use super::id::{Pid, RunId, ServiceId};
use super::probe::Probe;
use super::report::Level;
use super::signal::Signal;
use super::spec::{
    KillMode, Kind, Ready, RestartByExit, RestartPolicy, ServiceSpec, Spec, StartLimit, Tracking,
};
use super::state::{Standing, State};
use super::system::{Surroundings, System, Whole};
use super::time::{Instant, Now};

const A: ServiceId = ServiceId(0);
const B: ServiceId = ServiceId(1);
const C: ServiceId = ServiceId(2);

/// A system, a clock, and what was ordered by the last event.
struct Table {
    system: System,
    now: Instant,
    /// What the wall clock shows beyond the monotonic one, in milliseconds.
    wall: i64,
    orders: Vec<Action>,
    /// What people were told at the usual level or louder.
    told: Vec<String>,
}

impl Table {
    fn new(services: Vec<ServiceSpec>) -> Self {
        Self::with(Spec {
            services,
            ..Spec::default()
        })
    }

    fn with(spec: Spec) -> Self {
        Self::boot(spec, 0)
    }

    /// With the wall clock at so many milliseconds.
    fn at(services: Vec<ServiceSpec>, wall: i64) -> Self {
        let spec = Spec {
            services,
            ..Spec::default()
        };
        Self::boot(spec, wall - 1000)
    }

    fn boot(spec: Spec, wall: i64) -> Self {
        let mut table = Self {
            system: System::new(spec, Surroundings::default()),
            now: Instant(1_000_000_000),
            wall,
            orders: Vec::new(),
            told: Vec::new(),
        };
        table.event(Event::Booted);
        table
    }

    fn event(&mut self, event: Event) {
        let now = Now {
            at: self.now,
            wall: self.wall + (self.now.0 / 1_000_000) as i64,
        };
        let mut actions = Vec::new();
        self.system.handle(event, now, &mut actions);
        self.orders.clear();
        for action in actions {
            match action {
                Action::Report(report) if report.level() < Level::Debug => {
                    self.told.push(report.display(&self.system).to_string());
                }
                Action::Report(_) => {}
                action => self.orders.push(action),
            }
        }
        assert_eq!(self.system.audit(), Ok(()));
    }

    fn run(&self, id: ServiceId) -> RunId {
        let state = self.system.state(id).unwrap();
        state.run().unwrap_or_else(|| panic!("{state:?}")).id
    }

    fn standing(&self, id: ServiceId) -> Standing {
        self.system.state(id).unwrap().standing()
    }

    fn spawned(&self) -> Vec<ServiceId> {
        let spawn = |action: &Action| match action {
            Action::Spawn { service, .. } => Some(*service),
            _ => None,
        };
        self.orders.iter().filter_map(spawn).collect()
    }

    /// Its program runs.
    fn up(&mut self, id: ServiceId) {
        let run = self.run(id);
        self.event(Event::Spawned { run, pid: Pid(7) });
        self.event(Event::Executed { run });
    }

    fn exit(&mut self, id: ServiceId, exit: Exit) {
        let run = self.run(id);
        self.event(Event::Exited { run, exit });
    }

    fn tree_gone(&mut self, id: ServiceId) {
        let run = self.run(id);
        self.event(Event::TreeGone { run });
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now.plus(time);
        self.event(Event::Woke);
    }

    /// Until the next deadline, which is so far away.
    fn wait_for_deadline(&mut self) -> Duration {
        let at = self.deadline();
        let time = at.since(self.now);
        self.wait(time);
        time
    }

    fn deadline(&self) -> Instant {
        self.system.deadline().expect("a deadline")
    }

    fn last_told(&self) -> &str {
        self.told.last().unwrap()
    }

    fn signal(&mut self, signal: Signal) {
        let hung_up = false;
        self.event(Event::Signalled { signal, hung_up });
    }

    /// Through strays and output to the end: the last line.
    fn last_line(&mut self) -> String {
        self.event(Event::StraysGone);
        let line = self.orders.iter().find_map(|action| match action {
            Action::DrainOutput { epilogue, .. } => Some(epilogue.to_string()),
            _ => None,
        });
        self.event(Event::OutputDrained);
        assert!(matches!(self.orders[..], [Action::Exit { .. }]));
        line.unwrap_or_else(|| panic!("{:?}", self.orders))
    }
}

fn service(name: &str) -> ServiceSpec {
    ServiceSpec::new(name)
}

fn requiring(name: &str, need: ServiceId) -> ServiceSpec {
    let mut spec = service(name);
    spec.edges.requires = Box::new([need]);
    spec
}

fn after(name: &str, need: ServiceId) -> ServiceSpec {
    let mut spec = service(name);
    spec.edges.after = Box::new([need]);
    spec
}

fn oneshot(name: &str) -> ServiceSpec {
    let mut spec = service(name);
    spec.kind = Kind::Oneshot;
    spec.restart.policy = RestartPolicy::No;
    spec.start_timeout = None;
    spec
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const KILLED: Exit = Exit::Signal(Signal::KILL);

#[test]
fn what_does_not_wait_starts_in_one_turn_and_a_dependant_with_its_last_dependency() {
    let mut c = requiring("c", A);
    c.edges.after = Box::new([B]);
    let mut t = Table::new(vec![service("a"), service("b"), c]);
    assert_eq!(t.spawned(), [A, B]);
    t.up(A);
    assert!(t.spawned().is_empty());
    t.up(B);
    assert_eq!(t.spawned(), [C]);
    assert_eq!(t.system.whole(), Whole::Starting);
    t.up(C);
    assert_eq!(t.system.whole(), Whole::Running);
    assert_eq!(t.told, ["3 services running, 0 ms"]);
    assert_eq!(t.system.deadline(), None, "idle");
}

#[test]
fn after_waits_for_the_first_attempt_only_and_requires_until_it_is_ready() {
    let mut t = Table::new(vec![service("a"), after("b", A), requiring("c", A)]);
    t.exit(A, Exit::Code(1));
    assert_eq!(t.spawned(), [B]);
    assert_eq!(t.standing(C), Standing::Waiting);
    t.wait_for_deadline();
    t.up(A);
    assert_eq!(t.spawned(), [C]);
}

#[test]
fn main_waits_30_s_at_most() {
    let mut main = service("main");
    main.is_main = true;
    let mut never = service("never");
    never.ready = Ready::Notify;
    let mut t = Table::new(vec![never, main]);
    t.up(A);
    assert_eq!(t.wait_for_deadline(), Duration::from_secs(10), "a notice");
    assert_eq!(
        t.told,
        ["still waiting for never (it has not said READY=1)"]
    );
    assert_eq!(t.wait_for_deadline(), Duration::from_secs(20));
    assert_eq!(t.spawned(), [B]);
}

#[test]
fn a_place_that_is_taken_counts_only_after_a_no() {
    let mut web = service("web");
    web.ready = Ready::Probe(Probe::Tcp(Box::new(["127.0.0.1:80".parse().unwrap()])));
    let mut t = Table::new(vec![web]);
    let run = t.run(A);
    assert_eq!(
        t.orders,
        [Action::Probe {
            service: A,
            run,
            of: Question::Readiness
        }]
    );
    let answer = |answer| Event::Probed { run, answer };
    t.event(answer(Answer::Yes));
    assert_eq!(t.told, ["web: 127.0.0.1:80 is already taken"]);
    assert_eq!(t.spawned(), [A]);
    t.up(A);
    assert_eq!(
        t.orders,
        [Action::Probe {
            service: A,
            run,
            of: Question::Readiness
        }],
        "at once"
    );
    t.event(answer(Answer::Yes));
    assert_eq!(t.standing(A), Standing::Starting);
    assert_eq!(t.wait_for_deadline(), ms(10));
    t.event(answer(Answer::No("connection refused".into())));
    assert_eq!(t.wait_for_deadline(), ms(20));
    t.event(answer(Answer::Yes));
    assert_eq!(t.standing(A), Standing::Active);
}

#[test]
fn who_ends_where_somebody_else_answers_in_its_place_is_told_so() {
    let mut web = service("web");
    web.ready = Ready::Probe(Probe::Tcp(Box::new(["127.0.0.1:80".parse().unwrap()])));
    web.restart.policy = RestartPolicy::No;
    let mut t = Table::new(vec![web, service("other")]);
    let run = t.run(A);
    let answer = Answer::Yes;
    t.event(Event::Probed { run, answer });
    t.up(A);
    let why = t.system.why(A, t.now);
    assert!(
        why[0].contains("127.0.0.1:80 is already taken; "),
        "{why:?}"
    );
    t.exit(A, Exit::Code(98));
    assert_eq!(
        t.last_told(),
        "web failed: exited with status 98 (127.0.0.1:80 is already taken)"
    );
}

#[test]
fn a_delay_counts_from_the_exec_and_not_while_all_slept() {
    let mut web = service("web");
    web.ready = Ready::Delay(Duration::from_secs(2));
    let mut t = Table::new(vec![web]);
    t.up(A);
    assert_eq!(t.standing(A), Standing::Starting);
    assert_eq!(t.orders, [], "nobody is asked");
    let by = Duration::from_secs(60);
    t.now = t.now.plus(by);
    t.event(Event::Overslept { by });
    assert_eq!(t.wait_for_deadline(), Duration::from_secs(2));
    assert_eq!(t.standing(A), Standing::Active);
    assert_eq!(t.system.deadline(), None);
}

#[test]
fn ready_before_the_news_of_the_exec_counts() {
    let mut web = service("web");
    web.ready = Ready::Notify;
    let mut t = Table::new(vec![web]);
    let run = t.run(A);
    t.event(Event::Ready { run });
    assert_eq!(t.standing(A), Standing::Starting);
    t.up(A);
    assert_eq!(t.standing(A), Standing::Active);
}

#[test]
fn a_start_that_takes_too_long_is_a_failure_with_the_last_answer() {
    let mut web = service("web");
    web.ready = Ready::Probe(Probe::File("/run/web".into()));
    web.start_timeout = Some(Duration::from_secs(30));
    let mut t = Table::new(vec![web]);
    t.up(A);
    let run = t.run(A);
    let no = Answer::No("no such file".into());
    t.event(Event::Probed { run, answer: no });
    t.wait(Duration::from_secs(10));
    t.wait(Duration::from_secs(20));
    assert_eq!(t.standing(A), Standing::Stopping);
    t.exit(A, Exit::Signal(Signal::TERM));
    t.tree_gone(A);
    assert_eq!(t.standing(A), Standing::Backoff);
    let told = [
        "still waiting for web (no such file)",
        "web not ready after 30 s (no such file); restart in 0.1 s",
        "0 services running, 1 in trouble, 30 s",
    ];
    assert_eq!(t.told, told);
}

#[test]
fn a_refused_fork_is_tried_again_under_every_policy_until_the_start_timeout() {
    let mut web = service("web");
    web.restart.policy = RestartPolicy::No;
    let mut t = Table::new(vec![web, service("other")]);
    let run = t.run(A);
    let mut pauses = Vec::new();
    while t.standing(A) == Standing::Starting {
        t.event(Event::ForkRefused { run, errno: 11 });
        pauses.push(t.wait_for_deadline().as_millis());
        if t.spawned().is_empty() && t.standing(A) == Standing::Starting {
            t.wait_for_deadline();
        }
    }
    assert_eq!(pauses[..4], [100, 200, 400, 800]);
    assert_eq!(t.standing(A), Standing::Failed);
    assert_eq!(
        t.told.last().unwrap(),
        "web failed: the kernel gives no process (errno 11)"
    );
}

#[test]
fn a_crash_is_answered_by_kill_forget_and_spawn_before_any_word() {
    let mut redis = service("redis");
    redis.restart.delay = Duration::ZERO;
    let mut t = Table::new(vec![redis]);
    t.up(A);
    let old = t.run(A);
    t.exit(A, KILLED);
    let run = t.run(A);
    let (signal, to_group) = (Signal::KILL, true);
    assert_eq!(
        t.orders,
        [
            Action::SignalMain {
                run: old,
                signal,
                to_group
            },
            Action::Forget { run: old },
            Action::Spawn { service: A, run },
        ]
    );
    assert_eq!(
        t.told.last().unwrap(),
        "redis killed by SIGKILL, not by rinit; restarted"
    );
    t.event(Event::Exited {
        run: old,
        exit: KILLED,
    });
    assert_eq!(t.run(A), run, "a stale exit cannot touch the next run");
}

#[test]
fn with_a_subreaper_the_tree_is_gone_before_the_next_start() {
    let mut redis = service("redis");
    redis.tracking = Tracking::Subreaper;
    let mut t = Table::new(vec![redis]);
    t.up(A);
    let run = t.run(A);
    t.exit(A, KILLED);
    let signal = Signal::KILL;
    assert_eq!(
        t.orders,
        [
            Action::SignalTree { run, signal },
            Action::WatchTree { run }
        ]
    );
    t.wait(ms(300));
    assert_eq!(t.standing(A), Standing::Backoff);
    t.event(Event::TreeGone { run });
    assert_eq!(t.spawned(), [A], "the delay counted from the exit");
}

#[test]
fn delays_double_and_begin_anew_after_long_enough_active() {
    let mut t = Table::new(vec![service("a")]);
    let mut delay = |active: Duration| {
        t.up(A);
        t.wait(active);
        t.exit(A, Exit::Code(1));
        t.wait_for_deadline().as_millis()
    };
    assert!((90..=110).contains(&delay(ms(0))));
    assert!((180..=220).contains(&delay(ms(0))));
    assert!((360..=440).contains(&delay(ms(9_999))));
    assert!((90..=110).contains(&delay(ms(10_000))));
}

#[test]
fn a_start_limit_ends_it_with_the_last_reason() {
    let mut a = service("a");
    a.restart.limit = Some(StartLimit {
        count: 2,
        within: Duration::from_secs(60),
    });
    let mut t = Table::new(vec![a, service("b")]);
    t.up(A);
    t.exit(A, Exit::Code(4));
    t.wait_for_deadline();
    t.up(A);
    t.exit(A, Exit::Code(5));
    assert_eq!(t.standing(A), Standing::Failed);
    assert_eq!(
        t.told.last().unwrap(),
        "a failed: exited with status 5; start limit reached"
    );
    t.up(B);
    assert_eq!(t.system.whole(), Whole::Degraded);
}

#[test]
fn policies_decide_by_success_and_success_exit_status_counts() {
    let expect = |policy, exit, standing| {
        let mut a = service("a");
        a.restart.policy = policy;
        a.success = Box::new([Exit::Code(143)]);
        let mut t = Table::new(vec![a, service("b")]);
        t.up(A);
        t.exit(A, exit);
        assert_eq!(t.standing(A), standing, "{policy:?} {exit}");
    };
    use RestartPolicy::{Always, No, OnFailure};
    expect(Always, Exit::Code(0), Standing::Backoff);
    expect(OnFailure, Exit::Code(0), Standing::Exited);
    expect(OnFailure, Exit::Code(143), Standing::Exited);
    expect(OnFailure, Exit::Code(1), Standing::Backoff);
    expect(No, Exit::Code(143), Standing::Exited);
    expect(No, KILLED, Standing::Failed);
}

#[test]
fn each_restart_policy_knows_what_kind_of_end_it_is_for() {
    use RestartPolicy::{OnAbnormal, OnAbort, OnSuccess, OnWatchdog};
    let (well, status, out) = (Exit::Code(0), Exit::Code(1), Exit::OutOfMemory);
    for (policy, exit, again) in [
        (OnSuccess, well, true),
        (OnSuccess, status, false),
        (OnSuccess, KILLED, false),
        (OnAbnormal, well, false),
        (OnAbnormal, status, false),
        (OnAbnormal, KILLED, true),
        (OnAbnormal, out, true),
        (OnAbort, status, false),
        (OnAbort, KILLED, true),
        (OnAbort, out, false),
        (OnWatchdog, KILLED, false),
        (OnWatchdog, status, false),
    ] {
        let mut a = service("a");
        a.restart.policy = policy;
        let mut t = Table::new(vec![a, service("b")]);
        t.up(A);
        t.exit(A, exit);
        let is_again = t.standing(A) == Standing::Backoff;
        assert_eq!(is_again, again, "{policy:?} {exit}");
    }
}

#[test]
fn what_is_said_of_one_exit_status_counts_more_than_the_policy() {
    use RestartPolicy::{Always, No};
    for (policy, code, again) in [
        (Always, 5, false),
        (Always, 1, true),
        (No, 6, true),
        (No, 0, true),
        (No, 1, false),
        // Never beats always.
        (No, 7, false),
    ] {
        let mut a = service("a");
        a.restart.policy = policy;
        a.restart.by_exit = Some(Box::new(RestartByExit {
            prevent: [5, 7].map(Exit::Code).into(),
            force: [0, 6, 7].map(Exit::Code).into(),
        }));
        let mut t = Table::new(vec![a, service("b")]);
        t.up(A);
        t.exit(A, Exit::Code(code));
        let is_again = t.standing(A) == Standing::Backoff;
        assert_eq!(is_again, again, "{policy:?} {code}");
    }
}

#[test]
fn when_a_required_one_crashes_dependants_stop_wait_and_come_back_uncounted() {
    let mut b = requiring("b", A);
    b.restart.limit = Some(StartLimit {
        count: 1,
        within: Duration::from_secs(3600),
    });
    b.essential = true;
    let mut t = Table::new(vec![service("a"), b]);
    t.up(A);
    t.up(B);
    for _ in 0..3 {
        t.exit(A, KILLED);
        assert_eq!(t.standing(B), Standing::Stopping);
        t.exit(B, Exit::Signal(Signal::TERM));
        t.tree_gone(B);
        assert_eq!(t.standing(B), Standing::Waiting);
        t.wait_for_deadline();
        t.up(A);
        assert_eq!(t.spawned(), [B]);
        t.up(B);
    }
    assert_eq!(t.system.whole(), Whole::Running);
}

#[test]
fn what_failed_for_good_is_not_said_to_come_back() {
    let mut a = service("a");
    a.restart.limit = Some(StartLimit {
        count: 1,
        within: Duration::from_secs(3600),
    });
    let mut t = Table::new(vec![a, requiring("b", A)]);
    t.up(A);
    t.up(B);
    t.told.clear();
    t.exit(A, Exit::Code(3));
    assert_eq!(t.standing(B), Standing::Stopping);
    t.exit(B, Exit::Signal(Signal::TERM));
    t.tree_gone(B);
    let said = "exited with status 3; start limit reached";
    let said = [
        format!("a failed: {said}"),
        format!("b failed: dependency a: {said}"),
    ];
    assert_eq!(t.told, said);
}

#[test]
fn a_oneshot_that_succeeded_is_not_run_again_when_a_dependency_comes_back() {
    let mut migrate = oneshot("migrate");
    migrate.edges.requires = Box::new([A]);
    let mut t = Table::new(vec![service("a"), migrate, requiring("c", B)]);
    t.up(A);
    t.up(B);
    assert!(t.spawned().is_empty());
    t.exit(B, Exit::Code(0));
    assert_eq!(t.spawned(), [C]);
    t.up(C);
    t.exit(A, KILLED);
    t.wait_for_deadline();
    t.up(A);
    assert_eq!(t.standing(B), Standing::Exited);
    assert_eq!(t.standing(C), Standing::Active, "not touched");
}

#[test]
fn a_failed_dependency_fails_its_dependants_and_the_root_culprit_gives_the_code() {
    let mut c = requiring("c", B);
    c.essential = true;
    let mut t = Table::new(vec![oneshot("migrate"), requiring("b", A), c]);
    t.up(A);
    t.exit(A, Exit::Code(9));
    assert_eq!(t.standing(B), Standing::Failed);
    assert_eq!(t.standing(C), Standing::Failed);
    assert!(
        t.told
            .contains(&"c failed: dependency migrate: exit 9".into())
    );
    assert_eq!(
        t.last_line(),
        "c (essential) failed: dependency migrate: exit 9; exit code 9"
    );
}

#[test]
fn a_bad_end_has_a_culprit_and_a_good_or_ordered_one_has_none() {
    let culprit = |exit: Exit, of: ServiceId, told: bool| {
        let mut migrate = oneshot("migrate");
        migrate.success = [Exit::Code(7)].into();
        let mut web = requiring("web", A);
        web.essential = true;
        web.restart.policy = RestartPolicy::No;
        let mut t = Table::new(vec![migrate, web]);
        t.up(A);
        if of == B {
            t.exit(A, Exit::Code(7));
            t.up(B);
        }
        if told {
            t.signal(Signal::TERM);
        }
        t.exit(of, exit);
        if told {
            t.tree_gone(of);
        } else if of == B {
            t.event(Event::TreeGone { run: RunId(2) });
        }
        t.event(Event::StraysGone);
        let culprit = t.orders.iter().find_map(|action| match action {
            Action::DrainOutput { culprit, .. } => Some(*culprit),
            _ => None,
        });
        culprit.unwrap_or_else(|| panic!("{:?}", t.orders))
    };
    assert_eq!(culprit(Exit::Code(3), A, false), Some(A), "the root");
    assert_eq!(culprit(Exit::Code(3), B, false), Some(B));
    assert_eq!(culprit(Exit::Code(0), B, false), None);
    assert_eq!(culprit(Exit::Code(3), B, true), None);
}

#[test]
fn when_a_service_ends_for_good_its_dependants_become_inactive() {
    let mut web = service("web");
    web.restart.policy = RestartPolicy::No;
    let mut t = Table::new(vec![web, requiring("b", A), service("c")]);
    t.up(A);
    t.up(B);
    t.up(C);
    let run = t.run(A);
    t.exit(A, Exit::Code(0));
    assert!(
        t.orders.contains(&Action::WatchTree { run }),
        "what it left is swept: {:?}",
        t.orders
    );
    t.exit(B, Exit::Signal(Signal::TERM));
    t.tree_gone(B);
    assert_eq!(t.standing(B), Standing::Inactive);
    assert_eq!(t.told.last().unwrap(), "b inactive: dependency web ended");
    t.event(Event::TreeGone { run });
    assert_eq!(t.system.deadline(), None);
}

#[test]
fn a_stop_asks_main_first_then_the_tree_and_kills_at_the_end_of_the_grace() {
    let mut a = service("a");
    a.stop.signal = Signal::QUIT;
    a.stop.to_group = true;
    a.stop.timeout = Some(Duration::from_secs(5));
    let mut t = Table::new(vec![a]);
    t.up(A);
    let run = t.run(A);
    t.signal(Signal::TERM);
    let to_group = true;
    let main = |signal| Action::SignalMain {
        run,
        signal,
        to_group,
    };
    let tree = |signal| Action::SignalTree { run, signal };
    assert_eq!(t.orders, [main(Signal::QUIT), main(Signal::CONT)]);
    t.exit(A, Exit::Code(0));
    let watch = Action::WatchTree { run };
    assert_eq!(t.orders, [tree(Signal::TERM), tree(Signal::CONT), watch]);
    assert_eq!(t.wait_for_deadline(), Duration::from_secs(5));
    assert_eq!(t.orders, [tree(Signal::KILL)]);
    t.tree_gone(A);
    assert_eq!(
        t.last_line(),
        "SIGTERM: 1 service stopped in 5 s, a killed after 5 s; exit code 0"
    );
}

#[test]
fn kill_mode_process_is_done_with_its_main_process() {
    let mut a = service("a");
    a.stop.kill_mode = KillMode::Process;
    let mut t = Table::new(vec![a]);
    t.up(A);
    let run = t.run(A);
    t.signal(Signal::TERM);
    t.exit(A, Exit::Signal(Signal::TERM));
    assert_eq!(t.orders[0], Action::Forget { run });
    assert_eq!(
        t.last_line(),
        "SIGTERM: 1 service stopped in 0 ms; exit code 0"
    );
}

#[test]
fn kill_mode_control_group_asks_all_at_once_and_waits_for_the_rest() {
    let mut a = service("a");
    a.stop.kill_mode = KillMode::ControlGroup;
    a.stop.signal = Signal::INT;
    let mut t = Table::new(vec![a]);
    t.up(A);
    let run = t.run(A);
    let tree = |signal| Action::SignalTree { run, signal };
    t.signal(Signal::TERM);
    assert_eq!(t.orders, [tree(Signal::INT), tree(Signal::CONT)]);
    t.exit(A, Exit::Signal(Signal::INT));
    assert_eq!(t.orders, [Action::WatchTree { run }]);
    t.tree_gone(A);
    assert_eq!(
        t.last_line(),
        "SIGTERM: 1 service stopped in 0 ms; exit code 0"
    );
}

#[test]
fn kill_mode_mixed_kills_what_its_main_process_left() {
    let mut a = service("a");
    a.stop.kill_mode = KillMode::Mixed;
    let mut t = Table::new(vec![a]);
    t.up(A);
    let run = t.run(A);
    t.signal(Signal::TERM);
    t.exit(A, Exit::Signal(Signal::TERM));
    let signal = Signal::KILL;
    let killed = [
        Action::SignalTree { run, signal },
        Action::WatchTree { run },
    ];
    assert_eq!(t.orders, killed);
    assert_eq!(t.standing(A), Standing::Killing);
    t.tree_gone(A);
    assert_eq!(
        t.last_line(),
        "SIGTERM: 1 service stopped in 0 ms; exit code 0"
    );
}

#[test]
fn kill_mode_none_signals_nobody_and_is_done_at_once() {
    let mut a = service("a");
    a.stop.kill_mode = KillMode::None;
    let mut t = Table::new(vec![a]);
    t.up(A);
    let run = t.run(A);
    t.signal(Signal::TERM);
    assert_eq!(t.orders[0], Action::Forget { run });
    assert_eq!(t.standing(A), Standing::Inactive);
}

#[test]
fn a_shutdown_stops_in_reverse_and_independent_ones_together() {
    let mut t = Table::new(vec![service("a"), after("b", A), requiring("c", A)]);
    t.up(A);
    t.up(B);
    t.up(C);
    t.signal(Signal::TERM);
    let standings = |t: &Table| [A, B, C].map(|id| t.standing(id));
    use Standing::{Active, Inactive, Stopping};
    assert_eq!(standings(&t), [Active, Stopping, Stopping]);
    for id in [C, B] {
        assert_eq!(t.standing(A), Active);
        t.exit(id, Exit::Signal(Signal::TERM));
        t.tree_gone(id);
    }
    assert_eq!(standings(&t), [Stopping, Inactive, Inactive]);
    t.now = t.now.plus(ms(1_200));
    t.exit(A, Exit::Code(0));
    t.tree_gone(A);
    assert_eq!(
        t.last_line(),
        "SIGTERM: 3 services stopped in 1.2 s; exit code 0"
    );
}

#[test]
fn the_grace_is_shared_along_the_longest_chain() {
    let mut t = Table::new(vec![service("a"), after("b", A)]);
    t.up(A);
    t.up(B);
    t.signal(Signal::TERM);
    // 10 s each on a chain of two, in 9 s less what is kept.
    assert_eq!(t.wait_for_deadline(), ms(4_375));
    assert_eq!(t.standing(B), Standing::Killing);
    t.exit(B, KILLED);
    t.tree_gone(B);
    assert_eq!(t.wait_for_deadline(), ms(4_375));
    assert_eq!(t.standing(A), Standing::Killing);
}

#[test]
fn at_the_deadline_it_leaves_whatever_stands_and_says_what() {
    let mut a = service("a");
    a.essential = true;
    let mut t = Table::new(vec![a]);
    t.up(A);
    let begun = t.now;
    t.signal(Signal::TERM);
    let mut line = None;
    while !t.orders.iter().any(|a| matches!(a, Action::Exit { .. })) {
        t.wait_for_deadline();
        line = line.or(t.orders.iter().find_map(|action| match action {
            Action::DrainOutput { epilogue, .. } => Some(epilogue.to_string()),
            _ => None,
        }));
    }
    assert_eq!(t.now.since(begun), Duration::from_secs(9));
    assert_eq!(
        line.unwrap(),
        "SIGTERM: 1 service stopped in 8.9 s, a killed after 8.8 s, a could not be killed; exit code 137"
    );
    assert_eq!(t.system.deadline(), None);
}

#[test]
fn a_second_sigint_kills_at_once_unless_it_is_an_echo() {
    let mut t = Table::new(vec![service("a")]);
    t.up(A);
    t.signal(Signal::INT);
    t.now = t.now.plus(ms(499));
    t.signal(Signal::INT);
    assert_eq!(t.standing(A), Standing::Stopping);
    assert_eq!(t.told.last().unwrap(), "SIGINT: waiting for a");
    t.now = t.now.plus(ms(1));
    t.signal(Signal::TERM);
    assert_eq!(t.standing(A), Standing::Stopping);
    t.signal(Signal::INT);
    assert_eq!(t.standing(A), Standing::Killing);
}

#[test]
fn during_the_shutdown_delay_all_runs_on_and_an_end_is_no_crash() {
    let mut spec = Spec {
        services: vec![service("a"), service("b")],
        ..Spec::default()
    };
    spec.init.shutdown_delay = Duration::from_secs(2);
    let mut t = Table::with(spec);
    t.up(A);
    t.up(B);
    t.signal(Signal::TERM);
    assert!(t.orders.is_empty());
    assert_eq!(t.system.whole(), Whole::Stopping);
    t.exit(A, Exit::Signal(Signal::TERM));
    t.tree_gone(A);
    assert_eq!(t.standing(A), Standing::Inactive);
    assert_eq!(t.wait_for_deadline(), Duration::from_secs(2));
    assert_eq!(t.standing(B), Standing::Stopping);
}

#[test]
fn an_essential_end_for_good_ends_all_with_its_code_and_says_so() {
    let mut web = service("web");
    web.essential = true;
    web.restart.policy = RestartPolicy::No;
    let mut t = Table::new(vec![web, service("redis")]);
    t.up(A);
    t.up(B);
    t.now = t.now.plus(Duration::from_secs(7500));
    let run = t.run(A);
    t.exit(A, Exit::Code(3));
    t.event(Event::TreeGone { run });
    t.now = t.now.plus(ms(400));
    t.exit(B, Exit::Code(0));
    t.tree_gone(B);
    assert_eq!(
        t.last_line(),
        "web (essential) exited with status 3 after 2h 5m; 1 service stopped in 0.4 s; exit code 3"
    );
}

#[test]
fn an_ordered_shutdown_gives_0_137_or_the_essential_ones_own_code() {
    let code = |exit: Option<Exit>| {
        let mut web = service("web");
        web.essential = true;
        let mut t = Table::new(vec![web]);
        t.up(A);
        t.signal(Signal::PWR);
        if exit.is_none() {
            t.wait_for_deadline();
        }
        t.exit(A, exit.unwrap_or(KILLED));
        t.tree_gone(A);
        t.last_line().rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(code(Some(Exit::Code(0))), "0");
    assert_eq!(code(Some(Exit::Signal(Signal::TERM))), "0");
    assert_eq!(code(Some(Exit::Code(143))), "0");
    assert_eq!(code(Some(Exit::Code(7))), "7");
    assert_eq!(code(None), "137");
}

#[test]
fn nothing_left_ends_it_with_the_first_failed_ones_code_unless_it_keeps_running() {
    let mut spec = Spec {
        services: vec![oneshot("a"), oneshot("b")],
        ..Spec::default()
    };
    let end = |spec: &Spec| {
        let mut t = Table::with(spec.clone());
        t.up(A);
        let run = t.run(B);
        let failure = SpawnFailure {
            step: "exec b".into(),
            errno: 2,
            reason: "no such file or directory".into(),
        };
        t.event(Event::SpawnFailed { run, failure });
        t.exit(A, Exit::Code(5));
        t
    };
    assert_eq!(
        end(&spec).last_line(),
        "b failed: cannot start: exec b: no such file or directory; nothing left to supervise; exit code 127"
    );
    spec.init.keep_running = true;
    assert_eq!(end(&spec).system.whole(), Whole::Degraded);
    assert_eq!(end(&spec).system.deadline(), None);
}

#[test]
fn other_signals_go_to_main_or_nowhere_and_hup_has_the_configuration_read() {
    let mut main = service("main");
    main.is_main = true;
    let mut t = Table::new(vec![main]);
    t.up(A);
    let run = t.run(A);
    let signal = Signal::TSTP;
    t.signal(signal);
    assert_eq!(t.orders, [Action::Forward { run, signal }]);
    t.signal(Signal::HUP);
    assert_eq!(t.orders, [Action::ReadConfiguration { applies: true }]);
    t.event(Event::Signalled {
        signal: Signal::HUP,
        hung_up: true,
    });
    assert_eq!(t.system.whole(), Whole::Stopping);
}

#[test]
fn a_sleep_moves_start_deadlines_and_delays_but_never_the_shutdown() {
    let by = Duration::from_secs(100);
    let mut t = Table::new(vec![service("a")]);
    t.up(A);
    t.exit(A, Exit::Code(1));
    t.now = t.now.plus(by);
    t.event(Event::Overslept { by });
    t.event(Event::Woke);
    assert_eq!(t.standing(A), Standing::Backoff);
    t.wait_for_deadline();
    t.up(A);
    t.signal(Signal::TERM);
    t.now = t.now.plus(by);
    t.event(Event::Overslept { by });
    t.event(Event::Woke);
    assert!(matches!(t.orders.last(), Some(Action::Exit { .. })));
}

#[test]
fn status_and_a_new_main_pid_are_kept() {
    let mut t = Table::new(vec![service("a")]);
    t.up(A);
    let run = t.run(A);
    let text = "serving".into();
    t.event(Event::Status { run, text });
    t.event(Event::MainPid { run, pid: Pid(99) });
    let Some(State::Active { run, .. }) = t.system.state(A) else {
        panic!("{:?}", t.system.state(A));
    };
    assert_eq!(run.status.as_deref(), Some("serving"));
    assert_eq!(run.pid, Some(Pid(99)));
}

#[test]
fn a_thousand_services_and_a_chain_of_five_hundred_are_quick_to_come_and_go() {
    let mut services: Vec<ServiceSpec> = (0..1_000).map(|_| service("x")).collect();
    for (id, spec) in (0_u32..).zip(&mut services).take(500).skip(1) {
        spec.edges.requires = Box::new([ServiceId(id - 1)]);
    }
    let mut system = System::new(
        Spec {
            services,
            ..Spec::default()
        },
        Surroundings::default(),
    );
    let now = Now::default();
    let mut actions = Vec::new();
    let mut open = vec![Event::Booted];
    let mut spawned = 0;
    let mut stopped = false;
    while let Some(event) = open.pop() {
        system.handle(event, now, &mut actions);
        for action in actions.drain(..) {
            match action {
                Action::Spawn { run, .. } => {
                    spawned += 1;
                    open.push(Event::Executed { run });
                }
                Action::SignalMain { run, signal, .. } if signal == Signal::TERM => {
                    open.push(Event::Exited { run, exit: KILLED });
                }
                Action::WatchTree { run } => open.push(Event::TreeGone { run }),
                Action::SignalStrays { .. } => stopped = true,
                _ => {}
            }
        }
        if open.is_empty() && system.whole() == Whole::Running {
            let signal = Signal::TERM;
            let hung_up = false;
            open.push(Event::Signalled { signal, hung_up });
        }
    }
    assert_eq!(spawned, 1_000);
    assert!(stopped);
}
