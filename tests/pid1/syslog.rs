//! /dev/log and the journal's sockets: what programs send there is their service's output.

use std::io::Write;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;

use crate::harness::{RINIT, Running, Setup, send};
use crate::supervisor::{IN_ORDER, supervisor};

const DEV_LOG: &str = "run/systemd/journal/dev-log";
const JOURNAL: &str = "run/systemd/journal/socket";
const STREAMS: &str = "run/systemd/journal/stdout";

/// rinit with this service's unit.
fn with_unit(command: &str, toml: &str) -> crate::harness::Pid1 {
    supervisor(&format!("{toml}[service.web]\nunit = 'web.service'\n"))
        .file(
            "units/web.service",
            &format!("[Service]\nExecStart={command}\n"),
        )
        .setup(Setup::OwnUnits)
}

/// A path as rinit sees it, from here.
fn inside(rinit: &Running, path: &str) -> PathBuf {
    format!("/proc/{}/root/{path}", rinit.pid()).into()
}

fn datagram(rinit: &Running, path: &str, bytes: &[u8]) {
    let socket = UnixDatagram::unbound().unwrap();
    let sent = socket.send_to(bytes, inside(rinit, path));
    assert!(sent.is_ok(), "{sent:?} {}", rinit.dump());
}

fn helper(rinit: &Running) -> Option<i32> {
    let all = rinit.processes();
    all.iter()
        .find(|it| it.name == "rinit-syslog")
        .map(|it| it.pid)
}

