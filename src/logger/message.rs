//! What PID 1 and the logger tell each other: messages of eight bytes over a
//! SOCK_SEQPACKET pair, so that each arrives whole or not at all.
//!
//! Both sides decode what the other may have got wrong: anything unknown is `None`.

/// The length of every message.
pub const LENGTH: usize = 8;

/// A message on the wire: its kind, three bytes of zero, a number or zero.
pub type Wire = [u8; LENGTH];

/// What PID 1 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToLogger {
    /// The run that wrote into this stream is over: what is left of it is all there will
    /// be. Answered with `Flushed`.
    RunEnded {
        /// Its place in `Setup::streams`.
        stream: u32,
    },
    /// Read every stream to its end, the services' first. Answered with `Drained`.
    Drain,
    /// Another logger takes over, of other streams: end as you are.
    Leave,
}

/// What the logger answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromLogger {
    /// Everything that stood in this stream when its `RunEnded` was read is written.
    Flushed {
        /// Its place in `Setup::streams`.
        stream: u32,
    },
    /// Everything that stood in any stream when `Drain` was read is written.
    Drained,
    /// A line was asked for (`Memory::ask`), and it has come.
    LineCame {
        /// By the number that it was asked for with.
        number: u32,
    },
}

const RUN_ENDED: u8 = 1;
const DRAIN: u8 = 2;
const FLUSHED: u8 = 3;
const DRAINED: u8 = 4;
const LINE_CAME: u8 = 5;
const LEAVE: u8 = 6;

impl ToLogger {
    /// For the wire.
    #[must_use]
    pub const fn encode(self) -> Wire {
        match self {
            Self::RunEnded { stream } => wire(RUN_ENDED, stream),
            Self::Drain => wire(DRAIN, 0),
            Self::Leave => wire(LEAVE, 0),
        }
    }

    /// From the wire.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        match parts(bytes)? {
            (RUN_ENDED, stream) => Some(Self::RunEnded { stream }),
            (DRAIN, 0) => Some(Self::Drain),
            (LEAVE, 0) => Some(Self::Leave),
            _ => None,
        }
    }
}

impl FromLogger {
    /// For the wire.
    #[must_use]
    pub const fn encode(self) -> Wire {
        match self {
            Self::Flushed { stream } => wire(FLUSHED, stream),
            Self::Drained => wire(DRAINED, 0),
            Self::LineCame { number } => wire(LINE_CAME, number),
        }
    }

    /// From the wire.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        match parts(bytes)? {
            (FLUSHED, stream) => Some(Self::Flushed { stream }),
            (DRAINED, 0) => Some(Self::Drained),
            (LINE_CAME, number) => Some(Self::LineCame { number }),
            _ => None,
        }
    }
}

const fn wire(kind: u8, stream: u32) -> Wire {
    let [a, b, c, d] = stream.to_le_bytes();
    [kind, 0, 0, 0, a, b, c, d]
}

fn parts(bytes: &[u8]) -> Option<(u8, u32)> {
    match *Wire::try_from(bytes).ok()?.as_slice() {
        [kind, 0, 0, 0, a, b, c, d] => Some((kind, u32::from_le_bytes([a, b, c, d]))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_one_side_says_the_other_understands(stream in any::<u32>()) {
            for message in [ToLogger::RunEnded { stream }, ToLogger::Drain, ToLogger::Leave] {
                prop_assert_eq!(ToLogger::decode(&message.encode()), Some(message));
                prop_assert_eq!(FromLogger::decode(&message.encode()), None);
            }
            let number = stream;
            for message in [
                FromLogger::Flushed { stream },
                FromLogger::Drained,
                FromLogger::LineCame { number },
            ] {
                prop_assert_eq!(FromLogger::decode(&message.encode()), Some(message));
                prop_assert_eq!(ToLogger::decode(&message.encode()), None);
            }
        }

        #[test]
        fn whatever_bytes_come_only_whole_messages_are_understood(
            bytes in prop::collection::vec(prop_oneof![Just(0u8), Just(1), Just(3), any::<u8>()], 0..12)
        ) {
            if let Some(message) = ToLogger::decode(&bytes) {
                prop_assert_eq!(message.encode().to_vec(), bytes.clone());
            }
            if let Some(message) = FromLogger::decode(&bytes) {
                prop_assert_eq!(message.encode().to_vec(), bytes.clone());
            }
        }
    }
}
