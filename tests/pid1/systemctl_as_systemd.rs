//! What `systemctl` says and gives, line by line what systemd 252 of Debian 12 said and gave
//! to the same lines with the same units.

use crate::harness::Pid1;
use crate::status::asking;
use crate::systemctl::{WRITES, compare_trimmed, script};

/// All enabled units are services; `try` tells of a line, `unit` writes a file.
fn enabled(lines: &str) -> Pid1 {
    let script = script(&[]) + WRITES + lines;
    asking("[init]\nunits = 'enabled'\n", &script).file("units/none", "")
}

#[test]
fn links_are_told_of_as_the_running_manager_tells_of_them() {
    let lines = "unit web.service '[Service]\\nExecStart=/bin/sleep 1000\\n[Install]\\nWantedBy=multi-user.target\\n'\n\
         unit plain@.service '[Service]\\nExecStart=/bin/sleep 1000\\n[Install]\\nWantedBy=multi-user.target\\n'\n\
         unit other.service '[Service]\\nExecStart=/bin/true\\n'; ln -s other.service units/nick.service; ln -s /dev/null units/hidden.service\n\
         for verb in enable disable reenable preset; do try $verb nosuch; done\n\
         try disable nosuch web; try enable --quiet --runtime web; try disable --runtime nosuch web\n\
         try enable web nosuch; try is-enabled web; try enable nick; try enable hidden; try enable plain@\n\
         try enable --runtime -q plain@q; try reenable --runtime plain@q; try disable -q --runtime plain@q\n\
         try mask --runtime web; try mask --runtime nosuch; try mask --runtime nosuch; try unmask --runtime nosuch; try unmask nosuch\n\
         try add-wants multi-user.target nosuch; try add-wants nosuch.target web; try add-wants multi-user.target plain@\n\
         try set-default nosuch; try set-default web.service; try link /nosuch.service; try enable --now nosuch; try disable --now nosuch\n";
    let wanted = "enable nosuch: 1 Failed to enable unit: Unit file nosuch.service does not exist.
        disable nosuch: 1 Failed to disable unit: Unit file nosuch.service does not exist.
        reenable nosuch: 1 Failed to reenable unit: Unit file nosuch.service does not exist.
        preset nosuch: 1 Failed to preset unit: Unit file nosuch.service does not exist.
        disable nosuch web: 1 Failed to disable unit: Unit file nosuch.service does not exist.
        enable --quiet --runtime web: 0
        disable --runtime nosuch web: 0 Removed \"/run/systemd/system/multi-user.target.wants/web.service\".
        enable web nosuch: 1 Failed to enable unit: Unit file nosuch.service does not exist.
        is-enabled web: 1 disabled
        enable nick: 1 Failed to enable unit: Refusing to operate on alias name or linked unit file: nick.service
        enable hidden: 1 Failed to enable unit: Unit file /run/systemd/system/hidden.service is masked.
        enable plain@: 1 Failed to enable unit: Destination unit multi-user.target is a non-template unit.
        enable --runtime -q plain@q: 0
        reenable --runtime plain@q: 0 Removed \"/run/systemd/system/multi-user.target.wants/plain@q.service\".
        Created symlink /run/systemd/system/multi-user.target.wants/plain@q.service → /run/systemd/system/plain@.service.
        disable -q --runtime plain@q: 0
        mask --runtime web: 1 Failed to mask unit: File /run/systemd/system/web.service already exists.
        mask --runtime nosuch: 0 Unit nosuch.service does not exist, proceeding anyway.
        Created symlink /run/systemd/system/nosuch.service → /dev/null.
        mask --runtime nosuch: 0
        unmask --runtime nosuch: 0 Removed \"/run/systemd/system/nosuch.service\".
        unmask nosuch: 0 Unit nosuch.service does not exist, proceeding anyway.
        add-wants multi-user.target nosuch: 1 Failed to add dependency: Unit file nosuch.service does not exist.
        add-wants nosuch.target web: 1 Failed to add dependency: Unit file nosuch.target does not exist.
        add-wants multi-user.target plain@: 1 Failed to add dependency: Destination unit multi-user.target is a non-template unit.
        set-default nosuch: 1 Failed to set default target: Unit file nosuch.target does not exist.
        set-default web.service: 1 Failed to set default target: Invalid argument
        link /nosuch.service: 1 Failed to link unit: Unit file /nosuch.service does not exist.
        enable --now nosuch: 1 Failed to enable unit: Unit file nosuch.service does not exist.
        disable --now nosuch: 1 Failed to disable unit: Unit file nosuch.service does not exist.";
    let lines = lines.replace(
        "try add-wants",
        "[ -e units/multi-user.target ] || unit multi-user.target '[Unit]\\nDescription=All\\n'; try add-wants",
    );
    compare_trimmed(enabled(&lines), wanted);
}

