//! Services from unit files, in a folder of systemd's search path.

use crate::harness::{Setup, Status};
use crate::requests::person;
use crate::supervisor::{IN_ORDER, last_line, notes, supervisor};

/// The shell notes what it is given; the folder of the test is its own.
fn unit(folder: &str) -> String {
    format!(
        "[Unit]\nDescription=Notes\nAfter=network.target nobody.service\n\
         [Service]\nEnvironment=\"WORDS=one 'two three'\" BELOW=unit OVER=unit\n\
         EnvironmentFile=-/no/such/file\nEnvironmentFile={folder}/d?fau[k-m]*\n\
         ExecStartPre=-+/bin/false\n\
         ExecStartPre=/bin/sh -c 'echo pre %i %%n $$BELOW >> notes'\n\
         ExecStart=@/bin/sh notes-daemon -c \\\n# in between\n  \
         'echo \"$$0|$$1|$$2|$$3|$$4|$$BELOW|$$OVER\" >> notes; trap : PIPE; exec sleep 1000' \\\n  \
         zero $WORDS ${{WORDS}} $UNSET last\n\
         ExecReload=/bin/sh -c 'echo reload >> notes'\n\
         ExecStop=/bin/sh -c 'echo stop $$SERVICE_RESULT$$EXIT_CODE >> notes'\n\
         ExecStopPost=/bin/sh -c 'echo $$SERVICE_RESULT >> notes'\n\
         WorkingDirectory={folder}\nUMask=0077\nPrivateTmp=yes\nBindPaths={folder}\n"
    )
}

#[test]
fn a_units_service_runs_as_its_file_says_and_as_toml_says_over_it() {
    let config = "[service.web]\nunit = 'notes@a-b.service'\nenvironment = { OVER = 'toml' }\n";
    let rinit = supervisor(config);
    let folder = rinit.path("").display().to_string();
    let rinit = rinit
        .file("units/notes@.service", &unit(&folder))
        .file(
            "units/notes@.service.d/10-more.conf",
            "[Service]\nUMask=0022\n",
        )
        .file("defaults", "BELOW=file\nOVER=file\n")
        .setup(Setup::OwnUnits)
        .spawn();
    rinit.wait_until("it runs", || notes(&rinit).len() == 2);
    rinit.wait_for_line("1 service running");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    assert_eq!(
        notes(&rinit),
        [
            "pre a-b %n file",
            "zero|one|two three|one 'two three'|last|file|toml",
            "stop success",
            "success"
        ],
        "{}",
        rinit.dump()
    );
}

#[test]
fn an_assert_that_does_not_hold_is_a_failed_start_and_a_condition_is_none() {
    let unit = |line: &str| {
        format!("[Unit]\n{line}\n[Service]\nRestart=always\nExecStart=/bin/sleep 1000\n")
    };
    let config = "[service.asserted]\nunit = 'asserted.service'\n\
                  [service.conditional]\nunit = 'conditional.service'\n\
                  [service.behind]\ncommand = 'echo behind >> notes; exec sleep 1000'\nafter = ['asserted']\n";
    let rinit = supervisor(config)
        .file(
            "units/asserted.service",
            &unit("AssertPathExists=/no/such/file"),
        )
        .file(
            "units/conditional.service",
            &unit("ConditionPathExists=/no/such/file"),
        )
        .setup(Setup::OwnUnits)
        .spawn();
    rinit.wait_for_line(
        "asserted failed: cannot start: AssertPathExists=/no/such/file doesn't hold",
    );
    rinit.wait_for_line("conditional skipped: ConditionPathExists=/no/such/file doesn't hold");
    rinit.wait_until("the one behind it runs", || notes(&rinit) == ["behind"]);
    rinit.signal(15);
    rinit.wait();
}

