//! What rinit runs in these tests, and what puts it into its namespaces: this very
//! executable, called with `@NAME` as its first argument. It is entered before Rust's
//! runtime and the test runner, with one thread and with the signals as inherited.
#![allow(
    unsafe_code,
    reason = "the state before the runtime is what is looked at"
)]

use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{
    ForkResult, Pid as Process, execv, fork, getgid, getuid, setgroups, setpgid, setresgid,
    setresuid, setsid,
};
use rinit::core::exit::Exit;
use rinit::core::id::Pid;
use rinit::core::signal::Signal;
use rinit::sys::reap::{self, Change, Found, Look};
use rinit::sys::signal::{self, Disposition, SignalSet};

#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = before_main;

extern "C" fn before_main() {
    let mut args = std::env::args_os().skip(1);
    let Some(first) = args.next().and_then(|word| word.into_string().ok()) else {
        return;
    };
    let Some(name) = first.strip_prefix('@') else {
        return;
    };
    let args: Vec<Vec<u8>> = args.map(OsStringExt::into_vec).collect();
    let word = |index: usize| String::from_utf8(args[index].clone()).unwrap();
    match name {
        "enter" => enter(&args),
        "collect" => collect(&word(0)),
        "die" => die(word(0).parse().unwrap()),
        "orphans" => orphans(word(0).parse().unwrap()),
        "storm" => storm(Duration::from_secs(word(0).parse().unwrap())),
        "zombie" => zombie(),
        "leaver" => leaver(),
        "foreground" => say_foreground(),
        _ => panic!("no program {name}"),
    }
    process::exit(0)
}

fn number(signal: i32) -> Signal {
    Signal::new(signal).unwrap()
}

/// Prints every signal that comes, with its value, until one of this number came.
fn collect(last: &str) {
    let last: u8 = last.parse().unwrap();
    signal::set_mask(SignalSet::ALL);
    println!("ready");
    loop {
        let Ok(received) = signal::wait(SignalSet::ALL, None) else {
            continue;
        };
        let value = received
            .value()
            .map_or("-".to_owned(), |value| value.to_string());
        println!("signal {} value {value}", received.signal.number());
        if received.signal.number() == last {
            return;
        }
    }
}

/// Dies of a signal, whatever its disposition was.
fn die(signal: i32) {
    let no_core = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: a valid limit.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const no_core) };
    signal::set_disposition(number(signal), Disposition::Default);
    signal::set_mask(SignalSet::EMPTY);
    let _ = signal::kill(rinit::sys::process::own_pid(), number(signal));
}

/// Makes orphans that all end at the same moment; then waits for SIGTERM.
fn orphans(count: usize) {
    signal::set_mask(SignalSet::ALL);
    let (reader, writer) = nix::unistd::pipe().unwrap();
    // SAFETY: one thread.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            drop(writer);
            for _ in 0..count {
                // SAFETY: one thread.
                if let ForkResult::Child = unsafe { fork() }.unwrap() {
                    let _ = nix::unistd::read(&reader, &mut [0]);
                    // SAFETY: no pointers.
                    unsafe { libc::_exit(0) };
                }
            }
            process::exit(0)
        }
        ForkResult::Parent { child } => {
            drop(reader);
            reap_one(child);
            println!("orphans stand");
            wait_for(Signal::new(10).unwrap());
            drop(writer);
            println!("orphans end");
            wait_for(Signal::TERM);
        }
    }
}

/// Double forks for a while; then waits for SIGTERM.
fn storm(time: Duration) {
    signal::set_mask(SignalSet::ALL);
    let end = Instant::now() + time;
    let mut count = 0;
    while Instant::now() < end {
        // SAFETY: one thread.
        match unsafe { fork() }.unwrap() {
            ForkResult::Child => {
                // SAFETY: one thread; the grandchild ends as its parent does.
                let _ = unsafe { fork() };
                // SAFETY: no pointers.
                unsafe { libc::_exit(0) };
            }
            ForkResult::Parent { child } => reap_one(child),
        }
        count += 1;
    }
    println!("storm over after {count}");
    wait_for(Signal::TERM);
}

