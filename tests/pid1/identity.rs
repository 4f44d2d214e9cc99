//! Who and where a service is. With another user's identity these tests need root: CI runs
//! them so. Without it the user namespace has one user, and what is then tested is what a
//! random UID gets: the warning.

use crate::acts::acts;
use crate::harness::{Setup, Status};
use crate::supervisor::{IN_ORDER, place, service, supervisor, wait_for_process};

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// What a oneshot with these keys prints, line by line.
fn prints(command: &str, keys: &str) -> Vec<String> {
    let config = service("a", command, &format!("type = 'oneshot'\n{keys}"));
    let ended = supervisor(&config).run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    let lines = ended.stdout.lines();
    lines
        .map(|line| line.strip_prefix("a: ").unwrap_or(line).to_owned())
        .collect()
}

#[test]
fn a_user_brings_its_group_its_groups_and_its_home() {
    if !is_root() {
        return skipped_identity_is_one_warning();
    }
    let lines = prints(
        "'id -u; id -g; id -G; echo $HOME $USER $LOGNAME'",
        "user = 'nobody'",
    );
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let entry = passwd
        .lines()
        .find(|line| line.starts_with("nobody:"))
        .unwrap();
    let entry: Vec<&str> = entry.split(':').collect();
    assert_eq!(lines[0], entry[2]);
    assert_eq!(lines[1], entry[3]);
    // None of root's groups.
    assert_eq!(lines[2], entry[3]);
    assert_eq!(lines[3], format!("{} nobody nobody", entry[5]));
}

#[test]
fn numbers_need_no_entry_and_groups_are_those_that_were_named() {
    if !is_root() {
        return skipped_identity_is_one_warning();
    }
    assert_eq!(
        prints("'id -u; id -g; id -G'", "user = 4321"),
        ["4321", "4321", "4321"]
    );
    assert_eq!(
        prints(
            "'id -u; id -g; id -G'",
            "user = '4321'\ngroup = '87'\nsupplementary-groups = ['88', 89]"
        ),
        ["4321", "87", "87 88 89"]
    );
    assert_eq!(prints("'id -u; id -g'", "group = 77"), ["0", "77"]);
}

#[test]
fn what_a_rinit_that_is_not_root_may_not_do_is_skipped_with_one_warning() {
    skipped_identity_is_one_warning();
}

fn skipped_identity_is_one_warning() {
    let keys = "type = 'oneshot'\nuser = 'nobody'\nnice = -5\noom-score-adjust = -500";
    let rinit = supervisor(&service("a", "'echo runs as $(id -u)'", keys));
    let (stdout, stderr, own) = if is_root() {
        let ended = rinit.setup(Setup::User).run();
        assert_eq!(ended.status, IN_ORDER, "{ended:?}");
        (ended.stdout, ended.stderr, 12345)
    } else {
        // The user of a namespace without root is its root; so as what we are, and no PID 1.
        let output = std::process::Command::new(crate::harness::RINIT)
            .args(["-c", "rinit.toml"])
            .current_dir(rinit.path(""))
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let own = nix::unistd::geteuid().as_raw();
        (text(output.stdout), text(output.stderr), own)
    };
    let lines: Vec<&str> = stderr
        .lines()
        .filter(|line| line.contains("not as root"))
        .collect();
    assert_eq!(lines.len(), 1, "{stderr}");
    for key in ["user", "nice", "oom-score-adjust"] {
        assert!(lines[0].contains(key), "{key}: {stderr}");
    }
    assert_eq!(stdout, format!("a: runs as {own}\n"), "{stderr}");
}

#[test]
fn no_service_is_to_stand_below_where_the_engine_has_put_rinit() {
    let looks = "'cat /proc/self/oom_score_adj; nice'";
    let config = service(
        "low",
        looks,
        "type = 'oneshot'\nnice = 1\noom-score-adjust = 100",
    ) + &service(
        "high",
        looks,
        "type = 'oneshot'\nnice = 16\noom-score-adjust = 600",
    );
    let ended = supervisor(&config)
        .setup(Setup::Lowly)
        .setup(Setup::NoCapabilities)
        .run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    place(
        &ended.stderr,
        "leaves out: low: nice 1, oom-score-adjust 100",
    );
    let mut lines: Vec<&str> = ended.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["high: 16", "high: 600", "low: 15", "low: 500"]);
}

#[test]
fn root_without_the_right_to_change_its_user_never_runs_a_service_as_root_instead() {
    let config = service(
        "a",
        "'echo runs as $(id -u)'",
        "user = 'nobody'\nessential = true",
    );
    let ended = supervisor(&config).setup(Setup::NoCapabilities).run();
    assert_ne!(ended.status, IN_ORDER, "{ended:?}");
    assert!(!ended.stdout.contains("runs as"), "{ended:?}");
}

#[test]
fn umask_limits_nice_and_folder_are_the_service_s() {
    let lines = prints(
        "'umask; ulimit -S -n; ulimit -H -n; ulimit -c; nice; pwd'",
        "umask = '027'\nlimit-nofile = '64:128'\nlimit-core = 0\nnice = 7\nworking-directory = '/tmp'",
    );
    assert_eq!(lines, ["0027", "64", "128", "0", "7", "/tmp"]);
}

