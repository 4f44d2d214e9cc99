use crate::harness::{Pid1, RINIT, Setup, Status};

fn tini() -> Pid1 {
    Pid1::new().called("/sbin/docker-init")
}

#[test]
fn dockerd_reads_its_version() {
    for name in ["tini", "tini-static", "docker-init", "/usr/bin/tini"] {
        let ended = Pid1::new().called(name).arg("--version").run();
        assert_eq!(ended.status, Status::Exited(0));
        assert_eq!(ended.stdout, "tini version 0.19.0\n");
        assert_eq!(ended.stderr, "");
    }
    let ended = tini().args(["--version", "x"]).run();
    assert_eq!(
        (ended.status, ended.stdout.as_str()),
        (Status::Exited(1), "")
    );
}

#[test]
fn the_engine_s_call_runs_the_command() {
    let ended = tini().args(["--", "sh", "-c", "exit 3"]).run();
    assert_eq!(ended.status, Status::Exited(3));
}

#[test]
fn words_are_permuted_unless_posixly_correct() {
    let ended = tini().args(["echo", "-v", "hi"]).run();
    assert!(ended.stdout.lines().any(|line| line == "hi"), "{ended:?}");
    let ended = tini().args(["sh", "-c", "exit 3"]).run();
    assert_eq!(ended.status, Status::Exited(1));
    assert!(ended.stderr.contains("invalid option -- 'c'"), "{ended:?}");
    let ended = tini()
        .env("POSIXLY_CORRECT", "1")
        .args(["sh", "-c", "exit 3"])
        .run();
    assert_eq!(ended.status, Status::Exited(3));
    let ended = tini()
        .args(["sh", "-e", "3", "-g", "--", "-c", "exit 3"])
        .run();
    assert_eq!(ended.status, Status::Exited(0), "{ended:?}");
}

#[test]
fn exec_failures_have_its_words_and_codes() {
    let ended = tini().args(["--", "nosuch"]).run();
    assert_eq!(ended.status, Status::Exited(127));
    assert_eq!(
        ended.stderr,
        "[FATAL tini (1)] exec nosuch failed: No such file or directory\n"
    );
    let ended = tini().args(["--", "/etc/passwd"]).run();
    assert_eq!(ended.status, Status::Exited(126));
    let ended = tini().args(["--", "/etc/passwd/x"]).run();
    assert_eq!(ended.status, Status::Exited(1));
}

#[test]
fn usage_errors_are_1_on_stderr_and_help_0_on_stdout() {
    for args in [
        &[][..],
        &["-x", "true"],
        &["-p", "TERM", "true"],
        &["-p", "SIGRTMIN", "true"],
        &["-p", "15", "true"],
        &["-e", "256", "true"],
        &["-e", "x", "true"],
        &["-e"],
    ] {
        let ended = tini().args(args.iter().copied()).run();
        assert_eq!(ended.status, Status::Exited(1), "{args:?}");
        assert_eq!(ended.stdout, "", "{args:?}");
        assert_ne!(ended.stderr, "", "{args:?}");
    }
    for option in ["-h", "-l"] {
        let ended = tini().arg(option).run();
        assert_eq!(
            (ended.status, ended.stderr.as_str()),
            (Status::Exited(0), "")
        );
        assert_ne!(ended.stdout, "");
    }
}

#[test]
fn e_remaps_and_the_environment_sets_the_rest() {
    let ended = tini().args(["-e", "3", "--", "sh", "-c", "exit 3"]).run();
    assert_eq!(ended.status, Status::Exited(0));
    let ended = tini()
        .env("TINI_VERBOSITY", "2")
        .args(["--", "sh", "-c", "exit 3"])
        .run();
    assert!(
        ended
            .stdout
            .contains("[INFO  tini (1)] Main child exited normally (with status '3')"),
        "{ended:?}"
    );
    let ended = tini()
        .env("TINI_VERBOSITY", "x")
        .args(["-v", "-v", "--", "true"])
        .run();
    assert_eq!(ended.stdout, "");
}

#[test]
fn tini_kill_process_group_is_g() {
    let script = "trap 'wait; exit 5' USR1
        sh -c 'trap \"echo inner; exit\" USR1; echo up; while :; do sleep 0.01; done' &
        while :; do wait; done";
    let rinit = tini()
        .env("TINI_KILL_PROCESS_GROUP", "")
        .args(["--", "sh", "-c", script])
        .spawn();
    rinit.wait_for_line("up");
    rinit.signal(10);
    rinit.wait_for_line("inner");
    assert_eq!(rinit.wait(), Status::Exited(5));
}

#[test]
fn what_kills_tini_does_not_kill_this() {
    let ended = tini()
        .setup(Setup::Closed)
        .args(["--", "sh", "-c", "exit 7"])
        .run();
    assert_eq!(ended.status, Status::Exited(7));
    let ended = tini()
        .not_pid1()
        .args(["-s", "--", "sh", "-c", "exit 7"])
        .run();
    assert_eq!(
        (ended.status, ended.stderr.as_str()),
        (Status::Exited(7), "")
    );
}

#[test]
fn w_warns_of_each_orphan() {
    let script = "(sh -c 'exit 0' &) ; until test -e told; do sleep 0.01; done";
    let rinit = tini().args(["-w", "--", "sh", "-c", script]).spawn();
    rinit.wait_for_line("[WARN  tini (1)] Reaped zombie process with pid=");
    std::fs::write(rinit.path("told"), "").unwrap();
    assert_eq!(rinit.wait(), Status::Exited(0), "{}", rinit.dump());
}

/// Below another init: its parent ends once its command is there, and `-p` tells it.
fn is_told_of_its_parents_death(called: &str, signal: &str) {
    let own = std::env::current_exe().unwrap();
    let script = format!(
        "ln -s {RINIT} {called}
         sh -c './{called} -p {signal} -- {} @collect 10 & until test -e go; do sleep 0.01; done'
         until test -e seen; do sleep 0.01; done",
        own.display()
    );
    let rinit = Pid1::new().args(["sh", "-c", &script]).spawn();
    rinit.wait_for_line("ready");
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("signal 10 value");
    std::fs::write(rinit.path("seen"), "").unwrap();
    assert_eq!(rinit.wait(), Status::Exited(0), "{}", rinit.dump());
}

#[test]
fn p_is_the_signal_of_its_parents_death() {
    is_told_of_its_parents_death("tini", "SIGUSR1");
    is_told_of_its_parents_death("rinit", "usr1");
}
