//! File systems that hang, under every path that something of rinit's opens: PID 1 answers,
//! stops what is to be stopped in its time, and has its last word.

use std::time::{Duration, Instant};

use crate::acts::acts;
use crate::fuse::{Fuse, Hang, OPEN, RENAME2, own_mounts};
use crate::harness::{RINIT, Running};
use crate::supervisor::{ends_in_order, last_line, place, service, supervisor};

/// What a person gets to hear is noted, since it can't be taken for sure that it is shown.
fn person(script: &str) -> String {
    let script = format!(
        "until test -e hangs; do sleep 0.01; done
try() {{ {RINIT} ctl \\\"$@\\\" > said 2>&1; echo \\\"$*: $?\\\" >> notes; cat said >> notes; }}
{script}
echo all is done >> notes"
    );
    format!(
        "[service.person]\ncommand = \"\"\"\n{script}\"\"\"\ntype = 'oneshot'\noutput = 'null'\n"
    )
}

fn notes(rinit: &Running) -> String {
    std::fs::read_to_string(rinit.path("notes")).unwrap_or_default()
}

/// rinit with this configuration, whose folder `hung` hangs once all runs. Then `look`. Gives
/// what came on standard output and standard error.
fn hangs(
    config: &str,
    how: Hang,
    ready: fn(&Running, &Fuse),
    look: fn(&Running),
) -> (String, String) {
    let config = format!("[init]\nshutdown-timeout = '4s'\n{config}");
    let live = |rinit: &Running, fuse: &Fuse| {
        ready(rinit, fuse);
        fuse.hang();
        std::fs::write(rinit.path("hangs"), "").unwrap();
        look(rinit);
    };
    with_a_mount(&config, how, 0, live)
}

/// rinit with this configuration and such a folder, which doesn't answer these requests from
/// the beginning; `live` brings it so far that it is to end.
fn with_a_mount(
    config: &str,
    how: Hang,
    hangs_at: u32,
    live: impl FnOnce(&Running, &Fuse) + Send,
) -> (String, String) {
    std::thread::scope(|scope| {
        // Not the test's own thread, whose mounts others may share.
        let run = scope.spawn(|| {
            own_mounts();
            let pid1 = supervisor("");
            let folder = pid1.path("");
            let folder = folder.to_str().unwrap().trim_end_matches('/');
            let pid1 = pid1.file("rinit.toml", &config.replace("FOLDER", folder));
            let mounted = Fuse::mount(&pid1.path("hung"), how);
            // With the first answer the kernel knows that this server wants to hear of no file
            // that is closed: whoever has one open, and is killed, would wait for that.
            std::fs::write(pid1.path("hung").join("first"), "").unwrap();
            // It goes first, or removing the test's folder hangs.
            mounted.hang_at(hangs_at);
            let (rinit, fuse) = (pid1.spawn(), mounted);
            live(&rinit, &fuse);
            let began = Instant::now();
            rinit.signal(15);
            rinit.wait_until("the last line", || {
                last_line(&rinit.stderr()).contains("; exit code ")
            });
            let last_line = began.elapsed();
            // The kernel lets no PID 1 end before all of its processes have, and who waits for
            // the answer to what the server has taken can't be killed.
            let fuse = Some(fuse).filter(|_| how == Hang::Unread);
            let status = rinit.wait();
            let took = if fuse.is_some() {
                began.elapsed()
            } else {
                last_line
            };
            println!("{took:?} {status:?} {}\n{}", notes(&rinit), rinit.dump());
            assert!(took < Duration::from_secs(7), "{took:?}: {}", rinit.dump());
            drop(fuse);
            (rinit.stdout(), rinit.stderr())
        });
        run.join().unwrap()
    })
}

/// A log file hangs, and with it the logger; what a person asks for and the end don't.
fn under_a_log_file(how: Hang) {
    let config = service(
        "web",
        &acts(["say:one", "await:hangs", "say:two", "say:three", "wait"]),
        "output = { file = 'hung/web.log' }",
    ) + &service(
        "other",
        &acts([
            "say:runs",
            "await:hangs",
            "await:asked",
            "say:still here",
            "wait",
        ]),
        "",
    ) + &person("try status web\ntouch asked\ntry restart other\ntry stop web");
    hangs(
        &config,
        how,
        |rinit, fuse| {
            rinit.wait_for_line("other: runs");
            rinit.wait_until("the file is written", || fuse.written() == "one\n");
        },
        |rinit| {
            rinit.wait_until("the person is done", || {
                notes(rinit).contains("all is done")
            });
        },
    );
}

#[test]
#[ignore = "needs /dev/fuse and root; .ci/run asks for it"]
fn a_log_file_that_hangs_keeps_pid_1_from_nothing() {
    under_a_log_file(Hang::Unread);
}

#[test]
#[ignore = "needs /dev/fuse and root; .ci/run asks for it"]
fn a_log_file_that_hangs_with_all_requests_taken_keeps_pid_1_from_nothing() {
    under_a_log_file(Hang::Unanswered);
}

/// Everything else that is opened for a service, or for rinit itself, and who starts it all.
fn all_else(person: &str) -> String {
    let waits = acts(["await:asked", "wait"]);
    let keys = |name: &str, keys: &str| {
        service(
            name,
            &waits,
            &format!(
                "enabled = false\nstart-timeout = '1s'\nstop-timeout = '1s'\nrestart = 'no'\n{keys}"
            ),
        )
    };
    "termination-log = './hung/words'\n".to_owned()
        + &service("other", &acts(["say:runs", "wait"]), "")
        + &keys("env", "environment-file = './hung/env'")
        + &keys("secret", "environment-from = { SECRET = './hung/secret' }")
        + &keys("folder", "working-directory = './hung/folder'")
        + &keys("ready", "ready = { file = './hung/ready' }")
        + &keys("pid", "type = 'forking'\npid-file = './hung/pid'")
        + &keys("socket", "listen = ['FOLDER/hung/socket']")
        + &keys("files", "log-files = ['./hung/*.log']")
        + &keys("removed", "remove-before-start = ['./hung/old']")
        + &keys(
            "awaits",
            "wait-for = { file = './hung/there', timeout = '1s' }",
        )
        + &service(
            "program",
            "['./hung/program']",
            "enabled = false\nstart-timeout = '1s'\nrestart = 'no'",
        )
        + &self::person(person)
}

fn under_all_else(how: Hang) {
    // A start returns once it is known what became of it, which the kernel may never say.
    let config = all_else(&format!(
        "for name in env secret folder ready pid socket files removed awaits program; do
    {RINIT} ctl start $name > /dev/null 2>&1 &
    try status other
done
{RINIT} ctl apply > /dev/null 2>&1 &
try stop other"
    ));
    hangs(
        &config,
        how,
        |rinit, _| rinit.wait_for_line("other: runs"),
        |rinit| {
            rinit.wait_until("the person is done", || {
                notes(rinit).contains("all is done")
            });
        },
    );
}

#[test]
#[ignore = "needs /dev/fuse and root; .ci/run asks for it"]
fn what_hangs_under_a_service_s_files_keeps_pid_1_from_nothing() {
    under_all_else(Hang::Unread);
}

#[test]
#[ignore = "needs /dev/fuse and root; .ci/run asks for it"]
fn what_hangs_there_with_all_requests_taken_keeps_pid_1_from_nothing() {
    under_all_else(Hang::Unanswered);
}

#[test]
fn a_fifo_that_nobody_else_has_open_is_no_file_and_keeps_nobody_waiting() {
    let config = all_else(
        "for name in env secret folder ready pid socket files removed awaits program out; do
    try start $name
done
mv rinit.toml was
mkfifo rinit.toml
try apply
try stop other",
    ) + &service(
        "out",
        &acts(["say:where", "wait"]),
        "enabled = false\noutput = { file = 'hung/out' }",
    );
    let config = format!("[init]\nshutdown-timeout = '4s'\n{config}");
    let pid1 = supervisor("");
    let folder = pid1.path("");
    let folder = folder.to_str().unwrap().trim_end_matches('/');
    let pid1 = pid1.file("rinit.toml", &config.replace("FOLDER", folder));
    std::fs::create_dir(pid1.path("hung")).unwrap();
    for name in [
        "words", "env", "secret", "folder", "ready", "pid", "socket", "x.log", "old", "there",
        "program", "out",
    ] {
        nix::unistd::mkfifo(&pid1.path("hung").join(name), nix::sys::stat::Mode::S_IRWXU).unwrap();
    }
    let rinit = pid1.spawn();
    rinit.wait_for_line("other: runs");
    std::fs::write(rinit.path("hangs"), "").unwrap();
    rinit.wait_until("the person is done", || {
        notes(&rinit).contains("all is done")
    });
    let said = notes(&rinit);
    for answer in [
        "start env: 1",
        "start secret: 1",
        "start folder: 1",
        // It was there before.
        "start ready: 1",
        "start pid: 1",
        "start socket: 1",
        "start files: 0",
        "start removed: 0",
        "start awaits: 0",
        "start program: 1",
        "start out: 0",
        "apply: 1",
        "stop other: 0",
    ] {
        assert!(said.lines().any(|line| line == answer), "{answer}: {said}");
    }
    rinit.wait_for_line("out: where");
    ends_in_order(&rinit);
}

const INTO: &str = "output = { file = 'hung/web.log' }";

/// How often a line is among these.
fn count(text: &str, line: &str) -> usize {
    text.lines().filter(|one| *one == line).count()
}

/// Two log files hang. Who writes into others, or nowhere, goes on and has its last lines
/// written; those of the two are on standard error, each once.
fn others_go_on(how: Hang) {
    let says = |await_file: &str| {
        let await_file = format!("await:{await_file}");
        acts(["say:one", &await_file, "say:two", "wait", "say:three"])
    };
    let config = service("web", &says("hangs"), INTO)
        + &service(
            "twin",
            &says("hangs"),
            "output = { file = 'hung/twin.log' }",
        )
        + &service("local", &says("asked"), "output = { file = 'local.log' }")
        + &service("other", &says("asked"), "");
    let (stdout, stderr) = hangs(
        &config,
        how,
        |rinit, fuse| {
            rinit.wait_for_line("other: one");
            rinit.wait_until("the files are written", || {
                let local = std::fs::read_to_string(rinit.path("local.log"));
                fuse.written() == "one\none\n" && local.is_ok_and(|text| text == "one\n")
            });
        },
        |rinit| {
            // The logger has to have come to one of them first.
            rinit.wait_for_line("it does not answer");
            std::fs::write(rinit.path("asked"), "").unwrap();
            rinit.wait_for_line("other: two");
            rinit.wait_for_line("web: two");
            rinit.wait_for_line("twin: two");
            rinit.wait_until("a file elsewhere is written", || {
                let local = std::fs::read_to_string(rinit.path("local.log"));
                local.is_ok_and(|text| text == "one\ntwo\n")
            });
        },
    );
    assert_eq!(stdout, "other: one\nother: two\nother: three\n");
    for name in ["web", "twin"] {
        let why = format!("rinit: {name}: cannot write hung/{name}.log: it does not answer; ");
        assert!(place(&stderr, &why) < place(&stderr, &format!("{name}: two")));
        for said in ["two", "three"] {
            assert_eq!(count(&stderr, &format!("{name}: {said}")), 1, "{stderr}");
        }
    }
    assert!(!stderr.contains("local"), "{stderr}");
}

#[test]
#[ignore = "needs /dev/fuse and root; .ci/run asks for it"]
fn a_log_file_that_hangs_costs_nobody_else_a_line() {
    others_go_on(Hang::Unread);
}

#[test]
#[ignore = "needs /dev/fuse and root; .ci/run asks for it"]
fn a_log_file_that_hangs_and_the_logger_that_can_t_be_killed_cost_nobody_else_a_line() {
    others_go_on(Hang::Unanswered);
}

/// With a file that hangs from this moment on, and one that hangs only at the end.
#[test]
#[ignore = "needs /dev/fuse and root; .ci/run asks for it"]
fn a_log_file_that_hangs_at_the_end_costs_nobody_else_the_last_lines() {
    let says = acts(["say:runs", "wait", "say:the last line"]);
    let config = "[init]\nshutdown-timeout = '8s'\n".to_owned()
        + &service("web", &says, INTO)
        + &service("other", &says, "");
    let (stdout, stderr) = with_a_mount(&config, Hang::Unanswered, 0, |rinit, fuse| {
        rinit.wait_for_line("other: runs");
        rinit.wait_until("the file is written", || fuse.written() == "runs\n");
        fuse.hang();
    });
    assert_eq!(stdout, "other: runs\nother: the last line\n");
    assert_eq!(count(&stderr, "web: the last line"), 1, "{stderr}");
}

/// The file is cut off in the middle of its rotation, and its file system hung before any
/// logger was there.
#[test]
#[ignore = "needs /dev/fuse and root; .ci/run asks for it"]
fn a_log_file_that_can_t_be_renamed_or_opened_costs_nobody_else_a_line() {
    // More than the file has room for.
    let line = "x".repeat(4096);
    let other = service("other", &acts(["await:asked", "say:two", "wait"]), "");
    let rotates = "output = { file = 'hung/web.log', rotate-size = '4K' }";
    let says = acts([&*format!("say:{line}"), "wait"]);
    let config = service("web", &says, rotates) + &other;
    for request in [RENAME2, OPEN] {
        let (stdout, stderr) = with_a_mount(&config, Hang::Unanswered, request, |rinit, _| {
            rinit.wait_for_line("web.log: it does not answer");
            std::fs::write(rinit.path("asked"), "").unwrap();
            rinit.wait_for_line("other: two");
        });
        assert_eq!(stdout, "other: two\n");
        assert_eq!(count(&stderr, &format!("web: {line}")), 1, "{stderr}");
    }
}

/// Files that are followed hang as well.
#[test]
#[ignore = "needs /dev/fuse and root; .ci/run asks for it"]
fn a_folder_of_followed_files_that_hangs_costs_nobody_else_a_line() {
    let config = service(
        "web",
        &acts(["say:runs", "wait"]),
        "log-files = ['hung/*.log']",
    ) + &service("other", &acts(["await:asked", "say:two", "wait"]), "");
    let (stdout, _) = hangs(
        &config,
        Hang::Unanswered,
        |rinit, _| rinit.wait_for_line("web: runs"),
        |rinit| {
            rinit.wait_for_line("web: log-files: hung/*.log: it does not answer");
            std::fs::write(rinit.path("asked"), "").unwrap();
            rinit.wait_for_line("other: two");
        },
    );
    assert_eq!(stdout, "web: runs\nother: two\n");
}

/// Once it answers the file is written again, and no line is lost meanwhile.
#[test]
#[ignore = "needs /dev/fuse and root; .ci/run asks for it"]
fn a_log_file_that_hung_is_written_again_when_it_answers() {
    let script = "i=0; while sleep 0.05; do i=$((i + 1)); echo tick $i; done";
    let config = service("web", &format!("['sh', '-c', '{script}']"), INTO);
    for how in [Hang::Unread, Hang::Unanswered] {
        let mut written = String::new();
        let (_, stderr) = with_a_mount(&config, how, 0, |rinit, fuse| {
            rinit.wait_until("the file is written", || !fuse.written().is_empty());
            fuse.hang();
            rinit.wait_for_line("web: tick");
            fuse.thaw();
            rinit.wait_for_line("web.log is written again");
            let so_far = fuse.written().len();
            rinit.wait_until("it is", || fuse.written().len() > so_far);
            // What comes from now on belongs to the end.
            rinit.signal(19);
            written = fuse.written();
            rinit.signal(18);
        });
        let ticks = |text: &str| -> std::collections::BTreeSet<u32> {
            let number = |line: &str| line.rsplit_once("tick ")?.1.parse().ok();
            text.lines().filter_map(number).collect()
        };
        let all: Vec<u32> = ticks(&written).union(&ticks(&stderr)).copied().collect();
        let last = u32::try_from(all.len()).unwrap();
        assert_eq!(all, (1..=last).collect::<Vec<u32>>(), "{written}\n{stderr}");
    }
}
