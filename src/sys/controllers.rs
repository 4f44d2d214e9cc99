//! Controllers of cgroups, in both versions: which of them this process may use, and what
//! is written into their files. Version 2 has one hierarchy for all; version 1 has one for
//! each controller, or for a few together.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::libc;

use super::cgroup::{Cgroup, Own, own, own_text};
use super::error::Errno;
use crate::core::group_limit::{GroupLimit, GroupResource, GroupResources};

const ROOT: &str = "/sys/fs/cgroup";

/// A controller's name in either version, and what it limits there.
const CONTROLLERS: [(&str, &str, &[GroupResource], &[GroupResource]); 4] = [
    (
        "memory",
        "memory",
        &[
            GroupResource::MemoryMax,
            GroupResource::MemoryHigh,
            GroupResource::MemoryLow,
            GroupResource::MemoryMin,
            GroupResource::MemorySwapMax,
        ],
        &[GroupResource::MemoryMax],
    ),
    (
        "cpu",
        "cpu",
        &[GroupResource::CpuQuota, GroupResource::CpuWeight],
        &[GroupResource::CpuQuota, GroupResource::CpuWeight],
    ),
    (
        "io",
        "blkio",
        &[GroupResource::IoWeight],
        &[GroupResource::IoWeight],
    ),
    (
        "pids",
        "pids",
        &[GroupResource::TasksMax],
        &[GroupResource::TasksMax],
    ),
];

/// A hierarchy in which this process may make groups.
#[derive(Clone, Debug)]
pub struct Hierarchy {
    /// The group that this process is in.
    pub home: Cgroup,
    /// It is one of version 1.
    pub first: bool,
    /// All of it that can be seen is this container's own.
    pub alone: bool,
    /// What it can limit.
    pub resources: GroupResources,
}

/// Every one; that of version 2 comes first, also without a controller.
#[must_use]
pub fn hierarchies() -> Vec<Hierarchy> {
    let text = own_text();
    let mut all: Vec<Hierarchy> = own(&text).into_iter().map(second).collect();
    let mut places = Vec::new();
    for (_, name, _, limits) in CONTROLLERS {
        let mount = Path::new(ROOT).join(name);
        let Ok(place) = fs::metadata(&mount).map(|it| (it.dev(), it.ino())) else {
            continue;
        };
        let resources = set(limits);
        // Several controllers in one.
        if let Some(index) = places.iter().position(|known| *known == place) {
            if let Some(known) = all.iter_mut().filter(|known| known.first).nth(index) {
                known.resources = known.resources.or(resources);
            }
        } else if let Some(found) = Own::of_first(&mount, name, &text) {
            places.push(place);
            all.push(Hierarchy {
                home: found.group,
                first: true,
                alone: found.alone,
                resources,
            });
        }
    }
    all
}

fn second(own: Own) -> Hierarchy {
    let resources = named_in(&own.group, "cgroup.controllers");
    Hierarchy {
        home: own.group,
        first: false,
        alone: own.alone,
        resources,
    }
}

fn set(limits: &[GroupResource]) -> GroupResources {
    limits
        .iter()
        .fold(GroupResources::default(), |all, one| all.with(*one))
}

/// The controllers of version 2 that these take, each behind this sign: `+memory +pids`.
#[must_use]
pub fn signed(sign: char, resources: GroupResources) -> String {
    let mut text = String::new();
    for (name, _, limits, _) in CONTROLLERS {
        if !set(limits).and(resources).is_empty() {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push(sign);
            text.push_str(name);
        }
    }
    text
}

/// What the groups below one have by `cgroup.subtree_control`.
#[must_use]
pub fn enabled_below(group: &Cgroup) -> GroupResources {
    named_in(group, "cgroup.subtree_control")
}

/// What the controllers of version 2 limit that a group's file names.
fn named_in(group: &Cgroup, file: &str) -> GroupResources {
    let names = group.text(file);
    let there = |name: &str| names.split_whitespace().any(|known| known == name);
    let named = CONTROLLERS.iter().filter(|(name, ..)| there(name));
    named.fold(GroupResources::default(), |all, (_, _, limits, _)| {
        all.or(set(limits))
    })
}

