use crate::harness::{Pid1, Setup, Status};

const LOOK: &str = "exec 2>&1; cat /proc/self/status | grep '^Sig[BIC]'; cat /proc/self/limits; env | sort; pwd; umask";

/// What a shell sees that is started by rinit, and what it sees without.
fn compare(setup: Setup) {
    let with = Pid1::new()
        .setup(setup)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("PWD", "/")
        .env("ODD", "a=b c")
        .args([
            "sh",
            "-c",
            "cd /; unset OLDPWD; ulimit -S -n 77; exec \"$@\"",
            "sh",
        ])
        .args([crate::harness::RINIT, "--", "sh", "-c", LOOK])
        .run();
    let without = Pid1::new()
        .setup(setup)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("PWD", "/")
        .env("ODD", "a=b c")
        .args([
            "sh",
            "-c",
            "cd /; unset OLDPWD; ulimit -S -n 77; exec \"$@\"",
            "sh",
        ])
        .args(["sh", "-c", LOOK])
        .run();
    assert_eq!(with.status, Status::Exited(0), "{with:?}");
    assert_eq!(with.stdout, without.stdout);
    assert!(with.stdout.contains("ODD=a=b c"), "{with:?}");
}

#[test]
fn the_command_gets_mask_dispositions_limits_and_environment_as_rinit_got_them() {
    compare(Setup::OddSignals);
}

#[test]
fn also_where_nearly_all_is_blocked() {
    compare(Setup::AllBlocked);
}

#[test]
fn also_an_ignored_sigchld() {
    compare(Setup::ChldIgnored);
}

/// The lines of /proc/PID/status about masks.
fn masks(status: &str) -> String {
    let lines = status.lines().filter(|line| {
        ["SigBlk", "SigIgn", "SigCgt"]
            .iter()
            .any(|key| line.starts_with(key))
    });
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn signals_32_33_and_pipe_stand_as_they_stood() {
    let ended = Pid1::new()
        .setup(Setup::OddSignals)
        .args(["cat", "/proc/self/status"])
        .run();
    let bits = |signals: &[u32]| {
        let mask: u64 = signals.iter().map(|signal| 1 << (signal - 1)).sum();
        format!("{mask:016x}")
    };
    assert_eq!(
        masks(&ended.stdout),
        format!(
            "SigBlk:\t{}\nSigIgn:\t{}\nSigCgt:\t{}\n",
            bits(&[10, 15, 41]),
            bits(&[1, 2, 13, 22, 32, 33, 40]),
            bits(&[])
        )
    );
}

#[test]
fn options_take_the_road_through_the_c_library_and_change_nothing_either() {
    let look = ["cat", "/proc/self/status"];
    let plain = Pid1::new().setup(Setup::OddSignals).args(look).run();
    let options = Pid1::new()
        .setup(Setup::OddSignals)
        .args(["-g", "-e", "9", "--"])
        .args(look)
        .run();
    assert_eq!(masks(&plain.stdout), masks(&options.stdout));
}

#[test]
fn the_command_leads_a_group_of_its_own() {
    let rinit = Pid1::new().args(["sleep", "1000"]).spawn();
    rinit.wait_until("the command runs", || {
        rinit.children().iter().any(|child| child.name == "sleep")
    });
    let child = rinit.children()[0].pid;
    let group = nix::unistd::getpgid(Some(nix::unistd::Pid::from_raw(child)));
    assert_eq!(group.unwrap().as_raw(), child);
}

#[test]
fn rinit_keeps_no_descriptor_of_the_command_s_and_no_folder() {
    let (reader, writer) = crate::harness::open_pipe();
    let rinit = Pid1::new()
        .stdin(writer)
        .setup(Setup::StdinIsFive)
        .args(["sh", "-c", "exec 5>&-; sleep 1000"])
        .spawn();
    // An end of file comes only if nobody has the other end.
    let mut buffer = [0];
    assert_eq!(nix::unistd::read(&reader, &mut buffer), Ok(0));
    // The child may have come to its command before rinit left its folder.
    rinit.wait_until("rinit is in no folder of another's", || {
        let folder = std::fs::read_link(format!("/proc/{}/cwd", rinit.pid()));
        folder.is_ok_and(|folder| folder == std::path::Path::new("/"))
    });
}
