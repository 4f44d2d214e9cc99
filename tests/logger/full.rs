//! An output that nobody reads, and services whose lines are dropped then.

use std::io::Write;

use rinit::logger::message::{FromLogger, ToLogger};
use rinit::logger::{Style, Target};

use crate::harness::{Keeper, Pipe, read_until, service, write_numbers};

/// rinit's own stream and one that drops; each writer has two numbers.
fn keeper(style: Style, out: Pipe, err: Pipe) -> Keeper {
    let own = || service("rinit", Style::Own, Target::Err);
    let web = service("web", style, Target::Out).dropping();
    Keeper::start_with(vec![own(), web], out, err)
}

/// All numbers that were printed, in order, and how many lines were said to be dropped.
fn told(out: &str, err: &str, head: &str) -> (Vec<u32>, u64) {
    let number = |line: &str| {
        let number = line
            .strip_prefix(head)
            .and_then(|line| line.strip_prefix("line "));
        let number = number.unwrap_or_else(|| panic!("torn: {line:?}"));
        number.parse().unwrap()
    };
    let numbers = out.lines().map(number).collect();
    let dropped = |line: &str| -> u64 {
        let count = line.strip_prefix("rinit: web: ").unwrap();
        let (count, rest) = count.split_once(' ').unwrap();
        assert!(
            rest.ends_with("of output dropped: nobody took them"),
            "{line}"
        );
        count.parse().unwrap()
    };
    (numbers, err.lines().map(dropped).sum())
}

#[test]
fn who_drops_never_waits_and_each_line_is_printed_or_counted() {
    for (style, head) in [(Style::Prefix, "web: "), (Style::Raw, "")] {
        let keeper = keeper(style, Pipe::with_capacity(4096), Pipe::new());
        // Much more than all pipes have room for, and nobody reads.
        write_numbers(keeper.services[1].pipe.writer(), 0..100_000);
        let dropped = keeper.tally(1).dropped;
        assert!(dropped > 50_000, "{dropped}");
        let mut out = read_until(&keeper.out, 4096, |text| {
            let tally = keeper.tally(1);
            tally.lines + tally.dropped == 100_000 && text.ends_with(b"\n")
        });
        keeper.write(1, "line 100000\n");
        let last = b"line 100000\n";
        out.extend(read_until(&keeper.out, 4096, |text| text.ends_with(last)));
        assert_eq!(keeper.ask(ToLogger::Drain), FromLogger::Drained);
        let (rest, err) = keeper.written();
        let out = String::from_utf8(out).unwrap() + &rest;
        let (numbers, said) = told(&out, &err, head);
        assert!(numbers.is_sorted_by(|one, other| one < other));
        let tally = keeper.tally(1);
        assert_eq!(tally.lines, u64::try_from(numbers.len()).unwrap());
        assert_eq!(tally.lines + tally.dropped, 100_001);
        assert_eq!(said, tally.dropped, "{err}");
        keeper.leave();
    }
}

#[test]
fn a_line_whose_beginning_was_dropped_goes_whole() {
    let keeper = keeper(Style::Prefix, Pipe::with_capacity(4096), Pipe::new());
    let mut pipe = keeper.services[1].pipe.writer();
    write_numbers(pipe.try_clone().unwrap(), 0..30_000);
    // In the middle of a line of more than all pipes hold.
    pipe.write_all(&[b'x'; 300_000]).unwrap();
    let before = keeper.tally(1).dropped;
    assert!(before > 0);
    let out = read_until(&keeper.out, 4096, |text| text.ends_with(b"\n"));
    pipe.write_all(b"y\nlast\n").unwrap();
    let rest = read_until(&keeper.out, 4096, |text| text.ends_with(b"web: last\n"));
    let out = String::from_utf8([out, rest].concat()).unwrap();
    assert!(!out.contains('y'), "{out:?}");
    let whole = |line: &str| line.starts_with("web: line ") || line == "web: last";
    assert!(out.lines().all(whole), "{out:?}");
    keeper.leave();
}

#[test]
fn who_doesn_t_drop_waits_and_loses_nothing_beside_one_who_does() {
    let services = vec![
        service("calm", Style::Prefix, Target::Out),
        service("web", Style::Prefix, Target::Out).dropping(),
    ];
    let keeper = Keeper::start_with(services, Pipe::with_capacity(4096), Pipe::new());
    let calm = keeper.services[0].pipe.writer();
    let writing = std::thread::spawn(|| write_numbers(calm, 0..20_000));
    write_numbers(keeper.services[1].pipe.writer(), 0..50_000);
    assert!(keeper.tally(1).dropped > 0);
    assert!(!writing.is_finished());
    let end = b"calm: line 19999\n";
    let out = read_until(&keeper.out, 4096, |text| {
        memchr::memmem::find(text, end).is_some()
    });
    writing.join().unwrap();
    let out = String::from_utf8_lossy(&out);
    let calm = out.lines().filter(|line| line.starts_with("calm: "));
    assert_eq!(calm.count(), 20_000);
    keeper.leave();
}
