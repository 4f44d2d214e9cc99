//! What `systemctl` says of units that don't start, or are others on disk.

use crate::harness::Pid1;
use crate::status::asking;
use crate::systemctl::{WRITES, compare_trimmed, script};

/// All enabled units are services; `try` tells of a line, `unit` writes a file.
fn enabled(lines: &str) -> Pid1 {
    let script = script(&[]) + WRITES + lines;
    asking("[init]\nunits = 'enabled'\n", &script).file("units/none", "")
}

#[test]
fn a_stop_command_is_told_how_it_stands_and_how_it_ended() {
    let told = "ExecStop=/bin/sh -c \"echo %%p $$SERVICE_RESULT $$EXIT_CODE $$EXIT_STATUS >>/run/told\"\\n";
    let lines = format!(
        "unit runs.service '[Service]\\nExecStart=/bin/sleep 1000\\n{told}'\n\
         unit once.service '[Service]\\nType=oneshot\\nExecStart=/bin/true\\n{told}'\n\
         try start runs once; try stop runs; cat /run/told\n"
    );
    let wanted = "start runs once: 0
        stop runs: 0
        once success exited 0
        runs success";
    compare_trimmed(enabled(&lines), wanted);
}
