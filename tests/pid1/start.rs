use crate::acts::acts;
use crate::harness::{Pid1, Status};
use crate::supervisor::{IN_ORDER, last_line, notes, place, service, supervisor, wait_for_process};

fn oneshot(name: &str, acts_: &[&str], keys: &str) -> String {
    service(
        name,
        &acts(acts_.iter().copied()),
        &format!("type = 'oneshot'\n{keys}"),
    )
}

#[test]
fn services_that_do_not_wait_for_each_other_start_at_the_same_moment() {
    // Each waits for what the other makes: one after the other would never end.
    let config = oneshot("a", &["touch:a", "await:b"], "")
        + &oneshot("b", &["touch:b", "await:c"], "")
        + &oneshot("c", &["touch:c", "await:a"], "");
    assert_eq!(supervisor(&config).run().status, IN_ORDER);
}

#[test]
fn a_dependant_starts_when_its_last_dependency_is_ready_and_before_is_the_other_way_round() {
    let config = oneshot("last", &["note:4"], "requires = ['second', 'third']")
        + &oneshot("third", &["note:3"], "after = ['second']")
        + &oneshot("second", &["note:2"], "wants = ['first']")
        + &oneshot("first", &["note:1"], "")
        + &oneshot("zeroth", &["note:0"], "before = ['first']");
    let rinit = supervisor(&config).spawn();
    assert_eq!(rinit.wait(), IN_ORDER);
    assert_eq!(notes(&rinit), ["0", "1", "2", "3", "4"], "{}", rinit.dump());
}

#[test]
fn wants_and_after_go_on_when_the_other_one_s_first_attempt_has_failed() {
    let config = oneshot("broken", &["exit:1"], "")
        + &oneshot("wanting", &["say:wanting runs"], "wants = ['broken']")
        + &oneshot("later", &["say:later runs"], "after = ['broken']")
        + &oneshot("needing", &["say:needing runs"], "requires = ['broken']");
    let ended = supervisor(&config).run();
    place(&ended.stdout, "wanting runs");
    place(&ended.stdout, "later runs");
    assert!(!ended.stdout.contains("needing runs"), "{ended:?}");
    place(&ended.stderr, "needing failed: dependency broken: exit 1");
    // Nothing left: the first failed service's status.
    assert_eq!(ended.status, Status::Exited(1), "{ended:?}");
}

#[test]
fn a_disabled_service_is_not_started_and_an_edge_to_it_is_dropped() {
    let config = oneshot("off", &["note:off runs"], "enabled = '${WITH_OFF:-no}'")
        + &oneshot("on", &["note:on runs"], "requires = ['off']");
    let rinit = supervisor(&config).spawn();
    assert_eq!(rinit.wait(), IN_ORDER);
    assert_eq!(notes(&rinit), ["on runs"], "{}", rinit.dump());

    let rinit = supervisor(&config).env("WITH_OFF", "yes").spawn();
    assert_eq!(rinit.wait(), IN_ORDER);
    assert_eq!(notes(&rinit), ["off runs", "on runs"], "{}", rinit.dump());
}

#[test]
fn check_prints_the_start_order_and_starts_nothing() {
    let config = service("web", "['sleep', '1000']", "requires = ['db']")
        + &service("db", "['sleep', '1000']", "")
        + &service("cache", "['sleep', '1000']", "")
        + &service("off", "['sleep', '1000']", "enabled = false");
    let ended = supervisor(&config).arg("--check").run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    assert_eq!(
        ended.stdout, "  1  db  cache\n  2  web\n  -  off (disabled)\n",
        "{ended:?}"
    );
}

#[test]
fn later_files_override_key_by_key_and_a_folder_is_read_in_order() {
    let first = "[service.a]\ntype = 'oneshot'\ncommand = 'echo $ONE $TWO'\nenvironment = { ONE = 'one', TWO = 'zwei' }\n";
    let ended = Pid1::new()
        .file("first.toml", first)
        .file("more/10-b.toml", "[service.a.environment]\nTWO = 'deux'\n")
        .file("more/20-c.toml", "[service.a.environment]\nTWO = 'two'\n")
        .file("more/notes.txt", "not TOML at all")
        .args(["-c", "first.toml", "-c", "more"])
        .run();
    assert_eq!(ended.stdout, "a: one two\n", "{ended:?}");
}

