//! `[http]`: what a plain client gets, and what it can't do.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::acts::acts;
use crate::harness::{LIMIT, Pid1, Running, Setup};
use crate::supervisor::{
    IN_ORDER, free_port, last_line, place, service, supervisor, wait_for_helper,
};

/// rinit with HTTP at a free port, and these services.
fn serving(config: &str) -> (Pid1, u16) {
    let port = free_port();
    let http = format!("[http]\nlisten = '127.0.0.1:{port}'\n");
    (supervisor(&format!("{http}{config}")), port)
}

fn connect(port: u16) -> TcpStream {
    let deadline = Instant::now() + LIMIT;
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => {
                stream.set_read_timeout(Some(LIMIT)).unwrap();
                return stream;
            }
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// All that comes back.
fn send(port: u16, text: &str) -> String {
    let mut stream = connect(port);
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(port: u16, path: &str) -> String {
    send(port, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

#[track_caller]
fn until(rinit: &Running, port: u16, path: &str, status: &str) -> String {
    let mut answer = String::new();
    rinit.wait_until(&format!("{path} is {status}"), || {
        answer = get(port, path);
        answer.starts_with(&format!("HTTP/1.1 {status} "))
    });
    answer
}

fn stop(rinit: &Running) {
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER, "{}", rinit.dump());
}

#[test]
fn health_metrics_status_and_the_page_are_served() {
    let keys = "restart-delay = '60s'\nready = { file = '/never' }";
    let config = service("web", &acts(["wait"]), "")
        + &service("db", &acts(["await:go", "exit:3"]), keys)
        + &service("app", &acts(["wait"]), "requires = ['db']");
    let (rinit, port) = serving(&config);
    let rinit = rinit.spawn();
    until(&rinit, port, "/livez", "200");
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("db exited with status 3; restart in");
    let ready = until(&rinit, port, "/readyz", "503");
    rinit.wait_until("the backoff is told", || {
        body(&get(port, "/readyz")).starts_with("not ready 1/3: db backoff (exit 3, next in ")
    });
    assert!(
        ready.contains("\r\nContent-Type: text/plain; charset=utf-8\r\n"),
        "{ready}"
    );
    assert_eq!(body(&get(port, "/livez")), "live\n");
    assert!(body(&get(port, "/startupz")).starts_with("not started 1/3: "));
    assert!(body(&get(port, "/startupz")).ends_with("app waits for db\n"));

    let status = get(port, "/status.json");
    let json: serde_json::Value = serde_json::from_str(body(&status)).unwrap();
    assert_eq!(json["services"][1]["state"], "backoff", "{status}");

    let metrics = get(port, "/metrics");
    assert!(metrics.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    for line in [
        "rinit_service_state{service=\"web\",state=\"active\"} 1",
        "rinit_service_state{service=\"db\",state=\"backoff\"} 1",
        "rinit_service_exits_total{service=\"db\",cause=\"exit\"} 1",
        "rinit_service_restarts_total{service=\"db\"} 0",
        "rinit_service_processes{service=\"web\"} 1",
        "rinit_service_log_dropped_lines_total{service=\"web\"} 0",
        "rinit_ready 0",
        "rinit_live 1",
    ] {
        place(&metrics, line);
    }
    assert!(metrics.contains("rinit_applies_total{outcome=\"refused\"} 0"));
    std::fs::write(rinit.path("rinit.toml"), "nonsense").unwrap();
    rinit.signal(1);
    rinit.wait_until("the mistake is counted", || {
        let metrics = get(port, "/metrics");
        metrics.contains("rinit_applies_total{outcome=\"refused\"} 1")
            && metrics.contains("rinit_last_apply_good 0")
    });

    let accept = "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n\r\n";
    let modern = send(port, accept);
    assert!(modern.contains(
        "\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"
    ));
    assert!(modern.ends_with("# EOF\n"), "{modern}");

    let page = get(port, "/");
    assert!(
        page.contains("Content-Security-Policy: default-src 'none'"),
        "{page}"
    );
    assert!(body(&page).starts_with("<!doctype html>"));
    let head = send(port, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(body(&head), "");
    assert!(
        head.contains(&format!("Content-Length: {}\r\n", body(&page).len())),
        "{head}"
    );
    stop(&rinit);
}

#[test]
fn what_is_no_request_has_its_status_and_steers_nothing() {
    let (rinit, port) = serving(&service("web", &acts(["wait"]), ""));
    let rinit = rinit.spawn();
    until(&rinit, port, "/readyz", "200");
    let long = "x".repeat(9000);
    let body = "x".repeat(20_000);
    for (text, status) in [
        ("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", "404"),
        (
            &format!("POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n{body}"),
            "405",
        ),
        ("DELETE /web HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
        ("rubbish\r\n\r\n", "400"),
        ("\u{16}\u{3}\u{1}\0", "400"),
        (&format!("GET / HTTP/1.1\r\nA: {long}\r\n\r\n"), "431"),
        (&format!("GET /{long}"), "414"),
        ("GET / HTTP/2.0\r\n\r\n", "505"),
        // It is never finished.
        ("GET / HTTP/1.1\r\nHost:", "408"),
    ] {
        let answer = send(port, text);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{text:.40}: {answer}"
        );
    }
    stop(&rinit);
}

#[test]
fn slow_and_many_clients_delay_nobody() {
    let (rinit, port) = serving(&service("web", &acts(["wait"]), ""));
    let rinit = rinit.spawn();
    until(&rinit, port, "/readyz", "200");
    let slow: Vec<TcpStream> = (0..300)
        .map(|_| {
            let mut stream = connect(port);
            stream.write_all(b"GET / HT").unwrap();
            stream
        })
        .collect();
    for _ in 0..50 {
        assert!(get(port, "/readyz").starts_with("HTTP/1.1 200 "));
    }
    let pid = wait_for_helper(&rinit, "rinit-http");
    let fds = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .count();
    assert!(fds < 80, "{fds}");
    drop(slow);
    let fds = std::fs::read_dir(format!("/proc/{}/fd", rinit.pid())).unwrap();
    assert!(fds.count() < 40, "{}", rinit.dump());
    stop(&rinit);
}

#[test]
fn a_helper_that_is_killed_is_followed_by_another() {
    let (rinit, port) = serving(&service("web", &acts(["wait"]), ""));
    let rinit = rinit.spawn();
    for _ in 0..3 {
        until(&rinit, port, "/readyz", "200");
        let pid = wait_for_helper(&rinit, "rinit-http");
        crate::harness::send(pid, 9);
        rinit.wait_until("it is gone", || {
            rinit.children().iter().all(|child| child.pid != pid)
        });
    }
    until(&rinit, port, "/readyz", "200");
    stop(&rinit);
}

#[test]
fn it_has_no_rights_and_nothing_of_others_open() {
    let (rinit, port) = serving(&service("web", &acts(["wait"]), ""));
    let rinit = rinit.spawn();
    until(&rinit, port, "/readyz", "200");
    let pid = wait_for_helper(&rinit, "rinit-http");
    for key in ["CapEff:", "CapPrm:", "CapInh:"] {
        let mask = Running::status_of(pid, key).unwrap();
        assert_eq!(mask.trim_matches('0'), "", "{key} {mask}");
    }
    assert_eq!(Running::status_of(pid, "NoNewPrivs:").as_deref(), Some("1"));
    if nix::unistd::geteuid().is_root() {
        assert_eq!(Running::status_of(pid, "Uid:").as_deref(), Some("65534"));
        assert_eq!(Running::status_of(pid, "Gid:").as_deref(), Some("65534"));
    }
    // Two sockets: where it listens, and the one to rinit. The last client's may close late.
    rinit.wait_until("six descriptors are left", || {
        let open: Vec<String> = std::fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
            .map(|target| target.to_string_lossy().into_owned())
            .collect();
        let of = |kind: &str| {
            let is = |target: &&String| target.starts_with(kind);
            open.iter().filter(is).count()
        };
        (of("/dev/null"), of("socket:"), open.len()) == (3, 2, 6)
    });
    stop(&rinit);
}

#[test]
fn a_port_that_is_taken_is_one_line_and_is_tried_again() {
    let port = free_port();
    let theirs = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let config = format!("[http]\nlisten = '127.0.0.1:{port}'\n");
    let config = config + &service("web", &acts(["say:web runs", "wait"]), "");
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("web: web runs");
    rinit.wait_for_line(&format!(
        "rinit: http: 127.0.0.1:{port} is already taken; trying again"
    ));
    drop(theirs);
    until(&rinit, port, "/readyz", "200");
    rinit.wait_for_line(&format!("rinit: http at 127.0.0.1:{port}"));
    assert_eq!(
        rinit.stderr().matches("is already taken").count(),
        1,
        "{}",
        rinit.dump()
    );
    stop(&rinit);
}

#[test]
fn it_serves_while_all_stops_and_is_gone_before_the_last_line() {
    let (rinit, port) = serving(&service("web", &acts(["wait"]), ""));
    let rinit = rinit.env("RINIT_SHUTDOWN_DELAY", "300ms").spawn();
    until(&rinit, port, "/readyz", "200");
    rinit.signal(15);
    let answer = until(&rinit, port, "/readyz", "503");
    assert_eq!(body(&answer), "not ready 1/1: stopping\n");
    assert!(get(port, "/livez").starts_with("HTTP/1.1 200 "));
    rinit.wait();
    assert!(
        last_line(&rinit.stderr()).contains("SIGTERM"),
        "{}",
        rinit.dump()
    );
}

#[test]
fn a_unix_socket_does_too_and_so_does_one_who_is_not_pid_1() {
    let path = |rinit: &Pid1| rinit.path("http.sock").display().to_string();
    for setup in [None, Some(Setup::NotPid1)] {
        let rinit = supervisor(&service("web", &acts(["wait"]), ""));
        let address = path(&rinit);
        let mut rinit = rinit.env("RINIT_HTTP_LISTEN", &address);
        if let Some(setup) = setup {
            rinit = rinit.setup(setup);
        }
        let rinit = rinit.spawn();
        let mut answer = String::new();
        rinit.wait_until("it answers", || {
            let Ok(mut stream) = UnixStream::connect(&address) else {
                return false;
            };
            answer.clear();
            let asked = stream.write_all(b"GET /livez HTTP/1.0\r\n\r\n");
            asked.is_ok() && stream.read_to_string(&mut answer).is_ok()
        });
        assert_eq!(body(&answer), "live\n");
        stop(&rinit);
        let left = rinit.processes();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn a_pid_1_that_does_not_answer_is_a_503_within_a_moment() {
    let (rinit, port) = serving(&service("web", &acts(["wait"]), ""));
    let rinit = rinit.not_pid1().spawn();
    until(&rinit, port, "/readyz", "200");
    rinit.signal(19);
    // An answer may be fresh still.
    let answer = until(&rinit, port, "/livez", "503");
    assert_eq!(body(&answer), "503 Service Unavailable\n");
    rinit.signal(18);
    until(&rinit, port, "/livez", "200");
    stop(&rinit);
}
