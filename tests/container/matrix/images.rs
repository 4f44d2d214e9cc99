//! The images of the table: all packages in one, but for those that won't be installed
//! beside others.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::image;

use super::table::{Row, rows};

/// Packages that conflict with another of the table: with postfix, vsftpd and rsyslog.
const APART: [&str; 3] = ["exim4-daemon-light", "proftpd-core", "syslog-ng-core"];

/// What the probes are made of.
const TOOLS: [&str; 3] = ["curl", "netcat-openbsd", "procps"];

static MOST: LazyLock<String> = LazyLock::new(|| made_of(false));
static OTHERS: LazyLock<String> = LazyLock::new(|| made_of(true));

/// The image that has this row's packages.
pub(super) fn of(row: &Row) -> &'static str {
    if apart(row) { &OTHERS } else { &MOST }
}

fn apart(row: &Row) -> bool {
    row.packages().any(|package| APART.contains(&package))
}

fn made_of(of_those_apart: bool) -> String {
    let rows = rows();
    let rows = rows.iter().filter(|row| apart(row) == of_those_apart);
    let packages: BTreeSet<&str> = rows.flat_map(Row::packages).chain(TOOLS).collect();
    let packages: Vec<&str> = packages.into_iter().collect();
    image::with_packages(&packages)
}
