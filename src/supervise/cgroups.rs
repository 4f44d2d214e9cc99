//! Groups of their own for the runs of services: in version 2, where nothing can leave it
//! that isn't let out, so the tree is known exactly, and the kernel says when it is gone;
//! and wherever a controller is that limits what a service may take.
//!
//! ```text
//! our own at the start/         nobody is in it any more
//!   rinit/                      another rinit there: rinit-2, and so on
//!     init/                     rinit and its helpers
//!     web.service/              a run of web
//!     web.service-17/           run 17, while something of an earlier one is there still
//! ```

use std::fmt::Write;

use crate::core::apply::places::Places;
use crate::core::group_limit::{GroupLimit, GroupResource, GroupResources};
use crate::core::id::{RunId, ServiceId};
use crate::sys::cgroup::Cgroup;
use crate::sys::controllers::{self, Hierarchy, enabled_below, hierarchies, signed};
use crate::sys::error::{Errno, OsError};
use crate::sys::process::own_pid;

/// How many rinits may be side by side.
const MOST: u32 = 64;

/// All that rinit has made.
pub(crate) struct Cgroups {
    /// That of version 2 comes first.
    trees: Vec<Tree>,
    /// What a forgotten run left something in.
    left: Vec<(ServiceId, Cgroup)>,
    /// Limits that the kernel refused, which is said once.
    refused: GroupResources,
}

/// What services want of groups.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wanted {
    /// To be told from all others by one.
    pub(crate) tracking: bool,
    pub(crate) limits: GroupResources,
}

/// One hierarchy.
struct Tree {
    hierarchy: Hierarchy,
    /// What was made in it, once it was needed.
    made: Option<Made>,
}

struct Made {
    base: Cgroup,
    init: Cgroup,
    /// What can be limited below the base.
    limits: GroupResources,
    /// What we have enabled for that in the group that we were in.
    ours: GroupResources,
    /// Each run has a group here, limited or not: they share by weights.
    shares: bool,
}

/// A run's group in one hierarchy.
pub(crate) struct Group {
    pub(crate) cgroup: Cgroup,
    /// It is one of version 1.
    pub(crate) first: bool,
    /// What can be limited there.
    pub(crate) limits: GroupResources,
}

impl Cgroups {
    /// Where we may make some, of which none is made yet.
    pub(crate) fn find(may_use: impl Fn(&Hierarchy) -> bool) -> Self {
        let usable = hierarchies().into_iter().filter(may_use);
        let trees = usable.map(|hierarchy| Tree {
            hierarchy,
            made: None,
        });
        Self {
            trees: trees.collect(),
            left: Vec::new(),
            refused: GroupResources::default(),
        }
    }

    /// Makes the base wherever it is needed and isn't there yet, and enables controllers.
    /// What can't be had is said in one line; the services start without.
    pub(crate) fn want(&mut self, wanted: Wanted, pid1: bool) {
        let mut without = Vec::new();
        for tree in &mut self.trees {
            let limits = wanted.limits.and(tree.hierarchy.resources);
            let tracking = wanted.tracking && !tree.hierarchy.first;
            if limits.is_empty() && !tracking {
                continue;
            }
            if let Err(error) = tree.open() {
                if tracking {
                    log::warn!("no cgroups, but subreapers: {error}");
                }
                tree.give_up(limits, &error, &mut without);
            } else if let Err(error) = tree.enable(limits, pid1) {
                tree.give_up(limits, &error, &mut without);
            }
        }
        if wanted.tracking && self.trees.first().is_none_or(|tree| tree.hierarchy.first) {
            const ENOENT: Errno = Errno(2);
            let error = OsError::new("write", "cgroup.procs", ENOENT);
            log::warn!("no cgroups, but subreapers: {error}");
        }
        if !without.is_empty() {
            log::warn!("limits by cgroup are not applied: {}", without.join("; "));
        }
    }

