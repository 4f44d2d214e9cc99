//! Services that run at their times, and the clock that is set.

use super::requests::answer;
use super::sockets::{listening, taken};
use super::*;
use crate::core::calendar::{Calendar, Times, Zone};
use crate::core::query::Ask;
use crate::core::request::Verb;
use crate::core::schedule::{Schedule, Stamp, Timer, When};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: i64 = 3600;

fn scheduled(name: &str, when: When) -> ServiceSpec {
    let mut spec = service(name);
    spec.kind = Kind::Oneshot;
    spec.restart.policy = RestartPolicy::No;
    spec.start_timeout = None;
    let jitter = Duration::ZERO;
    spec.schedule = Some(Box::new(Schedule { when, jitter }));
    spec
}

pub(super) fn every(seconds: u64) -> ServiceSpec {
    scheduled("job", When::Every(Duration::from_secs(seconds)))
}

/// At each full hour, UTC.
fn hourly() -> ServiceSpec {
    let calendar = Calendar {
        minutes: 1,
        seconds: 1,
        ..Calendar::ALWAYS
    };
    let zone = Zone::default();
    scheduled("job", When::Calendar(Box::new([Times { calendar, zone }])))
}

/// On no day that there is.
pub(super) fn over() -> ServiceSpec {
    let calendar = Calendar {
        months: 1 << 2,
        days: 1 << 30,
        last_days: 0,
        ..Calendar::ALWAYS
    };
    let zone = Zone::default();
    scheduled("job", When::Calendar(Box::new([Times { calendar, zone }])))
}

/// A table whose clock shows this many seconds after a full hour.
fn at(services: Vec<ServiceSpec>, seconds: i64) -> Table {
    Table::at(services, 500_000 * HOUR * 1000 + seconds * 1000)
}

fn set_clock(t: &mut Table, by: i64) {
    t.wall += by * 1000;
    t.event(Event::ClockSet);
}

/// Its time has come; it runs and ends.
fn runs(t: &mut Table, exit: Exit) {
    assert_eq!(t.spawned(), [A]);
    t.up(A);
    t.exit(A, exit);
    assert_eq!(t.standing(A), Standing::Waiting);
}

#[test]
fn it_runs_at_each_interval_after_the_boot_and_nobody_waits_for_it() {
    let mut web = service("web");
    web.edges.after = [A].into();
    let mut t = Table::new(vec![every(300), web]);
    assert_eq!(
        t.spawned(),
        [B],
        "whoever comes after it is not kept waiting"
    );
    assert_eq!(t.standing(A), Standing::Waiting);
    t.up(B);
    assert_eq!(t.system.whole(), Whole::Running);
    for _ in 0..3 {
        let waited = t.wait_for_deadline();
        assert!(waited <= SECOND * 300, "{waited:?}");
        assert_eq!(t.now.since(Instant(1_000_000_000)).as_secs() % 300, 0);
        assert_eq!(t.spawned(), [A]);
        t.up(A);
        t.wait(SECOND * 20);
        t.exit(A, Exit::Code(0));
    }
    assert_eq!(
        t.told,
        ["1 service running, 0 ms"],
        "what goes well is no news"
    );
}

#[test]
fn times_that_come_while_it_runs_are_skipped() {
    let mut t = Table::new(vec![every(10)]);
    assert_eq!(t.wait_for_deadline(), SECOND * 10);
    t.up(A);
    assert_eq!(t.system.deadline(), None, "one run at a time");
    t.wait(SECOND * 25);
    t.exit(A, Exit::Code(0));
    assert_eq!(t.wait_for_deadline(), SECOND * 5);
    runs(&mut t, Exit::Code(0));
}

#[test]
fn a_run_that_fails_is_told_and_the_next_one_comes() {
    let mut t = at(vec![hourly()], 3590);
    assert_eq!(t.wait_for_deadline(), SECOND * 10);
    runs(&mut t, Exit::Code(3));
    assert_eq!(
        t.last_told(),
        "job exited with status 3 after 0 ms; next run in 1h"
    );
    assert_eq!(t.system.whole(), Whole::Running);
    assert_eq!(t.wait_for_deadline(), SECOND * 3600);
    let run = t.run(A);
    let failure = SpawnFailure {
        step: "exec job".into(),
        errno: 2,
        reason: "no such file or directory".into(),
    };
    t.event(Event::SpawnFailed { run, failure });
    assert_eq!(t.standing(A), Standing::Waiting);
    assert!(
        t.last_told().contains("cannot start: exec job"),
        "{:?}",
        t.told
    );
}

