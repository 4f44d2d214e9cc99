//! DynamicUser=: a user for the service alone, who needs no entry anywhere. The number comes
//! of the name, so that what the service has written is its own after the next start too.

use crate::config::draft::Draft;
use crate::config::needs::Accounts;
use crate::config::value::Context;
use crate::core::exec::Words;

/// systemd's numbers for such users.
const FIRST: u32 = 61_184;
const LAST: u32 = 65_519;

/// Who that is.
#[derive(Clone, Debug)]
pub(super) struct Dynamic {
    name: String,
    /// None where there is such a user.
    number: Option<u32>,
    /// The group of that name is there.
    keeps_group: bool,
}

impl Dynamic {
    /// For a unit with this prefix and these User= and Group=.
    pub(super) fn find(
        prefix: &str,
        user: Option<&str>,
        group: Option<&str>,
        accounts: &Accounts,
    ) -> Self {
        let name = user.unwrap_or(prefix);
        let is_there = accounts.uid(name).is_some();
        Self {
            number: (!is_there).then(|| number(name, accounts)),
            keeps_group: group.is_some_and(|group| accounts.has_group(group)),
            name: name.to_owned(),
        }
    }

    /// Makes the draft's service run as that.
    pub(super) fn lay_into(self, draft: &mut Draft, context: &Context<'_>) {
        // What it leaves behind, such as a program with set-user-ID, is nobody's.
        if draft.written("no-new-privileges").is_none() {
            draft.setup().confinement.no_new_privileges = true;
        }
        let identity = draft.identity();
        if !self.keeps_group {
            identity.group = None;
        }
        let Some(number) = self.number else {
            identity.user = Some(self.name.into());
            return;
        };
        identity.user = Some(number.to_string().into());
        // Without an entry nothing else says so.
        let name = &self.name;
        let own = [
            "HOME=/".to_owned(),
            format!("USER={name}"),
            format!("LOGNAME={name}"),
        ];
        let below = &draft.spec.exec.environment_below;
        let words = own.iter().map(String::as_bytes).chain(below.iter());
        let words: Vec<Vec<u8>> = words.map(<[u8]>::to_vec).collect();
        draft.spec.exec.environment_below = Words::new(words);
        let text = format!(
            "{}: DynamicUser=: runs as number {number}, who has no entry in /etc/passwd",
            draft.name()
        );
        context.findings.borrow_mut().note(text);
    }
}

/// A number that nobody has, always the same for a name; where two names come to one, the
/// later has the next.
fn number(name: &str, accounts: &Accounts) -> u32 {
    let mut others = accounts.dynamic.borrow_mut();
    if let Some((_, number)) = others.iter().find(|(other, _)| other == name) {
        return *number;
    }
    let count = LAST - FIRST + 1;
    // FNV-1a: what is the same on every machine.
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let first = hash % count;
    let all = (0..count).map(|step| FIRST + (first + step) % count);
    let is_taken = |number: &u32| others.iter().any(|(_, other)| other == number);
    let mut free = all.filter(|number| !accounts.has_number(*number) && !is_taken(number));
    let number = free.next().unwrap_or(FIRST + first);
    others.push((name.to_owned(), number));
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(passwd: &str, group: &str) -> Accounts {
        Accounts {
            passwd: passwd.into(),
            group: group.into(),
            ..Accounts::default()
        }
    }

    #[test]
    fn a_name_always_has_the_same_number_unless_somebody_else_has_it() {
        let nobody = accounts("", "");
        let first = number("web", &nobody);
        assert!((FIRST..=LAST).contains(&first));
        assert_ne!(first, number("db", &nobody));
        let taken = accounts(
            &format!("x:x:{first}:1::/:\n"),
            &format!("y:x:{}:\n", first + 1),
        );
        assert_eq!(number("web", &taken), first + 2);
    }

    #[test]
    fn two_names_that_come_to_one_number_have_two() {
        let nobody = accounts("", "");
        let names: Vec<String> = (0..1000).map(|number| format!("web{number}")).collect();
        let mut numbers: Vec<u32> = names.iter().map(|name| number(name, &nobody)).collect();
        assert_eq!(number("web7", &nobody), numbers[7], "it is asked for again");
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), names.len());
    }

    #[test]
    fn a_user_that_is_there_is_taken() {
        let there = accounts("web:x:7:7::/:\n", "adm:x:4:\n");
        let found = Dynamic::find("web", None, Some("adm"), &there);
        assert!(found.number.is_none() && found.keeps_group);
        let found = Dynamic::find("web", Some("other"), Some("none"), &there);
        assert!(found.number.is_some() && !found.keeps_group);
        assert_eq!(found.name, "other");
    }
}
