//! Verbs that make, remove or read links: enable and its kin. With or without a running
//! rinit.

use std::path::PathBuf;

use super::naming::{is_pattern, mangled, mangled_as};
use super::offline::nobody;
use super::steps::{Told, settled, take};
use super::world::World;
use super::{FAILED, jobs, say};
use crate::cli::print;
use crate::core::sorted::sort;
use crate::units::{
    Enabling, NoUnit, Presets, Search, Step, UnitName, file_name, file_state, level_steps,
};

/// What is said where nothing can be enabled.
const NO_RULES: &str = "\
The unit files have no installation config (WantedBy=, RequiredBy=, Also=,
Alias= settings in the [Install] section, and DefaultInstance= for template
units). This means they are not meant to be enabled using systemctl.
 
Possible reasons for having this kind of units are:
• A unit may be statically enabled by being symlinked from another unit's
  .wants/ or .requires/ directory.
• A unit's purpose may be to act as a helper for some other unit which has
  a requirement dependency on it.
• A unit may be started when needed via activation (socket, path, timer,
  D-Bus, udev, scripted systemctl call, ...).
• In case of template units, the unit is meant to be enabled with some
  instance name specified.
";

/// The names among the words; `None` where one can't be any.
fn names(words: &[String], verb: &str) -> Option<Vec<UnitName>> {
    let mut names = Vec::new();
    for word in words {
        warn_of_pattern(word, format_args!("to {verb}"));
        let Some(name) = by_name(word) else {
            say(format_args!("Failed to {verb}: Invalid argument."));
            return None;
        };
        names.push(name);
    }
    Some(names)
}

/// A path is no name here.
fn by_name(word: &str) -> Option<UnitName> {
    (!word.contains('/')).then(|| mangled(word))?
}

fn warn_of_pattern(word: &str, place: std::fmt::Arguments<'_>) {
    if is_pattern(word) {
        print::err(format_args!(
            "Glob pattern passed {place}, but globs are not supported for this.\n"
        ));
    }
}

#[inline(never)]
fn enabling<'a>(world: &'a World, search: &'a Search) -> Enabling<'a> {
    let options = &world.options;
    Enabling::new(search, world.machine(), options.runtime, options.force)
}

/// A search of what is there now: links have changed since the first.
#[inline(never)]
fn anew(world: &World) -> Search {
    Search::new(world.search().root())
}

/// Files named by their paths become units first; all names.
fn with_files(world: &World, verb: &str, words: &[String]) -> Result<Vec<UnitName>, i32> {
    let (paths, plain): (Vec<&String>, Vec<&String>) =
        words.iter().partition(|word| word.contains('/'));
    let plain: Vec<String> = plain.into_iter().cloned().collect();
    let mut all = names(&plain, verb).ok_or(FAILED)?;
    let paths: Vec<PathBuf> = paths.into_iter().map(|path| absolute(path)).collect();
    let code = take(world, verb, &enabling(world, world.search()).adopt(&paths));
    if code != 0 {
        return Err(code);
    }
    for path in &paths {
        let name = path.file_name().and_then(|name| name.to_str());
        all.extend(name.and_then(UnitName::parse));
    }
    Ok(all)
}

fn absolute(path: &str) -> PathBuf {
    let folder = std::env::current_dir().unwrap_or_default();
    folder.join(path)
}

/// Scripts are enabled by other links than units, as systemd-sysv-install makes them; what
/// is left, and the exit status.
fn scripts(world: &World, verb: &str, names: &[UnitName], enables: bool) -> (Vec<UnitName>, i32) {
    let search = anew(world);
    let (mut left, mut code) = (Vec::new(), 0);
    for name in names {
        let Some(steps) = level_steps(&search, name, enables) else {
            left.push(name.clone());
            continue;
        };
        if !world.options.quiet {
            let shown = name.as_str();
            print::err(format_args!(
                "{shown} is not a native service, redirecting to its links in /etc/rc?.d.\n"
            ));
        }
        code = code.max(take(world, verb, &steps));
    }
    (left, code)
}

