//! Units that start others: sockets and timers. The test is the client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use crate::acts::acts;
use crate::harness::{Setup, send};
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
    rinit.wait_for_line("web: given 1 (http) by name, mine: true");
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
    for line in [
        "web: given 3 (web.socket:also.socket:more.socket) by name, mine: true",
        "other: open []",
    ] {
        rinit.wait_for_line(line);
    }
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
fn each_connection_has_a_process_of_its_own_that_leaves_nothing() {
    let port = free_port();
    let rinit = supervisor("[service.echo]\nunit = 'echo.socket'\n")
        .file(
            "units/echo.socket",
            &format!("[Socket]\nListenStream=127.0.0.1:{port}\nAccept=yes\nMaxConnections=2\n"),
        )
        .file(
            "units/echo@.service",
            "[Service]\nStandardInput=socket\nStandardError=journal\nEnvironment=WORD=own\n\
             ExecStart=/bin/sh -c 'echo hello >&2; echo $WORD $REMOTE_ADDR $REMOTE_PORT $LISTEN_FDS $LISTEN_FDNAMES; \
             read line; echo $$line >&3; exit 3'\n",
        )
        .setup(Setup::OwnUnits)
        .spawn();
    let connect = || {
        let mut stream = None;
        rinit.wait_until("it listens", || {
            stream = TcpStream::connect(("127.0.0.1", port)).ok();
            stream.is_some()
        });
        let stream = stream.unwrap();
        let own = stream.local_addr().unwrap().port();
        let mut lines = BufReader::new(stream);
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        (lines, own, first)
    };
    let (one, own, first) = connect();
    assert_eq!(first, format!("own 127.0.0.1 {own} 1 connection\n"));
    let (other, _, _) = connect();
    // There is no room for a third.
    assert_eq!(connect().2, "");
    rinit.wait_for_line("closed: 2 connections are served already");
    let helpers = |name: &str| {
        let all = rinit.processes();
        all.iter().filter(|process| process.name == name).count()
    };
    for (index, mut stream) in [one, other].into_iter().enumerate() {
        stream.get_mut().write_all(b"bye\n").unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "bye\n", "{index}");
    }
    rinit.wait_until("both are gone", || helpers("sh") == 0);
    rinit.wait_for_line(&format!("127.0.0.1:{own}: exited with status 3"));
    for _ in 0..50 {
        let (mut stream, _, first) = connect();
        if !first.is_empty() {
            stream.get_mut().write_all(b"again\n").unwrap();
            let mut rest = String::new();
            stream.read_to_string(&mut rest).unwrap();
            assert_eq!(rest, "again\n");
        }
    }
    rinit.wait_until("all are gone", || helpers("sh") == 0);
    assert_eq!(helpers("rinit-accept"), 1);
    place(&(rinit.stdout() + &rinit.stderr()), "echo: hello");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn a_stop_ends_the_connections_and_a_killed_acceptor_comes_back() {
    let rinit = supervisor("[service.echo]\nunit = 'echo.socket'\n");
    let folder = rinit.path("").display().to_string();
    let folder = folder.trim_end_matches('/');
    let rinit = rinit
        .file(
            "units/echo.socket",
            &format!("[Socket]\nListenStream={folder}/echo\nAccept=yes\n"),
        )
        .file(
            "units/echo@.service",
            "[Service]\nExecStart=/bin/sh -c 'echo up >&3; exec sleep 1000'\n",
        )
        .setup(Setup::OwnUnits)
        .spawn();
    let connect = || {
        let mut stream = None;
        rinit.wait_until("it listens", || {
            stream = UnixStream::connect(rinit.path("echo")).ok();
            stream.is_some()
        });
        let mut stream = BufReader::new(stream.unwrap());
        let mut first = String::new();
        stream.read_line(&mut first).unwrap();
        assert_eq!(first, "up\n");
        stream
    };
    let mut held = connect();
    let acceptor = || {
        let all = rinit.processes();
        let own = all.iter().find(|process| process.name == "rinit-accept");
        own.map(|process| process.pid)
    };
    let first = acceptor().unwrap();
    send(first, 9);
    // What it had started goes with it.
    assert_eq!(held.read(&mut [0]).unwrap(), 0);
    let mut held = connect();
    assert_ne!(acceptor(), Some(first));
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    assert_eq!(held.read(&mut [0]).unwrap(), 0);
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

#[test]
fn a_timer_runs_its_service_after_the_boot_and_again_after_each_end() {
    let rinit = supervisor("[service.job]\nunit = 'job.timer'\n");
    let folder = rinit.path("").display().to_string();
    let folder = folder.trim_end_matches('/');
    let rinit = rinit
        .file(
            "units/job.timer",
            "[Timer]\nOnBootSec=0\nOnUnitInactiveSec=100ms\nUnit=work.service\n",
        )
        .file(
            "units/work.service",
            &format!(
                "[Service]\nWorkingDirectory={folder}\nExecStart=/bin/sh -c 'echo ran >> notes; exit 1'\n"
            ),
        )
        .setup(Setup::OwnUnits)
        .spawn();
    rinit.wait_until("it ran three times", || notes(&rinit).len() >= 3);
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn what_a_timers_service_needs_starts_with_it_and_not_at_the_boot() {
    let rinit = supervisor("[service.job]\nunit = 'job.timer'\n");
    let folder = rinit.path("").display().to_string();
    let folder = folder.trim_end_matches('/');
    let unit = |about: &str, command: &str| {
        format!(
            "[Unit]\n{about}\n[Service]\nType=oneshot\nRemainAfterExit=yes\nWorkingDirectory={folder}\n\
             ExecStart=/bin/sh -c '{command}'\n"
        )
    };
    let needs = "Requires=base.service\nWants=helpers.target\nAfter=base.service helper.service";
    let rinit = rinit
        .file("units/job.timer", "[Timer]\nOnActiveSec=1s\n")
        .file("units/job.service", &unit(needs, "echo job >> notes"))
        .file("units/helpers.target", "[Unit]\nWants=helper.service\n")
        .file(
            "units/helper.service",
            &unit("After=base.service", "sleep 0.2; echo helper >> notes"),
        )
        .file("units/base.service", &unit("", "echo base >> notes"))
        .setup(Setup::OwnUnits)
        .spawn();
    rinit.wait_for_line("0 services running");
    assert_eq!(notes(&rinit), [""; 0], "{}", rinit.dump());
    rinit.wait_until("the job ran", || notes(&rinit).len() == 3);
    assert_eq!(notes(&rinit), ["base", "helper", "job"]);
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}
