//! What a unit has made for its service, and what is left of it after the run.

use std::fs;

use crate::harness::{Running, send};
use crate::sandbox::{noted, unit_beside};
use crate::supervisor::{ends_in_order, process, service};

/// A unit's service beside one that keeps rinit running.
fn run(lines: &str, script: &str) -> Running {
    let other = service("other", "'sleep 2000'", "");
    unit_beside(&other, lines, script).spawn()
}

/// What is at this path of the container's, a link itself.
fn is_there(rinit: &Running, path: &str) -> bool {
    fs::symlink_metadata(format!("/proc/{}/root{path}", rinit.pid())).is_ok()
}

/// The service's process dies, and these go.
fn ends_without(rinit: &Running, gone: &[&str]) {
    send(process(rinit, "sleep 1000").unwrap().pid, 9);
    rinit.wait_until("all of it has gone", || {
        gone.iter().all(|path| !is_there(rinit, path))
    });
}

#[test]
fn folders_have_links_which_go_with_those_in_run() {
    let rinit = run(
        "RuntimeDirectory=a:b a:c/d e\nStateDirectory=rinit-test-s:rinit-test-t\nConfigurationDirectory=no:where",
        "env | grep DIRECTORY= | sort >> notes; readlink /run/b /run/c/d /var/lib/rinit-test-t >> notes",
    );
    let expected = [
        "RUNTIME_DIRECTORY=/run/a:/run/e",
        "STATE_DIRECTORY=/var/lib/rinit-test-s",
        "a",
        "../a",
        "rinit-test-s",
    ];
    assert_eq!(noted(&rinit), expected, "{}", rinit.dump());
    ends_without(&rinit, &["/run/a", "/run/b", "/run/c/d", "/run/e"]);
    assert!(is_there(&rinit, "/run/c") && is_there(&rinit, "/var/lib/rinit-test-t"));
    ends_in_order(&rinit);
    let _ = fs::remove_file("/var/lib/rinit-test-t");
    let _ = fs::remove_dir("/var/lib/rinit-test-s");
}

#[test]
fn what_has_a_links_name_already_is_kept_and_fails_the_start() {
    let other = service("other", "'sleep 2000'", "runtime-directory = 'b'");
    let lines = "RuntimeDirectory=a:b\n[Unit]\nAfter=other.service\n[Service]";
    let rinit = unit_beside(&other, lines, "echo never >> notes").spawn();
    rinit.wait_for_line("runtime-directory /run/b: file exists");
    assert!(is_there(&rinit, "/run/b"));
    ends_in_order(&rinit);
}
