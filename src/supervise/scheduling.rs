//! When and where a service's processes have their turn: IOScheduling*=, CPUScheduling*=,
//! CPUAffinity= and kin of units (`core::sandbox`). What isn't permitted here is left out.

use crate::core::exec::Words;
use crate::core::sandbox::{CPU_POLICIES, IO_CLASSES, all, has, last};
use crate::core::tuning::{MEMORY_POLICIES, Numbers, dumped};
use crate::sys::{process, tuning};

/// SCHED_RESET_ON_FORK.
const RESET_ON_FORK: usize = 0x4000_0000;
/// Of a class of I/O that nobody chose, and of who chose no place in it.
const BEST_EFFORT: usize = 2;
const MIDDLE: usize = 4;

pub(super) fn set_up(words: &Words) {
    let place = |key, names: &[&str]| {
        let value = last(words, key)?;
        names.iter().position(|name| *name == value)
    };
    let number = |key| last(words, key)?.trim().parse().ok();
    let class = place("IOSchedulingClass", &IO_CLASSES).map(|place| place % MIDDLE);
    let within = number("IOSchedulingPriority");
    if class.is_some() || within.is_some() {
        let class = class.unwrap_or(BEST_EFFORT);
        process::set_io_priority(class << 13 | within.unwrap_or(MIDDLE));
    }
    if let Some(policy) = place("CPUSchedulingPolicy", &CPU_POLICIES) {
        let is_realtime = matches!(policy, 1 | 2);
        let priority = number("CPUSchedulingPriority").unwrap_or(1);
        let reset = has(words, "CPUSchedulingResetOnFork");
        let policy = policy | if reset { RESET_ON_FORK } else { 0 };
        process::set_policy(policy, if is_realtime { priority } else { 0 });
    }
    if let Some(processors) = Numbers::of(&all(words, "CPUAffinity")) {
        tuning::set_affinity(&processors.0);
    }
    if let Some(policy) = place("NUMAPolicy", &MEMORY_POLICIES) {
        let there = || std::fs::read_to_string("/sys/devices/system/node/online");
        let there = there().unwrap_or_else(|_| "0".to_owned());
        let mut lists = all(words, "NUMAMask");
        for list in lists.iter_mut().filter(|list| **list == "all") {
            *list = &there;
        }
        let nodes = Numbers::of(&lists);
        // What is local is no node.
        let nodes = nodes.filter(|_| policy < MEMORY_POLICIES.len() - 1);
        tuning::set_memory_policy(policy, nodes.as_ref().map(|nodes| &nodes.0[..]));
    }
    if let Some(nanos) = number("TimerSlackNSec") {
        tuning::set_timer_slack(nanos);
    }
    if has(words, "Personality") {
        tuning::become_32_bits();
    }
    let kinds = all(words, "CoredumpFilter");
    if !kinds.is_empty() {
        let kinds = kinds.into_iter().filter_map(dumped);
        let kinds = kinds.fold(0, |all, some| all | some);
        let _ = std::fs::write("/proc/self/coredump_filter", kinds.to_string());
    }
}
