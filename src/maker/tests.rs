//! What systemd-tmpfiles makes of the same lines in the same root is in the golden file;
//! `UPDATE=1` has it make that anew, where it is installed.
#![allow(clippy::disallowed_methods, reason = "a test may wait for a process")]

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, lchown, symlink};
use std::path::PathBuf;

use super::*;

struct Root(PathBuf);

/// What is told.
fn made(root: &Path) -> Vec<String> {
    let mut said = Vec::new();
    make(root, true, &mut |line| said.push(line.to_owned()));
    said
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Root {
    /// With the fixture in it, and all that its lines meet.
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rinit-maker-{name}-{}", std::process::id()));
        let root = Self(path);
        root.file(
            "etc/passwd",
            "root:x:0:0::/:\nweb:x:4711:4711::/:\nlog:x:4712:4712::/:\n",
        );
        root.file("etc/group", "root:x:0:\nweb:x:4711:\nlog:x:4712:\n");
        root.file("usr/lib/tmpfiles.d/fixture.conf", &fixture("conf"));
        root
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.at(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn fill(&self) {
        for name in [
            "stale/old/x",
            "there/x",
            "there2/x",
            "link-target/x",
            "file-in-the-way",
            "cleared",
            "exist1/x",
            "exist2/x",
            "old",
            "truncated",
            "truncated2",
            "pipe-over-file",
            "folder-replaced/x",
            "copy-full/own",
            "gone",
            "gone-1",
            "trees/a1/x/y",
            "trees/b",
            "trees/c",
            "adjusted",
            "masked",
            "tree/a/plain",
            "tree/a/program",
            "web-owned/y",
            "web-owned/roots/y",
            "folder-kept/x",
            "pipe-over-folder/x",
            "emptied/x",
            "tree2/x/y",
            "link-cleared/x",
            "copy-other/x",
            "copy-there/own",
            "brace1/a",
            "brace1/1",
            "brace2/b",
            "brace2/gone-x",
            "brace2/gone-z",
            "brace3/2",
        ] {
            self.file(&format!("run/{name}"), "old old old");
        }
        for name in ["written", "written2", "appended"] {
            self.file(&format!("run/{name}"), "before");
        }
        self.file("usr/share/source/file", "content");
        self.file("usr/share/source/sub/program", "run");
        symlink("file", self.at("usr/share/source/link")).unwrap();
        self.mode("usr/share/source/sub/program", 0o755);
        self.mode("run/tree/a/program", 0o755);
        self.mode("run/masked", 0o444);
        for (name, target) in [
            ("link-to-folder", "link-target"),
            ("link-kept", "mine"),
            ("link-replaced", "mine"),
            ("adjusted-link", "adjusted"),
            ("link-to-file", "old"),
            ("written-link", "written2"),
            ("exists-link", "exist1"),
            ("link-kept2", "mine"),
            ("web-owned/link", "/etc"),
        ] {
            symlink(target, self.at("run").join(name)).unwrap();
        }
        for name in ["web-owned", "web-owned/link"] {
            lchown(self.at("run").join(name), Some(4711), Some(4711)).unwrap();
        }
    }

    /// All that is in it, and how.
    fn listing(&self) -> String {
        let mut text = String::new();
        list(&self.0, &self.0, &mut text);
        text
    }
}

fn fixture(kind: &str) -> String {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/units/tmpfiles.{kind}"));
    fs::read_to_string(path).unwrap_or_default()
}

fn list(root: &Path, folder: &Path, text: &mut String) {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    for path in paths {
        let stat = fs::symlink_metadata(&path).unwrap();
        let kind = stat.file_type();
        let (letter, more) = if kind.is_dir() {
            ('d', String::new())
        } else if kind.is_symlink() {
            (
                'l',
                format!(" -> {}", fs::read_link(&path).unwrap().display()),
            )
        } else if kind.is_file() {
            ('f', format!(" {:?}", fs::read_to_string(&path).unwrap()))
        } else if kind.is_fifo() {
            ('p', String::new())
        } else {
            ('c', format!(" {}", stat.rdev()))
        };
        let name = Path::new("/").join(path.strip_prefix(root).unwrap());
        let more = if name.starts_with("/usr/lib") {
            String::new()
        } else {
            more
        };
        let mode = if kind.is_symlink() {
            0o777
        } else {
            stat.mode() & 0o7777
        };
        writeln!(
            text,
            "{letter} {mode:04o} {}:{} {}{more}",
            stat.uid(),
            stat.gid(),
            name.display()
        )
        .unwrap();
        if kind.is_dir() {
            list(root, &path, text);
        }
    }
}

#[test]
fn what_is_made_is_what_systemd_makes() {
    if process::effective_uid() != 0 {
        // Owners are root's to give.
        return;
    }
    let before = nix::sys::stat::umask(Mode::from_bits_truncate(0o022));
    if std::env::var_os("UPDATE").is_some() {
        let theirs = Root::new("theirs");
        theirs.fill();
        let root = format!("--root={}", theirs.0.display());
        let words = ["--create", "--remove", "--boot"];
        let status = std::process::Command::new("systemd-tmpfiles")
            .arg(root)
            .args(words)
            .status();
        // It fails for the lines that are meant to.
        assert!(status.is_ok(), "UPDATE=1 needs systemd-tmpfiles");
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/units/tmpfiles.expected");
        fs::write(path, theirs.listing()).unwrap();
    }
    let ours = Root::new("ours");
    ours.fill();
    let said = made(&ours.0);
    let once = ours.listing();
    let again = made(&ours.0);
    let twice = ours.listing();
    nix::sys::stat::umask(before);
    let wanted = fixture("expected");
    let differ: Vec<_> = once
        .lines()
        .filter(|line| !wanted.lines().any(|it| it == *line))
        .collect();
    let missing: Vec<_> = wanted
        .lines()
        .filter(|line| !once.lines().any(|it| it == *line))
        .collect();
    assert!(
        differ.is_empty() && missing.is_empty(),
        "ours {differ:#?}\nsystemd's {missing:#?}\n{said:#?}"
    );
    let without_more = |text: &str| {
        let text = text.replace("beforemoremore", "beforemore");
        text.replace("one++++", "one++")
    };
    assert_eq!(without_more(&twice), once, "{again:#?}");
    let told = |part: &str| said.iter().filter(|line| line.contains(part)).count();
    assert_eq!(told("there is no user \"nobody-here\""), 1, "{said:#?}");
    assert_eq!(told("could bend it"), 2, "{said:#?}");
    assert_eq!(told("of another kind"), 4, "{said:#?}");
}

#[test]
fn a_copy_with_a_plus_fills_what_is_there() {
    if process::effective_uid() != 0 {
        return;
    }
    let root = Root::new("merge");
    root.file(
        "usr/lib/tmpfiles.d/fixture.conf",
        "C+ /run/x - - - - /usr/share/source\nf~ /run/y\nh /run/x - - - - +C\nd no\nh /run/x - - - - +Q\n\
         L? /run/none - - - - /no\nL? /run/some - - - - x/file\nd$ /run/purged\nf^ /run/y\n",
    );
    root.file("usr/share/source/sub/new", "new");
    root.file("usr/share/source/file", "theirs");
    root.file("run/x/file", "mine");
    assert_eq!(
        made(&root.0),
        [
            "/usr/lib/tmpfiles.d/fixture.conf:4: \"no\" is no absolute path without \"..\"",
            "/usr/lib/tmpfiles.d/fixture.conf:5: there is no attribute \"Q\"",
            "/usr/lib/tmpfiles.d/fixture.conf:2: lines with \"~\" are not supported, and left out",
        ]
    );
    let read = |name: &str| fs::read_to_string(root.at(name)).unwrap();
    assert_eq!(read("run/x/file"), "mine");
    assert_eq!(read("run/x/sub/new"), "new");
    assert!(fs::symlink_metadata(root.at("run/none")).is_err());
    assert_eq!(read("run/some"), "mine");
    assert!(root.at("run/purged").is_dir() && !root.at("run/y").exists());
    let lock = fs::metadata(root.at("run/lock")).unwrap();
    assert_eq!(lock.mode() & 0o7777, 0o1777);
}

/// A maker that says nothing, and is a process that does nothing.
fn silent() -> (Maker, OwnedFd, std::process::Child) {
    let child = std::process::Command::new("sleep")
        .arg("1000")
        .spawn()
        .unwrap();
    let (answer, theirs) = fd::pipe().unwrap();
    fd::set_nonblocking(&answer);
    let maker = Maker {
        pid: Pid(i32::try_from(child.id()).unwrap()),
        answer,
        said: Vec::new(),
        give_up_at: clock::monotonic().plus(PATIENCE),
    };
    (maker, theirs, child)
}

#[test]
fn nobody_waits_longer_for_it_than_its_time_or_a_signal() {
    let (quiet, _writer) = fd::pipe().unwrap();
    let (mut maker, _theirs, mut child) = silent();
    maker.give_up_at = clock::monotonic();
    assert_eq!(maker.wait(quiet.as_fd(), || true), End::Late);
    assert!(!child.wait().unwrap().success());

    let (signal, writer) = fd::pipe().unwrap();
    let (mut maker, _theirs, mut child) = silent();
    fd::write_all(&writer, b"x").unwrap();
    assert_eq!(maker.wait(signal.as_fd(), || true), End::Interrupted);
    assert!(!child.wait().unwrap().success());

    for (said, end) in [("one\ntwo\n.", End::Done), ("one\ntwo", End::Died)] {
        let (mut maker, theirs, mut child) = silent();
        fd::write_all(&theirs, said.as_bytes()).unwrap();
        drop(theirs);
        // What isn't urgent is left where it is.
        assert_eq!(maker.wait(signal.as_fd(), || false), end);
        assert_eq!(maker.complaints().collect::<Vec<_>>(), ["one", "two"]);
        let _ = child.kill();
        child.wait().unwrap();
    }
}

#[test]
fn users_are_added_before_what_belongs_to_them_and_files_keep_their_modes() {
    if process::effective_uid() != 0 {
        return;
    }
    let root = Root::new("users");
    root.file(
        "usr/lib/sysusers.d/new.conf",
        "u new - \"New one\" /srv\nm new log\n",
    );
    root.file(
        "usr/lib/tmpfiles.d/fixture.conf",
        "d /run/new 0750 new log\n",
    );
    root.file("etc/shadow", "root:*:1::::::\n");
    root.mode("etc/shadow", 0o640);
    lchown(root.at("etc/shadow"), Some(0), Some(42)).unwrap();
    assert_eq!(made(&root.0), Vec::<String>::new());
    let read = |name: &str| fs::read_to_string(root.at(name)).unwrap();
    assert!(read("etc/passwd").ends_with("new:x:999:999:New one:/srv:/usr/sbin/nologin\n"));
    assert!(read("etc/group").ends_with("log:x:4712:new\nnew:x:999:\n"));
    assert!(read("etc/shadow").starts_with("root:*:1::::::\nnew:!*:"));
    assert!(!root.at("etc/gshadow").exists());
    let stat = |name: &str| fs::metadata(root.at(name)).unwrap();
    assert_eq!(
        (stat("etc/shadow").mode() & 0o7777, stat("etc/shadow").gid()),
        (0o640, 42)
    );
    assert_eq!((stat("run/new").uid(), stat("run/new").gid()), (999, 4712));
    // Nothing to add: nothing is touched.
    let inode = stat("etc/passwd").ino();
    assert_eq!(made(&root.0), Vec::<String>::new());
    assert_eq!(stat("etc/passwd").ino(), inode);
}

#[test]
fn what_fails_is_told_before_the_next_line_is_carried_out() {
    if process::effective_uid() != 0 {
        return;
    }
    let root = Root::new("told");
    let lines = "d /nobodys 0755 no-such-user\nd /behind\n";
    root.file("usr/lib/tmpfiles.d/fixture.conf", lines);
    let mut told = 0;
    make(&root.0, true, &mut |line| {
        told += 1;
        assert!(line.contains("no-such-user"), "{line}");
        assert!(!root.at("behind").exists());
    });
    assert_eq!(told, 1);
    assert!(root.at("behind").exists());
}

/// Here it is a full disk's part; a kill leaves the same.
#[test]
fn users_that_were_made_by_half_are_made_whole_the_next_time() {
    if process::effective_uid() != 0 {
        return;
    }
    let root = Root::new("half");
    root.file("usr/lib/sysusers.d/fixture.conf", "u half\n");
    root.file("usr/lib/tmpfiles.d/fixture.conf", "");
    for name in ["shadow", "gshadow"] {
        root.file(&format!("etc/{name}"), "root:*:1::::::\n");
    }
    let tables = ["group", "passwd", "gshadow", "shadow"];
    let has = |name: &&&str| {
        let text = fs::read_to_string(root.at(&format!("etc/{name}"))).unwrap();
        text.lines()
            .filter(|line| line.starts_with("half:"))
            .count()
            == 1
    };
    for broken in tables {
        // The new file can't be written there.
        let place = format!("etc/{broken}.rinit/in-the-way");
        root.file(&place, "");
        assert_eq!(made(&root.0).len(), 1);
        fs::remove_dir_all(root.at(&format!("etc/{broken}.rinit"))).unwrap();
        assert_eq!(made(&root.0), Vec::<String>::new());
        let whole: Vec<_> = tables.iter().filter(has).collect();
        assert_eq!(whole.len(), tables.len(), "{broken}: {whole:?}");
        for name in tables {
            let path = root.at(&format!("etc/{name}"));
            let text = fs::read_to_string(&path).unwrap();
            let others = text.lines().filter(|line| !line.starts_with("half:"));
            let others: Vec<_> = others.collect();
            fs::write(&path, others.join("\n") + "\n").unwrap();
        }
    }
}

#[test]
fn while_services_run_what_is_missing_is_made_and_nothing_else_touched() {
    let root = Root::new("missing");
    let lines = "d /run/there 0700\nd /run/new 0750\nd /run/there/in 0711\nR /run/old\nD /run/kept\n\
                 f+ /run/text - - - - new\nz /run/text 0600\nd! /run/boot\n";
    root.file("usr/lib/tmpfiles.d/fixture.conf", lines);
    for name in ["there/x", "old", "kept/x", "text"] {
        root.file(&format!("run/{name}"), "mine");
    }
    for name in ["run/there", "run/text"] {
        root.mode(name, 0o744);
    }
    assert_eq!(make_what_is_missing(&root.0), Vec::<String>::new());
    let mode = |name: &str| fs::metadata(root.at(name)).unwrap().mode() & 0o7777;
    assert_eq!(mode("run/there"), 0o744);
    assert_eq!(mode("run/text"), 0o744);
    assert_eq!(mode("run/new"), 0o750);
    assert_eq!(mode("run/there/in"), 0o711);
    assert_eq!(fs::read_to_string(root.at("run/text")).unwrap(), "mine");
    assert!(root.at("run/old").exists() && root.at("run/kept/x").exists());
    assert!(!root.at("run/boot").exists());
}
