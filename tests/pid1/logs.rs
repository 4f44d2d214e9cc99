use std::fs;

use crate::acts::acts;
use crate::harness::{RINIT, Running, send};
use crate::supervisor::{IN_ORDER, place, service, supervisor, wait_for_helper};

/// A service whose own output rinit doesn't see.
fn reader(script: &str) -> String {
    service(
        "reader",
        &format!("'''{script}'''"),
        "type = 'oneshot'\noutput = 'inherit'",
    )
}

/// The first services run before the control socket is there.
fn until_rinit_answers() -> String {
    format!("until {RINIT} ctl version > /dev/null 2>&1; do sleep 0.01; done")
}

fn stop(rinit: &Running) {
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

fn file(rinit: &Running, name: &str) -> Vec<u8> {
    fs::read(rinit.path(name)).unwrap_or_else(|error| panic!("{name}: {error}\n{}", rinit.dump()))
}

fn text(rinit: &Running, name: &str) -> String {
    String::from_utf8(file(rinit, name)).unwrap()
}

#[test]
fn what_was_printed_is_told_as_it_was_merged_in_order_and_as_json() {
    let config = service("a", r#""printf 'one\\n\\0\\377x\\n'; echo two >&2; touch a-done; exec sleep 1000""#, "")
        + &service(
            "b",
            "'until test -e a-done; do sleep 0.01; done; sleep 0.1; echo three; exec sleep 1000'",
            "",
        )
        + &service("silent", "'exec sleep 1000'", "output = 'null'")
        + &service("seen", "'exec sleep 1000'", "output = 'inherit'")
        + &service("unkept", "'echo gone; exec sleep 1000'", "log-ring = 0")
        + &reader(&format!(
            "until {RINIT} ctl logs | grep three && {RINIT} ctl logs a | grep two; do sleep 0.01; done
            {RINIT} ctl logs a > alone; {RINIT} ctl logs a b > merged; {RINIT} ctl logs --json b > json
            {RINIT} ctl logs -n 1 > last; {RINIT} ctl logs --since 1h b > since; {RINIT} ctl logs --since 2100-01-01 > later
            {RINIT} ctl logs a seen silent unkept 2> notes > some
            {RINIT} ctl logs seen 2>/dev/null; echo $? > code; {RINIT} ctl logs nobody 2>/dev/null; echo $? >> code
            {RINIT} ctl logs --since yesterday 2>/dev/null; echo $? >> code
            {RINIT} ctl status a > status; {RINIT} ctl status b --json > status.json
            echo reader is done"
        ));
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("reader is done");
    // Nothing orders what was written to two pipes.
    let alone = file(&rinit, "alone");
    let lines: Vec<&[u8]> = alone.split(|byte| *byte == b'\n').collect();
    for line in [&b"one"[..], b"\0\xffx", b"two"] {
        assert!(lines.contains(&line), "{lines:?}");
    }
    assert_eq!(lines.len(), 4, "{lines:?}");
    let merged = String::from_utf8_lossy(&file(&rinit, "merged")).into_owned();
    assert!(
        merged.ends_with("b: three\n") && merged.contains("a: one\n"),
        "{merged}"
    );
    assert_eq!(text(&rinit, "last"), "b: three\n");
    assert_eq!(text(&rinit, "since"), "three\n");
    assert_eq!(text(&rinit, "later"), "");
    let json: serde_json::Value = serde_json::from_slice(&file(&rinit, "json")).unwrap();
    assert_eq!(json["service"], "b");
    assert_eq!(json["stream"], "stdout");
    assert_eq!(json["message"], "three");
    assert!(
        json["pid"].as_i64().unwrap() > 1 && json["time"].as_i64().unwrap() > 1_600_000_000_000
    );
    let notes = text(&rinit, "notes");
    for why in ["output = \"inherit\"", "output = \"null\"", "log-ring = 0"] {
        place(&notes, why);
    }
    assert!(String::from_utf8_lossy(&file(&rinit, "some")).contains("a: two\n"));
    assert_eq!(text(&rinit, "code"), "1\n4\n2\n");
    stop(&rinit);
}

/// The numbers of `line N` in a text.
fn numbers(text: &str) -> Vec<u32> {
    let number = |line: &str| line.strip_prefix("line ")?.parse().ok();
    text.lines().filter_map(number).collect()
}

const LINES: u32 = 20_000;

#[test]
fn logs_are_whole_though_the_logger_is_killed_again_and_again() {
    let count = format!("count:{LINES}");
    let config = service("a", &acts(["await:go", &*count, "wait"]), "log-ring = '4M'")
        + &service("small", &acts(["await:go", &*count, "wait"]), "")
        + &reader(&format!(
            "until {RINIT} ctl logs -n 1 a | grep 'line {last}$' && {RINIT} ctl logs -n 1 small | grep 'line {last}$'; do sleep 0.05; done
            {RINIT} ctl logs a > whole; {RINIT} ctl logs small > end; echo reader is done",
            last = LINES - 1
        ));
    let rinit = supervisor(&config).spawn();
    let mut last = wait_for_helper(&rinit, "rinit-logger");
    fs::write(rinit.path("go"), "").unwrap();
    for _ in 0..30 {
        send(last, 9);
        rinit.wait_until("another logger follows", || {
            rinit.children().iter().any(|child| {
                let is_it = child.name == "rinit-logger" && child.state != 'Z' && child.pid != last;
                if is_it {
                    last = child.pid;
                }
                is_it
            })
        });
    }
    rinit.wait_for_line("reader is done");
    // Killed between keeping and taking, a logger keeps a piece twice.
    let mut whole = numbers(&text(&rinit, "whole"));
    whole.sort_unstable();
    whole.dedup();
    assert!(whole.into_iter().eq(0..LINES), "{}", rinit.dump());
    let mut end = numbers(&text(&rinit, "end"));
    end.sort_unstable();
    end.dedup();
    assert!(end.len() > 100, "{end:?}");
    assert!(
        end.into_iter()
            .rev()
            .zip((0..LINES).rev())
            .all(|(one, other)| one == other)
    );
    stop(&rinit);
}

#[test]
fn who_follows_sees_each_line_once_and_goes_on_though_its_helper_is_killed() {
    let count = format!("count:{LINES}");
    let config = service(
        "a",
        &acts([&*count, "await:go", &*count, "wait"]),
        "log-ring = '4M'",
    ) + &reader(&format!(
        "{}; {RINIT} ctl logs -f a | tee followed > /dev/null",
        until_rinit_answers()
    ));
    let rinit = supervisor(&config).spawn();
    let last = format!("line {}", LINES - 1);
    let times = |times: usize| {
        let followed = fs::read_to_string(rinit.path("followed")).unwrap_or_default();
        followed.lines().filter(|line| *line == last).count() == times
    };
    rinit.wait_until("all has come", || times(1));
    assert!(numbers(&text(&rinit, "followed")).into_iter().eq(0..LINES));
    send(wait_for_helper(&rinit, "rinit-logs"), 9);
    fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_until("all has come again", || times(2));
    let twice = (0..LINES).chain(0..LINES);
    assert!(numbers(&text(&rinit, "followed")).into_iter().eq(twice));
    stop(&rinit);
}

#[test]
fn a_client_that_never_reads_harms_nobody() {
    let count = format!("count:{LINES}");
    let config = service(
        "a",
        &acts(["await:go", &*count, "say:all is written", "wait"]),
        "",
    ) + &service(
        "deaf",
        &format!(
            "'{}; for n in 1 2 3; do {RINIT} ctl logs -f a | sleep 1000 & done; wait'",
            until_rinit_answers()
        ),
        "",
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_until("they follow", || {
        let children = rinit.children();
        children
            .iter()
            .filter(|child| child.name == "rinit-logs")
            .count()
            == 3
    });
    fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("a: all is written");
    stop(&rinit);
}

#[test]
fn rings_that_nobody_writes_into_take_no_memory() {
    let config = service(
        "many",
        "'exec sleep 1000'",
        "instances = 200\nenabled = false",
    ) + &service("a", &acts(["say:here", "wait"]), "");
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("a: here");
    let shared = Running::status_of(rinit.pid(), "RssShmem").unwrap();
    let kilobytes: u32 = shared.trim_end_matches("kB").trim().parse().unwrap();
    assert!(kilobytes <= 64, "{shared}");
    stop(&rinit);
}
