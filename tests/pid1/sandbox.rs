//! What units want their services to be kept from, where that is permitted.

use crate::harness::{Pid1, Running, Setup};
use crate::supervisor::{IN_ORDER, notes, supervisor};

/// A service of a unit that says these lines and executes this script, which notes what it
/// finds; FOLDER is the test's own.
pub fn unit(lines: &str, script: &str) -> Pid1 {
    unit_beside("", lines, script)
}

/// The same beside what this configuration says.
pub fn unit_beside(config: &str, lines: &str, script: &str) -> Pid1 {
    let rinit = supervisor(&format!(
        "[service.sandboxed]\nunit = 'web.service'\n{config}"
    ));
    let folder = rinit.path("").display().to_string();
    let folder = folder.trim_end_matches('/');
    let unit =
        format!("[Service]\nWorkingDirectory=FOLDER\n{lines}\nExecStart=/bin/sh FOLDER/script\n");
    rinit
        .file("units/web.service", &unit.replace("FOLDER", folder))
        .file(
            "script",
            &format!("{script}\necho done >> notes\nexec sleep 1000\n").replace("FOLDER", folder),
        )
        .setup(Setup::OwnUnits)
}

/// Waits until the script has come to its end; what it has noted before.
pub fn noted(rinit: &Running) -> Vec<String> {
    let is_done = || notes(rinit).last().is_some_and(|last| last == "done");
    rinit.wait_until("the script's end", is_done);
    let mut all = notes(rinit);
    all.pop();
    all
}

