//! A new configuration in the running container: by SIGHUP, and by a person inside it.

use crate::acts::acts;
use crate::harness::{RINIT, Running};
use crate::supervisor::{
    IN_ORDER, ends_in_order, free_port, notes, process, service, supervisor, wait_for_process,
};

/// A service that notes when it begins and ends.
fn noted(name: &str, keys: &str) -> String {
    let (up, down) = (format!("note:{name} up"), format!("note:{name} down"));
    let acts = acts([&*up, "notify:READY=1", "wait", &*down]);
    service(name, &acts, &format!("ready = 'notify'\n{keys}"))
}

fn write(rinit: &Running, config: &str) {
    let fresh = rinit.path("fresh");
    std::fs::write(&fresh, config).unwrap();
    std::fs::rename(fresh, rinit.path("rinit.toml")).unwrap();
}

/// Writes, sends SIGHUP, and waits for the line that says what came of it.
fn apply(rinit: &Running, config: &str, line: &str) {
    write(rinit, config);
    rinit.signal(1);
    rinit.wait_for_line(line);
}

fn wait_for_note(rinit: &Running, note: &str) {
    rinit.wait_until(note, || notes(rinit).iter().any(|known| known == note));
}

fn pid(rinit: &Running, name: &str) -> i32 {
    wait_for_process(rinit, &format!("note:{name} up")).pid
}

#[test]
fn only_what_changed_stops_or_starts_and_in_order() {
    let same = noted("same", "");
    let old = same.clone()
        + &noted("db", "")
        + &noted("web", "requires = ['db']")
        + &noted("old", "runtime-directory = 'olds'");
    let rinit = supervisor(&old).spawn();
    for name in ["same", "db", "web", "old"] {
        wait_for_note(&rinit, &format!("{name} up"));
    }
    rinit.wait_for_line("4 services running");
    let (kept, db) = (pid(&rinit, "same"), pid(&rinit, "db"));
    let new = noted("fresh", "requires = ['web']")
        + &noted("web", "requires = ['db']")
        + &noted("db", "environment = { A = '1' }")
        + &same;
    let line = "configuration applied: old: removed; fresh: new; db: restart (environment)";
    apply(&rinit, &new, line);
    wait_for_note(&rinit, "fresh up");
    assert_eq!(pid(&rinit, "same"), kept);
    assert_ne!(pid(&rinit, "db"), db);
    assert!(process(&rinit, "note:old up").is_none(), "{}", rinit.dump());
    let notes = notes(&rinit);
    let at = |note: &str| notes.iter().rposition(|known| known == note).unwrap();
    let order = ["web down", "db down", "db up", "web up", "fresh up"];
    assert!(
        order.windows(2).all(|pair| at(pair[0]) < at(pair[1])),
        "{notes:?}"
    );
    assert!(!notes.contains(&"same down".to_owned()));
    assert!(!rinit.path("run/rinit/notify/old").exists());
    // The output of one that is new goes where it should.
    let said = noted("fresh", "requires = ['web']").replace("note:fresh up", "say:hello");
    let next = new.replace(&noted("fresh", "requires = ['web']"), &said);
    apply(&rinit, &next, "applied: fresh: restart (command)");
    rinit.wait_for_line("fresh: hello");
    ends_in_order(&rinit);
}

#[test]
fn a_live_change_touches_nobody_and_counts_at_once() {
    let old = noted("a", "");
    let rinit = supervisor(&old).spawn();
    wait_for_note(&rinit, "a up");
    let before = pid(&rinit, "a");
    let keys = "restart = 'no'\nstop-timeout = '3s'\nessential = true\nsuccess-exit-status = [7]";
    let line = "applied: a: change without a restart (essential, restart, success-exit-status, stop-timeout); \
                [init]: shutdown-timeout; [init]: not without a new start: control-socket";
    let init = "[init]\nshutdown-timeout = '5s'\ncontrol-socket = false\n";
    apply(&rinit, &(init.to_owned() + &noted("a", keys)), line);
    assert_eq!(pid(&rinit, "a"), before);
    crate::harness::send(before, 9);
    assert_eq!(rinit.wait(), crate::harness::Status::Exited(137));
}

