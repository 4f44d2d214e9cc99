//! What keeps a service's processes together where nothing exact does: their session,
//! their group, their descent, and INVOCATION_ID in the environment they began with.
//!
//! The first main process leads a session of its own. What is left of the tree after it
//! ended is below one of our adopted children; where there are none, nothing is left, and
//! one read tells. Only otherwise somebody has to look, and that is a helper: reading
//! another process's environment may hang.

use crate::core::id::{Pid, RunId};
use crate::core::signal::Signal;
use crate::core::sorted::Set;
use crate::sys::procfs::{self, Stat};
use crate::sys::signal::{SignalSet, kill};

/// The variable that marks a run's processes (`systemd.exec(5)`).
pub(crate) const VARIABLE: &str = "INVOCATION_ID";

/// The variable that marks those of a control process, whose INVOCATION_ID is the
/// service's.
pub(crate) const CONTROL: &str = "RINIT_CONTROL_PROCESS";

/// A run's mark: 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// Random, once for this rinit.
    pub(crate) boot: u64,
    /// Which run.
    pub(crate) run: RunId,
}

impl std::fmt::Display for Invocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}{:016x}", self.boot, self.run.0)
    }
}

/// A process that was found to belong to a tree. The start time tells it from a later
/// process of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Member {
    pub(crate) pid: Pid,
    pub(crate) started: u64,
}

/// What is known of a tree, beside its leader's group.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    members: Set<Member>,
}

impl Marks {
    /// Sends to what is known now, but for the leader's group, which has it already.
    pub(crate) fn send(&self, leader: Option<Pid>, signal: Signal) {
        for member in &self.members {
            deliver(*member, leader, signal);
        }
    }

    /// Takes what a look found. What is new gets what the others already got; SIGCONT comes
    /// after what ends a process.
    pub(crate) fn found(&mut self, leader: Option<Pid>, members: Set<Member>, sent: SignalSet) {
        for member in members.difference(&self.members) {
            for signal in sent.iter() {
                deliver(*member, leader, signal);
            }
        }
        self.members = members;
    }
}

/// To one member, unless it is another process by now or got it with the group.
fn deliver(member: Member, leader: Option<Pid>, signal: Signal) {
    let same = |stat: &Stat| {
        stat.started == member.started && leader != Some(Pid(stat.group)) && !stat.zombie
    };
    if procfs::stat(member.pid).as_ref().is_some_and(same) {
        let _ = kill(member.pid, signal);
    }
}

/// A tree to look for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) run: RunId,
    /// Its first main process, if its number is still its own.
    pub(crate) leader: Option<Pid>,
    pub(crate) invocation: String,
}

/// Looks at every process but `spared` and says which belongs to which tree. Blocks where
/// a process's environment does: for a helper alone.
pub(crate) fn look(wanted: &[Wanted], spared: &Set<Pid>) -> Vec<(RunId, Member)> {
    let mut stats = procfs::stats();
    stats.retain(|stat| !stat.zombie && !spared.contains(&stat.pid));
    let mark = |stat: &Stat| {
        let variable = |name: &str| procfs::variable(stat.pid, name.as_bytes());
        variable(CONTROL).or_else(|| variable(VARIABLE))
    };
    let marks: Vec<Option<Vec<u8>>> = stats.iter().map(mark).collect();
    let mut found = Vec::new();
    for tree in wanted {
        for stat in members(&stats, &marks, tree) {
            found.push((
                tree.run,
                Member {
                    pid: stat.pid,
                    started: stat.started,
                },
            ));
        }
    }
    found
}

/// Those that bear the mark, or stand in the leader's session or group and bear no other,
/// and all that descend from them.
fn members<'a>(stats: &'a [Stat], marks: &[Option<Vec<u8>>], tree: &Wanted) -> Vec<&'a Stat> {
    let own = |mark: &Option<Vec<u8>>, stat: &Stat| match mark {
        Some(mark) => mark == tree.invocation.as_bytes(),
        None => [stat.session, stat.group].contains(&tree.leader.map_or(-1, |leader| leader.0)),
    };
    let marked = stats
        .iter()
        .zip(marks)
        .filter(|(stat, mark)| own(mark, stat))
        .map(|(stat, _)| stat.pid);
    let inside = procfs::with_descendants(stats, marked);
    stats
        .iter()
        .filter(|stat| inside.contains(&stat.pid))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(pid: i32, parent: i32, group: i32, session: i32) -> Stat {
        Stat {
            pid: Pid(pid),
            zombie: false,
            parent,
            group,
            session,
            started: 1,
        }
    }

    fn tree() -> Wanted {
        Wanted {
            run: RunId(1),
            leader: Some(Pid(10)),
            invocation: "aa".into(),
        }
    }

    fn found(stats: &[Stat], marks: &[Option<&str>]) -> Vec<i32> {
        let marks: Vec<_> = marks
            .iter()
            .map(|mark| mark.map(|text| text.as_bytes().to_vec()))
            .collect();
        members(stats, &marks, &tree())
            .iter()
            .map(|stat| stat.pid.0)
            .collect()
    }

    #[test]
    fn session_group_mark_and_descent_each_suffice() {
        let stats = [
            stat(11, 1, 50, 10),
            stat(12, 1, 10, 60),
            stat(13, 1, 13, 13),
            stat(14, 13, 14, 14),
            stat(15, 1, 15, 15),
        ];
        assert_eq!(
            found(&stats, &[None, None, Some("aa"), None, None]),
            [11, 12, 13, 14]
        );
    }

    #[test]
    fn another_services_mark_outweighs_a_reused_session_number() {
        let stats = [stat(10, 1, 10, 10), stat(11, 1, 10, 10)];
        assert_eq!(found(&stats, &[Some("bb"), Some("aa")]), [11]);
    }
}
