//! What rinit tells its own manager on NOTIFY_SOCKET.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::acts::acts;
use crate::harness::{Pid1, RINIT, Status};
use crate::supervisor::{IN_ORDER, place, service, supervisor};

/// rinit, and the manager that started it.
fn managed(config: &str) -> (Pid1, UnixDatagram) {
    let rinit = supervisor(config);
    let path = rinit.path("manager");
    let manager = UnixDatagram::bind(&path).unwrap();
    // Only for a test that fails: nothing else waits so long.
    manager
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let address = path.to_str().unwrap().to_owned();
    (rinit.env("NOTIFY_SOCKET", &address), manager)
}

fn next(manager: &UnixDatagram) -> String {
    let mut buffer = [0; 4096];
    let count = manager.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..count].to_vec()).unwrap()
}

#[test]
fn the_manager_is_told_of_readiness_of_the_stop_and_of_the_exit_status() {
    let config = service("a", &acts(["wait"]), "") + &service("b", &acts(["wait"]), "");
    let (rinit, manager) = managed(&config);
    let rinit = rinit.spawn();
    let ready = next(&manager);
    assert!(
        ready.starts_with("READY=1\nSTATUS=2 services running, "),
        "{ready}"
    );
    rinit.signal(15);
    assert_eq!(
        next(&manager),
        "STOPPING=1\nSTATUS=SIGTERM: stopping all services"
    );
    assert_eq!(next(&manager), "EXIT_STATUS=0");
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn a_failure_is_the_status_and_the_culprit_s_code_the_exit_status() {
    let config = service("web", &acts(["exit:3"]), "restart = 'no'\nessential = true");
    let (rinit, manager) = managed(&config);
    let rinit = rinit.spawn();
    let mut all = Vec::new();
    while all.last().is_none_or(|last| last != "EXIT_STATUS=3") {
        all.push(next(&manager));
    }
    assert!(
        all.iter()
            .any(|message| message == "STATUS=web failed: exited with status 3"),
        "{all:?}"
    );
    assert_eq!(rinit.wait(), Status::Exited(3), "{}", rinit.dump());
}

#[test]
fn a_rinit_that_is_a_service_is_ready_once_its_own_services_are() {
    let inner = service(
        "slow",
        &acts(["say:begun", "await:go", "notify:READY=1", "wait"]),
        "ready = 'notify'",
    );
    let command = format!("['{RINIT}', '-c', 'inner.toml']");
    let config = service("inner", &command, "ready = 'notify'")
        + &service(
            "behind",
            &acts(["look-for:go"]),
            "type = 'oneshot'\nrequires = ['inner']",
        );
    let inner = format!("[init]\nnested = true\ncontrol-socket = false\n{inner}");
    let rinit = supervisor(&config).file("inner.toml", &inner).spawn();
    rinit.wait_for_line("slow: begun");
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("behind: go is there: true");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn a_manager_that_is_not_there_or_takes_nothing_keeps_nobody_waiting() {
    let config = service("job", &acts(["say:done"]), "type = 'oneshot'");
    let ended = supervisor(&config).env("NOTIFY_SOCKET", "/nowhere").run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    place(
        &ended.stderr,
        "the manager at /nowhere (NOTIFY_SOCKET) will not be told: ",
    );
    let (rinit, manager) = managed(&config);
    // Room for no other message: whoever waited would wait for ever.
    let full = UnixDatagram::unbound().unwrap();
    full.set_nonblocking(true).unwrap();
    let path = manager.local_addr().unwrap();
    while full.send_to(b"x", path.as_pathname().unwrap()).is_ok() {}
    let ended = rinit.run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
}
