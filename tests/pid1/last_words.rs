use std::fs;
use std::path::Path;

use crate::acts::acts;
use crate::harness::{Ended, Pid1, RINIT, Running, Setup, Status};
use crate::supervisor::{IN_ORDER, last_line, service, supervisor};

/// An essential service of these acts, and `[init]` with this key.
fn ends(list: &[&str], init: &str) -> Pid1 {
    supervisor(&format!(
        "[init]\n{init}\n{}",
        service("web", &acts(list.iter().copied()), "essential = true")
    ))
}

fn content(rinit: &Running, name: &str) -> String {
    fs::read_to_string(rinit.path(name)).unwrap_or_else(|error| panic!("{error}\n{}", rinit.dump()))
}

#[test]
fn the_last_line_is_left_where_the_platform_looks_for_it() {
    let rinit = ends(&["exit:3"], "").setup(Setup::TerminationLog).spawn();
    assert_eq!(rinit.wait(), Status::Exited(3), "{}", rinit.dump());
    let log = content(&rinit, "termination-log");
    assert_eq!(
        log,
        format!("{}\n", last_line(&rinit.stderr())),
        "{}",
        rinit.dump()
    );
    assert!(
        log.starts_with("rinit: web (essential) exited with status 3 after "),
        "{log}"
    );
}

#[test]
fn no_file_is_made_unless_the_key_is_written() {
    let rinit = ends(&["exit:3"], "termination-log = false")
        .setup(Setup::TerminationLog)
        .spawn();
    assert_eq!(rinit.wait(), Status::Exited(3), "{}", rinit.dump());
    assert_eq!(content(&rinit, "termination-log"), "");
    let rinit = ends(&["wait"], "termination-log = './words'").spawn();
    rinit.wait_until("it runs", || !rinit.children().is_empty());
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    assert_eq!(
        content(&rinit, "words"),
        format!("{}\n", last_line(&rinit.stderr()))
    );
    assert!(!Path::new("/dev/termination-log").exists());
}

#[test]
fn words_of_another_life_are_replaced_and_those_of_a_service_are_kept() {
    let old = "x".repeat(5000);
    let rinit = ends(&["exit:3"], "termination-log = './words'")
        .file("words", &old)
        .spawn();
    assert_eq!(rinit.wait(), Status::Exited(3), "{}", rinit.dump());
    assert_eq!(
        content(&rinit, "words"),
        format!("{}\n", last_line(&rinit.stderr()))
    );
    let rinit = ends(&["touch:words", "exit:3"], "termination-log = './words'").spawn();
    assert_eq!(rinit.wait(), Status::Exited(3), "{}", rinit.dump());
    assert_eq!(
        content(&rinit, "words"),
        format!("x\n{}\n", last_line(&rinit.stderr()))
    );
}

