//! What processes use of the machine, as /proc shows it to everybody: for helpers and
//! clients. PID 1 never looks there for people.

use std::ffi::CStr;
use std::fs;

use super::cgroup::memberships;
use super::{memory, procfs};
use crate::core::id::Pid;
use crate::core::sorted::Map;

/// The kernel counts a processor's time for people in these (`proc(5)`, USER_HZ).
const TICKS_PER_SECOND: u64 = 100;

/// What a process and all below it use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Which they are, where they are several's.
    pub pids: Vec<i32>,
    /// How many they are.
    pub processes: u64,
    /// Resident memory, in bytes.
    pub memory: u64,
    /// Processor time in milliseconds: of all that live, and of those that they waited for.
    pub cpu: u64,
    /// Processes and threads, where a cgroup counts them.
    pub tasks: Option<u64>,
}

#[derive(Debug, PartialEq, Eq)]
struct Process {
    parent: i32,
    usage: Usage,
}

/// Of one process alone.
#[must_use]
pub fn of_one(pid: i32) -> Option<Usage> {
    Some(read(pid, memory::page_size())?.usage)
}

/// Of each of these processes' trees; nothing where there is no /proc. Where a process of
/// the name `keeper` is the parent of one of them, all below that is its tree.
#[must_use]
pub fn of_trees(roots: &[i32], keeper: &CStr) -> Map<i32, Usage> {
    let page = memory::page_size();
    let pids = procfs::all().unwrap_or_default().into_iter();
    let all: Map<i32, Process> = pids
        .filter_map(|pid| Some((pid.0, read(pid.0, page)?)))
        .collect();
    let parent = |pid: &i32| all.get(pid).map(|process| process.parent);
    let is_keeper = |pid: &i32| {
        procfs::name(Pid(*pid)).is_some_and(|name| name.as_bytes() == keeper.to_bytes())
    };
    let keepers: Map<i32, i32> = roots
        .iter()
        .filter_map(|root| Some((parent(root)?, *root)))
        .filter(|(pid, _)| is_keeper(pid))
        .collect();
    let mut used: Map<i32, Usage> = Map::new();
    for (pid, process) in all.iter().filter(|(pid, _)| !keepers.contains_key(pid)) {
        // A chain is never longer than there are processes.
        let mut chain = std::iter::successors(Some(*pid), parent).take(all.len());
        let root = chain.find_map(|pid| {
            let own = roots.contains(&pid).then_some(pid);
            keepers.get(&pid).copied().or(own)
        });
        if let Some(root) = root {
            let sum = used.entry(root).or_default();
            sum.pids.push(*pid);
            sum.processes = sum.processes.saturating_add(1);
            sum.memory = sum.memory.saturating_add(process.usage.memory);
            sum.cpu = sum.cpu.saturating_add(process.usage.cpu);
        }
    }
    for (root, sum) in used.iter_mut() {
        by_group(*root, sum);
    }
    used
}

/// Puts what a cgroup counts, of which rinit gave this process one, in the place of what
/// /proc shows: nothing that has ended is missing there, and nothing that is shared counts
/// twice.
fn by_group(pid: i32, sum: &mut Usage) {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/cgroup")) else {
        return;
    };
    for (names, path) in memberships(&text) {
        // Below what can be seen, where that isn't the whole.
        let Some(paths) = run_group(path) else {
            continue;
        };
        let read = |root: &str, file: &str| {
            let mut places = paths
                .iter()
                .map(|path| format!("/sys/fs/cgroup{root}{path}/{file}"));
            places.find_map(|place| fs::read_to_string(place).ok())
        };
        let number = |text: Option<String>| text?.split_whitespace().find_map(|it| it.parse().ok());
        let (mut memory, mut cpu, mut tasks) = (None, None, None);
        if names.is_empty() {
            let roots = ["", "/unified"];
            let first = |file: &str| roots.iter().find_map(|root| read(root, file));
            memory = number(first("memory.current"));
            tasks = number(first("pids.current"));
            cpu = number(first("cpu.stat")).map(|micros: u64| micros / 1000);
        }
        for name in names.split(',') {
            let root = format!("/{name}");
            match name {
                "memory" => memory = number(read(&root, "memory.usage_in_bytes")),
                "pids" => tasks = number(read(&root, "pids.current")),
                "cpuacct" => {
                    cpu = number(read(&root, "cpuacct.usage")).map(|nanos: u64| nanos / 1_000_000);
                }
                _ => {}
            }
        }
        sum.memory = memory.unwrap_or(sum.memory);
        sum.cpu = cpu.unwrap_or(sum.cpu);
        sum.tasks = tasks.or(sum.tasks);
    }
}