#[test]
fn what_is_not_said_is_as_rinit_was_started() {
    // rinit's own limit is raised, and no service sees it.
    let config = service("a", "'ulimit -S -n; umask; pwd'", "type = 'oneshot'");
    let rinit = supervisor(&config);
    let here = rinit.path("").canonicalize().unwrap();
    let command = format!(
        "ulimit -S -n 99; umask 033; exec {} -c rinit.toml",
        crate::harness::RINIT
    );
    let ended = crate::harness::Pid1::new()
        .binary("/bin/sh".into())
        .args(["-c", &format!("cd {}; {command}", here.display())])
        .run();
    assert_eq!(
        ended.stdout,
        format!("a: 99\na: 0033\na: {}\n", here.display()),
        "{ended:?}"
    );
}

#[test]
fn the_oom_score_is_the_service_s_and_pid_1_s_stays() {
    let config = service("a", &acts(["say:ready", "wait"]), "oom-score-adjust = 777");
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("a: ready");
    let score = |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap();
    let service = wait_for_process(&rinit, "%do say:ready").pid;
    assert_eq!(score(service), "777\n");
    assert_eq!(
        score(rinit.pid()),
        score(i32::try_from(std::process::id()).unwrap())
    );
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}

#[test]
fn the_layers_of_the_environment_lie_in_their_order() {
    let config = "[defaults.environment]\nD = 'defaults'\n".to_owned()
        + &service(
            "a",
            "'echo $A $B $C $D $FROM; echo ${UNSET-unset}'",
            "type = 'oneshot'\nenvironment-file = ['one.env', '-absent.env']\nenvironment = { C = 'table', FROM = '${A}-${NONE:-none}' }",
        );
    let ended = supervisor(&config)
        .file(
            "one.env",
            "# comment\nB='file b'\nC=file\nexport A_IS=not\n",
        )
        .env("A", "container")
        .env("B", "container")
        .env("C", "container")
        .run();
    assert_eq!(
        ended.stdout, "a: container file b table defaults container-none\na: unset\n",
        "{ended:?}"
    );
}

#[test]
fn an_environment_file_is_read_at_each_start_and_its_absence_is_a_reason() {
    let config = service(
        "a",
        "'echo run $N; echo N=2 > n.env; exit 1'",
        "environment-file = 'n.env'\nrestart = 'on-failure'\nrestart-delay = '1ms'\nstart-limit = { count = 2, within = '1m' }",
    );
    let ended = supervisor(&config).file("n.env", "N=1\n").run();
    assert_eq!(ended.stdout, "a: run 1\na: run 2\n", "{ended:?}");

    let config = service(
        "a",
        "['true']",
        "environment-file = 'none.env'\nessential = true",
    );
    let ended = supervisor(&config).run();
    assert_ne!(ended.status, IN_ORDER, "{ended:?}");
    assert!(ended.stderr.contains("none.env"), "{ended:?}");
}

#[test]
fn words_of_an_array_expand_at_the_spawn_and_are_never_split() {
    let config = service(
        "a",
        "['printf', '<%s>\\n', '${WORDS}', '${NONE:-default}', '$${WORDS}', '$WORDS']",
        "type = 'oneshot'\nenvironment-file = 'a.env'",
    );
    let ended = supervisor(&config)
        .file("a.env", "WORDS='two words'\n")
        .run();
    assert_eq!(
        ended.stdout, "a: <two words>\na: <default>\na: <${WORDS}>\na: <$WORDS>\n",
        "{ended:?}"
    );
}

#[test]
fn rinit_expands_nothing_in_a_string() {
    let lines = prints("'X=shell; echo ${X} ${X:-no} $$ | tr -d 0-9'", "");
    assert_eq!(lines, ["shell shell "]);
}

#[test]
fn a_folder_that_is_not_there_is_an_error_with_its_place_and_behind_a_oneshot_a_reason() {
    let keys = "working-directory = '/none/here'\nessential = true";
    let ended = supervisor(&service("a", "['true']", keys)).run();
    assert_eq!(ended.status, Status::Exited(125), "{ended:?}");
    place(
        &ended.stderr,
        "rinit.toml:3:21: there is no folder /none/here",
    );

    let config = service("a", "['true']", &format!("{keys}\nafter = ['make']"))
        + &service("make", "['true']", "type = 'oneshot'");
    let ended = supervisor(&config).run();
    assert!(
        matches!(ended.status, Status::Exited(126 | 127)),
        "{ended:?}"
    );
    place(&ended.stderr, "/none/here: no such file or directory");
}

#[test]
fn a_service_starts_without_anything_of_rinit_s() {
    // Signals as by default, nothing blocked, and no descriptor but three.
    let lines = prints(
        "'grep -E \"^Sig(Blk|Ign)\" /proc/self/status; ls /proc/self/fd; readlink /proc/self/fd/0; ps -o sid= -p $$ >/dev/null 2>&1; echo'",
        "",
    );
    assert_eq!(lines[0], "SigBlk:\t0000000000000000");
    assert_eq!(lines[1], "SigIgn:\t0000000000000000");
    // `ls` has one for the folder that it reads.
    assert_eq!(lines[2..6], ["0", "1", "2", "3"], "{lines:?}");
    assert_eq!(lines[6], "/dev/null", "{lines:?}");
}
