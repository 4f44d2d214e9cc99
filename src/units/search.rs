//! Where units lie and which file is whose: the search path, masks, aliases, templates,
//! drop-ins, and the folders that add dependencies (`systemd.unit(5)`).
//!
//! Each folder is listed once; after that only files that count are opened.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::name::UnitName;
use super::script;
use crate::core::sorted::{Map, Set};

/// The first that has a name wins.
const FOLDERS: [&str; 8] = [
    "run/systemd/generator.early",
    "etc/systemd/system",
    "run/systemd/system",
    "run/systemd/generator",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
    "run/systemd/generator.late",
];

/// Where people and programs make links for good.
const CONFIGURED: &str = "etc/systemd/system";
/// Where they make those that the next start forgets.
const RUNTIME: &str = "run/systemd/system";

/// What starts where a machine serves.
const LEVELS_TARGET: &str = "multi-user.target";

/// No unit file is larger.
const MAX_FILE: u64 = 1 << 20;
/// No chain of aliases is longer.
const MAX_LINKS: usize = 8;
/// `O_NONBLOCK` of `open(2)`: a FIFO can't hold the reader.
const O_NONBLOCK: i32 = 0o4000;

/// What stands in a folder under a name.
pub(super) enum Entry {
    File,
    /// What the link says.
    Link(PathBuf),
    Folder,
}

pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) entries: Map<String, Entry>,
}

/// A link in the search path.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) path: PathBuf,
    /// Where it points to, below the root.
    pub(super) target: PathBuf,
    /// It stands in a folder of dependencies.
    pub(super) below: bool,
}

impl Link {
    pub(super) fn name(&self) -> &str {
        file_name(&self.path)
    }

    pub(super) fn target_name(&self) -> &str {
        file_name(&self.target)
    }
}

/// All folders, as they were listed.
pub(crate) struct Search {
    root: PathBuf,
    pub(super) folders: Vec<Folder>,
}

/// A text that belongs to a unit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnitFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// A unit, found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) name: UnitName,
    /// Other names that mean it.
    pub(crate) aliases: Vec<String>,
    /// Its file, then its drop-ins in order.
    pub(crate) files: Vec<UnitFile>,
    /// Names from its `.wants` folders.
    pub(crate) wants: Set<String>,
    /// Names from its `.requires` folders.
    pub(crate) requires: Set<String>,
}

impl Unit {
    /// What its folders pull in.
    pub(crate) fn pulls(&self) -> Set<String> {
        self.wants.iter().chain(&self.requires).cloned().collect()
    }
}

/// Why there is no unit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoUnit {
    /// Nothing has this name.
    Missing,
    /// A link to /dev/null, or an empty file.
    Masked(PathBuf),
    /// A template without an instance.
    Template,
    /// The file can't be read.
    Unreadable(PathBuf, String),
}

