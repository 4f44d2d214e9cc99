//! TOML text → `Spec`, or everything that is wrong with it, each with its place.
//!
//! Read the files (`source`), merge their tables key by key (`tables`, `overrides`), let
//! each key's directive fill in a draft (`directive*`, `draft`), check the whole
//! (`edges`, `needs`, `rights`). Nothing stops at the first error. Pure but for reading files;
//! runs in the reader child, never in PID 1.

mod around;
mod calendar;
mod circles;
mod commands;
mod descriptors;
mod diagnostic;
mod directive;
mod directive_around;
mod directive_commands;
mod directive_execution;
mod directive_forking;
mod directive_http;
mod directive_init;
mod directive_listen;
mod directive_notify;
mod directive_output;
mod directive_schedule;
mod directive_service;
mod doubts;
mod draft;
mod edges;
mod execution;
mod foreign;
mod forking;
pub mod form;
mod group_limits;
mod health;
pub(crate) mod import;
mod instances;
mod limits;
mod listen;
mod nearest;
mod needs;
mod output;
mod overrides;
mod probe;
mod programs;
mod readiness;
mod rights;
mod schedule;
mod source;
mod tables;
mod unit;
mod units;
mod value;
mod wait_for;

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};

use self::diagnostic::{Diagnostic, Findings};
use self::draft::Draft;
pub use self::group_limits::Limits as GroupLimits;
use self::instances::Templates;
pub use self::nearest::nearest;
use self::needs::{Accounts, Needs};
pub use self::overrides::{OTHER_VARIABLES, variable};
pub use self::rights::{HardLimits, Offer, Rights};
use self::source::{At, Origin, Source, Sources};
pub use self::tables::NAME_PATTERN;
use self::tables::Tables;
use self::unit::Units;
pub use self::units::{NoDuration, duration};
use self::value::{Context, Forgiving};
use crate::core::sandbox::Means;
use crate::core::spec::{InitSpec, Kind, Spec};

pub use self::directive::{Reference, reference};

/// Where a configuration lies when nobody names one.
pub const DEFAULT_PLACES: [&str; 2] = ["/etc/rinit.toml", "/etc/rinit.d"];

/// What a start knows.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `-c`: files, or folders for their *.toml in the order of names; `none` alone is no file.
    /// Empty: the default places, if `default_places`.
    pub explicit: Vec<PathBuf>,
    /// `DEFAULT_PLACES` are read where they exist.
    pub default_places: bool,
    /// The COMMAND beside the services, which becomes `main`; may be empty.
    pub command: Vec<Vec<u8>>,
    /// The container's environment.
    pub environment: Vec<(Vec<u8>, Vec<u8>)>,
    /// rinit's own user.
    pub uid: u32,
    /// What else it may.
    pub rights: Rights,
    /// Its own hard limits.
    pub hard_limits: HardLimits,
    /// The soft limit of descriptors that it was started with.
    pub descriptors: u64,
    /// Whether it may make cgroups.
    pub cgroups: Offer,
    /// Which limits it may set for them.
    pub group_limits: GroupLimits,
    /// Below which folder units lie; empty is the root.
    pub unit_root: PathBuf,
    /// With neither files nor a COMMAND it is what packages have enabled.
    pub default_units: bool,
    /// Packages' generators of units may run: no other init's are disturbed.
    pub generators: bool,
    /// What packages' tmpfiles.d and sysusers.d ask for and isn't there is made by whoever reads.
    pub makes: bool,
    /// Units that people have asked for by name: they are known, where the enabled ones are.
    pub asked_for: Vec<Box<str>>,
    /// It is the init of a whole machine, with a console to log in at.
    pub machine: bool,
    /// The wall clock, in seconds since 1970: a schedule's times are to come.
    pub now: i64,
    /// Diagnostics are for a terminal that shows colours.
    pub colour: bool,
}

impl Request {
    /// There is nothing else to do than what packages have enabled.
    fn is_bare(&self, sources: &[Source]) -> bool {
        let is_file = |source: &Source| matches!(source.origin, Origin::File | Origin::Unreadable);
        self.default_units && self.command.is_empty() && !sources.iter().any(is_file)
    }
}

/// What became of it. Errors and warnings are finished texts of several lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is well.
    Ready {
        /// What is to be supervised.
        spec: Spec,
        /// What is doubtful.
        warnings: Vec<Box<str>>,
        /// What is worth knowing, for `--check`.
        notes: Vec<Box<str>>,
        /// Some of it comes from packages' units.
        has_units: bool,
    },
    /// It can't be used.
    Refused {
        /// Why; at least one.
        errors: Vec<Box<str>>,
        /// What is doubtful besides.
        warnings: Vec<Box<str>>,
    },
    /// No configuration, or none that defines a service, and no COMMAND.
    Nothing,
}

