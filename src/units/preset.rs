//! Which units are to be enabled when they are installed (`systemd.preset(5)`): the first
//! rule that names one counts; without any it is to be.

use std::fs;
use std::path::{Path, PathBuf};

use super::glob::matches;
use super::name::UnitName;
use crate::core::sorted::Map;

/// Of two files with the same name the first folder's counts.
const FOLDERS: [&str; 5] = [
    "etc/systemd/system-preset",
    "run/systemd/system-preset",
    "usr/local/lib/systemd/system-preset",
    "usr/lib/systemd/system-preset",
    "lib/systemd/system-preset",
];

/// What is done about rules: `--preset-mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PresetMode {
    /// Whatever they say.
    #[default]
    Full,
    /// Nothing is disabled.
    EnableOnly,
    /// Nothing is enabled.
    DisableOnly,
}

impl PresetMode {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "full" => Some(Self::Full),
            "enable-only" => Some(Self::EnableOnly),
            "disable-only" => Some(Self::DisableOnly),
            _ => None,
        }
    }
}

/// What a rule says of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Preset {
    /// Of a template, these instances; none is itself.
    Enable(Vec<String>),
    Disable,
    Ignore,
}

impl Preset {
    /// As the lists have it.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Enable(_) => "enabled",
            Self::Disable => "disabled",
            Self::Ignore => "ignored",
        }
    }
}

struct Rule {
    preset: Preset,
    pattern: String,
}

/// All rules, in order.
pub(crate) struct Presets(Vec<Rule>);

impl Presets {
    /// Reads them.
    pub(crate) fn read(root: &Path) -> Self {
        let mut files: Map<String, PathBuf> = Map::new();
        for folder in FOLDERS {
            let list = fs::read_dir(root.join(folder)).into_iter().flatten();
            for entry in list.flatten() {
                let Ok(name) = entry.file_name().into_string() else {
                    continue;
                };
                if name.ends_with(".preset") && !name.starts_with('.') {
                    files.entry(name).or_insert_with(|| entry.path());
                }
            }
        }
        let texts = files
            .values()
            .filter_map(|path| fs::read_to_string(path).ok());
        Self(texts.flat_map(|text| rules(&text)).collect())
    }

    /// What is to become of a unit.
    pub(crate) fn of(&self, name: &UnitName) -> Preset {
        for rule in &self.0 {
            if let Preset::Enable(instances) = &rule.preset
                && !instances.is_empty()
            {
                let template = name.template();
                let named = name
                    .instance()
                    .is_some_and(|own| instances.iter().any(|instance| instance == own));
                if name.is_template() && rule.pattern == name.as_str() {
                    return rule.preset.clone();
                }
                if named && template.is_some_and(|name| name.as_str() == rule.pattern) {
                    return Preset::Enable(Vec::new());
                }
                continue;
            }
            if matches(rule.pattern.as_bytes(), name.as_str().as_bytes()) {
                return rule.preset.clone();
            }
        }
        Preset::Enable(Vec::new())
    }
}

fn rules(text: &str) -> Vec<Rule> {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.starts_with(['#', ';']));
    lines
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let verb = words.next()?;
            let pattern = words.next()?.to_owned();
            let instances: Vec<String> = words.map(str::to_owned).collect();
            let preset = match verb {
                "enable" => Preset::Enable(instances),
                "disable" => Preset::Disable,
                "ignore" => Preset::Ignore,
                _ => return None,
            };
            Some(Rule { preset, pattern })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_counts_and_templates_name_their_instances() {
        let presets = Presets(rules(
            "# x\nenable db@.service one two\ndisable db@*\n; y\ndisable off.*\nignore i.service\nwrong line\n",
        ));
        let of = |name| presets.of(&UnitName::parse(name).unwrap());
        let plain = Preset::Enable(Vec::new());
        assert_eq!(of("db@"), Preset::Enable(vec!["one".into(), "two".into()]));
        assert_eq!(of("db@one"), plain);
        assert_eq!(of("db@three"), Preset::Disable);
        assert_eq!(of("off"), Preset::Disable);
        assert_eq!(of("i"), Preset::Ignore);
        assert_eq!(of("anything"), plain);
    }
}
