//! Units that start others: sockets. The test is the client.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use crate::acts::acts;
use crate::harness::Setup;
use crate::supervisor::{IN_ORDER, free_port, notes, place, service, supervisor};

/// Says a line and reads the answer to its end.
fn ask(mut stream: impl Read + Write, line: &str) -> String {
    stream.write_all(format!("{line}\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_service_of_which_the_socket_was_asked_for_starts_with_each_connection() {
    let port = free_port();
    let config = format!(
        "[service.web]\nunit = 'web.socket'\ncommand = {}\n",
        acts(["tell-descriptors", "serve:3", "exit:0"])
    );
    let rinit = supervisor(&config)
        .file(
            "units/web.socket",
            &format!("[Socket]\nListenStream=127.0.0.1:{port}\nFileDescriptorName=http\n"),
        )
        .file("units/web.service", "[Service]\nExecStart=/bin/false\n")
        .setup(Setup::OwnUnits)
        .spawn();
    let connect = || TcpStream::connect(("127.0.0.1", port));
    let mut first = None;
    rinit.wait_until("it listens", || {
        first = connect().ok();
        first.is_some()
    });
    assert_eq!(ask(first.unwrap(), "a"), "served a\n");
    // It ended well, and Restart= says nothing.
    assert_eq!(ask(connect().unwrap(), "b"), "served b\n");
    place(&rinit.stdout(), "web: given 1 (http) by name, mine: true");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn a_service_is_given_the_sockets_of_all_its_units_in_order() {
    let config = format!(
        "[service.web]\nunit = 'web.service'\ncommand = {}\n",
        acts(["tell-descriptors", "serve:3", "serve:4", "wait"])
    ) + &service(
        "other",
        &acts(["tell-descriptors", "wait"]),
        "after = ['web']",
    );
    let rinit = supervisor(&config);
    let folder = rinit.path("").display().to_string();
    let folder = folder.trim_end_matches('/');
    let rinit = rinit
        .file(
            "units/web.service",
            "[Unit]\nRequires=web.socket\n[Service]\nExecStart=/bin/false\nSockets=more.socket also.socket\n",
        )
        .file(
            "units/web.socket",
            &format!(
                "[Socket]\nListenStream={folder}/a\nSocketMode=0600\nSymlinks={folder}/link\n"
            ),
        )
        .file(
            "units/also.socket",
            &format!(
                "[Socket]\nListenStream={folder}/below/b\nDirectoryMode=0700\nService=web.service\n"
            ),
        )
        .file(
            "units/more.socket",
            &format!("[Socket]\nListenFIFO={folder}/pipe\nService=web.service\nSocketMode=0620\n"),
        )
        .setup(Setup::OwnUnits)
        .spawn();
    rinit.wait_for_line("other: open");
    let out = rinit.stdout();
    place(
        &out,
        "web: given 3 (web.socket:also.socket:more.socket) by name, mine: true",
    );
    place(&out, "other: open []");
    let mode = |name: &str| {
        let metadata = std::fs::symlink_metadata(rinit.path(name));
        metadata.unwrap().permissions().mode()
    };
    assert_eq!(mode("a") & 0o777, 0o600);
    assert_eq!(mode("below") & 0o777, 0o700);
    // A pipe of that mode.
    assert_eq!(mode("pipe"), 0o010_620);
    let link = || UnixStream::connect(rinit.path("link")).unwrap();
    assert_eq!(ask(link(), "x"), "served x\n");
    let below = UnixStream::connect(rinit.path("below/b")).unwrap();
    assert_eq!(ask(below, "y"), "served y\n");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    for name in ["a", "below/b", "pipe"] {
        assert!(!rinit.path(name).exists(), "{}", rinit.dump());
    }
}

#[test]
fn a_pipe_with_a_name_starts_its_service() {
    let rinit = supervisor("[service.web]\nunit = 'web.socket'\n");
    let folder = rinit.path("").display().to_string();
    let folder = folder.trim_end_matches('/');
    let rinit = rinit
        .file(
            "units/web.socket",
            &format!("[Socket]\nListenFIFO={folder}/pipe\n"),
        )
        .file(
            "units/web.service",
            &format!(
                "[Service]\nWorkingDirectory={folder}\n\
                 ExecStart=/bin/sh -c 'read line <&3; echo $$line >> notes; exec sleep 1000'\n"
            ),
        )
        .setup(Setup::OwnUnits)
        .spawn();
    rinit.wait_until("the pipe is there", || rinit.path("pipe").exists());
    std::fs::write(rinit.path("pipe"), "come\n").unwrap();
    rinit.wait_until("it read", || notes(&rinit) == ["come"]);
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}
