//! What directives do: the longer setters.

use super::given::{Given, WHOLE_PATH};
use super::reading::{Reading, Type};
use super::target;
use super::terms::ENDLESS;
use crate::config::draft::Target;
use crate::core::capability::Capabilities;
use crate::core::exec::{EnvironmentFile, Limit, Resource};
use crate::core::exit::Exit;
use crate::core::quoting::Backslash;
use crate::core::setup::{Base, Folder, Preserve};
use crate::core::signal::Signal;
use crate::core::spec::{KillMode, NotifyAccess, RestartPolicy};
use crate::units;

/// Names of LSB's, of `sysexits.h` and systemd's own exit codes, the numbers of those that
/// don't follow the one before them.
const EXITS: &str = "SUCCESS:0 FAILURE INVALIDARGUMENT NOTIMPLEMENTED NOPERMISSION NOTINSTALLED NOTCONFIGURED NOTRUNNING \
    USAGE:64 DATAERR NOINPUT NOUSER NOHOST UNAVAILABLE SOFTWARE OSERR OSFILE CANTCREAT IOERR TEMPFAIL PROTOCOL NOPERM CONFIG \
    CHDIR:200 NICE FDS EXEC MEMORY LIMITS OOM_ADJUST SIGNAL_MASK STDIN STDOUT CHROOT IOPRIO TIMERSLACK SECUREBITS \
    SETSCHEDULER CPUAFFINITY GROUP USER CAPABILITIES CGROUP SETSID CONFIRM STDERR PAM:224 NETWORK NAMESPACE \
    NO_NEW_PRIVILEGES SECCOMP SELINUX_CONTEXT PERSONALITY APPARMOR_PROFILE ADDRESS_FAMILIES RUNTIME_DIRECTORY CHOWN:235 \
    SMACK_PROCESS_LABEL KEYRING STATE_DIRECTORY CACHE_DIRECTORY LOGS_DIRECTORY CONFIGURATION_DIRECTORY NUMA_POLICY \
    CREDENTIALS BPF:245 EXCEPTION:255";

/// The exit code of this name.
fn exit_code(wanted: &str) -> Option<u8> {
    let mut next = 0;
    EXITS.split_whitespace().find_map(|word| {
        let (name, number) = word.split_once(':').unwrap_or((word, ""));
        let code: u8 = number.parse().unwrap_or(next);
        next = code.wrapping_add(1);
        (name == wanted).then_some(code)
    })
}

pub(super) fn targets(list: &mut Vec<Target>, given: &Given<'_>) -> Option<()> {
    // Dependencies have no reset.
    let names = given.names();
    list.extend(names.iter().map(|name| target(name, given.at)));
    Some(())
}

pub(super) fn kind(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    let kind = given.choice(&[
        ("simple", Type::Simple),
        ("exec", Type::Simple),
        ("idle", Type::Simple),
        ("dbus", Type::Bus),
        ("oneshot", Type::Oneshot),
        ("notify", Type::Notify),
        ("notify-reload", Type::Notify),
        ("forking", Type::Forking),
    ])?;
    reading.kind = Some((kind, given.at));
    Some(())
}

/// BusName=: what can be asked for on the bus, and says of itself what it is.
pub(super) fn bus_name(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    let name = given.text()?;
    let (unique, rest) = match name.strip_prefix(':') {
        Some(rest) => (true, rest),
        None => (false, &*name),
    };
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    let is_part = |part: &str| {
        let first = part.bytes().next();
        first.is_some_and(|first| unique || !first.is_ascii_digit()) && part.bytes().all(good)
    };
    if !rest.contains('.') || name.len() > 255 || !rest.split('.').all(is_part) {
        return given.wrong("a name such as org.example.Server");
    }
    reading.bus_name = Some(name.into());
    Some(())
}

pub(super) fn restart(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    reading.restart = Some(given.choice(&RestartPolicy::WORDS)?);
    Some(())
}

pub(super) fn restart_delay(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    let delay = given.span()?.unwrap_or(ENDLESS);
    // Always the same.
    reading.draft.spec.restart.delay = delay;
    reading.draft.restart_delay_max = Some(delay);
    Some(())
}

