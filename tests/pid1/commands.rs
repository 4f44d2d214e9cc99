//! The commands around a service: when they run, with what, and what follows from their ends.

use crate::acts::acts;
use crate::harness::Status;
use crate::supervisor::{IN_ORDER, last_line, notes, place, process, service, supervisor};

/// Lines for the shell that note this; a variable in it is the shell's.
fn note(text: &str) -> String {
    format!("'echo {text} >> notes'")
}

fn all_four(key_before: &str) -> String {
    format!(
        "exec-start-pre = [{}, {}]\nexec-start-post = [{}]\nexec-stop = [{}]\n\
         exec-stop-post = [{}]\n{key_before}",
        acts(["note:pre 1"]),
        note("pre 2"),
        note("post $MAINPID"),
        note("stop $MAINPID"),
        note("gone $SERVICE_RESULT $EXIT_CODE $EXIT_STATUS"),
    )
}

#[test]
fn each_command_has_its_time_and_who_waits_starts_after_all_of_them() {
    for tracking in ["marks", "subreaper"] {
        let config = service(
            "web",
            &acts(["note:main", "wait", "note:asked", "exit:3"]),
            &all_four(&format!("tracking = '{tracking}'")),
        ) + &service(
            "next",
            &acts(["note:next", "wait", "note:next ends"]),
            "requires = ['web']",
        );
        let rinit = supervisor(&config).spawn();
        for runs in ["main", "next"] {
            rinit.wait_until(runs, || notes(&rinit).contains(&runs.to_owned()));
        }
        rinit.signal(15);
        rinit.wait();
        let mut seen = notes(&rinit);
        // It is executed, and then it does something: others may be quicker.
        let main_at = seen.iter().position(|note| note == "main").unwrap();
        assert!((2..=4).contains(&main_at), "{seen:?}\n{}", rinit.dump());
        seen.remove(main_at);
        // A number in the namespace, which is not ours.
        let main: i32 = seen[2].strip_prefix("post ").unwrap().parse().unwrap();
        assert!(main > 1, "{seen:?}");
        assert_eq!(
            seen,
            [
                "pre 1".to_owned(),
                "pre 2".to_owned(),
                format!("post {main}"),
                "next".to_owned(),
                "next ends".to_owned(),
                format!("stop {main}"),
                "asked".to_owned(),
                "gone exit-code exited 3".to_owned(),
            ],
            "{}",
            rinit.dump()
        );
    }
}

