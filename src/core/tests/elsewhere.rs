//! `wait-for`: what has to answer before a start.

use super::*;
use crate::core::probe::{Place, WaitFor};

const SECOND: Duration = Duration::from_secs(1);

/// A minute for the database.
pub(super) fn waiting() -> ServiceSpec {
    let mut web = service("web");
    let place = Place {
        host: "db".into(),
        port: 5432,
    };
    web.wait_for = Some(Box::new(WaitFor {
        probe: Probe::Names([place].into()),
        timeout: Some(SECOND * 60),
    }));
    web
}

fn says_no(t: &mut Table) {
    let run = t.run(A);
    let answer = Answer::No("connect db:5432: connection refused".into());
    t.event(Event::Probed { run, answer });
}

fn says_yes(t: &mut Table) {
    let run = t.run(A);
    let answer = Answer::Yes;
    t.event(Event::Probed { run, answer });
}

/// It is asked until so much time has passed.
fn is_in_vain_for(t: &mut Table, time: Duration) {
    let end = t.now.plus(time);
    while t.now < end {
        says_no(t);
        t.wait_for_deadline();
    }
}

#[test]
fn what_lives_elsewhere_answers_before_the_start_and_the_start_timeout_begins_then() {
    let mut web = waiting();
    web.ready = Ready::Notify;
    web.start_timeout = Some(SECOND * 30);
    let mut t = Table::new(vec![web]);
    let run = t.run(A);
    let of = Question::Elsewhere;
    let ask = Action::Probe {
        service: A,
        run,
        of,
    };
    assert_eq!(t.orders, [ask]);
    assert_eq!(t.standing(A), Standing::Waiting);
    is_in_vain_for(&mut t, SECOND * 50);
    assert_eq!(t.standing(A), Standing::Waiting);
    assert_eq!(
        t.told,
        ["web is still waiting for db:5432 (connection refused)"]
    );
    says_yes(&mut t);
    assert_eq!(t.standing(A), Standing::Starting);
    assert_eq!(t.spawned(), [A]);
    assert_eq!(t.system.record(A).map(|record| record.restarts()), Some(0));
    t.up(A);
    assert_eq!(t.wait_for_deadline(), SECOND * 10, "the long start is told");
    assert_eq!(t.wait_for_deadline(), SECOND * 20);
    assert_eq!(t.standing(A), Standing::Stopping);
}

#[test]
fn a_wait_in_vain_is_a_failed_start_with_the_last_answer() {
    let mut web = waiting();
    web.restart.policy = RestartPolicy::OnFailure;
    let mut t = Table::new(vec![web]);
    is_in_vain_for(&mut t, SECOND * 60);
    assert_eq!(t.standing(A), Standing::Backoff);
    let line = "web: tcp db:5432 did not answer in 1m: connection refused; restart in 0.1 s";
    assert!(t.told.iter().any(|told| told == line), "{:?}", t.told);
    t.wait_for_deadline();
    assert_eq!(t.standing(A), Standing::Waiting, "it is asked anew");
    assert!(t.spawned().is_empty());
}

#[test]
fn an_essential_service_that_waits_in_vain_ends_all() {
    let mut web = waiting();
    web.essential = true;
    web.restart.policy = RestartPolicy::No;
    let mut t = Table::new(vec![web]);
    is_in_vain_for(&mut t, SECOND * 60);
    let end =
        "web (essential) failed: tcp db:5432 did not answer in 1m: connection refused; exit code 1";
    assert_eq!(t.last_line(), end);
}

#[test]
fn who_waits_keeps_the_container_and_a_stop_ends_the_wait_at_once() {
    let mut t = Table::new(vec![waiting()]);
    assert_eq!(t.system.whole(), Whole::Starting);
    says_no(&mut t);
    t.signal(Signal::TERM);
    assert_eq!(t.standing(A), Standing::Inactive);
    assert_eq!(t.last_line(), "SIGTERM: nothing to stop; exit code 0");
}

#[test]
fn who_loses_what_it_requires_asks_no_longer() {
    let mut web = waiting();
    web.edges.requires = [B].into();
    let mut t = Table::new(vec![web, service("base")]);
    t.up(B);
    let run = t.run(A);
    t.exit(B, Exit::Code(1));
    assert_eq!(t.standing(A), Standing::Waiting);
    assert_eq!(t.system.service_of(run), None);
    t.event(Event::Probed {
        run,
        answer: Answer::Yes,
    });
    assert!(t.spawned().is_empty(), "the answer was for nobody");
}

#[test]
fn what_all_slept_is_nobody_s_wait() {
    let mut t = Table::new(vec![waiting()]);
    says_no(&mut t);
    t.event(Event::Overslept { by: SECOND * 100 });
    t.wait(SECOND * 100);
    assert_eq!(t.standing(A), Standing::Waiting);
    is_in_vain_for(&mut t, SECOND * 60);
    assert_eq!(t.standing(A), Standing::Backoff);
}
