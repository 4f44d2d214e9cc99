//! What stays active without a process (`RemainAfterExit=`), until a stop.

use super::commands::with;
use super::requests::answer;
use super::*;
use crate::core::commands::List;
use crate::core::request::Verb;
use crate::core::spec::{Notify, Terms};

fn remaining(mut spec: ServiceSpec) -> ServiceSpec {
    spec.restart.policy = RestartPolicy::No;
    spec.terms = Some(Box::new(Terms {
        remains: true,
        ..Terms::default()
    }));
    spec
}

/// Beside another, which keeps the container alive; its work is done.
fn over(spec: ServiceSpec) -> Table {
    let mut t = Table::new(vec![remaining(spec), service("other")]);
    t.up(B);
    t.up(A);
    t.exit(A, Exit::Code(0));
    assert_eq!(t.standing(A), Standing::Active);
    t
}

/// As long as others run too; what is left of its tree is ended by a stop.
#[test]
fn what_remains_is_active_until_it_is_stopped() {
    let mut t = over(oneshot("once"));
    t.ask(1, Verb::Stop, &[A]);
    assert_eq!(t.standing(A), Standing::Stopping);
    t.tree_gone(A);
    assert_eq!(t.standing(A), Standing::Inactive);
}

/// A container of nothing but such services ends.
#[test]
fn what_only_remains_keeps_nothing_alive() {
    let mut t = Table::new(vec![remaining(oneshot("once"))]);
    t.up(A);
    t.exit(A, Exit::Code(0));
    assert_eq!(t.system.whole(), Whole::Stopping);
}

/// Its work was taken for done though its stop had undone it.
#[test]
fn what_remains_is_there_only_until_it_stops_and_is_done_again_for_those_that_require_it() {
    let mut t = Table::new(vec![remaining(oneshot("rules")), requiring("web", A)]);
    t.up(A);
    t.exit(A, Exit::Code(0));
    assert_eq!(t.spawned(), [B]);
    t.up(B);
    t.ask(1, Verb::Stop, &[A]);
    assert_eq!(t.standing(B), Standing::Stopping, "it goes down first");
    t.gone(B);
    t.tree_gone(A);
    assert_eq!(t.standing(B), Standing::Waiting);
    t.ask(2, Verb::Start, &[B]);
    assert_eq!(t.spawned(), [A]);
    t.up(A);
    t.exit(A, Exit::Code(0));
    assert_eq!(t.spawned(), [B]);
}

/// The signal went to nobody, and whoever had asked was told that it was done.
#[test]
fn what_only_remains_gets_no_reload_signal() {
    let mut a = service("a");
    a.reload_signal = Some(Signal::HUP);
    let mut t = over(a);
    t.ask(1, Verb::Reload, &[A]);
    assert_eq!(t.signals(), []);
    assert_eq!(t.answers().len(), 1);
    assert!(
        t.answers()[0].1.starts_with("no a runs"),
        "{:?}",
        t.answers()
    );
}

/// Nobody was ever answered.
#[test]
fn a_reload_that_nobody_is_left_to_tell_of_is_none() {
    let mut a = service("a");
    a.reload_signal = Some(Signal::HUP);
    a.ready = Ready::Notify;
    let mut t = Table::new(vec![remaining(a), service("other")]);
    t.up(B);
    t.up(A);
    let run = t.run(A);
    t.event(Event::Ready { run });
    t.ask(1, Verb::Reload, &[A]);
    assert_eq!(t.standing(A), Standing::Reloading);
    t.exit(A, Exit::Code(0));
    assert_eq!(t.standing(A), Standing::Active);
    assert_eq!(t.answers().len(), 1);
}

#[test]
fn the_commands_of_a_reload_go_on_though_the_main_process_has_ended() {
    let mut t = Table::new(vec![remaining(with(&[List::Reload])), service("other")]);
    t.up(B);
    t.up(A);
    t.ask(1, Verb::Reload, &[A]);
    let (one, ..) = t.control();
    t.event(Event::Spawned {
        run: one,
        pid: Pid(8),
    });
    t.exit(A, Exit::Code(0));
    assert_eq!(t.standing(A), Standing::Reloading);
    let exit = Exit::Code(0);
    t.event(Event::Exited { run: one, exit });
    t.event(Event::TreeGone { run: one });
    t.control_ends(0);
    assert_eq!(t.answers(), answer(1, "done "));
    assert_eq!(t.standing(A), Standing::Active);
}

/// One whose last word was STOPPING=1 was stopping for ever, and one that had to say that it
/// lives was aborted though it had ended well.
#[test]
fn nobody_speaks_for_what_only_remains() {
    let mut a = service("a");
    a.notify = Some(Box::new(Notify {
        watchdog: Some(Duration::from_secs(30)),
        ..Notify::default()
    }));
    let mut t = over(a);
    assert_eq!(t.system.deadline(), None);
    let run = t.run(A);
    let stamp = None;
    for said in [
        Event::Pinged { run },
        Event::Reloading { run, stamp },
        Event::Stopping { run },
        Event::Stuck { run },
    ] {
        t.event(said.clone());
        assert_eq!(t.standing(A), Standing::Active, "{said:?}");
        assert_eq!(t.system.deadline(), None, "{said:?}");
    }
}

/// What was left was killed again and again, and its end never looked for.
#[test]
fn what_remains_and_is_killed_amid_its_stop_commands_is_at_rest_once_all_is_gone() {
    let mut t = over(with(&[List::Stop]));
    t.exit(B, Exit::Code(0));
    t.signal(Signal::INT);
    let (command, list, _) = t.control();
    assert_eq!(list, List::Stop);
    let pid = Pid(8);
    t.event(Event::Spawned { run: command, pid });
    t.now = t.now.plus(ms(600));
    t.signal(Signal::INT);
    assert_eq!(t.standing(A), Standing::Killing);
    let run = t.run(A);
    assert!(t.orders.contains(&Action::WatchTree { run }));
    t.event(Event::TreeGone { run });
    let (run, exit) = (command, KILLED);
    t.event(Event::Exited { run, exit });
    t.event(Event::TreeGone { run });
    assert_eq!(t.standing(A), Standing::Inactive);
}

/// The new configuration waited for its end, which never came.
#[test]
fn a_new_definition_of_what_only_remains_waits_for_nothing_and_counts_when_it_stops() {
    let mut t = over(oneshot("once"));
    let mut changed = remaining(oneshot("once"));
    changed.exec.ignore_pipe = true;
    t.apply(1, vec![changed, service("other")]);
    t.quiet();
    let said = "done once: change without a restart (IgnoreSIGPIPE)";
    assert_eq!(t.answers(), answer(1, said));
    assert_eq!(t.standing(A), Standing::Active);
}

/// It was told to end by a signal to nobody, and its end was waited for.
#[test]
fn what_is_to_remain_no_more_stops_as_it_would_have() {
    let mut t = over(service("a"));
    let mut plain = service("a");
    plain.restart.policy = RestartPolicy::No;
    t.apply(1, vec![plain, service("other")]);
    t.quiet();
    assert_eq!(t.standing(A), Standing::Active);
    t.ask(2, Verb::Stop, &[A]);
    t.tree_gone(A);
    assert_eq!(t.answers(), answer(2, "done "));
    assert_eq!(t.standing(A), Standing::Inactive);
}
