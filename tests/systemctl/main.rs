//! The verbs of `systemctl` that are a matter of links and files, compared with what the
//! real one of systemd 252 said and did: `expected` was made of `cases` by `record`, with
//! Debian 12's own systemctl, below a copy of `root`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and says why"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder of its own, gone when it is dropped.
struct Root(PathBuf);

impl Root {
    fn new(what: &str) -> Self {
        let name = format!("rinit-systemctl-{what}-{}", std::process::id());
        let root = Self(std::env::temp_dir().join(name));
        root.reset();
        root
    }

    fn reset(&self) {
        let _ = fs::remove_dir_all(&self.0);
        copy(&here().join("root"), &self.0);
    }

    /// Everything in the folders of units that isn't a folder, and where links lead.
    fn tree(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for below in ["etc/systemd", "run/systemd"] {
            self.walk(&self.0.join(below), &mut found);
        }
        found
    }

    fn walk(&self, folder: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                self.walk(&path, found);
                continue;
            }
            let target = fs::read_link(&path).unwrap_or_default();
            let name = path.strip_prefix(&self.0).unwrap().display().to_string();
            found.insert(name, target.display().to_string());
        }
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/systemctl")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy(&entry.path(), &to);
        } else if kind.is_symlink() {
            symlink(fs::read_link(entry.path()).unwrap(), to).unwrap();
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Runs a line, and tells what it said and changed in the form of `expected`.
fn play(root: &Root, line: &str) -> Vec<String> {
    let before = root.tree();
    let script = format!("exec \"$@\" {line}");
    let output = Command::new("sh")
        .args(["-c", &script, "sh"])
        .arg(root.0.join("bin/systemctl"))
        .arg(format!("--root={}", root.0.display()))
        .output()
        .unwrap();
    let shown = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.replace(&*root.0.display().to_string(), "ROOT")
    };
    let mut told: Vec<String> = shown(&output.stdout).lines().map(str::to_owned).collect();
    told.extend(
        shown(&output.stderr)
            .lines()
            .map(|line| format!("! {line}")),
    );
    match output.status.code() {
        Some(0) => {}
        code => told.push(format!("= {}", code.unwrap_or(-1))),
    }
    let after = root.tree();
    for (tree, other, sign) in [(&before, &after, '-'), (&after, &before, '+')] {
        for (path, target) in tree {
            if other.get(path) != Some(target) {
                told.push(format!("{sign} {path} {target}").trim_end().to_owned());
            }
        }
    }
    told
}

/// Links are removed in the order in which the file system lists them, and the tree's
/// changes were written by another program: both without an order.
fn in_order(mut told: Vec<String>) -> Vec<String> {
    let is_free = |line: &String| line.starts_with("! Removed") || line.starts_with(['+', '-']);
    let mut start = 0;
    while start < told.len() {
        let free = told[start..]
            .iter()
            .take_while(|line| is_free(line))
            .count();
        told[start..start + free].sort();
        start += free + 1;
    }
    told
}

#[test]
fn links_are_made_and_told_of_as_by_systemd_itself() {
    let root = Root::new("links");
    let link = || {
        fs::create_dir_all(root.0.join("bin")).unwrap();
        symlink(env!("CARGO_BIN_EXE_rinit"), root.0.join("bin/systemctl")).unwrap();
    };
    link();
    let text = fs::read_to_string(here().join("expected")).unwrap();
    let mut wrong = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line == "reset" {
            root.reset();
            link();
        }
        let Some(command) = line.strip_prefix("$ ") else {
            continue;
        };
        let mut wanted = Vec::new();
        while let Some(next) = lines.next_if(|next| !next.starts_with("$ ") && *next != "reset") {
            wanted.push(next.trim_end().to_owned());
        }
        if let Some(script) = command.strip_prefix('!') {
            let mut sh = Command::new("sh");
            let done = sh.args(["-c", script]).current_dir(&root.0).status();
            assert!(done.unwrap().success(), "{script}");
            continue;
        }
        let told = play(&root, command)
            .iter()
            .map(|line| line.trim_end().to_owned())
            .collect();
        let (mut wanted, mut told) = (in_order(wanted), in_order(told));
        if command == "preset-all" {
            wanted.sort();
            told.sort();
        }
        if wanted != told {
            wrong.push_str(&format!(
                "$ systemctl {command}\n--- systemd\n{}\n--- rinit\n{}\n",
                wanted.join("\n"),
                told.join("\n")
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_word_that_scripts_give_is_taken() {
    for words in [
        "--no-pager --quiet --system -l --full --no-block --no-ask-password is-enabled nosuch",
        "is-enabled nosuch --job-mode=replace --no-legend --plain -a -n 5 --lines=3 -o short",
        "-- is-enabled nosuch",
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_rinit"))
            .arg0("systemctl")
            .args(words.split(' '))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains("No such file or directory"),
            "{words}: {said}"
        );
    }
}

#[test]
fn scripts_are_enabled_and_disabled_by_links_of_the_levels() {
    use std::os::unix::fs::PermissionsExt;
    let root = Root::new("scripts");
    fs::create_dir_all(root.0.join("bin")).unwrap();
    symlink(env!("CARGO_BIN_EXE_rinit"), root.0.join("bin/systemctl")).unwrap();
    for (name, header) in [
        (
            "lsb",
            "### BEGIN INIT INFO\n# Default-Start: 2 4\n### END INIT INFO",
        ),
        ("old", "# chkconfig: 35 80 20"),
    ] {
        let path = root.0.join("etc/init.d").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{header}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let links = || -> Vec<String> {
        let levels = (2..6).map(|level| format!("etc/rc{level}.d"));
        let all = levels.flat_map(|folder| {
            let list = fs::read_dir(root.0.join(&folder))
                .into_iter()
                .flatten()
                .flatten();
            let names = list.map(|entry| entry.file_name().into_string().unwrap());
            names
                .map(|name| format!("{folder}/{name}"))
                .collect::<Vec<_>>()
        });
        let mut all: Vec<String> = all.collect();
        all.sort();
        all
    };
    let state = |wanted: [&str; 2]| {
        for (name, wanted) in ["lsb", "old"].into_iter().zip(wanted) {
            assert_eq!(play(&root, &format!("is-enabled {name}"))[0], wanted);
        }
    };
    state(["disabled", "disabled"]);
    play(&root, "disable lsb");
    assert_eq!(links(), [""; 0]);
    for _ in 0..2 {
        let told = play(&root, "enable lsb old.service");
        let said = "! old.service is not a native service, redirecting to its links in /etc/rc?.d.";
        assert!(told.iter().any(|line| line == said), "{told:?}");
        assert_eq!(
            links(),
            [
                "etc/rc2.d/S01lsb",
                "etc/rc3.d/S80old",
                "etc/rc4.d/S01lsb",
                "etc/rc5.d/S80old"
            ]
        );
        state(["enabled", "enabled"]);
        let told = play(&root, "--quiet disable old");
        assert!(told.is_empty(), "{told:?}");
        assert_eq!(
            links(),
            [
                "etc/rc2.d/S01lsb",
                "etc/rc3.d/K20old",
                "etc/rc4.d/S01lsb",
                "etc/rc5.d/K20old"
            ]
        );
        state(["enabled", "disabled"]);
    }
    assert_eq!(
        fs::read_link(root.0.join("etc/rc2.d/S01lsb")).unwrap(),
        Path::new("../init.d/lsb")
    );
}
