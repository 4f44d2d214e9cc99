//! What has happened lately: each change of a service's state, numbered, for those that
//! ask and those that follow. One bounded list for all; each reader has a place in it and
//! is told how many it has missed, when what it would have read is gone.

use std::collections::VecDeque;

use super::protocol::done;
use crate::core::apply::places::Places;
use crate::core::id::ServiceId;
use crate::core::json::Json;
use crate::core::sorted::Set;
use crate::core::state::Standing;
use crate::core::system::System;

/// So many changes are kept.
const KEPT: usize = 256;
/// So many while somebody follows: all services may start, or stop, in one turn.
const KEPT_FOLLOWED: usize = 4096;
/// A piece is so long, and one change more.
const PIECE: usize = 8192;
/// No reason is longer, in letters.
const REASON: usize = 200;

#[derive(Debug)]
struct Change {
    /// When, in Unix milliseconds.
    at: i64,
    /// `None` of one that is no more.
    service: Option<ServiceId>,
    name: Box<str>,
    from: Standing,
    to: Standing,
    reason: Option<Box<str>>,
}

/// The last changes of all services.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The number of the first that is kept.
    first: u64,
    changes: VecDeque<Change>,
}

impl History {
    /// A service has changed its state, just now.
    pub(crate) fn note(
        &mut self,
        (service, from, to): (ServiceId, Standing, Standing),
        system: &System,
        at: i64,
        followed: bool,
    ) {
        let reason = match to {
            Standing::Backoff | Standing::Exited | Standing::Failed => system.last_reason(service),
            Standing::Inactive
            | Standing::Waiting
            | Standing::Starting
            | Standing::Active
            | Standing::Reloading
            | Standing::Stopping
            | Standing::Killing => None,
        };
        let reason = reason.map(|reason| reason.chars().take(REASON).collect::<String>().into());
        let kept = if followed { KEPT_FOLLOWED } else { KEPT };
        if self.changes.len() >= kept {
            let over = self.changes.len().saturating_sub(kept).saturating_add(1);
            self.changes.drain(..over);
            self.first = self
                .first
                .saturating_add(u64::try_from(over).unwrap_or(u64::MAX));
            // Nobody follows any more.
            self.changes.shrink_to(kept);
        }
        self.changes.push_back(Change {
            at,
            service: Some(service),
            name: system
                .service(service)
                .map_or("?", |spec| &spec.name)
                .into(),
            from,
            to,
            reason,
        });
    }

    /// Services have other numbers now.
    pub(crate) fn take_over(&mut self, places: &Places) {
        for change in &mut self.changes {
            change.service = change.service.and_then(|id| places.of(id));
        }
    }

    fn get(&self, number: u64) -> Option<&Change> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.changes.get(place)
    }
}

/// Where a reader is.
#[derive(Debug)]
pub(crate) struct Reader {
    /// The number of what it is told next; `None` is the first that is kept.
    next: Option<u64>,
    /// Of these alone; `None` is of all.
    of: Option<Set<ServiceId>>,
    /// What will happen is told too.
    pub(crate) follows: bool,
    /// There is more to tell now.
    pub(crate) has_more: bool,
}

impl Reader {
    /// At the beginning of all that is kept.
    pub(crate) const fn new(of: Option<Set<ServiceId>>, follows: bool) -> Self {
        Self {
            next: None,
            of,
            follows,
            has_more: true,
        }
    }

    /// Services have other numbers now. Whoever follows those that are no more alone has
    /// nothing more to come.
    pub(crate) fn take_over(&mut self, places: &Places) -> bool {
        let Some(of) = &mut self.of else {
            return false;
        };
        *of = of.iter().filter_map(|id| places.of(*id)).collect();
        let ends = of.is_empty() && self.follows;
        if ends {
            self.follows = false;
            self.has_more = true;
        }
        ends
    }

