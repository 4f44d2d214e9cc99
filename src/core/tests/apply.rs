//! A new configuration while all goes on, driven by hand.

use super::requests::answer;
use super::*;
use crate::core::apply::Reading;
use crate::core::exec::Words;
use crate::core::request::{RequestId, Verb};

/// One with a command, so that another command is a change.
pub(super) fn commanded(name: &str, command: &str) -> ServiceSpec {
    let mut spec = service(name);
    spec.exec.command = Words::new([command]);
    spec
}

const fn is_reading(order: &Action) -> bool {
    matches!(order, Action::ReadConfiguration { .. })
}

impl Table {
    /// Asks for an apply (`number`), which is read so.
    pub(super) fn apply(&mut self, number: u64, services: Vec<ServiceSpec>) {
        self.ask(number, Verb::Apply, &[]);
        assert!(self.orders.iter().any(is_reading));
        self.read(services);
    }

    /// Has it made known (`number`), and no more.
    pub(super) fn learn(&mut self, number: u64, services: Vec<ServiceSpec>) {
        self.ask(number, Verb::Learn, &[]);
        self.read(services);
    }

    fn read(&mut self, services: Vec<ServiceSpec>) {
        let spec = Box::new(Spec {
            services,
            ..Spec::default()
        });
        let warnings = ["it is doubtful".into()].into();
        self.event(Event::ConfigurationRead(Reading::Sound { spec, warnings }));
    }

    /// The loop has nothing under way.
    pub(super) fn quiet(&mut self) {
        assert!(self.system.wants_quiet());
        self.event(Event::Quiet);
        self.system.audit().unwrap();
    }

    fn signalled(&self) -> usize {
        let signals = self
            .orders
            .iter()
            .filter(|order| matches!(order, Action::SignalMain { .. } | Action::SignalTree { .. }));
        signals.count()
    }
}

#[test]
fn what_is_the_same_is_not_even_signalled_and_numbers_follow_the_new_order() {
    let mut t = Table::new(vec![service("a"), service("b")]);
    t.up(A);
    t.up(B);
    let (a, b) = (t.run(A), t.run(B));
    t.apply(1, vec![service("new"), service("b"), service("a")]);
    assert_eq!(t.signalled(), 0);
    t.quiet();
    assert_eq!(t.signalled(), 0);
    assert_eq!((t.run(C), t.run(B)), (a, b));
    assert_eq!(t.spawned(), [A]);
    assert!(t.answers().is_empty());
    t.up(A);
    assert_eq!(t.answers(), answer(1, "done new: new"));
    // Their ends are still their own.
    t.exit(C, Exit::Code(1));
    assert_eq!(t.standing(C), Standing::Backoff);
    assert_eq!(t.standing(A), Standing::Active);
}

#[test]
fn a_changed_one_restarts_and_what_requires_it_stops_before_and_comes_back_after() {
    let mut t = Table::new(vec![commanded("a", "x"), requiring("b", A)]);
    t.up(A);
    t.up(B);
    t.apply(1, vec![commanded("a", "y"), requiring("b", A)]);
    assert_eq!(t.standing(B), Standing::Stopping);
    assert_eq!(t.standing(A), Standing::Active);
    assert!(!t.system.wants_quiet());
    t.gone(B);
    assert_eq!(t.standing(A), Standing::Stopping);
    t.gone(A);
    assert_eq!(t.spawned(), []);
    t.quiet();
    assert_eq!(t.spawned(), [A]);
    t.up(A);
    assert_eq!(t.spawned(), [B]);
    t.up(B);
    assert_eq!(t.answers(), answer(1, "done a: restart (command)"));
}

#[test]
fn a_live_change_restarts_nothing() {
    let mut t = Table::new(vec![service("a"), service("b")]);
    t.up(A);
    t.up(B);
    let runs = (t.run(A), t.run(B));
    let mut live = requiring("b", A);
    live.stop.signal = Signal::QUIT;
    live.restart.policy = RestartPolicy::No;
    live.essential = true;
    t.apply(1, vec![service("a"), live]);
    t.quiet();
    assert_eq!(runs, (t.run(A), t.run(B)));
    assert_eq!(
        t.answers(),
        answer(
            1,
            "done b: change without a restart (essential, requires, restart, stop-signal)"
        )
    );
    // The new bond counts.
    t.exit(A, Exit::Code(1));
    assert_eq!(t.standing(B), Standing::Stopping);
    let quit = |order: &Action| matches!(order, Action::SignalMain { signal, .. } if *signal == Signal::QUIT);
    assert!(t.orders.iter().any(quit));
}

