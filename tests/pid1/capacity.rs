//! Many services, and what they cost rinit of what the kernel counts.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::harness::{Pid1, RINIT, Status};
use crate::status::{UP, answers};
use crate::supervisor::{IN_ORDER, service};

/// rinit with that many services and these limits of open files, soft and hard.
fn many(count: usize, soft: u32, hard: u32, option: &str) -> Pid1 {
    let mut config = String::new();
    for number in 0..count {
        let command = "'echo here; exec sleep 1000'";
        write!(config, "{}", service(&format!("s{number}"), command, "")).unwrap();
    }
    let start =
        format!("ulimit -Sn {soft}; ulimit -Hn {hard}; exec {RINIT} -c rinit.toml {option}");
    Pid1::new()
        .file("rinit.toml", &config)
        .binary(PathBuf::from("/bin/sh"))
        .called("sh")
        .args(["-c", &start])
}

#[test]
fn a_thousand_services_with_pipes_need_no_more_than_8192_open_files() {
    let rinit = many(1000, 1024, 8192, "").spawn();
    rinit.wait_for_line("1000 services running");
    rinit.wait_for_line("s999: here");
    let files = std::fs::read_dir(format!("/proc/{}/fd", rinit.pid())).unwrap();
    let files = files.count();
    assert!((4000..4128).contains(&files), "{files}");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn too_low_a_limit_of_open_files_is_an_error_that_names_the_number() {
    let ended = many(300, 256, 1024, "").run();
    assert_eq!(ended.status, Status::Exited(125), "{ended:?}");
    let what = "300 services need 1328 open files in rinit, and its hard limit is 1024";
    assert!(ended.stderr.contains(what), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("--ulimit nofile=1328"),
        "{}",
        ended.stderr
    );
    let ended = many(300, 256, 1328, "--check").run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
}

/// What the processor did for PID 1 while a chain of so many, each requiring the one before,
/// stopped and started: nanoseconds for each of them.
fn cost_of_a_chain(count: usize) -> [u64; 2] {
    let mut config = "[defaults]\noutput = 'null'\n".to_owned();
    for number in 0..count {
        let above = number.checked_sub(1);
        let keys = above.map_or_else(String::new, |above| format!("requires = ['s{above}']"));
        config += &service(&format!("s{number}"), "['sleep', '100000']", &keys);
    }
    let last = count - 1;
    let script = format!(
        "{UP}ctl wait s{last}; cat /proc/1/schedstat; ctl stop s0; cat /proc/1/schedstat
         ctl start s{last}; cat /proc/1/schedstat"
    );
    let ended = answers(&config, &script);
    let spent = |line: &str| line.split(' ').next()?.parse::<u64>().ok();
    let spent: Vec<u64> = ended.stdout.lines().filter_map(spent).collect();
    let each = |from: usize| (spent[from + 1] - spent[from]) / count as u64;
    [each(0), each(1)]
}

#[test]
fn each_of_a_chain_costs_the_same_however_long_it_is() {
    let (short, long) = (cost_of_a_chain(60), cost_of_a_chain(600));
    println!("{short:?} {long:?}");
    for (short, long) in short.into_iter().zip(long) {
        // Were it by their number it would be ten times as much.
        assert!(long < 4 * short, "{short} ns each of 60, {long} of 600");
    }
}
