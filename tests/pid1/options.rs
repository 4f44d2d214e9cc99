use crate::harness::{Pid1, Status};

#[test]
fn the_first_word_ends_the_options() {
    let ended = Pid1::new().args(["echo", "-v", "--help"]).run();
    assert_eq!(ended.stdout, "-v --help\n");
    let ended = Pid1::new().args(["-e", "3", "sh", "-c", "exit 3"]).run();
    assert_eq!(ended.status, Status::Exited(0));
}

#[test]
fn two_dashes_end_them_too() {
    let ended = Pid1::new().args(["-g", "--", "echo", "--", "-x"]).run();
    assert_eq!(ended.stdout, "-- -x\n");
}

#[test]
fn ctl_behind_two_dashes_is_a_program() {
    let pid1 = Pid1::new().script("ctl", "#!/bin/sh\necho program\n");
    let path = format!("{}:/usr/bin:/bin", pid1.path("").display());
    let ended = pid1.env("PATH", &path).args(["--", "ctl"]).run();
    assert_eq!(ended.stdout, "program\n");
}

#[test]
fn what_is_no_program_but_was_meant_leads_on() {
    for (typed, help) in [
        ("no-such.toml", "help: rinit -c no-such.toml supervises"),
        ("boot-chart", "help: rinitctl boot-chart asks"),
    ] {
        let ended = Pid1::new().arg(typed).run();
        assert_eq!(ended.status, Status::Exited(127), "{ended:?}");
        assert!(ended.stderr.contains(help), "{ended:?}");
    }
    let pid1 = Pid1::new().script("unread", "");
    let folder = pid1.path("").display().to_string();
    let ended = pid1.args(["-c", &folder]).run();
    assert_eq!(ended.status, Status::Exited(125), "{ended:?}");
    assert!(
        ended.stderr.contains(&format!("{folder} has no [service")),
        "{ended:?}"
    );
}

#[test]
fn rinitctl_says_its_version_and_leads_to_its_verbs() {
    let ended = Pid1::new().args(["ctl", "--version"]).run();
    assert!(ended.stdout.starts_with("rinitctl "), "{ended:?}");
    let ended = Pid1::new().args(["ctl", "reread"]).run();
    assert_eq!(ended.status, Status::Exited(2), "{ended:?}");
    assert!(ended.stderr.contains("help: rinitctl plan\n"), "{ended:?}");
    let ended = Pid1::new().args(["ctl", "nothing-like-it"]).run();
    assert!(ended.stderr.contains("lists every verb"), "{ended:?}");
}

#[test]
fn help_and_version_go_to_stdout() {
    let ended = Pid1::new().arg("--help").run();
    assert_eq!(
        (ended.status, ended.stderr.as_str()),
        (Status::Exited(0), "")
    );
    for option in [
        "--config",
        "--check",
        "--rewrite",
        "--wait",
        "-p",
        "-g",
        "-s",
        "-e",
        "-w",
    ] {
        assert!(ended.stdout.contains(option), "{option}");
    }
    let ended = Pid1::new().arg("-V").run();
    assert_eq!(
        ended.stdout,
        format!("rinit {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn wait_gives_what_is_left_sigterm_and_time() {
    for place in [Pid1::new(), Pid1::new().not_pid1()] {
        let ended = place
            .args(["--wait", "1m", "--"])
            .program("leaver", [""; 0])
            .run();
        assert_eq!(ended.status, Status::Exited(0), "{ended:?}");
        assert_eq!(ended.stdout, "left in order\n");
    }
}

#[test]
fn wait_ends_when_its_time_is_over() {
    let ended = Pid1::new()
        .args([
            "--wait",
            "100ms",
            "sh",
            "-c",
            "(trap '' TERM; sleep 1000) & exit 4",
        ])
        .run();
    assert_eq!(ended.status, Status::Exited(4), "{ended:?}");
}

#[test]
fn v_tells_of_the_command_and_vv_of_signals() {
    let ended = Pid1::new().args(["-v", "sh", "-c", "exit 3"]).run();
    assert!(
        ended.stderr.contains("rinit: command exited with status 3"),
        "{ended:?}"
    );
    let quiet = Pid1::new().args(["sh", "-c", "exit 3"]).run();
    assert_eq!(quiet.stderr, "");
    let variable = Pid1::new()
        .env("RINIT_LOG", "info")
        .args(["sh", "-c", "exit 3"])
        .run();
    assert_eq!(
        variable.stderr.lines().count(),
        ended.stderr.lines().count()
    );
}
