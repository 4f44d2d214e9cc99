//! Where the control socket is. A leading `@` is the abstract namespace.

use crate::core::spec::ControlSocket;
use crate::sys::{procfs, socket};

/// Root's folder.
pub(crate) const FOLDER: &str = "/run/rinit";

const NAME: &str = "control.sock";

/// The folder for sockets of a rinit that runs as this user.
pub(crate) fn folder(uid: u32, runtime_dir: Option<&[u8]>) -> Option<String> {
    if uid == 0 {
        return Some(FOLDER.to_owned());
    }
    let base = std::str::from_utf8(runtime_dir?)
        .ok()
        .filter(|base| base.starts_with('/'))?;
    Some(format!("{base}/rinit"))
}

/// The name that a rinit of this pid has in the abstract namespace, which a pod or a host
/// may share.
pub(crate) fn instance(pid: i32) -> String {
    format!("{}-{pid}", procfs::namespace())
}

/// Where a server tries to bind, in order.
pub(crate) fn to_bind(wanted: &ControlSocket, folder: Option<&str>, instance: &str) -> Vec<String> {
    match wanted {
        ControlSocket::None => Vec::new(),
        ControlSocket::Path(path) => vec![path.to_string()],
        ControlSocket::Default => {
            let path = folder.map(|folder| format!("{folder}/{NAME}"));
            path.into_iter()
                .chain([format!("@rinit-{instance}")])
                .collect()
        }
    }
}

/// Where a client looks, in order, if nobody told it.
pub(crate) fn to_try(folder: Option<&str>) -> Vec<String> {
    let paths = folder
        .into_iter()
        .chain([FOLDER])
        .map(|folder| format!("{folder}/{NAME}"));
    let mut places: Vec<String> = paths.chain([format!("@rinit-{}", instance(1))]).collect();
    places.extend(abstract_ones());
    places.dedup();
    places
}

/// The abstract sockets of rinits in this PID namespace, as /proc/net/unix lists them.
fn abstract_ones() -> Vec<String> {
    let prefix = format!("@rinit-{}-", procfs::namespace());
    let list = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let names = list.lines().filter_map(|line| line.split(' ').next_back());
    let is_ours = |name: &&str| {
        name.strip_prefix(&prefix)
            .is_some_and(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()))
    };
    names.filter(is_ours).map(str::to_owned).collect()
}

/// Whether PID 1 of this namespace is a rinit that supervises: it listens on a control
/// socket.
pub(crate) fn pid1_supervises() -> bool {
    let places = [
        format!("{FOLDER}/{NAME}"),
        format!("@rinit-{}", instance(1)),
    ];
    places.iter().any(|place| {
        let peer = socket::connect_unix(place.as_bytes())
            .ok()
            .and_then(socket::peer);
        peer.is_some_and(|peer| peer.pid == 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_binds_in_run_and_others_where_their_session_says() {
        assert_eq!(
            folder(0, Some(b"/run/user/0")).as_deref(),
            Some("/run/rinit")
        );
        assert_eq!(
            folder(7, Some(b"/run/user/7")).as_deref(),
            Some("/run/user/7/rinit")
        );
        assert_eq!(folder(7, Some(b"relative")), None);
        assert_eq!(folder(7, None), None);
    }

    #[test]
    fn the_default_falls_back_to_an_abstract_name_and_a_given_path_to_nothing() {
        let default = to_bind(&ControlSocket::Default, Some("/run/rinit"), "4-1");
        assert_eq!(default, ["/run/rinit/control.sock", "@rinit-4-1"]);
        assert_eq!(
            to_bind(&ControlSocket::Path("/x".into()), Some("/run/rinit"), "4-1"),
            ["/x"]
        );
        assert!(to_bind(&ControlSocket::None, Some("/run/rinit"), "4-1").is_empty());
    }
}
