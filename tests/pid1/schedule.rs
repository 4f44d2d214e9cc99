use crate::acts::acts;
use crate::harness::{Pid1, RINIT, Running, Setup};
use crate::supervisor::{
    IN_ORDER, last_line, notes, process, service, supervisor, wait_for_process,
};

/// How many lines have this in them.
fn count(text: &str, part: &str) -> usize {
    text.lines().filter(|line| line.contains(part)).count()
}

fn said(rinit: &Running, part: &str) -> usize {
    count(&rinit.stdout(), part)
}

#[test]
fn a_calendar_and_an_interval_fire_again_and_again_and_never_two_runs_at_once() {
    let slow = acts(["note:begin", "await:go", "note:end"]);
    let config = service("slow", &slow, "schedule = '*:*:*'")
        + &service("tick", &acts(["say:tick"]), "every = '300ms'");
    let rinit = supervisor(&config)
        .env("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        .spawn();
    rinit.wait_until("the slow one runs", || notes(&rinit) == ["begin"]);
    let before = said(&rinit, "tick");
    rinit.wait_until("more than two seconds pass", || {
        said(&rinit, "tick") >= before + 8
    });
    assert_eq!(notes(&rinit), ["begin"], "{}", rinit.dump());
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_until("it runs again", || notes(&rinit).len() >= 6);
    let notes = notes(&rinit);
    for (place, note) in notes.iter().enumerate() {
        assert_eq!(note, ["begin", "end"][place % 2], "{notes:?}");
    }
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}

#[test]
fn a_run_that_fails_is_told_with_its_status_and_its_output_and_ends_nothing() {
    let config = service(
        "job",
        &acts(["say:at work", "complain:no space", "exit:3"]),
        "every = '50ms'",
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_until("it is told twice", || {
        count(&rinit.stderr(), "rinit: job exited with status 3 after ") >= 2
    });
    assert!(said(&rinit, "job: at work") >= 2, "{}", rinit.dump());
    assert!(
        count(&rinit.stderr(), "; next run in ") >= 2,
        "{}",
        rinit.dump()
    );
    rinit.wait_for_line("job: no space");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}

#[test]
fn schedules_alone_keep_the_container_and_a_stop_finds_them_waiting() {
    let config = service("yearly", "['true']", "schedule = 'yearly'")
        + &service(
            "daily",
            "['true']",
            "schedule = '0 3 * * *'\nrandomized-delay = '10m'",
        )
        + &service("once", "['true']", "type = 'oneshot'");
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("0 services running, 1 done");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    let stderr = rinit.stderr();
    assert_eq!(
        last_line(&stderr),
        "rinit: SIGTERM: nothing to stop; exit code 0",
        "{stderr}"
    );
}

#[test]
fn a_stop_ends_a_run_under_way_before_what_it_requires() {
    let config = service("db", &acts(["say:db runs", "wait", "note:db"]), "")
        + &service(
            "job",
            &acts(["say:job runs", "wait", "note:job"]),
            "every = '50ms'\nrequires = ['db']",
        );
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("job: job runs");
    wait_for_process(&rinit, "say:job runs");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    assert_eq!(notes(&rinit), ["job", "db"], "{}", rinit.dump());
    assert!(process(&rinit, "say:job runs").is_none());
}

#[test]
fn check_prints_the_next_times() {
    let config = service("job", "['true']", "schedule = ['03:00', '0 12 * * * UTC']")
        + &service("poll", "['true']", "every = '5m'\nrandomized-delay = '30s'");
    let rinit = supervisor(&config)
        .arg("--check")
        .env("TZ", "XXX-5:45")
        .run();
    let stdout = &rinit.stdout;
    let line = stdout.lines().find(|line| line.contains("job: "));
    let line = line.unwrap_or_else(|| panic!("{rinit:?}"));
    assert!(line.contains(" 03:00:00 +05:45"), "{line}");
    assert!(line.contains(" 12:00:00 UTC"), "{line}");
    assert_eq!(line.matches(", ").count(), 2, "three times: {line}");
    assert!(
        stdout.contains("  @  poll: every 5m, up to 30 s later\n"),
        "{stdout}"
    );
}

#[test]
fn without_tz_the_zone_is_that_of_etc_localtime() {
    // Twice a head, one kind of time, and no transition; then what counts.
    let mut counts = [0; 24];
    (counts[19], counts[23]) = (1, 4);
    let half = [&b"TZif2"[..], &[0; 15], &counts, &[0; 6], b"UTC\0"].concat();
    let zone = [&half[..], &half, b"\n<+0930>-9:30\n"].concat();
    let config = service("job", "['true']", "schedule = '03:00'");
    let start = format!("mount --bind etc /etc && exec {RINIT} -c rinit.toml --check");
    let rinit = Pid1::new()
        .binary("/bin/sh".into())
        .called("sh")
        .args(["-c", &start])
        .file("rinit.toml", &config)
        .file("etc/passwd", "root:x:0:0::/:/bin/sh\n");
    std::fs::write(rinit.path("etc/localtime"), zone).unwrap();
    let ended = rinit.run();
    assert!(ended.stdout.contains(" 03:00:00 +09:30"), "{ended:?}");
}

#[test]
fn a_run_has_all_that_its_service_has() {
    let keys = "every = '20ms'\nenvironment = { SET = 'here' }\nlimit-nofile = 77\n\
                umask = '027'\nworking-directory = 'inside'";
    let command = "'echo $SET $(ulimit -n) $(umask) ${PWD##*/}'";
    let rinit = supervisor(&service("job", command, keys))
        .file("inside/x", "")
        .spawn();
    rinit.wait_until("two runs", || said(&rinit, "job: here 77 0027 inside") >= 2);
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}

#[test]
fn a_timer_that_keeps_its_last_run_makes_up_for_what_was_missed_and_no_other_does() {
    let unit = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo %p >> notes'\nWorkingDirectory=FOLDER\n";
    let timer = "[Timer]\nOnCalendar=yearly\nPersistent=yes\n";
    let config = "[service.missed]\nunit = 'missed.timer'\n[service.first]\nunit = 'first.timer'\n";
    let rinit = supervisor(config);
    let folder = rinit.path("").display().to_string();
    let unit = unit.replace("FOLDER", &folder);
    let rinit = rinit
        .file("units/missed.service", &unit)
        .file("units/first.service", &unit)
        .file("units/missed.timer", timer)
        .file("units/first.timer", timer)
        .file("var-lib/systemd/timers/stamp-missed.timer", "")
        .setup(Setup::OwnUnits);
    let stamp = rinit.path("var-lib/systemd/timers/stamp-missed.timer");
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    let file = std::fs::File::options().write(true).open(&stamp).unwrap();
    file.set_modified(long_ago).unwrap();
    let rinit = rinit.spawn();
    rinit.wait_until("it runs", || notes(&rinit) == ["missed"]);
    rinit.wait_until("its run is kept", || {
        let modified = std::fs::metadata(&stamp).unwrap().modified().unwrap();
        modified > long_ago + std::time::Duration::from_secs(1)
    });
    let other = rinit.path("var-lib/systemd/timers/stamp-first.timer");
    rinit.wait_until("the other's first boot is kept", || other.exists());
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
    assert_eq!(notes(&rinit), ["missed"], "{}", rinit.dump());
}
