//! Why a child never became its program, in words.

use crate::core::event::SpawnFailure;
use crate::core::spec::ServiceSpec;
use crate::sys::error::strerror;
use crate::sys::spawn::{Failure, Step};

/// A child's failure in words, with the object out of the definition.
pub(crate) fn explain(spec: &ServiceSpec, failure: &Failure) -> SpawnFailure {
    let exec = &spec.exec;
    let identity = exec.identity.as_deref();
    let command =
        || String::from_utf8_lossy(exec.command.iter().next().unwrap_or_default()).into_owned();
    let user = || {
        identity
            .and_then(|identity| identity.user.as_deref())
            .unwrap_or_default()
    };
    let group = || {
        identity
            .and_then(|identity| identity.group.as_deref())
            .unwrap_or_default()
    };
    let detail = failure.detail.as_str();
    let step = match failure.step {
        Step::EnvironmentFile => format!("environment-file {detail}"),
        Step::Expand | Step::Account => detail.to_owned(),
        Step::Nice => format!("nice {}", exec.nice.unwrap_or_default()),
        Step::OomScore => format!(
            "oom-score-adjust {}",
            exec.oom_score_adjust.unwrap_or_default()
        ),
        Step::Memory => "memory for the start".to_owned(),
        Step::Files => "descriptors".to_owned(),
        Step::Limits => "limits".to_owned(),
        Step::Groups => format!("supplementary groups of {}", user()),
        Step::Group => format!(
            "group {}",
            if group().is_empty() { user() } else { group() }
        ),
        Step::User => format!("user {}", user()),
        Step::Directory => format!("chdir {}", exec.directory.as_deref().unwrap_or_default()),
        Step::Exec => format!("exec {}", command()),
        Step::Wait => "wait for the end of runtime-directory".to_owned(),
        Step::Remove => format!("remove-before-start {detail}"),
        Step::Folder | Step::Variable | Step::Assert | Step::Condition => detail.to_owned(),
        Step::Bounding => "capability-bounding-set".to_owned(),
        Step::Ambient => "ambient-capabilities".to_owned(),
        Step::Privileges => "no-new-privileges".to_owned(),
        Step::Cgroup => "enter its cgroup".to_owned(),
    };
    let reason = if failure.errno == 0 {
        ""
    } else {
        strerror(failure.errno)
    };
    SpawnFailure {
        step: step.into(),
        errno: failure.errno,
        reason: reason.into(),
    }
}
