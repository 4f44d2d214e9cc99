use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::acts::acts;
use crate::harness::{Pid1, RINIT, Running, Status, foreground, open_terminal};
use crate::supervisor::{IN_ORDER, notes, place, service, supervisor, wait_for_process};

#[test]
fn the_command_s_exit_code_is_the_container_s_and_its_services_stop_after_it() {
    let config = service(
        "db",
        &acts(["notify:READY=1", "wait", "note:db stops"]),
        "ready = 'notify'",
    );
    for (end, code) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)] {
        let rinit = supervisor(&config)
            .args(["--", "sh", "-c"])
            .arg(format!("echo main runs; echo main ends >> notes; {end}"))
            .spawn();
        assert_eq!(rinit.wait(), Status::Exited(code), "{}", rinit.dump());
        // Its output is rinit's own: without a name.
        assert!(
            rinit.stdout().lines().any(|line| line == "main runs"),
            "{}",
            rinit.dump()
        );
        assert_eq!(notes(&rinit), ["main ends", "db stops"], "{}", rinit.dump());
        place(&rinit.stderr(), "main (essential) ");
    }
}

#[test]
fn it_starts_after_all_services_are_ready() {
    let config = service(
        "db",
        &acts(["await:go", "note:db is ready", "notify:READY=1", "wait"]),
        "ready = 'notify'",
    );
    let rinit = supervisor(&config)
        .args(["--", "sh", "-c", "echo main runs >> notes"])
        .spawn();
    wait_for_process(&rinit, "%do await:go");
    std::fs::write(rinit.path("go"), "").unwrap();
    assert_eq!(rinit.wait(), IN_ORDER);
    assert_eq!(
        notes(&rinit),
        ["db is ready", "main runs"],
        "{}",
        rinit.dump()
    );
}

#[test]
fn its_standard_input_is_rinit_s_and_its_environment_too() {
    let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
    let mut writer = File::from(writer);
    writer.write_all(b"from outside\n").unwrap();
    drop(writer);
    let ended = supervisor(&service("db", "['sleep', '1000']", ""))
        .stdin(reader)
        .env("FOO", "bar")
        .args(["--", "sh", "-c", "cat; echo $FOO"])
        .run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    assert_eq!(ended.stdout, "from outside\nbar\n");
}

#[test]
fn a_signal_that_is_no_stop_request_goes_to_it() {
    let rinit = supervisor(&service("db", "['sleep', '1000']", ""))
        .args([
            "--",
            "sh",
            "-c",
            "trap 'echo got usr1; exit 3' USR1; echo main waits; while :; do sleep 0.01; done",
        ])
        .spawn();
    rinit.wait_for_line("main waits");
    rinit.signal(10);
    assert_eq!(rinit.wait(), Status::Exited(3), "{}", rinit.dump());
    place(&rinit.stdout(), "got usr1");
}

#[test]
fn a_stop_ends_it_first_and_the_code_is_0() {
    let config = service(
        "db",
        &acts(["notify:READY=1", "wait", "note:db stops"]),
        "ready = 'notify'",
    );
    let rinit = supervisor(&config)
        .args(["--", "sh", "-c", "trap 'echo main stops >> notes; exit 0' TERM; echo main waits; while :; do sleep 0.01; done"])
        .spawn();
    rinit.wait_for_line("main waits");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    assert_eq!(
        notes(&rinit),
        ["main stops", "db stops"],
        "{}",
        rinit.dump()
    );
}

#[test]
fn a_command_that_is_not_there_is_127_and_one_that_cannot_be_executed_126() {
    let config = service("db", "['sleep', '1000']", "");
    let ended = supervisor(&config).args(["--", "nosuchprogram"]).run();
    assert_eq!(ended.status, Status::Exited(127), "{ended:?}");
    let ended = supervisor(&config).args(["--", "/etc/passwd"]).run();
    assert_eq!(ended.status, Status::Exited(126), "{ended:?}");
}

