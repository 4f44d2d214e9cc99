//! Generators: small programs of packages that write units into three folders below
//! /run/systemd (`systemd.generator(7)`). PostgreSQL's clusters and postfix have no other
//! unit. Run by the reader, all at once, and waited for only so long; one that fails costs
//! a warning.

use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::core::exit::Exit;
use crate::core::id::Pid;
use crate::core::signal::Signal;
use crate::core::sorted::Map;
use crate::sys::error::Errno;
use crate::sys::exec::DEFAULT_PATH;
use crate::sys::fd::Standard;
use crate::sys::signal::{SignalSet, kill_group, set_mask, wait};
use crate::sys::spawn::{Order, Slot};
use crate::sys::{clock, fd, reap};

/// Where they lie; the first that has a name counts.
const FOLDERS: [&str; 4] = [
    "/run/systemd/system-generators",
    "/etc/systemd/system-generators",
    "/usr/local/lib/systemd/system-generators",
    "/usr/lib/systemd/system-generators",
];

/// Where they write: their three arguments.
const OUTPUTS: [&str; 3] = [
    "/run/systemd/generator",
    "/run/systemd/generator.early",
    "/run/systemd/generator.late",
];

/// So long all of them have.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs them all; what went wrong.
pub(super) fn run() -> Vec<String> {
    let found = found();
    // What they wrote at an earlier start, or into the image, is stale.
    for folder in OUTPUTS {
        let _ = fs::remove_dir_all(folder);
    }
    if found.is_empty() {
        return Vec::new();
    }
    for folder in OUTPUTS {
        if let Err(error) = fs::create_dir_all(folder) {
            let reason = Errno(error.raw_os_error().unwrap_or_default());
            return vec![format!("no unit is generated: {folder}: {reason}")];
        }
    }
    let mask = set_mask(SignalSet::EMPTY.with(Signal::CHLD));
    let mut wrong = Vec::new();
    // A slot is its child's memory until that has become its program.
    let mut slots = Vec::new();
    let mut running: Map<Pid, PathBuf> = Map::new();
    for path in found {
        match start(&path) {
            Ok((slot, pid)) => {
                slots.push(slot);
                running.insert(pid, path);
            }
            Err(errno) => wrong.push(format!("{}: not executed: {errno}", path.display())),
        }
    }
    let until = clock::monotonic().plus(PATIENCE);
    loop {
        while let Some((pid, exit)) = reap::next_ended() {
            if let Some(path) = running.remove(&pid)
                && exit != Exit::Code(0)
            {
                wrong.push(format!("{} {exit}", path.display()));
            }
        }
        let left = until.since(clock::monotonic());
        if running.is_empty() || left.is_zero() {
            break;
        }
        let _ = wait(SignalSet::EMPTY.with(Signal::CHLD), Some(left));
    }
    for (pid, path) in running {
        let _ = kill_group(pid, Signal::KILL);
        let seconds = PATIENCE.as_secs();
        wrong.push(format!("{}: not done after {seconds} s", path.display()));
    }
    set_mask(mask);
    wrong
}

/// Every script among them: what is compiled is systemd's own, or made for it alone.
fn found() -> Vec<PathBuf> {
    let mut names: Map<Vec<u8>, PathBuf> = Map::new();
    for folder in FOLDERS {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().as_bytes().to_vec();
            names.entry(name).or_insert_with(|| entry.path());
        }
    }
    let own = |name: &[u8]| name.starts_with(b"systemd-");
    let scripts = names
        .into_iter()
        .filter(|(name, path)| !own(name) && is_script(path));
    scripts.map(|(_, path)| path).collect()
}

fn is_script(path: &Path) -> bool {
    let is_file = fs::metadata(path).is_ok_and(|file| file.is_file());
    let mut first = [0u8; 2];
    let mut read = || fs::File::open(path)?.read_exact(&mut first);
    is_file && read().is_ok() && first == *b"#!"
}

fn start(path: &Path) -> Result<(Slot, Pid), Errno> {
    let null = fd::null().map_err(Errno::from)?;
    let (_told, report) = fd::pipe().map_err(Errno::from)?;
    let outputs = OUTPUTS.map(str::as_bytes);
    let mut arguments = vec![path.as_os_str().as_bytes()];
    arguments.extend(outputs);
    let path = [b"PATH=", DEFAULT_PATH].concat();
    let mut slot = Slot::new()?;
    let standard = [
        null.as_fd(),
        fd::standard(Standard::Error),
        fd::standard(Standard::Error),
    ];
    let environment: [&[u8]; 2] = [&path, b"SYSTEMD_SCOPE=system"];
    slot.prepare(Order {
        umask: Some(0o022),
        ..Order::plain(&arguments, &environment, standard, report.as_fd())
    });
    let pid = slot.spawn()?;
    Ok((slot, pid))
}
