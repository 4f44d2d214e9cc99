//! What random worlds have found, one test a kind, with what somebody would have seen.

use super::apply::commanded;
use super::commands::with;
use super::elsewhere::waiting;
use super::requests::answer;
use super::schedule::{every, over};
use super::sockets::listening;
use super::*;
use crate::core::commands::List;
use crate::core::request::Verb;
use crate::core::spec::Forking;

const SECOND: Duration = Duration::from_secs(1);

/// It forks, and no file tells its main process.
fn forking(mut service: ServiceSpec) -> ServiceSpec {
    service.forking = Some(Box::new(Forking {
        pid_file: None,
        never_guess: true,
        starts_anyhow: false,
        by_script: false,
    }));
    service
}

impl Table {
    /// It has forked, and runs without a main process that is known.
    fn forks(&mut self, id: ServiceId) {
        self.up(id);
        self.exit(id, Exit::Code(0));
        let run = self.run(id);
        let answer = Answer::Yes;
        self.event(Event::Probed { run, answer });
        assert_eq!(self.standing(id), Standing::Active);
    }
}

/// The container never ended: SIGKILL went to nobody, again and again.
#[test]
fn a_hanging_exec_stop_of_one_without_a_main_process_is_the_end_where_nothing_else_is_to_be_killed()
{
    let mut web = forking(with(&[List::Stop]));
    web.stop.kill_mode = KillMode::Process;
    let mut t = Table::new(vec![web]);
    t.forks(A);
    t.ask(1, Verb::Stop, &[A]);
    let (run, list, _) = t.control();
    assert_eq!(list, List::Stop);
    t.wait(SECOND * 10);
    t.wait(SECOND * 10);
    let exit = Exit::Signal(Signal::KILL);
    t.event(Event::Exited { run, exit });
    assert_eq!(t.standing(A), Standing::Inactive);
    assert_eq!(t.answers().len(), 1);
}

/// `rinitctl reload` said that it was done, and nobody had been told to reload.
#[test]
fn a_reload_signal_for_a_main_process_that_nobody_knows_is_no_reload() {
    let mut web = forking(service("web"));
    web.reload_signal = Some(Signal::HUP);
    let mut t = Table::new(vec![web]);
    t.forks(A);
    t.ask(1, Verb::Reload, &[A]);
    let why = "no web runs, but which is its main process isn't known; pid-file tells";
    assert_eq!(t.answers(), answer(1, why));
    assert_eq!(t.signals(), []);
    assert_eq!(t.standing(A), Standing::Active);
}

/// It was started though it had been stopped, once what it waited for was there.
#[test]
fn what_waits_for_elsewhere_and_is_stopped_does_not_start_while_others_stop_before_it() {
    let mut web = waiting();
    web.listen = listening("web", true).listen;
    let mut t = Table::new(vec![web, requiring("user", A)]);
    t.event(Event::Listening { service: A });
    t.up(B);
    t.event(Event::Connected { service: A });
    t.ask(1, Verb::Stop, &[A]);
    assert_eq!(t.standing(A), Standing::Inactive);
    assert_eq!(t.standing(B), Standing::Stopping);
    t.gone(B);
    assert_eq!(t.spawned(), []);
}

/// The container ended at the very moment at which the job was due.
#[test]
fn a_job_that_is_due_waits_for_the_rest_of_what_it_conflicts_with() {
    let mut web = service("web");
    web.restart.policy = RestartPolicy::No;
    let ties = web.edges.ties.get_or_insert_default();
    ties.conflicts = [A].into();
    let mut t = Table::new(vec![every(5), web]);
    t.up(B);
    let run = t.run(B);
    t.exit(B, Exit::Code(0));
    t.wait(SECOND * 5);
    assert_eq!(t.standing(A), Standing::Waiting);
    assert_eq!(t.system.whole(), Whole::Running);
    t.event(Event::TreeGone { run });
    assert_eq!(t.spawned(), [A]);
}

/// The job, and whatever else required the other, waited for ever, or the container ended.
#[test]
fn what_has_lost_its_schedule_starts_with_what_requires_it() {
    let mut job = every(60);
    job.name = "other".into();
    job.edges.requires = [A].into();
    let mut once = every(5);
    let mut t = Table::new(vec![once.clone(), job.clone()]);
    once.schedule = None;
    t.apply(1, vec![once, job]);
    t.quiet();
    assert_eq!(t.standing(A), Standing::Inactive);
    t.wait(SECOND * 60);
    assert_eq!(t.spawned(), [A]);
    t.up(A);
    t.exit(A, Exit::Code(0));
    assert_eq!(t.spawned(), [B]);
}

