//! `kill` and `reset-failed`: what is done to services at once.

use serde_json::Value;

use super::offline::nobody;
use super::world::{Request, World};
use super::{FAILED, say};

pub(super) fn kill(world: &World, _: &str, words: &[String]) -> i32 {
    let signal = world.options.signal.as_deref();
    let Ok((services, _)) = world.services(false) else {
        return nobody();
    };
    let mut code = 0;
    let Some(names) = world.names(words, &services) else {
        return FAILED;
    };
    for name in names {
        let meant = world.meant(&name, &services);
        let name = name.as_str();
        if meant.is_empty() {
            say(format_args!(
                "Failed to kill unit {name}: Unit {name} not loaded."
            ));
            code = FAILED;
        }
        for service in meant {
            let whom = world.options.whom.as_deref();
            if whom == Some("control") {
                code = say(format_args!(
                    "Failed to kill unit {name}: No control process to kill"
                ));
                continue;
            }
            if service.number("pid").is_none() {
                if whom == Some("main") {
                    code = say(format_args!(
                        "Failed to kill unit {name}: No main process to kill"
                    ));
                }
                continue;
            }
            let names = [service.name.clone()];
            let request = Request {
                signal,
                ..Request::of("kill", &names)
            };
            if let Some(error) = refusal(world, &request) {
                code = say(format_args!("Failed to kill unit {name}: {error}"));
            }
        }
    }
    code
}

pub(super) fn reset_failed(world: &World, _: &str, words: &[String]) -> i32 {
    let Ok((services, _)) = world.services(false) else {
        return nobody();
    };
    let mut code = 0;
    let mut names: Vec<String> = Vec::new();
    if words.is_empty() {
        names.extend(services.iter().map(|service| service.name.clone()));
    }
    let Some(named) = world.names(words, &services) else {
        return FAILED;
    };
    for name in named {
        let meant = world.meant(&name, &services);
        let known = world.unit(&name).is_ok() && !name.is_template();
        if meant.is_empty() && !known {
            let name = name.as_str();
            code = say(format_args!(
                "Failed to reset failed state of unit {name}: Unit {name} not loaded."
            ));
        }
        names.extend(meant.iter().map(|service| service.name.clone()));
    }
    for names in names.chunks(32) {
        if let Some(error) = refusal(world, &Request::of("reset", names)) {
            code = say(format_args!("Failed to reset failed state: {error}"));
        }
    }
    code
}

fn refusal(world: &World, request: &Request<'_>) -> Option<String> {
    match world.ask(request) {
        Err(_) => Some("rinit gave no answer".to_owned()),
        Ok(answer) => {
            let error = answer.get("error").and_then(Value::as_str);
            error.map(str::to_owned)
        }
    }
}
