//! What a child is told before it becomes its program.

use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

use super::exec::DEFAULT_PATH;
use super::signal::SignalSet;
use super::spawn::{Become, Place};
use crate::core::capability::Confinement;
use crate::core::exec::Limit;

/// All that a child needs to know.
pub struct Order<'a> {
    /// What is sought.
    pub program: &'a [u8],
    /// Its arguments.
    pub arguments: &'a [&'a [u8]],
    /// Its environment.
    pub environment: &'a [&'a [u8]],
    /// Where a program without a slash is sought.
    pub path: &'a [u8],
    /// Its working directory, if not ours.
    pub directory: Option<&'a [u8]>,
    /// Its umask, if not ours.
    pub umask: Option<u32>,
    /// What stands on 0, 1 and 2.
    pub standard: [BorrowedFd<'a>; 3],
    /// What stands on another number: `(descriptor, number)`.
    pub ready: Option<(BorrowedFd<'a>, RawFd)>,
    /// What stands on the numbers from 3 on.
    pub passed: &'a [BorrowedFd<'a>],
    /// Variables of its environment that hold its own number.
    pub pid_variables: &'a [&'a [u8]],
    /// Its limits, in order.
    pub limits: &'a [Limit],
    /// Whom it becomes, if not who we are.
    pub identity: Option<&'a Become>,
    /// It has its groups already.
    pub keeps_groups: bool,
    /// What it may never do.
    pub confinement: Confinement,
    /// Its filter of system calls; empty is none.
    pub filter: &'a [u64],
    /// Where it stands.
    pub place: Place,
    /// Which signals it ignores.
    pub ignored: SignalSet,
    /// The cgroups that it goes into first of all.
    pub entrances: &'a [OwnedFd],
    /// Where a failure is told; closed by the exec.
    pub report: BorrowedFd<'a>,
}

impl<'a> Order<'a> {
    /// A program that is nobody's service: as we are, in a session of its own, at the root,
    /// sought where systemd seeks, its first argument.
    #[must_use]
    pub fn plain(
        arguments: &'a [&'a [u8]],
        environment: &'a [&'a [u8]],
        standard: [BorrowedFd<'a>; 3],
        report: BorrowedFd<'a>,
    ) -> Self {
        Self {
            program: arguments.first().copied().unwrap_or_default(),
            arguments,
            environment,
            path: DEFAULT_PATH,
            directory: Some(b"/"),
            umask: None,
            standard,
            ready: None,
            passed: &[],
            pid_variables: &[],
            limits: &[],
            identity: None,
            keeps_groups: false,
            confinement: Confinement::default(),
            filter: &[],
            place: Place::Session,
            ignored: SignalSet::EMPTY,
            entrances: &[],
            report,
        }
    }
}
