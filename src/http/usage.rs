//! What services use of the machine, as /proc shows it to everybody.

use std::collections::BTreeMap;
use std::fs;

use crate::core::id::Pid;
use crate::sys::{memory, procfs};

/// The kernel counts a processor's time for people in these (`proc(5)`, USER_HZ).
const TICKS_PER_SECOND: u64 = 100;

/// What a process and all below it use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) processes: u64,
    /// In memory, in bytes.
    pub(super) resident: u64,
    /// Of processors, in milliseconds; of ended children too.
    pub(super) busy: u64,
}

#[derive(Debug, PartialEq, Eq)]
struct Process {
    parent: i32,
    usage: Usage,
}

/// Of one process alone.
pub(super) fn of_one(pid: i32) -> Option<Usage> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    Some(parse(&stat, memory::page_size())?.usage)
}

/// Of each of these processes' trees; nothing where there is no /proc.
pub(super) fn of_trees(roots: &[i32]) -> BTreeMap<i32, Usage> {
    let page = memory::page_size();
    let read = |pid: Pid| {
        let stat = fs::read(format!("/proc/{}/stat", pid.0)).ok()?;
        Some((pid.0, parse(&stat, page)?))
    };
    let pids = procfs::all().unwrap_or_default().into_iter();
    let all: BTreeMap<i32, Process> = pids.filter_map(read).collect();
    let mut used: BTreeMap<i32, Usage> = BTreeMap::new();
    for (pid, process) in &all {
        // A chain is never longer than there are processes.
        let up = |pid: &i32| all.get(pid).map(|process| process.parent);
        let mut chain = std::iter::successors(Some(*pid), up).take(all.len());
        if let Some(root) = chain.find(|pid| roots.contains(pid)) {
            let sum = used.entry(root).or_default();
            sum.processes = sum.processes.saturating_add(1);
            sum.resident = sum.resident.saturating_add(process.usage.resident);
            sum.busy = sum.busy.saturating_add(process.usage.busy);
        }
    }
    used
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
            processes: 1,
            resident: pages.saturating_mul(page),
            busy: ticks.saturating_mul(1000 / TICKS_PER_SECOND),
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
            processes: 1,
            resident: 55 * 4096,
            busy: 1000,
        };
        assert_eq!(process, Process { parent: 1, usage });
        assert_eq!(parse(b"7 (x) S 1", 4096), None);
    }

    #[test]
    fn this_process_uses_something() {
        let own = i32::try_from(std::process::id()).unwrap();
        let used = of_trees(&[own]);
        assert!(used.get(&own).is_some_and(|usage| usage.resident > 100_000));
    }
}