/// Whether there is anything at the default places: with it, rinit supervises.
#[must_use]
pub fn exists_at_default_places() -> bool {
    let mut ignored = Vec::new();
    DEFAULT_PLACES
        .iter()
        .any(|place| !source::files(Path::new(place), false, &mut ignored).is_empty())
}

/// Reads and checks the whole configuration.
#[must_use]
pub fn load(request: &Request) -> Outcome {
    load_with(request, &Vec::new, &|| Means(u16::MAX))
}

/// The same; `generate` is called before units are sought, and says what went wrong;
/// `permitted` says what a sandbox may be made of.
#[must_use]
pub fn load_with(
    request: &Request,
    generate: &dyn Fn() -> Vec<String>,
    permitted: &dyn Fn() -> Means,
) -> Outcome {
    let mut accounts = Accounts::read();
    let (sources, findings) = read_sources(request);
    let context = Context {
        sources: &sources,
        environment: request
            .environment
            .iter()
            .map(|(name, value)| (name.as_slice(), value.as_slice()))
            .collect(),
        now: request.now,
        findings: RefCell::new(findings),
        instance: Cell::new(None),
        forgiving: Cell::new(Forgiving::No),
        clean: Cell::new(false),
        generate,
        permitted,
    };
    let (init, mut drafts) = read_drafts(request, &mut accounts, &context);
    check(&mut drafts, &init, request, &accounts, &context);
    let findings = context.findings.into_inner();
    let refused = findings.has_errors();
    let rendered = findings.render(&sources, request.colour);
    let (warnings, notes) = (rendered.warnings, rendered.notes);
    if refused {
        let errors = rendered.errors;
        return Outcome::Refused { errors, warnings };
    }
    if drafts.is_empty() {
        return Outcome::Nothing;
    }
    let has_units = drafts.iter().any(|draft| draft.unit.is_some());
    let services = drafts.into_iter().map(|draft| draft.spec).collect();
    let spec = Spec { init, services };
    Outcome::Ready {
        spec,
        warnings,
        notes,
        has_units,
    }
}

/// Every text that takes part: the files in order, the variables, the COMMAND.
fn read_sources(request: &Request) -> (Sources, Findings) {
    let mut problems = Vec::new();
    let mut paths = Vec::new();
    if request.explicit.is_empty() && request.default_places {
        for place in DEFAULT_PLACES {
            paths.extend(source::files(Path::new(place), false, &mut problems));
        }
    }
    for path in &request.explicit {
        if path.as_os_str() != "none" {
            paths.extend(source::files(path, true, &mut problems));
        }
    }
    let mut sources = Vec::new();
    for path in paths {
        let number = u32::try_from(sources.len()).unwrap_or(u32::MAX);
        sources.extend(source::read(&path, number, &mut problems));
    }
    sources.extend(overrides::sources(&request.environment));
    if !request.command.is_empty() {
        let words = request
            .command
            .iter()
            .map(|word| String::from_utf8_lossy(word));
        let text = words.collect::<Vec<_>>().join(" ");
        sources.push(Source::new("COMMAND".to_owned(), Origin::CommandLine, text));
    }
    let sources = Sources::new(sources);
    let mut findings = Findings::default();
    for problem in problems {
        findings.add(problem, &sources);
    }
    (sources, findings)
}

