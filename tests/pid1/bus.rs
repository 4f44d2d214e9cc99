//! Type=dbus: whether a name has an owner, with a real dbus-daemon where there is one.

use std::path::Path;

use crate::acts::acts;
use crate::bus_acts::BUS;
use crate::harness::{Pid1, Setup};
use crate::supervisor::{IN_ORDER, supervisor};

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
