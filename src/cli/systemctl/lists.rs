//! Verbs that list: units, their files, what they depend on.

use super::naming::mangled;
use super::offline::nobody;
use super::starters::starters;
use super::status::words as words_of;
use super::targets::is_reached;
use super::world::{Service, World};
use super::{FAILED, say};
use crate::cli::ctl::Clean;
use crate::cli::print;
use crate::core::sorted::{Map, sort, sort_by};
use crate::units::glob::matches;
use crate::units::{FileState, NoUnit, Presets, UnitName, file_state};

/// Rows of cells, as wide as they are, one blank between.
pub(super) struct Columns {
    rows: Vec<Vec<String>>,
    headed: bool,
}

impl Columns {
    /// With this heading, if one is wanted.
    pub(super) fn new(world: &World, head: &[&str]) -> Self {
        let mut columns = Self {
            rows: Vec::new(),
            headed: !world.options.no_legend,
        };
        if columns.headed {
            columns.row(head);
        }
        columns
    }

    pub(super) fn row(&mut self, cells: &[&str]) {
        let cells = cells.iter().map(|cell| Clean(cell).to_string());
        self.rows.push(cells.collect());
    }

    /// How many there are below the heading.
    pub(super) fn count(&self) -> usize {
        self.rows.len() - usize::from(self.headed)
    }

