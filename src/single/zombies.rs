//! `-w`: which orphans were reaped, and which zombies stand because a living parent does
//! not reap them. Looks into /proc at each SIGCHLD; only for those who ask.

use std::time::Duration;

use super::settings::{Notice, Settings};
use crate::core::id::Pid;
use crate::sys::{procfs, reap};

const SECOND_LOOK: Duration = Duration::from_secs(1);

/// No more are remembered; a program that leaves more has been told of.
const LIMIT: usize = 256;

/// What was seen so far.
#[derive(Default)]
pub(super) struct Zombies {
    next: Option<(Pid, String)>,
    /// Zombies with a living parent, seen once: it may be about to reap them.
    seen: Vec<Pid>,
    told: Vec<Pid>,
}

impl Zombies {
    /// When to look a second time at what may just be about to be reaped; once each.
    pub(super) fn look_again(&self) -> Option<Duration> {
        let unsure = self.seen.iter().any(|pid| !self.told.contains(pid));
        unsure.then_some(SECOND_LOOK)
    }

    /// The one that will be reaped next still has its name.
    pub(super) fn remember_next(&mut self) {
        self.next = reap::peek().and_then(|pid| Some((pid, procfs::name(pid)?)));
    }

    pub(super) fn tell_reaped(&self, settings: &Settings<'_>, pid: Pid) {
        let name = match &self.next {
            Some((known, name)) if *known == pid => name.as_str(),
            _ => "",
        };
        settings.say(&Notice::Reaped { pid, name });
    }

    /// Those that stood at the last look already, once each.
    pub(super) fn tell_standing(&mut self, settings: &Settings<'_>, own: Pid) {
        let standing: Vec<_> = procfs::stats()
            .into_iter()
            .filter(|process| process.zombie && process.parent != own.0 && process.parent != 0)
            .take(LIMIT)
            .collect();
        for zombie in &standing {
            if !self.seen.contains(&zombie.pid) || self.told.contains(&zombie.pid) {
                continue;
            }
            let parent = Pid(zombie.parent);
            let Some(parent_name) = procfs::name(parent) else {
                continue;
            };
            self.told.push(zombie.pid);
            settings.say(&Notice::Standing {
                pid: zombie.pid,
                name: &procfs::name(zombie.pid).unwrap_or_default(),
                parent,
                parent_name: &parent_name,
            });
        }
        self.seen = standing.iter().map(|zombie| zombie.pid).collect();
        self.told.retain(|pid| self.seen.contains(pid));
    }
}
