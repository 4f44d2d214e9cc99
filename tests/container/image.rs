//! The images: Debian's userland made by debootstrap once and kept between runs, on top
//! of it the very Dockerfile of config-examples/debian; and an empty one.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::engine::{Folder, docker, output, succeed};

/// The release of Debian.
const SUITE: &str = "bookworm";

/// Makes the base image's files in the folder $1, as an archive at $2. As in Debian's own
/// images: minimal, nothing starts while packages are installed, no archives of packages.
const RECIPE: &str = r#"
set -eu
debootstrap --variant=minbase "$3" "$1/root"
printf '#!/bin/sh\nexit 101\n' > "$1/root/usr/sbin/policy-rc.d"
chmod 755 "$1/root/usr/sbin/policy-rc.d"
tar --numeric-owner -C "$1/root" --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' \
    --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' -cf "$2" .
"#;

/// Installs the packages $3 on top of the base's archive $2 in the folder $1, and hands
/// the files to the engine as the image $4. Not by a Dockerfile: the engine's own storage
/// takes many times as long for as many small files. Daemons' packages want /proc.
const WITH_PACKAGES: &str = r#"
set -eu
mkdir "$1/root"
tar -C "$1/root" -xf "$2"
cp /etc/resolv.conf "$1/root/etc/resolv.conf"
mount --rbind /dev "$1/root/dev"
mount -t proc proc "$1/root/proc"
chroot "$1/root" apt-get update
DEBIAN_FRONTEND=noninteractive \
    chroot "$1/root" apt-get install -qy --no-install-recommends $3
