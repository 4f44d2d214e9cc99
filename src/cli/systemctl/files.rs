//! What units' files say, and whether they are still those that rinit has read.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::world::{Service, World, is_starter};
use crate::cli::print::{self, Text};
use crate::config::import::is_service;
use crate::units::{ExecLine, Line, NoUnit, Specifiers, Unit, UnitName, commands, lines, started};

impl World {
    /// The unit that a name means, and its files, if it has any.
    #[inline(never)]
    pub(super) fn unit(&self, name: &UnitName) -> Result<Unit, NoUnit> {
        self.search().load(name)
    }

    /// Its files are not those that rinit has read.
    pub(super) fn has_changed(&self, service: &Service) -> bool {
        let changed = |path: &Path, of_text: bool| {
            let met = std::fs::metadata(path);
            met.is_ok_and(|it| {
                let (seconds, nanos) = if of_text {
                    (it.ctime(), it.ctime_nsec())
                } else {
                    (it.mtime(), it.mtime_nsec())
                };
                seconds * 1000 + nanos / 1_000_000 > self.read.get()
            })
        };
        let name = UnitName::parse(&service.unit);
        match name.map(|name| self.unit(&name)) {
            // Where a drop-in was removed, its folder has changed.
            Some(Ok(unit)) => {
                unit.files.iter().any(|file| changed(&file.path, true))
                    || self
                        .search()
                        .drop_in_folders(&unit)
                        .iter()
                        .any(|folder| changed(folder, false))
            }
            // Of one that is known to be gone only the process is left.
            Some(Err(NoUnit::Missing)) => {
                service.is_unit() && service.record.get("stale").is_none()
            }
            Some(Err(_)) | None => false,
        }
    }

    /// Only what runs is left of its unit.
    pub(super) fn is_gone(&self, service: &Service) -> bool {
        let name = UnitName::parse(&service.unit);
        service.is_unit()
            && service.record.get("stale").is_some()
            && name.is_some_and(|name| self.unit(&name) == Err(NoUnit::Missing))
    }

    /// Says so.
    pub(super) fn warn_of_change(&self, service: &Service) {
        if self.has_changed(service) {
            print::err(format_args!(
                "Warning: The unit file, source configuration file or drop-ins of {} changed on disk. Run 'systemctl daemon-reload' to reload units.\n",
                service.unit
            ));
        }
    }

    /// A service's unit of which none can be made.
    pub(super) fn is_bad(&self, name: &UnitName) -> bool {
        name.suffix() == "service"
            && self.unit(name).is_ok_and(|unit| {
                !unit.name.is_template() && !is_service(unit, self.search(), self.machine())
            })
    }

    /// Every assignment of a unit's files, each with its section and key.
    fn assignments(
        &self,
        name: &UnitName,
        take: &mut dyn FnMut(&str, &str, &str, &Specifiers<'_>),
    ) -> Option<()> {
        let unit = self.unit(name).ok()?;
        let path = unit
            .files
            .first()
            .map(|file| self.search().shown(&file.path))?;
        let specifiers = Specifiers {
            machine: self.machine(),
            name: &unit.name,
            path: &path,
        };
        for file in &unit.files {
            let mut section = String::new();
            for line in lines(&file.text) {
                match line {
                    Line::Section(name, _) => section = name.into_owned(),
                    Line::Assignment { key, value, .. } => {
                        take(&section, &key, &value, &specifiers);
                    }
                    Line::Wrong(..) => {}
                }
            }
        }
        Some(())
    }

    /// What a unit's files say of something, in any section but `[Install]` if none is named;
    /// the last word counts, or all of them where they add up.
    pub(super) fn said(&self, name: &UnitName, section: &str, wanted: &str) -> Option<String> {
        let adds_up = matches!(
            wanted,
            "Documentation" | "Environment" | "Wants" | "Requires" | "BindsTo" | "Upholds"
        );
        let mut said: Option<String> = None;
        self.assignments(name, &mut |own, key, value, specifiers| {
            let inside = own == section || (section.is_empty() && own != "Install");
            if !inside || key != wanted {
                return;
            }
            let value = specifiers.expand(value.as_bytes()).text;
            let value = Some(Text(&value).to_string()).filter(|text| !text.is_empty());
            said = match (said.take(), value) {
                (Some(said), Some(value)) if adds_up => Some(said + " " + &value),
                (_, value) => value,
            };
        })?;
        said
    }

    /// The same; where they say nothing, it is this.
    #[inline(never)]
    pub(super) fn said_or(
        &self,
        name: &UnitName,
        section: &str,
        wanted: &str,
        otherwise: &str,
    ) -> String {
        let said = self.said(name, section, wanted);
        said.unwrap_or_else(|| otherwise.to_owned())
    }

    /// The commands that a service's files say for something.
    pub(super) fn commands(&self, name: &UnitName, wanted: &str) -> Vec<ExecLine> {
        let mut all = Vec::new();
        self.assignments(name, &mut |section, key, value, specifiers| {
            if section == "Service" && key == wanted {
                if value.is_empty() {
                    all.clear();
                }
                all.extend(commands(value, specifiers).0.into_iter().flatten());
            }
        });
        all
    }

    /// Where a socket's unit listens, each with the kind of it.
    pub(super) fn listens(&self, name: &UnitName) -> Vec<String> {
        const KINDS: [&str; 4] = ["Stream", "Datagram", "SequentialPacket", "FIFO"];
        let mut all = Vec::new();
        self.assignments(name, &mut |section, key, value, specifiers| {
            let kind = key.strip_prefix("Listen").filter(|_| section == "Socket");
            let Some(kind) = KINDS.iter().find(|own| Some(**own) == kind) else {
                return;
            };
            if value.is_empty() {
                all.clear();
                return;
            }
            let at = specifiers.expand(value.as_bytes()).text;
            let port = value.bytes().all(|byte| byte.is_ascii_digit());
            let any = if port { "[::]:" } else { "" };
            all.push(format!("{any}{} ({kind})", Text(&at)));
        });
        all
    }

    /// What the unit of a socket or timer starts.
    #[inline(never)]
    pub(super) fn started_by(&self, name: &UnitName) -> Option<UnitName> {
        if !is_starter(name) {
            return None;
        }
        started(&self.unit(name).ok()?, self.machine())
    }
}
