//! What PID 1 is asked: one question at a time over the control protocol, each answer
//! good for a moment, so that a flood of clients is no flood there.

use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use super::request::Target;
use crate::core::time::Instant;
use crate::sys::socket;

/// So long an answer is good.
const FRESH: Duration = Duration::from_millis(100);
/// No answer is longer.
const ANSWER_MAX: usize = 16 << 20;

/// Each question as a line of the control protocol.
const LINES: [(Target, &str); 5] = [
    (Target::Status, "{\"verb\":\"status\"}\n"),
    (Target::Metrics, "{\"verb\":\"metrics\"}\n"),
    (Target::Live, "{\"verb\":\"health\",\"of\":\"live\"}\n"),
    (Target::Ready, "{\"verb\":\"health\",\"of\":\"ready\"}\n"),
    (
        Target::Startup,
        "{\"verb\":\"health\",\"of\":\"startup\"}\n",
    ),
];

#[derive(Default)]
struct Question {
    wanted: bool,
    answer: Option<(Instant, Rc<[u8]>)>,
}

/// The connection to PID 1, and what was asked there.
pub(super) struct Questions {
    fd: OwnedFd,
    all: [Question; LINES.len()],
    /// Which was asked and not answered, and what has come of the answer.
    asked: Option<usize>,
    buffer: Vec<u8>,
}

/// What came from PID 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing whole.
    Nothing,
    /// An answer to this.
    Answer(Target),
    /// It is gone, or speaks no more sense.
    Gone,
}

impl Questions {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self {
            fd,
            all: Default::default(),
            asked: None,
            buffer: Vec::new(),
        }
    }

    /// The answer, if there is a fresh one; else it is asked for.
    pub(super) fn ask(&mut self, target: Target, now: Instant) -> Option<Rc<[u8]>> {
        let place = LINES.iter().position(|(it, _)| *it == target)?;
        let question = self.all.get_mut(place)?;
        if let Some((at, answer)) = &question.answer
            && now.since(*at) < FRESH
        {
            return Some(Rc::clone(answer));
        }
        question.answer = None;
        question.wanted = true;
        self.send();
        None
    }

    fn send(&mut self) {
        if self.asked.is_some() {
            return;
        }
        let Some(next) = self.all.iter().position(|question| question.wanted) else {
            return;
        };
        if let (Some(question), Some((_, line))) = (self.all.get_mut(next), LINES.get(next)) {
            question.wanted = false;
            self.asked = Some(next);
            // It has room: nothing else is under way. If PID 1 is gone we hear of it.
            let _ = socket::send_now(&self.fd, line.as_bytes());
        }
    }

    /// Takes what PID 1 says.
    pub(super) fn hear(&mut self, now: Instant) -> Heard {
        let mut buffer = [0u8; 16 * 1024];
        let count = match socket::receive_now(&self.fd, &mut buffer) {
            None => return Heard::Nothing,
            Some(0) => return Heard::Gone,
            Some(count) => count,
        };
        self.buffer
            .extend_from_slice(buffer.get(..count).unwrap_or_default());
        if self.buffer.last() != Some(&b'\n') {
            let too_long = self.buffer.len() > ANSWER_MAX;
            return if too_long {
                Heard::Gone
            } else {
                Heard::Nothing
            };
        }
        let answer: Rc<[u8]> = std::mem::take(&mut self.buffer).into();
        let Some(place) = self.asked.take() else {
            return Heard::Gone;
        };
        if let Some(question) = self.all.get_mut(place) {
            question.answer = Some((now, answer));
        }
        self.send();
        LINES
            .get(place)
            .map_or(Heard::Gone, |(target, _)| Heard::Answer(*target))
    }

    /// Lets go of answers while nobody asks.
    pub(super) fn forget(&mut self) {
        for question in &mut self.all {
            question.answer = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::default().plus(Duration::from_millis(millis))
    }

    #[test]
    fn many_who_ask_the_same_are_one_question_and_only_one_is_under_way() {
        let (ours, theirs) = socket::stream_pair().unwrap();
        let mut questions = Questions::new(ours);
        for _ in 0..100 {
            assert!(questions.ask(Target::Ready, at(0)).is_none());
            assert!(questions.ask(Target::Live, at(0)).is_none());
        }
        let mut buffer = [0u8; 4096];
        let count = socket::receive_now(&theirs, &mut buffer).unwrap();
        assert_eq!(&buffer[..count], LINES[3].1.as_bytes());
        assert_eq!(questions.hear(at(1)), Heard::Nothing);
        socket::send_now(&theirs, b"{\"ok\":").unwrap();
        assert_eq!(questions.hear(at(1)), Heard::Nothing);
        socket::send_now(&theirs, b"true}\n").unwrap();
        assert_eq!(questions.hear(at(2)), Heard::Answer(Target::Ready));
        assert_eq!(
            &*questions.ask(Target::Ready, at(50)).unwrap(),
            b"{\"ok\":true}\n"
        );
        let count = socket::receive_now(&theirs, &mut buffer).unwrap();
        assert_eq!(&buffer[..count], LINES[2].1.as_bytes(), "the next one");
        assert!(questions.ask(Target::Ready, at(150)).is_none(), "it is old");
        drop(theirs);
        assert_eq!(questions.hear(at(151)), Heard::Gone);
    }
}
