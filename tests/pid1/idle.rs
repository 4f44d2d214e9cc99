use std::thread;
use std::time::Duration;

use crate::harness::{Pid1, Running, Status};

fn switches(pid: i32) -> (u64, u64) {
    let read = |key| Running::status_of(pid, key).unwrap().parse().unwrap();
    (
        read("voluntary_ctxt_switches:"),
        read("nonvoluntary_ctxt_switches:"),
    )
}

#[test]
fn an_idle_rinit_does_not_wake_up() {
    let rinit = Pid1::new().arg("--").program("collect", ["64"]).spawn();
    rinit.wait_for_line("ready");
    rinit.signal(10);
    rinit.wait_for_line("signal 10");
    rinit.wait_until("rinit sleeps again", || {
        Running::status_of(rinit.pid(), "State:").as_deref() == Some("S")
    });
    let before = switches(rinit.pid());
    // The one wait for a time: there is no event that says that nothing happens.
    thread::sleep(Duration::from_secs(2));
    assert_eq!(switches(rinit.pid()), before);
    rinit.signal(64);
    assert_eq!(rinit.wait(), Status::Exited(0));
}
