//! Patterns in which `*` stands for any text. What else one may hold is said by a step.

/// What is left of a pattern behind that which stands for this byte; none if nothing does.
pub(crate) type Step = for<'a> fn(&'a [u8], u8) -> Option<&'a [u8]>;

/// Whether the pattern is this name; never takes more than their product.
pub(crate) fn matches(mut pattern: &[u8], mut name: &[u8], step: Step) -> bool {
    // What is behind the last `*`, and the name from where that goes on: the only place to
    // go back to.
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        if let Some((b'*', behind)) = pattern.split_first() {
            star = Some((behind, name));
            pattern = behind;
            continue;
        }
        let taken = name.split_first();
        if taken.is_none() && pattern.is_empty() {
            return true;
        }
        let stepped = taken.and_then(|(byte, rest)| Some((step(pattern, *byte)?, rest)));
        if let Some(next) = stepped {
            (pattern, name) = next;
            continue;
        }
        let Some((behind, from)) = &mut star else {
            return false;
        };
        let Some((_, rest)) = from.split_first() else {
            return false;
        };
        *from = rest;
        (pattern, name) = (*behind, rest);
    }
}

/// A byte stands for itself.
pub(crate) fn itself(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let (first, rest) = pattern.split_first()?;
    (*first == byte).then_some(rest)
}
