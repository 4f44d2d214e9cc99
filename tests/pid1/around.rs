//! What is set up around a service: folders, removals, rights, variables from files.

use crate::acts::acts;
use crate::harness::{Pid1, Status};
use crate::supervisor::{IN_ORDER, last_line, place, service, supervisor};

#[test]
fn a_runtime_directory_is_there_in_each_run_empty_and_its_own_and_goes_with_the_last() {
    let script = "stat -c 'it is %a %u' $RUNTIME_DIRECTORY; ls -A $RUNTIME_DIRECTORY; \
                  touch $RUNTIME_DIRECTORY/left; exit 1";
    let config = service(
        "web",
        &format!("\"{script}\""),
        "runtime-directory = 'web/own'\nruntime-directory-mode = '0750'\nrestart-delay = '0s'\n\
         start-limit = { count = 3, within = '1h' }",
    ) + &service(
        "look",
        &acts(["await:go", "look-for:/run/web/own", "look-for:/run/web"]),
        "restart = 'no'",
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("start limit reached");
    let folder = format!("/proc/{}/root/run/web/own", rinit.pid());
    rinit.wait_until("the folder has gone", || {
        !std::path::Path::new(&folder).exists()
    });
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait();
    let out = rinit.stdout();
    assert_eq!(
        out.matches("web: it is 750 0").count(),
        3,
        "{}",
        rinit.dump()
    );
    assert!(!out.contains("web: left"), "{}", rinit.dump());
    place(&out, "/run/web/own is there: false");
    // What stands above it may be others' too.
    place(&out, "/run/web is there: true");
}

#[test]
fn a_runtime_directory_may_stay_while_its_service_is_to_come_back() {
    let script = "ls -A $RUNTIME_DIRECTORY | wc -l; touch $RUNTIME_DIRECTORY/left; exit 1";
    let config = service(
        "web",
        &format!("\"{script}\""),
        "runtime-directory = 'web'\nruntime-directory-preserve = 'restart'\n\
         restart-delay = '0s'\nstart-limit = { count = 2, within = '1h' }",
    ) + &service(
        "look",
        &acts(["await:go", "look-for:/run/web"]),
        "restart = 'no'",
    );
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("start limit reached");
    let folder = format!("/proc/{}/root/run/web", rinit.pid());
    rinit.wait_until("the folder has gone", || {
        !std::path::Path::new(&folder).exists()
    });
    std::fs::write(rinit.path("go"), "").unwrap();
    rinit.wait();
    let out = rinit.stdout();
    place(&out, "web: 0");
    place(&out, "web: 1");
    place(&out, "/run/web is there: false");
}

#[test]
fn the_folder_belongs_to_the_user() {
    // Another user takes root, as in `identity`; CI has it.
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let look = r#"'touch /run/more/mine && stat -c "it is %a %u" /run/web'"#;
    let keys = "type = 'oneshot'\nruntime-directory = ['web', 'more']\nuser = 'nobody'";
    let ended = supervisor(&service("web", look, keys)).run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    assert_eq!(ended.stdout, "web: it is 755 65534\n", "{ended:?}");
}

#[test]
fn what_is_to_be_removed_is_gone_at_each_start_and_links_lead_nowhere() {
    let config = service(
        "web",
        "'ls -d pid tree link kept/file; test -e kept/file'",
        "type = 'oneshot'\nremove-before-start = ['pid', 'tree', 'link', 'never-there']",
    );
    let rinit = supervisor(&config)
        .file("pid", "1")
        .file("tree/below/file", "x")
        .file("kept/file", "x");
    std::os::unix::fs::symlink(rinit.path("kept"), rinit.path("link")).unwrap();
    std::os::unix::fs::symlink(rinit.path("kept"), rinit.path("tree/link")).unwrap();
    let ended = rinit.run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    assert_eq!(ended.stdout, "web: kept/file\n", "{ended:?}");
}

#[test]
fn a_folder_that_cannot_be_made_is_a_failed_start_that_says_so() {
    let config = service(
        "web",
        "['true']",
        "type = 'oneshot'\nruntime-directory = 'taken/below'",
    ) + &service(
        "first",
        "'touch /run/taken'",
        "type = 'oneshot'\nbefore = ['web']",
    );
    let ended = supervisor(&config).run();
    assert_eq!(ended.status, Status::Exited(127), "{ended:?}");
    place(
        &ended.stderr,
        "runtime-directory /run/taken/below: not a directory",
    );
}

fn status_of(keys: &str) -> String {
    let keys = format!("type = 'oneshot'\n{keys}");
    let ended = supervisor(&service("web", "['cat', '/proc/self/status']", &keys)).run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    ended.stdout
}

#[test]
fn capabilities_are_bounded_and_privileges_locked() {
    let status = status_of("no-new-privileges = true\ncapability-bounding-set = []");
    place(&status, "NoNewPrivs:\t1");
    place(&status, "CapBnd:\t0000000000000000");
    place(&status, "CapEff:\t0000000000000000");

    let status = status_of("capability-bounding-set = ['CAP_CHOWN', 'kill']");
    place(&status, "NoNewPrivs:\t0");
    place(&status, "CapBnd:\t0000000000000021");
    place(&status, "CapEff:\t0000000000000021");
}

#[test]
fn a_user_gets_the_capabilities_that_are_ambient_and_no_others() {
    // Another user takes root, as in `identity`; CI has it.
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let status = status_of("user = 'nobody'\nambient-capabilities = ['CAP_NET_BIND_SERVICE']");
    place(&status, "Uid:\t65534");
    place(&status, "CapPrm:\t0000000000000400");
    place(&status, "CapEff:\t0000000000000400");
    place(&status, "CapAmb:\t0000000000000400");
}

fn env(pid1: Pid1) -> String {
    let ended = pid1.run();
    assert_eq!(ended.status, IN_ORDER, "{ended:?}");
    ended.stdout
}

#[test]
fn the_environment_is_what_is_passed_and_not_unset() {
    let keys = "type = 'oneshot'\npass-environment = ['KEPT', 'KEPT_TOO']\n\
                unset-environment = ['KEPT_TOO', 'OWN', 'WHOLE=1', 'OTHER=1']\n\
                environment = { OWN = 'x', WHOLE = '1', OTHER = '2' }";
    let text = env(supervisor(&service("web", "['env']", keys))
        .env("KEPT", "1")
        .env("KEPT_TOO", "1")
        .env("DROPPED", "1"));
    for there in [
        "web: KEPT=1\n",
        "web: OTHER=2\n",
        "web: PATH=",
        "web: RINIT_SERVICE=web",
    ] {
        assert!(text.contains(there), "{there}: {text}");
    }
    for gone in ["KEPT_TOO", "OWN", "WHOLE", "DROPPED"] {
        assert!(!text.contains(&format!("web: {gone}=")), "{gone}: {text}");
    }
}

#[test]
fn variables_come_from_files_as_they_are_but_for_one_newline() {
    let keys = "type = 'oneshot'\nexpand-file-variables = true\n\
                environment-from = { SECRET = 'secret', EMPTY = '-absent', OVER = 'over' }\n\
                environment = { OVER = 'x', B_FILE = '/nowhere', B = 'set', C_FILE = '/nowhere' }";
    let pid1 = supervisor(&service("web", "['env']", keys))
        .file("secret", "${HOME} $x\n\n")
        .file("over", "y\n")
        .file("a", "from a file\n");
    let path = pid1.path("a");
    let text = env(pid1.env("A_FILE", path.to_str().unwrap()));
    for there in [
        "web: SECRET=${HOME} $x\n",
        "web: OVER=y\n",
        "web: A=from a file\n",
        "web: B=set\n",
        "web: B_FILE=/nowhere\n",
        "web: C_FILE=/nowhere\n",
    ] {
        assert!(text.contains(there), "{there}: {text}");
    }
    assert!(
        !text.contains("A_FILE") && !text.contains("EMPTY"),
        "{text}"
    );
}

#[test]
fn a_file_of_a_variable_that_is_named_must_be_there() {
    let keys =
        "type = 'oneshot'\nexpand-file-variables = ['A']\nenvironment = { A_FILE = 'absent' }";
    let ended = supervisor(&service("web", "['env']", keys)).run();
    assert_eq!(ended.status, Status::Exited(127), "{ended:?}");
    place(&ended.stderr, "A_FILE absent: no such file or directory");
}

#[test]
fn a_secret_that_cannot_be_read_is_a_failed_start_and_no_secret_is_ever_shown() {
    let keys = "type = 'oneshot'\nenvironment-from = { SECRET = 'secret', OTHER = 'absent' }";
    let ended = supervisor(&service("web", "['env']", keys))
        .file("secret", "hush")
        .arg("-v")
        .run();
    assert_eq!(ended.status, Status::Exited(127), "{ended:?}");
    place(
        &ended.stderr,
        "environment-from OTHER: absent: no such file or directory",
    );
    assert!(!format!("{ended:?}").contains("hush"), "{ended:?}");
    assert!(
        last_line(&ended.stderr).contains("exit code 127"),
        "{ended:?}"
    );
}
