use std::time::{Duration, Instant};

use crate::harness::{Ended, Pid1, Setup, Status};
use crate::supervisor::{place, service, supervisor};

/// It must not start, and say why.
#[track_caller]
fn refused(ended: &Ended, part: &str) {
    assert_eq!(ended.status, Status::Exited(125), "{ended:?}");
    assert_eq!(ended.stdout, "", "{ended:?}");
    place(&ended.stderr, part);
}

#[test]
fn every_error_is_told_at_once_with_its_place_a_caret_and_help() {
    let config = "\
[service.a]
comand = 'true'
command = ['true']
restart = 'sometimes'
stop-timeout = 5
requires = ['nobody-here']
user = 'no-such-user'

[service.b]
command = ['/no/such/program']
after = ['c']

[service.c]
command = ['true']
after = ['b']
";
    for arguments in [&[][..], &["--check"]] {
        let ended = supervisor(config).args(arguments.iter().copied()).run();
        for part in [
            "rinit.toml:2:1: ",
            "rinit.toml:4:11: ",
            "rinit.toml:5:16: ",
            "rinit.toml:6:13: ",
            "rinit.toml:7:8: ",
            "rinit.toml:10:11: ",
        ] {
            refused(&ended, part);
        }
        let helps = ended.stderr.matches("\nhelp: ").count();
        assert!(
            helps >= 6 && ended.stderr.matches('^').count() >= 6,
            "{}",
            ended.stderr
        );
        // The whole circle is named.
        assert!(ended.stderr.contains("b -> c -> b"), "{}", ended.stderr);
    }
}

#[test]
fn both_readings_of_a_bare_number_are_shown() {
    let ended = supervisor(&service("a", "['true']", "stop-timeout = 5")).run();
    refused(&ended, "rinit.toml:3:16: ");
    assert!(
        ended.stderr.contains("5s") && ended.stderr.contains("5ms"),
        "{}",
        ended.stderr
    );
}

#[test]
fn an_unset_variable_is_an_error_with_its_place() {
    let ended = supervisor(&service(
        "a",
        "['true']",
        "working-directory = '/${NOT_SET_HERE}'",
    ))
    .run();
    refused(&ended, "rinit.toml:3:");
    assert!(
        ended.stderr.contains("${NOT_SET_HERE:-}"),
        "{}",
        ended.stderr
    );
}

/// rinit's answer to such a file must come soon, whatever it is.
fn answers_soon(name: &str, rinit: Pid1) -> Ended {
    let began = Instant::now();
    let ended = rinit.run();
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{name}: {:?}",
        began.elapsed()
    );
    assert_eq!(ended.status, Status::Exited(125), "{name}: {ended:?}");
    assert!(
        ended.stderr.len() < 100_000,
        "{name}: {} bytes",
        ended.stderr.len()
    );
    assert!(
        ended.stderr.contains("rinit.toml"),
        "{name}: {}",
        ended.stderr
    );
    // Nothing of it moves the terminal's cursor.
    assert!(!ended.stderr.contains('\x1b'), "{name}");
    ended
}

#[test]
fn any_rubbish_is_an_error_and_soon() {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let rubbish: Vec<u8> = std::iter::repeat_with(|| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random.to_le_bytes()[0]
    })
    .take(100_000)
    .collect();
    let files: [(&str, Vec<u8>); 6] = [
        ("random bytes", rubbish),
        (
            "brackets",
            format!("x = {}", "[".repeat(100_000)).into_bytes(),
        ),
        (
            "braces",
            format!("x = {}", "{a=".repeat(100_000)).into_bytes(),
        ),
        (
            "dots",
            format!("{}a = 1", "a.".repeat(100_000)).into_bytes(),
        ),
        ("escapes", b"[service.\"\x1b[2J\"]\ncommand = 1\n".to_vec()),
        ("zeros", vec![0; 100_000]),
    ];
    for (name, bytes) in files {
        let rinit = supervisor("");
        std::fs::write(rinit.path("rinit.toml"), bytes).unwrap();
        answers_soon(name, rinit);
    }
}

#[test]
fn a_fifo_a_folder_of_none_a_device_and_a_huge_file_are_errors_and_soon() {
    let rinit = supervisor("");
    let path = rinit.path("rinit.toml");
    std::fs::remove_file(&path).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::from_bits_truncate(0o644)).unwrap();
    answers_soon("a FIFO", rinit);

    let rinit = supervisor("");
    let huge = std::fs::File::create(rinit.path("rinit.toml")).unwrap();
    huge.set_len(100_000_000).unwrap();
    answers_soon("100 MB", rinit);

    let rinit = supervisor("");
    std::fs::remove_file(rinit.path("rinit.toml")).unwrap();
    answers_soon("nothing", rinit);

    let rinit = supervisor("");
    std::fs::remove_file(rinit.path("rinit.toml")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", rinit.path("rinit.toml")).unwrap();
    answers_soon("a device", rinit);
}

#[test]
fn a_file_that_nobody_may_read_says_so() {
    let rinit = supervisor(&service("a", "['true']", ""));
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(
        rinit.path("rinit.toml"),
        std::fs::Permissions::from_mode(0o000),
    )
    .unwrap();
    // Root's right to read everything is one that can be taken away.
    let ended = rinit.setup(Setup::NoCapabilities).run();
    refused(&ended, "permission denied");
}

#[test]
fn nothing_is_started_where_anything_is_wrong() {
    let config = service("good", "'touch started'", "type = 'oneshot'")
        + &service("bad", "['true']", "nonsense = 1");
    let rinit = supervisor(&config).spawn();
    assert_eq!(rinit.wait(), Status::Exited(125));
    assert!(!rinit.path("started").exists(), "{}", rinit.dump());
}

#[test]
fn foreign_words_are_answered_with_ours() {
    let ended = supervisor(&service(
        "a",
        "['true']",
        "ExecStart = 'x'\nautorestart = true\ndepends_on = ['b']",
    ))
    .run();
    refused(&ended, "ExecStart");
    assert!(
        ended.stderr.contains("\"command\"") || ended.stderr.contains("`command`"),
        "{}",
        ended.stderr
    );
}

#[test]
fn one_table_makes_several_services_that_know_which_they_are() {
    let say = "'echo $RINIT_SERVICE is $RINIT_INSTANCE on 80$NUMBER'";
    let keys =
        "type = 'oneshot'\ninstances = '${WORKERS}'\nenvironment = { NUMBER = '0${INSTANCE}' }";
    let config = service("worker", say, keys)
        + &service(
            "last",
            "['echo', 'last']",
            "type = 'oneshot'\nrequires = ['worker']",
        );
    let ended = supervisor(&config).env("WORKERS", "3").run();
    assert_eq!(ended.status, Status::Exited(0), "{ended:?}");
    let last = place(&ended.stdout, "last: last");
    for number in 1..=3 {
        let line = format!("worker@{number}: worker@{number} is {number} on 800{number}");
        assert!(place(&ended.stdout, &line) < last, "{}", ended.stdout);
    }
}
