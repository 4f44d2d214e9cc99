//! Verbs of the whole: how it stands, its environment, its end.

use serde_json::Value;

use super::offline::{is_offline, nobody};
use super::say;
use super::world::{Request, World};
use crate::cli::print;

pub(super) fn is_system_running(world: &World, _: &str, _: &[String]) -> i32 {
    let ask = || {
        if world.options.root.is_some() || is_offline(world) {
            None
        } else {
            world.services(false).ok()
        }
    };
    let ask = || ask().map_or_else(|| "offline".to_owned(), |(_, state)| state);
    let mut state = ask();
    if world.options.waits && state == "starting" {
        world.watch(&[], &mut || {
            state = ask();
            state != "starting"
        });
    }
    if !world.options.quiet {
        print::out(format_args!("{state}\n"));
    }
    i32::from(state != "running")
}

/// The environment of what starts from now on: the container's, which needs no import, with
/// what is changed of it.
pub(super) fn environment(world: &World, verb: &str, words: &[String]) -> i32 {
    let is = |prefix| verb.starts_with(prefix);
    if is("set") && !words.iter().all(|word| word.find('=') > Some(0)) {
        return say(format_args!(
            "Failed to set environment: Invalid environment assignments"
        ));
    }
    if is("import") {
        let unset = words.iter().filter(|name| std::env::var_os(name).is_none());
        for name in unset {
            print::err(format_args!(
                "Environment variable ${name} not set, ignoring.\n"
            ));
        }
    }
    let changes = if is("import") { &[] } else { words };
    let Ok(answer) = world.ask(&Request::of("environment", changes)) else {
        return nobody();
    };
    if let Some(error) = answer.get("error").and_then(Value::as_str) {
        return say(format_args!("Failed to {verb}: {error}"));
    }
    if is("show") {
        for word in super::status::words(&answer, "environment") {
            print::out(word + "\n");
        }
    }
    0
}

/// Ends the container.
pub(super) fn end(world: &World, _: &str, words: &[String]) -> i32 {
    let code = match words.first().map(|word| word.parse()) {
        None => None,
        Some(Ok(code)) => Some(code),
        Some(Err(_)) => return say(format_args!("Failed to parse exit code.")),
    };
    let request = Request {
        code,
        ..Request::of("shutdown", &[])
    };
    match world.ask(&request) {
        Err(_) => nobody(),
        Ok(answer) => match answer.get("error").and_then(Value::as_str) {
            Some(error) => say(format_args!("{error}")),
            None => 0,
        },
    }
}
