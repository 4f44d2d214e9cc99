use crate::acts::acts;
use crate::supervisor::{IN_ORDER, service, supervisor};
use crate::supervisor_idle::switches;

#[test]
fn five_thousand_orphans_that_end_at_once_leave_no_zombie() {
    for tracking in ["marks", "subreaper"] {
        let config = service("a", &acts(["orphans:5000", "say:over", "wait"]), &format!("tracking = '{tracking}'"))
            // Its end must not drown among theirs.
            + &service("b", "'until test -e go; do sleep 0.01; done; echo b ends'", "type = 'oneshot'");
        let rinit = supervisor(&config).spawn();
        rinit.wait_for_line("a: orphans stand");
        std::fs::write(rinit.path("go"), "").unwrap();
        rinit.wait_for_line("b: b ends");
        rinit.wait_for_line("b exited with status 0");
        rinit.wait_until("no orphan is left", || rinit.processes().len() <= 4);
        rinit.signal(15);
        assert_eq!(rinit.wait(), IN_ORDER);
    }
}

#[test]
fn in_a_storm_of_orphans_a_service_ends_and_after_it_rinit_sleeps() {
    let config = service(
        "storm",
        &acts(["storm:5000", "say:over", "wait"]),
        "tracking = 'marks'",
    ) + &service(
        "b",
        "'until test -e go; do sleep 0.01; done'",
        "type = 'oneshot'",
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("storm: orphans 1");
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("b exited with status 0");
    rinit.wait_for_line("storm: over");
    rinit.wait_until("no orphan is left", || {
        rinit.processes().iter().all(|process| process.state != 'Z')
    });
    // A look a millisecond for as long as the storm lasts, and not one more.
    let mut last = switches(rinit.pid());
    rinit.wait_until("it sleeps", || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        let now = switches(rinit.pid());
        std::mem::replace(&mut last, now.clone()) == now
    });
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}
