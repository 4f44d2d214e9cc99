//! What services do in these tests: this very executable, called with `%do` and a list of
//! acts, one after the other, as `service = acts(["say:hello", "wait"])` writes it. Every
//! service ends by itself at the end of its list.
#![allow(
    unsafe_code,
    reason = "forks, and the state before the runtime is what is looked at"
)]

use std::ffi::CString;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::fd::FromRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::process;
use std::time::Duration;

use nix::libc;
use nix::unistd::{ForkResult, execve, fork, setsid};
use rinit::core::signal::Signal;
use rinit::sys::signal::{self, SignalSet};

use crate::{bus_acts, served};

/// A TOML array that makes a service do these things. No act may hold a quote.
pub fn acts<'a>(list: impl IntoIterator<Item = &'a str>) -> String {
    let own = std::env::current_exe().unwrap();
    let mut text = format!("['{}', '%do'", own.display());
    for act in list {
        text.push_str(&format!(", '{act}'"));
    }
    text.push(']');
    text
}

#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = before_main;

extern "C" fn before_main() {
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() != Some("%do") {
        return;
    }
    let args: Vec<String> = args.collect();
    if args.iter().any(|act| act == "wait") {
        // It may come before its time.
        signal::set_mask(SignalSet::EMPTY.with(Signal::TERM));
    }
    let mut kept: Vec<Box<dyn std::any::Any>> = Vec::new();
    for act in args {
        let (verb, value) = act.split_once(':').unwrap_or((&act, ""));
        match verb {
            "say" => print(1, &format!("{value}\n")),
            "complain" => print(2, &format!("{value}\n")),
            "write" => print(1, value),
            "note" => note(value),
            "look-for" => println!("{value} is there: {}", std::path::Path::new(value).exists()),
            "count" => count(value.parse().unwrap()),
            "flood" => flood(value),
            "notify" => notify(&value.replace("\\n", "\n")),
            "line-on" => print(value.parse().unwrap(), "\n"),
            "listen" => kept.push(Box::new(TcpListener::bind(value).unwrap())),
            "serve" => served::serve(value.parse().unwrap()),
            "take" => served::take(value.parse().unwrap()),
            "tell-descriptors" => served::tell_descriptors(),
            "hostile" => kept.push(Box::new(hostile(value))),
            "flood-control" => flood_control(value),
            "ask" => ask(value),
            "ask-by-dbus" => ask_by_dbus(value),
            "ask-late" => ask_late(value),
            "crowd" => kept.push(Box::new(crowd(value))),
            "http" => http(value),
            "listen-unix" => kept.push(Box::new(UnixListener::bind(value).unwrap())),
            "own-name" => kept.push(Box::new(bus_acts::own_name(value))),
            "listen-and-say" => bus_acts::listen_and_say(value),
            "touch" => std::fs::write(value, "x").unwrap(),
            "await" => await_file(value),
            "ignore" => signal::set_disposition(
                Signal::new(value.parse().unwrap()).unwrap(),
                signal::Disposition::Ignored,
            ),
            "child" => child(value),
            "escape" => escape(value),
            "orphans" => orphans(value.parse().unwrap()),
            "reap-times" => reap_times(value.parse().unwrap()),
            "storm" => storm(value.parse().unwrap()),
            "wait" => wait(&[Signal::TERM]),
            "wait-any" => println!("got {}", any_signal()),
            "exit" => process::exit(value.parse().unwrap()),
            "die" => die(value.parse().unwrap()),
            _ => panic!("no act {act}"),
        }
    }
    process::exit(0)
}

/// All of it, by one call where that is possible.
fn print(fd: i32, text: &str) {
    // SAFETY: the descriptor is open, and stays so: the file is forgotten.
    let mut file = std::mem::ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(fd) });
    file.write_all(text.as_bytes()).unwrap();
}

/// Numbered lines, each by a call of its own.
fn count(lines: u32) {
    for number in 0..lines {
        print(1, &format!("line {number}\n"));
    }
}

/// A line in a file that all services share: what they print has no order among them.
fn note(text: &str) {
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open("notes")
        .unwrap();
    file.write_all(format!("{text}\n").as_bytes()).unwrap();
}

