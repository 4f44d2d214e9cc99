//! What directives do: the longer setters.

use super::given::Given;
use super::reading::{Reading, Type};
use super::target;
use crate::config::draft::Target;
use crate::config::forking;
use crate::core::capability::Capabilities;
use crate::core::exec::{EnvironmentFile, Limit, Resource};
use crate::core::exit::Exit;
use crate::core::quoting::Backslash;
use crate::core::setup::{Base, Folder, Preserve};
use crate::core::signal::Signal;
use crate::core::spec::{KillMode, NotifyAccess, Restart, RestartPolicy};
use crate::units;

/// Names of `sysexits.h` and systemd's own, as exit codes.
const EXITS: &str = "USAGE:64 DATAERR:65 NOINPUT:66 NOUSER:67 NOHOST:68 UNAVAILABLE:69 SOFTWARE:70 \
    OSERR:71 OSFILE:72 CANTCREAT:73 IOERR:74 TEMPFAIL:75 PROTOCOL:76 NOPERM:77 CONFIG:78";

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
    let name = given.text();
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if !name.contains('.') || name.len() > 255 || !name.bytes().all(good) {
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
    let Some(delay) = given.span()? else {
        return given.wrong("a time such as 5 or 500ms");
    };
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
    for word in given.names() {
        let named = EXITS
            .split_whitespace()
            .find_map(|pair| pair.strip_prefix(&*word)?.strip_prefix(':'));
        let code: Option<u8> = named.unwrap_or(&word).parse().ok();
        let signal = || Signal::parse(&word).map(Exit::Signal);
        match code.map(Exit::Code).or_else(signal) {
            Some(exit) => list.push(exit),
            None => {
                let value = &*word;
                let one = Given { value, ..*given };
                one.wrong::<()>("exit codes, signals, and names such as TEMPFAIL");
            }
        }
    }
    Some(())
}

/// PIDFile=: below /run where it says no more.
pub(super) fn pid_file(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    let text = given.text();
    if !forking::is_a_file(&text) {
        return given.wrong("the path of a file, without \"..\"");
    }
    let whole = match text.starts_with('/') {
        true => text,
        false => format!("/run/{text}"),
    };
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
    reading.kill_mode = Some(given.choice(&[
        ("control-group", KillMode::ControlGroup),
        ("mixed", KillMode::Mixed),
        ("process", KillMode::Process),
        ("none", KillMode::None),
    ])?);
    Some(())
}

/// A user or group; none where it is empty.
pub(super) fn account(given: &Given<'_>) -> Option<Box<str>> {
    let name = given.text();
    (!name.is_empty()).then(|| name.into())
}

pub(super) fn supplementary(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    let identity = reading.draft.identity();
    let mut groups = std::mem::take(&mut identity.supplementary).into_vec();
    if given.is_reset() {
        groups.clear();
    }
    groups.extend(given.names().into_iter().map(Into::into));
    identity.supplementary = groups.into();
    Some(())
}