rm -rf "$1/root/tmp"/* "$1/root/run"/*
tar --numeric-owner -C "$1/root" --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' \
    --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' --exclude='./usr/share/doc/*' -c . \
    | docker import - "$4"
"#;

/// rinit's release binary, up to date with the sources.
pub(crate) static RINIT: LazyLock<PathBuf> = LazyLock::new(|| {
    succeed(
        Command::new(env!("CARGO"))
            .args(["build", "--release", "--locked", "--bin", "rinit"])
            .current_dir(env!("CARGO_MANIFEST_DIR")),
    );
    // Beside the debug binary that cargo built for this test: target/TRIPLE/release/rinit.
    let debug = Path::new(env!("CARGO_BIN_EXE_rinit"));
    let rinit = debug
        .ancestors()
        .nth(2)
        .unwrap()
        .join("release")
        .join("rinit");
    assert!(rinit.is_file(), "{} should be there now", rinit.display());
    rinit
});

/// The image of config-examples/debian: nginx, redis, cron, and rinit as its entry point.
pub(crate) static DEBIAN: LazyLock<String> = LazyLock::new(|| {
    let base = base();
    let context = Folder::new("context");
    let rinit: &Path = &RINIT;
    let triple = rinit
        .ancestors()
        .nth(2)
        .and_then(Path::file_name)
        .and_then(OsStr::to_str)
        .unwrap();
    let release = context.path().join("target").join(triple).join("release");
    let examples = context.path().join("config-examples");
    fs::create_dir_all(&release).unwrap();
    fs::copy(rinit, release.join("rinit")).unwrap();
    succeed(
        Command::new("cp")
            .args(["-r", "config-examples", ".dockerignore"])
            .arg(context.path())
            .current_dir(env!("CARGO_MANIFEST_DIR")),
    );
    let id = context.path().join("id");
    succeed(
        docker()
            // The classic builder takes a base that exists on this machine only, and
            // caches the step that installs packages.
            .env("DOCKER_BUILDKIT", "0")
            .args(["build", "--quiet", "--network=host", "--label=rinit-test=1"])
            .arg(format!(
                "--tag=rinit-test:debian-{}",
                hash(&fs::read(rinit).unwrap())
            ))
            .arg(format!("--iidfile={}", id.display()))
            .arg(format!("--build-arg=BASE={base}"))
            .arg(format!("--build-arg=TRIPLE={triple}"))
            .arg(format!(
                "--file={}",
                examples.join("debian/Dockerfile").display()
            ))
            .arg(context.path()),
    );
    forget_old_images();
    fs::read_to_string(id).unwrap().trim().to_owned()
});

/// An image with nothing in it but rinit, as `FROM scratch` makes it.
pub(crate) static EMPTY: LazyLock<String> = LazyLock::new(|| {
    let folder = Folder::new("scratch");
    let archive = archive_of_rinit(&folder);
    succeed(
        docker()
            .args(["import", "--change=LABEL rinit-test=1"])
            .arg(archive),
    )
    .trim()
    .to_owned()
});

/// A tar archive with rinit's binary as /rinit and nothing else.
pub(crate) fn archive_of_rinit(folder: &Folder) -> PathBuf {
    let archive = folder.path().join("rinit.tar");
    let rinit: &Path = &RINIT;
    succeed(
        Command::new("tar")
            .arg("-C")
            .arg(rinit.parent().unwrap())
            .arg("-cf")
            .arg(&archive)
            .arg("rinit"),
    );
    archive
}

/// The tag of the base image; made if it isn't there.
fn base() -> String {
    let tag = format!("rinit-test:base-{}", mark_of_base());
    let _lock = lock("base");
    if !exists(&tag) {
        succeed(docker().arg("import").arg(archive_of_base()).arg(&tag));
    }
    tag
}

/// The tag of the image of the base with these of Debian's packages, but without rinit;
/// made if it isn't there.
pub(crate) fn with_packages(packages: &[&str]) -> String {
    let packages = packages.join(" ");
    let mark = hash(format!("{}{WITH_PACKAGES}{packages}", mark_of_base()).as_bytes());
    let tag = format!("rinit-test:packages-{mark}");
    let archive = {
        let _lock = lock("base");
        archive_of_base()
    };
    let _lock = lock(&mark);
    if exists(&tag) {
        return tag;
    }
    let folder = Folder::new("packages");
    let made = output(
        Command::new("timeout")
            // What is mounted goes with the namespace, and what was started as well.
            .args([
                "--kill-after=5",
                "1200",
                "unshare",
                "--mount",
                "--pid",
                "--fork",
            ])
            .args(["--kill-child", "sh", "-c", WITH_PACKAGES, "sh"])
            .arg(folder.path())
            .arg(archive)
            .args([&packages, &tag]),
    );
    assert!(
        made.status.success(),
        "the packages can't be installed: {}\n{}{}",
        made.status,
        crate::engine::text(&made.stdout),
        crate::engine::text(&made.stderr),
    );
    tag
}

fn mark_of_base() -> String {
    hash(format!("{SUITE}{RECIPE}").as_bytes())
}

/// The base's files as an archive, made if it isn't there; under the lock "base".
fn archive_of_base() -> PathBuf {
    let archive = cache().join(format!("base-{}.tar", mark_of_base()));
    if !archive.is_file() {
        make_archive(&archive);
    }
    archive
}

/// Two runs at once make a thing once.
fn lock(of_what: &str) -> File {
    fs::create_dir_all(cache()).unwrap();
    let lock = File::create(cache().join(format!("lock-{of_what}"))).unwrap();
    lock.lock().unwrap();
    lock
}

fn exists(tag: &str) -> bool {
    output(docker().args(["image", "inspect", tag]))
        .status
        .success()
}

/// Runs the recipe; the archive appears whole or not at all.
fn make_archive(archive: &Path) {
    let folder = Folder::new("debootstrap");
    let unfinished = archive.with_extension("unfinished");
    let recipe = output(
        Command::new("timeout")
            .args(["600", "sh", "-c", RECIPE, "sh"])
            .arg(folder.path())
            .arg(&unfinished)
            .arg(SUITE),
    );
    assert!(
        recipe.status.success(),
        "the Debian userland cannot be made: {}\nthis needs root, debootstrap and Debian's packages\n{}{}",
        recipe.status,
        crate::engine::text(&recipe.stdout),
        crate::engine::text(&recipe.stderr),
    );
    fs::rename(unfinished, archive).unwrap();
}

/// Where the archive is kept between runs.
fn cache() -> PathBuf {
    std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("rinit-tests")
}

/// Removes finished images of earlier days; never one that has a container.
fn forget_old_images() {
    drop(output(docker().args([
        "image",
        "prune",
        "--all",
        "--force",
        "--filter=label=rinit-test",
        "--filter=until=24h",
    ])));
}

/// FNV-1a: short, the same on every machine, for names alone.
fn hash(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
