//! What a unit's service finds when it is executed, where systemd's own answer is known.

use nix::sys::resource::{Resource, getrlimit};

use crate::harness::{Pid1, RINIT, Setup};
use crate::sandbox::{finds, noted, unit};
use crate::supervisor::{IN_ORDER, supervisor};

#[test]
fn who_has_its_turn_when_is_as_the_unit_says() {
    finds(
        "IOSchedulingClass=idle\nCPUSchedulingPolicy=batch",
        "ionice -p $$ >> notes; chrt -p $$ | grep -o 'SCHED_.*' >> notes",
        &["idle", "SCHED_BATCH"],
    );
    finds(
        "IOSchedulingPriority=7",
        "ionice -p $$ >> notes",
        &["best-effort: prio 7"],
    );
}

#[test]
fn streams_are_the_files_that_the_unit_names() {
    let rinit = unit(
        "StandardInput=file:FOLDER/in\nStandardOutput=append:FOLDER/out\nUMask=0027",
        "read line; echo \"$line\"; echo told >&2; cat out >> notes; stat -c %a out >> notes",
    )
    .file("in", "one\n")
    .file("out", "before\n")
    .spawn();
    assert_eq!(
        noted(&rinit),
        ["before", "one", "told", "644"],
        "{}",
        rinit.dump()
    );
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    finds(
        "StandardOutput=truncate:FOLDER/new\nStandardError=null\nUMask=0027",
        "echo said; echo dropped >&2; cat new >> notes; stat -c %a new >> notes",
        &["said", "640"],
    );
    finds(
        "StandardOutput=null",
        "found=$(readlink /proc/$$/fd/1 /proc/$$/fd/2); echo \"$found\" >> notes",
        &["/dev/null", "/dev/null"],
    );
}

#[test]
fn a_probe_takes_nothing_out_of_a_log() {
    let rinit = supervisor(
        "[service.web]\nunit = 'web.service'\nready = { exec = ['/bin/sh', '-c', 'echo probe; test -e ready'] }\n",
    )
    .setup(Setup::OwnUnits);
    let folder = rinit.path("").display().to_string();
    let out = format!("{folder}/out");
    let unit = format!(
        "[Service]\nWorkingDirectory={folder}\nStandardOutput=truncate:{out}\n\
         ExecStart=/bin/sh -c 'echo said; touch ready; exec sleep 1000'\n"
    );
    let rinit = rinit.file("units/web.service", &unit).spawn();
    rinit.wait_for_line("1 service running");
    assert_eq!(std::fs::read_to_string(out).unwrap(), "said\n");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn an_output_that_cannot_be_opened_is_a_failed_start_that_says_so() {
    let rinit = unit("StandardOutput=append:/no/such/folder", "true").spawn();
    rinit.wait_for_line("StandardOutput=append:/no/such/folder: no such file or directory");
    rinit.signal(15);
    rinit.wait();
}

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

/// Soft and hard limits of descriptors that a unit's service and one of TOML find, where
/// rinit is started with this soft one.
fn descriptors(soft: u64) -> [String; 2] {
    const SCRIPT: &str = "echo found: $(ulimit -S -n) $(ulimit -H -n); exec sleep 1000";
    let config =
        format!("[service.web]\nunit = 'web.service'\n[service.own]\ncommand = '{SCRIPT}'\n");
    let unit = format!(
        "[Service]\nExecStart=/bin/sh -c '{}'\n",
        SCRIPT.replace('$', "$$")
    );
    let line = format!("ulimit -S -n {soft}; exec {RINIT} -c rinit.toml");
    let rinit = Pid1::new()
        .file("rinit.toml", &config)
        .file("units/web.service", &unit)
        .setup(Setup::OwnUnits)
        .binary("/bin/sh".into())
        .args(["-c", &line])
        .spawn();
    let found = ["web", "own"].map(|name| {
        let start = format!("{name}: found: ");
        rinit.wait_for_line(&start);
        let text = rinit.stdout();
        let line = text.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap().to_owned()
    });
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    found
}

#[test]
fn a_unit_gets_systemds_soft_limit_of_descriptors_where_an_engine_gave_any_number() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let given = |soft: u64| format!("{soft} {hard}");
    // Who may not have as many gets what is given, as above.
    let chosen = hard.min(65_536);
    assert_eq!(descriptors(chosen), [given(chosen), given(chosen)]);
    let any = hard.min(1_048_576);
    let lowered = if any > 524_288 { 1024 } else { any };
    assert_eq!(descriptors(any), [given(lowered), given(any)]);
}

#[test]
fn what_a_process_sets_for_itself_is_as_the_unit_says() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let there = status.split_once("Cpus_allowed_list:").unwrap().1;
    // The last one that this test may run on.
    let last: String = there.lines().next().unwrap().trim().into();
    let last = last.rsplit([',', '-']).next().unwrap();
    finds(
        &format!(
            "CPUAffinity={last}\nTimerSlackNSec=7us\nCoredumpFilter=elf-headers 0x3\nSecureBits=noroot"
        ),
        "for key in Cpus_allowed_list CapEff; do grep $key: /proc/self/status | cut -f 2 >> notes; done\n\
         cat /proc/self/timerslack_ns /proc/self/coredump_filter >> notes",
        &[last, "0000000000000000", "7000", "00000013"],
    );
    if cfg!(target_arch = "x86_64") {
        finds("Personality=x86", "uname -m >> notes", &["i686"]);
    }
    // A kernel without them says so by that.
    if std::path::Path::new("/proc/self/numa_maps").exists() {
        finds(
            "NUMAPolicy=interleave\nNUMAMask=all",
            "grep -o -m1 interleave /proc/self/numa_maps >> notes",
            &["interleave"],
        );
    }
}

#[test]
fn a_processor_that_is_not_there_is_told_of_and_done_without() {
    let text = "[service.own]\ncommand = 'grep Cpus_allowed_list: /proc/self/status; exec sleep 1000'\n\
                cpu-affinity = [8190, 8191]\n";
    let rinit = supervisor(text).spawn();
    rinit.wait_for_line("own: the container has none of the processors that it is to run on");
    rinit.wait_for_line("own: Cpus_allowed_list:");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn each_process_of_a_unit_is_told_its_own_number() {
    let rinit = unit(
        "ExecStartPre=/bin/sh -c '[ $$SYSTEMD_EXEC_PID = $$$$ ] && echo before >> notes'",
        "[ $SYSTEMD_EXEC_PID = $$ ] && echo main >> notes; [ $SYSTEMD_EXEC_PID = 4711 ] || echo own >> notes",
    )
    .env("SYSTEMD_EXEC_PID", "4711")
    .spawn();
    assert_eq!(noted(&rinit), ["before", "main", "own"], "{}", rinit.dump());
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    let text =
        "[service.own]\ncommand = 'echo told: ${SYSTEMD_EXEC_PID:-nothing}; exec sleep 1000'\n";
    let rinit = supervisor(text).env("SYSTEMD_EXEC_PID", "4711").spawn();
    rinit.wait_for_line("own: told: nothing");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}
