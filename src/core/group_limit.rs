//! What a service's processes may take of the machine together, by a cgroup (`cgroups(7)`):
//! the words alone. How the kernel is told is `sys::controllers`'.

/// One limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupLimit {
    /// Of what.
    pub of: GroupResource,
    /// How much, in the unit that `of` names; `u64::MAX` is no limit.
    pub amount: u64,
}

/// What can be limited for a whole group of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum GroupResource {
    /// `memory-max`, in bytes: what needs more meets the OOM killer.
    MemoryMax = 0,
    /// `memory-high`, in bytes: what takes more is slowed down.
    MemoryHigh = 1,
    /// `memory-low`, in bytes: so much is taken from it only where nothing else is left.
    MemoryLow = 2,
    /// `memory-min`, in bytes: so much is never taken from it.
    MemoryMin = 3,
    /// `memory-swap-max`, in bytes.
    MemorySwapMax = 4,
    /// `cpu-quota`, in microseconds of processor time in a second.
    CpuQuota = 5,
    /// `cpu-weight`, from 1 to 10000.
    CpuWeight = 6,
    /// `io-weight`, from 1 to 10000.
    IoWeight = 7,
    /// `tasks-max`: processes and threads.
    TasksMax = 8,
}

impl GroupResource {
    /// Every one, by its number.
    pub const ALL: [Self; 9] = [
        Self::MemoryMax,
        Self::MemoryHigh,
        Self::MemoryLow,
        Self::MemoryMin,
        Self::MemorySwapMax,
        Self::CpuQuota,
        Self::CpuWeight,
        Self::IoWeight,
        Self::TasksMax,
    ];

    /// Its key in TOML.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::MemoryMax => "memory-max",
            Self::MemoryHigh => "memory-high",
            Self::MemoryLow => "memory-low",
            Self::MemoryMin => "memory-min",
            Self::MemorySwapMax => "memory-swap-max",
            Self::CpuQuota => "cpu-quota",
            Self::CpuWeight => "cpu-weight",
            Self::IoWeight => "io-weight",
            Self::TasksMax => "tasks-max",
        }
    }

    /// What the kernel gives a group of which nothing is said.
    #[must_use]
    pub const fn default_amount(self) -> u64 {
        match self {
            Self::MemoryMax
            | Self::MemoryHigh
            | Self::MemorySwapMax
            | Self::CpuQuota
            | Self::TasksMax => u64::MAX,
            Self::MemoryLow | Self::MemoryMin => 0,
            Self::CpuWeight | Self::IoWeight => 100,
        }
    }
}

/// Some of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupResources(u16);

impl GroupResources {
    /// Those that share between neighbours: each of these has to have a group.
    pub const WEIGHTS: Self =
        Self(1 << GroupResource::CpuWeight as u8 | 1 << GroupResource::IoWeight as u8);
    /// Every one.
    pub const ALL: Self = Self((1 << GroupResource::ALL.len()) - 1);

    /// Those that these limits are of.
    #[must_use]
    pub fn of(limits: &[GroupLimit]) -> Self {
        limits
            .iter()
            .fold(Self::default(), |all, limit| all.with(limit.of))
    }

    /// And this one.
    #[must_use]
    pub const fn with(self, one: GroupResource) -> Self {
        Self(self.0 | 1 << one as u8)
    }

    /// Whether this is one of them.
    #[must_use]
    pub const fn has(self, one: GroupResource) -> bool {
        self.0 & 1 << one as u8 != 0
    }

    /// And those.
    #[must_use]
    pub const fn or(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// These without those.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// There is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = GroupResource> {
        let all = GroupResource::ALL.into_iter();
        all.filter(move |one| self.has(*one))
    }

    /// Their keys, for people.
    #[must_use]
    pub fn keys(self) -> String {
        let keys: Vec<&str> = self.iter().map(GroupResource::key).collect();
        keys.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set = GroupResources::default()
            .with(GroupResource::TasksMax)
            .with(GroupResource::MemoryMax);
        assert_eq!(set.keys(), "memory-max, tasks-max");
        assert!(set.and(GroupResources::WEIGHTS).is_empty());
        assert_eq!(GroupResources::ALL.iter().count(), GroupResource::ALL.len());
        assert_eq!(GroupResources::WEIGHTS.keys(), "cpu-weight, io-weight");
        assert!(set.without(set).is_empty());
        for (number, one) in (0..).zip(GroupResource::ALL) {
            assert_eq!(one as u8, number);
        }
    }
}
