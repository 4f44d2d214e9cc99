//! What a child on the full road does for `Setup`: removes, makes folders, and lays files'
//! contents over the environment. As rinit's own user.

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use super::environment::{lookup, name};
use super::folders;
use super::full::{EIO, failed};
use crate::core::setup::{Base, FileVariables, Setup, value_of_file};
use crate::sys::spawn::{Failure, Step};

/// Removes what is to go and makes what is to be there; once the last run's folders have
/// gone, which `cleared` tells by its end.
pub(super) fn clear_and_make(
    setup: &Setup,
    owner: Option<(u32, u32)>,
    cleared: Option<BorrowedFd<'_>>,
) -> Result<(), Failure> {
    if let Some(cleared) = cleared {
        await_end(cleared).map_err(|errno| failed(Step::Wait, errno as i32, ""))?;
    }
    for path in &setup.remove {
        folders::remove(Path::new(&**path))
            .map_err(|errno| failed(Step::Remove, errno as i32, path))?;
    }
    for folder in &setup.folders {
        let owner = owner.filter(|_| folder.base != Base::Configuration);
        let wrong = |errno, path: &str| {
            let what = format!("{} {path}", folder.base.key());
            failed(Step::Folder, errno as i32, &what)
        };
        folders::make(folder, owner).map_err(|errno| wrong(errno, &folder.path()))?;
        for (link, target) in folder.links() {
            folders::link(&link, &target).map_err(|errno| wrong(errno, &link))?;
        }
    }
    Ok(())
}

/// Removes the PID file of an earlier life: its number may be anybody's by now. What can't be
/// removed is looked at like any other.
pub(super) fn clear_pid_file(path: &str, cleared: Option<BorrowedFd<'_>>) {
    let _ = cleared.map(await_end);
    let _ = folders::unlink(Path::new(path));
}

/// Nobody writes here: reading ends when the last writer has gone.
pub(super) fn await_end(fd: impl AsFd) -> nix::Result<()> {
    loop {
        match nix::unistd::read(&fd, &mut [0; 16]) {
            Ok(0) => return Ok(()),
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// `pass-environment`: of the container's variables, those that are named; without PATH
/// and HOME hardly anything runs.
pub(super) fn pass(setup: Option<&Setup>, words: &mut Vec<&[u8]>) {
    if let Some(passed) = setup.and_then(|setup| setup.pass.as_deref()) {
        let named = |own: &[u8]| passed.iter().any(|known| known.as_bytes() == own);
        words.retain(|word| matches!(name(word), b"PATH" | b"HOME") || named(name(word)));
    }
}

/// `unset-environment`: by name, or the one that says exactly this.
pub(super) fn unset(setup: Option<&Setup>, words: &mut Vec<&[u8]>) {
    for unset in setup.iter().flat_map(|setup| &setup.unset) {
        let unset = unset.as_bytes();
        let whole = unset.contains(&b'=');
        words.retain(|word| unset != if whole { *word } else { name(word) });
    }
}

/// The folders' variables, `expand-file-variables` and `environment-from`, which are to be
/// laid over the words in this order. An `X_FILE` that became X goes.
pub(super) fn from_files(
    setup: Option<&Setup>,
    words: &mut Vec<&[u8]>,
) -> Result<Vec<Vec<u8>>, Failure> {
    let Some(setup) = setup else {
        return Ok(Vec::new());
    };
    let mut over = setup.variables();
    let mut used = Vec::new();
    for word in &*words {
        let own = name(word);
        let path = word.get(own.len().saturating_add(1)..).unwrap_or_default();
        // Who sets X itself means that.
        let target = setup.file_variables.target(own, path);
        if let Some(target) = target.filter(|target| lookup(words, target).is_none()) {
            let path = String::from_utf8_lossy(path);
            let what = || format!("{} {path}", String::from_utf8_lossy(own));
            // Of all that end in _FILE, many only say where something may be.
            let any = setup.file_variables == FileVariables::All;
            let need = if any { Need::Value } else { Need::Everything };
            if let Some(word) = variable(target, &path, need, what)? {
                over.push(word);
                used.push(own.to_vec());
            }
        }
    }
    words.retain(|word| !used.iter().any(|own| own == name(word)));
    for secret in &setup.secrets {
        let need = if secret.optional {
            Need::File
        } else {
            Need::Everything
        };
        let what = || format!("environment-from {}: {}", secret.name, secret.path);
        over.extend(variable(secret.name.as_bytes(), &secret.path, need, what)?);
    }
    Ok(over)
}

/// What doesn't keep a service from starting.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Nothing.
    Everything,
    /// That the file isn't there.
    File,
    /// Nor that what it says is no variable's value.
    Value,
}

/// The kernel takes no longer word, its NUL counted (`execve(2)`).
const LONGEST: u64 = 128 * 1024 - 1;

/// `NAME=` and what the file says. What it says is told to nobody, whatever is wrong.
/// `None` where that is no value, and needn't be.
fn variable(
    name: &[u8],
    path: &str,
    need: Need,
    what: impl Fn() -> String,
) -> Result<Option<Vec<u8>>, Failure> {
    let text = match read(path) {
        Ok(text) => text,
        Err(error) if need != Need::Everything && is_absent(&error) => return Ok(None),
        Err(error) => {
            let errno = error.raw_os_error().unwrap_or(EIO);
            return Err(failed(Step::Variable, errno, &what()));
        }
    };
    let word = [name, &value_of_file(text)].join(&b'=');
    let wrong = if word.contains(&0) {
        "holds a NUL character"
    } else if word.len() as u64 > LONGEST {
        "holds more than 128 KiB"
    } else {
        return Ok(Some(word));
    };
    if need == Need::Value {
        return Ok(None);
    }
    let what = format!("{} {wrong}", what());
    Err(failed(Step::Variable, 0, &what))
}

/// No more than shows that it is too much: a device may have no end.
fn read(path: &str) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(LONGEST.saturating_add(2))
        .read_to_end(&mut text)?;
    Ok(text)
}

/// There is no file of this name.
fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | IsADirectory)
}
