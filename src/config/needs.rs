//! What enabled services need of the machine: programs, folders, files, users and groups.
//! Behind a oneshot that may make it, a missing one is a warning.

use std::borrow::Cow;
use std::cell::RefCell;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::diagnostic::Diagnostic;
use super::draft::Draft;
use super::programs::{Program, Programs};
use super::source::{At, reason};
use super::value::Context;
use crate::core::commands::List;
use crate::core::exec::{Expansion, Words};
use crate::core::sandbox;
use crate::core::{accounts, expand};
use crate::units::glob::is_pattern;
use crate::units::sysusers::{Surroundings, Sysusers, Tables};

/// Where programs are sought when nobody says.
const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// /etc/passwd and /etc/group.
#[derive(Default)]
pub(super) struct Accounts {
    pub(super) passwd: Vec<u8>,
    pub(super) group: Vec<u8>,
    /// Who has a number without standing there (`DynamicUser=`).
    pub(super) dynamic: RefCell<Vec<(String, u32)>>,
}

impl Accounts {
    /// As this machine has them; none where they can't be read.
    pub(super) fn read() -> Self {
        Self {
            passwd: std::fs::read("/etc/passwd").unwrap_or_default(),
            group: std::fs::read("/etc/group").unwrap_or_default(),
            dynamic: RefCell::default(),
        }
    }

    /// With those that packages' sysusers.d below this root ask for, which will be made
    /// before the first service.
    pub(super) fn foresee(&mut self, root: &Path) {
        let is_root = root.as_os_str().is_empty();
        let wanted = Sysusers::read(if is_root { Path::new("/") } else { root });
        if wanted.is_empty() {
            return;
        }
        let tables = Tables {
            passwd: std::mem::take(&mut self.passwd),
            group: std::mem::take(&mut self.group),
            ..Tables::default()
        };
        let surroundings = Surroundings {
            owner: &|path| {
                let stat = std::fs::metadata(path).ok()?;
                Some((stat.uid(), stat.gid()))
            },
            today: 0,
            login_defs: "",
        };
        let (tables, _) = wanted.plan(tables, &surroundings);
        (self.passwd, self.group) = (tables.passwd, tables.group);
    }

    /// The user's number; a number needs no entry.
    pub(super) fn uid(&self, user: &str) -> Option<u32> {
        accounts::find_user(&self.passwd, user)
            .map(|user| user.uid)
            .or_else(|| accounts::number(user.as_bytes()))
    }

    /// Whether a user or group has this number.
    pub(super) fn has_number(&self, number: u32) -> bool {
        accounts::users(&self.passwd).any(|user| user.uid == number || user.gid == number)
            || accounts::groups(&self.group).any(|group| group.gid == number)
    }

    pub(super) fn has_group(&self, group: &str) -> bool {
        accounts::find_group(&self.group, group).is_some()
            || accounts::number(group.as_bytes()).is_some()
    }
}

/// A command whose program is to be there.
struct Sought<'a> {
    at: At,
    words: &'a Words,
    expansion: Expansion,
    /// It was a string.
    shell: bool,
    /// Why it may be there in time, or needn't.
    doubt: Option<&'a str>,
}

/// The checks, with what they have looked up.
pub(super) struct Needs<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) accounts: &'a Accounts,
    programs: Programs,
}

impl<'a> Needs<'a> {
    pub(super) fn new(context: &'a Context<'a>, accounts: &'a Accounts) -> Self {
        Self {
            context,
            accounts,
            programs: Programs::default(),
        }
    }

    /// Checks one enabled service. `maybe_made`: a oneshot comes before it.
    pub(super) fn check(&mut self, draft: &Draft, maybe_made: bool) {
        let doubt = maybe_made
            .then_some("yet: a oneshot comes before it")
            // As with systemd: that one start fails, nothing else.
            .or_else(|| draft.unit.is_some().then_some("its start will fail"));
        let setup = draft.spec.exec.setup.as_deref();
        // Those of another root are no matter of ours.
        let has_root = setup.is_some_and(|setup| sandbox::root(&setup.sandbox).is_some());
        if !has_root && self.check_folder(draft, doubt) {
            self.check_programs(draft, doubt);
        }
        self.check_accounts(draft, doubt);
        self.check_secrets(draft);
        for file in &draft.spec.exec.environment_files {
            let missing = !file.optional
                && !is_pattern(file.path.as_bytes())
                && matches!(Path::new(&*file.path).try_exists(), Ok(false));
            if missing {
                let what = format!("{}: there is no file {}", draft.name(), file.path);
                let help = format!("write \"-{}\" if it may be absent", file.path);
                let at = draft.place("environment-file");
                self.context.add(Diagnostic::warning(Some(at), what, help));
            }
        }
    }

