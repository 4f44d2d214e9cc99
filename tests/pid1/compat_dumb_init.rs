use crate::harness::{Pid1, RINIT, Running, Setup, Status};

fn dumb_init() -> Pid1 {
    Pid1::new().called("dumb-init")
}

#[test]
fn the_first_word_ends_the_options_and_long_ones_may_be_short() {
    let ended = dumb_init().args(["sh", "-c", "exit 3"]).run();
    assert_eq!(ended.status, Status::Exited(3));
    let ended = dumb_init()
        .args(["--sing", "--verb", "sh", "-c", "exit 3"])
        .run();
    assert_eq!(ended.status, Status::Exited(3));
    assert!(
        ended.stderr.contains("[dumb-init] Child spawned with PID"),
        "{ended:?}"
    );
    let ended = dumb_init().args(["--ver", "true"]).run();
    assert_eq!(ended.status, Status::Exited(1));
    assert_eq!(
        ended.stderr,
        "dumb-init: option '--ver' is ambiguous; possibilities: '--verbose' '--version'\n"
    );
}

#[test]
fn help_and_version_go_to_stderr() {
    for option in ["-h", "--help", "-V", "--version"] {
        let ended = dumb_init().arg(option).run();
        assert_eq!(
            (ended.status, ended.stdout.as_str()),
            (Status::Exited(0), "")
        );
        assert!(ended.stderr.starts_with("dumb-init v1.2.5"), "{ended:?}");
    }
}

#[test]
fn errors_have_its_codes() {
    let ended = dumb_init().arg("nosuch").run();
    assert_eq!(ended.status, Status::Exited(2));
    assert_eq!(
        ended.stderr,
        "[dumb-init] nosuch: No such file or directory\n"
    );
    for args in [
        &[][..],
        &["-x", "true"],
        &["-r", "x", "true"],
        &["-r", "32:1", "true"],
        &["-r", "1:32", "true"],
    ] {
        let ended = dumb_init().args(args.iter().copied()).run();
        assert_eq!(
            (ended.status, ended.stdout.as_str()),
            (Status::Exited(1), ""),
            "{args:?}"
        );
    }
    let ended = dumb_init().run();
    assert_eq!(ended.stderr.lines().count(), 2, "{ended:?}");
}

#[test]
fn the_command_leads_a_session_unless_single_child() {
    let script =
        "read -r p c s pp pg sid rest < /proc/self/stat; [ $sid = $p ] && echo own || echo same";
    let of = |pid1: Pid1| pid1.args(["sh", "-c", script]).run().stdout;
    assert_eq!(of(dumb_init()), "own\n");
    assert_eq!(of(dumb_init().arg("-c")), "same\n");
    assert_eq!(of(dumb_init().env("DUMB_INIT_SETSID", "0")), "same\n");
    assert_eq!(of(dumb_init().env("DUMB_INIT_SETSID", "1")), "own\n");
}

#[test]
fn signals_are_rewritten_by_number_and_0_drops() {
    let rinit = dumb_init()
        .args(["-r", "15:3", "--rewrite=1:0", "-r12:10x", "--"])
        .program("collect", ["64"])
        .spawn();
    rinit.wait_for_line("ready");
    for signal in [1, 15, 12, 64] {
        rinit.signal(signal);
    }
    assert_eq!(rinit.wait(), Status::Exited(0));
    let mut lines: Vec<String> = rinit.stdout().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            "ready",
            "signal 10 value -",
            "signal 3 value -",
            "signal 64 value -"
        ]
    );
}

#[test]
fn the_command_starts_with_every_signal_reset() {
    let ended = dumb_init()
        .setup(Setup::OddSignals)
        .args(["sh", "-c", "cat /proc/self/status | grep -E 'Sig(Blk|Ign)'"])
        .run();
    let none = "0".repeat(16);
    assert_eq!(ended.stdout, format!("SigBlk:\t{none}\nSigIgn:\t{none}\n"));
}

#[test]
fn signals_go_to_the_whole_group_and_the_end_too() {
    let script = "trap 'echo outer' USR1
        sh -c 'trap \"echo inner\" USR1; echo up; while :; do sleep 0.01; done' &
        while :; do wait; done";
    let rinit = dumb_init().args(["sh", "-c", script]).spawn();
    rinit.wait_for_line("up");
    rinit.signal(10);
    rinit.wait_for_line("inner");
    rinit.wait_for_line("outer");
    drop(rinit);
    // Where others are left to see it, what it leaves has the time to hear of the end.
    let script = format!(
        "ln -s {RINIT} dumb-init; ./dumb-init {} @leaver; until test -e seen; do sleep 0.01; done",
        std::env::current_exe().unwrap().display()
    );
    let rinit = Pid1::new().args(["sh", "-c", &script]).spawn();
    rinit.wait_for_line("left in order");
    std::fs::write(rinit.path("seen"), "").unwrap();
    assert_eq!(rinit.wait(), Status::Exited(0));
}

#[test]
fn terminal_stops_come_as_sigstop_unless_they_are_rewritten() {
    let state = |pid| Running::status_of(pid, "State:").unwrap_or_default();
    for signal in [20, 21, 22] {
        let rinit = dumb_init().not_pid1().program("collect", ["10"]).spawn();
        rinit.wait_for_line("ready");
        let child = rinit.children()[0].pid;
        rinit.signal(signal);
        rinit.wait_until("both are stopped", || {
            state(child) == "T" && state(rinit.pid()) == "T"
        });
        rinit.signal(18);
        rinit.signal(10);
        assert_eq!(rinit.wait(), Status::Exited(0), "{}", rinit.dump());
        let came = format!("signal {signal} ");
        assert!(!rinit.stdout().contains(&came), "{}", rinit.dump());
    }
    let rinit = dumb_init()
        .args(["-r", "20:10", "--"])
        .program("collect", ["10"])
        .spawn();
    rinit.wait_for_line("ready");
    rinit.signal(20);
    assert_eq!(rinit.wait(), Status::Exited(0));
}