#[test]
fn a_log_that_cannot_be_written_is_no_error() {
    let same = |ended: &Ended| {
        assert_eq!(ended.status, Status::Exited(3), "{ended:?}");
        assert!(
            last_line(&ended.stderr).ends_with("; exit code 3"),
            "{ended:?}"
        );
        assert!(!ended.stderr.contains("words"), "{ended:?}");
    };
    same(&ends(&["exit:3"], "termination-log = '/no/such/folder/x'").run());
    same(&ends(&["exit:3"], "termination-log = '/'").run());
    same(
        &ends(&["exit:3"], "termination-log = '/etc/rinit-words'")
            .setup(Setup::ReadOnly)
            .run(),
    );
    // A FIFO that nobody reads.
    let pid1 = ends(&["exit:3"], "termination-log = './fifo'");
    nix::unistd::mkfifo(&pid1.path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    same(&pid1.run());
}

/// An essential service of these acts, and one that has a word to say when it stops.
fn with_another(list: &[&str]) -> Pid1 {
    let web = service(
        "web",
        &acts(list.iter().copied()),
        "essential = true\nafter = ['db']",
    );
    let db = service(
        "db",
        &acts(["say:runs", "touch:db", "wait", "say:good night"]),
        "ready = { file = './db' }",
    );
    supervisor(&format!("[init]\ntermination-log = './words'\n{db}{web}"))
}

#[test]
fn the_culprit_s_last_lines_stand_before_the_last_line_where_others_wrote_meanwhile() {
    // What the logger has shown stands before `good night`.
    let rinit = with_another(&[
        "say:one",
        "complain:two",
        "write:th",
        "write:ree",
        "line-on:1",
        "await:seen",
        "exit:3",
    ])
    .spawn();
    for line in ["web: one", "web: two", "web: three"] {
        rinit.wait_for_line(line);
    }
    std::fs::write(rinit.path("seen"), "").unwrap();
    assert_eq!(rinit.wait(), Status::Exited(3), "{}", rinit.dump());
    let stderr = rinit.stderr();
    let lines: Vec<&str> = stderr.lines().collect();
    let (last, before) = lines.split_last().unwrap();
    let mut said: Vec<&str> = before[before.len() - 3..].to_vec();
    let words: String = said
        .iter()
        .chain([last])
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(content(&rinit, "words"), words, "{}", rinit.dump());
    // Between the two streams there is no order.
    said.sort_unstable();
    let expected = ["rinit: web: one", "rinit: web: three", "rinit: web: two"];
    assert_eq!(said, expected, "{}", rinit.dump());
    assert!(
        last.starts_with("rinit: web (essential) exited with status 3"),
        "{}",
        rinit.dump()
    );
}

#[test]
fn no_line_is_said_twice_where_it_still_stands_at_the_end() {
    let rinit = ends(
        &["say:one", "say:two", "await:seen", "exit:3"],
        "termination-log = './words'",
    )
    .spawn();
    rinit.wait_for_line("web: two");
    fs::write(rinit.path("seen"), "").unwrap();
    assert_eq!(rinit.wait(), Status::Exited(3), "{}", rinit.dump());
    assert_eq!(rinit.stdout(), "web: one\nweb: two\n");
    assert!(!rinit.stderr().contains("web: one"), "{}", rinit.dump());
    let words = format!(
        "rinit: web: one\nrinit: web: two\n{}\n",
        last_line(&rinit.stderr())
    );
    assert_eq!(content(&rinit, "words"), words);
}

#[test]
fn a_good_end_and_an_ordered_one_repeat_nothing() {
    let rinit = with_another(&["say:one", "exit:0"]).spawn();
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    assert_eq!(
        content(&rinit, "words"),
        format!("{}\n", last_line(&rinit.stderr()))
    );
    let rinit = with_another(&["say:one", "wait", "exit:3"]).spawn();
    rinit.wait_for_line("web: one");
    rinit.signal(15);
    assert_eq!(rinit.wait(), Status::Exited(3), "{}", rinit.dump());
    assert_eq!(
        content(&rinit, "words"),
        format!("{}\n", last_line(&rinit.stderr()))
    );
}

/// An essential service that dies of SIGKILL, after the kernel, or nobody, counted that.
fn killed(keys: &str, counted: u32, file: &str) -> (String, Status) {
    // The counter is looked at before rinit answers anybody.
    let count = format!(
        "until {RINIT} ctl version >/dev/null 2>&1; do sleep 0.01; done; \
         printf \"oom 0\\noom_kill {counted}\\n\" > cgroup/{file}; kill -9 $$"
    );
    let config = service(
        "web",
        &format!("['sh', '-c', '{count}']"),
        &format!("essential = true\n{keys}"),
    );
    let ended = supervisor(&config)
        .file(&format!("cgroup/{file}"), "oom 0\noom_kill 3\n")
        .setup(Setup::OwnCgroup)
        .run();
    (ended.stderr, ended.status)
}

#[test]
fn the_kernel_s_oom_killer_is_called_that() {
    for keys in ["", "tracking = 'subreaper'"] {
        for file in ["memory.events", "memory/memory.oom_control"] {
            let (stderr, status) = killed(keys, 4, file);
            assert_eq!(status, Status::Exited(137), "{stderr}");
            let said = "rinit: web (essential) killed by the kernel's OOM killer after ";
            assert!(last_line(&stderr).starts_with(said), "{stderr}");
        }
    }
}

#[test]
fn another_sigkill_is_not_rinit_s() {
    for file in ["memory.events", "elsewhere"] {
        let (stderr, status) = killed("", 3, file);
        assert_eq!(status, Status::Exited(137), "{stderr}");
        let said = "rinit: web (essential) killed by SIGKILL, not by rinit after ";
        assert!(last_line(&stderr).starts_with(said), "{stderr}");
    }
}