#[test]
fn with_notify_the_command_after_the_start_waits_for_ready() {
    let config = service(
        "web",
        &acts([
            "note:loads",
            "await:go",
            "note:ready",
            "notify:READY=1",
            "wait",
        ]),
        &format!("ready = 'notify'\nexec-start-post = [{}]", note("post")),
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_until("it loads", || notes(&rinit) == ["loads"]);
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_until("it is ready", || notes(&rinit).len() == 3);
    assert_eq!(notes(&rinit), ["loads", "ready", "post"]);
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn a_oneshot_is_done_when_the_command_after_it_is() {
    let config = service(
        "migrate",
        &acts(["note:main"]),
        &format!(
            "type = 'oneshot'\nexec-start-pre = [{}]\nexec-start-post = [{}]\nexec-stop-post = [{}]",
            note("pre"),
            note("post"),
            note("gone $SERVICE_RESULT $EXIT_CODE $EXIT_STATUS"),
        ),
    ) + &service(
        "web",
        &acts(["note:web"]),
        "requires = ['migrate']\nrestart = 'no'",
    );
    let rinit = supervisor(&config).spawn();
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    let expected = ["pre", "main", "post", "gone success exited 0", "web"];
    assert_eq!(notes(&rinit), expected, "{}", rinit.dump());
}

#[test]
fn a_failed_command_before_the_start_is_a_failed_start_and_what_comes_after_all_runs() {
    let config = service(
        "db",
        &acts(["note:main"]),
        &format!(
            "essential = true\nexec-start-pre = [{}, {}]\nexec-stop = [{}]\nexec-stop-post = [{}]",
            acts(["exit:2"]),
            note("never"),
            note("never"),
            note("gone $SERVICE_RESULT-$EXIT_CODE"),
        ),
    );
    let rinit = supervisor(&config).spawn();
    assert_eq!(rinit.wait(), Status::Exited(2), "{}", rinit.dump());
    assert_eq!(notes(&rinit), ["gone exit-code-"], "{}", rinit.dump());
    let own = std::env::current_exe().unwrap();
    let line = format!(
        "db (essential) failed: exec-start-pre: {}: exit 2;",
        own.display()
    );
    place(last_line(&rinit.stderr()), &line);
}

#[test]
fn a_failed_command_after_the_start_stops_what_was_started() {
    let config = service(
        "web",
        &acts(["touch:up", "wait", "note:asked"]),
        &format!(
            // Before it is up the signal would end it as any other.
            "restart = 'no'\nready = {{ file = 'up' }}\nexec-start-post = ['exit 4']\n\
             exec-stop = [{}]\nexec-stop-post = [{}]",
            note("never"),
            note("gone $SERVICE_RESULT $EXIT_CODE"),
        ),
    );
    let rinit = supervisor(&config).spawn();
    assert_eq!(rinit.wait(), Status::Exited(4), "{}", rinit.dump());
    let expected = ["asked", "gone exit-code exited"];
    assert_eq!(notes(&rinit), expected, "{}", rinit.dump());
    place(
        &rinit.stderr(),
        "web failed: exec-start-post: exit 4: exit 4",
    );
}

#[test]
fn a_failure_that_is_ignored_is_told_and_all_goes_on() {
    let config = service(
        "web",
        &acts(["note:main"]),
        &format!(
            "restart = 'no'\nexec-start-pre = [{{ command = ['no-such'], ignore-failure = true }}, \
             {{ command = 'exit 9', ignore-failure = true }}, {}]",
            note("pre"),
        ),
    );
    let rinit = supervisor(&config).spawn();
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    assert_eq!(notes(&rinit), ["pre", "main"], "{}", rinit.dump());
    let told = rinit.stderr();
    let missing = "web: exec-start-pre: exec no-such: no such file or directory (ignored)";
    place(&told, missing);
    place(&told, "web: exec-start-pre: exit 9: exit 9 (ignored)");
}

#[test]
fn after_a_crash_the_last_command_runs_before_the_next_start() {
    for tracking in ["marks", "subreaper"] {
        let config = service(
            "web",
            &acts(["note:main", "die:6"]),
            &format!(
                "tracking = '{tracking}'\nrestart-delay = '1ms'\n\
                 start-limit = {{ count = 3, within = '1h' }}\nexec-stop = [{}]\n\
                 exec-stop-post = [{}]",
                note("never"),
                note("gone $SERVICE_RESULT $EXIT_CODE $EXIT_STATUS"),
            ),
        );
        let rinit = supervisor(&config).spawn();
        assert_eq!(rinit.wait(), Status::Exited(134), "{}", rinit.dump());
        let run = ["main", "gone signal killed ABRT"];
        assert_eq!(notes(&rinit), [run, run, run].concat(), "{}", rinit.dump());
    }
}

#[test]
fn who_hangs_before_the_stop_signal_does_not_keep_it_from_the_service() {
    let config = service(
        "web",
        &acts(["note:main", "wait", "note:asked"]),
        &format!(
            "stop-timeout = '1s'\nexec-stop = ['echo hangs >> notes; sleep 1000', {}]",
            note("never"),
        ),
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_until("it runs", || notes(&rinit) == ["main"]);
    // exec-stop is for a start that has succeeded, and rinit has to know that.
    rinit.wait_for_line("1 service running");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    assert_eq!(
        notes(&rinit),
        ["main", "hangs", "asked"],
        "{}",
        rinit.dump()
    );
    place(&rinit.stderr(), "took too long; killed");
    assert!(
        !last_line(&rinit.stderr()).contains("killed"),
        "{}",
        rinit.dump()
    );
}

#[test]
fn who_hangs_at_the_very_end_is_killed_within_the_shutdown() {
    let config = service(
        "web",
        &acts(["note:main", "wait"]),
        "exec-stop-post = ['echo hangs >> notes; sleep 1000']",
    );
    let config = format!("[init]\nshutdown-timeout = '5s'\n{config}");
    let rinit = supervisor(&config).spawn();
    rinit.wait_until("it runs", || notes(&rinit) == ["main"]);
    let begun = std::time::Instant::now();
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    assert!(begun.elapsed().as_secs() < 15, "{}", rinit.dump());
    assert_eq!(notes(&rinit), ["main", "hangs"], "{}", rinit.dump());
    // Where all processors are taken its end may not be seen in what is kept for it.
    let said = rinit.stderr();
    assert!(
        said.contains("web: exec-stop-post: echo hangs")
            || said.contains("web could not be killed"),
        "{said}"
    );
}

#[test]
fn what_a_command_leaves_behind_is_gone_before_the_next() {
    for (tracking, left) in [
        ("marks", "child:touch=escaped"),
        ("subreaper", "escape:deaf"),
    ] {
        let config = service(
            "web",
            &acts(["note:main", "wait"]),
            &format!(
                "tracking = '{tracking}'\nexec-start-pre = [{}]",
                acts([left, "await:escaped", "note:pre"])
            ),
        );
        let rinit = supervisor(&config).spawn();
        rinit.wait_until("main runs", || notes(&rinit) == ["pre", "main"]);
        assert!(process(&rinit, "escaped %do").is_none(), "{}", rinit.dump());
        rinit.signal(15);
        assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    }
}

#[test]
fn a_start_that_hangs_before_the_main_process_says_where() {
    let config = service(
        "web",
        &acts(["note:main"]),
        &format!(
            "restart = 'no'\nstart-timeout = '300ms'\nexec-start-pre = [['sleep', '1000']]\n\
             exec-stop-post = [{}]",
            note("gone $SERVICE_RESULT"),
        ),
    );
    let rinit = supervisor(&config).spawn();
    assert_eq!(rinit.wait(), Status::Exited(1), "{}", rinit.dump());
    assert_eq!(notes(&rinit), ["gone timeout"], "{}", rinit.dump());
    place(&rinit.stderr(), "(exec-start-pre: sleep runs)");
    assert!(process(&rinit, "sleep").is_none(), "{}", rinit.dump());
}

#[test]
fn every_command_has_the_services_context_and_output() {
    // Another user takes root, as in `identity`; CI has it.
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let look = |name: &str| {
        format!("'echo {name} $(id -un) $(pwd) $GREETING $(ulimit -n) $(ls -d $RUNTIME_DIRECTORY)'")
    };
    let config = service(
        "web",
        "'exec sleep 1000'",
        &format!(
            "user = 'nobody'\nworking-directory = '/usr'\nenvironment = {{ GREETING = 'hello' }}\n\
             limit-nofile = 77\nruntime-directory = 'web'\nexec-start-pre = [{}]\n\
             exec-start-post = [{}]\nexec-stop = [{}]\nexec-stop-post = [{}]",
            look("pre"),
            look("post"),
            look("stop"),
            look("gone"),
        ),
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("1 service running");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    for name in ["pre", "post", "stop", "gone"] {
        let line = format!("web: {name} nobody /usr hello 77 /run/web");
        place(&rinit.stdout(), &line);
    }
}

#[test]
fn what_is_removed_before_the_start_is_so_before_the_first_command_alone() {
    let config = service(
        "web",
        &acts(["look-for:data"]),
        "restart = 'no'\nremove-before-start = ['data']\n\
         exec-start-pre = ['test ! -e data', 'touch data']",
    );
    let ended = supervisor(&config).file("data", "old").run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    place(&ended.stdout, "data is there: true");
}

#[test]
fn a_stop_request_ends_a_command_before_the_start() {
    let config = service(
        "web",
        &acts(["note:main"]),
        &format!(
            "exec-start-pre = [{}, {}]\nexec-stop-post = [{}]",
            acts(["note:pre", "wait", "note:asked"]),
            note("never"),
            note("gone $SERVICE_RESULT"),
        ),
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_until("it begins", || notes(&rinit) == ["pre"]);
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    let expected = ["pre", "asked", "gone success"];
    assert_eq!(notes(&rinit), expected, "{}", rinit.dump());
}
