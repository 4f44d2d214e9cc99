//! No rinit answers. What systemctl says then where systemd isn't there is what scripts
//! are prepared for.

use std::os::unix::fs::MetadataExt;

use super::say;
use super::world::World;

/// Tells that nothing runs that could be asked; the exit status.
pub(super) fn nobody() -> i32 {
    say(format_args!(
        "System has not been booted with systemd as init system (PID 1). Can't operate.\n\
         Failed to connect to bus: Host is down\n\
         help: no rinit answers either; start the container with it, or call systemctl inside"
    ))
}

/// Told so, or in a chroot: what is asked is for a system that will be.
pub(super) fn is_offline(world: &World) -> bool {
    world.told_offline.unwrap_or_else(|| {
        let place = |path: &str| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.dev(), metadata.ino()))
        };
        place("/proc/1/root").is_some_and(|root| Some(root) != place("/"))
    })
}
