//! What the words of a command line come to.

/// What was typed beside the verb and the names.
#[derive(Default)]
pub(super) struct Options {
    pub(super) json: bool,
    pub(super) of: Option<&'static str>,
    pub(super) until: Option<String>,
    pub(super) timeout: Option<u64>,
    pub(super) dot: bool,
    pub(super) svg: bool,
    /// Somebody was named.
    pub(super) named: bool,
    pub(super) watch: bool,
    pub(super) follow: bool,
    pub(super) signal: Option<String>,
    pub(super) code: Option<u8>,
    pub(super) lines: Option<u64>,
    /// In Unix milliseconds.
    pub(super) since: Option<i64>,
    /// Of syslog's levels the first and the last.
    pub(super) levels: Option<(u8, u8)>,
    /// What is to be executed.
    pub(super) command: Vec<&'static [u8]>,
    /// The caller's TERM.
    pub(super) terminal: Option<&'static [u8]>,
    /// Control sequences may colour words.
    pub(super) colour: bool,
    /// How wide a line may be.
    pub(super) width: Option<usize>,
}
