//! CentOS's layout: units in /usr/lib/systemd/system with files of /etc/sysconfig, presets
//! that leave all disabled, and an old script of /etc/rc.d/init.d with chkconfig's header
//! and a library of functions, all in the style of that distribution.

use crate::engine::{Container, Plan};
use crate::image::RINIT;
use crate::live::WITH_CRON;

const LAYOUT: &str = r##"
set -e
rm -rf /etc/init.d /etc/rc?.d /etc/systemd/system/*
mkdir -p /run/lock /etc/rc.d/init.d /etc/sysconfig /usr/lib/systemd/system /usr/lib/systemd/system-preset /var/lock/subsys
for n in 0 1 2 3 4 5 6; do mkdir /etc/rc.d/rc$n.d; ln -s rc.d/rc$n.d /etc/rc$n.d; done
ln -s rc.d/init.d /etc/init.d
echo 'disable *' > /usr/lib/systemd/system-preset/99-default-disable.preset
echo 'enable newd.service' > /usr/lib/systemd/system-preset/90-default.preset

cat > /etc/rc.d/init.d/functions <<'END'
daemon() {
    local pid_file=
    case $1 in --pidfile=*) pid_file=${1#*=}; shift ;; esac
    [ -s "$pid_file" ] && kill -0 "$(cat "$pid_file")" 2>/dev/null && return 0
    if /bin/bash -c "ulimit -S -c 0; $*"; then echo -n '[  OK  ]'; else echo -n '[FAILED]'; return 1; fi
}
killproc() {
    [ "$1" = -p ] && { pid_file=$2; shift 2; }
    [ -s "$pid_file" ] || return 7
    kill -TERM "$(cat "$pid_file")" && rm -f "$pid_file"
}
status() {
    [ "$1" = -p ] && { pid_file=$2; shift 2; }
    if [ -s "$pid_file" ] && kill -0 "$(cat "$pid_file")"; then echo "$1 is running..."; else echo "$1 is stopped"; return 3; fi
}
END

cat > /etc/rc.d/init.d/oldd <<'END'
#!/bin/bash
#
# oldd          Serves for as long as anybody remembers
#
# chkconfig: 345 80 20
# description: An old daemon, which \
#              nobody has looked at for years
# processname: oldd
# config: /etc/sysconfig/oldd
# pidfile: /var/run/oldd.pid

. /etc/rc.d/init.d/functions
[ -f /etc/sysconfig/oldd ] && . /etc/sysconfig/oldd
prog=oldd
lockfile=/var/lock/subsys/$prog
start() {
    echo -n "Starting $prog: "
    daemon --pidfile=/var/run/oldd.pid /usr/sbin/oldd $OPTIONS
    RETVAL=$?
    echo
    [ $RETVAL = 0 ] && touch $lockfile
    return $RETVAL
}
stop() {
    echo -n "Stopping $prog: "
    killproc -p /var/run/oldd.pid $prog
    RETVAL=$?
    echo
    [ $RETVAL = 0 ] && rm -f $lockfile
    return $RETVAL
}
case "$1" in
    start) start ;;
    stop) stop ;;
    restart) stop; start ;;
    status) status -p /var/run/oldd.pid $prog ;;
    *) echo "Usage: $0 {start|stop|restart|status}"; exit 2 ;;
esac
END
chmod 755 /etc/rc.d/init.d/oldd
echo 'OPTIONS="-v --depth=3"' > /etc/sysconfig/oldd
cat > /usr/sbin/oldd <<'END'
#!/bin/bash
echo "$@" > /run/oldd.arguments
setsid sleep 100000 < /dev/null > /dev/null 2>&1 &
echo $! > /var/run/oldd.pid
END
cat > /usr/sbin/newd <<'END'
#!/bin/bash
echo "$# $*, $LANG" > /run/newd.arguments
trap 'echo winch > /run/newd.end; exit 0' WINCH
while :; do sleep 100000 & wait $!; done
END
chmod 755 /usr/sbin/oldd /usr/sbin/newd

cat > /usr/lib/systemd/system/newd.service <<'END'
[Unit]
Description=The new daemon
After=network.target remote-fs.target nss-lookup.target

[Service]
Environment=LANG=C
EnvironmentFile=/etc/sysconfig/newd
ExecStart=/usr/sbin/newd $OPTIONS -DFOREGROUND
KillSignal=SIGWINCH
KillMode=mixed

[Install]
WantedBy=multi-user.target
END
printf '# options\nOPTIONS="-a  -b"\nLANG=POSIX\n' > /etc/sysconfig/newd
for name in rested lacking; do
    printf '[Service]\nEnvironmentFile=/etc/sysconfig/%s\nExecStart=/usr/bin/sleep 100000\n[Install]\nWantedBy=multi-user.target\n' $name \
        > /usr/lib/systemd/system/$name.service
done
touch /etc/sysconfig/rested

# What packages' scriptlets call while an image is built.
systemctl preset newd.service rested.service
systemctl enable oldd
exec /sbin/rinit
"##;

fn started() -> Container {
    let rinit = RINIT.display();
    let links = "ln -s rinit /sbin/rinitctl; ln -s rinit /sbin/init; ln -s /sbin/rinit /usr/local/bin/systemctl\n";
    Plan::of(&WITH_CRON)
        .option(&format!("--volume={rinit}:/sbin/rinit:ro"))
        .option("--network=none")
        .option("--entrypoint=/bin/bash")
        .command(&["-c", &format!("{links}{LAYOUT}")])
        .start()
}

#[test]
fn units_with_sysconfig_and_scripts_with_chkconfigs_header_run_as_on_centos() {
    let system = started();
    let is_active = |unit: &str| {
        let asked = system.exec(&["systemctl", "is-active", unit]);
        asked.status.success()
    };
    system.wait_for("both daemons", || {
        (is_active("newd") && is_active("oldd")).then_some(())
    });
    system.wait_for("newd to have said how it was called", || {
        let said = system.exec(&["cat", "/run/newd.arguments"]);
        (said.stdout == b"3 -a -b -DFOREGROUND, POSIX\n").then_some(())
    });
    assert_eq!(
        system.ask(&["cat", "/run/oldd.arguments"]),
        "-v --depth=3\n"
    );
    system.bash("test -e /var/lock/subsys/oldd && test -e /etc/rc.d/rc3.d/S80oldd");
    assert!(!is_active("rested"), "the preset leaves it disabled");

    // What scriptlets call when a package is upgraded: who runs is started anew, nobody else.
    let main_pid = || system.ask(&["systemctl", "show", "-p", "MainPID", "newd"]);
    let before = main_pid();
    system.ask(&["systemctl", "try-restart", "newd.service"]);
    assert_ne!(main_pid(), before);
    assert!(is_active("newd"));
    system.ask(&["systemctl", "try-restart", "rested.service"]);
    assert!(!is_active("rested"));

    // Fingers start what isn't enabled.
    system.ask(&["systemctl", "start", "rested"]);
    assert!(is_active("rested"));
    // And what they call when it is removed.
    system.ask(&["systemctl", "enable", "rested"]);
    system.ask(&[
        "systemctl",
        "--no-reload",
        "disable",
        "--now",
        "rested.service",
    ]);
    assert!(!is_active("rested"));
    system.bash("! test -e /etc/systemd/system/multi-user.target.wants/rested.service");
    // A file of /etc/sysconfig that must be there and isn't.
    let lacking = system.exec(&["systemctl", "start", "lacking"]);
    assert_eq!(lacking.status.code(), Some(1), "{lacking:?}");

    let pid = system.ask(&["cat", "/run/oldd.pid"]);
    system.ask(&["systemctl", "restart", "oldd"]);
    assert_ne!(system.ask(&["cat", "/run/oldd.pid"]), pid);
    let pid = system.ask(&["cat", "/run/oldd.pid"]);
    system.ask(&["systemctl", "stop", "oldd"]);
    system.bash(&format!(
        "! test -e /proc/{} && ! test -e /var/lock/subsys/oldd",
        pid.trim()
    ));
    system.ask(&["systemctl", "disable", "oldd"]);
    system.bash("test -e /etc/rc.d/rc3.d/K20oldd && ! test -e /etc/rc.d/rc3.d/S80oldd");
    let listed = system.ask(&[
        "systemctl",
        "list-unit-files",
        "--no-legend",
        "oldd.service",
    ]);
    let words: Vec<&str> = listed.split_whitespace().collect();
    assert_eq!(words, ["oldd.service", "generated", "-"]);

    system.ask(&["systemctl", "stop", "newd"]);
    assert_eq!(system.ask(&["cat", "/run/newd.end"]), "winch\n");
    assert_eq!(system.stop().code, 0, "{}", system.logs());
}
