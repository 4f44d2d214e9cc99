//! THE table of a unit's directives: what each does, and which are known and left out.

use std::path::Path;

use super::condition;
use super::given::Given;
use super::reading::Reading;
use super::sandbox;
use super::service as set;
use super::streams;
use super::terms;
use crate::config::group_limits;
use crate::config::nearest::nearest;
use crate::config::source::At;
use crate::config::value::Context;
use crate::core::sandbox::DIRECTIVES;
use crate::core::signal::Signal;
use crate::units;

type Setter = fn(&mut Reading<'_>, &Given<'_>) -> Option<()>;

/// What is done.
const SET: &[(&str, &str, Setter)] = &[
    ("Unit", "After", |r, g| {
        set::targets(&mut r.draft.targets.after, g)
    }),
    ("Unit", "Before", |r, g| {
        set::targets(&mut r.draft.targets.before, g)
    }),
    ("Unit", "Requires", |r, g| {
        set::targets(&mut r.draft.targets.requires, g)
    }),
    ("Unit", "Requisite", |r, g| {
        set::targets(&mut r.draft.targets.requires, g)
    }),
    ("Unit", "Wants", |r, g| {
        set::targets(&mut r.draft.targets.wants, g)
    }),
    ("Unit", "BindsTo", |r, g| {
        set::targets(&mut r.draft.targets.binds_to, g)
    }),
    ("Unit", "PartOf", |r, g| {
        set::targets(&mut r.draft.targets.part_of, g)
    }),
    ("Unit", "OnFailure", |r, g| {
        set::targets(&mut r.draft.targets.on_failure, g)
    }),
    ("Unit", "OnSuccess", |r, g| {
        set::targets(&mut r.draft.targets.on_success, g)
    }),
    ("Unit", "Conflicts", |r, g| {
        set::targets(&mut r.draft.targets.conflicts, g)
    }),
    ("Unit", "PropagatesStopTo", |r, g| {
        set::targets(&mut r.draft.targets.stops, g)
    }),
    ("Unit", "StopPropagatedFrom", |r, g| {
        set::targets(&mut r.draft.targets.stops_with, g)
    }),
    ("Unit", "PropagatesReloadTo", |r, g| {
        set::targets(&mut r.draft.targets.reloads, g)
    }),
    ("Unit", "ReloadPropagatedFrom", |r, g| {
        set::targets(&mut r.draft.targets.reloads_with, g)
    }),
    ("Unit", "RefuseManualStart", |r, g| {
        r.draft.terms().refuses_start = g.boolean()?;
        Some(())
    }),
    ("Unit", "RefuseManualStop", |r, g| {
        r.draft.terms().refuses_stop = g.boolean()?;
        Some(())
    }),
    ("Unit", "StopWhenUnneeded", |r, g| {
        r.draft.terms().stops_unneeded = g.boolean()?;
        Some(())
    }),
    ("Unit", "DefaultDependencies", |r, g| {
        r.draft.unit.as_mut()?.by_default = g.boolean()?;
        Some(())
    }),
    ("Unit", "Upholds", |r, g| {
        set::targets(&mut r.draft.targets.wants, g)
    }),
    // A script's own words are in its files, and it is to see nothing of the container's.
    ("Unit", "SourcePath", |r, g| {
        let by_script = units::is_script(Path::new(&g.text()?));
        r.draft.forking.by_script = by_script;
        if by_script {
            r.draft.setup().pass = Some(["TERM".into(), "LANG".into()].into());
        }
        Some(())
    }),
    ("Unit", "SuccessAction", |r, g| {
        r.draft.terms().success_ends_all = terms::ends_all(g)?;
        Some(())
    }),
    ("Unit", "FailureAction", |r, g| {
        r.draft.terms().failure_ends_all = terms::ends_all(g)?;
        Some(())
    }),
    ("Unit", "StartLimitAction", |r, g| {
        r.draft.terms().limit_ends_all = terms::ends_all(g)?;
        Some(())
    }),
    ("Unit", "SuccessActionExitStatus", |r, g| {
        r.draft.terms().success_code = terms::code(g)?;
        Some(())
    }),
    ("Unit", "FailureActionExitStatus", |r, g| {
        r.draft.terms().failure_code = terms::code(g)?;
        Some(())
    }),
    ("Unit", "StartLimitIntervalSec", set::limit_within),
    ("Unit", "StartLimitInterval", set::limit_within),
    ("Unit", "StartLimitBurst", set::limit_count),
    ("Service", "StartLimitInterval", set::limit_within),
    ("Service", "StartLimitBurst", set::limit_count),
    ("Service", "Type", set::kind),
    ("Service", "BusName", set::bus_name),
    ("Service", "ExecStart", |r, g| {
        r.start.add(g);
        Some(())
    }),
    // Without "clean" all of them pass.
    ("Service", "PassEnvironment", |r, g| {
        if g.context.clean.get() {
            let pass = r.draft.setup().pass.get_or_insert_default();
            let mut all = std::mem::take(pass).into_vec();
            if g.is_reset() {
                all.clear();
            }
            all.extend(g.names().into_iter().map(Into::into));
            *pass = all.into();
        }
        Some(())
    }),
    ("Service", "ExecCondition", |r, g| {
        r.condition.add(g);
        Some(())
    }),
    ("Service", "ExecStartPre", |r, g| {
        r.start_pre.add(g);
        Some(())
    }),
    ("Service", "ExecStartPost", |r, g| {
        r.start_post.add(g);
        Some(())
    }),
    ("Service", "ExecStop", |r, g| {
        r.stop.add(g);
        Some(())
    }),
    ("Service", "ExecStopPost", |r, g| {
        r.stop_post.add(g);
        Some(())
    }),
    ("Service", "ExecReload", |r, g| {
        r.reload.add(g);
        Some(())
    }),
    ("Service", "Restart", set::restart),
    ("Service", "RestartSec", set::restart_delay),
    ("Service", "SuccessExitStatus", |r, g| {
        set::exits(&mut r.success, g)
    }),
    ("Service", "RestartPreventExitStatus", |r, g| {
        set::exits(&mut r.prevent, g)
    }),
    ("Service", "RestartForceExitStatus", |r, g| {
        set::exits(&mut r.force, g)
    }),
    ("Service", "SendSIGKILL", |r, g| {
        r.send_kill = g.boolean()?;
        Some(())
    }),
    ("Service", "TimeoutStartSec", |r, g| {
        r.start_timeout = Some(g.timeout()?);
        Some(())
    }),
    ("Service", "TimeoutStopSec", |r, g| {
        r.stop_timeout = Some(g.timeout()?);
        Some(())
    }),
    ("Service", "TimeoutSec", |r, g| {
        r.start_timeout = Some(g.timeout()?);
        r.stop_timeout = r.start_timeout;
        Some(())
    }),
    ("Service", "RemainAfterExit", |r, g| {
        r.remain = g.boolean()?;
        Some(())
    }),
    ("Service", "PermissionsStartOnly", |r, g| {
        r.others_as_root = g.boolean()?;
        Some(())
    }),
    ("Service", "PIDFile", set::pid_file),
    ("Service", "GuessMainPID", |r, g| {
        r.draft.forking.never_guess = !g.boolean()?;
        Some(())
    }),
    ("Service", "NotifyAccess", set::access),
    ("Service", "WatchdogSec", |r, g| {
        r.watchdog = g.timeout()?;
        Some(())
    }),
    ("Service", "WatchdogSignal", |r, g| {
        r.watchdog_signal = g.signal()?;
        Some(())
    }),
    ("Service", "FileDescriptorStoreMax", |r, g| {
        r.store_max = u32::try_from(g.number(0, i64::from(u32::MAX))?.min(1024)).ok()?;
        Some(())
    }),
    ("Service", "KillMode", set::kill_mode),
    ("Service", "KillSignal", |r, g| {
        r.draft.spec.stop.signal = g.signal()?;
        Some(())
    }),
    ("Service", "RestartKillSignal", |r, g| {
        r.draft.terms().restart_signal = Some(g.signal()?);
        Some(())
    }),
    ("Service", "FinalKillSignal", |r, g| {
        let signal = Some(g.signal()?);
        r.draft.terms().final_signal = signal.filter(|own| *own != Signal::KILL);
        Some(())
    }),
    ("Service", "TimeoutAbortSec", |r, g| {
        r.draft.terms().abort_timeout = terms::abort_timeout(g)?;
        Some(())
    }),
    ("Service", "RuntimeMaxSec", |r, g| {
        r.draft.terms().longest = g.timeout()?;
        Some(())
    }),
    ("Service", "RuntimeRandomizedExtraSec", |r, g| {
        r.draft.terms().extra = g.timeout()?.unwrap_or_default();
        Some(())
    }),
    ("Service", "User", |r, g| {
        r.draft.identity().user = set::account(g)?;
        Some(())
    }),
    ("Service", "DynamicUser", |r, g| {
        r.dynamic_user = units::boolean(g.value).or_else(|| g.fatal("write yes or no"))?;
        Some(())
    }),
    ("Service", "Group", |r, g| {
        r.draft.identity().group = set::account(g)?;
        Some(())
    }),
    ("Service", "SupplementaryGroups", set::supplementary),
    ("Service", "UMask", |r, g| {
        r.draft.spec.exec.umask = Some(g.octal()? & 0o777);
        Some(())
    }),
    ("Service", "Nice", |r, g| {
        r.draft.spec.exec.nice = i8::try_from(g.number(-20, 19)?).ok();
        Some(())
    }),
    ("Service", "OOMScoreAdjust", |r, g| {
        r.draft.spec.exec.oom_score_adjust = i16::try_from(g.number(-1000, 1000)?).ok();
        Some(())
    }),
    ("Service", "IgnoreSIGPIPE", |r, g| {
        r.ignore_pipe = g.boolean()?;
        Some(())
    }),
    ("Service", "WorkingDirectory", set::directory),
    ("Service", "ExitType", |r, g| {
        r.by_group = g.choice(&[("main", false), ("cgroup", true)])?;
        Some(())
    }),
    ("Service", "Environment", set::environment),
    ("Service", "EnvironmentFile", set::environment_file),
    ("Service", "UnsetEnvironment", set::unset),
    ("Service", "RuntimeDirectory", set::folders),
    ("Service", "StateDirectory", set::folders),
    ("Service", "CacheDirectory", set::folders),
    ("Service", "LogsDirectory", set::folders),
    ("Service", "ConfigurationDirectory", set::folders),
    ("Service", "RuntimeDirectoryPreserve", set::preserve),
    ("Service", "RuntimeDirectoryMode", set::folder_mode),
    ("Service", "StateDirectoryMode", set::folder_mode),
    ("Service", "CacheDirectoryMode", set::folder_mode),
    ("Service", "LogsDirectoryMode", set::folder_mode),
    ("Service", "ConfigurationDirectoryMode", set::folder_mode),
    ("Service", "NoNewPrivileges", |r, g| {
        r.draft.setup().confinement.no_new_privileges = g.boolean()?;
        Some(())
    }),
    ("Service", "CapabilityBoundingSet", set::bounding),
    ("Service", "AmbientCapabilities", set::ambient),
    ("Service", "StandardInput", streams::input),
    ("Service", "StandardInputText", streams::text),
    ("Service", "StandardInputData", streams::data),
    ("Service", "StandardOutput", streams::output),
    ("Service", "StandardError", streams::error),
];

