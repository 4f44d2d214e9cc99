//! What a unit wants its processes to be kept from: its directives as words, `Key=value`, one
//! a directive's line (`Setup::sandbox`); what each takes of the container; and which
//! capabilities go with it. `seccomp` and `mounts` read the rest.
//!
//! What the container doesn't permit is left out and told of: no service fails for want of a
//! sandbox.

use super::capability::Capabilities;
use super::exec::Words;
use super::tuning::{MEMORY_POLICIES, PERSONALITIES};

/// What the kernel and the engine permit here, or what a directive takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Means(pub u16);

impl Means {
    /// Nothing that a container could refuse, or it is tried.
    pub const NOTHING: Self = Self(0);
    /// Mount namespaces.
    pub const MOUNTS: Self = Self(1);
    /// Filters of system calls (seccomp).
    pub const FILTERS: Self = Self(2);
    /// Dropping capabilities.
    pub const DROPS: Self = Self(4);
    /// Network namespaces.
    pub const NETWORK: Self = Self(8);
    /// IPC namespaces.
    pub const IPC: Self = Self(16);
    /// Filters for root as well, who keeps what a program's file gives.
    pub const ROOTS_FILTERS: Self = Self(32);
    /// Mounts of /proc that show less (Linux 5.8).
    pub const PROC: Self = Self(64);
    /// User namespaces.
    pub const USERS: Self = Self(128);
    /// Choosing the nodes of one's memory.
    pub const NUMA: Self = Self(256);

    const BOTH: Self = Self::MOUNTS.with(Self::FILTERS);
    const ALL_THREE: Self = Self::BOTH.with(Self::DROPS);

    /// Both together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any of the other's is in it.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What a directive's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// Yes or no, or one of these words.
    Switch(&'static [&'static str]),
    /// One of these words, of which the first asks for nothing.
    Word(&'static [&'static str]),
    /// Yes or no, or a list: each line is a word of its own.
    SwitchOrList,
    /// A list: each line is a word of its own.
    List,
    /// Paths, with `-` before one that may be missing.
    Paths,
    /// One of them.
    Path,
    /// Yes or no, of which it is no that is said.
    Denial,
    /// An errno's name or number.
    Errno,
    /// As `tuning` has it: each line is a word of its own.
    Tuning,
    /// A time, kept in nanoseconds.
    Nanoseconds,
    /// A credential's name, a colon, and where it is or what it says: each a word of its own.
    Credential,
}

const YES_OR_NO: Value = Value::Switch(&[]);

/// THE table: every directive that is done, its value, and what it takes.
pub const DIRECTIVES: &[(&str, Value, Means)] = &[
    (
        "PrivateTmp",
        Value::Switch(&["connected", "disconnected"]),
        Means::MOUNTS,
    ),
    ("PrivateDevices", YES_OR_NO, Means::ALL_THREE),
    ("PrivateNetwork", YES_OR_NO, Means::NETWORK),
    ("PrivateIPC", YES_OR_NO, Means::IPC),
    ("PrivateUsers", YES_OR_NO, Means::USERS),
    ("RemoveIPC", YES_OR_NO, Means::NOTHING),
    ("PrivateMounts", YES_OR_NO, Means::MOUNTS),
    (
        "ProtectSystem",
        Value::Switch(&["full", "strict"]),
        Means::MOUNTS,
    ),
    (
        "ProtectHome",
        Value::Switch(&["read-only", "tmpfs"]),
        Means::MOUNTS,
    ),
    ("ProtectKernelTunables", YES_OR_NO, Means::BOTH),
    ("ProtectKernelModules", YES_OR_NO, Means::ALL_THREE),
    ("ProtectKernelLogs", YES_OR_NO, Means::ALL_THREE),
    (
        "ProtectControlGroups",
        Value::Switch(&["private", "strict"]),
        Means::MOUNTS,
    ),
    ("ProtectClock", YES_OR_NO, Means::FILTERS.with(Means::DROPS)),
    ("ProtectHostname", YES_OR_NO, Means::BOTH),
    (
        "ProtectProc",
        Value::Word(&["default", "noaccess", "invisible", "ptraceable"]),
        Means::PROC,
    ),
    ("ProcSubset", Value::Word(&["all", "pid"]), Means::PROC),
    ("RootDirectory", Value::Path, Means::NOTHING),
    ("RootDirectoryStartOnly", YES_OR_NO, Means::NOTHING),
    ("MountAPIVFS", Value::Denial, Means::NOTHING),
    ("ReadWritePaths", Value::Paths, Means::MOUNTS),
    ("ReadOnlyPaths", Value::Paths, Means::MOUNTS),
    ("InaccessiblePaths", Value::Paths, Means::MOUNTS),
    ("NoExecPaths", Value::Paths, Means::MOUNTS),
    ("ExecPaths", Value::Paths, Means::MOUNTS),
    ("TemporaryFileSystem", Value::Paths, Means::MOUNTS),
    ("BindPaths", Value::Paths, Means::MOUNTS),
    ("BindReadOnlyPaths", Value::Paths, Means::MOUNTS),
    ("SystemCallFilter", Value::List, Means::FILTERS),
    ("SystemCallErrorNumber", Value::Errno, Means::FILTERS),
    ("SystemCallArchitectures", Value::List, Means::FILTERS),
    ("RestrictAddressFamilies", Value::List, Means::FILTERS),
    ("RestrictNamespaces", Value::SwitchOrList, Means::FILTERS),
    ("RestrictRealtime", YES_OR_NO, Means::FILTERS),
    ("RestrictSUIDSGID", YES_OR_NO, Means::FILTERS),
    ("LockPersonality", YES_OR_NO, Means::FILTERS),
    ("MemoryDenyWriteExecute", YES_OR_NO, Means::FILTERS),
    ("LoadCredential", Value::Credential, Means::NOTHING),
    ("SetCredential", Value::Credential, Means::NOTHING),
    (
        "IOSchedulingClass",
        Value::Word(&IO_CLASSES),
        Means::NOTHING,
    ),
    (
        "IOSchedulingPriority",
        Value::Word(&["4", "0", "1", "2", "3", "5", "6", "7"]),
        Means::NOTHING,
    ),
    (
        "CPUSchedulingPolicy",
        Value::Word(&CPU_POLICIES),
        Means::NOTHING,
    ),
    ("CPUSchedulingPriority", Value::List, Means::NOTHING),
    ("CPUSchedulingResetOnFork", YES_OR_NO, Means::NOTHING),
    ("TTYPath", Value::Paths, Means::NOTHING),
    ("NonBlocking", YES_OR_NO, Means::NOTHING),
    ("CPUAffinity", Value::Tuning, Means::NOTHING),
    ("NUMAPolicy", Value::Word(&MEMORY_POLICIES), Means::NUMA),
    ("NUMAMask", Value::Tuning, Means::NUMA),
    ("TimerSlackNSec", Value::Nanoseconds, Means::NOTHING),
    ("CoredumpFilter", Value::Tuning, Means::NOTHING),
    ("Personality", Value::Word(&PERSONALITIES), Means::NOTHING),
    ("SecureBits", Value::List, Means::DROPS),
];

