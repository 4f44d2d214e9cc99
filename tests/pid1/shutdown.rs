use std::time::{Duration, Instant};

use crate::acts::acts;
use crate::harness::{Pid1, Running, Setup, Status, open_terminal, send};
use crate::supervisor::{IN_ORDER, last_line, notes, place, service, supervisor, wait_for_process};

/// A service that notes its own end.
fn noting(name: &str, keys: &str) -> String {
    let end = format!("note:{name}");
    service(name, &acts(["say:ready", "wait", &end]), keys)
}

/// One that only SIGKILL ends.
fn deaf(name: &str, keys: &str) -> String {
    service(
        name,
        &acts(["ignore:15", "ignore:2", "say:ready", "await:never"]),
        keys,
    )
}

fn stops_within(rinit: &Running, limit: Duration) -> Status {
    let began = Instant::now();
    let status = rinit.wait();
    assert!(
        began.elapsed() < limit,
        "{:?} {}",
        began.elapsed(),
        rinit.dump()
    );
    status
}

#[test]
fn services_stop_in_reverse_and_independent_ones_together() {
    let config = noting("db", "")
        + &noting("app", "requires = ['db']")
        + &noting("web", "after = ['app']")
        // These two would wait for each other for ever if they were stopped one by one.
        + &service("x", &acts(["say:ready", "wait", "touch:x", "await:y"]), "")
        + &service("y", &acts(["say:ready", "wait", "touch:y", "await:x"]), "");
    let rinit = supervisor(&config).spawn();
    for name in ["db", "app", "web", "x", "y"] {
        rinit.wait_for_line(&format!("{name}: ready"));
    }
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    assert_eq!(notes(&rinit), ["web", "app", "db"], "{}", rinit.dump());
    assert!(
        last_line(&rinit.stderr()).starts_with("rinit: SIGTERM: 5 services stopped in "),
        "{}",
        rinit.dump()
    );
}

#[test]
fn every_stop_signal_begins_an_ordered_shutdown() {
    for (signal, name) in [
        (15, "SIGTERM"),
        (2, "SIGINT"),
        (3, "SIGQUIT"),
        (30, "SIGPWR"),
        (37, "SIGRTMIN+3"),
        (38, "SIGRTMIN+4"),
        (39, "SIGRTMIN+5"),
        (28, "SIGWINCH"),
    ] {
        let rinit = supervisor(&noting("a", "")).spawn();
        rinit.wait_for_line("a: ready");
        rinit.signal(signal);
        assert_eq!(rinit.wait(), IN_ORDER);
        assert_eq!(notes(&rinit), ["a"], "{}", rinit.dump());
        place(
            &rinit.stderr(),
            &format!("rinit: {name}: 1 service stopped"),
        );
    }
}

#[test]
fn winch_is_a_window_s_matter_with_a_terminal_and_a_hang_up_is_a_stop_request() {
    let (master, slave) = open_terminal();
    let rinit = supervisor(&noting("a", "output = 'raw'"))
        .terminal(slave)
        .arg("-v")
        .spawn();
    rinit.wait_for_line("ready");
    rinit.signal(28);
    rinit.wait_for_line("SIGWINCH is for nobody");
    rinit.signal(1);
    rinit.wait_for_line("configuration applied: nothing changes");
    rinit.wait_until("the service and the logger are there, and no more", || {
        let all = rinit.children();
        all.iter().filter(|child| child.state != 'Z').count() == 2
    });
    drop(master);
    assert_eq!(rinit.wait(), IN_ORDER);
    assert_eq!(notes(&rinit), ["a"], "{}", rinit.dump());
    place(&rinit.stderr(), "rinit: SIGHUP: 1 service stopped");
}

#[test]
fn the_stop_signal_is_the_service_s_own() {
    let config = service("web", &acts(["wait-any"]), "stop-signal = 'SIGQUIT'")
        + &service("rt", &acts(["wait-any"]), "stop-signal = 'SIGRTMIN+3'");
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("web: waiting");
    rinit.wait_for_line("rt: waiting");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    place(&rinit.stdout(), "web: got 3");
    place(&rinit.stdout(), "rt: got 37");
}

#[test]
fn a_stopped_process_is_continued_to_hear_its_stop_signal() {
    let rinit = supervisor(&noting("a", "")).spawn();
    rinit.wait_for_line("a: ready");
    let pid = wait_for_process(&rinit, "%do say:ready").pid;
    send(pid, 19);
    rinit.wait_until("it is stopped", || {
        rinit
            .processes()
            .iter()
            .any(|p| p.pid == pid && p.state == 'T')
    });
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    assert_eq!(notes(&rinit), ["a"], "{}", rinit.dump());
}

