//! `--man`: the manual pages. What a table knows stands there; here is what holds it
//! together.

use super::Named;
use super::roff::Page;
use crate::cli::ctl;
use crate::cli::getopt::OptionText;
use crate::cli::import;
use crate::cli::init;
use crate::config::form::TERMS;
use crate::config::{OTHER_VARIABLES, reference, variable};

/// The pages, and what makes each.
pub(super) const PAGES: &[Named] = &[
    ("rinit", rinit),
    ("rinitctl", rinitctl),
    ("rinit.toml", toml),
];

const IS: &str = "the init of a container: one command, or many services";

fn rinit() -> String {
    let mut page = Page::new("rinit", 1, IS);
    page.section("SYNOPSIS");
    page.synopsis(&[
        ("rinit", "[OPTIONS] [--] COMMAND [ARG…]"),
        ("rinit", "[OPTIONS] [-c PATH…]"),
        ("rinit ctl", "VERB…"),
        ("rinit import", "PATH…"),
    ]);
    page.section("DESCRIPTION");
    page.text(
        "With a COMMAND and no configuration rinit is a minimal init: it forwards signals to the command, reaps orphans, and ends with the command's exit status.",
    );
    page.text(
        "With a configuration (-c, RINIT_CONFIG, or a file at the default places) it supervises the services that rinit.toml(5) describes: starts them in the order of their dependencies, restarts what crashes, stops all in reverse order within a known time, and says in its last line why it ended. A COMMAND is then one more service, called main, with the terminal.",
    );
    page.text(
        "Called by their names (by a link or copy) it takes the place of tini, tini-static, docker-init, dumb-init, catatonit, podman-init, rinitctl and systemd-notify, each with its own options.",
    );
    page.text(format_args!("rinit import: {}", import::DOC));
    page.section("OPTIONS");
    page.text("Options end at -- or at the first word without a dash. A PATH is a file, or a folder for its *.toml in the order of their names.");
    options(&mut page, init::FLAGS.iter().map(|flag| flag.text()));
    page.section("ENVIRONMENT");
    page.text(
        "Over the files, so that one image fits every engine; an empty variable counts as none:",
    );
    for line in reference().filter(|line| line.table != "service") {
        let (key, table) = (line.key, line.table);
        let name = match table {
            "init" => variable(key),
            table => variable(&format!("{table}-{key}")),
        };
        page.entry(&name, "", format_args!("As the key {key} in [{table}]."));
    }
    for (name, doc) in OTHER_VARIABLES {
        if !doc.is_empty() {
            page.entry(name, "", doc);
        }
    }
    page.entry(
        "NOTIFY_SOCKET",
        "",
        "A manager above is told READY=1, STATUS=, STOPPING=1 and EXIT_STATUS= there.",
    );
    page.section("SIGNALS");
    page.text("The minimal init forwards all that can be. The supervisor stops everything at TERM, INT, QUIT, PWR, RTMIN+3 to RTMIN+5, and WINCH without a terminal; a second INT or QUIT kills at once. Others go to main, if there is one.");
    page.section("EXIT STATUS");
    page.text("The command's own, or that of the essential service that ended; 0 after an ordered shutdown; 128 + n for signal n; 137 if an essential service had to be killed. Besides:");
    page.entry(
        "125",
        "",
        "rinit started nothing: a mistake in a file or on the command line, or nothing to do.",
    );
    page.entry("126", "", "The command can't be executed.");
    page.entry("127", "", "There is no such command.");
    page.section("FILES");
    page.entry(
        "/etc/rinit.toml, /etc/rinit.d/*.toml",
        "",
        "The default places.",
    );
    page.entry("/run/rinit/control.sock", "", "Where rinitctl(1) asks.");
    page.entry(
        "/dev/termination-log",
        "",
        "Where Kubernetes finds the last line.",
    );
    page.see_also(&[("rinitctl", 1), ("rinit.toml", 5)]);
    page.finish()
}

