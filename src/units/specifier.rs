//! `%n`, `%i` and their kin: what the manager knows, put into values
//! (`systemd.unit(5)`, SPECIFIERS).

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

use super::name::{UnitName, unescape};

/// What the specifiers of all units ask of the machine, looked up once.
pub(crate) struct Machine {
    root: PathBuf,
    host: OnceCell<String>,
    os_release: OnceCell<String>,
}

impl Machine {
    /// The one whose files are below this folder.
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            host: OnceCell::new(),
            os_release: OnceCell::new(),
        }
    }

    fn host(&self) -> &str {
        self.host
            .get_or_init(|| first_line(Path::new("/proc/sys/kernel/hostname")))
    }

    /// A value of /etc/os-release, without its quotes.
    fn os(&self, key: &str) -> String {
        let text = self.os_release.get_or_init(|| {
            let read = |path| fs::read_to_string(self.root.join(path)).ok();
            read("etc/os-release")
                .or_else(|| read("usr/lib/os-release"))
                .unwrap_or_default()
        });
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        value
            .unwrap_or_default()
            .trim_matches(['"', '\''])
            .to_owned()
    }

    /// Replaces the specifiers that mean the machine: all that files without a unit have.
    pub(crate) fn expand(&self, text: &[u8]) -> Expanded {
        expand(text, |letter| self.of(letter))
    }

    fn of(&self, letter: u8) -> Option<Vec<u8>> {
        let proc = |file: &str| first_line(&Path::new("/proc/sys/kernel").join(file));
        Some(match letter {
            b'%' => vec![b'%'],
            b't' => "/run".into(),
            b'S' => "/var/lib".into(),
            b'C' => "/var/cache".into(),
            b'L' => "/var/log".into(),
            b'E' => "/etc".into(),
            b'T' => "/tmp".into(),
            b'V' => "/var/tmp".into(),
            // The manager's own user, whatever User= says.
            b'h' => "/root".into(),
            b'u' | b'g' => "root".into(),
            b'U' | b'G' => "0".into(),
            b's' => match self.root.join("bin/bash").exists() {
                true => "/bin/bash".into(),
                false => "/bin/sh".into(),
            },
            b'H' | b'q' => self.host().into(),
            b'l' => self.host().split('.').next().unwrap_or_default().into(),
            b'm' => first_line(&self.root.join("etc/machine-id")).into(),
            b'b' => proc("random/boot_id").replace('-', "").into(),
            b'v' => proc("osrelease").into(),
            b'a' => match std::env::consts::ARCH {
                "x86_64" => "x86-64".into(),
                "aarch64" => "arm64".into(),
                other => other.into(),
            },
            b'o' => self.os("ID").into(),
            b'w' => self.os("VERSION_ID").into(),
            b'W' => self.os("VARIANT_ID").into(),
            b'B' => self.os("BUILD_ID").into(),
            b'M' => self.os("IMAGE_ID").into(),
            b'A' => self.os("IMAGE_VERSION").into(),
            _ => return None,
        })
    }
}

fn first_line(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

/// Of one unit.
#[derive(Clone, Copy)]
pub(crate) struct Specifiers<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) name: &'a UnitName,
    /// The unit's file.
    pub(crate) path: &'a Path,
}

/// A text with its specifiers replaced.
pub(crate) struct Expanded {
    pub(crate) text: Vec<u8>,
    /// A letter or a digit that is none: nothing can be made of the text.
    pub(crate) unknown: Option<char>,
}

impl Specifiers<'_> {
    /// Replaces every specifier.
    pub(crate) fn expand(&self, text: &[u8]) -> Expanded {
        expand(text, |letter| self.of(letter))
    }

    fn of(&self, letter: u8) -> Option<Vec<u8>> {
        let name = self.name;
        let instance = name.instance().unwrap_or_default();
        let last = || name.prefix().rsplit('-').next().unwrap_or_default();
        Some(match letter {
            b'n' => name.as_str().into(),
            b'N' => name.stem().into(),
            b'p' => name.prefix().into(),
            b'P' => unescape(name.prefix()),
            b'i' => instance.into(),
            b'I' => unescape(instance),
            b'j' => last().into(),
            b'J' => unescape(last()),
            b'f' => {
                let path = unescape(name.instance().unwrap_or(name.prefix()));
                // The root alone is written with a dash, which is a slash already.
                let path = if path == b"/" { &[][..] } else { &path };
                [b"/", path].concat()
            }
            b'y' => self.path.as_os_str().as_encoded_bytes().into(),
            b'Y' => self.path.parent()?.as_os_str().as_encoded_bytes().into(),
            b'd' => format!("/run/credentials/{}", name.as_str()).into(),
            _ => return self.machine.of(letter),
        })
    }
}

fn expand(text: &[u8], of: impl Fn(u8) -> Option<Vec<u8>>) -> Expanded {
    let mut out = Vec::with_capacity(text.len());
    let mut unknown = None;
    let mut bytes = text;
    while let Some((first, rest)) = bytes.split_first() {
        bytes = rest;
        let letter = rest.first().filter(|_| *first == b'%');
        match letter.map(|letter| (letter, of(*letter))) {
            None => out.push(*first),
            Some((_, Some(value))) => {
                out.extend_from_slice(&value);
                bytes = rest.get(1..).unwrap_or_default();
            }
            Some((letter, None)) => {
                out.push(b'%');
                let is_one = letter.is_ascii_alphanumeric();
                unknown = unknown.or(is_one.then_some(char::from(*letter)));
            }
        }
    }
    Expanded { text: out, unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(name: &str, text: &str) -> (String, Option<char>) {
        let machine = Machine::new(Path::new("/nowhere"));
        let specifiers = Specifiers {
            machine: &machine,
            name: &UnitName::parse(name).unwrap(),
            path: Path::new("/etc/systemd/system/a.service"),
        };
        let Expanded { text, unknown } = specifiers.expand(text.as_bytes());
        (String::from_utf8(text).unwrap(), unknown)
    }

    #[test]
    fn names_come_whole_in_parts_and_unescaped() {
        for (text, wanted) in [
            (
                "%n|%N|%p|%i|%I",
                "a-b@15-main.service|a-b@15-main|a-b|15-main|15/main",
            ),
            ("%P|%j|%J|%f", "a/b|b|b|/15/main"),
            (
                "%t %S %C %L %E %h %u%U",
                "/run /var/lib /var/cache /var/log /etc /root root0",
            ),
            (
                "100%% %%n %y %Y",
                "100% %n /etc/systemd/system/a.service /etc/systemd/system",
            ),
            ("50%", "50%"),
        ] {
            assert_eq!(
                expand("a-b@15-main", text),
                (wanted.to_owned(), None),
                "{text}"
            );
        }
        assert_eq!(expand("a", "%i"), (String::new(), None));
        assert_eq!(expand("a@-", "%f"), ("/".to_owned(), None));
        assert_eq!(expand("a@dev-sda", "%f"), ("/dev/sda".to_owned(), None));
    }

    #[test]
    fn unknown_ones_are_told_and_what_can_be_none_stays() {
        assert_eq!(expand("a", "%Q%n").1, Some('Q'));
        assert_eq!(
            expand("a", "%n%é% %-%"),
            ("a.service%é% %-%".to_owned(), None)
        );
    }
}