/// The innermost group of a run in a path, from its top and from rinit's own group on. All
/// that the service made below belongs to it.
fn run_group(path: &str) -> Option<[&str; 2]> {
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let numbered = |rest: &str| rest.is_empty() || rest.strip_prefix('-').is_some_and(number);
    let is_base = |name: &str| name.strip_prefix("rinit").is_some_and(numbered);
    let is_run = |name: &str| {
        let end = name.rsplit_once(".service");
        end.is_some_and(|(_, rest)| numbered(rest))
    };
    let (mut at, mut base, mut found) = (0_usize, None, None);
    for name in path.split('/') {
        let end = at.saturating_add(name.len());
        if let Some(start) = base
            && is_run(name)
        {
            found = Some([path.get(..end)?, path.get(start..end)?]);
        }
        base = is_base(name).then_some(at.saturating_sub(1));
        at = end.saturating_add(1);
    }
    found
}

fn read(pid: i32, page: u64) -> Option<Process> {
    parse(&fs::read(format!("/proc/{pid}/stat")).ok()?, page)
}

/// One line of /proc/PID/stat. A name may hold anything.
fn parse(line: &[u8], page: u64) -> Option<Process> {
    let end = memchr::memrchr(b')', line)?;
    let rest = std::str::from_utf8(line.get(end.saturating_add(2)..)?).ok()?;
    let mut fields = rest.split(' ');
    let parent = fields.nth(1)?.parse().ok()?;
    let mut times = fields.by_ref().skip(9);
    let mut ticks = 0_u64;
    for _ in 0..4 {
        ticks = ticks.saturating_add(times.next()?.parse().ok()?);
    }
    let pages: u64 = fields.nth(6)?.parse().ok()?;
    Some(Process {
        parent,
        usage: Usage {
            pids: Vec::new(),
            processes: 1,
            memory: pages.saturating_mul(page),
            cpu: ticks.saturating_mul(1000 / TICKS_PER_SECOND),
            tasks: None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_those_that_proc_5_names() {
        let line = b"7 (a) b (c)) S 1 7 7 0 -1 4194304 1 2 3 4 10 20 30 40 20 0 1 0 4242 9999 55 18446744073709551615\n";
        let process = parse(line, 4096).unwrap();
        let usage = Usage {
            pids: Vec::new(),
            processes: 1,
            memory: 55 * 4096,
            cpu: 1000,
            tasks: None,
        };
        assert_eq!(process, Process { parent: 1, usage });
        let times = b"7 (a) b) S 1 7 7 0 -1 4194304 1 2 3 4 50 60 7 8 20 0 1 0 4242 9 9";
        assert_eq!(parse(times, 4096).unwrap().usage.cpu, 1250);
        assert_eq!(parse(b"7 (x) S 1", 4096), None);
        assert_eq!(parse(b"7", 4096), None);
    }

    #[test]
    fn a_run_has_the_group_below_rinits_own_and_nothing_that_is_only_called_like_it() {
        for path in [
            "/",
            "/docker/rinit-web-1",
            "/docker/rinit-web-1/system.slice/web.service",
            "/system.slice/rinit.service",
            "/user.slice/rinit/init",
            "/rinit",
            "/rinit-7",
            "/rinit-x/web.service",
            "/rinitd/web.service",
            "/rinit/between/web.service",
            "/rinit/web.service.d",
        ] {
            assert_eq!(run_group(path), None, "{path}");
        }
        for (path, whole, own) in [
            (
                "/rinit/web.service",
                "/rinit/web.service",
                "/rinit/web.service",
            ),
            (
                "/docker/rinit-1f/rinit-2/web.service-17/below/it",
                "/docker/rinit-1f/rinit-2/web.service-17",
                "/rinit-2/web.service-17",
            ),
            // A rinit as a service: its own process, and a service of its own.
            (
                "/rinit/inner.service/rinit/init",
                "/rinit/inner.service",
                "/rinit/inner.service",
            ),
            (
                "/rinit/inner.service/rinit/web.service",
                "/rinit/inner.service/rinit/web.service",
                "/rinit/web.service",
            ),
        ] {
            assert_eq!(run_group(path), Some([whole, own]), "{path}");
        }
    }

    #[test]
    fn this_process_uses_something() {
        let own = i32::try_from(std::process::id()).unwrap();
        let used = of_trees(&[own], c"rinit-subreaper");
        assert!(used.get(&own).is_some_and(|usage| usage.memory > 100_000));
    }
}
