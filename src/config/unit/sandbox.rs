//! What a unit wants its processes to be kept from (`core::sandbox`): each line is checked
//! here, and becomes a word that the service's child reads. What this container doesn't
//! permit is told of once, for all services together.

use super::given::Given;
use super::reading::Reading;
use crate::config::draft::{AFFINITY, Draft};
use crate::config::value::Context;
use crate::core::capability::Capabilities;
use crate::core::exec::Words;
use crate::core::sandbox::{self, Means, Value};
use crate::core::seccomp;
use crate::core::setup::Setup;
use crate::core::sorted::Set;
use crate::core::system_call;
use crate::core::tuning::{self, Numbers};

/// Takes one of these directives; `false` where it is none.
pub(super) fn apply(reading: &mut Reading<'_>, given: &Given<'_>) -> bool {
    let Some((name, value, _)) = sandbox::directive(given.key) else {
        return false;
    };
    let Some(text) = text(*value, given) else {
        return true;
    };
    let adds = match value {
        Value::Switch(_)
        | Value::Word(_)
        | Value::Errno
        | Value::Nanoseconds
        | Value::Path
        | Value::Denial => false,
        // Here yes and no are all of it.
        Value::SwitchOrList => !matches!(&*text, "yes" | "no"),
        Value::List | Value::Paths | Value::Tuning | Value::Credential => true,
    };
    let words = &mut reading.sandbox;
    if !adds || text.is_empty() {
        words.retain(|word| {
            let own = word.strip_prefix(name);
            !own.is_some_and(|rest| rest.starts_with('='))
        });
    }
    if !matches!(&*text, "" | "no") {
        words.push(format!("{name}={text}"));
    }
    true
}

/// The value as it is kept, if it makes sense.
fn text(value: Value, given: &Given<'_>) -> Option<String> {
    if given.is_reset() {
        return Some(String::new());
    }
    let switch = || {
        let switched = crate::units::boolean(given.value);
        switched.map(|yes| if yes { "yes" } else { "no" }.to_owned())
    };
    match value {
        Value::Switch(words) => {
            if words.contains(&given.value) {
                return Some(given.value.to_owned());
            }
            let help = [&["yes", "no"][..], words].concat().join(", ");
            switch().or_else(|| given.wrong(&format!("one of {help}")))
        }
        Value::Word(words) => match words.iter().position(|word| *word == given.value) {
            Some(0) => Some("no".to_owned()),
            Some(_) => Some(given.value.to_owned()),
            None => given.wrong(&format!("one of {}", words.join(", "))),
        },
        Value::SwitchOrList => switch().or_else(|| list(given)),
        Value::List => list(given),
        Value::Paths => paths(given),
        Value::Tuning => match tuning::objection(given.key, given.value) {
            Some(help) => given.wrong(help),
            None => Some(given.value.to_owned()),
        },
        Value::Nanoseconds => nanoseconds(given),
        Value::Path => {
            let path = given.text()?;
            let is_whole = path.trim_start_matches('-').starts_with('/') && !path.contains("..");
            if is_whole {
                Some(path)
            } else {
                given.wrong("the whole path of a folder")
            }
        }
        Value::Denial => switch()
            .map(|said| if said == "no" { "off" } else { "no" }.to_owned())
            .or_else(|| given.wrong("yes or no")),
        Value::Errno if given.value == "kill" => Some(String::new()),
        Value::Errno => sandbox::errno(given.value)
            .map(|errno| errno.to_string())
            .or_else(|| given.wrong("an errno such as EPERM, its number, or kill")),
        Value::Credential => credential(given),
    }
}

/// Names that nobody knows are left out, as systemd does.
fn list(given: &Given<'_>) -> Option<String> {
    let text = given.text()?;
    let names = text.trim_start_matches('~');
    let is_known = |name: &str| match given.key {
        "SystemCallFilter" => {
            let (name, errno) = name.split_once(':').unwrap_or((name, "kill"));
            let is_errno = errno == "kill" || sandbox::errno(errno).is_some();
            is_errno && system_call::is_name(name)
        }
        "RestrictAddressFamilies" => name == "none" || seccomp::is_family(name),
        "RestrictNamespaces" => seccomp::is_namespace(name),
        "SecureBits" => tuning::secure_bit(name).is_some(),
        _ => true,
    };
    for name in names.split_whitespace().filter(|name| !is_known(name)) {
        let what = format!("{}: there is no {name}: it is left out", given.key);
        let help = match given.key {
            "SystemCallFilter" => {
                "the groups are those of systemd.exec(5), such as @system-service"
            }
            "RestrictAddressFamilies" => "families are such as AF_UNIX AF_INET AF_INET6, or none",
            "SecureBits" => {
                "there are noroot, no-setuid-fixup and keep-caps, each also with -locked behind it"
            }
            _ => "the kinds are cgroup, ipc, net, mnt, pid, user and uts",
        };
        given.context.warn(given.at, what, help);
    }
    Some(text)
}

