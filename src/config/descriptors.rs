//! How many files rinit will hold open for the services, and whether its hard limit
//! allows that many: better a word before the start than a service that never comes.

use super::diagnostic::Diagnostic;
use super::draft::Draft;
use super::rights::HardLimits;
use super::value::Context;
use crate::core::exec::Resource;
use crate::core::spec::{Ready, ServiceSpec, Tracking};

/// rinit's own: signals, control socket and its clients, logger, spawns on their way.
const OWN: u64 = 128;

/// An error where the limit is too low.
pub(super) fn check(drafts: &[Draft], limits: &HardLimits, context: &Context<'_>) {
    let enabled = || drafts.iter().filter(|draft| draft.is_enabled());
    let needed = enabled()
        .map(|draft| of(&draft.spec))
        .fold(OWN, u64::saturating_add);
    let hard = limits.of(Resource::Nofile);
    if hard >= needed {
        return;
    }
    let count = enabled().count();
    let what =
        format!("{count} services need {needed} open files in rinit, and its hard limit is {hard}");
    let help = format!(
        "raise the limit (docker run --ulimit nofile={needed}), or write output = \"inherit\" for services that need no name in front"
    );
    context.add(Diagnostic::error(None, what, help));
}

/// What one service costs: both ends of two pipes, and its ways to tell us something.
fn of(spec: &ServiceSpec) -> u64 {
    let output = if spec.exec.output.is_read() { 4 } else { 0 };
    let ready = u64::from(matches!(spec.ready, Ready::Notify | Ready::Fd(_)));
    let tracking = u64::from(spec.tracking != Tracking::Marks);
    let sockets = spec
        .listen
        .as_ref()
        .map_or(0, |listen| listen.sockets.len() as u64);
    output + ready + tracking + sockets
}
