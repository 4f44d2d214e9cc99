//! Ten services in one container, by nothing but what their packages have enabled: an image
//! of these packages, and a file that says `units = "enabled"`.

use super::images;
use super::table::{Row, row};
use crate::engine::{Container, text};

/// Each row's service is active, and answers its probe.
fn all_answer(system: &Container, rows: &[Row], when: &str) {
    let units = rows.iter().filter_map(|row| row.get("unit"));
    let units: Vec<&str> = units.collect();
    system.wait_for(when, || {
        let words = [&["rinitctl", "wait", "--timeout", "20s"], &units[..]].concat();
        system.exec(&words).status.success().then_some(())
    });
    for row in rows {
        let probe = row.get("probe").expect("probe");
        let patient = format!("until {{ {probe}\n}}; do sleep 0.2; done");
        let probed = system.exec(&["timeout", "90", "bash", "-c", &patient]);
        let name = row.name;
        assert!(
            probed.status.success(),
            "{when}: {name}: {}",
            text(&probed.stderr)
        );
    }
}

fn boot_to_ready_survive_a_restart_and_stop_in_time(names: [&str; 10]) {
    let rows = names.map(row);
    let setup = rows.iter().filter_map(|row| row.get("setup"));
    let script = setup.chain(["exec /sbin/rinit"]).collect::<Vec<_>>();
    let system = images::with_rinit(&images::of_these(&rows))
        .config("[init]\nunits = \"enabled\"\n")
        .command(&["-c", &script.join("\n")])
        .start();
    all_answer(&system, &rows, "ten services");
    system.docker(&["restart"]);
    all_answer(&system, &rows, "ten services after docker restart");
    let well = |line: &str| line.starts_with("rinit: SIGTERM:") && line.ends_with("exit code 0");
    let logs = system.logs();
    assert!(logs.lines().any(well), "the first life's end");
    let stopped = system.stop();
    assert_eq!(stopped.code, 0);
    assert!(stopped.took.as_secs() < 9, "{stopped:?}");
}

#[test]
fn ten_services_of_a_web_server_run_by_their_links_alone() {
    boot_to_ready_survive_a_restart_and_stop_in_time([
        "nginx",
        "php-fpm",
        "postgresql",
        "redis",
        "memcached",
        "cron",
        "ssh",
        "mosquitto",
        "dovecot",
        "bind9",
    ]);
}

#[test]
fn ten_services_of_another_run_by_their_links_alone() {
    boot_to_ready_survive_a_restart_and_stop_in_time([
        "apache2",
        "mariadb",
        "rsyslog",
        "varnish",
        "vsftpd",
        "prometheus",
        "node-exporter",
        "snmpd",
        "rspamd",
        "at",
    ]);
}
