//! Output into files: rotated between lines, and whatever happens to a file from outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use rinit::logger::message::{FromLogger, ToLogger};
use rinit::logger::{Style, Target};

use crate::harness::{Keeper, service, write_numbers};

const FLUSHED: FromLogger = FromLogger::Flushed { stream: 0 };

/// A folder of this test's own.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rinit-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn log(&self) -> PathBuf {
        self.0.join("web.log")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn keeper(path: &Path, rotate_size: u64, keep: u32) -> Keeper {
    let web = |target| {
        let service = service("web", Style::Plain, target);
        service.into_file(path, rotate_size, keep)
    };
    let own = service("rinit", Style::Own, Target::Err);
    Keeper::start(vec![web(Target::Out), own])
}

/// Writes, and waits until the logger has dealt with it.
fn say(keeper: &Keeper, text: &str) {
    keeper.write(0, text);
    assert_eq!(keeper.ask(ToLogger::RunEnded { stream: 0 }), FLUSHED);
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn files_are_cut_between_lines_and_the_oldest_go_though_the_logger_is_killed() {
    let folder = Folder::new("rotate");
    fs::write(folder.0.join("web.log.4"), "of a larger keep\n").unwrap();
    let mut keeper = keeper(&folder.log(), 64 << 10, 3);
    let writer = keeper.services[0].pipe.writer();
    let writer = thread::spawn(move || write_numbers(writer, 0..50_000));
    for _ in 0..20 {
        keeper.kill_and_restart();
    }
    writer.join().unwrap();
    assert_eq!(keeper.ask(ToLogger::Drain), FromLogger::Drained);
    let mut text = String::new();
    for name in ["web.log.3", "web.log.2", "web.log.1", "web.log"] {
        let part = read(&folder.0.join(name));
        assert!(part.len() <= 64 << 10 && part.ends_with('\n'), "{name}");
        text += &part;
    }
    assert!(!folder.0.join("web.log.4").exists());
    // A kill repeats a piece, or leaves a line that was cut short, and the line again.
    let numbers: Vec<u32> = text
        .lines()
        .filter_map(|line| line.strip_prefix("line ")?.parse().ok())
        .collect();
    assert_eq!(numbers.last(), Some(&49_999));
    let mut due = numbers[0];
    for number in numbers {
        assert!(number <= due, "{number} came when {due} was due");
        due = due.max(number + 1);
    }
}

#[test]
fn a_file_that_is_removed_renamed_or_truncated_goes_on_under_its_name() {
    let folder = Folder::new("outside");
    let log = folder.log();
    let keeper = keeper(&log, u64::MAX, 3);
    say(&keeper, "one\n");
    fs::remove_file(&log).unwrap();
    say(&keeper, "two\n");
    assert_eq!(read(&log), "two\n");
    fs::rename(&log, folder.0.join("old")).unwrap();
    say(&keeper, "three\nunfinished");
    assert_eq!(read(&folder.0.join("old")), "two\n");
    assert_eq!(read(&log), "three\nunfinished\n");
    fs::write(&log, "").unwrap();
    say(&keeper, "four\n");
    assert_eq!(read(&log), "four\n");
    // What somebody else left without its end.
    fs::remove_file(&log).unwrap();
    fs::write(&log, "theirs").unwrap();
    say(&keeper, "five\n");
    assert_eq!(read(&log), "theirs\nfive\n");
    let (out, err) = keeper.written();
    assert_eq!((&*out, &*err), ("", ""));
}

#[test]
fn a_file_that_cannot_be_written_is_told_of_once_and_the_lines_go_to_stderr() {
    let folder = Folder::new("trouble");
    let log = folder.0.join("missing/web.log");
    let keeper = keeper(&log, u64::MAX, 3);
    say(&keeper, "one\n");
    say(&keeper, "two\n");
    fs::create_dir(folder.0.join("missing")).unwrap();
    say(&keeper, "three\n");
    fs::remove_file(&log).unwrap();
    // Nobody reads it: who opened it in the usual way would wait for ever.
    mkfifo(&log, Mode::S_IRWXU).unwrap();
    say(&keeper, "four\n");
    fs::remove_file(&log).unwrap();
    std::os::unix::fs::symlink("/dev/null", &log).unwrap();
    say(&keeper, "five\n");
    fs::remove_file(&log).unwrap();
    say(&keeper, "six\n");
    assert_eq!(read(&log), "six\n");
    let path = log.display();
    let meanwhile = "until it can be, the lines go to standard error";
    let expected = format!(
        "rinit: web: cannot write {path}: no such file or directory; {meanwhile}\n\
         web: one\nweb: two\n\
         rinit: web: {path} is written again\n\
         rinit: web: cannot write {path}: not a regular file; {meanwhile}\n\
         web: four\n\
         rinit: web: cannot write {path}: a symbolic link, which is not followed; {meanwhile}\n\
         web: five\n\
         rinit: web: {path} is written again\n"
    );
    assert_eq!(keeper.written().1, expected);
}

#[test]
fn a_file_that_cannot_be_rotated_grows() {
    let folder = Folder::new("grows");
    let log = folder.log();
    // A folder in the way of its old name.
    fs::create_dir_all(folder.0.join("web.log.1/full")).unwrap();
    let keeper = keeper(&log, 10, 1);
    say(&keeper, "line one\nline two\n");
    assert_eq!(read(&log), "line one\nline two\n");
    let told = keeper.written().1;
    assert!(
        told.contains("cannot rotate") && told.lines().count() == 1,
        "{told}"
    );
}
