//! Services that are scripts of /etc/init.d, without a unit.

use crate::forking::{eyes, told, until_active};
use crate::harness::{Pid1, RINIT, Running, Setup};
use crate::supervisor::{IN_ORDER, notes, service, supervisor};

/// Its daemon ends with 7 once there is a file `die`; the script's own `stop` does nothing to it.
fn script(folder: &str, before: &str, after: &str) -> String {
    format!(
        "#!/bin/sh
### BEGIN INIT INFO
# Provides: web
# Required-Start: $remote_fs
### END INIT INFO
NAME=web
PIDFILE=/run/$NAME.pid
cd {folder}
case \"$1\" in
  start)
    echo start $SYSTEMCTL_SKIP_REDIRECT $OUTER >> notes
    {before}
    (setsid sh -c '
        trap \"echo ends >> notes; exit 0\" TERM
        echo runs >> notes
        echo $$ > number
        echo $$ > /run/web.pid
        while ! rm die 2> /dev/null; do sleep 0.02; done
        exit 7
    ' &)
    while [ ! -s $PIDFILE ]; do sleep 0.02; done
    {after}
    ;;
  stop) echo stop >> notes ;;
esac
"
    )
}

/// It is enabled by a link, and has no table.
fn with(before: &str, after: &str) -> Running {
    let rinit = supervisor(&format!("[init]\nunits = 'enabled'\n{}", eyes()));
    scripted(rinit, before, after).spawn()
}

fn scripted(rinit: Pid1, before: &str, after: &str) -> Pid1 {
    let folder = rinit.path("").display().to_string();
    rinit
        .script("init.d/web", &script(&folder, before, after))
        .file("rc3.d/S01web", "")
        .file("units/none", "")
        .env("OUTER", "outer")
        .setup(Setup::OwnUnits)
}

#[test]
fn an_enabled_script_starts_its_daemon_and_what_its_stop_leaves_is_ended() {
    // That it says 1 doesn't matter where its daemon runs.
    for status in ["exit 0", "exit 1"] {
        let rinit = with("", status);
        let pid = until_active(&rinit);
        let number = std::fs::read_to_string(rinit.path("number")).unwrap();
        assert_eq!(pid, number.trim(), "{}", rinit.dump());
        rinit.signal(15);
        assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
        // It sees nothing of the container's variables.
        let wanted = ["start yes", "runs", "stop", "ends"];
        assert_eq!(notes(&rinit), wanted, "{}", rinit.dump());
    }
}

#[test]
fn what_outlives_a_daemon_that_its_stop_has_ended_is_ended_too() {
    let rinit = supervisor(&format!("[init]\nunits = 'enabled'\n{}", eyes()));
    let other = "#!/bin/sh\ntrap 'echo other ends >> notes; exit' TERM\n\
                 echo > other.runs\nwhile :; do sleep 0.02; done\n";
    let stops = "(setsid ./other &); while [ ! -e other.runs ]; do sleep 0.02; done";
    let rinit = scripted(rinit, stops, "").script("other", other);
    let text = std::fs::read_to_string(rinit.path("init.d/web")).unwrap();
    let text = text.replace(
        "stop) echo stop >> notes",
        "stop) echo stop >> notes; kill $(cat $PIDFILE); while kill -0 $(cat $PIDFILE); do sleep 0.02; done",
    );
    let rinit = rinit.script("init.d/web", &text).spawn();
    until_active(&rinit);
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    let wanted = ["start yes", "runs", "stop", "ends", "other ends"];
    assert_eq!(notes(&rinit), wanted, "{}", rinit.dump());
    assert!(!rinit.stderr().contains("killed"), "{}", rinit.dump());
}

#[test]
fn the_end_of_its_daemon_is_told() {
    let rinit = with("", "");
    until_active(&rinit);
    std::fs::write(rinit.path("die"), "").unwrap();
    rinit.wait_for_line("web failed: exited with status 7");
    rinit.signal(15);
    rinit.wait();
    assert_eq!(notes(&rinit), ["start yes", "runs"], "{}", rinit.dump());
}

#[test]
fn a_script_that_starts_nothing_has_failed_if_it_says_so() {
    for (says, state) in [
        ("exit 0", "exited"),
        // Not installed, not configured.
        ("exit 5", "exited"),
        ("exit 6", "exited"),
        ("exit 1", "failed"),
        ("kill -9 $$", "failed"),
    ] {
        let rinit = with(says, "");
        rinit.wait_until(state, || told(&rinit, "state") == state);
        rinit.signal(15);
        rinit.wait();
        assert_eq!(notes(&rinit), ["start yes"], "{}", rinit.dump());
    }
}

#[test]
fn to_start_by_hand_what_has_nothing_to_start_is_no_failure() {
    let asks = format!("'{RINIT} ctl start web; echo $? >> notes'");
    let asks = service("asks", &asks, "type = 'oneshot'\nafter = ['web']");
    let rinit = supervisor(&format!("[service.web]\nunit = 'web.service'\n{asks}"));
    let rinit = scripted(rinit, "exit 0", "").spawn();
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    assert_eq!(
        notes(&rinit),
        ["start yes", "start yes", "0"],
        "{}",
        rinit.dump()
    );
}

#[test]
fn a_unit_of_that_name_wins() {
    let rinit = supervisor("[service.web]\nunit = 'web.service'\n");
    let folder = rinit.path("").display().to_string();
    let unit = format!(
        "[Service]\nType=oneshot\nWorkingDirectory={folder}\nExecStart=/bin/sh -c 'echo unit >> notes'\n"
    );
    let rinit = scripted(rinit, "", "").file("units/web.service", &unit);
    let rinit = rinit.spawn();
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    assert_eq!(notes(&rinit), ["unit"]);
}
