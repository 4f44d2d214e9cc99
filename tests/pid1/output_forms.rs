//! How lines look: JSON, and with the time in front.

use serde_json::Value;

use crate::acts::acts;
use crate::harness::Pid1;
use crate::supervisor::{IN_ORDER, last_line, service, supervisor, wait_for_process};

/// Each line as the object that it has to be.
fn objects(text: &str) -> Vec<Value> {
    let object = |line| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line:?}: {e}"));
        assert!(value.is_object(), "{line}");
        value
    };
    text.lines().map(object).collect()
}

fn is_time(text: &str) -> bool {
    let form = "dddd-dd-ddTdd:dd:dd.dddZ";
    text.len() == form.len()
        && text.chars().zip(form.chars()).all(|(c, form)| match form {
            'd' => c.is_ascii_digit(),
            other => c == other,
        })
}

#[test]
fn every_line_is_a_json_object_rinit_s_own_too() {
    let lines = acts([
        "say:hello",
        "say:{\"level\":\"info\",\"service\":\"own\"}",
        "say:{not json}",
        "write:unfinished",
        "complain:oh \\ no",
        "await:go",
    ]);
    let config = "[defaults]\noutput = 'json'\n".to_owned() + &service("a", &lines, "");
    let rinit = supervisor(&config).spawn();
    // What it writes last, so that all is written.
    rinit.wait_for_line("oh ");
    let pid = wait_for_process(&rinit, "unfinished").pid;
    // The last of its numbers is that of its own namespace.
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let numbers = status.lines().find(|line| line.starts_with("NSpid:"));
    let number = numbers.and_then(|line| line.split_whitespace().last());
    let pid: i32 = number.unwrap().parse().unwrap();
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    let out = objects(&rinit.stdout());
    let messages: Vec<_> = out.iter().map(|o| o["message"].as_str()).collect();
    let expected = [Some("hello"), None, Some("{not json}"), Some("unfinished")];
    assert_eq!(messages, expected);
    assert!(is_time(out[0]["time"].as_str().unwrap()), "{out:?}");
    assert_eq!(
        (&out[0]["service"], &out[0]["stream"]),
        (&"a".into(), &"stdout".into())
    );
    for object in out.iter().filter_map(|object| object.get("pid")) {
        assert_eq!(*object, pid, "{out:?}");
    }
    let passed = "{\"stream\":\"stdout\",\"level\":\"info\",\"service\":\"own\"}\n";
    assert!(rinit.stdout().contains(passed), "{}", rinit.stdout());
    let stderr = rinit.stderr();
    let err = objects(&stderr);
    assert!(
        err.iter()
            .any(|o| o["message"] == "oh \\ no" && o["stream"] == "stderr")
    );
    let last = &objects(last_line(&stderr))[0];
    let message = last["message"].as_str().unwrap();
    assert!(
        message.starts_with("SIGTERM: 1 service stopped"),
        "{message}"
    );
    assert_eq!(
        (&last["service"], &last["pid"]),
        (&"rinit".into(), &1.into())
    );
}

#[test]
fn the_environment_makes_it_json_and_a_service_that_says_otherwise_stays_what_it_is() {
    let config = service("a", &acts(["say:hello"]), "type = 'oneshot'")
        + &service(
            "b",
            &acts(["say:plain"]),
            "type = 'oneshot'\noutput = 'prefix'",
        );
    let ended = supervisor(&config).env("RINIT_OUTPUT", "json").run();
    let (plain, json): (Vec<_>, Vec<_>) = ended.stdout.lines().partition(|l| *l == "b: plain");
    assert_eq!(plain.len(), 1, "{ended:?}");
    assert_eq!(objects(json[0])[0]["message"], "hello");
    assert!(!objects(&ended.stderr).is_empty(), "{ended:?}");
}

