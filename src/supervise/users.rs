//! PrivateUsers=: a user namespace that knows root, who the service is, and nobody else.
//! Who may be mapped is decided in the old one, so a process that stays there does it.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, setgroups};

use super::full::failed;
use super::preparation::await_end;
use crate::core::exec::Limit;
use crate::core::id::Pid;
use crate::sys::error::Errno;
use crate::sys::fork::fork;
use crate::sys::spawn::{Become, Failure, Step};
use crate::sys::{fd, limits, process, reap};

/// The process that stays, and what it waits for.
pub(super) struct Mapper {
    pid: Pid,
    entered: OwnedFd,
}

impl Mapper {
    /// It still sees /proc, whatever becomes of ours. `identity`: whom we become.
    ///
    /// # Errors
    /// Where there is no process or descriptor.
    pub(super) fn begin(identity: Option<&Become>) -> Result<Self, Errno> {
        let (uid, gid) = (process::effective_uid(), process::effective_gid());
        let (own_uid, own_gid) = identity.map_or((uid, gid), |them| (them.uid, them.gid));
        let maps = [
            ("uid_map", map(uid, own_uid)),
            ("setgroups", "deny".to_owned()),
            ("gid_map", map(gid, own_gid)),
        ];
        let of = process::own_pid();
        let (waits, entered) = fd::pipe()?;
        let pid = fork(|| {
            fd::close_all_but(&[waits.as_raw_fd()]);
            let _ = await_end(&waits);
            let write =
                |(file, text): &(&str, String)| fs::write(format!("/proc/{}/{file}", of.0), text);
            i32::from(maps.iter().try_for_each(write).is_err())
        })?;
        Ok(Self { pid, entered })
    }

    /// Enters it. What takes rights over others is done before: groups, limits. `false`
    /// where there is none to be had.
    ///
    /// # Errors
    /// Where nobody is known in it, or what is done before fails.
    pub(super) fn enter(
        self,
        identity: Option<&Become>,
        limits: &[Limit],
    ) -> Result<bool, Failure> {
        if let Some(them) = identity {
            let groups: Vec<Gid> = them.groups.iter().copied().map(Gid::from_raw).collect();
            setgroups(&groups).map_err(|errno| failed(Step::Groups, errno as i32, ""))?;
        }
        limits::set(limits).map_err(|errno| failed(Step::Limits, errno.0, ""))?;
        let numbers = || (process::effective_uid(), process::effective_gid());
        let known = numbers();
        let is_entered = unshare(CloneFlags::CLONE_NEWUSER).is_ok();
        drop(self.entered);
        reap::wait_for(self.pid);
        if numbers() != known {
            let errno = nix::errno::Errno::EPERM as i32;
            return Err(failed(Step::Folder, errno, "PrivateUsers"));
        }
        Ok(is_entered)
    }
}

fn map(root: u32, own: u32) -> String {
    let mut text = format!("{root} {root} 1\n");
    if own != root {
        text = format!("{text}{own} {own} 1\n");
    }
    text
}
