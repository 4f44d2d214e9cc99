//! Names of units (`systemd.unit(5)`): `prefix.service`, `prefix@.service` (a template),
//! `prefix@instance.service`.

/// What units can be; the suffix of their names.
pub(crate) const KINDS: [&str; 11] = [
    "service",
    "mount",
    "swap",
    "socket",
    "target",
    "device",
    "automount",
    "timer",
    "path",
    "slice",
    "scope",
];

/// No name is longer.
const MAX: usize = 255;

/// A unit's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UnitName(String);

impl UnitName {
    /// The name, as written or with `.service` added; `None` where no unit has such a name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let has_suffix = |name: &str| {
            let suffix = name.rsplit_once('.').map(|(_, suffix)| suffix);
            suffix.is_some_and(|suffix| KINDS.contains(&suffix))
        };
        let name = if has_suffix(text) {
            text.to_owned()
        } else {
            format!("{text}.service")
        };
        let allowed =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.' | '\\' | '@');
        let whole = Self(name);
        let prefix = whole.prefix();
        (whole.0.len() <= MAX && !prefix.is_empty() && whole.0.chars().all(allowed))
            .then_some(whole)
    }

    /// All of it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows the last dot.
    pub(crate) fn suffix(&self) -> &str {
        self.0.rsplit_once('.').map_or("", |(_, suffix)| suffix)
    }

    /// What stands before the last dot.
    pub(crate) fn stem(&self) -> &str {
        self.0.rsplit_once('.').map_or(&*self.0, |(stem, _)| stem)
    }

    /// What stands before the `@`, or all of the stem.
    pub(crate) fn prefix(&self) -> &str {
        self.stem()
            .split_once('@')
            .map_or(self.stem(), |(prefix, _)| prefix)
    }

    /// What stands behind the `@`; empty for a template.
    pub(crate) fn instance(&self) -> Option<&str> {
        self.stem().split_once('@').map(|(_, instance)| instance)
    }

    /// `foo@.service`: nothing that could be started.
    pub(crate) fn is_template(&self) -> bool {
        self.instance() == Some("")
    }

    /// The template of an instance.
    pub(crate) fn template(&self) -> Option<Self> {
        let instance = self.instance()?;
        let template = format!("{}@.{}", self.prefix(), self.suffix());
        (!instance.is_empty()).then_some(Self(template))
    }

    /// An instance of this template.
    pub(crate) fn with_instance(&self, instance: &str) -> Option<Self> {
        let name = format!("{}@{instance}.{}", self.prefix(), self.suffix());
        Self::parse(&name).filter(|name| self.is_template() && name.as_str().len() <= MAX)
    }

    /// The same instance of another template.
    pub(crate) fn instance_of(&self, template: &Self) -> Self {
        match (self.instance(), template.is_template()) {
            (Some(instance), true) => Self(format!(
                "{}@{instance}.{}",
                template.prefix(),
                template.suffix()
            )),
            (Some(_) | None, _) => template.clone(),
        }
    }

    /// The names whose drop-ins count: its own, its template's, and each beginning of
    /// those that ends in a dash; the most particular first.
    pub(crate) fn drop_in_names(&self) -> Vec<String> {
        let mut names = vec![self.0.clone()];
        names.extend(self.template().map(|template| template.0));
        let from = usize::from(self.instance().is_none());
        let mut prefix = self.prefix();
        // The last letter may be a dash itself.
        while let Some(end) = prefix
            .get(..prefix.len().saturating_sub(1))
            .and_then(|s| s.rfind('-'))
        {
            prefix = prefix.get(..end).unwrap_or_default();
            if prefix.is_empty() {
                break;
            }
            if let Some(instance) = self.instance().filter(|instance| !instance.is_empty()) {
                names.push(format!("{prefix}-@{instance}.{}", self.suffix()));
            }
            for at in ["@", ""].get(from..).unwrap_or_default() {
                names.push(format!("{prefix}-{at}.{}", self.suffix()));
            }
        }
        names
    }
}

/// `-` is `/` again, `\x2d` is `-` again.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.as_bytes();
    while let Some((first, rest)) = bytes.split_first() {
        bytes = rest;
        match first {
            b'-' => out.push(b'/'),
            b'\\' => {
                let digits = rest.strip_prefix(b"x").and_then(|rest| rest.get(..2));
                let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
                match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                    Some(byte) => {
                        out.push(byte);
                        bytes = rest.get(3..).unwrap_or_default();
                    }
                    None => out.push(b'\\'),
                }
            }
            byte => out.push(*byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> UnitName {
        UnitName::parse(text).unwrap()
    }

    #[test]
    fn names_come_apart() {
        let own = name("postgresql@15-main");
        assert_eq!(own.as_str(), "postgresql@15-main.service");
        assert_eq!(
            (own.prefix(), own.instance()),
            ("postgresql", Some("15-main"))
        );
        assert_eq!(own.template(), Some(name("postgresql@.service")));
        assert_eq!(name("a.b.timer").stem(), "a.b");
        assert!(name("x@").is_template() && name("x@").template().is_none());
        assert_eq!(name("b@1").instance_of(&name("a@")).as_str(), "a@1.service");
        for wrong in ["", "@x", "a b", "ä", ".service", &"x".repeat(300)] {
            assert_eq!(UnitName::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn drop_ins_of_its_template_and_of_beginnings_count() {
        assert_eq!(
            name("a-b-c").drop_in_names(),
            ["a-b-c.service", "a-b-.service", "a-.service"]
        );
        assert_eq!(name("a").drop_in_names(), ["a.service"]);
        assert_eq!(
            name("a-b@i").drop_in_names(),
            [
                "a-b@i.service",
                "a-b@.service",
                "a-@i.service",
                "a-@.service",
                "a-.service"
            ]
        );
    }

    #[test]
    fn escaped_names_are_paths_again() {
        for (text, wanted) in [
            ("15-main", "15/main"),
            ("a\\x2db", "a-b"),
            ("a\\xzz", "a\\xzz"),
            ("\\x2", "\\x2"),
        ] {
            assert_eq!(unescape(text), wanted.as_bytes(), "{text}");
        }
    }
}
