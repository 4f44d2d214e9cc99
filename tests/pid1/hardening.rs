//! What a hostile or unlucky service, client or kernel does, and PID 1 must not notice.
#![allow(unsafe_code, reason = "limits of another process")]

use std::io::IoSlice;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, sendmsg, socket,
};

use crate::acts::acts;
use crate::harness::{RINIT, Running};
use crate::supervisor::{IN_ORDER, place, service, supervisor};

/// How many descriptors PID 1 holds.
fn descriptors(rinit: &Running) -> usize {
    let folder = format!("/proc/{}/fd", rinit.pid());
    std::fs::read_dir(folder).unwrap().count()
}

/// A path that a process of the container sees, as it is seen from outside.
fn inside(rinit: &Running, path: &str) -> String {
    format!("/proc/{}/root{path}", rinit.pid())
}

#[test]
fn descriptors_sent_with_a_notification_never_become_rinits_even_where_its_limit_is_low() {
    // More than the limit takes: then the kernel says only that something was cut off.
    let web = acts(["say:up", "await:go", "notify:READY=1", "wait"]);
    let config = service("web", &web, "ready = 'notify'");
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("web: up");
    let limit = u64::try_from(descriptors(&rinit)).unwrap() + 8;
    limit_descriptors(rinit.pid(), limit);
    let before = descriptors(&rinit);
    let address = inside(&rinit, "/run/rinit/notify/web");
    let null = std::fs::File::open("/dev/null").unwrap();
    let many = [null.as_raw_fd(); 100];
    for _ in 0..3 {
        let sender = socket(
            AddressFamily::Unix,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC,
            None,
        );
        sendmsg(
            sender.unwrap().as_raw_fd(),
            // From another PID namespace: nobody's word.
            &[IoSlice::new(b"READY=1\nFDSTORE=1")],
            &[ControlMessage::ScmRights(&many)],
            MsgFlags::empty(),
            Some(&UnixAddr::new(address.as_str()).unwrap()),
        )
        .unwrap();
    }
    // What came before is handled before.
    rinit.wait_until("rinit sleeps", || is_asleep(&rinit));
    assert!(!rinit.stderr().contains("running"), "{}", rinit.dump());
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("1 service running");
    assert!(descriptors(&rinit) <= before, "{}", rinit.dump());
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}

#[test]
fn clients_for_whom_no_descriptor_is_left_cost_no_time_and_are_served_later() {
    let ask = format!("'echo up; until test -e go; do sleep 0.01; done; {RINIT} ctl version'");
    let rinit = supervisor(&service("web", &ask, "type = 'oneshot'")).spawn();
    rinit.wait_for_line("web: up");
    let socket = inside(&rinit, "/run/rinit/control.sock");
    rinit.wait_until("a client waits", || UnixStream::connect(&socket).is_ok());
    let limit = limit_descriptors(rinit.pid(), 3);
    let crowd: Vec<_> = (0..20)
        .map(|_| UnixStream::connect(&socket).unwrap())
        .collect();
    rinit.wait_until("rinit sleeps", || is_asleep(&rinit));
    limit_descriptors(rinit.pid(), limit);
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait_for_line("web: rinit ");
    drop(crowd);
    assert_eq!(rinit.wait(), IN_ORDER);
}

/// Whether rinit needs no time for a while.
fn is_asleep(rinit: &Running) -> bool {
    let spent = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/schedstat", rinit.pid())).unwrap();
        stat.split(' ').next().unwrap().to_owned()
    };
    let before = spent();
    std::thread::sleep(Duration::from_millis(100));
    before == spent()
}

/// Gives a running process this soft limit of open files; what it was.
fn limit_descriptors(pid: i32, limit: u64) -> u64 {
    let mut old = nix::libc::rlimit64 {
        rlim_cur: 0,
        rlim_max: 0,
    };
    let resource = nix::libc::RLIMIT_NOFILE;
    // SAFETY: one rlimit, which lives through the call; nothing is set.
    unsafe { nix::libc::prlimit64(pid, resource, std::ptr::null(), &raw mut old) };
    let new = nix::libc::rlimit64 {
        rlim_cur: limit,
        ..old
    };
    // SAFETY: one rlimit, which lives through the call; the old one isn't asked for.
    let done = unsafe { nix::libc::prlimit64(pid, resource, &raw const new, std::ptr::null_mut()) };
    assert_eq!(done, 0);
    old.rlim_cur
}

/// A shell that kills every process of this name, for as long as it lives.
fn hunt(name: &str) -> String {
    format!(
        "echo hunting; while :; do for p in /proc/[0-9]*; do \
         read name < $p/comm && test $name = {name} && kill -9 ${{p#/proc/}}; \
         done; done 2>/dev/null"
    )
}

#[test]
fn a_service_whose_subreaper_is_killed_at_any_moment_goes_on_being_restarted() {
    let keys = "tracking = 'subreaper'\nrestart-delay = '1ms'\nrestart-delay-max = '1ms'";
    let config = service("hunter", &format!("'{}'", hunt("rinit-subreaper")), "")
        + &service("web", "['sleep', '0.02']", keys);
    let rinit = supervisor(&config).spawn();
    rinit.wait_until("web is restarted fifty times", || {
        rinit.stderr().matches("rinit: web ").count() >= 50
    });
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    assert!(
        !rinit.stderr().contains("could not be killed"),
        "{}",
        rinit.dump()
    );
}

#[test]
fn a_tree_is_not_gone_because_whoever_looked_for_it_was_killed() {
    let hunt = format!("trap : TERM; {}", hunt("rinit-seeker"));
    // It has left the session, and bears the mark; none of these words may hold a quote.
    let left = "while :; do sleep 0.1; done";
    let web = format!("'setsid sh -c \"trap : TERM; echo up; {left}\" & exec sleep 100'");
    let config = service("web", &web, "stop-timeout = '1s'")
        + &service("hunter", &format!("'{hunt}'"), "stop-timeout = '3s'");
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("web: up");
    rinit.wait_for_line("hunter: hunting");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    place(&rinit.stderr(), "web did not stop in ");
}

#[test]
fn without_a_logger_rinits_own_lines_go_by_a_description_that_never_blocks() {
    let config = service("web", &acts(["say:up", "wait"]), "output = 'inherit'");
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("1 service running");
    let of = |folder: &str, fd: &str| format!("/proc/{}/{folder}/{fd}", rinit.pid());
    let stderr = std::fs::read_link(of("fd", "2")).unwrap();
    let flags = |fd: &str| {
        let text = std::fs::read_to_string(of("fdinfo", fd)).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("flags:"));
        i32::from_str_radix(line.unwrap().trim(), 8).unwrap()
    };
    let blocks = |fd: &str| flags(fd) & nix::libc::O_NONBLOCK == 0;
    let all = std::fs::read_dir(of("fd", "")).unwrap();
    let names = all.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let own = names.filter(|name| name != "1" && name != "2");
    let own: Vec<String> = own
        .filter(|name| std::fs::read_link(of("fd", name)).is_ok_and(|link| link == stderr))
        .collect();
    assert!(
        !own.is_empty() && own.iter().all(|fd| !blocks(fd)),
        "{own:?}"
    );
    assert!(blocks("2"), "services share that one");
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
}
