use crate::acts::acts;
use crate::harness::{Pid1, RINIT, Status};
use crate::supervisor::{
    IN_ORDER, ends_in_order, place, process, service, supervisor, wait_for_process,
};

/// rinit with this configuration, and the face by its name beside it.
pub fn with_face(config: &str) -> Pid1 {
    let rinit = supervisor(config);
    std::os::unix::fs::symlink(RINIT, rinit.path("systemd-notify")).unwrap();
    rinit
}

/// A service of a shell script that notifies.
pub fn script(name: &str, script: &str, keys: &str) -> String {
    let keys = format!("ready = 'notify'\n{keys}");
    service(name, &format!("'''{script}'''"), &keys)
}

#[test]
fn a_script_is_ready_by_systemd_notify_and_nothing_is_lost_when_it_ends_then() {
    let config = script(
        "job",
        "exec ./systemd-notify --ready --status='all well'",
        "restart = 'no'",
    ) + &service(
        "web",
        &acts(["say:web runs"]),
        "type = 'oneshot'\nwants = ['job']",
    );
    for _ in 0..10 {
        let ended = with_face(&config).arg("-v").run();
        assert_eq!(ended.status, IN_ORDER, "{ended:?}");
        place(&ended.stderr, "job: starting -> active");
        place(&ended.stdout, "web: web runs");
    }
}

/// How many descriptors beside the standard ones are pipes.
fn pipes_of(pid: i32) -> usize {
    let links = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten();
    links
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let number: i32 = entry.file_name().to_str()?.parse().ok()?;
            let target = std::fs::read_link(entry.path()).ok()?;
            (number > 2 && target.to_str()?.starts_with("pipe:")).then_some(())
        })
        .count()
}

#[test]
fn a_barrier_falls_only_when_all_before_it_has_been_handled() {
    const WAITING: usize = 150;
    // Those who waited for it exist by then. The shell counts without a process of its own.
    let job = "until test -e go; do sleep 0.01; done; set -- /proc/[0-9]*; before=$#; \
               ./systemd-notify --ready; set -- /proc/[0-9]*; \
               echo new $(($# - before)); exec sleep 1000";
    let mut config = script("job", job, "");
    for number in 0..WAITING {
        config += &service(
            &format!("web{number}"),
            "['sleep', '1000']",
            "requires = ['job']\noutput = 'null'",
        );
    }
    let rinit = with_face(&config).spawn();
    rinit.wait_until("the job runs", || process(&rinit, "until test").is_some());
    // It would be counted until it is reaped.
    rinit.wait_until("the reader is gone", || {
        let processes = rinit.processes();
        processes
            .iter()
            .all(|process| process.name != "rinit-reader")
    });
    // Both messages lie there before the first is read.
    rinit.signal(19);
    std::fs::write(rinit.path("go"), "").unwrap();
    // By its name: the shell's own command line holds the same words.
    rinit.wait_until("the barrier is up", || {
        let mut processes = rinit.processes().into_iter();
        let notify = processes.find(|process| process.name == "systemd-notify");
        notify.is_some_and(|notify| pipes_of(notify.pid) == 1)
    });
    rinit.signal(18);
    rinit.wait_for_line(&format!("job: new {WAITING}"));
    ends_in_order(&rinit);
}

#[test]
fn a_main_process_that_was_named_is_known_behind_the_barrier() {
    // The sender is gone the moment after.
    let job = "sleep 1000 & ./systemd-notify --ready --pid=$!; touch told; exit 3";
    let config = script("job", job, "essential = true\nstop-timeout = '1s'");
    let rinit = with_face(&config).arg("-v").spawn();
    rinit.wait_for_line("job: starting -> active");
    rinit.wait_until("the script is over", || rinit.path("told").exists());
    // The essential service lives on in the process that was named.
    assert!(!rinit.stderr().contains("exited with"), "{}", rinit.dump());
    rinit.signal(15);
    assert_eq!(rinit.wait(), Status::Exited(0), "{}", rinit.dump());
}

#[test]
fn a_barrier_of_nobody_s_falls_too() {
    // Not its own main process any more, and no run that it could count for.
    let job =
        "./systemd-notify --ready --no-block; ./systemd-notify X_FOO=1; echo back; exec sleep 1000";
    let rinit = with_face(&script("job", job, "")).spawn();
    rinit.wait_for_line("job: back");
    ends_in_order(&rinit);
}

#[test]
fn systemd_notify_says_what_is_wrong_and_ends_with_1() {
    let cases: [(&[&str], &str); 10] = [
        (&["--ready"], "NOTIFY_SOCKET is not set"),
        (&[], "there is nothing to tell"),
        (&["READY"], "READY is not VARIABLE=VALUE"),
        (&["--pid=x", "--ready"], "x is no process's number"),
        (&["--fd=99", "--ready"], "fd 99: bad file descriptor"),
        (&["--fd=-1", "--ready"], "-1 is no descriptor's number"),
        (
            &["--uid=nobody-there", "--ready"],
            "there is no user nobody-there",
        ),
        (&["--exec", "READY=1"], "--exec wants a \";\" and a command"),
        (
            &["--exec", "READY=1", ";"],
            "--exec wants a \";\" and a command",
        ),
        (&["--raedy"], "unrecognized option '--raedy'"),
    ];
    for (args, wanted) in cases {
        let ended = Pid1::new()
            .called("systemd-notify")
            .args(args.iter().copied())
            .run();
        assert_eq!(ended.status, Status::Exited(1), "{ended:?}");
        place(&ended.stderr, wanted);
    }
    let ended = Pid1::new()
        .called("systemd-notify")
        .env("NOTIFY_SOCKET", "@nobody-is-here")
        .arg("--ready")
        .run();
    assert_eq!(ended.status, Status::Exited(1), "{ended:?}");
    place(&ended.stderr, "@nobody-is-here: connection refused");
}

#[test]
fn systemd_notify_becomes_the_command_behind_the_semicolon() {
    let job = "exec ./systemd-notify --exec --ready STATUS=well ';' -- sh -c 'echo $$ goes on; exec sleep 1000'";
    let rinit = with_face(&script("job", job, "notify-access = 'main'"))
        .arg("-v")
        .spawn();
    rinit.wait_for_line("goes on");
    rinit.wait_for_line("job: starting -> active");
    let job = wait_for_process(&rinit, "sleep 1000");
    let line = format!("job: {} goes on", inner_pid(job.pid));
    rinit.wait_for_line(&line);
    ends_in_order(&rinit);
}

/// A process's number in its own namespace.
pub fn inner_pid(pid: i32) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("NSpid:"));
    let numbers = line.unwrap().split_whitespace();
    numbers.last().unwrap().to_owned()
}

#[test]
fn systemd_notify_speaks_in_another_users_name_if_it_may() {
    let job = "./systemd-notify --ready --uid=0; exec sleep 1000";
    let rinit = with_face(&script("job", job, "")).arg("-v").spawn();
    rinit.wait_for_line("job: starting -> active");
    ends_in_order(&rinit);
}