#[test]
fn a_unit_of_which_none_can_be_made_has_a_bad_setting() {
    let lines = "unit two.service '[Service]\\nExecStart=/bin/sleep 1\\nExecStart=/bin/sleep 2\\n'\n\
         unit needs.service '[Unit]\\nRequires=two.service\\n[Service]\\nExecStart=/bin/sleep 1\\n'\n\
         unit reloads.service '[Service]\\nExecStart=/bin/sleep 1\\nExecReload=/bin/true\\n'\n\
         unit plain.service '[Service]\\nExecStart=/bin/sleep 1\\n'\n\
         try start two; try show -p LoadState,LoadError two; ./systemctl status two; try stop two; try is-active two\n\
         try reload plain; try reload reloads; try show -p CanReload reloads\n";
    let wanted = "start two: 1 Failed to start two.service: Unit two.service has a bad unit file setting.
        See system logs and 'systemctl status two.service' for details.
        show -p LoadState,LoadError two: 0 LoadState=bad-setting
        LoadError=org.freedesktop.systemd1.BadUnitSetting \"Unit two.service has a bad unit file setting.\"
        ○ two.service
        Loaded: bad-setting (Reason: Unit two.service has a bad unit file setting.)
        Active: inactive (dead)
        stop two: 5 Failed to stop two.service: Unit two.service not loaded.
        is-active two: 3 inactive
        reload plain: 3 Failed to reload plain.service: Job type reload is not applicable for unit plain.service.
        reload reloads: 1 reloads.service is not active, cannot reload.
        show -p CanReload reloads: 0 CanReload=yes";
    compare_trimmed(enabled(lines), wanted);
}

#[test]
fn jobs_that_fail_are_told_of_in_systemds_words() {
    let lines = "unit fails.service '[Service]\\nType=oneshot\\nExecStart=/bin/false\\n'\n\
         unit also.service '[Service]\\nType=oneshot\\nExecStart=/bin/false\\n'\n\
         unit late.service '[Service]\\nType=notify\\nTimeoutStartSec=100ms\\nExecStart=/bin/sleep 1000\\n'\n\
         unit asserts.service '[Unit]\\nAssertPathExists=/no/such\\n[Service]\\nExecStart=/bin/sleep 1000\\n'\n\
         unit rereads.service '[Service]\\nExecStart=/bin/sleep 1000\\nExecReload=/bin/false\\n'\n\
         unit gone.service '[Service]\\nExecStart=/no/such\\n'; unit once.service '[Service]\\nType=oneshot\\nExecStart=/bin/true\\n'\n\
         try start fails; try start -q fails; try start fails also; try start late; try start asserts\n\
         try start rereads; try reload rereads; try start gone; try is-failed gone\n\
         try start --wait once; try start --wait fails; try start --wait --no-block once\n\
         try start --job-mode=bogus once; try start ''; try start 'no*'; try status fails nosuch -n0 | tail -1\n\
         { sleep 0.2; ./systemctl stop rereads; } & try start --wait rereads; wait\n";
    let because = "because the control process exited with error code";
    let see = |unit: &str| {
        format!(
            "See \"systemctl status {unit}.service\" and \"journalctl -xeu {unit}.service\" for details."
        )
    };
    let fails = format!("Job for fails.service failed {because}.\n{}", see("fails"));
    let wanted = [
        format!("start fails: 1 {fails}"),
        "start -q fails: 1".to_owned(),
        format!("start fails also: 1 {fails}"),
        format!("Job for also.service failed {because}.\n{}", see("also")),
        format!(
            "start late: 1 Job for late.service failed because a timeout was exceeded.\n{}",
            see("late")
        ),
        "start asserts: 1 Assertion failed on job for asserts.service.".to_owned(),
        "start rereads: 0".to_owned(),
        format!(
            "reload rereads: 1 Job for rereads.service failed.\n{}",
            see("rereads")
        ),
        "start gone: 0".to_owned(),
        "is-failed gone: 0 failed".to_owned(),
        "start --wait once: 0".to_owned(),
        format!("start --wait fails: 1 {fails}"),
        "start --wait --no-block once: 1 --wait may not be combined with --no-block.".to_owned(),
        "start --job-mode=bogus once: 1 Failed to start once.service: Job mode bogus invalid
         See system logs and 'systemctl status once.service' for details."
            .to_owned(),
        "start : 1 Failed to mangle name: Invalid argument
         Failed to expand names: Invalid argument"
            .to_owned(),
        "start no*: 0 Warning: systemctl start called with a glob pattern.
         Hint: unit globs expand to loaded units, so start will usually have no effect.
         Passing --all will also load units which are pulled in by other units.
         See systemctl(1) for more details."
            .to_owned(),
        "Unit nosuch.service could not be found.".to_owned(),
        "start --wait rereads: 0".to_owned(),
    ];
    compare_trimmed(enabled(lines), &wanted.join("\n"));
}

