use crate::acts::acts;
use crate::harness::{Pid1, Status, send};
use crate::supervisor::{IN_ORDER, last_line, place, service, supervisor, wait_for_process};

/// An essential service that ends so, beside one that runs on.
fn essential(command: &str, keys: &str) -> Pid1 {
    let config = service("web", command, &format!("essential = true\n{keys}"))
        + &service("other", "['sleep', '1000']", "before = ['web']");
    supervisor(&config)
}

#[test]
fn an_essential_service_s_code_is_the_container_s() {
    for code in [0, 1, 3, 127, 255] {
        let ended = essential(&acts([&*format!("exit:{code}")]), "").run();
        assert_eq!(ended.status, Status::Exited(code), "{ended:?}");
        let last = last_line(&ended.stderr);
        assert!(
            last.starts_with(&format!(
                "rinit: web (essential) exited with status {code} after "
            )) && last.contains("; 1 service stopped in ")
                && last.ends_with(&format!("; exit code {code}")),
            "{ended:?}"
        );
    }
}

#[test]
fn an_essential_service_s_signal_is_128_and_its_number() {
    for signal in [1, 6, 9, 11, 15, 34, 64] {
        let ended = essential(&acts([&*format!("die:{signal}")]), "").run();
        assert_eq!(ended.status, Status::Exited(128 + signal), "{ended:?}");
        assert!(
            last_line(&ended.stderr).ends_with(&format!("; exit code {}", 128 + signal)),
            "{ended:?}"
        );
    }
}

#[test]
fn a_spawn_error_is_126_or_127() {
    for (command, code) in [
        ("['./none']", 127),
        ("['./plain/x']", 127),
        ("['./plain']", 126),
        ("['./dir']", 126),
    ] {
        for tracking in ["marks", "subreaper"] {
            // Behind a oneshot that might make it, a missing program is found at the spawn.
            let keys = format!("essential = true\nafter = ['make']\ntracking = '{tracking}'");
            let config = service("web", command, &keys)
                + &service(
                    "make",
                    "'mkdir dir; touch plain; chmod 600 plain'",
                    "type = 'oneshot'",
                );
            let ended = supervisor(&config).run();
            assert_eq!(ended.status, Status::Exited(code), "{command} {ended:?}");
            assert!(
                last_line(&ended.stderr).contains("cannot start"),
                "{ended:?}"
            );
        }
    }
}

#[test]
fn an_essential_service_that_is_restarted_ends_nothing() {
    let rinit = essential(
        &acts(["say:web runs", "wait"]),
        "restart = 'always'\nrestart-delay = '5ms'",
    )
    .spawn();
    rinit.wait_for_line("web: web runs");
    send(wait_for_process(&rinit, "say:web runs").pid, 9);
    rinit.wait_until("it runs again", || {
        rinit.stdout().matches("web runs").count() == 2
    });
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}

#[test]
fn the_first_essential_one_that_ended_gives_the_code() {
    let config = service("a", &acts(["wait", "exit:5"]), "essential = true")
        + &service("b", &acts(["await:go", "exit:6"]), "essential = true");
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("2 services running");
    std::fs::write(rinit.path("go"), "").unwrap();
    assert_eq!(rinit.wait(), Status::Exited(6), "{}", rinit.dump());
}

#[test]
fn an_essential_one_that_fails_by_its_dependency_gives_the_culprit_s_code() {
    let config = service(
        "migrate",
        &acts(["complain:no such table", "exit:7"]),
        "type = 'oneshot'",
    ) + &service("app", &acts(["wait"]), "requires = ['migrate']")
        + &service(
            "web",
            &acts(["wait"]),
            "requires = ['app']\nessential = true",
        );
    let ended = supervisor(&config).run();
    assert_eq!(ended.status, Status::Exited(7), "{ended:?}");
    assert!(last_line(&ended.stderr).contains("migrate"), "{ended:?}");
    place(&ended.stderr, "migrate: no such table");
}

#[test]
fn an_ordered_shutdown_is_0_however_an_essential_one_obeyed() {
    // By itself with 0, by its stop signal, or with 128 and its number.
    for (end, keys) in [
        (&["wait"][..], ""),
        (&["await:never"], ""),
        (&["wait", "exit:143"], ""),
        (&["await:never"], "stop-signal = 'SIGQUIT'"),
    ] {
        let acts = acts(["say:ready"].iter().chain(end).copied());
        let rinit = essential(&acts, keys).spawn();
        rinit.wait_for_line("web: ready");
        rinit.signal(15);
        assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
        let stderr = rinit.stderr();
        assert!(
            last_line(&stderr).starts_with("rinit: SIGTERM: 2 services stopped in ")
                && last_line(&stderr).ends_with("; exit code 0"),
            "{stderr}"
        );
    }
}

#[test]
fn an_essential_one_that_ends_badly_at_the_shutdown_gives_its_code() {
    let rinit = essential(&acts(["say:ready", "wait", "exit:4"]), "").spawn();
    rinit.wait_for_line("web: ready");
    rinit.signal(15);
    assert_eq!(rinit.wait(), Status::Exited(4), "{}", rinit.dump());
}

#[test]
fn one_that_had_to_be_killed_makes_137() {
    let rinit = essential(
        &acts(["ignore:15", "say:ready", "await:never"]),
        "stop-timeout = '100ms'",
    )
    .spawn();
    rinit.wait_for_line("web: ready");
    rinit.signal(15);
    assert_eq!(rinit.wait(), Status::Exited(137), "{}", rinit.dump());
    assert!(
        last_line(&rinit.stderr()).contains("web killed after "),
        "{}",
        rinit.dump()
    );
}

#[test]
fn one_that_is_not_essential_may_end_as_it_likes() {
    let config = service(
        "a",
        &acts(["ignore:15", "say:ready", "await:never"]),
        "stop-timeout = '50ms'",
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("a: ready");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn when_nothing_is_left_it_ends_with_0_and_with_keep_running_not() {
    let config = service("a", &acts(["say:a runs"]), "type = 'oneshot'");
    assert_eq!(supervisor(&config).run().status, IN_ORDER);

    let rinit = supervisor(&format!("[init]\nkeep-running = true\n{config}")).spawn();
    rinit.wait_for_line("a exited with status 0");
    rinit.wait_for_line("0 services running, 1 done");
    assert!(rinit.children().len() <= 1, "{}", rinit.dump());
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}

#[test]
fn the_culprit_s_last_words_stand_before_the_last_line() {
    let ended = essential(&acts(["complain:out of cheese", "exit:3"]), "").run();
    let words = place(&ended.stderr, "web: out of cheese");
    assert!(words < place(&ended.stderr, "exit code 3"), "{ended:?}");
}
