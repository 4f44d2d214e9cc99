//! `-g`, `-e` and `--rewrite` mean a COMMAND beside services as they mean a lone one.

use crate::harness::{Pid1, Status};

const IDLE: &str = "[service.idle]\ncommand = ['sleep', '1000']\n";

fn beside(options: &[&str], command: &str) -> Pid1 {
    Pid1::new()
        .file("idle.toml", IDLE)
        .args(["-c", "idle.toml"])
        .args(options.iter().copied())
        .args(["--", "/bin/sh", "-c", command])
}

#[test]
fn a_code_that_is_to_be_zero_is_zero_and_the_last_line_says_so() {
    let rinit = beside(&["-e", "3"], "exit 3").spawn();
    assert_eq!(rinit.wait(), Status::Exited(0));
    assert!(
        rinit.stderr().ends_with("exit code 0\n"),
        "{}",
        rinit.stderr()
    );
}

#[test]
fn a_rewritten_signal_reaches_main_as_the_other() {
    let command =
        "trap 'echo two; exit 4' USR2; trap 'exit 5' USR1; echo up; while :; do sleep 0.1; done";
    let rinit = beside(&["--rewrite", "USR1:USR2"], command).spawn();
    rinit.wait_for_line("up");
    rinit.signal(10);
    assert_eq!(rinit.wait(), Status::Exited(4));
    rinit.wait_for_line("two");
}

#[test]
fn with_g_a_forwarded_signal_reaches_mains_whole_group() {
    let command = "trap 'wait; exit 6' USR1; (trap 'echo child; exit 0' USR1; echo up; while :; do sleep 0.1; done) & wait";
    let rinit = beside(&["-g"], command).spawn();
    rinit.wait_for_line("up");
    rinit.signal(10);
    assert_eq!(rinit.wait(), Status::Exited(6));
    rinit.wait_for_line("child");
}
