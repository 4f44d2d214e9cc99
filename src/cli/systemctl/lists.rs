//! Verbs that list: units, their files, what they depend on.

use super::offline::nobody;
use super::starters::starters;
use super::status::words as words_of;
use super::world::{Request, Service, World, is_pattern, mangled, with_suffix};
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

pub(super) fn is_wanted(words: &[String], name: &str) -> bool {
    words.is_empty()
        || words.iter().any(|word| {
            let pattern = with_suffix(word);
            matches(pattern.as_bytes(), name.as_bytes())
        })
}

pub(super) fn list_units(world: &World, verb: &str, words: &[String]) -> i32 {
    let Ok((services, _)) = world.services(false) else {
        return nobody(world, verb);
    };
    let options = &world.options;
    let head = ["", "UNIT", "LOAD", "ACTIVE", "SUB", "DESCRIPTION"];
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
        let loaded = "loaded";
        rows.row(&[dot, unit, loaded, stands.active, stands.sub, described]);
    }
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
    if !options.no_legend {
        print::out(format_args!(
            "\nLOAD   = Reflects whether the unit definition was properly loaded.\n\
             ACTIVE = The high-level unit activation state, i.e. generalization of SUB.\n\
             SUB    = The low-level unit activation state, values depend on unit type.\n\
             {count} loaded units listed.{}\n",
            if options.all {
                ""
            } else {
                " Pass --all to see loaded but inactive units, too."
            }
        ));
        if options.all {
            print::out("To show all installed unit files use 'systemctl list-unit-files'.\n");
        }
    }
    0
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
    i32::from(count == 0 && !words.is_empty())
}

fn is_listed(world: &World, name: &UnitName, words: &[String]) -> bool {
    let types = &world.options.types;
    let of_type = types.is_empty() || types.iter().any(|kind| kind == name.suffix());
    let missing = matches!(world.search().fragment(name), Err(NoUnit::Missing));
    // Patterns are whole names here.
    let matches = |word: &String| matches(word.as_bytes(), name.as_str().as_bytes());
    of_type && !missing && (words.is_empty() || words.iter().any(matches))
}

pub(super) fn cat(world: &World, _: &str, words: &[String]) -> i32 {
    let mut code = 0;
    let mut first = true;
    let mut names = Vec::new();
    for word in words {
        if is_pattern(word) {
            let all = world.search().names();
            let fit = all.filter(|name| is_wanted(std::slice::from_ref(word), name));
            names.extend(fit.filter_map(UnitName::parse));
        } else {
            names.extend(mangled(word));
        }
    }
    for name in names {
        if !std::mem::take(&mut first) {
            print::out("\n");
        }
        match world.unit(&name) {
            Ok(unit) => {
                for (place, file) in unit.files.iter().enumerate() {
                    let gap = if place > 0 { "\n" } else { "" };
                    let path = world.search().shown(&file.path);
                    print::out(format_args!("{gap}# {}\n{}", path.display(), file.text));
                }
            }
            Err(NoUnit::Masked(path)) => {
                let path = world.search().shown(&path);
                print::out(format_args!("# Unit {} is masked.\n", name.as_str()));
                print::out(format_args!("# {}\n", path.display()));
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

pub(super) fn list_dependencies(world: &World, verb: &str, words: &[String]) -> i32 {
    let Ok((services, _)) = world.services(false) else {
        return nobody(world, verb);
    };
    let answer = world.ask(&Request::of("show", &[])).unwrap_or_default();
    let all = answer.get("services").and_then(|all| all.as_array());
    let definitions: Vec<_> = all.into_iter().flatten().collect();
    let unit_of = |name: &str| {
        let service = services.iter().find(|service| service.name == name);
        service.map_or_else(|| format!("{name}.service"), |service| service.unit.clone())
    };
    let needs = |unit: &str| -> Vec<String> {
        let mut found = Vec::new();
        for definition in &definitions {
            let own = definition.get("name").and_then(|name| name.as_str());
            let own = unit_of(own.unwrap_or_default());
            for key in ["requires", "wants", "binds-to"] {
                for other in words_of(definition, key) {
                    let other = unit_of(&other);
                    if world.options.reverse && other == unit {
                        found.push(own.clone());
                    } else if !world.options.reverse && own == unit {
                        found.push(other);
                    }
                }
            }
        }
        sort(&mut found);
        found.dedup();
        found
    };
    let default = ["default.target".to_owned()];
    let words = if words.is_empty() {
        &default[..]
    } else {
        words
    };
    for name in world.names(words, &services) {
        let meant = world.meant(&name, &services);
        let root = meant
            .first()
            .map_or(name.as_str(), |service| &*service.unit);
        let below: Vec<String> = if name.suffix() == "target" && !world.options.reverse {
            services
                .iter()
                .map(|service| service.unit.clone())
                .collect()
        } else {
            needs(root)
        };
        let mut out = format!("{root}\n");
        tree(
            world,
            &below,
            &needs,
            &mut vec![root.to_owned()],
            "",
            &mut out,
        );
        print::out(out);
    }
    0
}

/// What is below, each with what is below it; a circle ends where it closes.
fn tree(
    world: &World,
    below: &[String],
    needs: &dyn Fn(&str) -> Vec<String>,
    above: &mut Vec<String>,
    indent: &str,
    out: &mut String,
) {
    for (place, name) in below.iter().enumerate() {
        let last = place + 1 == below.len();
        let line = if world.options.plain {
            format!("{}{name}\n", "  ".repeat(above.len()))
        } else {
            let branch = if last { "└─" } else { "├─" };
            format!("● {indent}{branch}{name}\n")
        };
        out.push_str(&line);
        if !above.contains(name) {
            above.push(name.clone());
            let deeper = format!("{indent}{}", if last { "  " } else { "│ " });
            tree(world, &needs(name), needs, above, &deeper, out);
            above.pop();
        }
    }
}

/// What rinit has none of.
pub(super) fn list_nothing(world: &World, verb: &str, _: &[String]) -> i32 {
    if world.services(false).is_err() {
        return nobody(world, verb);
    }
    if !world.options.no_legend {
        let what = verb.trim_start_matches("list-");
        match what {
            "jobs" => print::out("No jobs running.\n"),
            what => print::out(format_args!("0 {what} listed.\n")),
        }
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
