use super::*;
use crate::core::setup::Base;

fn of(lines: &[&str], folders: &[Folder]) -> Vec<Mount> {
    plan(&Words::new(lines), folders)
}

fn kind<'a>(plan: &'a [Mount], path: &str) -> Option<&'a Kind> {
    let found = plan.iter().find(|mount| mount.path == path);
    found.map(|mount| &mount.kind)
}

#[test]
fn a_strict_system_is_read_only_but_for_what_is_named() {
    let folder = |base, name: &str| Folder {
        base,
        name: name.into(),
        mode: 0o755,
        links: [].into(),
    };
    let folders = [
        folder(Base::State, "web"),
        folder(Base::Configuration, "web"),
    ];
    let plan = of(
        &[
            "ProtectSystem=strict",
            "ReadWritePaths=/srv/\n/opt/a\n-/var/log/a b",
            "ReadOnlyPaths=/srv",
        ],
        &folders,
    );
    for (path, read_only) in [
        ("/", true),
        ("/data", true),
        ("/etc/web", false),
        ("/etc/web2", true),
        ("/home/x", false),
        ("/proc/sys", false),
        ("/device", true),
        ("/srv", true),
        ("/opt/a", false),
        ("/var/lib/web", false),
        ("/var/lib/web2", true),
        ("/var/log/a b", false),
    ] {
        assert_eq!(is_read_only(&plan, path), read_only, "{path}");
    }
    let paths: Vec<&str> = plan.iter().map(|mount| &*mount.path).collect();
    assert!(paths.is_sorted(), "{paths:?}");
}

#[test]
fn the_stronger_of_two_counts() {
    let plan = of(
        &[
            "ProtectHome=yes",
            "ReadWritePaths=/home",
            "PrivateTmp=yes",
            "ReadOnlyPaths=/tmp",
            "InaccessiblePaths=/var/tmp",
        ],
        &[],
    );
    assert_eq!(kind(&plan, "/home"), Some(&Kind::Hidden));
    assert_eq!(kind(&plan, "/tmp"), Some(&Kind::Private));
    assert_eq!(kind(&plan, "/var/tmp"), Some(&Kind::Hidden));
}

#[test]
fn what_can_be_executed_is_no_matter_of_what_can_be_written() {
    let lines = [
        "ProtectSystem=strict",
        "NoExecPaths=/ /usr/share",
        "ExecPaths=-/usr/\n/usr/share /lib",
    ];
    let words = Words::new(lines.map(|line| line.replace(' ', "\n")));
    let found = plan(&words, &[]);
    assert_eq!(kind(&found, "/usr"), Some(&Kind::Own));
    assert!(is_read_only(&found, "/usr/bin") && !is_read_only(&found, "/proc"));
    let all = executables(&words);
    for (path, can) in [
        ("/", false),
        ("/home", false),
        ("/usr/bin", true),
        ("/usr/share/x", false),
        ("/library", false),
    ] {
        assert_eq!(executes(&all, path), Some(can), "{path}");
    }
    assert_eq!(executes(&[("/a", false)], "/b"), None);
}

#[test]
fn of_another_root_are_paths_with_a_plus_and_those_that_lie_in_it() {
    let folder = Folder {
        base: Base::State,
        name: "web".into(),
        mode: 0o755,
        links: [].into(),
    };
    let plan = of(
        &[
            "RootDirectory=/srv/root/",
            "ReadOnlyPaths=/srv/root/a\n/b\n-+/c\n/srv/rootless",
            "TemporaryFileSystem=/d",
            "BindPaths=/e:/f",
            "PrivateTmp=yes",
        ],
        &[folder],
    );
    let paths: Vec<&str> = plan.iter().map(|mount| &*mount.path).collect();
    assert_eq!(
        paths,
        ["/a", "/c", "/d", "/f", "/tmp", "/var/lib/web", "/var/tmp"]
    );
    let bound = |path| matches!(kind(&plan, path), Some(Kind::Bound { .. }));
    assert!(bound("/var/lib/web") && bound("/f"));
}

#[test]
fn devices_are_closed_and_what_is_mounted_among_them_is_not() {
    let plan = of(&["PrivateDevices=yes"], &[]);
    assert!(is_read_only(&plan, "/dev") && !is_read_only(&plan, "/dev/shm"));
}

#[test]
fn what_is_bound_and_what_is_empty_have_options() {
    let plan = of(
        &[
            "BindPaths=/a:/b:norbind\n-/c",
            "BindReadOnlyPaths=/d",
            "TemporaryFileSystem=/e:ro,size=1M,noexec\n/f",
        ],
        &[],
    );
    let bound = |source: &str, whole, read_only| Kind::Bound {
        source: source.into(),
        whole,
        read_only,
    };
    assert_eq!(kind(&plan, "/b"), Some(&bound("/a", false, false)));
    assert_eq!(kind(&plan, "/c"), Some(&bound("/c", true, false)));
    assert_eq!(kind(&plan, "/d"), Some(&bound("/d", true, true)));
    assert!(is_read_only(&plan, "/d/below") && !is_read_only(&plan, "/b"));
    let empty = |options: &str, read_only| {
        let options = options.to_owned();
        Some(Kind::Empty { options, read_only })
    };
    assert_eq!(
        kind(&plan, "/e").cloned(),
        empty("mode=0755,size=1M,noexec", true)
    );
    assert_eq!(kind(&plan, "/f").cloned(), empty("mode=0755", false));
    assert!(is_read_only(&plan, "/e") && !is_read_only(&plan, "/f"));
}

#[test]
fn a_proc_that_shows_less_comes_before_what_is_below_it_and_stays_writable() {
    let plan = of(
        &[
            "ProtectSystem=strict",
            "ProtectKernelTunables=yes",
            "ProcSubset=pid",
            "ProtectProc=invisible",
        ],
        &[],
    );
    let options = "hidepid=invisible,subset=pid".to_owned();
    assert_eq!(kind(&plan, "/proc"), Some(&Kind::Processes(options)));
    let place = |path: &str| plan.iter().position(|mount| mount.path == path);
    assert!(place("/proc") < place("/proc/acpi"));
    assert!(!is_read_only(&plan, "/proc/self") && is_read_only(&plan, "/proc/sys/net"));
}

#[test]
fn who_asks_for_nothing_of_the_kind_has_no_plan() {
    assert!(of(&["RestrictRealtime=yes"], &[]).is_empty());
}