    pub(super) fn show(&self) -> String {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            widths.resize(row.len(), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut out = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let width = *width;
                line.push_str(&format!("{cell:width$} "));
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// Patterns are whole names here.
pub(super) fn is_wanted(words: &[String], name: &str) -> bool {
    let fits = |word: &String| matches(word.as_bytes(), name.as_bytes());
    words.is_empty() || words.iter().any(fits)
}

pub(super) fn list_units(world: &World, _: &str, words: &[String]) -> i32 {
    let Ok((services, _)) = world.services(false) else {
        return nobody();
    };
    let options = &world.options;
    let head = [" ", "UNIT", "LOAD", "ACTIVE", "SUB", "DESCRIPTION"];
    let mut rows = Columns::new(world, &head);
    let own = services.iter();
    let own = own.map(|service| (UnitName::parse(&service.unit), service));
    let mut all: Vec<(Option<UnitName>, &Service)> = own.collect();
    sort_by(&mut all, |a, b| a.1.unit.cmp(&b.1.unit));
    let starters = starters(world, &services).into_iter();
    all.extend(starters.map(|(name, service)| (Some(name), service)));
    for (name, service) in all {
        let stands = name
            .as_ref()
            .map_or_else(|| service.stands(), |name| service.stands_as(name));
        let kind = name.as_ref().map_or("service", |name| name.suffix());
        let of_type = options.types.is_empty() || options.types.iter().any(|own| own == kind);
        let unit = name.as_ref().map_or(&*service.unit, |name| name.as_str());
        let states = [stands.active, stands.sub, "loaded"];
        let in_state = options
            .states
            .iter()
            .any(|state| states.contains(&&**state));
        let shown = if options.states.is_empty() {
            options.all || !words.is_empty() || stands.active != "inactive"
        } else {
            in_state
        };
        if !of_type || !shown || !is_wanted(words, unit) {
            continue;
        }
        let described = name
            .as_ref()
            .and_then(|name| world.said(name, "Unit", "Description"));
        let dot = match stands.active {
            "failed" => "●",
            _ => " ",
        };
        let dot = if options.plain { "" } else { dot };
        let described = described.as_deref().unwrap_or(unit);
        let loaded = if world.is_gone(service) {
            "not-found"
        } else {
            "loaded"
        };
        rows.row(&[dot, unit, loaded, stands.active, stands.sub, described]);
    }
    list_targets(world, words, &services, &mut rows);
    let count = rows.count();
    let text = rows.show();
    // The column of dots is there for those that have one.
    let text: String = if options.plain {
        text.lines()
            .map(|line| format!("{}\n", line.trim_start()))
            .collect()
    } else {
        text
    };
    print::out(text);
    if options.no_legend {
        return 0;
    }
    if count > 0 {
        print::out(
            "\nLOAD   = Reflects whether the unit definition was properly loaded.\n\
             ACTIVE = The high-level unit activation state, i.e. generalization of SUB.\n\
             SUB    = The low-level unit activation state, values depend on unit type.\n",
        );
    }
    let inactive = options.all || options.states.iter().any(|it| it == "inactive");
    let more = match (inactive, options.states.is_empty()) {
        (true, _) => INSTALLED,
        (false, true) => &format!(" Pass --all to see loaded but inactive units, too.{INSTALLED}"),
        (false, false) => "",
    };
    print::out(format_args!("{count} loaded units listed.{more}\n"));
    0
}

const INSTALLED: &str = "\nTo show all installed unit files use 'systemctl list-unit-files'.";

/// Those that are reached and that a file describes.
fn list_targets(world: &World, words: &[String], services: &[Service], rows: &mut Columns) {
    let options = &world.options;
    let of_type = options.types.is_empty() || options.types.iter().any(|own| own == "target");
    let states = &options.states;
    let in_state = ["active", "loaded"]
        .iter()
        .any(|it| states.iter().any(|own| own == it));
    if !of_type || !(states.is_empty() || in_state) {
        return;
    }
    let mut names: Vec<UnitName> = Vec::new();
    for text in world.search().names() {
        let name = UnitName::parse(text).filter(|name| name.as_str() == text);
        let is_own = |name: &UnitName| {
            let own = world.search().fragment(name);
            own.is_ok_and(|(real, _)| real == *name)
        };
        let shown = |name: &UnitName| is_wanted(words, text) && is_reached(world, name, services);
        names.extend(name.filter(|it| it.suffix() == "target" && is_own(it) && shown(it)));
    }
    sort(&mut names);
    names.dedup();
    for name in names {
        let described = world.said(&name, "Unit", "Description");
        let described = described.as_deref().unwrap_or(name.as_str());
        let dot = if options.plain { "" } else { " " };
        rows.row(&[dot, name.as_str(), "loaded", "active", "active", described]);
    }
}

/// Types in the order of their names' endings, as systemd sorts.
fn by_type(name: &UnitName) -> (String, String) {
    (name.suffix().to_owned(), name.as_str().to_owned())
}

pub(super) fn list_unit_files(world: &World, _: &str, words: &[String]) -> i32 {
    let options = &world.options;
    let presets = Presets::read(world.search().root());
    let mut names: Map<(String, String), UnitName> = Map::new();
    for text in world.search().names() {
        let name = UnitName::parse(text).filter(|name| name.as_str() == text);
        if let Some(name) = name.filter(|name| is_listed(world, name, words)) {
            names.insert(by_type(&name), name);
        }
    }
    // systemd's generator makes units of these, in a system that runs.
    let scripts = match &options.root {
        None => world.search().all_scripts(),
        Some(_) => Vec::new(),
    };
    for name in scripts.iter().filter(|name| is_listed(world, name, words)) {
        names.insert(by_type(name), name.clone());
    }
    let mut rows = Columns::new(world, &["UNIT FILE", "STATE", "PRESET"]);
    for name in names.values() {
        let state = match file_state(world.search(), world.machine(), name) {
            Ok(_) if scripts.contains(name) => FileState::Generated,
            state => state.unwrap_or(FileState::Bad),
        };
        if !options.states.is_empty() && !options.states.iter().any(|it| it == state.word()) {
            continue;
        }
        let preset = if state.has_preset() {
            presets.of(name).word()
        } else {
            "-"
        };
        rows.row(&[name.as_str(), state.word(), preset]);
    }
    let count = rows.count();
    print::out(rows.show());
    if !options.no_legend {
        print::out(format_args!("\n{count} unit files listed.\n"));
    }
    i32::from(count == 0)
}

fn is_listed(world: &World, name: &UnitName, words: &[String]) -> bool {
    let types = &world.options.types;
    let of_type = types.is_empty() || types.iter().any(|kind| kind == name.suffix());
    let missing = matches!(world.search().fragment(name), Err(NoUnit::Missing));
    of_type && !missing && is_wanted(words, name.as_str())
}

pub(super) fn cat(world: &World, _: &str, words: &[String]) -> i32 {
    let Ok((services, _)) = world.services(false) else {
        return nobody();
    };
    let Some(names) = world.names(words, &services) else {
        return FAILED;
    };
    let mut code = 0;
    let mut first = true;
    for name in names {
        let unit = world.unit(&name);
        let is_there = !matches!(unit, Err(NoUnit::Missing | NoUnit::Template));
        if is_there && !std::mem::take(&mut first) {
            print::out("\n");
        }
        match unit {
            Ok(unit) => {
                for (place, file) in unit.files.iter().enumerate() {
                    let gap = if place > 0 { "\n" } else { "" };
                    let path = world.search().shown(&file.path);
                    print::out(format_args!("{gap}# {}\n{}", path.display(), file.text));
                }
            }
            Err(NoUnit::Masked(_)) => {
                print::out(format_args!("# Unit {} is masked.\n", name.as_str()));
            }
            Err(NoUnit::Unreadable(path, error)) => {
                code = say(format_args!("Failed to cat {}: {error}", path.display()));
            }
            Err(NoUnit::Missing | NoUnit::Template) => {
                print::err(format_args!("No files found for {}.\n", name.as_str()));
                code = FAILED;
            }
        }
    }
    code
}

/// What is under way, each with its unit, what it is and how it stands.
pub(super) fn jobs(services: &[Service]) -> Vec<[&str; 3]> {
    let job = |service: &Service| match service.text("state") {
        "starting" => Some(["start", "running"]),
        "waiting" if !words_of(&service.record, "waiting-for").is_empty() => {
            Some(["start", "waiting"])
        }
        "stopping" | "killing" => Some(["stop", "running"]),
        "reloading" => Some(["reload", "running"]),
        _ => None,
    };
    let all = services.iter();
    all.filter_map(|service| {
        let [kind, state] = job(service)?;
        Some([&*service.unit, kind, state])
    })
    .collect()
}

pub(super) fn list_jobs(world: &World, _: &str, _: &[String]) -> i32 {
    let Ok((services, _)) = world.services(false) else {
        return nobody();
    };
    let jobs = jobs(&services);
    let legend = !world.options.no_legend;
    if jobs.is_empty() {
        print::out(if legend { "No jobs running.\n" } else { "" });
        return 0;
    }
    let mut rows = Columns::new(world, &["JOB", "UNIT", "TYPE", "STATE"]);
    for (place, [unit, kind, state]) in jobs.iter().enumerate() {
        rows.row(&[&(place + 1).to_string(), unit, kind, state]);
    }
    print::out(rows.show());
    if legend {
        print::out(format_args!("\n{} jobs listed.\n", jobs.len()));
    }
    0
}

/// What rinit has none of.
pub(super) fn list_nothing(world: &World, verb: &str, _: &[String]) -> i32 {
    if world.services(false).is_err() {
        return nobody();
    }
    if !world.options.no_legend {
        let what = verb.trim_start_matches("list-");
        print::out(format_args!("0 {what} listed.\n"));
    }
    0
}

/// What a container has no use for, or an editor is for.
pub(super) fn edit(_: &World, verb: &str, words: &[String]) -> i32 {
    say(format_args!("systemctl {verb} is not for containers."));
    if !matches!(verb, "edit" | "revert" | "set-property") {
        return say(format_args!(
            "help: start and stop the services that are meant"
        ));
    }
    let unit = words.first().map_or("NAME", |word| word.as_str());
    let unit = mangled(unit).map_or_else(|| unit.to_owned(), |name| name.as_str().to_owned());
    say(format_args!(
        "help: write /etc/systemd/system/{unit}.d/override.conf in the image, then systemctl daemon-reload; or set keys in [service.\"{}\"] of rinit.toml",
        unit.trim_end_matches(".service")
    ))
}
