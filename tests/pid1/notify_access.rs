//! Whose words count on a service's notify socket, and that nobody else's do harm.

use crate::acts::acts;
use crate::sd_notify::{script, with_face};
use crate::supervisor::{ends_in_order, process, service};

const AWAIT_GO: &str = "until test -e go; do sleep 0.01; done";

#[test]
fn with_main_only_the_main_process_is_heard() {
    for access in ["main", "exec"] {
        let job = format!(
            "(./systemd-notify --ready; :); echo child spoke; {AWAIT_GO}; \
             ./systemd-notify --ready; exec sleep 1000"
        );
        let config = script("job", &job, &format!("notify-access = '{access}'"));
        let rinit = with_face(&config).arg("-v").spawn();
        // Its barrier falls all the same, and all before it was looked at.
        rinit.wait_for_line("job: child spoke");
        let stderr = rinit.stderr();
        assert!(!stderr.contains("-> active"), "{}", rinit.dump());
        std::fs::write(rinit.path("go"), "").unwrap();
        rinit.wait_for_line("job: starting -> active");
        ends_in_order(&rinit);
    }
}

#[test]
fn a_main_process_that_was_named_speaks_from_then_on() {
    let job = "sleep 1000 & ./systemd-notify MAINPID=$!; \
               ./systemd-notify --ready; echo old one spoke; exec sleep 2000";
    let config = script("job", job, "notify-access = 'main'\ntracking = 'subreaper'");
    let rinit = with_face(&config).arg("-v").spawn();
    rinit.wait_for_line("job: old one spoke");
    let stderr = rinit.stderr();
    assert!(!stderr.contains("-> active"), "{}", rinit.dump());
    ends_in_order(&rinit);
}

#[test]
fn another_services_process_cannot_speak_nor_become_the_main_one() {
    let job = format!(
        "echo $NOTIFY_SOCKET > address.new; mv address.new address; {AWAIT_GO}; \
         ./systemd-notify --ready; exec sleep 1000"
    );
    // Neither its main process nor a child, nor one that has left its session.
    let web = "until test -e address; do sleep 0.01; done; export NOTIFY_SOCKET=$(cat address); \
               ./systemd-notify --ready --pid=self; \
               ./systemd-notify --ready --pid=$$; \
               (./systemd-notify --ready; :); \
               setsid ./systemd-notify --ready --stopping; \
               echo spoke; exec sleep 2000";
    for tracking in ["marks", "subreaper"] {
        let keys = format!("tracking = '{tracking}'");
        let config = script("job", &job, &keys) + &service("web", &format!("'''{web}'''"), &keys);
        let rinit = with_face(&config).arg("-v").spawn();
        rinit.wait_for_line("web: spoke");
        let stderr = rinit.stderr();
        assert!(!stderr.contains("job: starting ->"), "{}", rinit.dump());
        std::fs::write(rinit.path("go"), "").unwrap();
        rinit.wait_for_line("job: starting -> active");
        ends_in_order(&rinit);
    }
}

#[test]
fn a_process_of_the_tree_speaks_wherever_it_stands_and_after_its_end() {
    let job = "setsid ./systemd-notify STATUS=x; \
               (setsid ./systemd-notify --no-block --ready &); exec sleep 1000";
    for tracking in ["marks", "subreaper"] {
        let config = script("job", job, &format!("tracking = '{tracking}'"));
        let rinit = with_face(&config).arg("-v").spawn();
        rinit.wait_for_line("job: starting -> active");
        ends_in_order(&rinit);
    }
}

#[test]
fn a_service_that_is_not_ready_by_notify_may_have_a_socket_all_the_same() {
    let job = "./systemd-notify --reloading; exec sleep 1000";
    let config = service("job", &format!("'''{job}'''"), "notify-access = 'all'");
    let rinit = with_face(&config).arg("-v").spawn();
    rinit.wait_for_line("job: active -> reloading");
    ends_in_order(&rinit);
}

#[test]
fn a_flood_of_rubbish_and_descriptors_delays_nobody_and_leaves_nothing_behind() {
    // One flood comes from a child of its own, the others from other services.
    let own = std::env::current_exe().unwrap();
    let job = format!(
        "echo $NOTIFY_SOCKET > address.new; mv address.new address; \
         {} %do flood:address & exec sleep 1000",
        own.display()
    );
    let keys = "file-descriptor-store-max = 4";
    let mut config = script("job", &job, keys);
    for number in 0..3 {
        config += &service(&format!("flood{number}"), &acts(["flood:address"]), "");
    }
    config += &service(
        "crashes",
        "'echo x >> crashes; test $(wc -l < crashes) -lt 50 && exit 1; echo 50 runs; exec sleep 3000'",
        "restart-delay = '0s'\nstart-limit = { count = 100, within = '1h' }",
    );
    let rinit = with_face(&config).spawn();
    for number in 0..3 {
        rinit.wait_for_line(&format!("flood{number}: floods"));
    }
    rinit.wait_for_line("crashes: 50 runs");
    rinit.wait_for_line("job: floods");
    assert!(process(&rinit, "sleep 1000").is_some(), "{}", rinit.dump());
    let open = || std::fs::read_dir(format!("/proc/{}/fd", rinit.pid())).map_or(0, Iterator::count);
    rinit.wait_until("what came is closed", || open() < 60);
    ends_in_order(&rinit);
}
