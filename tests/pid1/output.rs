use std::io::Read;
use std::time::{Duration, Instant};

use crate::acts::acts;
use crate::harness::{Pid1, Setup, Status, open_terminal, send};
use crate::supervisor::{IN_ORDER, last_line, place, service, supervisor, wait_for_helper};

const LINES: u32 = 20_000;

/// The numbers of `line N`, in the order in which they came.
fn numbers(stdout: &str) -> Vec<u32> {
    stdout
        .lines()
        .filter_map(|line| line.strip_prefix("a: line ")?.parse().ok())
        .collect()
}

#[test]
fn what_a_service_wrote_before_it_died_is_there_in_order() {
    let count = format!("count:{LINES}");
    let config = service(
        "a",
        &acts([&*count, "write:unfinished", "exit:3"]),
        "essential = true",
    );
    let ended = supervisor(&config).run();
    assert_eq!(ended.status, Status::Exited(3));
    assert!(numbers(&ended.stdout).into_iter().eq(0..LINES));
    assert!(
        ended.stdout.ends_with("a: unfinished\n"),
        "{:?}",
        last_line(&ended.stdout)
    );
    assert!(
        last_line(&ended.stderr).ends_with("; exit code 3"),
        "{:?}",
        ended.stderr
    );
}

#[test]
fn a_logger_that_is_killed_fifty_times_loses_no_line_and_no_service_notices() {
    // A service that gets an error or a signal at a write would not end with 3.
    let count = format!("count:{LINES}");
    let config = service(
        "a",
        &acts([
            "say:begins",
            "await:go",
            &count,
            "write:unfinished",
            "exit:3",
        ]),
        "essential = true",
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("a: begins");
    let mut last = wait_for_helper(&rinit, "rinit-logger");
    std::fs::write(rinit.path("go"), "").unwrap();
    for _ in 0..50 {
        send(last, 9);
        rinit.wait_until("another logger follows", || {
            rinit.children().iter().any(|child| {
                let is_it = child.name == "rinit-logger" && child.state != 'Z' && child.pid != last;
                if is_it {
                    last = child.pid;
                }
                is_it
            }) || std::fs::exists(rinit.path(".status")).unwrap()
        });
    }
    assert_eq!(rinit.wait(), Status::Exited(3), "{}", rinit.stderr());
    let mut numbers = numbers(&rinit.stdout());
    // Killed between writing and noting it, a logger repeats what it wrote.
    let came = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    let missing: Vec<u32> = (0..LINES)
        .filter(|number| numbers.binary_search(number).is_err())
        .collect();
    assert!(
        missing.is_empty(),
        "{} of {came} are missing: {:?}",
        missing.len(),
        &missing[..missing.len().min(20)]
    );
    assert!(rinit.stdout().contains("a: unfinished"));
    assert!(
        last_line(&rinit.stderr()).ends_with("; exit code 3"),
        "{}",
        rinit.stderr()
    );
}

/// `sh` becomes rinit, so that its descriptors can be others than the harness gives.
fn through_a_shell(config: &str, redirections: &str) -> Pid1 {
    let command = format!(
        "exec {} -c rinit.toml {redirections}",
        crate::harness::RINIT
    );
    Pid1::new()
        .file("rinit.toml", config)
        .binary("/bin/sh".into())
        .args(["-c", &command])
}

#[test]
fn a_stdout_that_is_never_read_stops_neither_pid_1_nor_the_shutdown() {
    let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
    let count = format!("count:{LINES}");
    let config = "[init]\nshutdown-timeout = '1s'\n".to_owned()
        + &service(
            "a",
            &acts(["touch:begun", &count, &count, "await:never"]),
            "",
        );
    for stop_the_logger in [false, true] {
        let rinit = through_a_shell(&config, ">&0 2>&0 </dev/null")
            .stdin(writer.try_clone().unwrap())
            .spawn();
        rinit.wait_until("the service writes", || rinit.path("begun").exists());
        let logger = wait_for_helper(&rinit, "rinit-logger");
        if stop_the_logger {
            send(logger, 19);
        }
        let began = Instant::now();
        rinit.signal(15);
        let status = rinit.wait();
        assert!(
            began.elapsed() < Duration::from_millis(1500),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(status, IN_ORDER);
    }
    drop(reader);
}

#[test]
fn a_logger_that_is_stopped_while_stdout_is_read_keeps_nobody_from_leaving() {
    let config = "[init]\nshutdown-timeout = '1s'\n".to_owned()
        + &service("a", &acts(["say:runs", "wait"]), "");
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("a: runs");
    send(wait_for_helper(&rinit, "rinit-logger"), 19);
    let began = Instant::now();
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    // The last line doesn't need it.
    assert!(
        last_line(&rinit.stderr()).ends_with("exit code 0"),
        "{}",
        rinit.dump()
    );
    assert!(
        began.elapsed() < Duration::from_millis(1500),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn a_closed_stdout_harms_nobody() {
    let config = service(
        "a",
        &acts(["say:into the void", "complain:heard", "exit:5"]),
        "essential = true",
    );
    for closed in [">&-", "0<&- >&-", "| true"] {
        let rinit = if closed == "| true" {
            let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
            drop(reader);
            through_a_shell(&config, ">&0 </dev/null").stdin(writer)
        } else {
            through_a_shell(&config, closed)
        };
        let ended = rinit.run();
        assert_eq!(ended.status, Status::Exited(5), "{closed}: {ended:?}");
        place(&ended.stderr, "a: heard");
        assert!(
            last_line(&ended.stderr).ends_with("exit code 5"),
            "{closed}: {ended:?}"
        );
    }
    // Nothing at all is open.
    let ended = supervisor(&config).setup(Setup::Closed).run();
    assert_eq!(ended.status, Status::Exited(5), "{ended:?}");
}

#[test]
fn each_output_goes_where_it_says_and_streams_stay_apart() {
    let two = acts(["say:out", "complain:err"]);
    let config = service("p", &two, "type = 'oneshot'")
        + &service(
            "r",
            &acts(["say:raw out", "complain:raw err"]),
            "type = 'oneshot'\noutput = 'raw'",
        )
        + &service(
            "i",
            &acts(["say:inherited out", "complain:inherited err"]),
            "type = 'oneshot'\noutput = 'inherit'",
        )
        + &service(
            "n",
            &acts(["say:never out", "complain:never err"]),
            "type = 'oneshot'\noutput = 'null'",
        );
    let ended = supervisor(&config).run();
    let mut out: Vec<&str> = ended.stdout.lines().collect();
    out.sort_unstable();
    assert_eq!(out, ["inherited out", "p: out", "raw out"], "{ended:?}");
    let mut err: Vec<&str> = ended
        .stderr
        .lines()
        .filter(|line| !line.starts_with("rinit: "))
        .collect();
    err.sort_unstable();
    assert_eq!(err, ["inherited err", "p: err", "raw err"], "{ended:?}");
}

#[test]
fn every_user_s_service_can_open_dev_stdout() {
    let config = service(
        "a",
        "'echo by name > /dev/stdout; echo by name too > /proc/self/fd/2'",
        "type = 'oneshot'",
    );
    let ended = supervisor(&config).run();
    assert_eq!(ended.stdout, "a: by name\n", "{ended:?}");
    place(&ended.stderr, "a: by name too");
}

/// All that comes out of a terminal that rinit's standard streams are.
fn on_a_terminal(no_color: Option<&str>) -> String {
    let (master, slave) = open_terminal();
    let config = service("a", &acts(["say:hello"]), "type = 'oneshot'");
    let mut rinit = through_a_shell(&config, ">&0 2>&0").terminal(slave);
    if let Some(value) = no_color {
        rinit = rinit.env("NO_COLOR", value);
    }
    let ended = rinit.run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    let mut master = std::fs::File::from(master);
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    // Its end is an error, since nobody has the other side any more.
    while let Ok(count @ 1..) = master.read(&mut buffer) {
        text.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn names_have_a_colour_on_a_terminal_unless_no_color_is_set() {
    let text = on_a_terminal(None);
    assert!(text.contains("\x1b[") && text.contains("hello"), "{text:?}");
    let text = on_a_terminal(Some("1"));
    assert!(
        !text.contains('\x1b') && text.contains("a: hello"),
        "{text:?}"
    );
    let text = on_a_terminal(Some(""));
    assert!(text.contains("\x1b["), "{text:?}");
}

#[test]
fn rinit_s_own_last_line_is_the_last_one_of_all() {
    let config = service(
        "a",
        &acts(["say:ready", "wait", "complain:going", "write:", "exit:0"]),
        "",
    ) + &service(
        "b",
        "'trap \"echo b goes >&2; exit\" TERM; echo ready; while :; do sleep 0.01; done'",
        "",
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("a: ready");
    rinit.wait_for_line("b: ready");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    let stderr = rinit.stderr();
    place(&stderr, "a: going");
    place(&stderr, "b: b goes");
    assert!(
        last_line(&stderr).starts_with("rinit: SIGTERM: 2 services stopped"),
        "{stderr}"
    );
}

#[test]
fn also_where_a_service_writes_in_the_instant_of_its_death() {
    let config = service(
        "a",
        &acts(["complain:dying words", "exit:3"]),
        "essential = true",
    );
    for _ in 0..30 {
        let ended = supervisor(&config).run();
        place(&ended.stderr, "a: dying words");
        assert!(
            last_line(&ended.stderr).ends_with("exit code 3"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn an_orphan_that_writes_on_keeps_nobody_from_the_end() {
    let config = service(
        "once",
        "'setsid sh -c \"while :; do echo spam; done\" & sleep 0.1'",
        "type = 'oneshot'",
    ) + &service("a", &acts(["say:ready", "wait"]), "after = ['once']");
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("a: ready");
    let began = Instant::now();
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    assert!(last_line(&rinit.stderr()).ends_with("exit code 0"));
}
