use std::net::TcpListener;

use crate::acts::acts;
use crate::harness::Status;
use crate::supervisor::{IN_ORDER, free_port, last_line, notes, service, supervisor};

fn waiting(keys: &str) -> String {
    service("web", &acts(["say:web runs", "wait"]), keys)
}

#[test]
fn a_service_starts_once_a_named_host_answers() {
    let port = free_port();
    let config = waiting(&format!(
        "wait-for = {{ tcp = 'LocalHost:{port}', timeout = '100ms' }}\nrestart-delay = '1ms'"
    ));
    let rinit = supervisor(&config).arg("-v").spawn();
    rinit.wait_for_line(&format!(
        "web: tcp LocalHost:{port} did not answer in 0.1 s: connection refused; restart in"
    ));
    assert!(!rinit.stdout().contains("web runs"), "{}", rinit.dump());
    let _db = TcpListener::bind(("127.0.0.1", port)).unwrap();
    rinit.wait_for_line("web: web runs");
    rinit.wait_for_line("web: waiting -> starting");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}

#[test]
fn it_is_asked_again_and_again_by_a_command_run_as_the_service_is() {
    let config = waiting(
        "environment = { WANTED = 'there' }\n\
         wait-for = { exec = 'echo $RINIT_SERVICE >> notes; test -e $WANTED' }",
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_until("three questions", || notes(&rinit).len() > 2);
    assert_eq!(notes(&rinit)[0], "web");
    assert!(!rinit.stdout().contains("web runs"), "{}", rinit.dump());
    std::fs::write(rinit.path("there"), "").unwrap();
    rinit.wait_for_line("web: web runs");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}

#[test]
fn a_stop_while_it_waits_ends_the_wait_and_its_probe() {
    let config = waiting(
        "wait-for = { exec = 'echo asked >> notes; exec sleep 1000', timeout = 'infinity' }",
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_until("a question", || !notes(&rinit).is_empty());
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    let line = "rinit: SIGTERM: nothing to stop; exit code 0";
    assert_eq!(last_line(&rinit.stderr()), line, "{}", rinit.dump());
}

#[test]
fn an_essential_service_that_waits_in_vain_ends_the_container_and_says_why() {
    let config =
        waiting("wait-for = { file = '/nowhere/flag', timeout = '50ms' }\nessential = true");
    let ended = supervisor(&config).run();
    assert_eq!(ended.status, Status::Exited(1), "{ended:?}");
    let why = "web (essential) failed: file /nowhere/flag was not there in 0.1 s: no such file or directory";
    assert!(last_line(&ended.stderr).contains(why), "{ended:?}");
    assert!(!ended.stdout.contains("web runs"), "{ended:?}");
}
