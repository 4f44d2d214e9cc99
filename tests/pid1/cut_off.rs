//! What rinitctl says when the other side goes away before it has said all: here the other
//! side is the test itself.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::{self, JoinHandle};

use crate::harness::{Pid1, RINIT, open_terminal};

/// Answers one connection after the other with these lines, and lets go of it; gives back
/// what was asked. Then nobody is there.
fn answering(folder: &Path, answers: &[&str]) -> (PathBuf, JoinHandle<Vec<String>>) {
    let path = folder.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let answers: Vec<String> = answers.iter().map(|&answer| answer.to_owned()).collect();
    let own = path.clone();
    let server = thread::spawn(move || {
        let mut asked = Vec::new();
        for (place, answer) in answers.iter().enumerate() {
            let (client, _) = listener.accept().unwrap();
            // Who comes back after the last one finds nobody.
            if place + 1 == answers.len() {
                std::fs::remove_file(&own).unwrap();
            }
            asked.push(answer_one(client, answer));
        }
        asked
    });
    (path, server)
}

fn answer_one(mut client: UnixStream, answer: &str) -> String {
    let mut line = String::new();
    BufReader::new(&client).read_line(&mut line).unwrap();
    client.write_all(answer.as_bytes()).unwrap();
    line
}

fn ctl(socket: &Path, words: &[&str]) -> Output {
    Command::new(RINIT)
        .arg("ctl")
        .arg("--socket")
        .arg(socket)
        .args(words)
        .output()
        .unwrap()
}

#[track_caller]
fn ends(answer: &str, words: &[&str], code: i32, said: &str) {
    let folder = Pid1::new();
    let (socket, server) = answering(&folder.path(""), &[answer]);
    let output = ctl(&socket, words);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert!(stderr.contains(said), "{output:?}");
    server.join().unwrap();
}

const EVENT: &str = "{\"seq\":1,\"at\":7,\"service\":\"web\",\"from\":\"waiting\",\"to\":\"starting\",\"reason\":null}\n";

#[test]
fn events_that_are_cut_off_are_no_success() {
    ends("", &["events"], 5, "gave no answer");
    ends(EVENT, &["events"], 5, "rinit has ended");
    ends(EVENT, &["events", "-f"], 5, "rinit has ended");
    let whole = format!("{EVENT}{{\"ok\":true}}\n");
    ends(&whole, &["events"], 0, "");
}

#[test]
fn logs_that_are_cut_off_before_the_first_line_go_on_from_there() {
    let folder = Pid1::new();
    let head = "{\"ok\":true,\"services\":[\"web\"],\"notes\":[],\"after\":40}\n";
    let line = "{\"seq\":44,\"service\":\"web\",\"message\":\"one\"}\n";
    let second = format!("{head}{line}");
    let last = "{\"ok\":true,\"services\":[\"web\"],\"notes\":[],\"after\":44}\n{\"end\":true}\n";
    let (socket, server) = answering(&folder.path(""), &[head, &second, last]);
    let output = ctl(&socket, &["logs", "-f", "-n", "1", "web"]);
    assert_eq!(output.stdout, b"one\n", "{output:?}");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let asked = server.join().unwrap();
    for (request, part) in asked
        .iter()
        .zip(["\"lines\":1", "\"after\":40", "\"after\":44"])
    {
        assert!(request.contains(part), "{asked:?}");
    }
    assert!(!asked[1].contains("lines"), "{asked:?}");
}

#[test]
fn watch_says_why_it_ended_behind_the_screen_that_it_leaves() {
    let folder = Pid1::new();
    let answer = "{\"version\":1,\"state\":\"running\",\"services\":[]}\n";
    let (socket, server) = answering(&folder.path(""), &[answer]);
    let (master, slave) = open_terminal();
    let terminal = || Stdio::from(slave.try_clone().unwrap());
    let mut watch = Command::new(RINIT)
        .arg("ctl")
        .arg("--socket")
        .arg(&socket)
        .args(["status", "--watch"])
        .env("TERM", "xterm")
        .stdin(terminal())
        .stdout(terminal())
        .stderr(terminal())
        .spawn()
        .unwrap();
    drop(slave);
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    // EIO: nobody has the other end any more.
    while let Ok(count @ 1..) = nix::unistd::read(&master, &mut buffer) {
        seen.extend_from_slice(&buffer[..count]);
    }
    let seen = String::from_utf8_lossy(&seen);
    assert_eq!(watch.wait().unwrap().code(), Some(5), "{seen:?}");
    server.join().unwrap();
    let (_, behind) = seen
        .split_once("\u{1b}[?1049l")
        .expect("the screen is left");
    assert!(behind.contains("running"), "{seen:?}");
    assert!(behind.contains("no rinit answers at"), "{seen:?}");
}
