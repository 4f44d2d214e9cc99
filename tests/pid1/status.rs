//! What `rinitctl` answers, asked by a service inside.

use crate::acts::acts;
use crate::harness::{Ended, Pid1, RINIT, open_terminal};
use crate::supervisor::{IN_ORDER, free_port, place, service, supervisor};

/// rinit with these services and one that asks, whose end ends all.
pub fn asking(config: &str, script: &str) -> Pid1 {
    let eyes = format!(
        "[service.eyes]\ncommand = '''\nctl() {{ {RINIT} ctl \"$@\" 2>&1; }}\n{script}\ntrue\n'''\ntype = 'oneshot'\noutput = 'raw'\nreadiness-gate = false\nessential = true\n"
    );
    supervisor(&format!("{config}{eyes}")).env("TERM", "xterm")
}

/// What it answered.
#[track_caller]
pub fn answers(config: &str, script: &str) -> Ended {
    let ended = asking(config, script).run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    ended
}

/// Until the socket is there.
pub const UP: &str = "until ctl version >/dev/null; do sleep 0.01; done\n";

pub fn stands(name: &str, keys: &str) -> String {
    service(name, &acts(["wait"]), keys)
}

#[test]
fn status_is_a_table_a_page_and_json_and_its_exit_code_says_how_it_stands() {
    let config = stands("web", "")
        + &service("made", &acts(["exit:0"]), "type = 'oneshot'")
        + &stands("slow", "ready = { file = '/never' }")
        + &stands("app", "requires = ['slow']");
    let script = format!(
        "{UP}ctl wait web made; ctl wait slow --for starting; ctl; ctl --json status; \
         ctl status web >page; echo web $?; ctl status made >page; echo made $?; \
         ctl status app; echo app $?; ctl status web made >/dev/null; echo both $?; \
         ctl status web app >/dev/null; echo one $?; ctl status >/dev/null; echo bare $?; ctl status nobody; echo nobody $?; \
         ctl list 'w*'; ctl show web; ctl graph app; ctl graph --dot app; ctl status 'n*'; echo pattern $?"
    );
    let ended = answers(&config, &script);
    let text = &ended.stdout;
    let row = |name: &str| text.lines().nth(place(text, name)).unwrap();
    assert!(row("NAME  STATE").contains("MEMORY  CPU"), "{ended:?}");
    assert!(row("web  ").contains("active"), "{ended:?}");
    assert!(row("made ").contains("exited"), "{ended:?}");
    assert!(row("app  ").contains("waits for slow"), "{ended:?}");
    assert!(!text.contains('\u{1b}'), "piped is plain: {ended:?}");
    let json = text.lines().find(|line| line.starts_with('{')).unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!(json["state"], "starting");
    let web = &json["services"][0];
    assert_eq!(
        (&web["name"], &web["state"]),
        (&"web".into(), &"active".into())
    );
    assert!(
        web["pid"].is_i64() && web["since"].as_i64() > Some(1_500_000_000_000),
        "{web}"
    );
    assert_eq!(web["restarts"], 0);
    for key in ["reason", "exit", "health"] {
        assert!(web[key].is_null(), "{web}");
    }
    assert!(
        web["source"].as_str().unwrap().contains("rinit.toml:"),
        "{web}"
    );
    assert_eq!(json["services"][3]["waiting-for"][0], "slow");
    let usage = &json["usage"][0];
    assert_eq!(usage["name"], "web", "{json}");
    assert!(
        usage["memory"].as_u64() > Some(0) && usage["cpu"].is_u64(),
        "{json}"
    );
    assert_eq!(json["services"][1]["exit"], 0);
    for line in [
        "web 0",
        "made 0",
        "app 3",
        "both 0",
        "one 3",
        "bare 0",
        "nobody 4",
        "pattern 4",
        "there is no service nobody",
        "app has been waiting for",
        "slow has been starting for",
        "not ready at /never",
        "defined in: ",
        "[service.web]",
        "└─ requires slow (starting)",
        "\"app\" -> \"slow\" [style=solid];",
    ] {
        place(text, line);
    }
}