#[test]
fn one_that_is_no_more_stops_and_vanishes_and_who_required_it_goes_on_without() {
    let mut t = Table::new(vec![service("a"), requiring("b", A)]);
    t.up(A);
    t.up(B);
    let run = t.run(B);
    t.apply(1, vec![service("b")]);
    assert_eq!(t.standing(A), Standing::Stopping);
    assert_eq!(t.standing(B), Standing::Active);
    t.gone(A);
    t.quiet();
    assert_eq!(t.run(A), run);
    assert_eq!(t.system.state(B), None);
    let said = "done a: removed; b: change without a restart (requires)";
    assert_eq!(t.answers(), answer(1, said));
}

#[test]
fn what_was_stopped_by_hand_stays_so_and_what_failed_starts_anew_if_it_changed() {
    let never = |command: &str| {
        let mut spec = commanded("b", command);
        spec.restart.policy = RestartPolicy::No;
        spec
    };
    let mut t = Table::new(vec![
        commanded("a", "x"),
        never("x"),
        requiring("c", B),
        service("d"),
    ]);
    t.up(A);
    t.up(B);
    t.up(C);
    t.up(ServiceId(3));
    t.ask(1, Verb::Stop, &[A]);
    t.gone(A);
    let run = t.run(B);
    t.exit(B, Exit::Code(1));
    t.gone(C);
    t.event(Event::TreeGone { run });
    assert_eq!(t.standing(C), Standing::Failed);
    let services = || {
        vec![
            commanded("a", "y"),
            never("y"),
            requiring("c", B),
            service("d"),
        ]
    };
    t.apply(2, services());
    t.quiet();
    assert_eq!(t.standing(A), Standing::Inactive);
    assert_eq!(t.spawned(), [B]);
    t.up(B);
    assert_eq!(t.spawned(), [C]);
    t.up(C);
    assert_eq!(
        t.answers(),
        answer(
            2,
            "done a: change without a restart (command); b: start (command)"
        )
    );
    // Unchanged, it stays as it is.
    t.exit(B, Exit::Code(1));
    t.gone(C);
    t.apply(3, services());
    t.quiet();
    assert_eq!(t.standing(B), Standing::Failed);
    assert_eq!(t.answers(), answer(3, "done nothing changes"));
}

#[test]
fn a_changed_oneshot_does_not_run_by_itself_and_one_that_runs_is_waited_for() {
    let job = |command: &str| {
        let mut spec = oneshot("job");
        spec.exec.command = Words::new([command]);
        spec
    };
    let mut t = Table::new(vec![job("x"), requiring("b", A)]);
    t.apply(1, vec![job("y"), requiring("b", A)]);
    assert!(!t.system.wants_quiet());
    assert_eq!(t.signalled(), 0);
    t.up(A);
    t.exit(A, Exit::Code(0));
    assert_eq!(t.spawned(), [B]);
    t.quiet();
    assert_eq!(t.standing(A), Standing::Exited);
    let said = "done job: change without a restart (command)";
    assert_eq!(t.answers(), answer(1, said));
    t.up(B);
    t.apply(2, vec![job("z"), requiring("b", A)]);
    t.quiet();
    assert_eq!(t.answers(), answer(2, said));
    assert_eq!(t.standing(A), Standing::Exited);
    assert_eq!(t.standing(B), Standing::Active);
}

