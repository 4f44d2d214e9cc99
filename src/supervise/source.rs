//! Whose descriptor it is: what epoll gives back with an event.

use crate::core::id::{RunId, ServiceId};

/// The owner of a watched descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The pipe that signal handlers wake.
    Signals,
    /// The descriptor that tells of ended children.
    Children,
    /// The pipe that closes when a run's program is executed, or says why it isn't.
    Launch(RunId),
    /// A run's readiness descriptor.
    ReadyFd(RunId),
    /// A pending connection of a run's probe.
    Connection(RunId),
    /// The socket to a run's subreaper.
    Subreaper(RunId),
    /// A run's main process that is not our child (`pidfd_open(2)`).
    Foreign(RunId),
    /// A service's notify socket.
    Notify(ServiceId),
    /// The socket to the child that opens a service's sockets.
    Opening(ServiceId),
    /// A service's own sockets, while it waits for its first connection.
    Listener(ServiceId),
    /// A descriptor that a service has left for its next run.
    Stored(ServiceId),
    /// The socket to the logger.
    Logger,
    /// A run's cgroup.
    Cgroup(RunId),
    /// The pipe from the process that looks for a tree's members.
    Seeker,
    /// The control socket.
    Control,
    /// What tells that the wall clock was set.
    Clock,
    /// A client of the control socket.
    Client(u32),
    /// The connection of the HTTP helper.
    Http,
    /// The child that reads the configuration.
    Reader,
}

const KIND_SHIFT: u32 = 56;
const NUMBER: u64 = (1 << KIND_SHIFT) - 1;

impl From<Source> for u64 {
    fn from(source: Source) -> Self {
        let (kind, number) = match source {
            Source::Signals => (0, 0),
            Source::Launch(run) => (1, run.0),
            Source::ReadyFd(run) => (2, run.0),
            Source::Connection(run) => (3, run.0),
            Source::Subreaper(run) => (4, run.0),
            Source::Foreign(run) => (5, run.0),
            Source::Notify(service) => (6, Self::from(service.0)),
            Source::Logger => (7, 0),
            Source::Seeker => (8, 0),
            Source::Control => (9, 0),
            Source::Client(client) => (10, Self::from(client)),
            Source::Children => (11, 0),
            Source::Cgroup(run) => (12, run.0),
            Source::Clock => (15, 0),
            Source::Opening(service) => (13, Self::from(service.0)),
            Source::Listener(service) => (14, Self::from(service.0)),
            Source::Stored(service) => (16, Self::from(service.0)),
            Source::Http => (20, 0),
            Source::Reader => (17, 0),
        };
        (kind << KIND_SHIFT) | (number & NUMBER)
    }
}

impl TryFrom<u64> for Source {
    type Error = ();

    fn try_from(value: u64) -> Result<Self, ()> {
        let number = value & NUMBER;
        let small = u32::try_from(number).map_err(drop);
        Ok(match value >> KIND_SHIFT {
            0 => Self::Signals,
            1 => Self::Launch(RunId(number)),
            2 => Self::ReadyFd(RunId(number)),
            3 => Self::Connection(RunId(number)),
            4 => Self::Subreaper(RunId(number)),
            5 => Self::Foreign(RunId(number)),
            6 => Self::Notify(ServiceId(small?)),
            7 => Self::Logger,
            8 => Self::Seeker,
            9 => Self::Control,
            10 => Self::Client(small?),
            11 => Self::Children,
            12 => Self::Cgroup(RunId(number)),
            15 => Self::Clock,
            13 => Self::Opening(ServiceId(small?)),
            14 => Self::Listener(ServiceId(small?)),
            16 => Self::Stored(ServiceId(small?)),
            20 => Self::Http,
            17 => Self::Reader,
            _ => return Err(()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_comes_back_as_itself() {
        let run = RunId(12_345_678_901);
        let sources = [
            Source::Signals,
            Source::Launch(run),
            Source::ReadyFd(run),
            Source::Connection(run),
            Source::Subreaper(run),
            Source::Foreign(run),
            Source::Cgroup(run),
            Source::Notify(ServiceId(7)),
            Source::Stored(ServiceId(8)),
            Source::Logger,
            Source::Seeker,
            Source::Control,
            Source::Reader,
            Source::Client(u32::MAX),
            Source::Children,
            Source::Clock,
            Source::Http,
            Source::Opening(ServiceId(8)),
            Source::Listener(ServiceId(9)),
        ];
        for source in sources {
            assert_eq!(Source::try_from(u64::from(source)), Ok(source));
        }
    }
}