/// Each at the place of its number, by name and then by that (`ioprio_set(2)`).
pub const IO_CLASSES: [&str; 8] = [
    "none",
    "realtime",
    "best-effort",
    "idle",
    "0",
    "1",
    "2",
    "3",
];

/// Each at the place of its number (`sched(7)`); the fourth is none.
pub const CPU_POLICIES: [&str; 6] = ["other", "fifo", "rr", "batch", "", "idle"];

/// The directive of this name, or of its older one.
#[must_use]
pub fn directive(name: &str) -> Option<&'static (&'static str, Value, Means)> {
    let name = match name {
        "ReadWriteDirectories" => "ReadWritePaths",
        "ReadOnlyDirectories" => "ReadOnlyPaths",
        "InaccessibleDirectories" => "InaccessiblePaths",
        name => name,
    };
    DIRECTIVES.iter().find(|(own, ..)| *own == name)
}

/// The value of each line of this directive, in order.
pub fn values<'a>(words: &'a Words, directive: &str) -> impl Iterator<Item = &'a str> {
    words.iter().filter_map(move |word| {
        let word = std::str::from_utf8(word).ok()?;
        word.strip_prefix(directive)?.strip_prefix('=')
    })
}

/// The same, all at once. Not inlined, nor are those below: many ask.
#[must_use]
#[inline(never)]
pub fn all<'a>(words: &'a Words, directive: &str) -> Vec<&'a str> {
    values(words, directive).collect()
}

/// The value of its last line.
#[must_use]
#[inline(never)]
pub fn last<'a>(words: &'a Words, directive: &str) -> Option<&'a str> {
    values(words, directive).last()
}

/// RootDirectory=: what is `/` for its processes, and whether it may be missing.
#[must_use]
pub fn root(words: &Words) -> Option<(&str, bool)> {
    let said = last(words, "RootDirectory")?;
    let path = said.trim_start_matches('-');
    let path = path.trim_end_matches('/');
    (!path.is_empty()).then_some((path, said.starts_with('-')))
}

/// Whether anything is said by this directive; a plain `no` is never kept.
#[must_use]
#[inline(never)]
pub fn has(words: &Words, directive: &str) -> bool {
    values(words, directive).next().is_some()
}

/// All that these words take.
#[must_use]
pub fn needs(words: &Words) -> Means {
    let own = DIRECTIVES.iter().filter(|(name, ..)| has(words, name));
    own.fold(Means::default(), |all, (.., means)| all.with(*means))
}

/// The capabilities that its processes can never have.
#[must_use]
pub fn dropped(words: &Words) -> Capabilities {
    const DROPPED: [(&str, u64); 4] = [
        // MKNOD, SYS_RAWIO.
        ("PrivateDevices", 1 << 27 | 1 << 17),
        // SYS_MODULE.
        ("ProtectKernelModules", 1 << 16),
        // SYSLOG.
        ("ProtectKernelLogs", 1 << 34),
        // SYS_TIME, WAKE_ALARM.
        ("ProtectClock", 1 << 25 | 1 << 35),
    ];
    let said = DROPPED.iter().filter(|(name, _)| has(words, name));
    Capabilities(said.fold(0, |all, (_, set)| all | set))
}