/// What the texts say, service by service.
fn read_drafts(
    request: &Request,
    accounts: &mut Accounts,
    context: &Context<'_>,
) -> (InitSpec, Vec<Draft>) {
    let documents: Vec<_> = (0u32..)
        .zip(context.sources.named())
        .filter(|(_, source)| source.origin == Origin::File)
        .map(|(number, source)| (number, tables::parse(source, number, context)))
        .collect();
    let variables = overrides::values(context.sources.named());
    let mut tables = Tables::new();
    for (number, document) in &documents {
        tables.add(*number, document, context);
    }
    overrides::apply(&variables, &mut tables, context);

    let mut init = InitSpec::default();
    for (directive, value) in tables.init.iter().chain(tables.http.iter()) {
        (directive.set)(&mut init, value);
    }
    let nowhere = At::new(u32::MAX, 0..0);
    let mut defaults = Draft::new("", nowhere);
    for (directive, value) in tables.defaults.iter() {
        defaults.apply(directive, value);
    }
    init.own_lines = output::own_lines(&defaults);
    let manner = tables.init.get("unit-environment");
    let clean = manner.is_some_and(|value| value.as_str() == Some("clean"));
    context.clean.set(clean);
    let units = Units::load(&tables, request, context);
    if !units.is_empty() {
        accounts.foresee(&request.unit_root);
    }
    let accounts = &*accounts;
    let mut drafts = Vec::new();
    let mut templates = Templates::default();
    for table in &tables.services {
        let read = |name: &str| {
            let mut draft = defaults.named(name, table.at);
            if let Some(unit) = units.of(table.name) {
                unit.lay_into(&mut draft, &units.machine, accounts, context);
            }
            for (directive, value) in table.section.iter() {
                draft.apply(directive, value);
            }
            let is_bare = draft.unit.is_none();
            if is_bare && draft.spec.kind == Kind::Oneshot && !table.section.has("restart") {
                draft.drop_restart();
            }
            draft.restrict_schedule(|key| table.section.has(key), context);
            output::restrict(&mut draft, |key| table.section.has(key), context);
            draft
        };
        drafts.extend(templates.read(table, context, read));
        let is_unit = table.section.has("unit") || units.of(table.name).is_some();
        let has_command = table.section.has("command") || is_unit;
        if !has_command && !context.is_broken(table.at) {
            let what = format!("service \"{}\" has no command", table.name);
            let help = "command = [\"program\", \"argument\"], or a string for /bin/sh";
            context.error(table.at, what, help);
        }
    }
    for unit in units.others() {
        let read = || {
            let mut draft = defaults.named(unit.stem(), unit.asked);
            unit.lay_into(&mut draft, &units.machine, accounts, context);
            draft
        };
        if unit.is_pulled {
            drafts.extend(context.forgive(read));
        } else {
            drafts.push(read());
        }
    }
    for draft in &mut drafts {
        draft.find_stamp(&request.unit_root);
    }
    templates.report_collisions(&tables.services, context);
    templates.name_all(&mut drafts, context);
    if !request.command.is_empty() {
        if let Some(draft) = drafts.iter().find(|draft| draft.name() == "main") {
            let what = "\"main\" is the name of the COMMAND that was given";
            context.error(
                draft.at,
                what,
                "give the service another name, or no COMMAND",
            );
        }
        let number =
            u32::try_from(context.sources.named().len().saturating_sub(1)).unwrap_or(u32::MAX);
        let length = context
            .sources
            .named()
            .last()
            .map_or(0, |source| source.text.len());
        drafts.push(Draft::main(&request.command, At::new(number, 0..length)));
    }
    drafts.retain_mut(|draft| {
        if draft.unit.as_ref().is_some_and(|unit| unit.is_pulled) {
            return context.forgive(|| draft.finish(context)).is_some();
        }
        draft.finish(context);
        true
    });
    unit::arrange(&mut drafts, &units, context);
    (init, drafts)
}

/// Checks that take more than one key, or the machine.
fn check(
    drafts: &mut [Draft],
    init: &InitSpec,
    request: &Request,
    accounts: &Accounts,
    context: &Context<'_>,
) {
    let mut order = edges::resolve(drafts, context);
    order.open_circles(drafts, context);
    order.report_circles(drafts, context);
    let behind_oneshots = order.behind_oneshots(drafts);
    let mut needs = Needs::new(context, accounts);
    for (draft, maybe_made) in drafts.iter().zip(behind_oneshots) {
        if draft.is_enabled() {
            needs.check(draft, maybe_made);
        }
        doubts::of_one(draft, init, context);
    }
    doubts::shared_addresses(drafts, context);
    listen::shared(drafts, context);
    output::shared(drafts, context);
    let (uid, may, limits) = (request.uid, request.rights, request.hard_limits);
    rights::lower_descriptors(drafts, request.descriptors, &limits);
    if let Some(warning) = rights::drop_forbidden(drafts, uid, may, accounts, &limits) {
        let help = if uid == 0 {
            "add CAP_SYS_RESOURCE (limits, OOM score) or CAP_SYS_NICE, raise the container's own limits, or take these out"
        } else {
            "run the container as root, or take these out"
        };
        context.add(Diagnostic::warning(None, warning, help));
    }
    if request.uid == 0 && !request.rights.change_user {
        doubts::identities(drafts, context);
    }
    let has_cgroups = rights::has_cgroups(init.cgroups, request.cgroups);
    doubts::cgroups(drafts, init.cgroups, request.cgroups, context);
    group_limits::drop_impossible(drafts, init.cgroups, request.group_limits, context);
    for draft in drafts.iter_mut() {
        rights::choose_tracking(draft, request.uid, accounts, has_cgroups);
    }
    descriptors::check(drafts, &limits, context);
    unit::tell_of_sandboxes(drafts, request.uid, context);
}
