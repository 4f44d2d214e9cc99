//! Files that services write by themselves (`log-files`), followed into their streams: from
//! where they ended when that began, through renaming, truncation and removal. Those that
//! come later are read from their beginning.
//!
//! Nothing that could make us wait is opened: no FIFO, no device. A symbolic link isn't
//! followed, since others may own the folder. A file that lost its name is read to its end,
//! and kept until it is removed or the next one takes its name's place again, since whoever
//! writes it may not have noticed yet. How far a file is written outlives us (`bookmarks`).

mod look;

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::Duration;

use self::look::fits;
use super::bookmarks::{Bookmark, Identity};
use super::intake::PIECE;
use super::lines::{End, complete, piece};
use super::printer::{Lines, Printer};
use super::watch::{News, Watch};
use super::{Memory, Setup};

/// So many files of a service's are followed at once.
const MOST_OF_ONE: usize = 64;
const TOO_MANY: &str = "more than 64 files, not all are followed";
const HANGS: &str = "it does not answer";
/// So often is looked where the kernel tells nothing.
const EVERY: Duration = Duration::from_secs(1);

/// What `log-files` names: a folder, and a pattern for names in it.
struct Place<'a> {
    stream: usize,
    pattern: &'a str,
    name: &'a [u8],
    /// It was said what is wrong.
    told: bool,
}

struct Followed {
    file: File,
    identity: Identity,
    slot: usize,
    /// Where it was found, and under which name.
    place: usize,
    name: Box<OsStr>,
    /// That isn't one that is wanted, or it has none any more.
    former: bool,
    /// The name that was wanted, and how many have come by that since.
    wanted: Box<OsStr>,
    successors: u8,
}

pub(super) struct Follow<'a> {
    memory: &'a Memory,
    /// In the order of `watch.folders`.
    places: Vec<Place<'a>>,
    watch: Watch,
    files: Vec<Followed>,
    buffer: Vec<u8>,
    /// Those that may have more.
    more: bool,
    /// Places of which not all is followed, and why.
    troubles: Vec<(usize, &'static str)>,
}

impl<'a> Follow<'a> {
    pub(super) fn new(setup: &Setup<'a>) -> Self {
        let mut places = Vec::new();
        let mut folders = Vec::new();
        for (stream, of) in setup.streams.iter().enumerate() {
            // Both streams of a service know of them; they go into the first.
            let patterns = of.log.map(|log| &log.follow);
            let patterns = patterns.filter(|_| of.writer == stream && of.read.is_some());
            for pattern in patterns.into_iter().flatten() {
                let (folder, name) = match pattern.rsplit_once('/') {
                    Some(("", name)) => ("/", name),
                    Some((folder, name)) => (folder, name),
                    None => (".", &**pattern),
                };
                folders.push(folder.to_owned());
                places.push(Place {
                    stream,
                    pattern,
                    name: name.as_bytes(),
                    told: false,
                });
            }
        }
        let mut follow = Self {
            memory: setup.memory,
            watch: Watch::new(folders.into_iter()),
            places,
            files: Vec::new(),
            buffer: Vec::new(),
            more: false,
            troubles: Vec::new(),
        };
        for place in 0..follow.places.len() {
            follow.look(place, true);
        }
        let streams: Vec<usize> = follow.places.iter().map(|place| place.stream).collect();
        for stream in streams {
            follow.memory.bookmarks.looked(stream);
            let own = |file: &&Followed| follow.stream(file) == stream;
            let kept: Vec<usize> = follow.files.iter().filter(own).map(|it| it.slot).collect();
            follow.memory.bookmarks.free_others(stream, &kept);
        }
        follow.more = !follow.files.is_empty();
        follow
    }

