//! rinit called as `systemctl`, by scripts inside.

use crate::acts::acts;
use crate::harness::{Pid1, RINIT, Setup};
use crate::status::{UP, asking, stands};
use crate::supervisor::{IN_ORDER, service};

/// `try` says what a line printed and its exit status.
pub fn script(lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("try {line}\n")).collect();
    format!(
        "{UP}ln -s {RINIT} systemctl\n\
         try() {{ said=$(./systemctl \"$@\" 2>&1); echo \"$*: $? $said\"; }}\n{lines}"
    )
}

/// An empty folder of units, so that there is one.
fn with_units(config: &str, lines: &[&str], units: &[(&str, &str)]) -> Pid1 {
    let mut rinit = asking(config, &script(lines)).file("units/none", "");
    for (name, text) in units {
        rinit = rinit.file(&format!("units/{name}"), text);
    }
    rinit
}

const UNIT: &str = "[Unit]\nDescription=Keeps values\n[Service]\nExecStart=/bin/sleep 1000\n\
                    [Install]\nWantedBy=multi-user.target\nAlias=values.service\n";

#[test]
fn services_start_and_stop_under_the_names_of_their_units() {
    let config = stands("plain", "enabled = false")
        + "[service.store]\nunit = 'keeper.service'\nenabled = false\n";
    let lines = [
        "is-active plain keeper store.service nosuch",
        "start plain keeper.service",
        "is-active plain.service keeper store values nosuch",
        "is-active --quiet nosuch plain",
        "stop keeper",
        "--quiet is-active keeper",
        "is-failed keeper",
        "try-restart keeper",
        "is-active keeper",
        "restart keeper",
        "show -p Id,ActiveState,SubState,LoadState,Description store",
        "--value show --property=UnitFileState values",
        "is-active sysinit.target",
        "start multi-user.target keeper.service",
    ];
    let wanted = "is-active plain keeper store.service nosuch: 3 inactive
        inactive
        inactive
        inactive
        start plain keeper.service: 0
        is-active plain.service keeper store values nosuch: 0 active
        active
        active
        active
        inactive
        is-active --quiet nosuch plain: 0
        stop keeper: 0
        --quiet is-active keeper: 3
        is-failed keeper: 1 inactive
        try-restart keeper: 0
        is-active keeper: 3 inactive
        restart keeper: 0
        show -p Id,ActiveState,SubState,LoadState,Description store: 0 Id=keeper.service
        Description=Keeps values
        LoadState=loaded
        ActiveState=active
        SubState=running
        --value show --property=UnitFileState values: 0 alias
        is-active sysinit.target: 0 active
        start multi-user.target keeper.service: 0";
    let alias = [("keeper.service", UNIT), ("values.service.link", "")];
    let rinit = with_units(&config, &lines, &alias);
    std::os::unix::fs::symlink("keeper.service", rinit.path("units/values.service")).unwrap();
    let wanted: String = wanted
        .lines()
        .map(|line| format!("{}\n", line.trim()))
        .collect();
    compare_trimmed(rinit, &wanted);
}

#[track_caller]
pub fn compare_trimmed(rinit: Pid1, wanted: &str) {
    let ended = rinit.setup(Setup::OwnUnits).run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    let trimmed = |text: &str| -> Vec<String> {
        let lines = text.lines().map(|line| line.trim().to_owned());
        lines.filter(|line| !line.is_empty()).collect()
    };
    assert_eq!(trimmed(&ended.stdout), trimmed(wanted), "{}", ended.stderr);
}