/// A number without a unit is nanoseconds already; without end is as if nothing were said.
fn nanoseconds(given: &Given<'_>) -> Option<String> {
    let bare = given.value.strip_suffix("ec").unwrap_or(given.value);
    let bare = bare.strip_suffix("ns").unwrap_or(bare).trim_end();
    if bare.parse::<u64>().is_ok() {
        return Some(bare.to_owned());
    }
    let time = given.span()?;
    Some(time.map_or_else(String::new, |time| time.as_nanos().to_string()))
}

/// A name that a file can have, and a path or what the file says.
fn credential(given: &Given<'_>) -> Option<String> {
    let is_name = |name: &str| {
        let plain =
            |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b':' | b'/') || byte == b' ';
        !matches!(name, "" | "." | "..") && name.len() < 256 && name.bytes().all(plain)
    };
    let (name, rest) = match given.value.split_once(':') {
        Some((name, rest)) => (name, Some(rest)),
        None => (given.value, None),
    };
    let expanded =
        |text: &str| Some(String::from_utf8_lossy(&given.expanded(text.as_bytes())?).into_owned());
    let name = expanded(name)?;
    if given.key == "SetCredential" {
        // Its escapes are read where there may be a NUL.
        let text = rest.filter(|_| is_name(&name));
        return match text {
            Some(text) => Some(format!("{name}:{text}")),
            None => given.wrong("write NAME:TEXT"),
        };
    }
    let path = match rest {
        Some(path) => expanded(path)?,
        None => name.clone(),
    };
    let is_whole = path.starts_with('/') && path.split('/').all(|part| part != "..");
    if is_name(&name) && (is_whole || is_name(&path)) {
        Some(format!("{name}:{path}"))
    } else {
        given.wrong("write NAME:PATH, with the whole path of a file, or NAME alone")
    }
}

fn paths(given: &Given<'_>) -> Option<String> {
    let mut all = given.names();
    let is_whole = |path: &String| path.trim_start_matches(['-', '+']).starts_with('/');
    if !all.iter().all(is_whole) {
        given.wrong::<()>("the whole paths of files and folders");
        all.retain(is_whole);
    }
    // A colon is what separates a path from its options, a line feed what separates paths.
    (!all.is_empty()).then(|| all.join("\n"))
}

/// Lays the words into the draft, with what DynamicUser= and others imply.
pub(super) fn finish(reading: &mut Reading<'_>) {
    if reading.dynamic_user {
        for (name, value) in [
            ("PrivateTmp", "yes"),
            ("ProtectSystem", "strict"),
            ("ProtectHome", "read-only"),
            ("RestrictSUIDSGID", "yes"),
            ("RemoveIPC", "yes"),
        ] {
            let of = |word: &String| word.split('=').next() == Some(name);
            // Of this one, all others are stricter.
            if name != "ProtectHome" || !reading.sandbox.iter().any(of) {
                reading.sandbox.retain(|word| !of(word));
                reading.sandbox.push(format!("{name}={value}"));
            }
        }
        reading.draft.setup().confinement.no_new_privileges = true;
    }
    for word in &reading.sandbox {
        // What [defaults] says counts where the unit says nothing.
        let directive = word.split('=').next().unwrap_or_default();
        reading.draft.put_word(directive, None);
    }
    if !reading.sandbox.is_empty() {
        let setup = reading.draft.setup();
        let mut all: Vec<&[u8]> = setup.sandbox.iter().collect();
        all.extend(reading.sandbox.iter().map(String::as_bytes));
        setup.sandbox = Words::new(all);
    }
}

/// What rinit hasn't itself it can't give to a unit.
fn clip_ambient(draft: &mut Draft, context: &Context<'_>) {
    let by_unit = draft.unit.is_some() && draft.written("ambient-capabilities").is_none();
    let Some(setup) = draft.spec.exec.setup.as_mut().filter(|_| by_unit) else {
        return;
    };
    let wanted = setup.confinement.ambient;
    if wanted == Capabilities::NONE {
        return;
    }
    let own = own_status("CapPrm:");
    let own = own.and_then(|own| u64::from_str_radix(&own, 16).ok());
    let Some(own) = own.filter(|own| wanted.0 & !own != 0) else {
        return;
    };
    setup.confinement.ambient = Capabilities(wanted.0 & own);
    let text = format!(
        "{}: AmbientCapabilities: without those that this container lacks",
        draft.name()
    );
    context.findings.borrow_mut().note(text);
}

/// What /proc says of this process behind those words.
fn own_status(field: &str) -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    Some(value.trim().to_owned())
}

