//! The table of services: sections of `key = value` lines.

/// A service of a package, and how it proves that it works.
pub(super) struct Row {
    /// The section's name.
    pub(super) name: &'static str,
    keys: Vec<(&'static str, &'static str)>,
}

impl Row {
    /// What stands behind this key, if it is there.
    pub(super) fn get(&self, key: &str) -> Option<&'static str> {
        let found = self.keys.iter().find(|(name, _)| *name == key);
        found.map(|(_, value)| *value)
    }

    /// A number of seconds, fifteen where the table says nothing.
    pub(super) fn seconds(&self, key: &str) -> u64 {
        self.get(key)
            .map_or(15, |seconds| seconds.parse().expect("a number of seconds"))
    }

    /// Its packages.
    pub(super) fn packages(&self) -> impl Iterator<Item = &'static str> + use<> {
        let packages = self.get("packages").expect("packages");
        packages.split_whitespace()
    }
}

/// All rows, in the order of the file.
pub(super) fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for line in include_str!("services.ini").lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            let keys = Vec::new();
            rows.push(Row { name, keys });
        } else {
            let (key, value) = line.split_once(" = ").expect("key = value");
            let row = rows.last_mut().expect("a section before the first key");
            row.keys.push((key, value));
        }
    }
    rows
}

/// The row of this name.
pub(super) fn row(name: &str) -> Row {
    let found = rows().into_iter().find(|row| row.name == name);
    found.unwrap_or_else(|| panic!("services.ini has no section [{name}]"))
}