    /// Groups for a run, but where it has one already: that of version 2 comes first.
    ///
    /// # Errors
    /// As `Cgroup::make`, where that one is to tell its processes from all others.
    pub(crate) fn make(
        &mut self,
        service: ServiceId,
        name: &str,
        run: RunId,
        wanted: Wanted,
        present: &[Group],
    ) -> Result<Vec<Group>, Errno> {
        self.left
            .retain(|(of, cgroup)| *of != service || cgroup.remove().is_err());
        let escaped = escape(name);
        let mut groups = Vec::new();
        let mut failed = None;
        for tree in &self.trees {
            let Some(made) = &tree.made else { continue };
            let first = tree.hierarchy.first;
            let tracking = wanted.tracking && !first;
            let needed = tracking || made.shares || !wanted.limits.and(made.limits).is_empty();
            let is_there = present
                .iter()
                .any(|group| group.cgroup.is_below(&made.base));
            if !needed || is_there {
                continue;
            }
            let usual = made.base.below(&format!("{escaped}.service"));
            let cgroup = usual.make().map(|()| usual).or_else(|_| {
                let other = made.base.below(&format!("{escaped}.service-{}", run.0));
                other.make().map(|()| other)
            });
            match cgroup {
                Ok(cgroup) => groups.push(Group {
                    cgroup,
                    first,
                    limits: made.limits,
                }),
                Err(errno) if tracking => return Err(errno),
                Err(errno) => failed = Some((made.limits, errno)),
            }
        }
        if let Some((limits, errno)) = failed {
            self.refuse(name, &[(limits.and(wanted.limits), errno)]);
        }
        Ok(groups)
    }

    /// Sets a new run's limits.
    pub(crate) fn limit(&mut self, name: &str, groups: &[Group], limits: &[GroupLimit]) {
        let refused: Vec<_> = limits
            .iter()
            .filter_map(|limit| {
                let group = groups.iter().find(|group| group.limits.has(limit.of))?;
                let errno = controllers::limit(&group.cgroup, group.first, *limit).err()?;
                Some((GroupResources::default().with(limit.of), errno))
            })
            .collect();
        self.refuse(name, &refused);
    }

    /// Says what the kernel refuses, once for each kind.
    fn refuse(&mut self, name: &str, refused: &[(GroupResources, Errno)]) {
        let mut text = String::new();
        for (limits, errno) in refused {
            let new = limits.without(self.refused);
            if !new.is_empty() {
                self.refused = self.refused.or(new);
                let between = if text.is_empty() { "" } else { "; " };
                // Writing to a text can't fail.
                let _ = write!(text, "{between}{}: {errno}", new.keys());
            }
        }
        if !text.is_empty() {
            log::warn!("{name}: limits by cgroup are not applied: {text}");
        }
    }

    /// Where rinit itself is among those for which memory is counted, if it was put anywhere.
    pub(crate) fn own_memory(&self) -> Option<(&Cgroup, bool)> {
        self.trees.iter().find_map(|tree| {
            let made = tree.made.as_ref()?;
            let counts = made.limits.has(GroupResource::MemoryMax);
            counts.then_some((&made.init, tree.hierarchy.first))
        })
    }

    /// A run is over. What is left in its cgroup keeps that until the service's next run.
    pub(crate) fn discard(&mut self, service: ServiceId, groups: Vec<Group>) {
        for Group { cgroup, .. } in groups {
            if cgroup.remove().is_err() {
                self.left.push((service, cgroup));
            }
        }
    }

    /// Services have other numbers now. What is left of those that are no more stays with
    /// the kernel.
    pub(crate) fn take_over(&mut self, places: &Places) {
        let moved = self.left.drain(..).filter_map(|(service, cgroup)| {
            let place = places.of(service);
            if place.is_none() {
                let _ = cgroup.remove();
            }
            Some((place?, cgroup))
        });
        self.left = moved.collect();
    }

