//! Where systemd keeps when a timer with `Persistent=yes` fired last: as the time of a file.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The folder of those files.
pub(crate) const STAMPS: &str = "/var/lib/systemd/timers";

/// The file of this timer's unit, below this root.
pub(crate) fn stamp_path(root: &Path, unit: &str) -> PathBuf {
    // An empty root is the root.
    let folder = Path::new("/")
        .join(root)
        .join(STAMPS.trim_start_matches('/'));
    folder.join(format!("stamp-{unit}"))
}

/// When it fired last, in seconds since 1970, where that is known.
pub(crate) fn stamped(root: &Path, unit: &str) -> Option<i64> {
    let metadata = std::fs::symlink_metadata(stamp_path(root, unit)).ok()?;
    let since = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}