/// Sets a limit; `first`: in version 1. With fewer processes in the group than it has
/// already taken for, this may take its time.
///
/// # Errors
/// ENOENT where this kernel has no such limit; what else `write(2)` says.
pub fn limit(group: &Cgroup, first: bool, limit: GroupLimit) -> Result<(), Errno> {
    let GroupLimit { of, amount } = limit;
    let or = |none: &str| match amount {
        u64::MAX => none.to_owned(),
        amount => amount.to_string(),
    };
    match (of, first) {
        (GroupResource::MemoryMax, false) => group.put("memory.max", &or("max")),
        (GroupResource::MemoryMax, true) => group.put("memory.limit_in_bytes", &or("-1")),
        (GroupResource::MemoryHigh, false) => group.put("memory.high", &or("max")),
        (GroupResource::MemoryLow, false) => group.put("memory.low", &or("max")),
        (GroupResource::MemoryMin, false) => group.put("memory.min", &or("max")),
        (GroupResource::MemorySwapMax, false) => group.put("memory.swap.max", &or("max")),
        (
            GroupResource::MemoryHigh
            | GroupResource::MemoryLow
            | GroupResource::MemoryMin
            | GroupResource::MemorySwapMax,
            true,
        ) => Err(Errno(libc::ENOENT)),
        (GroupResource::TasksMax, _) => group.put("pids.max", &or("max")),
        (GroupResource::CpuQuota, _) => quota(group, first, amount),
        (GroupResource::CpuWeight, false) => group.put("cpu.weight", &amount.to_string()),
        (GroupResource::CpuWeight, true) => {
            // 1024 is what 100 is now.
            let shares = amount.saturating_mul(1024) / 100;
            group.put("cpu.shares", &shares.max(2).to_string())
        }
        (GroupResource::IoWeight, _) => {
            // The scheduler BFQ goes to 1000 alone.
            let fair = amount.min(100) + amount.saturating_sub(100) * 900 / 9900;
            let (file, amount, other, others) = if first {
                let old = amount.saturating_mul(5).clamp(10, 1000);
                ("blkio.bfq.weight", fair, "blkio.weight", old)
            } else {
                ("io.weight", amount, "io.bfq.weight", fair)
            };
            let by_first = group.put(file, &amount.to_string());
            by_first.or_else(|_| group.put(other, &others.to_string()))
        }
    }
}

/// Microseconds in each second, given out in tenths of it, or all at once where that would
/// be less than the kernel takes.
fn quota(group: &Cgroup, first: bool, amount: u64) -> Result<(), Errno> {
    const LEAST: u64 = 1000;
    let (quota, period) = match amount / 10 {
        tenth @ LEAST.. => (tenth, 100_000),
        _ => (amount.max(LEAST), 1_000_000),
    };
    let is_limited = amount != u64::MAX;
    if !first {
        let text = match is_limited {
            true => format!("{quota} {period}"),
            false => "max".to_owned(),
        };
        return group.put("cpu.max", &text);
    }
    // In between, no pair may be more than what the group above has.
    group.put("cpu.cfs_quota_us", "-1")?;
    if !is_limited {
        return Ok(());
    }
    group.put("cpu.cfs_period_us", &period.to_string())?;
    group.put("cpu.cfs_quota_us", &quota.to_string())
}

/// How many processes of the group and, in version 2, of those below the OOM killer has
/// killed. `None` where nobody counts them.
#[must_use]
pub fn oom_kills(group: &Cgroup, first: bool) -> Option<u64> {
    oom_kills_in(&group.text(oom_file(first)))
}

/// The file of a group that counts them.
#[must_use]
pub const fn oom_file(first: bool) -> &'static str {
    if first {
        "memory.oom_control"
    } else {
        "memory.events"
    }
}

