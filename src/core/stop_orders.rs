//! The signals of a stop, as `kill-mode` has them.

use super::action::Action;
use super::id::RunId;
use super::signal::Signal;
use super::spec::{KillMode, Stop};

/// What a kill is: whom it reaches, `kill-mode` says.
pub(super) const fn kill_order(run: RunId, kill_mode: KillMode, signal: Signal) -> Option<Action> {
    match kill_mode {
        KillMode::Tree | KillMode::ControlGroup | KillMode::Mixed => {
            Some(Action::SignalTree { run, signal })
        }
        KillMode::Process => Some(Action::SignalMain {
            run,
            signal,
            to_group: false,
        }),
        KillMode::None => None,
    }
}

/// What a stop begins with: to whom the signal goes, `kill-mode` says.
pub(super) fn ask_to_stop(run: RunId, first: Signal, stop: &Stop) -> impl Iterator<Item = Action> {
    let (mode, to_group) = (stop.kill_mode, stop.to_group);
    [first, Signal::CONT]
        .into_iter()
        .filter_map(move |signal| match mode {
            KillMode::Tree | KillMode::Process | KillMode::Mixed => Some(Action::SignalMain {
                run,
                signal,
                to_group,
            }),
            KillMode::ControlGroup => Some(Action::SignalTree { run, signal }),
            KillMode::None => None,
        })
}
