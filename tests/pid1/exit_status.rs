use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use crate::harness::{PATH, Pid1, RINIT, Status};

fn code_of(args: &[&str]) -> i32 {
    let status = Command::new(RINIT)
        .args(args)
        .env("PATH", PATH)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.signal(), None, "{args:?}");
    status.code().unwrap()
}

#[test]
fn all_256_exit_codes_come_through() {
    for code in 0..=255 {
        assert_eq!(code_of(&["sh", "-c", &format!("exit {code}")]), code);
    }
}

#[test]
fn a_death_by_signal_n_is_128_plus_n_for_every_signal() {
    let own = std::env::current_exe().unwrap();
    let own = own.to_str().unwrap();
    let ignored_or_stops = [17, 18, 19, 20, 21, 22, 23, 28];
    for signal in (1..=64).filter(|signal| !ignored_or_stops.contains(signal)) {
        assert_eq!(
            code_of(&["--", own, "@die", &signal.to_string()]),
            128 + signal,
            "signal {signal}"
        );
    }
}

#[test]
fn as_pid_1_codes_and_signals_come_through_too() {
    for (script, code) in [("exit 0", 0), ("exit 255", 255), ("kill -9 $$", 137)] {
        let ended = Pid1::new().args(["sh", "-c", script]).run();
        assert_eq!(ended.status, Status::Exited(code), "{ended:?}");
    }
}

#[test]
fn e_makes_a_code_0_also_one_that_stands_for_a_signal() {
    assert_eq!(
        code_of(&["-e", "3", "-e143", "--", "sh", "-c", "exit 3"]),
        0
    );
    assert_eq!(
        code_of(&["-e", "3", "-e143", "--", "sh", "-c", "kill $$"]),
        0
    );
    assert_eq!(
        code_of(&["-e", "3", "-e143", "--", "sh", "-c", "exit 4"]),
        4
    );
}

#[test]
fn what_is_not_there_is_127_and_what_cannot_be_executed_126() {
    assert_eq!(code_of(&["no-such-program"]), 127);
    assert_eq!(code_of(&["/no/such/program"]), 127);
    assert_eq!(code_of(&["/etc/passwd/x"]), 127);
    assert_eq!(code_of(&["/etc/passwd"]), 126);
    assert_eq!(code_of(&["/"]), 126);
    assert_eq!(code_of(&[""]), 127);
}

#[test]
fn a_failed_exec_says_what_and_why_in_one_line() {
    let ended = Pid1::new().args(["--", "no-such-program", "x"]).run();
    assert_eq!(ended.status, Status::Exited(127));
    assert_eq!(
        ended.stderr,
        "rinit: exec no-such-program: no such file or directory\n"
    );
}

#[test]
fn path_is_searched_past_what_is_denied_and_a_denial_is_remembered() {
    let pid1 = Pid1::new()
        .file("a/tool", "exit 1\n")
        .script("b/tool", "#!/bin/sh\nexit 42\n");
    let path = |folders: &[&str]| {
        let folders: Vec<String> = folders
            .iter()
            .map(|folder| pid1.path(folder).to_str().unwrap().to_owned())
            .collect();
        folders.join(":")
    };
    let both = path(&["nowhere", "a", "b"]);
    let first = path(&["a", "nowhere"]);
    let run = |path: &str| {
        let status = Command::new(RINIT)
            .arg("tool")
            .env("PATH", path)
            .stderr(Stdio::null())
            .status();
        status.unwrap().code().unwrap()
    };
    assert_eq!(run(&both), 42);
    assert_eq!(run(&first), 126);
}

#[test]
fn a_script_without_an_interpreter_line_is_run_by_sh_with_its_arguments() {
    let pid1 = Pid1::new().script("bare", "echo \"$0 $1 $2\"; exit 7\n");
    let bare = pid1.path("bare");
    let ended = pid1.arg("--").arg(&bare).args(["one", "two"]).run();
    assert_eq!(ended.status, Status::Exited(7), "{ended:?}");
    assert_eq!(ended.stdout, format!("{} one two\n", bare.display()));
}

#[test]
fn a_usage_error_is_125() {
    assert_eq!(code_of(&["--no-such-option", "true"]), 125);
    assert_eq!(code_of(&["-e", "256", "true"]), 125);
    assert_eq!(code_of(&["--wait", "5", "true"]), 125);
    assert_eq!(code_of(&["--rewrite", "TERM", "true"]), 125);
}
