//! What becomes of the lines that a service writes.

/// `output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Output {
    /// Each line with the service's name in front.
    #[default]
    Prefix,
    /// Unchanged, through the logger.
    Raw,
    /// Each line a JSON object.
    Json,
    /// Into a file (`Log::file`).
    File,
    /// The container's own descriptors.
    Inherit,
    /// Nowhere.
    Null,
}

impl Output {
    /// How it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prefix => "prefix",
            Self::Raw => "raw",
            Self::Json => "json",
            Self::File => "{ file }",
            Self::Inherit => "inherit",
            Self::Null => "null",
        }
    }

    /// rinit sees it.
    #[must_use]
    pub const fn is_read(self) -> bool {
        match self {
            Self::Prefix | Self::Raw | Self::Json | Self::File => true,
            Self::Inherit | Self::Null => false,
        }
    }
}

/// What else is said of a service's lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// `timestamps`.
    pub timestamps: bool,
    /// `log-ring`, in bytes, where it is written; 0 for none.
    pub ring: Option<u32>,
    /// Where the lines go, if into a file.
    pub file: Option<LogFile>,
    /// `when-full = "drop"`: they are dropped while nobody takes them.
    pub drops: bool,
    /// `log-files`: files that it writes by itself, the last part of each name a pattern.
    pub follow: Box<[Box<str>]>,
}

/// What is kept for `rinitctl logs` unless it is written, in bytes.
const RING: u32 = 16 * 1024;

impl Log {
    /// How many bytes are kept for `rinitctl logs`.
    #[must_use]
    pub fn ring_of(log: Option<&Self>) -> u32 {
        log.and_then(|log| log.ring).unwrap_or(RING)
    }
}

/// `output = { file, rotate-size, keep }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// Its name; a relative one begins in rinit's own folder.
    pub path: Box<str>,
    /// It grows no larger, in bytes.
    pub rotate_size: u64,
    /// So many old ones stay beside it.
    pub keep: u32,
}

/// What has come of a service's lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many were written.
    pub lines: u64,
    /// How many were dropped.
    pub dropped: u64,
}

/// How rinit's own lines look: as those of services that say nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnLines {
    /// Each is a JSON object.
    pub json: bool,
    /// The time stands before each.
    pub timestamps: bool,
}