/// Has a child that leaves a zombie standing; an orphan ends after it, at SIGUSR1.
fn zombie() {
    signal::set_mask(SignalSet::ALL);
    // SAFETY: one thread.
    if let ForkResult::Child = unsafe { fork() }.unwrap() {
        // SAFETY: one thread.
        match unsafe { fork() }.unwrap() {
            ForkResult::Child => process::exit(0),
            ForkResult::Parent { .. } => {
                // Its end is seen, but not reaped.
                wait_for(Signal::CHLD);
                println!("zombie stands");
                wait_for(Signal::TERM);
            }
        }
    }
    wait_for(number(10));
    // SAFETY: one thread.
    if let ForkResult::Child = unsafe { fork() }.unwrap() {
        // SAFETY: one thread.
        let _ = unsafe { fork() };
        process::exit(0);
    }
    wait_for(Signal::TERM);
}

/// Leaves a process behind that answers SIGTERM with a line.
fn leaver() {
    signal::set_mask(SignalSet::ALL);
    // SAFETY: one thread.
    if let ForkResult::Child = unsafe { fork() }.unwrap() {
        wait_for(Signal::TERM);
        println!("left in order");
        process::exit(0);
    }
}

/// Whether its group has the terminal.
fn say_foreground() {
    let group = nix::unistd::tcgetpgrp(std::io::stdin()).ok();
    println!("foreground {}", group == Some(nix::unistd::getpgrp()));
}

fn wait_for(wanted: Signal) {
    loop {
        match signal::wait(SignalSet::ALL, None) {
            Ok(received) if received.signal == wanted => return,
            Ok(_) | Err(_) => {}
        }
    }
}

fn reap_one(child: Process) {
    // SAFETY: no status is asked for.
    unsafe { libc::waitpid(child.as_raw(), std::ptr::null_mut(), 0) };
}

/// `sigqueue(3)`, for all 64.
pub fn queue(pid: i32, signal: i32, value: i32) {
    #[repr(C)]
    struct Info {
        number: i32,
        errno: i32,
        code: i32,
        padding: i32,
        pid: i32,
        uid: u32,
        value: i64,
        rest: [u64; 12],
    }
    let info = Info {
        number: signal,
        errno: 0,
        code: libc::SI_QUEUE,
        padding: 0,
        pid: i32::try_from(process::id()).unwrap(),
        uid: getuid().as_raw(),
        value: value.into(),
        rest: [0; 12],
    };
    // SAFETY: a whole siginfo_t of the kernel's layout.
    let result = unsafe { libc::syscall(libc::SYS_rt_sigqueueinfo, pid, signal, &raw const info) };
    assert_eq!(result, 0, "sigqueue {signal} to {pid}");
}

// What follows makes the namespaces.