pub(super) fn enable(world: &World, verb: &str, words: &[String]) -> i32 {
    let names = match with_files(world, verb, words) {
        Ok(names) => names,
        Err(code) => return code,
    };
    let (units, failed) = scripts(world, verb, &names, true);
    let told = Told::new(world, verb);
    let code = failed.max(enabled(told, &units));
    now(world, true, settled(world, code), &names)
}

/// Enables them, and tells of all that was done; the exit status.
fn enabled(mut told: Told<'_>, units: &[UnitName]) -> i32 {
    let world = told.world;
    let search = anew(world);
    let (steps, any) = enabling(world, &search).enable(units);
    told.take(&steps);
    let silent = any || units.is_empty() || world.options.quiet || !told.is_well();
    let code = told.end();
    if !silent {
        print::err(NO_RULES);
    }
    code
}

pub(super) fn disable(world: &World, verb: &str, words: &[String]) -> i32 {
    let Some(names) = names(words, verb) else {
        return FAILED;
    };
    let (units, failed) = scripts(world, verb, &names, false);
    let steps = enabling(world, world.search()).disable(&units, true);
    let code = failed.max(take(world, verb, &steps));
    now(world, false, settled(world, code), &names)
}

/// With --now, they start or stop as well.
fn now(world: &World, starts: bool, code: i32, names: &[UnitName]) -> i32 {
    // Services of another root aren't here.
    if code != 0 || !world.options.now || world.options.root.is_some() {
        return code;
    }
    if !world.is_live() {
        return nobody();
    }
    let names: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
    jobs::also(world, starts, &names)
}

/// As systemctl does it below another root: what is enabled anew goes by the name of its
/// file there, which is the template's where that is an instance's.
pub(super) fn reenable(world: &World, verb: &str, words: &[String]) -> i32 {
    let Some(names) = names(words, verb) else {
        return FAILED;
    };
    let search = world.search();
    let mut told = Told::new(world, verb);
    let mut again = Vec::new();
    let mut linked = Vec::new();
    for name in &names {
        let (real, file) = search.fragment(name).ok().unzip();
        let elsewhere = file.as_deref().filter(|_| world.options.root.is_some());
        let own = elsewhere.map(file_name).and_then(UnitName::parse);
        again.push(own.or(real).unwrap_or_else(|| name.clone()));
        let elsewhere = |file: &PathBuf| !file.parent().is_some_and(|at| search.is_folder(at));
        linked.extend(file.filter(elsewhere).map(|file| search.shown(&file)));
    }
    told.take(&enabling(world, search).disable(&names, true));
    told.take(&enabling(world, &anew(world)).adopt(&linked));
    settled(world, enabled(told, &again))
}

pub(super) fn preset(world: &World, verb: &str, words: &[String]) -> i32 {
    let Some(names) = names(words, verb) else {
        return FAILED;
    };
    let presets = Presets::read(world.search().root());
    let mode = world.options.preset_mode;
    let steps = enabling(world, world.search()).preset(&names, &presets, mode);
    settled(world, take(world, verb, &steps))
}

pub(super) fn preset_all(world: &World, verb: &str, _: &[String]) -> i32 {
    let presets = Presets::read(world.search().root());
    let mode = world.options.preset_mode;
    let mut told = Told::new(world, verb);
    let mut names: Vec<UnitName> = Vec::new();
    for name in world.search().names() {
        names.extend(UnitName::parse(name).filter(|parsed| parsed.as_str() == name));
    }
    sort(&mut names);
    names.dedup();
    for name in names {
        // Aliases follow their units; what is masked stays so.
        let own = world
            .search()
            .fragment(&name)
            .is_ok_and(|(real, _)| real == name);
        if own && world.unit(&name).is_ok() {
            let search = anew(world);
            told.take(&enabling(world, &search).preset(&[name], &presets, mode));
        }
    }
    settled(world, told.end())
}

pub(super) fn mask(world: &World, verb: &str, words: &[String]) -> i32 {
    let Some(names) = names(words, verb) else {
        return FAILED;
    };
    warn_of_absent(world, &names);
    let steps = enabling(world, world.search()).mask(&names);
    let code = take(world, verb, &steps);
    now(world, false, settled(world, code), &names)
}

