//! What a unit has made for its service, and what is left of it after the run.

use std::fs;

use crate::harness::{Running, send};
use crate::sandbox::{noted, unit_beside};
use crate::supervisor::{ends_in_order, service, wait_for_process};

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
    send(wait_for_process(rinit, "sleep 1000").pid, 9);
    rinit.wait_until("all of it has gone", || {
        gone.iter().all(|path| !is_there(rinit, path))
    });
}

#[test]
fn folders_have_links_which_go_with_those_in_run() {
    let rinit = run(
        "RuntimeDirectory=a:b a:c/d e\nStateDirectory=web-s:web-t\nConfigurationDirectory=no:where",
        "env | grep DIRECTORY= | sort >> notes; readlink /run/b /run/c/d /var/lib/web-t >> notes",
    );
    let expected = [
        "RUNTIME_DIRECTORY=/run/a:/run/e",
        "STATE_DIRECTORY=/var/lib/web-s",
        "a",
        "../a",
        "web-s",
    ];
    assert_eq!(noted(&rinit), expected, "{}", rinit.dump());
    ends_without(&rinit, &["/run/a", "/run/b", "/run/c/d", "/run/e"]);
    assert!(is_there(&rinit, "/run/c") && is_there(&rinit, "/var/lib/web-t"));
    ends_in_order(&rinit);
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

#[test]
fn credentials_are_the_users_alone_and_go_with_the_run() {
    let other = service("other", "'sleep 2000'", "");
    let rinit = unit_beside(
        &other,
        "User=65534\nLoadCredential=file:FOLDER/secret\nLoadCredential=tree:FOLDER/tree\nLoadCredential=of-store\n\
         LoadCredential=nowhere\nLoadCredential=absent:/no/such/file\nSetCredential=absent:a\\x00b\\n%%d\nSetCredential=file:not this\n\
         SetCredential=twice:first\nSetCredential=twice:x:y  z\n\
         ExecStartPre=+/bin/sh -c 'chmod 777 FOLDER && touch FOLDER/notes && chmod 666 FOLDER/notes'\n\
         ExecStartPre=/bin/sh -c 'stat -c \"%%a %%u\" %d %d/* >> FOLDER/notes'",
        "cd $CREDENTIALS_DIRECTORY && pwd >> $OLDPWD/notes\n\
         for file in *; do echo \"$file=$(tr '\\0\\n' 0/ < $file)\"; done >> $OLDPWD/notes; cd $OLDPWD",
    )
    .file("secret", "from a file")
    .file("tree/a", "one")
    .file("tree/below/b", "two")
    .file("tree/.hidden", "none")
    .file("given/of-store", "the first store\n");
    let given = rinit.path("given");
    let rinit = rinit
        .env("CREDENTIALS_DIRECTORY", &given.display().to_string())
        .spawn();
    let mut expected = vec!["500 65534"];
    expected.extend(["400 65534"; 6]);
    expected.extend([
        "/run/credentials/web.service",
        "absent=a0b/%%d",
        "file=from a file",
        "of-store=the first store/",
        "tree_a=one",
        "tree_below_b=two",
        "twice=x:y  z",
    ]);
    assert_eq!(noted(&rinit), expected, "{}", rinit.dump());
    ends_without(&rinit, &["/run/credentials/web.service"]);
    ends_in_order(&rinit);
}

#[test]
fn a_credential_without_its_file_fails_the_start_as_with_systemd() {
    let lines = "LoadCredential=key:/no/such/file";
    let rinit = unit_beside("", lines, "echo never >> notes").spawn();
    rinit.wait_for_line("LoadCredential key:/no/such/file: no such file or directory");
    assert_eq!(
        rinit.wait(),
        crate::harness::Status::Exited(243),
        "{}",
        rinit.dump()
    );
}
