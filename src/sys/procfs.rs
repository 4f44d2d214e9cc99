//! What /proc says of processes. All of it may be missing; then the answer is empty.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;

use nix::unistd::getpid;

use crate::core::id::Pid;
use crate::core::sorted::Set;

/// One line of /proc/PID/stat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Itself.
    pub pid: Pid,
    /// It has ended and waits to be reaped.
    pub zombie: bool,
    /// Its parent; 0 where that is in another PID namespace.
    pub parent: i32,
    /// Its process group.
    pub group: i32,
    /// Its session.
    pub session: i32,
    /// When it started, in clock ticks since boot: with the pid it names one process for ever.
    pub started: u64,
}

impl Stat {
    /// The fields that follow the command's name, which may hold anything (`proc(5)`).
    fn parse(pid: Pid, line: &[u8]) -> Option<Self> {
        let end = line.iter().rposition(|byte| *byte == b')')?;
        let rest = std::str::from_utf8(line.get(end + 2..)?).ok()?;
        let mut fields = rest.split(' ');
        let zombie = matches!(fields.next()?, "Z" | "X");
        let mut number = || fields.next()?.parse::<i32>().ok();
        let (parent, group, session) = (number()?, number()?, number()?);
        let started = fields.nth(15)?.parse().ok()?;
        Some(Self {
            pid,
            zombie,
            parent,
            group,
            session,
            started,
        })
    }
}

/// A process, if it is there.
#[must_use]
pub fn stat(pid: Pid) -> Option<Stat> {
    let mut buffer = [0u8; 1024];
    let mut file = File::open(format!("/proc/{}/stat", pid.0)).ok()?;
    let count = file.read(&mut buffer).ok()?;
    Stat::parse(pid, buffer.get(..count)?)
}

/// Every process that /proc shows. `None` where there is no /proc of this PID namespace.
#[must_use]
pub fn all() -> Option<Vec<Pid>> {
    if !own_proc() {
        return None;
    }
    let entries = fs::read_dir("/proc").ok()?;
    Some(
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok().map(Pid))
            .collect(),
    )
}

/// Every process's stat. Empty where there is no /proc.
#[must_use]
pub fn stats() -> Vec<Stat> {
    all()
        .unwrap_or_default()
        .into_iter()
        .filter_map(stat)
        .collect()
}

/// These processes and all that descends from them.
#[must_use]
pub fn with_descendants(stats: &[Stat], roots: impl IntoIterator<Item = Pid>) -> Set<Pid> {
    let mut inside: Set<Pid> = roots.into_iter().collect();
    loop {
        let before = inside.len();
        let below: Vec<Pid> = stats
            .iter()
            .filter(|stat| inside.contains(&Pid(stat.parent)))
            .map(|stat| stat.pid)
            .collect();
        inside.extend(below);
        if inside.len() == before {
            return inside;
        }
    }
}

/// The children of this process, zombies included, by one read of one file. `None` where
/// the kernel has no such file or there is no /proc.
#[must_use]
pub fn children() -> Option<Vec<Pid>> {
    let own = getpid();
    let text = fs::read(format!("/proc/{own}/task/{own}/children"))
        .ok()
        .filter(|_| own_proc())?;
    let numbers = text
        .split(|byte| *byte == b' ')
        .filter_map(|word| std::str::from_utf8(word).ok()?.trim().parse().ok());
    Some(numbers.map(Pid).collect())
}

/// Whether /proc belongs to this PID namespace.
fn own_proc() -> bool {
    fs::read_link("/proc/self").is_ok_and(|link| link.to_str() == Some(&getpid().to_string()))
}

/// The value of a variable in a process's first environment. May hang on a file system
/// that a service serves: for helpers alone.
#[must_use]
pub fn variable(pid: Pid, name: &[u8]) -> Option<Vec<u8>> {
    let block = fs::read(format!("/proc/{}/environ", pid.0)).ok()?;
    block
        .split(|byte| *byte == 0)
        .find_map(|word| Some(word.strip_prefix(name)?.strip_prefix(b"=")?.to_vec()))
}

/// The inode of this PID namespace; 0 where there is no /proc.
#[must_use]
pub fn namespace() -> u64 {
    fs::metadata("/proc/self/ns/pid").map_or(0, |meta| meta.ino())
}

/// The name that /proc shows for a process, for people.
#[must_use]
pub fn name(pid: Pid) -> Option<String> {
    let text = fs::read(format!("/proc/{}/comm", pid.0)).ok()?;
    Some(String::from_utf8_lossy(&text).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_brackets_does_not_shift_the_fields() {
        let line = b"7 (a) b (c)) S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 9\n";
        let stat = Stat::parse(Pid(7), line).unwrap();
        assert_eq!(
            (
                stat.parent,
                stat.group,
                stat.session,
                stat.started,
                stat.zombie
            ),
            (1, 7, 7, 4242, false)
        );
    }

    #[test]
    fn this_process_is_there_and_has_itself_as_pid() {
        let own = Pid(getpid().as_raw());
        assert_eq!(stat(own).unwrap().pid, own);
        assert!(all().unwrap().contains(&own));
    }

    #[test]
    fn rubbish_is_no_process() {
        for line in [&b""[..], b"7", b"7 (x)", b"7 (x) S", b"7 (x) S a b c", b")"] {
            assert_eq!(Stat::parse(Pid(7), line), None);
        }
    }
}
