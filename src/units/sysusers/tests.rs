use super::*;

const LINES: &str = "\
# comment
u web - \"The web\" /srv/web /bin/false
u fixed 321 -
u taken 1
u:x bad
u owner /etc/owned
u of -:www-data
u both 600:www-data \"Both\"
u lost 601:nobody-here
g plain -
g numbered 777
g second 777
m web www-data
m web plain
m new implied
m daemon www-data
u root 0
g www-data 5
";

fn read(text: &str) -> Sysusers {
    let mut all = Sysusers::default();
    all.add(
        text,
        Path::new("/a.conf"),
        &Machine::new(Path::new("/nowhere")),
    );
    all
}

fn tables() -> Tables {
    Tables {
        passwd: b"root:x:0:0::/root:/bin/sh\ndaemon:x:1:1::/:/bin/sh\n+::::::\n".to_vec(),
        group: b"root:x:0:\ndaemon:x:1:\nwww-data:x:33:other\nhigh:x:999:\n".to_vec(),
        shadow: Some(b"root:*:1::::::\ndaemon:*:1::::::".to_vec()),
        gshadow: Some(b"root:*::\nwww-data:*::other\n".to_vec()),
    }
}

fn surroundings() -> Surroundings<'static> {
    Surroundings {
        owner: &|path| (path == Path::new("/etc/owned")).then_some((444, 445)),
        today: 20_000,
        login_defs: "# SYS_UID_MIN 5\nSYS_UID_MIN\t\t  200\n",
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn what_is_missing_is_added_and_the_rest_stays() {
    let wanted = read(LINES);
    assert_eq!(wanted.complaints.len(), 1);
    let (made, complaints) = wanted.plan(tables(), &surroundings());
    // Numbers and order are those of systemd-sysusers 252 for the same lines.
    assert_eq!(
        text(&made.passwd),
        "root:x:0:0::/root:/bin/sh\ndaemon:x:1:1::/:/bin/sh\n\
         web:x:995:995:The web:/srv/web:/bin/false\n\
         fixed:x:321:321::/:/usr/sbin/nologin\n\
         taken:x:994:994::/:/usr/sbin/nologin\n\
         owner:x:444:445::/:/usr/sbin/nologin\n\
         of:x:993:33::/:/usr/sbin/nologin\n\
         both:x:600:33:Both:/:/usr/sbin/nologin\n\
         new:x:992:992::/:/usr/sbin/nologin\n+::::::\n"
    );
    assert_eq!(
        text(&made.group),
        "root:x:0:\ndaemon:x:1:\nwww-data:x:33:other,web,daemon\nhigh:x:999:\nplain:x:998:web\n\
         numbered:x:777:\nsecond:x:997:\nimplied:x:996:new\nweb:x:995:\nfixed:x:321:\n\
         taken:x:994:\nowner:x:445:\nnew:x:992:\n"
    );
    let shadow = text(&made.shadow.clone().unwrap());
    assert!(
        shadow.starts_with("root:*:1::::::\ndaemon:*:1::::::\nweb:!*:20000::::::\n"),
        "{shadow}"
    );
    let gshadow = text(&made.gshadow.clone().unwrap());
    assert!(
        gshadow.starts_with("root:*::\nwww-data:*::other,web,daemon\nplain:!*::web\n"),
        "{gshadow}"
    );
    let told: Vec<_> = complaints
        .iter()
        .map(|c| (c.place.line, &*c.what))
        .collect();
    assert_eq!(
        told,
        [(9, "there is no group \"nobody-here\" for \"lost\"")]
    );
    let (again, _) = wanted.plan(made.clone(), &surroundings());
    assert_eq!(again, made);
}

/// What systemd-sysusers 252 makes of the same lines and tables (`u!` is of a later one).
#[test]
fn numbers_are_given_as_systemd_gives_them() {
    let added = |lines: &str| {
        let wanted = read(lines);
        assert_eq!(wanted.complaints, [], "{lines}");
        let (made, _) = wanted.plan(tables(), &surroundings());
        let new = |made: &[u8], before: &[u8]| {
            let (made, before) = (text(made), text(before));
            let old: Vec<&str> = before.lines().collect();
            let new = made.lines().filter(|line| !old.contains(line));
            let new: Vec<&str> = new.map(|line| line.split("::").next().unwrap()).collect();
            new.join(" ")
        };
        format!(
            "{}|{}",
            new(&made.passwd, &tables().passwd),
            new(&made.group, &tables().group)
        )
    };
    for (lines, wanted) in [
        // Another's group has the number, or another user.
        ("u a 33", "a:x:998:998|a:x:998:"),
        ("u a 1", "a:x:998:998|a:x:998:"),
        ("u a 33:www-data", "a:x:33:33|"),
        ("g a 998\nu b 998", "b:x:997:997|a:x:998: b:x:997:"),
        ("u a 500\ng b 500", "a:x:998:998|b:x:500: a:x:998:"),
        // Only who has no line of its own is made for a member.
        ("m a b\ng b 300\nu a 400", "a:x:400:400|b:x:300:a a:x:400:"),
        (
            "m a b\nu b 400",
            "b:x:400:400 a:x:998:998|b:x:400:a a:x:998:",
        ),
        // Ranges from the top, in whatever order they stand.
        (
            "r - 500-500\nr - 300-301\nu a\nu b",
            "a:x:500:500 b:x:301:301|a:x:500: b:x:301:",
        ),
        ("g daemon2 -\nu daemon", "|daemon2:x:998:"),
        ("u sys", "sys:x:998:998|sys:x:998:"),
    ] {
        let from_top = added(lines);
        assert_eq!(from_top, wanted, "{lines}");
    }
    let (made, _) = read("u! a 300").plan(tables(), &surroundings());
    assert!(text(&made.shadow.unwrap()).ends_with("\na:!*:20000:::::1:\n"));
    let mut alone = tables();
    alone.passwd.extend_from_slice(b"alone:x:70:70::/:\n");
    let (made, _) = read("u alone").plan(alone, &surroundings());
    assert!(text(&made.group).ends_with("alone:x:998:\n"));
}

#[test]
fn wrong_lines_are_told_and_a_range_can_be_used_up() {
    let wanted = read(
        "u a:b\nx a\nu 1a\ng a 65535\ng a - more\nr - 9-3\nu a - b:c\nu a - b c\nu 'a\nu %Q\n",
    );
    assert_eq!(wanted.complaints.len(), 10);
    assert!(wanted.is_empty());
    let wanted = read("r - 500-501\nu a\nu b\nu c\n");
    let (made, complaints) = wanted.plan(tables(), &surroundings());
    assert!(
        text(&made.passwd).contains("a:x:501:501:") && text(&made.passwd).contains("b:x:500:500:")
    );
    assert_eq!(complaints.len(), 1);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read(text in "[ugmr \"'\\\\:%a0-9\n/-]{0,80}") {
        let _ = read(&text).plan(tables(), &surroundings());
    }
}
