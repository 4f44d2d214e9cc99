//! Requests by hand, from a process inside the container as people make them.

use crate::acts::acts;
use crate::harness::{RINIT, Running, Status};
use crate::supervisor::{ends_in_order, last_line, notes, place, process, service, supervisor};

/// A person: does these things with rinitctl once it answers, and then says that all is
/// done. `try` says a verb's exit status, and its words.
pub fn person(script: &str) -> String {
    let script = format!(
        "until {RINIT} ctl version >/dev/null 2>&1; do sleep 0.01; done
try() {{ said=$({RINIT} ctl \"$@\" 2>&1); echo \"$*: $? $said\"; }}
{script}
echo all is done"
    );
    format!(
        "[service.person]\ncommand = \"\"\"\n{}\"\"\"\ntype = 'oneshot'\n",
        script.replace('\\', "\\\\")
    )
}

/// A service that is ready once it has said or noted this, and waits then.
fn ready_after(name: &str, act: &str, last: &str, keys: &str) -> String {
    let acts = acts([act, "notify:READY=1", "wait", last]);
    service(name, &acts, &format!("ready = 'notify'\n{keys}"))
}

/// Runs until the person has done it all.
fn run(config: &str) -> Running {
    let rinit = supervisor(config).spawn();
    rinit.wait_for_line("person: all is done");
    rinit
}

#[test]
fn a_stopped_service_stays_stopped_until_it_is_started() {
    let config = ready_after("web", "say:runs", "say:ends", "essential = true")
        + &person("try start web; try stop web; try stop web; try start web; try restart web");
    let rinit = run(&config);
    let said = rinit.stdout();
    let stays = "person: stop web: 0 web stopped; container stays (rinitctl shutdown ends it)";
    assert!(
        place(&said, "start web: 0 ") < place(&said, stays),
        "{said}"
    );
    place(&said, "restart web: 0 ");
    rinit.wait_for_line("rinit: web stopped; container stays (rinitctl shutdown ends it)");
    rinit.wait_until("it ran three times", || {
        rinit.stdout().matches("web: runs").count() == 3
    });
    assert!(
        process(&rinit, "%do say:runs").is_some(),
        "{}",
        rinit.dump()
    );
    ends_in_order(&rinit);
}

#[test]
fn a_stop_in_the_turn_of_the_start_is_heard() {
    // The process may not lead its group yet: there is nobody in it whom a signal reaches.
    let keys = "stop-timeout = '2s'\nenabled = false\nkill-mode = ";
    let config = service("a", "'exec sleep 1000'", &format!("{keys}'tree'"))
        + &service("b", "'exec sleep 1000'", &format!("{keys}'control-group'"))
        + &service("c", "'exec sleep 1000'", &format!("{keys}'tree'\nnice = 1"))
        + &service(
            "d",
            "'exec sleep 1000'",
            &format!("{keys}'tree'\ntracking = 'subreaper'"),
        )
        + &person(&format!(
            "n=0; while [ $n -lt 30 ]; do n=$((n + 1)); {RINIT} ctl start a b c d & \
             {RINIT} ctl stop a b c d & wait; {RINIT} ctl stop a b c d; done >/dev/null 2>&1"
        ));
    let rinit = run(&config);
    let said = rinit.stderr();
    assert!(!said.contains("did not stop"), "{}", rinit.dump());
}

#[test]
fn what_requires_it_stops_first_and_comes_back_with_it_in_order() {
    let noted = |name: &str, keys: &str| {
        let (up, down) = (format!("note:{name} up"), format!("note:{name} down"));
        ready_after(name, &up, &down, keys)
    };
    let config = noted("db", "")
        + &noted("app", "requires = ['db']")
        + &noted("web", "binds-to = ['app']")
        + &person("try start web; try stop db; try start web; try restart db; try start web");
    let rinit = run(&config);
    assert_eq!(
        rinit.stdout().matches(": 0 ").count(),
        5,
        "{}",
        rinit.dump()
    );
    let up = ["db up", "app up", "web up"];
    let down = ["web down", "app down", "db down"];
    assert_eq!(notes(&rinit), [up, down, up, down, up].concat());
    ends_in_order(&rinit);
}

#[test]
fn the_first_failed_attempt_is_the_answer() {
    let config = "[init]\nkeep-running = true\n".to_owned()
        + &service("bad", "['/nonexistent/program']", "enabled = false\nrestart = 'no'")
        + &service("loops", "'exit 3'", "enabled = false\nrestart-delay = '1h'\nrestart-delay-max = '1h'\ntype = 'oneshot'\nrestart = 'on-failure'")
        + &service("needy", "'exec sleep 1000'", "enabled = false\nrequires = ['base']")
        + &service("base", "'exit 4'", "restart = 'no'\ntype = 'oneshot'")
        + &service("job", "'echo job ran'", "enabled = false\ntype = 'oneshot'")
        + &person(
            "try start bad; try reset bad; try start loops; try stop loops; try start needy
try start job; try start job; try start nosuch; try kill job; try kill --signal SIGNOT job; try stop",
        );
    let rinit = run(&config);
    let said = rinit.stdout();
    for line in [
        "start bad: 1 rinitctl: bad failed: cannot start: ",
        "reset bad: 0 ",
        "start loops: 1 rinitctl: loops failed: exited with status 3; restart in ",
        "stop loops: 0 ",
        "start needy: 1 rinitctl: needy failed: dependency base: exit 4",
        "start job: 0 ",
        "start nosuch: 4 rinitctl: there is no service nosuch",
        "kill job: 1 rinitctl: job is exited: no process runs",
        "kill --signal SIGNOT job: 2 rinitctl: there is no signal SIGNOT",
        "stop: 2 rinitctl: stop of which service?",
    ] {
        place(&said, &format!("person: {line}"));
    }
    rinit.wait_until("the job ran twice", || {
        rinit.stdout().matches("job: job ran").count() == 2
    });
    rinit.signal(15);
    rinit.wait();
}

#[test]
fn the_last_request_wins() {
    let config = service(
        "slow",
        "'touch slow-is-up; exec sleep 1000'",
        "enabled = false\nready = 'notify'",
    ) + &service("other", "'exec sleep 1000'", "")
        + &person(
            "try start slow &
until test -e slow-is-up; do sleep 0.01; done
try stop slow; wait",
        );
    let rinit = run(&config);
    let said = rinit.stdout();
    place(&said, "person: start slow: 1 rinitctl: superseded by stop");
    place(&said, "person: stop slow: 0 ");
    ends_in_order(&rinit);
}

#[test]
fn a_signal_by_hand_reaches_the_main_process() {
    let config = service(
        "web",
        "['/bin/sh', '-c', \"trap 'touch hit' HUP; touch trapped; while :; do sleep 0.01; done\"]",
        "",
    ) + &person(
        "until test -e trapped; do sleep 0.01; done
try kill --signal HUP web
until test -e hit; do sleep 0.01; done",
    );
    let rinit = run(&config);
    rinit.wait_for_line("person: kill --signal HUP web: 0 ");
    ends_in_order(&rinit);
}

#[test]
fn parts_follow_and_rivals_make_way() {
    let config = ready_after("whole", "note:whole up", "note:whole down", "")
        + &ready_after(
            "part",
            "say:part runs",
            "say:part ends",
            "part-of = ['whole']",
        )
        + &ready_after(
            "rival",
            "note:rival up",
            "note:rival down",
            "enabled = false\nconflicts = ['whole']",
        )
        + &person(
            "try start whole part; try restart whole; try start rival; try stop part; try start whole",
        );
    let rinit = run(&config);
    assert_eq!(
        rinit.stdout().matches(": 0 ").count(),
        5,
        "{}",
        rinit.dump()
    );
    let whole = ["whole up", "whole down"];
    let wanted = [&whole[..], &whole, &["rival up", "rival down", "whole up"]];
    assert_eq!(notes(&rinit), wanted.concat());
    rinit.wait_for_line("whole makes way for rival");
    rinit.wait_for_line("rival makes way for whole");
    rinit.wait_until("part ran twice", || {
        rinit.stdout().matches("part: part runs").count() == 2
    });
    assert!(
        process(&rinit, "say:part runs").is_none(),
        "{}",
        rinit.dump()
    );
    ends_in_order(&rinit);
}

#[test]
fn shutdown_ends_the_container_with_its_code() {
    for (ends, keys, verb, code) in [
        ("exec sleep 1000", "", "shutdown", 0),
        ("exec sleep 1000", "", "shutdown --code 7", 7),
        // An essential service that ends badly has the last word.
        (
            "trap 'exit 5' TERM; touch trapped; while :; do sleep 0.01; done",
            "essential = true",
            "shutdown --code 7",
            5,
        ),
    ] {
        let ready = if keys.is_empty() {
            "true"
        } else {
            "until test -e trapped; do sleep 0.01; done"
        };
        let config = service("web", &format!("['/bin/sh', '-c', \"{ends}\"]"), keys)
            + &person(&format!("{ready}; try {verb}"));
        let rinit = supervisor(&config).spawn();
        assert_eq!(
            rinit.wait(),
            Status::Exited(code),
            "{verb}: {}",
            rinit.dump()
        );
        let stderr = rinit.stderr();
        let last = last_line(&stderr);
        assert!(last.starts_with("rinit: shutdown by request: "), "{last}");
    }
}

#[test]
fn a_client_that_goes_away_is_no_error_and_its_request_goes_on() {
    let config = service("web", &acts(["say:runs", "wait"]), "")
        + &service(
            "never",
            "'touch never-runs; exec sleep 1000'",
            "enabled = false\nready = 'notify'\nstart-timeout = 'infinity'",
        )
        + &person(&format!(
            "for n in 1 2 3 4 5 6 7 8; do {RINIT} ctl start never & kill -9 $!; wait $!; done
{RINIT} ctl start never &
until test -e never-runs; do sleep 0.01; done; kill -9 $!; wait $!
try restart web; try stop never; try version"
        ));
    let rinit = run(&config);
    let said = rinit.stdout();
    place(&said, "person: restart web: 0 ");
    place(&said, "person: stop never: 0 ");
    ends_in_order(&rinit);
}
