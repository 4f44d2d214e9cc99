//! A unit's credentials (LoadCredential=, SetCredential=): files that its user alone can
//! read, in a folder of the run's. Read as rinit's own user, in a child.

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fchmod, mkdirat};
use nix::unistd::{Uid, fchown};

use super::folders;
use super::full::{EIO, failed};
use crate::core::quoting::unescaped;
use crate::core::sandbox::{has, values};
use crate::core::sorted::sort;
use crate::core::spec::ServiceSpec;
use crate::sys::spawn::{Failure, Step};

/// The most that they may hold together.
const MOST: usize = 1024 * 1024;
/// Where those are sought that are named alone, after those that rinit itself was given.
const STORES: [&str; 5] = [
    "/etc/credstore",
    "/run/credstore",
    "/usr/local/lib/credstore",
    "/usr/lib/credstore",
    "/lib/credstore",
];

/// Their folder, where there are any.
pub(super) fn folder(spec: &ServiceSpec) -> Option<String> {
    let words = &spec.exec.setup.as_deref()?.sandbox;
    let any = has(words, "LoadCredential") || has(words, "SetCredential");
    let unit = spec.unit.as_deref().map(str::to_owned);
    any.then(|| unit.unwrap_or_else(|| format!("{}.service", spec.name)))
        .map(|unit| format!("/run/credentials/{unit}"))
}

/// Makes the folder anew. `given`: the folder of rinit's own.
pub(super) fn write(
    spec: &ServiceSpec,
    uid: Option<u32>,
    given: Option<&str>,
) -> Result<(), Failure> {
    let Some((path, setup)) = folder(spec).zip(spec.exec.setup.as_deref()) else {
        return Ok(());
    };
    let words = &setup.sandbox;
    let here = |errno: Errno| failed(Step::Folder, errno as i32, &path);
    let owner = uid.map(Uid::from_raw);
    let folder = make(&path).map_err(here)?;
    let mut store = Store {
        folder,
        owner,
        left: MOST,
    };
    // Of two of one name the later counts.
    let all = |key| {
        let mut all: Vec<(&str, &str)> = Vec::new();
        for (name, rest) in values(words, key).filter_map(|value| value.split_once(':')) {
            all.retain(|(known, _)| *known != name);
            all.push((name, rest));
        }
        all
    };
    let set = all("SetCredential");
    for (name, path) in all("LoadCredential") {
        let has_default = set.iter().any(|(known, _)| *known == name);
        match store.load(name, path, given) {
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && (has_default || !path.starts_with('/')) => {}
            loaded => loaded.map_err(|error| {
                let what = format!("LoadCredential {name}:{path}");
                failed(Step::Folder, error.raw_os_error().unwrap_or(EIO), &what)
            })?,
        }
    }
    for (name, text) in set {
        match store.put(name, &unescaped(text.as_bytes(), 0)) {
            // What was loaded counts.
            Err(Errno::EEXIST) => {}
            put => put.map_err(|errno| {
                failed(Step::Folder, errno as i32, &format!("SetCredential {name}"))
            })?,
        }
    }
    fchmod(&store.folder, Mode::from_bits_truncate(0o500)).map_err(here)?;
    fchown(&store.folder, owner, None).map_err(here)
}

fn make(path: &str) -> Result<OwnedFd, Errno> {
    folders::remove(Path::new(path))?;
    let (above, name) = folders::walk(Path::new(path), Some(Mode::from_bits_truncate(0o755)))?;
    mkdirat(&above, name, Mode::S_IRWXU)?;
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(&above, name, flags, Mode::empty())
}

struct Store {
    folder: OwnedFd,
    owner: Option<Uid>,
    left: usize,
}

impl Store {
    /// A file, all files of a folder and of those below, or of the stores.
    fn load(&mut self, name: &str, path: &str, given: Option<&str>) -> io::Result<()> {
        if !path.starts_with('/') {
            for store in given.into_iter().chain(STORES) {
                match read(&Path::new(store).join(path)) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    text => return Ok(self.put(name, &text?)?),
                }
            }
            return Err(io::ErrorKind::NotFound.into());
        }
        let path = Path::new(path);
        if !path.is_dir() {
            return Ok(self.put(name, &read(path)?)?);
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() || kind.is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        sort(&mut names);
        for own in names {
            if own.starts_with('.') {
                continue;
            }
            // Each is named by its way.
            let name = format!("{name}_{own}");
            match self.load(&name, &format!("{}/{own}", path.display()), None) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                loaded => loaded?,
            }
        }
        Ok(())
    }

    fn put(&mut self, name: &str, text: &[u8]) -> Result<(), Errno> {
        let size = name.len().saturating_add(text.len());
        self.left = self.left.checked_sub(size).ok_or(Errno::E2BIG)?;
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
        let file = openat(&self.folder, name, flags, Mode::S_IRUSR)?;
        let mut file = fs::File::from(file);
        let written = file.write_all(text);
        written.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(EIO)))?;
        fchown(&file, self.owner, None)
    }
}

/// No more than shows that it is too much.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let file = fs::File::open(path)?;
    file.take(MOST as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}