/// Where rinit runs, what isn't there is told of.
fn warn_of_absent(world: &World, names: &[UnitName]) {
    for name in names {
        if world.is_live() && world.unit(name) == Err(NoUnit::Missing) {
            let name = name.as_str();
            print::err(format_args!(
                "Unit {name} does not exist, proceeding anyway.\n"
            ));
        }
    }
}

pub(super) fn unmask(world: &World, verb: &str, words: &[String]) -> i32 {
    let Some(names) = names(words, verb) else {
        return FAILED;
    };
    warn_of_absent(world, &names);
    let steps = enabling(world, world.search()).unmask(&names);
    settled(world, take(world, verb, &steps))
}

pub(super) fn link_files(world: &World, verb: &str, words: &[String]) -> i32 {
    if let Some(relative) = words.iter().find(|word| !word.starts_with('/'))
        && world.options.root.is_some()
    {
        let name = mangled(relative).map(|name| name.as_str().to_owned());
        return say(format_args!(
            "Non-absolute paths are not allowed when --root is used: {}",
            name.as_ref().unwrap_or(relative)
        ));
    }
    let paths: Vec<PathBuf> = words.iter().map(|path| absolute(path)).collect();
    let steps = enabling(world, world.search()).adopt(&paths);
    settled(world, take(world, verb, &steps))
}

pub(super) fn add(world: &World, verb: &str, words: &[String]) -> i32 {
    let Some((target, words)) = words.split_first() else {
        return FAILED;
    };
    warn_of_pattern(target, format_args!("as target"));
    let Some((target, names)) = mangled_as(target, "target").zip(names(words, verb)) else {
        return FAILED;
    };
    let kind = verb.trim_start_matches("add-");
    let steps = enabling(world, world.search()).add(&target, &names, kind);
    settled(world, take(world, verb, &steps))
}

pub(super) fn is_enabled(world: &World, _: &str, words: &[String]) -> i32 {
    let mut enabled = false;
    for word in words {
        warn_of_pattern(word, format_args!("to check"));
        let Some(name) = by_name(word) else {
            return say(format_args!(
                "Failed to get unit file state for {word}: Invalid argument"
            ));
        };
        match file_state(world.search(), world.machine(), &name) {
            Ok(state) => {
                enabled |= state.is_enabled();
                if !world.options.quiet {
                    print::out(format_args!("{}\n", state.word()));
                    show_links(world, &name);
                }
            }
            Err(NoUnit::Missing | NoUnit::Template | NoUnit::Masked(_)) => {
                return say(format_args!(
                    "Failed to get unit file state for {}: No such file or directory",
                    name.as_str()
                ));
            }
            Err(NoUnit::Unreadable(_, error)) => {
                return say(format_args!(
                    "Failed to get unit file state for {}: {error}",
                    name.as_str()
                ));
            }
        }
    }
    i32::from(!enabled)
}

/// With --full, the links by which it is enabled.
fn show_links(world: &World, name: &UnitName) {
    if !world.options.full || world.options.root.is_some() {
        return;
    }
    let names = std::slice::from_ref(name);
    for step in enabling(world, world.search()).disable(names, false) {
        if let Step::Remove { at } = step {
            print::out(format_args!("  {}\n", at.display()));
        }
    }
}

pub(super) fn get_default(world: &World, _: &str, _: &[String]) -> i32 {
    let real =
        UnitName::parse("default.target").and_then(|name| world.search().fragment(&name).ok());
    match real {
        Some((real, _)) => {
            print::out(format_args!("{}\n", real.as_str()));
            0
        }
        // What units = "enabled" starts.
        None => {
            print::out("multi-user.target\n");
            0
        }
    }
}

pub(super) fn set_default(world: &World, verb: &str, words: &[String]) -> i32 {
    let target = words.first().and_then(|word| mangled_as(word, "target"));
    match target.filter(|name| name.suffix() == "target") {
        Some(target) => {
            let steps = enabling(world, world.search()).set_default(&target);
            settled(world, take(world, verb, &steps))
        }
        None if world.is_live() => say(format_args!(
            "Failed to set default target: Invalid argument"
        )),
        None => say(format_args!("Failed to set default: Invalid argument.")),
    }
}
