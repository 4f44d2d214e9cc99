//! What stays active without a process (`RemainAfterExit=`), until a stop.

use super::*;
use crate::core::request::Verb;
use crate::core::spec::Terms;

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