pub(super) fn limit(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    let name = given.key.strip_prefix("Limit")?.to_ascii_lowercase();
    let resource = Resource::ALL
        .into_iter()
        .find(|resource| resource.name() == name)?;
    let mut all = std::mem::take(&mut reading.draft.spec.exec.limits).into_vec();
    if given.is_reset() {
        all.retain(|limit| limit.resource != resource);
    } else if let Some(limit) = amounts(resource, &given.text()) {
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
    let amount = |text: &str| match text {
        "infinity" => Some(u64::MAX),
        // Of the kinds, these two are times.
        _ if matches!(resource, Resource::Cpu | Resource::Rttime)
            && units::size(text).is_none() =>
        {
            let time = units::span(text)??;
            let micros = u64::try_from(time.as_micros()).ok()?;
            Some(if resource == Resource::Cpu {
                time.as_secs()
            } else {
                micros
            })
        }
        _ if resource == Resource::Nice => nice(text),
        _ => units::size(text),
    };
    let (soft, hard) = (amount(soft)?, amount(hard)?);
    (soft <= hard).then_some(Limit {
        resource,
        soft,
        hard,
    })
}

/// With a sign it is the lowest nice value, without one the limit as the kernel counts it:
/// from 20 down.
fn nice(text: &str) -> Option<u64> {
    let number = |text: &str, most| text.parse().ok().filter(|number: &u64| *number <= most);
    match text.split_at_checked(1)? {
        ("+", rest) => Some(20 - number(rest, 19)?),
        ("-", rest) => Some(20 + number(rest, 20)?),
        _ => number(text, 40),
    }
}

pub(super) fn environment(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    if given.is_reset() {
        reading.environment.clear();
    }
    for word in given.words(Backslash::Escapes) {
        let end = word
            .iter()
            .position(|byte| *byte == b'=')
            .filter(|end| *end > 0);
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
        let text = given.text();
        let path = text.strip_prefix('-').unwrap_or(&text);
        if !path.starts_with('/') {
            given.wrong::<()>("write the whole path of a file");
        } else {
            all.push(EnvironmentFile {
                path: path.into(),
                optional: path.len() < text.len(),
            });
        }
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
    all.extend(names.into_iter().map(Into::into));
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
    for word in names {
        // Behind a colon, the name of a link to it.
        let mut names = word.split(':').map(|name| name.trim_end_matches('/'));
        let name = names.next().unwrap_or_default();
        let link = names.next().filter(|link| !link.is_empty());
        let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
        let mut both = [Some(name), link].into_iter().flatten();
        let is_good = both.all(|name| name.split('/').all(plain)) && names.next().is_none();
        if !is_good || link.is_some() && base == Base::Configuration {
            given.wrong::<()>(
                "names below the folder, without \"..\"; NAME:LINK with a link (not in /etc)",
            );
            continue;
        }
        let links = link.map(Into::into);
        match all
            .iter_mut()
            .find(|own| own.base == base && &*own.name == name)
        {
            Some(own) => own.links = own.links.iter().cloned().chain(links).collect(),
            None => all.push(Folder {
                base,
                name: name.into(),
                mode: 0o755,
                links: links.into_iter().collect(),
            }),
        }
    }
    setup.folders = all.into();
    Some(())
}

pub(super) fn preserve(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    reading.draft.setup().preserve = match given.value {
        "restart" => Preserve::Restart,
        "" => Preserve::No,
        _ if given.boolean()? => Preserve::Yes,
        _ => Preserve::No,
    };
    Some(())
}

pub(super) fn folder_mode(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    let mode = if given.is_reset() {
        0o755
    } else {
        given.octal()?
    };
    reading.draft.folder_modes.push((base(given.key)?, mode));
    Some(())
}

/// The capabilities of a value, and whether a `~` stands before them.
fn capabilities(given: &Given<'_>) -> (Capabilities, bool) {
    let text = given.value.strip_prefix('~').unwrap_or(given.value);
    let mut set = Capabilities::NONE;
    for word in text.split_whitespace() {
        match Capabilities::named(word) {
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

/// An empty value of a directive that has one value: its default again. `false` where an
/// empty one means something of its own.
pub(super) fn reset(reading: &mut Reading<'_>, key: &str) -> bool {
    match key {
        "Type" => reading.kind = None,
        "Restart" => reading.restart = None,
        "RestartSec" => {
            reading.draft.spec.restart.delay = Restart::default().delay;
            reading.draft.restart_delay_max = None;
        }
        "TimeoutStartSec" => reading.start_timeout = None,
        "TimeoutStopSec" => reading.stop_timeout = None,
        "TimeoutSec" => (reading.start_timeout, reading.stop_timeout) = (None, None),
        "StartLimitInterval" | "StartLimitIntervalSec" => reading.limit_within = None,
        "StartLimitBurst" => reading.limit_count = None,
        "RemainAfterExit" => reading.remain = false,
        "PermissionsStartOnly" => reading.others_as_root = false,
        "DefaultDependencies" => {
            if let Some(unit) = &mut reading.draft.unit {
                unit.by_default = true;
            }
        }
        "PIDFile" => reading.draft.forking.pid_file = None,
        "GuessMainPID" => reading.draft.forking.never_guess = false,
        "NotifyAccess" => reading.access = None,
        "WatchdogSec" => reading.watchdog = None,
        "WatchdogSignal" => reading.watchdog_signal = Signal::ABRT,
        "FileDescriptorStoreMax" => reading.store_max = 0,
        "KillMode" => reading.kill_mode = None,
        "SendSIGKILL" => reading.send_kill = true,
        "KillSignal" => reading.draft.spec.stop.signal = Signal::TERM,
        "UMask" => reading.draft.spec.exec.umask = None,
        "Nice" => reading.draft.spec.exec.nice = None,
        "OOMScoreAdjust" => reading.draft.spec.exec.oom_score_adjust = None,
        "IgnoreSIGPIPE" => reading.ignore_pipe = true,
        "NoNewPrivileges" => reading.draft.setup().confinement.no_new_privileges = false,
        _ => return false,
    }
    true
}
