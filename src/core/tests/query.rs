//! What people are told: why, whether it is well, what was.

use super::*;
use crate::core::ends::Way;
use crate::core::query::{Ask, Unknown};
use crate::core::request::Verb;
use crate::core::state::Reason;

fn line(t: &Table, ask: Ask) -> (bool, String) {
    let verdict = t.system.health(ask, t.system.now());
    (verdict.well, verdict.line)
}

fn why(t: &Table, id: ServiceId) -> Vec<String> {
    t.system.why(id, t.system.now())
}

#[test]
fn why_goes_down_to_the_cause_and_tells_each_service_once() {
    let mut top = requiring("top", B);
    top.edges.after = [A].into();
    let mut t = Table::new(vec![service("db"), requiring("web", A), top]);
    t.exit(A, Exit::Code(1));
    let told = why(&t, C);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].starts_with("top has been waiting for "), "{told:?}");
    assert!(told[0].ends_with(": until web is ready"), "{told:?}");
    assert!(told[1].ends_with(": until db is ready"), "{told:?}");
    assert!(
        told[2].starts_with("db is in backoff: exited with status 1; it is started again in "),
        "{told:?}"
    );
    assert!(told[2].ends_with("(restart 1)"), "{told:?}");
    let waits: Vec<ServiceId> = t.system.waiting_for(C).collect();
    assert_eq!(waits, [B], "db was tried, and that is all that after asks");
}

#[test]
fn what_failed_with_its_dependency_names_the_one_that_failed_by_itself() {
    let mut db = service("db");
    db.restart.policy = RestartPolicy::No;
    let mut t = Table::new(vec![db, requiring("web", A), service("other")]);
    t.exit(A, Exit::Code(3));
    assert_eq!(
        why(&t, B),
        [
            "web has failed, because it requires db",
            "db has failed, and is not started again: exited with status 3"
        ]
    );
    assert_eq!(t.system.last_exit(A), Some(Exit::Code(3)));
    assert_eq!(t.system.last_exit(B), None);
}

#[test]
fn ready_counts_all_gates_and_startup_remembers() {
    let mut side = service("side");
    side.readiness_gate = false;
    let mut t = Table::new(vec![service("db"), requiring("web", A), side]);
    assert_eq!(
        line(&t, Ask::Ready),
        (
            false,
            "not ready 0/2: db starting; web waits for db".to_owned()
        )
    );
    assert!(!line(&t, Ask::Startup).0);
    t.up(A);
    t.up(B);
    assert_eq!(line(&t, Ask::Ready), (true, "ready 2/2".to_owned()));
    assert_eq!(line(&t, Ask::Startup), (true, "started".to_owned()));
    t.exit(A, Exit::Code(1));
    let (ready, told) = line(&t, Ask::Ready);
    assert!(!ready);
    assert!(
        told.starts_with("not ready 0/2: db backoff (exit 1, next in "),
        "{told}"
    );
    assert!(line(&t, Ask::Startup).0, "once is for ever");
}

#[test]
fn live_asks_for_essential_ones_and_does_not_count_backoff() {
    let mut web = service("web");
    web.essential = true;
    let mut t = Table::new(vec![web, service("other")]);
    t.up(A);
    t.exit(A, Exit::Code(1));
    assert_eq!(t.standing(A), Standing::Backoff);
    assert_eq!(line(&t, Ask::Live), (true, "live".to_owned()));
}

#[test]
fn nothing_is_ready_from_the_first_stop_signal_on() {
    let mut spec = Spec {
        services: vec![service("web")],
        ..Spec::default()
    };
    spec.init.shutdown_delay = Duration::from_secs(3);
    let mut t = Table::with(spec);
    t.up(A);
    assert!(line(&t, Ask::Ready).0);
    t.signal(Signal::TERM);
    assert_eq!(
        line(&t, Ask::Ready),
        (false, "not ready 1/1: stopping".to_owned())
    );
}

#[test]
fn the_last_ends_are_kept_the_newest_first_and_no_more_than_five() {
    let mut t = Table::new(vec![service("web"), service("other")]);
    t.up(B);
    for code in 1..=7 {
        t.exit(A, Exit::Code(code));
        t.wait_for_deadline();
    }
    let record = t.system.record(A);
    let ends = record.into_iter().flat_map(|record| record.ends());
    let reasons: Vec<Reason> = ends.filter_map(|end| end.reason.clone()).collect();
    let wanted = [7, 6, 5, 4, 3].map(|code| Reason::Exit(Exit::Code(code)));
    assert_eq!(reasons, wanted);
    assert_eq!(record.map(|record| record.restarts()), Some(7));
    let last = t.system.last_reason(A);
    assert_eq!(last.as_deref(), Some("exited with status 7"));
}

#[test]
fn a_run_that_was_stopped_is_kept_with_its_end_and_is_no_failure() {
    let mut t = Table::new(vec![service("web"), service("other")]);
    t.up(A);
    t.up(B);
    t.ask(1, Verb::Stop, &[A]);
    t.exit(A, Exit::Signal(Signal::TERM));
    t.tree_gone(A);
    let record = t.system.record(A).unwrap();
    let ends: Vec<_> = record.ends().collect();
    let [end] = ends.as_slice() else {
        panic!("{ends:?}");
    };
    assert_eq!(end.reason, None);
    assert_eq!(end.exit, Some(Exit::Signal(Signal::TERM)));
    assert_eq!(
        end.began(),
        Some(end.at - end.after.unwrap().as_millis() as i64)
    );
    assert_eq!(record.last_reason(), None);
}

#[test]
fn each_run_ends_in_one_way() {
    let mut web = service("web");
    web.success = [Exit::Code(3)].into();
    let mut t = Table::new(vec![web]);
    let ends = [
        Exit::Code(0),
        Exit::Code(3),
        Exit::Code(1),
        Exit::Signal(Signal::KILL),
        Exit::OutOfMemory,
    ];
    for exit in ends {
        t.up(A);
        t.exit(A, exit);
        t.wait_for_deadline();
    }
    t.up(A);
    t.ask(1, Verb::Stop, &[A]);
    t.exit(A, Exit::Code(1));
    t.gone(A);
    let record = t.system.record(A).unwrap();
    let counted = record.ways.iter().filter(|(_, count)| *count > 0);
    let wanted = [
        (Way::Success, 2),
        (Way::Exit, 1),
        (Way::Signal, 1),
        (Way::OutOfMemory, 1),
        (Way::Stopped, 1),
    ];
    assert_eq!(counted.collect::<Vec<_>>(), wanted);
    assert_eq!(record.runs, 6);
}

#[test]
fn names_mean_services_in_declared_order_and_a_name_that_means_none_is_said() {
    let t = Table::new(vec![service("b1"), service("a"), service("b2")]);
    let select = |names: &[&str]| {
        let names: Vec<Box<str>> = names.iter().map(|name| (*name).into()).collect();
        t.system.select(&names)
    };
    assert_eq!(select(&[]), Ok(vec![A, B, C]));
    assert_eq!(select(&["b*", "b2"]), Ok(vec![A, C]));
    assert_eq!(select(&["a.service"]), Ok(vec![B]));
    assert_eq!(select(&["a", "x"]), Err(Unknown("x".into())));
    let instances = Table::new(vec![service("w@1"), service("a"), service("w@2")]);
    let all = |name: &str| instances.system.select(&[name.into()]);
    assert_eq!(all("w"), Ok(vec![A, C]));
    assert_eq!(all("w.service"), Ok(vec![A, C]));
}