#[test]
fn one_runs_one_waits_and_the_rest_are_served_with_that() {
    let mut t = Table::new(vec![commanded("a", "x")]);
    t.up(A);
    t.ask(1, Verb::Apply, &[]);
    t.ask(2, Verb::Apply, &[]);
    t.ask(3, Verb::Plan, &[]);
    t.signal(Signal::HUP);
    assert!(!t.orders.iter().any(is_reading));
    let refused = |text: &str| {
        let errors = [text.into()].into();
        Event::ConfigurationRead(Reading::Refused { errors })
    };
    t.event(refused("x.toml:1: no"));
    assert_eq!(t.answers(), answer(1, "no x.toml:1: no"));
    assert!(t.orders.iter().any(is_reading));
    assert_eq!(t.last_told(), "x.toml:1: no");
    t.read(vec![commanded("a", "y")]);
    assert_eq!(t.answers(), answer(3, "done a: restart (command)"));
    t.gone(A);
    t.quiet();
    // Whoever comes before all is up takes the place of who waits for that.
    t.apply(4, vec![commanded("a", "z")]);
    assert_eq!(t.answers(), answer(2, "no superseded by apply"));
    t.gone(A);
    t.quiet();
    t.up(A);
    assert_eq!(t.answers(), answer(4, "done a: restart (command)"));
    assert_eq!(t.system.deadline(), None);
}

#[test]
fn a_first_attempt_that_fails_is_the_answer() {
    let mut t = Table::new(vec![service("a")]);
    t.up(A);
    t.apply(1, vec![service("a"), service("b")]);
    t.quiet();
    t.up(B);
    assert_eq!(t.answers(), answer(1, "done b: new"));
    t.apply(2, vec![service("a"), service("b"), requiring("c", B)]);
    t.quiet();
    t.exit(C, Exit::Code(3));
    let answers = t.answers();
    assert!(
        answers[0]
            .1
            .starts_with("no c failed: exited with status 3"),
        "{answers:?}"
    );
}

#[test]
fn once_all_ends_no_configuration_is_read_and_nobody_waits_for_one() {
    let mut t = Table::new(vec![commanded("a", "x")]);
    t.up(A);
    t.ask(1, Verb::Apply, &[]);
    t.ask(2, Verb::Apply, &[]);
    t.read(vec![commanded("a", "y")]);
    assert_eq!(t.standing(A), Standing::Stopping);
    t.signal(Signal::TERM);
    assert_eq!(t.answers().len(), 2, "{:?}", t.orders);
    t.signal(Signal::HUP);
    assert_eq!(
        t.last_told(),
        "SIGHUP: rinit is stopping, and reads no configuration"
    );
    t.ask(3, Verb::Plan, &[]);
    assert_eq!(t.answers()[0].0, 3);
    t.gone(A);
    assert_eq!(t.spawned(), []);
}

#[test]
fn one_that_is_disabled_now_stops_and_one_that_is_enabled_starts() {
    let enabled = |name: &str, enabled| {
        let mut spec = service(name);
        spec.enabled = enabled;
        spec
    };
    let both = |one| vec![enabled("a", one), enabled("b", !one)];
    let mut t = Table::new(both(true));
    t.up(A);
    for (round, (down, up)) in [(A, B), (B, A), (A, B)].into_iter().enumerate() {
        t.apply(round as u64, both(up == A));
        assert_eq!(t.standing(down), Standing::Stopping);
        t.gone(down);
        t.quiet();
        assert_eq!(t.standing(down), Standing::Inactive);
        assert_eq!(t.spawned(), [up]);
        t.up(up);
        assert_eq!(t.answers().len(), 1);
    }
}

#[test]
fn a_start_that_waits_for_what_is_no_more_is_told_and_a_stop_is_done() {
    let mut t = Table::new(vec![service("a"), service("b"), service("c")]);
    t.up(A);
    t.up(C);
    t.ask(1, Verb::Restart, &[A]);
    t.ask(2, Verb::Stop, &[B]);
    t.apply(3, vec![service("c")]);
    t.gone(A);
    t.event(Event::Exited {
        run: t.run(B),
        exit: Exit::Code(0),
    });
    assert_eq!(t.answers(), []);
    t.tree_gone(B);
    assert_eq!(t.answers(), answer(2, "done "));
    t.quiet();
    assert_eq!(
        t.answers(),
        [
            (1, "no a is no longer defined".to_owned()),
            (3, "done a: removed; b: removed".to_owned())
        ]
    );
}