    /// Leaves no trace, but where something runs on.
    pub(crate) fn leave(&self) {
        for tree in &self.trees {
            let Some(made) = &tree.made else { continue };
            let home = &tree.hierarchy.home;
            if !made.ours.is_empty() {
                let off = signed('-', made.ours);
                // Below first; and nobody can be in a group that has given controllers away.
                let _ = made.base.put(SUBTREE, &off);
                let _ = home.put(SUBTREE, &off);
            }
            for pid in made.init.members() {
                let _ = home.take(pid);
            }
            let _ = made.base.remove();
        }
    }
}

const SUBTREE: &str = "cgroup.subtree_control";

impl Tree {
    /// Makes the base below the group that we are in and goes into a leaf of it: where
    /// controllers are enabled, a group of version 2 has either processes or others below.
    fn open(&mut self) -> Result<(), OsError> {
        if self.made.is_some() {
            return Ok(());
        }
        let home = &self.hierarchy.home;
        let mut last = Errno(0);
        for number in 1..=MOST {
            let base = match number {
                1 => home.below("rinit"),
                _ => home.below(&format!("rinit-{number}")),
            };
            // One that a dead rinit left; with a process in it, it stays.
            if base.path().exists() && base.remove().is_err() {
                continue;
            }
            let init = base.below("init");
            let made = base.make().and_then(|()| init.make());
            match made.and_then(|()| init.take(own_pid())) {
                Ok(()) => {
                    self.made = Some(Made {
                        base,
                        init,
                        limits: GroupResources::default(),
                        ours: GroupResources::default(),
                        shares: false,
                    });
                    return Ok(());
                }
                Err(errno) => {
                    let _ = base.remove();
                    last = errno;
                }
            }
        }
        let base = home.below("rinit");
        let path = base.path().to_string_lossy();
        Err(OsError::new("make cgroup", &path, last))
    }

    /// From here on these can be limited below the base.
    fn enable(&mut self, limits: GroupResources, pid1: bool) -> Result<(), OsError> {
        let home = &self.hierarchy.home;
        let Some(made) = &mut self.made else {
            return Ok(());
        };
        made.shares |= !limits.and(GroupResources::WEIGHTS).is_empty();
        if self.hierarchy.first {
            made.limits = self.hierarchy.resources;
        }
        if limits.without(made.limits).is_empty() {
            return Ok(());
        }
        let on = signed('+', limits);
        let failed = |group: &Cgroup, errno| {
            let path = group.path().join(SUBTREE);
            OsError::new("write", &path.to_string_lossy(), errno)
        };
        let before = enabled_below(home);
        if let Err(errno) = home.put(SUBTREE, &on) {
            // Whoever else of this namespace is there: helpers, and what an engine put in.
            for pid in home.members().iter().filter(|pid| pid1 && pid.0 > 0) {
                let _ = made.init.take(*pid);
            }
            home.put(SUBTREE, &on).map_err(|_| failed(home, errno))?;
        }
        made.ours = made.ours.or(enabled_below(home).without(before));
        made.base
            .put(SUBTREE, &on)
            .map_err(|errno| failed(&made.base, errno))?;
        made.limits = enabled_below(&made.base);
        // What keeps memory for a group has to keep it for those above as well.
        for file in ["memory.low", "memory.min"] {
            let _ = made.base.put(file, "max");
        }
        Ok(())
    }

    /// These can't be had in it, for this run of rinit.
    fn give_up(&mut self, limits: GroupResources, error: &OsError, without: &mut Vec<String>) {
        if !limits.is_empty() {
            self.hierarchy.resources = self.hierarchy.resources.without(limits);
            without.push(format!("{}: {error}", limits.keys()));
        }
    }
}

/// A folder's name that no file of the kernel's has, since those have a known first part.
fn escape(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'_' | b'.' | b'@' | b':' | b'-' => escaped.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => escaped.push(char::from(byte)),
            // Writing to a text can't fail.
            _ => drop(write!(escaped, "\\x{byte:02x}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_folder_and_its_own() {
        assert_eq!(escape("web@1.a:b_c-d"), "web@1.a:b_c-d");
        assert_eq!(escape("../é\\"), "..\\x2f\\xc3\\xa9\\x5c");
    }
}
