//! The pipes of lines that are no service's: rinit's own, and what strangers send to syslog.

use std::os::fd::AsRawFd;

use super::Stream;
use crate::core::output::{Log, OwnLines};
use crate::logger::{Style, Target};
use crate::supervise::own_lines;
use crate::sys::fd;

/// The pipe for rinit's own lines, which they take from now on.
pub(super) fn own_stream(own: &OwnLines) -> nix::Result<Stream> {
    let style = if own.json { Style::OwnJson } else { Style::Own };
    let stream = Stream::new("rinit", Target::Err, style, usize::MAX)?;
    if let Some(write) = stream.write() {
        // Nobody else writes there, so the flag is ours alone.
        fd::set_nonblocking(write);
        own_lines::redirect(write.as_raw_fd());
    }
    Ok(Stream {
        log: own_log(own),
        ..stream
    })
}

/// The pipe for messages to syslog whose sender is no service's.
pub(super) fn syslog_stream(own: &OwnLines) -> nix::Result<Stream> {
    let style = if own.json { Style::Json } else { Style::Prefix };
    Ok(Stream {
        log: own_log(own),
        ..Stream::new("syslog", Target::Out, style, usize::MAX)?
    })
}

/// What `[defaults]` say of lines that are no service's.
fn own_log(own: &OwnLines) -> Option<Box<Log>> {
    own.timestamps.then(|| {
        Box::new(Log {
            timestamps: true,
            ..Log::default()
        })
    })
}