fn notify(message: &str) {
    let address = std::env::var("NOTIFY_SOCKET").unwrap();
    let socket = UnixDatagram::unbound().unwrap();
    let message = message.replace("SELF", &process::id().to_string());
    match address.strip_prefix('@') {
        Some(name) => {
            let address = SocketAddr::from_abstract_name(name).unwrap();
            socket.send_to_addr(message.as_bytes(), &address).unwrap()
        }
        None => socket.send_to(message.as_bytes(), address).unwrap(),
    };
}

/// Rubbish and good words at the socket of another service, with as many descriptors as
/// fit, as fast as it takes them. Until a signal.
fn flood(address: &str) {
    use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};
    use std::os::fd::AsRawFd;
    await_file(address);
    let address = std::fs::read_to_string(address).unwrap();
    let address = address.trim();
    let address = match address.strip_prefix('@') {
        Some(name) => UnixAddr::new_abstract(name.as_bytes()),
        None => UnixAddr::new(address),
    };
    let socket = UnixDatagram::unbound().unwrap();
    let null = std::fs::File::open("/dev/null").unwrap();
    let many = [null.as_raw_fd(); 253];
    let rights = [ControlMessage::ScmRights(&many)];
    let rubbish = [b'='; 8000];
    let messages: [&[u8]; 4] = [
        &rubbish,
        b"FDSTORE=1",
        b"READY=1\nMAINPID=1\nSTATUS=\xff",
        b"",
    ];
    println!("floods");
    for message in messages.iter().cycle() {
        let parts = [std::io::IoSlice::new(message)];
        let flags = MsgFlags::empty();
        // A message of none is refused, as are too many in flight.
        let _ = sendmsg(
            socket.as_raw_fd(),
            &parts,
            &rights,
            flags,
            address.as_ref().ok(),
        );
    }
}

/// Answers every request with the file `answer`, its status line first; without the file
/// with 503. Until SIGTERM.
fn http(address: &str) {
    use std::io::Read;
    let listener = TcpListener::bind(address).unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut request = [0u8; 1024];
        let Ok(count) = stream.read(&mut request) else {
            continue;
        };
        let text = String::from_utf8_lossy(&request[..count]).into_owned();
        note(text.lines().next().unwrap_or_default());
        let answer = std::fs::read_to_string("answer").unwrap_or_else(|_| "503 Busy".to_owned());
        let (status, body) = answer.split_once('\n').unwrap_or((&answer, ""));
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\n\r\n{body}"
        );
    }
}

