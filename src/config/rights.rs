//! What rinit may not do for a service: dropped with one warning that lists it all, since
//! a random user number, or an engine that gives few capabilities, is no mistake of the
//! file's. Only another user is left to fail at the spawn where rinit is root without
//! CAP_SETUID: a service never runs as root instead.

use super::draft::{Draft, TrackingChoice};
use super::needs::Accounts;
use crate::core::capability::Capabilities;
use crate::core::exec::{Limit, Resource};
use crate::core::spec::{Cgroups, Tracking};

/// rinit's own hard limits by their resources' numbers; `u64::MAX` is infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HardLimits(pub [u64; Resource::ALL.len()]);

impl Default for HardLimits {
    fn default() -> Self {
        Self([u64::MAX; Resource::ALL.len()])
    }
}

impl HardLimits {
    pub(super) fn of(&self, resource: Resource) -> u64 {
        let own = self.0.get(resource as usize);
        own.copied().unwrap_or(u64::MAX)
    }
}

/// What rinit may do beyond what any process may (`capabilities(7)`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// Become another user: CAP_SETUID and CAP_SETGID.
    pub change_user: bool,
    /// Raise hard limits: CAP_SYS_RESOURCE.
    pub raise_limits: bool,
    /// The lowest nice value: without CAP_SYS_NICE its own.
    pub lowest_nice: i32,
    /// The lowest OOM score: without CAP_SYS_RESOURCE its own.
    pub lowest_oom_score: i32,
}

/// Takes out what a rinit with this user number and these rights may not do; what it was,
/// by service.
pub(super) fn drop_forbidden(
    drafts: &mut [Draft],
    uid: u32,
    rights: Rights,
    accounts: &Accounts,
    limits: &HardLimits,
) -> Option<String> {
    let mut all = Vec::new();
    for draft in drafts {
        let mut dropped = Vec::new();
        let exec = &mut draft.spec.exec;
        if let Some(identity) = exec.identity.take_if(|_| uid != 0) {
            let user = identity.user.as_deref();
            if let Some(user) = user.filter(|user| accounts.uid(user) != Some(uid)) {
                dropped.push(format!("user {user}"));
            }
            if let Some(group) = &identity.group {
                dropped.push(format!("group {group}"));
            }
            if !identity.supplementary.is_empty() {
                dropped.push("supplementary-groups".to_owned());
            }
        }
        if let Some(setup) = exec.setup.as_deref_mut().filter(|_| uid != 0) {
            let confinement = &mut setup.confinement;
            if confinement.bounding.take().is_some() {
                dropped.push("capability-bounding-set".to_owned());
            }
            if std::mem::take(&mut confinement.ambient) != Capabilities::NONE {
                dropped.push("ambient-capabilities".to_owned());
            }
        }
        for socket in draft
            .spec
            .listen
            .iter_mut()
            .flat_map(|listen| &mut listen.sockets)
            .filter(|_| uid != 0)
        {
            let (user, group) = (socket.file.user.take(), socket.file.group.take());
            let foreign = user.filter(|user| accounts.uid(user) != Some(uid));
            if foreign.is_some() || group.is_some() {
                dropped.push(format!("the owner of {socket}"));
            }
        }
        for limit in exec.limits.iter_mut().filter(|_| !rights.raise_limits) {
            // As near to it as may be.
            let most = limits.of(limit.resource);
            if limit.hard > most {
                limit.hard = most;
                limit.soft = limit.soft.min(most);
                dropped.push(format!("limit-{} above {most}", limit.resource.name()));
            }
        }
        if let Some(nice) = exec
            .nice
            .take_if(|nice| i32::from(*nice) < rights.lowest_nice)
        {
            dropped.push(format!("nice {nice}"));
        }
        let lowered = |score: &mut i16| i32::from(*score) < rights.lowest_oom_score;
        if let Some(score) = exec.oom_score_adjust.take_if(lowered) {
            dropped.push(format!("oom-score-adjust {score}"));
        }
        if !dropped.is_empty() {
            all.push(format!("{}: {}", draft.name(), dropped.join(", ")));
        }
    }
    if all.is_empty() {
        return None;
    }
    let why = if uid == 0 {
        "rinit runs as root without all of root's capabilities".to_owned()
    } else {
        format!("rinit runs as user {uid}, not as root,")
    };
    Some(format!("{why} and leaves out: {}", all.join("; ")))
}

/// Units are written for systemd's soft limit of descriptors, and some of what they start asks
/// for as many as it may have, one by one. Above systemd's own hard limit, a soft one is what an
/// engine gives without being asked; up to that somebody has chosen it.
pub(super) fn lower_descriptors(drafts: &mut [Draft], soft: u64, limits: &HardLimits) {
    const USUAL: u64 = 1024;
    const CHOSEN: u64 = 524_288;
    if soft <= CHOSEN {
        return;
    }
    for draft in drafts.iter_mut().filter(|draft| draft.unit.is_some()) {
        let exec = &mut draft.spec.exec;
        let is_it = |limit: &Limit| limit.resource == Resource::Nofile;
        if !exec.limits.iter().any(is_it) {
            let limit = Limit {
                resource: Resource::Nofile,
                soft: USUAL,
                hard: limits.of(Resource::Nofile),
            };
            exec.limits = exec.limits.iter().copied().chain([limit]).collect();
        }
    }
}

/// What the machine gives of cgroups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Offer {
    /// rinit may make none.
    #[default]
    None,
    /// It may, in a tree that others may be in as well.
    Shared,
    /// It is PID 1, and all of the tree is its own.
    Own,
}

/// Whether services get cgroups: never in somebody else's tree by accident.
pub(super) fn has_cgroups(wanted: Cgroups, offer: Offer) -> bool {
    match offer {
        Offer::None => false,
        Offer::Shared | Offer::Own => wanted.allows(offer == Offer::Own),
    }
}

