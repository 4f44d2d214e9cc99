//! Which links are made and removed to enable, disable, mask and unmask units, as systemd
//! does. What has to be done is only said here.

use std::fs;
use std::path::{Path, PathBuf};

use super::install::Install;
use super::name::UnitName;
use super::preset::{Preset, PresetMode, Presets};
use super::search::{NoUnit, Search, Unit, file_name, is_null};
use super::specifier::Machine;
use crate::core::sorted::{Set, sort};

/// One thing to do, or to say, in this order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Make this link; `to` as users of the root see it.
    Link { at: PathBuf, to: PathBuf },
    /// Remove this link.
    Remove { at: PathBuf },
    /// It is masked, and nothing is done about it.
    Ignored { at: PathBuf },
    /// This can't be done.
    Wrong(WrongLink),
}

/// Why a link isn't made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WrongLink {
    /// There is no such unit.
    Missing(String),
    /// The unit is masked by this.
    Masked(PathBuf),
    /// A program makes it anew each time.
    Generated(PathBuf),
    /// A link that was made here gives the unit this name.
    Linked(String),
    /// The file can't be read.
    Unreadable(PathBuf, String),
    /// It can't have this name too.
    Alias { name: String, alias: String },
    /// A template without an instance, linked from what is no template.
    NoInstance { name: String, target: String },
    /// This is there, and no link.
    Exists(PathBuf),
    /// This is there, and links elsewhere.
    OtherLink(PathBuf, PathBuf),
}

/// What people may ask for with it.
#[derive(Clone, Copy, Debug, Default)]
struct Manner {
    force: bool,
    /// Nobody hears of what can't be enabled by itself.
    lenient: bool,
}

/// The units that are there, and where links go.
pub(crate) struct Enabling<'a> {
    search: &'a Search,
    machine: &'a Machine,
    folder: PathBuf,
    force: bool,
}

/// A unit that is to be enabled or disabled.
struct Chosen {
    name: UnitName,
    file: PathBuf,
    install: Install,
}

impl<'a> Enabling<'a> {
    pub(crate) fn new(
        search: &'a Search,
        machine: &'a Machine,
        runtime: bool,
        force: bool,
    ) -> Self {
        let folder = search.writable(runtime);
        Self {
            search,
            machine,
            folder,
            force,
        }
    }

    /// Links for these; whether any of them says where it wants to be linked.
    pub(crate) fn enable(&self, names: &[UnitName]) -> (Vec<Step>, bool) {
        let manner = Manner {
            force: self.force,
            lenient: false,
        };
        self.enable_as(names, manner)
    }

    fn enable_as(&self, names: &[UnitName], manner: Manner) -> (Vec<Step>, bool) {
        let mut steps = Vec::new();
        let chosen = match self.choose(names, &mut steps) {
            Ok(chosen) => chosen,
            Err(wrong) => return (vec![Step::Wrong(wrong)], true),
        };
        let mut any = !steps.is_empty();
        for unit in &chosen {
            any |= unit.install.has_rules()
                || !unit.install.also.is_empty()
                || unit.install.default_instance.is_some();
            self.link_all(unit, manner, &mut steps);
        }
        (steps, any)
    }