/// The test's own wait: until it makes the file.
fn await_file(path: &str) {
    while !std::path::Path::new(path).exists() {
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A child that does one act, written with `=` for `:`, and waits for SIGTERM.
fn child(act: &str) {
    exec_in_fork(&[&act.replacen('=', ":", 1), "wait"], false);
}

/// Away from the service: a double fork, a session of its own, no environment left; and
/// `deaf` to SIGTERM if that is the value.
fn escape(how: &str) {
    let acts: &[&str] = if how == "deaf" {
        &["ignore:15", "touch:escaped", "await:never"]
    } else {
        &["touch:escaped", "wait", "touch:asked"]
    };
    // SAFETY: one thread.
    match unsafe { fork() }.unwrap() {
        ForkResult::Parent { child } => reap(child.as_raw()),
        ForkResult::Child => {
            setsid().unwrap();
            exec_in_fork(acts, true);
            // SAFETY: no pointers.
            unsafe { libc::_exit(0) }
        }
    }
    await_file("escaped");
}

fn exec_in_fork(acts: &[&str], bare: bool) {
    // SAFETY: one thread.
    if let ForkResult::Child = unsafe { fork() }.unwrap() {
        let own = CString::new("/proc/self/exe").unwrap();
        let words = ["escaped", "%do"].iter().chain(acts);
        let words: Vec<CString> = words.map(|word| CString::new(*word).unwrap()).collect();
        let environment: Vec<CString> = std::env::vars()
            .filter(|_| !bare)
            .map(|(name, value)| CString::new(format!("{name}={value}")).unwrap())
            .collect();
        let _ = execve(&own, &words, &environment);
        // Without /proc there is no such link.
        let own = CString::new(std::env::args().next().unwrap()).unwrap();
        let error = execve(&own, &words, &environment);
        panic!("{error:?}");
    }
}

/// Connections to a control socket that say nothing, say half, say rubbish, or never read.
fn hostile(path: &str) -> Vec<UnixStream> {
    await_file(path);
    let clients = (0..300).map(|number| {
        let mut stream = UnixStream::connect(path).unwrap();
        stream.set_nonblocking(true).unwrap();
        // One that was thrown out already can't be written to.
        let _ = match number % 4 {
            0 => Ok(0),
            1 => stream.write(b"{\"verb\":"),
            2 => stream.write(&[0xff; 10_000]),
            _ => stream.write("{\"verb\":\"version\"}\n".repeat(400).as_bytes()),
        };
        stream
    });
    clients.collect()
}

/// Prints what a control socket answers to four lines, of which the first is right.
fn ask(path: &str) {
    await_file(path);
    let mut stream = UnixStream::connect(path).unwrap();
    let lines: &[&[u8]] = &[
        b"{\"verb\":\"version\"}\n",
        b"\n",
        b"\xff\x00[[[[\n",
        b"{\"verb\":\"frobnicate\"}\n",
    ];
    for line in lines {
        stream.write_all(line).unwrap();
    }
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    std::io::copy(&mut stream, &mut std::io::stdout()).unwrap();
}

/// As systemd's own systemctl begins; what it hears until somebody hangs up.
fn ask_by_dbus(path: &str) {
    await_file(path);
    let mut stream = UnixStream::connect(path).unwrap();
    stream.write_all(b"\0AUTH EXTERNAL 30\r\n").unwrap();
    let mut heard = Vec::new();
    let end = stream.read_to_end(&mut heard);
    let reset = end.is_ok() || end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset);
    println!("heard {}, hung up {reset}", heard.len());
}

/// Comes before the crowd, and asks when it is there.
fn ask_late(path: &str) {
    let mut stream = UnixStream::connect(path).unwrap();
    std::fs::write("come", "x").unwrap();
    await_file("crowded");
    stream.write_all(b"{\"verb\":\"version\"}\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    std::io::copy(&mut stream, &mut std::io::stdout()).unwrap();
}

/// More clients than there is room for, each of which waits for an answer, until half of
/// them were let go.
fn crowd(path: &str) -> Vec<UnixStream> {
    use std::io::Read;
    await_file("come");
    let client = |_| {
        let mut stream = UnixStream::connect(path).unwrap();
        let line = b"{\"verb\":\"wait\",\"names\":[\"*\"],\"for\":\"killing\"}\n";
        stream.write_all(line).unwrap();
        stream
    };
    let mut all: Vec<UnixStream> = (0..200).map(client).collect();
    let left = |stream: &mut UnixStream| {
        stream.set_nonblocking(true).unwrap();
        let read = stream.read(&mut [0; 512]);
        read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    };
    while all.iter_mut().map(left).filter(|left| *left).count() > 100 {
        std::thread::sleep(Duration::from_millis(2));
    }
    std::fs::write("crowded", "x").unwrap();
    all
}

/// So many orphans by double forks, one after the other; says each thousand.
fn storm(count: u64) {
    for number in 1..=count {
        // SAFETY: one thread.
        if let ForkResult::Child = unsafe { fork() }.unwrap() {
            // SAFETY: one thread.
            let _ = unsafe { fork() };
            // SAFETY: no pointers.
            unsafe { libc::_exit(0) }
        }
        // SAFETY: no status is asked for.
        unsafe { libc::wait(std::ptr::null_mut()) };
        if number % 1000 == 0 {
            println!("orphans {number}");
        }
    }
}

/// So many orphans, which all end at one moment.
fn orphans(count: usize) {
    let (reader, writer) = nix::unistd::pipe().unwrap();
    // SAFETY: one thread.
    if let ForkResult::Child = unsafe { fork() }.unwrap() {
        drop(writer);
        for _ in 0..count {
            // SAFETY: one thread.
            if let ForkResult::Child = unsafe { fork() }.unwrap() {
                let _ = nix::unistd::read(&reader, &mut [0]);
                // SAFETY: no pointers.
                unsafe { libc::_exit(0) }
            }
        }
        // SAFETY: no pointers.
        unsafe { libc::_exit(0) }
    }
    drop(reader);
    // SAFETY: no status is asked for.
    unsafe { libc::wait(std::ptr::null_mut()) };
    println!("orphans stand");
    await_file("go");
    drop(writer);
}

/// How long after their end so many orphans, one after the other, were still there.
fn reap_times(count: usize) {
    let mut times = Vec::new();
    for _ in 0..count {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        // SAFETY: one thread.
        match unsafe { fork() }.unwrap() {
            ForkResult::Parent { child } => reap(child.as_raw()),
            ForkResult::Child => {
                // SAFETY: one thread.
                if let ForkResult::Child = unsafe { fork() }.unwrap() {
                    // Its parent is gone by then, or is a zombie that nobody asks for.
                    std::thread::sleep(Duration::from_millis(2));
                    let own = process::id().to_ne_bytes();
                    nix::unistd::write(&writer, &own).unwrap();
                }
                // SAFETY: no pointers.
                unsafe { libc::_exit(0) }
            }
        }
        drop(writer);
        let mut orphan = [0; 4];
        nix::unistd::read(&reader, &mut orphan).unwrap();
        // Its end closes the pipe.
        assert_eq!(nix::unistd::read(&reader, &mut [0]), Ok(0));
        let began = std::time::Instant::now();
        let pid = nix::unistd::Pid::from_raw(i32::from_ne_bytes(orphan));
        while nix::sys::signal::kill(pid, None).is_ok() {
            std::thread::sleep(Duration::from_micros(200));
        }
        times.push(began.elapsed().as_micros());
    }
    times.sort_unstable();
    // Of a busy machine's own delays there may be one in a hundred.
    println!(
        "reaped within {} us, 99 % of them within {} us",
        times[count - 1],
        times[count - 1 - count / 100]
    );
}

fn reap(pid: i32) {
    // SAFETY: no status is asked for.
    unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
}

fn wait(signals: &[Signal]) {
    let set = signals
        .iter()
        .fold(SignalSet::EMPTY, |set, signal| set.with(*signal));
    signal::set_mask(set);
    while signal::wait(set, None).is_err() {}
}

fn any_signal() -> u8 {
    signal::set_mask(SignalSet::ALL);
    println!("waiting");
    loop {
        match signal::wait(SignalSet::ALL, None) {
            // CONT goes along with every stop signal.
            Ok(received) if received.signal != Signal::CONT => return received.signal.number(),
            Ok(_) | Err(_) => {}
        }
    }
}

fn die(number: i32) {
    let no_core = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: a valid limit.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const no_core) };
    let signal = Signal::new(number).unwrap();
    signal::set_disposition(signal, signal::Disposition::Default);
    signal::set_mask(SignalSet::EMPTY);
    let _ = signal::kill(rinit::sys::process::own_pid(), signal);
}

/// Rubbish, half requests, and questions whose answers nobody takes, from two thousand
/// connections, of which a hundred stand at a time.
fn flood_control(path: &str) {
    let mut standing = std::collections::VecDeque::new();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..2000_usize {
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        let Ok(mut stream) = UnixStream::connect(path) else {
            continue;
        };
        stream.set_nonblocking(true).unwrap();
        let bytes: Vec<u8> = match round % 4 {
            0 => (0..next() % 6000)
                .map(|_| next().to_le_bytes()[0])
                .collect(),
            1 => b"{\"verb\":\"status\"}\n".repeat(200),
            2 => b"{\"verb\":\"why\",\"names\":[\"*\"".to_vec(),
            _ => b"{\"verb\":\"wait\",\"names\":[\"*\"],\"for\":\"killing\"}\n".to_vec(),
        };
        let _ = stream.write(&bytes);
        standing.push_back(stream);
        if standing.len() > 100 {
            standing.pop_front();
        }
    }
}