#[test]
fn a_run_that_takes_too_long_is_stopped_and_the_next_one_comes() {
    let mut job = every(60);
    job.start_timeout = Some(SECOND * 5);
    let mut t = Table::new(vec![job]);
    t.wait_for_deadline();
    t.up(A);
    assert_eq!(t.wait_for_deadline(), SECOND * 5);
    assert_eq!(t.standing(A), Standing::Stopping);
    t.exit(A, Exit::Signal(Signal::TERM));
    t.tree_gone(A);
    assert_eq!(t.standing(A), Standing::Waiting);
    assert!(
        t.last_told().contains("not ready after 5 s"),
        "{:?}",
        t.told
    );
    assert_eq!(t.wait_for_deadline(), SECOND * 55);
}

#[test]
fn its_time_come_it_waits_for_what_it_requires() {
    let mut job = every(10);
    job.edges.requires = [B].into();
    let mut db = service("db");
    db.ready = Ready::Notify;
    let mut t = Table::new(vec![job, db]);
    t.up(B);
    t.wait_for_deadline();
    assert_eq!(t.spawned(), []);
    t.wait(SECOND * 15);
    assert_eq!(t.spawned(), []);
    let run = t.run(B);
    t.event(Event::Ready { run });
    assert_eq!(t.spawned(), [A]);
    t.up(A);
    // It shares its fate, and doesn't start anew before its next time.
    t.exit(B, Exit::Code(1));
    t.exit(A, Exit::Signal(Signal::TERM));
    t.tree_gone(A);
    assert_eq!(t.standing(A), Standing::Waiting);
    assert!(
        t.told
            .iter()
            .any(|line| line.starts_with("job stops until its next time")),
        "{:?}",
        t.told
    );
}

#[test]
fn set_forward_a_little_its_time_is_made_up_for_and_a_lot_is_skipped() {
    let mut t = at(vec![hourly()], 3000);
    set_clock(&mut t, 900);
    runs(&mut t, Exit::Code(0));
    // 3:05; now it is 5:10, and 4:00 is long past.
    set_clock(&mut t, 2 * HOUR + 300);
    assert_eq!(t.spawned(), []);
    assert_eq!(t.last_told(), "job missed its time 1h 10m ago");
    assert_eq!(t.wait_for_deadline(), SECOND * 3000);
    runs(&mut t, Exit::Code(0));
}

#[test]
fn set_back_a_little_its_time_does_not_come_twice_and_a_lot_is_another_time() {
    let mut t = at(vec![hourly()], 3599);
    t.wait_for_deadline();
    runs(&mut t, Exit::Code(0));
    set_clock(&mut t, -600);
    assert_eq!(t.wait_for_deadline(), SECOND * (3600 + 600));
    runs(&mut t, Exit::Code(0));
    set_clock(&mut t, -24 * HOUR - 60);
    assert_eq!(t.wait_for_deadline(), SECOND * 60);
    runs(&mut t, Exit::Code(0));
}

#[test]
fn woken_before_its_time_it_waits_for_the_rest() {
    let mut t = at(vec![hourly()], 3590);
    t.wall -= 3;
    t.wait_for_deadline();
    assert_eq!(t.spawned(), []);
    assert_eq!(t.wait_for_deadline(), Duration::from_millis(3));
    runs(&mut t, Exit::Code(0));
}

#[test]
fn a_clock_that_is_set_changes_no_interval() {
    let mut t = at(vec![every(100)], 0);
    set_clock(&mut t, 5 * HOUR);
    set_clock(&mut t, -9 * HOUR);
    assert_eq!(t.wait_for_deadline(), SECOND * 100);
    runs(&mut t, Exit::Code(0));
}

