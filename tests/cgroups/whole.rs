//! Exact trees: what a cgroup reaches and what it doesn't.

use crate::acts::acts;
use crate::harness::{Running, Setup};
use crate::supervisor::{IN_ORDER, notes, service, supervisor};

/// How many processes that escaped stand.
fn escaped(rinit: &Running) -> usize {
    let is_one = |pid: i32| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.starts_with(b"escaped\0")
    };
    let all = rinit.processes();
    all.iter().filter(|process| is_one(process.pid)).count()
}

#[test]
fn who_has_left_session_descent_and_environment_is_asked_and_killed_all_the_same() {
    for setup in [None, Some(Setup::NoProc)] {
        for (how, keys) in [("gentle", ""), ("deaf", "stop-timeout = '100ms'")] {
            let main = acts([&format!("escape:{how}"), "say:ready", "wait"]);
            let config = service("a", &main, keys);
            let rinit = supervisor(&config).setup(Setup::OwnTree);
            let rinit = setup
                .into_iter()
                .fold(rinit, |rinit, setup| rinit.setup(setup));
            let rinit = rinit.spawn();
            rinit.wait_for_line("a: ready");
            assert_eq!(escaped(&rinit), 1, "{}", rinit.dump());
            rinit.signal(15);
            let status = rinit.wait();
            assert_eq!(status, IN_ORDER, "{how} {}", rinit.dump());
            let asked = rinit.path("asked").exists();
            assert_eq!(asked, how == "gentle", "{}", rinit.dump());
            let said = rinit.stderr();
            assert_eq!(said.contains("killed after"), how == "deaf", "{said}");
        }
    }
}

#[test]
fn one_s_end_takes_all_of_its_own_and_nothing_of_another_s() {
    // Each in a folder of its own, where the one that escapes leaves its mark. They share a
    // group number with nobody, and a session and a parent with all.
    let a = acts(["escape:deaf", "note:a runs", "await:go", "exit:1"]);
    let b = acts(["escape:deaf", "note:b runs", "await:never"]);
    let config = service("a", &a, "restart-delay = '1ms'\nworking-directory = 'a'")
        + &service("b", &b, "working-directory = 'b'\nstop-timeout = '100ms'");
    for setup in [None, Some(Setup::NoProc)] {
        let rinit = supervisor(&config).file("a/x", "").file("b/x", "");
        let rinit = rinit.setup(Setup::OwnTree);
        let rinit = setup
            .into_iter()
            .fold(rinit, |rinit, setup| rinit.setup(setup));
        let rinit = rinit.spawn();
        let said = |place: &str| {
            let text = std::fs::read_to_string(rinit.path(place)).unwrap_or_default();
            text.lines().count()
        };
        rinit.wait_until("both run", || said("a/notes") == 1 && said("b/notes") == 1);
        let before = outsiders(&rinit, "b");
        assert_eq!(before.len(), 2, "{}", rinit.dump());
        std::fs::write(rinit.path("a/go"), "").unwrap();
        rinit.wait_until("a ran five times", || said("a/notes") >= 5);
        std::fs::remove_file(rinit.path("a/go")).unwrap();
        // The one that runs, and its own.
        rinit.wait_until("one of a's stands", || outsiders(&rinit, "a").len() == 2);
        assert_eq!(outsiders(&rinit, "b"), before, "{}", rinit.dump());
        rinit.signal(15);
        assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    }
}

/// The processes that stand in this folder below the test's own.
fn outsiders(rinit: &Running, folder: &str) -> Vec<i32> {
    let wanted = rinit.path(folder);
    let all = rinit.processes();
    let place = |pid: i32| std::fs::read_link(format!("/proc/{pid}/cwd")).ok();
    let here = all
        .iter()
        .filter(|process| place(process.pid).as_ref() == Some(&wanted));
    let mut pids: Vec<i32> = here.map(|process| process.pid).collect();
    pids.sort_unstable();
    pids
}

#[test]
fn who_made_a_cgroup_below_is_in_the_tree_too() {
    let script = "cd /sys/fs/cgroup/rinit/a.service; mkdir -p deep/er; \
                  setsid sh -c \"trap : TERM; echo \\$\\$ > deep/er/cgroup.procs; echo in; while :; do sleep 0.01; done\" & \
                  exec sleep 1000";
    let keys = "stop-timeout = '100ms'";
    let config = service("a", &format!("['sh', '-c', '''{script}''']"), keys);
    let rinit = supervisor(&config).setup(Setup::OwnTree).spawn();
    rinit.wait_for_line("a: in");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    let said = rinit.stderr();
    assert!(said.contains("a killed after"), "{said}");
    let left = std::fs::read_to_string(rinit.path(".cgroups")).unwrap();
    assert_eq!(left, "", "cgroups are left\n{}", rinit.dump());
}

#[test]
fn another_user_s_is_in_its_cgroup_before_it_is_that_user() {
    let script = "cat /proc/self/cgroup; id -u; exec sleep 1000";
    let config = service("a", &format!("['sh', '-c', '{script}']"), "user = '12345'");
    let rinit = supervisor(&config).setup(Setup::OwnTree).spawn();
    rinit.wait_for_line("a: 0::/rinit/a.service");
    rinit.wait_for_line("a: 12345");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn restarts_leak_no_descriptor_no_cgroup_and_no_zombie() {
    let keys = "restart-delay = '1ms'\nrestart-delay-max = '1ms'";
    let config = service("a", &acts(["child:note=x", "note:runs", "exit:1"]), keys)
        + &service("other", "['sleep', '1000']", "");
    let rinit = supervisor(&config).setup(Setup::OwnTree).spawn();
    let runs = || notes(&rinit).iter().filter(|note| *note == "runs").count();
    let descriptors = || {
        let all = std::fs::read_dir(format!("/proc/{}/fd", rinit.pid())).unwrap();
        all.count()
    };
    rinit.wait_until("sixty runs with few descriptors", || {
        runs() >= 60 && descriptors() < 40
    });
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    let left = std::fs::read_to_string(rinit.path(".cgroups")).unwrap();
    assert_eq!(left, "", "cgroups are left\n{}", rinit.dump());
}

#[test]
fn what_runs_on_keeps_its_cgroup_and_the_next_run_gets_another() {
    let keys = "kill-mode = 'process'\nrestart-delay = '1ms'";
    let run = acts(["child:note=left", "note:runs", "await:go", "exit:1"]);
    let rinit = supervisor(&service("a", &run, keys))
        .setup(Setup::OwnTree)
        .spawn();
    rinit.wait_until("the first run", || notes(&rinit).len() == 2);
    let group = |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let first: Vec<String> = rinit.children().iter().map(|p| group(p.pid)).collect();
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_until("another run", || notes(&rinit).len() >= 6);
    std::fs::remove_file(rinit.path("go")).unwrap();
    let all: Vec<String> = rinit.children().iter().map(|p| group(p.pid)).collect();
    let usual = |groups: &[String]| groups.iter().filter(|g| g.contains("a.service\n")).count();
    // The main process and its child at first; then its child alone.
    assert!(usual(&first) >= 1, "{first:?}");
    assert!(
        all.iter().any(|group| group.contains("a.service-")),
        "{all:?}"
    );
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    let left = std::fs::read_to_string(rinit.path(".cgroups")).unwrap();
    assert_eq!(left, "", "cgroups are left\n{}", rinit.dump());
}
