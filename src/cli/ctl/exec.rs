//! A command in a service's place: rinit says how the service is executed, and this very
//! process becomes the command, so that terminal, job control and exit status are its own.

use serde_json::Value;

use super::{Clean, Options, REFUSED};
use crate::cli::print;
use crate::control::context;
use crate::supervise::become_command;

/// Comes back only where the command could not be executed.
pub(super) fn run(answer: &Value, options: &Options) -> i32 {
    let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default();
    let Some(context) = context::read(text("build"), text("context")) else {
        let build = Clean(text("build"));
        print::err(format_args!(
            "rinitctl: the rinit that runs here is another version ({build})\nhelp: call the rinitctl that belongs to it\n"
        ));
        return REFUSED;
    };
    let failure = become_command(context, &options.command, options.terminal);
    let name = Clean(text("name"));
    print::err(format_args!(
        "rinitctl: cannot execute this as {name}: {failure}\n"
    ));
    failure.code().into()
}
