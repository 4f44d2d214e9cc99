use crate::WAYS;
use crate::harness::Running;
use crate::supervisor::{IN_ORDER, service, supervisor, wait_for_helper};

/// How often a process has slept and has been interrupted.
pub fn switches(pid: i32) -> (String, String) {
    let of = |key| Running::status_of(pid, key).unwrap();
    (
        of("voluntary_ctxt_switches:"),
        of("nonvoluntary_ctxt_switches:"),
    )
}

#[test]
fn with_a_hundred_services_nothing_wakes_rinit_or_its_logger() {
    let (tracking, setup) = WAYS[0];
    let config: String = format!("[defaults]\ntracking = '{tracking}'\n")
        + &(0..100)
        .map(|number| service(&format!("s{number}"), "['sleep', '1000']", ""))
        .collect::<String>()
        + &service("yearly", "['true']", "schedule = 'yearly'")
        + &service("later", "['true']", "every = '1h'")
        // A oneshot that ends is an event; between two of them nothing is to happen.
        + &service("first", "'until test -e one; do sleep 0.01; done'", "type = 'oneshot'")
        + &service("clock", "'sleep 1.5; touch ticked; exec sleep 1000'", "output = 'null'");
    let rinit = setup
        .into_iter()
        .fold(supervisor(&config), |rinit, setup| rinit.setup(setup))
        .spawn();
    let logger = wait_for_helper(&rinit, "rinit-logger");
    std::fs::write(rinit.path("one"), "").unwrap();
    rinit.wait_for_line("101 services running, 1 done");
    // What the start has still to do, a write or a trim, is over when two looks agree.
    let mut last = (switches(rinit.pid()), switches(logger));
    rinit.wait_until("it sleeps", || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        let now = (switches(rinit.pid()), switches(logger));
        std::mem::replace(&mut last, now.clone()) == now
    });
    rinit.wait_until("the services' own clock has ticked", || {
        rinit.path("ticked").exists()
    });
    assert_eq!(
        last,
        (switches(rinit.pid()), switches(logger)),
        "{}",
        rinit.stderr()
    );
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}