#[test]
fn slept_over_a_little_it_is_made_up_for() {
    for (by, started) in [(1800, true), (3 * 3600, false)] {
        let mut t = at(vec![hourly()], 3590);
        t.now = t.now.plus(SECOND * (10 + by));
        t.event(Event::Overslept { by: SECOND * by });
        t.event(Event::Woke);
        assert_eq!(t.spawned().len(), usize::from(started), "{by}");
    }
}

#[test]
fn chance_delays_a_time_once_whatever_the_clock_does() {
    let mut job = hourly();
    if let Some(schedule) = &mut job.schedule {
        schedule.jitter = SECOND * 1800;
    }
    let mut t = at(vec![job], 3000);
    let planned = t.deadline().since(t.now);
    assert!((600..2400).contains(&planned.as_secs()), "{planned:?}");
    // In the middle of the delay the clock is corrected by a second, again and again.
    t.wait(SECOND * 600);
    let due = t.deadline();
    for _ in 0..10 {
        set_clock(&mut t, 1);
    }
    assert_eq!(t.deadline().since(t.now), due.since(t.now) - SECOND * 10);
    t.wait_for_deadline();
    runs(&mut t, Exit::Code(0));
}

#[test]
fn schedules_keep_the_container_and_a_shutdown_ends_them_at_once() {
    let mut once = service("once");
    once.kind = Kind::Oneshot;
    once.restart.policy = RestartPolicy::No;
    let mut t = Table::new(vec![every(60), once]);
    t.up(B);
    t.exit(B, Exit::Code(0));
    assert_eq!(t.system.whole(), Whole::Running);
    t.event(Event::Signalled {
        signal: Signal::TERM,
        hung_up: false,
    });
    assert_eq!(t.standing(A), Standing::Inactive);
    assert_eq!(t.system.whole(), Whole::Stopping);
}

#[test]
fn when_no_time_is_left_it_is_over() {
    let calendar = Calendar {
        years: 1 << 27,
        months: 1 << 1,
        days: 1 << 1,
        hours: 1,
        minutes: 1,
        seconds: 1,
        ..Calendar::ALWAYS
    };
    let zone = Zone::default();
    let job = scheduled("job", When::Calendar(Box::new([Times { calendar, zone }])));
    // Ten seconds before 2027.
    let mut t = Table::at(vec![job.clone()], 1_798_761_590_000);
    assert_eq!(t.wait_for_deadline(), SECOND * 10);
    t.up(A);
    t.exit(A, Exit::Code(4));
    assert_eq!(t.standing(A), Standing::Failed, "{:?}", t.told);
    let t = Table::at(vec![job], 1_798_761_600_000);
    assert_eq!(t.standing(A), Standing::Inactive);
    assert_eq!(
        t.told,
        [
            "job: its schedule names no more time",
            "0 services running, 0 ms"
        ]
    );
    assert_eq!(t.system.whole(), Whole::Stopping, "nothing is left");
}

#[test]
fn its_sockets_are_open_between_its_runs() {
    let mut job = every(10);
    job.listen = listening("job", false).listen;
    let mut t = Table::new(vec![job, service("web")]);
    assert_eq!(t.orders, [Action::Listen { service: A }]);
    t.event(Event::Listening { service: A });
    assert_eq!(t.spawned(), [B]);
    assert_eq!(t.wait_for_deadline(), SECOND * 10);
    runs(&mut t, Exit::Code(0));
    assert!(!t.orders.contains(&Action::CloseSockets { service: A }));
    t.wait_for_deadline();
    runs(&mut t, Exit::Code(1));
}

#[test]
fn sockets_that_are_taken_fail_one_run() {
    let mut job = every(10);
    job.listen = listening("job", false).listen;
    let mut t = Table::new(vec![job]);
    t.event(taken(A));
    assert_eq!(t.standing(A), Standing::Waiting, "its time will come");
    t.wait_for_deadline();
    assert_eq!(t.orders, [Action::Listen { service: A }]);
    t.event(taken(A));
    assert_eq!(t.standing(A), Standing::Waiting);
    assert_eq!(
        t.last_told(),
        "job cannot start: :80 is already taken after 0 ms; next run in 10 s"
    );
    t.wait_for_deadline();
    t.event(Event::Listening { service: A });
    runs(&mut t, Exit::Code(0));
}