    /// These and what they say is to be enabled with them. The first that can't be is the
    /// end of it; of those that come with others nothing is said.
    fn choose(&self, names: &[UnitName], steps: &mut Vec<Step>) -> Result<Vec<Chosen>, WrongLink> {
        let mut chosen: Vec<Chosen> = Vec::new();
        let mut seen = Set::new();
        let mut left: Vec<(UnitName, bool)> =
            names.iter().rev().map(|n| (n.clone(), true)).collect();
        let mut also: Vec<UnitName> = Vec::new();
        while let Some((name, named)) = left.pop().or_else(|| {
            let next = (!also.is_empty()).then(|| also.remove(0))?;
            Some((next, false))
        }) {
            if !seen.insert(name.clone()) {
                continue;
            }
            match self.load(&name) {
                Ok(_) if named && self.search.is_made_alias(&name) => {
                    return Err(WrongLink::Linked(name.as_str().to_owned()));
                }
                Ok(unit) => {
                    // Under its own name it may have been met.
                    if unit.name != name && !seen.insert(unit.name.clone()) {
                        continue;
                    }
                    also.extend(
                        unit.install
                            .also
                            .iter()
                            .filter_map(|name| UnitName::parse(name)),
                    );
                    chosen.push(unit);
                }
                Err(WrongLink::Masked(at)) if !named => steps.push(Step::Ignored { at }),
                Err(_) if !named => {}
                Err(wrong) => return Err(wrong),
            }
        }
        Ok(chosen)
    }

    fn load(&self, name: &UnitName) -> Result<Chosen, WrongLink> {
        let unit = self.search.load(name).map_err(|error| match error {
            NoUnit::Missing | NoUnit::Template => WrongLink::Missing(name.as_str().to_owned()),
            NoUnit::Masked(path) => WrongLink::Masked(path),
            NoUnit::Unreadable(path, error) => WrongLink::Unreadable(path, error),
        })?;
        let file = first_file(&unit);
        let generated = self.search.root().join("run/systemd/generator");
        if file
            .to_string_lossy()
            .starts_with(&*generated.to_string_lossy())
        {
            return Err(WrongLink::Generated(file));
        }
        let install = Install::read(&unit, &unit.name, self.machine);
        // A template's words are its default instance's.
        let instance = install.default_instance.as_deref();
        let instance = instance.and_then(|instance| unit.name.with_instance(instance));
        let install = match &instance {
            Some(name) => Install::read(&unit, name, self.machine),
            None => install,
        };
        Ok(Chosen {
            name: unit.name,
            file,
            install,
        })
    }

    fn link_all(&self, unit: &Chosen, manner: Manner, steps: &mut Vec<Step>) {
        let to = self.search.shown(&unit.file);
        let instance = unit.install.default_instance.as_deref();
        let instance = instance.and_then(|instance| unit.name.with_instance(instance));
        let name = instance.as_ref().unwrap_or(&unit.name);
        for alias in &unit.install.aliases {
            if !may_be_alias(&unit.name, alias) {
                steps.push(Step::Wrong(WrongLink::Alias {
                    name: unit.name.as_str().to_owned(),
                    alias: alias.clone(),
                }));
                continue;
            }
            // That of an instance is its own where it is a template's.
            let at = UnitName::parse(alias).map(|alias| unit.name.instance_of(&alias));
            let at = at.map(|at| self.folder.join(at.as_str()));
            steps.extend(
                at.map(|at| self.link(at, &to, manner.force))
                    .into_iter()
                    .flatten(),
            );
        }
        for (targets, kind) in [
            (&unit.install.wanted_by, "wants"),
            (&unit.install.required_by, "requires"),
        ] {
            for target in targets {
                let fits = UnitName::parse(target)
                    .filter(|parsed| parsed.as_str() == target)
                    .is_some_and(|parsed| !name.is_template() || parsed.is_template());
                if fits {
                    let folder = self.folder.join(format!("{target}.{kind}"));
                    // As with systemd: only an alias that is another's wants --force.
                    steps.extend(self.link(folder.join(name.as_str()), &to, true));
                } else if !manner.lenient {
                    steps.push(Step::Wrong(WrongLink::NoInstance {
                        name: unit.name.as_str().to_owned(),
                        target: target.clone(),
                    }));
                }
            }
        }
    }

