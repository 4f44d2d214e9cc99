use crate::acts::acts;
use crate::harness::Status;
use crate::supervisor::{IN_ORDER, free_port, last_line, notes, place, service, supervisor};

/// Asked often, unhealthy after twice no.
const OFTEN: &str = "interval = '5ms', retries = 2";

#[test]
fn an_unhealthy_service_is_named_and_so_is_its_recovery() {
    let config = service(
        "web",
        &acts(["say:web runs", "wait"]),
        &format!("health = {{ exec = 'test ! -e sick', {OFTEN} }}"),
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("web: web runs");
    std::fs::write(rinit.path("sick"), "").unwrap();
    rinit.wait_for_line("rinit: web is unhealthy: test ! -e sick: exit 1");
    std::fs::remove_file(rinit.path("sick")).unwrap();
    rinit.wait_for_line("rinit: web is healthy again");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    let ran = rinit.stdout().matches("web runs").count();
    assert_eq!(ran, 1, "it was left alone: {}", rinit.dump());
}

#[test]
fn an_unhealthy_service_is_restarted() {
    let port = free_port();
    let config = service(
        "web",
        &acts(["note:started", &format!("http:127.0.0.1:{port}")]),
        &format!(
            "ready = {{ tcp = '127.0.0.1:{port}' }}\nrestart-delay = '1ms'\n\
             health = {{ http = 'http://127.0.0.1:{port}/', {OFTEN}, on-unhealthy = 'restart' }}"
        ),
    ) + &service("app", &acts(["say:app runs", "wait"]), "requires = ['web']");
    let rinit = supervisor(&config).file("answer", "200 OK\n").spawn();
    rinit.wait_for_line("app: app runs");
    std::fs::write(rinit.path("answer"), "500 Broken\n").unwrap();
    rinit.wait_for_line(&format!(
        "web is unhealthy: http://127.0.0.1:{port}/: status 500"
    ));
    rinit.wait_for_line(&format!(
        "web unhealthy: http://127.0.0.1:{port}/: status 500; restart in"
    ));
    rinit.wait_for_line("app stops until what it requires is ready again");
    std::fs::write(rinit.path("answer"), "200 OK\n").unwrap();
    rinit.wait_until("app runs again", || {
        rinit.stdout().matches("app runs").count() > 1
    });
    let starts = || {
        notes(&rinit)
            .iter()
            .filter(|note| *note == "started")
            .count()
    };
    assert!(starts() > 1, "{}", rinit.dump());
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}

#[test]
fn a_restart_by_health_counts_in_the_start_limit() {
    let config = service(
        "web",
        &acts(["wait"]),
        &format!(
            "restart-delay = '1ms'\nstart-limit = {{ count = 2, within = '1h' }}\n\
             health = {{ unix = '@nobody-at-all', {OFTEN}, on-unhealthy = 'restart' }}"
        ),
    );
    let ended = supervisor(&config).run();
    assert_eq!(ended.status, Status::Exited(1), "{ended:?}");
    let line = last_line(&ended.stderr);
    let why =
        "web failed: unhealthy: connect @nobody-at-all: connection refused; start limit reached";
    assert!(line.contains(why), "{ended:?}");
}

#[test]
fn an_unhealthy_service_may_end_all() {
    let port = free_port();
    let config = service(
        "web",
        &acts(["wait"]),
        &format!(
            "after = ['other']\n\
             health = {{ tcp = '127.0.0.1:{port}', {OFTEN}, on-unhealthy = 'shutdown' }}"
        ),
    ) + &service(
        "other",
        &acts(["touch:up", "wait", "say:other stops"]),
        "ready = { file = './up' }",
    );
    let ended = supervisor(&config).run();
    assert_eq!(ended.status, Status::Exited(1), "{ended:?}");
    place(&ended.stdout, "other: other stops");
    let line = last_line(&ended.stderr);
    assert!(
        line.starts_with("rinit: web unhealthy; 2 services stopped in"),
        "{ended:?}"
    );
}

#[test]
fn no_answer_in_time_is_a_no_and_nothing_is_left_of_it() {
    let config = service(
        "web",
        &acts(["wait"]),
        &format!("health = {{ exec = 'sleep 1000 & sleep 1001', timeout = '50ms', {OFTEN} }}"),
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("web is unhealthy: sleep 1000 & sleep 1001: no answer within");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}

#[test]
fn a_long_start_period_forgives() {
    let config = service(
        "web",
        &acts(["wait"]),
        &format!(
            "health = {{ exec = 'echo asked >> notes; test -e well', {OFTEN}, start-period = '1h', on-unhealthy = 'shutdown' }}"
        ),
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_until("many questions", || notes(&rinit).len() > 5);
    assert!(!rinit.stderr().contains("unhealthy"), "{}", rinit.dump());
    // With the first yes it is over.
    std::fs::write(rinit.path("well"), "").unwrap();
    let seen = notes(&rinit).len();
    rinit.wait_until("a yes", || notes(&rinit).len() > seen + 1);
    std::fs::remove_file(rinit.path("well")).unwrap();
    assert_eq!(rinit.wait(), Status::Exited(1), "{}", rinit.dump());
}
