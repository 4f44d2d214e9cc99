//! What a service's definition says of its output.

use crate::core::output::{Log, Output};
use crate::core::spec::ServiceSpec;
use crate::logger::Style;

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
