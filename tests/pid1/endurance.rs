//! What PID 1 holds after a long life: no more than after a short one. Minutes each, so
//! they run only when they are asked for (`-- --ignored`), as `.ci/run` does.

use std::time::{Duration, Instant};

use crate::acts::acts;
use crate::harness::{Pid1, Running};
use crate::supervisor::{service, supervisor};

/// What may grow.
#[derive(Clone, Copy, Debug)]
struct Held {
    descriptors: usize,
    anonymous_kib: u64,
}

fn held(rinit: &Running) -> Held {
    let of = |file: &str| format!("/proc/{}/{file}", rinit.pid());
    let rollup = std::fs::read_to_string(of("smaps_rollup")).unwrap();
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Anonymous:"));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    Held {
        descriptors: std::fs::read_dir(of("fd")).unwrap().count(),
        anonymous_kib: number.unwrap().parse().unwrap(),
    }
}

/// Holds as much as before: give or take 64 KiB, and a descriptor that is on its way.
#[track_caller]
fn is_as_before(rinit: &Running, before: Held) {
    let mut now = held(rinit);
    let ok = |now: Held| {
        now.descriptors <= before.descriptors && now.anonymous_kib <= before.anonymous_kib + 64
    };
    let until = Instant::now() + Duration::from_secs(60);
    while !ok(now) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
        now = held(rinit);
    }
    assert!(ok(now), "{before:?} -> {now:?}: {}", rinit.dump());
    println!("{before:?} -> {now:?}");
}

