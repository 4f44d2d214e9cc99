//! What a new configuration changes: plan and apply.

use serde_json::Value;

use super::{Clean, Options};
use crate::cli::print;
use crate::control::WAITING_FOR;

/// Says what the answer takes; `false` of the answer itself.
pub(super) fn hear(line: &[u8]) -> bool {
    let value: Value = serde_json::from_slice(line).unwrap_or_default();
    if value.get(WAITING_FOR).is_none() {
        return false;
    }
    let message = value.get("message").and_then(Value::as_str);
    print::err(format_args!(
        "rinitctl: {}\n",
        Clean(message.unwrap_or_default())
    ));
    true
}

/// A line for each service, and for `[init]`.
pub(super) fn tell(answer: &Value, options: &Options) -> i32 {
    if options.json {
        return 0;
    }
    for warning in texts(answer, "warnings") {
        for line in warning.lines() {
            print::err(format_args!("{}\n", Clean(line)));
        }
    }
    let mut lines = String::new();
    let changes = answer.get("changes").and_then(Value::as_array);
    for change in changes.into_iter().flatten() {
        let word = |key| change.get(key).and_then(Value::as_str).unwrap_or_default();
        lines.push_str(&format!("{}: {}", word("service"), word("change")));
        let keys: Vec<&str> = texts(change, "keys").collect();
        if !keys.is_empty() {
            lines.push_str(&format!(" ({})", keys.join(", ")));
        }
        lines.push('\n');
    }
    for (key, what) in [("init", ""), ("kept", "not without a new start: ")] {
        let keys: Vec<&str> = texts(answer, key).collect();
        if !keys.is_empty() {
            lines.push_str(&format!("[init]: {what}{}\n", keys.join(", ")));
        }
    }
    if lines.is_empty() {
        lines.push_str("nothing changes\n");
    }
    for line in lines.lines() {
        print::out(format_args!("{}\n", Clean(line)));
    }
    0
}

fn texts<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    let all = value.get(key).and_then(Value::as_array);
    all.into_iter().flatten().filter_map(Value::as_str)
}