/// Both started at the same moment.
#[test]
fn one_that_is_enabled_while_somebody_starts_it_comes_before_what_is_after_it() {
    let mut first = service("first");
    let mut second = commanded("second", "x");
    first.enabled = false;
    first.kind = Kind::Oneshot;
    first.restart.policy = RestartPolicy::No;
    first.edges.requires = [C].into();
    second.edges.after = [A].into();
    let mut need = service("need");
    need.ready = Ready::Notify;
    let all = vec![first.clone(), second.clone(), need.clone()];
    let mut t = Table::new(all);
    t.up(B);
    t.up(C);
    t.ask(1, Verb::Start, &[A]);
    first.enabled = true;
    second.exec = commanded("second", "y").exec;
    t.apply(2, vec![first, second, need]);
    t.gone(B);
    t.quiet();
    assert_eq!(
        t.spawned(),
        [],
        "second waits for first, which waits for need"
    );
    let run = t.run(C);
    t.event(Event::Ready { run });
    assert_eq!(t.spawned(), [A]);
    t.up(A);
    t.exit(A, Exit::Code(0));
    assert_eq!(t.spawned(), [B]);
}

/// What came after it started before its sockets were there.
#[test]
fn one_on_demand_whose_sockets_are_not_open_yet_is_still_waited_for() {
    let mut t = Table::new(vec![service("other")]);
    t.up(A);
    let all = vec![service("other"), listening("web", true), after("user", B)];
    t.apply(1, all);
    t.quiet();
    t.ask(2, Verb::Start, &[B]);
    t.ask(3, Verb::Restart, &[B]);
    assert_eq!(t.spawned(), []);
    t.event(Event::Listening { service: B });
    assert_eq!(t.spawned(), [B]);
    t.up(B);
    assert_eq!(t.spawned(), [C]);
}

/// It came back by itself, though it was to rest; and one that was to come back didn't.
#[test]
fn one_that_stops_by_itself_while_its_own_stop_waits_for_others_ends_where_that_was_to_lead() {
    for (verb, standing) in [
        (Verb::Stop, Standing::Inactive),
        (Verb::Restart, Standing::Starting),
    ] {
        let mut base = service("base");
        base.notify = Some(Box::default());
        base.restart.policy = RestartPolicy::OnFailure;
        let mut t = Table::new(vec![base, requiring("user", A)]);
        t.up(A);
        t.up(B);
        t.ask(1, verb, &[A]);
        assert_eq!(t.standing(A), Standing::Active, "user stops first");
        let run = t.run(A);
        t.event(Event::Stopping { run });
        t.exit(A, Exit::Code(0));
        t.event(Event::TreeGone { run });
        assert_eq!(t.standing(A), standing, "{verb:?}");
    }
}

/// What required it ran without it.
#[test]
fn what_has_ended_as_another_type_has_not_done_the_work_of_a_oneshot() {
    let mut once = service("once");
    once.restart.policy = RestartPolicy::No;
    let mut t = Table::new(vec![service("other"), once.clone()]);
    t.up(A);
    t.up(B);
    let run = t.run(B);
    t.exit(B, Exit::Code(0));
    t.event(Event::TreeGone { run });
    assert_eq!(t.standing(B), Standing::Exited);
    once.kind = Kind::Oneshot;
    t.learn(1, vec![service("other"), once, requiring("user", B)]);
    t.quiet();
    assert_eq!(t.standing(B), Standing::Inactive);
    t.ask(2, Verb::Start, &[C]);
    assert_eq!(t.spawned(), [B]);
    t.up(B);
    t.exit(B, Exit::Code(0));
    assert_eq!(t.spawned(), [C]);
}

/// They stayed open to the end, and nobody answered there.
#[test]
fn sockets_of_one_whose_new_schedule_names_no_time_are_not_opened() {
    let mut t = Table::new(vec![service("other")]);
    t.up(A);
    let mut job = over();
    job.listen = listening("job", false).listen;
    t.apply(1, vec![service("other"), job]);
    t.quiet();
    assert_eq!(t.standing(B), Standing::Inactive);
    let opened = Action::Listen { service: B };
    assert!(!t.orders.contains(&opened), "{:?}", t.orders);
}
