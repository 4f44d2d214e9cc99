use crate::acts::acts;
use crate::supervisor::{IN_ORDER, service, supervisor};

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
