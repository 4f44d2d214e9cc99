//! Acts at the system's D-Bus: a service that has a name there, and a bus that is none.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// Where the bus is.
pub const BUS: &str = "/run/dbus/system_bus_socket";

/// The act: has a name, for as long as the result lives.
pub fn own_name(name: &str) -> UnixStream {
    let mut stream = UnixStream::connect(BUS).unwrap();
    // Credentials alone say who it is.
    stream
        .write_all(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")
        .unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut said = String::new();
    while !said.contains("OK ") {
        assert!(reader.read_line(&mut said).unwrap() > 0, "{said}");
    }
    let text = |text: &str| [&(text.len() as u32).to_le_bytes(), text.as_bytes(), b"\0"].concat();
    let even = |bytes: &mut Vec<u8>| bytes.resize(bytes.len().next_multiple_of(8), 0);
    let mut request = text(name);
    request.resize(request.len().next_multiple_of(4), 0);
    request.extend([0; 4]);
    for (serial, member, signature, body) in [
        (1u32, "Hello", "", Vec::new()),
        (2, "RequestName", "su", request),
    ] {
        let mut fields = Vec::new();
        for (code, kind, value) in [
            (1, b'o', "/org/freedesktop/DBus"),
            (6, b's', "org.freedesktop.DBus"),
            (3, b's', member),
        ] {
            even(&mut fields);
            fields.extend([code, 1, kind, 0]);
            fields.extend(text(value));
        }
        even(&mut fields);
        fields.extend([8, 1, b'g', 0, signature.len() as u8]);
        fields.extend([signature.as_bytes(), b"\0"].concat());
        let mut message = vec![b'l', 1, 0, 1];
        for number in [body.len() as u32, serial, fields.len() as u32] {
            message.extend(number.to_le_bytes());
        }
        message.extend(fields);
        even(&mut message);
        message.extend(body);
        stream.write_all(&message).unwrap();
    }
    stream
}

/// The act: takes one connection after the other, says the same to each and no more.
pub fn listen_and_say(words: &str) {
    std::fs::create_dir_all(Path::new(BUS).parent().unwrap()).unwrap();
    let listener = UnixListener::bind(BUS).unwrap();
    std::fs::write("listens", "").unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        // It may be gone.
        let _ = stream.write_all(words.replace("\\r\\n", "\r\n").as_bytes());
        let _ = stream.read_to_end(&mut Vec::new());
    }
}
