use std::time::{Duration, Instant};

use crate::acts::acts;
use crate::harness::{Pid1, Status, send};
use crate::supervisor::{IN_ORDER, free_port, notes, place, service, supervisor, wait_for_helper};

/// A service that becomes ready in this way, and one that waits for it and says so.
fn pair(how: &[&str], keys: &str) -> String {
    service("db", &acts(how.iter().copied()), keys)
        + &service(
            "web",
            &acts(["look-for:go", "say:web runs", "wait"]),
            "requires = ['db']",
        )
}

/// `web` must not run before the test makes the file `go`.
fn is_ready_only_after(how: &[&str], keys: &str) {
    is_ready_only_after_in(how, keys, |rinit| rinit);
}

fn is_ready_only_after_in(how: &[&str], keys: &str, set_up: impl FnOnce(Pid1) -> Pid1) {
    let mut list = vec!["say:db is not ready", "await:go", "say:db goes"];
    list.extend(how);
    let rinit = set_up(supervisor(&pair(&list, keys))).spawn();
    rinit.wait_for_line("db: db is not ready");
    assert!(!rinit.stdout().contains("web runs"), "{}", rinit.dump());
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("db: db goes");
    rinit.wait_for_line("web: web runs");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    place(&rinit.stdout(), "web: go is there: true");
}

#[test]
fn notify_is_ready_with_ready_1() {
    is_ready_only_after(
        &[
            "notify:STATUS=warming up\\nREADY=0",
            "notify:READY=1\\nSTATUS=all well",
            "wait",
        ],
        "ready = 'notify'",
    );
}

#[test]
fn ready_that_was_sent_before_death_counts_before_it() {
    for tracking in ["marks", "subreaper"] {
        for _ in 0..10 {
            let config = service(
                "job",
                &acts(["notify:READY=1", "exit:3"]),
                &format!("ready = 'notify'\nrestart = 'no'\ntracking = '{tracking}'"),
            );
            let ended = supervisor(&config).arg("-v").run();
            assert_eq!(ended.status, Status::Exited(3), "{ended:?}");
            place(&ended.stderr, "job: starting -> active");
        }
    }
}

#[test]
fn anybody_of_the_service_may_notify() {
    is_ready_only_after(&["child:notify=READY=1", "wait"], "ready = 'notify'");
}

#[test]
fn mainpid_makes_another_process_the_main_one() {
    let how = "$RINIT_ACT %do notify:MAINPID=SELF notify:READY=1 touch:claimed await:go exit:5 & \
               until test -e claimed; do sleep 0.01; done; exit 0";
    for tracking in ["marks", "subreaper"] {
        let how = how.replace(
            "$RINIT_ACT",
            &std::env::current_exe().unwrap().display().to_string(),
        );
        let config = service(
            "forker",
            &format!("'{how}'"),
            &format!("ready = 'notify'\nessential = true\ntracking = '{tracking}'"),
        );
        let rinit = supervisor(&config).arg("-v").spawn();
        rinit.wait_for_line("forker: starting -> active");
        // While its parent lives, that one alone learns its status.
        rinit.wait_until("its parent is gone", || {
            !rinit.processes().iter().any(|process| process.name == "sh")
        });
        std::fs::write(rinit.path("go"), "").unwrap();
        assert_eq!(
            rinit.wait(),
            Status::Exited(5),
            "{tracking} {}",
            rinit.dump()
        );
    }
}

#[test]
fn fd_is_ready_with_a_newline_on_it() {
    is_ready_only_after(&["line-on:9", "wait"], "ready = { fd = 9 }");
}

#[test]
fn tcp_is_ready_when_it_accepts() {
    let port = free_port();
    is_ready_only_after(
        &[&format!("listen:127.0.0.1:{port}"), "wait"],
        &format!("ready = {{ tcp = '127.0.0.1:{port}' }}"),
    );
}

