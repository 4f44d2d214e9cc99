//! The supervisor in a test: a configuration, and what its tests look at.

use crate::harness::{Pid1, Process, Running};

/// rinit with this configuration.
pub fn supervisor(config: &str) -> Pid1 {
    Pid1::new()
        .file("rinit.toml", config)
        .args(["-c", "rinit.toml"])
}

/// A service of one table: its name, and its keys as TOML lines.
pub fn service(name: &str, command: &str, keys: &str) -> String {
    format!("[service.{name}]\ncommand = {command}\n{keys}\n")
}

/// The container's exit code when all was stopped in order.
pub const IN_ORDER: crate::harness::Status = crate::harness::Status::Exited(0);

/// It is told to stop, and all ends in order.
#[track_caller]
pub fn ends_in_order(rinit: &Running) {
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

/// The last line of all.
pub fn last_line(stderr: &str) -> &str {
    stderr.lines().next_back().unwrap_or_default()
}

/// Where a line with this in it stands in a stream.
#[track_caller]
pub fn place(text: &str, part: &str) -> usize {
    let found = text.lines().position(|line| line.contains(part));
    found.unwrap_or_else(|| panic!("no line with {part:?} in\n{text}"))
}

/// Waits for a process whose command line has this in it.
#[track_caller]
pub fn wait_for_process(rinit: &Running, part: &str) -> Process {
    let mut found = None;
    rinit.wait_until(&format!("a process {part:?}"), || {
        found = process(rinit, part);
        found.is_some()
    });
    found.unwrap()
}

/// A process whose command line has this in it.
pub fn process(rinit: &Running, part: &str) -> Option<Process> {
    let is_it = |process: &Process| {
        process.state != 'Z'
            && process.pid != rinit.pid()
            && command_line(process.pid).contains(part)
    };
    rinit.processes().into_iter().find(is_it)
}

/// The words of a process, with blanks between them.
pub fn command_line(pid: i32) -> String {
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&words).replace('\0', " ")
}

/// A helper of rinit's, by the name that it gave itself.
#[track_caller]
pub fn wait_for_helper(rinit: &Running, name: &str) -> i32 {
    let mut found = 0;
    rinit.wait_until(&format!("{name} runs"), || {
        let all = rinit.children();
        found = all
            .iter()
            .find(|process| process.name == name && process.state != 'Z')
            .map_or(0, |process| process.pid);
        found != 0
    });
    found
}

/// A port that nobody had a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// What services have noted, in order.
pub fn notes(rinit: &Running) -> Vec<String> {
    let text = std::fs::read_to_string(rinit.path("notes")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}
