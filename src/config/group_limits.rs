//! Limits of a service's cgroup: the keys, what units call them, and what becomes of those
//! that can't be had here.

use super::diagnostic::Diagnostic;
use super::directive::Directive;
use super::directive_service::shared;
use super::draft::Draft;
use super::units;
use super::value::{Context, Value};
use crate::core::group_limit::{GroupLimit, GroupResource, GroupResources};
use crate::core::spec::Cgroups;
use crate::units as systemd;

const fn memory(key: &'static str, default: &'static str, doc: &'static str) -> Directive<Draft> {
    shared(key, "size, percent or \"infinity\"", default, set, doc)
}

pub(super) const TABLE: &[Directive<Draft>] = &[
    memory(
        "memory-max",
        "none",
        "Memory of all its processes together, by a cgroup; what needs more meets the kernel's OOM killer.",
    ),
    memory(
        "memory-high",
        "none",
        "As memory-max, but what takes more is slowed down; cgroup version 2 alone, as the next three.",
    ),
    memory(
        "memory-low",
        "0",
        "So much memory is taken from it only where nothing else is left.",
    ),
    memory("memory-min", "0", "So much memory is never taken from it."),
    memory(
        "memory-swap-max",
        "none",
        "So much of it may be swapped out.",
    ),
    shared(
        "cpu-quota",
        "percent or \"infinity\"",
        "none",
        set,
        "Processor time of all its processes together: 100% is one processor.",
    ),
    shared(
        "cpu-weight",
        "1 to 10000",
        "100",
        set,
        "Its share where services want more of the processors than there is.",
    ),
    shared(
        "io-weight",
        "1 to 10000",
        "100",
        set,
        "Its share of disks that are busy, where the kernel has a scheduler that shares them.",
    ),
    shared(
        "tasks-max",
        "number, percent or \"infinity\"",
        "none",
        set,
        "Processes and threads together.",
    ),
];

fn set(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    let mut all = GroupResource::ALL.into_iter();
    let of = all.find(|of| of.key() == value.key)?;
    let text = value.word()?;
    match amount(of, &text, units::size) {
        Some(amount) => {
            put(draft, of, Some(amount));
            Some(())
        }
        None => value.wrong(format!("{} can't be \"{text}\"", value.key), example(of)),
    }
}

const fn example(of: GroupResource) -> &'static str {
    match of {
        GroupResource::MemoryMax
        | GroupResource::MemoryHigh
        | GroupResource::MemoryLow
        | GroupResource::MemoryMin
        | GroupResource::MemorySwapMax => {
            "write a number of bytes, \"64K\", \"10M\", \"2G\", \"20%\" of the memory, or \"infinity\""
        }
        GroupResource::CpuQuota => {
            "write \"50%\" for half of a processor's time, \"200%\" for two, or \"infinity\""
        }
        GroupResource::CpuWeight | GroupResource::IoWeight => "write a number from 1 to 10000",
        GroupResource::TasksMax => {
            "write a number of processes and threads, \"10%\" of what the machine takes, or \"infinity\""
        }
    }
}

/// Sets one; `None` is as if nothing had been said.
fn put(draft: &mut Draft, of: GroupResource, amount: Option<u64>) {
    let limits = &mut draft.spec.exec.group_limits;
    let mut all = std::mem::take(limits).into_vec();
    all.retain(|known| known.of != of);
    all.extend(amount.map(|amount| GroupLimit { of, amount }));
    *limits = all.into();
}