#[test]
fn the_page_of_one_ends_with_what_it_printed_last() {
    let config = "[service.web]\ncommand = 'seq 20; printf \"a\\033[2Jb\\n\" >&2; exec sleep inf'\n[service.mute]\ncommand = ['sleep', 'inf']\noutput = 'null'\n";
    let script = format!(
        "{UP}ctl wait web mute; until ctl logs web | grep -q '\\[2J'; do sleep 0.01; done; \
         ctl status web; ctl status web --json; ctl status mute; ctl status mute --json; ctl status 'w*' | grep -c '|'"
    );
    let ended = answers(config, &script);
    let text = &ended.stdout;
    let lines: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("  | "))
        .collect();
    assert_eq!(lines.first(), Some(&"12"), "{ended:?}");
    assert_eq!(lines.last(), Some(&"a [2Jb"), "ten in all: {ended:?}");
    assert_eq!(lines.len(), 10, "none of mute: {ended:?}");
    let mut pages = text.lines().filter(|line| line.starts_with('{'));
    let mut page = || serde_json::from_str::<serde_json::Value>(pages.next().unwrap()).unwrap();
    let output = &page()["output"];
    assert_eq!(output[8]["message"], "20", "{output}");
    assert_eq!(output[9]["stream"], "stderr", "{output}");
    assert_eq!(page()["output"], serde_json::json!([]));
    assert!(text.ends_with("\n0\n"), "no page for a pattern: {ended:?}");
}

#[test]
fn health_is_0_or_1_and_names_the_culprit_in_one_line() {
    // Never ready, not even for the moment between its exec and its end.
    let keys = "restart-delay = '20s'\nready = { file = '/never' }";
    let config = service("db", &acts(["exit:1"]), keys)
        + &stands("web", "requires = ['db']\nessential = true")
        + &stands("other", "");
    let script = format!(
        "{UP}ctl wait db --for backoff; ctl wait other; ctl health; echo ready $?; ctl health --live; echo live $?; \
         ctl health --startup; echo startup $?; ctl --socket /nowhere health; echo nobody $?; \
         ctl health --json"
    );
    let ended = answers(&config, &script);
    let text = &ended.stdout;
    place(text, "not ready 1/3: db backoff (exit 1, next in ");
    place(text, "; web waits for db");
    place(text, "ready 1");
    place(text, "live 0");
    place(text, "not started 1/3: ");
    place(text, "startup 1");
    place(text, "nobody 1");
    place(text, "\"healthy\":false");

    let ended = answers(
        &stands("web", ""),
        &format!("{UP}ctl wait web; ctl health; echo $?; ctl health --startup; echo $?"),
    );
    assert_eq!(ended.stdout, "ready 1/1\n0\nstarted\n0\n", "{ended:?}");
}

#[test]
fn wait_ends_when_it_is_so_or_can_t_be_any_more() {
    let config = stands("late", "ready = { file = 'late' }")
        + &service("bad", &acts(["await:go", "exit:7"]), "restart = 'no'")
        + &stands("never", "ready = { file = '/never' }");
    let script = format!(
        "{UP}ctl wait never --timeout 50ms; echo timeout $?; \
         (ctl wait late; echo late $?) & (ctl wait bad --for exited; echo bad $?) & \
         touch late go; wait; ctl wait bad --for failed; echo failed $?; ctl wait never --for nonsense; echo nonsense $?"
    );
    let ended = answers(&config, &script);
    let text = &ended.stdout;
    for line in [
        "not so after",
        "timeout 1",
        "late 0",
        "bad is failed: exited with status 7",
        "bad 1",
        "failed 0",
        "nonsense 2",
    ] {
        place(text, line);
    }
}

/// Five mistakes that people make, and what they see at one look.
#[test]
fn status_and_why_say_the_cause() {
    let port = free_port();
    let taken = format!("ready = {{ tcp = '127.0.0.1:{port}' }}\nrequires = ['holds']");
    let config = service(
        "user",
        &acts(["wait"]),
        "user = 'nosuchuser'\nrestart = 'no'\nafter = ['made']",
    ) + &service("made", &acts(["exit:0"]), "type = 'oneshot'")
        + &service(
            "holds",
            &acts([&*format!("listen:127.0.0.1:{port}"), "wait"]),
            &format!("ready = {{ tcp = '127.0.0.1:{port}' }}"),
        )
        + &stands("taken", &taken)
        + &service(
            "missing",
            "['./no-such-program']",
            "restart = 'no'\nafter = ['made']",
        )
        + &service(
            "crashes",
            &acts(["exit:3"]),
            "restart-delay = '10ms'\nstart-limit = { count = 3, within = '1m' }",
        )
        + &stands("mute", "ready = 'notify'");
    let script = format!(
        "{UP}ctl wait user missing crashes --for failed; ctl wait mute taken --for starting; \
         until ctl why taken | grep already; do sleep 0.01; done; \
         ctl status; ctl why user missing crashes mute; ctl status crashes"
    );
    let ended = answers(&config, &script);
    let text = &ended.stdout;
    for line in [
        "user has failed, and is not started again: cannot start: user nosuchuser",
        "missing has failed, and is not started again: cannot start: ",
        "no-such-program: no such file or directory",
        "crashes has failed, and is not started again: exited with status 3; start limit reached",
        "mute has been starting for",
        "it has not said READY=1",
        &format!("somebody else answers in its place: 127.0.0.1:{port} is already taken"),
        "restarts: 2",
        "last runs: exited with status 3",
    ] {
        place(text, line);
    }
    let status = |name: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with(name) && line.contains("  "));
        line.unwrap_or_else(|| panic!("{ended:?}"))
    };
    assert!(status("user ").contains("nosuchuser"), "{ended:?}");
    assert!(status("missing ").contains("no such file"), "{ended:?}");
    assert!(status("crashes ").contains("status 3"), "{ended:?}");
    assert!(status("mute ").contains("starting"), "{ended:?}");
}

