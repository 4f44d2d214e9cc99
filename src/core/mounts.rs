//! What a sandbox makes of the file system, path by path: a plan that the service's child
//! carries out in a mount namespace of its own.

use super::exec::Words;
use super::sandbox::{Means, has, needs, root, values};
use super::setup::Folder;

/// One path, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Absolute, as it is written.
    pub path: String,
    /// What it becomes.
    pub kind: Kind,
}

/// What becomes of a path and of all below it, up to the next one of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It stays as it is.
    AsIs,
    /// It stays as it is, as a mount of its own: what can be executed there is another matter
    /// than around it.
    Own,
    /// Nothing can be written.
    ReadOnly,
    /// As it is, though what is around it is read-only; it must be a mount of its own.
    Writable,
    /// It is empty and closed.
    Hidden,
    /// An empty folder in memory.
    Empty {
        /// Options of its file system.
        options: String,
        /// Nothing can be written, once all that is to be seen below is there.
        read_only: bool,
    },
    /// Something else is seen there.
    Bound {
        /// What.
        source: String,
        /// With what is mounted below it.
        whole: bool,
        /// Nothing can be written.
        read_only: bool,
    },
    /// A folder of the service's own, which is made for it: /tmp.
    Private,
    /// The devices that every program needs, and no others.
    Devices,
    /// A /proc that shows less, with the options of its mount.
    Processes(String),
}

impl Kind {
    /// Of two that name the same path the higher one counts, and of equal ones the later.
    const fn rank(&self) -> u8 {
        match self {
            Self::AsIs | Self::Own => 0,
            Self::Writable => 1,
            Self::ReadOnly => 2,
            Self::Empty { .. }
            | Self::Bound { .. }
            | Self::Private
            | Self::Devices
            | Self::Processes(_) => 3,
            Self::Hidden => 4,
        }
    }

    const fn is_read_only(&self) -> bool {
        matches!(
            self,
            Self::ReadOnly
                | Self::Bound {
                    read_only: true,
                    ..
                }
                | Self::Empty {
                    read_only: true,
                    ..
                }
        )
    }
}

/// The folders that stand for /tmp and /var/tmp, each in that very folder; closed to all but
/// root, and what the service sees is `tmp` in it.
#[must_use]
pub fn private_folders(service: &str) -> [String; 2] {
    ["/tmp", "/var/tmp"].map(|folder| format!("{folder}/rinit-private-{service}"))
}

/// What ProtectHome= is about.
const HOMES: &str = "/home /root /run/user";

/// An empty folder with these options, of which some are none of its file system's.
fn empty(options: &str) -> Kind {
    let (mut own, mut read_only) = ("mode=0755".to_owned(), false);
    for option in options.split(',') {
        match option {
            "ro" => read_only = true,
            "" | "rw" => {}
            option => own = own + "," + option,
        }
    }
    Kind::Empty {
        options: own,
        read_only,
    }
}

