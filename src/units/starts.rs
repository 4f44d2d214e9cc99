//! Which service a socket's, timer's or path's unit starts.

use std::path::PathBuf;

use super::machine::is_maintenance;
use super::name::UnitName;
use super::pull::BUS_SOCKET;
use super::search::{Folder, Search, Unit, entries};
use super::specifier::{Machine, Specifiers};
use super::syntax::{Line, lines};
use super::value::boolean;
use crate::core::quoting::{Backslash, quoted};

impl Search {
    /// The same, with a folder before all others: what one names there may start another.
    pub(crate) fn with_first(mut self, path: PathBuf) -> Self {
        let entries = entries(&path);
        self.folders.insert(0, Folder { path, entries });
        self
    }
}

/// The service that it names, else that of its own name.
pub(crate) fn started(unit: &Unit, machine: &Machine) -> Option<UnitName> {
    let (section, key) = match unit.name.suffix() {
        "socket" => ("Socket", "Service"),
        "timer" => ("Timer", "Unit"),
        "path" => ("Path", "Unit"),
        _ => return None,
    };
    let named = words(unit, section, key, machine);
    if let Some(name) = named.last().and_then(|name| UnitName::parse(name)) {
        return Some(name);
    }
    let stem = if accepts(unit, machine) {
        // Each of its instances is like the others.
        let instance = unit.name.instance().filter(|name| !name.is_empty());
        format!("{}@{}", unit.name.prefix(), instance.unwrap_or("0"))
    } else {
        unit.name.stem().to_owned()
    };
    UnitName::parse(&format!("{stem}.service"))
}

/// `Accept=yes`: an instance of the service for each connection.
fn accepts(unit: &Unit, machine: &Machine) -> bool {
    let said = words(unit, "Socket", "Accept", machine);
    said.last().and_then(|said| boolean(said)) == Some(true)
}

/// The services, and what starts services, without which it can't start. Those are left out
/// that are systemd's own or a machine's.
pub(crate) fn required(unit: &Unit, machine: &Machine) -> Vec<UnitName> {
    let mut all = words(unit, "Unit", "Requires", machine);
    all.extend(words(unit, "Unit", "BindsTo", machine));
    all.extend(unit.requires.iter().cloned());
    let counts = |name: &UnitName| {
        let text = name.as_str();
        matches!(name.suffix(), "service" | "socket" | "timer" | "path")
            && !text.starts_with("systemd-")
            && text != BUS_SOCKET
            && !is_maintenance(text, false)
    };
    let names = all.iter().filter_map(|name| UnitName::parse(name));
    names.filter(counts).collect()
}

/// The words of a key's values, without those before an empty one.
fn words(unit: &Unit, section: &str, key: &str, machine: &Machine) -> Vec<String> {
    let mut all = Vec::new();
    let Some(first) = unit.files.first() else {
        return all;
    };
    let specifiers = Specifiers {
        machine,
        name: &unit.name,
        path: &first.path,
    };
    for file in &unit.files {
        let mut inside = false;
        for line in lines(&file.text) {
            match line {
                Line::Section(name, _) => inside = name == section,
                Line::Assignment {
                    key: own, value, ..
                } if inside && own == key => {
                    if value.is_empty() {
                        all.clear();
                    }
                    all.extend(names(&value, &specifiers));
                }
                Line::Assignment { .. } | Line::Wrong(..) => {}
            }
        }
    }
    all
}

/// The words of a value.
pub(super) fn names(value: &str, specifiers: &Specifiers<'_>) -> Vec<String> {
    let words = quoted(value.as_bytes(), Backslash::Stays);
    let words = words.map_while(Result::ok);
    words
        .map(|word| String::from_utf8_lossy(&specifiers.expand(&word).text).into_owned())
        .collect()
}
