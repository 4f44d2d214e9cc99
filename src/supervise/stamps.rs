//! When timers with `Persistent=yes` fired last is kept where systemd keeps it: as the time
//! of an empty file. A child writes it, since a file system may hang; the reader reads it.
//!
//! Such a child is no helper that the end spares but a stray that it waits for.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;

use crate::core::exit::Exit;
use crate::core::id::{Pid, ServiceId};
use crate::core::schedule::Schedule;
use crate::core::sorted::Set;
use crate::core::system::System;
use crate::sys::fork::helper;
use crate::units;

/// The children that write.
#[derive(Default)]
pub(crate) struct Stamps {
    writers: Set<Pid>,
    /// That it can't be done has been said.
    told: bool,
}

impl Stamps {
    /// The service's timer fires now.
    pub(crate) fn write(&mut self, service: ServiceId, system: &System) {
        let schedule = system
            .service(service)
            .and_then(|own| own.schedule.as_deref());
        let Some(stamp) = schedule.and_then(Schedule::stamp) else {
            return;
        };
        let path = units::stamp_path(Path::new("/"), &stamp.name);
        let body = || i32::from(touch(&path).is_err());
        match helper(c"rinit-stamp", &[], body) {
            Ok(pid) => drop(self.writers.insert(pid)),
            Err(_) => self.tell(),
        }
    }

    /// A child ended: perhaps one of these.
    pub(crate) fn child_ended(&mut self, pid: Pid, exit: Exit) {
        if self.writers.remove(&pid) && !exit.is_success() {
            self.tell();
        }
    }

    fn tell(&mut self) {
        if !std::mem::replace(&mut self.told, true) {
            log::info!(
                "{} can't be written: timers with Persistent=yes make up for nothing that is missed until the next start",
                units::STAMPS
            );
        }
    }
}

/// The file, made if need be, is of now.
fn touch(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(folder)?;
    }
    let mut open = OpenOptions::new();
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let file = open
        .write(true)
        .create(true)
        .mode(0o644)
        .custom_flags(flags)
        .open(path)?;
    Ok(futimens(&file, &TimeSpec::UTIME_NOW, &TimeSpec::UTIME_NOW)?)
}
