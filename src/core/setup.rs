//! What is set up around a service before it is executed. Most services have none of it.

use super::capability::Confinement;
use super::exec::Words;

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// `runtime-directory` and its kin.
    pub folders: Box<[Folder]>,
    /// `runtime-directory-preserve`.
    pub preserve: Preserve,
    /// `remove-before-start`.
    pub remove: Box<[Box<str>]>,
    /// `no-new-privileges`, `capability-bounding-set`, `ambient-capabilities`.
    pub confinement: Confinement,
    /// `pass-environment`: of the container's variables only these; `None` is all.
    pub pass: Option<Box<[Box<str>]>>,
    /// `unset-environment`: names, or whole `NAME=value` words.
    pub unset: Box<[Box<str>]>,
    /// `environment-from`.
    pub secrets: Box<[Secret]>,
    /// `expand-file-variables`.
    pub file_variables: FileVariables,
    /// A unit's Condition*= and Assert*=, asked at each start: `ConditionPathExists=!/x`.
    pub conditions: Words,
    /// What its processes are kept from, as far as the container permits (`sandbox`).
    pub sandbox: Words,
}

/// When the folders in /run stay after a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preserve {
    /// They go.
    #[default]
    No,
    /// They stay while the service is to come back by itself.
    Restart,
    /// They stay.
    Yes,
}

/// A folder that is made for a service at each start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Where.
    pub base: Base,
    /// Below its base: no `..`, no empty part.
    pub name: Box<str>,
    /// Its permissions.
    pub mode: u32,
    /// Links to it, below the same base.
    pub links: Box<[Box<str>]>,
}

/// Where the five kinds of folders lie, and what becomes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Base {
    /// In /run, removed when the run is over.
    Runtime,
    /// In /var/lib.
    State,
    /// In /var/cache.
    Cache,
    /// In /var/log.
    Logs,
    /// In /etc; root's, whoever the service's user is.
    Configuration,
}

impl Base {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Runtime,
        Self::State,
        Self::Cache,
        Self::Logs,
        Self::Configuration,
    ];

    /// The folder above.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Runtime => "/run",
            Self::State => "/var/lib",
            Self::Cache => "/var/cache",
            Self::Logs => "/var/log",
            Self::Configuration => "/etc",
        }
    }

    /// The variable that tells the service.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Runtime => "RUNTIME_DIRECTORY",
            Self::State => "STATE_DIRECTORY",
            Self::Cache => "CACHE_DIRECTORY",
            Self::Logs => "LOGS_DIRECTORY",
            Self::Configuration => "CONFIGURATION_DIRECTORY",
        }
    }

    /// The key that asks for it.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Runtime => "runtime-directory",
            Self::State => "state-directory",
            Self::Cache => "cache-directory",
            Self::Logs => "logs-directory",
            Self::Configuration => "configuration-directory",
        }
    }
}

impl Folder {
    /// The whole path.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", self.base.path(), self.name)
    }

    /// Each link, and what it says: the way from its own folder to this one.
    pub fn links(&self) -> impl Iterator<Item = (String, String)> {
        self.links.iter().map(|link| {
            let (mut from, mut to) = (&**link, &*self.name);
            while let Some(((first, below), (own, rest))) =
                from.split_once('/').zip(to.split_once('/'))
                && first == own
            {
                (from, to) = (below, rest);
            }
            let up = "../".repeat(from.matches('/').count());
            (format!("{}/{link}", self.base.path()), up + to)
        })
    }
}

impl Setup {
    /// The words that tell the service of its folders; with colons where there are several.
    #[must_use]
    pub fn variables(&self) -> Vec<Vec<u8>> {
        let word = |base: Base| {
            let own = self.folders.iter().filter(|folder| folder.base == base);
            let paths: Vec<String> = own.map(Folder::path).collect();
            let word = format!("{}={}", base.variable(), paths.join(":"));
            (!paths.is_empty()).then(|| word.into_bytes())
        };
        Base::ALL.into_iter().filter_map(word).collect()
    }

    /// The folders that go when the run does.
    pub fn fleeting(&self) -> impl Iterator<Item = &Folder> {
        let is_runtime = |folder: &&Folder| folder.base == Base::Runtime;
        self.folders.iter().filter(is_runtime)
    }
}

