//! Debian's nginx, redis and cron, from the image of config-examples/debian.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::engine::{Container, Plan};
use crate::image::DEBIAN;
use crate::wait;

/// The image as it is, with its web server at a port of this machine's loopback.
fn system() -> Container {
    let system = Plan::of(&DEBIAN).option("--publish=127.0.0.1::80").start();
    system.wait_for("nginx to answer", || {
        system
            .http("/")
            .ok()
            .filter(|answer| answer.contains("200 OK"))
    });
    system
}

#[test]
fn http_and_redis_answer() {
    let system = system();

    let page = system.http("/").unwrap();
    assert!(page.contains("Welcome to nginx"), "{page}");

    let pong = system.ask(&["redis-cli", "ping"]);
    assert_eq!(pong.trim(), "PONG");
    let set = system.ask(&["redis-cli", "set", "greeting", "hello"]);
    assert_eq!(set.trim(), "OK");
    let got = system.ask(&["redis-cli", "get", "greeting"]);
    assert_eq!(got.trim(), "hello");
}

#[test]
fn each_daemon_runs_as_the_user_that_it_should() {
    let system = system();
    let users = system.bash(
        r#"for folder in /proc/[0-9]*; do
               echo "$(cat "$folder/comm") $(stat -c %U "$folder")"
           done"#,
    );
    for expected in [
        "rinit root",
        "redis-server redis",
        "nginx root",
        "nginx www-data",
        "cron root",
    ] {
        assert!(
            users.lines().any(|line| line == expected),
            "{expected:?} is missing:\n{users}"
        );
    }
}

#[test]
fn a_cron_job_fires() {
    let system = system();
    let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();

    // The image's own job writes the time, once a minute, where nginx serves it.
    let fired = wait::until(Duration::from_secs(75), || {
        let answer = system.http("/heartbeat").ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        if head.contains("200 OK") {
            body.trim().parse::<u64>().ok()
        } else {
            None
        }
    });

    let fired = fired.expect("the job should have written its file within a minute");
    assert!(
        fired >= began.as_secs(),
        "{fired} is before {}",
        began.as_secs()
    );
}

#[test]
fn what_each_daemon_says_is_in_the_logs_with_its_name_in_front() {
    let system = system();
    system.ask(&["mkdir", "/var/www/html/closed"]);
    system.http("/closed/").unwrap(); // a folder without a page: 403, and an error's line
    system.wait_for_text("GET /closed/ HTTP");
    system.wait_for_text("/closed/\" is forbidden");
    system.wait_for_text("Ready to accept connections");

    let (stdout, stderr) = system.streams();
    let says = |stream: &str, name: &str, what: &str| {
        stream
            .lines()
            .any(|line| line.starts_with(name) && line.contains(what))
    };
    assert!(
        says(&stdout, "nginx: ", "GET /closed/ HTTP"),
        "the access log belongs to stdout:\n{stdout}"
    );
    assert!(
        says(&stdout, "redis: ", "Ready to accept connections"),
        "redis talks on stdout:\n{stdout}"
    );
    assert!(
        says(&stderr, "nginx: ", "/closed/\" is forbidden"),
        "the error log belongs to stderr:\n{stderr}"
    );
    for line in stdout.lines() {
        assert!(
            ["nginx: ", "redis: ", "cron: "]
                .iter()
                .any(|name| line.starts_with(name)),
            "a line without a name: {line:?}"
        );
    }
}

#[test]
fn a_killed_redis_answers_again_within_a_second() {
    let system = system();
    // Measured inside, so that docker's own time doesn't count.
    let milliseconds = system.bash(
        r#"find_redis() {
               for folder in /proc/[0-9]*; do
                   if [ "$(cat "$folder/comm")" = redis-server ]; then echo "${folder#/proc/}"; fi
               done
           }
           until [ "$(redis-cli ping 2>&1)" = PONG ]; do :; done
           old=$(find_redis)
           began=$(date +%s%N)
           kill -9 "$old"
           until [ "$(redis-cli ping 2>&1)" = PONG ] && [ "$(find_redis)" != "$old" ]; do :; done
           echo $(( ($(date +%s%N) - began) / 1000000 ))"#,
    );
    let took = Duration::from_millis(milliseconds.trim().parse().unwrap());
    assert!(
        took < Duration::from_secs(1),
        "it answered again after {took:?}"
    );
    assert!(
        system.http("/").unwrap().contains("200 OK"),
        "nginx only wants redis, so it should have gone on"
    );
}

#[test]
fn docker_stop_ends_all_in_order_in_under_two_seconds() {
    let system = system();
    system.wait_for_text("Ready to accept connections");

    let stopped = system.stop();

    assert_eq!(stopped.code, 0);
    assert!(
        stopped.took < Duration::from_secs(2),
        "docker stop took {:?}",
        stopped.took
    );
    let last = system.last_words();
    assert!(
        last.starts_with("rinit: SIGTERM:") && last.ends_with("exit code 0"),
        "the last line should say why and how: {last:?}"
    );
    assert!(
        system.logs().contains("bye bye"),
        "redis should have had the time to say goodbye"
    );
}