impl Search {
    /// Whether it is one of the folders that units lie in, by whatever way.
    pub(crate) fn is_folder(&self, path: &Path) -> bool {
        let place = |path: &Path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.dev(), metadata.ino()))
        };
        let wanted = place(path);
        wanted.is_some()
            && self
                .folders
                .iter()
                .any(|folder| place(&folder.path) == wanted)
    }

    /// Lists the folders below this root.
    pub(crate) fn new(root: &Path) -> Self {
        let mut seen = Set::new();
        let mut folders = Vec::new();
        for place in FOLDERS {
            let path = root.join(place);
            let Ok(metadata) = fs::metadata(&path) else {
                continue;
            };
            // With a merged /usr two names are one folder.
            if seen.insert((metadata.dev(), metadata.ino())) {
                let entries = entries(&path);
                folders.push(Folder { path, entries });
            }
        }
        Self {
            root: root.to_owned(),
            folders,
        }
    }

    /// Every name that stands in a folder.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let folders = self.folders.iter();
        folders.flat_map(|folder| folder.entries.keys().map(String::as_str))
    }

    /// Every folder that is there, and the links of one level in it: those that stand in
    /// it, and those in its folders `NAME.wants` and `NAME.requires`.
    pub(super) fn links(&self) -> impl Iterator<Item = (&Path, Vec<Link>)> {
        self.folders.iter().map(|folder| {
            let mut found = Vec::new();
            for (name, entry) in &folder.entries {
                let path = folder.path.join(name);
                match entry {
                    Entry::Link(target) => found.push(Link {
                        below: false,
                        target: self.pointed_to(&path, target),
                        path,
                    }),
                    Entry::Folder if is_list(name) => {
                        for (name, entry) in entries(&path) {
                            if let Entry::Link(target) = entry {
                                let path = path.join(name);
                                found.push(Link {
                                    below: true,
                                    target: self.pointed_to(&path, &target),
                                    path,
                                });
                            }
                        }
                    }
                    Entry::Folder | Entry::File => {}
                }
            }
            (&*folder.path, found)
        })
    }

    /// Where links are made: for good, or until the next start.
    pub(crate) fn writable(&self, runtime: bool) -> PathBuf {
        let place = if runtime { RUNTIME } else { CONFIGURED };
        self.root.join(place)
    }

    /// Below which everything lies.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The path as a user of the root sees it.
    pub(crate) fn shown(&self, path: &Path) -> PathBuf {
        let below = path.strip_prefix(&self.root).unwrap_or(path);
        Path::new("/").join(below)
    }

    /// The unit of this name, with all that belongs to it.
    pub(crate) fn find(&self, asked: &UnitName) -> Result<Unit, NoUnit> {
        let unit = self.load(asked)?;
        if unit.name.is_template() {
            return Err(NoUnit::Template);
        }
        Ok(unit)
    }

    /// The same, be it a template.
    pub(crate) fn load(&self, asked: &UnitName) -> Result<Unit, NoUnit> {
        let (name, file) = self.fragment(asked)?;
        let mut text = read(&file).map_err(|error| NoUnit::Unreadable(file.clone(), error))?;
        if text.is_empty() {
            return Err(NoUnit::Masked(file));
        }
        let mut aliases = self.aliases(&name, asked);
        if script::is_script(&file) {
            aliases.extend(self.provided(&name, &text));
            text = script::unit(&self.shown(&file), &text, &script::enabled(&self.root));
        }
        let names: Vec<UnitName> = [&name]
            .into_iter()
            .cloned()
            .chain(aliases.iter().filter_map(|alias| UnitName::parse(alias)))
            .collect();
        let mut files = vec![UnitFile { path: file, text }];
        for path in self.drop_ins(&names) {
            // As systemd does: one that leads nowhere changes nothing.
            if !path.exists() {
                continue;
            }
            let text = read(&path).map_err(|error| NoUnit::Unreadable(path.clone(), error))?;
            files.push(UnitFile { path, text });
        }
        Ok(Unit {
            wants: self.linked(&names, "wants"),
            requires: self.linked(&names, "requires"),
            name,
            aliases,
            files,
        })
    }

    /// A unit that has folders and no file: systemd's own targets, where it isn't installed.
    pub(crate) fn without_file(&self, name: &UnitName) -> Unit {
        let names = [name.clone()];
        Unit {
            wants: self.linked(&names, "wants"),
            requires: self.linked(&names, "requires"),
            name: name.clone(),
            aliases: Vec::new(),
            files: Vec::new(),
        }
    }

    /// The unit's real name, and its file.
    pub(crate) fn fragment(&self, asked: &UnitName) -> Result<(UnitName, PathBuf), NoUnit> {
        let mut name = asked.clone();
        for _ in 0..MAX_LINKS {
            let template = name.template();
            let own = self.entry(name.as_str());
            let found = own.or_else(|| self.entry(template.as_ref()?.as_str()));
            let Some((path, entry)) = found else {
                return match self.script(&name) {
                    Some(path) => Ok((name, path)),
                    None => Err(NoUnit::Missing),
                };
            };
            match entry {
                Entry::Folder => return Err(NoUnit::Missing),
                Entry::File => return Ok((name, path)),
                Entry::Link(target) if is_null(target) => return Err(NoUnit::Masked(path)),
                Entry::Link(target) => match self.alias_target(&path, target) {
                    // A link to elsewhere is the unit itself.
                    None => return Ok((name, self.resolved(path))),
                    Some(other) => {
                        let other = name.instance_of(&other);
                        if other == name {
                            return Ok((name, self.resolved(path)));
                        }
                        name = other;
                    }
                },
            }
        }
        Err(NoUnit::Missing)
    }

    /// The first folder's.
    pub(super) fn entry(&self, name: &str) -> Option<(PathBuf, &Entry)> {
        self.folders.iter().find_map(|folder| {
            let entry = folder.entries.get(name)?;
            Some((folder.path.join(name), entry))
        })
    }

    /// The unit that a link names, if what it points to lies in the search path.
    pub(super) fn alias_target(&self, link: &Path, target: &Path) -> Option<UnitName> {
        let target = self.pointed_to(link, target);
        let name = target.file_name()?.to_str()?;
        let folder = fs::metadata(target.parent()?).ok()?;
        let ours = |own: &Folder| {
            fs::metadata(&own.path)
                .is_ok_and(|own| (own.dev(), own.ino()) == (folder.dev(), folder.ino()))
        };
        if !self.folders.iter().any(ours) {
            return None;
        }
        UnitName::parse(name).filter(|parsed| parsed.as_str() == name)
    }

    /// What a link points to; absolute ones begin at the root.
    pub(super) fn pointed_to(&self, link: &Path, target: &Path) -> PathBuf {
        match target.strip_prefix("/") {
            Ok(below) => self.root.join(below),
            Err(_) => link.parent().unwrap_or(link).join(target),
        }
    }

    /// The path behind all links.
    pub(super) fn resolved(&self, mut path: PathBuf) -> PathBuf {
        for _ in 0..MAX_LINKS {
            match fs::read_link(&path) {
                Ok(target) => path = self.pointed_to(&path, &target),
                Err(_) => break,
            }
        }
        path
    }

    /// All links whose names mean this unit.
    fn aliases(&self, name: &UnitName, asked: &UnitName) -> Vec<String> {
        let mut found = Set::new();
        if asked != name {
            found.insert(asked.as_str().to_owned());
        }
        for folder in &self.folders {
            for (own, entry) in &folder.entries {
                let Entry::Link(target) = entry else {
                    continue;
                };
                let points = target.file_name().and_then(|target| target.to_str());
                if own == name.as_str() || points != Some(name.as_str()) {
                    continue;
                }
                let means = UnitName::parse(own).and_then(|own| self.fragment(&own).ok());
                if means.is_some_and(|(real, _)| real == *name) {
                    found.insert(own.clone());
                }
            }
        }
        found.into_iter().collect()
    }

    /// The drop-ins of all its names, in the order of their own: of two with the same name
    /// the one in the first folder counts.
    fn drop_ins(&self, names: &[UnitName]) -> Vec<PathBuf> {
        let mut found: Map<String, PathBuf> = Map::new();
        let suffix = names.first().map_or("service", UnitName::suffix);
        let of_type = [suffix.to_owned()];
        let mut groups: Vec<Vec<String>> = names.iter().map(UnitName::drop_in_names).collect();
        groups.push(of_type.into());
        for name in groups {
            for folder in &self.folders {
                for part in &name {
                    let own = format!("{part}.d");
                    if !folder.entries.contains_key(&own) {
                        continue;
                    }
                    let path = folder.path.join(own);
                    for (file, entry) in entries(&path) {
                        let is_one = file.ends_with(".conf") && !file.starts_with('.');
                        if is_one && !matches!(entry, Entry::Folder) {
                            found.entry(file.clone()).or_insert_with(|| path.join(file));
                        }
                    }
                }
            }
        }
        let masked = |path: &PathBuf| fs::read_link(path).is_ok_and(|target| is_null(&target));
        let files = found.into_values().filter(|path| !masked(path));
        files.map(|path| self.resolved(path)).collect()
    }

    /// What links pull in with a target.
    pub(crate) fn pulled_in_by(&self, target: &str) -> Set<String> {
        let names: Vec<UnitName> = UnitName::parse(target).into_iter().collect();
        let mut all = self.linked(&names, "wants");
        all.extend(self.linked(&names, "requires"));
        all
    }

    /// What the folders `NAME.wants` or `NAME.requires` name; where their links lead
    /// doesn't matter, unless they lead nowhere at all.
    fn linked(&self, names: &[UnitName], kind: &str) -> Set<String> {
        let mut found = Set::new();
        let mut all: Vec<String> = Vec::new();
        for name in names {
            all.push(name.as_str().to_owned());
            all.extend(name.template().map(|template| template.as_str().to_owned()));
        }
        for folder in &self.folders {
            for name in &all {
                let own = format!("{name}.{kind}");
                if !folder.entries.contains_key(&own) {
                    continue;
                }
                for (link, entry) in entries(&folder.path.join(own)) {
                    let masked = matches!(&entry, Entry::Link(target) if is_null(target));
                    if !masked && UnitName::parse(&link).is_some() {
                        found.insert(link);
                    }
                }
            }
        }
        if kind == "wants" && all.iter().any(|name| name == LEVELS_TARGET) {
            found.extend(self.scripts().map(|name| name.as_str().to_owned()));
        }
        found
    }
}

