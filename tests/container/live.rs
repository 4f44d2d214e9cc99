//! Packages that come into a running container, by apt itself with its own scripts:
//! deb-systemd-helper, deb-systemd-invoke, invoke-rc.d, service.

use std::sync::LazyLock;

use crate::engine::{Container, Plan};
use crate::image::{self, RINIT};

/// Something has to be enabled, or there is nothing to run.
pub(crate) static WITH_CRON: LazyLock<String> = LazyLock::new(|| image::with_packages(&["cron"]));

/// No file for rinit: what packages have enabled runs.
fn started() -> Container {
    let rinit = RINIT.display();
    let system = Plan::of(&WITH_CRON)
        .option(&format!("--volume={rinit}:/sbin/rinit:ro"))
        .option("--env=DEBIAN_FRONTEND=noninteractive")
        .option("--entrypoint=/bin/sh")
        .command(&[
            "-c",
            "ln -s rinit /sbin/rinitctl; ln -s rinit /sbin/init; \
             ln -s /sbin/rinit /usr/local/bin/systemctl; \
             echo 'DPkg::Path \"/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\";' > /etc/apt/apt.conf.d/path; \
             exec /sbin/rinit",
        ])
        .start();
    system.wait_for("cron", || is_active(&system, "cron").then_some(()));
    system.bash("apt-get -q update");
    system
}

fn is_active(system: &Container, unit: &str) -> bool {
    let asked = system.exec(&["systemctl", "--quiet", "is-active", unit]);
    asked.status.success()
}

fn apt(system: &Container, words: &str) -> String {
    system.bash(&format!("apt-get -qy --no-install-recommends {words} 2>&1"))
}

fn main_pid(system: &Container, unit: &str) -> String {
    let pid = system.ask(&["systemctl", "show", "--value", "-p", "MainPID", unit]);
    pid.trim().to_owned()
}

/// Waits until the script's output begins so: a daemon listens some time after its start.
fn answers(system: &Container, what: &str, script: &str, begins: &str) {
    system.wait_for(&format!("{what}'s answer"), || {
        let output = system.exec(&["bash", "-c", script]);
        output.stdout.starts_with(begins.as_bytes()).then_some(())
    });
}

#[test]
fn what_apt_installs_starts_and_what_it_removes_stops() {
    let system = started();
    // Debian's images forbid it (policy-rc.d says 101): it is known, and enabled, and rests.
    apt(&system, "install memcached");
    let enabled = system.ask(&["systemctl", "is-enabled", "memcached"]);
    assert_eq!(enabled.trim(), "enabled");
    let list = system.ask(&["/sbin/rinitctl", "list"]);
    assert!(list.contains("memcached"), "{list}");
    assert!(!is_active(&system, "memcached"), "{}", system.logs());
    // Where people start it, it starts.
    system.ask(&["systemctl", "start", "memcached"]);
    let stats = "exec 3<>/dev/tcp/127.0.0.1/11211; printf 'version\\r\\nquit\\r\\n' >&3; cat <&3";
    answers(&system, "memcached", stats, "VERSION");

    // Nothing forbids it any more.
    system.bash("rm /usr/sbin/policy-rc.d");
    for restart in [
        "service memcached restart",
        "invoke-rc.d memcached restart",
        "deb-systemd-invoke restart memcached.service",
        "systemctl restart memcached",
    ] {
        let before = main_pid(&system, "memcached");
        system.bash(restart);
        let after = main_pid(&system, "memcached");
        assert!(
            after != before && after != "0",
            "{restart}: {before} {after}"
        );
    }
    system.bash(
        "DPKG_MAINTSCRIPT_PACKAGE=memcached deb-systemd-helper was-enabled memcached.service",
    );
    // Its folder in /run is its tmpfiles.d's, which nobody else makes.
    apt(&system, "install tinyproxy-bin tinyproxy");
    assert!(is_active(&system, "tinyproxy"), "{}", system.logs());
    let listens = "test -d /run/tinyproxy && exec 3<>/dev/tcp/127.0.0.1/8888 && echo listens";
    answers(&system, "tinyproxy", listens, "listens");

    // Reading all of it anew touches neither.
    let before = [
        main_pid(&system, "memcached"),
        main_pid(&system, "tinyproxy"),
    ];
    system.bash("systemctl daemon-reload");
    let after = [
        main_pid(&system, "memcached"),
        main_pid(&system, "tinyproxy"),
    ];
    assert_eq!(before, after);

    apt(&system, "remove memcached");
    assert!(!is_active(&system, "memcached"));
    apt(&system, "purge tinyproxy");
    assert!(!is_active(&system, "tinyproxy"));
    for (index, pid) in before.iter().enumerate() {
        let gone = system.bash(&format!("test -e /proc/{pid} || echo gone"));
        assert_eq!(gone.trim(), "gone", "{index}: {}", system.logs());
    }
    let list = system.ask(&["/sbin/rinitctl", "list"]);
    assert!(!list.contains("tinyproxy"), "{list}");
    assert!(is_active(&system, "cron"));
    assert_eq!(system.stop().code, 0, "{}", system.logs());
}
