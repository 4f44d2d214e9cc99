//! `docker stop`: the order, the deadline, and that nobody's silence can hold it up.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::engine::Plan;
use crate::image::DEBIAN;

/// The whole shutdown's time where output is held up.
const DEADLINE: Duration = Duration::from_secs(3);

/// One service that floods its output, beside one that marks that it is up.
fn flooding() -> Plan {
    Plan::of(&DEBIAN)
        .option(&format!("--env=RINIT_SHUTDOWN_TIMEOUT={DEADLINE:?}"))
        .config(
            r#"
            [service.flood]
            command = ["yes", "a line that nobody reads"]
            [service.quiet]
            command = "echo up; touch /run/up; exec sleep infinity"
            "#,
        )
}

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
            environment = { LIVE = "trap 'echo goodbye; exit 0' TERM; echo up; while :; do sleep 0.05; done" }
            [service.cellar]
            command = 'eval "$LIVE"'
            [service.floor]
            command = 'eval "$LIVE"'
            requires = ["cellar"]
            [service.roof]
            command = 'eval "$LIVE"'
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
    let last = system.last_words();
    assert!(
        last.starts_with("rinit: SIGTERM:") && last.contains("stubborn"),
        "who had to be killed should be named: {last:?}"
    );
}

#[test]
fn a_stopped_logger_does_not_hold_up_docker_stop() {
    let system = flooding().start();
    system.wait_for_text("quiet: up");
    system.bash(STOP_THE_LOGGER);

    let stopped = system.stop();

    assert_ne!(stopped.code, 137, "docker had to kill it: {stopped:?}");
    assert!(
        stopped.took < DEADLINE + Duration::from_secs(2),
        "{stopped:?}"
    );
}

#[test]
fn a_stdout_that_nobody_reads_does_not_hold_up_the_stop() {
    // Nobody reads this docker's stdout, and no log driver stands between: the flood
    // fills every buffer up to the service.
    let plan = flooding().option("--log-driver=none");
    let words = plan.words();
    let system = plan.into_container();
    // No limit from `timeout` here: killing that would leave docker itself behind.
    let mut client = Command::new("docker")
        .args(words)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    system.wait_for("the services", || {
        let up = system.exec(&["test", "-e", "/run/up"]);
        up.status.success().then_some(())
    });
    system.bash(STOP_THE_LOGGER);
    let rinit = PathBuf::from(format!("/proc/{}", system.inspect("{{.State.Pid}}")));
    assert!(rinit.is_dir(), "{} should be rinit", rinit.display());

    // Docker itself waits for its reader once the container has ended, so rinit's own
    // process is what is watched.
    let began = Instant::now();
    system.docker(&["kill", "--signal=TERM"]);
    system.wait_for("rinit's end", || (!rinit.exists()).then_some(()));
    let took = began.elapsed();

    client.kill().unwrap();
    client.wait().unwrap();
    assert!(took < DEADLINE + Duration::from_secs(1), "it took {took:?}");
    assert_eq!(system.wait_for_end(), 0);
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
