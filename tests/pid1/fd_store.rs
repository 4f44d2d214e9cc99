//! `file-descriptor-store-max`: descriptors that a service leaves for its next run.

use crate::harness::Running;
use crate::sd_notify::{script, with_face};
use crate::supervisor::ends_in_order;

/// How many descriptors of rinit's own lead there.
fn held(rinit: &Running, part: &str) -> usize {
    let links = std::fs::read_dir(format!("/proc/{}/fd", rinit.pid()));
    let leads = |entry: std::fs::DirEntry| {
        let target = std::fs::read_link(entry.path()).ok()?;
        target.to_string_lossy().contains(part).then_some(())
    };
    let links = links.into_iter().flatten();
    links.filter_map(|entry| leads(entry.ok()?)).count()
}

#[test]
fn the_next_run_gets_what_the_last_one_left_on_every_road() {
    let job = "if test -z \"$LISTEN_FDS\"; then \
                 echo $FDSTORE may be kept; echo kept > data; echo too > more; \
                 ./systemd-notify --fd=8 --fdname=db 8<data; \
                 ./systemd-notify --ready --fd=9 9<more; exit 1; \
               fi; \
               test $LISTEN_PID = $$ || echo not for me; \
               echo $LISTEN_FDS $LISTEN_FDNAMES; cat <&3; cat <&4; \
               ./systemd-notify --ready; exec sleep 1000";
    for road in ["", "nice = 1", "tracking = 'subreaper'"] {
        let keys = format!("file-descriptor-store-max = 4\nrestart-delay = '1ms'\n{road}");
        let rinit = with_face(&script("job", job, &keys)).arg("-v").spawn();
        for line in [
            "job: 4 may be kept",
            "job: 2 db:stored",
            "job: kept",
            "job: too",
        ] {
            rinit.wait_for_line(line);
        }
        let stdout = rinit.stdout();
        assert!(!stdout.contains("not for me"), "{}", rinit.dump());
        ends_in_order(&rinit);
    }
}

#[test]
fn what_is_passed_and_the_readiness_descriptor_stand_side_by_side() {
    let job = "if test -z \"$LISTEN_FDS\"; then echo kept > data; \
                 ./systemd-notify --fd=8 8<data; exit 1; fi; \
               cat <&3; echo >&4; exec sleep 1000";
    let keys = "file-descriptor-store-max = 1\nrestart-delay = '1ms'\nready = { fd = 4 }";
    let config = format!("[service.job]\ncommand = '''{job}'''\n{keys}\n");
    let rinit = with_face(&config).arg("-v").spawn();
    rinit.wait_for_line("job: kept");
    rinit.wait_for_line("job: starting -> active");
    ends_in_order(&rinit);
}

#[test]
fn no_more_are_kept_than_may_be_and_none_that_is_nobodys() {
    let job = "echo x > data; ./systemd-notify --ready; \
               for n in 1 2 3 4 5; do ./systemd-notify --fd=8 --fdname=n$n 8<data; done; \
               ./systemd-notify X_RUBBISH=1 --fd=8 FDSTORE=0 FDSTOREREMOVE=1 FDNAME=none 8<data; \
               echo stored; until test -e go; do sleep 0.01; done; \
               ./systemd-notify FDSTOREREMOVE=1 FDNAME=n1; \
               echo removed; exec sleep 1000";
    let rinit = with_face(&script("job", job, "file-descriptor-store-max = 2")).spawn();
    rinit.wait_for_line("job: stored");
    assert_eq!(held(&rinit, "/data"), 2, "{}", rinit.dump());
    rinit.wait_for_line("job: no room for more than 2 descriptors (file-descriptor-store-max)");
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("job: removed");
    assert_eq!(held(&rinit, "/data"), 1, "{}", rinit.dump());
    ends_in_order(&rinit);
}

#[test]
fn without_the_key_nothing_is_kept() {
    let job = "echo x > data; ./systemd-notify --ready --fd=8 8<data; echo sent; exec sleep 1000";
    let rinit = with_face(&script("job", job, "")).spawn();
    rinit.wait_for_line("job: sent");
    assert_eq!(held(&rinit, "/data"), 0, "{}", rinit.dump());
    ends_in_order(&rinit);
}

#[test]
fn one_whose_other_end_is_gone_is_dropped_unless_that_was_not_wanted() {
    let job = "mkfifo one two; ./systemd-notify --ready; \
               sleep 2000 > one & one=$!; ./systemd-notify --fd=8 8<one; \
               sleep 2000 > two & two=$!; ./systemd-notify --fd=8 FDPOLL=0 8<two; \
               echo stored; until test -e go; do sleep 0.01; done; \
               kill $one $two; echo gone; exec sleep 1000";
    let rinit = with_face(&script("job", job, "file-descriptor-store-max = 4")).spawn();
    rinit.wait_for_line("job: stored");
    assert_eq!((held(&rinit, "/one"), held(&rinit, "/two")), (1, 1));
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("job: gone");
    rinit.wait_until("the one is dropped", || held(&rinit, "/one") == 0);
    assert_eq!(held(&rinit, "/two"), 1, "{}", rinit.dump());
    ends_in_order(&rinit);
}

#[test]
fn all_are_dropped_when_no_run_will_come() {
    let job = "echo x > data; ./systemd-notify --ready --fd=8 8<data; echo sent; \
               until test -e go; do sleep 0.01; done; exit 1";
    let keys = "file-descriptor-store-max = 4\nrestart = 'no'";
    let config = format!("[init]\nkeep-running = true\n{}", script("job", job, keys));
    let rinit = with_face(&config).spawn();
    rinit.wait_for_line("job: sent");
    assert_eq!(held(&rinit, "/data"), 1, "{}", rinit.dump());
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("job failed: exited with status 1");
    rinit.wait_until("it is dropped", || held(&rinit, "/data") == 0);
    ends_in_order(&rinit);
}
