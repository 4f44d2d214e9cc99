//! Condition*= and Assert*=, asked where a start is prepared: what a path says may have been
//! made by what started before.

use std::path::Path;

use super::glob;
use super::value::boolean;
use crate::core::capability::Capabilities;

/// The first of the words of this kind that doesn't hold, in words; those with `|` count as
/// one, of which any has to. A word is `ConditionPathExists=!/x`.
pub(crate) fn unmet<'a>(words: impl Iterator<Item = &'a [u8]>, kind: &str) -> Option<String> {
    let mut any_of = None;
    for word in words {
        let word = String::from_utf8_lossy(word);
        let Some((what, value)) = word.strip_prefix(kind).and_then(|own| own.split_once('='))
        else {
            continue;
        };
        let plain = value.strip_prefix('|');
        let value = plain.unwrap_or(value).trim_start();
        let (negated, value) = match value.strip_prefix('!') {
            Some(value) => (true, value.trim_start()),
            None => (false, value),
        };
        let holds = holds(what, value) != negated;
        if plain.is_some() {
            any_of = Some(holds || any_of == Some(true));
        } else if !holds {
            return Some(format!("{word} doesn't hold"));
        }
    }
    (any_of == Some(false)).then(|| format!("none of its {kind}…=| holds"))
}

/// Whether this version asks such a one.
pub(crate) fn is_asked(what: &str) -> bool {
    matches!(
        what,
        "PathExists"
            | "PathIsDirectory"
            | "PathIsSymbolicLink"
            | "FileNotEmpty"
            | "DirectoryNotEmpty"
            | "FileIsExecutable"
            | "Virtualization"
            | "Capability"
            | "Architecture"
            | "KernelCommandLine"
            | "Environment"
            | "ACPower"
            | "FirstBoot"
            | "NeedsUpdate"
            | "Security"
            | "PathExistsGlob"
    )
}

fn holds(what: &str, text: &str) -> bool {
    let path = Path::new(text);
    match what {
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
        "Virtualization" => match text {
            "no" | "vm" | "private-users" => false,
            "yes" | "container" | "docker" | "podman" => true,
            other => std::env::var("container").is_ok_and(|container| container == other),
        },
        "PathExistsGlob" => glob::any(text, &mut |_| true),
        "Capability" => Capabilities::named(text).is_some_and(is_bounding),
        "Architecture" => matches!(
            (text, std::env::consts::ARCH),
            ("native", _) | ("x86-64", "x86_64") | ("arm64", "aarch64")
        ),
        "KernelCommandLine" => has_argument(text),
        "Environment" => {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            let own = std::env::var_os(name);
            own.is_some_and(|own| name.len() == text.len() || own == value)
        }
        "ACPower" => boolean(text) == Some(true),
        "FirstBoot" => boolean(text) == Some(false),
        // NeedsUpdate, Security.
        _ => false,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn first_unmet(words: &[&str]) -> Option<String> {
        unmet(words.iter().map(|word| word.as_bytes()), "Condition")
    }

    #[test]
    fn all_plain_ones_have_to_hold_and_one_of_the_others() {
        let there = "ConditionPathExists=/";
        let missing = "ConditionPathExists=/no/such/file";
        let unmet = Some(format!("{missing} doesn't hold"));
        assert_eq!(first_unmet(&[]), None);
        assert_eq!(first_unmet(&[there, missing]), unmet);
        assert_eq!(
            first_unmet(&[there, "ConditionPathExists=!/no/such/file"]),
            None
        );
        assert_eq!(
            first_unmet(&["ConditionPathExists=|/no", "ConditionPathExists=|!/no"]),
            None
        );
        assert_eq!(first_unmet(&["AssertPathExists=/no"]), None);
        let none = first_unmet(&[there, "ConditionPathExists=|/no", "ConditionPathExists=|!/"]);
        assert_eq!(none.as_deref(), Some("none of its Condition…=| holds"));
    }

    #[test]
    fn what_a_container_is_decides_and_what_is_in_it() {
        for (word, holds) in [
            ("Virtualization=!container", false),
            ("Virtualization=yes", true),
            ("KernelCommandLine=no-such-argument-of-a-kernel", false),
            ("PathExistsGlob=/etc/pass*", true),
            ("PathExistsGlob=!/etc/pass*", false),
            ("PathExistsGlob=/e?c/{no,pass[v-x]d}", true),
            ("PathExistsGlob=/etc/{no,{neither,nor}}", false),
            ("PathExistsGlob=/e*/passwd/", false),
            ("FileIsExecutable=/bin/sh", true),
            ("FileNotEmpty=/dev/null", false),
            ("Environment=PATH", true),
            ("Environment=PATH=no", false),
            ("ACPower=true", true),
        ] {
            let word = format!("Condition{word}");
            assert_eq!(first_unmet(&[&word]).is_none(), holds, "{word}");
        }
    }
}
