//! Whose tree of cgroups it is: one of its own is used, another only where it is said.

use rinit::core::signal::Signal;
use rinit::core::sorted::Set;
use rinit::sys::cgroup::Own;

use crate::acts::acts;
use crate::harness::{Pid1, Running, Setup};
use crate::supervisor::{IN_ORDER, service, supervisor, wait_for_process};

/// A service in whatever way is chosen by itself.
fn config(init: &str) -> String {
    format!("[init]\n{init}\n") + &service("a", &acts(["say:ready", "wait"]), "")
}

/// The end of a process's path in the tree.
fn group(pid: i32) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let path = text.lines().find_map(|line| line.strip_prefix("0::"));
    path.unwrap().to_owned()
}

/// Where rinit and its service are, below where rinit was started.
fn groups(rinit: &Running) -> [String; 2] {
    let main = wait_for_process(rinit, "%do say:ready").pid;
    let start = rinit.path("").file_name().unwrap().to_owned();
    let start = format!("/{}", start.to_str().unwrap());
    [rinit.pid(), main].map(|pid| {
        let group = group(pid);
        let (_, below) = group.split_once(&start).unwrap_or(("", &group));
        below.to_owned()
    })
}

fn run(rinit: Pid1) -> [String; 2] {
    let rinit = rinit.spawn();
    rinit.wait_for_line("a: ready");
    let groups = groups(&rinit);
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    let left = std::fs::read_to_string(rinit.path(".cgroups")).unwrap();
    assert_eq!(left, "", "cgroups are left\n{}", rinit.dump());
    assert!(!rinit.stderr().contains("warning"), "{}", rinit.stderr());
    groups
}

const USED: [&str; 2] = ["/rinit/init", "/rinit/a.service"];
const NOT_USED: [&str; 2] = ["", ""];

#[test]
fn one_of_its_own_is_used_and_left_as_it_was() {
    let own = || supervisor(&config("")).setup(Setup::OwnTree);
    assert_eq!(run(own()), USED);
    assert_eq!(run(own().setup(Setup::NoProc)), USED);
}

#[test]
fn another_s_is_not_used_by_accident() {
    let shared = || supervisor(&config("")).setup(Setup::SharedTree);
    assert_eq!(run(shared()), NOT_USED);
    assert_eq!(run(shared().setup(Setup::NoProc)), NOT_USED);
    assert_eq!(
        run(supervisor(&config("")).setup(Setup::HostTree)),
        NOT_USED
    );
    let not_pid1 = supervisor(&config("")).setup(Setup::OwnTree).not_pid1();
    assert_eq!(run(not_pid1), NOT_USED);
}

#[test]
fn nor_one_of_its_own_where_it_may_not() {
    let off = supervisor(&config("cgroups = false")).setup(Setup::OwnTree);
    assert_eq!(run(off), NOT_USED);
}

#[test]
fn any_is_used_where_it_is_said() {
    let forced = || supervisor(&config("cgroups = true"));
    assert_eq!(run(forced().setup(Setup::SharedTree)), USED);
    assert_eq!(run(forced().setup(Setup::HostTree)), USED);
    let not_pid1 = forced().setup(Setup::HostTree).not_pid1();
    assert_eq!(run(not_pid1), USED);
}

#[test]
fn two_rinits_in_one_tree_don_t_meet() {
    // The second is a service of the first, in its cgroup.
    let inner = config("cgroups = true\nnested = true\ncontrol-socket = false");
    let binary = crate::harness::RINIT;
    let outer = service(
        "outer",
        &format!("['{binary}', '-c', 'inner.toml']"),
        "output = 'raw'",
    );
    let rinit = supervisor(&outer)
        .file("inner.toml", &inner)
        .setup(Setup::OwnTree)
        .spawn();
    rinit.wait_for_line("a: ready");
    let main = wait_for_process(&rinit, "%do say:ready").pid;
    let path = group(main);
    let expected = "/rinit/outer.service/rinit/a.service";
    assert!(path.ends_with(expected), "{path}");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

/// Before Linux 5.14 there is no file that kills a tree in one.
#[test]
fn a_tree_that_forks_on_is_killed_by_the_loop_too() {
    let Own { group, .. } = rinit::sys::cgroup::own(&rinit::sys::cgroup::own_text())
        .expect("a cgroup2 that may be written");
    let tree = group.below(&format!("loop-{}", std::process::id()));
    tree.make().unwrap();
    let below = tree.below("below");
    below.make().unwrap();
    let events = tree.events().unwrap();
    // Each shell leaves another and ends; the other sits below, where it has a session of its own.
    let flight = "f() { (f) & }; f; wait";
    let still = "exec setsid sleep 1000";
    let mut shells = Vec::new();
    for (home, script) in [(&tree, flight), (&below, still)] {
        let procs = home.path().join("cgroup.procs");
        let script = format!("echo 0 > {}; {script}", procs.display());
        let mut shell = std::process::Command::new("sh");
        shells.push(shell.args(["-c", &script]).spawn().unwrap());
    }
    while below.members().is_empty() || tree.members().is_empty() {
        std::thread::yield_now();
    }
    // Who was killed may wait long for a processor to die on; only new ones have got away.
    let mut killed = Set::new();
    while events.populated() {
        for pid in tree.signal_each(Signal::KILL) {
            killed.insert(pid);
        }
        assert!(killed.len() < 1000, "{:?}", tree.all_members());
        std::thread::yield_now();
    }
    for shell in &mut shells {
        shell.wait().unwrap();
    }
    while tree.remove().is_err() {
        std::thread::yield_now();
    }
}
