//! `kill-mode`, in every way that a tree is kept together here.

use crate::WAYS;
use crate::harness::{Running, Setup};
use crate::supervisor::{IN_ORDER, last_line, service, supervisor};

/// A child in the main process's group that notes when it is asked to end; by itself, since
/// a process of its own would be asked to end too.
const CHILD: &str = r#"sh -c "trap \": > asked; exit\" TERM; touch there; while :; do sleep 0.01; done" &
    until test -e there; do sleep 0.01; done"#;

/// One service that does this in a shell and has said that it is ready.
fn spawn(script: &str, way: (&str, Option<Setup>), keys: &str) -> Running {
    let keys = format!("tracking = '{}'\n{keys}", way.0);
    let config = service("a", &format!("['sh', '-c', '''{script}''']"), &keys);
    let rinit = way
        .1
        .into_iter()
        .fold(supervisor(&config), |rinit, setup| rinit.setup(setup));
    let rinit = rinit.spawn();
    rinit.wait_for_line("a: ready");
    rinit
}

/// Asks rinit to stop, and waits until all was stopped in order, nothing by force.
#[track_caller]
fn stop(rinit: &Running, way: (&str, Option<Setup>)) {
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{way:?} {}", rinit.dump());
    let said = rinit.stderr();
    assert!(!last_line(&said).contains("killed"), "{way:?} {said}");
}

#[test]
fn control_group_asks_all_of_it_at_once() {
    // The main process doesn't end before its child was asked.
    let script =
        format!("trap : TERM; {CHILD}; echo ready; until test -e asked; do sleep 0.01; done");
    for way in WAYS {
        let rinit = spawn(&script, *way, "kill-mode = 'control-group'");
        stop(&rinit, *way);
        assert!(rinit.path("asked").exists(), "{way:?} {}", rinit.dump());
    }
}

#[test]
fn mixed_asks_the_main_process_and_kills_the_rest() {
    let script = format!("{CHILD}; echo ready; exec sleep 1000");
    for way in WAYS {
        let rinit = spawn(&script, *way, "kill-mode = 'mixed'");
        stop(&rinit, *way);
        assert!(!rinit.path("asked").exists(), "{way:?} {}", rinit.dump());
    }
}

#[test]
fn none_leaves_all_of_it_to_the_container_s_end() {
    let script = "trap \": > usr1\" USR1; trap \": > term; exit\" TERM; echo ready; \
                  while :; do sleep 0.01; done";
    for way in WAYS {
        let rinit = spawn(script, *way, "kill-mode = 'none'\nstop-signal = 'SIGUSR1'");
        stop(&rinit, *way);
        assert!(rinit.path("term").exists(), "{way:?} {}", rinit.dump());
        assert!(!rinit.path("usr1").exists(), "{way:?} {}", rinit.dump());
    }
}
