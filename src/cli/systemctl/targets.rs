//! Targets, which rinit doesn't supervise: which of them are reached, and what they pull in.

use super::world::{Service, World, is_starter};
use crate::core::sorted::Set;
use crate::units::{NoUnit, UnitName};

/// What everything has passed that waits for it.
const ALWAYS: [&str; 15] = [
    "basic",
    "default",
    "graphical",
    "local-fs",
    "multi-user",
    "network",
    "network-online",
    "nss-lookup",
    "paths",
    "remote-fs",
    "slices",
    "sockets",
    "sysinit",
    "time-sync",
    "timers",
];

/// What nothing in a container ever comes to.
const NEVER: [&str; 8] = [
    "emergency",
    "exit",
    "halt",
    "kexec",
    "poweroff",
    "reboot",
    "rescue",
    "shutdown",
];

/// It is reached in every container.
pub(super) fn is_always(name: &UnitName) -> bool {
    name.suffix() == "target" && ALWAYS.contains(&name.stem())
}

/// A target that is reached: always, or with the default target, or because all is up that
/// it pulls in.
pub(super) fn is_reached(world: &World, name: &UnitName, services: &[Service]) -> bool {
    if name.suffix() != "target" || NEVER.contains(&name.stem()) {
        return false;
    }
    if is_always(name) {
        return true;
    }
    // One that services pull in, and that pulls in nothing, is there for its name.
    let is_up = |name: &UnitName| {
        let meant = world.meant(name, services);
        meant.iter().any(|it| it.stands_as(name).active == "active")
    };
    world.unit(name).is_ok()
        && (world.default_targets().contains(name.as_str())
            || pulled(world, name).iter().all(is_up))
}

/// What starts with a target of somebody's own: services, and what starts services.
#[inline(never)]
pub(super) fn pulled(world: &World, name: &UnitName) -> Vec<UnitName> {
    if name.suffix() != "target" || is_always(name) || world.unit(name).is_err() {
        return Vec::new();
    }
    let (_, mut found) = walk(world, &[name.as_str()]);
    found.retain(|name| !matches!(world.unit(name), Err(NoUnit::Missing | NoUnit::Masked(_))));
    found
}

/// The targets that these lead to, and what else.
#[inline(never)]
pub(super) fn walk(world: &World, from: &[&str]) -> (Set<String>, Vec<UnitName>) {
    let mut targets = Set::new();
    let mut others = Vec::new();
    let mut left: Vec<UnitName> = from.iter().filter_map(|it| UnitName::parse(it)).collect();
    while let Some(name) = left.pop() {
        if name.suffix() != "target" {
            let counts = name.suffix() == "service" || is_starter(&name);
            if counts && !others.contains(&name) {
                others.push(name);
            }
            continue;
        }
        let Ok(unit) = world.unit(&name) else {
            continue;
        };
        if !targets.insert(unit.name.as_str().to_owned()) {
            continue;
        }
        let mut next: Vec<String> = unit.pulls().into_iter().collect();
        for key in ["Wants", "Requires", "BindsTo", "Upholds"] {
            let said = world.said_or(&name, "Unit", key, "");
            next.extend(said.split_whitespace().map(str::to_owned));
        }
        left.extend(next.iter().filter_map(|it| UnitName::parse(it)));
    }
    (targets, others)
}
