//! What is allowed and hardly meant: warnings.

use super::diagnostic::Diagnostic;
use super::draft::{Draft, TrackingChoice};
use super::rights::{Offer, has_cgroups};
use super::units;
use super::value::Context;
use crate::core::probe::Probe;
use crate::core::sorted::Map;
use crate::core::spec::{Cgroups, InitSpec, Ready, RestartPolicy, Tracking};

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

/// Cgroups that are asked for and can't be had.
pub(super) fn cgroups(drafts: &[Draft], wanted: Cgroups, offer: Offer, context: &Context<'_>) {
    if has_cgroups(wanted, offer) {
        return;
    }
    let help = match (wanted, offer) {
        (Cgroups::No, _) => "take cgroups = false out of [init]",
        (_, Offer::None) => "mount a cgroup2 that rinit may write at /sys/fs/cgroup, or leave it",
        _ => "write cgroups = true into [init] if the tree of cgroups is rinit's to use",
    };
    for draft in drafts {
        if draft.tracking == TrackingChoice::Written(Tracking::Cgroup) {
            let name = draft.name();
            let what = format!("{name}: no cgroup can be had here; a subreaper is taken instead");
            context.warn(draft.place("tracking"), what, help);
        }
    }
    if wanted == Cgroups::Yes {
        let what = "[init] cgroups = true: none can be had here; subreapers do what they can";
        context.add(Diagnostic::warning(None, what.to_owned(), help));
    }
}

/// Whoever finds the address answering before its start takes it for somebody else's.
pub(super) fn shared_addresses(drafts: &[Draft], context: &Context<'_>) {
    let mut owners: Map<String, &str> = Map::new();
    for draft in drafts.iter().filter(|draft| draft.is_enabled()) {
        let addresses = match &draft.spec.ready {
            Ready::Probe(Probe::Tcp(addresses)) => {
                addresses.iter().map(ToString::to_string).collect()
            }
            Ready::Probe(Probe::Unix(path)) => vec![path.to_string()],
            Ready::Probe(
                Probe::Names(_) | Probe::File(_) | Probe::Http(_) | Probe::Exec(_) | Probe::Bus(_),
            )
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