/// Waits as long as it takes, as long as it goes on.
#[track_caller]
fn wait_for_progress(rinit: &Running, what: &str, wanted: u64, mut now: impl FnMut() -> u64) {
    let (mut last, mut since) = (0, Instant::now());
    loop {
        let count = now();
        if count >= wanted {
            return;
        }
        if count > last {
            (last, since) = (count, Instant::now());
        }
        let still = since.elapsed() < Duration::from_secs(60);
        assert!(
            still,
            "{what} stands at {count} of {wanted}: {}",
            rinit.dump()
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
#[ignore = "takes minutes; .ci/run asks for it"]
fn a_hundred_thousand_restarts_leave_nothing_in_pid_1() {
    const RESTARTS: u64 = 100_000;
    const WARM: u64 = 2_000;
    let at_once = "restart-delay = '0s'\nrestart-delay-max = '0s'\noutput = 'null'";
    // One byte for each run. One of them says something, so that there is a logger.
    let config = service("a", "'printf x >> a'", at_once)
        + &service("b", "'printf x >> b'", at_once)
        + &service("talks", "['sleep', '100000']", "");
    let rinit = supervisor(&config).env("RINIT_LOG", "error").spawn();
    let runs = || -> u64 {
        let length = |name| std::fs::metadata(rinit.path(name)).map_or(0, |file| file.len());
        length("a") + length("b")
    };
    wait_for_progress(&rinit, "restarts", WARM, runs);
    let before = held(&rinit);
    wait_for_progress(&rinit, "restarts", WARM + RESTARTS, runs);
    is_as_before(&rinit, before);
}

#[test]
#[ignore = "takes minutes; .ci/run asks for it"]
fn a_million_orphans_leave_nothing_in_pid_1() {
    const ORPHANS: u64 = 1_000_000;
    const WARM: u64 = 1_000;
    let supervised = |config: &str| supervisor(config).spawn();
    let command = |count: u64| crate::acts::acts([&*format!("storm:{count}"), "wait"]);
    let rinit = supervised(&service("storm", &command(ORPHANS + WARM), ""));
    let told = || {
        let stdout = rinit.stdout();
        let last = stdout
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("storm: orphans "));
        last.and_then(|number| number.parse().ok()).unwrap_or(0)
    };
    wait_for_progress(&rinit, "orphans", WARM, told);
    let before = held(&rinit);
    wait_for_progress(&rinit, "orphans", WARM + ORPHANS, told);
    rinit.wait_until("no zombie is left", || {
        rinit.processes().iter().all(|process| process.state != 'Z')
    });
    is_as_before(&rinit, before);
}

#[test]
#[ignore = "takes minutes; .ci/run asks for it"]
fn a_million_orphans_leave_nothing_in_the_minimal_init() {
    const ORPHANS: u64 = 1_000_000;
    const WARM: u64 = 1_000;
    let own = std::env::current_exe().unwrap();
    let count = (ORPHANS + WARM).to_string();
    let rinit = Pid1::new()
        .arg("--")
        .arg(own)
        .args(["%do", &format!("storm:{count}"), "wait"])
        .spawn();
    let told = || {
        let stdout = rinit.stdout();
        let last = stdout
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("orphans "));
        last.and_then(|number| number.parse().ok()).unwrap_or(0)
    };
    wait_for_progress(&rinit, "orphans", WARM, told);
    let before = held(&rinit);
    wait_for_progress(&rinit, "orphans", WARM + ORPHANS, told);
    is_as_before(&rinit, before);
}

#[test]
#[ignore = "takes minutes; .ci/run asks for it"]
fn ten_thousand_applies_leave_nothing_in_pid_1() {
    const APPLIES: u64 = 10_000;
    // The allocator keeps up to seven freed pieces of each size to itself, and most sizes
    // of what a configuration is made of come by rarely.
    const WARM: u64 = 2_000;
    // One byte for each run of the one that changes; another comes and goes.
    let config = |turn: u64| {
        let odd = turn % 2 == 1;
        let changes = format!("environment = {{ ODD = '{odd}' }}");
        let guest = service("guest", "'echo here; exec sleep 100000'", "");
        service("a", "'printf x >> a; exec sleep 100000'", &changes)
            + &service("stays", "'printf x >> stays; exec sleep 100000'", "")
            + if odd { &guest } else { "" }
    };
    let rinit = supervisor(&config(0)).env("RINIT_LOG", "error").spawn();
    let runs = |name: &str| std::fs::metadata(rinit.path(name)).map_or(0, |file| file.len());
    let until = |wanted: u64| wait_for_progress(&rinit, "runs", wanted, || runs("a"));
    let apply = |turns: std::ops::RangeInclusive<u64>| {
        for turn in turns {
            std::fs::write(rinit.path("fresh"), config(turn)).unwrap();
            std::fs::rename(rinit.path("fresh"), rinit.path("rinit.toml")).unwrap();
            rinit.signal(1);
            until(turn + 1);
        }
    };
    until(1);
    apply(1..=WARM);
    let before = held(&rinit);
    apply(WARM + 1..=WARM + APPLIES);
    is_as_before(&rinit, before);
    assert_eq!(runs("stays"), 1, "{}", rinit.dump());
}

#[test]
#[ignore = "timed, on a machine with nothing else to do"]
fn who_floods_the_control_socket_delays_no_reaping_by_more_than_50_ms() {
    let config = service(
        "flood",
        &acts(["flood-control:/run/rinit/control.sock"]),
        "restart-delay = '1ms'\nrestart-delay-max = '5ms'",
    ) + &service(
        "hostile",
        &acts([
            "await:/run/rinit/control.sock",
            "hostile:/run/rinit/control.sock",
            "wait",
        ]),
        "",
    ) + &service(
        "restless",
        &acts(["exit:1"]),
        "restart-delay = '1ms'\nrestart-delay-max = '5ms'\noutput = 'null'",
    ) + &service("eyes", &acts(["reap-times:500", "wait"]), "");
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("eyes: reaped within ");
    let said = rinit.stdout();
    let line = said
        .lines()
        .find(|line| line.starts_with("eyes: reaped within "));
    println!("{line:?}");
    let micros = line.and_then(|line| line.split_whitespace().nth_back(1));
    let micros: u64 = micros.unwrap().parse().unwrap();
    assert!(micros < 50_000, "{}", rinit.dump());
}
