//! What is kept of how each came up after the boot.

use super::*;
use crate::core::first_start::StartResult;

type Moments = [Option<u32>; 4];

fn first(t: &Table, id: ServiceId) -> (StartResult, Moments) {
    let first = &t.system.record(id).unwrap().first_start;
    let moments = [
        first.began(),
        first.attempted(),
        first.last_began(),
        first.settled(),
    ];
    (first.result, moments)
}

fn later(t: &mut Table, millis: u64) {
    t.now = t.now.plus(ms(millis));
}

#[test]
fn a_chain_has_its_moments_once_and_for_all() {
    let mut migrate = oneshot("migrate");
    migrate.edges.requires = Box::new([A]);
    let mut db = service("db");
    db.ready = Ready::Notify;
    let mut t = Table::new(vec![db, migrate, requiring("web", B)]);
    let waits = (StartResult::Pending, [None; 4]);
    t.up(A);
    assert_eq!(
        first(&t, A),
        (StartResult::Pending, [Some(0), None, Some(0), None])
    );
    assert_eq!(first(&t, B), waits);
    later(&mut t, 1200);
    let run = t.run(A);
    t.event(Event::Ready { run });
    t.up(B);
    later(&mut t, 800);
    t.exit(B, Exit::Code(0));
    let db = (
        StartResult::Ready,
        [Some(0), Some(1200), Some(0), Some(1200)],
    );
    let migrate = (
        StartResult::Done,
        [Some(1200), Some(2000), Some(1200), Some(2000)],
    );
    assert_eq!((first(&t, A), first(&t, B)), (db, migrate));
    later(&mut t, 300);
    t.up(C);
    let web = (
        StartResult::Ready,
        [Some(2000), Some(2300), Some(2000), Some(2300)],
    );
    assert_eq!(first(&t, C), web);
    // What comes later is no part of the boot.
    t.exit(C, Exit::Code(1));
    t.wait_for_deadline();
    t.up(C);
    assert_eq!(first(&t, C), web);
}

#[test]
fn attempts_in_vain_stand_between_the_first_one_and_the_one_that_came_up() {
    let mut t = Table::new(vec![service("web"), service("other")]);
    later(&mut t, 100);
    t.exit(A, Exit::Code(1));
    let pending = StartResult::Pending;
    assert_eq!(first(&t, A), (pending, [Some(0), Some(100), Some(0), None]));
    let pause = t.wait_for_deadline().as_millis() as u32;
    later(&mut t, 10);
    t.up(A);
    let (began, up) = (100 + pause, 110 + pause);
    let moments = [Some(0), Some(100), Some(began), Some(up)];
    assert_eq!(first(&t, A), (StartResult::Ready, moments));
}

#[test]
fn who_fails_takes_those_along_who_never_began() {
    let mut broken = service("broken");
    broken.restart.policy = RestartPolicy::No;
    let mut disabled = service("disabled");
    disabled.enabled = false;
    let mut t = Table::new(vec![broken, requiring("web", A), disabled]);
    later(&mut t, 70);
    t.exit(A, Exit::Code(3));
    let failed = StartResult::Failed;
    assert_eq!(
        first(&t, A),
        (failed, [Some(0), Some(70), Some(0), Some(70)])
    );
    assert_eq!(first(&t, B), (failed, [None, Some(70), None, Some(70)]));
    assert_eq!(first(&t, C), (StartResult::NotOfBoot, [None; 4]));
}
