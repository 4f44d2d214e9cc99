//! How a service is executed: the part of its description that the loops alone read.
//!
//! Words lie in NUL-terminated blocks that can be handed to the kernel as they are.

use super::group_limit::GroupLimit;
use super::output::{Log, Output};
use super::setup::Setup;

/// The first number of the descriptors that a service is given (`sd_listen_fds(3)`).
pub const FIRST_PASSED: i32 = 3;

/// How a service is executed: read by the loops alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exec {
    /// The argument vector; never empty once checked.
    pub command: Words,
    /// How its words become a process.
    pub manner: Manner,
    /// A unit's Environment=: below what its files say.
    pub environment_below: Words,
    /// `environment`: `NAME=value` words, over all else.
    pub environment: Words,
    /// `environment-file`, in order.
    pub environment_files: Box<[EnvironmentFile]>,
    /// `working-directory`.
    pub directory: Option<Box<str>>,
    /// `user`, `group`, `supplementary-groups`; absent where rinit's own stay.
    pub identity: Option<Box<Identity>>,
    /// `umask`.
    pub umask: Option<u32>,
    /// `limit-*`.
    pub limits: Box<[Limit]>,
    /// `memory-max` and its like: of its whole cgroup.
    pub group_limits: Box<[GroupLimit]>,
    /// `nice`.
    pub nice: Option<i8>,
    /// `oom-score-adjust`.
    pub oom_score_adjust: Option<i16>,
    /// It starts with SIGPIPE ignored, as units do.
    pub ignore_pipe: bool,
    /// Each process is told its own number by SYSTEMD_EXEC_PID, as units' are.
    pub exec_pid: bool,
    /// `output`.
    pub output: Output,
    /// What else is said of its lines, where anything is.
    pub log: Option<Box<Log>>,
    /// What is set up before, where anything is.
    pub setup: Option<Box<Setup>>,
}

/// How a command's words become a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// What becomes of variables in them.
    pub expansion: Expansion,
    /// The first word is the program alone; the argument vector begins with the second.
    pub renamed: bool,
    /// With whose rights.
    pub privileges: Privileges,
}

/// What becomes of variables in a command's words, from the final environment at the spawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expansion {
    /// There are none.
    #[default]
    None,
    /// `${NAME}` with its forms (`expand`).
    Forms,
    /// As in units (`unit_words`).
    Unit,
}

/// With whose rights a command is executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Privileges {
    /// The service's user, and what confines it.
    #[default]
    Service,
    /// rinit's own user, but what confines the service (`!` in units).
    KeepUser,
    /// Everything that rinit may (`+` in units).
    Full,
}

/// NUL-terminated words one after the other, as the kernel wants them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Words(Box<[u8]>);

impl Words {
    /// The block, each word with its NUL. The caller's words hold none themselves;
    /// what follows one is dropped, as the kernel would.
    pub fn new<W: AsRef<[u8]>>(words: impl IntoIterator<Item = W>) -> Self {
        let mut block = Vec::new();
        for word in words {
            let text = word
                .as_ref()
                .split(|byte| *byte == 0)
                .next()
                .unwrap_or_default();
            block.extend_from_slice(text);
            block.push(0);
        }
        Self(block.into())
    }

    /// A block that was made by `new`; `None` if it doesn't end in NUL.
    #[must_use]
    pub fn from_block(block: Box<[u8]>) -> Option<Self> {
        match block.last() {
            None | Some(0) => Some(Self(block)),
            Some(_) => None,
        }
    }

    /// All words with their NULs.
    #[must_use]
    pub fn block(&self) -> &[u8] {
        &self.0
    }

    /// Each word without its NUL.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0
            .split_inclusive(|byte| *byte == 0)
            .map(|word| word.strip_suffix(&[0]).unwrap_or(word))
    }

    /// Whether there is no word.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.iter().map(String::from_utf8_lossy))
            .finish()
    }
}

/// One `environment-file`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentFile {
    /// Its path without the leading `-`.
    pub path: Box<str>,
    /// There was a leading `-`: absent is no error.
    pub optional: bool,
}

/// Whom a service runs as; names or numbers, read by the child that becomes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// `user`.
    pub user: Option<Box<str>>,
    /// `group`.
    pub group: Option<Box<str>>,
    /// `supplementary-groups`: beside those that the group file names.
    pub supplementary: Box<[Box<str>]>,
}

/// One `limit-*` (`setrlimit(2)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Which.
    pub resource: Resource,
    /// The soft limit; `u64::MAX` is infinity.
    pub soft: u64,
    /// The hard limit; `u64::MAX` is infinity.
    pub hard: u64,
}

/// What can be limited; the number is Linux's own on every platform that rinit builds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are those of setrlimit(2)")]
pub enum Resource {
    Cpu = 0,
    Fsize = 1,
    Data = 2,
    Stack = 3,
    Core = 4,
    Rss = 5,
    Nproc = 6,
    Nofile = 7,
    Memlock = 8,
    As = 9,
    Locks = 10,
    Sigpending = 11,
    Msgqueue = 12,
    Nice = 13,
    Rtprio = 14,
    Rttime = 15,
}

impl Resource {
    /// Every one, by its number.
    pub const ALL: [Self; 16] = [
        Self::Cpu,
        Self::Fsize,
        Self::Data,
        Self::Stack,
        Self::Core,
        Self::Rss,
        Self::Nproc,
        Self::Nofile,
        Self::Memlock,
        Self::As,
        Self::Locks,
        Self::Sigpending,
        Self::Msgqueue,
        Self::Nice,
        Self::Rtprio,
        Self::Rttime,
    ];

    /// As in `limit-NAME`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Fsize => "fsize",
            Self::Data => "data",
            Self::Stack => "stack",
            Self::Core => "core",
            Self::Rss => "rss",
            Self::Nproc => "nproc",
            Self::Nofile => "nofile",
            Self::Memlock => "memlock",
            Self::As => "as",
            Self::Locks => "locks",
            Self::Sigpending => "sigpending",
            Self::Msgqueue => "msgqueue",
            Self::Nice => "nice",
            Self::Rtprio => "rtprio",
            Self::Rttime => "rttime",
        }
    }
}
