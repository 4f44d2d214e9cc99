//! `sysusers.d(5)`: users and groups that packages want. Most packages make their own when
//! they are installed; an image that was put together without their scripts lacks them.

mod line;
mod plan;

use std::path::Path;

use self::line::Line;
pub(crate) use self::plan::Tables;
use super::snippets::{Complaint, Place, lines, snippets};
use super::specifier::Machine;

/// Which numbers are given to those that don't say: systemd's and Debian's for daemons.
const SYSTEM: (u32, u32) = (100, 999);

/// All that the files say.
#[derive(Debug, Default)]
pub(crate) struct Sysusers {
    lines: Vec<(Line, Place)>,
    /// What is wrong with lines.
    pub(crate) complaints: Vec<Complaint>,
}

/// What the machine itself says to a plan.
pub(crate) struct Surroundings<'a> {
    /// Who owns a file.
    pub(crate) owner: &'a dyn Fn(&Path) -> Option<(u32, u32)>,
    /// Days since 1970.
    pub(crate) today: i64,
    /// `login.defs(5)`.
    pub(crate) login_defs: &'a str,
}

/// The base system's own, which are for whole machines.
fn is_systemds(name: &str) -> bool {
    name.starts_with("systemd") || name == "basic.conf"
}

impl Sysusers {
    /// Reads the files below this root.
    pub(crate) fn read(root: &Path) -> Self {
        let machine = Machine::new(root);
        let mut all = Self::default();
        for file in snippets(root, "sysusers.d", is_systemds) {
            match file.text {
                Ok(text) => all.add(&text, &file.path, &machine),
                Err(complaint) => all.complaints.push(complaint),
            }
        }
        all
    }

    fn add(&mut self, text: &str, file: &Path, machine: &Machine) {
        for (text, place) in lines(text, file, &['#']) {
            match line::read(text.as_bytes(), machine) {
                Ok(line) => self.lines.push((line, place)),
                Err(what) => self.complaints.push(Complaint { place, what }),
            }
        }
    }

    /// Whether nothing is wanted.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

/// The range that `login.defs` gives to daemons.
fn system_range(login_defs: &str) -> (u32, u32) {
    let value = |key: &str| {
        let mut lines = login_defs.lines().map(str::split_whitespace);
        lines.find_map(|mut words| {
            let found = words.next() == Some(key);
            found.then(|| words.next()?.parse().ok()).flatten()
        })
    };
    let low = value("SYS_UID_MIN").unwrap_or(SYSTEM.0);
    (low, value("SYS_UID_MAX").unwrap_or(SYSTEM.1).max(low))
}

#[cfg(test)]
mod tests;
