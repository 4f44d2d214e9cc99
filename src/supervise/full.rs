//! The full road to an exec: in a forked child, which may use the heap and may hang,
//! what needs files is read and set up; then come the last steps of every child.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::PathBuf;

use super::credentials;
use super::environment::{self, DEFAULT_PATH};
use super::extras::Extras;
use super::launch::Wires;
use super::mounts;
use super::passed;
use super::preparation;
use super::sandbox;
use super::scheduling;
use super::standard;
use super::users::Mapper;
use crate::core::accounts;
use crate::core::capability::Confinement;
use crate::core::environment_file;
use crate::core::exec::{Exec, Expansion, Identity, Limit, Privileges, Words};
use crate::core::expand;
use crate::core::sandbox::has;
use crate::core::setup::Setup;
use crate::core::sorted::sort;
use crate::core::spec::ServiceSpec;
use crate::core::unit_words;
use crate::sys::cgroup;
use crate::sys::fd;
use crate::sys::process;
use crate::sys::signal::SignalSet;
use crate::sys::spawn::{Become, Failure, Order, Place, Slot, Step};
use crate::units;

/// The errno of what the standard library's errors hide.
pub(super) const EIO: i32 = 5;

/// What a process is to its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Its own command.
    Main,
    /// It takes connections, for each of which there is a process of that command.
    Door,
    /// A command beside that.
    Beside,
}

/// What a child on the full road knows.
pub(crate) struct Full<'a> {
    pub(crate) spec: &'a ServiceSpec,
    pub(crate) base: &'a Words,
    pub(crate) extras: &'a Extras,
    pub(crate) wires: &'a Wires<'a>,
    pub(crate) role: Role,
    /// It is the first process of its run.
    pub(crate) first: bool,
    /// It is the run's own, not one beside it.
    pub(crate) is_main: bool,
    pub(crate) limits: &'a [Limit],
    pub(crate) ignored: SignalSet,
    pub(crate) place: Place,
    pub(crate) report: BorrowedFd<'a>,
}

/// Who a service is, as /etc/passwd has it.
#[derive(Default)]
pub(super) struct Account {
    pub(super) identity: Option<Become>,
    /// HOME, USER, LOGNAME, SHELL.
    variables: Vec<Vec<u8>>,
}

