//! Condition*= and Assert*=: asked when the unit is read, once.

use std::path::Path;

use super::given::Given;
use super::reading::{Conditions, Reading};
use crate::core::capability::Capabilities;
use crate::units;

/// Stars in the last part alone.
fn is_simple_glob(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let folder = path.parent().map(Path::to_string_lossy).unwrap_or_default();
    !text.contains(['?', '[']) && !folder.contains('*')
}

fn exists_glob(path: &Path) -> bool {
    let (Some(folder), Some(pattern)) = (path.parent(), path.file_name()) else {
        return path.exists();
    };
    let pattern = pattern.to_string_lossy();
    let mut entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        (pattern.starts_with('.') || !name.starts_with('.')) && units::matches(&pattern, &name)
    })
}

/// Whether a service could ever have this capability.
fn is_bounding(wanted: Capabilities) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    let own = line.and_then(|line| u64::from_str_radix(line.trim(), 16).ok());
    own.is_none_or(|own| wanted.0 & !own == 0)
}

/// A word of the kernel's command line, whole or its name.
fn has_argument(wanted: &str) -> bool {
    let words = std::fs::read_to_string("/proc/cmdline").unwrap_or_default();
    words
        .split_whitespace()
        .any(|word| word == wanted || word.split('=').next() == Some(wanted))
}

/// Condition*= and Assert*=: asked now, once.
pub(super) fn condition(reading: &mut Reading<'_>, given: &Given<'_>) {
    let (list, what) = match given.key.strip_prefix("Assert") {
        Some(what) => (&mut reading.asserts, what),
        None => {
            let what = given.key.trim_start_matches("Condition");
            (&mut reading.conditions, what)
        }
    };
    if given.is_reset() {
        *list = Conditions::default();
        return;
    }
    let (alternative, value) = match given.value.strip_prefix('|') {
        Some(value) => (true, value.trim_start()),
        None => (false, given.value),
    };
    let (negated, value) = match value.strip_prefix('!') {
        Some(value) => (true, value.trim_start()),
        None => (false, value),
    };
    let text = String::from_utf8_lossy(&given.expanded(value.as_bytes())).into_owned();
    let path = Path::new(&text);
    let holds = match what {
        "PathExists" => path.exists(),
        "PathIsDirectory" => path.is_dir(),
        "PathIsSymbolicLink" => path.is_symlink(),
        "FileNotEmpty" => {
            std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() > 0)
        }
        "DirectoryNotEmpty" => std::fs::read_dir(path).is_ok_and(|mut list| list.next().is_some()),
        "FileIsExecutable" => {
            use std::os::unix::fs::PermissionsExt;
            std::fs::metadata(path)
                .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
        }
        "Virtualization" => match &*text {
            "no" | "vm" | "private-users" => false,
            "yes" | "container" | "docker" | "podman" => true,
            other => std::env::var("container").is_ok_and(|container| container == other),
        },
        "PathExistsGlob" if is_simple_glob(path) => exists_glob(path),
        "Capability" => Capabilities::named(&text).is_some_and(is_bounding),
        "Architecture" => matches!(
            (&*text, std::env::consts::ARCH),
            ("native", _) | ("x86-64", "x86_64") | ("arm64", "aarch64")
        ),
        "KernelCommandLine" => has_argument(&text),
        "Environment" => {
            let (name, value) = text.split_once('=').unwrap_or((&text, ""));
            let own = given.context.variable(name.as_bytes());
            own.is_some_and(|own| name.len() == text.len() || own == value.as_bytes())
        }
        "ACPower" => units::boolean(&text) == Some(true),
        "FirstBoot" => units::boolean(&text) == Some(false),
        "NeedsUpdate" | "Security" => false,
        _ => {
            let what = format!(
                "{}: {} is not supported yet by this version",
                reading.draft.name(),
                given.key
            );
            given.context.warn(given.at, what, "it is taken to hold");
            return;
        }
    };
    let holds = holds != negated;
    if alternative {
        list.any_of = Some(holds || list.any_of == Some(true));
    } else if !holds {
        list.unmet
            .get_or_insert_with(|| format!("{}={}", given.key, given.value));
    }
}