/// The plan, those above before those below; empty where nothing is asked for.
#[must_use]
pub fn plan(words: &Words, folders: &[Folder]) -> Vec<Mount> {
    let root = root(words).map(|(root, _)| root);
    let asked = needs(words).has(Means::MOUNTS.with(Means::PROC));
    if root.is_none() && !asked {
        return Vec::new();
    }
    let mut plan = Plan {
        all: Vec::new(),
        root,
    };
    for directive in ["NoExecPaths", "ExecPaths"] {
        plan.named(words, directive, &|_| Kind::Own);
    }
    let system = values(words, "ProtectSystem").last();
    match system {
        None => {}
        Some("strict") => {
            plan.each("/", &Kind::ReadOnly);
            plan.each("/dev /proc /sys", &Kind::AsIs);
            if root.is_some() {
                // It is the service's own.
                plan.add("/run", Kind::AsIs);
            }
        }
        Some(system) => {
            plan.each("/usr /boot /efi", &Kind::ReadOnly);
            if system == "full" {
                plan.each("/etc", &Kind::ReadOnly);
            }
        }
    }
    // By their names: before Linux 5.8 there are numbers alone, and they would be for every
    // /proc of the container.
    let hidden = values(words, "ProtectProc").last();
    let subset = has(words, "ProcSubset").then(|| "subset=pid".to_owned());
    let options = hidden.map(|whom| format!("hidepid={whom}"));
    let options: Vec<String> = options.into_iter().chain(subset).collect();
    if !options.is_empty() {
        plan.add("/proc", Kind::Processes(options.join(",")));
    }
    if has(words, "ProtectKernelTunables") {
        const TUNABLES: &str = "/proc/acpi /proc/fs /proc/irq /proc/latency_stats /proc/mtrr \
            /proc/sys /proc/sysrq-trigger /sys";
        plan.each(TUNABLES, &Kind::ReadOnly);
        plan.each("/sys/fs/cgroup", &Kind::AsIs);
        plan.each("/proc/kallsyms /proc/kcore", &Kind::Hidden);
    }
    for (directive, paths, kind) in [
        ("ProtectControlGroups", "/sys/fs/cgroup", Kind::ReadOnly),
        (
            "ProtectKernelModules",
            "/lib/modules /usr/lib/modules",
            Kind::Hidden,
        ),
        ("ProtectKernelLogs", "/proc/kmsg /dev/kmsg", Kind::Hidden),
        (
            "ProtectHostname",
            "/proc/sys/kernel/hostname /proc/sys/kernel/domainname",
            Kind::ReadOnly,
        ),
        ("PrivateTmp", "/tmp /var/tmp", Kind::Private),
        ("PrivateDevices", "/dev", Kind::Devices),
    ] {
        if has(words, directive) {
            plan.each(paths, &kind);
        }
    }
    let homes = match values(words, "ProtectHome").last() {
        None => None,
        Some("read-only") => Some(Kind::ReadOnly),
        Some("tmpfs") => Some(empty("ro,nosuid")),
        Some(_) => Some(Kind::Hidden),
    };
    if let Some(kind) = homes {
        plan.each(HOMES, &kind);
    }
    plan.named(words, "ReadOnlyPaths", &|_| Kind::ReadOnly);
    if system == Some("strict") {
        // Of these ProtectHome= decides, though the system is all that there is.
        for home in HOMES.split(' ') {
            if plan.all.iter().all(|mount| mount.path != home) {
                plan.add(home, Kind::Writable);
            }
        }
    }
    plan.named(words, "ReadWritePaths", &|_| Kind::Writable);
    for folder in folders {
        let source = folder.path();
        let kind = match root {
            None => Kind::Writable,
            Some(_) => Kind::Bound {
                source: source.clone(),
                whole: true,
                read_only: false,
            },
        };
        plan.add(&source, kind);
    }
    plan.named(words, "InaccessiblePaths", &|_| Kind::Hidden);
    plan.named(words, "TemporaryFileSystem", &empty);
    for (directive, read_only) in [("BindPaths", false), ("BindReadOnlyPaths", true)] {
        for source in values(words, directive).flat_map(str::lines) {
            let inner = source.trim_start_matches('-').starts_with('+');
            let mut parts = source.trim_start_matches(['-', '+']).splitn(3, ':');
            let own = parts.next().unwrap_or_default();
            let source = root.filter(|_| inner).unwrap_or_default().to_owned() + own;
            let path = parts.next().filter(|path| !path.is_empty());
            let path = path.unwrap_or(own).to_owned();
            let whole = parts.next() != Some("norbind");
            plan.add(
                &path,
                Kind::Bound {
                    source,
                    whole,
                    read_only,
                },
            );
        }
    }
    plan.all
}

