//! Units' paths: what starts when a file is there, or changes.

use crate::harness::{Pid1, Setup, send};
use crate::supervisor::{ends_in_order, notes, supervisor, wait_for_helper};

/// A service of that name that notes its name, and its path's unit.
fn path(rinit: Pid1, name: &str, path: &str, script: &str) -> Pid1 {
    let folder = rinit.path("").display().to_string();
    let folder = folder.trim_end_matches('/');
    let service = format!(
        "[Service]\nType=oneshot\nExecStart=/bin/sh -c '{script}'\nWorkingDirectory={folder}\n"
    );
    let path = path.replace("FOLDER", folder);
    rinit
        .file(&format!("units/{name}.service"), &service)
        .file(&format!("units/{name}.path"), &format!("[Path]\n{path}\n"))
}

fn config(names: &[&str]) -> String {
    let table = |name: &&str| format!("[service.{name}]\nunit = '{name}.path'\n");
    names.iter().map(table).collect()
}

#[test]
fn a_file_that_comes_starts_a_service_again_and_again() {
    let take = "echo took >> notes; rm way/to/job";
    let rinit = supervisor(&config(&["job"]));
    let rinit = path(rinit, "job", "PathExists=FOLDER/way/to/job", take);
    let rinit = rinit.setup(Setup::OwnUnits).spawn();
    rinit.wait_for_line("0 services running");
    let folder = rinit.path("way/to");
    let job = rinit.path("way/to/job");
    std::fs::create_dir_all(&folder).unwrap();
    for count in 1..=3 {
        std::fs::write(&job, "").unwrap();
        rinit.wait_until("it was taken", || {
            notes(&rinit).len() == count && !job.exists()
        });
    }
    // The way to it may go and come.
    std::fs::remove_dir_all(rinit.path("way")).unwrap();
    std::fs::create_dir_all(rinit.path("other/to")).unwrap();
    std::fs::write(rinit.path("other/to/job"), "").unwrap();
    std::fs::rename(rinit.path("other"), rinit.path("way")).unwrap();
    rinit.wait_until("it was taken", || notes(&rinit).len() == 4 && !job.exists());
    ends_in_order(&rinit);
}

#[test]
fn what_changes_or_is_full_starts_its_service_and_a_folder_is_made() {
    let rinit = supervisor(&config(&["changed", "full", "glob"])).file("watched", "");
    let rinit = path(
        rinit,
        "changed",
        "PathChanged=FOLDER/watched",
        "echo changed >> notes",
    );
    let made = "DirectoryNotEmpty=FOLDER/spool\nMakeDirectory=yes\nDirectoryMode=0700";
    let rinit = path(rinit, "full", made, "echo full >> notes; rm spool/*");
    let glob = "PathExistsGlob=FOLDER/queue-*";
    let rinit = path(rinit, "glob", glob, "echo glob >> notes; rm queue-*");
    let rinit = rinit.setup(Setup::OwnUnits).spawn();
    let spool = rinit.path("spool");
    rinit.wait_until("the folder is made", || spool.is_dir());
    rinit.wait_for_line("0 services running");
    assert!(notes(&rinit).is_empty(), "{}", rinit.dump());
    std::fs::write(spool.join("mail"), "").unwrap();
    rinit.wait_until("the spool is empty", || notes(&rinit) == ["full"]);
    std::fs::write(rinit.path("queue-7"), "").unwrap();
    rinit.wait_until("the queue is empty", || notes(&rinit) == ["full", "glob"]);
    // Its watch may not stand yet: a change is made until it is seen.
    rinit.wait_until("the change is seen", || {
        std::fs::write(rinit.path("watched"), "more").unwrap();
        notes(&rinit).last().is_some_and(|note| note == "changed")
    });
    ends_in_order(&rinit);
}

#[test]
fn whoever_kills_the_watcher_keeps_nothing_from_starting() {
    let rinit = supervisor(&config(&["job"]));
    let rinit = path(
        rinit,
        "job",
        "PathExists=FOLDER/job",
        "echo took >> notes; rm job",
    );
    let rinit = rinit.setup(Setup::OwnUnits).spawn();
    rinit.wait_for_line("0 services running");
    send(wait_for_helper(&rinit, "rinit-paths"), 9);
    std::fs::write(rinit.path("job"), "").unwrap();
    rinit.wait_until("it was taken", || notes(&rinit) == ["took"]);
    ends_in_order(&rinit);
}