#[test]
fn what_is_not_there_or_cannot_be_has_systemds_words_and_statuses() {
    let config = stands("web", "")
        + &service(
            "bad",
            &acts(["exit:3"]),
            "restart = 'no'\nenabled = false\nready = 'notify'",
        );
    let lines = [
        "start nosuch",
        "stop nosuch.service",
        "restart nosuch web",
        "reload web",
        "start hidden",
        "start bad",
        "is-failed bad",
        "reset-failed",
        "is-failed bad",
        "reload bad",
        "kill -s HUP nosuch",
        "kill -s FROB web",
        "status nosuch",
        "show nosuch -p LoadState",
        "cat nosuch",
        "--user status",
        "enable web --now",
        "start keeper",
        "poweroff now",
    ];
    let wanted = "start nosuch: 5 Failed to start nosuch.service: Unit nosuch.service not found.
        stop nosuch.service: 5 Failed to stop nosuch.service: Unit nosuch.service not loaded.
        restart nosuch web: 5 Failed to restart nosuch.service: Unit nosuch.service not found.
        reload web: 3 Failed to reload web.service: Job type reload is not applicable for unit web.service.
        start hidden: 1 Failed to start hidden.service: Unit hidden.service is masked.
        start bad: 1 Job for bad.service failed because the control process exited with error code.
        See \"systemctl status bad.service\" and \"journalctl -xeu bad.service\" for details.
        is-failed bad: 0 failed
        reset-failed: 0
        is-failed bad: 1 inactive
        reload bad: 3 Failed to reload bad.service: Job type reload is not applicable for unit bad.service.
        kill -s HUP nosuch: 1 Failed to kill unit nosuch.service: Unit nosuch.service not loaded.
        kill -s FROB web: 1 Failed to parse signal string \"FROB\".
        status nosuch: 4 Unit nosuch.service could not be found.
        show nosuch -p LoadState: 0 LoadState=not-found
        cat nosuch: 1 No files found for nosuch.service.
        --user status: 1 rinit supervises one set of services, not one for each user: leave out --user and --global
        enable web --now: 1 Failed to enable unit: Unit file web.service does not exist.
        start keeper: 5 Failed to start keeper.service: rinit doesn't supervise this unit.
        help: write [service.\"keeper\"] with unit = \"keeper.service\" into /etc/rinit.toml, then systemctl daemon-reload
        poweroff now: 1 Failed to parse exit code.";
    let rinit = with_units(
        &config,
        &lines,
        &[("hidden.service", ""), ("keeper.service", UNIT)],
    );
    compare_trimmed(rinit, wanted);
}

#[test]
fn what_a_unit_is_and_why_it_did_not_start_is_told_in_systemds_numbers() {
    let units = [
        ("gone.service", "[Service]\nExecStart=/no/such/program\n"),
        (
            "place.service",
            "[Service]\nWorkingDirectory=/no/such\nExecStart=/bin/true\n",
        ),
        (
            "high.service",
            "[Service]\nExecStart=/bin/sh -c 'exit 255'\n",
        ),
        (
            "others.service",
            "[Unit]\nRefuseManualStart=yes\n[Service]\nExecStart=/bin/sleep 1\n",
        ),
        (
            "forks.service",
            "[Service]\nType=forking\nPIDFile=/run/forks.pid\nExecStart=/bin/true\n",
        ),
        ("keeper.service", UNIT),
        (
            "keeper.service.d/more.conf",
            "[Unit]\nDocumentation=man:keep(1)\n",
        ),
    ];
    let lines = [
        "--quiet start gone",
        "show -p ExecMainCode,ExecMainStatus gone",
        "--quiet start place",
        "show -p ExecMainCode,ExecMainStatus place",
        "--quiet start high",
        "show -p ExecMainCode,ExecMainStatus,Result high",
        "--quiet start others",
        "show -p Type,PIDFile,NotifyAccess,RemainAfterExit forks",
        "show -p DropInPaths keeper",
        "reload gone",
        "start a/b",
        "status /some/where",
    ];
    let script = script(&lines).replace(
        "try show -p ExecMainCode,ExecMainStatus,Result high",
        "./systemctl show -p ActiveState high >&2; until ./systemctl --quiet is-failed high; do sleep 0.01; done\n\
         try show -p ExecMainCode,ExecMainStatus,Result high",
    );
    let mut rinit = asking(
        "[init]\nunits = ['keeper', 'gone', 'place', 'high', 'others', 'forks']\n",
        &script,
    );
    for (name, text) in units {
        rinit = rinit.file(&format!("units/{name}"), text);
    }
    let wanted = "--quiet start gone: 0
        show -p ExecMainCode,ExecMainStatus gone: 0 ExecMainCode=1
        ExecMainStatus=203
        --quiet start place: 0
        show -p ExecMainCode,ExecMainStatus place: 0 ExecMainCode=1
        ExecMainStatus=200
        --quiet start high: 0
        show -p ExecMainCode,ExecMainStatus,Result high: 0 Result=exit-code
        ExecMainCode=1
        ExecMainStatus=255
        --quiet start others: 4 Failed to start others.service: Operation refused, unit others.service may be requested by dependency only (it is configured to refuse manual start/stop).
        See system logs and 'systemctl status others.service' for details.
        show -p Type,PIDFile,NotifyAccess,RemainAfterExit forks: 0 Type=forking
        PIDFile=/run/forks.pid
        NotifyAccess=none
        RemainAfterExit=no
        show -p DropInPaths keeper: 0 DropInPaths=/run/systemd/system/keeper.service.d/more.conf
        reload gone: 3 Failed to reload gone.service: Job type reload is not applicable for unit gone.service.
        start a/b: 5 Invalid unit name \"a/b\" escaped as \"a-b\" (maybe you should use systemd-escape?).
        Failed to start a-b.service: Unit a-b.service not found.
        status /some/where: 4 Unit some-where.mount could not be found.";
    compare_trimmed(rinit, wanted);
}

#[test]
fn what_remains_after_its_exit_is_active_until_it_is_stopped() {
    let once = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'echo start >> /run/told'\n\
                ExecStartPost=/bin/sh -c 'echo post >> /run/told'\nExecStop=/bin/sh -c 'echo stop >> /run/told'\n";
    let units = [
        ("once.service", once),
        (
            "part.service",
            "[Unit]\nPartOf=once.service\n[Service]\nExecStart=/bin/sleep 1000\n",
        ),
        (
            "plain.service",
            "[Service]\nRemainAfterExit=yes\nExecStart=/bin/true\n",
        ),
        (
            "left.service",
            "[Service]\nType=forking\nRemainAfterExit=yes\nExecStart=-/bin/false\n",
        ),
        (
            "bad.service",
            "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/false\n",
        ),
    ];
    let lines = [
        "start once part plain",
        "start once",
        "is-active once",
        "show -p ActiveState,SubState,MainPID,RemainAfterExit once",
        "stop once",
        "is-active once part",
        "restart once",
        "is-active once",
        "start bad",
        "is-active bad",
        "start left",
        "show --value -p SubState left",
        "stop left",
        "is-active left",
    ];
    let script = script(&lines)
        + "until [ \"$(./systemctl show --value -p SubState plain)\" = exited ]; do sleep 0.01; done\n\
           try stop plain; try is-active plain; cat /run/told; rm /run/told\n";
    let mut rinit = asking(
        "[init]\nunits = ['once', 'part', 'plain', 'bad', 'left']\n[service.once]\nunit = 'once.service'\nenabled = false\n[service.bad]\nunit = 'bad.service'\nenabled = false\n",
        &script,
    );
    for (name, text) in units {
        rinit = rinit.file(&format!("units/{name}"), text);
    }
    let wanted = "start once part plain: 0
        start once: 0
        is-active once: 0 active
        show -p ActiveState,SubState,MainPID,RemainAfterExit once: 0 RemainAfterExit=yes
        MainPID=0
        ActiveState=active
        SubState=exited
        stop once: 0
        is-active once part: 3 inactive
        inactive
        restart once: 0
        is-active once: 0 active
        start bad: 1 Job for bad.service failed because the control process exited with error code.
        See \"systemctl status bad.service\" and \"journalctl -xeu bad.service\" for details.
        is-active bad: 3 failed
        start left: 0
        show --value -p SubState left: 0 exited
        stop left: 0
        is-active left: 3 inactive
        stop plain: 0
        is-active plain: 3 inactive
        start
        post
        stop
        start
        post";
    compare_trimmed(rinit, wanted);
}

#[test]
fn daemon_reload_reads_what_has_come_and_start_finds_it() {
    let more = "printf '[service.late]\\ncommand = [\"sleep\", \"1000\"]\\nenabled = false\\n' > late/late.toml; ";
    let lines = [
        "start late",
        "daemon-reload",
        "start late",
        "is-active late",
        "is-system-running",
    ];
    let script = script(&lines).replace("try daemon-reload", &format!("{more}try daemon-reload"));
    let rinit = asking(&stands("web", ""), &script)
        .file("late/none", "")
        .args(["-c", "late"]);
    let wanted = "start late: 5 Failed to start late.service: Unit late.service not found.
        daemon-reload: 0
        start late: 0
        is-active late: 0 active
        is-system-running: 1 starting";
    compare_trimmed(rinit.file("units/none", ""), wanted);
}

#[test]
fn status_shows_what_people_look_for() {
    let config = "[service.store]\nunit = 'keeper.service'\n".to_owned()
        + &service(
            "talks",
            &acts(["say:one", "say:two", "notify:STATUS=well", "wait"]),
            "notify-access = 'all'",
        );
    let lines = "until ctl logs talks | grep -q two; do sleep 0.01; done\n./systemctl status keeper; echo $?\n\
         ./systemctl status talks; ./systemctl list-units --no-legend; ./systemctl list-units --plain -t service 'st*' 'keeper*'\n";
    let script = script(&[]) + lines;
    let rinit = asking(config.as_str(), &script).file("units/keeper.service", UNIT);
    let ended = rinit.setup(Setup::OwnUnits).run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    for part in [
        "● keeper.service - Keeps values\n     Loaded: loaded (/run/systemd/system/keeper.service; disabled; preset: ",
        "     Active: active (running) since ",
        "   Main PID: ",
        " (sleep)\n",
        "● talks.service\n     Loaded: loaded (rinit.toml:",
        "     Status: \"well\"\n",
        " talks[",
        "]: one\n",
        "]: two\n",
        "     CGroup: ",
        "└─",
        "  keeper.service loaded active     running Keeps values\n",
        "UNIT           LOAD   ACTIVE SUB     DESCRIPTION\nkeeper.service loaded active running Keeps values\n",
        "\n1 loaded units listed. Pass --all to see loaded but inactive units, too.\nTo show all installed unit files use 'systemctl list-unit-files'.\n",
    ] {
        assert!(
            ended.stdout.contains(part),
            "{part:?} in\n{}{}",
            ended.stdout,
            ended.stderr
        );
    }
}

#[test]
fn without_rinit_it_says_so_and_in_a_chroot_it_is_content() {
    for (words, offline, code, said) in [
        (
            &["start", "web"][..],
            "no",
            1,
            "not been booted with systemd as init system (PID 1). Can't operate.",
        ),
        (
            &["start", "web"],
            "yes",
            0,
            "Running in chroot, ignoring command 'start'",
        ),
        (
            &["daemon-reload"],
            "yes",
            0,
            "Running in chroot, ignoring command 'daemon-reload'",
        ),
        (&["is-system-running"], "no", 1, "offline"),
    ] {
        let ended = Pid1::new()
            .called("systemctl")
            .args(words.iter().copied())
            .env("SYSTEMD_OFFLINE", offline)
            .run();
        assert_eq!(
            ended.status,
            crate::harness::Status::Exited(code),
            "{ended:?}"
        );
        let all = format!("{}{}", ended.stdout, ended.stderr);
        assert!(all.contains(said), "{all}");
    }
}

#[test]
fn the_folder_by_which_programs_know_systemd_is_there_if_it_is_wanted() {
    for (init, has_it) in [
        ("", false),
        ("systemd-folder = true", true),
        ("systemd-folder = 'auto'", false),
    ] {
        let look = "test -d /run/systemd/system; echo $?; grep systemd /proc/1/comm\n\
                    readlink /run/systemd/private";
        let rinit = asking(&format!("[init]\n{init}\n"), look).run();
        // Puppet and Chef know it by the name of PID 1; systemd's own systemctl asks there first.
        let said = match has_it {
            true => "0\nsystemd\n/run/rinit/control.sock\n",
            false => "1\n",
        };
        assert_eq!(rinit.stdout, said, "{init} {rinit:?}");
    }
}

/// Links of what is enabled, as `enable` makes them, and shell lines that write units.
pub const WRITES: &str = "unit() { printf \"$2\" > units/$1; }\n\
     wanted() { mkdir -p units/$1.wants; ln -sf ../$2 units/$1.wants/$2; }\n\
     pid() { ./systemctl show --value -p MainPID $1; }\n\
     runs() { tr '\\0' ' ' < /proc/$(pid $1)/cmdline; echo; }\n";

#[test]
fn daemon_reload_makes_units_known_and_starts_and_stops_nothing() {
    let lines = "ctl wait old leaves; old=$(pid old); leaves=$(pid leaves)\n\
         unit old.service '[Service]\\nExecStart=/bin/sleep 2000\\n'\n\
         unit new.service '[Service]\\nExecStart=/bin/sleep 3000\\n'; wanted multi-user.target new.service\n\
         unit off.service '[Service]\\nExecStart=/bin/sleep 4000\\n'\n\
         rm units/multi-user.target.wants/leaves.service\n\
         try daemon-reload; try daemon-reload\n\
         try is-active old new leaves off\n\
         [ $old = $(pid old) ] && [ $leaves = $(pid leaves) ] && echo both go on\n\
         try start new; runs new\n\
         try try-restart old; runs old; runs leaves\n\
         try stop leaves; try daemon-reload; try start leaves; runs leaves\n\
         try start off; runs off; try stop off; try is-active off\n\
         ctl apply > applied; try is-active new old leaves off\n";
    let rinit = asking(
        "[init]\nunits = 'enabled'\n",
        &(script(&[]) + WRITES + lines),
    )
    .file(
        "units/old.service",
        "[Service]\nExecStart=/bin/sleep 1000\n",
    )
    .file("units/multi-user.target.wants/old.service", "-")
    .file(
        "units/leaves.service",
        "[Service]\nExecStart=/bin/sleep 1001\n",
    )
    .file("units/multi-user.target.wants/leaves.service", "-");
    let wanted = "daemon-reload: 0
        daemon-reload: 0
        is-active old new leaves off: 0 active
        inactive
        active
        inactive
        both go on
        start new: 0
        /bin/sleep 3000
        try-restart old: 0
        /bin/sleep 2000
        /bin/sleep 1001
        stop leaves: 0
        daemon-reload: 0
        start leaves: 0
        /bin/sleep 1001
        start off: 0
        /bin/sleep 4000
        stop off: 0
        is-active off: 3 inactive
        is-active new old leaves off: 0 active
        active
        active
        inactive";
    compare_trimmed(rinit, wanted);
}

#[test]
fn sockets_and_timers_are_started_stopped_and_listed_by_their_names() {
    let lines = "unit tick.service '[Service]\\nType=oneshot\\nExecStart=/bin/true\\n'\n\
         unit tick.timer '[Timer]\\nOnCalendar=2099-01-02 03:04:05 UTC\\n'; wanted timers.target tick.timer\n\
         unit door.service '[Service]\\nExecStart=/bin/sleep 1000\\n'\n\
         unit door.socket '[Unit]\\nDescription=The door\\n[Socket]\\nListenStream=/run/door\\n'\n\
         try daemon-reload; try is-active tick.timer; [ -S /run/door ] || echo closed\n\
         try start tick.timer door.socket; try is-active tick.timer tick.service door.socket door.service\n\
         [ -S /run/door ] && echo open\n\
         ./systemctl list-timers --no-legend | cut -d' ' -f1-4; ./systemctl list-sockets\n\
         try show -p ActiveState,SubState,Triggers,NextElapseUSecRealtime tick.timer\n\
         try show --value -p TriggeredBy door\n\
         try list-units --plain --no-legend -t socket,timer\n\
         try status door.socket | sed 's/ since.*/ since/'\n\
         try reload door.socket; try restart tick.timer; try stop tick.timer door.socket\n\
         try is-active tick.timer door.socket; while [ -S /run/door ]; do sleep 0.01; done; echo closed\n\
         try start tick.timer; try is-active tick.timer; try is-enabled tick.timer door.socket; try stop nosuch.timer\n";
    let rinit = asking(
        "[init]\nunits = 'enabled'\n",
        &(script(&[]) + WRITES + lines),
    )
    .file("units/none", "");
    let wanted = "daemon-reload: 0
        is-active tick.timer: 3 inactive
        closed
        start tick.timer door.socket: 0
        is-active tick.timer tick.service door.socket door.service: 0 active
        inactive
        active
        inactive
        open
        Fri 2099-01-02 03:04:05 UTC
        LISTEN    UNIT        ACTIVATES
        /run/door door.socket door.service
        1 sockets listed.
        Pass --all to see loaded but inactive sockets, too.
        show -p ActiveState,SubState,Triggers,NextElapseUSecRealtime tick.timer: 0 NextElapseUSecRealtime=Fri 2099-01-02 03:04:05 UTC
        Triggers=tick.service
        ActiveState=active
        SubState=waiting
        show --value -p TriggeredBy door: 0 door.socket
        list-units --plain --no-legend -t socket,timer: 0 door.socket loaded active listening The door
        tick.timer  loaded active waiting   tick.timer
        status door.socket: 0 ● door.socket - The door
        Loaded: loaded (/run/systemd/system/door.socket; static)
        Active: active (listening) since
        Triggers: ● door.service
        Listen: /run/door (Stream)
        reload door.socket: 3 Failed to reload door.socket: Job type reload is not applicable for unit door.socket.
        restart tick.timer: 0
        stop tick.timer door.socket: 0
        is-active tick.timer door.socket: 3 inactive
        inactive
        closed
        start tick.timer: 0
        is-active tick.timer: 0 active
        is-enabled tick.timer door.socket: 0 enabled-runtime
        static
        stop nosuch.timer: 5 Failed to stop nosuch.timer: Unit nosuch.timer not loaded.";
    compare_trimmed(rinit, wanted);
}

#[test]
fn a_path_that_is_stopped_leaves_its_service_running_and_starts_it_no_more() {
    let lines = "unit seen.service '[Service]\\nExecStart=/bin/sleep 1000\\n'\n\
         unit seen.path '[Path]\\nPathExists=/run/there\\n'\n\
         try daemon-reload; try start seen.path; touch /run/there\n\
         until ./systemctl -q is-active seen.service; do sleep 0.05; done\n\
         try stop seen.path; try is-active seen.service seen.path; try kill seen.service\n\
         while ./systemctl -q is-active seen.service; do sleep 0.05; done; sleep 0.3\n\
         try is-active seen.service seen.path\n\
         try start seen.path; until ./systemctl -q is-active seen.service; do sleep 0.05; done\n\
         try is-active seen.service seen.path\n";
    let rinit = asking(
        "[init]\nunits = 'enabled'\n",
        &(script(&[]) + WRITES + lines),
    )
    .file("units/none", "");
    let wanted = "daemon-reload: 0
        start seen.path: 0
        stop seen.path: 0
        is-active seen.service seen.path: 0 active
        inactive
        kill seen.service: 0
        is-active seen.service seen.path: 3 inactive
        inactive
        start seen.path: 0
        is-active seen.service seen.path: 0 active
        active";
    compare_trimmed(rinit, wanted);
}

#[test]
fn what_a_unit_that_was_not_known_needs_starts_with_it() {
    let runs = "[Service]\\nExecStart=/bin/sleep 1000\\n[Install]\\nWantedBy=multi-user.target\\n";
    let lines = format!(
        "unit base.service '[Unit]\\nBindsTo=deep.service\\n{runs}'\n\
         for one in deep extra behind; do unit $one.service '{runs}'; done\n\
         unit group.target '[Unit]\\nWants=behind.service\\n'\n\
         for one in user later now; do\n\
         unit $one.service '[Unit]\\nRequires=base.service\\nWants=extra.service group.target\\n{runs}'; done\n\
         settled() {{ for n in $(seq 100); do case \"$(./systemctl is-active extra behind)\" in *ing*) sleep 0.05;; *) break;; esac; done; }}\n\
         try start user; settled; try is-active user base deep extra behind\n\
         try show -p Requires,Wants user; try list-dependencies --plain user\n\
         rests() {{ ./systemctl stop user later base deep extra behind; }}\n\
         rests; try enable --quiet later; try daemon-reload; try is-active later base extra behind\n\
         try start later; settled; try is-active later base deep extra behind\n\
         rests; try enable --quiet --now now; settled; try is-active now base deep extra behind\n"
    );
    let rinit = asking(
        "[init]\nunits = 'enabled'\n",
        &(script(&[]) + WRITES + &lines),
    )
    .file("units/none", "");
    let wanted = "start user: 0
        is-active user base deep extra behind: 0 active
        active
        active
        active
        active
        show -p Requires,Wants user: 0 Requires=base.service
        Wants=behind.service extra.service
        list-dependencies --plain user: 0 user.service
        base.service
        deep.service
        behind.service
        extra.service
        enable --quiet later: 0
        daemon-reload: 0
        is-active later base extra behind: 3 inactive
        inactive
        inactive
        inactive
        start later: 0
        is-active later base deep extra behind: 0 active
        active
        active
        active
        active
        enable --quiet --now now: 0
        is-active now base deep extra behind: 0 active
        active
        active
        active
        active";
    compare_trimmed(rinit, wanted);
}

#[test]
fn what_cannot_have_what_it_requires_is_not_started() {
    let runs = "[Service]\\nExecStart=/bin/sleep 1000\\n";
    let lines = format!(
        "unit breaks.service '[Service]\\nType=oneshot\\nExecStart=/bin/false\\n'\n\
         ln -s /dev/null units/hidden.service\n\
         needs() {{ unit $1.service \"[Unit]\\nRequires=$2.service\\n{runs}\"; }}\n\
         needs doomed breaks; needs lacks nosuch; needs above lacks; needs hides hidden\n\
         needs machines systemd-nosuch; needs table web\n\
         for one in doomed lacks above hides machines table; do try start $one; done\n\
         try is-active doomed breaks lacks above hides machines table\n"
    );
    let config = "[init]\nunits = 'enabled'\n".to_owned() + &stands("web", "");
    let rinit = asking(&config, &(script(&[]) + WRITES + &lines)).file("units/none", "");
    let wanted = "start doomed: 1 A dependency job for doomed.service failed. See 'journalctl -xe' for details.
        start lacks: 5 Failed to start lacks.service: Unit nosuch.service not found.
        start above: 5 Failed to start above.service: Unit nosuch.service not found.
        start hides: 1 Failed to start hides.service: Unit hidden.service is masked.
        start machines: 0
        start table: 0
        is-active doomed breaks lacks above hides machines table: 0 inactive
        failed
        inactive
        inactive
        inactive
        active
        active";
    compare_trimmed(rinit, wanted);
}
