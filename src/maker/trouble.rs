//! Why a line could not be carried out, and what people are told of it.

use nix::errno::Errno;

use crate::sys::error;
use crate::units::tmpfiles::{Complaint, Entry};

/// Why a line could not be carried out.
#[derive(Debug)]
pub(super) enum Trouble {
    Os(Errno),
    InTheWay,
    Linked,
    Said(String),
}

impl From<Errno> for Trouble {
    fn from(errno: Errno) -> Self {
        Self::Os(errno)
    }
}

pub(super) type Result<T = ()> = std::result::Result<T, Trouble>;

impl Trouble {
    /// What people are told of the line.
    pub(super) fn about(self, entry: Entry) -> Complaint {
        let path = entry.path.display();
        let what = match self {
            Self::Os(Errno::EXDEV) => {
                format!("{path}: the way there leads through a folder whose owner could bend it")
            }
            Self::Os(errno) => format!("{path}: {}", error::Errno::from(errno)),
            Self::InTheWay => format!("{path} is there, but of another kind"),
            Self::Linked => format!("{path} has other names too, which may be somebody else's"),
            Self::Said(what) => what,
        };
        let place = entry.place;
        Complaint { place, what }
    }
}
