//! What `systemctl` says of units that don't start, or are others on disk.

use crate::harness::{Pid1, RINIT};
use crate::status::{asking, stands};
use crate::supervisor::supervisor;
use crate::systemctl::{WRITES, compare_trimmed, script};

/// All enabled units are services; `try` tells of a line, `unit` writes a file.
fn enabled(lines: &str) -> Pid1 {
    let script = script(&[]) + WRITES + lines;
    asking("[init]\nunits = 'enabled'\n", &script).file("units/none", "")
}

#[test]
fn what_was_kept_from_starting_has_not_failed_itself() {
    let lines = "unit kept.service '[Unit]\\nAssertPathExists=/no/such\\n[Service]\\nExecStart=/bin/sleep 1000\\n'\n\
         unit behind.service '[Unit]\\nRequires=kept.service\\nAfter=kept.service\\n[Service]\\nExecStart=/bin/sleep 1000\\n'\n\
         for name in kept behind; do ./systemctl start $name 2>/dev/null; echo $?; try is-active $name; try is-failed $name; done\n\
         try show -p AssertResult,ActiveState,SubState,Result kept\n\
         try list-units --failed --no-legend\n";
    let wanted = "1
        is-active kept: 3 inactive
        is-failed kept: 1 inactive
        1
        is-active behind: 3 inactive
        is-failed behind: 1 inactive
        show -p AssertResult,ActiveState,SubState,Result kept: 0 Result=success
        ActiveState=inactive
        SubState=dead
        AssertResult=no
        list-units --failed --no-legend: 0";
    compare_trimmed(enabled(lines), wanted);
}

#[test]
fn a_unit_without_a_command_and_a_template_without_an_instance_are_refused() {
    let lines = "unit empty.service '[Service]\\nType=simple\\n'\n\
         unit each@.service '[Service]\\nExecStart=/bin/sleep 1000\\n'\n\
         try start empty; try show -p LoadState,LoadError empty; try show --value -p LoadError nosuch\n\
         for verb in start stop restart try-restart; do try $verb each@; done\n\
         try is-active each@; try status each@; try show -p Id each@\n";
    let see = "See system logs and 'systemctl status each@.service' for details.";
    let none = "Unit name each@.service is neither a valid invocation ID nor unit name.";
    let missing = "Unit name each@.service is missing the instance name.";
    let wanted = format!(
        "start empty: 1 Failed to start empty.service: Unit empty.service has a bad unit file setting.
        See system logs and 'systemctl status empty.service' for details.
        show -p LoadState,LoadError empty: 0 LoadState=bad-setting
        LoadError=org.freedesktop.systemd1.BadUnitSetting \"Unit empty.service has a bad unit file setting.\"
        show --value -p LoadError nosuch: 0 org.freedesktop.systemd1.NoSuchUnit \"Unit nosuch.service not found.\"
        start each@: 1 Failed to start each@.service: {missing}
        {see}
        stop each@: 1 Failed to stop each@.service: {missing}
        {see}
        restart each@: 1 Failed to restart each@.service: {missing}
        {see}
        try-restart each@: 1 Failed to try-restart each@.service: {missing}
        {see}
        is-active each@: 1 Failed to retrieve unit state: {none}
        status each@: 1 Failed to get properties: {none}
        show -p Id each@: 1 Failed to get properties: {none}"
    );
    compare_trimmed(enabled(lines), &wanted);
}

#[test]
fn files_that_changed_since_they_were_read_are_told_of_until_a_daemon_reload() {
    let lines = "unit up.service '[Service]\\nExecStart=/bin/sleep 1000\\n'; try start up\n\
         needs() { ./systemctl show --value -p NeedDaemonReload up; }; needs\n\
         until [ $(needs) = yes ]; do echo '#' >>/run/systemd/system/up.service; done\n\
         try restart up; ./systemctl status up 2>&1 >/dev/null; try daemon-reload; needs\n\
         mkdir /run/systemd/system/up.service.d; until [ $(needs) = yes ]; do touch /run/systemd/system/up.service.d/a.conf; done\n\
         try daemon-reload; needs; rm -r /run/systemd/system/up.*; needs\n\
         try daemon-reload; needs; try restart up; try start up; try is-active up; try stop up; try is-active up\n";
    let warning = "Warning: The unit file, source configuration file or drop-ins of up.service changed on disk. \
                   Run 'systemctl daemon-reload' to reload units.";
    let wanted = format!(
        "start up: 0
        no
        restart up: 0 {warning}
        {warning}
        daemon-reload: 0
        no
        daemon-reload: 0
        no
        yes
        daemon-reload: 0
        no
        restart up: 5 Failed to restart up.service: Unit up.service not found.
        start up: 5 Failed to start up.service: Unit up.service not found.
        is-active up: 0 active
        stop up: 0
        is-active up: 3 inactive"
    );
    compare_trimmed(enabled(lines), &wanted);
}