/// Says something to people or to machines that aren't here.
const SILENT: &str = "Description Documentation RequiresMountsFor \
    IgnoreOnIsolate CollectMode JobTimeoutSec JobTimeoutAction \
    JobRunningTimeoutSec AllowIsolate \
    SurviveFinalKillSignal OnFailureJobMode RebootArgument \
    SyslogIdentifier SyslogFacility SyslogLevel SyslogLevelPrefix LogLevelMax LogRateLimitIntervalSec \
    LogRateLimitBurst LogExtraFields LogNamespace TTYReset TTYVHangup TTYVTDisallocate TTYRows TTYColumns UtmpIdentifier UtmpMode \
    CPUAccounting MemoryAccounting TasksAccounting IOAccounting IPAccounting BlockIOAccounting \
    SendSIGHUP OOMPolicy TimeoutStartFailureMode TimeoutStopFailureMode \
    KeyringMode Slice Sockets";

/// Protects others from the service: it runs without. What is done of it has its own table
/// (`core::sandbox`).
const HARDENING: &str = "JoinsNamespaceOf MountFlags \
    RestrictFileSystems SystemCallLog AppArmorProfile SELinuxContext \
    SmackProcessLabel DevicePolicy DeviceAllow IPAddressAllow IPAddressDeny";