#[test]
fn conditions_are_asked_at_each_start_and_who_requires_what_is_skipped_goes_on() {
    let unit = "[Unit]\nConditionPathExists=FOLDER/made\n\
                [Service]\nExecStart=/bin/sh -c 'echo ran >> notes; exec sleep 1000'\nWorkingDirectory=FOLDER\n";
    let config = "[service.make]\ntype = 'oneshot'\ncommand = 'touch made'\n\
                  [service.behind]\nunit = 'behind.service'\nafter = ['make']\n\
                  [service.asked]\ncommand = 'exec sleep 1000'\nexec-condition = ['exit 0', 'exit 7']\n\
                  exec-start-pre = ['echo never >> notes']\nexec-stop-post = ['echo $SERVICE_RESULT >> notes']\nafter = ['behind']\n\
                  [service.broken]\ncommand = 'exec sleep 1000'\nexec-condition = ['exit 255']\nrestart = 'no'\n\
                  [service.needs]\ncommand = 'echo needs >> notes; exec sleep 1000'\nrequires = ['asked']\n";
    let script = "until [ \"$(wc -l < notes)\" -ge 3 ]; do sleep 0.01; done\n\
                  rm made; try restart behind; try start asked; try status asked";
    let rinit = supervisor(&(config.to_owned() + &person(script)));
    let folder = rinit.path("").display().to_string();
    let folder = folder.trim_end_matches('/');
    let rinit = rinit
        .file("units/behind.service", &unit.replace("FOLDER", folder))
        .setup(Setup::OwnUnits)
        .spawn();
    rinit.wait_for_line("broken failed: exec-condition: exit 255: exit 255");
    rinit.wait_for_line("asked skipped: exec-condition: exit 7: exit 7");
    rinit.wait_for_line(&format!(
        "behind skipped: ConditionPathExists={folder}/made doesn't hold"
    ));
    rinit.wait_for_line("person: all is done");
    let said = rinit.stdout();
    for part in [
        "restart behind: 0",
        "start asked: 0",
        "asked is inactive: skipped, since exec-condition: exit 7: exit 7",
    ] {
        assert!(said.contains(part), "{part}: {}", rinit.dump());
    }
    // Who requires it waits for the answer, as for any start by hand.
    let all = ["ran", "exec-condition", "needs", "exec-condition", "needs"];
    rinit.wait_until("all ran again", || notes(&rinit) == all);
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn a_failed_unit_starts_what_its_on_failure_names_and_nothing_else_does() {
    let config = "[service.bad]\nunit = 'bad.service'\n\
                  [service.job]\ntype = 'oneshot'\ncommand = 'true'\non-success = ['done']\n\
                  [service.done]\nenabled = false\ntype = 'oneshot'\ncommand = 'echo done >> notes'\n\
                  [service.stays]\ncommand = 'exec sleep 1000'\n";
    let rinit = supervisor(config);
    let folder = rinit.path("").display().to_string();
    let alert = format!(
        "[Service]\nType=oneshot\nWorkingDirectory={folder}\nExecStart=/bin/sh -c 'echo alert %i >> notes'\n"
    );
    let bad = "[Unit]\nOnFailure=alert@%n.service\nOnSuccess=other.service\n[Service]\nExecStart=/bin/false\n";
    let rinit = rinit
        .file("units/bad.service", bad)
        .file("units/alert@.service", &alert)
        .file("units/other.service", &alert)
        .setup(Setup::OwnUnits)
        .spawn();
    rinit.wait_until("both were started", || {
        let mut all = notes(&rinit);
        all.sort_unstable();
        all == ["alert bad.service", "done"]
    });
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn a_unit_that_is_not_there_is_said_with_its_place() {
    let rinit = supervisor("[service.web]\nunit = 'nots.service'\n")
        .file("units/notes.service", "[Service]\nExecStart=/bin/true\n")
        .setup(Setup::OwnUnits)
        .spawn();
    assert_eq!(rinit.wait(), Status::Exited(125));
    let said = rinit.stderr();
    assert!(
        said.contains("rinit.toml:2:8: there is no unit \"nots.service\""),
        "{said}"
    );
    assert!(said.contains("did you mean \"notes.service\"?"), "{said}");
}

/// A service that notes what it finds of its folder in /run.
fn looking(folder: &str) -> String {
    format!(
        "[Service]\nExecStart=/bin/sh -c 'stat -c \"%%a %%n\" /run/web /run/lock >> {folder}/notes; exec sleep 1000'\n"
    )
}

#[test]
fn what_tmpfiles_d_asks_for_is_there_before_the_first_service() {
    let rinit = supervisor("[service.web]\nunit = 'web.service'\n");
    let folder = rinit.path("").display().to_string();
    let rinit = rinit
        .file("units/web.service", &looking(&folder))
        .file(
            "tmpfiles.d/web.conf",
            "d /run/web 2750\nd relative\nf /run/web/hello - - - - hi\nd /run/other - nobody-here\n",
        )
        .setup(Setup::OwnUnits)
        .spawn();
    rinit.wait_until("it runs", || notes(&rinit).len() == 2);
    assert_eq!(
        notes(&rinit),
        ["2750 /run/web", "1777 /run/lock"],
        "{}",
        rinit.dump()
    );
    for wanted in [
        "rinit: /run/tmpfiles.d/web.conf:2: \"relative\" is no absolute path without \"..\"",
        "rinit: /run/tmpfiles.d/web.conf:4: there is no user \"nobody-here\": /run/other is left out",
    ] {
        rinit.wait_for_line(wanted);
    }
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn one_that_ran_too_long_gets_its_own_signals_and_ends_all_as_its_unit_says() {
    let unit = "[Unit]\nFailureAction=poweroff\nFailureActionExitStatus=9\n\
                [Service]\nRuntimeMaxSec=50ms\nTimeoutStopSec=1s\nFinalKillSignal=SIGUSR1\n\
                ExecStart=/bin/sh -c 'trap : TERM; trap \"echo final >> notes; exit\" USR1; \
                touch there; while :; do sleep 0.01; done'\n\
                ExecStartPost=/bin/sh -c 'until test -e there; do sleep 0.01; done'\nWorkingDirectory=FOLDER\n";
    let config = "[service.job]\nunit = 'job.service'\n\
                  [service.other]\ncommand = 'exec sleep 1000'\n";
    let rinit = supervisor(config);
    let folder = rinit.path("").display().to_string();
    let rinit = rinit
        .file("units/job.service", &unit.replace("FOLDER", &folder))
        .setup(Setup::OwnUnits)
        .spawn();
    assert_eq!(rinit.wait(), Status::Exited(9), "{}", rinit.dump());
    assert_eq!(notes(&rinit), ["final"], "{}", rinit.dump());
    let said = rinit.stderr();
    let line = last_line(&said);
    assert!(
        line.starts_with("rinit: job (FailureAction) failed: ran for ")
            && line.ends_with("exit code 9"),
        "{said}"
    );
}

/// `MAINPID` is unset by then.
#[test]
fn what_has_ended_well_by_itself_is_followed_by_its_exec_stop_and_a_failure_is_not() {
    let kinds = [
        ("plain", "simple", "0"),
        ("once", "oneshot", "0"),
        ("bad", "simple", "3"),
        ("failed", "oneshot", "3"),
    ];
    let config: String = kinds
        .iter()
        .map(|(name, ..)| format!("[service.{name}]\nunit = '{name}.service'\n"))
        .collect();
    let mut rinit = supervisor(&(config + "[service.stays]\ncommand = 'exec sleep 1000'\n"));
    let folder = rinit.path("").display().to_string();
    for (name, kind, code) in kinds {
        let unit = format!(
            "[Service]\nType={kind}\nWorkingDirectory={folder}\nExecStart=/bin/sh -c 'exit {code}'\n\
             ExecStop=/bin/sh -c 'echo stop %p $$MAINPID$$SERVICE_RESULT $$EXIT_STATUS >> notes'\n\
             ExecStopPost=/bin/sh -c 'echo post %p $$SERVICE_RESULT >> notes'\n"
        );
        rinit = rinit.file(&format!("units/{name}.service"), &unit);
    }
    let rinit = rinit.setup(Setup::OwnUnits).spawn();
    rinit.wait_until("all have ended", || {
        let posts = |note: &&String| note.starts_with("post");
        notes(&rinit).iter().filter(posts).count() == kinds.len()
    });
    let of = |name: &str| -> Vec<String> {
        let all = notes(&rinit).into_iter();
        all.filter(|note| note.split(' ').nth(1) == Some(name))
            .collect()
    };
    assert_eq!(of("plain"), ["stop plain success 0", "post plain success"]);
    assert_eq!(of("once"), ["stop once success 0", "post once success"]);
    assert_eq!(of("bad"), ["post bad exit-code"]);
    assert_eq!(of("failed"), ["post failed exit-code"]);
    rinit.signal(15);
    rinit.wait();
}
