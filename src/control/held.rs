//! Signals that a client waits for instead of ending by them, so that the terminal is left
//! as it was.

use std::time::Duration;

use crate::core::signal::Signal;
use crate::sys::signal::{SignalSet, set_mask, wait};

/// What ends a client. ^Z is held too, and does nothing.
const ENDING: [Signal; 4] = [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT];

/// They are held as long as this is there.
pub(crate) struct HeldSignals {
    before: SignalSet,
    held: SignalSet,
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The time is over.
    Nothing,
    /// The terminal has another size.
    Resized,
    /// Somebody wants an end.
    End,
}

impl HeldSignals {
    /// From now on.
    pub(crate) fn hold() -> Self {
        let all = ENDING.into_iter().chain([Signal::WINCH, Signal::TSTP]);
        let held = all.fold(SignalSet::EMPTY, SignalSet::with);
        Self {
            before: set_mask(held),
            held,
        }
    }

    /// Waits for one of them, no longer than that.
    pub(crate) fn wait(&self, limit: Duration) -> Heard {
        match wait(self.held, Some(limit)) {
            Ok(received) if ENDING.contains(&received.signal) => Heard::End,
            Ok(received) if received.signal == Signal::WINCH => Heard::Resized,
            Ok(_) | Err(_) => Heard::Nothing,
        }
    }
}

impl Drop for HeldSignals {
    fn drop(&mut self) {
        set_mask(self.before);
    }
}