/// Shares the machine between services.
const RESOURCES: &str = "CPUQuotaPeriodSec StartupCPUWeight StartupCPUShares IODeviceWeight IOReadBandwidthMax IOWriteBandwidthMax Delegate \
    AllowedCPUs AllowedMemoryNodes ManagedOOMSwap ManagedOOMMemoryPressure";

/// Does something that is missed.
const MISSED: &str = "PAMName RootImage LoadCredentialEncrypted SetCredentialEncrypted \
    NetworkNamespacePath IPCNamespacePath USBFunctionDescriptors MountImages ExtensionImages";

fn is_in(list: &str, key: &str) -> bool {
    // By bytes: this is asked of nearly every line of every unit.
    let mut words = list.as_bytes().split(u8::is_ascii_whitespace);
    words.any(|known| known == key.as_bytes())
}

/// A section's header: one that nobody knows is passed over.
pub(super) fn check_section(name: &str, known: [&str; 3], at: At, context: &Context<'_>) {
    if !known.contains(&name) && !name.starts_with("X-") {
        let [first, second, third] = known;
        let kind = second.to_ascii_lowercase();
        let what = format!("there is no section [{name}] in a {kind}'s unit: it is ignored");
        let help = format!("the sections are [{first}], [{second}] and [{third}]");
        context.warn(at, what, help);
    }
}

