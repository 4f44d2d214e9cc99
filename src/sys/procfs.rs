//! What /proc says about processes. Without /proc there are none: callers make do.
//!
//! Opens one file a process, so it is for rare moments, never for the usual turn.

use std::fs;

use crate::core::id::Pid;

/// A process as `/proc/PID/stat` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: Pid,
    /// Its parent's; 0 if that is in another PID namespace.
    pub parent: Pid,
    /// Its state's letter: R, S, D, T, Z …
    pub state: u8,
    /// Its name, cut at 15 bytes by the kernel.
    pub name: Box<str>,
}

/// All that are visible, in the kernel's order.
pub fn processes() -> impl Iterator<Item = Process> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| process(Pid(pid)))
}

/// One of them, if it is there.
#[must_use]
pub fn process(pid: Pid) -> Option<Process> {
    let stat = fs::read(format!("/proc/{}/stat", pid.0)).ok()?;
    parse(&String::from_utf8_lossy(&stat))
}

/// `pid (name) state ppid …`; the name may hold anything, also `) S 1`.
fn parse(stat: &str) -> Option<Process> {
    let (pid, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some(Process {
        pid: Pid(pid.parse().ok()?),
        name: name.into(),
        state: fields.next()?.bytes().next()?,
        parent: Pid(fields.next()?.parse().ok()?),
    })
}

/// All below `root`, itself not among them.
#[must_use]
pub fn descendants(root: Pid) -> Vec<Pid> {
    let all: Vec<Process> = processes().collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        next += 1;
        let children = all.iter().filter(|child| child.parent == parent);
        for child in children {
            if !found.contains(&child.pid) {
                found.push(child.pid);
            }
        }
    }
    found.retain(|pid| *pid != root);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_is_read_whole() {
        let process = parse("12 (a) R 1 (b) Z 7 12 12 0 -1").unwrap();
        assert_eq!(
            process,
            Process {
                pid: Pid(12),
                parent: Pid(7),
                state: b'Z',
                name: "a) R 1 (b".into(),
            }
        );
        assert_eq!(parse("12 (a"), None);
        assert_eq!(parse(""), None);
    }
}
