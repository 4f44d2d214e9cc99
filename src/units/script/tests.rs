use super::*;

const LSB: &str = "#! /bin/sh
### BEGIN INIT INFO
# Provides:          mail $mail-transport other
# Required-Start:    $remote_fs $syslog
#                    $named +db
# Should-Start:\tsql.sh
# X-Start-Before:    web $x-display
# Short-Description: 100 % mail: $all
### END INIT INFO
# Required-Start: nothing
NAME=mail
PIDFILE=/var/run/$NAME.pid
case \"$1\" in
  start) : ;;
  reload|force-reload)
esac
";

#[test]
fn the_header_orders_and_the_lines_tell_how_it_is_supervised() {
    let unit = unit(Path::new("/etc/init.d/mail"), LSB, &Map::new());
    assert_eq!(
        unit,
        "[Unit]
SourcePath=/etc/init.d/mail
After=db.service nss-lookup.target remote-fs.target sql.service syslog.service
Before=mail-transport.target web.service x-display.target
Wants=mail-transport.target
[Service]
Type=forking
TimeoutSec=5min
IgnoreSIGPIPE=no
SuccessExitStatus=5 6
Environment=SYSTEMCTL_SKIP_REDIRECT=yes
ExecStart=/etc/init.d/mail start
ExecStop=/etc/init.d/mail stop
ExecReload=/etc/init.d/mail reload
PIDFile=/var/run/mail.pid
"
    );
    assert_eq!(provides(LSB), ["mail.service", "other.service"]);
}

#[test]
fn without_lsb_the_number_of_its_link_orders_and_the_header_names_the_file() {
    let text = "#!/bin/sh\n# chkconfig: 345 80 20\n# processname: web\n# pidfile: /var/run/w/web\n";
    let others = [("net", 10), ("web", 80), ("late", 90), ("peer", 80)];
    let others = others.map(|(name, turn)| (name.to_owned(), turn)).into();
    let unit = unit(Path::new("/etc/rc.d/init.d/web"), text, &others);
    assert!(unit.contains("\nAfter=net.service\n"), "{unit}");
    assert!(unit.contains("\nPIDFile=/var/run/w/web\n"), "{unit}");
    assert!(!unit.contains("ExecReload"), "{unit}");
}

#[test]
fn a_pid_file_is_found_where_its_name_is_plain() {
    for (text, found) in [
        ("PIDFILE=/run/x.pid", Some("/run/x.pid")),
        ("PIDFILE=\"/var/run/x.pid\" # ours", Some("/var/run/x.pid")),
        (
            "N=x\nD=/run/$N\n pidfile=${D}/${N}.pid",
            Some("/run/x/x.pid"),
        ),
        ("PID_FILE=${GIVEN:-/run/x.pid}", Some("/run/x.pid")),
        ("A_PID=/run/a.pid\nPIDFILE=/run/x.pid", Some("/run/x.pid")),
        (
            "ssd --start --pidfile /run/x.pid --exec y",
            Some("/run/x.pid"),
        ),
        ("N=x\nssd --pidfile=\"/run/$N.pid\"", Some("/run/x.pid")),
        ("PIDDIR=/run/x", None),
        ("PIDFILE=`cat /etc/x`", None),
        ("PIDFILE=$(sed -n s/x// y)", None),
        ("PIDFILE=$UNKNOWN/x.pid", None),
        ("PIDFILE=/etc/passwd.pid", None),
        ("PIDFILE=/run/../etc/x.pid", None),
        ("PIDFILE=/run/${", None),
        ("PIDFILE=$", None),
    ] {
        assert_eq!(pid_file(text).as_deref(), found, "{text}");
    }
}

#[test]
fn only_a_case_of_its_own_is_a_reload() {
    for (text, does) in [
        ("  reload)", true),
        ("  restart|reload)", true),
        ("  (reload | \"force-reload\")", true),
        ("  force-reload)", false),
        ("echo {start|reload}", false),
        ("do_reload()", false),
    ] {
        assert_eq!(reloads(text), does, "{text}");
    }
}