#[test]
fn a_port_that_somebody_else_has_is_said_and_does_not_count() {
    let theirs = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = theirs.local_addr().unwrap().port();
    let config = pair(
        &["await:go", &format!("listen:127.0.0.1:{port}"), "wait"],
        &format!(
            "ready = {{ tcp = '127.0.0.1:{port}' }}\nstart-timeout = '200ms'\nstop-timeout = '10ms'\nrestart-delay = '10ms'"
        ),
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line(&format!("db: 127.0.0.1:{port} is already taken"));
    rinit.wait_for_line("db not ready after 0.");
    assert!(!rinit.stdout().contains("web runs"), "{}", rinit.dump());
    // The next attempt finds it free.
    drop(theirs);
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("web: web runs");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}

#[test]
fn unix_is_ready_when_it_accepts() {
    is_ready_only_after(
        &["listen-unix:db.sock", "wait"],
        "ready = { unix = 'db.sock' }",
    );
}

#[test]
fn file_is_ready_when_it_has_changed_since_the_start() {
    is_ready_only_after(&["touch:db.ready", "wait"], "ready = { file = 'db.ready' }");
    is_ready_only_after_in(
        &["touch:db.ready", "wait"],
        "ready = { file = 'db.ready' }",
        |rinit| {
            let rinit = rinit.file("db.ready", "old");
            // Not of the very moment of the start, which a file's coarse time can't tell apart.
            let file = std::fs::File::options()
                .write(true)
                .open(rinit.path("db.ready"));
            let an_hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
            file.unwrap().set_modified(an_hour_ago).unwrap();
            rinit
        },
    );
}

#[test]
fn who_is_not_ready_in_time_is_killed_with_its_probe_s_last_word() {
    let port = free_port();
    let config = pair(
        &["ignore:15", "await:never"],
        &format!(
            "ready = {{ tcp = '127.0.0.1:{port}' }}\nstart-timeout = '200ms'\nrestart = 'no'\nstop-timeout = '100ms'"
        ),
    );
    let ended = supervisor(&config).run();
    // Without a status of its own it is 1.
    assert_eq!(ended.status, Status::Exited(1), "{ended:?}");
    let line = &ended
        .stderr
        .lines()
        .find(|line| line.contains("db failed: not ready after"))
        .unwrap();
    assert!(
        line.contains("0.2 s") && line.contains(&format!("(connect 127.0.0.1:{port}: ")),
        "{ended:?}"
    );
    assert!(!ended.stdout.contains("web runs"), "{ended:?}");
}

#[test]
fn a_service_that_dies_before_it_is_ready_is_no_probe_s_success() {
    // The port is open, but not by the service, which lives no more.
    let config = service("db", &acts(["exit:4"]), "ready = 'notify'\nrestart = 'no'")
        + &service(
            "web",
            &acts(["say:web runs"]),
            "requires = ['db']\nrestart = 'no'",
        );
    let ended = supervisor(&config).run();
    assert_eq!(ended.status, Status::Exited(4), "{ended:?}");
    assert!(!ended.stdout.contains("web runs"), "{ended:?}");
}

#[test]
fn a_readiness_number_that_is_a_standard_stream_s_is_refused() {
    let config = service("db", "['true']", "ready = { fd = 1 }");
    let ended = supervisor(&config).run();
    assert_eq!(ended.status, Status::Exited(125), "{ended:?}");
    place(&ended.stderr, "rinit.toml:3:");
    place(&ended.stderr, "help: ");
}

#[test]
fn a_message_that_is_rubbish_says_nothing() {
    is_ready_only_after(
        &[
            "notify:\\n\\n==\\nREADY\\nREADY=yes\\nMAINPID=1\\nMAINPID=99999999999",
            "notify:READY=1",
            "wait",
        ],
        "ready = 'notify'",
    );
}

#[test]
fn http_is_ready_with_a_good_status_and_body() {
    let port = free_port();
    let config = pair(
        &[&format!("http:127.0.0.1:{port}")],
        &format!("ready = {{ http = 'http://localhost:{port}/health?x=1', body = 'all well' }}"),
    );
    let rinit = supervisor(&config)
        .arg("-v")
        .file("answer", "500 Broken\nall well")
        .spawn();
    rinit.wait_until("a first request", || !notes(&rinit).is_empty());
    assert_eq!(
        notes(&rinit)[0],
        "GET /health?x=1 HTTP/1.1",
        "{}",
        rinit.dump()
    );
    std::fs::write(rinit.path("answer"), "200 OK\nnot yet").unwrap();
    let seen = notes(&rinit).len();
    rinit.wait_until("two more requests", || notes(&rinit).len() > seen + 1);
    assert!(!rinit.stdout().contains("web runs"), "{}", rinit.dump());
    std::fs::write(rinit.path("answer"), "200 OK\nall well").unwrap();
    rinit.wait_for_line("web: web runs");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}

#[test]
fn exec_is_ready_when_the_command_succeeds_as_the_service_would_run() {
    let config = pair(
        &["say:db runs", "wait"],
        "working-directory = 'inside'\nenvironment = { WANTED = 'go' }\n\
         ready = { exec = \"test -e ../$WANTED && test $RINIT_SERVICE = db && pwd > ../where\" }",
    );
    let rinit = supervisor(&config).arg("-v").file("inside/x", "").spawn();
    rinit.wait_for_line("db: db runs");
    assert!(!rinit.stdout().contains("web runs"), "{}", rinit.dump());
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("web: web runs");
    let place = std::fs::read_to_string(rinit.path("where")).unwrap();
    assert!(place.trim().ends_with("/inside"), "{place}");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}

#[test]
fn a_command_that_says_no_or_hangs_is_in_the_reason_and_leaves_nothing() {
    for (probe, reason) in [
        ("'exit 3'", "(exit 3: exit 3)"),
        (
            "['no-such-program-anywhere']",
            "(exec no-such-program-anywhere: no such file or directory)",
        ),
        ("'kill -9 $$'", "killed by SIGKILL)"),
    ] {
        let config = service(
            "db",
            &acts(["wait"]),
            &format!("ready = {{ exec = {probe} }}\nstart-timeout = '1500ms'\nrestart = 'no'"),
        );
        let ended = supervisor(&config).run();
        assert_eq!(ended.status, Status::Exited(1), "{ended:?}");
        let at = place(&ended.stderr, "db failed: not ready after");
        assert!(
            ended.stderr.lines().nth(at).unwrap().contains(reason),
            "{ended:?}"
        );
    }
    let config = service(
        "db",
        &acts(["wait"]),
        "ready = { exec = 'sleep 1000 & sleep 1001' }\nstart-timeout = '300ms'\nrestart = 'no'",
    );
    let ended =
        supervisor(&(config + &service("other", &acts(["await:never"]), "essential = true")))
            .spawn();
    ended.wait_for_line("db failed: not ready after");
    ended.wait_until("no sleep is left", || {
        ended
            .processes()
            .iter()
            .all(|process| process.name != "sleep" || process.state == 'Z')
    });
    ended.signal(15);
    ended.wait();
}

#[test]
fn log_is_ready_with_a_line_of_either_output() {
    for line in ["say", "complain"] {
        is_ready_only_after(
            &[&format!("{line}:listening on 80"), "wait"],
            "ready = { log = '(?i)^LISTENING on \\d+$' }",
        );
    }
}

#[test]
fn a_line_counts_once_it_is_whole() {
    let keys = "ready = { log = '^up' }";
    let config = pair(
        &[
            "write:up",
            "complain:so far",
            "await:go",
            "say: and well",
            "wait",
        ],
        keys,
    );
    let rinit = supervisor(&config).spawn();
    // The logger has seen all that was written before that.
    rinit.wait_for_line("db: so far");
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("web: web runs");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    place(&rinit.stdout(), "db: up and well");
    place(&rinit.stdout(), "web: go is there: true");
}

#[test]
fn a_line_still_counts_when_the_logger_was_killed() {
    let config = pair(&["await:go", "say:up", "wait"], "ready = { log = '^up$' }");
    let rinit = supervisor(&config).spawn();
    let logger = wait_for_helper(&rinit, "rinit-logger");
    send(logger, 9);
    rinit.wait_until("another logger", || {
        wait_for_helper(&rinit, "rinit-logger") != logger
    });
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("web: web runs");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    place(&rinit.stdout(), "web: go is there: true");
}

#[test]
fn a_line_of_the_last_run_makes_not_the_next_one_ready() {
    let how = "echo started >> notes; \
        if test -e ran; then until test -e go; do sleep 0.01; done; echo up; exec sleep 1000; fi; \
        touch ran; until test -e crash; do sleep 0.01; done; echo up; exit 1";
    let config = service(
        "db",
        &format!("'{how}'"),
        "ready = { log = '^up$' }\nrestart-delay = '0s'",
    ) + &service(
        "web",
        &acts(["look-for:go", "say:web runs", "wait"]),
        "requires = ['db']",
    );
    let rinit = supervisor(&config).spawn();
    let logger = wait_for_helper(&rinit, "rinit-logger");
    rinit.wait_until("the first run", || rinit.path("ran").exists());
    // It can't say what the first run wrote before that has ended.
    send(logger, 19);
    std::fs::write(rinit.path("crash"), "").unwrap();
    rinit.wait_until("the first run is over", || {
        !rinit.children().iter().any(|process| process.name == "sh")
    });
    assert_eq!(notes(&rinit).len(), 1, "{}", rinit.dump());
    send(logger, 18);
    rinit.wait_until("the second run", || notes(&rinit).len() > 1);
    rinit.wait_for_line("db: up");
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("web: web runs");
    rinit.wait_for_line("web: go is there: true");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}

#[test]
fn who_never_writes_the_line_is_not_ready_in_time() {
    let config = service(
        "db",
        &acts(["say:warming up", "wait"]),
        "ready = { log = '^up$' }\nstart-timeout = '200ms'\nrestart = 'no'",
    );
    let ended = supervisor(&config).run();
    assert_eq!(ended.status, Status::Exited(1), "{ended:?}");
    let said = place(&ended.stderr, "db failed: not ready after 0.");
    let line = ended.stderr.lines().nth(said).unwrap();
    assert!(
        line.ends_with("(no line of its output has \"^up$\")"),
        "{line}"
    );
}

#[test]
fn delay_is_ready_after_its_time() {
    let begun = Instant::now();
    let rinit = supervisor(&pair(
        &["say:db runs", "wait"],
        "ready = { delay = '200ms' }",
    ))
    .spawn();
    rinit.wait_for_line("web: web runs");
    assert!(begun.elapsed() >= Duration::from_millis(200));
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}