/// A path as it is seen by the service: in another root than the container's only one after
/// `+`, or that of an empty folder, begins there.
fn inside<'a>(path: &'a str, root: Option<&str>, directive: &str) -> Option<&'a str> {
    let own = path.trim_start_matches(['-', '+']);
    let begins_there =
        directive == "TemporaryFileSystem" || path.trim_start_matches('-').starts_with('+');
    let Some(root) = root.filter(|_| !begins_there) else {
        return Some(own);
    };
    let below = own.strip_prefix(root).filter(|_| is_within(own, root))?;
    Some(if below.is_empty() { "/" } else { below })
}

/// Whether what is mounted at this path is to be read-only: the deepest of the plan's paths
/// above it says so.
#[must_use]
pub fn is_read_only(plan: &[Mount], path: &str) -> bool {
    let above = plan
        .iter()
        .filter(|mount| mount.kind != Kind::Own && is_within(path, &mount.path));
    let deepest = above.max_by_key(|mount| mount.path.len());
    // Of devices it is the folder alone: what is mounted in it is no device.
    deepest.is_some_and(|mount| {
        mount.kind.is_read_only() || mount.kind == Kind::Devices && mount.path == path
    })
}

/// Paths in which nothing can be executed, or everything again (`NoExecPaths`, `ExecPaths`).
#[must_use]
pub fn executables(words: &Words) -> Vec<(&str, bool)> {
    let mut all = Vec::new();
    let root = root(words).map(|(root, _)| root);
    for (directive, executes) in [("ExecPaths", true), ("NoExecPaths", false)] {
        let paths = values(words, directive).flat_map(str::lines);
        let paths = paths.filter_map(|path| inside(path, root, directive));
        all.extend(paths.map(|path| (path, executes)));
    }
    all
}

/// Whether what is mounted at this path can be executed, if anything says so: the deepest
/// one above it, and of equal ones the last.
#[must_use]
pub fn executes<P: AsRef<str>>(all: &[(P, bool)], path: &str) -> Option<bool> {
    let above = all.iter().filter(|(own, _)| is_within(path, own.as_ref()));
    let deepest = above.max_by_key(|(own, _)| own.as_ref().trim_end_matches('/').len());
    deepest.map(|(_, executes)| *executes)
}

/// Whether one path is the other or below it.
#[must_use]
pub fn is_within(path: &str, above: &str) -> bool {
    let rest = path.strip_prefix(above.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

struct Plan<'a> {
    all: Vec<Mount>,
    /// Another one than the container's, in which all of it is.
    root: Option<&'a str>,
}

impl Plan<'_> {
    fn each(&mut self, paths: &str, kind: &Kind) {
        for path in paths.split_whitespace() {
            self.add(path, kind.clone());
        }
    }

    /// The directive's own paths; what stands behind a colon is for whoever makes the kind.
    fn named(&mut self, words: &Words, directive: &str, kind: &dyn Fn(&str) -> Kind) {
        for path in values(words, directive).flat_map(str::lines) {
            let (path, options) = match directive {
                "TemporaryFileSystem" => path.split_once(':').unwrap_or((path, "")),
                _ => (path, ""),
            };
            if let Some(path) = inside(path, self.root, directive) {
                self.add(path, kind(options));
            }
        }
    }

    fn add(&mut self, path: &str, kind: Kind) {
        add(&mut self.all, path, kind);
    }
}

/// Puts a path into a plan: behind those above it, in the place of a weaker one of the same.
pub fn add(plan: &mut Vec<Mount>, path: &str, kind: Kind) {
    let path = match path.trim_end_matches('/') {
        "" => "/",
        path => path,
    };
    match plan.binary_search_by(|mount| mount.path.as_str().cmp(path)) {
        Ok(place) => {
            if let Some(mount) = plan.get_mut(place)
                && kind.rank() >= mount.kind.rank()
            {
                mount.kind = kind;
            }
        }
        Err(place) => {
            let path = path.to_owned();
            plan.insert(place, Mount { path, kind });
        }
    }
}

#[cfg(test)]
mod tests;
