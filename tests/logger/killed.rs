//! Nothing is lost when the logger is killed.

use std::thread;

use nix::sys::signal::Signal;
use rinit::logger::message::{FromLogger, ToLogger};
use rinit::logger::{Style, Target};

use crate::harness::{Keeper, Pipe, read_until, service, tail, write_numbers};

const LINES: u32 = 20_000;
const KILLS: u32 = 50;

/// Every number is there, in order, but for what was written twice.
fn check(text: &[u8]) {
    let mut next = 0;
    for line in text.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(line);
        let number = line
            .strip_prefix("web: line ")
            .and_then(|number| number.parse::<u32>().ok());
        match number {
            Some(number) if number == next => next += 1,
            // A repetition, or a line that a kill cut short: then its number is smaller too.
            Some(number) => assert!(number < next, "{number} came when {next} was due"),
            None => assert!("web: line ".starts_with(&*line), "{line:?}"),
        }
    }
    assert_eq!(next, LINES, "the end is {}", tail(text));
}

fn killed_fifty_times(out: Pipe, at_once: usize) {
    let mut keeper = Keeper::start_with(
        vec![service("web", Style::Prefix, Target::Out)],
        out,
        Pipe::new(),
        false,
    );
    let writer = keeper.services[0].pipe.writer();
    let writer = thread::spawn(move || write_numbers(writer, 0..LINES));
    let mut text = Vec::new();
    for kill in 1..=KILLS {
        // A kill each time that some more of the numbers has come.
        let due = (LINES / (KILLS + 5) * kill) as usize;
        let mut lines = text.iter().filter(|byte| **byte == b'\n').count();
        let lines_due = lines.max(due) + 1;
        text.extend(read_until(&keeper.out, at_once, |more| {
            let come = more.iter().filter(|byte| **byte == b'\n').count();
            lines + come >= lines_due
        }));
        lines = text.iter().filter(|byte| **byte == b'\n').count();
        assert!(lines >= lines_due);
        keeper.kill_and_restart();
    }
    let last = format!("web: line {}\n", LINES - 1);
    text.extend(read_until(&keeper.out, at_once, |more| {
        more.ends_with(last.as_bytes())
    }));
    writer.join().expect("the service noticed nothing");
    check(&text);
    let (status, out, err) = keeper.leave();
    assert!(status.success(), "{status}");
    assert_eq!((out.as_str(), err.as_str()), ("", ""));
}

#[test]
fn a_logger_killed_fifty_times_loses_none_of_20000_lines() {
    killed_fifty_times(Pipe::new(), 65536);
}

#[test]
fn a_logger_killed_fifty_times_while_it_waits_for_a_slow_output_loses_none() {
    killed_fifty_times(Pipe::with_capacity(4096), 100);
}

#[test]
fn an_unfinished_line_outlives_the_logger() {
    let mut keeper = Keeper::start(vec![service("web", Style::Prefix, Target::Out)]);
    keeper.write(0, "whole\nhalf");
    read_until(&keeper.out, 4096, |text| text == b"web: whole\n");
    keeper.kill_and_restart();
    keeper.write(0, " and half\n");
    let text = read_until(&keeper.out, 4096, |text| text.ends_with(b"half\n"));
    // The first byte ends what the killed one may have left unfinished.
    assert_eq!(String::from_utf8(text).unwrap(), "\nweb: half and half\n");
}

#[test]
fn a_logger_that_was_stopped_drains_when_it_goes_on() {
    let keeper = Keeper::start(vec![service("web", Style::Prefix, Target::Out)]);
    keeper.write(0, "before\n");
    read_until(&keeper.out, 4096, |text| text == b"web: before\n");
    keeper.stop();
    keeper.write(0, "meanwhile\nat last");
    keeper.tell(ToLogger::Drain);
    keeper.signal(Signal::SIGCONT);
    assert_eq!(keeper.answer(), FromLogger::Drained);
    assert_eq!(keeper.written().0, "web: meanwhile\nweb: at last\n");
}

#[test]
fn signals_that_end_others_do_not_end_the_logger() {
    let keeper = Keeper::start(vec![service("web", Style::Prefix, Target::Out)]);
    keeper.write(0, "ready\n");
    read_until(&keeper.out, 4096, |text| text == b"web: ready\n");
    for signal in [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGHUP,
        Signal::SIGTTOU,
        Signal::SIGTSTP,
        Signal::SIGUSR1,
        Signal::SIGALRM,
        Signal::SIGPIPE,
    ] {
        keeper.signal(signal);
    }
    keeper.write(0, "still there\n");
    assert_eq!(keeper.ask(ToLogger::Drain), FromLogger::Drained);
    assert_eq!(keeper.written().0, "web: still there\n");
}