/// `@enter FOLDER SETUP… -- BINARY ARGV…`: waits for rinit and writes how it ended.
fn enter(args: &[Vec<u8>]) {
    let split = args.iter().position(|word| word == b"--").unwrap();
    let text = |word: &Vec<u8>| String::from_utf8(word.clone()).unwrap();
    let folder = text(&args[0]);
    let setup: Vec<String> = args[1..split].iter().map(text).collect();
    let has = |name: &str| setup.iter().any(|word| word == name);
    let words: Vec<CString> = args[split + 1..]
        .iter()
        .map(|word| CString::new(word.clone()).unwrap())
        .collect();

    make_namespaces();
    // rinit waits until its number is known: it may be quick.
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).unwrap();
    let stands_between = has("NotPid1") || has("Background");
    let tree = crate::own_tree::of(Path::new(&folder), &has);
    // SAFETY: one thread.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            drop(writer);
            tree.iter().for_each(|tree| tree.enter(&has));
            if has("TerminationLog") {
                give_termination_log(Path::new(&folder));
            } else if has("OwnUnits") {
                // What rinit makes in /dev is not this machine's.
                give_devices(Path::new(&folder));
            }
            prepare_world(Path::new(&folder), has("NoProc"), has("ReadOnly"));
            tree.iter().for_each(crate::own_tree::Tree::show);
            if has("OwnCgroup") {
                let nothing: Option<&str> = None;
                let own = Path::new(&folder).join("cgroup");
                mount(
                    Some(&own),
                    "/sys/fs/cgroup",
                    nothing,
                    MsFlags::MS_BIND,
                    nothing,
                )
                .unwrap();
            }
            if has("OwnUnits") {
                let nothing: Option<&str> = None;
                let own = Path::new(&folder).join("units");
                let place = Path::new("/run/systemd/system");
                fs::create_dir_all(place).unwrap();
                mount(Some(&own), place, nothing, MsFlags::MS_BIND, nothing).unwrap();
                let own = Path::new(&folder).join("var-lib");
                fs::create_dir_all(&own).unwrap();
                mount(Some(&own), "/var/lib", nothing, MsFlags::MS_BIND, nothing).unwrap();
                // This machine's own aren't the test's.
                let none = Path::new(&folder).join("no-units");
                fs::create_dir_all(&none).unwrap();
                for others in [
                    "/etc/systemd/system",
                    "/usr/local/lib/systemd/system",
                    "/usr/lib/systemd/system",
                    "/etc/systemd/system-generators",
                    "/usr/local/lib/systemd/system-generators",
                    "/usr/lib/systemd/system-generators",
                    "/etc/init.d",
                    "/etc/rc2.d",
                    "/etc/rc3.d",
                    "/etc/rc4.d",
                    "/etc/rc5.d",
                ] {
                    if Path::new(others).is_dir() {
                        mount(Some(&none), others, nothing, MsFlags::MS_BIND, nothing).unwrap();
                    }
                }
                for scripts in ["init.d", "rc3.d"] {
                    let own = Path::new(&folder).join(scripts);
                    let place = Path::new("/etc").join(scripts);
                    if own.exists() {
                        assert!(place.is_dir(), "this test needs a folder {place:?}");
                        mount(Some(&own), &place, nothing, MsFlags::MS_BIND, nothing).unwrap();
                    }
                }
                let own = Path::new(&folder).join("generators");
                if own.exists() {
                    let place = Path::new("/run/systemd/system-generators");
                    fs::create_dir_all(place).unwrap();
                    mount(Some(&own), place, nothing, MsFlags::MS_BIND, nothing).unwrap();
                }
                hide_the_machines_snippets();
                let own = Path::new(&folder).join("tmpfiles.d");
                if own.exists() {
                    let place = Path::new("/run/tmpfiles.d");
                    fs::create_dir_all(place).unwrap();
                    mount(Some(&own), place, nothing, MsFlags::MS_BIND, nothing).unwrap();
                }
            }
            if has("Terminal") || has("Background") {
                setsid().unwrap();
                // SAFETY: TIOCSCTTY takes a number.
                let taken = unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) };
                assert_eq!(taken, 0, "no controlling terminal");
            }
            if stands_between {
                stand_between(Path::new(&folder), &has, &words, &reader);
            }
            become_rinit(&has, &words, &reader)
        }
        ForkResult::Parent { child } => {
            let pid = if stands_between {
                only_child_of(child.as_raw())
            } else {
                child.as_raw()
            };
            write_number(&folder, ".pid", pid);
            write_number(&folder, ".init", child.as_raw());
            drop(writer);
            // Who waits for the end of this stream waits for rinit alone.
            let _ = nix::unistd::close(0);
            let exit = wait_for_end(Pid(child.as_raw()));
            tree.iter().for_each(|tree| tree.clear(Path::new(&folder)));
            if !stands_between {
                write_status(&folder, exit);
            }
            process::exit(0)
        }
    }
}

fn make_namespaces() {
    let (user, group) = (getuid(), getgid());
    let mut flags = CloneFlags::CLONE_NEWPID;
    if !user.is_root() {
        flags |= CloneFlags::CLONE_NEWUSER;
    }
    unshare(flags).expect("these tests need root, or a kernel that gives users namespaces");
    if !user.is_root() {
        fs::write("/proc/self/setgroups", "deny").unwrap();
        fs::write("/proc/self/uid_map", format!("0 {user} 1")).unwrap();
        fs::write("/proc/self/gid_map", format!("0 {group} 1")).unwrap();
    }
}

/// What the machine's packages ask for is not to be made by a test.
fn hide_the_machines_snippets() {
    for folder in ["/etc", "/usr/local/lib", "/usr/lib"] {
        for kind in ["tmpfiles.d", "sysusers.d"] {
            let place = Path::new(folder).join(kind);
            if place.exists() {
                let nothing: Option<&str> = None;
                mount(
                    Some("none"),
                    &place,
                    Some("tmpfs"),
                    MsFlags::empty(),
                    nothing,
                )
                .unwrap();
            }
        }
    }
}

fn prepare_world(folder: &Path, no_proc: bool, read_only: bool) {
    let nothing: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(
        nothing,
        "/",
        nothing,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        nothing,
    )
    .unwrap();
    let kind = if no_proc { "tmpfs" } else { "proc" };
    mount(Some(kind), "/proc", Some(kind), MsFlags::empty(), nothing).unwrap();
    mount(
        Some("tmpfs"),
        "/run",
        Some("tmpfs"),
        MsFlags::empty(),
        Some("mode=0755"),
    )
    .unwrap();
    if read_only {
        let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
        mount(Some(folder), folder, nothing, flags, nothing).unwrap();
        let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        for place in ["/", "/run", "/proc"] {
            mount(nothing, place, nothing, flags, nothing).unwrap();
        }
    }
    // The old folder is under what was just mounted.
    std::env::set_current_dir(folder).unwrap();
}

