//! Scripts of /etc/init.d as units, for names that no unit file has: the text of the unit
//! that a script stands for, from what its header (LSB, or chkconfig) and its lines say,
//! and which scripts are enabled by links in /etc/rc2.d to rc5.d.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::name::UnitName;
use super::search::Search;
use crate::core::sorted::{Map, Set};

/// Where scripts lie: Debian's place, and CentOS's, to which the first is a link there.
const FOLDERS: [&str; 2] = ["etc/init.d", "etc/rc.d/init.d"];
/// The levels in which a machine serves.
const LEVELS: [&str; 8] = [
    "etc/rc2.d",
    "etc/rc3.d",
    "etc/rc4.d",
    "etc/rc5.d",
    "etc/rc.d/rc2.d",
    "etc/rc.d/rc3.d",
    "etc/rc.d/rc4.d",
    "etc/rc.d/rc5.d",
];

/// The facilities of LSB, as units that stand for them.
const FACILITIES: &[(&str, &str)] = &[
    ("local_fs", "local-fs.target"),
    ("remote_fs", "remote-fs.target"),
    ("network", "network-online.target"),
    ("named", "nss-lookup.target"),
    ("portmap", "rpcbind.target"),
    ("time", "time-sync.target"),
    ("syslog", "syslog.service"),
    // Last: after all that a machine starts by itself.
    ("all", "multi-user.target"),
];

/// Whether the text of the unit at this path is made here.
pub(crate) fn is_script(path: &Path) -> bool {
    let above = path.parent();
    above.is_some_and(|above| FOLDERS.iter().any(|folder| above.ends_with(folder)))
}

/// The script that stands for the unit of this stem.
fn find(root: &Path, stem: &str) -> Option<PathBuf> {
    let names = [stem.to_owned(), format!("{stem}.sh")];
    let paths = FOLDERS
        .iter()
        .flat_map(|folder| names.iter().map(move |name| root.join(folder).join(name)));
    paths.into_iter().find(|path| {
        let metadata = fs::metadata(path);
        metadata.is_ok_and(|own| own.is_file() && own.permissions().mode() & 0o111 != 0)
    })
}

/// The stems of all scripts that are started in one of the levels, each with its turn.
pub(super) fn enabled(root: &Path) -> Map<String, u32> {
    let mut found = Map::new();
    for level in LEVELS {
        let list = fs::read_dir(root.join(level)).into_iter().flatten();
        for entry in list.flatten() {
            let name = entry.file_name();
            let Some(rest) = name.to_str().and_then(|name| name.strip_prefix('S')) else {
                continue;
            };
            let (turn, stem) = rest.split_at_checked(2).unwrap_or_default();
            if let Ok(turn) = turn.parse() {
                let stem = stem.strip_suffix(".sh").unwrap_or(stem);
                found.entry(stem.to_owned()).or_insert(turn);
            }
        }
    }
    found
}

impl Search {
    /// The script that stands for the unit, which there isn't.
    pub(super) fn script(&self, name: &UnitName) -> Option<PathBuf> {
        let may = name.suffix() == "service" && name.instance().is_none();
        may.then(|| find(self.root(), name.stem()))?
    }

    /// The other names of a script, as far as nothing else has them.
    pub(super) fn provided(&self, name: &UnitName, text: &str) -> Vec<String> {
        let is_free = |other: &String| {
            let other = UnitName::parse(other);
            other.is_some_and(|other| other != *name && self.fragment(&other).is_err())
        };
        provides(text).into_iter().filter(is_free).collect()
    }

    /// Every script that stands for a unit.
    pub(crate) fn all_scripts(&self) -> Vec<UnitName> {
        let folders = FOLDERS.iter().map(|folder| self.root().join(folder));
        let entries =
            folders.flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
        let names = entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let stem = name.strip_suffix(".sh").unwrap_or(&name);
            UnitName::parse(&format!("{stem}.service"))
        });
        let stands = |name: &UnitName| {
            let found = self.fragment(name);
            found.is_ok_and(|(_, path)| is_script(&path))
        };
        names.filter(stands).collect()
    }

    /// The scripts that links in the folders of levels start, less those of which there is
    /// a unit or a mask.
    pub(super) fn scripts(&self) -> impl Iterator<Item = UnitName> {
        let stems = enabled(self.root()).into_keys();
        let names = stems.filter_map(|stem| UnitName::parse(&format!("{stem}.service")));
        names.filter(|name| {
            let found = self.fragment(name);
            found.is_ok_and(|(_, path)| is_script(&path))
        })
    }
}

/// What a script says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
struct Header {
    /// There is one of LSB.
    is_lsb: bool,
    /// Each key's words; in small letters.
    keys: Map<String, Vec<String>>,
    /// `# pidfile:`.
    pid_file: Option<String>,
}

impl Header {
    fn read(text: &str) -> Self {
        let mut header = Self::default();
        let mut inside = false;
        let mut last = String::new();
        for line in text.lines() {
            let Some(comment) = line.strip_prefix('#') else {
                continue;
            };
            match comment.trim() {
                "## BEGIN INIT INFO" => {
                    inside = true;
                    header.is_lsb = true;
                }
                "## END INIT INFO" => inside = false,
                _ if inside && (comment.starts_with("  ") || comment.starts_with('\t')) => {
                    header.add(&last, comment);
                }
                trimmed => {
                    let Some((key, value)) = trimmed.split_once(':') else {
                        continue;
                    };
                    let key = key.trim().to_ascii_lowercase();
                    if inside {
                        header.add(&key, value);
                        last = key;
                    } else if key == "pidfile" {
                        let value = value.trim();
                        header.pid_file = value.starts_with('/').then(|| value.to_owned());
                    }
                }
            }
        }
        header
    }

