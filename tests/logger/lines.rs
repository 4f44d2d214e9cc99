//! What lines look like when they come out.

use std::io::Write;
use std::thread;

use nix::sys::wait::WaitStatus;
use rinit::logger::message::{FromLogger, ToLogger};
use rinit::logger::{Style, Target};

use crate::harness::{Keeper, Pipe, read_until, service, write_numbers};

#[test]
fn a_last_line_without_newline_is_a_line_when_the_run_has_ended() {
    let keeper = Keeper::start(vec![
        service("web", Style::Prefix, Target::Out),
        service("db", Style::Raw, Target::Out),
        service("db", Style::Raw, Target::Err),
    ]);
    keeper.write(0, "first\nlast");
    assert_eq!(
        keeper.ask(ToLogger::RunEnded { stream: 0 }),
        FromLogger::Flushed { stream: 0 }
    );
    keeper.write(1, "raw");
    assert_eq!(
        keeper.ask(ToLogger::RunEnded { stream: 1 }),
        FromLogger::Flushed { stream: 1 }
    );
    assert_eq!(
        keeper.written(),
        ("web: first\nweb: last\nraw".into(), String::new())
    );
    // The next line of another stream doesn't stand behind what is unfinished.
    keeper.write(0, "next run\n");
    keeper.write(2, "elsewhere");
    assert_eq!(keeper.ask(ToLogger::Drain), FromLogger::Drained);
    assert_eq!(
        keeper.written(),
        ("\nweb: next run\n".into(), "elsewhere".into())
    );
}

#[test]
fn a_message_about_a_stream_that_is_not_there_is_answered() {
    let keeper = Keeper::start(vec![]);
    for stream in [0, u32::MAX] {
        assert_eq!(
            keeper.ask(ToLogger::RunEnded { stream }),
            FromLogger::Flushed { stream }
        );
    }
    assert_eq!(keeper.ask(ToLogger::Drain), FromLogger::Drained);
}

#[test]
fn two_streams_keep_their_order_and_their_lines() {
    let keeper = Keeper::start(vec![
        service("web", Style::Prefix, Target::Out),
        service("db", Style::Raw, Target::Out),
    ]);
    let writers: Vec<_> = keeper
        .services
        .iter()
        .map(|service| service.pipe.writer())
        .map(|writer| thread::spawn(move || write_numbers(writer, 0..5000)))
        .collect();
    let text = read_until(&keeper.out, 65536, |text| {
        text.iter().filter(|byte| **byte == b'\n').count() == 10_000
    });
    for writer in writers {
        writer.join().unwrap();
    }
    let text = String::from_utf8(text).unwrap();
    let (web, db): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| line.starts_with("web: "));
    let numbers = |prefix: &str| -> Vec<String> {
        (0..5000)
            .map(|number| format!("{prefix}line {number}"))
            .collect()
    };
    assert_eq!(web, numbers("web: "));
    assert_eq!(db, numbers(""));
}

#[test]
fn rinit_s_own_line_is_the_last_of_a_drain() {
    let out = Pipe::new();
    let err = out.again();
    let services = vec![
        service("rinit", Style::Own, Target::Err),
        service("web", Style::Prefix, Target::Out),
    ];
    // Before the logger runs, so that only the drain can decide.
    (&services[0].pipe.write)
        .write_all(b"rinit: exit code 0")
        .unwrap();
    (&services[1].pipe.write).write_all(b"last words").unwrap();
    let keeper = Keeper::start_with(services, out, err);
    let (status, out, _) = keeper.leave();
    assert!(matches!(status, WaitStatus::Exited(_, 0)), "{status:?}");
    assert_eq!(out, "web: last words\nrinit: exit code 0\n");
}

#[test]
fn of_a_long_line_each_piece_is_an_object_and_together_they_are_the_line() {
    let keeper = Keeper::start(vec![service("web", Style::Json, Target::Out)]);
    let long: String = (0..100_000).map(|number| format!("{number}\"…")).collect();
    let mut writer = keeper.services[0].pipe.writer();
    let line = format!("{long}\nshort\n");
    let writer = thread::spawn(move || writer.write_all(line.as_bytes()).unwrap());
    let text = read_until(&keeper.out, 65536, |text| text.ends_with(b"\"short\"}\n"));
    writer.join().unwrap();
    let mut whole = String::new();
    for line in String::from_utf8(text).unwrap().lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        whole.push_str(object["message"].as_str().unwrap());
        if object.get("partial").is_none() {
            whole.push('\n');
        }
    }
    assert!(whole == long + "\nshort\n");
}

