//! Numbers that name things, so that a stale message cannot touch its successor.

/// A service: its place in the declared order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId(pub u32);

impl ServiceId {
    /// As an index into what is kept in declared order.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One life of a service, from the decision to start it to the last of its tree.
/// Never used twice in the life of a system; events that name an ended run are stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

/// A process number as the kernel gave it; always positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(pub i32);