/// As Kubernetes mounts it: a file in /dev, which is `termination-log` in the test's folder.
fn give_termination_log(folder: &Path) {
    give_devices(folder);
    let log = folder.join("termination-log");
    fs::write(&log, "").unwrap();
    bind_device(&log, Path::new("/dev/termination-log"));
}

/// A /dev of its own, with no more than the usual devices.
fn give_devices(folder: &Path) {
    let nothing: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(nothing, "/", nothing, private, nothing).unwrap();
    let dev = folder.join("dev");
    fs::create_dir(&dev).unwrap();
    mount(
        Some("tmpfs"),
        &dev,
        Some("tmpfs"),
        MsFlags::empty(),
        nothing,
    )
    .unwrap();
    for name in ["null", "zero", "urandom", "tty"] {
        bind_device(&Path::new("/dev").join(name), &dev.join(name));
    }
    for (name, number) in [("fd", ""), ("stdin", "0"), ("stdout", "1"), ("stderr", "2")] {
        std::os::unix::fs::symlink(format!("/proc/self/fd/{number}"), dev.join(name)).unwrap();
    }
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(&dev), "/dev", nothing, flags, nothing).unwrap();
}

fn bind_device(from: &Path, to: &Path) {
    let nothing: Option<&str> = None;
    fs::write(to, "").unwrap();
    mount(Some(from), to, nothing, MsFlags::MS_BIND, nothing).unwrap();
}

/// As PID 1: starts rinit as a child, reaps, and leaves when it has ended.
fn stand_between(folder: &Path, has: &dyn Fn(&str) -> bool, words: &[CString], start: &OwnedFd) {
    // SAFETY: one thread.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            let _ = setpgid(Process::from_raw(0), Process::from_raw(0));
            if has("Foreground") {
                signal::set_mask(SignalSet::ALL);
                nix::unistd::tcsetpgrp(std::io::stdin(), nix::unistd::getpgrp()).unwrap();
            }
            become_rinit(has, words, start)
        }
        ForkResult::Parent { child } => {
            let _ = nix::unistd::close(0);
            let exit = wait_for_end(Pid(child.as_raw()));
            write_status(&folder.to_string_lossy(), exit);
            process::exit(0)
        }
    }
}

fn become_rinit(has: &dyn Fn(&str) -> bool, words: &[CString], start: &OwnedFd) -> ! {
    let _ = nix::unistd::read(start, &mut [0]);
    let mut mask = SignalSet::EMPTY;
    // Whatever the test runner was started with.
    signal::set_dispositions(SignalSet::EMPTY);
    if has("ChldIgnored") {
        signal::set_disposition(Signal::CHLD, Disposition::Ignored);
    }
    if has("OddSignals") {
        for signal in [1, 2, 13, 22, 32, 33, 40] {
            signal::set_disposition(number(signal), Disposition::Ignored);
        }
        for signal in [10, 15, 41] {
            mask = mask.with(number(signal));
        }
    }
    if has("AllBlocked") {
        mask = SignalSet::ALL.without(Signal::WINCH);
    }
    if has("Lowly") {
        fs::write("/proc/self/oom_score_adj", "500").unwrap();
        // SAFETY: numbers.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 15) };
    }
    if has("NoCapabilities") {
        drop_capabilities();
    }
    if has("NoSharedClone") {
        refuse_shared_clones();
    }
    for (world, errno) in [("OldKernel", libc::ENOSYS), ("OldEngine", libc::EPERM)] {
        if has(world) {
            refuse_later_calls(errno);
        }
    }
    if has("User") {
        setgroups(&[]).unwrap();
        setresgid(12345.into(), 12345.into(), 12345.into()).unwrap();
        setresuid(12345.into(), 12345.into(), 12345.into()).unwrap();
    }
    if has("NoSignal") {
        refuse_usr1();
    }
    if has("StdinIsFive") {
        // SAFETY: nobody has descriptor 5.
        unsafe { libc::dup2(0, 5) };
        // Later, or it could be 5 itself where the tester left one open.
        let null = fs::File::open("/dev/null").unwrap();
        // SAFETY: nobody uses standard input any more.
        unsafe { libc::dup2(null.as_raw_fd(), 0) };
    }
    if has("Closed") {
        for fd in 0..3 {
            // SAFETY: nobody uses it any more.
            unsafe { libc::close(fd) };
        }
    }
    signal::set_mask(mask);
    let error = execv(&words[0], &words[1..]);
    panic!("exec {:?}: {error:?}", words[0]);
}

