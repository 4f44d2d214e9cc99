//! What a child on the full road puts on its standard streams in the place of rinit's own:
//! files, a terminal, a text, sockets (StandardInput= and kin of units). As systemd does, for
//! each command anew.

use std::fs::{File, OpenOptions};
use std::io::{Error, Seek, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::rc::Rc;
use std::time::Duration;

use nix::sys::memfd::{MFdFlags, memfd_create};

use super::full::{EIO, Full, failed};
use crate::core::exec::Words;
use crate::core::quoting::unprinted;
use crate::core::sandbox::{has, last};
use crate::sys::spawn::{Failure, Step};
use crate::sys::{fd, process, tty};

const KEYS: [&str; 3] = ["StandardInput", "StandardOutput", "StandardError"];
/// How often whoever waits for a terminal looks whether it is free.
const PAUSE: Duration = Duration::from_millis(200);

/// Whether one of them is a terminal by itself.
pub(super) fn has_terminal(words: &Words) -> bool {
    last(words, "StandardInput").is_some_and(|value| value.starts_with("tty"))
}

/// What each of them is to be, by its place. `uid`: who the child becomes.
pub(super) fn files(
    full: &Full<'_>,
    words: &Words,
    uid: Option<u32>,
) -> Result<Vec<(usize, Rc<File>)>, Failure> {
    // What a probe says is for nobody, and takes nothing out of a log.
    let [input, output, _] = full.wires.standard.map(|fd| fd.as_raw_fd());
    let most = if input == output { 1 } else { KEYS.len() };
    let mut all = Vec::new();
    let mut before = ("", None);
    for (place, key) in KEYS.into_iter().enumerate().take(most) {
        let Some(value) = last(words, key) else {
            continue;
        };
        let file = match before {
            // They write where the other one has come to, or to the terminal that is read.
            (same, Some(file)) if place > 0 && (same == value || is_terminal(same, value)) => {
                Some(file)
            }
            _ => one(full, words, place, value, uid).map_err(|error| {
                let errno = error.raw_os_error().unwrap_or(EIO);
                let path = match value.starts_with("tty") {
                    true => format!(": {}", terminal(words)),
                    false => String::new(),
                };
                failed(Step::Variable, errno, &format!("{key}={value}{path}"))
            })?,
        };
        if let Some(file) = &file {
            all.push((place, Rc::clone(file)));
        }
        before = (value, file);
    }
    Ok(all)
}

fn is_terminal(input: &str, output: &str) -> bool {
    output == "tty" && input.starts_with("tty")
}

/// `None` where it stays as rinit has it.
fn one(
    full: &Full<'_>,
    words: &Words,
    place: usize,
    value: &str,
    uid: Option<u32>,
) -> Result<Option<Rc<File>>, Error> {
    let writes = place > 0;
    let (how, path) = value.split_once(':').unwrap_or((value, "/dev/null"));
    let file = match how {
        "data" => data(words)?,
        // Others than the main process would take it away from that.
        "tty" | "tty-force" | "tty-fail" if !writes => match full.is_main {
            true => take_terminal(terminal(words), how, uid)?,
            false => return Ok(None),
        },
        "tty" => match open_terminal(terminal(words), false) {
            Ok(file) => file,
            // Most containers have none: it goes to the same people.
            Err(_) => return Ok(None),
        },
        "fd" if !full.is_main => return Ok(None),
        "fd" => {
            let mut passed = full.wires.passed.iter();
            let passed = passed.find(|passed| passed.name == path);
            let missing = || Error::from_raw_os_error(nix::libc::ENOENT);
            passed.ok_or_else(missing)?.fd.try_clone_to_owned()?.into()
        }
        how => {
            let mut way = OpenOptions::new();
            way.read(!writes).write(writes).append(how == "append");
            way.truncate(how == "truncate").create(writes);
            way.mode(0o666 & !full.spec.exec.umask.unwrap_or(0));
            way.open(path)?
        }
    };
    Ok(Some(Rc::new(file)))
}

fn terminal(words: &Words) -> &str {
    last(words, "TTYPath").unwrap_or("/dev/console")
}

/// StandardInputText= and StandardInputData=, to be read from the beginning.
fn data(words: &Words) -> Result<File, Error> {
    let text = unprinted(last(words, "StandardInputText").unwrap_or_default());
    if let Ok(file) = memfd_create(c"stdin", MFdFlags::MFD_CLOEXEC) {
        let mut file = File::from(file);
        file.write_all(&text)?;
        file.rewind()?;
        return Ok(file);
    }
    // Before Linux 3.17 a pipe has to do, which holds less.
    let (file, theirs) = fd::pipe()?;
    fd::set_nonblocking(&theirs);
    fd::write_all(&theirs, &text)?;
    Ok(file.into())
}

fn open_terminal(path: &str, reads: bool) -> Result<File, Error> {
    let mut way = OpenOptions::new();
    way.read(reads)
        .write(true)
        .custom_flags(nix::libc::O_NOCTTY);
    let file = way.open(path)?;
    if tty::is_one(file.as_fd()) {
        Ok(file)
    } else {
        Err(Error::from_raw_os_error(nix::libc::ENOTTY))
    }
}

/// The terminal that this process reads from and is controlled by; its user's own.
fn take_terminal(path: &str, how: &str, uid: Option<u32>) -> Result<File, Error> {
    let file = open_terminal(path, true)?;
    // The container's own is rinit's (`docker run -t`) and stays that: it can be read from,
    // only without job control.
    let is_ours = tty::controls_us(file.as_fd());
    let _ = process::lead_session();
    while let Err(errno) = tty::take(file.as_fd(), how == "tty-force") {
        if is_ours {
            break;
        }
        if errno.0 != nix::libc::EPERM || how != "tty" {
            return Err(Error::from_raw_os_error(errno.0));
        }
        std::thread::sleep(PAUSE);
    }
    if uid.is_some() {
        let _ = std::os::unix::fs::fchown(&file, uid, None);
        let _ = file.set_permissions(PermissionsExt::from_mode(0o620));
    }
    Ok(file)
}

/// NonBlocking=: what the service is given of its sockets doesn't wait.
pub(super) fn unblock(full: &Full<'_>, words: &Words) {
    if has(words, "NonBlocking") {
        let sockets = full.spec.listen.iter();
        let count = sockets.map(|listen| listen.sockets.len()).sum();
        // What it has stored comes behind them.
        let passed = full.wires.passed.iter().take(count);
        passed.for_each(|passed| fd::set_nonblocking(passed.fd));
    }
}