    fn add(&mut self, key: &str, value: &str) {
        let words = value.split_whitespace().map(str::to_owned);
        self.keys.entry(key.to_owned()).or_default().extend(words);
    }

    fn words(&self, key: &str) -> impl Iterator<Item = &str> {
        self.keys.get(key).into_iter().flatten().map(String::as_str)
    }

    /// The units that these keys name.
    fn units(&self, keys: &[&str]) -> Set<String> {
        let words = keys.iter().flat_map(|key| self.words(key));
        words.map(unit_of).collect()
    }
}

/// The unit that a word of the header means.
fn unit_of(word: &str) -> String {
    let word = word.trim_start_matches('+');
    match word.strip_prefix('$') {
        Some(facility) => {
            let known = FACILITIES.iter().find(|(name, _)| *name == facility);
            known.map_or_else(|| format!("{facility}.target"), |(_, unit)| (*unit).into())
        }
        None => format!("{}.service", word.strip_suffix(".sh").unwrap_or(word)),
    }
}

/// The other names of a script, as units.
fn provides(text: &str) -> Vec<String> {
    let header = Header::read(text);
    let names = header.words("provides").filter(|name| !name.contains('$'));
    names.map(unit_of).collect()
}

/// The unit. `others`: the enabled scripts, which one without LSB's header comes after as
/// its number says.
pub(super) fn unit(shown: &Path, text: &str, others: &Map<String, u32>) -> String {
    let header = Header::read(text);
    let path = shown.display().to_string().replace('%', "%%");
    let mut after = header.units(&["required-start", "should-start"]);
    let mut before = header.units(&["x-start-before"]);
    let facilities = header.words("provides").filter(|name| name.contains('$'));
    let wants: Set<String> = facilities.map(unit_of).collect();
    before.extend(wants.iter().cloned());
    if !header.is_lsb {
        let stem = |path: &Path| {
            path.file_stem()
                .and_then(|stem| stem.to_str().map(str::to_owned))
        };
        let own = stem(shown).and_then(|stem| others.get(&stem).copied());
        let earlier = others.iter().filter(|(_, turn)| Some(**turn) < own);
        after.extend(earlier.map(|(name, _)| unit_of(name)));
    }
    let mut unit = format!("[Unit]\nSourcePath={path}\n");
    for (key, names) in [("After", after), ("Before", before), ("Wants", wants)] {
        if !names.is_empty() {
            let names: Vec<String> = names.into_iter().collect();
            // Writing into a string cannot fail.
            let _ = writeln!(unit, "{key}={}", names.join(" "));
        }
    }
    let _ = write!(
        unit,
        "[Service]\nType=forking\nTimeoutSec=5min\nIgnoreSIGPIPE=no\nSuccessExitStatus=5 6\n\
         Environment=SYSTEMCTL_SKIP_REDIRECT=yes\nExecStart={path} start\nExecStop={path} stop\n"
    );
    if reloads(text) {
        let _ = writeln!(unit, "ExecReload={path} reload");
    }
    if let Some(file) = header.pid_file.or_else(|| pid_file(text)) {
        let _ = writeln!(unit, "PIDFile={}", file.replace('%', "%%"));
    }
    unit
}

/// Whether one of its cases is `reload`.
fn reloads(text: &str) -> bool {
    let cases = text.lines().filter_map(|line| line.split_once(')'));
    let mut words = cases.flat_map(|(case, _)| case.split(['|', '(']));
    words.any(|word| word.trim().trim_matches(['"', '\'']) == "reload")
}

/// The PID file that its lines name, as far as variables that are plain text tell.
fn pid_file(text: &str) -> Option<String> {
    let mut known: Map<&str, String> = Map::new();
    let mut found = None;
    for line in text.lines() {
        let line = line.trim();
        if let Some((name, value)) = line.split_once('=')
            && !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            let value = value.split(['#', ';']).next().unwrap_or_default();
            let value = expanded(value.trim().trim_matches(['"', '\'']), &known);
            let upper = name.to_ascii_uppercase();
            if let Some(value) = value {
                let is_file = upper.contains("PID") && is_pid_file(&value);
                if is_file && (found.is_none() || upper == "PIDFILE") {
                    found = Some(value.clone());
                }
                known.entry(name).or_insert(value);
            }
        }
        let mut words = line.split([' ', '\t', '=']);
        if found.is_none() && words.any(|word| word == "--pidfile") {
            let word = words.next().unwrap_or_default();
            let value = expanded(word.trim_matches(['"', '\'']), &known);
            found = value.filter(|value| is_pid_file(value));
        }
    }
    found
}

fn is_pid_file(path: &str) -> bool {
    let below = path.strip_prefix("/var").unwrap_or(path);
    let last = path.rsplit('/').next().unwrap_or_default();
    below.starts_with("/run/") && last.contains("pid") && !path.contains("/../")
}

/// The text with its variables' values, `None` where they aren't known.
fn expanded(text: &str, known: &Map<&str, String>) -> Option<String> {
    let mut parts = text.split('$');
    let mut value = parts.next()?.to_owned();
    for part in parts {
        let (name, rest) = if let Some(inside) = part.strip_prefix('{') {
            inside.split_once('}')?
        } else {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            part.split_at(part.find(|c| !is_name(c)).unwrap_or(part.len()))
        };
        let (name, default) = name.split_once(":-").unwrap_or((name, ""));
        match known.get(name) {
            Some(own) => value.push_str(own),
            None if !default.is_empty() => value.push_str(default),
            None => return None,
        }
        value.push_str(rest);
    }
    let plain = !value.contains(['`', '*', ' ', '(', '\\']);
    plain.then_some(value)
}

#[cfg(test)]
mod tests;