#[test]
fn a_time_that_comes_before_all_sockets_are_open_waits_for_them() {
    let mut t = Table::new(vec![every(10), listening("web", false)]);
    t.wait_for_deadline();
    assert_eq!(t.spawned(), []);
    t.event(Event::Listening { service: B });
    assert_eq!(t.spawned(), [A, B]);
}

#[test]
fn started_by_hand_it_runs_at_once_and_the_answer_is_how_that_run_ended() {
    let mut t = Table::new(vec![every(300)]);
    t.ask(1, Verb::Start, &[A]);
    assert_eq!(t.spawned(), [A]);
    assert_eq!(t.answers(), []);
    t.up(A);
    assert_eq!(t.answers(), []);
    t.wait(SECOND * 10);
    t.exit(A, Exit::Code(0));
    assert_eq!(t.answers(), answer(1, "done "));
    assert_eq!(t.standing(A), Standing::Waiting);
    // Its times stay what they are.
    t.ask(2, Verb::Start, &[A]);
    t.up(A);
    t.exit(A, Exit::Code(3));
    assert_eq!(
        t.answers(),
        answer(2, "no job failed: exited with status 3; next run in 4m 50s")
    );
    assert_eq!(t.wait_for_deadline(), SECOND * 290);
    assert_eq!(t.spawned(), [A]);
    t.up(A);
    // A run that nobody asked for answers nobody; a restart begins it anew, at once.
    t.ask(3, Verb::Restart, &[A]);
    t.gone(A);
    assert_eq!(t.spawned(), [A]);
    t.up(A);
    assert_eq!(t.answers(), []);
    t.exit(A, Exit::Code(0));
    assert_eq!(t.answers(), answer(3, "done "));
}

#[test]
fn stopped_by_hand_its_times_pass_until_it_is_started() {
    let mut t = Table::new(vec![every(300), service("b")]);
    t.up(B);
    t.ask(1, Verb::Stop, &[A]);
    assert_eq!(t.answers(), answer(1, "done "));
    assert_eq!(t.standing(A), Standing::Inactive);
    assert_eq!(t.system.deadline(), None);
    t.ask(2, Verb::Start, &[A]);
    assert_eq!(t.spawned(), [A]);
}

#[test]
fn the_whole_is_ready_without_what_waits_for_its_time_or_for_somebody() {
    let mut call = listening("call", true);
    call.edges.after = [B].into();
    let mut t = Table::new(vec![every(300), service("b"), call]);
    t.event(Event::Listening { service: C });
    let ready = |t: &Table| t.system.health(Ask::Ready, t.system.now()).well;
    assert!(!ready(&t));
    t.up(B);
    assert!(ready(&t));
    t.wait_for_deadline();
    assert_eq!(t.standing(A), Standing::Starting);
    assert!(ready(&t), "nor while it runs");
    t.up(A);
    t.exit(A, Exit::Code(1));
    assert!(ready(&t), "nor when a run failed");
}

/// As a timer's unit says, in seconds.
fn timed(after_boot: &[u64], after_start: Option<u64>, after_end: Option<u64>) -> ServiceSpec {
    let timer = Timer {
        calendars: Box::default(),
        after_boot: after_boot.iter().map(|s| Duration::from_secs(*s)).collect(),
        after_start: after_start.map(Duration::from_secs),
        after_end: after_end.map(Duration::from_secs),
        persistent: None,
    };
    scheduled("job", When::Timer(Box::new(timer)))
}

#[test]
fn a_timers_times_count_from_the_boot_the_last_start_and_the_last_end() {
    let mut t = at(vec![timed(&[30, 5], Some(20), Some(12))], 0);
    assert_eq!(t.spawned(), []);
    t.wait(5 * SECOND);
    assert_eq!(t.spawned(), [A]);
    t.up(A);
    t.wait(3 * SECOND);
    t.exit(A, Exit::Code(0));
    // It began at 5 and ended at 8: 12 after its end is before 20 after its start.
    t.wait(11 * SECOND);
    assert_eq!(t.spawned(), []);
    t.wait(SECOND);
    runs(&mut t, Exit::Code(0));
    // That was at 20; the second time of the boot is before 32.
    t.wait(10 * SECOND);
    runs(&mut t, Exit::Code(1));
    t.wait(12 * SECOND);
    runs(&mut t, Exit::Code(0));
}