pub(super) fn limit_within(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    reading.limit_within = Some(given.timeout()?);
    Some(())
}

pub(super) fn limit_count(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    reading.limit_count = u32::try_from(given.number(0, i64::from(u32::MAX))?).ok();
    Some(())
}

/// Adds exit codes and signals, or clears them.
pub(super) fn exits(list: &mut Vec<Exit>, given: &Given<'_>) -> Option<()> {
    if given.is_reset() {
        list.clear();
    }
    // Quotes are letters as any other here.
    for value in given.value.split_whitespace() {
        let one = Given { value, ..*given };
        let code = value.parse().ok().or_else(|| exit_code(value));
        let signal = || Signal::parse(value).map(Exit::Signal);
        match code.map(Exit::Code).or_else(signal) {
            Some(exit) if list.contains(&exit) => {}
            Some(exit) => list.push(exit),
            None => {
                one.wrong::<()>("exit codes, signals, and names such as TEMPFAIL");
            }
        }
    }
    Some(())
}

/// PIDFile=: below /run where it says no more.
pub(super) fn pid_file(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    if given.is_reset() {
        reading.draft.forking.pid_file = None;
        return Some(());
    }
    let text = given.text()?;
    let whole = match text.starts_with('/') {
        true => text,
        false => format!("/run/{text}"),
    };
    let whole = units::simplified(&whole).or_else(|| given.fatal(WHOLE_PATH))?;
    reading.draft.forking.pid_file = Some(whole.into());
    Some(())
}

pub(super) fn access(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    reading.access = Some(given.choice(&[
        ("none", NotifyAccess::None),
        ("main", NotifyAccess::Main),
        ("exec", NotifyAccess::Exec),
        ("all", NotifyAccess::All),
    ])?);
    Some(())
}

pub(super) fn kill_mode(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    if given.is_reset() {
        reading.kill_mode = None;
        return Some(());
    }
    reading.kill_mode = Some(given.choice(&[
        ("control-group", KillMode::ControlGroup),
        ("mixed", KillMode::Mixed),
        ("process", KillMode::Process),
        ("none", KillMode::None),
    ])?);
    Some(())
}

/// What nobody can be called: numbers that are none, and what has another meaning elsewhere.
fn is_account(name: &str) -> bool {
    match name.parse::<u32>() {
        Ok(0) => name.len() == 1,
        Ok(0xffff | u32::MAX) => false,
        Ok(_) => !name.starts_with(['0', '+']),
        Err(_) => {
            let digits = name.strip_prefix('-').unwrap_or(name);
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            let is_odd = |c: char| c.is_control() || matches!(c, ':' | '/');
            !is_number && !matches!(name, "." | "..") && !name.contains(is_odd)
        }
    }
}

/// The help with what isn't one.
const ACCOUNT: &str = "the name or the number of a user or group";

/// A user or group; none where it is empty.
pub(super) fn account(given: &Given<'_>) -> Option<Option<Box<str>>> {
    if given.is_reset() {
        return Some(None);
    }
    let name = given.text().filter(|name| is_account(name));
    let name = name.or_else(|| given.fatal(ACCOUNT))?;
    Some(Some(name.into()))
}

/// WorkingDirectory=, as it is kept until all is read: `-` where it may be missing.
pub(super) fn directory(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    let own = given.value.strip_prefix('-');
    let value = own.unwrap_or(given.value);
    reading.directory = match value {
        "" => None,
        "~" => Some(given.value.to_owned()),
        _ => {
            let one = Given { value, ..*given };
            let path = one.text().and_then(|text| units::simplified(&text));
            let minus = if own.is_some() { "-" } else { "" };
            match path {
                Some(path) => Some(format!("{minus}{path}")),
                None if own.is_some() => return given.wrong(WHOLE_PATH),
                None => return given.fatal(WHOLE_PATH),
            }
        }
    };
    Some(())
}

pub(super) fn supplementary(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    let identity = reading.draft.identity();
    let mut groups = std::mem::take(&mut identity.supplementary).into_vec();
    if given.is_reset() {
        groups.clear();
    }
    let names = given.names();
    if !names.iter().all(|name| is_account(name)) {
        return given.fatal(ACCOUNT);
    }
    groups.extend(names.into_iter().map(Into::into));
    identity.supplementary = groups.into();
    Some(())
}

