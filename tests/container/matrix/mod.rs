//! Services of 60 and more of Debian's packages, each from the unit file or init script
//! that its package ships, unchanged, in a plain container: loopback alone, Docker's own
//! capabilities and seccomp filter, an empty /run and /tmp. Each answers its probe, has
//! the right main process, does after kill -9 what its Restart= says, and ends in time
//! with nothing left.

use std::collections::BTreeSet;

mod images;
mod proof;
mod share;
mod table;
mod together;

/// One test a row, by its name in services.ini.
macro_rules! rows {
    ($($test:ident = $row:literal),* $(,)?) => {
        const TESTED: &[&str] = &[$($row),*];
        $(
            #[test]
            fn $test() {
                proof::of(&table::row($row));
            }
        )*
    };
}

rows! {
    exim4 = "exim4",
    nginx = "nginx",
    apache2 = "apache2",
    mariadb = "mariadb",
    postgresql = "postgresql",
    redis = "redis",
    memcached = "memcached",
    ssh = "ssh",
    cron = "cron",
    rsyslog = "rsyslog",
    postfix = "postfix",
    dovecot = "dovecot",
    bind9 = "bind9",
    haproxy = "haproxy",
    php_fpm = "php-fpm",
    rabbitmq = "rabbitmq",
    mosquitto = "mosquitto",
    vsftpd = "vsftpd",
    samba = "samba",
    supervisor = "supervisor",
    dnsmasq = "dnsmasq",
    squid = "squid",
    varnish = "varnish",
    tomcat10 = "tomcat10",
    caddy = "caddy",
    stunnel4 = "stunnel4",
    tor = "tor",
    avahi = "avahi",
    cups = "cups",
    snmpd = "snmpd",
    zabbix_agent = "zabbix-agent",
    munin_node = "munin-node",
    rspamd = "rspamd",
    freeradius = "freeradius",
    syslog_ng = "syslog-ng",
    etcd = "etcd",
    ejabberd = "ejabberd",
    prosody = "prosody",
    gearman = "gearman",
    pgbouncer = "pgbouncer",
    tang = "tang",
    proftpd = "proftpd",
    tinyproxy = "tinyproxy",
    fail2ban = "fail2ban",
    prometheus = "prometheus",
    node_exporter = "node-exporter",
    ngircd = "ngircd",
    transmission = "transmission",
    apt_cacher_ng = "apt-cacher-ng",
    pdns_recursor = "pdns-recursor",
    influxdb = "influxdb",
    redis_sentinel = "redis-sentinel",
    rsync = "rsync",
    dbus = "dbus",
    chrony = "chrony",
    at = "at",
    nscd = "nscd",
    slapd = "slapd",
    monit = "monit",
    mumble = "mumble",
    tftpd_hpa = "tftpd-hpa",
    git_daemon = "git-daemon",
}

#[test]
fn every_row_has_a_test() {
    let rows = table::rows();
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name).collect();
    let tested: BTreeSet<&str> = TESTED.iter().copied().collect();
    assert_eq!(names, tested);
}