/// No processor that it may run on is the container's: it runs on any.
fn drop_foreign_processors(draft: &mut Draft, context: &Context<'_>) {
    let setup = draft.spec.exec.setup.as_deref();
    let wanted = setup.and_then(|own| Numbers::of(&sandbox::all(&own.sandbox, AFFINITY)));
    let Some(wanted) = wanted else {
        return;
    };
    let there = own_status("Cpus_allowed_list:").unwrap_or_default();
    let own = Numbers::of(&[&*there]);
    if own.is_none_or(|own| own.meets(&wanted)) {
        return;
    }
    draft.put_word(AFFINITY, None);
    let what = format!(
        "{}: the container has none of the processors that it is to run on, only {there}: it runs on any",
        draft.name()
    );
    match draft.written("cpu-affinity") {
        Some(at) => context.warn(at, what, "write some of these, or leave cpu-affinity out"),
        None => context.findings.borrow_mut().note(what),
    }
}

/// Why a directive isn't applied, by what it takes.
const WHY: [(Means, &str); 9] = [
    (
        Means::MOUNTS,
        "this container permits no mounts (they take CAP_SYS_ADMIN)",
    ),
    (
        Means::FILTERS,
        "this kernel filters no system calls (seccomp)",
    ),
    (
        Means::ROOTS_FILTERS,
        "what runs as root has its system calls filtered with NoNewPrivileges=yes or CAP_SYS_ADMIN alone",
    ),
    (
        Means::DROPS,
        "this container permits no dropping of capabilities (CAP_SETPCAP)",
    ),
    (
        Means::NETWORK,
        "this container permits no network namespaces",
    ),
    (Means::USERS, "this container permits no user namespaces"),
    (Means::IPC, "this container permits no IPC namespaces"),
    (
        Means::PROC,
        "this container permits no /proc of a service's own (CAP_SYS_ADMIN, and Linux 5.8)",
    ),
    (
        Means::NUMA,
        "this container, or its kernel, lets nobody choose nodes of memory (CAP_SYS_NICE)",
    ),
];

/// Tells what isn't applied here and why, once for all services together, and takes out what
/// nothing could be done for: it costs no service anything.
pub(in crate::config) fn tell(drafts: &mut [Draft], uid: u32, context: &Context<'_>) {
    let mut permitted = None;
    let mut told: [(Set<&str>, Vec<String>); WHY.len()] = Default::default();
    for draft in drafts {
        clip_ambient(draft, context);
        drop_foreign_processors(draft, context);
        let name = draft.name().to_owned();
        let is_root = is_root(draft, uid);
        let exec = &mut draft.spec.exec;
        let Some(setup) = exec
            .setup
            .as_deref_mut()
            .filter(|own| !own.sandbox.is_empty())
        else {
            continue;
        };
        let permitted = *permitted.get_or_insert_with(|| (context.permitted)());
        let bare = is_root && !setup.confinement.no_new_privileges;
        let unfiltered = bare && !permitted.has(Means::ROOTS_FILTERS);
        let mut kept = Vec::new();
        for word in setup.sandbox.iter() {
            let text = String::from_utf8_lossy(word);
            let name_of = text.split('=').next().unwrap_or_default();
            let (directive, takes) = match sandbox::directive(name_of) {
                Some((directive, _, takes)) => (*directive, *takes),
                None => ("", Means::NOTHING),
            };
            // What takes nothing is no matter of what is permitted.
            let mut left = takes == Means::NOTHING;
            for ((means, _), (directives, services)) in WHY.iter().zip(&mut told) {
                let taken = match *means {
                    Means::ROOTS_FILTERS => unfiltered && takes.has(Means::FILTERS),
                    Means::FILTERS => !unfiltered && takes.has(Means::FILTERS),
                    means => takes.has(means),
                };
                if taken && !permitted.has(*means) {
                    directives.insert(directive);
                    if services.last() != Some(&name) {
                        services.push(name.clone());
                    }
                } else {
                    left |= taken;
                }
            }
            if left {
                kept.push(word.to_vec());
            }
        }
        setup.sandbox = Words::new(kept);
        exec.setup.take_if(|setup| **setup == Setup::default());
    }
    for ((_, why), (directives, services)) in WHY.iter().zip(&told) {
        if !services.is_empty() {
            let directives: Vec<&str> = directives.iter().copied().collect();
            let text = format!(
                "sandbox: {why}; left out, at least in part: {} of {}",
                directives.join(", "),
                services.join(", ")
            );
            context.findings.borrow_mut().note(text);
        }
    }
}

fn is_root(draft: &Draft, uid: u32) -> bool {
    let identity = draft.spec.exec.identity.as_deref();
    let user = identity.and_then(|identity| identity.user.as_deref());
    uid == 0 && matches!(user, None | Some("root" | "0"))
}