#[test]
fn variables_that_are_set_reach_what_starts_from_then_on() {
    let lines = "unit told.service '[Service]\\nType=oneshot\\nEnvironment=OWN=mine\\nExecStart=/bin/sh -c \"echo $$NEW $$OWN >>/run/told\"\\n'\n\
         try set-environment nothing; try set-environment 'NEW=a b' OWN=other; try start told\n\
         ./systemctl show-environment | grep NEW; ctl exec told -- sh -c 'echo $NEW'\n\
         try unset-environment NEW OWN; try start told; cat /run/told\n\
         try set-environment BIG=$(head -c 3000 /dev/zero | tr '\\0' x); ./systemctl show-environment | grep -c BIG=xxx\n\
         for i in $(seq 50); do ./systemctl set-environment B$i=$(head -c 3000 /dev/zero | tr '\\0' x) 2>&1 || break; done\n";
    let wanted =
        "set-environment nothing: 1 Failed to set environment: Invalid environment assignments
        set-environment NEW=a b OWN=other: 0
        start told: 0
        NEW=a b
        a b
        unset-environment NEW OWN: 0
        start told: 0
        a b mine
        mine
        set-environment BIG=$X: 0
        1
        Failed to set-environment: the environment would be larger than 128 KiB"
            .replace("$X", &"x".repeat(3000));
    compare_trimmed(enabled(lines), &wanted);
}

#[test]
fn who_waits_for_the_system_hears_how_it_has_started() {
    let slow = stands("slow", "ready = { file = '/run/ready' }");
    let lines = script(&[])
        + "try is-system-running; { sleep 0.3; touch /run/ready; } & try is-system-running --wait; wait; exit 0\n";
    let eyes = format!(
        "[service.eyes]\ncommand = '''\nctl() {{ {RINIT} ctl \"$@\" 2>&1; }}\n{lines}'''\noutput = 'raw'\nessential = true\n"
    );
    let wanted = "is-system-running: 1 starting
        is-system-running --wait: 0 running";
    let rinit = supervisor(&(slow + &eyes)).file("units/none", "");
    compare_trimmed(rinit, wanted);
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

#[test]
fn what_the_unit_says_is_shown_of_one_that_never_ran_too() {
    let lines = "unit idle.service '[Service]\\nExecStart=/bin/sleep 1000\\nEnvironment=A=b \"C=d e\"\\nLimitNOFILE=1024\\n'\n\
         mkdir /run/systemd/system/idle.service.d; printf '[Service]\\nEnvironment=E=f\\nLimitNOFILE=2048\\n' >/run/systemd/system/idle.service.d/a.conf\n\
         try show -p ActiveState,MainPID,Restart,ExecStart,Environment,LimitNOFILE,NoSuch idle\n\
         try isolate rescue.target; try kill -s FROB idle\n";
    let wanted = "show -p ActiveState,MainPID,Restart,ExecStart,Environment,LimitNOFILE,NoSuch idle: 0 Restart=no
        MainPID=0
        ExecStart={ path=/bin/sleep ; argv[]=/bin/sleep 1000 ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }
        Environment=A=b \"C=d e\" E=f
        ActiveState=inactive
        LimitNOFILE=2048
        isolate rescue.target: 1 systemctl isolate is not for containers.
        help: start and stop the services that are meant
        kill -s FROB idle: 1 Failed to parse signal string \"FROB\".";
    compare_trimmed(enabled(lines), wanted);
}

#[test]
fn why_it_failed_is_said_in_systemds_words() {
    // Each as systemd 252 has it.
    let lines = "service() { unit $1.service \"[Unit]\\nStartLimitBurst=2\\n[Service]\\nRestartSec=0\\n$2\\n\"; }\n\
         service unannounced 'Type=forking\\nPIDFile=/run/nowhere.pid\\nExecStart=/bin/true'\n\
         service early 'Type=notify\\nExecStart=/bin/true'\n\
         service mute 'Type=notify\\nTimeoutStartSec=0.1\\nExecStart=/bin/sleep 1000'\n\
         service well 'Restart=always\\nExecStart=/bin/true'\n\
         service badly 'Restart=on-failure\\nExecStart=/bin/false'\n\
         service killed 'ExecStart=/bin/sh -c \"kill -9 $$$$\"'\n\
         for name in unannounced early mute well badly killed; do ./systemctl --quiet start $name\n\
         until ./systemctl --quiet is-failed $name; do sleep 0.01; done; try show --value -p Result $name; done\n";
    let wanted = "show --value -p Result unannounced: 0 protocol
        show --value -p Result early: 0 protocol
        show --value -p Result mute: 0 timeout
        show --value -p Result well: 0 start-limit-hit
        show --value -p Result badly: 0 exit-code
        show --value -p Result killed: 0 signal";
    compare_trimmed(enabled(lines), wanted);
}

/// systemd reads those before it forks, so that also Type=simple hasn't started without.
#[test]
fn a_missing_file_of_variables_is_a_failed_job() {
    let lines = "unit lacking.service '[Service]\\nEnvironmentFile=/no/such\\nExecStart=/bin/sleep 1000\\n'\n\
         unit absent.service '[Service]\\nExecStart=/no/such\\n'\n\
         try start lacking; try start absent\n";
    let wanted = "start lacking: 1 Job for lacking.service failed because of unavailable resources or another system error.
        See \"systemctl status lacking.service\" and \"journalctl -xeu lacking.service\" for details.
        start absent: 0";
    compare_trimmed(enabled(lines), wanted);
}