#[test]
fn stubborn_trees_cannot_stretch_the_deadline() {
    // A chain of three, each of which wants ten seconds: they share what there is.
    let config = "[init]\nshutdown-timeout = '1s'\n".to_owned()
        + &deaf("a", "")
        + &deaf("b", "requires = ['a']")
        + &deaf("c", "requires = ['b']\ntracking = 'subreaper'")
        + &service(
            "d",
            "'trap \"\" TERM; sh -c \"trap : TERM; echo ready; while :; do sleep 100; done\" & while :; do sleep 100; done'",
            "",
        );
    let rinit = supervisor(&config).spawn();
    for name in ["a", "b", "c", "d"] {
        rinit.wait_for_line(&format!("{name}: ready"));
    }
    rinit.signal(15);
    assert_eq!(stops_within(&rinit, Duration::from_millis(1400)), IN_ORDER);
    let stderr = rinit.stderr();
    for name in ["a", "b", "c", "d"] {
        place(&stderr, &format!("{name} did not stop in"));
    }
    assert!(
        place(&stderr, "c did not stop") < place(&stderr, "b did not stop"),
        "{stderr}"
    );
    assert!(
        place(&stderr, "b did not stop") < place(&stderr, "a did not stop"),
        "{stderr}"
    );
}

#[test]
fn below_nine_stubborn_ones_the_database_still_has_its_time() {
    let db =
        "'trap \"sleep 0.1; echo >saved; exit 0\" TERM; echo ready; while :; do sleep 0.01; done'";
    let mut config = "[init]\nshutdown-timeout = '5s'\n".to_owned() + &service("s0", db, "");
    for number in 1..10 {
        let below = format!("requires = ['s{}']", number - 1);
        config += &deaf(&format!("s{number}"), &below);
    }
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("s9: ready");
    rinit.signal(15);
    assert_eq!(stops_within(&rinit, Duration::from_millis(5500)), IN_ORDER);
    assert!(rinit.path("saved").exists(), "{}", rinit.dump());
    let stderr = rinit.stderr();
    for number in 1..10 {
        place(&stderr, &format!("s{number} did not stop in"));
    }
    assert!(!stderr.contains("s0 did not stop in"), "{stderr}");
}

#[test]
fn a_second_int_kills_at_once_and_an_early_one_does_not() {
    let config = "[init]\nshutdown-timeout = '1h'\n".to_owned() + &deaf("a", "stop-timeout = '1h'");
    for signal in [2, 3] {
        let rinit = supervisor(&config).spawn();
        rinit.wait_for_line("a: ready");
        rinit.signal(15);
        rinit.wait_for_line("stopping all services");
        rinit.signal(signal);
        // Too early: it is answered with whom all waits for.
        rinit.wait_for_line("waiting for a");
        rinit.wait_until("it is killed", || {
            rinit.signal(signal);
            std::fs::read_to_string(rinit.path(".status")).is_ok()
        });
        assert_eq!(rinit.wait(), IN_ORDER);
        place(&rinit.stderr(), "again: killing everything");
    }
}

