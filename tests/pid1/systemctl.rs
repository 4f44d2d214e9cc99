//! rinit called as `systemctl`, by scripts inside.

use crate::acts::acts;
use crate::harness::{Pid1, RINIT, Setup};
use crate::status::{UP, asking, stands};
use crate::supervisor::{IN_ORDER, service};

/// `try` says what a line printed and its exit status.
fn script(lines: &[&str]) -> String {
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
fn compare_trimmed(rinit: Pid1, wanted: &str) {
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
        start bad: 1 Job for bad.service failed: exited with status 3.
        See \"systemctl status bad.service\" and \"rinitctl logs bad\" for details.
        is-failed bad: 0 failed
        reset-failed: 0
        is-failed bad: 1 inactive
        reload bad: 1 bad.service is not active, cannot reload.
        kill -s HUP nosuch: 1 Failed to kill unit nosuch.service: Unit nosuch.service not loaded.
        kill -s FROB web: 1 Failed to parse signal string FROB.
        status nosuch: 4 Unit nosuch.service could not be found.
        show nosuch -p LoadState: 0 LoadState=not-found
        cat nosuch: 1 No files found for nosuch.service.
        --user status: 1 rinit supervises one set of services, not one for each user: leave out --user and --global
        enable web --now: 1 Failed to enable unit, unit web.service does not exist.
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
        "\n\none\ntwo\n",
        "  keeper.service loaded active     running Keeps values\n",
        "UNIT           LOAD   ACTIVE SUB     DESCRIPTION\nkeeper.service loaded active running Keeps values\n",
        "\n1 loaded units listed. Pass --all",
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
            "Running in chroot, ignoring request: start",
        ),
        (
            &["daemon-reload"],
            "yes",
            0,
            "Running in chroot, ignoring request: daemon-reload",
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
        let look = "test -d /run/systemd/system; echo $?";
        let rinit = asking(&format!("[init]\n{init}\n"), look).run();
        let said = if has_it { "0\n" } else { "1\n" };
        assert_eq!(rinit.stdout, said, "{init} {rinit:?}");
    }
}
