//! Limits by cgroup, with the kernel's own controllers: of whichever version this machine has.

use std::path::{Path, PathBuf};

use crate::acts::acts;
use crate::harness::{Pid1, RINIT, Running, Setup};
use crate::supervisor::{IN_ORDER, ends_in_order, notes, service, supervisor, wait_for_process};

/// With a tree of version 2 that tells processes apart, and without one.
const WAYS: [&[Setup]; 2] = [
    &[Setup::OwnTree, Setup::OwnControllers],
    &[Setup::OwnControllers],
];

fn start(config: &str, setups: &[Setup]) -> Running {
    let rinit = supervisor(config);
    let rinit = setups.iter().fold(rinit, |rinit, own| rinit.setup(*own));
    rinit.spawn()
}

fn end(rinit: &Running) {
    ends_in_order(rinit);
    leaves_nothing(rinit);
}

fn leaves_nothing(rinit: &Running) {
    let left = std::fs::read_to_string(rinit.path(".cgroups")).unwrap();
    assert_eq!(left, "", "cgroups are left\n{}", rinit.dump());
}

/// The folder of the group in which a process is limited.
fn group(pid: i32, controller: &str) -> PathBuf {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let path = |wanted: &str| {
        text.lines().find_map(|line| {
            let (names, path) = line.split_once(':')?.1.split_once(":/")?;
            let is_it = names.split(',').any(|name| name == wanted);
            is_it.then(|| path.to_owned())
        })
    };
    let root = Path::new("/sys/fs/cgroup");
    match path(controller) {
        Some(path) => root.join(controller).join(path),
        None => root.join(path("").unwrap()),
    }
}

/// What the first of these files says that is there.
fn value(group: &Path, files: &[&str]) -> String {
    let mut texts = files
        .iter()
        .filter_map(|file| std::fs::read_to_string(group.join(file)).ok());
    let text = texts.next();
    text.unwrap_or_else(|| panic!("{group:?} has none of {files:?}"))
}

const MEMORY: [&str; 2] = ["memory.max", "memory.limit_in_bytes"];

/// A main process that is told by this mark.
fn standing(mark: &str) -> String {
    acts([&*format!("say:{mark}"), "wait"])
}

#[test]
fn who_takes_more_memory_than_it_may_meets_the_oom_killer_and_its_end_says_so() {
    let keys = "memory-max = '24M'\nrestart = 'no'\nessential = true";
    let config =
        service("hog", "['tail', '/dev/zero']", keys) + &service("other", "['sleep', '1000']", "");
    for setups in WAYS {
        let rinit = start(&config, setups);
        let status = rinit.wait();
        let said = rinit.stderr();
        let expected = "hog (essential) killed by the kernel's OOM killer";
        assert!(said.contains(expected), "{status:?} {}", rinit.dump());
        assert_eq!(status, crate::harness::Status::Exited(137), "{said}");
        leaves_nothing(&rinit);
    }
}

#[test]
fn a_kill_by_somebody_else_is_not_the_oom_killer_s() {
    let keys = "memory-max = '64M'\nrestart = 'no'";
    let config =
        service("a", &standing("a stands"), keys) + &service("other", "['sleep', '1000']", "");
    let rinit = start(&config, WAYS[0]);
    let main = wait_for_process(&rinit, "%do say:a stands").pid;
    crate::harness::send(main, 9);
    rinit.wait_for_line("a failed");
    assert!(!rinit.stderr().contains("OOM"), "{}", rinit.dump());
    end(&rinit);
}

#[test]
fn there_are_no_more_processes_than_may_be() {
    let script = "for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; wait";
    let keys = "tasks-max = 5\nrestart = 'no'";
    let config = service("a", &format!("['sh', '-c', '{script}']"), keys)
        + &service("other", &standing("others go on"), "");
    for setups in WAYS {
        let rinit = start(&config, setups);
        // Each shell says it in its own words.
        rinit.wait_for_line("ork");
        rinit.wait_for_line("other: others go on");
        end(&rinit);
    }
}

#[test]
fn who_has_a_quota_is_held_up_once_it_is_used() {
    let script = "while :; do :; done";
    let config = service(
        "a",
        &format!("['sh', '-c', '{script}']"),
        "cpu-quota = '10%'",
    );
    for setups in WAYS {
        let rinit = start(&config, setups);
        let main = wait_for_process(&rinit, script).pid;
        let group = group(main, "cpu");
        rinit.wait_until("it was throttled", || {
            let stat = value(&group, &["cpu.stat"]);
            let mut lines = stat.lines();
            let count = lines.find_map(|line| line.strip_prefix("nr_throttled "));
            count.unwrap().parse::<u64>().unwrap() > 2
        });
        end(&rinit);
    }
}