#[test]
fn a_target_of_ones_own_starts_what_it_pulls_in() {
    let lines = "for one in a b; do unit $one.service '[Service]\\nExecStart=/bin/sleep 1000\\n'; done\n\
         unit inner.target '[Unit]\\nRequires=b.service\\n'\n\
         unit group.target '[Unit]\\nDescription=A group\\nWants=a.service inner.target\\n'\n\
         try is-active group.target; try start group.target; try is-active group.target a b\n\
         try list-dependencies group.target; try reload group.target; try list-units --no-legend -t target 'group*'\n";
    let wanted = "is-active group.target: 3 inactive
        start group.target: 0
        is-active group.target a b: 0 active
        active
        active
        list-dependencies group.target: 0 group.target
        ● ├─a.service
        ● └─inner.target
        ●   └─b.service
        reload group.target: 3 Failed to reload group.target: Job type reload is not applicable for unit group.target.
        list-units --no-legend -t target group*: 0   group.target loaded active active A group";
    compare_trimmed(enabled(lines), wanted);
}

#[test]
fn options_say_what_they_take_and_lists_are_worded_as_systemds() {
    let lines = "try list-units -t nosuch; try list-units --state=nosuch; try -t help | tail -2; try --state=help | head -3\n\
         try -s help | tail -1; try --output=bogus status; try --legend=maybe; try list-units -q 'eyes*'\n\
         try list-units 'nosuch*'; try list-unit-files --state=bogus -q; try list-unit-files nosuch.service --no-legend\n\
         try list-jobs --no-legend; try show-environment extra; try import-environment NOSUCH; SYSTEMD_OFFLINE=1 try status nosuch\n";
    let wanted = "list-units -t nosuch: 1 Unknown unit type or load state 'nosuch'.
        Use -t help to see a list of allowed values.
        list-units --state=nosuch: 0   UNIT LOAD ACTIVE SUB DESCRIPTION
        0 loaded units listed.
        slice
        scope
        --state=help: 0 Available unit load states:
        stub
        loaded
        RTMIN+30
        --output=bogus status: 1 Unknown output 'bogus'.
        --legend=maybe: 1 Failed to parse boolean argument to --legend: maybe.
        list-units -q eyes*: 0   eyes.service loaded activating start eyes.service
        list-units nosuch*: 0   UNIT LOAD ACTIVE SUB DESCRIPTION
        0 loaded units listed. Pass --all to see loaded but inactive units, too.
        To show all installed unit files use 'systemctl list-unit-files'.
        list-unit-files --state=bogus -q: 1
        list-unit-files nosuch.service --no-legend: 1
        list-jobs --no-legend: 0 1 eyes.service start running
        show-environment extra: 1 Too many arguments.
        import-environment NOSUCH: 0 Environment variable $NOSUCH not set, ignoring.
        status nosuch: 0 Running in chroot, ignoring command 'status'";
    compare_trimmed(enabled(lines), wanted);
}

#[test]
fn a_page_has_systemds_lines_in_its_order() {
    let lines = "unit door.service '[Unit]\\nDescription=The door\\nDocumentation=man:door(8) https://example.org/\\n[Service]\\nExecStart=/bin/sleep 1000\\n'\n\
         unit door.socket '[Socket]\\nListenStream=/run/door\\nListenStream=127.0.0.1:7777\\n'\n\
         mkdir units/door.service.d; printf '[Unit]\\n' >units/door.service.d/a.conf; cp units/door.service.d/a.conf units/door.service.d/b.conf\n\
         ./systemctl start door.socket door; ./systemctl status door door.socket 2>&1 |\n\
         sed -E 's/ since .*//; s/[0-9]+ \\(sleep/N (sleep/; s/(Memory|CPU|CGroup|Tasks): .*/\\1/; s/─[0-9]+ /─N /'\n\
         try show -p Documentation,TimeoutStopUSec,KillSignal door; try show -p Listen door.socket; rm units/door.service.d/b.conf\n\
         until [ $(./systemctl show --value -p NeedDaemonReload door) = yes ]; do touch units/door.service.d; done\n\
         try daemon-reload; ./systemctl show --value -p NeedDaemonReload door; try stop door\n";
    let wanted = "● door.service - The door
        Loaded: loaded (/run/systemd/system/door.service; static)
        Drop-In: /run/systemd/system/door.service.d
        └─a.conf, b.conf
        Active: active (running)
        TriggeredBy: ● door.socket
        Docs: man:door(8)
        https://example.org/
        Main PID: N (sleep)
        Memory
        CPU
        CGroup
        └─N /bin/sleep 1000
        ● door.socket
        Loaded: loaded (/run/systemd/system/door.socket; static)
        Active: active (running)
        Triggers: ● door.service
        Listen: /run/door (Stream)
        127.0.0.1:7777 (Stream)
        show -p Documentation,TimeoutStopUSec,KillSignal door: 0 TimeoutStopUSec=1min 30s
        KillSignal=15
        Documentation=\"man:door(8)\" https://example.org/
        show -p Listen door.socket: 0 Listen=/run/door (Stream)
        Listen=127.0.0.1:7777 (Stream)
        daemon-reload: 0
        no
        stop door: 0";
    compare_trimmed(enabled(lines), wanted);
}