/// What a text says; `size` reads bytes.
fn amount(of: GroupResource, text: &str, size: fn(&str) -> Option<u64>) -> Option<u64> {
    let text = text.trim();
    // In hundredths of a percent: parts of ten thousand.
    let percent = || {
        let parts = units::scaled(text.strip_suffix('%')?.trim_end(), 100)?;
        u64::try_from(parts).ok()
    };
    let of_machine = |all: fn() -> u64| {
        let parts = percent()?.min(10_000);
        Some((u128::from(all()) * u128::from(parts) / 10_000) as u64)
    };
    let weight = || {
        text.parse()
            .ok()
            .filter(|weight| (1..=10_000).contains(weight))
    };
    match of {
        GroupResource::CpuWeight | GroupResource::IoWeight => weight(),
        _ if text == "infinity" => Some(u64::MAX),
        GroupResource::MemoryMax
        | GroupResource::MemoryHigh
        | GroupResource::MemoryLow
        | GroupResource::MemoryMin
        | GroupResource::MemorySwapMax => of_machine(machine_memory)
            .or_else(|| size(text))
            // Nothing runs without any.
            .filter(|size| {
                *size > 0 || !matches!(of, GroupResource::MemoryMax | GroupResource::MemoryHigh)
            }),
        GroupResource::CpuQuota => {
            let micros = percent()?.saturating_mul(100);
            (micros > 0).then_some(micros)
        }
        GroupResource::TasksMax => {
            let number = of_machine(machine_tasks).or_else(|| text.parse().ok());
            number.filter(|number| *number > 0)
        }
    }
}

/// The first number of the file.
fn number_in(path: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let mut words = text.split_whitespace();
    words.find_map(|word| word.parse().ok())
}

/// The least of what these files name.
fn least(paths: &[&str], scale: u64) -> u64 {
    let numbers = paths.iter().filter_map(|path| number_in(path));
    let all = numbers.map(|number| number.saturating_mul(scale));
    all.min().unwrap_or(u64::MAX)
}

/// The machine's memory, or the container's where that has less.
fn machine_memory() -> u64 {
    let container = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ];
    least(&["/proc/meminfo"], 1024).min(least(&container, 1))
}

/// How many processes and threads there may be at all.
fn machine_tasks() -> u64 {
    let all = [
        "/proc/sys/kernel/pid_max",
        "/proc/sys/kernel/threads-max",
        "/sys/fs/cgroup/pids.max",
        "/sys/fs/cgroup/pids/pids.max",
    ];
    least(&all, 1)
}

/// A unit's directive, what it sets, and what 100 was in its days.
const IN_UNITS: [(&str, GroupResource, u64); 12] = [
    ("MemoryMax", GroupResource::MemoryMax, 0),
    ("MemoryLimit", GroupResource::MemoryMax, 0),
    ("MemoryHigh", GroupResource::MemoryHigh, 0),
    ("MemoryLow", GroupResource::MemoryLow, 0),
    ("MemoryMin", GroupResource::MemoryMin, 0),
    ("MemorySwapMax", GroupResource::MemorySwapMax, 0),
    ("CPUQuota", GroupResource::CpuQuota, 0),
    ("CPUWeight", GroupResource::CpuWeight, 0),
    ("CPUShares", GroupResource::CpuWeight, 1024),
    ("IOWeight", GroupResource::IoWeight, 0),
    ("BlockIOWeight", GroupResource::IoWeight, 500),
    ("TasksMax", GroupResource::TasksMax, 0),
];

/// The directives of units that are read here.
pub(super) fn unit_keys() -> impl Iterator<Item = &'static str> {
    IN_UNITS.iter().map(|(key, ..)| *key)
}

/// What a resource is set to; none as the amount is its default again.
type Amount = (GroupResource, Option<u64>);

/// What a directive of a unit comes to, if it is one of these.
///
/// # Errors
/// What to write instead.
pub(super) fn of_unit(key: &str, text: &str) -> Option<Result<Amount, &'static str>> {
    let (_, of, scale) = *IN_UNITS.iter().find(|(known, ..)| *known == key)?;
    let read = || match (text, scale) {
        // The least there is.
        ("idle", 0) if of == GroupResource::CpuWeight => Some(1),
        (_, 0) => amount(of, text, systemd::size),
        (_, scale) => {
            let old: u64 = text.parse().ok().filter(|old| *old > 0)?;
            Some((old.saturating_mul(100) / scale).clamp(1, 10_000))
        }
    };
    Some(if text.is_empty() {
        Ok((of, None))
    } else {
        read().map(|amount| (of, Some(amount))).ok_or(example(of))
    })
}

/// Lays it into the draft.
pub(super) fn put_of_unit(draft: &mut Draft, (of, amount): Amount) {
    put(draft, of, amount);
}

