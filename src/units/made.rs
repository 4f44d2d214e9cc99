//! What people have made beside units: links that give them other names, and folders of
//! drop-ins.

use std::path::PathBuf;

use super::name::UnitName;
use super::search::{Entry, Search, Unit};

impl Search {
    /// A link in a folder for such links makes this another name of a unit.
    pub(super) fn is_made_alias(&self, name: &UnitName) -> bool {
        let Some((path, Entry::Link(target))) = self.entry(name.as_str()) else {
            return false;
        };
        let mut folders = [false, true]
            .map(|runtime| self.writable(runtime))
            .into_iter();
        let is_made = folders.any(|own| path.parent() == Some(&*own));
        let other = self.alias_target(&path, target);
        is_made && other.is_some_and(|other| other != *name)
    }

    /// The folders that a unit's drop-ins lie in.
    pub(crate) fn drop_in_folders(&self, unit: &Unit) -> Vec<PathBuf> {
        let aliases = unit.aliases.iter().filter_map(|name| UnitName::parse(name));
        let names = [unit.name.clone()].into_iter().chain(aliases);
        let parts: Vec<String> = names.flat_map(|name| name.drop_in_names()).collect();
        let mut found = Vec::new();
        for folder in &self.folders {
            let own = parts.iter().map(|part| format!("{part}.d"));
            let own = own.filter(|own| folder.entries.contains_key(own));
            found.extend(own.map(|own| folder.path.join(own)));
        }
        found
    }
}
