//! `runtime-directory` and `pid-file` go when a run is over: a child removes them, since a
//! file system may hang, and the next run's child waits for that one before it makes the folder anew.
//!
//! Such a child is no helper that the end spares but a stray that it waits for.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::credentials;
use super::folders;
use super::full;
use crate::core::apply::places::Places;
use crate::core::exec::Identity;
use crate::core::id::{Pid, ServiceId};
use crate::core::mounts::private_folders;
use crate::core::sandbox::has;
use crate::core::sorted::Map;
use crate::core::spec::ServiceSpec;
use crate::sys::error::Errno;
use crate::sys::fd;
use crate::sys::fork::helper;
use crate::sys::ipc;

/// The children that remove, each with a pipe that ends with it.
#[derive(Default)]
pub(crate) struct Clearing(Map<ServiceId, (Pid, OwnedFd)>);

impl Clearing {
    /// Removes what the service's run leaves, if anything. `preserves`: not its folders.
    pub(crate) fn begin(&mut self, service: ServiceId, spec: &ServiceSpec, preserves: bool) {
        let setup = spec.exec.setup.as_deref();
        let (mut folders, mut files) = (Vec::new(), Vec::new());
        let fleeting = setup.iter().filter(|_| !preserves);
        for folder in fleeting.flat_map(|setup| setup.fleeting()) {
            folders.push(folder.path());
            files.extend(folder.links().map(|(link, _)| link));
        }
        if setup.is_some_and(|setup| has(&setup.sandbox, "PrivateTmp")) {
            folders.extend(private_folders(&spec.name));
        }
        folders.extend(credentials::folder(spec));
        let forking = spec.forking.as_deref();
        files.extend(
            forking
                .and_then(|forking| forking.pid_file.as_deref())
                .map(Into::into),
        );
        let owner = setup.filter(|setup| has(&setup.sandbox, "RemoveIPC"));
        let owner = owner.and(spec.exec.identity.as_deref());
        if folders.is_empty() && files.is_empty() && owner.is_none() {
            return;
        }
        match clear(&folders, &files, owner, self.of(service)) {
            Ok(child) => drop(self.0.insert(service, child)),
            // The next start makes of it what it should be.
            Err(errno) => log::warn!("{}: what its run leaves stays: {errno}", spec.name),
        }
    }

    /// What the service's next run has to wait for.
    pub(crate) fn of(&self, service: ServiceId) -> Option<BorrowedFd<'_>> {
        self.0.get(&service).map(|(_, end)| end.as_fd())
    }

    /// Services have other numbers now.
    pub(crate) fn take_over(&mut self, places: &Places) {
        drop(places.rearrange(&mut self.0));
    }

    /// A child ended: perhaps one of these.
    pub(crate) fn child_ended(&mut self, pid: Pid) {
        self.0.retain(|_, (known, _)| *known != pid);
    }
}

/// The child, and the pipe that it holds open. It waits for the last one itself.
fn clear(
    folders: &[String],
    files: &[String],
    owner: Option<&Identity>,
    last: Option<BorrowedFd<'_>>,
) -> Result<(Pid, OwnedFd), Errno> {
    let (end, held) = fd::pipe()?;
    let keep: Vec<_> = last
        .iter()
        .map(AsRawFd::as_raw_fd)
        .chain([held.as_raw_fd()])
        .collect();
    let pid = helper(c"rinit-clear", &keep, || {
        if let Some(last) = last {
            let _ = super::preparation::await_end(last);
        }
        if let Some(owner) = owner {
            remove_shared(owner);
        }
        let unlinked = files.iter().map(|path| folders::unlink(Path::new(path)));
        let removed = folders.iter().map(|path| folders::remove(Path::new(path)));
        let all = removed.chain(unlinked);
        i32::from(all.fold(false, |failed, result| failed | result.is_err()))
    })?;
    Ok((pid, end))
}

/// RemoveIPC=: what the service's user shares with nobody any more, since no process of that
/// user's is left. Root's stays.
fn remove_shared(owner: &Identity) {
    let account = full::account(owner)
        .ok()
        .and_then(|account| account.identity);
    let Some(uid) = account.map(|them| them.uid).filter(|uid| *uid != 0) else {
        return;
    };
    let is_theirs = |process: &fs::DirEntry| {
        let status = fs::read_to_string(process.path().join("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        line.and_then(|line| line.split_whitespace().next()) == Some(&*uid.to_string())
    };
    let mut processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    if processes.any(|process| is_theirs(&process)) {
        return;
    }
    ipc::remove_of(uid);
    for folder in ["/dev/shm", "/dev/mqueue"] {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.metadata().is_ok_and(|found| found.uid() == uid) {
                let _ = folders::remove(&entry.path());
            }
        }
    }
}
