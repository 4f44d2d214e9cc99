//! Requests by hand, driven by hand.

use super::*;
use crate::core::request::{RequestId, Verb};
use crate::core::spec::Ties;

impl Table {
    /// Asks, and gives the number.
    pub(super) fn ask(&mut self, number: u64, verb: Verb, ids: &[ServiceId]) {
        let services = ids.into();
        let request = RequestId(number);
        self.event(Event::Requested {
            request,
            verb,
            services,
        });
    }

    /// What was answered by the last event: the number, and the words.
    pub(super) fn answers(&self) -> Vec<(u64, String)> {
        let answer = |action: &Action| match action {
            Action::Answered { request, outcome } => {
                let words = outcome.display(&self.system).to_string();
                let done = if outcome.is_done() { "done" } else { "no" };
                Some((request.0, format!("{done} {words}")))
            }
            _ => None,
        };
        self.orders.iter().filter_map(answer).collect()
    }

    pub(super) fn gone(&mut self, id: ServiceId) {
        self.exit(id, Exit::Signal(Signal::TERM));
        self.tree_gone(id);
    }
}

pub(super) fn answer(number: u64, words: &str) -> Vec<(u64, String)> {
    vec![(number, words.to_owned())]
}

#[test]
fn a_start_of_what_is_active_and_a_stop_of_what_rests_are_answered_at_once() {
    let mut t = Table::new(vec![service("a"), service("b")]);
    t.up(A);
    t.up(B);
    t.ask(1, Verb::Start, &[A]);
    assert_eq!(t.answers(), answer(1, "done "));
    t.ask(2, Verb::Stop, &[A]);
    assert_eq!(t.answers(), []);
    t.gone(A);
    assert_eq!(t.answers(), answer(2, "done "));
    assert_eq!(t.last_told(), "a stopped by hand");
    t.ask(3, Verb::Stop, &[A]);
    assert_eq!(t.answers(), answer(3, "done "));
    assert_eq!(t.standing(A), Standing::Inactive);
}

#[test]
fn what_requires_it_goes_down_first_and_waits() {
    let mut t = Table::new(vec![service("a"), requiring("b", A), requiring("c", B)]);
    for id in [A, B, C] {
        t.up(id);
    }
    t.ask(1, Verb::Stop, &[A]);
    let standings = |t: &Table| [A, B, C].map(|id| t.standing(id));
    let (active, stopping) = (Standing::Active, Standing::Stopping);
    let waiting = Standing::Waiting;
    assert_eq!(standings(&t), [active, active, stopping]);
    t.gone(C);
    assert_eq!(standings(&t), [active, stopping, waiting]);
    t.gone(B);
    assert_eq!(standings(&t), [stopping, waiting, waiting]);
    t.gone(A);
    assert_eq!(standings(&t), [Standing::Inactive, waiting, waiting]);
    assert_eq!(
        t.answers(),
        answer(
            1,
            "done a stopped; container stays (rinitctl shutdown ends it)"
        )
    );
    // The start of a dependant starts it too.
    t.ask(2, Verb::Start, &[C]);
    assert_eq!(t.spawned(), [A]);
    t.up(A);
    t.up(B);
    assert_eq!(t.answers(), []);
    t.up(C);
    assert_eq!(t.answers(), answer(2, "done "));
}

#[test]
fn a_crash_on_the_way_down_is_none_and_those_above_stop_at_once() {
    let mut t = Table::new(vec![service("a"), requiring("b", A), requiring("c", B)]);
    for id in [A, B, C] {
        t.up(id);
    }
    t.ask(1, Verb::Stop, &[A]);
    t.exit(A, Exit::Code(1));
    assert_eq!(t.standing(B), Standing::Stopping);
    t.tree_gone(A);
    assert_eq!(t.answers(), answer(1, "done "));
    assert_eq!(t.standing(A), Standing::Inactive);
}

#[test]
fn an_essential_service_stopped_by_hand_ends_nothing_and_the_last_neither() {
    let mut a = service("a");
    a.essential = true;
    let mut t = Table::new(vec![a]);
    t.up(A);
    t.ask(1, Verb::Stop, &[A]);
    t.gone(A);
    assert_eq!(
        t.last_told(),
        "a stopped; container stays (rinitctl shutdown ends it)"
    );
    assert_eq!(t.system.whole(), Whole::Running);
    assert_eq!(t.system.deadline(), None);
    t.ask(2, Verb::Shutdown { code: Some(4) }, &[]);
    assert_eq!(t.answers(), answer(2, "done "));
    assert_eq!(
        t.last_line(),
        "shutdown by request: nothing to stop; exit code 4"
    );
}

