//! Outputs that are not as one would like them.

use std::fs::File;
use std::thread;

use rinit::logger::message::{FromLogger, ToLogger};
use rinit::logger::{Style, Target};
use rinit::sys::fd::set_nonblocking;

use crate::harness::{Keeper, Pipe, all_of, read_until, service, write_numbers};

const LINES: u32 = 20_000;

fn numbers() -> String {
    (0..LINES)
        .map(|number| format!("web: line {number}\n"))
        .collect()
}

#[test]
fn a_closed_stdout_stops_no_service_and_does_not_harm_stderr() {
    let mut out = Pipe::new();
    out.read = File::open("/dev/null").unwrap();
    let services = vec![
        service("web", Style::Prefix, Target::Out),
        service("web", Style::Prefix, Target::Err),
    ];
    let keeper = Keeper::start_with(services, out, Pipe::new());
    // Far more than the pipe holds: it ends only if the logger goes on reading.
    write_numbers(keeper.services[0].pipe.writer(), 0..LINES);
    keeper.write(1, "an error\n");
    assert_eq!(keeper.ask(ToLogger::Drain), FromLogger::Drained);
    assert_eq!(all_of(&keeper.err), "web: an error\n");
}

#[test]
fn a_full_disk_loses_lines_and_nothing_else() {
    let mut out = Pipe::new();
    out.write = File::options().write(true).open("/dev/full").unwrap();
    let keeper = Keeper::start_with(
        vec![service("web", Style::Prefix, Target::Out)],
        out,
        Pipe::new(),
    );
    write_numbers(keeper.services[0].pipe.writer(), 0..LINES);
    assert_eq!(keeper.ask(ToLogger::Drain), FromLogger::Drained);
}

#[test]
fn a_slow_reader_gets_everything() {
    let keeper = Keeper::start(vec![service("web", Style::Prefix, Target::Out)]);
    let writer = keeper.services[0].pipe.writer();
    let writer = thread::spawn(move || write_numbers(writer, 0..LINES));
    let text = read_until(&keeper.out, 7, |text| text.ends_with(b"line 19999\n"));
    writer.join().unwrap();
    assert!(
        text == numbers().as_bytes(),
        "{}",
        crate::harness::tail(&text)
    );
}

#[test]
fn an_output_that_somebody_made_non_blocking_gets_everything() {
    let out = Pipe::with_capacity(4096);
    set_nonblocking(&out.write);
    let keeper = Keeper::start_with(
        vec![service("web", Style::Prefix, Target::Out)],
        out,
        Pipe::new(),
    );
    let writer = keeper.services[0].pipe.writer();
    let writer = thread::spawn(move || write_numbers(writer, 0..LINES));
    let text = read_until(&keeper.out, 1000, |text| text.ends_with(b"line 19999\n"));
    writer.join().unwrap();
    assert!(
        text == numbers().as_bytes(),
        "{}",
        crate::harness::tail(&text)
    );
}

#[test]
fn a_noisy_stream_does_not_starve_a_quiet_one_nor_pid_1() {
    let keeper = Keeper::start(vec![
        service("noisy", Style::Prefix, Target::Out),
        service("quiet", Style::Prefix, Target::Err),
    ]);
    let noisy = keeper.services[0].pipe.writer();
    let reader = keeper.out.again();
    // Both end when the last of the noise has come.
    let writer = thread::spawn(move || write_numbers(noisy, 0..2_000_000));
    let reader = thread::spawn(move || {
        let mut end = Vec::new();
        while !end.ends_with(b"line 1999999\n") {
            end = read_until(&reader, 65536, |text| !text.is_empty());
        }
    });
    for number in 0..20 {
        keeper.write(1, format!("{number}\n"));
        let text = read_until(&keeper.err, 4096, |text| text.ends_with(b"\n"));
        assert_eq!(
            String::from_utf8(text).unwrap(),
            format!("quiet: {number}\n")
        );
        assert_eq!(
            keeper.ask(ToLogger::RunEnded { stream: 1 }),
            FromLogger::Flushed { stream: 1 }
        );
    }
    assert!(
        !writer.is_finished(),
        "the noise was over too early to prove anything"
    );
    writer.join().unwrap();
    reader.join().unwrap();
}

#[test]
fn a_drain_ends_though_somebody_goes_on_writing() {
    let keeper = Keeper::start(vec![service("noisy", Style::Prefix, Target::Out)]);
    let noisy = keeper.services[0].pipe.writer();
    let writer = thread::spawn(move || write_numbers(noisy, 0..1_000_000));
    let out = keeper.out.again();
    let reader = thread::spawn(move || {
        read_until(&out, 65536, |text| text.ends_with(b"line 999999\n")).len()
    });
    assert_eq!(keeper.ask(ToLogger::Drain), FromLogger::Drained);
    assert!(
        !writer.is_finished(),
        "the noise was over too early to prove anything"
    );
    writer.join().unwrap();
    reader.join().unwrap();
}
