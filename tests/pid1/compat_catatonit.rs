use crate::harness::{Pid1, Setup, Status};

fn catatonit() -> Pid1 {
    Pid1::new().called("/run/podman-init")
}

#[test]
fn its_version_says_tini_for_dockerd() {
    for option in ["-V", "--version", "--vers"] {
        let ended = catatonit().arg(option).run();
        assert_eq!(ended.stdout, "tini version 0.1.7_catatonit\n");
        assert_eq!(ended.status, Status::Exited(0));
    }
}

#[test]
fn the_engine_s_call_runs_the_command() {
    let ended = catatonit().args(["--", "sh", "-c", "exit 3"]).run();
    assert_eq!(ended.status, Status::Exited(3));
    let ended = catatonit().args(["sh", "-c", "exit 3"]).run();
    assert_eq!(ended.status, Status::Exited(1));
}

#[test]
fn errors_are_1_and_name_the_command() {
    let ended = catatonit().args(["--", "nosuch"]).run();
    assert_eq!(ended.status, Status::Exited(1));
    assert_eq!(
        ended.stderr,
        "ERROR (catatonit:1): failed to exec pid1: nosuch: No such file or directory\n"
    );
    let ended = catatonit()
        .env("CATATONIT_LOG", "x")
        .args(["--", "true"])
        .run();
    assert_eq!(ended.status, Status::Exited(1));
    let ended = catatonit().run();
    assert!(ended.stderr.contains("missing program name"), "{ended:?}");
    assert_eq!(ended.status, Status::Exited(1));
}

#[test]
fn pause_reaps_until_term_or_int() {
    for signal in [15, 2] {
        let rinit = catatonit().setup(Setup::OddSignals).args(["-P"]).spawn();
        rinit.wait_until("it stands", || {
            crate::harness::Running::status_of(rinit.pid(), "SigBlk:").as_deref()
                == Some("fffffffffffbfeff")
        });
        rinit.signal(10);
        rinit.signal(signal);
        assert_eq!(rinit.wait(), Status::Exited(0));
    }
}

#[test]
fn listen_pid_comes_to_name_the_command() {
    let ended = catatonit()
        .env("LISTEN_PID", "1")
        .args(["--", "sh", "-c", "[ $LISTEN_PID = $$ ] && echo same"])
        .run();
    assert_eq!(ended.stdout, "same\n");
    let ended = catatonit()
        .env("LISTEN_PID", "99")
        .args(["--", "sh", "-c", "echo $LISTEN_PID"])
        .run();
    assert_eq!(ended.stdout, "99\n");
}

#[test]
fn help_goes_to_stderr_and_the_licence_to_stdout() {
    let ended = catatonit().arg("-h").run();
    assert_eq!(
        (ended.status, ended.stdout.as_str()),
        (Status::Exited(0), "")
    );
    let ended = catatonit().arg("-L").run();
    assert_eq!(
        (ended.status, ended.stderr.as_str()),
        (Status::Exited(0), "")
    );
}

#[test]
fn g_is_the_group_and_stop_signals_are_not_swallowed() {
    let script = "trap 'wait; exit 5' USR1
        sh -c 'trap \"echo inner; exit\" USR1; echo up; while :; do sleep 0.01; done' &
        while :; do wait; done";
    let rinit = catatonit().args(["-g", "--", "sh", "-c", script]).spawn();
    rinit.wait_for_line("up");
    rinit.signal(10);
    rinit.wait_for_line("inner");
    assert_eq!(rinit.wait(), Status::Exited(5));
    let rinit = catatonit().arg("--").program("collect", ["20"]).spawn();
    rinit.wait_for_line("ready");
    rinit.signal(20);
    assert_eq!(rinit.wait(), Status::Exited(0));
}