    /// What it takes for this link to be there.
    fn link(&self, at: PathBuf, to: &Path, force: bool) -> Vec<Step> {
        let wanted = || Step::Link {
            at: at.clone(),
            to: to.to_owned(),
        };
        let Ok(metadata) = fs::symlink_metadata(&at) else {
            return vec![wanted()];
        };
        if !metadata.is_symlink() {
            return vec![Step::Wrong(WrongLink::Exists(at))];
        }
        let there = fs::read_link(&at).unwrap_or_default();
        let same = there == to
            || (!is_null(to)
                && self.search.resolved(self.search.pointed_to(&at, &there))
                    == self.search.resolved(self.search.pointed_to(&at, to)));
        if same || self.is_same_file(&at, &there, to) {
            return Vec::new();
        }
        if !force {
            return vec![Step::Wrong(WrongLink::OtherLink(at, there))];
        }
        vec![Step::Remove { at: at.clone() }, wanted()]
    }

    /// With a merged /usr one file has two paths.
    fn is_same_file(&self, at: &Path, one: &Path, other: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;
        let file = |path: &Path| {
            let metadata = fs::metadata(self.search.pointed_to(at, path)).ok()?;
            Some((metadata.dev(), metadata.ino()))
        };
        file(one).is_some_and(|it| Some(it) == file(other))
    }

