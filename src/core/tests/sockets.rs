//! Sockets: opened before all starts, kept over restarts; services on demand.

use super::requests::answer;
use super::*;
use crate::core::listen::{Address, Listen, Socket, SocketFile, SocketKind, Watch};
use crate::core::request::Verb;

pub(super) fn listening(name: &str, on_demand: bool) -> ServiceSpec {
    let mut service = ServiceSpec::new(name);
    let socket = Socket {
        kind: SocketKind::Stream,
        address: Address::Port(80),
        name: name.into(),
        backlog: 16,
        reuse_port: false,
        ipv6_only: None,
        options: None,
        file: SocketFile::default(),
    };
    service.listen = Some(Box::new(Listen {
        sockets: [socket].into(),
        on_demand,
        accept: None,
        watch: None,
    }));
    service
}

pub(super) fn taken(service: ServiceId) -> Event {
    let failure = SpawnFailure {
        step: ":80 is already taken".into(),
        errno: 98,
        reason: "".into(),
    };
    Event::NotListening { service, failure }
}

fn requires(mut service: ServiceSpec, need: ServiceId) -> ServiceSpec {
    service.edges.requires = [need].into();
    service
}

#[test]
fn nothing_starts_before_the_last_socket_is_open() {
    let mut table = Table::new(vec![
        ServiceSpec::new("a"),
        listening("b", false),
        listening("c", false),
    ]);
    assert_eq!(
        table.orders,
        [B, C].map(|service| Action::Listen { service })
    );
    table.event(Event::Listening { service: C });
    assert_eq!(table.spawned(), []);
    table.event(Event::Listening { service: B });
    assert_eq!(table.spawned(), [A, B, C]);
}

#[test]
fn a_socket_that_is_taken_is_a_failed_start_that_is_tried_again() {
    let mut table = Table::new(vec![listening("a", false), ServiceSpec::new("b")]);
    table.event(taken(A));
    // The others don't wait for it; its own start asks once more.
    assert_eq!(table.spawned(), [B]);
    assert!(table.orders.contains(&Action::Listen { service: A }));
    table.event(taken(A));
    assert_eq!(table.standing(A), Standing::Backoff);
    let told = table.last_told();
    assert!(
        told.starts_with("a cannot start: :80 is already taken; restart in "),
        "{told}"
    );
    table.wait_for_deadline();
    assert_eq!(table.orders, [Action::Listen { service: A }]);
    table.event(Event::Listening { service: A });
    assert_eq!(table.spawned(), [A]);
}

#[test]
fn sockets_stay_open_over_restarts_and_close_with_the_last_end() {
    let mut service = listening("a", false);
    service.restart.policy = RestartPolicy::OnFailure;
    let mut table = Table::new(vec![service, ServiceSpec::new("b")]);
    table.event(Event::Listening { service: A });
    table.up(A);
    table.exit(A, Exit::Code(1));
    let closed = Action::CloseSockets { service: A };
    assert!(!table.orders.contains(&closed));
    table.wait_for_deadline();
    assert_eq!(table.spawned(), [A]);
    table.up(A);
    table.exit(A, Exit::Code(0));
    assert_eq!(table.standing(A), Standing::Exited);
    assert!(table.orders.contains(&closed));
}

#[test]
fn one_on_demand_waits_for_somebody_and_its_socket_is_what_others_need() {
    let mut table = Table::new(vec![
        listening("a", true),
        requires(ServiceSpec::new("b"), A),
    ]);
    table.event(Event::Listening { service: A });
    assert_eq!(table.spawned(), [B]);
    assert!(
        table
            .orders
            .contains(&Action::AwaitConnection { service: A })
    );
    assert_eq!(table.standing(A), Standing::Waiting);
    table.up(B);
    assert_eq!(table.system.whole(), Whole::Running);
    assert_eq!(table.system.deadline(), None);
    table.event(Event::Connected { service: A });
    assert_eq!(table.spawned(), [A]);
    table.up(A);
    // It ends, and B doesn't care.
    table.exit(A, Exit::Code(0));
    assert_eq!(table.standing(B), Standing::Active);
    assert_eq!(
        table.last_told(),
        "a exited with status 0; it waits for the next connection"
    );
    table.wait_for_deadline();
    assert_eq!(table.orders, [Action::AwaitConnection { service: A }]);
    assert_eq!(table.standing(A), Standing::Waiting);
}

#[test]
fn one_on_demand_starts_by_hand_without_a_connection() {
    let mut table = Table::new(vec![listening("a", true), ServiceSpec::new("b")]);
    // Not before its socket is open, as nothing.
    table.ask(1, Verb::Start, &[A]);
    assert_eq!(table.spawned(), []);
    table.event(Event::Listening { service: A });
    assert_eq!(table.spawned(), [A, B]);
    assert_eq!(table.answers(), []);
    table.up(A);
    assert_eq!(table.answers(), answer(1, "done "));
    table.exit(A, Exit::Code(0));
    table.wait_for_deadline();
    assert_eq!(table.orders, [Action::AwaitConnection { service: A }]);
    // And while it waits for somebody.
    table.ask(2, Verb::Start, &[A]);
    assert_eq!(table.spawned(), [A]);
    table.up(A);
    assert_eq!(table.answers(), answer(2, "done "));
    // Stopped by hand it answers nobody any more.
    table.ask(3, Verb::Stop, &[A]);
    table.gone(A);
    let closed = Action::CloseSockets { service: A };
    assert!(table.orders.contains(&closed));
    assert_eq!(table.standing(A), Standing::Inactive);
    table.ask(4, Verb::Start, &[A]);
    assert_eq!(table.orders, [Action::Listen { service: A }]);
    table.event(Event::Listening { service: A });
    assert_eq!(table.spawned(), [A]);
}

