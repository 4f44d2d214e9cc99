//! What services use, as a client sees it in /proc: PID 1 never looks there for people.

use std::collections::BTreeMap;
use std::fs;

use crate::sys::procfs;

/// How many bytes each of these processes and all below it have in memory; empty where
/// /proc says nothing.
pub(crate) fn memory(roots: &[i32]) -> BTreeMap<i32, u64> {
    let stats = procfs::stats();
    let parents: BTreeMap<i32, i32> = stats.iter().map(|stat| (stat.pid.0, stat.parent)).collect();
    let mut used = BTreeMap::new();
    for stat in &stats {
        // A chain is never longer than there are processes.
        let chain = std::iter::successors(Some(stat.pid.0), |pid| parents.get(pid).copied());
        let root = chain.take(stats.len()).find(|pid| roots.contains(pid));
        if let Some((root, bytes)) = root.zip(resident(stat.pid.0)) {
            *used.entry(root).or_insert(0) += bytes;
        }
    }
    used
}

/// The resident set, in bytes (`proc(5)`, VmRSS).
fn resident(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes.saturating_mul(1024))
}