/// A filter as old engines have it: EPERM for what they don't know.
fn refuse_shared_clones() {
    const NO_BIT_OF_IT: u16 = 0x45;
    let shares = u32::try_from(libc::CLONE_VM).unwrap();
    refuse(libc::SYS_clone, 0, (NO_BIT_OF_IT, shares));
}

/// The refusal that a command which became another user brings: it may not be signalled.
fn refuse_usr1() {
    const IS_NOT: u16 = 0x15;
    refuse(
        libc::SYS_kill,
        1,
        (IS_NOT, u32::try_from(libc::SIGUSR1).unwrap()),
    );
}

/// From now on EPERM for this call, if the test of this argument says so.
fn refuse(call: libc::c_long, argument: u32, (test, with): (u16, u32)) {
    let load = |offset| (0x20, 0, 0, offset);
    let refusal = libc::SECCOMP_RET_ERRNO | u32::try_from(libc::EPERM).unwrap();
    let instructions = [
        load(0),
        (0x15, 0, 3, u32::try_from(call).unwrap()), // another call: allow
        load(16 + 8 * argument),
        (test, 0, 1, with), // the test fails: allow
        (0x06, 0, 0, refusal),
        (0x06, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    filter(&instructions);
}

/// From now on this for all that Linux 3.10 didn't have.
fn refuse_later_calls(errno: i32) {
    let first = u32::try_from(libc::SYS_sched_setattr).unwrap();
    let refusal = libc::SECCOMP_RET_ERRNO | u32::try_from(errno).unwrap();
    filter(&[
        (0x20, 0, 0, 0),
        (0x35, 0, 1, first), // below: allow
        (0x06, 0, 0, refusal),
        (0x06, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]);
}

fn filter(instructions: &[(u16, u8, u8, u32)]) {
    let filter = instructions.iter();
    let mut filter: Vec<_> = filter
        .map(|&(code, jt, jf, k)| libc::sock_filter { code, jt, jf, k })
        .collect();
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).unwrap(),
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: numbers.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    // SAFETY: a whole program of so many instructions.
    let set = unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const program,
        )
    };
    assert_eq!(set, 0, "these tests need seccomp");
}

fn drop_capabilities() {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    let header = Header {
        version: 0x2008_0522,
        pid: 0,
    };
    let none = [0u32; 6];
    // SAFETY: numbers.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    for capability in 0..64 {
        // SAFETY: numbers.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
    }
    // SAFETY: version 3 has two times three words.
    unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) };
}

fn wait_for_end(wanted: Pid) -> Exit {
    signal::set_mask(SignalSet::EMPTY.with(Signal::CHLD));
    loop {
        match reap::next(Look::Ended) {
            Found::Child(pid, Change::Ended(exit)) if pid == wanted => return exit,
            Found::Child(..) => {}
            Found::Nothing => {
                let _ = signal::wait(SignalSet::EMPTY.with(Signal::CHLD), None);
            }
            Found::NoChildren => panic!("{wanted:?} vanished"),
        }
    }
}

fn only_child_of(pid: i32) -> i32 {
    let path = format!("/proc/{pid}/task/{pid}/children");
    loop {
        let text = fs::read_to_string(&path).unwrap_or_default();
        if let Some(child) = text.split_whitespace().next() {
            return child.parse().unwrap();
        }
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        if status.contains("State:\tZ") {
            // Both have come and gone; who it was doesn't matter any more.
            return pid;
        }
        std::thread::yield_now();
    }
}

fn write_number(folder: &str, name: &str, number: i32) {
    fs::write(format!("{folder}/{name}"), format!("{number}\n")).unwrap();
}

fn write_status(folder: &str, exit: Exit) {
    let text = match exit {
        Exit::Code(code) => format!("exited {code}\n"),
        Exit::Signal(_) | Exit::OutOfMemory | Exit::Unknown => {
            format!("killed {}\n", exit.code() - 128)
        }
    };
    let _ = std::io::stdout().flush();
    fs::write(format!("{folder}/.status"), text).unwrap();
}