fn rinitctl() -> String {
    let mut page = Page::new("rinitctl", 1, "see, ask and steer a running rinit");
    page.section("SYNOPSIS");
    page.synopsis(&[
        ("rinitctl", "[OPTIONS] [VERB [NAME…]]"),
        ("rinit ctl", "[OPTIONS] [VERB [NAME…]]"),
    ]);
    page.section("DESCRIPTION");
    page.text("Speaks to the supervisor of this container over its control socket. Without a verb it shows the status. A NAME may hold * and ?; the name of a service with instances means all of them. start, stop, restart and wait come back when it is so, or at the first failed attempt with its reason.");
    page.section("VERBS");
    for verb in ctl::verbs() {
        page.entry(
            verb.name,
            verb.usage,
            format_args!("{}.", capital(verb.doc)),
        );
    }
    page.section("OPTIONS");
    page.text("Behind a verb's name and a colon: of that verb alone.");
    options(&mut page, ctl::options());
    page.section("ENVIRONMENT");
    page.entry(
        "RINIT_CONTROL_SOCKET",
        "",
        "Where rinit listens, as --socket.",
    );
    page.entry(
        "NO_COLOR, TERM, COLUMNS",
        "",
        "How tables are drawn on a terminal.",
    );
    page.section("EXIT STATUS");
    for (code, doc) in [
        ("0", "It is so."),
        ("1", "Refused, or failed. health knows 0 and 1 alone."),
        ("2", "A mistake on the command line."),
        ("3", "status NAME of a service that isn't active."),
        ("4", "There is no such service."),
        ("5", "No rinit answers."),
    ] {
        page.entry(code, "", doc);
    }
    page.section("FILES");
    page.text("The socket is sought at --socket, RINIT_CONTROL_SOCKET, $XDG_RUNTIME_DIR/rinit/control.sock (not for root), /run/rinit/control.sock, and in the abstract namespace.");
    page.see_also(&[("rinit", 1), ("rinit.toml", 5)]);
    page.finish()
}

fn toml() -> String {
    let mut page = Page::new("rinit.toml", 5, "what rinit supervises");
    page.section("SYNOPSIS");
    page.text("/etc/rinit.toml, /etc/rinit.d/*.toml, or what rinit -c names");
    page.section("DESCRIPTION");
    page.text("A file in TOML. Later files override earlier ones key by key; arrays are replaced whole. rinit --check reads and checks all, names every error with its place, and prints what starts when.");
    page.example("[init]\nshutdown-timeout = \"20s\"\n\n[service.db]\ncommand = [\"redis-server\", \"--save\", \"\"]\nready   = { tcp = \"127.0.0.1:6379\" }\n\n[service.web]\ncommand   = \"exec ./serve --port $PORT\"\nrequires  = [\"db\"]\nessential = true");
    page.text("Names of services are letters, digits and _ . @ : -. In values, ${NAME}, ${NAME:-default} and ${NAME:?message} are filled in from rinit's environment when the file is read; $${ stands for itself. In a string command the shell fills in, and the words of an array command are filled in from the service's own environment at each start.");
    page.section("VALUES");
    page.text("Below, alternatives stand behind commas and \"or\", an array may be one item without its brackets, and in { a = … | b = …, c? = … } one of a and b is written, and c may be left out.");
    for term in TERMS.iter().filter(|term| !term.doc.is_empty()) {
        page.entry(term.name, "", term.doc);
    }
    let mut table = "";
    for line in reference() {
        if line.table != table {
            table = line.table;
            page.section(&match table {
                "service" => "[service.NAME] AND [defaults]".to_owned(),
                table => format!("[{table}]"),
            });
            if table == "service" {
                page.text("Those with a star may stand in [defaults], for all services that don't say otherwise.");
            }
        }
        let star = if line.shared { "*" } else { "" };
        page.entry(line.key, star, line.doc);
        page.more(format_args!(
            "Value: {}. Default: {}.",
            line.form, line.default
        ));
    }
    page.see_also(&[
        ("rinit", 1),
        ("rinitctl", 1),
        ("systemd.exec", 5),
        ("sd_notify", 3),
    ]);
    page.finish()
}

fn options(page: &mut Page, options: impl Iterator<Item = OptionText>) {
    for option in options {
        page.option(&option);
    }
}

fn capital(text: &str) -> String {
    let (first, rest) = text.split_at(text.len().min(1));
    first.to_ascii_uppercase() + rest
}