/// Every errno's name without its E, at the place of its number.
const ERRNOS: &str = "- PERM NOENT SRCH INTR IO NXIO 2BIG NOEXEC BADF CHILD AGAIN NOMEM ACCES FAULT \
    NOTBLK BUSY EXIST XDEV NODEV NOTDIR ISDIR INVAL NFILE MFILE NOTTY TXTBSY FBIG NOSPC SPIPE ROFS \
    MLINK PIPE DOM RANGE DEADLK NAMETOOLONG NOLCK NOSYS NOTEMPTY LOOP - NOMSG IDRM CHRNG L2NSYNC \
    L3HLT L3RST LNRNG UNATCH NOCSI L2HLT BADE BADR XFULL NOANO BADRQC BADSLT - BFONT NOSTR NODATA \
    TIME NOSR NONET NOPKG REMOTE NOLINK ADV SRMNT COMM PROTO MULTIHOP DOTDOT BADMSG OVERFLOW \
    NOTUNIQ BADFD REMCHG LIBACC LIBBAD LIBSCN LIBMAX LIBEXEC ILSEQ RESTART STRPIPE USERS NOTSOCK \
    DESTADDRREQ MSGSIZE PROTOTYPE NOPROTOOPT PROTONOSUPPORT SOCKTNOSUPPORT OPNOTSUPP PFNOSUPPORT \
    AFNOSUPPORT ADDRINUSE ADDRNOTAVAIL NETDOWN NETUNREACH NETRESET CONNABORTED CONNRESET NOBUFS \
    ISCONN NOTCONN SHUTDOWN TOOMANYREFS TIMEDOUT CONNREFUSED HOSTDOWN HOSTUNREACH ALREADY \
    INPROGRESS STALE UCLEAN NOTNAM NAVAIL ISNAM REMOTEIO DQUOT NOMEDIUM MEDIUMTYPE CANCELED NOKEY \
    KEYEXPIRED KEYREVOKED KEYREJECTED OWNERDEAD NOTRECOVERABLE RFKILL HWPOISON";

/// The number of an errno, by its name or its number.
#[must_use]
pub fn errno(text: &str) -> Option<u16> {
    let name = match text.strip_prefix('E') {
        None => return text.parse().ok().filter(|number| *number < 4096),
        Some("WOULDBLOCK") => "AGAIN",
        Some("NOTSUP") => "OPNOTSUPP",
        Some("DEADLOCK") => "DEADLK",
        Some(name) => name,
    };
    let mut names = ERRNOS.split_whitespace().filter(|_| name != "-");
    u16::try_from(names.position(|own| own == name)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_is_asked_for_and_what_it_takes() {
        let words = Words::new([
            "ProtectClock=yes",
            "ReadOnlyPaths=/a",
            "ReadOnlyPaths=/b /c",
        ]);
        assert!(has(&words, "ProtectClock") && !has(&words, "Protect"));
        let paths: Vec<&str> = values(&words, "ReadOnlyPaths").collect();
        assert_eq!(paths, ["/a", "/b /c"]);
        assert_eq!(needs(&words), Means::ALL_THREE);
        let names = ["SYS_TIME", "WAKE_ALARM"].map(|name| Capabilities::named(name).unwrap());
        assert_eq!(dropped(&words), names[0].with(names[1]));
        for (directive, names) in [
            ("PrivateDevices", vec!["MKNOD", "SYS_RAWIO"]),
            ("ProtectKernelModules", vec!["SYS_MODULE"]),
            ("ProtectKernelLogs", vec!["SYSLOG"]),
        ] {
            let all = names.iter().map(|name| Capabilities::named(name).unwrap());
            let all = all.fold(Capabilities::NONE, Capabilities::with);
            assert_eq!(dropped(&Words::new([format!("{directive}=yes")])), all);
        }
    }

    #[test]
    fn an_errno_has_a_name_or_a_number() {
        for (name, number) in [
            ("EPERM", 1),
            ("EWOULDBLOCK", 11),
            ("ENOMSG", 42),
            ("EBFONT", 59),
            ("ENOTSUP", 95),
            ("EUCLEAN", 117),
            ("EHWPOISON", 133),
        ] {
            assert_eq!(errno(name), Some(number), "{name}");
        }
        assert_eq!(errno("4095"), Some(4095));
        // A number that stands beside a name is no name.
        assert_eq!(errno("1"), Some(1));
        for wrong in ["4096", "kill", "", "-1", "ENOTHING", "E", "E-", "PERM"] {
            assert_eq!(errno(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_older_name_means_the_newer_one() {
        let found = directive("ReadOnlyDirectories").map(|(name, ..)| *name);
        assert_eq!(found, Some("ReadOnlyPaths"));
        assert!(directive("PrivateUser").is_none());
    }
}