pub(super) fn limit(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    let name = given.key.strip_prefix("Limit")?.to_ascii_lowercase();
    let resource = Resource::ALL
        .into_iter()
        .find(|resource| resource.name() == name)?;
    let mut all = std::mem::take(&mut reading.draft.spec.exec.limits).into_vec();
    if let Some(limit) = given.text().and_then(|text| amounts(resource, &text)) {
        all.retain(|limit| limit.resource != resource);
        all.push(limit);
    } else {
        // What was said before stays.
        given.wrong::<()>("a number, a size, infinity, or soft:hard");
    }
    reading.draft.spec.exec.limits = all.into();
    Some(())
}

fn amounts(resource: Resource, text: &str) -> Option<Limit> {
    let (soft, hard) = text.split_once(':').unwrap_or((text, text));
    let micros = |text: &str| u64::try_from(units::span(text)??.as_micros()).ok();
    let number = |text: &str| u64::try_from(units::number(text)?).ok();
    let amount = |text: &str| match resource {
        _ if text == "infinity" => Some(u64::MAX),
        // A part of a second is one.
        Resource::Cpu => Some(micros(text)?.div_ceil(1_000_000)),
        // A number alone is of microseconds.
        Resource::Rttime => number(text).or_else(|| micros(text)),
        // With a sign it is as nice(1) has it.
        Resource::Nice if text.starts_with(['+', '-']) => {
            let nice = units::number(text).filter(|nice| (-20..=19).contains(nice))?;
            u64::try_from(20 - nice).ok()
        }
        Resource::Nice => number(text).filter(|raw| (1..=40).contains(raw)),
        Resource::Nofile
        | Resource::Nproc
        | Resource::Locks
        | Resource::Sigpending
        | Resource::Rtprio => number(text),
        Resource::Fsize
        | Resource::Data
        | Resource::Stack
        | Resource::Core
        | Resource::Rss
        | Resource::As
        | Resource::Memlock
        | Resource::Msgqueue => units::size(text),
    };
    let (soft, hard) = (amount(soft)?, amount(hard)?);
    (soft <= hard).then_some(Limit {
        resource,
        soft,
        hard,
    })
}

/// Whether a variable can have this name.
fn is_variable(name: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    name.first().is_some_and(|first| !first.is_ascii_digit()) && name.iter().all(is_letter)
}

pub(super) fn environment(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    if given.is_reset() {
        reading.environment.clear();
    }
    for word in given.words(Backslash::Escapes) {
        let end = word.iter().position(|byte| *byte == b'=');
        let end = end.filter(|end| word.get(..*end).is_some_and(is_variable));
        let Some(end) = end else {
            given.wrong::<()>("write NAME=value, in quotes where the value has blanks");
            continue;
        };
        let (name, value) = word.split_at(end);
        let value = value.get(1..).unwrap_or_default().to_vec();
        reading.environment.retain(|(known, _)| known != name);
        reading.environment.push((name.to_vec(), value));
    }
    Some(())
}

pub(super) fn environment_file(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    let files = &mut reading.draft.spec.exec.environment_files;
    let mut all = std::mem::take(files).into_vec();
    if given.is_reset() {
        all.clear();
    } else {
        let own = given.value.strip_prefix('-');
        let value = own.unwrap_or(given.value);
        let file = Given { value, ..*given }.path();
        all.extend(file.map(|path| EnvironmentFile {
            path: path.into(),
            optional: own.is_some(),
        }));
    }
    *files = all.into();
    Some(())
}

pub(super) fn unset(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    let names = given.names();
    let setup = reading.draft.setup();
    let mut all = std::mem::take(&mut setup.unset).into_vec();
    if given.is_reset() {
        all.clear();
    }
    for name in names {
        let is_one =
            |text: &str| is_variable(text.split('=').next().unwrap_or_default().as_bytes());
        if is_one(&name) {
            all.push(name.into());
        } else {
            given.wrong::<()>("names of variables, or NAME=value");
        }
    }
    setup.unset = all.into();
    Some(())
}

