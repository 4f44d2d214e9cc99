//! Type=dbus: whether a name has an owner, with a real dbus-daemon where there is one.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use crate::acts::acts;
use crate::harness::{Pid1, Setup};
use crate::supervisor::{IN_ORDER, supervisor};

const BUS: &str = "/run/dbus/system_bus_socket";
const DAEMON: &str = "/usr/bin/dbus-daemon";

const NAMED: &str = "[Service]\nType=dbus\nBusName=org.example.Late\nExecStart=/bin/false\n";

/// A service that has a name on the bus, one that requires it, and units beside them.
fn named(named: &[&str], keys: &str, beside: &str) -> Pid1 {
    let config = format!(
        "{beside}[service.named]\nunit = 'named.service'\ncommand = {}\n{keys}\n\
         [service.web]\nrequires = ['named']\ncommand = {}\n",
        acts(named.iter().copied()),
        acts(["look-for:go", "say:web runs", "wait"]),
    );
    let (unit, setup) = ("units/named.service", Setup::OwnUnits);
    supervisor(&config).file(unit, NAMED).setup(setup)
}

/// The act: has a name, for as long as the result lives.
pub fn own_name(name: &str) -> UnixStream {
    let mut stream = UnixStream::connect(BUS).unwrap();
    // Credentials alone say who it is.
    stream
        .write_all(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")
        .unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut said = String::new();
    while !said.contains("OK ") {
        assert!(reader.read_line(&mut said).unwrap() > 0, "{said}");
    }
    let text = |text: &str| [&(text.len() as u32).to_le_bytes(), text.as_bytes(), b"\0"].concat();
    let even = |bytes: &mut Vec<u8>| bytes.resize(bytes.len().next_multiple_of(8), 0);
    let mut request = text(name);
    request.resize(request.len().next_multiple_of(4), 0);
    request.extend([0; 4]);
    for (serial, member, signature, body) in [
        (1u32, "Hello", "", Vec::new()),
        (2, "RequestName", "su", request),
    ] {
        let mut fields = Vec::new();
        for (code, kind, value) in [
            (1, b'o', "/org/freedesktop/DBus"),
            (6, b's', "org.freedesktop.DBus"),
            (3, b's', member),
        ] {
            even(&mut fields);
            fields.extend([code, 1, kind, 0]);
            fields.extend(text(value));
        }
        even(&mut fields);
        fields.extend([8, 1, b'g', 0, signature.len() as u8]);
        fields.extend([signature.as_bytes(), b"\0"].concat());
        let mut message = vec![b'l', 1, 0, 1];
        for number in [body.len() as u32, serial, fields.len() as u32] {
            message.extend(number.to_le_bytes());
        }
        message.extend(fields);
        even(&mut message);
        message.extend(body);
        stream.write_all(&message).unwrap();
    }
    stream
}

/// The act: takes one connection after the other, says the same to each and no more.
pub fn listen_and_say(words: &str) {
    std::fs::create_dir_all(Path::new(BUS).parent().unwrap()).unwrap();
    let listener = UnixListener::bind(BUS).unwrap();
    std::fs::write("listens", "").unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        // It may be gone.
        let _ = stream.write_all(words.replace("\\r\\n", "\r\n").as_bytes());
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

#[test]
fn a_service_is_ready_when_its_name_has_an_owner_on_a_real_bus_that_it_brings_along() {
    if !Path::new(DAEMON).exists() {
        eprintln!(
            "SKIPPED: there is no {DAEMON} (Debian's package dbus-daemon; .ci/run installs it)"
        );
        return;
    }
    // A unit's folder is /.
    let keys = "working-directory = '.'";
    let late = [
        "say:named runs",
        "await:go",
        "own-name:org.example.Late",
        "wait",
    ];
    let rinit = named(&late, keys, "");
    let config = rinit.path("bus.conf");
    let rinit = rinit
        .file(
            "bus.conf",
            "<busconfig><type>custom</type><listen>unix:path=/nowhere</listen><auth>EXTERNAL</auth>\
             <policy context='default'><allow send_destination='*'/><allow receive_type='method_return'/>\
             <allow receive_type='signal'/><allow own='*'/></policy></busconfig>",
        )
        .file("units/dbus.socket", &format!("[Socket]\nListenStream={BUS}\n"))
        .file(
            "units/dbus.service",
            &format!(
                "[Unit]\nRequires=dbus.socket\n[Service]\nExecStart={DAEMON} --config-file={} \
                 --address=systemd: --nofork --nopidfile --nosyslog\n",
                config.display()
            ),
        )
        .arg("-v")
        .spawn();
    rinit.wait_for_line("named: named runs");
    rinit.wait_for_line("dbus: starting -> active");
    assert!(!rinit.stdout().contains("web runs"), "{}", rinit.dump());
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("web: go is there: true");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn where_there_is_no_bus_who_runs_counts_as_ready_and_it_is_said() {
    let rinit = named(&["wait"], "", "").spawn();
    let why = format!("the bus at {BUS}: no such file or directory");
    rinit.wait_for_line(&format!("named: ready since it runs: {why}"));
    rinit.wait_for_line("web: web runs");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn a_bus_that_says_no_or_nothing_makes_a_start_fail_in_its_time() {
    let all = [
        ("", "nobody has the name org.example.Late on D-Bus"),
        ("REJECTED EXTERNAL\\r\\n", "it says REJECTED EXTERNAL"),
        (
            "OK 1234\\r\\nHTTP/1.1 400 Bad Request\\r\\n",
            "no answer of D-Bus",
        ),
    ];
    let start = |(words, why)| {
        let bus = format!(
            "[service.bus]\ncommand = {}\nready = {{ file = 'listens' }}\n",
            acts([&*format!("listen-and-say:{words}")])
        );
        let keys = "after = ['bus']\nstart-timeout = '2s'\nrestart = 'no'";
        (named(&["wait"], keys, &bus).spawn(), why)
    };
    for (rinit, why) in all.map(start) {
        rinit.wait_for_line("named failed: not ready after 2");
        assert!(rinit.stderr().contains(why), "{why}: {}", rinit.dump());
        assert!(!rinit.stdout().contains("web runs"), "{}", rinit.dump());
    }
}
