//! Health: what counts, and what follows.

use super::*;
use crate::core::probe::{Health, OnUnhealthy};

const SECOND: Duration = Duration::from_secs(1);

/// Every 10 s, twice no is unhealthy, and the first 15 s count only when they are good.
fn checked(on_unhealthy: OnUnhealthy) -> ServiceSpec {
    let mut web = service("web");
    web.health = Some(Box::new(Health {
        probe: Probe::Unix("/x".into()),
        interval: SECOND * 10,
        timeout: SECOND,
        retries: 2,
        start_period: SECOND * 15,
        on_unhealthy,
    }));
    web
}

fn answers(t: &mut Table, answer: Answer) {
    let run = t.run(A);
    let of = Question::Health;
    let ask = Action::Probe {
        service: A,
        run,
        of,
    };
    assert_eq!(t.wait_for_deadline(), SECOND * 10);
    assert_eq!(t.orders, [ask]);
    assert_eq!(t.system.deadline(), None, "its answer is awaited");
    t.event(Event::Probed { run, answer });
}

fn says_no(t: &mut Table) {
    answers(t, Answer::No("connection refused".into()));
}

#[test]
fn so_many_times_no_in_a_row_is_unhealthy_and_degrades_the_whole_until_a_yes() {
    let mut t = Table::new(vec![checked(OnUnhealthy::None)]);
    t.up(A);
    assert_eq!(t.system.whole(), Whole::Running);
    says_no(&mut t);
    says_no(&mut t);
    answers(&mut t, Answer::Yes);
    says_no(&mut t);
    assert!(
        !t.system.is_unhealthy(A),
        "the first didn't count, a yes came between"
    );
    says_no(&mut t);
    assert!(t.system.is_unhealthy(A));
    assert_eq!(t.system.whole(), Whole::Degraded);
    assert_eq!(t.last_told(), "web is unhealthy: connection refused");
    says_no(&mut t);
    answers(&mut t, Answer::Yes);
    assert_eq!(t.system.whole(), Whole::Running);
    assert_eq!(t.last_told(), "web is healthy again");
    let count = t
        .told
        .iter()
        .filter(|line| line.contains("unhealthy"))
        .count();
    assert_eq!(count, 1, "it is said once: {:?}", t.told);
}

#[test]
fn the_start_period_ends_with_the_first_yes() {
    let mut t = Table::new(vec![checked(OnUnhealthy::None)]);
    t.up(A);
    t.event(Event::Overslept { by: SECOND * 100 });
    t.now = t.now.plus(SECOND * 100);
    says_no(&mut t);
    says_no(&mut t);
    assert!(!t.system.is_unhealthy(A), "what all slept doesn't count");
    let mut t = Table::new(vec![checked(OnUnhealthy::None)]);
    t.up(A);
    answers(&mut t, Answer::Yes);
    says_no(&mut t);
    says_no(&mut t);
    assert!(t.system.is_unhealthy(A));
}

#[test]
fn an_unhealthy_service_is_restarted_within_its_start_limit() {
    let mut web = checked(OnUnhealthy::Restart);
    let within = SECOND * 3600;
    web.restart.limit = Some(StartLimit { count: 2, within });
    let mut t = Table::new(vec![web]);
    for attempt in 0..2 {
        t.up(A);
        let run = t.run(A);
        says_no(&mut t);
        says_no(&mut t);
        says_no(&mut t);
        assert_eq!(t.standing(A), Standing::Stopping);
        assert!(!t.system.is_unhealthy(A), "it doesn't run any more");
        // A late answer touches nothing.
        let answer = Answer::Yes;
        t.event(Event::Probed { run, answer });
        t.exit(A, Exit::Code(0));
        t.tree_gone(A);
        if attempt == 0 {
            assert_eq!(t.standing(A), Standing::Backoff);
            let last = "web unhealthy: connection refused; restart in 0.1 s";
            assert_eq!(t.last_told(), last);
            t.wait_for_deadline();
        }
    }
    assert_eq!(t.standing(A), Standing::Failed);
    let line = t.last_line();
    let end = "web failed: unhealthy: connection refused; start limit reached; nothing left to supervise; exit code 1";
    assert_eq!(line, end);
}

#[test]
fn an_unhealthy_service_may_end_all() {
    let mut t = Table::new(vec![checked(OnUnhealthy::Shutdown), service("other")]);
    t.up(A);
    t.up(B);
    says_no(&mut t);
    says_no(&mut t);
    says_no(&mut t);
    assert_eq!(t.system.whole(), Whole::Stopping);
    t.exit(A, Exit::Signal(Signal::TERM));
    t.exit(B, Exit::Signal(Signal::TERM));
    t.tree_gone(A);
    t.tree_gone(B);
    let line = t.last_line();
    assert_eq!(
        line,
        "web unhealthy; 2 services stopped in 0 ms; exit code 1"
    );
}

#[test]
fn nobody_is_asked_in_a_shutdown() {
    let mut spec = Spec {
        services: vec![checked(OnUnhealthy::Restart)],
        ..Spec::default()
    };
    spec.init.shutdown_delay = SECOND * 60;
    spec.init.shutdown_timeout = Some(SECOND * 90);
    let mut t = Table::with(spec);
    t.up(A);
    t.signal(Signal::TERM);
    assert_eq!(t.wait_for_deadline(), SECOND * 10);
    assert_eq!(t.orders, []);
    assert_eq!(
        t.wait_for_deadline(),
        SECOND * 50,
        "only the shutdown's own"
    );
}
