//! `docker exec`: the running init answers to those who come in from outside.

use crate::engine::{Plan, text};
use crate::image::DEBIAN;

#[test]
fn rinitctl_version_is_answered_through_docker_exec() {
    let system = Plan::of(&DEBIAN).start();
    let version = system.wait_for("an answer", || {
        let answer = system.exec(&["rinitctl", "version"]);
        answer.status.success().then(|| text(&answer.stdout))
    });
    assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version:?}");

    let same = system.ask(&["/sbin/rinit", "ctl", "version"]);
    assert_eq!(same, version);
}

#[test]
fn a_second_supervisor_in_the_container_is_told_so() {
    let system = Plan::of(&DEBIAN).start();
    system.wait_for("an answer", || {
        system
            .exec(&["rinitctl", "version"])
            .status
            .success()
            .then_some(())
    });

    let second = system.exec(&["rinit", "-c", "/etc/rinit.toml"]);

    assert_eq!(second.status.code(), Some(125), "{second:?}");
    let complaint = text(&second.stderr);
    assert!(complaint.contains("rinitctl"), "{complaint:?}");
}

#[test]
fn through_docker_exec_a_command_is_just_run() {
    let system = Plan::of(&DEBIAN).start();
    let run = system.exec(&["rinit", "--", "sh", "-c", "echo just run; exit 9"]);
    assert_eq!(text(&run.stdout), "just run\n");
    assert_eq!(run.status.code(), Some(9));
}
