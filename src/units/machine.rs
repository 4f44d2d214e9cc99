//! What packages have enabled for a machine and no container wants.

use crate::core::wildcard;

/// Names, with `*` for any text: upkeep of disks and packages, devices, the network, the
/// console, and all that is systemd's own.
const MAINTENANCE: &[&str] = &[
    "apt-daily*",
    "dpkg-db-backup.*",
    "e2scrub*",
    "fstrim.*",
    "man-db.*",
    "motd-news.*",
    "update-notifier-*",
    "fwupd*",
    "ua-*",
    "systemd-*",
    // The journal hands on by it what came to /dev/log, which its reader has itself here.
    "syslog.socket",
    "dbus-org.freedesktop.*",
    "udev*",
    "kmod*",
    "lvm2-*",
    "dm-event.*",
    "blk-availability.service",
    "mdadm*",
    "mdmonitor*",
    "multipathd.*",
    "keyboard-setup.service",
    "console-setup.service",
    "setvtrgb.service",
    "plymouth*",
    "grub*",
    "networking.service",
    "network.service",
    "netconsole.service",
    "bootlogs.service",
    "motd.service",
    "ifup*",
    "NetworkManager*",
    "wpa_supplicant*",
    "dhcpcd*",
    "ModemManager.service",
    "rescue.*",
    "emergency.*",
    "shutdown.target",
    "reboot.target",
    "halt.target",
    "poweroff.target",
    "graphical.target",
];

/// Logins at a machine's consoles.
const LOGINS: &[&str] = &[
    "getty*",
    "serial-getty@*",
    "console-getty.service",
    "container-getty@*",
    "autovt@*",
];

/// Whether the unit is left out unless somebody names it. `console`: there is one to log in at.
pub(crate) fn is_maintenance(name: &str, console: bool) -> bool {
    let is_in = |list: &[&str]| list.iter().any(|pattern| matches(pattern, name));
    is_in(MAINTENANCE) || (!console && is_in(LOGINS))
}

/// Whether such a unit is no service's: reached in every container, or as it is.
pub(crate) fn is_reached(name: &str) -> bool {
    let ends = [
        ".target",
        ".mount",
        ".automount",
        ".swap",
        ".slice",
        ".device",
    ];
    ends.iter().any(|end| name.ends_with(end))
}

/// Whether the name is the pattern's, in which `*` stands for any text.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    wildcard::matches(pattern.as_bytes(), name.as_bytes(), wildcard::itself)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, wanted) in [
            ("a.service", "a.service", true),
            ("a.service", "a.services", false),
            ("a*", "a", true),
            ("a*", "ab.timer", true),
            ("a*", "ba", false),
            ("*.timer", "x.timer", true),
            ("*.timer", "x.timers", false),
            ("a*b*c", "a--b--c", true),
            ("a*b*c", "a--c--b", false),
            ("a*a", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), wanted, "{pattern} {name}");
        }
    }

    #[test]
    fn a_console_has_logins() {
        assert!(is_maintenance("getty@tty1.service", false));
        assert!(!is_maintenance("getty@tty1.service", true));
        assert!(is_maintenance("apt-daily-upgrade.timer", true));
        assert!(is_maintenance("syslog.socket", true));
        assert!(!is_maintenance("nginx.service", false));
    }
}
