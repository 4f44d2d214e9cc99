//! What services say by `sd_notify(3)` beside being ready.

use super::*;
use crate::core::spec::Notify;

const SECOND: Duration = Duration::from_secs(1);

/// Ready by its word, with a watchdog of 30 s and a start-timeout of 90 s.
fn told(name: &str) -> ServiceSpec {
    let mut service = service(name);
    service.ready = Ready::Notify;
    service.notify = Some(Box::new(Notify {
        watchdog: Some(SECOND * 30),
        ..Notify::default()
    }));
    service
}

/// A table with it alone, active.
fn active(spec: ServiceSpec) -> (Table, RunId) {
    let mut t = Table::new(vec![spec]);
    t.up(A);
    let run = t.run(A);
    t.event(Event::Ready { run });
    assert_eq!(t.standing(A), Standing::Active);
    (t, run)
}

fn without_watchdog() -> ServiceSpec {
    let mut spec = told("web");
    spec.notify = None;
    spec
}

fn signals(t: &Table) -> Vec<Signal> {
    let signal = |action: &Action| match action {
        Action::SignalMain { signal, .. } => Some(*signal),
        _ => None,
    };
    t.orders.iter().filter_map(signal).collect()
}

#[test]
fn a_reload_keeps_the_dependants_and_ends_with_ready_or_after_the_start_timeout() {
    let mut web = service("web");
    web.edges.requires = Box::new([A]);
    let mut t = Table::new(vec![without_watchdog(), web]);
    t.up(A);
    let run = t.run(A);
    t.event(Event::Ready { run });
    t.up(B);
    t.event(Event::Reloading { run, stamp: None });
    assert_eq!(t.standing(A), Standing::Reloading);
    assert_eq!(t.standing(B), Standing::Active);
    t.event(Event::Ready { run });
    assert_eq!(t.standing(A), Standing::Active);
    assert_eq!(t.system.deadline(), None);
    t.event(Event::Reloading { run, stamp: None });
    assert_eq!(t.wait_for_deadline(), SECOND * 90);
    assert_eq!(t.standing(A), Standing::Active);
    assert!(t.orders.is_empty(), "nobody is killed: {:?}", t.orders);
    assert_eq!(
        t.last_told(),
        "web reloads, and isn't ready again after 1m 30s; it is left alone"
    );
}

#[test]
fn a_reload_that_was_stamped_before_the_run_began_is_anothers() {
    let (mut t, run) = active(without_watchdog());
    let stamp = Some(Instant(5));
    t.event(Event::Reloading { run, stamp });
    assert_eq!(t.standing(A), Standing::Active);
    let stamp = Some(t.now);
    t.event(Event::Reloading { run, stamp });
    assert_eq!(t.standing(A), Standing::Reloading);
}

#[test]
fn a_service_that_stops_by_itself_gets_no_signal_and_is_judged_by_its_exit() {
    for (exit, wanted) in [
        (Exit::Code(0), Standing::Exited),
        (Exit::Code(3), Standing::Failed),
    ] {
        let mut spec = without_watchdog();
        spec.restart.policy = RestartPolicy::No;
        let (mut t, run) = active(spec);
        t.event(Event::Stopping { run });
        assert_eq!(t.standing(A), Standing::Stopping);
        assert!(signals(&t).is_empty());
        t.exit(A, exit);
        t.tree_gone(A);
        assert_eq!(t.system.state(A).unwrap().standing(), wanted);
    }
}

#[test]
fn a_service_that_says_that_it_stops_and_does_not_is_killed_and_has_failed() {
    let (mut t, run) = active(without_watchdog());
    t.event(Event::Stopping { run });
    assert_eq!(t.wait_for_deadline(), SECOND * 10);
    assert_eq!(t.standing(A), Standing::Killing);
    t.exit(A, Exit::Signal(Signal::KILL));
    t.tree_gone(A);
    assert_eq!(t.standing(A), Standing::Backoff);
    let told = t.last_told();
    assert!(
        told.starts_with("web said that it stops, and didn't in 10 s; restart in"),
        "{told}"
    );
}

#[test]
fn in_a_shutdown_stopping_by_itself_changes_nothing() {
    let mut web = service("web");
    web.edges.requires = Box::new([A]);
    let mut t = Table::new(vec![without_watchdog(), web]);
    t.up(A);
    let run = t.run(A);
    t.event(Event::Ready { run });
    t.up(B);
    t.signal(Signal::TERM);
    t.event(Event::Stopping { run });
    assert_eq!(t.standing(A), Standing::Active, "its turn comes");
}

#[test]
fn what_it_says_of_its_failure_stands_behind_it_but_not_behind_a_good_end() {
    for (exit, words) in [
        (
            Exit::Code(1),
            "web failed: exited with status 1 (errno 2: x)",
        ),
        (Exit::Code(0), "web exited with status 0 after 0 ms"),
    ] {
        let mut spec = without_watchdog();
        spec.ready = service("web").ready;
        spec.restart.policy = RestartPolicy::No;
        let mut t = Table::with(Spec {
            services: vec![spec],
            init: crate::core::spec::InitSpec {
                keep_running: true,
                ..Default::default()
            },
        });
        t.up(A);
        let run = t.run(A);
        let text = "errno 2: x".into();
        t.event(Event::Cause { run, text });
        t.exit(A, exit);
        assert!(t.told.iter().any(|line| line == words), "{:?}", t.told);
    }
}

