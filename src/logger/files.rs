//! The streams that go into files, and what becomes of their lines where a file fails: they
//! go to standard error with their service's name, and why is said once.

use super::file::{File, News, reason};
use super::lines::{End, Frame};
use super::output::Outputs;
use super::stamp::Stamp;
use super::{Setup, Stream, Style, Target};

/// Both streams of a writer have one.
pub(super) struct Files<'a> {
    /// Which of `files` a stream has.
    of: Vec<Option<usize>>,
    files: Vec<Entry<'a>>,
    /// How rinit's own lines look, and who writes them.
    own: Option<(usize, Frame)>,
    gathered: Vec<u8>,
}

struct Entry<'a> {
    name: &'a str,
    writer: usize,
    file: File<'a>,
    /// How its lines look on standard error.
    meanwhile: Frame,
}

impl<'a> Files<'a> {
    pub(super) fn new(setup: &Setup<'a>) -> Self {
        let streams = &setup.streams;
        let own = streams.iter().position(|stream| stream.style.is_own());
        let own = own.and_then(|number| Some((number, streams.get(number)?)));
        let style = match own {
            Some((_, stream)) if stream.style == Style::OwnJson => Style::Json,
            _ => Style::Prefix,
        };
        let mut files: Vec<Entry<'a>> = Vec::new();
        let mut of = Vec::new();
        for stream in streams {
            let index = stream.file().map(|wanted| {
                let same = |entry: &Entry<'a>| entry.writer == stream.writer;
                files.iter().position(same).unwrap_or_else(|| {
                    let meanwhile = Stream {
                        style,
                        target: Target::Err,
                        log: None,
                        ..*stream
                    };
                    files.push(Entry {
                        name: stream.name,
                        writer: stream.writer,
                        file: File::new(wanted, &setup.memory.patience, stream.writer),
                        meanwhile: Frame::new(&meanwhile, None),
                    });
                    files.len() - 1
                })
            });
            of.push(index);
        }
        Self {
            of,
            files,
            own: own.map(|(number, stream)| (number, Frame::new(stream, None))),
            gathered: Vec::new(),
        }
    }

    /// Writes to a stream's file, if it has one, what is rendered; whether it has one.
    pub(super) fn write(
        &mut self,
        number: usize,
        whole: Option<&[u8]>,
        render: impl FnOnce(&mut Vec<u8>),
        outputs: &mut Outputs<'_>,
        stamp: Stamp,
    ) -> bool {
        let index = self.of.get(number).copied().flatten();
        let Some(entry) = index.and_then(|index| self.files.get_mut(index)) else {
            return false;
        };
        let bytes = whole.unwrap_or_else(|| {
            self.gathered.clear();
            render(&mut self.gathered);
            &self.gathered
        });
        let written = entry.file.write(bytes);
        if let (Some(news), Some((own, frame))) = (written.news, &self.own) {
            let (name, path) = (entry.name, entry.file.path());
            let text = match news {
                News::Trouble(errno) if written.length == bytes.len() => {
                    format!(
                        "rinit: {name}: cannot rotate {path}: {}; it grows\n",
                        reason(errno)
                    )
                }
                News::Trouble(errno) => format!(
                    "rinit: {name}: cannot write {path}: {}; until it can be, the lines go to standard error\n",
                    reason(errno)
                ),
                News::Well => format!("rinit: {name}: {path} is written again\n"),
            };
            outputs.write(Target::Err, *own, false, |page| {
                frame.render(stamp, false, b"", text.as_bytes(), End::Newline, |part| {
                    page.put(part);
                });
            });
        }
        if let Some(rest @ [_, ..]) = bytes.get(written.length..) {
            outputs.write(Target::Err, number, false, |page| {
                let put = |part: &[u8]| page.put(part);
                entry
                    .meanwhile
                    .render(stamp, false, b"", rest, End::Rest, put);
            });
        }
        true
    }
}
