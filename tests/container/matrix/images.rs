//! The images of the table: all packages in one, but for those that won't be installed
//! beside others.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::engine::Plan;
use crate::image;

use super::table::{Row, rows};

/// Packages that conflict with another of the table: with postfix, vsftpd and rsyslog.
const APART: [&str; 3] = ["exim4-daemon-light", "proftpd-core", "syslog-ng-core"];

/// What the probes are made of.
const TOOLS: [&str; 3] = ["curl", "netcat-openbsd", "procps"];

static MOST: LazyLock<String> = LazyLock::new(|| made_of(false));
static OTHERS: LazyLock<String> = LazyLock::new(|| made_of(true));

/// The image that has this row's packages.
fn of(row: &Row) -> &'static str {
    if apart(row) { &OTHERS } else { &MOST }
}

/// The image of nothing but these rows' packages.
pub(super) fn of_these(rows: &[Row]) -> String {
    image::with_packages(&packages(rows.iter()))
}

/// A plain container of this row's image.
pub(super) fn plain(row: &Row) -> Plan {
    with_rinit(of(row))
}

/// A plain container of an image with rinit, which a shell's script begins. It has a name of
/// its own that it can look up, and IPv6, as anywhere else.
pub(super) fn with_rinit(image: &str) -> Plan {
    let rinit = image::RINIT.display();
    Plan::of(image)
        .option(&format!("--volume={rinit}:/sbin/rinit:ro"))
        .option(&format!("--volume={rinit}:/sbin/rinitctl:ro"))
        .option("--network=none")
        .option("--hostname=box")
        .option("--add-host=box:127.0.0.1")
        .option("--sysctl=net.ipv6.conf.all.disable_ipv6=0")
        .option("--tmpfs=/run:exec")
        .option("--entrypoint=/bin/sh")
}

fn apart(row: &Row) -> bool {
    row.packages().any(|package| APART.contains(&package))
}

fn made_of(of_those_apart: bool) -> String {
    let rows = rows();
    let rows = rows.iter().filter(|row| apart(row) == of_those_apart);
    image::with_packages(&packages(rows))
}

fn packages<'r>(rows: impl Iterator<Item = &'r Row>) -> Vec<&'static str> {
    let packages: BTreeSet<&str> = rows.flat_map(Row::packages).chain(TOOLS).collect();
    packages.into_iter().collect()
}
