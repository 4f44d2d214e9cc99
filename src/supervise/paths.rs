//! What starts because of a path (`systemd.path(5)`): a child for each such service waits
//! until one of its paths is as it is to be, and that is its end. It may hang on a file
//! system without harm to anybody else.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

use super::hands::Hands;
use crate::core::apply::places::Places;
use crate::core::event::Event;
use crate::core::exit::Exit;
use crate::core::id::{Pid, ServiceId};
use crate::core::listen::Watch;
use crate::core::signal::Signal;
use crate::core::sorted::Map;
use crate::core::system::System;
use crate::sys::fork::helper;
use crate::sys::process;
use crate::sys::signal::kill;
use crate::units;

/// The children that wait.
#[derive(Default)]
pub(crate) struct Watchers(Map<ServiceId, Pid>);

impl Watchers {
    /// Services have other numbers now.
    pub(crate) fn take_over(&mut self, places: &Places) {
        for (_, pid) in places.rearrange(&mut self.0) {
            let _ = kill(pid, Signal::KILL);
        }
    }

    /// Nobody waits any more.
    pub(crate) fn stop(&mut self, service: ServiceId) {
        if let Some(pid) = self.0.remove(&service) {
            let _ = kill(pid, Signal::KILL);
        }
    }
}

impl Hands {
    /// Waits until a path of the service is as it is to be.
    pub(crate) fn watch_paths(&mut self, service: ServiceId, watch: &Watch) {
        if self.watchers.0.contains_key(&service) {
            return;
        }
        let body = || {
            let _ = process::set_parent_death(Signal::KILL);
            i32::from(wait(watch).is_err())
        };
        match helper(c"rinit-paths", &[], body) {
            Ok(pid) => {
                self.helpers.insert(pid);
                self.watchers.0.insert(service, pid);
            }
            Err(errno) => log::warn!("no process to watch paths: {errno}"),
        }
    }

    /// A helper ended: perhaps one of these, and somebody is to start.
    pub(crate) fn watcher_ended(&mut self, system: &System, pid: Pid, exit: Exit) -> Option<Event> {
        let service = self.watchers.0.iter().find(|(_, own)| **own == pid);
        let service = *service?.0;
        self.watchers.0.remove(&service);
        match exit {
            Exit::Code(0) => return Some(Event::Connected { service }),
            Exit::Code(_) => {
                let name = system.service(service).map_or("?", |spec| &spec.name);
                log::warn!("{name}: its paths can't be watched (inotify): it starts by hand alone");
            }
            // Whoever did that is not to keep it from starting.
            Exit::Signal(_) | Exit::OutOfMemory | Exit::Unknown => {
                let listen = system
                    .service(service)
                    .and_then(|spec| spec.listen.as_ref());
                if let Some(watch) = listen.and_then(|listen| listen.watch.as_ref()) {
                    self.watch_paths(service, watch);
                }
            }
        }
        None
    }
}

/// A path that is waited for.
struct Awaited<'a> {
    kind: &'a str,
    path: &'a Path,
    /// For those that are to change: whether it was there at first.
    was_there: bool,
}

impl Awaited<'_> {
    fn is_to_change(&self) -> bool {
        matches!(self.kind, "PathChanged" | "PathModified")
    }

    /// What is looked at: of a pattern the folder.
    fn place(&self) -> &Path {
        match self.kind {
            "PathExistsGlob" => self.path.parent().unwrap_or(self.path),
            _ => self.path,
        }
    }

    /// Whether it is as it is to be, as far as that can be seen without an event.
    fn holds(&self) -> bool {
        if self.is_to_change() {
            return self.path.exists() != self.was_there;
        }
        let word = format!("{}={}", self.kind, self.path.display());
        units::unmet([word.as_bytes()].into_iter(), "").is_none()
    }

    /// Looks at the path and at the way to it; its own descriptor, if it is there.
    fn watch(&self, inotify: &Inotify) -> nix::Result<Option<WatchDescriptor>> {
        type Flags = AddWatchFlags;
        // One folder may be on the way of several.
        let adds = Flags::from_bits_retain(nix::libc::IN_MASK_ADD);
        let moved = adds | Flags::IN_DELETE_SELF | Flags::IN_MOVE_SELF;
        let appears = moved | Flags::IN_CREATE | Flags::IN_MOVED_TO | Flags::IN_ATTRIB;
        let changes = Flags::IN_CLOSE_WRITE | Flags::IN_DELETE | Flags::IN_MOVED_FROM;
        let own = match self.kind {
            "PathChanged" => appears | changes,
            "PathModified" => appears | changes | Flags::IN_MODIFY,
            _ => appears,
        };
        let (mut flags, mut found) = (own, None);
        for place in self.place().ancestors() {
            match inotify.add_watch(place, flags) {
                Ok(descriptor) => {
                    found = found.or((flags == own && place == self.place()).then_some(descriptor));
                    // Above what is there, only whether that stays.
                    flags = moved;
                }
                Err(Errno::ENOSPC | Errno::ENOMEM) => return Err(Errno::ENOSPC),
                // What can't be looked at is looked for from above.
                Err(_) if flags != moved => flags = appears,
                Err(_) => {}
            }
        }
        Ok(found)
    }
}

/// Waits, for ever if need be.
fn wait(watch: &Watch) -> nix::Result<()> {
    let words: Vec<_> = watch.paths.iter().map(String::from_utf8_lossy).collect();
    let pairs = words.iter().filter_map(|word| word.split_once('='));
    let mut all: Vec<Awaited<'_>> = pairs
        .map(|(kind, path)| Awaited {
            kind,
            path: Path::new(path),
            was_there: false,
        })
        .collect();
    for awaited in &mut all {
        if let Some(mode) = watch.make.filter(|_| awaited.kind != "PathExists") {
            let mut make = DirBuilder::new();
            // Where it can't be made it is waited for.
            let _ = make.recursive(true).mode(mode).create(awaited.place());
        }
        awaited.was_there = awaited.path.exists();
    }
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC)?;
    loop {
        // Anew each time: what lies on the way may have come, gone or been replaced.
        let mut changing = Vec::new();
        for awaited in &all {
            let own = awaited.watch(&inotify)?;
            changing.extend(own.filter(|_| awaited.is_to_change()));
        }
        if all.iter().any(Awaited::holds) {
            return Ok(());
        }
        let events = inotify.read_events()?;
        let ours = |wd: &WatchDescriptor| changing.contains(wd);
        if events.iter().any(|event| ours(&event.wd)) {
            return Ok(());
        }
    }
}