/// One variable of `environment-from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Its name.
    pub name: Box<str>,
    /// The file that holds its value, without the leading `-`.
    pub path: Box<str>,
    /// There was a leading `-`: absent is no error.
    pub optional: bool,
}

/// `expand-file-variables`: which `X_FILE` become X, with the file's content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FileVariables {
    /// None.
    #[default]
    None,
    /// Every one that names a file that is there, by its whole path.
    All,
    /// Those of these variables.
    Of(Box<[Box<str>]>),
}

impl FileVariables {
    /// The variable that this one (its name, its value) stands for.
    #[must_use]
    pub fn target<'a>(&self, name: &'a [u8], value: &[u8]) -> Option<&'a [u8]> {
        /// Certificates' place for OpenSSL: no habit of this kind.
        const NOT_MEANT: &[u8] = b"SSL_CERT";
        let target = name
            .strip_suffix(b"_FILE")
            .filter(|target| !target.is_empty())?;
        let meant = match self {
            Self::None => false,
            Self::All => !target.ends_with(NOT_MEANT) && value.starts_with(b"/"),
            Self::Of(names) => names.iter().any(|known| known.as_bytes() == target),
        };
        meant.then_some(target)
    }
}

/// What a file says as a variable's value: without one newline at its end.
#[must_use]
pub fn value_of_file(mut text: Vec<u8>) -> Vec<u8> {
    if text.last() == Some(&b'\n') {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_told_by_kind_with_colons_between() {
        let folder = |base, name: &str| Folder {
            base,
            name: name.into(),
            mode: 0o755,
            links: [].into(),
        };
        let setup = Setup {
            folders: [
                folder(Base::Runtime, "a"),
                folder(Base::Logs, "l"),
                folder(Base::Runtime, "b/c"),
            ]
            .into(),
            ..Setup::default()
        };
        assert_eq!(
            setup.variables(),
            [
                b"RUNTIME_DIRECTORY=/run/a:/run/b/c".to_vec(),
                b"LOGS_DIRECTORY=/var/log/l".to_vec()
            ]
        );
        assert_eq!(setup.fleeting().count(), 2);
    }

    #[test]
    fn a_link_says_the_way_from_its_own_folder() {
        let folder = Folder {
            base: Base::Logs,
            name: "a/b".into(),
            mode: 0o755,
            links: ["c".into(), "a/c".into(), "x/y/z".into(), "a/b/c".into()].into(),
        };
        let all: Vec<(String, String)> = folder.links().collect();
        let said = [
            ("c", "a/b"),
            ("a/c", "b"),
            ("x/y/z", "../../a/b"),
            ("a/b/c", "../b"),
        ];
        let said = said.map(|(link, target)| (format!("/var/log/{link}"), target.to_owned()));
        assert_eq!(all, said);
    }

    #[test]
    fn only_files_that_are_meant_become_variables() {
        let of = FileVariables::Of(["PGPASSWORD".into()].into());
        for (which, name, value, target) in [
            (&FileVariables::All, "A_FILE", "/x", Some("A")),
            (&FileVariables::All, "A_FILE", "x", None),
            (&FileVariables::All, "_FILE", "/x", None),
            (&FileVariables::All, "A_FILES", "/x", None),
            (&FileVariables::All, "SSL_CERT_FILE", "/x", None),
            (&FileVariables::All, "NIX_SSL_CERT_FILE", "/x", None),
            (&FileVariables::None, "A_FILE", "/x", None),
            (&of, "PGPASSWORD_FILE", "x", Some("PGPASSWORD")),
            (&of, "A_FILE", "/x", None),
        ] {
            assert_eq!(
                which.target(name.as_bytes(), value.as_bytes()),
                target.map(str::as_bytes),
                "{name}={value}"
            );
        }
    }

    #[test]
    fn one_newline_at_the_end_of_a_file_is_none_of_the_value() {
        for (text, value) in [("a\n", "a"), ("a\n\n", "a\n"), ("a", "a"), ("", "")] {
            assert_eq!(value_of_file(text.into()), value.as_bytes());
        }
    }
}