fn base(key: &str) -> Option<Base> {
    let kinds = [
        ("Runtime", Base::Runtime),
        ("State", Base::State),
        ("Cache", Base::Cache),
        ("Logs", Base::Logs),
        ("Configuration", Base::Configuration),
    ];
    let found = kinds.into_iter().find(|(word, _)| key.starts_with(word));
    found.map(|(_, base)| base)
}

pub(super) fn folders(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    let base = base(given.key)?;
    let names = given.names();
    let setup = reading.draft.setup();
    let mut all = std::mem::take(&mut setup.folders).into_vec();
    if given.is_reset() {
        all.retain(|folder| folder.base != base);
    }
    for written in names {
        // Behind a colon, the name of a link to it.
        let mut parts = written.split(':');
        let below = |part: &str| {
            let path = units::simplified(&format!("/{part}"))?;
            let name = path.trim_start_matches('/');
            // Below that one lie those of dynamic users.
            let is_private = name.split('/').next() == Some("private");
            let is_good = !name.is_empty() && !part.starts_with('/') && !is_private;
            (is_good && !name.contains('\0')).then(|| Box::<str>::from(name))
        };
        let name = parts.next().and_then(below);
        let link = parts.next().filter(|link| !link.is_empty()).map(below);
        let is_good = parts.next().is_none() && (link.is_none() || base != Base::Configuration);
        let (Some(name), Some(links), true) = (name, link.into_iter().collect(), is_good) else {
            given.wrong::<()>(
                "names below the folder, without \"..\"; NAME:LINK with a link (not in /etc)",
            );
            continue;
        };
        let links: Vec<Box<str>> = links;
        match all
            .iter_mut()
            .find(|own| own.base == base && own.name == name)
        {
            Some(own) => own.links = own.links.iter().cloned().chain(links).collect(),
            None => all.push(Folder {
                base,
                name,
                mode: 0o755,
                links: links.into(),
            }),
        }
    }
    setup.folders = all.into();
    Some(())
}

pub(super) fn preserve(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    reading.draft.setup().preserve = match given.value {
        "restart" => Preserve::Restart,
        _ if given.boolean()? => Preserve::Yes,
        _ => Preserve::No,
    };
    Some(())
}

pub(super) fn folder_mode(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    let mode = given.octal()?;
    reading.draft.folder_modes.push((base(given.key)?, mode));
    Some(())
}

/// The capabilities of a value, and whether a `~` stands before them.
fn capabilities(given: &Given<'_>) -> (Capabilities, bool) {
    let text = given.value.strip_prefix('~').unwrap_or(given.value);
    let mut set = Capabilities::NONE;
    for word in (Given {
        value: text,
        ..*given
    })
    .names()
    {
        match Capabilities::named(&word) {
            Some(one) => set = set.with(one),
            None => {
                given.wrong::<()>("names of capabilities(7), such as CAP_NET_BIND_SERVICE");
            }
        }
    }
    (set, text.len() < given.value.len())
}

pub(super) fn bounding(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    let (named, inverted) = capabilities(given);
    let bounding = &mut reading.draft.setup().confinement.bounding;
    *bounding = Some(match (*bounding, inverted) {
        // Empty is none at all.
        _ if given.is_reset() => Capabilities::NONE,
        (None, false) => named,
        (None, true) => named.others(),
        (Some(known), false) => known.with(named),
        (Some(known), true) => Capabilities(known.0 & named.others().0),
    });
    Some(())
}

pub(super) fn ambient(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    let (named, inverted) = capabilities(given);
    let ambient = &mut reading.draft.setup().confinement.ambient;
    *ambient = match inverted {
        _ if given.is_reset() => Capabilities::NONE,
        false => ambient.with(named),
        true if *ambient == Capabilities::NONE => named.others(),
        true => Capabilities(ambient.0 & named.others().0),
    };
    Some(())
}

/// An empty value of one of the few directives that have one value and go back to their
/// default by it. Most don't, with systemd 252: the value before it stays.
pub(super) fn reset(reading: &mut Reading<'_>, key: &str) -> bool {
    match key {
        "Nice" => reading.draft.spec.exec.nice = None,
        "OOMScoreAdjust" => reading.draft.spec.exec.oom_score_adjust = None,
        _ => return false,
    }
    true
}