/// What was in the way at the end, and the last lines of output, stand with the failure.
#[test]
fn a_failure_keeps_what_its_start_waited_for() {
    let port = free_port();
    let probed = format!("ready = {{ tcp = '127.0.0.1:{port}' }}");
    let holds = acts([&*format!("listen:127.0.0.1:{port}"), "wait"]);
    let config = service("holds", &holds, &probed)
        + &service(
            "taken",
            &acts(["complain:address in use", "exit:1"]),
            &format!("{probed}\nrestart = 'no'\nrequires = ['holds']"),
        )
        + &stands(
            "mute",
            "ready = 'notify'\nstart-timeout = '100ms'\nrestart = 'no'",
        )
        + &stands("above", "requires = ['mute']");
    let script = format!(
        "{UP}ctl wait taken --for failed; ctl wait mute --for failed; ctl wait above --for failed; \
         ctl status; until ctl why taken | grep '| address in use'; do sleep 0.01; done; ctl why above; ctl why holds"
    );
    let ended = answers(&config, &script);
    let text = &ended.stdout;
    let row = |name: &str| text.lines().nth(place(text, name)).unwrap();
    let taken = format!("exited with status 1 (127.0.0.1:{port} is already taken)");
    assert!(row("taken ").contains(&taken), "{ended:?}");
    for name in ["mute ", "above "] {
        assert!(row(name).contains("(it has not said READY=1)"), "{ended:?}");
    }
    let why = row("mute has failed, and is not started again: not ready after");
    assert!(why.ends_with("(it has not said READY=1)"), "{ended:?}");
}

#[test]
fn a_big_answer_comes_whole_and_secrets_stay() {
    let mut config = stands("keeper", "environment = { PASSWORD = 'hunter2' }");
    for number in 0..300 {
        config += &stands(&format!("off{number}"), "enabled = false");
    }
    let script = format!(
        "{UP}ctl wait keeper; ctl list | wc -l; ctl show --json keeper; {RINIT} ctl --json status | tail -c 3"
    );
    let ended = answers(&config, &script);
    place(&ended.stdout, "302");
    place(&ended.stdout, "PASSWORD=…");
    assert!(!ended.stdout.contains("hunter2"), "{ended:?}");
    assert!(ended.stdout.ends_with("\n]}\n"), "{ended:?}");
}

#[test]
fn watch_shows_what_changes_and_leaves_the_terminal_as_it_was() {
    let (master, slave) = open_terminal();
    let rinit = supervisor(&stands("web", "ready = { file = 'go' }"))
        .terminal(slave)
        .env("TERM", "xterm")
        .args(["--", "sh", "-c"])
        .arg(format!(
            "until {RINIT} ctl version; do sleep 0.01; done; {RINIT} ctl status --watch; echo piped $?; \
             exec {RINIT} ctl status --watch >&0"
        ))
        .spawn();
    rinit.wait_for_line("piped 2");
    let flags = nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK);
    nix::fcntl::fcntl(&master, flags).unwrap();
    let mut seen = String::new();
    let mut sees = |part: &str| {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = nix::unistd::read(&master, &mut buffer) {
            seen += &String::from_utf8_lossy(&buffer[..count]);
        }
        seen.contains(part)
    };
    rinit.wait_until("it is shown", || sees("\u{1b}[?1049h") && sees("starting"));
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_until("the change is shown", || sees("active"));
    nix::unistd::write(&master, b"\x03").unwrap();
    rinit.wait_until("the screen is back", || sees("\u{1b}[?1049l"));
    assert_eq!(rinit.wait(), IN_ORDER);
}
