//! `[Install]`: where a unit wants to be linked when it is enabled.

use super::name::UnitName;
use super::search::Unit;
use super::specifier::{Machine, Specifiers};
use super::syntax::{Line, lines};

/// What the section says, specifiers replaced.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Install {
    pub(super) aliases: Vec<String>,
    pub(super) wanted_by: Vec<String>,
    pub(super) required_by: Vec<String>,
    /// Enabled and disabled with it.
    pub(super) also: Vec<String>,
    pub(super) default_instance: Option<String>,
}

impl Install {
    /// Reads all files of the unit; names are expanded for `name`.
    pub(super) fn read(unit: &Unit, name: &UnitName, machine: &Machine) -> Self {
        let path = unit.files.first().map(|file| file.path.clone());
        let specifiers = Specifiers {
            machine,
            name,
            path: &path.unwrap_or_default(),
        };
        let mut install = Self::default();
        for file in &unit.files {
            install.read_text(&file.text, &specifiers);
        }
        install
    }

    fn read_text(&mut self, text: &str, specifiers: &Specifiers<'_>) {
        let mut inside = false;
        for line in lines(text) {
            let (key, value) = match line {
                Line::Section(section, _) => {
                    inside = section == "Install";
                    continue;
                }
                Line::Assignment { key, value, .. } if inside => (key, value),
                Line::Assignment { .. } | Line::Wrong(..) => continue,
            };
            let expand = |word: &str| {
                let text = specifiers.expand(word.as_bytes()).text;
                String::from_utf8_lossy(&text).into_owned()
            };
            if key == "DefaultInstance" {
                self.default_instance = Some(expand(&value)).filter(|it| !it.is_empty());
                continue;
            }
            let list = match &*key {
                "Alias" => &mut self.aliases,
                "WantedBy" => &mut self.wanted_by,
                "RequiredBy" => &mut self.required_by,
                "Also" => &mut self.also,
                _ => continue,
            };
            if value.is_empty() {
                list.clear();
            }
            list.extend(value.split_whitespace().map(expand));
        }
    }

    /// It says where to be linked.
    pub(super) const fn has_rules(&self) -> bool {
        !self.aliases.is_empty() || !self.wanted_by.is_empty() || !self.required_by.is_empty()
    }
}