#[test]
fn what_logger_says_in_a_service_is_its_output_by_the_senders_name() {
    // The program lives as long as its input, so it can be seen whose it is.
    let says = "(echo hello; sleep 1000) | logger -t web & (echo there; sleep 1000) | logger -t CRON --id=42";
    let rinit = with_unit(&format!("/bin/sh -c '{says}'"), "").spawn();
    rinit.wait_for_line("web: hello");
    rinit.wait_for_line("web: CRON[42]: there");
    assert!(!rinit.stdout().contains("syslog: "), "{}", rinit.dump());
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn who_has_left_its_main_process_is_still_the_services() {
    let rinit = supervisor("[service.web]\nunit = 'web.service'\n").setup(Setup::OwnUnits);
    let script = rinit.path("leave").display().to_string();
    let unit = format!("[Service]\nExecStart=/bin/sh {script}\n");
    // It says something once its parent is gone.
    let orphan =
        "while kill -0 $1 2>/dev/null; do :; done; (echo orphan; sleep 1000) | logger -t web";
    let leave = format!("sh -c 'setsid sh -c \"$0\" x $$ &' '{orphan}'\nexec sleep 1000\n");
    let rinit = rinit
        .file("leave", &leave)
        .file("units/web.service", &unit)
        .spawn();
    rinit.wait_for_line("web: orphan");
    assert!(!rinit.stdout().contains("syslog: "), "{}", rinit.dump());
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn strangers_are_called_what_they_call_themselves_and_forge_no_line() {
    let rinit = with_unit("/bin/sleep 1000", "").spawn();
    rinit.wait_until("the helper is there", || helper(&rinit).is_some());
    datagram(
        &rinit,
        DEV_LOG,
        b"<13>Nov 28 23:30:44 a[1]: one\nrinit: \x1b[2Jtwo\0",
    );
    rinit.wait_for_line("syslog: a[1]: one");
    rinit.wait_for_line("syslog: a[1]: rinit: #033[2Jtwo");
    datagram(
        &rinit,
        DEV_LOG,
        b"<13>1 2026-11-28T23:30:44Z host b 9 - [x y=\"]\"] modern",
    );
    rinit.wait_for_line("syslog: b[9]: modern");
    let mut entry = b"SYSLOG_IDENTIFIER=c\nMESSAGE\n".to_vec();
    entry.extend(5u64.to_le_bytes());
    entry.extend(b"x=\ny=\nPRIORITY=3\n");
    datagram(&rinit, JOURNAL, &entry);
    rinit.wait_for_line("syslog: c: x=");
    rinit.wait_for_line("syslog: c: y=");
    let mut stream = UnixStream::connect(inside(&rinit, STREAMS)).unwrap();
    stream
        .write_all(b"d\n\n6\n1\n0\n0\n0\n<3>bad\nunended")
        .unwrap();
    rinit.wait_for_line("syslog: d: bad");
    drop(stream);
    rinit.wait_for_line("syslog: d: unended");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn lines_are_objects_where_all_are() {
    let rinit = with_unit("/bin/sleep 1000", "[defaults]\noutput = 'json'\n").spawn();
    rinit.wait_until("the helper is there", || helper(&rinit).is_some());
    datagram(&rinit, DEV_LOG, b"<13>web: {\"service\":\"web\"}");
    rinit.wait_for_line(
        r#""service":"syslog","stream":"stdout","priority":5,"message":"web: {\"service\":\"web\"}"}"#,
    );
    datagram(&rinit, DEV_LOG, b"<11>a: bad");
    rinit.wait_for_line(r#""stream":"stdout","priority":3,"message":"a: bad"}"#);
    rinit.signal(15);
    rinit.wait();
}

#[test]
fn how_urgent_a_line_is_chooses_it_and_is_printed_nowhere_else() {
    let says = "(echo bad; sleep 1000) | logger -t web -p daemon.err & \
                (echo good; sleep 1000) | logger -t web -p daemon.info & echo plain; sleep 1000";
    let logs = format!("{RINIT} ctl logs web");
    let ask = format!(
        "ln -s {RINIT} journalctl\nfor line in bad good plain; do until {logs} | grep -q $line; do :; done; done\n\
         {logs} | sort; echo --; {logs} -p err | sort; echo --; {logs} -p 5..7 | sort; echo --\n\
         {logs} -n 1 -p 3 --json | grep -c '\"priority\":3,\"message\":\"bad\"\\|\"message\":\"plain\"'\n\
         ./journalctl -u web -o json | grep '\"bad\"' | grep -c '\"PRIORITY\":\"3\"'; {logs} -p 8; echo $?"
    );
    let eyes = format!(
        "[service.eyes]\ncommand = '''\n{ask}\n'''\ntype = 'oneshot'\noutput = 'raw'\nessential = true\nreadiness-gate = false\n"
    );
    let ended = with_unit(&format!("/bin/sh -c '{says}'"), &eyes).run();
    let said: Vec<&str> = ended.stdout.lines().collect();
    let (web, said): (Vec<&str>, Vec<&str>) =
        said.iter().partition(|line| line.starts_with("web: "));
    let mut web = web;
    web.sort_unstable();
    assert_eq!(web, ["web: bad", "web: good", "web: plain"], "{ended:?}");
    let told = "bad good plain -- bad plain -- good plain -- 1 1 2";
    assert_eq!(said.join(" "), told, "{ended:?}");
}

#[test]
fn a_flood_that_nobody_takes_stops_nobody_and_is_counted() {
    let rinit = with_unit("/bin/sleep 1000", "").spawn();
    rinit.wait_until("the helper is there", || helper(&rinit).is_some());
    let logger = rinit.processes();
    let logger = logger
        .iter()
        .find(|it| it.name == "rinit-logger")
        .unwrap()
        .pid;
    send(logger, 19);
    let text = format!("<13>flood: {}", "x".repeat(1000));
    for _ in 0..1000 {
        // It would wait here.
        datagram(&rinit, DEV_LOG, text.as_bytes());
    }
    // Strangers who say nothing, and one too many.
    let idle: Vec<_> = (0..70)
        .map(|_| UnixStream::connect(inside(&rinit, STREAMS)).unwrap())
        .collect();
    send(logger, 18);
    rinit.wait_for_line("messages to syslog dropped: nobody took them");
    datagram(&rinit, DEV_LOG, b"<13>after: all");
    rinit.wait_for_line("syslog: after: all");
    drop(idle);
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn what_comes_while_the_helper_is_dead_waits_for_the_next() {
    let rinit = with_unit("/bin/sleep 1000", "").spawn();
    rinit.wait_until("the helper is there", || helper(&rinit).is_some());
    send(helper(&rinit).unwrap(), 9);
    datagram(&rinit, DEV_LOG, b"<13>a: waited");
    rinit.wait_for_line("syslog: a: waited");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn a_service_that_an_apply_brings_is_known_and_connections_last() {
    let rinit = with_unit("/bin/sleep 1000", "").spawn();
    rinit.wait_until("the helper is there", || helper(&rinit).is_some());
    let mut stream = UnixStream::connect(inside(&rinit, STREAMS)).unwrap();
    stream.write_all(b"d\n\n6\n1\n0\n0\n0\nbefore\n").unwrap();
    rinit.wait_for_line("syslog: d: before");
    let more = "[service.more]\ncommand = '(echo hello; sleep 1000) | logger -t more'\n";
    let old = std::fs::read_to_string(rinit.path("rinit.toml")).unwrap();
    std::fs::write(rinit.path("rinit.toml"), old + more).unwrap();
    rinit.signal(1);
    rinit.wait_for_line("more: hello");
    stream.write_all(b"behind\n").unwrap();
    rinit.wait_for_line("syslog: d: behind");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn whoever_makes_dev_log_himself_finds_nothing_in_his_way() {
    for (command, init, there) in [
        ("/bin/sleep 1000", "", true),
        ("@/bin/sh rsyslogd -c \"exec sleep 1000\"", "", false),
        ("/bin/sleep 1000", "[init]\nsyslog = false\n", false),
        (
            "@/bin/sh rsyslogd -c \"exec sleep 1000\"",
            "[init]\nsyslog = true\n",
            true,
        ),
    ] {
        let rinit = with_unit(command, init).spawn();
        rinit.wait_until("it runs", || {
            rinit.processes().iter().any(|it| it.name == "sleep")
        });
        let found = std::fs::symlink_metadata(inside(&rinit, "dev/log")).is_ok();
        assert_eq!(found, there, "{command} {init}");
        rinit.signal(15);
        rinit.wait();
    }
}

#[test]
fn journalctl_tells_what_rinitctl_logs_tells() {
    let ask = format!(
        "ln -s {RINIT} journalctl\nuntil {RINIT} ctl logs web | grep -q three; do :; done\n\
         ./journalctl -u web.service -n 2 -o cat --no-pager -x -b\n\
         ./journalctl -u web -r -n 1 -o cat; ./journalctl -qu web --since 1h\\ ago -o cat | head -1\n\
         ./journalctl -u web --until yesterday; ./journalctl -u web -n1 | grep -c 'web.[0-9]*.: three$'\n\
         ./journalctl --vacuum-time=1s; ./journalctl --rotate; ./journalctl --flush; echo $?; ./journalctl -u nobody 2>&1; echo $?; ./journalctl _PID=1 2>&1; echo $?"
    );
    let config = format!(
        "[service.web]\ncommand = 'echo one; echo two; echo three; exec sleep 1000'\noutput = 'prefix'\n\
         [service.eyes]\ncommand = '''\n{ask}\n'''\ntype = 'oneshot'\noutput = 'raw'\nessential = true\nreadiness-gate = false\n"
    );
    let ended = supervisor(&config).run();
    let said: Vec<&str> = ended
        .stdout
        .lines()
        .filter(|line| !line.starts_with("web: "))
        .collect();
    assert_eq!(
        said,
        [
            "two",
            "three",
            "three",
            "one",
            "-- No entries --",
            "1",
            "0",
            "rinitctl: there is no service nobody",
            "help: rinitctl list names them all",
            "-- No entries --",
            "0",
            "journalctl: _PID=1 is no option; lines are chosen by -u UNIT, -t NAME, -p LEVEL and -g PATTERN here",
            "1"
        ],
        "{ended:?}"
    );
}

#[test]
fn journalctl_takes_what_people_and_scripts_write() {
    let ask = format!(
        "ln -s {RINIT} journalctl\nuntil {RINIT} ctl logs web | grep -q five; do :; done\n\
         until {RINIT} ctl status bad | grep -q failed; do :; done\n\
         ./journalctl -n -u web -o cat | wc -l; ./journalctl -u web -b 0 --lines 1 -o cat\n\
         ./journalctl -u web -b -1 2>&1; echo $?; ./journalctl -u web -p err -o cat -n 2 | head -1\n\
         ./journalctl -u web -p bogus 2>&1; echo $?; ./journalctl -u web -g THREE; echo $?\n\
         ./journalctl _SYSTEMD_UNIT=web.service -g thr -o cat; ./journalctl -t web -t nobody -n1 -o cat\n\
         ./journalctl -u web -n1 --no-hostname -o with-unit | grep -c 'UTC web.service.[0-9]*.: five$'\n\
         ./journalctl -u web --since 'Mon 2020-01-06 00:00:00 UTC' -n1 -o cat; ./journalctl --disk-usage; echo $?\n\
         ./journalctl -u bad -n 20 --no-pager -o cat; ./journalctl -u bad -n 1 -o json | grep -c '\"PRIORITY\":\"4\"'"
    );
    let config = format!(
        "[service.web]\ncommand = 'for l in one two \"<3>three\" \"<7>four\" five; do echo $l; done; exec sleep 1000'\noutput = 'prefix'\n\
         [service.bad]\ncommand = 'exit 3'\nrestart = 'no'\n\
         [service.eyes]\ncommand = '''\n{ask}\n'''\ntype = 'oneshot'\noutput = 'raw'\nessential = true\nreadiness-gate = false\n"
    );
    let ended = supervisor(&config).run();
    let said: Vec<&str> = ended
        .stdout
        .lines()
        .filter(|line| !line.starts_with("web: "))
        .collect();
    assert_eq!(
        said,
        [
            "5",
            "five",
            "Data from the specified boot (-1) is not available: No such boot ID in journal",
            "1",
            "three",
            "Unknown log level bogus",
            "1",
            "1",
            "three",
            "five",
            "1",
            "five",
            "0",
            "bad.service: exited with status 3",
            "1",
        ],
        "{ended:?}"
    );
}

#[test]
fn what_a_service_sends_last_stands_in_its_output() {
    let rinit = supervisor("[service.web]\nunit = 'web.service'\n").setup(Setup::OwnUnits);
    let script = rinit.path("say").display().to_string();
    // What is sent to all of its processes is not to hit the one that says it.
    let says = "trap 'trap \"\" TERM; logger -t web bye; exit 0' TERM; \
                echo up; while :; do sleep 0.02; done";
    let rinit = rinit
        .file("say", says)
        .file(
            "units/web.service",
            &format!("[Service]\nExecStart=/bin/sh {script}\n"),
        )
        .arg("-v")
        .spawn();
    rinit.wait_for_line("web: up");
    rinit.wait_until("the helper is there", || helper(&rinit).is_some());
    // Slow enough to be late.
    let helper = helper(&rinit).unwrap();
    send(helper, 19);
    rinit.signal(15);
    rinit.wait_for_line("web: stopping -> ");
    send(helper, 18);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    assert!(rinit.stdout().contains("web: bye"), "{}", rinit.dump());
}
