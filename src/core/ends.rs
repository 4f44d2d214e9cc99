//! How often a service's runs ended in which way: what a graph over weeks wants to know,
//! in a few numbers that never grow.

use super::exit::Exit;
use super::spec::ServiceSpec;
use super::state::Reason;

/// In which way a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By itself, as it should.
    Success,
    /// By itself, with another exit status.
    Exit,
    /// A signal killed it.
    Signal,
    /// The kernel's OOM killer did.
    OutOfMemory,
    /// It could not be started.
    Start,
    /// It was not ready, or not gone, in its time.
    Timeout,
    /// It didn't say that it lives.
    Watchdog,
    /// Its health was bad for too long.
    Unhealthy,
    /// It was to stop.
    Stopped,
}

impl Way {
    /// Every one, in the order of `Ends`.
    pub const ALL: [Self; 9] = [
        Self::Success,
        Self::Exit,
        Self::Signal,
        Self::OutOfMemory,
        Self::Start,
        Self::Timeout,
        Self::Watchdog,
        Self::Unhealthy,
        Self::Stopped,
    ];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Exit => "exit",
            Self::Signal => "signal",
            Self::OutOfMemory => "oom",
            Self::Start => "start",
            Self::Timeout => "timeout",
            Self::Watchdog => "watchdog",
            Self::Unhealthy => "unhealthy",
            Self::Stopped => "stopped",
        }
    }

    /// What an exit status is to this service.
    fn of_exit(exit: Exit, spec: &ServiceSpec) -> Self {
        match exit {
            exit if spec.is_well(exit) => Self::Success,
            Exit::Code(_) | Exit::Unknown => Self::Exit,
            Exit::Signal(_) => Self::Signal,
            Exit::OutOfMemory => Self::OutOfMemory,
        }
    }

    /// What a reason is to this service.
    pub(super) fn of(reason: &Reason, spec: &ServiceSpec) -> Self {
        match reason {
            Reason::Exit(exit) => Self::of_exit(*exit, spec),
            Reason::Explained { what, .. } | Reason::StartLimit { last: what } => {
                Self::of(what, spec)
            }
            Reason::Early(_)
            | Reason::Spawn(_)
            | Reason::Command(_)
            | Reason::Unmet { .. }
            | Reason::ForkRefused { .. } => Self::Start,
            Reason::NotThere { .. }
            | Reason::NotReady { .. }
            | Reason::NotStopped { .. }
            | Reason::TooLong(_) => Self::Timeout,
            Reason::Watchdog { .. } => Self::Watchdog,
            Reason::Unhealthy { .. } => Self::Unhealthy,
            Reason::Dependency { .. } => Self::Stopped,
        }
    }
}

/// How many ended in each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends([u32; Way::ALL.len()]);

impl Ends {
    /// One more.
    pub(super) fn count(&mut self, way: Way) {
        if let Some(count) = self.0.get_mut(way as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// Each way and its number.
    pub fn iter(&self) -> impl Iterator<Item = (Way, u32)> {
        Way::ALL.into_iter().zip(self.0)
    }

    /// How many there were.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.0
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_has_its_own_place() {
        let mut ends = Ends::default();
        for (times, way) in (1..).zip(Way::ALL) {
            (0..times).for_each(|_| ends.count(way));
        }
        let counted: Vec<_> = ends.iter().collect();
        let expected: Vec<_> = Way::ALL.into_iter().zip(1..).collect();
        assert_eq!(counted, expected);
        assert_eq!(ends.total(), 45);
    }
}
