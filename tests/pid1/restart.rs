use std::time::Instant;

use crate::acts::acts;
use crate::harness::{Status, send};
use crate::supervisor::{IN_ORDER, place, process, service, supervisor, wait_for_process};

/// How often a service said this.
fn count(text: &str, part: &str) -> usize {
    text.lines().filter(|line| line.contains(part)).count()
}

#[test]
fn always_comes_back_after_success_too_and_the_delay_doubles() {
    let config = service(
        "job",
        &acts(["say:runs"]),
        "restart-delay = '10ms'\nrestart-delay-max = '40ms'",
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_until("six runs", || count(&rinit.stdout(), "runs") >= 6);
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    let delays: Vec<u64> = rinit
        .stderr()
        .lines()
        .filter_map(|line| {
            line.split_once("restart in ")?
                .1
                .split(' ')
                .next()?
                .parse()
                .ok()
        })
        .collect();
    for (delay, wanted) in delays.iter().zip([10, 20, 40, 40, 40]) {
        // Ten per cent of jitter.
        assert!(
            (wanted * 9 / 10..=wanted * 11 / 10 + 1).contains(delay),
            "{delays:?}"
        );
    }
}

#[test]
fn on_failure_comes_back_after_a_failure_alone() {
    let config = service(
        "job",
        "'echo run; test -e again && exit 0; touch again; exit 1'",
        "restart = 'on-failure'\nrestart-delay = '1ms'",
    );
    let ended = supervisor(&config).run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    assert_eq!(count(&ended.stdout, "run"), 2, "{ended:?}");
}

#[test]
fn no_stays_down_and_the_first_failed_one_gives_the_code() {
    let config = service("job", &acts(["say:runs", "exit:9"]), "restart = 'no'");
    let ended = supervisor(&config).run();
    assert_eq!(ended.status, Status::Exited(9), "{ended:?}");
    assert_eq!(count(&ended.stdout, "runs"), 1, "{ended:?}");
}

#[test]
fn success_exit_status_counts_as_success() {
    for (end, listed) in [("exit:143", "143"), ("die:10", "'SIGUSR1'")] {
        let config = service(
            "job",
            &acts([end]),
            &format!("restart = 'on-failure'\nsuccess-exit-status = [{listed}]"),
        );
        let ended = supervisor(&config).run();
        assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    }
}

#[test]
fn a_start_limit_ends_it_with_its_last_status() {
    let config = service(
        "job",
        &acts(["say:runs", "exit:6"]),
        "restart-delay = '1ms'\nstart-limit = { count = 3, within = '1m' }",
    );
    let ended = supervisor(&config).run();
    assert_eq!(count(&ended.stdout, "runs"), 3, "{ended:?}");
    place(
        &ended.stderr,
        "job failed: exited with status 6; start limit reached",
    );
    assert_eq!(ended.status, Status::Exited(6), "{ended:?}");
}

#[test]
fn a_killed_main_process_is_back_at_once() {
    for tracking in ["marks", "subreaper"] {
        let config = service(
            "web",
            &acts(["say:runs", "wait"]),
            &format!("restart-delay = '20ms'\ntracking = '{tracking}'"),
        );
        let rinit = supervisor(&config).spawn();
        rinit.wait_for_line("web: runs");
        let began = Instant::now();
        send(wait_for_process(&rinit, "%do say:runs").pid, 9);
        rinit.wait_until("it runs again", || count(&rinit.stdout(), "runs") == 2);
        assert!(began.elapsed().as_millis() < 1000, "{}", rinit.dump());
        rinit.wait_for_line("SIGKILL");
        rinit.signal(15);
        assert_eq!(rinit.wait(), IN_ORDER);
    }
}

#[test]
fn what_is_left_of_its_group_is_gone_before_the_next_run() {
    for tracking in ["marks", "subreaper"] {
        // The second run says whether the first one's child is still there.
        let command = "'if test -e pid; then kill -0 $(cat pid) && echo left || echo gone; exec sleep 1000; fi; \
                        sleep 1000 & echo $! > pid; exit 1'";
        let config = service(
            "web",
            command,
            &format!("restart-delay = '50ms'\ntracking = '{tracking}'"),
        );
        let rinit = supervisor(&config).spawn();
        rinit.wait_for_line("web: gone");
        assert!(!rinit.stdout().contains("left"), "{}", rinit.dump());
        rinit.signal(15);
        assert_eq!(rinit.wait(), IN_ORDER);
    }
}

#[test]
fn kill_mode_process_leaves_the_rest_alone() {
    let command = "'if test -e pid; then kill -0 $(cat pid) && echo left || echo gone; exec sleep 1000; fi; \
                    sleep 1000 & echo $! > pid; exit 1'";
    let config = service(
        "sshd",
        command,
        "restart-delay = '10ms'\nkill-mode = 'process'",
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("sshd: left");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}

#[test]
fn a_program_that_is_not_there_yet_is_tried_again() {
    let config = service(
        "late",
        "['./late']",
        "restart-delay = '10ms'\nafter = ['make']\nrestart-delay-max = '10ms'",
    ) + &service("make", "['true']", "type = 'oneshot'");
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("late");
    rinit.wait_for_line("cannot start");
    let path = rinit.path("late");
    std::fs::write(
        rinit.path("late.new"),
        "#!/bin/sh\necho here now\nexec sleep 1000\n",
    )
    .unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(
        rinit.path("late.new"),
        std::fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    std::fs::rename(rinit.path("late.new"), path).unwrap();
    rinit.wait_for_line("late: here now");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}

#[test]
fn a_dependant_stops_when_what_it_requires_is_gone_and_comes_back_with_it() {
    let config = service(
        "db",
        &acts(["say:db runs", "wait"]),
        "restart-delay = '30ms'",
    ) + &service(
        "web",
        &acts(["say:web runs", "wait", "say:web stops"]),
        "requires = ['db']\nessential = true",
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("web: web runs");
    send(wait_for_process(&rinit, "say:db runs").pid, 9);
    rinit.wait_until("web is back", || count(&rinit.stdout(), "web runs") == 2);
    let stdout = rinit.stdout();
    assert_eq!(count(&stdout, "web stops"), 1, "{}", rinit.dump());
    // It is no end of an essential one.
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}

#[test]
fn a_oneshot_does_not_run_again_because_its_dependency_came_back() {
    let config = service(
        "db",
        &acts(["say:db runs", "wait"]),
        "restart-delay = '10ms'",
    ) + &service(
        "once",
        &acts(["say:once runs"]),
        "type = 'oneshot'\nrequires = ['db']",
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("db: db runs");
    rinit.wait_for_line("once: once runs");
    rinit.wait_for_line("1 service running, 1 done");
    send(wait_for_process(&rinit, "say:db runs").pid, 9);
    rinit.wait_until("db is back", || count(&rinit.stdout(), "db runs") == 2);
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    assert_eq!(count(&rinit.stdout(), "once runs"), 1, "{}", rinit.dump());
    assert!(process(&rinit, "%do").is_none());
}
