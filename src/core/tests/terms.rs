//! What few services say of how they end: other signals, a longest life, the end of all.

use super::requests::answer;
use super::*;
use crate::core::request::Verb;
use crate::core::schedule::{Schedule, When};
use crate::core::spec::{Terms, Ties};

const SECOND: Duration = Duration::from_secs(1);

fn with(name: &str, terms: Terms) -> ServiceSpec {
    let mut own = service(name);
    own.restart.policy = RestartPolicy::No;
    own.terms = Some(Box::new(terms));
    own
}

fn sent(t: &Table) -> Vec<Signal> {
    let signal = |action: &Action| match action {
        Action::SignalMain { signal, .. } | Action::SignalTree { signal, .. } => Some(*signal),
        _ => None,
    };
    t.orders.iter().filter_map(signal).collect()
}

#[test]
fn who_comes_back_gets_another_signal_than_who_stays_down() {
    for (verb, signal) in [(Verb::Restart, Signal::INT), (Verb::Stop, Signal::TERM)] {
        let terms = Terms {
            restart_signal: Some(Signal::INT),
            ..Terms::default()
        };
        let mut t = Table::new(vec![with("a", terms)]);
        t.up(A);
        t.ask(1, verb, &[A]);
        assert_eq!(sent(&t), [signal, Signal::CONT]);
    }
}

#[test]
fn the_final_signal_comes_first_and_sigkill_another_stop_timeout_later() {
    let terms = Terms {
        final_signal: Some(Signal::QUIT),
        ..Terms::default()
    };
    let mut t = Table::new(vec![with("a", terms)]);
    t.up(A);
    t.ask(1, Verb::Stop, &[A]);
    assert_eq!(t.wait_for_deadline(), SECOND * 10);
    assert_eq!(sent(&t), [Signal::QUIT]);
    assert_eq!(t.wait_for_deadline(), SECOND * 10);
    assert_eq!(sent(&t), [Signal::KILL]);
    t.exit(A, KILLED);
    t.tree_gone(A);
    assert_eq!(t.standing(A), Standing::Inactive);
}

#[test]
fn at_a_shutdowns_end_nobody_waits_for_what_the_final_signal_does() {
    let terms = Terms {
        final_signal: Some(Signal::QUIT),
        ..Terms::default()
    };
    let mut a = with("a", terms);
    a.stop.timeout = Some(SECOND * 6);
    let mut t = Table::new(vec![a]);
    t.up(A);
    t.signal(Signal::TERM);
    assert_eq!(t.wait_for_deadline(), SECOND * 6);
    assert_eq!(sent(&t), [Signal::QUIT]);
    // All of it takes 9 s, of which 250 ms are kept.
    assert_eq!(t.wait_for_deadline(), ms(2750));
    assert!(sent(&t).contains(&Signal::KILL), "{:?}", t.orders);
}

#[test]
fn one_that_runs_for_too_long_is_stopped_and_has_failed() {
    let terms = Terms {
        longest: Some(SECOND * 7),
        extra: SECOND,
        ..Terms::default()
    };
    let mut t = Table::new(vec![with("a", terms)]);
    t.up(A);
    // A sleep is none of its life.
    t.now = t.now.plus(SECOND * 100);
    t.event(Event::Overslept { by: SECOND * 100 });
    let after = t.wait_for_deadline();
    assert!(after >= SECOND * 7 && after <= SECOND * 8, "{after:?}");
    assert_eq!(sent(&t), [Signal::TERM, Signal::CONT]);
    t.exit(A, Exit::Code(0));
    t.tree_gone(A);
    assert_eq!(t.standing(A), Standing::Failed);
    assert!(
        t.last_told().contains("which is as long as it may"),
        "{:?}",
        t.told
    );
}

#[test]
fn how_long_a_core_dump_may_take_is_another_time_than_a_stops() {
    let terms = Terms {
        abort_timeout: Some(SECOND * 33),
        ..Terms::default()
    };
    let mut t = Table::new(vec![with("a", terms)]);
    t.up(A);
    let run = t.run(A);
    t.event(Event::Stuck { run });
    assert_eq!(sent(&t), [Signal::ABRT, Signal::CONT]);
    assert_eq!(t.wait_for_deadline(), SECOND * 33);
    assert_eq!(sent(&t), [Signal::KILL]);
}

