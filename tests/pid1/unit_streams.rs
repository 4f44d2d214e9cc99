//! What stands on the standard streams of a unit's service beside files: a text, a terminal,
//! its sockets.

use crate::harness::{Pid1, Running, open_terminal};
use crate::sandbox::{finds, noted, unit};
use crate::supervisor::ends_in_order;

#[test]
fn a_text_of_the_unit_is_read_by_each_of_its_commands() {
    finds(
        "StandardInput=null\nStandardInputText=gone\nStandardInputText=\n\
         StandardInputText=one\\x09tab %n %%i \\\\x25\nStandardInputData=dGhy\nStandardInputData=ZWUK\n\
         ExecStartPre=/bin/sh -c 'cat >> notes'",
        "cat >> notes",
        &[
            "one\ttab web.service %i \\x25",
            "three",
            "one\ttab web.service %i \\x25",
            "three",
        ],
    );
    finds(
        "StandardInput=data",
        "readlink /proc/$$/fd/0 >> notes",
        &["/dev/null"],
    );
}

/// rinit's standard input: /dev has no terminals here.
const TERMINAL: &str = "/proc/1/fd/0";

/// A unit that reads from that terminal, and notes by which one it is controlled.
fn reads() -> Pid1 {
    unit(
        &format!(
            "StandardInput=tty\nTTYPath={TERMINAL}\nUnsetEnvironment=TERM\n\
             ExecStartPre=/bin/sh -c '[ -t 0 ] || echo before >> notes'"
        ),
        "[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all >> notes\n\
         cut -d ' ' -f 7 /proc/$$/stat >> notes\nread line; echo \"read $line\" >> notes",
    )
}

#[test]
fn a_terminal_that_is_nobodys_becomes_the_services_and_answers() {
    let (master, slave) = open_terminal();
    let rinit = reads().stdin(slave).spawn();
    nix::unistd::write(&master, b"hello\n").unwrap();
    let found = noted(&rinit);
    let [before, all, control, read] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!([before, all, read], ["before", "all", "read hello"]);
    assert_ne!(control, "0");
    ends_in_order(&rinit);
}

#[test]
fn the_containers_own_terminal_stays_rinits_and_is_read_all_the_same() {
    let (master, slave) = open_terminal();
    let rinit = reads().terminal(slave).spawn();
    nix::unistd::write(&master, b"hello\n").unwrap();
    assert_eq!(noted(&rinit), ["before", "all", "0", "read hello"]);
    ends_in_order(&rinit);
}

#[test]
fn a_terminal_that_is_not_there_fails_a_start_that_reads_and_none_that_writes() {
    let rinit = unit("StandardInput=tty\nTTYPath=/dev/no-such", "true").spawn();
    rinit.wait_for_line("StandardInput=tty: /dev/no-such: no such file or directory");
    ends(&rinit);
    let rinit = unit("StandardInput=tty-fail\nTTYPath=/dev/null", "true").spawn();
    rinit.wait_for_line("StandardInput=tty-fail: /dev/null: inappropriate ioctl for device");
    ends(&rinit);
    let rinit = unit("StandardOutput=tty\nTTYPath=/dev/no-such", "echo said").spawn();
    rinit.wait_for_line("said");
    noted(&rinit);
    ends_in_order(&rinit);
}

#[test]
fn what_only_writes_to_a_terminal_is_not_controlled_by_it() {
    let (_master, slave) = open_terminal();
    let lines = format!("StandardOutput=tty\nTTYPath={TERMINAL}");
    let script = "[ -t 0 ] || echo none >> notes; [ -t 1 ] && [ -t 2 ] && echo both >> notes\n\
                  cut -d ' ' -f 7 /proc/$$/stat >> notes";
    let rinit = unit(&lines, script).stdin(slave).spawn();
    assert_eq!(noted(&rinit), ["none", "both", "0"]);
    ends_in_order(&rinit);
}

fn ends(rinit: &Running) {
    rinit.signal(15);
    rinit.wait();
}

#[test]
fn a_socket_is_a_stream_by_its_name_and_waits_for_nobody() {
    // O_NONBLOCK stands in the flags of each.
    let script = "readlink /proc/$$/fd/0 /proc/$$/fd/2 /proc/$$/fd/4 | uniq -c | grep -o ' [0-9] ' | tr -d ' ' >> notes\n\
                  grep -h flags /proc/$$/fdinfo/3 /proc/$$/fdinfo/4 | grep -c 4...$ >> notes";
    let lines = "NonBlocking=yes\nStandardInput=fd:lamp\nSockets=first.socket second.socket";
    let rinit = unit(lines, script)
        .file("units/first.socket", "[Socket]\nListenStream=@rinit-test-first\nService=web.service\n")
        .file(
            "units/second.socket",
            "[Socket]\nListenStream=@rinit-test-second\nFileDescriptorName=lamp\nService=web.service\n",
        )
        .spawn();
    assert_eq!(noted(&rinit), ["3", "2"], "{}", rinit.dump());
    ends_in_order(&rinit);
    let rinit = unit("StandardInput=fd:none", "true").spawn();
    rinit.wait_for_line("StandardInput=fd:none: no such file or directory");
    ends(&rinit);
}