    /// Readable when something happened.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.watch.fd()
    }

    /// When to go on, whatever happens.
    pub(super) fn timeout(&self) -> Option<Duration> {
        let polled = self.watch.folders.iter().any(|folder| folder.polled);
        if self.more {
            Some(Duration::ZERO)
        } else {
            polled.then_some(EVERY)
        }
    }

    /// There may be more, whatever happened.
    pub(super) const fn is_due(&self) -> bool {
        self.more
    }

    fn stream(&self, file: &Followed) -> usize {
        let place = self.places.get(file.place);
        place.map_or(usize::MAX, |place| place.stream)
    }

    /// A piece of each file that has something, into its stream.
    pub(super) fn turn(&mut self, setup: &Setup<'a>, printer: &mut Printer<'a>) {
        if self.places.is_empty() {
            return;
        }
        self.look_around();
        self.more = false;
        let mut number = 0;
        while let Some(file) = self.files.get(number) {
            let stream = self.stream(file);
            if self.read(number, stream, setup, printer) {
                self.more = true;
            } else if self.is_over(number) {
                self.end(number, stream, setup, printer);
                continue;
            }
            number += 1;
        }
        for (place, why) in std::mem::take(&mut self.troubles) {
            self.say_trouble(place, why, setup, printer);
        }
    }

    /// All that stands in a stream's files now, of all streams for none; and what stands
    /// behind their last newline, at the end of all.
    pub(super) fn finish(
        &mut self,
        of: Option<usize>,
        setup: &Setup<'a>,
        printer: &mut Printer<'a>,
    ) {
        if self.places.is_empty() {
            return;
        }
        self.look_around();
        for number in 0..self.files.len() {
            let Some(file) = self.files.get(number) else {
                return;
            };
            let stream = self.stream(file);
            if of.is_some_and(|wanted| wanted != stream) {
                continue;
            }
            // What is written meanwhile doesn't count, or this might never end.
            let size = touch(self.memory, stream, || file.size(0)).unwrap_or(0);
            let slot = file.slot;
            while self.memory.bookmarks.get(slot).offset < size
                && self.read(number, stream, setup, printer)
            {}
            if of.is_none() {
                self.print_rest(number, stream, setup, printer);
            }
        }
    }

    /// Which files there are; `anew`: the folder itself is to be sought.
    fn look(&mut self, place: usize, anew: bool) {
        let Some(Place { stream, .. }) = self.places.get(place) else {
            return;
        };
        let looked = touch(self.memory, *stream, || {
            if anew {
                self.watch.find(place);
            }
            self.list(place);
        });
        if looked.is_none() {
            self.troubles.push((place, HANGS));
            // The kernel won't tell when it answers.
            if let Some(folder) = self.watch.folders.get_mut(place) {
                folder.polled = true;
            }
        }
    }

    /// Hears what happened, and looks where names came or went.
    fn look_around(&mut self) {
        for news in self.watch.news() {
            match news {
                News::Written(place, name) if self.is_wanted(place, &name) => {}
                News::Names(place, name) if self.is_wanted(place, &name) => self.look(place, false),
                News::Written(..) | News::Names(..) => {}
                News::Moved(place) => self.look(place, true),
            }
        }
        for place in 0..self.places.len() {
            if self.watch.folders.get(place).is_some_and(|it| it.polled) {
                self.look(place, false);
            }
        }
    }

    fn is_wanted(&self, place: usize, name: &OsStr) -> bool {
        let wanted = self.places.get(place).is_some_and(|it| fits(it.name, name));
        wanted
            || self
                .files
                .iter()
                .any(|file| file.place == place && &*file.name == name)
    }

    /// A piece of a file; whether there may be more.
    fn read(
        &mut self,
        number: usize,
        stream: usize,
        setup: &Setup<'a>,
        printer: &mut Printer<'a>,
    ) -> bool {
        let Some(file) = self.files.get(number) else {
            return false;
        };
        let marks = &self.memory.bookmarks;
        let mut mark = marks.get(file.slot);
        self.buffer.resize(PIECE, 0);
        let count = touch(self.memory, stream, || {
            let mut count = file.read(&mut self.buffer, mark);
            if count == 0 && file.size(u64::MAX) < mark.offset {
                // Truncated: what was there is gone, and it begins anew.
                mark = Bookmark::default();
                marks.set(file.slot, mark);
                count = file.read(&mut self.buffer, mark);
            }
            count
        });
        let count = count.unwrap_or(0);
        let bytes = self.buffer.get(..count).unwrap_or_default();
        let (length, end) = match complete(bytes) {
            Some(length) => (length, End::Newline),
            None if count < PIECE => return false,
            None => (piece(bytes), End::Piece),
        };
        let lines = Lines {
            begun: mark.begun,
            apart: !mark.begun,
            begin: b"",
            bytes: bytes.get(..length).unwrap_or_default(),
            end,
        };
        printer.print(setup, stream, lines);
        mark.offset = mark
            .offset
            .saturating_add(u64::try_from(length).unwrap_or(0));
        mark.begun = end == End::Piece;
        marks.set(file.slot, mark);
        count == PIECE
    }

    /// What stands behind the last newline is a line too: no more will come.
    fn print_rest(
        &mut self,
        number: usize,
        stream: usize,
        setup: &Setup<'a>,
        printer: &mut Printer<'a>,
    ) {
        let Some(file) = self.files.get(number) else {
            return;
        };
        let mut mark = self.memory.bookmarks.get(file.slot);
        let read = || file.read(&mut self.buffer, mark);
        let count = touch(self.memory, stream, read).unwrap_or(0);
        let bytes = self.buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            return;
        }
        let lines = Lines {
            begun: mark.begun,
            apart: !mark.begun,
            begin: b"",
            bytes,
            end: End::Rest,
        };
        printer.print(setup, stream, lines);
        mark.offset = mark
            .offset
            .saturating_add(u64::try_from(count).unwrap_or(0));
        mark.begun = false;
        self.memory.bookmarks.set(file.slot, mark);
    }

    /// Nobody can find it any more, or whoever writes has had its time to notice.
    fn is_over(&self, number: usize) -> bool {
        self.files.get(number).is_some_and(|file| {
            let removed = || file.file.metadata().map_or(true, |data| data.nlink() == 0);
            let removed = || touch(self.memory, self.stream(file), removed) == Some(true);
            file.former && (file.successors > 1 || removed())
        })
    }

    fn end(&mut self, number: usize, stream: usize, setup: &Setup<'a>, printer: &mut Printer<'a>) {
        self.print_rest(number, stream, setup, printer);
        let file = self.files.remove(number);
        self.memory.bookmarks.free(file.slot);
        touch(self.memory, stream, || drop(file));
    }

    fn say_trouble(
        &mut self,
        place: usize,
        why: &str,
        setup: &Setup<'a>,
        printer: &mut Printer<'a>,
    ) {
        let Some(place) = self.places.get_mut(place) else {
            return;
        };
        if std::mem::replace(&mut place.told, true) {
            return;
        }
        let name = setup.streams.get(place.stream).map_or("?", |it| it.name);
        let pattern = place.pattern;
        let text = format!("{name}: log-files: {pattern}: {why}");
        printer.say(setup, &text);
    }
}

impl Followed {
    fn read(&self, buffer: &mut [u8], mark: Bookmark) -> usize {
        self.file.read_at(buffer, mark.offset).unwrap_or(0)
    }

    fn size(&self, unknown: u64) -> u64 {
        self.file.metadata().map_or(unknown, |data| data.len())
    }
}

/// What is followed into a stream is noted under the next one.
fn touch<T>(memory: &Memory, stream: usize, work: impl FnOnce() -> T) -> Option<T> {
    memory.patience.touch(stream.saturating_add(1), work)
}
