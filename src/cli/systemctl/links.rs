//! Verbs that make, remove or read links: enable and its kin. With or without a running
//! rinit.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::world::{World, mangled};
use super::{FAILED, jobs, say};
use crate::cli::print;
use crate::core::sorted::sort;
use crate::units::{
    Enabling, NoUnit, Presets, Search, Step, UnitName, WrongLink, file_state, level_steps,
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
        if super::world::is_pattern(word) {
            print::err(format_args!(
                "Glob pattern passed to {verb}, but globs are not supported for this.\n"
            ));
        }
        let Some(name) = mangled(word) else {
            say(format_args!("Failed to {verb}: Invalid argument."));
            return None;
        };
        names.push(name);
    }
    Some(names)
}

/// As systemd's messages have it.
fn what(verb: &str) -> &str {
    match verb {
        "add-wants" | "add-requires" => "add dependency on",
        "set-default" => "set default",
        "preset-all" => "preset",
        verb => verb,
    }
}

/// Does the steps, and tells of each; the exit status.
fn take(world: &World, verb: &str, steps: &[Step]) -> i32 {
    let mut code = 0;
    for step in steps {
        let done = match step {
            Step::Link { at, to } => link(at, to),
            Step::Remove { at } => remove(at),
            Step::Ignored { at } => {
                print::err(format_args!("Unit {} is masked, ignoring.\n", at.display()));
                continue;
            }
            Step::Wrong(wrong) => {
                print::err(format_args!("{}\n", explain(verb, wrong)));
                // A unit that is gone has no links either.
                let harmless = verb == "disable" && matches!(wrong, WrongLink::Missing(_));
                code = if harmless { code } else { FAILED };
                continue;
            }
        };
        match (done, step) {
            (Err(error), Step::Link { at, .. } | Step::Remove { at }) => {
                let (verb, at) = (what(verb), at.display());
                print::err(format_args!(
                    "Failed to {verb} unit, file \"{at}\": {error}.\n"
                ));
                code = FAILED;
            }
            (Ok(()), Step::Link { at, to }) if !world.options.quiet => {
                let (at, to) = (at.display(), to.display());
                print::err(format_args!("Created symlink {at} → {to}.\n"));
            }
            (Ok(()), Step::Remove { at }) if !world.options.quiet => {
                print::err(format_args!("Removed \"{}\".\n", at.display()));
            }
            _ => {}
        }
    }
    code
}

fn explain(verb: &str, wrong: &WrongLink) -> String {
    let verb = what(verb);
    match wrong {
        WrongLink::Missing(name) => format!("Failed to {verb} unit, unit {name} does not exist."),
        WrongLink::Masked(path) => {
            format!("Failed to {verb} unit, unit {} is masked.", path.display())
        }
        WrongLink::Generated(path) => {
            let path = path.display();
            format!("Failed to {verb} unit, unit {path} is transient or generated.")
        }
        WrongLink::Unreadable(path, error) => {
            format!("Failed to {verb} unit, {}: {error}.", path.display())
        }
        WrongLink::Alias { name, alias } => {
            format!("Failed to {verb} unit, cannot alias {name} as {alias}.")
        }
        WrongLink::NoInstance { name, target } => {
            format!("Failed to {verb} {name}, destination unit {target} is a non-template unit.")
        }
        WrongLink::Exists(at) => {
            format!(
                "Failed to {verb} unit, file \"{}\" already exists.",
                at.display()
            )
        }
        WrongLink::OtherLink(at, to) => format!(
            "Failed to {verb} unit, file \"{}\" already exists and is a symlink to \"{}\".",
            at.display(),
            to.display()
        ),
    }
}

fn link(at: &Path, to: &Path) -> io::Result<()> {
    if let Some(folder) = at.parent() {
        fs::create_dir_all(folder)?;
    }
    std::os::unix::fs::symlink(to, at)
}

/// A folder of dependencies that is empty then goes too.
fn remove(at: &Path) -> io::Result<()> {
    fs::remove_file(at)?;
    if let Some(folder) = at.parent()
        && folder
            .extension()
            .is_some_and(|kind| kind == "wants" || kind == "requires")
    {
        let _ = fs::remove_dir(folder);
    }
    Ok(())
}

