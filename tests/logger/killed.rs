//! Nothing is lost when the logger is killed.

use std::io::Write;
use std::thread;

use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
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

fn newlines(text: &[u8]) -> u32 {
    text.iter().map(|byte| u32::from(*byte == b'\n')).sum()
}

fn killed_fifty_times(out: Pipe, at_once: usize) {
    let mut keeper = Keeper::start_with(
        vec![service("web", Style::Prefix, Target::Out)],
        out,
        Pipe::new(),
    );
    let writer = keeper.services[0].pipe.writer();
    let writer = thread::spawn(move || write_numbers(writer, 0..LINES));
    let mut text = Vec::new();
    for kill in 0..KILLS {
        // A kill each time that some more of the lines have come.
        let have = newlines(&text);
        let due = LINES / KILLS * kill;
        text.extend(read_until(&keeper.out, at_once, |more| {
            have + newlines(more) >= due
        }));
        keeper.kill_and_restart();
    }
    let last = format!("web: line {}\n", LINES - 1);
    text.extend(read_until(&keeper.out, at_once, |more| {
        more.ends_with(last.as_bytes())
    }));
    writer.join().expect("the service noticed nothing");
    check(&text);
    let (status, out, err) = keeper.leave();
    assert!(matches!(status, WaitStatus::Exited(_, 0)), "{status:?}");
    assert_eq!((out.as_str(), err.as_str()), ("", ""));
}

#[test]
fn a_logger_killed_fifty_times_loses_none_of_20000_lines() {
    killed_fifty_times(Pipe::new(), 2000);
}

#[test]
fn a_logger_killed_fifty_times_while_it_waits_for_a_slow_output_loses_none() {
    killed_fifty_times(Pipe::with_capacity(4096), 100);
}

#[test]
fn an_unfinished_line_outlives_the_logger() {
    let mut keeper = Keeper::start(vec![service("web", Style::Prefix, Target::Out)]);
    for word in ["one", " two", " three"] {
        keeper.write(0, word);
        keeper.kill_and_restart();
    }
    keeper.write(0, "\nnext");
    let text = read_until(&keeper.out, 4096, |text| text.ends_with(b"\n"));
    assert_eq!(String::from_utf8(text).unwrap(), "web: one two three\n");
    keeper.kill_and_restart();
    let (_, out, _) = keeper.leave();
    // The kill may have come between the writing of the first line and its taking.
    let out = out.strip_prefix("\nweb: one two three\n").unwrap_or(&out);
    let out = out.strip_prefix("web: one two three\n").unwrap_or(out);
    assert_eq!(out.trim_start_matches('\n'), "web: next\n");
}

/// Words of a line, one write each, so that most kills fall into the middle of a line.
#[test]
fn lines_that_are_written_word_by_word_are_whole_after_many_kills() {
    let mut keeper = Keeper::start(vec![service("web", Style::Prefix, Target::Out)]);
    let mut writer = keeper.services[0].pipe.writer();
    let writer = thread::spawn(move || {
        for number in 0..LINES {
            for word in [
                b"line".as_slice(),
                b" ",
                number.to_string().as_bytes(),
                b"\n",
            ] {
                writer
                    .write_all(word)
                    .expect("the service noticed something");
            }
        }
    });
    let mut text = Vec::new();
    for _ in 0..4 * KILLS {
        text.extend(read_until(&keeper.out, 1000, |more| !more.is_empty()));
        keeper.kill_and_restart();
    }
    let last = format!("web: line {}\n", LINES - 1);
    text.extend(read_until(&keeper.out, 65536, |more| {
        more.ends_with(last.as_bytes())
    }));
    writer.join().unwrap();
    check(&text);
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
