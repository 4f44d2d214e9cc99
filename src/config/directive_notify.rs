//! `[service.NAME]`: the keys about what its processes say by `sd_notify(3)`.

use std::time::Duration;

use super::directive::Directive;
use super::directive_service::{NONE, own, signal};
use super::draft::Draft;
use super::value::{Context, Value};
use crate::core::exec::FIRST_PASSED;
use crate::core::spec::{Kind, Notify, NotifyAccess, Ready};

/// More descriptors no service is given.
const STORE_MAX: i64 = 1024;

pub(super) const TABLE: &[Directive<Draft>] = &[
    own(
        "notify-access",
        "\"all\", \"main\", \"exec\" or \"none\"",
        "\"all\" with ready = \"notify\", watchdog or file-descriptor-store-max, else \"none\"",
        access,
        "Whose sd_notify messages count: its whole tree's, its main process's, those of processes that rinit started for it, or nobody's.",
    ),
    own(
        "watchdog",
        "duration",
        NONE,
        watchdog,
        "While it is active it says WATCHDOG=1 at least as often as this, or it is aborted and counts as failed.",
    ),
    own(
        "watchdog-signal",
        "signal",
        "\"SIGABRT\"",
        |draft, value| {
            notify(draft).watchdog_signal = signal(value)?;
            Some(())
        },
        "What it gets when it didn't say WATCHDOG=1 in time.",
    ),
    own(
        "file-descriptor-store-max",
        "0 to 1024",
        "0",
        store_max,
        "So many descriptors that it hands over (FDSTORE=1) are kept for its next run.",
    ),
];

fn notify(draft: &mut Draft) -> &mut Notify {
    draft.spec.notify.get_or_insert_default()
}

fn access(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    notify(draft).access = value.choice(&[
        ("all", NotifyAccess::All),
        ("main", NotifyAccess::Main),
        ("exec", NotifyAccess::Exec),
        ("none", NotifyAccess::None),
    ])?;
    Some(())
}

fn watchdog(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    let period = value.duration()?;
    if period == Duration::ZERO {
        return value.wrong(
            "watchdog is no time at all",
            "write a duration such as \"30s\", or leave the key watchdog out",
        );
    }
    notify(draft).watchdog = Some(period);
    Some(())
}

fn store_max(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    let most = value.integer(0..=STORE_MAX)?;
    notify(draft).store_max = u32::try_from(most).unwrap_or(0);
    Some(())
}

/// Reports keys that contradict each other.
pub(super) fn finish(draft: &mut Draft, context: &Context<'_>) {
    let spec = &draft.spec;
    if let Some(at) = draft.written("watchdog")
        && spec.kind == Kind::Oneshot
    {
        let what = "a oneshot is never active; it can't have a watchdog";
        let help = "leave watchdog out, or leave out type = \"oneshot\"";
        context.error(at, what, help);
    }
    if let Some(at) = draft.written("notify-access")
        && spec.notify_access() == NotifyAccess::None
    {
        let needs = if spec.ready == Ready::Notify {
            Some("ready = \"notify\"")
        } else if spec.watchdog().is_some() {
            Some("watchdog")
        } else if spec.store_max() > 0 {
            Some("file-descriptor-store-max")
        } else {
            None
        };
        if let Some(needs) = needs {
            let what = format!("notify-access = \"none\" leaves nobody to speak for {needs}");
            context.error(at, what, "write \"main\", \"exec\" or \"all\"");
        }
    }
    if let Ready::Fd(number) = spec.ready {
        let first_free = FIRST_PASSED.unsigned_abs().saturating_add(spec.store_max());
        if number < first_free {
            let what = format!(
                "descriptor {number} may be one of those that file-descriptor-store-max gives back, {FIRST_PASSED} to {}",
                first_free.saturating_sub(1)
            );
            let help = format!("the first free number is {first_free}: fd = {first_free}");
            context.error(draft.place("ready"), what, help);
        }
    }
    draft
        .spec
        .notify
        .take_if(|notify| **notify == Notify::default() && draft.spec.ready == Ready::Notify);
}