#[test]
fn the_last_request_wins_and_equal_ones_are_answered_together() {
    let mut a = service("a");
    a.ready = Ready::Notify;
    let mut t = Table::new(vec![a, service("b")]);
    t.up(A);
    t.up(B);
    t.ask(1, Verb::Start, &[A]);
    t.ask(2, Verb::Start, &[A]);
    assert_eq!(t.answers(), []);
    t.ask(3, Verb::Stop, &[A]);
    let both = [1, 2].map(|number| (number, "no superseded by stop".to_owned()));
    assert_eq!(t.answers(), both);
    t.ask(4, Verb::Restart, &[A]);
    assert_eq!(t.answers(), answer(3, "no superseded by restart"));
    t.ask(5, Verb::Restart, &[A]);
    assert_eq!(t.answers(), answer(4, "no superseded by restart"));
    t.gone(A);
    assert_eq!(t.spawned(), [A]);
    t.up(A);
    let run = t.run(A);
    t.event(Event::Ready { run });
    assert_eq!(t.answers(), answer(5, "done "));
}

#[test]
fn the_first_failed_attempt_is_told_that_of_what_it_requires_too() {
    let mut t = Table::new(vec![service("a"), requiring("b", A)]);
    t.ask(1, Verb::Start, &[B]);
    t.up(A);
    t.exit(A, Exit::Code(3));
    // It ran for a moment: the dependant had been started.
    assert_eq!(t.standing(A), Standing::Backoff);
    let run = t.run(B);
    t.event(Event::Spawned { run, pid: Pid(8) });
    t.gone(B);
    assert_eq!(t.standing(B), Standing::Waiting);
    t.wait(ms(200));
    let run = t.run(A);
    let failure = SpawnFailure {
        step: "exec a".into(),
        errno: 2,
        reason: "no such file or directory".into(),
    };
    t.event(Event::SpawnFailed { run, failure });
    let words = &t.answers()[0].1;
    assert!(
        words.starts_with(
            "no a failed: cannot start: exec a: no such file or directory; restart in"
        ),
        "{words}"
    );
}

#[test]
fn a_failed_service_starts_by_hand_and_reset_clears_what_it_failed_of() {
    let mut a = service("a");
    a.restart.limit = Some(StartLimit {
        count: 1,
        within: Duration::from_secs(60),
    });
    let mut t = Table::new(vec![a, service("b")]);
    t.up(B);
    for round in 0..2 {
        t.up(A);
        t.exit(A, Exit::Code(3));
        if round > 0 {
            // The start by hand doesn't count, the one after it does.
            assert_eq!(t.standing(A), Standing::Backoff);
            t.wait(ms(200));
            t.up(A);
            t.exit(A, Exit::Code(3));
        }
        assert_eq!(t.standing(A), Standing::Failed);
        assert_eq!(t.system.whole(), Whole::Degraded);
        // What is left of its tree is killed first: people wait.
        t.ask(round, Verb::Start, &[A]);
        assert_eq!(t.standing(A), Standing::Killing);
        t.tree_gone(A);
        assert_eq!(t.spawned(), [A]);
    }
    t.up(A);
    t.exit(A, Exit::Code(3));
    t.wait(ms(200));
    t.up(A);
    t.exit(A, Exit::Code(3));
    t.ask(9, Verb::Reset, &[A]);
    assert_eq!(t.answers(), answer(9, "done "));
    assert_eq!(t.standing(A), Standing::Inactive);
    assert_eq!(t.system.whole(), Whole::Running);
}

#[test]
fn of_two_that_conflict_one_makes_way_before_the_other_starts() {
    let mut b = service("b");
    b.enabled = false;
    let conflicts = Box::new([A]);
    b.edges.ties = Some(Box::new(Ties {
        conflicts,
        ..Ties::default()
    }));
    let mut t = Table::new(vec![service("a"), b]);
    t.up(A);
    t.ask(1, Verb::Start, &[B]);
    assert_eq!(t.standing(A), Standing::Stopping);
    assert_eq!(t.standing(B), Standing::Waiting);
    t.exit(A, Exit::Signal(Signal::TERM));
    assert_eq!(t.spawned(), []);
    let run = t.run(A);
    t.event(Event::TreeGone { run });
    assert_eq!(t.spawned(), [B]);
    t.up(B);
    assert_eq!(t.answers(), answer(1, "done "));
    t.ask(2, Verb::Start, &[A, B]);
    assert_eq!(
        t.answers(),
        answer(2, "no a and b conflict, and this would need both")
    );
}

