use std::fs;
use std::path::Path;

use crate::acts::acts;
use crate::harness::{Ended, Pid1, Running, Setup, Status};
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
