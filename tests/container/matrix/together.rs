//! Ten services in one container, by nothing but what their packages have enabled.

use super::images;
use super::table::row;
use crate::engine::Container;

/// Leaves these units enabled of all that the image has, and hands over to rinit.
const BEGIN: &str = "cd /etc/systemd/system
for link in *.wants/*; do
    case \" $0 \" in *\" ${link##*/} \"*) ;; *) rm \"$link\" ;; esac
done
rm -f /etc/rc?.d/S*
exec /sbin/rinit";

fn all_are_active(system: &Container, units: &[&str], when: &str) {
    system.wait_for(when, || {
        let words = [&["rinitctl", "wait", "--timeout", "20s"], units].concat();
        system.exec(&words).status.success().then_some(())
    });
}

fn boot_to_ready_survive_a_restart_and_stop_in_time(of_row: &str, units: [&str; 10]) {
    let system = images::plain(&row(of_row))
        .command(&["-c", BEGIN, &units.join(" ")])
        .start();
    all_are_active(&system, &units, "ten services");
    system.docker(&["restart"]);
    all_are_active(&system, &units, "ten services after docker restart");
    let stopped = system.stop();
    assert_eq!(stopped.code, 0);
    assert!(stopped.took.as_secs() < 9, "{stopped:?}");
}

#[test]
fn ten_services_of_a_web_server_run_by_their_links_alone() {
    boot_to_ready_survive_a_restart_and_stop_in_time(
        "nginx",
        [
            "nginx.service",
            "php8.2-fpm.service",
            "postgresql.service",
            "redis-server.service",
            "memcached.service",
            "cron.service",
            "ssh.service",
            "mosquitto.service",
            "dovecot.service",
            "named.service",
        ],
    );
}

#[test]
fn ten_services_of_another_run_by_their_links_alone() {
    boot_to_ready_survive_a_restart_and_stop_in_time(
        "apache2",
        [
            "apache2.service",
            "mariadb.service",
            "rsyslog.service",
            "varnish.service",
            "vsftpd.service",
            "prometheus.service",
            "prometheus-node-exporter.service",
            "snmpd.service",
            "rspamd.service",
            "atd.service",
        ],
    );
}