#[test]
fn timestamps_stand_before_each_line_where_they_are_wanted() {
    let config = "[defaults]\ntimestamps = true\n".to_owned()
        + &service("a", &acts(["say:one", "say:two"]), "type = 'oneshot'")
        + &service("b", &acts(["say:raw"]), "type = 'oneshot'\noutput = 'raw'")
        + &service(
            "c",
            &acts(["say:bare"]),
            "type = 'oneshot'\ntimestamps = false",
        );
    let ended = supervisor(&config).run();
    for (line, rest) in [("a: one", 25), ("a: two", 25), ("raw", 0), ("c: bare", 0)] {
        let found = ended
            .stdout
            .lines()
            .find(|text| text.ends_with(line))
            .unwrap();
        assert_eq!(found.len(), line.len() + rest, "{found}");
        assert!(rest == 0 || is_time(&found[..24]), "{found}");
    }
    let last = last_line(&ended.stderr);
    assert!(
        is_time(&last[..24]) && last[24..].starts_with(" rinit: "),
        "{last}"
    );
}

#[test]
fn lines_go_into_a_file_that_is_rotated_and_to_stderr_where_the_disk_is_full() {
    let config = |path: &str| {
        let output = format!("{{ file = '{path}', rotate-size = '4K', keep = 20 }}");
        let keys = format!("type = 'oneshot'\noutput = {output}\ntimestamps = true");
        service("a", &acts(["count:1000", "complain:an error"]), &keys)
    };
    let rinit = supervisor(&config("a.log")).spawn();
    assert_eq!(rinit.wait(), IN_ORDER);
    let read = |name: &str| std::fs::read_to_string(rinit.path(name)).unwrap();
    let (newest, before) = (read("a.log"), read("a.log.1"));
    assert!(before.len() <= 4096 && newest.len() <= 4096);
    assert!(
        is_time(&newest[..24]) && newest.contains(" line 999\n"),
        "{newest}"
    );
    // It came by another pipe, so it may stand anywhere.
    let mut old =
        (1..20).map_while(|n| std::fs::read_to_string(rinit.path(&format!("a.log.{n}"))).ok());
    assert!(newest.contains(" an error\n") || old.any(|text| text.contains(" an error\n")));
    assert_eq!(rinit.stdout(), "");

    // As a full disk: no file may grow.
    let shell = format!("ulimit -f 0; exec {} -c rinit.toml", crate::harness::RINIT);
    let config = config("b.log").replace("4K", "infinity");
    let ended = Pid1::new()
        .file("rinit.toml", &config)
        .binary("/bin/sh".into())
        .args(["-c", &shell])
        .run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    let told = ended
        .stderr
        .lines()
        .filter(|line| line.contains("cannot write b.log"));
    assert_eq!(told.count(), 1, "{ended:?}");
    let last = ended.stderr.lines().find(|line| line.ends_with("line 999"));
    assert!(
        last.is_some_and(|line| line.starts_with("a: ")),
        "{ended:?}"
    );
}

#[test]
fn files_that_a_service_writes_are_followed_though_the_logger_is_followed_by_another() {
    let web = "[service.web]\ncommand = '''mkdir logs; echo one >logs/a.log; until test -e go; do sleep 0.01; done; mv logs/a.log logs/b.old; echo two >logs/a.log; echo three >>logs/b.old; exec sleep inf'''\nlog-files = ['logs/*.log']\nessential = true\n";
    let rinit = supervisor(web).spawn();
    rinit.wait_for_line("web: one");
    let config = format!("{web}[service.other]\ncommand = 'echo here; exec sleep inf'\n");
    std::fs::write(rinit.path("rinit.toml"), config).unwrap();
    rinit.signal(1);
    rinit.wait_for_line("other: here");
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("web: two");
    rinit.wait_for_line("web: three");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    let text = rinit.stdout();
    assert_eq!(text.matches("web: one\n").count(), 1, "{text}");
    assert_eq!(text.matches("web: ").count(), 3, "{text}");
}