/// Decides `tracking = "auto"`: another user's processes can't be read by their marks. A
/// subreaper is as exact as a cgroup that can't be had.
pub(super) fn choose_tracking(draft: &mut Draft, uid: u32, accounts: &Accounts, has_cgroups: bool) {
    draft.spec.tracking = match draft.tracking {
        TrackingChoice::Written(Tracking::Cgroup) if !has_cgroups => Tracking::Subreaper,
        TrackingChoice::Written(tracking) => tracking,
        TrackingChoice::Auto if has_cgroups => Tracking::Cgroup,
        TrackingChoice::Auto => {
            let identity = draft.spec.exec.identity.as_deref();
            match identity.and_then(|identity| identity.user.as_deref()) {
                _ if draft.unit.is_some() || draft.spec.forking.is_some() => Tracking::Subreaper,
                Some(user) if accounts.uid(user) != Some(uid) => Tracking::Subreaper,
                Some(_) | None => Tracking::Marks,
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::At;
    use crate::core::exec::Identity;

    fn accounts() -> Accounts {
        Accounts {
            passwd: b"root:x:0:0:::\nweb:x:33:33:::\n".to_vec(),
            ..Accounts::default()
        }
    }

    fn draft(user: &str) -> Draft {
        let at = At::new(0, 0..1);
        let mut draft = Draft::new("web", at);
        draft.spec.exec.identity = Some(Box::new(Identity {
            user: Some(user.into()),
            ..Identity::default()
        }));
        draft
    }

    #[test]
    fn what_a_user_may_not_do_is_dropped_and_listed_once() {
        let mut draft = draft("root");
        draft.spec.exec.nice = Some(-5);
        draft.spec.exec.oom_score_adjust = Some(100);
        let limit = |resource, soft, hard| Limit {
            resource,
            soft,
            hard,
        };
        draft.spec.exec.limits = [
            limit(Resource::Nofile, 64, 4097),
            limit(Resource::Nproc, u64::MAX, u64::MAX),
            limit(Resource::Core, u64::MAX, u64::MAX),
        ]
        .into();
        let mut drafts = [draft];
        let mut limits = HardLimits::default();
        limits.0[Resource::Nofile as usize] = 4096;
        limits.0[Resource::Nproc as usize] = 99;
        let warning = drop_forbidden(&mut drafts, 33, Rights::default(), &accounts(), &limits);
        assert_eq!(
            warning.as_deref(),
            Some(
                "rinit runs as user 33, not as root, and leaves out: web: user root, \
                 limit-nofile above 4096, limit-nproc above 99, nice -5"
            )
        );
        let exec = &drafts[0].spec.exec;
        assert_eq!((exec.nice, exec.oom_score_adjust), (None, Some(100)));
        let limits = [
            limit(Resource::Nofile, 64, 4096),
            limit(Resource::Nproc, 99, 99),
            limit(Resource::Core, u64::MAX, u64::MAX),
        ];
        assert_eq!(*exec.limits, limits);
        assert_eq!(exec.identity, None);
    }

    #[test]
    fn ones_own_user_is_no_foreign_one() {
        let mut drafts = [draft("web"), draft("33")];
        let limits = HardLimits::default();
        let rights = Rights::default();
        let warning = drop_forbidden(&mut drafts, 33, rights, &accounts(), &limits);
        assert_eq!(warning, None);
    }

    #[test]
    fn root_in_a_container_keeps_its_users_and_drops_what_its_capabilities_forbid() {
        let mut one = draft("web");
        one.spec.exec.nice = Some(-5);
        one.spec.exec.oom_score_adjust = Some(-100);
        let mut drafts = [one];
        let docker = Rights {
            change_user: true,
            ..Rights::default()
        };
        let limits = HardLimits::default();
        let warning = drop_forbidden(&mut drafts, 0, docker, &accounts(), &limits);
        assert_eq!(
            warning.as_deref(),
            Some(
                "rinit runs as root without all of root's capabilities and leaves out: web: nice -5, oom-score-adjust -100"
            )
        );
        assert!(drafts[0].spec.exec.identity.is_some());
    }

    #[test]
    fn nobody_goes_below_where_rinit_stands() {
        let mut one = draft("web");
        one.spec.exec.nice = Some(7);
        one.spec.exec.oom_score_adjust = Some(499);
        let mut other = draft("web");
        other.spec.exec.nice = Some(8);
        other.spec.exec.oom_score_adjust = Some(500);
        let mut drafts = [one, other];
        let rights = Rights {
            lowest_nice: 8,
            lowest_oom_score: 500,
            ..Rights::default()
        };
        let limits = HardLimits::default();
        let warning = drop_forbidden(&mut drafts, 33, rights, &accounts(), &limits).unwrap();
        assert!(
            warning.ends_with("leaves out: web: nice 7, oom-score-adjust 499"),
            "{warning}"
        );
        assert_eq!(drafts[1].spec.exec.oom_score_adjust, Some(500));
    }

    #[test]
    fn another_users_service_is_tracked_by_a_subreaper() {
        for (user, uid, tracking) in [
            ("web", 0, Tracking::Subreaper),
            ("1234", 0, Tracking::Subreaper),
            ("not-yet-there", 0, Tracking::Subreaper),
            ("root", 0, Tracking::Marks),
            ("0", 0, Tracking::Marks),
        ] {
            let mut draft = draft(user);
            choose_tracking(&mut draft, uid, &accounts(), false);
            assert_eq!(draft.spec.tracking, tracking, "{user}");
            choose_tracking(&mut draft, uid, &accounts(), true);
            assert_eq!(draft.spec.tracking, Tracking::Cgroup, "{user}");
        }
    }
}
