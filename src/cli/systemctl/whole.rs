//! Verbs of the whole: its end.

use serde_json::Value;

use super::offline::nobody;
use super::say;
use super::world::{Request, World};

/// Ends the container.
pub(super) fn end(world: &World, verb: &str, words: &[String]) -> i32 {
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
        Err(_) => nobody(world, verb),
        Ok(answer) => match answer.get("error").and_then(Value::as_str) {
            Some(error) => say(format_args!("{error}")),
            None => 0,
        },
    }
}
