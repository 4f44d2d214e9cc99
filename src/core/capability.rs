//! Capabilities by name (`capabilities(7)`): a set that both front ends write and the
//! child's last steps read.

use std::fmt;

/// A set of them, by number.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Capabilities(pub u64);

/// Their names without CAP_; the place is the number.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

impl Capabilities {
    /// None at all.
    pub const NONE: Self = Self(0);

    /// The one of this name, with or without CAP_, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let upper = name.to_ascii_uppercase();
        let short = upper.strip_prefix("CAP_").unwrap_or(&upper);
        let number = NAMES.iter().position(|known| *known == short)?;
        Some(Self(1 << number))
    }

    /// Every name that is known, without CAP_.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.into_iter()
    }

    /// Both together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// All others, also those that a later kernel brings.
    #[must_use]
    pub const fn others(self) -> Self {
        Self(!self.0)
    }

    /// Whether the one with this number is in it.
    #[must_use]
    pub const fn has(self, number: u32) -> bool {
        number < u64::BITS && self.0.unbounded_shr(number) & 1 == 1
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = (0_u32..)
            .zip(NAMES)
            .filter(|(number, _)| self.has(*number))
            .map(|(_, name)| name);
        f.debug_set().entries(known).finish()
    }
}

/// What a process may never do, or may although its user isn't root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confinement {
    /// `no-new-privileges`.
    pub no_new_privileges: bool,
    /// `capability-bounding-set`: all that it can ever have; `None` is rinit's own.
    pub bounding: Option<Capabilities>,
    /// `ambient-capabilities`: what its user has although it isn't root.
    pub ambient: Capabilities,
}

impl Confinement {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_with_and_without_its_prefix() {
        for name in [
            "CAP_NET_BIND_SERVICE",
            "net_bind_service",
            "cap_Net_bind_service",
        ] {
            assert_eq!(
                Capabilities::named(name),
                Some(Capabilities(1 << 10)),
                "{name}"
            );
        }
        assert_eq!(Capabilities::named("CAP_"), None);
        assert_eq!(Capabilities::named("root"), None);
        let last = Capabilities::named("checkpoint_restore").unwrap();
        assert!(last.has(40) && !last.has(39) && !last.has(64));
        assert!(last.others().has(63) && !last.others().has(40));
    }
}
