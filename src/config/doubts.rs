//! What is allowed and hardly meant: warnings.

use std::collections::BTreeMap;

use super::diagnostic::Diagnostic;
use super::draft::Draft;
use super::units;
use super::value::Context;
use crate::core::probe::Probe;
use crate::core::spec::{InitSpec, Ready, RestartPolicy};

/// In one service's own keys.
pub(super) fn of_one(draft: &Draft, init: &InitSpec, context: &Context<'_>) {
    let name = draft.name();
    if let Some(at) = draft.written("stop-timeout")
        && let Some(limit) = init.shutdown_timeout
        && draft
            .spec
            .stop
            .timeout
            .is_none_or(|timeout| timeout > limit)
    {
        let grace = units::written(draft.spec.stop.timeout);
        let limit = units::written(Some(limit));
        let what = format!("{name}: {grace} exceeds shutdown-timeout {limit}");
        let help = match draft.spec.stop.timeout {
            Some(_) => {
                format!("a shutdown kills it earlier; write [init] shutdown-timeout above {grace}")
            }
            None => "a shutdown kills it earlier; write [init] shutdown-timeout = \"infinity\" too"
                .to_owned(),
        };
        context.warn(at, what, help);
    }
    if draft.spec.essential
        && draft.spec.restart.policy == RestartPolicy::Always
        && draft.spec.restart.limit.is_none()
        && !draft.spec.is_main
    {
        let what = format!("{name}: essential, but always restarted: it never ends the container");
        let help = "leave restart out (the engine restarts the container), or add start-limit";
        context.warn(draft.place("restart"), what, help);
    }
    if draft.spec.essential && !draft.is_enabled() {
        let what = format!("{name}: essential, but not enabled");
        context.warn(
            draft.place("enabled"),
            what,
            "it can't end the container before it is started by hand",
        );
    }
}

/// Whoever finds the address answering before its start takes it for somebody else's.
pub(super) fn shared_addresses(drafts: &[Draft], context: &Context<'_>) {
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    for draft in drafts.iter().filter(|draft| draft.is_enabled()) {
        let addresses = match &draft.spec.ready {
            Ready::Probe(Probe::Tcp(addresses)) => {
                addresses.iter().map(ToString::to_string).collect()
            }
            Ready::Probe(Probe::Unix(path)) => vec![path.to_string()],
            Ready::Probe(Probe::Names(_) | Probe::File(_) | Probe::Http(_) | Probe::Exec(_))
            | Ready::Exec
            | Ready::Notify
            | Ready::Fd(_)
            | Ready::Delay(_)
            | Ready::Log(_) => Vec::new(),
        };
        for address in addresses {
            let Some(owner) = owners.get(&address) else {
                owners.insert(address, draft.name());
                continue;
            };
            if *owner != draft.name() {
                let what = format!("{}: waits for {address}, as {owner} does", draft.name());
                let help = "the second one to start finds it taken: give each its own";
                context.warn(draft.place("ready"), what, help);
            }
        }
    }
}

/// Root that can't become anybody else: such services fail, they never run as root instead.
pub(super) fn identities(drafts: &[Draft], context: &Context<'_>) {
    let with_user: Vec<_> = drafts
        .iter()
        .filter(|draft| draft.is_enabled() && draft.spec.exec.identity.is_some())
        .map(Draft::name)
        .collect();
    if !with_user.is_empty() {
        let what = format!(
            "rinit may not change its user, and these services would: {}",
            with_user.join(", ")
        );
        let help = "give the container CAP_SETUID and CAP_SETGID; they fail without";
        context.add(Diagnostic::warning(None, what, help));
    }
}
