//! What rinit costs while twenty of Debian's services boot: its own processor time against
//! the whole container's, from its exec to the word that all run. Its own is PID 1's, that of
//! the helpers that live then, and the reader's with all generators, which are packages'. Not
//! among it is what a service's child does before its exec: it can't be told from the service.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::images;
use super::table::row;

/// Of all time that the boot takes the processors, in percent.
const MOST: f64 = 5.0;

/// What is enabled: no two of them want the same port.
const UNITS: [&str; 20] = [
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
    "mariadb.service",
    "rsyslog.service",
    "vsftpd.service",
    "prometheus.service",
    "prometheus-node-exporter.service",
    "snmpd.service",
    "rspamd.service",
    "atd.service",
    "tinyproxy.service",
    "pgbouncer.service",
];

/// Leaves the units of $0 enabled alone and becomes rinit. Before that it notes what the group
/// uses for twenty readings of the units: the reader of the boot, a child of rinit's, is gone
/// when others are looked at, and nobody else is there now. Then what both have used so far,
/// the group and this process. All in nanoseconds.
const BEGIN: &str = r#"cd /etc/systemd/system
for link in *.wants/*; do
    case " $0 " in *" ${link##*/} "*) ;; *) rm "$link" ;; esac
done
rm -f /etc/rc?.d/S*
used() {
    cat /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null ||
        sed -n 's/^usage_usec \(.*\)/\1000/p' /sys/fs/cgroup/cpu.stat
}
before=$(used)
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    rinit --check > /dev/null 2>&1 || exit 1
done
read own rest < /proc/self/schedstat
after=$(used)
echo "used: $(( (after - before) / 20 )) $own $after"
exec /sbin/rinit"#;

/// The container's group as this machine sees it: its folder, and how to read its time.
struct Group(PathBuf);

impl Group {
    /// Of the process with this number.
    fn of(pid: &str) -> Self {
        let lines = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
        let place = |line: &str| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            let mounted = match controllers {
                "" => "/sys/fs/cgroup",
                _ if controllers.split(',').any(|one| one == "cpuacct") => "/sys/fs/cgroup/cpuacct",
                _ => return None,
            };
            let folder = Path::new(mounted).join(path.trim_start_matches('/'));
            let has = |file: &str| folder.join(file).exists();
            (has("cpuacct.usage") || has("cpu.stat")).then_some(folder)
        };
        let found = lines.lines().find_map(place);
        Self(found.unwrap_or_else(|| panic!("no group with an account of time:\n{lines}")))
    }

    /// What all of it has used, in nanoseconds.
    fn used(&self) -> u64 {
        if let Ok(nanos) = fs::read_to_string(self.0.join("cpuacct.usage")) {
            return nanos.trim().parse().unwrap();
        }
        let stat = fs::read_to_string(self.0.join("cpu.stat")).unwrap();
        let micros = stat
            .lines()
            .find_map(|line| line.strip_prefix("usage_usec "));
        micros.unwrap().parse::<u64>().unwrap() * 1000
    }

    /// What those of its processes have used that are rinit's own.
    fn used_by_rinit(&self) -> u64 {
        let pids = fs::read_to_string(self.0.join("cgroup.procs")).unwrap();
        let of = |pid: &str| -> Option<u64> {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
            let stat = fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
            let nanos = stat.split_whitespace().next()?.parse().ok()?;
            name.starts_with("rinit").then_some(nanos)
        };
        pids.lines().filter_map(of).sum()
    }
}

#[test]
fn rinit_takes_less_than_a_twentieth_of_a_boot_of_twenty_services() {
    let system = images::plain(&row("nginx"))
        .command(&["-c", BEGIN, &UNITS.join(" ")])
        .start();
    // No look inside before that: it would count as the container's.
    system.wait_for_text("services running");
    let group = Group::of(&system.inspect("{{.State.Pid}}"));
    let (all, own) = (group.used(), group.used_by_rinit());
    let told = system.wait_for_text("used: ");
    let numbers = told.split_whitespace().filter_map(|word| word.parse().ok());
    let Ok([reader, own_before, all_before]) = <[u64; 3]>::try_from(numbers.collect::<Vec<_>>())
    else {
        panic!("three numbers in {told:?}");
    };
    let all = Duration::from_nanos(all - all_before);
    let own = Duration::from_nanos(own - own_before);
    let reader = Duration::from_nanos(reader);
    for unit in UNITS {
        let asked = system.exec(&["rinitctl", "status", unit]);
        assert!(asked.status.success(), "{unit} doesn't run");
    }
    assert!(!reader.is_zero() && !own.is_zero(), "nothing was measured");
    let share = (own + reader).as_secs_f64() * 100.0 / all.as_secs_f64();
    println!(
        "a boot of {} services took {all:?} of the processors, rinit and its helpers {own:?}, \
         their reader with its generators {reader:?}: {share:.2} %",
        UNITS.len()
    );
    assert!(
        share < MOST,
        "{share:.2} %: {own:?} and {reader:?} of {all:?}"
    );
    assert_eq!(system.stop().code, 0);
}