    /// Removes what enables these, and what they say is to be enabled with them.
    pub(crate) fn disable(&self, names: &[UnitName], with_also: bool) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut marked: Set<String> = Set::new();
        let mut left: Vec<UnitName> = names.iter().rev().cloned().collect();
        while let Some(name) = left.pop() {
            match self.load(&name) {
                Ok(unit) => {
                    if marked.insert(unit.name.as_str().to_owned()) && with_also {
                        let also = unit.install.also.iter();
                        left.extend(also.filter_map(|name| UnitName::parse(name)));
                    }
                }
                Err(WrongLink::Masked(at)) => steps.push(Step::Ignored { at }),
                Err(WrongLink::Missing(missing)) => {
                    // Its links may have outlived it.
                    marked.insert(missing.clone());
                    if names.contains(&name) {
                        steps.push(Step::Wrong(WrongLink::Missing(missing)));
                    }
                }
                Err(wrong) => steps.push(Step::Wrong(wrong)),
            }
        }
        let mut links = Vec::new();
        links_below(&self.folder, &mut links);
        sort(&mut links);
        let mut gone: Set<PathBuf> = Set::new();
        loop {
            let before = gone.len();
            for at in &links {
                let target = fs::read_link(at).unwrap_or_default();
                let name = file_name(at);
                let is_marked = UnitName::parse(name).is_some_and(|parsed| parsed.as_str() == name)
                    && !is_null(&target)
                    && (marked.contains(name)
                        || marked.contains(file_name(&target))
                        || gone.contains(&self.search.pointed_to(at, &target)));
                if is_marked && gone.insert(at.clone()) {
                    steps.push(Step::Remove { at: at.clone() });
                }
            }
            if gone.len() == before {
                return steps;
            }
        }
    }

    /// Enables or disables them, as their presets say.
    pub(crate) fn preset(
        &self,
        names: &[UnitName],
        presets: &Presets,
        mode: PresetMode,
    ) -> Vec<Step> {
        let mut on = Vec::new();
        let mut off = Vec::new();
        let mut steps = Vec::new();
        for name in names {
            let preset = presets.of(name);
            match self.load(name) {
                // An alias follows its unit.
                Ok(unit) if unit.name != *name => continue,
                Ok(_) => {}
                Err(WrongLink::Masked(at)) if preset == Preset::Disable => {
                    steps.push(Step::Ignored { at });
                    continue;
                }
                Err(wrong) => return vec![Step::Wrong(wrong)],
            }
            match preset {
                Preset::Enable(instances) if instances.is_empty() => on.push(name.clone()),
                Preset::Enable(instances) => {
                    let all = instances.iter();
                    on.extend(all.filter_map(|instance| name.with_instance(instance)));
                }
                Preset::Disable => off.push(name.clone()),
                Preset::Ignore => {}
            }
        }
        if mode != PresetMode::EnableOnly {
            // What comes with them has presets of its own.
            steps.extend(self.disable(&off, false));
        }
        if mode != PresetMode::DisableOnly {
            let manner = Manner {
                force: true,
                lenient: true,
            };
            steps.extend(self.enable_as(&on, manner).0);
        }
        steps
    }

    /// Links these to nowhere, so that they can't be started.
    pub(crate) fn mask(&self, names: &[UnitName]) -> Vec<Step> {
        let null = Path::new("/dev/null");
        let links = names.iter().map(|name| self.folder.join(name.as_str()));
        links
            .flat_map(|at| self.link(at, null, self.force))
            .collect()
    }

    /// Takes that back.
    pub(crate) fn unmask(&self, names: &[UnitName]) -> Vec<Step> {
        let masks = names.iter().map(|name| self.folder.join(name.as_str()));
        let is_mask = |at: &PathBuf| {
            fs::read_link(at).is_ok_and(|target| is_null(&target))
                || fs::symlink_metadata(at).is_ok_and(|file| file.is_file() && file.len() == 0)
        };
        masks
            .filter(is_mask)
            .map(|at| Step::Remove { at })
            .collect()
    }

    /// Makes these files units of the names that they have.
    pub(crate) fn adopt(&self, files: &[PathBuf]) -> Vec<Step> {
        let mut steps = Vec::new();
        for file in files {
            let below = file.strip_prefix("/").unwrap_or(file);
            let whole = self.search.root().join(below);
            if whole.is_file()
                && whole
                    .parent()
                    .is_some_and(|parent| self.search.is_folder(parent))
            {
                // It has that name already.
                continue;
            }
            if whole.is_file() {
                let at = self.folder.join(file_name(file));
                steps.extend(self.link(at, file, self.force));
            } else {
                let missing = file.display().to_string();
                return vec![Step::Wrong(WrongLink::Missing(missing))];
            }
        }
        steps
    }

    /// Links these from a target's folder.
    pub(crate) fn add(&self, target: &UnitName, names: &[UnitName], kind: &str) -> Vec<Step> {
        let add = || {
            let target = self.load(target)?.name;
            let mut steps = Vec::new();
            for name in names {
                let unit = self.load(name)?;
                if unit.name.is_template() && !target.is_template() {
                    return Err(WrongLink::NoInstance {
                        name: unit.name.as_str().to_owned(),
                        target: target.as_str().to_owned(),
                    });
                }
                let folder = self.folder.join(format!("{}.{kind}", target.as_str()));
                let to = self.search.shown(&unit.file);
                steps.extend(self.link(folder.join(unit.name.as_str()), &to, true));
            }
            Ok(steps)
        };
        add().unwrap_or_else(|wrong| vec![Step::Wrong(wrong)])
    }

    /// Makes this what default.target means.
    pub(crate) fn set_default(&self, target: &UnitName) -> Vec<Step> {
        match self.load(target) {
            Ok(unit) => {
                let to = self.search.shown(&unit.file);
                self.link(self.folder.join("default.target"), &to, true)
            }
            Err(wrong) => vec![Step::Wrong(wrong)],
        }
    }
}

fn first_file(unit: &Unit) -> PathBuf {
    let file = unit.files.first().map(|file| file.path.clone());
    file.unwrap_or_default()
}

/// An alias has the unit's suffix, and is a template if the unit is one.
fn may_be_alias(name: &UnitName, alias: &str) -> bool {
    UnitName::parse(alias).is_some_and(|parsed| {
        parsed.as_str() == alias
            && parsed.suffix() == name.suffix()
            && parsed.instance().is_some() == name.instance().is_some()
    })
}

fn links_below(folder: &Path, links: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_symlink() {
            links.push(entry.path());
        } else if kind.is_dir() {
            links_below(&entry.path(), links);
        }
    }
}
