//! What a unit's service finds when it is executed, where systemd's own answer is known.

use crate::sandbox::{finds, noted, unit};
use crate::supervisor::IN_ORDER;

#[test]
fn files_of_variables_are_named_by_patterns_and_keep_quotes_inside_values() {
    let rinit = unit(
        "EnvironmentFile=FOLDER/env.d/*.conf\nEnvironmentFile=-FOLDER/none.d/*",
        "echo \"$A $B\" >> notes",
    )
    .file("env.d/2.conf", "A=second\n")
    .file("env.d/1.conf", "A=first\nB=-x \"y z\"\n")
    .spawn();
    assert_eq!(noted(&rinit), ["second -x \"y z\""], "{}", rinit.dump());
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn what_is_ambient_beyond_the_bounding_set_is_left_out() {
    finds(
        "CapabilityBoundingSet=CAP_CHOWN\nAmbientCapabilities=CAP_CHOWN CAP_KILL",
        "grep CapAmb /proc/self/status | tr -d '\\t' >> notes",
        &["CapAmb:0000000000000001"],
    );
}

#[test]
fn a_strict_system_leaves_homes_to_their_own_directive() {
    let script =
        "for at in /root /etc/rinit-test-conf /srv; do [ -w $at ] && echo $at >> notes; done";
    let lines =
        "ProtectSystem=strict\nReadWritePaths=FOLDER\nConfigurationDirectory=rinit-test-conf";
    finds(lines, script, &["/root", "/etc/rinit-test-conf"]);
    let lines = format!("{lines}\nProtectHome=read-only");
    finds(&lines, script, &["/etc/rinit-test-conf"]);
    let _ = std::fs::remove_dir("/etc/rinit-test-conf");
}

#[test]
fn in_an_empty_folder_that_is_closed_stands_what_is_bound_there() {
    finds(
        "TemporaryFileSystem=/srv:ro\nBindPaths=FOLDER:/srv/mine",
        "[ -w /srv ] || echo closed >> notes; echo bound >> /srv/mine/notes; ls /srv >> notes",
        &["closed", "bound", "mine"],
    );
}