    fn check_secrets(&self, draft: &Draft) {
        let setup = draft.spec.exec.setup.as_deref();
        for secret in setup.iter().flat_map(|setup| &setup.secrets) {
            let missing =
                !secret.optional && matches!(Path::new(&*secret.path).try_exists(), Ok(false));
            if missing {
                let what = format!("{}: there is no file {}", draft.name(), secret.path);
                let help = format!("write \"-{}\" if it may be absent", secret.path);
                let at = draft.place("environment-from");
                self.context.add(Diagnostic::warning(Some(at), what, help));
            }
        }
    }

    /// An error, or a warning with the reason why it may be no error.
    fn report(&self, at: At, what: String, help: String, doubt: Option<&str>) {
        self.context.add(match doubt {
            Some(doubt) => Diagnostic::warning(Some(at), format!("{what} ({doubt})"), help),
            None => Diagnostic::error(Some(at), what, help),
        });
    }

    fn check_folder(&self, draft: &Draft, doubt: Option<&str>) -> bool {
        let Some(path) = &draft.spec.exec.directory else {
            return true;
        };
        let at = draft.place("working-directory");
        let what = match std::fs::metadata(&**path) {
            Ok(metadata) if metadata.is_dir() => return true,
            Ok(_) => format!("{path} is no folder"),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                format!("there is no folder {path}")
            }
            // What rinit may not see, another user may.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return false,
            Err(error) => format!("{path}: {}", reason(&error)),
        };
        let help = format!(
            "{} starts in it: make it, or name another one",
            draft.name()
        );
        self.report(at, what, help, doubt);
        false
    }

    /// The command's, and those of the commands around it.
    fn check_programs(&mut self, draft: &Draft, doubt: Option<&str>) {
        let exec = &draft.spec.exec;
        let commands = draft.spec.commands.as_deref();
        let mut made = doubt;
        for (id, at) in &draft.command_places {
            let Some(own) = commands.and_then(|commands| commands.get(*id)) else {
                continue;
            };
            let ignored = own.ignore_failure.then_some("its failure is ignored");
            let has_condition = commands.is_some_and(|commands| !commands.condition.is_empty());
            let begins = id.list == List::Condition || id.list == List::StartPre && !has_condition;
            let first = begins && id.index == 0;
            let doubt = if first { doubt } else { made };
            self.check_program(
                draft,
                &Sought {
                    at: *at,
                    words: &own.command.words,
                    expansion: own.command.manner.expansion,
                    shell: own
                        .command
                        .words
                        .iter()
                        .take(2)
                        .eq([&b"/bin/sh"[..], b"-c"]),
                    doubt: doubt.or(ignored),
                },
            );
            if matches!(id.list, List::Condition | List::StartPre) {
                made = made.or(Some("yet: exec-start-pre comes before it"));
            }
        }
        self.check_program(
            draft,
            &Sought {
                at: draft.place("command"),
                words: &exec.command,
                expansion: exec.manner.expansion,
                shell: draft.spec.stop.to_group,
                doubt: made,
            },
        );
    }

    fn check_program(&mut self, draft: &Draft, sought: &Sought<'_>) {
        let exec = &draft.spec.exec;
        let doubt = sought.doubt;
        let Some(word) = sought.words.iter().next() else {
            return;
        };
        let variable = |name: &[u8]| {
            let own = draft.environment.iter().find(|(n, _)| n.as_bytes() == name);
            own.map(|(_, value)| value.clone())
                .or_else(|| self.context.variable(name))
        };
        let from_file = !exec.environment_files.is_empty();
        let word: Cow<'_, [u8]> =
            if sought.expansion == Expansion::Forms && expand::has_variables(word) {
                match expand::expand(word, &variable) {
                    Ok(word) if !from_file => word.into(),
                    // Only the spawn knows what a file says.
                    Ok(_) | Err(_) => return,
                }
            } else {
                word.into()
            };
        let path = variable(b"PATH").unwrap_or_else(|| DEFAULT_PATH.to_vec());
        let folder = exec.directory.as_deref().unwrap_or("");
        let at = sought.at;
        let program = self.programs.find(&word, &path, folder);
        let shown = String::from_utf8_lossy(&word);
        let what = match program {
            Program::Good => return,
            Program::Missing => format!("there is no program {shown}"),
            Program::Folder => format!("{shown} is a folder, no program"),
            Program::NotExecutable => format!("{shown} is not executable"),
        };
        let help = if program == Program::NotExecutable {
            format!("chmod +x {shown}")
        } else if sought.shell {
            "a string command is given to /bin/sh; without a shell write an array of words"
                .to_owned()
        } else if draft.spec.is_main && shown.ends_with(".toml") {
            format!("-c {shown} reads it as a configuration")
        } else if shown.contains(' ') && shown.contains(['"', '\'']) && !draft.spec.is_main {
            // Only a shell knows where its words end.
            "an array is not split: write each word by itself, or the line without [ ] for /bin/sh"
                .to_owned()
        } else if let Some((first, rest)) = shown.split_once(' ').filter(|_| !draft.spec.is_main) {
            let rest: Vec<_> = rest
                .split_whitespace()
                .map(|word| format!("\"{word}\""))
                .collect();
            format!(
                "an array is not split: write [\"{first}\", {}]",
                rest.join(", ")
            )
        } else if shown.contains('/') {
            format!(
                "install it, or set enabled = false in [service.{}]",
                draft.name()
            )
        } else {
            format!("install it; PATH is {}", String::from_utf8_lossy(&path))
        };
        // A PATH in an environment-file may find what ours doesn't.
        let by_file = from_file && !word.contains(&b'/');
        let doubt = doubt
            .or_else(|| by_file.then_some("an environment-file may set another PATH"))
            // What only the exec finds out ends with its own exit code, 126 or 127.
            .or_else(|| {
                draft
                    .spec
                    .is_main
                    .then_some("it fails once all services were started")
            });
        self.report(at, what, help, doubt);
    }

    fn check_accounts(&self, draft: &Draft, doubt: Option<&str>) {
        let sockets = draft.spec.listen.iter().flat_map(|listen| &listen.sockets);
        for socket in sockets {
            self.check_user(draft, "listen", socket.file.user.as_deref(), doubt);
            self.check_group(draft, "listen", socket.file.group.as_deref(), doubt);
        }
        let Some(identity) = draft.spec.exec.identity.as_deref() else {
            return;
        };
        self.check_user(draft, "user", identity.user.as_deref(), doubt);
        self.check_group(draft, "group", identity.group.as_deref(), doubt);
        for group in &identity.supplementary {
            self.check_group(draft, "supplementary-groups", Some(group), doubt);
        }
    }

    fn check_user(&self, draft: &Draft, key: &str, user: Option<&str>, doubt: Option<&str>) {
        let Some(user) = user.filter(|user| self.accounts.uid(user).is_none()) else {
            return;
        };
        let names = accounts::users(&self.accounts.passwd);
        let names: Vec<_> = names
            .filter_map(|u| std::str::from_utf8(u.name).ok())
            .collect();
        let help = account_help("user", "passwd", user, &names);
        let what = format!("there is no user \"{user}\"");
        self.report(draft.place(key), what, help, doubt);
    }

    fn check_group(&self, draft: &Draft, key: &str, group: Option<&str>, doubt: Option<&str>) {
        let Some(group) = group.filter(|group| !self.accounts.has_group(group)) else {
            return;
        };
        let names = accounts::groups(&self.accounts.group);
        let names: Vec<_> = names
            .filter_map(|g| std::str::from_utf8(g.name).ok())
            .collect();
        let help = account_help("group", "group", group, &names);
        let what = format!("there is no group \"{group}\"");
        self.report(draft.place(key), what, help, doubt);
    }
}

fn account_help(kind: &str, file: &str, name: &str, names: &[&str]) -> String {
    match super::nearest::nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!(
            "add it to /etc/{file}, or write a number, which needs no entry ({kind} = 1000)"
        ),
    }
}
