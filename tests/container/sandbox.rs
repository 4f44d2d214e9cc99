//! What a plain unprivileged container permits of a sandbox, and what it is told of.

use crate::engine::Plan;
use crate::image::DEBIAN;

#[test]
fn under_the_engines_own_capabilities_a_unit_is_kept_from_what_can_be_and_runs() {
    const SCRIPT: &str = r#"mkdir -p /etc/systemd/system
cat > /etc/systemd/system/kept.service << 'END'
[Service]
User=redis
ProtectSystem=strict
PrivateTmp=yes
ProtectClock=yes
RestrictAddressFamilies=AF_UNIX
SystemCallFilter=@system-service
ExecStart=/bin/bash -c 'grep -E "^(NoNewPrivs|Seccomp_filters):" /proc/self/status; : < /dev/tcp/127.0.0.1/1; exec sleep infinity'
END
cat > /etc/systemd/system/roots.service << 'END'
[Service]
RestrictRealtime=yes
ExecStart=/bin/sh -c 'echo as root; exec sleep infinity'
END
printf "[service.kept]\nunit = 'kept.service'\n[service.roots]\nunit = 'roots.service'\n" > /etc/rinit.toml
exec /sbin/rinit -v"#;
    let system = Plan::of(&DEBIAN)
        .option("--entrypoint=/bin/sh")
        .command(&["-c", SCRIPT])
        .start();
    system.wait_for_text("kept: NoNewPrivs:\t1");
    system.wait_for_text("kept: Seccomp_filters:\t2");
    system.wait_for_text("Address family not supported by protocol");
    system.wait_for_text("roots: as root");
    for (told, of) in [
        (
            "this container permits no mounts (they take CAP_SYS_ADMIN)",
            "PrivateTmp, ProtectSystem of kept",
        ),
        (
            "filtered with NoNewPrivileges=yes or CAP_SYS_ADMIN alone",
            "RestrictRealtime of roots",
        ),
    ] {
        let logs = system.logs();
        let lines: Vec<&str> = logs.lines().filter(|line| line.contains(told)).collect();
        assert!(lines.len() == 1 && lines[0].ends_with(of), "{logs}");
    }
    let stopped = system.stop();
    assert_eq!(stopped.code, 0, "{}", system.logs());
}
