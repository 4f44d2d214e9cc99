//! How loud a report is.

use super::{Level, Next, Report};
use crate::core::shutdown::Cause;
use crate::core::state::Reason;

impl Report {
    /// How loud.
    #[must_use]
    pub fn level(&self) -> Level {
        match self {
            Self::Failed { .. } | Self::NotApplied | Self::Mistake { .. } => Level::Error,
            Self::AlreadyTaken { .. }
            | Self::ForkRefused { .. }
            | Self::Unhealthy { .. }
            | Self::DependencyLost { .. }
            | Self::TimeMissed { .. }
            | Self::CommandFailed { ignored: false, .. }
            | Self::ReloadLate { .. }
            | Self::ReloadFailed { .. }
            | Self::Doubt { .. }
            | Self::Killed { .. }
            | Self::KillingAll { .. } => Level::Warn,
            // A line for each run would be many.
            Self::Ended {
                next: Next::Run { well: true, .. },
                ..
            } => Level::Debug,
            Self::Ended {
                next: Next::Run { well: false, .. },
                ..
            } => Level::Warn,
            Self::Ended {
                reason: Reason::Exit(exit),
                ..
            } if exit.is_success() => Level::Info,
            Self::Ended {
                next: Next::Nothing,
                ..
            } => Level::Info,
            Self::Ended { .. } => Level::Warn,
            Self::Up { troubled: 0, .. } => Level::Info,
            Self::Up { .. } => Level::Warn,
            Self::Skipped { .. }
            | Self::StillWaiting { .. }
            | Self::StillWaitingElsewhere { .. }
            | Self::Healthy { .. }
            | Self::Reloaded { .. }
            | Self::CommandFailed { ignored: true, .. }
            | Self::DependencyEnded { .. }
            | Self::NoTimeLeft { .. }
            | Self::StoppedByHand { .. }
            | Self::MadeWay { .. }
            | Self::Unneeded { .. }
            | Self::WaitingFor { .. }
            | Self::Applied { .. }
            | Self::ApplyWaits { .. }
            | Self::NotReadNow
            | Self::Shutdown {
                cause: Cause::Signal(_) | Cause::Request { .. },
            } => Level::Info,
            // The last line of all says it too.
            Self::Changed { .. }
            | Self::Shutdown {
                cause: Cause::Essential(_) | Cause::Unhealthy(_) | Cause::NothingLeft,
            }
            | Self::SignalDropped { .. } => Level::Debug,
        }
    }
}
