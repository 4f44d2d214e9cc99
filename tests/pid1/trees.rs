use std::collections::BTreeSet;

use crate::acts::acts;
use crate::harness::{Running, Setup, Status, send};
use crate::supervisor::{IN_ORDER, service, supervisor, wait_for_helper, wait_for_process};

fn descriptors(pid: i32) -> BTreeSet<String> {
    let all = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    all.filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect()
}

/// How often a service said this.
fn count(rinit: &Running, part: &str) -> usize {
    rinit.stdout().matches(part).count()
}

#[test]
fn a_subreaper_that_dies_takes_nothing_with_it() {
    let config = service(
        "a",
        &acts(["say:runs", "await:go", "exit:5"]),
        "tracking = 'subreaper'\nessential = true",
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("a: runs");
    let main = wait_for_process(&rinit, "%do say:runs");
    assert_ne!(main.parent, rinit.pid());
    send(main.parent, 9);
    rinit.wait_until("the service is PID 1's own", || {
        rinit.children().iter().any(|child| child.pid == main.pid)
    });
    std::fs::write(rinit.path("go"), "").unwrap();
    assert_eq!(rinit.wait(), Status::Exited(5), "{}", rinit.dump());
}

#[test]
fn killed_while_the_main_process_exits_it_costs_no_status_and_gives_none_twice() {
    let config = service(
        "a",
        &acts(["say:runs", "await:go", "exit:5"]),
        "tracking = 'subreaper'\nrestart = 'no'",
    );
    for _ in 0..20 {
        let rinit = supervisor(&config).spawn();
        rinit.wait_for_line("a: runs");
        let main = wait_for_process(&rinit, "%do say:runs");
        std::fs::write(rinit.path("go"), "").unwrap();
        send(main.parent, 9);
        assert_eq!(rinit.wait(), Status::Exited(5), "{}", rinit.dump());
        let told = rinit
            .stderr()
            .matches("a failed: exited with status 5\n")
            .count();
        assert_eq!(told, 1, "{}", rinit.dump());
    }
}

#[test]
fn with_a_subreaper_the_whole_tree_is_gone_before_the_next_run() {
    let config = service(
        "a",
        "'if test -e again; then kill -0 $(cat escaped.pid) && echo left || echo gone; exec sleep 1000; fi; \
         setsid sh -c \"echo \\$\\$ > escaped.pid; exec sleep 1000\" & until test -s escaped.pid; do :; done; touch again; exit 1'",
        "tracking = 'subreaper'\nrestart-delay = '1ms'",
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_until("the second run", || {
        count(&rinit, "gone") + count(&rinit, "left") > 0
    });
    rinit.wait_for_line("a: gone");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}

#[test]
fn a_dead_main_s_children_are_asked_at_the_stop() {
    for tracking in ["marks", "subreaper"] {
        // The main process ignores nothing, its child notes that it was asked.
        let config = service(
            "a",
            &acts(["child:note=child runs", "say:ready", "wait"]),
            &format!("tracking = '{tracking}'"),
        ) + &service(
            "b",
            "'sh -c \"trap \\\"touch asked; exit\\\" TERM; touch there; while :; do sleep 0.01; done\" & \
                          until test -e there; do sleep 0.01; done; echo ready; exec sleep 1000'",
            &format!("tracking = '{tracking}'"),
        );
        let rinit = supervisor(&config).spawn();
        rinit.wait_for_line("a: ready");
        rinit.wait_for_line("b: ready");
        rinit.signal(15);
        assert_eq!(rinit.wait(), IN_ORDER);
        assert!(rinit.path("asked").exists(), "{tracking} {}", rinit.dump());
    }
}

#[test]
fn without_proc_a_tree_ends_by_its_group() {
    for tracking in ["marks", "subreaper"] {
        let config = service(
            "a",
            &acts(["child:say=child runs", "say:ready", "wait"]),
            &format!("tracking = '{tracking}'"),
        );
        let rinit = supervisor(&config).setup(Setup::NoProc).spawn();
        rinit.wait_for_line("a: ready");
        rinit.wait_for_line("a: child runs");
        rinit.signal(15);
        assert_eq!(rinit.wait(), IN_ORDER);
    }
}

#[test]
fn restarts_leak_no_descriptor_and_leave_no_zombie() {
    for (tracking, ready) in [
        ("marks", "ready = { fd = 5 }"),
        ("subreaper", "ready = 'notify'"),
        ("subreaper", "ready = { file = 'f' }"),
    ] {
        let config = service(
            "a",
            &acts(["say:runs", "exit:1"]),
            &format!(
                "tracking = '{tracking}'\n{ready}\nrestart-delay = '1ms'\nrestart-delay-max = '1ms'"
            ),
        ) + &service("other", "['sleep', '1000']", "");
        let rinit = supervisor(&config).spawn();
        rinit.wait_until("five runs", || count(&rinit, "runs") >= 5);
        rinit.wait_until("it ends with few descriptors after sixty", || {
            count(&rinit, "runs") >= 60 && descriptors(rinit.pid()).len() < 40
        });
        let zombies = || {
            rinit
                .children()
                .iter()
                .filter(|child| child.state == 'Z')
                .count()
        };
        rinit.wait_until("no zombie stands", || zombies() == 0);
        rinit.signal(15);
        assert_eq!(rinit.wait(), IN_ORDER);
    }
}

#[test]
fn helpers_hold_none_of_the_services_and_the_logger_has_no_terminal_of_theirs() {
    let config = service("a", &acts(["say:ready", "wait"]), "tracking = 'subreaper'");
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("a: ready");
    let keeper = wait_for_process(&rinit, "%do say:ready").parent;
    // Its socket and its signalfd, and /dev/null or nothing in the first three places.
    assert!(descriptors(keeper).len() <= 5, "{:?}", descriptors(keeper));
    wait_for_helper(&rinit, "rinit-logger");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}
