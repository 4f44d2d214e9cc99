use crate::harness::{Pid1, Running, Status, send};

fn state(pid: i32) -> String {
    Running::status_of(pid, "State:").unwrap_or_default()
}

const LOOP: &str = "echo up; while :; do sleep 0.01; done";

#[test]
fn tstp_stops_command_and_rinit_and_cont_goes_on_with_both() {
    let rinit = Pid1::new().not_pid1().args(["sh", "-c", LOOP]).spawn();
    rinit.wait_for_line("up");
    let child = rinit.children()[0].pid;
    for signal in [20, 21, 22] {
        rinit.signal(signal);
        rinit.wait_until("both are stopped", || {
            state(child) == "T" && state(rinit.pid()) == "T"
        });
        rinit.signal(18);
        rinit.wait_until("both go on", || {
            state(child) != "T" && state(rinit.pid()) != "T"
        });
    }
    rinit.signal(15);
    assert_eq!(rinit.wait(), Status::Exited(143));
}

#[test]
fn as_pid_1_only_the_command_stops() {
    let rinit = Pid1::new().args(["sh", "-c", LOOP]).spawn();
    rinit.wait_for_line("up");
    let child = rinit.children()[0].pid;
    rinit.signal(20);
    rinit.wait_until("the command is stopped", || state(child) == "T");
    assert_ne!(state(rinit.pid()), "T");
    rinit.signal(18);
    rinit.wait_until("it goes on", || state(child) != "T");
    rinit.signal(15);
    assert_eq!(rinit.wait(), Status::Exited(143));
}

#[test]
fn sigstop_to_the_command_alone_leaves_rinit_running() {
    let rinit = Pid1::new()
        .not_pid1()
        .args(["-v", "-v", "sh", "-c", LOOP])
        .spawn();
    rinit.wait_for_line("up");
    let child = rinit.children()[0].pid;
    send(child, 19);
    rinit.wait_until("the command is stopped", || state(child) == "T");
    // It answers, so it has seen the stop and runs.
    rinit.signal(10);
    rinit.wait_for_line("SIGUSR1 forwarded");
    send(child, 18);
    assert_eq!(rinit.wait(), Status::Exited(138));
}