#[test]
fn a_file_that_cannot_be_used_changes_nothing_and_says_all_that_is_wrong() {
    let old = noted("a", "");
    let rinit = supervisor(&old).spawn();
    wait_for_note(&rinit, "a up");
    let before = pid(&rinit, "a");
    let wrong = noted("a", "restart = 'sometimes'\nautorestart = true") + "[service.b]\n";
    apply(
        &rinit,
        &wrong,
        "the configuration can't be used; nothing changes",
    );
    rinit.wait_for_line("sometimes");
    rinit.wait_for_line("autorestart");
    rinit.wait_for_line("service.b");
    assert_eq!(pid(&rinit, "a"), before);
    apply(&rinit, &old, "configuration applied: nothing changes");
    std::fs::remove_file(rinit.path("rinit.toml")).unwrap();
    rinit.signal(1);
    rinit.wait_until("it is refused again", || {
        rinit.stderr().matches("nothing changes").count() == 3
    });
    assert_eq!(pid(&rinit, "a"), before);
    ends_in_order(&rinit);
}

#[test]
fn a_person_plans_applies_and_is_told() {
    let person = |script: &str| {
        format!(
            "[service.person]\ntype = 'oneshot'\ncommand = \"\"\"\nuntil {RINIT} ctl version >/dev/null 2>&1; do sleep 0.01; done
try() {{ said=$({RINIT} ctl \"$@\" 2>&1); echo \"$*: $? $said\" | tr '\\\\n' '|'; echo; }}
{script}
echo all is done\"\"\"\n"
        )
    };
    let script = "{ CTL ctl wait web db job --timeout 10s; CTL ctl stop db; } >/dev/null
cp second rinit.toml; try plan; try plan; try apply; try apply
cp third rinit.toml; try apply; cp fourth rinit.toml; try plan; try apply; try apply extra"
        .replace("CTL", RINIT);
    let person = person(&script);
    let job = |command: &str| {
        format!("[service.job]\ntype = 'oneshot'\ncommand = ['echo', '{command}']\n")
    };
    let first = noted("web", "") + &noted("db", "") + &job("once") + &person;
    let second =
        noted("web", "umask = '077'") + &noted("db", "umask = '077'") + &job("twice") + &person;
    let third = second.clone() + "[service.web]\n";
    let fourth =
        second.clone() + &service("bad", &acts(["exit:3"]), "restart = 'no'\nready = 'notify'");
    let rinit = supervisor(&first)
        .file("second", &second)
        .file("third", &third)
        .file("fourth", &fourth)
        .spawn();
    rinit.wait_for_line("person: all is done");
    let said = rinit.stdout();
    let changes = "web: restart (umask)|db: change without a restart (umask)|job: change without a restart (command)|";
    let lines: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("person: "))
        .collect();
    let plan = format!("plan: 0 {changes}");
    assert_eq!(
        lines[..4],
        [
            &*plan,
            &*plan,
            &*format!("apply: 0 {changes}"),
            "apply: 0 nothing changes|"
        ],
        "{}",
        rinit.dump()
    );
    assert!(lines[4].starts_with("apply: 1 rinitctl: "), "{}", lines[4]);
    assert!(lines[4].contains("rinit.toml:"), "{}", lines[4]);
    assert!(lines[4].contains("help: "), "{}", lines[4]);
    assert_eq!(lines[5], "plan: 0 bad: new|");
    assert!(
        lines[6].starts_with("apply: 1 rinitctl: bad failed: "),
        "{}",
        lines[6]
    );
    assert!(lines[7].starts_with("apply extra: 2 "), "{}", lines[7]);
    let ends = ["db down", "web down", "web up"];
    assert_eq!(notes(&rinit)[2..], ends, "{}", rinit.dump());
    assert_eq!(said.matches("job: once").count(), 1);
    assert_eq!(said.matches("job: twice").count(), 0, "{}", rinit.dump());
    ends_in_order(&rinit);
}

#[test]
fn outputs_that_change_while_nobody_reads_any_cost_a_bounded_number_of_descriptors() {
    let (_reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
    let rounds = 60;
    let blocked = service("blocked", &acts(["count:20000", "wait"]), "output = 'raw'");
    let config = |round: usize| {
        let output = ["raw", "prefix"][round % 2];
        let web = acts(["say:x", &format!("touch:written-{round}"), "wait"]);
        blocked.clone() + &service("web", &web, &format!("output = '{output}'"))
    };
    let shell = format!("exec {RINIT} -c rinit.toml >&0 2>&0 </dev/null");
    let rinit = crate::harness::Pid1::new()
        .file("rinit.toml", &config(0))
        .binary("/bin/sh".into())
        .called("sh")
        .args(["-c", &shell])
        .stdin(writer)
        .spawn();
    for round in 0..rounds {
        write(&rinit, &config(round));
        if round > 0 {
            rinit.signal(1);
        }
        let written = rinit.path(&format!("written-{round}"));
        rinit.wait_until(&format!("{round} is written"), || written.exists());
    }
    let files = std::fs::read_dir(format!("/proc/{}/fd", rinit.pid())).unwrap();
    let files = files.count();
    assert!(files < 120, "{files}: {}", rinit.dump());
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn a_second_apply_waits_for_the_first_and_ends_what_that_began() {
    let slow = |keys: &str| {
        service(
            "slow",
            &acts(["ignore:15", "say:ready", "await:never"]),
            keys,
        )
    };
    let keys = |number| format!("stop-timeout = '1s'\nenvironment = {{ N = '{number}' }}");
    let rinit = supervisor(&(slow(&keys(1)) + &noted("same", ""))).spawn();
    rinit.wait_for_line("slow: ready");
    wait_for_note(&rinit, "same up");
    let before = pid(&rinit, "same");
    write(&rinit, &(slow(&keys(2)) + &noted("same", "")));
    rinit.signal(1);
    // What comes while one is under way is one more, however often.
    write(&rinit, &noted("same", ""));
    for _ in 0..5 {
        rinit.signal(1);
    }
    rinit.wait_for_line("applied: slow: removed");
    assert_eq!(pid(&rinit, "same"), before);
    assert!(process(&rinit, "%do ignore:15").is_none());
    ends_in_order(&rinit);
}

#[test]
fn a_socket_that_stays_refuses_nobody() {
    let port = free_port();
    let web = |umask: &str| {
        let keys = format!("listen = ['127.0.0.1:{port}']\numask = '{umask}'");
        service("web", &acts(["serve:3"]), &keys)
    };
    let rinit = supervisor(&web("022")).spawn();
    let connect = || std::net::TcpStream::connect(("127.0.0.1", port));
    rinit.wait_until("it listens", || connect().is_ok());
    for round in 0..5 {
        let umask = if round % 2 == 0 { "077" } else { "022" };
        write(&rinit, &web(umask));
        rinit.signal(1);
        rinit.wait_until("it is applied", || {
            assert!(connect().is_ok(), "{}", rinit.dump());
            rinit
                .stderr()
                .matches("applied: web: restart (umask)")
                .count()
                == round + 1
        });
    }
    apply(&rinit, &noted("other", ""), "web: removed; other: new");
    assert!(connect().is_err());
    rinit.wait_for_line("configuration applied");
    ends_in_order(&rinit);
}

#[test]
fn an_apply_that_waits_for_a_oneshot_says_so_and_what_dies_meanwhile_comes_back() {
    let job = |text: &str| {
        service(
            "job",
            &acts([&*format!("say:{text}"), "await:go"]),
            "type = 'oneshot'",
        )
    };
    let person = format!(
        "[service.person]\ntype = 'oneshot'\noutput = 'raw'\ncommand = \"\"\"\nuntil test -e new; do sleep 0.01; done
{RINIT} ctl apply 2>&1; echo applied $?\"\"\"\n"
    );
    let keys = |umask: &str| format!("umask = '{umask}'\nrestart-delay = '1ms'");
    let all = |text: &str, umask: &str| job(text) + &noted("web", &keys(umask)) + &person;
    let rinit = supervisor(&all("one", "022")).spawn();
    rinit.wait_for_line("job: one");
    wait_for_note(&rinit, "web up");
    write(&rinit, &all("two", "077"));
    std::fs::write(rinit.path("new"), "").unwrap();
    let said = "the new configuration waits until job has ended";
    rinit.wait_for_line(&format!("rinitctl: {said}"));
    rinit.wait_for_line(&format!("rinit: {said}"));
    let before = pid(&rinit, "web");
    crate::harness::send(before, 9);
    rinit.wait_until("it is back", || {
        process(&rinit, "note:web up").is_some_and(|web| web.pid != before)
    });
    assert!(!rinit.stdout().contains("applied"), "{}", rinit.dump());
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("applied 0");
    rinit.wait_for_line("web: restart (umask)");
    assert!(!rinit.stdout().contains("job: two"), "{}", rinit.dump());
    ends_in_order(&rinit);
}
