//! What a service says of its own course: that it reloads, that it stops, that it needs
//! more time, and why it fails.

use crate::sd_notify::{script, with_face};
use crate::supervisor::{IN_ORDER, ends_in_order, place, service};

/// Words of a shell script that wait for the test.
const AWAIT_GO: &str = "until test -e go; do sleep 0.01; done";

#[test]
fn a_service_that_reloads_is_ready_again_when_it_says_so_and_nobody_stops_meanwhile() {
    let job = format!(
        "./systemd-notify --ready; ./systemd-notify --reloading; {AWAIT_GO}; \
         ./systemd-notify --ready; exec sleep 1000"
    );
    let config =
        script("job", &job, "") + &service("web", "['sleep', '1000']", "requires = ['job']");
    let rinit = with_face(&config).arg("-v").spawn();
    rinit.wait_for_line("job: active -> reloading");
    rinit.wait_for_line("web: starting -> active");
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("job: reloading -> active");
    assert!(!rinit.stderr().contains("web stops"), "{}", rinit.dump());
    ends_in_order(&rinit);
}

#[test]
fn a_reload_that_takes_too_long_is_told_and_the_service_left_alone() {
    let job = "./systemd-notify --ready; ./systemd-notify --reloading; exec sleep 1000";
    let config = script("job", job, "start-timeout = '3s'");
    let rinit = with_face(&config).arg("-v").spawn();
    rinit.wait_for_line("job reloads, and isn't ready again after 3");
    rinit.wait_for_line("job: reloading -> active");
    ends_in_order(&rinit);
}

#[test]
fn a_reload_of_a_former_life_is_not_this_ones() {
    let job = "./systemd-notify --ready; ./systemd-notify RELOADING=1 MONOTONIC_USEC=1; \
               echo said; exec sleep 1000";
    let rinit = with_face(&script("job", job, "")).arg("-v").spawn();
    // Behind its barrier all was handled.
    rinit.wait_for_line("job: said");
    rinit.wait_for_line("job: starting -> active");
    assert!(!rinit.stderr().contains("reloading"), "{}", rinit.dump());
    ends_in_order(&rinit);
}

#[test]
fn a_service_that_says_that_it_stops_is_judged_by_its_end() {
    let job = "./systemd-notify --ready; ./systemd-notify --stopping; exit 0";
    let config = script("job", job, "restart = 'on-failure'");
    let ended = with_face(&config).arg("-v").run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    let stops = place(&ended.stderr, "job: active -> stopping");
    assert!(stops < place(&ended.stderr, "job: stopping -> exited"));

    let job = "./systemd-notify --ready; ./systemd-notify --stopping ERRNO=2; exit 3";
    let config = script("job", job, "restart = 'no'\nessential = true");
    let ended = with_face(&config).arg("-v").run();
    place(
        &ended.stderr,
        "job failed: exited with status 3 (errno 2: no such file or directory)",
    );
    assert_eq!(ended.status, crate::harness::Status::Exited(3), "{ended:?}");
}

#[test]
fn a_service_that_says_that_it_stops_and_does_not_is_killed() {
    let job = "./systemd-notify --ready; ./systemd-notify --stopping; exec sleep 1000";
    let config = script("job", job, "restart = 'no'\nstop-timeout = '300ms'");
    let ended = with_face(&config).run();
    place(&ended.stderr, "job did not stop in");
    place(
        &ended.stderr,
        "job failed: said that it stops, and didn't in 0.",
    );
}

#[test]
fn what_a_service_says_of_its_failure_stands_behind_it() {
    let job = "./systemd-notify --ready ERRNO=13 EXIT_STATUS=7; exit 7";
    let config = script("job", job, "restart = 'no'");
    let ended = with_face(&config).run();
    place(
        &ended.stderr,
        "job failed: exited with status 7 (errno 13: permission denied; exit status 7)",
    );
}

#[test]
fn a_start_that_asks_for_more_time_has_it() {
    let job = format!(
        "./systemd-notify EXTEND_TIMEOUT_USEC=60000000; {AWAIT_GO}; ./systemd-notify --ready; \
         exec sleep 1000"
    );
    // The other one begins with it and asks for nothing: when its time is over, so would
    // the first one's be.
    let config = script("job", &job, "start-timeout = '3s'")
        + &script(
            "other",
            "exec sleep 1000",
            "start-timeout = '3s'\nrestart = 'no'",
        );
    let rinit = with_face(&config).arg("-v").spawn();
    rinit.wait_for_line("other failed: not ready after 3");
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("job: starting -> active");
    ends_in_order(&rinit);
}

#[test]
fn a_stop_that_asks_for_more_time_has_it() {
    let stops =
        format!("./systemd-notify EXTEND_TIMEOUT_USEC=30000000; {AWAIT_GO}; echo stopped; exit 0");
    let job =
        format!("trap \"{stops}\" TERM; ./systemd-notify --ready; while :; do sleep 0.01; done");
    let other = "trap \"\" TERM; ./systemd-notify --ready; while :; do sleep 0.01; done";
    let config = format!(
        "[init]\nshutdown-timeout = '60s'\n{}{}",
        script("job", &job, "stop-timeout = '2s'"),
        script("other", other, "stop-timeout = '2s'")
    );
    let rinit = with_face(&config).arg("-v").spawn();
    rinit.wait_for_line("job: starting -> active");
    rinit.wait_for_line("other: starting -> active");
    rinit.signal(15);
    rinit.wait_for_line("other did not stop in");
    std::fs::write(rinit.path("go"), "").unwrap();
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    place(&rinit.stdout(), "job: stopped");
    assert!(
        !rinit.stderr().contains("job did not stop"),
        "{}",
        rinit.dump()
    );
}
