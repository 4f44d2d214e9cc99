//! What packages have enabled, without a table and without any file.

use crate::harness::{Pid1, RINIT, Setup, Status};
use crate::supervisor::{IN_ORDER, notes};

/// A unit that notes its start and its end.
fn noting(folder: &str, name: &str, more: &str) -> String {
    format!(
        "[Unit]\n{more}\n[Service]\nExecStart=/bin/sh -c 'trap \"echo end {name} >> notes; exit\" TERM; \
         echo start {name} >> notes; while :; do sleep 0.01; done'\nWorkingDirectory={folder}\n"
    )
}

#[test]
fn without_any_file_what_is_enabled_runs_in_the_order_of_targets() {
    let rinit = Pid1::new();
    let folder = rinit.path("").display().to_string();
    let first = format!(
        "[Unit]\nBefore=net.target\n[Service]\nType=oneshot\nWorkingDirectory={folder}\n\
         ExecStart=/bin/sh -c 'echo first >> notes'\n"
    );
    let rinit = rinit
        .file("units/first.service", &first)
        .file("units/multi-user.target.wants/first.service", &first)
        .file("units/net.target", "[Unit]\n")
        .file(
            "units/web.service",
            &noting(&folder, "web", "Wants=net.target\nAfter=net.target"),
        )
        .file("units/multi-user.target.wants/web.service", "-")
        .file("units/off.service", &noting(&folder, "off", ""))
        .file("units/getty@.service", &noting(&folder, "getty", ""))
        .file("units/multi-user.target.wants/getty@tty1.service", "-")
        .setup(Setup::OwnUnits)
        .spawn();
    rinit.wait_until("web runs", || notes(&rinit).len() == 2);
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    assert_eq!(
        notes(&rinit),
        ["first", "start web", "end web"],
        "{}",
        rinit.dump()
    );
}

#[test]
fn without_any_file_and_with_nothing_enabled_there_is_nothing_to_do() {
    let rinit = Pid1::new()
        .file("units/off.service", "[Service]\nExecStart=/bin/true\n")
        .setup(Setup::OwnUnits)
        .spawn();
    assert_eq!(rinit.wait(), Status::Exited(125));
    let said = rinit.stderr();
    assert!(said.contains("no enabled unit"), "{said}");
    assert!(said.contains("[service.web]"), "{said}");
}

#[test]
fn generators_write_units_and_one_that_fails_or_hangs_is_a_warning() {
    let rinit = Pid1::new();
    let folder = rinit.path("").display().to_string();
    let clusters = format!(
        "#!/bin/sh\nmkdir -p $1/multi-user.target.wants\n\
         ln -s {folder}/units/cluster@.service $1/multi-user.target.wants/cluster@15-main.service\n\
         echo three: $# $SYSTEMD_SCOPE >> {folder}/notes\n"
    );
    let rinit = rinit
        .file("units/cluster@.service", &noting(&folder, "%i", ""))
        .script("generators/clusters", &clusters)
        .script("generators/fails", "#!/bin/sh\nexit 3\n")
        .script("generators/hangs", "#!/bin/sh\nsleep 1000 & wait\n")
        .script("generators/systemd-own", "#!/bin/sh\necho never >> notes\n")
        .file("generators/compiled", "\x7fELF")
        .setup(Setup::OwnUnits)
        .spawn();
    rinit.wait_until("the cluster runs", || notes(&rinit).len() == 2);
    assert_eq!(
        notes(&rinit),
        ["three: 3 system", "start 15-main"],
        "{}",
        rinit.dump()
    );
    rinit.wait_for_line("fails exited with status 3");
    rinit.wait_for_line("hangs: not done after 5 s");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn with_a_clean_environment_units_see_only_what_they_pass() {
    for (manner, seen) in [("clean", "x kept"), ("container", "xouter kept")] {
        let rinit = Pid1::new();
        let folder = rinit.path("").display().to_string();
        let unit = format!(
            "[Service]\nType=oneshot\nWorkingDirectory={folder}\nPassEnvironment=NONE\n\
             PassEnvironment=KEPT\nExecStart=/bin/sh -c 'echo x$OUTER $KEPT >> notes'\n"
        );
        let rinit = rinit
            .file("units/sees.service", &unit)
            .file("units/multi-user.target.wants/sees.service", "-")
            .env("OUTER", "outer")
            .env("KEPT", "kept")
            .env("RINIT_UNIT_ENVIRONMENT", manner)
            .setup(Setup::OwnUnits)
            .spawn();
        assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
        assert_eq!(notes(&rinit), [seen], "{}", rinit.dump());
    }
}

#[test]
fn of_two_enabled_ones_that_conflict_one_starts_and_the_other_takes_its_place_by_hand() {
    let rinit = Pid1::new();
    let folder = rinit.path("").display().to_string();
    let rinit = rinit
        .file("units/one.service", &noting(&folder, "one", ""))
        .file(
            "units/two.service",
            &noting(&folder, "two", "Conflicts=one.service"),
        )
        .file("units/multi-user.target.wants/one.service", "-")
        .file("units/multi-user.target.wants/two.service", "-")
        .file(
            "units/ask.service",
            &format!(
                "[Service]\nType=oneshot\nWorkingDirectory={folder}\nExecStart=/bin/sh -c \
                 'until [ -e notes ]; do sleep 0.01; done; {RINIT} ctl start two'\n"
            ),
        )
        .file("units/multi-user.target.wants/ask.service", "-")
        .setup(Setup::OwnUnits)
        .spawn();
    rinit.wait_for_line("two is not started: it and one conflict, and both are enabled");
    rinit.wait_until("two runs", || notes(&rinit).len() == 3);
    assert_eq!(notes(&rinit), ["start one", "end one", "start two"]);
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

/// As oidentd ships them: with both the second would find the first's port taken.
#[test]
fn of_a_service_and_a_socket_with_accept_that_conflict_one_starts() {
    let rinit = Pid1::new();
    let folder = rinit.path("").display().to_string();
    let socket = format!(
        "[Unit]\nConflicts=ident.service\n[Socket]\nAccept=yes\nListenStream={folder}socket\n"
    );
    let rinit = rinit
        .file("units/ident.service", &noting(&folder, "ident", ""))
        .file("units/ident.socket", &socket)
        .file("units/ident@.service", &noting(&folder, "each", ""))
        .file("units/multi-user.target.wants/ident.service", "-")
        .file("units/sockets.target.wants/ident.socket", "-")
        .setup(Setup::OwnUnits)
        .spawn();
    rinit.wait_for_line("conflict, and both are enabled");
    rinit.wait_for_line("1 service running");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}
