//! Which services are meant: names as they are written, `*` and `?` in them.

use crate::core::id::ServiceId;
use crate::core::sorted::Set;
use crate::core::system::System;
use crate::core::wildcard;

/// A name, or a pattern, that is nobody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown(pub Box<str>);

impl System {
    /// Every service that one of the names means, in declared order; all, if there is no
    /// name. The plain name of `instances` means each of them.
    ///
    /// # Errors
    /// Gives the first that means none.
    pub fn select(&self, names: &[Box<str>]) -> Result<Vec<ServiceId>, Unknown> {
        if names.is_empty() {
            return Ok(self.ids().collect());
        }
        let mut chosen = Set::new();
        for name in names {
            let plain = name.strip_suffix(".service").unwrap_or(name);
            let meant = |id: &ServiceId| {
                let known = self.name(*id);
                matches(name.as_bytes(), known.as_bytes())
                    || plain == known
                    || is_instance(known, plain)
                    || self.service(*id).is_some_and(|spec| spec.is_unit(name))
            };
            let mut found = self.ids().filter(meant).peekable();
            if found.peek().is_none() {
                return Err(Unknown(name.clone()));
            }
            chosen.extend(found);
        }
        Ok(chosen.into_iter().collect())
    }
}

/// Whether this is one of the `instances` of the table of that name: NAME@1, NAME@2, …
fn is_instance(known: &str, name: &str) -> bool {
    let number = known.strip_prefix(name).and_then(|at| at.strip_prefix('@'));
    number.is_some_and(|n| !n.starts_with('0') && n.parse::<u16>().is_ok())
}

/// Whether a pattern with `*` and `?` is this name; never takes more than their product.
#[must_use]
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    wildcard::matches(pattern, name, |pattern, byte| match pattern {
        [b'?', rest @ ..] => Some(rest),
        _ => wildcard::itself(pattern, byte),
    })
}

#[cfg(test)]
mod tests {
    use super::{is_instance, matches};

    #[test]
    fn the_plain_name_of_instances_is_all_of_them_and_nothing_else() {
        for (known, is) in [
            ("worker@1", true),
            ("worker@12", true),
            ("worker", false),
            ("worker@", false),
            ("worker@01", false),
            ("worker@x", false),
            ("workers@1", false),
            ("a@worker@1", false),
        ] {
            assert_eq!(is_instance(known, "worker"), is, "{known}");
        }
    }

    #[test]
    fn stars_and_question_marks_stand_for_what_they_do_in_a_shell() {
        for (pattern, name, is) in [
            ("web", "web", true),
            ("web", "web2", false),
            ("web*", "web2", true),
            ("*", "", true),
            ("w?b", "web", true),
            ("w?b", "wb", false),
            ("*a*b*c", "xaybzc", true),
            ("*a*b*c", "xaybz", false),
            ("worker@*", "worker@12", true),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), name.as_bytes()),
                is,
                "{pattern} {name}"
            );
        }
    }
}
