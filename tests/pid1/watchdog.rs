//! `watchdog`: a service that doesn't say that it lives is aborted and has failed.

use crate::acts::acts;
use crate::sd_notify::{inner_pid, script, with_face};
use crate::supervisor::{ends_in_order, place, service, wait_for_process};

#[test]
fn one_that_pings_lives_and_one_that_does_not_is_aborted_and_restarted() {
    let pings = "./systemd-notify --ready; \
                 until test -e go; do ./systemd-notify WATCHDOG=1; sleep 0.05; done; exec sleep 1000";
    let silent = acts(["notify:READY=1", "wait-any", "await:never"]);
    let config = script("pings", pings, "watchdog = '3s'")
        + &service(
            "silent",
            &silent,
            "ready = 'notify'\nwatchdog = '3s'\nstop-timeout = '100ms'\nrestart-delay = '20s'",
        );
    let rinit = with_face(&config).arg("-v").spawn();
    rinit.wait_for_line("silent: got 6");
    // One that doesn't even end by that is killed.
    rinit.wait_for_line("silent did not stop in");
    rinit.wait_for_line("silent watchdog: no ping for 3 s; restart in");
    assert!(
        !rinit.stderr().contains("pings watchdog"),
        "{}",
        rinit.dump()
    );
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("pings watchdog: no ping for 3 s; restart in");
    rinit.signal(15);
    rinit.wait();
}

#[test]
fn a_service_knows_its_period_and_its_own_number_on_both_roads() {
    let job = "echo $WATCHDOG_USEC $WATCHDOG_PID of $$; ./systemd-notify --ready; exec sleep 1000";
    for road in ["", "nice = 1", "tracking = 'subreaper'"] {
        let config = script("job", job, &format!("watchdog = '1m30s'\n{road}"));
        let rinit = with_face(&config).arg("-v").spawn();
        rinit.wait_for_line("job: starting -> active");
        let pid = inner_pid(wait_for_process(&rinit, "sleep 1000").pid);
        rinit.wait_for_line(&format!("job: 90000000 {pid} of {pid}"));
        ends_in_order(&rinit);
    }
}

#[test]
fn one_that_says_that_it_is_stuck_has_failed() {
    let job = "./systemd-notify --ready; ./systemd-notify WATCHDOG=trigger; exec sleep 1000";
    let config = script("job", job, "watchdog = '1h'\nrestart = 'no'");
    let ended = with_face(&config).run();
    place(
        &ended.stderr,
        "job failed: watchdog: it said that it is stuck",
    );
    assert_eq!(ended.status, crate::harness::Status::Exited(1), "{ended:?}");
}

#[test]
fn a_service_changes_its_period_itself() {
    let job = "./systemd-notify --ready WATCHDOG_USEC=100000; exec sleep 1000";
    for watchdog in ["", "watchdog = '1h'\n"] {
        let config = script("job", job, &format!("{watchdog}restart = 'no'"));
        let ended = with_face(&config).run();
        place(&ended.stderr, "job failed: watchdog: no ping for 0.1 s");
    }
}
