//! `docker pause`: all stand still at once, and go on later.

use std::time::Duration;

use crate::harness::send;
use crate::sd_notify::{script, with_face};
use crate::supervisor::{ends_in_order, service};

const STOP: i32 = 19;
const CONT: i32 = 18;

/// Longer than any time that a service here has.
const PAUSE: Duration = Duration::from_secs(5);

#[test]
fn who_stood_still_with_all_the_others_has_missed_nothing() {
    let pings = "./systemd-notify --ready; echo pings; n=0; while :; do \
                 ./systemd-notify WATCHDOG=1; sleep 0.05; test -e thawed && n=$((n + 1)); \
                 test $n = 25 && echo goes on; done";
    let slow = "until test -e thawed; do sleep 0.05; done; \
                ./systemd-notify --ready; echo came up; exec sleep 1000";
    let health = "{ exec = 'echo >>asked; sleep 0.1', interval = '50ms', timeout = '3s', \
                  retries = 1, on-unhealthy = 'restart' }";
    let config = script("pings", pings, "watchdog = '3s'")
        + &script("slow", slow, "start-timeout = '4s'")
        + &service("well", "['sleep', '1000']", &format!("health = {health}"));
    let rinit = with_face(&config).spawn();
    rinit.wait_for_line("pings: pings");
    let asked = || std::fs::read(rinit.path("asked")).map_or(0, |asked| asked.len());
    rinit.wait_until("a probe began", || asked() > 0);
    // Whoever is to judge stands first, and goes on first.
    let mut stood = vec![rinit.pid()];
    send(rinit.pid(), STOP);
    let others = rinit.processes().into_iter().map(|process| process.pid);
    stood.extend(others.filter(|pid| *pid != rinit.pid()));
    for pid in &stood {
        send(*pid, STOP);
    }
    std::thread::sleep(PAUSE);
    let before = asked();
    for pid in &stood {
        send(*pid, CONT);
    }
    std::fs::write(rinit.path("thawed"), "").unwrap();
    rinit.wait_for_line("slow: came up");
    rinit.wait_for_line("pings: goes on");
    rinit.wait_until("more probes", || asked() > before + 3);
    let said = rinit.stderr();
    for word in ["watchdog", "unhealthy", "not ready"] {
        assert!(!said.contains(word), "{}", rinit.dump());
    }
    ends_in_order(&rinit);
}
