//! A tree of cgroups for one run of rinit, as an engine makes it: a group below the
//! machine's root, and a namespace in which that group is the root. For root alone.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

const MOUNT: &str = "/sys/fs/cgroup";
/// What is there when the run is over, in the test's folder.
const LEFT: &str = ".cgroups";

/// The group.
pub struct Tree(PathBuf);

/// The group that a run wants, if it wants one.
pub fn of(folder: &Path, has: &dyn Fn(&str) -> bool) -> Option<Tree> {
    let wanted = ["OwnTree", "SharedTree", "HostTree"];
    if !wanted.into_iter().any(has) {
        return None;
    }
    let root = [MOUNT, "/sys/fs/cgroup/unified"]
        .map(Path::new)
        .into_iter()
        .find(|root| root.join("cgroup.controllers").exists())
        .expect("these tests need a cgroup2 at /sys/fs/cgroup or /sys/fs/cgroup/unified");
    let group = root.join(folder.file_name().unwrap());
    fs::create_dir(&group).expect("these tests need root and a cgroup2 that it may write");
    if has("SharedTree") {
        fs::write(group.join("cgroup.procs"), "0").unwrap();
    }
    Some(Tree(group))
}

impl Tree {
    /// This process goes in, and where it is becomes the root of what it sees.
    pub fn enter(&self, has: &dyn Fn(&str) -> bool) {
        fs::write(self.0.join("cgroup.procs"), "0").unwrap();
        if !has("HostTree") {
            unshare(CloneFlags::CLONE_NEWCGROUP).unwrap();
        }
    }

    /// In a mount namespace of the run's own.
    pub fn show(&self) {
        let nothing: Option<&str> = None;
        let kind = Some("cgroup2");
        mount(kind, MOUNT, kind, MsFlags::empty(), nothing).unwrap();
    }

    /// After the end: notes what rinit left, and removes it.
    pub fn clear(&self, folder: &Path) {
        let mut left = BTreeSet::new();
        below(&self.0, &mut left);
        let names = left.iter().map(|path| path.strip_prefix(&self.0).unwrap());
        let text: String = names.map(|name| format!("{}\n", name.display())).collect();
        fs::write(folder.join(LEFT), text).unwrap();
        // Not ourselves.
        fs::write(self.0.parent().unwrap().join("cgroup.procs"), "0").unwrap();
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
        for path in left.iter().rev().chain([&self.0]) {
            // What was killed may take a moment.
            while fs::remove_dir(path).is_err_and(|error| error.kind() == ErrorKind::ResourceBusy) {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
    }
}

fn below(group: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(group).unwrap().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            below(&entry.path(), found);
            found.insert(entry.path());
        }
    }
}