    /// Appends the next piece, a line a change; whether it was the last of all.
    pub(crate) fn piece(&mut self, out: &mut Vec<u8>, history: &History) -> bool {
        let before = out.len();
        let mut next = self.next.unwrap_or(history.first);
        let missed = history.first.saturating_sub(next);
        if missed > 0 {
            let mut json = Json::object(out);
            json.plain("gap", missed);
            json.end();
            out.push(b'\n');
        }
        next = next.max(history.first);
        while out.len().saturating_sub(before) < PIECE {
            let Some(change) = history.get(next) else {
                break;
            };
            if self
                .of
                .as_ref()
                .is_none_or(|of| change.service.is_some_and(|id| of.contains(&id)))
            {
                line(out, next, change);
            }
            next = next.saturating_add(1);
        }
        self.next = Some(next);
        self.has_more = history.get(next).is_some();
        let is_over = !self.has_more && !self.follows;
        if is_over {
            out.extend_from_slice(&done(""));
        }
        is_over
    }
}

fn line(out: &mut Vec<u8>, number: u64, change: &Change) {
    let mut json = Json::object(out);
    json.plain("seq", number.saturating_add(1))
        .plain("at", change.at)
        .text("service", &change.name)
        .text("from", change.from.word())
        .text("to", change.to.word())
        .text_or_null("reason", change.reason.as_deref());
    json.end();
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::spec::{ServiceSpec, Spec};
    use crate::core::system::Surroundings;

    fn system() -> System {
        let services = vec![ServiceSpec::new("a"), ServiceSpec::new("b")];
        let spec = Spec {
            services,
            ..Spec::default()
        };
        System::new(spec, Surroundings::default())
    }

    fn note(history: &mut History, system: &System, id: u32, followed: bool) {
        let change = (ServiceId(id), Standing::Waiting, Standing::Starting);
        history.note(change, system, 7, followed);
    }

    /// The numbers and gaps that a reader gets, and whether that was all.
    fn read(reader: &mut Reader, history: &History) -> (Vec<String>, bool) {
        let mut out = Vec::new();
        let over = reader.piece(&mut out, history);
        let text = String::from_utf8(out).unwrap();
        let lines = text.lines().map(|line| {
            let end = line.find(",\"at\"").unwrap_or(line.len());
            line[1..end].replace(['"', '}'], "")
        });
        (lines.collect(), over)
    }

    #[test]
    fn a_reader_gets_each_once_and_is_told_what_it_missed() {
        let system = system();
        let mut history = History::default();
        note(&mut history, &system, 0, true);
        note(&mut history, &system, 1, true);
        let mut all = Reader::new(None, true);
        let mut one = Reader::new(Some([ServiceId(1)].into()), false);
        let lines = |lines: &[&str]| {
            lines
                .iter()
                .map(|&line| line.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            read(&mut all, &history),
            (lines(&["seq:1", "seq:2"]), false)
        );
        assert_eq!(read(&mut all, &history), (lines(&[]), false));
        assert_eq!(
            read(&mut one, &history),
            (lines(&["seq:2", "ok:true"]), true)
        );
        for _ in 0..KEPT {
            note(&mut history, &system, 0, false);
        }
        note(&mut history, &system, 0, false);
        let (seen, _) = read(&mut all, &history);
        assert_eq!(seen[..2], ["gap:1", "seq:4"]);
        let (seen, over) = read(&mut Reader::new(None, true), &history);
        assert_eq!((seen[0].as_str(), over), ("seq:4", false));
        // A piece at a time.
        let mut seen = seen.len();
        let mut late = Reader::new(None, false);
        let (mut lines, mut over) = read(&mut late, &history);
        let mut whole = 0;
        while !over {
            whole += lines.len();
            (lines, over) = read(&mut late, &history);
        }
        whole += lines.len();
        assert_eq!(whole, KEPT + 1);
        seen += 1;
        assert!(seen < whole);
        assert!(history.changes.capacity() < 2 * KEPT + 2);
    }
}
