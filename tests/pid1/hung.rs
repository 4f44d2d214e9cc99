//! File systems that hang, under every path that something of rinit's opens: PID 1 answers,
//! stops what is to be stopped in its time, and has its last word.

use std::time::{Duration, Instant};

use crate::acts::acts;
use crate::fuse::{Fuse, Hang, own_mounts};
use crate::harness::{RINIT, Running};
use crate::supervisor::{ends_in_order, last_line, service, supervisor};

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

/// rinit with this configuration, whose folder `hung` hangs once all runs. Then `look`.
fn hangs(config: &str, how: Hang, ready: fn(&Running, &Fuse), look: fn(&Running)) {
    let config = format!("[init]\nshutdown-timeout = '4s'\n{config}");
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
            let (rinit, fuse) = (pid1.spawn(), mounted);
            ready(&rinit, &fuse);
            fuse.hang();
            std::fs::write(rinit.path("hangs"), "").unwrap();
            look(&rinit);
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
        });
        run.join().unwrap();
    });
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
            rinit.wait_until("the file is written", || fuse.written() >= 4);
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
