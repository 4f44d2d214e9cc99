use std::io::Read;
use std::os::unix::net::{UnixListener, UnixStream};

use crate::acts::acts;
use crate::harness::{Pid1, RINIT, Running, Setup, Status};
use crate::supervisor::{IN_ORDER, place, service, supervisor};

/// rinit with its socket in the working directory.
fn with_socket(more: &str) -> Pid1 {
    let rinit = supervisor(&service("a", &acts(["say:ready", "wait"]), ""));
    let path = rinit.path("control.sock");
    let init = format!("[init]\ncontrol-socket = '{}'\n{more}", path.display());
    rinit.file("init.toml", &init).args(["-c", "init.toml"])
}

/// rinit whose socket is in the working directory, where the test reaches it.
fn reachable(more: &str) -> Running {
    let rinit = with_socket(more).spawn();
    rinit.wait_for_line("a: ready");
    rinit.wait_until("the socket is there", || {
        rinit.path("control.sock").exists()
    });
    rinit
}

fn stop(rinit: &Running) {
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}

#[test]
fn version_is_answered_in_words_and_as_json() {
    let config = service(
        "a",
        &format!(
            "'until {RINIT} ctl version; do sleep 0.01; done; {RINIT} ctl version --json; ln -s {RINIT} rinitctl; ./rinitctl version; echo done'"
        ),
        "type = 'oneshot'",
    );
    let ended = supervisor(&config).run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    let version = env!("CARGO_PKG_VERSION");
    let words = format!("a: rinit {version}, pid 1");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            words.as_str(),
            &format!("a: {{\"ok\":true,\"version\":\"{version}\",\"pid\":1,\"protocol\":1}}"),
            &words,
            "a: done"
        ],
        "{ended:?}"
    );
}

#[test]
fn nobody_there_is_exit_code_5_and_bad_usage_2() {
    for (args, code) in [
        (&["ctl", "--socket", "./none.sock", "version"][..], 5),
        (&["ctl", "version"], 5),
        (&["ctl", "frobnicate"], 2),
        (&["ctl"], 5),
        (&["ctl", "why"], 2),
        (&["ctl", "health"], 1),
        (&["ctl", "wait", "a", "--timeout", "5"], 2),
        (&["ctl", "version", "more"], 2),
        (&["ctl", "--nonsense"], 2),
    ] {
        let ended = Pid1::new().args(args.iter().copied()).run();
        assert_eq!(ended.status, Status::Exited(code), "{args:?} {ended:?}");
        place(&ended.stderr, "rinitctl: ");
    }
}

#[test]
fn a_socket_that_another_path_names_is_found_by_services() {
    let config = "[init]\ncontrol-socket = '@rinit-test-of-control'\n".to_owned()
        + &service(
            "a",
            &format!("'until {RINIT} ctl version; do sleep 0.01; done'"),
            "type = 'oneshot'",
        );
    let ended = supervisor(&config).run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    place(&ended.stdout, "pid 1");
}

#[test]
fn with_false_there_is_none() {
    let config = "[init]\ncontrol-socket = false\n".to_owned()
        + &service(
            "a",
            &format!("'{RINIT} ctl version; echo code $?'"),
            "type = 'oneshot'",
        );
    let ended = supervisor(&config).run();
    place(&ended.stdout, "a: code 5");
}

#[test]
fn on_a_read_only_root_it_is_abstract() {
    let config = service(
        "a",
        &format!("'until {RINIT} ctl version; do sleep 0.01; done'"),
        "type = 'oneshot'",
    );
    let ended = supervisor(&config).setup(Setup::ReadOnly).run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    place(&ended.stdout, "pid 1");
}

#[test]
fn whoever_is_outside_of_the_namespace_is_not_answered() {
    let rinit = reachable("control-access = 'status'\n");
    let stream = UnixStream::connect(rinit.path("control.sock")).unwrap();
    let mut answer = Vec::new();
    let _ = (&stream).read_to_end(&mut answer);
    assert!(answer.is_empty(), "{answer:?}");
    stop(&rinit);
}

