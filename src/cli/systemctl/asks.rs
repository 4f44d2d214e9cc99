//! Verbs that ask one word of each unit.

use super::jobs::is_reached;
use super::offline::nobody;
use super::world::{Service, World};
use crate::cli::print;
use crate::units::UnitName;

/// Exit status of is-active where nothing is.
const NOT_ACTIVE: i32 = 3;

/// How a unit stands, be it supervised or not.
pub(super) fn state_of(world: &World, name: &UnitName, services: &[Service]) -> &'static str {
    let meant = world.meant(name, services);
    // Of several the first that fails, or else that runs, says it.
    let states: Vec<_> = meant.iter().map(|it| it.stands_as(name).active).collect();
    let worst = [
        "failed",
        "activating",
        "reloading",
        "deactivating",
        "active",
    ];
    match worst.iter().find(|state| states.contains(state)) {
        Some(state) => state,
        None if meant.is_empty() && is_reached(world, name) => "active",
        None => "inactive",
    }
}

fn each(world: &World, verb: &str, words: &[String], wanted: &[&str], otherwise: i32) -> i32 {
    let Ok((services, _)) = world.services(false) else {
        return nobody(world, verb);
    };
    let mut code = otherwise;
    for name in world.names(words, &services) {
        let state = state_of(world, &name, &services);
        if wanted.contains(&state) {
            code = 0;
        }
        if !world.options.quiet {
            print::out(format_args!("{state}\n"));
        }
    }
    code
}

pub(super) fn is_active(world: &World, verb: &str, words: &[String]) -> i32 {
    each(world, verb, words, &["active", "reloading"], NOT_ACTIVE)
}

pub(super) fn is_failed(world: &World, verb: &str, words: &[String]) -> i32 {
    each(world, verb, words, &["failed"], super::FAILED)
}
