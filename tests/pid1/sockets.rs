//! `listen`: sockets that services are given, and services that start with the first
//! connection. The test is the client.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

use crate::acts::acts;
use crate::harness::{Running, Status};
use crate::supervisor::{
    IN_ORDER, ends_in_order, free_port, last_line, notes, place, service, supervisor,
};

/// Says a line and reads the answer to its end.
fn ask(stream: impl Read + Write, line: &str) -> String {
    try_ask(stream, line).unwrap()
}

fn try_ask(mut stream: impl Read + Write, line: &str) -> std::io::Result<String> {
    stream.write_all(format!("{line}\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn tcp(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).expect("nobody listens")
}

fn descriptors(rinit: &Running) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", rinit.pid()))
        .unwrap()
        .count()
}

/// Once this comes a second time, and so on.
fn wait_for_times(rinit: &Running, part: &str, times: usize) {
    rinit.wait_until(&format!("{part} {times} times"), || {
        let text = rinit.stdout() + &rinit.stderr();
        text.matches(part).count() >= times
    });
}

#[test]
fn sockets_are_passed_by_number_and_name_and_to_nobody_else() {
    // The fast road, the full one, and the one by a subreaper.
    for keys in ["", "nice = 1", "tracking = 'subreaper'"] {
        let (stream, datagram) = (free_port(), free_port());
        let listen = format!(
            "listen = ['127.0.0.1:{stream}', {{ datagram = '127.0.0.1:{datagram}', name = 'dns' }}, \
             {{ seqpacket = '@rinit-test-{stream}', name = 'own' }}]\nready = {{ fd = 6 }}\n{keys}"
        );
        let asks_as_well =
            "health = { exec = 'ls /proc/self/fd >health', interval = '1ms' }\nrestart = 'no'";
        let config = service(
            "web",
            &acts(["tell-descriptors", "line-on:6", "wait"]),
            &format!("{listen}\n{asks_as_well}"),
        ) + &service(
            "other",
            &acts(["tell-descriptors", "wait"]),
            "after = ['web']",
        );
        let rinit = supervisor(&config).spawn();
        for line in [
            "web: given 3 (web:dns:own) by name, mine: true",
            "web: open [3, 4, 5, 6]",
            "other: given  () by name, mine: false",
            "other: open []",
        ] {
            rinit.wait_for_line(line);
        }
        // What a probe holds, beside the folder that it reads: nothing above 2.
        rinit.wait_until("a probe has looked", || {
            std::fs::read_to_string(rinit.path("health")).is_ok_and(|list| list.lines().count() > 3)
        });
        let list = std::fs::read_to_string(rinit.path("health")).unwrap();
        assert!(list.lines().count() <= 4, "{list}");
        rinit.signal(15);
        assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    }
}

#[test]
fn no_connection_is_refused_while_the_service_is_restarted() {
    let port = free_port();
    let config = service(
        "web",
        &acts(["serve:3", "exit:1"]),
        &format!(
            "listen = ['127.0.0.1:{port}']\nrestart-delay = '200ms'\nrestart-delay-max = '200ms'"
        ),
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_until("the first answer", || {
        TcpStream::connect(("127.0.0.1", port))
            .is_ok_and(|stream| ask(stream, "first") == "served first\n")
    });
    let mut held = Vec::new();
    for number in 1..=4 {
        // Nobody runs who could accept.
        wait_for_times(&rinit, "web exited with status 1; restart in", number);
        let answer = ask(tcp(port), &format!("number {number}"));
        assert_eq!(answer, format!("served number {number}\n"));
        wait_for_times(&rinit, "web exited with status 1; restart in", number + 1);
        held.push(descriptors(&rinit));
    }
    let most = held.iter().max().unwrap();
    let least = held.iter().min().unwrap();
    assert!(most - least <= 1, "descriptors of rinit's: {held:?}");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    let refused = TcpStream::connect(("127.0.0.1", port));
    assert!(refused.is_err(), "it is closed at the end");
}

#[test]
fn a_socket_with_a_path_has_its_mode_and_its_folder_replaces_a_dead_one_and_goes_at_the_end() {
    let config = service(
        "web",
        &acts(["serve:3", "serve:4", "wait"]),
        "listen = [{ stream = '${PWD_}/a.sock', mode = '0640' }, '${PWD_}/below/b.sock']",
    );
    let pid1 = supervisor("");
    let folder = pid1.path("").display().to_string();
    let folder = folder.trim_end_matches('/');
    let pid1 = pid1.file("rinit.toml", &config.replace("${PWD_}", folder));
    let left = pid1.path("a.sock");
    drop(UnixListener::bind(&left).unwrap());
    let rinit = pid1.spawn();
    let connect = |name: &str| {
        let mut stream = None;
        rinit.wait_until(&format!("{name} answers"), || {
            stream = UnixStream::connect(rinit.path(name)).ok();
            stream.is_some()
        });
        stream.unwrap()
    };
    assert_eq!(ask(connect("a.sock"), "x"), "served x\n");
    let mode = std::fs::metadata(&left).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert_eq!(ask(connect("below/b.sock"), "y"), "served y\n");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    assert!(!left.exists(), "{}", rinit.dump());
    assert!(!rinit.path("below/b.sock").exists(), "{}", rinit.dump());
}

#[test]
fn a_socket_s_file_is_whose_it_says() {
    // Another user takes root, as in `identity`; CI has it.
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let listen = "listen = [{ stream = 'FOLDER/named', mode = '0600', user = 'nobody', group = 'daemon' },
         { datagram = 'FOLDER/number', mode = '0620', user = 4321 }, { seqpacket = 'FOLDER/group', group = '87' }]";
    let pid1 = supervisor("");
    let folder = pid1.path("").display().to_string();
    let listen = listen.replace("FOLDER", folder.trim_end_matches('/'));
    let config = service("web", &acts(["tell-descriptors", "wait"]), &listen);
    let rinit = pid1.file("rinit.toml", &config).spawn();
    rinit.wait_for_line("web: given 3 (web:web:web) by name, mine: true");
    let number = |file: &str, name: &str| -> u32 {
        let text = std::fs::read_to_string(file).unwrap();
        let name = format!("{name}:");
        let entry = text.lines().find(|line| line.starts_with(&name)).unwrap();
        entry.split(':').nth(2).unwrap().parse().unwrap()
    };
    let (nobody, daemon) = (
        number("/etc/passwd", "nobody"),
        number("/etc/group", "daemon"),
    );
    for (name, mode, user, group) in [
        ("named", 0o600, nobody, daemon),
        // As for a service: the number's own group, where there is no entry.
        ("number", 0o620, 4321, 4321),
        ("group", 0o666, 0, 87),
    ] {
        let file = std::fs::metadata(rinit.path(name)).unwrap();
        let is = (file.mode() & 0o777, file.uid(), file.gid());
        assert_eq!(is, (mode, user, group), "{name}");
    }
    ends_in_order(&rinit);
}

#[test]
fn datagrams_that_come_between_two_runs_are_the_next_ones() {
    let pid1 = supervisor("");
    let path = pid1.path("log.sock");
    let keys = format!(
        "listen = [{{ datagram = '{}' }}]\nrestart-delay = '200ms'\nrestart-delay-max = '200ms'",
        path.display()
    );
    let config = service("log", &acts(["take:3", "exit:1"]), &keys);
    let rinit = pid1.file("rinit.toml", &config).spawn();
    let client = UnixDatagram::unbound().unwrap();
    let say = |text: &str| client.send_to(text.as_bytes(), &path).map(drop);
    rinit.wait_until("the socket is there", || say("one").is_ok());
    wait_for_times(&rinit, "log exited with status 1; restart in", 1);
    // Nobody runs who could take them.
    say("two").unwrap();
    say("three").unwrap();
    wait_for_times(&rinit, "log exited with status 1; restart in", 3);
    for line in ["log: took one", "log: took two", "log: took three"] {
        rinit.wait_for_line(line);
    }
    ends_in_order(&rinit);
    assert!(!path.exists(), "{}", rinit.dump());
}

#[test]
fn what_somebody_else_listens_at_is_named_and_not_taken() {
    let port = free_port();
    let held = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let config = service(
        "web",
        &acts(["wait"]),
        &format!("listen = ['127.0.0.1:{port}']\nessential = true"),
    );
    let ended = supervisor(&config).run();
    assert_eq!(ended.status, Status::Exited(126), "{ended:?}");
    place(
        &ended.stderr,
        &format!("web failed: cannot start: 127.0.0.1:{port} is already taken"),
    );
    drop(held);

    let pid1 = supervisor("");
    let path = pid1.path("live.sock");
    let live = UnixListener::bind(&path).unwrap();
    let config = service(
        "web",
        &acts(["serve:3", "wait"]),
        &format!(
            "listen = ['{}']\nrestart-delay-max = '200ms'",
            path.display()
        ),
    );
    let rinit = pid1.file("rinit.toml", &config).spawn();
    rinit.wait_for_line("live.sock is already taken; restart in");
    let client = UnixStream::connect(&path).unwrap();
    live.accept().expect("the live one is still there");
    drop((client, live));
    let mut answer = String::new();
    rinit.wait_until("rinit's own answers", || {
        // Until then a connection may come to one that is just being closed.
        let asked = UnixStream::connect(&path).and_then(|stream| try_ask(stream, "x"));
        answer = asked.unwrap_or_default();
        !answer.is_empty()
    });
    assert_eq!(answer, "served x\n");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn a_service_on_demand_starts_with_the_first_connection_and_again_with_the_next() {
    let port = free_port();
    let config = service(
        "web",
        &acts(["note:web", "serve:3"]),
        &format!("listen = ['127.0.0.1:{port}']\non-demand = true"),
    ) + &service(
        "client",
        &acts(["note:client", "exit:0"]),
        "type = 'oneshot'\nrequires = ['web']",
    );
    let rinit = supervisor(&config).spawn();
    // Its socket is all that the client needs, and all that holds the container up.
    rinit.wait_for_line("0 services running, 1 done");
    assert_eq!(notes(&rinit), ["client"], "{}", rinit.dump());
    for number in 1..=3 {
        let answer = ask(tcp(port), &number.to_string());
        assert_eq!(answer, format!("served {number}\n"));
        wait_for_times(&rinit, "it waits for the next connection", number);
    }
    assert_eq!(notes(&rinit), ["client", "web", "web", "web"]);
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn a_datagram_is_a_connection_too() {
    let port = free_port();
    let config = service(
        "dns",
        &acts(["say:somebody came", "wait"]),
        &format!("listen = ['udp:127.0.0.1:{port}']\non-demand = true"),
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("0 services running");
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(b"x", ("127.0.0.1", port)).unwrap();
    rinit.wait_for_line("dns: somebody came");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn one_that_leaves_its_connection_where_it_is_comes_back_after_its_delay_and_no_more_than_its_limit()
 {
    let port = free_port();
    let config = service(
        "web",
        &acts(["note:web", "exit:1"]),
        &format!(
            "listen = ['127.0.0.1:{port}']\non-demand = true\nrestart-delay = '20ms'\n\
             start-limit = {{ count = 3, within = '1h' }}"
        ),
    ) + &service("other", &acts(["wait"]), "");
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("1 service running");
    let client = tcp(port);
    rinit.wait_for_line("start limit reached");
    assert_eq!(notes(&rinit), ["web", "web", "web"], "{}", rinit.dump());
    rinit.wait_until("nobody is let wait for ever", || {
        TcpStream::connect(("127.0.0.1", port)).is_err()
    });
    drop(client);
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    assert!(last_line(&rinit.stderr()).contains("exit code 0"));
}
