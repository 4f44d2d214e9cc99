//! What `rinit import` needs of the model: a foreign file's text with places for what is
//! wrong in it, whether a text is a time, and what the reader of units makes of one.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::path::Path;

use super::calendar;
pub(crate) use super::diagnostic::Rendered;
use super::diagnostic::{Diagnostic, Findings};
use super::draft::Draft;
use super::needs::Accounts;
use super::source::{self, At, Origin, Sources};
use super::unit::Found;
pub(crate) use super::units::written;
use super::value::{Context, Forgiving};
use crate::core::sandbox::Means;
use crate::core::sorted::Map;
use crate::core::spec::ServiceSpec;
use crate::units::{self, Line, Machine, NoUnit, Search, Specifiers, Unit, UnitName, started};

/// A file that is no configuration of rinit's, and what is wrong in it.
pub(crate) struct Page {
    sources: Sources,
    findings: Findings,
}

impl Page {
    /// Reads it; why it can't be read is the first error.
    pub(crate) fn read(path: &Path) -> Self {
        let mut problems = Vec::new();
        let source = source::read(path, 0, &mut problems);
        let sources = Sources::new(Vec::from_iter(source));
        let mut findings = Findings::default();
        for problem in problems {
            findings.add(problem, &sources);
        }
        Self { sources, findings }
    }

    /// What stands in it.
    pub(crate) fn text(&self) -> String {
        match self.sources.get(0) {
            Some(source) if source.origin == Origin::File => source.text.clone(),
            Some(_) | None => String::new(),
        }
    }

    /// Nothing can be made of it.
    pub(crate) fn wrong(&mut self, at: Range<usize>, what: &str, help: &str) {
        let diagnostic = Diagnostic::error(Some(At::new(0, at)), what.to_owned(), help);
        self.findings.add(diagnostic, &self.sources);
    }

    /// All that was said of it.
    pub(crate) fn tell(self, colour: bool) -> Rendered {
        self.findings.render(&self.sources, colour)
    }
}

/// What can't be read has no text to point at.
pub(crate) fn trouble(what: String, help: &str) -> Rendered {
    let mut findings = Findings::default();
    let sources = Sources::default();
    findings.add(Diagnostic::error(None, what, help), &sources);
    findings.render(&sources, false)
}

/// Whether it is a time that `schedule` takes; else what is wrong, and what to write.
pub(crate) fn time(text: &str) -> Result<(), (String, String)> {
    match calendar::parse(text) {
        Ok(_) => Ok(()),
        Err(wrong) => Err((wrong.what, wrong.help)),
    }
}

/// What the reader of units makes of one.
pub(crate) struct OfUnit {
    /// As if it had been asked for in a table.
    pub(crate) spec: ServiceSpec,
    /// Every assignment in order, also of what starts it, its specifiers replaced.
    pub(crate) said: Vec<(String, String)>,
}

/// The unit in this file, or of this name where packages have theirs; what starts another
/// is read with that. Without any the texts say why.
pub(crate) fn unit(asked: &Path, colour: bool) -> (Option<OfUnit>, Rendered) {
    let root = Path::new("/");
    let (machine, mut search) = (Machine::new(root), Search::new(root));
    let folder = asked
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Ok(folder) = folder.unwrap_or(Path::new(".")).canonicalize() {
        search = search.with_first(folder);
    }
    let name = asked.file_name().and_then(|name| name.to_str());
    let (mut unit, mut starter) = match find(name.unwrap_or_default(), &search) {
        Ok(unit) => (unit, None),
        Err(why) => return (None, why),
    };
    if let Some(name) = started(&unit, &machine) {
        match find(name.as_str(), &search) {
            Ok(service) => starter = Some(std::mem::replace(&mut unit, service)),
            Err(why) => return (None, why),
        }
    }
    let mut all = Vec::new();
    said(&unit, &machine, &mut all);
    if let Some(starter) = &starter {
        said(starter, &machine, &mut all);
    }
    let sources = Sources::default();
    let (spec, findings) = alone(unit, starter, &search, &machine, &sources);
    let of = OfUnit { spec, said: all };
    let refused = findings.has_errors();
    let rendered = findings.render(&sources, colour);
    ((!refused).then_some(of), rendered)
}

/// Whether a service can be made of the unit.
pub(crate) fn is_service(unit: Unit, search: &Search, machine: &Machine) -> bool {
    let (_, findings) = alone(unit, None, search, machine, &Sources::default());
    !findings.has_errors()
}

/// What a unit comes to, and what is wrong with it.
fn alone(
    unit: Unit,
    starter: Option<Unit>,
    search: &Search,
    machine: &Machine,
    sources: &Sources,
) -> (ServiceSpec, Findings) {
    let context = Context {
        sources,
        environment: Map::new(),
        now: 0,
        findings: RefCell::default(),
        instance: Cell::new(None),
        forgiving: Cell::new(Forgiving::No),
        clean: Cell::new(false),
        generate: &Vec::new,
        permitted: &|| Means(u16::MAX),
    };
    let found = Found::alone(unit, starter, search, &context);
    let mut draft = Draft::new(found.stem(), At::new(0, 0..0));
    found.lay_into(&mut draft, machine, &Accounts::default(), &context);
    draft.finish(&context);
    (draft.spec, context.findings.into_inner())
}

/// Every assignment of its files.
fn said(unit: &Unit, machine: &Machine, all: &mut Vec<(String, String)>) {
    for file in &unit.files {
        let specifiers = Specifiers {
            machine,
            name: &unit.name,
            path: &file.path,
        };
        for line in units::lines(&file.text) {
            if let Line::Assignment { key, value, .. } = line {
                let value = specifiers.expand(value.as_bytes()).text;
                let value = String::from_utf8_lossy(&value).into_owned();
                all.push((key.into_owned(), value));
            }
        }
    }
}

fn find(name: &str, search: &Search) -> Result<Unit, Rendered> {
    let found = UnitName::parse(name).map(|name| search.find(&name));
    let (what, help) = match found {
        Some(Ok(unit)) => return Ok(unit),
        Some(Err(NoUnit::Template)) => (
            "this is a template of many units",
            "put a name behind the @: rinit import web@1.service reads web@.service",
        ),
        Some(Err(NoUnit::Masked(_))) => ("the unit is masked", "name another file"),
        _ => (
            "there is no such file, and no such unit here",
            "name a unit's file that may be read, or a unit that is installed",
        ),
    };
    Err(trouble(format!("{name}: {what}"), help))
}
