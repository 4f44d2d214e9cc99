//! Verbs that ask one word of each unit.

use super::offline::nobody;
use super::say;
use super::targets::is_reached;
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
        None if meant.is_empty() && is_reached(world, name, services) => "active",
        None => "inactive",
    }
}

/// A bare template is nothing that could stand anywhere.
pub(super) fn no_instance(name: &UnitName) -> Option<String> {
    let name = name.is_template().then(|| name.as_str())?;
    Some(format!(
        "Unit name {name} is neither a valid invocation ID nor unit name."
    ))
}

fn each(world: &World, words: &[String], wanted: &[&str], otherwise: i32) -> i32 {
    let Ok((services, _)) = world.services(false) else {
        return nobody();
    };
    let mut code = otherwise;
    let Some(names) = world.names(words, &services) else {
        return super::FAILED;
    };
    for name in names {
        if let Some(wrong) = no_instance(&name) {
            return say(format_args!("Failed to retrieve unit state: {wrong}"));
        }
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

pub(super) fn is_active(world: &World, _: &str, words: &[String]) -> i32 {
    each(world, words, &["active", "reloading"], NOT_ACTIVE)
}

pub(super) fn is_failed(world: &World, _: &str, words: &[String]) -> i32 {
    each(world, words, &["failed"], super::FAILED)
}
