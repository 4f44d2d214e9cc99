//! `type = "forking"`: how the main process is known that a service's first one leaves.

use super::draft::{Draft, TrackingChoice};
use super::value::{Context, Value};
use crate::core::spec::{Forking, Kind, Tracking};

/// What was written, in TOML or in a unit.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    /// `type`, or the unit's Type=, is forking.
    pub(super) forks: bool,
    pub(super) pid_file: Option<Box<str>>,
    pub(super) never_guess: bool,
    /// ExecStart= with a `-`: the failure of the starter alone is none.
    pub(super) starts_anyhow: bool,
    /// The unit stands for a script of /etc/init.d.
    pub(super) by_script: bool,
}

/// Whether a file may be the PID file: it names one, and nothing above it.
pub(super) fn is_a_file(path: &str) -> bool {
    let above = path.split('/').any(|part| part == "..");
    let last = path.rsplit('/').next();
    !above && !path.contains('\0') && last.is_some_and(|name| !matches!(name, "" | "."))
}

/// `pid-file`.
pub(super) fn pid_file(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    let path = value.text()?;
    if !is_a_file(&path) {
        let what = format!("pid-file can't be \"{path}\"");
        return value.wrong(
            what,
            "name the file that it writes, by a path without \"..\"",
        );
    }
    draft.forking.pid_file = Some(path.into());
    Some(())
}

/// `guess-main-pid`.
pub(super) fn guess(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    draft.forking.never_guess = !value.boolean()?;
    Some(())
}

/// Once all keys were read.
pub(super) fn finish(draft: &mut Draft, context: &Context<'_>) {
    let written = std::mem::take(&mut draft.forking);
    if !written.forks {
        for key in ["pid-file", "guess-main-pid"] {
            if let Some(at) = draft.written(key) {
                let what = format!("{key} is for a service that forks and ends");
                let help = "write type = \"forking\" beside it; a service that stays in the foreground needs no file to be known by";
                context.error(at, what, help);
            }
        }
        return;
    }
    // What runs at its times, which has been said.
    if draft.spec.kind == Kind::Oneshot {
        return;
    }
    if draft.tracking == TrackingChoice::Written(Tracking::Marks) {
        let what = "tracking = \"marks\" loses what a forking service leaves behind";
        let help = "leave it out, or write \"subreaper\"";
        context.error(draft.place("tracking"), what, help);
    }
    // The group of its first process is not that of its main one.
    draft.spec.stop.to_group = false;
    draft.spec.forking = Some(Box::new(Forking {
        pid_file: written.pid_file,
        never_guess: written.never_guess,
        starts_anyhow: written.starts_anyhow,
        by_script: written.by_script,
    }));
}