/// The master's side of a terminal, and what came out of it.
struct Screen {
    master: File,
    seen: Arc<Mutex<String>>,
}

impl Screen {
    fn new(master: OwnedFd) -> Self {
        let master = File::from(master);
        let seen = Arc::new(Mutex::new(String::new()));
        let (mut from, to) = (master.try_clone().unwrap(), Arc::clone(&seen));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                to.lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        });
        Self { master, seen }
    }

    fn text(&self) -> String {
        self.seen.lock().unwrap().clone()
    }

    fn type_in(&self, text: &str) {
        (&self.master).write_all(text.as_bytes()).unwrap();
    }

    #[track_caller]
    fn wait_for(&self, part: &str) {
        let began = Instant::now();
        while !self.text().contains(part) {
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "no {part:?} on the screen\n{}",
                self.text()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// rinit with all of its standard streams on a terminal.
fn start_on_a_terminal(config: &str, command: &[&str]) -> (Running, OwnedFd) {
    let (master, slave) = open_terminal();
    let line = format!("exec {RINIT} -c rinit.toml -- \"$@\" >&0 2>&0");
    let rinit = Pid1::new()
        .file("rinit.toml", config)
        .binary("/bin/sh".into())
        .args(["-c", &line, "sh"])
        .args(command.iter().copied())
        .env("PS1", "prompt> ")
        .env("ENV", "")
        .terminal(slave)
        .spawn();
    (rinit, master)
}

#[test]
fn a_shell_beside_services_has_the_terminal_and_job_control() {
    let config = service(
        "ticker",
        "'n=0; until test -e enough; do n=$((n+1)); echo tick $n; sleep 0.01; done; exec sleep 1000'",
        "",
    );
    let (rinit, master) = start_on_a_terminal(&config, &["bash", "--norc", "--noprofile", "-i"]);
    let screen = Screen::new(master);
    screen.type_in("echo run$((40+2))\n");
    screen.wait_for("run42");
    assert!(
        !screen.text().contains("no job control"),
        "{}",
        screen.text()
    );
    // A foreground job is stopped by ^Z, goes on in the background, and comes back.
    screen.type_in("sleep 3000\n");
    let sleep = wait_for_process(&rinit, "sleep 3000");
    rinit.wait_until("the job has the terminal", || {
        let group = nix::unistd::getpgid(Some(nix::unistd::Pid::from_raw(sleep.pid)));
        group.is_ok_and(|group| group.as_raw() == foreground(&screen.master))
    });
    screen.type_in("\x1a");
    screen.wait_for("Stopped");
    // The services print all the while.
    screen.wait_for("tick 20");
    screen.type_in("kill %1; echo is$((1+1))back\n");
    screen.wait_for("is2back");
    // ^C is for the foreground alone: neither rinit nor a service ends.
    screen.type_in("sleep 2000\n");
    wait_for_process(&rinit, "sleep 2000");
    screen.type_in("\x03");
    screen.type_in("echo still$((1+2))here\n");
    screen.wait_for("still3here");
    screen.type_in("exit 5\n");
    assert_eq!(
        rinit.wait(),
        Status::Exited(5),
        "{}\n{}",
        screen.text(),
        rinit.dump()
    );
    screen.wait_for("exit code 5");
}

#[test]
fn a_hang_up_ends_a_shell_and_its_services_in_order() {
    let config = service(
        "db",
        &acts(["note:ready", "notify:READY=1", "wait", "note:db stops"]),
        "ready = 'notify'",
    );
    let (rinit, master) =
        start_on_a_terminal(&config, &["sh", "-c", "echo main waits >> notes; cat"]);
    rinit.wait_until("main waits", || notes(&rinit).len() == 2);
    drop(master);
    let _ = rinit.wait();
    assert_eq!(
        notes(&rinit),
        ["ready", "main waits", "db stops"],
        "{}",
        rinit.dump()
    );
}