/// What the machine gives of them: in a tree of rinit's own, and in one that others may be
/// in as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// In its own.
    pub own: GroupResources,
    /// In a shared one.
    pub shared: GroupResources,
}

/// Takes out what can't be had here, and says once what that was: keys of TOML as a
/// warning, directives of units as a note.
pub(super) fn drop_impossible(
    drafts: &mut [Draft],
    wanted: Cgroups,
    offered: Limits,
    context: &Context<'_>,
) {
    let pick = |allowed: bool, of: GroupResources| match allowed {
        true => of,
        false => GroupResources::default(),
    };
    let own = pick(wanted.allows(true), offered.own);
    let possible = own.or(pick(wanted.allows(false), offered.shared));
    let mut gone = GroupResources::default();
    let (mut written, mut by_units) = (Vec::new(), Vec::new());
    for draft in drafts {
        let asked = GroupResources::of(&draft.spec.exec.group_limits);
        let without = asked.without(possible);
        if without.is_empty() {
            continue;
        }
        gone = gone.or(without);
        let in_toml = without.iter().any(|of| draft.written(of.key()).is_some());
        let list = if in_toml { &mut written } else { &mut by_units };
        list.push(format!("{}: {}", draft.name(), without.keys()));
        without.iter().for_each(|of| put(draft, of, None));
    }
    if !by_units.is_empty() {
        let text = format!(
            "limits by cgroup that are not applied here: {}",
            by_units.join("; ")
        );
        context.findings.borrow_mut().note(text);
    }
    if written.is_empty() {
        return;
    }
    let elsewhere = offered.own.or(offered.shared);
    let help = if !gone.without(elsewhere).is_empty() {
        "the services start without: no cgroup can be written here whose controllers have them"
    } else if wanted == Cgroups::No {
        "the services start without; take cgroups = false out of [init]"
    } else {
        "the services start without; write cgroups = true into [init] if the tree of cgroups is rinit's to use"
    };
    let what = format!(
        "limits by cgroup that can't be had here: {}",
        written.join("; ")
    );
    context.add(Diagnostic::warning(None, what, help));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_people_and_units_write_them() {
        use GroupResource as R;
        for (of, text, expected) in [
            (R::MemoryMax, "64M", Some(64 << 20)),
            (R::MemoryMax, "4096", Some(4096)),
            (R::MemoryMax, "infinity", Some(u64::MAX)),
            (R::MemoryMax, "1X", None),
            (R::MemoryMax, "x%", None),
            (R::CpuQuota, "50%", Some(500_000)),
            (R::CpuQuota, "12.5%", Some(125_000)),
            (R::CpuQuota, "250 %", Some(2_500_000)),
            (R::CpuQuota, "0%", None),
            (R::CpuQuota, "50", None),
            (R::CpuWeight, "10000", Some(10_000)),
            (R::CpuWeight, "10001", None),
            (R::CpuWeight, "infinity", None),
            (R::IoWeight, "0", None),
            (R::TasksMax, "12", Some(12)),
            (R::TasksMax, "0", None),
        ] {
            assert_eq!(amount(of, text, units::size), expected, "{of:?} {text}");
        }
        let half = amount(R::MemoryMax, "50%", units::size).unwrap();
        assert_eq!(half, machine_memory() / 2);
        assert!(amount(R::TasksMax, "0.01%", units::size).is_some());
        let unit = |key, text| of_unit(key, text).unwrap().ok();
        assert_eq!(
            unit("MemoryLimit", "1G"),
            Some((R::MemoryMax, Some(1 << 30)))
        );
        assert_eq!(unit("CPUShares", "512"), Some((R::CpuWeight, Some(50))));
        assert_eq!(
            unit("BlockIOWeight", "1000"),
            Some((R::IoWeight, Some(200)))
        );
        assert_eq!(unit("CPUWeight", "idle"), Some((R::CpuWeight, Some(1))));
        assert_eq!(unit("TasksMax", ""), Some((R::TasksMax, None)));
        assert_eq!(unit("TasksMax", "many"), None);
        assert!(of_unit("Delegate", "yes").is_none());
    }
}