#[test]
fn hostile_clients_inside_delay_neither_others_nor_the_supervision() {
    let config = service(
        "hostile",
        &acts([
            "hostile:/run/rinit/control.sock",
            "say:hostile stands",
            "wait",
        ]),
        "",
    ) + &service(
        "polite",
        &format!(
            "'for n in 1 2 3 4 5; do {RINIT} ctl version; done; echo polite is done; exec sleep 1000'"
        ),
        "requires = ['hostile']\nready = { file = 'never' }",
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("hostile: hostile stands");
    rinit.wait_for_line("polite: polite is done");
    assert_eq!(
        rinit.stdout().matches("polite: rinit ").count(),
        5,
        "{}",
        rinit.dump()
    );
    let fds = std::fs::read_dir(format!("/proc/{}/fd", rinit.pid()))
        .unwrap()
        .count();
    assert!(fds < 120, "{fds}");
    stop(&rinit);
}

#[test]
fn a_path_that_answers_is_not_taken_and_one_that_is_left_over_is() {
    let rinit = with_socket("");
    let theirs = UnixListener::bind(rinit.path("control.sock")).unwrap();
    let rinit = rinit.spawn();
    rinit.wait_for_line("a: ready");
    rinit.wait_for_line("no control socket");
    stop(&rinit);
    assert!(rinit.path("control.sock").exists(), "{}", rinit.dump());
    drop(theirs);

    let rinit = with_socket("");
    drop(UnixListener::bind(rinit.path("control.sock")).unwrap());
    let rinit = rinit.arg("-v").spawn();
    rinit.wait_for_line("control.sock");
    stop(&rinit);
    assert!(
        !rinit.stderr().contains("no control socket"),
        "{}",
        rinit.dump()
    );
    // Its own is gone with it.
    assert!(!rinit.path("control.sock").exists(), "{}", rinit.dump());
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let rinit = with_socket("")
        .file("control.sock", "somebody's data")
        .spawn();
    rinit.wait_for_line("no control socket");
    stop(&rinit);
    let left = std::fs::read_to_string(rinit.path("control.sock"));
    assert_eq!(left.unwrap(), "somebody's data");
}

#[test]
fn an_answer_is_one_line_whatever_was_asked() {
    let config = service(
        "asks",
        &acts(["ask:/run/rinit/control.sock"]),
        "type = 'oneshot'",
    );
    let ended = supervisor(&config).run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    let answers: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(answers.len(), 4, "{ended:?}");
    assert!(answers[0].contains("\"ok\":true"), "{ended:?}");
    assert!(
        answers[1..]
            .iter()
            .all(|line| line.contains("\"ok\":false")),
        "{ended:?}"
    );
}

/// It asks where /run/systemd/private leads, and would wait for an answer in its own words.
#[test]
fn who_asks_by_dbus_is_hung_up_on() {
    let acts = acts(["ask-by-dbus:/run/rinit/control.sock"]);
    let ended = supervisor(&service("asks", &acts, "type = 'oneshot'")).run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    assert_eq!(ended.stdout, "asks: heard 0, hung up true\n", "{ended:?}");
}

#[test]
fn a_crowd_of_clients_of_one_process_puts_nobody_else_out() {
    let socket = "/run/rinit/control.sock";
    let late = acts([&format!("ask-late:{socket}"), "wait"]);
    let crowd = acts([&format!("crowd:{socket}"), "wait"]);
    let late = service("late", &late, "restart = 'no'");
    let rinit = supervisor(&(late + &service("crowd", &crowd, ""))).spawn();
    rinit.wait_for_line("late: {\"ok\":true,\"version\":");
    stop(&rinit);
}

#[test]
fn a_flood_of_rubbish_costs_no_answer_no_memory_and_no_restart() {
    let config = service(
        "flood",
        &acts([
            "flood-control:/run/rinit/control.sock",
            "say:flooded",
            "wait",
        ]),
        "after = ['early']",
    ) + &service(
        "early",
        &acts(["await:/run/rinit/control.sock"]),
        "type = 'oneshot'",
    ) + &service(
        "restless",
        &acts(["exit:1"]),
        "restart-delay = '1ms'\nrestart-delay-max = '5ms'\noutput = 'null'",
    ) + &service(
        "polite",
        &format!(
            "'n=0; while [ $n -lt 50 ]; do {RINIT} ctl list >/dev/null && n=$((n+1)) || echo lost; done; echo polite is done; exec sleep 1000'"
        ),
        "after = ['early']",
    );
    let rinit = supervisor(&config).spawn();
    let memory = || -> u64 {
        let text = Running::status_of(rinit.pid(), "VmRSS:");
        text.and_then(|text| text.parse().ok()).unwrap()
    };
    rinit.wait_for_line("flood: flooded");
    rinit.wait_for_line("polite: polite is done");
    assert!(!rinit.stdout().contains("lost"), "{}", rinit.dump());
    assert!(memory() < 20_000, "{} kB", memory());
    let ends = || rinit.stderr().matches("restless exited").count();
    let before = ends();
    rinit.wait_until("it is restarted on", || ends() > before + 10);
    let fds = std::fs::read_dir(format!("/proc/{}/fd", rinit.pid()));
    assert!(fds.unwrap().count() < 120, "{}", rinit.dump());
    stop(&rinit);
}
