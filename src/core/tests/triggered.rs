//! What starts with a service that a trigger starts, and not before.

use super::requests::answer;
use super::schedule::every;
use super::sockets::listening;
use super::*;
use crate::core::request::Verb;
use crate::core::spec::Ties;

/// Starts only with those that need it.
fn pulled(name: &str) -> ServiceSpec {
    let mut spec = service(name);
    spec.enabled = false;
    spec.pulled = true;
    spec.ready = Ready::Notify;
    spec.restart.policy = RestartPolicy::No;
    spec
}

fn requires(mut spec: ServiceSpec, need: ServiceId) -> ServiceSpec {
    spec.edges.requires = [need].into();
    starts(spec, need)
}

fn starts(mut spec: ServiceSpec, need: ServiceId) -> ServiceSpec {
    spec.edges.ties = Some(Box::new(Ties {
        starts: [need].into(),
        ..Ties::default()
    }));
    spec
}

fn is_ready(t: &mut Table, id: ServiceId) {
    t.up(id);
    let run = t.run(id);
    t.event(Event::Ready { run });
}

#[test]
fn what_a_scheduled_one_requires_starts_at_its_time_and_stays() {
    let mut t = Table::new(vec![requires(every(60), B), pulled("db")]);
    assert_eq!(t.orders, []);
    assert_eq!(t.standing(B), Standing::Inactive);
    assert_eq!(t.system.whole(), Whole::Running);
    t.wait_for_deadline();
    assert_eq!(t.spawned(), [B]);
    is_ready(&mut t, B);
    assert_eq!(t.spawned(), [A]);
    t.up(A);
    t.exit(A, Exit::Code(0));
    assert_eq!(t.standing(B), Standing::Active);
    t.wait_for_deadline();
    assert_eq!(t.spawned(), [A]);
}

#[test]
fn what_one_on_demand_requires_starts_once_somebody_came() {
    let mut t = Table::new(vec![requires(listening("web", true), B), pulled("db")]);
    t.event(Event::Listening { service: A });
    assert_eq!(t.orders, [Action::AwaitConnection { service: A }]);
    t.event(Event::Connected { service: A });
    assert_eq!(t.spawned(), [B]);
    assert_eq!(
        t.system.why(A, t.now)[0],
        "web has been waiting for 0 ms: until db is ready"
    );
    is_ready(&mut t, B);
    assert_eq!(t.spawned(), [A]);
    t.up(A);
    // Stopped by people it is there again for the next who comes.
    t.ask(1, Verb::Stop, &[B]);
    t.exit(A, Exit::Signal(Signal::TERM));
    t.tree_gone(A);
    t.exit(B, Exit::Signal(Signal::TERM));
    t.tree_gone(B);
    assert_eq!(t.answers(), answer(1, "done "));
    assert!(t.orders.contains(&Action::AwaitConnection { service: A }));
    t.event(Event::Connected { service: A });
    assert_eq!(t.spawned(), [B]);
}

#[test]
fn whoever_comes_after_what_it_wants_waits_until_that_is_up_or_has_failed() {
    let mut job = starts(every(60), B);
    job.edges.after = [B].into();
    let mut t = Table::new(vec![job, pulled("cache")]);
    for ends in [false, true] {
        t.wait_for_deadline();
        assert_eq!(t.spawned(), [B]);
        if ends {
            t.up(B);
            let run = t.run(B);
            t.exit(B, Exit::Code(1));
            assert_eq!(t.spawned(), [A]);
            t.event(Event::TreeGone { run });
        } else {
            is_ready(&mut t, B);
            assert_eq!(t.spawned(), [A]);
        }
        t.up(A);
        t.exit(A, Exit::Code(0));
        if !ends {
            let run = t.run(B);
            t.exit(B, Exit::Code(0));
            t.event(Event::TreeGone { run });
        }
    }
}

#[test]
fn a_oneshot_that_others_need_does_its_work_before_each_of_their_runs() {
    let mut prepare = pulled("prepare");
    prepare.kind = Kind::Oneshot;
    prepare.ready = Ready::Exec;
    let mut t = Table::new(vec![requires(every(60), B), prepare]);
    for _ in 0..2 {
        t.wait_for_deadline();
        assert_eq!(t.spawned(), [B]);
        t.up(B);
        t.exit(B, Exit::Code(0));
        assert_eq!(t.spawned(), [A]);
        t.up(A);
        t.exit(A, Exit::Code(0));
    }
}

