//! Users and groups of sysusers.d, put into /etc/passwd and its kin: under the lock that
//! all who write these files take, each file replaced as a whole.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use crate::sys::{clock, error};
use crate::units::sysusers::{Surroundings, Sysusers, Tables};
use crate::units::{Complaint, Place};

const SECONDS_PER_DAY: i64 = 86_400;

/// Makes all below this root; what failed.
pub(super) fn make(root: &Path) -> Vec<Complaint> {
    let mut wanted = Sysusers::read(root);
    let mut complaints = std::mem::take(&mut wanted.complaints);
    if wanted.is_empty() {
        return complaints;
    }
    let etc = root.join("etc");
    match add(&wanted, root, &etc) {
        Ok(more) => complaints.extend(more),
        Err(error) => {
            let why = match error.raw_os_error() {
                Some(number) => error::Errno(number).to_string(),
                None => error.to_string(),
            };
            complaints.push(Complaint {
                place: Place {
                    file: "/etc/passwd".into(),
                    line: 0,
                },
                what: format!("users and groups of sysusers.d can't be added: {why}"),
            });
        }
    }
    complaints
}

fn add(wanted: &Sysusers, root: &Path, etc: &Path) -> io::Result<Vec<Complaint>> {
    let login_defs = fs::read_to_string(etc.join("login.defs")).unwrap_or_default();
    let surroundings = Surroundings {
        owner: &|path| {
            let path = path.strip_prefix("/").unwrap_or(path);
            let stat = fs::metadata(root.join(path)).ok()?;
            Some((stat.uid(), stat.gid()))
        },
        today: (clock::wall_nanos() / 1_000_000_000).div_euclid(SECONDS_PER_DAY),
        login_defs: &login_defs,
    };
    // Where all are there, not even the lock is taken: /etc may be read-only.
    let before = read(etc)?;
    let (after, complaints) = wanted.plan(before.clone(), &surroundings);
    if after == before {
        return Ok(complaints);
    }
    let _lock = lock(&etc.join(".pwd.lock"))?;
    let before = read(etc)?;
    let (after, complaints) = wanted.plan(before.clone(), &surroundings);
    // Shadows first: whoever stands in a table is looked at no more if this is cut off here.
    for (name, before, after) in [
        ("gshadow", &before.gshadow, &after.gshadow),
        ("shadow", &before.shadow, &after.shadow),
    ] {
        if let (Some(before), Some(after)) = (before, after) {
            replace(&etc.join(name), before, after, 0o640)?;
        }
    }
    // A user is never without its group.
    replace(&etc.join("group"), &before.group, &after.group, 0o644)?;
    replace(&etc.join("passwd"), &before.passwd, &after.passwd, 0o644)?;
    Ok(complaints)
}

fn read(etc: &Path) -> io::Result<Tables> {
    let file = |name: &str| match fs::read(etc.join(name)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    Ok(Tables {
        passwd: file("passwd")?.unwrap_or_default(),
        group: file("group")?.unwrap_or_default(),
        shadow: file("shadow")?,
        gshadow: file("gshadow")?,
    })
}

/// As `lckpwdf(3)`: held until it is closed.
fn lock(path: &PathBuf) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    let file = options.custom_flags(libc::O_NOFOLLOW).open(path)?;
    let whole = libc::flock {
        l_type: libc::c_short::try_from(libc::F_WRLCK).unwrap_or_default(),
        l_whence: libc::c_short::try_from(libc::SEEK_SET).unwrap_or_default(),
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_SETLKW(&whole))?;
    Ok(file)
}

/// Puts a new text in a file's place, with its owner and mode: whole or not at all.
fn replace(path: &Path, before: &[u8], after: &[u8], usual: u32) -> io::Result<()> {
    if before == after {
        return Ok(());
    }
    let old = fs::metadata(path).ok();
    let mut name = path.as_os_str().to_owned();
    name.push(".rinit");
    let new = PathBuf::from(name);
    // One that an earlier run left half written.
    let _ = fs::remove_file(&new);
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    let written = file.write_all(after).and_then(|()| {
        if let Some(old) = &old {
            fchown(&file, Some(old.uid()), Some(old.gid()))?;
        }
        let mode = old.map_or(usual, |old| old.mode() & 0o7777);
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()?;
        fs::rename(&new, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}
