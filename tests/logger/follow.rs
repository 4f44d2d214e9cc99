//! Files that a service writes by itself.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::sys::stat::Mode;
use rinit::logger::message::{FromLogger, ToLogger};
use rinit::logger::{Style, Target};

use crate::harness::{Keeper, read_until, service};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rinit-follow-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> File {
        let mut file = OpenOptions::new();
        let mut file = file
            .append(true)
            .create(true)
            .open(self.0.join(name))
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn is(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn follower(folder: &Path, patterns: &[&str]) -> Keeper {
    let web = service("web", Style::Prefix, Target::Out).following(folder, patterns);
    Keeper::start(vec![web, service("rinit", Style::Own, Target::Err)])
}

/// Waits until a line comes, and says all that came before it too.
#[track_caller]
fn until(keeper: &Keeper, line: &str) -> String {
    let end = format!("web: {line}\n");
    let text = read_until(&keeper.out, 4096, |text| text.ends_with(end.as_bytes()));
    String::from_utf8(text).unwrap().replace("web: ", "")
}

/// An old file: one that wasn't written lately.
fn age(path: &Path) {
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    File::options()
        .append(true)
        .open(path)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
}

#[test]
fn what_was_there_is_not_told_again_and_what_comes_is_from_its_beginning() {
    let folder = Folder::new("begin");
    folder.write("old.log", "before\n");
    age(&folder.is("old.log"));
    let keeper = follower(&folder.0, &["*.log"]);
    folder.write("notes.txt", "no\n");
    folder.write("new.log.gz", "no\n");
    folder.write("new.log", "one\n");
    assert_eq!(until(&keeper, "one"), "one\n");
    folder.write("old.log", "two");
    folder.write("new.log", "three\n");
    assert_eq!(
        until(&keeper, "three"),
        "three\n",
        "an unfinished line waits"
    );
    folder.write("old.log", "!\n");
    assert_eq!(until(&keeper, "two!"), "two!\n");
    folder.write("old.log", "last");
    assert_eq!(keeper.ask(ToLogger::Drain), FromLogger::Drained);
    assert_eq!(keeper.written(), ("web: last\n".to_owned(), String::new()));
    keeper.leave();
}

#[test]
fn rotation_by_name_and_by_truncation_loses_nothing_and_doubles_nothing() {
    let folder = Folder::new("rotate");
    let keeper = follower(&folder.0, &["a.log"]);
    let mut old = folder.write("a.log", "1\n");
    until(&keeper, "1");
    fs::rename(folder.is("a.log"), folder.is("a.log.1")).unwrap();
    // Whoever writes hasn't noticed.
    old.write_all(b"2\n").unwrap();
    let mut new = folder.write("a.log", "3\n");
    let both = until(&keeper, "3");
    old.write_all(b"4\n").unwrap();
    new.write_all(b"5\n").unwrap();
    let both = both + &until(&keeper, "5");
    let mut lines: Vec<&str> = both.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["2", "3", "4", "5"]);
    // Copied away and truncated.
    new.set_len(0).unwrap();
    new.write_all(b"6\n").unwrap();
    assert_eq!(until(&keeper, "6"), "6\n");
    // And again by name, twice, and removed.
    for number in 7..10 {
        let _ = fs::rename(folder.is("a.log.1"), folder.is("a.log.2"));
        fs::rename(folder.is("a.log"), folder.is("a.log.1")).unwrap();
        folder.write("a.log", &format!("{number}\n"));
        assert_eq!(until(&keeper, &number.to_string()), format!("{number}\n"));
    }
    fs::remove_file(folder.is("a.log")).unwrap();
    folder.write("a.log", "10\n");
    assert_eq!(until(&keeper, "10"), "10\n");
    keeper.leave();
}

#[test]
fn a_folder_may_come_late_and_go_and_come_again() {
    let folder = Folder::new("late");
    let keeper = follower(&folder.0, &["deep/er/*.log", "other.log"]);
    for number in 0..3 {
        fs::create_dir(folder.is("deep")).unwrap();
        fs::create_dir(folder.is("deep/er")).unwrap();
        folder.write("deep/er/a.log", &format!("{number}\n"));
        assert_eq!(until(&keeper, &number.to_string()), format!("{number}\n"));
        folder.write("other.log", "also\n");
        assert_eq!(until(&keeper, "also"), "also\n");
        if number == 1 {
            fs::rename(folder.is("deep/er"), folder.is("away")).unwrap();
        }
        fs::remove_dir_all(folder.is("deep")).unwrap();
    }
    keeper.leave();
}

#[test]
fn what_could_make_us_wait_or_is_somebody_else_s_is_not_opened() {
    let folder = Folder::new("odd");
    nix::unistd::mkfifo(&folder.is("fifo.log"), Mode::S_IRWXU).unwrap();
    folder.write("secret", "secret\n");
    symlink(folder.is("secret"), folder.is("link.log")).unwrap();
    symlink("/dev/zero", folder.is("zero.log")).unwrap();
    fs::create_dir(folder.is("folder.log")).unwrap();
    let keeper = follower(&folder.0, &["*.log"]);
    folder.write("secret", "more\n");
    folder.write("good.log", "good\n");
    assert_eq!(until(&keeper, "good"), "good\n");
    keeper.leave();
}

#[test]
fn a_killed_logger_s_successor_goes_on_where_it_was() {
    let folder = Folder::new("killed");
    let mut keeper = follower(&folder.0, &["*.log"]);
    let mut file = folder.write("a.log", "");
    let mut text = String::new();
    for number in 0..200 {
        file.write_all(format!("line {number}\n").as_bytes())
            .unwrap();
        if number % 10 == 5 {
            text += &until(&keeper, &format!("line {number}"));
            keeper.kill_and_restart();
        }
        if number % 50 == 7 {
            fs::rename(folder.is("a.log"), folder.is("a.old")).unwrap();
            file.write_all(b"behind\n").unwrap();
            keeper.kill_and_restart();
            file = folder.write("a.log", "");
        }
    }
    text += &until(&keeper, "line 199");
    // A piece that was being written is written again, on a new line.
    let mut numbers: Vec<&str> = Vec::new();
    for line in text.lines().filter(|line| !matches!(*line, "behind" | "")) {
        if !numbers.contains(&line) {
            numbers.push(line);
        }
    }
    let wanted: Vec<String> = (0..200).map(|number| format!("line {number}")).collect();
    assert_eq!(numbers, wanted);
    assert!(text.matches("behind").count() >= 4, "{text}");
    keeper.leave();
}

#[test]
fn a_line_without_end_comes_in_pieces_and_too_many_files_are_told_of() {
    let folder = Folder::new("much");
    let keeper = follower(&folder.0, &["*.log"]);
    let long = "x".repeat(200_000);
    folder.write("a.log", &format!("{long}\n"));
    let pieces = read_until(&keeper.out, 65536, |text| {
        text.ends_with(b"\n") && !text.ends_with(" …\n".as_bytes())
    });
    let text = String::from_utf8(pieces)
        .unwrap()
        .replace(" …\nweb: … ", "");
    assert_eq!(text, format!("web: {long}\n"));
    for number in 0..100 {
        folder.write(&format!("{number}.log"), "");
    }
    let told = read_until(&keeper.err, 4096, |text| text.ends_with(b"\n"));
    let told = String::from_utf8(told).unwrap();
    assert!(
        told.starts_with("rinit: web: log-files: ") && told.contains("more than 64 files"),
        "{told}"
    );
    keeper.leave();
}
