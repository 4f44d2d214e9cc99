//! The environment of a service: layers, later ones over earlier ones, name by name.

use std::cell::Cell;
use std::rc::Rc;

use crate::core::exec::Words;

/// Variables that are messages from rinit's own manager to rinit; no service gets them
/// (`sd_notify(3)`, `sd_listen_fds(3)`), nor what configures rinit itself.
const KEPT_BACK: [&str; 10] = [
    "NOTIFY_SOCKET",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "LISTEN_PIDFDID",
    "FDSTORE",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "INVOCATION_ID",
    "SYSTEMD_EXEC_PID",
];

const PREFIX: &[u8] = b"RINIT_";

/// Where programs are sought when nobody says; LXC, virtual machines and bare OCI
/// bundles give no PATH.
pub(crate) const DEFAULT_PATH: &[u8] = crate::sys::exec::DEFAULT_PATH;

/// The name in `NAME=value`.
pub(crate) fn name(word: &[u8]) -> &[u8] {
    word.split(|byte| *byte == b'=').next().unwrap_or_default()
}

/// The container's environment as services get it: without what is meant for rinit, with
/// PATH and HOME.
pub(crate) fn base<'a>(inherited: impl Iterator<Item = &'a [u8]>) -> Words {
    let kept_back = |word: &[u8]| {
        let name = name(word);
        name.starts_with(PREFIX) || KEPT_BACK.iter().any(|known| known.as_bytes() == name)
    };
    let mut words: Vec<&[u8]> = inherited.filter(|word| !kept_back(word)).collect();
    let path = [b"PATH=", DEFAULT_PATH].concat();
    for word in [path.as_slice(), b"HOME=/"] {
        if lookup(&words, name(word)).is_none() {
            words.push(word);
        }
    }
    Words::new(words)
}

/// Lays a word over what is there.
pub(crate) fn put<'a>(words: &mut Vec<&'a [u8]>, word: &'a [u8]) {
    let key = name(word);
    match words.iter_mut().find(|old| name(old) == key) {
        Some(old) => *old = word,
        None => words.push(word),
    }
}

/// The container's environment, as services get it from now on: one for all who hold it.
#[derive(Clone)]
pub(crate) struct Base(Rc<Cell<Rc<Words>>>);

impl Base {
    /// As `base` made it.
    pub(crate) fn new(words: Words) -> Self {
        Self(Rc::new(Cell::new(Rc::new(words))))
    }

    /// All of it.
    pub(crate) fn words(&self) -> Rc<Words> {
        let words = self.0.take();
        self.0.set(Rc::clone(&words));
        words
    }

    /// Sets each `NAME=value`, and forgets each `NAME`; `false` if it is too much.
    pub(crate) fn change(&self, changes: &[Box<str>]) -> bool {
        /// With more a service could hardly be started.
        const MOST: usize = 128 * 1024;
        let old = self.words();
        let mut all: Vec<&[u8]> = old.iter().collect();
        for change in changes.iter().map(|change| change.as_bytes()) {
            if change.contains(&b'=') {
                put(&mut all, change);
            } else {
                all.retain(|word| name(word) != change);
            }
        }
        let new = Words::new(all);
        let fits = new.block().len() <= MOST;
        if fits {
            self.0.set(Rc::new(new));
        }
        fits
    }
}

/// The value of a variable.
pub(crate) fn lookup<'a>(words: &[&'a [u8]], key: &[u8]) -> Option<&'a [u8]> {
    words
        .iter()
        .rev()
        .find_map(|word| word.strip_prefix(key)?.strip_prefix(b"="))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: &Words) -> Vec<String> {
        words
            .iter()
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect()
    }

    #[test]
    fn what_is_meant_for_rinit_stays_with_it() {
        let given = [
            "A=1",
            "NOTIFY_SOCKET=/x",
            "SYSTEMD_EXEC_PID=7",
            "RINIT_LOG=debug",
            "container=lxc",
            "PATH=/p",
            "HOME=/h",
        ];
        let words = base(given.iter().map(|word| word.as_bytes()));
        assert_eq!(
            texts(&words),
            ["A=1", "container=lxc", "PATH=/p", "HOME=/h"]
        );
    }

    #[test]
    fn without_any_environment_there_is_a_path_and_a_home() {
        let words = base(std::iter::empty());
        assert_eq!(
            texts(&words),
            [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME=/"
            ]
        );
    }

    #[test]
    fn a_later_layer_wins_in_the_earlier_ones_place() {
        let mut words: Vec<&[u8]> = vec![b"A=1", b"B=2"];
        put(&mut words, b"A=3");
        put(&mut words, b"C=4");
        assert_eq!(words, [&b"A=3"[..], b"B=2", b"C=4"]);
        assert_eq!(lookup(&words, b"A"), Some(&b"3"[..]));
        assert_eq!(lookup(&words, b"D"), None);
    }
}