#[test]
fn term_twice_keeps_the_graces() {
    let config = service(
        "a",
        &acts(["say:ready", "wait", "await:go", "note:done"]),
        "",
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("a: ready");
    for _ in 0..3 {
        rinit.signal(15);
        rinit.wait_for_line("stopping all services");
    }
    rinit.wait_for_line("SIGTERM: waiting for a");
    std::fs::write(rinit.path("go"), "").unwrap();
    assert_eq!(rinit.wait(), IN_ORDER);
    assert_eq!(notes(&rinit), ["done"], "{}", rinit.dump());
}

#[test]
fn a_service_that_ends_with_the_stop_request_is_no_crash() {
    let config = service(
        "a",
        &acts(["say:ready", "wait", "exit:1"]),
        "restart-delay = '0s'",
    );
    for _ in 0..10 {
        let rinit = supervisor(&config).spawn();
        rinit.wait_for_line("a: ready");
        let pid = wait_for_process(&rinit, "%do say:ready").pid;
        // As an engine does that signals everybody.
        send(pid, 15);
        rinit.signal(15);
        assert_eq!(rinit.wait(), IN_ORDER);
    }
}

#[test]
fn a_stop_request_that_was_sent_before_an_end_counts_before_it() {
    // An engine signals everybody, and a service is done before rinit looks.
    let config = service(
        "web",
        "['/bin/sh', '-c', 'kill -TERM 1; exit 143']",
        "essential = true",
    );
    for _ in 0..10 {
        let rinit = supervisor(&config).spawn();
        assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    }
}

#[test]
fn a_stop_during_the_start_ends_what_has_begun() {
    let config = service(
        "slow",
        &acts(["say:slow runs", "wait", "note:slow"]),
        "ready = 'notify'",
    ) + &service("later", &acts(["note:later"]), "requires = ['slow']");
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("slow: slow runs");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    assert_eq!(notes(&rinit), ["slow"], "{}", rinit.dump());
}

#[test]
fn a_stop_in_the_first_instant_is_heard() {
    for _ in 0..10 {
        let rinit = supervisor(&service("a", "['sleep', '1000']", "")).spawn();
        rinit.wait_until("rinit catches signals", || {
            Running::status_of(rinit.pid(), "SigCgt:").is_some_and(|mask| {
                u64::from_str_radix(&mask, 16).is_ok_and(|mask| mask & (1 << 14) != 0)
            })
        });
        rinit.signal(15);
        assert_eq!(rinit.wait(), IN_ORDER);
    }
}

#[test]
fn strays_get_term_and_those_that_stay_get_kill() {
    // As `docker exec` brings them in: children of nobody here.
    let config = service(
        "a",
        &acts(["child:say=no stray", "say:ready", "wait"]),
        "kill-mode = 'process'",
    ) + &service(
        "once",
        "'setsid sh -c \"trap : TERM; touch there; while :; do sleep 100; done\" & until test -e there; do sleep 0.01; done'",
        "type = 'oneshot'",
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("a: ready");
    rinit.wait_for_line("1 service running, 1 done");
    rinit.signal(15);
    assert_eq!(stops_within(&rinit, Duration::from_secs(3)), IN_ORDER);
}

#[test]
fn who_leaves_its_session_and_its_environment_is_asked_and_killed_all_the_same() {
    for tracking in ["marks", "subreaper"] {
        let keys = format!("tracking = '{tracking}'\nstop-timeout = '1s'");
        let config = service("a", &acts(["escape:", "say:ready", "wait"]), &keys);
        let rinit = supervisor(&config).spawn();
        rinit.wait_for_line("a: ready");
        wait_for_process(&rinit, "touch:asked");
        rinit.signal(15);
        assert_eq!(rinit.wait(), IN_ORDER);
        assert!(rinit.path("asked").exists(), "{tracking} {}", rinit.dump());

        let config = service("a", &acts(["escape:deaf", "say:ready", "wait"]), &keys);
        let rinit = supervisor(&config).spawn();
        rinit.wait_for_line("a: ready");
        rinit.signal(15);
        assert_eq!(stops_within(&rinit, Duration::from_secs(4)), IN_ORDER);
    }
}

#[test]
fn when_not_pid_1_nothing_of_a_service_is_left_either_and_others_are_spared() {
    let config = service("a", &acts(["escape:", "say:ready", "wait"]), "")
        + &service("b", &acts(["say:ready", "wait"]), "");
    let rinit = supervisor(&config).not_pid1().spawn();
    rinit.wait_for_line("a: ready");
    rinit.wait_for_line("b: ready");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    assert!(rinit.path("asked").exists(), "{}", rinit.dump());
}

#[test]
fn signals_that_come_until_the_very_end_keep_nobody_from_leaving() {
    for _ in 0..10 {
        let rinit = supervisor(&service("a", "['sleep', '1000']", "")).spawn();
        rinit.wait_for_line("1 service running");
        rinit.wait_until("rinit leaves", || {
            rinit.signal(15);
            rinit.path(".status").exists()
        });
        assert_eq!(rinit.wait(), IN_ORDER);
    }
}

#[test]
fn shutdown_delay_lets_all_run_on_inside_the_deadline() {
    let config = "[init]\nshutdown-delay = '300ms'\n".to_owned() + &noting("a", "");
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("a: ready");
    let began = Instant::now();
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    assert!(
        began.elapsed() >= Duration::from_millis(300),
        "{}",
        rinit.dump()
    );
}

#[test]
fn without_proc_all_are_stopped_too() {
    let config = noting("a", "") + &deaf("b", "stop-timeout = '100ms'");
    let rinit = supervisor(&config).setup(Setup::NoProc).spawn();
    rinit.wait_for_line("a: ready");
    rinit.wait_for_line("b: ready");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    assert_eq!(notes(&rinit), ["a"], "{}", rinit.dump());
}

#[test]
fn it_leaves_the_instant_nothing_is_left() {
    let began = Instant::now();
    let rinit: Pid1 = supervisor(&service("a", "['sleep', '1000']", ""));
    let rinit = rinit.spawn();
    rinit.wait_for_line("1 service running");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    assert!(began.elapsed() < Duration::from_secs(2), "{}", rinit.dump());
}
