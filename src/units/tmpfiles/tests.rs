use std::fs;

use super::*;

fn read(text: &str) -> Tmpfiles {
    let mut all = Tmpfiles::default();
    all.add(
        text,
        Path::new("/a.conf"),
        &Machine::new(Path::new("/nowhere")),
    );
    all
}

fn only(text: &str) -> Entry {
    let all = read(text);
    assert_eq!(all.complaints, [], "{text}");
    all.entries.into_iter().next().unwrap()
}

#[test]
fn fields_may_be_left_out_quoted_and_prefixed() {
    let entry = only("d /run/a");
    assert_eq!(entry.kind.is, Type::Folder);
    assert_eq!((entry.mode, entry.user, entry.group), (None, None, None));
    let entry = only("  d!=-  \"/run/a b\"  :~2755 :root adm 10d  ");
    assert!(entry.kind.clears_way && entry.kind.lenient && !entry.kind.force);
    assert_eq!(entry.path, Path::new("/run/a b"));
    let mode = entry.mode.unwrap();
    assert_eq!(
        (mode.bits, mode.masked, mode.only_new),
        (0o2755, true, true)
    );
    assert!(entry.user.unwrap().only_new);
    assert_eq!(entry.group.unwrap().name, "adm");
}

#[test]
fn the_rest_of_a_line_is_its_argument_with_escapes_and_specifiers() {
    let entry = only("f+ %t/x 0644 - - - one  \\x41 'two' 100%% %S");
    assert!(entry.kind.force);
    assert_eq!(entry.path, Path::new("/run/x"));
    assert_eq!(entry.argument.unwrap(), b"one  A 'two' 100% /var/lib");
    assert_eq!(
        only("L /etc/x").argument.unwrap(),
        b"/usr/share/factory/etc/x"
    );
    assert_eq!(
        only("C /etc/x - - - - y").argument.unwrap(),
        b"/usr/share/factory/y"
    );
    assert_eq!(only("d /var/run//x/").path, Path::new("/run/x"));
}

#[test]
fn a_wrong_line_is_told_with_its_place_and_the_others_count() {
    let all = read(
        "# c\nd\nd run\nd /a/../b\nd /a 999\n; c\nk /a\nd* /a\nw /a\nc /a\nd %Q\nd /\nd '/a\n\
         d /good\nh /a - - - - +C\nx /a\nt /b - - - - u=1\nh /c\nf~ /d\nf~ /e\n",
    );
    let told: Vec<_> = all.complaints.iter().map(|c| c.place.line).collect();
    assert_eq!(told, [2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 18]);
    assert_eq!(all.entries.len(), 3);
    let places = all
        .unsupported
        .iter()
        .map(|(kind, place)| (*kind, place.line));
    assert_eq!(places.collect::<Vec<_>>(), [('~', 19)]);
}

fn paths(entries: &[Entry]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| entry.path.display().to_string())
        .collect()
}

#[test]
fn parents_come_first_and_go_last_and_patterns_come_behind() {
    let mut all = read(
        "z /run/*\nd /run/a/b/c\nD /run/a 0700\nf /run/z\nd /run/a/b\nR /run/x\nr /run/x/y/z\n\
         L+ /run/z - - - - /a\nd /run/a 0755\n",
    );
    let order = all.order();
    assert_eq!(
        paths(&order.makings),
        ["/run/a", "/run/a/b", "/run/a/b/c", "/run/z", "/run/*"]
    );
    assert_eq!(paths(&order.removals), ["/run/x/y/z", "/run/a", "/run/x"]);
    let told: Vec<_> = all.complaints.iter().map(|c| c.place.line).collect();
    assert_eq!(told, [8, 9]);
}

#[test]
fn etc_hides_run_hides_lib_and_systemds_own_are_left_out() {
    let root = std::env::temp_dir().join(format!("rinit-snippets-{}", std::process::id()));
    for (path, text) in [
        ("etc/tmpfiles.d/b.conf", "d /etc-b"),
        ("usr/lib/tmpfiles.d/b.conf", "d /lib-b"),
        ("usr/lib/tmpfiles.d/a.conf", "d /lib-a"),
        ("usr/lib/tmpfiles.d/c.conf", "d /lib-c"),
        ("usr/lib/tmpfiles.d/README", "no"),
        ("usr/lib/tmpfiles.d/systemd-nologin.conf", "f /run/nologin"),
        ("run/tmpfiles.d/tmp.conf", "d /run-tmp"),
    ] {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    std::os::unix::fs::symlink("/dev/null", root.join("etc/tmpfiles.d/c.conf")).unwrap();
    let all = Tmpfiles::read(&root);
    fs::remove_dir_all(&root).unwrap();
    assert_eq!(
        paths(&all.entries),
        ["/lib-a", "/etc-b", "/run-tmp", "/run/lock"]
    );
}

proptest::proptest! {
    #[test]
    fn any_text_is_read(text in "[dfLCrRzwxh+!=~: \t'\"\\\\/%a0-9\n-]{0,80}") {
        let mut all = read(&text);
        let _ = all.order();
    }
}