/// A folder whose links are dependencies.
fn is_list(name: &str) -> bool {
    name.ends_with(".wants") || name.ends_with(".requires")
}

pub(super) fn is_null(target: &Path) -> bool {
    target == Path::new("/dev/null")
}

pub(super) fn entries(path: &Path) -> Map<String, Entry> {
    let mut found = Map::new();
    let list = fs::read_dir(path).into_iter().flatten();
    for entry in list.flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let kind = if kind.is_symlink() {
            match fs::read_link(entry.path()) {
                Ok(target) => Entry::Link(target),
                Err(_) => continue,
            }
        } else if kind.is_dir() {
            Entry::Folder
        } else if kind.is_file() {
            Entry::File
        } else {
            continue;
        };
        found.insert(name, kind);
    }
    found
}

/// What follows the last slash; nothing where it isn't text.
pub(crate) fn file_name(path: &Path) -> &str {
    let name = path.file_name().and_then(|name| name.to_str());
    name.unwrap_or_default()
}

/// The file's text. What isn't UTF-8 is marked in it.
pub(super) fn read(path: &Path) -> Result<String, String> {
    // Most files are read at once.
    let mut bytes = Vec::with_capacity(2048);
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(O_NONBLOCK)
        .open(path);
    let read = file.and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => {
            let text = error.to_string();
            Err(text
                .split(" (os error")
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase())
        }
        Ok(length) if length as u64 > MAX_FILE => Err("larger than 1 MiB".to_owned()),
        Ok(_) => Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())),
    }
}