/// Ends the first service so, and gives back the last line.
fn ends_all(terms: Terms, exit: Exit) -> Option<String> {
    let mut t = Table::new(vec![with("a", terms), service("b")]);
    t.up(A);
    t.up(B);
    let run = t.run(A);
    t.exit(A, exit);
    if t.system.whole() != Whole::Stopping {
        return None;
    }
    t.event(Event::TreeGone { run });
    t.exit(B, Exit::Signal(Signal::TERM));
    t.tree_gone(B);
    Some(t.last_line())
}

#[test]
fn with_one_that_has_an_action_for_its_end_all_ends() {
    let success = Terms {
        success_ends_all: true,
        failure_code: Some(9),
        ..Terms::default()
    };
    let failure = Terms {
        failure_ends_all: true,
        failure_code: Some(9),
        ..Terms::default()
    };
    let end =
        "a (SuccessAction) exited with status 0 after 0 ms; 1 service stopped in 0 ms; exit code 0";
    assert_eq!(
        ends_all(success.clone(), Exit::Code(0)).as_deref(),
        Some(end)
    );
    assert_eq!(ends_all(success, Exit::Code(1)), None);
    let end =
        "a (FailureAction) exited with status 3 after 0 ms; 1 service stopped in 0 ms; exit code 9";
    assert_eq!(
        ends_all(failure.clone(), Exit::Code(3)).as_deref(),
        Some(end)
    );
    assert_eq!(ends_all(failure, Exit::Code(0)), None);
}

#[test]
fn a_start_limit_has_an_action_of_its_own() {
    let mut a = with(
        "a",
        Terms {
            limit_ends_all: true,
            ..Terms::default()
        },
    );
    a.restart.policy = RestartPolicy::Always;
    a.restart.delay = Duration::ZERO;
    a.restart.limit = Some(StartLimit {
        count: 2,
        within: SECOND,
    });
    let mut t = Table::new(vec![a, service("b")]);
    t.up(B);
    t.up(A);
    t.exit(A, Exit::Code(4));
    assert_ne!(t.system.whole(), Whole::Stopping);
    t.up(A);
    t.exit(A, Exit::Code(4));
    assert_eq!(t.system.whole(), Whole::Stopping);
}

#[test]
fn a_schedules_run_that_has_an_action_is_the_last() {
    let terms = Terms {
        failure_ends_all: true,
        ..Terms::default()
    };
    let mut a = with("a", terms);
    a.kind = Kind::Oneshot;
    a.schedule = Some(Box::new(Schedule {
        when: When::Every(SECOND * 60),
        jitter: Duration::ZERO,
    }));
    let mut t = Table::new(vec![a]);
    t.wait(SECOND * 60);
    t.up(A);
    t.exit(A, Exit::Code(0));
    assert_eq!(t.standing(A), Standing::Waiting);
    t.wait(SECOND * 60);
    t.up(A);
    t.exit(A, Exit::Code(5));
    assert_eq!(
        t.last_line(),
        "a (FailureAction) exited with status 5 after 0 ms; exit code 5"
    );
}

#[test]
fn who_refuses_people_starts_and_stops_with_others_alone() {
    let refuses = Terms {
        refuses_start: true,
        refuses_stop: true,
        ..Terms::default()
    };
    let mut t = Table::new(vec![with("a", refuses), requiring("b", A)]);
    t.up(A);
    t.up(B);
    let words = "no a refuses this by hand: its unit has RefuseManualStart= or RefuseManualStop=";
    for (number, verb) in [(1, Verb::Start), (2, Verb::Stop), (3, Verb::Restart)] {
        t.ask(number, verb, &[A]);
        assert_eq!(t.answers(), super::requests::answer(number, words));
    }
    assert_eq!(t.standing(A), Standing::Active);
    t.signal(Signal::TERM);
    assert_eq!(t.standing(B), Standing::Stopping);
}

fn tied(name: &str, ties: Ties) -> ServiceSpec {
    let mut own = service(name);
    own.reload_signal = Some(Signal::HUP);
    own.edges.ties = Some(Box::new(ties));
    own
}

#[test]
fn a_stop_goes_along_and_a_restart_does_not() {
    let ties = Ties {
        stops_with: Box::new([A]),
        ..Ties::default()
    };
    let mut t = Table::new(vec![service("a"), tied("b", ties)]);
    t.up(A);
    t.up(B);
    t.ask(1, Verb::Restart, &[A]);
    assert_eq!(t.standing(B), Standing::Active);
    t.gone(A);
    t.up(A);
    t.ask(2, Verb::Stop, &[A]);
    assert_eq!(t.standing(B), Standing::Stopping);
}

