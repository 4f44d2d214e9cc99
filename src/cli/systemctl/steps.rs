//! Does what has to be done to links, and tells of it. systemctl has two ways: alone it tells
//! all in order; of a manager that runs it hears either an error or what was done.

use std::fs;
use std::io;
use std::path::Path;

use super::world::World;
use super::{FAILED, jobs};
use crate::cli::print;
use crate::units::{Step, WrongLink};

/// What has come of steps so far.
pub(super) struct Told<'w> {
    pub(super) world: &'w World,
    verb: &'w str,
    said: String,
    /// The first error, where rinit runs.
    wrong: Option<String>,
    /// Something else than an error is to be told.
    good: bool,
    code: i32,
}

impl<'w> Told<'w> {
    pub(super) const fn new(world: &'w World, verb: &'w str) -> Self {
        Self {
            world,
            verb,
            said: String::new(),
            wrong: None,
            good: false,
            code: 0,
        }
    }

    /// Does them, in this order.
    pub(super) fn take(&mut self, steps: &[Step]) {
        for step in steps {
            let done = match step {
                Step::Link { at, to } => link(at, to).map(|()| {
                    let (at, to) = (at.display(), to.display());
                    format!("Created symlink {at} → {to}.\n")
                }),
                Step::Remove { at } => {
                    remove(at).map(|()| format!("Removed \"{}\".\n", at.display()))
                }
                Step::Ignored { at } => Ok(format!("Unit {} is masked, ignoring.\n", at.display())),
                Step::Wrong(wrong) => {
                    // Alone, it takes a unit that is gone for disabled.
                    let harmless = self.verb == "disable" && matches!(wrong, WrongLink::Missing(_));
                    self.fail(harmless, alone(self.verb, wrong), || running(wrong));
                    continue;
                }
            };
            match (done, step) {
                (Ok(text), _) => {
                    self.good = true;
                    if !self.world.options.quiet {
                        self.said.push_str(&text);
                    }
                }
                (Err(error), Step::Link { at, .. } | Step::Remove { at }) => {
                    let (at, error) = (at.display(), error.to_string());
                    let error = error.split(" (os error").next().unwrap_or_default();
                    let text = format!("{} unit, file \"{at}\": {error}.", failed(self.verb));
                    self.fail(false, text, || format!("File {at}: {error}"));
                }
                (Err(_), Step::Ignored { .. } | Step::Wrong(_)) => {}
            }
        }
    }

    fn fail(&mut self, harmless: bool, alone: String, running: impl FnOnce() -> String) {
        if self.world.is_live() {
            self.wrong.get_or_insert_with(running);
        } else {
            self.said.push_str(&alone);
            self.said.push('\n');
            self.code = if harmless { self.code } else { FAILED };
        }
    }

    /// It hasn't come to an error.
    pub(super) const fn is_well(&self) -> bool {
        self.wrong.is_none() && self.code == 0
    }

    /// Tells it; the exit status.
    pub(super) fn end(self) -> i32 {
        match self.wrong {
            // What else was disabled makes up for it.
            Some(wrong) if self.verb != "disable" || !self.good => {
                let what = match self.verb {
                    "add-wants" | "add-requires" => "add dependency",
                    "set-default" => "set default target",
                    "preset-all" => "preset all units",
                    verb => &format!("{verb} unit"),
                };
                print::err(format_args!("Failed to {what}: {wrong}\n"));
                FAILED
            }
            Some(_) | None => {
                print::err(self.said);
                self.code
            }
        }
    }
}

/// Does the steps, and tells of each; the exit status.
pub(super) fn take(world: &World, verb: &str, steps: &[Step]) -> i32 {
    let mut told = Told::new(world, verb);
    told.take(steps);
    told.end()
}

/// What was done counts from now on, if rinit runs; the exit status.
pub(super) fn settled(world: &World, code: i32) -> i32 {
    if code == 0 && !world.options.no_reload && world.is_live() {
        // The links are as they are to be, whatever else is wrong with the configuration.
        let _ = jobs::daemon_reload(world, "daemon-reload", &[]);
    }
    code
}

fn failed(verb: &str) -> String {
    let verb = match verb {
        "add-wants" | "add-requires" => "add dependency on",
        "set-default" => "set default",
        "preset-all" => "preset",
        verb => verb,
    };
    format!("Failed to {verb}")
}

/// As systemctl says it where it did it itself.
fn alone(verb: &str, wrong: &WrongLink) -> String {
    let failed = failed(verb);
    match wrong {
        WrongLink::Missing(name) => format!("{failed} unit, unit {name} does not exist."),
        WrongLink::Masked(path) => format!("{failed} unit, unit {} is masked.", path.display()),
        WrongLink::Generated(path) => {
            let path = path.display();
            format!("{failed} unit, unit {path} is transient or generated.")
        }
        WrongLink::Linked(name) => {
            format!("{failed} unit, refusing to operate on linked unit file {name}.")
        }
        WrongLink::Unreadable(path, error) => {
            format!("{failed} unit, {}: {error}.", path.display())
        }
        WrongLink::Alias { name, alias } => {
            format!("{failed} unit, cannot alias {name} as {alias}.")
        }
        WrongLink::NoInstance { name, target } => {
            format!("{failed} {name}, destination unit {target} is a non-template unit.")
        }
        WrongLink::Exists(at) => {
            format!("{failed} unit, file \"{}\" already exists.", at.display())
        }
        WrongLink::OtherLink(at, to) => format!(
            "{failed} unit, file \"{}\" already exists and is a symlink to \"{}\".",
            at.display(),
            to.display()
        ),
    }
}

/// As the manager says it that was asked to.
fn running(wrong: &WrongLink) -> String {
    match wrong {
        WrongLink::Missing(name) => format!("Unit file {name} does not exist."),
        WrongLink::Masked(path) => format!("Unit file {} is masked.", path.display()),
        WrongLink::Generated(path) => {
            format!("Unit {} is transient or generated.", path.display())
        }
        WrongLink::Linked(name) => {
            format!("Refusing to operate on alias name or linked unit file: {name}")
        }
        WrongLink::Unreadable(path, error) => format!("File {}: {error}", path.display()),
        WrongLink::Alias { name, alias } => format!("Cannot alias {name} as {alias}."),
        WrongLink::NoInstance { target, .. } => {
            format!("Destination unit {target} is a non-template unit.")
        }
        WrongLink::Exists(at) => format!("File {} already exists.", at.display()),
        WrongLink::OtherLink(at, to) => format!(
            "File {} already exists and is a symlink to {}.",
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