#[test]
fn a_line_of_a_megabyte_is_written_in_marked_pieces_and_loses_nothing() {
    let keeper = Keeper::start(vec![service("web", Style::Prefix, Target::Out)]);
    let long: String = (0..100_000).map(|number| format!("{number}…")).collect();
    let mut writer = keeper.services[0].pipe.writer();
    let line = format!("{long}\nshort\n");
    let writer = thread::spawn(move || writer.write_all(line.as_bytes()).unwrap());
    let text = read_until(&keeper.out, 65536, |text| text.ends_with(b"web: short\n"));
    writer.join().unwrap();
    let text = String::from_utf8(text).expect("no character was torn");
    let pieces = text.matches(" …\nweb: … ").count();
    assert!(
        (long.len() / 131_072..100).contains(&pieces),
        "{pieces} pieces"
    );
    assert_eq!(
        text.replace(" …\nweb: … ", ""),
        format!("web: {long}\nweb: short\n")
    );
}

#[test]
fn a_service_with_a_pipe_of_one_page_gets_its_lines_whole() {
    let mut web = service("web", Style::Prefix, Target::Out);
    web.pipe = Pipe::with_capacity(4096);
    let keeper = Keeper::start(vec![web]);
    let mut writer = keeper.services[0].pipe.writer();
    // Lines of every length up to some pages, so that ends fall everywhere.
    let lines: Vec<String> = (0..150)
        .map(|number| "é".repeat(number * 37) + "\n")
        .collect();
    let expected: String = lines.iter().map(|line| format!("web: {line}")).collect();
    let writer = thread::spawn(move || writer.write_all(lines.concat().as_bytes()).unwrap());
    let text = read_until(&keeper.out, 65536, |text| text.len() >= expected.len());
    writer.join().unwrap();
    assert!(
        text == expected.as_bytes(),
        "{} of {} bytes",
        text.len(),
        expected.len()
    );
}

#[test]
fn a_long_write_behind_an_unfinished_line_does_not_wait_for_ever() {
    let keeper = Keeper::start(vec![service("web", Style::Raw, Target::Out)]);
    keeper.write(0, "unfinished");
    keeper.ask(ToLogger::RunEnded { stream: 0 });
    for length in [60_000, 70_000, 130_000] {
        keeper.write(0, "begun, ");
        let mut writer = keeper.services[0].pipe.writer();
        let writer = thread::spawn(move || {
            writer
                .write_all(&[vec![b'.'; length], b"\n".to_vec()].concat())
                .unwrap()
        });
        let text = read_until(&keeper.out, 65536, |text| text.ends_with(b"\n"));
        writer.join().unwrap();
        let text = String::from_utf8(text).unwrap();
        let line = text.strip_prefix("unfinished").unwrap_or(&text);
        assert!(
            line == format!("begun, {}\n", ".".repeat(length)),
            "{}",
            crate::harness::tail(text.as_bytes())
        );
    }
}

#[test]
fn a_line_that_is_written_byte_by_byte_is_one_line() {
    let mut web = service("web", Style::Prefix, Target::Out);
    web.pipe = Pipe::with_capacity(1024 * 1024);
    let keeper = Keeper::start(vec![web]);
    let mut writer = keeper.services[0].pipe.writer();
    let writer = thread::spawn(move || {
        for _ in 0..20_000 {
            writer.write_all(b".").unwrap();
        }
        writer.write_all(b"\n").unwrap();
    });
    let text = read_until(&keeper.out, 65536, |text| text.ends_with(b"\n"));
    writer.join().unwrap();
    assert!(
        text == format!("web: {}\n", ".".repeat(20_000)).as_bytes(),
        "{}",
        crate::harness::tail(&text)
    );
}

#[test]
fn nul_and_bytes_that_are_no_text_pass_unharmed() {
    let keeper = Keeper::start(vec![service("web", Style::Prefix, Target::Out)]);
    let line: Vec<u8> = (0..=255).filter(|byte| *byte != b'\n').collect();
    keeper.write(0, [line.as_slice(), b"\n"].concat());
    let text = read_until(&keeper.out, 4096, |text| {
        text.ends_with(b"\n") && text.len() > 250
    });
    assert_eq!(text, [b"web: ", line.as_slice(), b"\n"].concat());
}