/// The number behind `oom_kill` in either file; kernels before 4.13 have none.
#[must_use]
pub fn oom_kills_in(text: &str) -> Option<u64> {
    let mut words = text.lines().filter_map(|line| line.split_once(' '));
    let (_, number) = words.find(|(name, _)| *name == "oom_kill")?;
    number.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that stands for a group with these files.
    fn group(name: &str, files: &[&str]) -> Cgroup {
        let name = format!("rinit-controllers-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        for file in files {
            fs::write(path.join(file), "").unwrap();
        }
        Cgroup::at(path)
    }

    fn written(group: &Cgroup, first: bool, of: GroupResource, amount: u64, file: &str) -> String {
        // The kernel's files take each write anew.
        fs::write(group.path().join(file), "").unwrap();
        limit(group, first, GroupLimit { of, amount }).unwrap();
        group.text(file)
    }

    #[test]
    fn each_limit_is_written_as_its_version_wants_it() {
        use GroupResource as R;
        let none = u64::MAX;
        let second = group(
            "second",
            &[
                "memory.max",
                "memory.swap.max",
                "cpu.max",
                "cpu.weight",
                "io.bfq.weight",
                "pids.max",
            ],
        );
        for (of, amount, file, text) in [
            (R::MemoryMax, 1 << 20, "memory.max", "1048576"),
            (R::MemoryMax, none, "memory.max", "max"),
            (R::MemorySwapMax, 0, "memory.swap.max", "0"),
            (R::CpuQuota, 500_000, "cpu.max", "50000 100000"),
            (R::CpuQuota, 5000, "cpu.max", "5000 1000000"),
            (R::CpuQuota, 1, "cpu.max", "1000 1000000"),
            (R::CpuQuota, none, "cpu.max", "max"),
            (R::CpuWeight, 7, "cpu.weight", "7"),
            (R::IoWeight, 10_000, "io.bfq.weight", "1000"),
            (R::TasksMax, 12, "pids.max", "12"),
        ] {
            assert_eq!(written(&second, false, of, amount, file), text, "{of:?}");
        }
        let low = GroupLimit {
            of: R::MemoryLow,
            amount: 1,
        };
        assert_eq!(limit(&second, false, low), Err(Errno(libc::ENOENT)));
        let first = group(
            "first",
            &[
                "memory.limit_in_bytes",
                "cpu.cfs_quota_us",
                "cpu.cfs_period_us",
                "cpu.shares",
                "blkio.weight",
            ],
        );
        for (of, amount, file, text) in [
            (R::MemoryMax, none, "memory.limit_in_bytes", "-1"),
            (R::CpuQuota, 2_000_000, "cpu.cfs_quota_us", "200000"),
            (R::CpuQuota, 2_000_000, "cpu.cfs_period_us", "100000"),
            (R::CpuQuota, none, "cpu.cfs_quota_us", "-1"),
            (R::CpuWeight, 100, "cpu.shares", "1024"),
            (R::CpuWeight, 1, "cpu.shares", "10"),
            (R::IoWeight, 100, "blkio.weight", "500"),
        ] {
            assert_eq!(written(&first, true, of, amount, file), text, "{of:?}");
        }
        assert_eq!(limit(&first, true, low), Err(Errno(libc::ENOENT)));
        for group in [first, second] {
            fs::remove_dir_all(group.path()).unwrap();
        }
    }

    #[test]
    fn controllers_are_named_once_for_all_that_they_limit() {
        assert_eq!(signed('+', GroupResources::ALL), "+memory +cpu +io +pids");
        assert_eq!(signed('-', GroupResources::WEIGHTS), "-cpu -io");
        let group = group("below", &[]);
        fs::write(group.path().join("cgroup.subtree_control"), "cpu io\n").unwrap();
        let on = enabled_below(&group);
        assert_eq!(on.keys(), "cpu-quota, cpu-weight, io-weight");
        fs::remove_dir_all(group.path()).unwrap();
    }

    #[test]
    fn the_counter_is_found_in_both_versions() {
        let group = group("kills", &[]);
        let events = "low 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 0\n";
        fs::write(group.path().join("memory.events"), events).unwrap();
        assert_eq!(oom_kills(&group, false), Some(2));
        assert_eq!(oom_kills(&group, true), None);
        let control = "oom_kill_disable 0\nunder_oom 0\noom_kill 17\n";
        fs::write(group.path().join("memory.oom_control"), control).unwrap();
        assert_eq!(oom_kills(&group, true), Some(17));
        fs::remove_dir_all(group.path()).unwrap();
    }
}
