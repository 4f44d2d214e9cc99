//! `rinitctl exec`: a command as a service would be executed, in rinitctl's own process.

use crate::acts::acts;
use crate::harness::{RINIT, Status, foreground, open_terminal};
use crate::status::{UP, answers, stands};
use crate::supervisor::{place, service, supervisor};

/// A line that was printed as a whole.
#[track_caller]
fn line(text: &str, whole: &str) {
    assert!(
        text.lines().any(|it| it == whole),
        "no {whole:?} in\n{text}"
    );
}

#[test]
fn the_command_finds_what_the_service_finds() {
    let keys = "enabled = false\nready = 'notify'\nworking-directory = 'sub'\numask = '027'\n\
        environment = { A = 'own', TERM = 'its' }\nenvironment-file = 'env'\n\
        environment-from = { SECRET = 'secret' }\nlimit-nofile = 77\nnice = 5\n\
        oom-score-adjust = 500\nno-new-privileges = true\n";
    let script = format!(
        "mkdir sub; echo hidden >secret; printf 'B=late' >env\n{UP}\
         CALLER=1 ctl exec web -- sh -c '\
           echo vars $A $B $SECRET $TERM [$CALLER] $RINIT_SERVICE [$NOTIFY_SOCKET$INVOCATION_ID$LISTEN_FDS]; \
           pwd; echo limits $(umask) $(ulimit -n) $(nice) $(cat /proc/self/oom_score_adj); \
           grep NoNewPrivs /proc/self/status; exit 7'; echo code $?\n\
         ctl exec plain -- sh -c 'echo plain $TERM $(umask)'; umask 077; ctl exec plain -- sh -c 'echo again $(umask)'\n\
         sh -c 'echo pid $$; exec \"$@\"' sh {RINIT} ctl exec plain -- sh -c 'echo pid $$' | uniq -c | sed 's/ *2 pid.*/one process/'"
    );
    let config = service("web", &acts(["wait"]), keys) + &stands("plain", "");
    let ended = answers(&config, &script);
    let text = &ended.stdout;
    line(text, "vars own late hidden its [] web []");
    place(text, "/sub");
    line(text, "limits 0027 77 5 500");
    line(text, "NoNewPrivs:\t1");
    line(text, "code 7");
    line(text, "plain xterm 0022");
    line(text, "again 0022");
    line(text, "one process");
    assert!(!ended.stderr.contains("hidden"), "{ended:?}");
}

#[test]
fn what_cannot_be_executed_says_which_step_and_gives_a_shells_code() {
    let config = stands("web", "")
        + &stands("lost", "enabled = false\nenvironment-file = '/nowhere'")
        + &stands("cellar", "enabled = false\nworking-directory = '/nowhere'")
        + &stands("many", "instances = 2");
    let script = format!(
        "{UP}ctl exec web -- ./nosuch; echo missing $?; ctl exec web -- /etc; echo folder $?; \
         ctl exec lost -- true; echo lost $?; ctl exec cellar -- true; echo cellar $?; \
         ctl exec nobody -- true; echo nobody $?; ctl exec many -- true; echo many $?; \
         ctl exec many@2 -- sh -c 'echo I am $RINIT_INSTANCE'; ctl exec web; echo usage $?; \
         echo through | ctl exec web -- cat; ctl --json exec web -- true; echo json $?"
    );
    let ended = answers(&config, &script);
    let text = &ended.stdout;
    line(
        text,
        "rinitctl: cannot execute this as web: exec ./nosuch: no such file or directory",
    );
    line(
        text,
        "rinitctl: cannot execute this as web: exec /etc: permission denied",
    );
    line(
        text,
        "rinitctl: cannot execute this as lost: environment-file /nowhere: no such file or directory",
    );
    line(
        text,
        "rinitctl: cannot execute this as cellar: chdir /nowhere: no such file or directory",
    );
    for whole in [
        "missing 127",
        "folder 126",
        "lost 127",
        "cellar 127",
        "nobody 4",
        "many 1",
        "I am 2",
        "usage 2",
        "through",
        "json 2",
    ] {
        line(text, whole);
    }
}

/// With another user's identity these need root: CI runs them so.
#[test]
fn the_command_is_the_services_user_and_strangers_get_nothing() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let config = "[init]\ncontrol-access = 'status'\n".to_owned()
        + &stands(
            "web",
            "user = 'nobody'\nenvironment = { KEY = 'hunter2' }\ncapability-bounding-set = []",
        );
    let script = format!(
        "{UP}ctl exec web -- sh -c 'echo $(id -u) $(id -un) $USER; grep CapBnd /proc/self/status'\n\
         ctl exec web -- {RINIT} ctl exec web -- env; echo stranger $?"
    );
    let ended = answers(&config, &script);
    let text = &ended.stdout;
    line(text, "65534 nobody nobody");
    line(text, "CapBnd:\t0000000000000000");
    place(text, "only root and rinit's own user may ask that");
    line(text, "stranger 1");
    assert!(!text.contains("hunter2"), "{ended:?}");
}

#[test]
fn the_command_stays_where_the_terminal_is() {
    let (master, slave) = open_terminal();
    let rinit = supervisor(&stands("web", ""))
        .terminal(slave)
        .args(["--", "sh", "-c"])
        .arg(format!(
            "until {RINIT} ctl wait web; do sleep 0.01; done; exec {RINIT} ctl exec web -- sh -c \
             'trap \"echo interrupted; exit 3\" INT; echo up; while :; do sleep 0.01; done'"
        ))
        .spawn();
    rinit.wait_for_line("up");
    let leads = |group: i32| rinit.children().iter().any(|child| child.pid == group);
    rinit.wait_until("it has the terminal", || leads(foreground(&master)));
    nix::unistd::write(&master, b"\x03").unwrap();
    rinit.wait_for_line("interrupted");
    assert_eq!(rinit.wait(), Status::Exited(3));
}

#[test]
fn a_client_that_waits_ends_by_a_signal() {
    let config = service("web", &acts(["wait"]), "ready = { file = '/never' }");
    let script =
        format!("{UP}{RINIT} ctl wait web & kill -INT $!; kill $!; wait $!; echo ended $?");
    let ended = answers(&config, &script);
    line(&ended.stdout, "ended 143");
}