#[test]
fn whatever_keeps_a_service_together_it_is_limited_with_all_that_it_executes() {
    for tracking in ["auto", "subreaper", "marks"] {
        let keys = "tasks-max = 77\ncpu-weight = 50\nuser = 12345\nexec-start-pre = ['cat /proc/self/cgroup >pre']";
        let keys = format!("{keys}\ntracking = '{tracking}'");
        let config = service("a", &standing("a stands"), &keys)
            + &service("fast", &standing("fast stands"), "tasks-max = 78")
            + &service("other", &standing("other stands"), "");
        let rinit = supervisor(&config);
        let setups = WAYS[0].iter();
        let rinit = setups.fold(rinit, |rinit, own| rinit.setup(*own));
        std::fs::write(rinit.path("pre"), "").unwrap();
        let world = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        std::fs::set_permissions(rinit.path("pre"), world).unwrap();
        let rinit = rinit.spawn();
        let [a, fast, other] = ["a", "fast", "other"].map(|name| {
            let main = wait_for_process(&rinit, &format!("%do say:{name} stands"));
            main.pid
        });
        assert_eq!(value(&group(a, "pids"), &["pids.max"]), "77\n");
        assert_eq!(value(&group(fast, "pids"), &["pids.max"]), "78\n");
        let weight = value(&group(a, "cpu"), &["cpu.weight", "cpu.shares"]);
        assert!(["50\n", "512\n"].contains(&&*weight), "{weight}");
        // Those without a weight have their share beside it.
        assert_ne!(group(other, "cpu"), group(rinit.pid(), "cpu"));
        let pre = std::fs::read_to_string(rinit.path("pre")).unwrap();
        assert!(pre.contains("/rinit/a.service"), "{tracking}: {pre}");
        end(&rinit);
    }
}

fn config_with(keys: &str) -> String {
    service("a", &standing("a stands"), keys)
}

fn apply(rinit: &Running, keys: &str, line: &str) {
    std::fs::write(rinit.path("fresh"), config_with(keys)).unwrap();
    std::fs::rename(rinit.path("fresh"), rinit.path("rinit.toml")).unwrap();
    rinit.signal(1);
    rinit.wait_for_line(line);
}

#[test]
fn limits_that_an_apply_changes_are_changed_for_what_runs() {
    for setups in WAYS {
        for tracking in ["auto", "subreaper"] {
            let keys = |more: &str| format!("tracking = '{tracking}'\n{more}");
            let rinit = start(&config_with(&keys("memory-max = '64M'")), setups);
            let main = wait_for_process(&rinit, "%do say:a stands").pid;
            let memory = || value(&group(main, "memory"), &MEMORY);
            assert_eq!(memory(), "67108864\n");
            let line = "a: change without a restart (memory-max)";
            apply(&rinit, &keys("memory-max = '96M'"), line);
            rinit.wait_until("it may have more", || memory() == "100663296\n");
            let line = "a: change without a restart (memory-max, tasks-max)";
            apply(&rinit, &keys("tasks-max = 40"), line);
            rinit.wait_until("it is in the group of a limit that is new", || {
                value(&group(main, "pids"), &["pids.max"]) == "40\n"
            });
            rinit.wait_until("the old limit is gone", || {
                memory() == "max\n" || memory().len() > 12
            });
            assert_eq!(wait_for_process(&rinit, "%do say:a stands").pid, main);
            assert!(!rinit.stderr().contains("warning"), "{}", rinit.dump());
            end(&rinit);
        }
    }
}

#[test]
fn restarts_leave_no_group() {
    let keys = "restart-delay = '1ms'\nrestart-delay-max = '1ms'\nmemory-max = '64M'\ntasks-max = 9\n\
                exec-start-pre = ['true']";
    let config = service("a", &acts(["note:runs", "exit:1"]), keys);
    for setups in WAYS {
        let rinit = start(&config, setups);
        rinit.wait_until("thirty runs", || notes(&rinit).len() > 30);
        end(&rinit);
    }
}

#[test]
fn status_tells_what_the_group_has() {
    let ask = |words: &str| format!("['{RINIT}', 'ctl', {words}]");
    let once = "type = 'oneshot'\nafter = ['a']";
    let config = config_with("memory-max = '64M'\ntasks-max = 9")
        + &service("page", &ask("'status', 'a'"), once)
        + &service("json", &ask("'--json', 'status'"), once);
    for setups in WAYS {
        let rinit = start(&config, setups);
        rinit.wait_for_line("tasks: 1");
        rinit.wait_for_line("\"tasks\":1");
        end(&rinit);
    }
}

fn warned(rinit: Pid1) -> String {
    let rinit = rinit.spawn();
    rinit.wait_for_line("a: a stands");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    let said = rinit.stderr();
    assert_eq!(said.matches("warning").count(), 1, "{said}");
    said
}

#[test]
fn where_none_can_be_had_it_is_said_once() {
    let keys = "memory-max = '64M'\ntasks-max = 9";
    let config = config_with(keys) + &service("b", "['sleep', '1000']", keys);
    let text = "can't be had here: a: memory-max, tasks-max; b: memory-max, tasks-max";
    // The tree is the machine's.
    let shared = supervisor(&config).setup(Setup::HostTree);
    let shared = warned(shared.setup(Setup::OwnControllers));
    assert!(shared.contains(text), "{shared}");
    assert!(shared.contains("cgroups = true"), "{shared}");
    let own = supervisor(&format!("[init]\ncgroups = false\n{config}"));
    let own = warned(own.setup(Setup::OwnTree).setup(Setup::OwnControllers));
    assert!(own.contains(text), "{own}");
    assert!(own.contains("take cgroups = false out"), "{own}");
}
