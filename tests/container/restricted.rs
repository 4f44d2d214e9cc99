//! What engines take away: root, the writable root, capabilities, processes.

use crate::engine::{Container, Plan};
use crate::image::DEBIAN;

/// Two services of the plainest kind, one of which requires the other.
const PLAIN: &str = r#"
    [service.first]
    command = "echo up; exec sleep infinity"
    [service.second]
    requires = ["first"]
    command = "echo up as $(id -u); exec sleep infinity"
"#;

/// Waits for both services, and for the control socket; then stops all in order.
fn lives_and_ends_in_order(system: &Container) {
    system.wait_for_text("first: up");
    system.wait_for_text("second: up as");
    system.wait_for("the control socket", || {
        system
            .exec(&["rinitctl", "version"])
            .status
            .success()
            .then_some(())
    });
    let stopped = system.stop();
    assert_eq!(stopped.code, 0, "{stopped:?}");
}

#[test]
fn it_runs_as_a_user_without_a_name() {
    let system = Plan::of(&DEBIAN)
        .option("--user=1234:1234")
        .config(PLAIN)
        .start();
    system.wait_for_text("second: up as 1234");
    lives_and_ends_in_order(&system);
}

#[test]
fn it_runs_on_a_read_only_root() {
    let system = Plan::of(&DEBIAN)
        .option("--read-only")
        .config(PLAIN)
        .start();
    lives_and_ends_in_order(&system);
}

#[test]
fn it_runs_without_capabilities() {
    let system = Plan::of(&DEBIAN)
        .option("--cap-drop=ALL")
        .config(PLAIN)
        .start();
    lives_and_ends_in_order(&system);
}

#[test]
fn it_runs_with_everything_taken_away_at_once() {
    let system = Plan::of(&DEBIAN)
        .option("--user=1234:1234")
        .option("--read-only")
        .option("--cap-drop=ALL")
        .option("--security-opt=no-new-privileges")
        .option("--network=none")
        .option("--pids-limit=64")
        .config(PLAIN)
        .start();
    lives_and_ends_in_order(&system);
}

#[test]
fn without_the_right_to_change_users_a_service_with_a_user_fails_and_the_rest_lives() {
    let system = Plan::of(&DEBIAN)
        .option("--cap-drop=ALL")
        .config(
            r#"
            [service.other]
            command = "echo it runs as $(id -u)"
            user    = "redis"
            restart = "no"
            [service.own]
            command = "echo up; exec sleep infinity"
            "#,
        )
        .start();
    system.wait_for_text("own: up");
    system.wait_for_line("why other cannot start", |line| {
        line.starts_with("rinit: ") && line.contains("other")
    });
    system.stop();
    assert!(
        !system.logs().contains("it runs as"),
        "it must never run as root instead"
    );
}

#[test]
fn a_service_that_eats_every_process_does_not_hold_up_the_stop() {
    let system = Plan::of(&DEBIAN)
        .option("--pids-limit=32")
        .config(
            r#"
            [service.calm]
            command = "exec sleep infinity"
            [service.hog]
            command = '''
                (while :; do sleep 1000 & done) 2>/dev/null
                echo full
                read -r forever </dev/zero'''
            "#,
        )
        .start();
    system.wait_for_text("hog: full");

    let stopped = system.stop();

    assert!(stopped.took.as_secs() < 4, "{stopped:?}");
    assert_ne!(stopped.code, 137, "{stopped:?}");
    let last = system.last_words();
    assert!(last.starts_with("rinit: SIGTERM:"), "{last:?}");
}
