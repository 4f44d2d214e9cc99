use std::collections::BTreeMap;

use crate::harness::{Pid1, Running, Setup, Status};
use crate::programs::queue;

/// All that can be forwarded.
fn all() -> impl Iterator<Item = i32> {
    (1..=64).filter(|signal| ![9, 17, 19].contains(signal))
}

/// Each once. The kernel forgets a pending CONT when a stop signal comes, and the other
/// way round, so CONT comes when those have arrived; 64 ends the program.
fn send_all(rinit: &Running, send: impl Fn(i32)) {
    for signal in all().filter(|signal| ![18, 64].contains(signal)) {
        send(signal);
    }
    for signal in all().filter(|signal| ![18, 64].contains(signal)) {
        rinit.wait_for_line(&format!("signal {signal} "));
    }
    send(18);
    rinit.wait_for_line("signal 18 ");
    send(64);
}

/// The lines of `collect`: how often each signal came, with which values.
fn collected(rinit: &Running) -> BTreeMap<i32, Vec<Option<i32>>> {
    let mut signals = BTreeMap::<i32, Vec<Option<i32>>>::new();
    for line in rinit.stdout().lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["signal", number, "value", value] = words[..] {
            let number = number.parse().unwrap();
            signals.entry(number).or_default().push(value.parse().ok());
        }
    }
    signals
}

#[test]
fn every_signal_that_can_be_caught_is_forwarded() {
    for group in [&[][..], &["-g"]] {
        let rinit = Pid1::new()
            .args(group.iter().copied())
            .arg("--")
            .program("collect", ["64"])
            .spawn();
        rinit.wait_for_line("ready");
        send_all(&rinit, |signal| rinit.signal(signal));
        assert_eq!(rinit.wait(), Status::Exited(0));
        let came = collected(&rinit);
        for signal in all() {
            assert_eq!(
                came.get(&signal).map(Vec::len),
                Some(1),
                "{signal}: {came:?}"
            );
        }
    }
}

#[test]
fn a_value_is_kept() {
    let rinit = Pid1::new().arg("--").program("collect", ["64"]).spawn();
    rinit.wait_for_line("ready");
    send_all(&rinit, |signal| {
        queue(rinit.pid(), signal, signal * 1000 - 31_337);
    });
    assert_eq!(rinit.wait(), Status::Exited(0));
    let came = collected(&rinit);
    for signal in all() {
        let value = came.get(&signal).map(Vec::as_slice);
        assert_eq!(value, Some(&[Some(signal * 1000 - 31_337)][..]), "{signal}");
    }
}

/// From the moment the mask stands; the command has every signal blocked from its birth.
fn burst(options: &[&str]) {
    let rinit = Pid1::new()
        .setup(Setup::AllBlocked)
        .args(options.iter().copied())
        .arg("--")
        .program("collect", ["64"])
        .spawn();
    rinit.wait_until("rinit's mask stands", || {
        Running::status_of(rinit.pid(), "SigBlk:").as_deref() == Some("fffffffffffbfeff")
    });
    // What the kernel keeps apart: real-time ones by their number of times, others once.
    let mut sent = BTreeMap::<i32, usize>::new();
    for round in 0..100 {
        let signal = match round % 4 {
            0 => 15,
            1 => 10,
            _ => 34 + round % 29,
        };
        queue(rinit.pid(), signal, round);
        *sent.entry(signal).or_default() += 1;
    }
    queue(rinit.pid(), 64, 0);
    assert_eq!(rinit.wait(), Status::Exited(0));
    let came = collected(&rinit);
    for (signal, count) in sent {
        let times = came.get(&signal).map_or(0, Vec::len);
        if signal >= 34 {
            assert_eq!(times, count, "{signal}: {came:?}");
        } else {
            assert!(times >= 1, "{signal}: {came:?}");
        }
    }
}

#[test]
fn none_of_100_signals_is_lost_from_the_moment_the_mask_stands() {
    burst(&[]);
}

#[test]
fn nor_with_the_group_addressed() {
    burst(&["-g"]);
}

#[test]
fn g_reaches_the_whole_group_and_without_it_only_the_command() {
    let script = "trap 'echo outer; wait; exit 5' USR1
        sh -c 'trap \"echo inner; exit\" USR1; echo up; while :; do sleep 0.01; done' &
        while :; do wait; done";
    let rinit = Pid1::new().args(["-g", "sh", "-c", script]).spawn();
    rinit.wait_for_line("up");
    rinit.signal(10);
    rinit.wait_for_line("inner");
    rinit.wait_for_line("outer");
    assert_eq!(rinit.wait(), Status::Exited(5));

    let script = "trap 'echo outer; exit 5' USR1; echo up; while :; do sleep 0.01; done";
    let rinit = Pid1::new().args(["sh", "-c", script]).spawn();
    rinit.wait_for_line("up");
    rinit.signal(10);
    assert_eq!(rinit.wait(), Status::Exited(5));
}

#[test]
fn a_signal_is_rewritten_or_dropped_by_name_or_number() {
    let rinit = Pid1::new()
        .args(["--rewrite", "TERM:QUIT", "--rewrite", "1:0"])
        .args(["--rewrite", "SIGUSR1:RTMIN+2", "--"])
        .program("collect", ["64"])
        .spawn();
    rinit.wait_for_line("ready");
    for signal in [1, 15, 10, 64] {
        rinit.signal(signal);
    }
    assert_eq!(rinit.wait(), Status::Exited(0));
    let came: Vec<i32> = collected(&rinit).into_keys().collect();
    assert_eq!(came, [3, 36, 64]);
}

#[test]
fn a_forward_that_the_kernel_refuses_is_not_the_end() {
    let rinit = Pid1::new()
        .setup(Setup::NoSignal)
        .arg("--")
        .program("collect", ["64"])
        .spawn();
    rinit.wait_for_line("ready");
    rinit.signal(10);
    rinit.wait_for_line("rinit: SIGUSR1 not forwarded: operation not permitted");
    rinit.signal(64);
    assert_eq!(rinit.wait(), Status::Exited(0));
}

#[test]
fn what_rinit_writes_to_a_closed_pipe_does_not_reach_the_command_as_sigpipe() {
    let (reader, writer) = crate::harness::open_pipe();
    drop(reader);
    let rinit = Pid1::new()
        .stdin(writer)
        .args(["sh", "-c"])
        .arg("exec \"$@\" 2>&0 0</dev/null")
        .args(["sh", crate::harness::RINIT, "-v", "-v", "--"])
        .program("collect", ["64"])
        .spawn();
    rinit.wait_for_line("ready");
    rinit.signal(10);
    rinit.wait_for_line("signal 10");
    rinit.signal(12);
    rinit.wait_for_line("signal 12");
    rinit.signal(64);
    assert_eq!(rinit.wait(), Status::Exited(0));
    assert_eq!(
        collected(&rinit).into_keys().collect::<Vec<_>>(),
        [10, 12, 64]
    );
}