#[test]
fn a_reload_goes_along_also_from_one_that_has_nothing_to_reload() {
    let ties = Ties {
        reloads_with: Box::new([A]),
        ..Ties::default()
    };
    let mut t = Table::new(vec![oneshot("a"), tied("b", ties)]);
    t.up(A);
    t.up(B);
    t.exit(A, Exit::Code(0));
    t.ask(1, Verb::Reload, &[A]);
    assert_eq!(sent(&t), [Signal::HUP]);
    assert_eq!(t.answers(), super::requests::answer(1, "done "));
}

/// It lived for ever.
#[test]
fn one_whose_longest_life_ends_while_its_restart_waits_is_stopped_though_it_is_started_again() {
    let terms = Terms {
        longest: Some(SECOND * 7),
        ..Terms::default()
    };
    let mut t = Table::new(vec![with("a", terms), requiring("b", A)]);
    t.up(A);
    t.up(B);
    t.ask(1, Verb::Restart, &[A]);
    assert_eq!(t.standing(A), Standing::Active, "b stops first");
    t.wait(SECOND * 8);
    t.ask(2, Verb::Start, &[A]);
    t.wait(Duration::ZERO);
    t.gone(B);
    assert_eq!(t.standing(A), Standing::Stopping);
}

#[test]
fn what_stops_when_unneeded_runs_as_long_as_something_is_up_that_needs_it() {
    let mut base = tied(
        "base",
        Ties {
            needed_by: Box::new([B, C]),
            ..Ties::default()
        },
    );
    base.terms = Some(Box::new(Terms {
        stops_unneeded: true,
        ..Terms::default()
    }));
    let (mut one, other) = (service("one"), service("other"));
    one.edges.requires = [A].into();
    let mut t = Table::new(vec![base, one, other]);
    for id in [A, B, C] {
        t.up(id);
    }
    t.ask(1, Verb::Stop, &[B]);
    t.exit(B, Exit::Signal(Signal::TERM));
    t.tree_gone(B);
    assert_eq!(t.standing(A), Standing::Active);
    t.ask(2, Verb::Stop, &[C]);
    t.exit(C, Exit::Signal(Signal::TERM));
    t.tree_gone(C);
    assert_eq!(t.standing(A), Standing::Stopping);
    assert_eq!(t.last_told(), "base stops: nothing needs it any more");
    t.exit(A, Exit::Signal(Signal::TERM));
    t.tree_gone(A);
    assert_eq!(t.standing(A), Standing::Inactive);
    // It comes back with what needs it, and alone it doesn't stay.
    t.ask(3, Verb::Start, &[B]);
    assert_eq!(t.spawned(), [A]);
    t.up(A);
    t.up(B);
    t.ask(4, Verb::Stop, &[A]);
    t.exit(B, Exit::Signal(Signal::TERM));
    t.tree_gone(B);
    t.exit(A, Exit::Signal(Signal::TERM));
    t.tree_gone(A);
    t.ask(5, Verb::Stop, &[B]);
    t.ask(6, Verb::Start, &[A]);
    t.up(A);
    assert_eq!(t.answers(), answer(6, "done "));
    assert_eq!(t.standing(A), Standing::Stopping);
}

/// It stayed up though nothing needed it.
#[test]
fn what_is_started_while_it_waits_to_stop_for_being_unneeded_stops_all_the_same() {
    let terms = Terms {
        stops_unneeded: true,
        ..Terms::default()
    };
    let mut base = with("base", terms);
    base.stop.kill_mode = KillMode::Process;
    let mut t = Table::new(vec![base, after("other", A)]);
    t.up(A);
    t.up(B);
    t.exit(A, Exit::Code(0));
    assert_eq!(t.standing(A), Standing::Inactive);
    t.ask(1, Verb::Stop, &[B]);
    t.ask(2, Verb::Start, &[A]);
    t.up(A);
    assert_eq!(t.standing(A), Standing::Active, "the other stops first");
    t.ask(3, Verb::Start, &[A]);
    assert_eq!(t.answers(), answer(3, "done "));
    t.gone(B);
    assert_eq!(t.standing(A), Standing::Stopping);
}
