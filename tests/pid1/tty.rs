use std::process::{Command, Stdio};

use crate::harness::{Pid1, RINIT, Setup, Status, foreground, open_terminal};

#[test]
fn the_command_gets_the_terminal_if_rinit_has_it() {
    let (master, slave) = open_terminal();
    let rinit = Pid1::new()
        .terminal(slave)
        .not_pid1()
        .setup(Setup::Foreground)
        .arg("--")
        .program("foreground", [""; 0])
        .spawn();
    assert_eq!(rinit.wait(), Status::Exited(0));
    assert!(
        rinit.stdout().contains("foreground true"),
        "{}",
        rinit.dump()
    );
    drop(master);
}

#[test]
fn in_the_background_it_stays_there() {
    let (master, slave) = open_terminal();
    let rinit = Pid1::new()
        .stdin(slave)
        .setup(Setup::Background)
        .arg("--")
        .program("foreground", [""; 0])
        .spawn();
    assert_eq!(rinit.wait(), Status::Exited(0));
    assert!(
        rinit.stdout().contains("foreground false"),
        "{}",
        rinit.dump()
    );
    drop(master);
}

#[test]
fn control_c_ends_the_command_with_130() {
    let (master, slave) = open_terminal();
    let rinit = Pid1::new()
        .terminal(slave)
        .args(["sh", "-c", "echo up; while :; do sleep 0.01; done"])
        .spawn();
    rinit.wait_for_line("up");
    let group = rinit.children()[0].pid;
    rinit.wait_until("it has the terminal", || foreground(&master) == group);
    nix::unistd::write(&master, b"\x03").unwrap();
    assert_eq!(rinit.wait(), Status::Exited(130));
}

#[test]
fn a_hang_up_ends_the_command_with_129() {
    let (master, slave) = open_terminal();
    let rinit = Pid1::new()
        .terminal(slave)
        .args(["sh", "-c", "echo up; while :; do sleep 0.01; done"])
        .spawn();
    rinit.wait_for_line("up");
    let group = rinit.children()[0].pid;
    rinit.wait_until("it has the terminal", || foreground(&master) == group);
    drop(master);
    assert_eq!(rinit.wait(), Status::Exited(129));
}

#[test]
fn a_terminal_on_stderr_alone_is_found() {
    let (master, slave) = open_terminal();
    let rinit = Pid1::new()
        .terminal(slave)
        .args(["sh", "-c", "exec \"$@\" 2>&0 </dev/null", "sh", RINIT, "--"])
        .args(["sh", "-c", "echo up; while :; do sleep 0.01; done"])
        .spawn();
    rinit.wait_for_line("up");
    let processes = rinit.processes();
    let group = processes
        .iter()
        .find(|process| process.name == "sh")
        .unwrap()
        .pid;
    rinit.wait_until("the command has it", || foreground(&master) == group);
}

#[test]
fn a_dead_terminal_is_no_error() {
    let (master, slave) = open_terminal();
    drop(master);
    let status = Command::new(RINIT)
        .args(["sh", "-c", "exit 3"])
        .stdin(Stdio::from(slave))
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(3));
}