impl Full<'_> {
    /// Becomes the program, or says why not; then the code is what the fork leaves with.
    pub(crate) fn become_program(&self) -> i32 {
        let Err(failure) = self
            .enter()
            .and_then(|()| self.prepare())
            .map(|slot| slot.become_program());
        // Whoever doesn't read this is gone.
        let _ = fd::write_all(self.report, &failure.encode());
        127
    }

    /// First of all: whatever hangs from here on is the service's own.
    pub(super) fn enter(&self) -> Result<(), Failure> {
        let mut entrances = self.wires.entrances.iter();
        entrances
            .try_for_each(|entrance| cgroup::enter(entrance.as_raw_fd()))
            .map_err(|errno| failed(Step::Cgroup, errno.0, ""))
    }

    /// Reads and sets up all but the last steps.
    pub(super) fn prepare(&self) -> Result<Slot, Failure> {
        let exec = &self.spec.exec;
        let setup = exec.setup.as_deref().filter(|_| self.first);
        for (kind, step) in [("Condition", Step::Condition), ("Assert", Step::Assert)] {
            let all = setup.into_iter().flat_map(|setup| setup.conditions.iter());
            if let Some(unmet) = units::unmet(all, kind) {
                return Err(failed(step, 0, &unmet));
            }
        }
        let account = match &exec.identity {
            Some(identity) => self::account(identity)?,
            None => Account::default(),
        };
        let roots_own;
        let mut setup = exec.setup.as_deref();
        if self.role == Role::Beside
            && let Some(known) = setup
            && has(&known.sandbox, "RootDirectoryStartOnly")
        {
            let words = known.sandbox.iter();
            let words = words.filter(|word| !word.starts_with(b"RootDirectory="));
            roots_own = Setup {
                sandbox: Words::new(words),
                ..known.clone()
            };
            setup = Some(&roots_own);
        }
        let forking = self.spec.forking.as_ref().filter(|_| self.first);
        if let Some(path) = forking.and_then(|forking| forking.pid_file.as_deref()) {
            preparation::clear_pid_file(path, self.wires.cleared);
        }
        if let Some(setup) = setup.filter(|_| self.first) {
            let owner = account.identity.as_ref().map(|them| (them.uid, them.gid));
            preparation::clear_and_make(setup, owner, self.wires.cleared)?;
            let given = self
                .base
                .iter()
                .find_map(|word| word.strip_prefix(b"CREDENTIALS_DIRECTORY="));
            let given = given.and_then(|path| std::str::from_utf8(path).ok());
            credentials::write(self.spec, owner.map(|(uid, _)| uid), given)?;
            if has(&setup.sandbox, "PrivateTmp") {
                mounts::make_private(&self.spec.name);
            }
        }
        let files = environment_files(exec)?;
        let mut words: Vec<&[u8]> = self.base.iter().collect();
        preparation::pass(setup, &mut words);
        let below = exec.environment_below.iter();
        let layers = account.variables.iter().map(Vec::as_slice).chain(below);
        let layers = layers.chain(files.iter().map(Vec::as_slice));
        for word in layers.chain(exec.environment.iter()) {
            environment::put(&mut words, word);
        }
        let from_files = preparation::from_files(setup, &mut words)?;
        for word in &from_files {
            environment::put(&mut words, word);
        }
        let takes_terminal = setup.is_some_and(|own| standard::has_terminal(&own.sandbox));
        if takes_terminal && environment::lookup(&words, b"TERM").is_none() {
            words.push(b"TERM=vt220");
        }
        preparation::unset(setup, &mut words);
        for word in self.extras.iter() {
            environment::put(&mut words, word);
        }
        let command = command(exec, &words)?;
        if let Some(nice) = exec.nice {
            process::set_nice(nice).map_err(|errno| failed(Step::Nice, errno.0, ""))?;
        }
        if let Some(score) = exec.oom_score_adjust {
            std::fs::write("/proc/self/oom_score_adj", score.to_string())
                .map_err(|error| failed(Step::OomScore, error.raw_os_error().unwrap_or(EIO), ""))?;
        }
        let mut streams = self.wires.standard;
        let files = match setup {
            Some(setup) => {
                scheduling::set_up(&setup.sandbox);
                standard::unblock(self, &setup.sandbox);
                let uid = account.identity.as_ref().map(|them| them.uid);
                standard::files(self, &setup.sandbox, uid)?
            }
            None => Vec::new(),
        };
        for (place, file) in &files {
            if let Some(own) = streams.get_mut(*place) {
                *own = file.as_fd();
            }
        }
        let words_of = command.iter().map(Vec::as_slice);
        let arguments: Vec<&[u8]> = words_of
            .skip(usize::from(exec.manner.renamed && command.len() > 1))
            .collect();
        let (own_identity, own_confinement) = match exec.manner.privileges {
            Privileges::Service => (true, true),
            Privileges::KeepUser => (false, true),
            Privileges::Full => (false, false),
        };
        let mut confinement = Confinement::default();
        let mut filter = Vec::new();
        let mut keeps_groups = false;
        let identity = account.identity.as_ref().filter(|_| own_identity);
        // Who accepts connections sets up nothing of what each of them will have.
        let setup = setup.filter(|_| self.role != Role::Door);
        if let Some(setup) = setup.filter(|_| !own_confinement) {
            let words = &setup.sandbox;
            let entered = mounts::enter_root(words);
            entered.map_err(|errno| sandbox::without_root(words, errno))?;
        }
        if let Some(setup) = setup.filter(|_| own_confinement) {
            confinement = setup.confinement;
            let uid = identity.map_or_else(process::effective_uid, |them| them.uid);
            let name = &self.spec.name;
            let notify = self
                .wires
                .notify
                .filter(|address| address.starts_with(b"/"));
            let notify = notify.and_then(|path| String::from_utf8(path.into()).ok());
            let more: Vec<_> = credentials::folder(self.spec)
                .into_iter()
                .chain(notify)
                .collect();
            let wants_users = has(&setup.sandbox, "PrivateUsers");
            let mapper = wants_users.then(|| Mapper::begin(identity)).transpose();
            let mapper = mapper.map_err(|errno| failed(Step::Memory, errno.0, ""))?;
            filter = sandbox::set_up(setup, name, uid, &more, &mut confinement)?;
            if let Some(mapper) = mapper {
                keeps_groups = mapper.enter(identity, self.limits)?;
            }
        }
        let size: usize = words
            .iter()
            .chain(&arguments)
            .map(|word| word.len() + 32)
            .sum();
        let mut slot = Slot::with_room(size.saturating_add(64 * 1024))
            .map_err(|errno| failed(Step::Memory, errno.0, ""))?;
        let order = Order {
            program: command.first().map(Vec::as_slice).unwrap_or_default(),
            arguments: &arguments,
            path: environment::lookup(&words, b"PATH").unwrap_or(DEFAULT_PATH),
            environment: &words,
            directory: exec.directory.as_deref().map(str::as_bytes),
            umask: exec.umask,
            standard: streams,
            ready: self.wires.ready,
            passed: &passed::descriptors(self.wires.passed),
            pid_variables: self.extras.of_own_pid(),
            limits: self.limits,
            identity,
            keeps_groups,
            confinement,
            filter: &filter,
            place: self.place,
            ignored: self.ignored,
            entrances: &[],
            report: self.report,
        };
        slot.prepare(order)
            .ok_or_else(|| failed(Step::Memory, 0, ""))?;
        // Open until the exec.
        std::mem::forget(files);
        Ok(slot)
    }
}

