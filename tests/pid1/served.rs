//! What services do with sockets that they are given, as acts of `acts`.
#![allow(unsafe_code, reason = "descriptors that come by their numbers")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::fd::FromRawFd;
use std::os::unix::net::UnixDatagram;

/// Prints what is told of descriptors, and which are there.
pub fn tell_descriptors() {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let mine = variable("LISTEN_PID") == std::process::id().to_string();
    println!(
        "given {} ({}) by name, mine: {mine}",
        variable("LISTEN_FDS"),
        variable("LISTEN_FDNAMES")
    );
    let open = |fd: &i32| std::fs::read_link(format!("/proc/self/fd/{fd}")).is_ok();
    let sockets: Vec<i32> = (3..256).filter(open).collect();
    println!("open {sockets:?}");
}

/// Answers one connection at this descriptor with the line that came.
pub fn serve(fd: i32) {
    // SAFETY: nobody else here uses it; whatever family it has, accept, read and write are
    // the same.
    let listener = std::mem::ManuallyDrop::new(unsafe { TcpListener::from_raw_fd(fd) });
    // SAFETY: as above; the address is not asked for.
    let accepted = unsafe {
        nix::libc::accept(
            std::os::fd::AsRawFd::as_raw_fd(&*listener),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        )
    };
    assert!(accepted >= 0, "accept at {fd}");
    // SAFETY: it was just made.
    let mut stream = unsafe { std::fs::File::from_raw_fd(accepted) };
    let mut line = String::new();
    BufReader::new(&mut stream).read_line(&mut line).unwrap();
    write!(stream, "served {line}").unwrap();
}

/// Prints one datagram that comes at this descriptor.
pub fn take(fd: i32) {
    // SAFETY: nobody else here uses it.
    let socket = std::mem::ManuallyDrop::new(unsafe { UnixDatagram::from_raw_fd(fd) });
    let mut buffer = [0; 256];
    let length = socket.recv(&mut buffer).unwrap();
    println!("took {}", String::from_utf8_lossy(&buffer[..length]));
}