#[test]
fn a_time_at_which_what_it_requires_fails_is_one_of_many() {
    let mut t = Table::new(vec![requires(every(60), B), pulled("db")]);
    for _ in 0..2 {
        t.wait_for_deadline();
        assert_eq!(t.spawned(), [B]);
        t.up(B);
        let run = t.run(B);
        t.exit(B, Exit::Code(3));
        t.event(Event::TreeGone { run });
        assert_eq!(t.standing(B), Standing::Failed);
        assert_eq!(t.standing(A), Standing::Waiting);
    }
    assert_eq!(
        t.last_told(),
        "job did not run: dependency db: exit 3 after 0 ms; next run in 1m"
    );
}

#[test]
fn a_start_by_hand_starts_it_too_and_a_stop_keeps_it_stopped() {
    let mut web = requires(service("web"), B);
    web.enabled = false;
    let mut t = Table::new(vec![web, pulled("db"), service("other")]);
    assert_eq!(t.spawned(), [C]);
    t.ask(1, Verb::Start, &[A]);
    assert_eq!(t.spawned(), [B]);
    is_ready(&mut t, B);
    t.up(A);
    assert_eq!(t.answers(), answer(1, "done "));
    t.ask(2, Verb::Stop, &[B]);
    t.exit(A, Exit::Signal(Signal::TERM));
    t.tree_gone(A);
    t.exit(B, Exit::Signal(Signal::TERM));
    t.tree_gone(B);
    assert_eq!(t.spawned(), []);
    assert_eq!(t.standing(A), Standing::Waiting);
}

#[test]
fn what_it_conflicts_with_makes_way_at_its_time() {
    let mut job = every(60);
    job.edges.ties = Some(Box::new(Ties {
        conflicts: [B].into(),
        ..Ties::default()
    }));
    let mut t = Table::new(vec![job, service("web")]);
    t.up(B);
    t.wait_for_deadline();
    assert_eq!(t.standing(B), Standing::Stopping);
    t.exit(B, Exit::Signal(Signal::TERM));
    t.tree_gone(B);
    assert_eq!(t.spawned(), [A]);
}

#[test]
fn a_timer_that_is_stopped_leaves_its_service_running_and_no_time_comes_again() {
    let mut t = Table::new(vec![every(60), service("other")]);
    t.up(B);
    t.wait_for_deadline();
    t.up(A);
    t.ask(1, Verb::Unhook, &[A]);
    assert_eq!(t.answers(), answer(1, "done "));
    assert_eq!(t.standing(A), Standing::Starting);
    assert!(t.system.is_unhooked(A));
    t.exit(A, Exit::Code(0));
    assert_eq!(t.standing(A), Standing::Inactive);
    assert_eq!(t.system.deadline(), None);
    // A start has times come again; a timer that waits is stopped as any service.
    t.ask(2, Verb::Start, &[A]);
    t.up(A);
    t.exit(A, Exit::Code(0));
    assert_eq!(t.standing(A), Standing::Waiting);
    t.ask(3, Verb::Unhook, &[A]);
    assert_eq!(t.standing(A), Standing::Inactive);
    assert_eq!(t.answers(), answer(3, "done "));
}

#[test]
fn a_socket_that_is_stopped_closes_and_its_service_runs_on() {
    let mut t = Table::new(vec![listening("web", true), service("other")]);
    t.event(Event::Listening { service: A });
    t.up(B);
    t.event(Event::Connected { service: A });
    t.up(A);
    t.ask(1, Verb::Unhook, &[A]);
    assert_eq!(t.orders[0], Action::CloseSockets { service: A });
    assert_eq!(t.standing(A), Standing::Active);
    t.exit(A, Exit::Code(0));
    assert_eq!(t.last_told(), "web exited with status 0 after 0 ms");
    t.wait_for_deadline();
    assert_eq!(t.standing(A), Standing::Inactive);
    assert_eq!(t.system.deadline(), None);
}

/// It was started all the same once the sockets were open.
#[test]
fn what_is_needed_is_on_its_way_while_sockets_are_opened_so_that_a_stop_by_hand_keeps_it_down() {
    let mut user = service("user");
    user.edges.requires = [A].into();
    let mut t = Table::new(vec![pulled("db"), user, listening("web", false)]);
    assert_eq!(t.standing(A), Standing::Waiting);
    t.ask(1, Verb::Stop, &[A]);
    assert_eq!(t.answers(), answer(1, "done "));
    t.event(Event::Listening { service: C });
    assert_eq!(t.spawned(), [C]);
    assert_eq!(t.standing(A), Standing::Inactive);
    assert_eq!(t.standing(B), Standing::Waiting);
    t.ask(2, Verb::Start, &[B]);
    assert_eq!(t.spawned(), [A]);
}