#[test]
fn a_timer_of_the_boot_alone_runs_once() {
    let mut t = at(vec![timed(&[0], None, None)], 0);
    t.wait(Duration::ZERO);
    assert_eq!(t.spawned(), [A]);
    t.up(A);
    t.exit(A, Exit::Code(0));
    assert_eq!(t.standing(A), Standing::Exited);
}

#[test]
fn of_a_calendar_and_a_delay_the_earlier_counts() {
    let mut job = hourly();
    if let Some(When::Calendar(times)) = job.schedule.as_deref().map(|own| own.when.clone()) {
        job = scheduled(
            "job",
            When::Timer(Box::new(Timer {
                calendars: times,
                after_end: Some(Duration::from_secs(50)),
                ..Timer::default()
            })),
        );
    }
    // Half a minute before the hour.
    let mut t = at(vec![job], 3570);
    t.wait(29 * SECOND);
    assert_eq!(t.spawned(), []);
    t.wait(SECOND);
    runs(&mut t, Exit::Code(0));
    t.wait(50 * SECOND);
    runs(&mut t, Exit::Code(0));
}

/// At each full hour; it ran last so many seconds before the hour that `at` counts from.
fn persistent(ran_before: Option<i64>) -> ServiceSpec {
    let mut spec = hourly();
    let Some(When::Calendar(calendars)) = spec.schedule.take().map(|own| own.when) else {
        unreachable!()
    };
    spec.schedule = scheduled(
        "job",
        When::Timer(Box::new(Timer {
            calendars,
            persistent: Some(Stamp {
                name: "job.timer".into(),
                last: ran_before.map(|before| 500_000 * HOUR - before),
            }),
            ..Timer::default()
        })),
    )
    .schedule;
    spec
}

const STAMP: Action = Action::Stamp { service: A };

#[test]
fn what_was_missed_while_nothing_ran_is_made_up_for_once() {
    let mut t = at(vec![persistent(Some(3 * HOUR + 5))], 1800);
    assert!(!t.orders.contains(&STAMP), "{:?}", t.orders);
    assert_eq!(t.wait_for_deadline(), Duration::ZERO);
    assert!(t.orders.contains(&STAMP), "{:?}", t.orders);
    runs(&mut t, Exit::Code(0));
    assert_eq!(t.wait_for_deadline(), SECOND * 1800);
    assert!(t.orders.contains(&STAMP), "{:?}", t.orders);
    runs(&mut t, Exit::Code(0));
}

#[test]
fn what_was_not_missed_is_not_made_up_for_whatever_the_stamp_says() {
    // It ran 5 s after the hour; it would have run in two days, says a clock that was wrong.
    for last in [-5, -48 * HOUR] {
        let mut t = at(vec![persistent(Some(last))], 1800);
        assert_eq!(t.wait_for_deadline(), SECOND * 1800);
        runs(&mut t, Exit::Code(0));
    }
}

#[test]
fn the_first_boot_of_all_misses_nothing_but_is_kept() {
    let mut t = at(vec![persistent(None)], 1800);
    assert!(t.orders.contains(&STAMP), "{:?}", t.orders);
    assert_eq!(t.wait_for_deadline(), SECOND * 1800);
    runs(&mut t, Exit::Code(0));
}

#[test]
fn one_that_keeps_its_last_run_makes_up_for_a_long_sleep_and_a_long_run() {
    let mut t = at(vec![persistent(Some(-5))], 1800);
    let by = SECOND * 20_000;
    t.now = t.now.plus(by);
    t.event(Event::Overslept { by });
    t.event(Event::Woke);
    assert_eq!(t.spawned(), [A], "{:?}", t.told);
    t.up(A);
    t.now = t.now.plus(SECOND * 4000);
    t.exit(A, Exit::Code(0));
    assert_eq!(t.wait_for_deadline(), Duration::ZERO);
    runs(&mut t, Exit::Code(0));
}