#[test]
fn started_by_hand_when_its_sockets_failed_it_comes_after_what_was_not_tried_yet() {
    let mut call = listening("b", true);
    call.edges.after = [A].into();
    let mut base = ServiceSpec::new("a");
    base.ready = Ready::Notify;
    let mut table = Table::new(vec![base, call]);
    table.event(taken(B));
    assert_eq!(table.standing(B), Standing::Backoff);
    table.ask(1, Verb::Start, &[B]);
    assert_eq!(table.standing(B), Standing::Waiting);
    assert_eq!(table.orders, []);
    table.up(A);
    let run = table.run(A);
    table.event(Event::Ready { run });
    assert_eq!(table.orders, [Action::Listen { service: B }]);
    table.event(Event::Listening { service: B });
    assert_eq!(table.spawned(), [B]);
}

#[test]
fn one_on_demand_waits_for_what_it_requires_too() {
    let mut base = ServiceSpec::new("a");
    base.ready = Ready::Notify;
    let mut table = Table::new(vec![base, requires(listening("b", true), A)]);
    table.event(Event::Listening { service: B });
    assert!(
        !table
            .orders
            .contains(&Action::AwaitConnection { service: B })
    );
    table.up(A);
    let run = table.run(A);
    table.event(Event::Ready { run });
    assert_eq!(table.orders, [Action::AwaitConnection { service: B }]);
    // Gone before somebody comes: who comes then waits until it is back.
    table.exit(A, Exit::Code(1));
    table.event(Event::Connected { service: B });
    assert_eq!(table.spawned(), []);
    table.wait_for_deadline();
    table.up(A);
    let run = table.run(A);
    table.event(Event::Ready { run });
    assert_eq!(table.spawned(), [B]);
}

#[test]
fn one_on_demand_is_left_when_all_others_have_ended() {
    let mut oneshot = ServiceSpec::new("b");
    oneshot.kind = Kind::Oneshot;
    let mut table = Table::new(vec![listening("a", true), oneshot]);
    table.event(Event::Listening { service: A });
    table.up(B);
    table.exit(B, Exit::Code(0));
    assert_eq!(table.standing(B), Standing::Exited);
    assert_eq!(table.system.whole(), Whole::Running);
}

#[test]
fn failures_of_one_on_demand_are_delayed_ever_longer_and_good_ends_are_not() {
    let mut table = Table::new(vec![listening("a", true), ServiceSpec::new("b")]);
    table.event(Event::Listening { service: A });
    let delay = |table: &mut Table, code: u8| {
        table.event(Event::Connected { service: A });
        table.up(A);
        table.exit(A, Exit::Code(code));
        table.wait_for_deadline().as_millis()
    };
    for longest in [110, 220, 440] {
        let delay = delay(&mut table, 1);
        assert!((longest / 11 * 9..=longest).contains(&delay), "{delay}");
    }
    for _ in 0..3 {
        let delay = delay(&mut table, 0);
        assert!((90..=110).contains(&delay), "{delay}");
    }
}

#[test]
fn a_shutdown_closes_what_nobody_came_for() {
    let mut table = Table::new(vec![listening("a", true)]);
    table.event(Event::Listening { service: A });
    table.event(Event::Signalled {
        signal: Signal::TERM,
        hung_up: false,
    });
    assert!(table.orders.contains(&Action::CloseSockets { service: A }));
    assert_eq!(table.standing(A), Standing::Inactive);
}

#[test]
fn what_a_path_says_again_a_oneshot_does_again() {
    let mut a = oneshot("a");
    a.restart.policy = RestartPolicy::Always;
    a.listen = Some(Box::new(Listen {
        on_demand: true,
        watch: Some(Box::new(Watch::default())),
        ..Listen::default()
    }));
    let mut t = Table::new(vec![a, requiring("b", A)]);
    t.event(Event::Listening { service: A });
    let await_it = [Action::AwaitConnection { service: A }];
    assert!(t.orders.contains(&await_it[0]), "{:?}", t.orders);
    // A path is nothing that anybody could rely on.
    assert_eq!(t.spawned(), []);
    assert_eq!(t.standing(B), Standing::Waiting);
    for _ in 0..2 {
        t.event(Event::Connected { service: A });
        assert_eq!(t.spawned(), [A]);
        t.up(A);
        t.exit(A, Exit::Code(0));
        assert_eq!(
            t.last_told(),
            "a exited with status 0; it waits for its path"
        );
        t.wait_for_deadline();
        assert!(t.orders.contains(&await_it[0]), "{:?}", t.orders);
    }
}

#[test]
fn whoever_brings_one_on_demand_is_answered_once_its_sockets_are_open() {
    for works in [true, false] {
        let mut t = Table::new(vec![service("a")]);
        t.up(A);
        t.apply(1, vec![service("a"), listening("b", true)]);
        t.quiet();
        assert!(t.orders.contains(&Action::Listen { service: B }));
        assert_eq!(t.answers(), []);
        t.event(if works {
            Event::Listening { service: B }
        } else {
            taken(B)
        });
        let answers = t.answers();
        if works {
            assert_eq!(answers, answer(1, "done b: new"));
        } else {
            let said = &answers[0].1;
            assert!(said.starts_with("no b failed: cannot start: :80"), "{said}");
        }
    }
}