#[test]
fn one_that_is_on_its_way_down_goes_down_though_somebody_starts_it() {
    let mut t = Table::new(vec![commanded("a", "x"), requiring("b", A)]);
    t.up(A);
    t.up(B);
    t.apply(1, vec![commanded("a", "y"), requiring("b", A)]);
    t.ask(2, Verb::Start, &[A]);
    t.gone(B);
    t.gone(A);
    t.quiet();
    assert_eq!(t.spawned(), [A]);
    t.up(A);
    t.up(B);
    assert_eq!(t.standing(B), Standing::Active);
}

#[test]
fn nothing_goes_down_while_a_changed_oneshot_still_runs() {
    let oneshot = |command: &str| ServiceSpec {
        kind: Kind::Oneshot,
        ..commanded("job", command)
    };
    let mut t = Table::new(vec![commanded("a", "x"), oneshot("x")]);
    t.up(A);
    t.up(B);
    t.apply(1, vec![commanded("a", "y"), oneshot("y")]);
    assert_eq!(t.standing(A), Standing::Active);
    assert_eq!(t.signalled(), 0);
    t.exit(B, Exit::Code(0));
    assert_eq!(t.standing(A), Standing::Stopping);
    t.gone(A);
    t.quiet();
    assert_eq!(t.spawned(), [A]);
}

#[test]
fn while_a_changed_oneshot_runs_all_else_goes_on_and_people_are_told() {
    let job = |command: &str| ServiceSpec {
        kind: Kind::Oneshot,
        ..commanded("job", command)
    };
    let mut t = Table::new(vec![commanded("a", "x"), job("x"), service("old")]);
    [A, B, C].into_iter().for_each(|id| t.up(id));
    t.apply(1, vec![commanded("a", "y"), job("y"), service("new")]);
    let said =
        "the new configuration waits until job has ended: a oneshot that runs isn't stopped for it";
    assert_eq!(t.last_told(), said);
    let told = |t: &Table, number| {
        let request = RequestId(number);
        let services = [B].into();
        t.orders.contains(&Action::ToldOfWait { request, services })
    };
    assert!(told(&t, 1), "{:?}", t.orders);
    // Whoever comes now waits for the same.
    t.ask(2, Verb::Apply, &[]);
    assert!(told(&t, 2), "{:?}", t.orders);
    let why = |t: &Table, id| t.system.why(id, t.system.now()).join("; ");
    assert!(why(&t, B).contains("a new configuration waits for its end"));
    // What dies is restarted, as it was defined, though it changes or goes.
    for id in [A, C] {
        let run = t.run(id);
        t.exit(id, Exit::Code(1));
        t.event(Event::TreeGone { run });
        assert_eq!(t.standing(id), Standing::Backoff);
        t.wait_for_deadline();
        assert_eq!(t.spawned(), [id]);
        t.up(id);
        assert_eq!(t.standing(id), Standing::Active);
    }
    t.system.audit().unwrap();
    t.exit(B, Exit::Code(0));
    assert_eq!(t.standing(A), Standing::Stopping);
    assert_eq!(t.standing(C), Standing::Stopping);
    t.gone(A);
    // Now it stands still.
    let said = "until its new definition counts";
    assert!(why(&t, A).ends_with(said), "{}", why(&t, A));
    assert_eq!(t.spawned(), []);
    t.gone(C);
    t.quiet();
    assert_eq!(t.spawned(), [A, C]);
}

#[test]
fn a_warning_is_said_once_however_often_the_configuration_is_read() {
    let mut t = Table::new(vec![service("a")]);
    t.up(A);
    for number in 1..4 {
        t.apply(number, vec![service("a")]);
        t.quiet();
    }
    let doubts = t.told.iter().filter(|text| text.contains("doubtful"));
    assert_eq!(doubts.count(), 1, "{:?}", t.told);
    let mut t = Table::new(vec![service("a")]);
    t.system.have_told(&["it is doubtful".into()]);
    t.apply(1, vec![service("a")]);
    assert!(
        !t.told.iter().any(|text| text.contains("doubtful")),
        "{:?}",
        t.told
    );
}