/// What one assignment does.
pub(super) fn apply(section: &str, reading: &mut Reading<'_>, given: &Given<'_>) {
    let key = given.key;
    if !matches!(section, "Unit" | "Service") || key.starts_with("X-") {
        return;
    }
    if section == "Service" && sandbox::apply(reading, given) {
        return;
    }
    if given.is_reset() && set::reset(reading, key) {
        return;
    }
    if let Some((.., set)) = SET
        .iter()
        .find(|(own, known, _)| (*known, *own) == (key, section))
    {
        // What was wrong has been said.
        let _ = set(reading, given);
        return;
    }
    if section == "Service" && key.starts_with("Limit") && set::limit(reading, given).is_some() {
        return;
    }
    if section == "Service"
        && let Some(limit) = group_limits::of_unit(key, given.value)
    {
        match limit {
            Ok(limit) => group_limits::put_of_unit(reading.draft, limit),
            Err(help) => given.wrong(help).unwrap_or_default(),
        }
        return;
    }
    // Every unit has some of these.
    if is_in(SILENT, key) {
        return;
    }
    if section == "Unit" && condition::is_one(key) {
        let name = reading.draft.name().to_owned();
        condition::keep(&mut reading.conditions, &name, given);
    } else if is_in(HARDENING, key) || is_in(RESOURCES, key) {
        if !given.is_reset() && !matches!(given.value, "no" | "false" | "off" | "0") {
            reading.left_out.push(key.to_owned());
        }
    } else if is_in(MISSED, key) {
        reading.pam |= key == "PAMName" && !given.is_reset();
        // That it does nothing is what most say.
        let says_nothing = given.is_reset() || given.value == "null";
        if !says_nothing && units::boolean(given.value) != Some(false) {
            let what = format!(
                "{}: {key} is not supported yet by this version",
                reading.draft.name()
            );
            let help = "the service starts without it";
            given.context.warn(given.at, what, help);
        }
    } else {
        let known = SET.iter().map(|(_, known, _)| *known);
        let lists = [SILENT, HARDENING, RESOURCES, MISSED];
        let known = known.chain(lists.into_iter().flat_map(str::split_whitespace));
        let known = known.chain(group_limits::unit_keys());
        let known = known.chain(DIRECTIVES.iter().map(|(name, ..)| *name));
        let help = match nearest(key, known) {
            Some(near) if near == key => format!("{near} doesn't belong into [{section}]"),
            Some(near) => format!("did you mean {near}?"),
            None => "it is ignored, as systemd does".to_owned(),
        };
        let what = format!("there is no {key} in [{section}]: it is ignored");
        given.context.warn(given.at, what, help);
    }
}