#[track_caller]
pub fn finds(lines: &str, script: &str, expected: &[&str]) {
    let rinit = unit(lines, script).spawn();
    assert_eq!(noted(&rinit), expected, "{}", rinit.dump());
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn a_filtered_call_is_refused_with_its_errno_and_all_else_works() {
    finds(
        "SystemCallFilter=~chroot mkdir mkdirat\nSystemCallFilter=~fchmodat:EDQUOT chmod:EDQUOT\nSystemCallErrorNumber=EUCLEAN",
        "LC_ALL=C chmod 700 script 2>&1 | grep -o 'quota exceeded' >> notes; LC_ALL=C mkdir new 2>&1 | grep -o 'needs cleaning' >> notes\necho x > file && cat file >> notes",
        &["quota exceeded", "needs cleaning", "x"],
    );
}

#[test]
fn what_an_allow_list_does_not_name_is_refused_or_kills() {
    let script = "chroot / true 2> /dev/null; echo $? >> notes";
    let lines = "SystemCallFilter=@system-service\n";
    finds(
        &format!("{lines}SystemCallErrorNumber=EPERM"),
        script,
        &["125"],
    );
    // SIGSYS.
    finds(lines, script, &["159"]);
}

#[test]
fn families_bits_and_namespaces_are_refused_by_their_arguments() {
    finds(
        "RestrictSUIDSGID=yes\nRestrictNamespaces=yes\nSystemCallArchitectures=native\nLockPersonality=yes",
        "touch file; chmod 4755 file 2> /dev/null || echo chmod >> notes\nchmod 755 file && echo plain >> notes\n\
         unshare -u true 2> /dev/null || echo unshare >> notes\nsetarch -R true 2> /dev/null || echo personality >> notes",
        &["chmod", "plain", "unshare", "personality"],
    );
    finds(
        "RestrictAddressFamilies=AF_UNIX",
        "bash -c ': < /dev/tcp/127.0.0.1/1' 2>&1 | grep -o -m1 'Address family not supported' >> notes",
        &["Address family not supported"],
    );
}

#[test]
fn another_user_has_a_filter_with_no_new_privileges_and_root_keeps_its_own() {
    let script = "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t' >> FOLDER/notes";
    let seen = |lines: &str| {
        let rinit = unit(lines, script);
        let folder = rinit.path("").display().to_string();
        let text = format!("chmod 777 {folder}; touch {folder}/notes; chmod 666 {folder}/notes");
        let all = script.replace("FOLDER", folder.trim_end_matches('/'));
        let rinit = rinit
            .file("prepare", &text)
            .file(
                "script",
                &format!("{all}\necho done >> notes\nexec sleep 1000\n"),
            )
            .spawn();
        let found = noted(&rinit);
        rinit.signal(15);
        assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
        found
    };
    let root = seen("RestrictRealtime=yes");
    assert_eq!(root, ["NoNewPrivs:0", "Seccomp:2"]);
    let other = seen("User=65534\nExecStartPre=+/bin/sh FOLDER/prepare\nRestrictRealtime=yes");
    assert_eq!(other, ["NoNewPrivs:1", "Seccomp:2"]);
}

#[test]
fn the_clock_and_modules_are_out_of_reach_for_ever() {
    // SYS_MODULE, SYS_TIME, WAKE_ALARM.
    let script = "set -- $(grep CapBnd /proc/self/status); echo $(( 0x$2 & 0x802010000 )) >> notes";
    finds("ProtectClock=yes\nProtectKernelModules=yes", script, &["0"]);
}

#[test]
fn a_strict_system_is_written_to_only_where_the_unit_says() {
    finds(
        "ProtectSystem=strict\nReadWritePaths=FOLDER -/no/such/path\nInaccessiblePaths=/usr/share\nStateDirectory=rinit-test-sandbox\n\
         ExecStartPre=+/bin/sh -c 'touch /run/by-root && echo full >> notes'",
        "touch /run/new 2> /dev/null || echo closed >> notes\ntouch $STATE_DIRECTORY/new && echo state >> notes\n\
         ls /usr/share/ | wc -l >> notes\ntouch /dev/null && echo device >> notes; rm -r /var/lib/rinit-test-sandbox/*",
        &["full", "closed", "state", "0", "device"],
    );
    let _ = std::fs::remove_dir("/var/lib/rinit-test-sandbox");
}

#[test]
fn a_private_tmp_is_one_for_all_of_the_services_processes_and_goes_with_its_run() {
    let rinit = unit(
        "PrivateTmp=yes\nBindPaths=FOLDER\nExecStartPre=+/bin/true\nExecStartPre=/bin/sh -c 'echo pre > /tmp/rinit-test-mine'",
        "cat /tmp/rinit-test-mine >> notes; ls /tmp | wc -l >> notes; stat -c %a /tmp /var/tmp >> notes",
    )
    .spawn();
    assert_eq!(
        noted(&rinit),
        ["pre", "2", "1777", "1777"],
        "{}",
        rinit.dump()
    );
    let outside =
        |path: &str| std::path::Path::new(&format!("/proc/{}/root{path}", rinit.pid())).exists();
    assert!(
        !outside("/tmp/rinit-test-mine")
            && outside("/tmp/rinit-private-sandboxed/tmp/rinit-test-mine")
    );
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    assert!(!std::path::Path::new("/tmp/rinit-private-sandboxed").exists());
}

#[test]
fn devices_and_the_network_are_the_services_own() {
    finds(
        "PrivateDevices=yes\nPrivateNetwork=yes",
        "touch /dev/new 2> /dev/null || echo closed >> notes\nls /dev/kmsg /dev/mem 2> /dev/null | wc -l >> notes; echo x > /dev/null && echo null >> notes\n\
         readlink /proc/self/ns/net | grep -vc \"$(readlink /proc/$PPID/ns/net)\" >> notes\n\
         bash -c ': < /dev/tcp/127.0.0.1/1' 2>&1 | grep -o -m1 refused >> notes",
        &["closed", "0", "null", "1", "refused"],
    );
}

#[test]
fn what_is_no_place_of_programs_executes_none() {
    finds(
        "NoExecPaths=/\nExecPaths=/bin /usr /lib -/lib64 -/no/such/path\nNoExecPaths=/usr/share\nProtectSystem=full",
        "cp /bin/true own; ./own 2> /dev/null; echo $? >> notes\n\
         /usr/bin/env true && echo runs >> notes; touch /usr/new 2> /dev/null || echo closed >> notes\n\
         grep -c ' /usr/share ro.*noexec' /proc/self/mountinfo >> notes",
        &["126", "runs", "closed", "1"],
    );
}

#[test]
fn the_hosts_name_can_not_be_changed() {
    finds(
        "ProtectHostname=yes",
        "for name in hostname domainname; do echo x 2> /dev/null > /proc/sys/kernel/$name || echo closed >> notes; done",
        &["closed", "closed"],
    );
}

#[test]
fn a_proc_that_shows_less_keeps_what_the_engine_has_put_over_it() {
    let other = "setpriv --reuid 65534 --regid 65534 --clear-groups sh -c";
    finds(
        "ProtectProc=invisible\nProtectSystem=strict\nReadWritePaths=FOLDER\nProtectKernelTunables=yes\n\
         ExecStartPre=+/bin/mount --bind /dev/null /proc/version\n\
         ExecStartPre=+/bin/sh -c 'mount --bind /proc/bus /proc/bus && mount -o remount,bind,ro /proc/bus'",
        &format!(
            "test -e /proc/1/status && echo root sees >> notes\n\
             {other} 'test -e /proc/1/status || echo hidden; test -e /proc/self/status && echo itself' >> notes\n\
             wc -c < /proc/version >> notes; grep -c ' /proc/bus ro,' /proc/self/mountinfo >> notes\n\
             grep -c ' /proc/sys ro,' /proc/self/mountinfo >> notes; test -e /proc/meminfo && echo memory >> notes"
        ),
        &["root sees", "hidden", "itself", "0", "2", "1", "memory"],
    );
    finds(
        "ProcSubset=pid\nProtectKernelTunables=yes",
        &format!(
            "test -e /proc/meminfo || echo no memory >> notes\n\
             {other} 'test -e /proc/1/status && echo seen' >> notes"
        ),
        &["no memory", "seen"],
    );
}

#[test]
fn private_users_are_root_and_the_services_own() {
    let script = "awk '{print $1, $2, $3}' /proc/self/uid_map /proc/self/gid_map >> notes; cat /proc/self/setgroups >> notes; id -u >> notes; ulimit -n >> notes";
    let pre = "ExecStartPre=+/bin/sh -c 'chmod 777 FOLDER && touch FOLDER/notes && chmod 666 FOLDER/notes'";
    finds(
        &format!(
            "PrivateUsers=yes\nUser=64999\nSupplementaryGroups=1\nLimitNOFILE=77\nPrivateMounts=yes\n{pre}"
        ),
        script,
        &[
            "0 0 1",
            "64999 64999 1",
            "0 0 1",
            "64999 64999 1",
            "deny",
            "64999",
            "77",
        ],
    );
    finds(
        "PrivateUsers=yes\nProtectSystem=strict\nReadWritePaths=FOLDER\nRestrictRealtime=yes",
        "chown 1 script 2> /dev/null || echo nobody else >> notes; id -u >> notes",
        &["nobody else", "0"],
    );
}

#[test]
fn what_a_user_shares_goes_with_the_users_last_process() {
    let rinit = unit(
        "RemoveIPC=yes\nUser=64998\nExecStartPre=+/bin/sh -c 'chmod 777 FOLDER && touch FOLDER/notes && chmod 666 FOLDER/notes'",
        "ipcmk -Q -S 1 -M 100 > made; ipcs -q -s -m | grep -c 64998 >> notes",
    )
    .spawn();
    assert_eq!(noted(&rinit), ["3"], "{}", rinit.dump());
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    for table in ["msg", "sem", "shm"] {
        let all = std::fs::read_to_string(format!("/proc/sysvipc/{table}")).unwrap();
        assert!(!all.contains(" 64998 "), "{all}");
    }
}

/// A root of a folder's, in which the programs are this machine's.
fn in_a_root(lines: &str, script: &str, expected: &[&str]) {
    let all =
        "RootDirectory=FOLDER/root\nBindReadOnlyPaths=/bin /usr /lib -/lib64\nBindPaths=FOLDER";
    let rinit = unit(&format!("{all}\n{lines}"), script)
        .file("root/closed/file", "")
        .file("root/also/file", "")
        .spawn();
    assert_eq!(noted(&rinit), expected, "{}", rinit.dump());
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn another_root_has_what_the_kernel_and_the_unit_put_there() {
    in_a_root(
        "StateDirectory=web\nRuntimeDirectory=web\nSetCredential=key:x\nReadOnlyPaths=+/closed FOLDER/root/also\nInaccessiblePaths=/free\n\
         ExecStartPre=/bin/sh -c 'test -e /closed && echo before too >> notes'",
        "for place in /closed /also /free $STATE_DIRECTORY $RUNTIME_DIRECTORY; do mkdir -p $place; touch $place/new 2> /dev/null && echo $place >> notes; done\n\
         test -e /etc || echo no etc >> notes; test -e /proc/self/status && echo process >> notes\n\
         cat $CREDENTIALS_DIRECTORY/key >> notes; echo >> notes; ls /run | sort >> notes",
        &[
            "before too",
            "/free",
            "/var/lib/web",
            "/run/web",
            "no etc",
            "process",
            "x",
            "credentials",
            "web",
        ],
    );
    in_a_root(
        "ProtectSystem=strict\nPrivateDevices=yes\nMountAPIVFS=yes\nRootDirectoryStartOnly=yes\n\
         ExecStartPre=/bin/sh -c 'test -e /closed || echo outside >> notes'",
        "touch /new 2> /dev/null || echo closed >> notes; touch /dev/new 2> /dev/null || echo devices >> notes; test -c /dev/null && echo null >> notes",
        &["outside", "closed", "devices", "null"],
    );
}

#[test]
fn without_its_root_nothing_starts_unless_it_may_be_missing() {
    let rinit = unit("RootDirectory=/no/such/root", "echo never >> notes").spawn();
    rinit.wait_for_line("RootDirectory /no/such/root: no such file or directory");
    assert_ne!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    finds(
        "RootDirectory=-/no/such/root",
        "echo runs >> notes",
        &["runs"],
    );
}

#[test]
fn what_is_not_permitted_is_told_once_and_stops_nobody() {
    let lines = "ProtectSystem=strict\nPrivateTmp=yes\nRestrictRealtime=yes\nSystemCallFilter=@system-service";
    let rinit = unit(lines, "touch /run/new && echo written >> notes")
        .setup(Setup::NoCapabilities)
        .args(["-v"])
        .spawn();
    assert_eq!(noted(&rinit), ["written"], "{}", rinit.dump());
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    let told = "sandbox: this container permits no mounts (they take CAP_SYS_ADMIN); left out, at least in part: PrivateTmp, ProtectSystem of sandboxed\n";
    assert_eq!(rinit.stderr().matches(told).count(), 1, "{}", rinit.dump());
}
