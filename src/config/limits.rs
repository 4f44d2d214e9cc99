//! `limit-*`: a number, a size where bytes are counted, `"infinity"`, `"soft:hard"`.

use super::draft::Draft;
use super::units;
use super::value::Value;
use crate::core::exec::{Limit, Resource};

pub(super) fn set(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    let name = value.key.strip_prefix("limit-").unwrap_or(value.key);
    let resource = Resource::ALL
        .into_iter()
        .find(|resource| resource.name() == name)?;
    let text = value.word()?;
    let (soft_text, hard_text) = text.split_once(':').unwrap_or((&text, &text));
    let soft = amount(soft_text, resource, value)?;
    let hard = amount(hard_text, resource, value)?;
    if soft > hard {
        return value.wrong(
            format!("the soft limit {soft_text} is above the hard one {hard_text}"),
            "write \"soft:hard\" with soft no greater than hard",
        );
    }
    let limit = Limit {
        resource,
        soft,
        hard,
    };
    let mut limits = std::mem::take(&mut draft.spec.exec.limits).into_vec();
    limits.retain(|known| known.resource != resource);
    limits.push(limit);
    draft.spec.exec.limits = limits.into();
    Some(())
}

fn amount(text: &str, resource: Resource, value: Value<'_>) -> Option<u64> {
    let text = text.trim();
    if text == "infinity" || text == "unlimited" {
        return Some(u64::MAX);
    }
    let number = if counts_bytes(resource) {
        units::size(text)
    } else {
        text.parse().ok()
    };
    match number {
        Some(number) => Some(number),
        None if counts_bytes(resource) => value.wrong(
            format!("\"{text}\" is no size"),
            "write a number of bytes, \"64K\", \"10M\", \"2G\" or \"infinity\"; \"soft:hard\" for two",
        ),
        None => value.wrong(
            format!("\"{text}\" is no limit"),
            "write a number or \"infinity\"; \"soft:hard\" for two",
        ),
    }
}

fn counts_bytes(resource: Resource) -> bool {
    match resource {
        Resource::Fsize
        | Resource::Data
        | Resource::Stack
        | Resource::Core
        | Resource::Rss
        | Resource::Memlock
        | Resource::As
        | Resource::Msgqueue => true,
        Resource::Cpu
        | Resource::Nproc
        | Resource::Nofile
        | Resource::Locks
        | Resource::Sigpending
        | Resource::Nice
        | Resource::Rtprio
        | Resource::Rttime => false,
    }
}
