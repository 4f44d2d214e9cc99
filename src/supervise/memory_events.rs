//! Whether a SIGKILL was the kernel's OOM killer: the memory cgroup that rinit and its
//! services are in counts those. Its file is opened once and read only when a process died
//! of SIGKILL. Where there is none that can be read, nobody knows.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use crate::core::time::Instant;
use crate::sys::cgroup::{Cgroup, memberships};
use crate::sys::controllers::{oom_file, oom_kills_in};

const ROOT: &str = "/sys/fs/cgroup";
/// A death is seen so soon after it was counted.
const SOON: Duration = Duration::from_secs(1);

/// The counter, and how much of it is accounted for.
#[derive(Default)]
pub(crate) struct MemoryEvents {
    file: Option<File>,
    count: u64,
    /// Kills that no death was found for yet, and since when they are known.
    unclaimed: u64,
    seen_at: Instant,
}

impl MemoryEvents {
    /// Of the cgroup that this process is in: one that rinit has made, and whether that is
    /// of version 1, or what /proc names.
    pub(crate) fn open(made: Option<(&Cgroup, bool)>) -> Self {
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let readable = |path: String| {
            let file = File::open(path).ok()?;
            Some((count(&file)?, file))
        };
        let made =
            made.map(|(group, first)| format!("{}/{}", group.path().display(), oom_file(first)));
        let places = made.into_iter().chain(places(&own));
        let Some((count, file)) = places.into_iter().find_map(readable) else {
            return Self::default();
        };
        Self {
            file: Some(file),
            count,
            ..Self::default()
        }
    }

    /// Whether the SIGKILL that was just seen to have killed was the OOM killer's.
    pub(crate) fn claims(&mut self, now: Instant) -> bool {
        let Some(count) = self.file.as_ref().and_then(count) else {
            return false;
        };
        let new = count.saturating_sub(self.count);
        self.count = count;
        if new > 0 {
            self.seen_at = now;
        } else if now.since(self.seen_at) > SOON {
            // It killed something that isn't a main process.
            self.unclaimed = 0;
        }
        self.unclaimed = self.unclaimed.saturating_add(new);
        let claims = self.unclaimed > 0;
        self.unclaimed = self.unclaimed.saturating_sub(1);
        claims
    }
}

/// Where the counter may be, by /proc/self/cgroup: where that says, in either version of
/// cgroups, or at the root, which is all that a container may see of them.
fn places(own: &str) -> Vec<String> {
    let (mut second, mut first) = (None, None);
    for (names, path) in memberships(own) {
        if names.is_empty() {
            second = Some(path);
        } else if names.split(',').any(|name| name == "memory") {
            first = Some(path);
        }
    }
    let in_second = |path: &str| format!("{ROOT}{path}/{}", oom_file(false));
    let in_first = |path: &str| format!("{ROOT}/memory{path}/{}", oom_file(true));
    [
        second.map(in_second),
        first.map(in_first),
        Some(in_second("")),
        Some(in_first("")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn count(file: &File) -> Option<u64> {
    let mut buffer = [0u8; 1024];
    let length = file.read_at(&mut buffer, 0).ok()?;
    oom_kills(buffer.get(..length)?)
}

fn oom_kills(bytes: &[u8]) -> Option<u64> {
    oom_kills_in(std::str::from_utf8(bytes).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_found_in_both_versions_of_cgroups() {
        let v2 = "low 0\nhigh 3\nmax 9\noom 2\noom_kill 2\noom_group_kill 0\n";
        assert_eq!(oom_kills(v2.as_bytes()), Some(2));
        let v1 = "oom_kill_disable 0\nunder_oom 0\noom_kill 17\n";
        assert_eq!(oom_kills(v1.as_bytes()), Some(17));
        assert_eq!(oom_kills(b"oom_kill_disable 0\nunder_oom 0\n"), None);
        assert_eq!(oom_kills(b"\xff"), None);
    }

    #[test]
    fn the_own_cgroup_comes_before_the_root() {
        let root = [
            "/sys/fs/cgroup/memory.events",
            "/sys/fs/cgroup/memory/memory.oom_control",
        ];
        assert_eq!(places(""), root);
        assert_eq!(
            places("0::/a.slice/b\n")[..1],
            ["/sys/fs/cgroup/a.slice/b/memory.events"]
        );
        let hybrid = "5:cpu,memory:/docker/x\n1:name=memory:/y\n0::/z\n";
        let expected = [
            "/sys/fs/cgroup/z/memory.events",
            "/sys/fs/cgroup/memory/docker/x/memory.oom_control",
        ];
        assert_eq!(places(hybrid)[..2], expected);
    }

    #[test]
    fn each_kill_is_one_death_and_one_that_was_nobody_s_is_forgotten() {
        let path = std::env::temp_dir().join(format!("rinit-memory-events-{}", std::process::id()));
        let at = |ms| Instant::default().plus(Duration::from_millis(ms));
        let is = |number: u64| fs::write(&path, format!("oom_kill {number}\n")).unwrap();
        is(5);
        let mut events = MemoryEvents {
            file: Some(File::open(&path).unwrap()),
            count: 5,
            ..MemoryEvents::default()
        };
        assert!(!events.claims(at(0)), "old ones don't count");
        is(7);
        assert!(
            events.claims(at(10)) && events.claims(at(20)),
            "two died together"
        );
        assert!(!events.claims(at(30)));
        is(9);
        assert!(events.claims(at(40)));
        assert!(
            !events.claims(at(2000)),
            "the other was a child of somebody's"
        );
        fs::remove_file(&path).unwrap();
        assert!(!MemoryEvents::default().claims(at(0)));
    }
}
