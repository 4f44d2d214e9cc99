//! A container that is started again, on the files that its last life left.

use crate::engine::{Container, Plan};
use crate::image::DEBIAN;

/// A service that counts its container's lives in a file.
fn counting() -> Container {
    let system = Plan::of(&DEBIAN)
        .config(
            r#"
            [service.counter]
            command = '''
                echo >> /var/lib/lives
                echo "life $(wc -l < /var/lib/lives)"
                exec sleep infinity'''
            "#,
        )
        .start();
    system.wait_for_text("counter: life 1");
    system
}

/// Waits until the control socket answers.
fn answers(system: &Container) {
    system.wait_for("the control socket", || {
        system
            .exec(&["rinitctl", "version"])
            .status
            .success()
            .then_some(())
    });
}

#[test]
fn docker_restart_stops_in_order_and_starts_again() {
    let system = counting();

    system.docker(&["restart"]);

    system.wait_for_text("counter: life 2");
    answers(&system);
    let logs = system.logs();
    assert!(
        logs.lines()
            .any(|line| line.starts_with("rinit: SIGTERM:") && line.ends_with("exit code 0")),
        "the first life should have ended in order:\n{logs}"
    );
    assert_eq!(system.stop().code, 0);
}

#[test]
fn a_container_that_was_killed_starts_again() {
    let system = counting();
    answers(&system);

    system.docker(&["kill"]);
    system.wait_for_end();
    system.docker(&["start"]);

    system.wait_for_text("counter: life 2");
    answers(&system);
    assert_eq!(system.stop().code, 0);
}