#[test]
fn each_ping_moves_the_watchdog_and_silence_is_a_failure_with_sigabrt() {
    let (mut t, run) = active(told("web"));
    for _ in 0..3 {
        t.wait(SECOND * 29);
        assert_eq!(t.standing(A), Standing::Active);
        t.event(Event::Pinged { run });
    }
    assert_eq!(t.wait_for_deadline(), SECOND * 30);
    assert_eq!(signals(&t), [Signal::ABRT, Signal::CONT]);
    assert_eq!(t.wait_for_deadline(), SECOND * 10, "the stop-timeout");
    t.exit(A, Exit::Signal(Signal::KILL));
    t.tree_gone(A);
    let told = t.last_told();
    assert!(
        told.starts_with("web watchdog: no ping for 30 s; restart in"),
        "{told}"
    );
}

#[test]
fn the_watchdog_begins_with_being_active_and_what_all_slept_does_not_count() {
    let mut t = Table::new(vec![told("web")]);
    t.up(A);
    t.wait(SECOND * 40);
    let run = t.run(A);
    t.event(Event::Ready { run });
    assert_eq!(t.standing(A), Standing::Active);
    t.now = t.now.plus(SECOND * 100);
    t.event(Event::Overslept { by: SECOND * 100 });
    t.event(Event::Woke);
    assert_eq!(t.standing(A), Standing::Active);
    assert_eq!(t.wait_for_deadline(), SECOND * 30);
    assert_eq!(t.standing(A), Standing::Stopping);
}

#[test]
fn a_service_changes_its_period_ends_it_and_asks_to_be_ended() {
    let mut web = told("web");
    web.notify.get_or_insert_default().watchdog_signal = Signal::INT;
    let (mut t, run) = active(web);
    let period = SECOND * 5;
    t.event(Event::PingPeriod { run, period });
    t.wait(SECOND * 4);
    t.event(Event::Pinged { run });
    let at = t.system.deadline().unwrap();
    assert_eq!(at.since(t.now), SECOND * 5);
    let period = Duration::ZERO;
    t.event(Event::PingPeriod { run, period });
    assert_eq!(t.system.deadline(), None);
    t.event(Event::Stuck { run });
    assert_eq!(signals(&t), [Signal::INT, Signal::CONT]);
}

#[test]
fn an_extension_counts_from_now_and_never_makes_a_deadline_earlier() {
    let mut t = Table::new(vec![without_watchdog()]);
    t.up(A);
    let run = t.run(A);
    // Two notices come before it.
    let deadline = |t: &Table| match t.system.state(A).unwrap() {
        State::Starting(starting) => starting.deadline.unwrap().since(t.now),
        state => panic!("{state:?}"),
    };
    t.event(Event::Extended {
        run,
        by: SECOND * 10,
    });
    assert_eq!(deadline(&t), SECOND * 90);
    t.event(Event::Extended {
        run,
        by: SECOND * 200,
    });
    assert_eq!(deadline(&t), SECOND * 200);
    // The last word counts, but for what was there at first.
    t.event(Event::Extended {
        run,
        by: SECOND * 100,
    });
    assert_eq!(deadline(&t), SECOND * 100);
    t.event(Event::Extended { run, by: SECOND });
    assert_eq!(deadline(&t), SECOND * 90);
}

#[test]
fn in_a_shutdown_an_extension_leaves_the_others_their_time() {
    let mut web = without_watchdog();
    web.edges.requires = Box::new([B]);
    web.stop.timeout = Some(SECOND);
    let mut base = service("base");
    base.stop.timeout = Some(SECOND * 2);
    let mut t = Table::new(vec![web, base]);
    t.up(B);
    t.up(A);
    let run = t.run(A);
    t.event(Event::Ready { run });
    t.signal(Signal::TERM);
    t.event(Event::Extended {
        run,
        by: SECOND * 3600,
    });
    // 9 s less what is kept for the end less base's 2 s.
    assert_eq!(t.wait_for_deadline(), Duration::from_millis(6750));
    assert_eq!(t.standing(A), Standing::Killing);
}

#[test]
fn what_it_left_is_dropped_when_no_run_will_come() {
    for (policy, dropped) in [(RestartPolicy::No, true), (RestartPolicy::Always, false)] {
        let mut spec = without_watchdog();
        spec.restart.policy = policy;
        spec.notify = Some(Box::new(Notify {
            store_max: 1,
            ..Notify::default()
        }));
        let (mut t, _) = active(spec);
        t.exit(A, Exit::Code(1));
        let drop = Action::DropStored { service: A };
        assert_eq!(t.orders.contains(&drop), dropped, "{:?}", t.orders);
    }
}
