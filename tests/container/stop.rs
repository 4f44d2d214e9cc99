//! `docker stop`: the order, the deadline, and that nobody's silence can hold it up.

use std::process::Stdio;
use std::time::Duration;

use crate::engine::{Plan, docker};
use crate::image::DEBIAN;

/// Stops each process of this name, in bash, without the tools of procps.
const STOP_THE_LOGGER: &str = r#"
    for folder in /proc/[0-9]*; do
        if [ "$(cat "$folder/comm")" = rinit-logger ]; then
            kill -STOP "${folder#/proc/}" && found=yes
        fi
    done
    [ "$found" = yes ]"#;

#[test]
fn services_stop_in_the_reverse_of_their_order() {
    let system = Plan::of(&DEBIAN)
        .config(
            r#"
            [defaults]
            command = ["bash", "-c", '''
                trap "echo goodbye; exit 0" TERM
                echo up
                while :; do sleep 0.05; done''']
            [service.cellar]
            [service.floor]
            requires = ["cellar"]
            [service.roof]
            requires = ["floor"]
            "#,
        )
        .start();
    system.wait_for_text("roof: up");

    let stopped = system.stop();

    let logs = system.logs();
    let goodbyes: Vec<&str> = logs
        .lines()
        .filter(|line| line.ends_with(": goodbye"))
        .collect();
    assert_eq!(
        goodbyes,
        ["roof: goodbye", "floor: goodbye", "cellar: goodbye"]
    );
    assert_eq!(stopped.code, 0);
}

#[test]
fn a_service_that_ignores_the_stop_signal_is_killed_and_named() {
    let system = Plan::of(&DEBIAN)
        .config(
            r#"
            [service.stubborn]
            command = ["bash", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"]
            stop-timeout = "500ms"
            "#,
        )
        .start();
    system.wait_for_text("stubborn: up");

    let stopped = system.stop();

    assert!(stopped.took < Duration::from_secs(3), "{stopped:?}");
    let logs = system.logs();
    let last = logs.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("rinit: SIGTERM:") && last.contains("stubborn"),
        "who had to be killed should be named: {last:?}"
    );
}

#[test]
fn a_stopped_logger_and_an_unread_stdout_do_not_hold_up_the_stop() {
    // Nobody reads this docker's stdout, and no log driver stands between: the flood
    // fills every buffer up to the service.
    let plan = Plan::of(&DEBIAN)
        .option("--log-driver=none")
        .option("--env=RINIT_SHUTDOWN_TIMEOUT=3s")
        .config(
            r#"
            [service.flood]
            command = ["yes", "a line that nobody reads"]
            [service.quiet]
            command = ["bash", "-c", "touch /run/up; exec sleep infinity"]
            "#,
        );
    let words = plan.words();
    let system = plan.into_container();
    let mut client = docker()
        .args(words)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    system.wait_for("the services", || {
        system
            .exec(&["test", "-e", "/run/up"])
            .status
            .success()
            .then_some(())
    });
    system.bash(STOP_THE_LOGGER);

    let stopped = system.stop();

    client.kill().unwrap();
    client.wait().unwrap();
    assert_ne!(stopped.code, 137, "docker had to kill it: {stopped:?}");
    assert!(
        stopped.took < Duration::from_secs(5),
        "the deadline is 3 s: {stopped:?}"
    );
}

#[test]
fn what_a_service_wrote_before_the_stop_is_in_the_logs() {
    let system = Plan::of(&DEBIAN)
        .config(
            r#"
            [service.writer]
            command = ["bash", "-c", '''
                trap "seq -f 'line %.0f' 20000; printf 'the last, without newline'; exit 0" TERM
                echo up
                while :; do sleep 0.05; done''']
            "#,
        )
        .option("--log-opt=max-size=100m")
        .start();
    system.wait_for_text("writer: up");

    let stopped = system.stop();

    assert_eq!(stopped.code, 0);
    let (stdout, _) = system.streams();
    let mut lines = stdout.lines().skip_while(|line| !line.contains("line 1"));
    for number in 1..=20000 {
        assert_eq!(
            lines.next(),
            Some(format!("writer: line {number}").as_str())
        );
    }
    assert_eq!(lines.next(), Some("writer: the last, without newline"));
}