#[test]
fn an_end_starts_what_it_names_but_not_what_was_stopped_by_hand_and_never_in_circles() {
    let one = |name: &str, on_failure: ServiceId| {
        let mut one = service(name);
        one.restart.policy = RestartPolicy::No;
        // Nothing is left to be swept.
        one.stop.kill_mode = KillMode::Process;
        let on_failure = Box::new([on_failure]);
        one.edges.ties = Some(Box::new(Ties {
            on_failure,
            ..Ties::default()
        }));
        one
    };
    let (a, mut b) = (one("a", B), one("b", A));
    b.enabled = false;
    let mut t = Table::new(vec![a, b]);
    t.system.spec.init.keep_running = true;
    t.exit(A, Exit::Code(1));
    assert_eq!(t.spawned(), [B]);
    t.exit(B, Exit::Code(1));
    assert_eq!(t.spawned(), []);
    assert_eq!(t.standing(A), Standing::Failed);
    t.ask(1, Verb::Start, &[B]);
    t.ask(2, Verb::Stop, &[A]);
    t.exit(B, Exit::Code(1));
    assert_eq!(t.standing(A), Standing::Inactive);
}

#[test]
fn nothing_is_asked_of_a_system_that_stops() {
    let mut t = Table::new(vec![service("a")]);
    t.up(A);
    t.ask(1, Verb::Restart, &[A]);
    t.signal(Signal::TERM);
    let stopping = "no rinit is stopping: nothing can be asked of it now";
    assert_eq!(t.answers(), answer(1, stopping));
    for verb in [Verb::Start, Verb::Stop, Verb::Restart, Verb::Reset] {
        t.ask(2, verb, &[A]);
        assert_eq!(t.answers(), answer(2, stopping));
    }
    t.ask(3, Verb::Shutdown { code: None }, &[]);
    assert_eq!(t.answers(), answer(3, "done "));
}

#[test]
fn whoever_requires_one_by_many_ways_is_told_once_and_at_once() {
    // Two in each of forty layers, each of which requires both below: 2^40 ways.
    let mut services = vec![service("root")];
    for layer in 0..40_u32 {
        for side in 0..2 {
            let mut spec = service(&format!("s{layer}-{side}"));
            let below = if layer == 0 {
                vec![A]
            } else {
                vec![ServiceId(2 * layer - 1), ServiceId(2 * layer)]
            };
            spec.edges.requires = below.into();
            services.push(spec);
        }
    }
    let mut t = Table::new(services);
    t.ask(1, Verb::Start, &[ServiceId(80)]);
    t.exit(A, Exit::Code(1));
    let answers = t.answers();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

/// As with systemd: a condition that doesn't hold is no failure, and no stop.
#[test]
fn a_start_by_hand_of_what_was_skipped_leaves_alone_who_did_without_it() {
    for again in [true, false] {
        let mut t = Table::new(vec![service("a"), requiring("b", A)]);
        let unmet = |t: &mut Table| {
            let run = t.run(A);
            t.event(Event::Spawned { run, pid: Pid(7) });
            let (what, assert) = ("ConditionPathExists=/x doesn't hold".into(), false);
            t.event(Event::Unmet { run, what, assert });
        };
        unmet(&mut t);
        t.up(B);
        t.ask(1, Verb::Start, &[A]);
        assert_eq!(t.standing(B), Standing::Active);
        if again {
            unmet(&mut t);
            assert_eq!(t.standing(A), Standing::Inactive);
        } else {
            t.up(A);
            assert_eq!(t.standing(A), Standing::Active);
        }
        assert_eq!(t.standing(B), Standing::Active);
        assert_eq!(t.answers().len(), 1);
        // A stop that is asked for is one.
        t.ask(2, Verb::Stop, &[A]);
        assert_eq!(t.standing(B), Standing::Stopping);
    }
}
