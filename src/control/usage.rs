//! What services use, as a client sees it in /proc: PID 1 never looks there for people.

use std::collections::BTreeMap;
use std::fs;

use nix::unistd::{SysconfVar, sysconf};

use crate::core::id::Pid;
use crate::sys::procfs;

/// What a service's tree uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Resident memory, in bytes (`proc(5)`, VmRSS).
    pub(crate) memory: u64,
    /// Processor time, in milliseconds: of all that live, and of those that they waited for.
    pub(crate) cpu: u64,
}

/// What each of these processes and all below it use; empty where /proc says nothing. Below
/// a subreaper is all that a service has.
pub(crate) fn usage(roots: &[i32]) -> BTreeMap<i32, Usage> {
    let stats = procfs::stats();
    let parents: BTreeMap<i32, i32> = stats.iter().map(|stat| (stat.pid.0, stat.parent)).collect();
    let is_keeper = |pid: &i32| procfs::name(Pid(*pid)).as_deref() == Some("rinit-subreaper");
    let keepers: BTreeMap<i32, i32> = roots
        .iter()
        .filter_map(|root| Some((*parents.get(root)?, *root)))
        .filter(|(keeper, _)| is_keeper(keeper))
        .collect();
    let root_of = |pid: i32| {
        // A chain is never longer than there are processes.
        let chain = std::iter::successors(Some(pid), |pid| parents.get(pid).copied());
        let known = |pid: i32| {
            keepers
                .get(&pid)
                .copied()
                .or(roots.contains(&pid).then_some(pid))
        };
        chain.take(stats.len()).find_map(known)
    };
    let mut used: BTreeMap<i32, Usage> = BTreeMap::new();
    for pid in stats.iter().map(|stat| stat.pid.0) {
        if let Some(root) = root_of(pid).filter(|_| !keepers.contains_key(&pid)) {
            let sum = used.entry(root).or_default();
            sum.memory = sum.memory.saturating_add(resident(pid).unwrap_or(0));
            sum.cpu = sum.cpu.saturating_add(processor_time(pid).unwrap_or(0));
        }
    }
    used
}

fn resident(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes.saturating_mul(1024))
}

fn processor_time(pid: i32) -> Option<u64> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let per_second = sysconf(SysconfVar::CLK_TCK).ok()??;
    let per_second = u64::try_from(per_second).ok().filter(|it| *it > 0)?;
    Some(ticks(&stat)?.saturating_mul(1000) / per_second)
}

/// utime, stime, cutime and cstime together (`proc(5)`).
fn ticks(stat: &[u8]) -> Option<u64> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(end..)?).ok()?;
    let fields = rest.split(' ').skip(12).take(4);
    fields.map(|field| field.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_kinds_of_time_are_one() {
        let line = b"7 (a) b) S 1 7 7 0 -1 4194304 1 2 3 4 50 60 7 8 20 0 1 0 4242 9 9";
        assert_eq!(ticks(line), Some(125));
        assert_eq!(ticks(b"7 (a) S"), Some(0));
        assert_eq!(ticks(b"7"), None);
    }

    #[test]
    fn this_process_uses_memory() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(usage(&[own]).get(&own).unwrap().memory > 0);
    }
}