pub(super) fn failed(step: Step, errno: i32, detail: &str) -> Failure {
    Failure {
        step,
        errno,
        detail: detail.to_owned(),
    }
}

/// The argument vector, expanded from the final environment where it says so.
fn command(exec: &Exec, words: &[&[u8]]) -> Result<Vec<Vec<u8>>, Failure> {
    let lookup = |name: &[u8]| environment::lookup(words, name).map(<[u8]>::to_vec);
    match exec.manner.expansion {
        Expansion::None => return Ok(exec.command.iter().map(<[u8]>::to_vec).collect()),
        Expansion::Unit => return Ok(unit_words::expand(exec.command.iter(), &lookup)),
        Expansion::Forms => {}
    }
    let expanded = |word| expand::expand(word, &lookup);
    exec.command
        .iter()
        .map(expanded)
        .collect::<Result<_, _>>()
        .map_err(|error| failed(Step::Expand, 0, &error.kind.to_string()))
}

fn environment_files(exec: &Exec) -> Result<Vec<Vec<u8>>, Failure> {
    let mut words = Vec::new();
    for file in &exec.environment_files {
        // Of a pattern that means nothing, it is the pattern itself that isn't there.
        let mut paths = units::glob::paths(&file.path);
        if paths.is_empty() {
            paths.push(PathBuf::from(&*file.path));
        }
        for path in paths {
            match std::fs::read(path) {
                Ok(text) => {
                    let variables = environment_file::parse(&text).into_iter();
                    words.extend(variables.map(|(name, value)| [name, value].join(&b'=')));
                }
                Err(_) if file.optional => {}
                Err(error) => {
                    return Err(failed(
                        Step::EnvironmentFile,
                        error.raw_os_error().unwrap_or(EIO),
                        &file.path,
                    ));
                }
            }
        }
    }
    Ok(words)
}

/// What is there for nobody to log in by is no shell.
fn refuses(shell: &[u8]) -> bool {
    [&b"/nologin"[..], b"/false", b"/true"]
        .iter()
        .any(|name| shell.ends_with(name))
}

pub(super) fn account(identity: &Identity) -> Result<Account, Failure> {
    let passwd = std::fs::read("/etc/passwd").unwrap_or_default();
    let group_file = std::fs::read("/etc/group").unwrap_or_default();
    let unknown = |text: String| failed(Step::Account, 0, &text);
    let mut found = Become {
        uid: process::effective_uid(),
        gid: process::effective_gid(),
        groups: Vec::new(),
    };
    let mut variables = Vec::new();
    if let Some(name) = &identity.user {
        let user = accounts::find_user(&passwd, name);
        let number = accounts::number(name.as_bytes());
        // A number needs no entry; its group then is the same number.
        found.uid = user
            .map(|user| user.uid)
            .or(number)
            .ok_or_else(|| unknown(format!("user {name}: not in /etc/passwd")))?;
        found.gid = user.map_or(found.uid, |user| user.gid);
        if let Some(user) = user {
            let entries = [
                ("HOME", user.home),
                ("USER", user.name),
                ("LOGNAME", user.name),
                ("SHELL", user.shell),
            ];
            variables.extend(
                entries
                    .iter()
                    .filter(|(_, value)| !value.is_empty() && !refuses(value))
                    .map(|(key, value)| [key.as_bytes(), value].join(&b'=')),
            );
            let member =
                |group: &accounts::Group<'_>| group.members().any(|member| member == user.name);
            found.groups.extend(
                accounts::groups(&group_file)
                    .filter(member)
                    .map(|group| group.gid),
            );
        }
    }
    let group = |name: &str| {
        let entry = accounts::find_group(&group_file, name).map(|group| group.gid);
        entry
            .or(accounts::number(name.as_bytes()))
            .ok_or_else(|| unknown(format!("group {name}: not in /etc/group")))
    };
    if let Some(name) = &identity.group {
        found.gid = group(name)?;
    }
    for name in &identity.supplementary {
        found.groups.push(group(name)?);
    }
    found.groups.push(found.gid);
    sort(&mut found.groups);
    found.groups.dedup();
    Ok(Account {
        identity: Some(found),
        variables,
    })
}
