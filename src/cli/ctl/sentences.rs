//! Answers that are a few lines: why, health, version, and that it is done.

use serde_json::Value;

use super::{Clean, Options};
use crate::cli::print;

/// Sentences, each cause below what it explains; below them what was printed last.
pub(super) fn why(answer: &Value, options: &Options) -> i32 {
    if !options.json {
        for (place, service) in super::services::of(answer).enumerate() {
            let gap = if place > 0 { "\n" } else { "" };
            print::out(format_args!("{gap}{}", sentences(service)));
        }
        print::out(super::services::last_lines(answer));
    }
    0
}

/// Somebody who should be up isn't: what it printed last may say more.
pub(super) fn in_trouble(answer: &Value) -> bool {
    super::services::of(answer).any(|service| {
        let state = super::services::text(service, "state");
        matches!(state, "starting" | "backoff" | "failed")
    })
}

/// A service's sentences, a line each.
pub(super) fn sentences(service: &Value) -> String {
    let all = service.get("why").and_then(Value::as_array);
    let all = all.into_iter().flatten().filter_map(Value::as_str);
    all.map(|sentence| format!("{}\n", Clean(sentence)))
        .collect()
}

/// One line, and whether it is well.
pub(super) fn health(answer: &Value, options: &Options) -> i32 {
    if !options.json {
        let message = answer.get("message").and_then(Value::as_str);
        print::out(format_args!("{}\n", Clean(message.unwrap_or_default())));
    }
    i32::from(answer.get("healthy") != Some(&Value::Bool(true)))
}

/// It is so; with what is worth saying about it.
pub(super) fn done(answer: &Value, options: &Options) -> i32 {
    let message = answer.get("message").and_then(Value::as_str);
    if let Some(message) = message.filter(|_| !options.json) {
        print::out(format_args!("{}\n", Clean(message)));
    }
    0
}

/// What runs.
pub(super) fn version(answer: &Value, options: &Options) -> i32 {
    if !options.json {
        let version = answer.get("version").and_then(Value::as_str);
        let pid = answer.get("pid").and_then(Value::as_i64);
        print::out(format_args!(
            "rinit {}, pid {}\n",
            Clean(version.unwrap_or_default()),
            pid.unwrap_or_default()
        ));
    }
    0
}
