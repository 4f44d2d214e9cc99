//! `rinitctl reload`: a service reads its own configuration again, and runs on.

use crate::harness::Running;
use crate::requests::person;
use crate::sd_notify::with_face;
use crate::supervisor::{ends_in_order, place, service};

/// Runs until the person has done it all.
fn run(config: &str) -> Running {
    let rinit = with_face(config).arg("-v").spawn();
    rinit.wait_for_line("person: all is done");
    rinit
}

#[test]
fn commands_then_the_signal_make_it_reload_and_a_failed_command_changes_nothing() {
    for tracking in ["marks", "subreaper"] {
        let web = "trap \"cp config seen; echo reads \\$(cat seen)\" HUP; echo one > seen; touch trapped; \
                   while :; do sleep 0.01; done";
        let config = service(
            "web",
            &format!("['/bin/sh', '-c', '''{web}''']"),
            &format!(
                "exec-reload = ['test ! -e broken', 'echo checked for $MAINPID']\n\
                 reload-signal = 'SIGHUP'\ntracking = '{tracking}'"
            ),
        ) + &person(
            "until test -e trapped; do sleep 0.01; done
echo two > config; try reload web
until grep -q two seen; do sleep 0.01; done
touch broken; try reload web
rm broken; echo three > config; try reload 'w*'",
        );
        let rinit = run(&config);
        rinit.wait_for_line("web: reads three");
        for line in [
            "web: checked for ",
            "web: reads two",
            "person: reload web: 0 ",
            "person: reload web: 1 rinitctl: web was not reloaded, and runs on: \
             exec-reload: test ! -e broken: exit 1",
            "person: reload w*: 0 ",
            "web reloaded",
            "web was not reloaded, and runs on: exec-reload",
        ] {
            rinit.wait_for_line(line);
        }
        assert!(
            !rinit.stderr().contains("web: reloading -> s"),
            "{}",
            rinit.dump()
        );
        ends_in_order(&rinit);
    }
}

/// A script that is ready, and on SIGHUP does this.
fn notifying(name: &str, on_hup: &str, keys: &str) -> String {
    let job =
        format!("trap \"{on_hup}\" HUP; ./systemd-notify --ready; while :; do sleep 0.01; done");
    let keys = format!("ready = 'notify'\nreload-signal = 'SIGHUP'\n{keys}");
    service(name, &format!("['/bin/sh', '-c', '''{job}''']"), &keys)
}

#[test]
fn one_that_notifies_has_reloaded_when_it_says_so_and_not_before() {
    let on_hup = "touch hit; ./systemd-notify --reloading; \
                  until test -e go; do sleep 0.01; done; ./systemd-notify --ready";
    let config = notifying("web", on_hup, "")
        + &person(
            "try wait web
(try reload web; touch over) &
until test -e hit; do sleep 0.01; done
try wait web --for reloading
test ! -e over && echo it waits
touch go; wait",
        );
    let rinit = run(&config);
    let said = rinit.stdout();
    let waits = place(&said, "person: it waits");
    assert!(waits < place(&said, "person: reload web: 0 "), "{said}");
    rinit.wait_for_line("web: reloading -> active");
    ends_in_order(&rinit);
}

#[test]
fn one_that_says_nothing_in_its_time_runs_on_and_the_request_fails() {
    let config = notifying("mute", "touch hit", "start-timeout = '3s'")
        + &notifying(
            "stale",
            "./systemd-notify RELOADING=1 MONOTONIC_USEC=1; ./systemd-notify --ready",
            "start-timeout = '3s'",
        )
        + &notifying(
            "stuck",
            "./systemd-notify --reloading",
            "start-timeout = '3s'",
        )
        + &person(
            "try wait mute stale stuck; try reload mute & try reload stale & try reload stuck & wait; try status mute",
        );
    let rinit = run(&config);
    let said = rinit.stdout();
    for (name, why) in [
        ("mute", "it said nothing of it for 3"),
        ("stale", "it said nothing of it for 3"),
        ("stuck", "not ready again after 3"),
    ] {
        place(
            &said,
            &format!(
                "person: reload {name}: 1 rinitctl: {name} was not reloaded, and runs on: {why}"
            ),
        );
    }
    place(&said, "person: status mute: 0 ");
    ends_in_order(&rinit);
}

#[test]
fn what_cannot_reload_is_refused_with_what_to_write() {
    let config = service("plain", "'exec sleep 1000'", "")
        + &service("job", "'true'", "type = 'oneshot'")
        + &service(
            "off",
            "'exec sleep 1000'",
            "enabled = false\nreload-signal = 'HUP'",
        )
        + &person(
            "try reload plain; try reload job; try reload off; try reload; try reload nosuch",
        );
    let rinit = run(&config);
    let said = rinit.stdout();
    for line in [
        "reload plain: 1 rinitctl: plain has nothing that makes it reload; in [service.plain] write reload-signal = \"SIGHUP\", or exec-reload = [\"COMMAND\"]",
        "reload job: 1 rinitctl: job is a oneshot: ",
        "reload off: 1 rinitctl: off is inactive: it reads its configuration when it starts",
        "reload: 2 rinitctl: reload of which service? rinitctl apply reads rinit's own configuration again",
        "reload nosuch: 4 ",
    ] {
        place(&said, &format!("person: {line}"));
    }
    ends_in_order(&rinit);
}

#[test]
fn a_stop_in_the_midst_of_a_reload_ends_its_command_and_comes_to_its_own() {
    let config = service(
        "web",
        "'exec sleep 1000'",
        "exec-reload = ['touch begun; exec sleep 2000']\nexec-stop = ['echo exec-stop ran']",
    ) + &person(
        "try wait web
try reload web &
until test -e begun; do sleep 0.01; done
try stop web; wait",
    );
    let rinit = run(&config);
    rinit.wait_for_line("person: reload web: 1 rinitctl: superseded by stop");
    rinit.wait_for_line("web: exec-stop ran");
    rinit.wait_for_line("person: stop web: 0 ");
    assert!(
        crate::supervisor::process(&rinit, "sleep 2000").is_none(),
        "{}",
        rinit.dump()
    );
    ends_in_order(&rinit);
}
