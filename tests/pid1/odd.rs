//! Worlds in which something is missing or forbidden: none of it is an error.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::acts::acts;
use crate::harness::{Pid1, RINIT, Setup, Status};
use crate::supervisor::{free_port, last_line, notes, service, supervisor};

fn still_exits_with_7(setup: Setup) {
    for options in [&["--"][..], &["-v", "--"]] {
        let ended = Pid1::new()
            .setup(setup)
            .args(options.iter().copied())
            .args(["sh", "-c", "exit 7"])
            .run();
        assert_eq!(ended.status, Status::Exited(7), "{setup:?} {ended:?}");
    }
}

#[test]
fn no_proc_is_no_error() {
    still_exits_with_7(Setup::NoProc);
}

#[test]
fn a_read_only_world_is_no_error() {
    still_exits_with_7(Setup::ReadOnly);
}

#[test]
fn an_ignored_sigchld_is_no_error() {
    still_exits_with_7(Setup::ChldIgnored);
}

#[test]
fn closed_descriptors_0_to_2_are_no_error() {
    still_exits_with_7(Setup::Closed);
}

#[test]
fn no_capabilities_are_no_error() {
    still_exits_with_7(Setup::NoCapabilities);
}

#[test]
fn a_sandbox_without_clones_that_share_memory_is_no_error() {
    still_exits_with_7(Setup::NoSharedClone);
    let ended = Pid1::new()
        .setup(Setup::NoSharedClone)
        .args(["--", "no-such-program"])
        .run();
    assert_eq!(ended.status, Status::Exited(127), "{ended:?}");
    assert!(ended.stderr.contains("no such file or directory"));
}

#[test]
fn not_to_be_pid_1_is_no_error_and_no_word() {
    let ended = Pid1::new().not_pid1().args(["sh", "-c", "exit 7"]).run();
    assert_eq!(ended.status, Status::Exited(7));
    assert_eq!(ended.stderr, "");
}

#[test]
fn w_without_proc_still_reaps() {
    let ended = Pid1::new()
        .setup(Setup::NoProc)
        .args(["-w", "sh", "-c", "(true &); exit 7"])
        .run();
    assert_eq!(ended.status, Status::Exited(7), "{ended:?}");
}

#[test]
fn an_empty_environment_is_no_error() {
    let ended = Pid1::new().env_clear().args(["sh", "-c", "exit 7"]).run();
    assert_eq!(ended.status, Status::Exited(7), "{ended:?}");
}

#[test]
fn no_system_call_that_is_newer_than_linux_3_10_is_missed() {
    for setup in [Setup::OldKernel, Setup::OldEngine] {
        still_exits_with_7(setup);
        let ended = Pid1::new()
            .setup(setup)
            .args(["-w", "-g", "--wait", "1h", "--", "no-such-program"])
            .run();
        assert_eq!(ended.status, Status::Exited(127), "{ended:?}");
        let ended = Pid1::new()
            .setup(setup)
            .args(["sh", "-c", "kill -9 $$"])
            .run();
        assert_eq!(ended.status, Status::Exited(137), "{ended:?}");
    }
}

/// Much of what a supervisor does, noted in a file, since its output may be closed.
fn supervises(setup: Setup) {
    let port = free_port();
    let config = service("made", &acts(["note:made"]), "type = 'oneshot'")
        + &service(
            "db",
            &acts(["note:db", "notify:READY=1", "wait", "note:db stops"]),
            "ready = 'notify'\nrequires = ['made']\nhealth = { exec = 'true', interval = '1ms' }",
        )
        + &service(
            "tree",
            &acts(["child:touch=child", "note:tree", "wait"]),
            "tracking = 'subreaper'\nnice = 1\nrequires = ['db']",
        )
        + &service(
            "crash",
            &acts(["note:crash", "exit:1"]),
            "restart-delay = '1ms'\nstart-limit = { count = 2, within = '1h' }\nafter = ['tree']",
        )
        + &service(
            "web",
            &acts(["serve:3", "note:served", "wait"]),
            &format!("listen = ['127.0.0.1:{port}']\non-demand = true"),
        )
        + &service(
            "last",
            &format!(
                "'''until test -e go; do sleep 0.01; done; {RINIT} ctl restart tree
                until test $(grep -c ^tree notes) = 2; do sleep 0.01; done; exit 7'''"
            ),
            "essential = true",
        );
    let rinit = supervisor(&config).setup(setup).spawn();
    let has = |wanted: &[&str]| {
        let all = notes(&rinit);
        wanted.iter().all(|one| all.iter().any(|note| note == one))
    };
    let up = ["made", "db", "tree", "crash"];
    rinit.wait_until(&format!("all is up in {setup:?}"), || has(&up));
    let mut answer = String::new();
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    client.write_all(b"x\n").unwrap();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "served x\n", "{setup:?}");
    rinit.wait_until("the child is there too", || rinit.path("child").exists());
    std::fs::write(rinit.path("go"), "").unwrap();
    assert_eq!(
        rinit.wait(),
        Status::Exited(7),
        "{setup:?} {}",
        rinit.dump()
    );
    let count = |what: &str| notes(&rinit).iter().filter(|note| *note == what).count();
    assert_eq!(
        (count("tree"), count("crash")),
        (2, 2),
        "{setup:?} {}",
        rinit.dump()
    );
    assert_eq!(count("db stops"), 1, "{setup:?}");
    let stderr = rinit.stderr();
    let said = last_line(&stderr);
    let wanted = "rinit: last (essential) exited with status 7";
    assert!(
        setup == Setup::Closed || said.starts_with(wanted) && said.ends_with("; exit code 7"),
        "{setup:?} {}",
        rinit.dump()
    );
}

#[test]
fn nothing_of_it_is_an_error_to_the_supervisor_either() {
    for setup in [
        Setup::NotPid1,
        Setup::NoProc,
        Setup::ReadOnly,
        Setup::ChldIgnored,
        Setup::OddSignals,
        Setup::AllBlocked,
        Setup::Closed,
        Setup::NoCapabilities,
        Setup::NoSharedClone,
    ] {
        supervises(setup);
    }
}

#[test]
fn nor_are_a_kernel_and_an_engine_of_2013() {
    supervises(Setup::OldKernel);
    supervises(Setup::OldEngine);
}