#[test]
fn keys_of_init_have_an_override_from_the_environment() {
    let config = "[init]\nshutdown-timeout = '1h'\n".to_owned()
        + &service(
            "deaf",
            &acts(["ignore:15", "say:deaf", "await:never"]),
            "stop-timeout = 'infinity'",
        );
    let rinit = supervisor(&config)
        .env("RINIT_SHUTDOWN_TIMEOUT", "500ms")
        .spawn();
    rinit.wait_for_line("deaf: deaf");
    rinit.signal(15);
    rinit.wait();
    assert!(rinit.stderr().contains("killed"), "{}", rinit.dump());
}

#[test]
fn an_unknown_override_is_a_warning_and_none_reaches_a_service() {
    let ended = supervisor(&service("a", "'env'", "type = 'oneshot'"))
        .env("RINIT_SHUTDWON_TIMEOUT", "1s")
        .env("RINIT_LOG", "debug")
        .env("NOTIFY_SOCKET", "/nowhere")
        .run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    assert!(ended.stderr.contains("RINIT_SHUTDWON_TIMEOUT"), "{ended:?}");
    let has = |name: &str| {
        ended
            .stdout
            .lines()
            .any(|line| line.starts_with(&format!("a: {name}=")))
    };
    assert!(
        has("RINIT_SERVICE")
            && !has("RINIT_LOG")
            && !has("RINIT_SHUTDWON_TIMEOUT")
            && !has("NOTIFY_SOCKET"),
        "{ended:?}"
    );
}

#[test]
fn rinit_config_names_the_file_and_c_none_looks_at_none() {
    let config = service("a", "'echo seen'", "type = 'oneshot'");
    let ended = Pid1::new()
        .file("elsewhere.toml", &config)
        .env("RINIT_CONFIG", "elsewhere.toml")
        .run();
    assert_eq!(ended.stdout, "a: seen\n", "{ended:?}");

    let ended = Pid1::new().args(["-c", "none", "sh", "-c", "exit 7"]).run();
    assert_eq!(ended.status, Status::Exited(7), "{ended:?}");
}

#[test]
fn nothing_to_supervise_ends_with_the_three_lines_to_write() {
    // Without `-c` it would be what this machine has enabled.
    for ended in [
        supervisor("# nothing\n").run(),
        Pid1::new().args(["-c", "none"]).run(),
    ] {
        assert_eq!(ended.status, Status::Exited(125), "{ended:?}");
        for line in ["[service.web]", "command = [\"nginx\"", "essential = true"] {
            place(&ended.stderr, line);
        }
    }
}

#[test]
fn a_supervisor_below_a_rinit_that_supervises_says_who_is_there() {
    let config = service("outer", "['sleep', '1000']", "")
        + &service(
            "inner",
            &format!(
                "'{} -c inner.toml; echo inner ended with $?; exec sleep 1000'",
                crate::harness::RINIT
            ),
            "",
        );
    let rinit = supervisor(&config)
        .file("inner.toml", &service("x", "['true']", "type = 'oneshot'"))
        .spawn();
    rinit.wait_for_line("inner: inner ended with 125");
    rinit.wait_for_line("rinit runs as pid 1; use rinitctl");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);

    let rinit = supervisor(&config)
        .file(
            "inner.toml",
            &("[init]\nnested = true\n".to_owned() + &service("x", "['true']", "type = 'oneshot'")),
        )
        .spawn();
    rinit.wait_for_line("inner: inner ended with 0");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}

#[test]
fn whoever_is_started_first_may_ask_at_once() {
    // While rinit starts all the others.
    let rinitctl = format!("['{}', 'ctl', 'list']", crate::harness::RINIT);
    let first = service("a", &rinitctl, "type = 'oneshot'\nessential = true");
    let others = (0..200).map(|number| service(&format!("s{number}"), "['sleep', '1000']", ""));
    let ended = supervisor(&(first + &others.collect::<String>())).run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
}

#[test]
fn the_minimal_init_below_a_supervisor_is_nothing_odd() {
    let config = service(
        "inner",
        &format!("['{}', '--', 'sh', '-c', 'exit 9']", crate::harness::RINIT),
        "essential = true",
    );
    let ended = supervisor(&config).run();
    assert_eq!(ended.status, Status::Exited(9), "{ended:?}");
}

#[test]
fn a_hundred_services_are_up_and_down_again() {
    let config: String = (0..100)
        .map(|number| service(&format!("s{number}"), "['sleep', '1000']", ""))
        .collect();
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("100 services running");
    wait_for_process(&rinit, "sleep 1000");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    let stderr = rinit.stderr();
    assert!(
        last_line(&stderr).starts_with("rinit: SIGTERM: 100 services stopped in "),
        "{}",
        rinit.dump()
    );
}
