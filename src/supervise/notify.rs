//! The notify sockets: one a service, so that a message from a process that is already
//! dead counts for the right one.

use std::cell::OnceCell;
use std::os::fd::OwnedFd;

use super::notification::{LIMIT, Notification};
use crate::core::id::{Pid, RunId, ServiceId};
use crate::core::sorted::Map;
use crate::sys::datagram::{self, Datagram};
use crate::sys::socket;

/// How many messages of one socket a turn takes at most: more than the kernel keeps
/// (`net.unix.max_dgram_qlen`), so that what was sent before a death is read before it.
const PER_TURN: usize = 1024;

/// How many descriptors of one socket a turn takes at most: closing them takes time too.
/// More than the kernel keeps of messages that are full of them.
const DESCRIPTORS_PER_TURN: usize = 8192;

/// How many descriptors wait for a turn's end at most.
const MOST_BARRIERS: usize = 256;

/// Where rinit's sockets are bound.
pub(crate) struct Place {
    /// rinit's own folder; absent where there can be none.
    pub(crate) root: Option<String>,
    /// What tells this rinit from others in a shared network namespace.
    pub(crate) instance: String,
    /// The folder for notify sockets, made with the first.
    folder: OnceCell<Option<String>>,
}

impl Place {
    /// With rinit's folder, and its name for abstract sockets.
    pub(crate) fn new(root: Option<String>, instance: String) -> Self {
        Self {
            root,
            instance,
            folder: OnceCell::new(),
        }
    }

    fn folder(&self) -> Option<&str> {
        use std::os::unix::fs::DirBuilderExt;
        let make = |path: &String| {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o711)
                .create(path)
                .is_ok()
        };
        self.folder
            .get_or_init(|| {
                self.root
                    .as_ref()
                    .map(|root| format!("{root}/notify"))
                    .filter(make)
            })
            .as_deref()
    }
}

/// A service's notify socket.
pub(crate) struct NotifySocket {
    fd: OwnedFd,
    address: Box<[u8]>,
    run: RunId,
}

impl NotifySocket {
    /// Binds `FOLDER/NAME`, or an abstract name where that can't be.
    ///
    /// # Errors
    /// What the kernel said of the second.
    pub(crate) fn bind(place: &Place, name: &str, run: RunId) -> nix::Result<Self> {
        if let Some(folder) = place.folder() {
            let address = format!("{folder}/{name}").into_bytes();
            // What a former rinit of this container left behind answers to nobody.
            let _ = nix::unistd::unlink(address.as_slice());
            if let Ok(fd) = socket::notify_socket(&address) {
                return Ok(Self {
                    fd,
                    address: address.into(),
                    run,
                });
            }
        }
        let address = format!("@rinit-{}-notify-{name}", place.instance).into_bytes();
        socket::notify_socket(&address).map(|fd| Self {
            fd,
            address: address.into(),
            run,
        })
    }

    /// The descriptor to watch.
    pub(crate) fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// The value of NOTIFY_SOCKET.
    pub(crate) fn address(&self) -> &[u8] {
        &self.address
    }

    /// The run that it hears now.
    pub(crate) fn run(&self) -> RunId {
        self.run
    }

    /// The next run: what a former one's processes have said is for nobody.
    pub(crate) fn begin(&mut self, run: RunId) {
        self.run = run;
        self.discard();
    }

    /// Takes what has come, with the kernel's word on who sent it, and what came along.
    pub(crate) fn receive(
        &self,
        barriers: &mut Barriers,
        mut take: impl FnMut(Option<Pid>, Notification, Vec<OwnedFd>),
    ) {
        self.each(|message, datagram| {
            let said = Notification::parse(message);
            if said.barrier {
                barriers.keep(datagram.descriptors);
                take(datagram.sender, said, Vec::new());
            } else {
                take(datagram.sender, said, datagram.descriptors);
            }
        });
    }

    /// Throws away what has come.
    pub(crate) fn discard(&self) {
        self.each(|_, _| ());
    }

    fn each(&self, mut take: impl FnMut(&[u8], Datagram)) {
        let mut buffer = [0u8; LIMIT];
        let mut descriptors = 0usize;
        for _ in 0..PER_TURN {
            let Some(datagram) = datagram::receive(&self.fd, &mut buffer) else {
                return;
            };
            descriptors = descriptors.saturating_add(datagram.descriptors.len());
            take(buffer.get(..datagram.length).unwrap_or_default(), datagram);
            if descriptors > DESCRIPTORS_PER_TURN {
                return;
            }
        }
    }

    /// Removes the socket's file.
    pub(crate) fn unlink(&self) {
        if self.address.first() != Some(&b'@') {
            let _ = nix::unistd::unlink(&*self.address);
        }
    }
}

/// Descriptors whose senders wait until all that they said before has been handled
/// (BARRIER=1): closing one is the answer.
#[derive(Default)]
pub(crate) struct Barriers(Vec<OwnedFd>);

impl Barriers {
    /// Keeps the one descriptor that came with such a message. Others, and those of a
    /// flood, close at once: nothing is owed to them.
    fn keep(&mut self, mut descriptors: Vec<OwnedFd>) {
        if descriptors.len() == 1 && self.0.len() < MOST_BARRIERS {
            self.0.append(&mut descriptors);
        }
    }

    /// All that was said has been handled.
    pub(crate) fn lift(&mut self) {
        self.0.clear();
    }
}

/// A service's place in a list of sockets that most don't have.
pub(crate) type Sockets = Map<ServiceId, NotifySocket>;
