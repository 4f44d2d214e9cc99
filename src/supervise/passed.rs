//! Descriptors that a service finds open from 3 on, and the variables that tell it of
//! them (`sd_listen_fds(3)`). LISTEN_PID is the process's own to write.

use std::os::fd::BorrowedFd;

/// One of them.
#[derive(Clone, Copy)]
pub(crate) struct Passed<'a> {
    pub(crate) fd: BorrowedFd<'a>,
    /// Without a colon.
    pub(crate) name: &'a str,
}

/// The variable that says whom they are for.
pub(crate) const OF_PID: &[u8] = b"LISTEN_PID";

/// LISTEN_FDS and LISTEN_FDNAMES; nothing where nothing is passed.
pub(crate) fn variables(passed: &[Passed<'_>]) -> Vec<Vec<u8>> {
    if passed.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = passed.iter().map(|passed| passed.name).collect();
    vec![
        format!("LISTEN_FDS={}", passed.len()).into(),
        format!("LISTEN_FDNAMES={}", names.join(":")).into(),
    ]
}

/// They alone, in their order.
pub(crate) fn descriptors<'a>(passed: &[Passed<'a>]) -> Vec<BorrowedFd<'a>> {
    passed.iter().map(|passed| passed.fd).collect()
}
