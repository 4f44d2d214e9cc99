//! What a child says that didn't come to its exec: which step, and why.

/// A step of the child's that may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "their names say it")]
pub enum Step {
    EnvironmentFile = 1,
    Expand = 2,
    Account = 3,
    Nice = 4,
    OomScore = 5,
    Memory = 6,
    Files = 7,
    Limits = 8,
    Groups = 9,
    Group = 10,
    User = 11,
    Directory = 12,
    Exec = 13,
    Wait = 14,
    Remove = 15,
    Folder = 16,
    Variable = 17,
    Bounding = 18,
    Ambient = 19,
    Privileges = 20,
    Cgroup = 21,
    Assert = 22,
    Condition = 23,
}

impl Step {
    const ALL: [Self; 23] = [
        Self::EnvironmentFile,
        Self::Expand,
        Self::Account,
        Self::Nice,
        Self::OomScore,
        Self::Memory,
        Self::Files,
        Self::Limits,
        Self::Groups,
        Self::Group,
        Self::User,
        Self::Directory,
        Self::Exec,
        Self::Wait,
        Self::Remove,
        Self::Folder,
        Self::Variable,
        Self::Bounding,
        Self::Ambient,
        Self::Privileges,
        Self::Cgroup,
        Self::Assert,
        Self::Condition,
    ];
}

/// What a failing child says: the step, the kernel's answer, and words where the step's
/// object isn't in the service's definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which step.
    pub step: Step,
    /// The answer; 0 where the words say it all.
    pub errno: i32,
    /// The object, or what is wrong.
    pub detail: String,
}

/// The most bytes that a failing child says.
pub const FAILURE_LIMIT: usize = 512;

impl Failure {
    /// For the pipe.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FAILURE_LIMIT);
        bytes.push(self.step as u8);
        bytes.extend_from_slice(&self.errno.to_ne_bytes());
        bytes.extend_from_slice(self.detail.as_bytes());
        bytes.truncate(FAILURE_LIMIT);
        bytes
    }

    /// Out of the pipe; `None` if no child of ours wrote that.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (step, rest) = bytes.split_first()?;
        let (errno, detail) = rest.split_first_chunk::<4>()?;
        let step = Step::ALL.into_iter().find(|known| *known as u8 == *step)?;
        let detail = String::from_utf8_lossy(detail).into_owned();
        Some(Self {
            step,
            errno: i32::from_ne_bytes(*errno),
            detail,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_comes_back_as_it_was_sent() {
        for step in Step::ALL {
            let failure = Failure {
                step,
                errno: 13,
                detail: "x".into(),
            };
            assert_eq!(Failure::decode(&failure.encode()), Some(failure));
        }
        assert_eq!(Failure::decode(&[]), None);
        assert_eq!(Failure::decode(&[0, 1, 2, 3, 4]), None);
        assert_eq!(Failure::decode(&[13, 1, 2]), None);
    }
}
