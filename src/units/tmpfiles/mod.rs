//! `tmpfiles.d(5)`: what is to be made, adjusted and removed before the first service. Ages
//! are left out: nothing is ever cleaned up later.

mod line;
mod order;

use std::path::Path;

pub(crate) use super::snippets::{Complaint, Place};
use super::snippets::{lines, snippets};
use super::specifier::Machine;

pub(crate) use self::line::{Access, Entry, Owner, Type};
pub(crate) use self::order::Order;

/// systemd's own files, which are for whole machines: one of them locks everybody out
/// until it has booted.
const SYSTEMDS: [&str; 11] = [
    "credstore.conf",
    "debian.conf",
    "etc.conf",
    "home.conf",
    "journal-nocow.conf",
    "legacy.conf",
    "portables.conf",
    "provision.conf",
    "static-nodes-permissions.conf",
    "tmp.conf",
    "var.conf",
];

/// What systemd's own files would make and packages count on.
const ALWAYS: &str = "d /run/lock :1777 :root :root";

/// All that the files say.
#[derive(Debug, Default)]
pub(crate) struct Tmpfiles {
    pub(crate) entries: Vec<Entry>,
    pub(crate) complaints: Vec<Complaint>,
    /// Types of lines that this version knows and leaves out; of each the first place.
    pub(crate) unsupported: Vec<(char, Place)>,
}

fn is_systemds(name: &str) -> bool {
    name.starts_with("systemd") || name == "x11.conf" || SYSTEMDS.contains(&name)
}

impl Tmpfiles {
    /// Reads the files below this root.
    pub(crate) fn read(root: &Path) -> Self {
        let machine = Machine::new(root);
        let mut all = Self::default();
        for file in snippets(root, "tmpfiles.d", is_systemds) {
            match file.text {
                Ok(text) => all.add(&text, &file.path, &machine),
                Err(complaint) => all.complaints.push(complaint),
            }
        }
        all.add(ALWAYS, Path::new("rinit"), &machine);
        all
    }

    fn add(&mut self, text: &str, file: &Path, machine: &Machine) {
        for (text, place) in lines(text, file, &['#', ';']) {
            match line::read(text.as_bytes(), machine, &place) {
                Ok(line::Read::Entry(entry)) => self.entries.push(entry),
                Ok(line::Read::Nothing) => {}
                Ok(line::Read::Unsupported(kind)) => {
                    if !self.unsupported.iter().any(|(own, _)| *own == kind) {
                        self.unsupported.push((kind, place));
                    }
                }
                Err(what) => self.complaints.push(Complaint { place, what }),
            }
        }
    }
}

#[cfg(test)]
mod tests;
