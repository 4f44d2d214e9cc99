//! `docker pause`: whoever stood still with all the others has missed nothing.

use std::time::Duration;

use crate::engine::{Container, Plan};
use crate::image::DEBIAN;

/// Longer than any time that a service here has.
const PAUSE: Duration = Duration::from_secs(10);

/// How often `tick` and `tock` run: the pause is over many of their times.
const EVERY: f64 = 2.0;

const CONFIG: &str = r#"
    [service.pings]
    command = """
        ln -sf /sbin/rinit /run/systemd-notify
        /run/systemd-notify --ready
        while :; do /run/systemd-notify WATCHDOG=1; sleep 0.1; done
    """
    ready = "notify"
    watchdog = "5s"
    [service.slow]
    command = "sleep infinity"
    ready = { file = "/run/thawed" }
    start-timeout = "9s"
    [service.asked]
    command = "sleep infinity"
    health = { exec = "sleep 0.1; echo >>/run/probes", interval = "50ms", timeout = "5s", retries = 1, on-unhealthy = "restart" }
    [service.tick]
    command = "date +at:%s.%N"
    every = "2s"
    [service.tock]
    command = "date +at:%s.%N"
    schedule = "*:*:0/2"
    "#;

/// The moments, in seconds, at which this one ran.
fn runs(system: &Container, name: &str) -> Vec<f64> {
    let start = format!("{name}: at:");
    let logs = system.logs();
    let moments = logs.lines().filter_map(|line| line.strip_prefix(&*start));
    moments.map(|moment| moment.parse().unwrap()).collect()
}

#[test]
fn what_was_paused_is_not_restarted_and_what_was_due_meanwhile_comes_once() {
    let system = Plan::of(&DEBIAN).config(CONFIG).start();
    for name in ["tick", "tock"] {
        system.wait_for("both to run", || runs(&system, name).pop());
    }
    let probes = || system.bash("wc -l </run/probes").trim().parse::<u32>().ok();
    system.wait_for("a probe", || probes().filter(|count| *count > 0));

    system.docker(&["pause"]);
    let before = [runs(&system, "tick").len(), runs(&system, "tock").len()];
    std::thread::sleep(PAUSE);
    system.docker(&["unpause"]);
    system.bash("touch /run/thawed");
    let asked = probes();

    for (name, before) in ["tick", "tock"].into_iter().zip(before) {
        let after = system.wait_for("four more runs", || {
            let runs = runs(&system, name).split_off(before);
            (runs.len() >= 4).then_some(runs)
        });
        // One for all that were missed, at once; then each at its time.
        let three_more = after[3] - after[0];
        assert!(three_more > 1.5 * EVERY, "{name}: {after:?}");
    }
    system.wait_for("more probes", || (probes() > asked).then_some(()));
    let status = system.ask(&["rinitctl", "--json", "status"]);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    for service in status["services"].as_array().unwrap().iter().take(3) {
        let stands = (&service["state"], &service["restarts"], &service["health"]);
        assert_eq!(
            (stands.0, stands.1),
            (&"active".into(), &0.into()),
            "{service}"
        );
        assert_ne!(stands.2, "unhealthy", "{service}");
    }
    let logs = system.logs();
    for word in ["watchdog", "unhealthy", "not ready", "restart in"] {
        assert!(!logs.contains(word), "{word:?}");
    }
    assert_eq!(system.stop().code, 0);
}
