//! An essential service ends the container, and its exit code is the container's.

use crate::engine::{Container, Plan};
use crate::image::DEBIAN;

/// A container whose essential service ended like this, beside one that would run on,
/// and its exit code.
fn ended_by(command: &str) -> (i32, Container) {
    let system = Plan::of(&DEBIAN)
        .config(&format!(
            r#"
            [service.bystander]
            command = ["sleep", "infinity"]
            [service.heart]
            command = ["bash", "-c", "{command}"]
            essential = true
            "#
        ))
        .start();
    let code = system.wait_for_end();
    (code, system)
}

#[test]
fn the_exit_code_of_an_essential_service_is_the_containers() {
    let (code, system) = ended_by("echo it is over; exit 42");

    assert_eq!(code, 42);
    assert!(system.logs().contains("heart: it is over"));
    let last = system.last_words();
    assert!(
        last.starts_with("rinit: heart (essential) exited with status 42")
            && last.ends_with("exit code 42"),
        "the last line should name the culprit: {last:?}"
    );
}

#[test]
fn an_essential_service_that_a_signal_killed_gives_128_and_the_signal() {
    let (code, _system) = ended_by("kill -KILL $$");
    assert_eq!(code, 137);
}

#[test]
fn an_essential_service_that_ended_well_ends_the_container_with_0() {
    let (code, _system) = ended_by("exit 0");
    assert_eq!(code, 0);
}

#[test]
fn an_essential_service_that_docker_stopped_in_order_gives_0() {
    let system = Plan::of(&DEBIAN)
        .config(
            r#"
            [service.heart]
            command = ["bash", "-c", "echo up; exec sleep infinity"]
            essential = true
            "#,
        )
        .start();
    system.wait_for_text("heart: up");

    // It dies of the SIGTERM that rinit sends, which is just what was asked for.
    assert_eq!(system.stop().code, 0);
}