fn enabling<'a>(world: &'a World, search: &'a Search) -> Enabling<'a> {
    let options = &world.options;
    Enabling::new(search, world.machine(), options.runtime, options.force)
}

/// A search of what is there now: links have changed since the first.
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
    let search = anew(world);
    let (steps, any) = enabling(world, &search).enable(&units);
    let code = failed.max(take(world, verb, &steps));
    if !any && !units.is_empty() && !world.options.quiet {
        print::err(NO_RULES);
    }
    now(world, true, code, &names)
}

pub(super) fn disable(world: &World, verb: &str, words: &[String]) -> i32 {
    let Some(names) = names(words, verb) else {
        return FAILED;
    };
    let (units, failed) = scripts(world, verb, &names, false);
    let steps = enabling(world, world.search()).disable(&units, true);
    let code = failed.max(take(world, verb, &steps));
    now(world, false, code, &names)
}

/// With --now, they start or stop as well.
fn now(world: &World, starts: bool, code: i32, names: &[UnitName]) -> i32 {
    if code != 0 || !world.options.now || world.options.root.is_some() {
        return code;
    }
    let names: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
    jobs::also(world, starts, &names)
}

pub(super) fn reenable(world: &World, verb: &str, words: &[String]) -> i32 {
    let Some(names) = names(words, verb) else {
        return FAILED;
    };
    let steps = enabling(world, world.search()).disable(&names, true);
    let code = take(world, verb, &steps);
    if code != 0 {
        return code;
    }
    enable(world, verb, words)
}

pub(super) fn preset(world: &World, verb: &str, words: &[String]) -> i32 {
    let Some(names) = names(words, verb) else {
        return FAILED;
    };
    let presets = Presets::read(world.search().root());
    let mode = world.options.preset_mode;
    let steps = enabling(world, world.search()).preset(&names, &presets, mode);
    take(world, verb, &steps)
}

pub(super) fn preset_all(world: &World, verb: &str, _: &[String]) -> i32 {
    let presets = Presets::read(world.search().root());
    let mode = world.options.preset_mode;
    let mut code = 0;
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
            let steps = enabling(world, &search).preset(&[name], &presets, mode);
            code = code.max(take(world, verb, &steps));
        }
    }
    code
}

pub(super) fn mask(world: &World, verb: &str, words: &[String]) -> i32 {
    let Some(names) = names(words, verb) else {
        return FAILED;
    };
    let steps = enabling(world, world.search()).mask(&names);
    let code = take(world, verb, &steps);
    now(world, false, code, &names)
}

pub(super) fn unmask(world: &World, verb: &str, words: &[String]) -> i32 {
    let Some(names) = names(words, verb) else {
        return FAILED;
    };
    let steps = enabling(world, world.search()).unmask(&names);
    take(world, verb, &steps)
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
    take(world, verb, &enabling(world, world.search()).adopt(&paths))
}

pub(super) fn add(world: &World, verb: &str, words: &[String]) -> i32 {
    let Some(names) = names(words, verb) else {
        return FAILED;
    };
    let Some((target, names)) = names.split_first() else {
        return FAILED;
    };
    let kind = verb.trim_start_matches("add-");
    take(
        world,
        verb,
        &enabling(world, world.search()).add(target, names, kind),
    )
}

pub(super) fn is_enabled(world: &World, _: &str, words: &[String]) -> i32 {
    let mut enabled = false;
    for word in words {
        let Some(name) = mangled(word) else {
            return say(format_args!(
                "Failed to get unit file state for {word}: Invalid argument"
            ));
        };
        match file_state(world.search(), world.machine(), &name) {
            Ok(state) => {
                enabled |= state.is_enabled();
                if !world.options.quiet {
                    print::out(format_args!("{}\n", state.word()));
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
    let target = words.first().map(|word| {
        let has_suffix = word.rsplit_once('.').is_some();
        if has_suffix {
            word.clone()
        } else {
            format!("{word}.target")
        }
    });
    let target = target.and_then(|word| UnitName::parse(&word));
    match target.filter(|name| name.suffix() == "target") {
        Some(target) => {
            let steps = enabling(world, world.search()).set_default(&target);
            take(world, verb, &steps)
        }
        None => say(format_args!("Failed to set default: Invalid argument.")),
    }
}
