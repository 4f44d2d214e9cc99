//! What the links that are there say of a unit file: enabled, disabled, masked, … as
//! `systemctl is-enabled` has it.

use std::path::Path;

use super::install::Install;
use super::name::UnitName;
use super::script::is_script;
use super::search::{Link, NoUnit, Search, file_name};
use super::specifier::Machine;

/// How a unit file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileState {
    Enabled,
    EnabledRuntime,
    Linked,
    LinkedRuntime,
    Alias,
    Masked,
    MaskedRuntime,
    Static,
    Disabled,
    Indirect,
    Generated,
    Bad,
}

impl FileState {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::EnabledRuntime => "enabled-runtime",
            Self::Linked => "linked",
            Self::LinkedRuntime => "linked-runtime",
            Self::Alias => "alias",
            Self::Masked => "masked",
            Self::MaskedRuntime => "masked-runtime",
            Self::Static => "static",
            Self::Disabled => "disabled",
            Self::Indirect => "indirect",
            Self::Generated => "generated",
            Self::Bad => "bad",
        }
    }

    /// Whether is-enabled says yes.
    pub(crate) const fn is_enabled(self) -> bool {
        matches!(
            self,
            Self::Enabled
                | Self::EnabledRuntime
                | Self::Static
                | Self::Alias
                | Self::Indirect
                | Self::Generated
        )
    }

    /// Whether a preset would say anything of it.
    pub(crate) const fn has_preset(self) -> bool {
        !matches!(self, Self::Static | Self::Alias | Self::Generated)
    }
}

/// How the unit file of this name stands.
///
/// # Errors
/// Where there is none.
pub(crate) fn file_state(
    search: &Search,
    machine: &Machine,
    asked: &UnitName,
) -> Result<FileState, NoUnit> {
    let unit = match search.load(asked) {
        Ok(unit) => unit,
        Err(NoUnit::Masked(path)) => {
            return Ok(if path.starts_with(search.root().join("run")) {
                FileState::MaskedRuntime
            } else {
                FileState::Masked
            });
        }
        Err(NoUnit::Unreadable(..)) => return Ok(FileState::Bad),
        Err(error @ (NoUnit::Missing | NoUnit::Template)) => return Err(error),
    };
    let file = unit.files.first().map(|file| file.path.clone());
    let file = file.unwrap_or_default();
    let own = file_name(&file).to_owned();
    // An instance of a template is itself, whatever its file is called.
    if *asked != unit.name && asked.instance().is_none_or(str::is_empty) {
        return Ok(FileState::Alias);
    }
    let generated = search.root().join("run/systemd/generator");
    if file
        .to_string_lossy()
        .starts_with(&*generated.to_string_lossy())
    {
        return Ok(FileState::Generated);
    }
    if is_script(&file) {
        let is_enabled = search.scripts().any(|name| name == unit.name);
        return Ok(if is_enabled {
            FileState::Enabled
        } else {
            FileState::Disabled
        });
    }
    let install = Install::read(&unit, &unit.name, machine);
    let is_instance = unit.name.instance().is_some_and(|it| !it.is_empty());
    let links = Links {
        names: known_names(&unit.name, &install),
        unit: unit.name.as_str(),
        file: &own,
        is_instance,
    };
    let found = links.look(search);
    Ok(match found {
        Found {
            configured: true, ..
        } => FileState::Enabled,
        Found { runtime: true, .. } => FileState::EnabledRuntime,
        Found {
            elsewhere: true, ..
        } if is_instance => FileState::Static,
        Found { linked: true, .. } => FileState::Linked,
        Found {
            linked_runtime: true,
            ..
        } => FileState::LinkedRuntime,
        Found { other: true, .. } => FileState::Indirect,
        Found { .. } if install.has_rules() => FileState::Disabled,
        Found { .. } if !install.also.is_empty() => FileState::Indirect,
        Found { .. } => FileState::Static,
    })
}

/// What it is called where it is enabled.
fn known_names(name: &UnitName, install: &Install) -> Vec<String> {
    let mut names = vec![name.as_str().to_owned()];
    names.extend(install.aliases.iter().cloned());
    let instance = install.default_instance.as_deref();
    let instance = instance.and_then(|instance| name.with_instance(instance));
    names.extend(instance.map(|name| name.as_str().to_owned()));
    names
}

struct Links<'a> {
    names: Vec<String>,
    unit: &'a str,
    file: &'a str,
    is_instance: bool,
}

/// Which links were met.
#[derive(Default)]
struct Found {
    configured: bool,
    runtime: bool,
    elsewhere: bool,
    linked: bool,
    linked_runtime: bool,
    /// A link to it under a name that it doesn't say itself.
    other: bool,
}

impl Links<'_> {
    fn look(&self, search: &Search) -> Found {
        let mut found = Found::default();
        let configured = search.writable(false);
        let runtime = search.writable(true);
        for (folder, links) in search.links() {
            for link in links {
                self.weigh(&link, folder == configured, folder == runtime, &mut found);
            }
        }
        found
    }

    fn weigh(&self, link: &Link, configured: bool, runtime: bool, found: &mut Found) {
        // An instance is linked by its own name; the file is all instances'.
        let by_target = link.target_name() == self.file && !self.is_instance;
        let by_name = link.name() == self.unit;
        let is_it = by_target || (by_name && link.below);
        if !is_it {
            return;
        }
        // The unit itself, linked from elsewhere.
        if !link.below && by_name {
            found.linked |= configured && !Path::new(&link.target).starts_with("/dev");
            found.linked_runtime |= runtime;
            return;
        }
        let known = self.names.iter().any(|name| name == link.name());
        found.configured |= known && configured;
        found.runtime |= known && runtime;
        found.elsewhere |= known && !configured && !runtime;
        found.other |= !known && (configured || runtime);
    }
}
