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
/// What limits are tested of.
const CONTROLLERS: [&str; 3] = ["memory", "cpu", "pids"];

/// The groups, each with the controller of version 1 whose hierarchy it is in; none is
/// version 2.
pub struct Tree(Vec<(Option<&'static str>, PathBuf)>);

/// The groups that a run wants, if it wants any.
pub fn of(folder: &Path, has: &dyn Fn(&str) -> bool) -> Option<Tree> {
    let wants_controllers = has("OwnControllers");
    let first = CONTROLLERS.map(|name| (Some(name), Path::new(MOUNT).join(name)));
    let first = first.into_iter().filter(|(_, root)| root.exists());
    let mut roots: Vec<_> = first.filter(|_| wants_controllers).collect();
    let wants_second = ["OwnTree", "SharedTree", "HostTree"].into_iter().any(has);
    if wants_second || wants_controllers && roots.is_empty() {
        let places = [MOUNT, "/sys/fs/cgroup/unified"].map(PathBuf::from);
        let mut there = places
            .into_iter()
            .filter(|root| root.join("cgroup.controllers").exists());
        let root = there
            .next()
            .expect("these tests need a cgroup2 at /sys/fs/cgroup or /sys/fs/cgroup/unified");
        if wants_controllers && roots.is_empty() {
            fs::write(root.join("cgroup.subtree_control"), "+memory +cpu +pids")
                .expect("these tests need controllers for memory, cpu and pids");
        }
        roots.push((None, root));
    }
    let name = folder.file_name().unwrap();
    let groups = roots.into_iter().map(|(controller, root)| {
        let group = root.join(name);
        fs::create_dir(&group).expect("these tests need root and cgroups that it may write");
        (controller, group)
    });
    let groups: Vec<_> = groups.collect();
    for (_, group) in groups.iter().filter(|_| has("SharedTree")) {
        fs::write(group.join("cgroup.procs"), "0").unwrap();
    }
    (!groups.is_empty()).then_some(Tree(groups))
}

impl Tree {
    /// This process goes in, and where it is becomes the root of what it sees.
    pub fn enter(&self, has: &dyn Fn(&str) -> bool) {
        for (_, group) in &self.0 {
            fs::write(group.join("cgroup.procs"), "0").unwrap();
        }
        if !has("HostTree") {
            unshare(CloneFlags::CLONE_NEWCGROUP).unwrap();
        }
    }

    /// In a mount namespace of the run's own.
    pub fn show(&self) {
        let nothing: Option<&str> = None;
        if let [(None, _)] = *self.0 {
            let kind = Some("cgroup2");
            mount(kind, MOUNT, kind, MsFlags::empty(), nothing).unwrap();
            return;
        }
        let kind = Some("tmpfs");
        mount(kind, MOUNT, kind, MsFlags::empty(), nothing).unwrap();
        for (controller, _) in &self.0 {
            let place = Path::new(MOUNT).join(controller.unwrap_or("unified"));
            fs::create_dir(&place).unwrap();
            // One hierarchy may have several.
            let lines = fs::read_to_string("/proc/self/cgroup").unwrap();
            let mut lists = lines.lines().filter_map(|line| line.split(':').nth(1));
            let list = lists.find(|list| list.split(',').any(|name| Some(name) == *controller));
            let kind = Some(if controller.is_some() {
                "cgroup"
            } else {
                "cgroup2"
            });
            let list = controller.and(list);
            mount(kind, &place, kind, MsFlags::empty(), list).unwrap();
        }
    }

    /// After the end: notes what rinit left, and removes it.
    pub fn clear(&self, folder: &Path) {
        let mut text = String::new();
        for (_, group) in &self.0 {
            let mut left = BTreeSet::new();
            below(group, &mut left);
            let names = left.iter().map(|path| path.strip_prefix(group).unwrap());
            text.extend(names.map(|name| format!("{}\n", name.display())));
            // Not ourselves.
            fs::write(group.parent().unwrap().join("cgroup.procs"), "0").unwrap();
            let _ = fs::write(group.join("cgroup.kill"), "1");
            for path in left.iter().rev().chain([group]) {
                // What was killed may take a moment.
                while fs::remove_dir(path)
                    .is_err_and(|error| error.kind() == ErrorKind::ResourceBusy)
                {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
            }
        }
        fs::write(folder.join(LEFT), text).unwrap();
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
