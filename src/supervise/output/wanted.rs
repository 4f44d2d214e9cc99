//! What a service's definition says of its output.

use crate::core::output::{Log, Output};
use crate::core::spec::ServiceSpec;
use crate::logger::Style;
use crate::sys::clock;

/// How a service's lines look; `None` where no logger writes them.
pub(super) fn style(output: Output) -> Option<Style> {
    match output {
        Output::Prefix => Some(Style::Prefix),
        Output::Raw => Some(Style::Raw),
        Output::Json => Some(Style::Json),
        Output::File => Some(Style::Plain),
        Output::Inherit | Output::Null => None,
    }
}

/// How much of its lines is kept, in bytes.
pub(super) fn ring(spec: &ServiceSpec) -> usize {
    usize::try_from(Log::ring_of(spec.exec.log.as_deref())).unwrap_or(0)
}

/// Since when its files are followed, in Unix milliseconds: now, if it has any.
pub(super) fn follows_since(spec: &ServiceSpec) -> Option<i64> {
    let log = spec.exec.log.as_ref();
    let follows = log.is_some_and(|log| !log.follow.is_empty());
    follows.then(|| clock::wall_nanos().div_euclid(1_000_000))
}
