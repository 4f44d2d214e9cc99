use crate::harness::{Pid1, Setup, Status};

fn still_exits_with_7(setup: Setup) {
    for options in [&["--"][..], &["-v", "--"]] {
        let ended = Pid1::new()
            .setup(setup)
            .args(options.iter().copied())
            .args(["sh", "-c", "exit 7"])
            .run();
        assert_eq!(ended.status, Status::Exited(7), "{setup:?} {ended:?}");
    }
}

#[test]
fn no_proc_is_no_error() {
    still_exits_with_7(Setup::NoProc);
}

#[test]
fn a_read_only_world_is_no_error() {
    still_exits_with_7(Setup::ReadOnly);
}

#[test]
fn an_ignored_sigchld_is_no_error() {
    still_exits_with_7(Setup::ChldIgnored);
}

#[test]
fn closed_descriptors_0_to_2_are_no_error() {
    still_exits_with_7(Setup::Closed);
}

#[test]
fn no_capabilities_are_no_error() {
    still_exits_with_7(Setup::NoCapabilities);
}

#[test]
fn a_sandbox_without_clones_that_share_memory_is_no_error() {
    still_exits_with_7(Setup::NoSharedClone);
    let ended = Pid1::new()
        .setup(Setup::NoSharedClone)
        .args(["--", "no-such-program"])
        .run();
    assert_eq!(ended.status, Status::Exited(127), "{ended:?}");
    assert!(ended.stderr.contains("no such file or directory"));
}

#[test]
fn not_to_be_pid_1_is_no_error_and_no_word() {
    let ended = Pid1::new().not_pid1().args(["sh", "-c", "exit 7"]).run();
    assert_eq!(ended.status, Status::Exited(7));
    assert_eq!(ended.stderr, "");
}

#[test]
fn w_without_proc_still_reaps() {
    let ended = Pid1::new()
        .setup(Setup::NoProc)
        .args(["-w", "sh", "-c", "(true &); exit 7"])
        .run();
    assert_eq!(ended.status, Status::Exited(7), "{ended:?}");
}

#[test]
fn an_empty_environment_is_no_error() {
    let ended = Pid1::new().env_clear().args(["sh", "-c", "exit 7"]).run();
    assert_eq!(ended.status, Status::Exited(7), "{ended:?}");
}
