//! Services that start themselves in the background: whose end they have, and whose number.

use crate::harness::{Pid1, RINIT, Running, Setup};
use crate::supervisor::{ends_in_order, notes, service, supervisor};

/// A daemon by two forks. It ends with 7 once there is a file `die`, and writes its number
/// where it is told to, once there is `now` if it is to be late.
const DAEMON: &str = "#!/bin/sh
(
    setsid sh -c '
        trap \"echo stops >> notes; exit 0\" TERM
        echo runs >> notes
        while [ -n \"$LATE\" ] && [ ! -e now ]; do sleep 0.02; done
        [ -z \"$PID_FILE\" ] || echo $$ > \"$PID_FILE\"
        while ! rm die 2> /dev/null; do sleep 0.02; done
        exit 7
    ' &
)
exit ${STATUS:-0}
";

fn forks(more: &str) -> String {
    let more = format!("type = 'forking'\n{more}");
    service("web", "['./daemon']", &more) + &eyes()
}

/// Looks at it all the time; `seen` is the last that it saw.
pub fn eyes() -> String {
    let script = format!(
        "while :; do {RINIT} ctl --json status web > look 2>&1; mv look seen; sleep 0.01; done"
    );
    service("eyes", &format!("'''{script}'''"), "")
}

fn with(config: &str) -> Pid1 {
    supervisor(config).script("daemon", DAEMON)
}

/// What is known of it under this key.
pub fn told(rinit: &Running, key: &str) -> String {
    let [value] = told_at_once(rinit, [key]);
    value
}

/// What is known of it under these keys, at one moment.
fn told_at_once<const N: usize>(rinit: &Running, keys: [&str; N]) -> [String; N] {
    let seen = std::fs::read_to_string(rinit.path("seen")).unwrap_or_default();
    let seen: serde_json::Value = serde_json::from_str(&seen).unwrap_or_default();
    keys.map(|key| match &seen["services"][0][key] {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

#[track_caller]
pub fn until_active(rinit: &Running) -> String {
    rinit.wait_until("it is active", || told(rinit, "state") == "active");
    told(rinit, "pid")
}

#[track_caller]
fn read(rinit: &Running, name: &str) -> String {
    let text = std::fs::read_to_string(rinit.path(name)).unwrap_or_default();
    text.trim().to_owned()
}

fn touch(rinit: &Running, name: &str) {
    std::fs::write(rinit.path(name), "").unwrap();
}

const BY_FILE: &str = "pid-file = 'web.pid'\nenvironment = { PID_FILE = 'web.pid' }\n";

#[test]
fn the_process_that_the_pid_file_names_is_the_main_one_and_comes_back_when_it_dies() {
    let rinit = with(&forks(BY_FILE)).spawn();
    let first = until_active(&rinit);
    assert_eq!(first, read(&rinit, "web.pid"), "{}", rinit.dump());
    touch(&rinit, "die");
    // Its status is known, though it is nobody's child.
    rinit.wait_for_line("web exited with status 7");
    rinit.wait_until("another one is there", || {
        let [state, pid] = told_at_once(&rinit, ["state", "pid"]);
        state == "active" && pid != first
    });
    assert_eq!(told(&rinit, "pid"), read(&rinit, "web.pid"));
    ends_in_order(&rinit);
    assert_eq!(notes(&rinit), ["runs", "runs", "stops"]);
    assert!(!rinit.path("web.pid").exists(), "it goes with the service");
}

#[test]
fn a_pid_file_that_comes_late_is_waited_for_and_an_old_one_is_not_believed() {
    let keys = "pid-file = 'web.pid'\nenvironment = { PID_FILE = 'web.pid', LATE = 'yes' }";
    let rinit = with(&forks(keys)).file("web.pid", "1\n").spawn();
    rinit.wait_until("it runs", || notes(&rinit) == ["runs"]);
    rinit.wait_until("it is looked at", || told(&rinit, "state") == "starting");
    assert!(!rinit.path("web.pid").exists());
    touch(&rinit, "now");
    let pid = until_active(&rinit);
    assert_eq!(pid, read(&rinit, "web.pid"));
    ends_in_order(&rinit);
    assert_eq!(notes(&rinit), ["runs", "stops"]);
}

#[test]
fn a_pid_file_that_names_somebody_else_or_is_none_fails_the_start_and_leaves_nothing() {
    for (make, why) in [
        ("cat other.pid > web.pid", "which is not this service's"),
        ("echo 1 > web.pid", "holds no process's number"),
        ("echo 30000 > web.pid", "which doesn't run"),
        ("echo none > web.pid", "holds no process's number"),
        ("mkfifo web.pid", "is no plain file"),
        ("ln -s /dev/zero web.pid", "is no plain file"),
        (":", "no such file or directory"),
    ] {
        let keys =
            "pid-file = 'web.pid'\nstart-timeout = '1500ms'\nrestart = 'no'\nrequires = ['other']";
        let other = "'echo $$ > new; mv new other.pid; exec sleep 1000'";
        let config = forks(keys) + &service("other", other, "ready = { file = 'other.pid' }");
        let daemon = DAEMON.replace("#!/bin/sh\n", &format!("#!/bin/sh\n{make}\n"));
        let rinit = supervisor(&config).script("daemon", &daemon).spawn();
        rinit.wait_for_line("web failed: ");
        let said = rinit.stderr();
        let is_it = |line: &&str| line.contains("web failed: ");
        let line = said.lines().find(is_it).unwrap();
        assert!(line.contains("not ready after"), "{make}: {line}");
        assert!(line.contains(why), "{make}: {line}");
        assert_eq!(notes(&rinit), ["runs", "stops"], "{make}: {}", rinit.dump());
        ends_in_order(&rinit);
    }
}

#[test]
fn without_a_pid_file_the_only_process_that_is_left_is_the_main_one() {
    let rinit = with(&forks("")).spawn();
    let first = until_active(&rinit);
    assert!(first.parse::<i32>().is_ok(), "{first}: {}", rinit.dump());
    rinit.wait_until("it runs", || notes(&rinit) == ["runs"]);
    touch(&rinit, "die");
    rinit.wait_for_line("web exited with status 7");
    rinit.wait_until("another one is there", || {
        let [state, pid] = told_at_once(&rinit, ["state", "pid"]);
        state == "active" && pid != first
    });
    rinit.wait_until("it runs", || notes(&rinit).len() == 2);
    ends_in_order(&rinit);
    assert_eq!(notes(&rinit), ["runs", "runs", "stops"]);
}

#[test]
fn of_several_none_is_the_main_one_and_a_stop_leaves_none() {
    let two = DAEMON.replace("exit ${STATUS:-0}", "(setsid sleep 1000 &)\nexit 0");
    let keys = "exec-stop-post = ['echo gone $SERVICE_RESULT >> notes']";
    let rinit = supervisor(&forks(keys)).script("daemon", &two).spawn();
    assert_eq!(until_active(&rinit), "null", "{}", rinit.dump());
    rinit.wait_until("it runs", || notes(&rinit) == ["runs"]);
    ends_in_order(&rinit);
    assert_eq!(notes(&rinit), ["runs", "stops", "gone success"]);
    let said = rinit.stderr();
    assert!(!said.contains("killed"), "{said}");
}

#[test]
fn where_no_main_process_is_known_the_last_ones_end_is_its_end() {
    let daemon = "#!/bin/sh\n(setsid sh -c 'echo runs >> notes; until rm die; do sleep 0.02; done' 2>&- &)\n";
    let keys = "restart = 'no'\nguess-main-pid = false";
    let rinit = supervisor(&forks(keys)).script("daemon", daemon).spawn();
    assert_eq!(until_active(&rinit), "null");
    rinit.wait_until("it runs", || notes(&rinit) == ["runs"]);
    touch(&rinit, "die");
    rinit.wait_until("it has ended", || told(&rinit, "state") == "exited");
    ends_in_order(&rinit);
}

#[test]
fn a_first_process_that_fails_is_a_failed_start_and_leaves_nothing() {
    let keys = "environment = { STATUS = '3' }\nrestart = 'no'";
    let rinit = with(&forks(keys)).spawn();
    rinit.wait_for_line("web failed: exited with status 3");
    rinit.wait_until("what it left is gone", || {
        let left = |name: &str| rinit.processes().iter().any(|it| it.name == name);
        !left("setsid") && !left("rinit-subreaper")
    });
    ends_in_order(&rinit);
}

#[test]
fn a_first_process_that_never_ends_is_stopped_when_its_time_is_over() {
    let keys = "start-timeout = '200ms'\nrestart = 'no'";
    let daemon = "#!/bin/sh\necho runs >> notes\nexec sleep 1000\n";
    let rinit = supervisor(&forks(keys)).script("daemon", daemon).spawn();
    rinit.wait_for_line("web failed: not ready after");
    ends_in_order(&rinit);
}

#[test]
fn a_pid_file_that_exec_start_post_writes_will_do() {
    let keys = "pid-file = 'web.pid'\nenvironment = { PID_FILE = 'number' }\n\
        exec-start-post = ['until [ -s number ]; do sleep 0.02; done; cat number > web.pid; echo post >> notes']";
    let rinit = with(&forks(keys)).spawn();
    let pid = until_active(&rinit);
    assert_eq!(pid, read(&rinit, "number"), "{}", rinit.dump());
    ends_in_order(&rinit);
    assert_eq!(notes(&rinit), ["runs", "post", "stops"]);
}

#[test]
fn a_service_that_forks_may_be_asked_whether_it_is_ready_as_well() {
    let keys = format!("{BY_FILE}ready = {{ file = 'answers' }}");
    let rinit = with(&forks(&keys)).spawn();
    rinit.wait_until("its number is known", || {
        !read(&rinit, "web.pid").is_empty() && told(&rinit, "pid") == read(&rinit, "web.pid")
    });
    assert_eq!(told(&rinit, "state"), "starting");
    touch(&rinit, "answers");
    until_active(&rinit);
    ends_in_order(&rinit);
}

#[test]
fn its_subreaper_is_never_its_main_process() {
    let daemon = DAEMON.replace("exit ${STATUS:-0}", "ps -o ppid= -p $$ > web.pid\nexit 0");
    let keys = "pid-file = 'web.pid'\nstart-timeout = '300ms'\nrestart = 'no'";
    let rinit = supervisor(&forks(keys)).script("daemon", &daemon).spawn();
    rinit.wait_for_line("which is not this service's");
    ends_in_order(&rinit);
}

#[test]
fn a_dash_before_exec_start_is_for_the_first_process_and_not_for_the_main_one() {
    let rinit = with(&("[service.web]\nunit = 'web.service'\n".to_owned() + &eyes()));
    let folder = rinit.path("");
    let unit = format!(
        "[Service]\nType=forking\nWorkingDirectory={0}\nEnvironment=STATUS=3 PID_FILE={0}/web.pid\n\
         PIDFile={0}/web.pid\nExecStart=-{0}/daemon\n",
        folder.display().to_string().trim_end_matches('/'),
    );
    let rinit = rinit
        .file("units/web.service", &unit)
        .setup(Setup::OwnUnits)
        .spawn();
    let main = until_active(&rinit);
    assert_eq!(main, read(&rinit, "web.pid"), "{}", rinit.dump());
    touch(&rinit, "die");
    rinit.wait_for_line("web failed: exited with status 7");
    ends_in_order(&rinit);
}

/// The number of the first process, which has ended, is another's by now: that one may not
/// speak for the service, and gets none of its signals.
#[test]
fn a_stranger_with_the_number_of_the_first_process_is_no_part_of_the_service() {
    let daemon = "#!/bin/sh
echo $NOTIFY_SOCKET > address
echo $$ > leader
setsid sh -c './systemd-notify MAINPID=$$; ./systemd-notify --ready; touch claimed
    trap \"exit 0\" USR1; while :; do sleep 0.02; done' &
until test -e claimed; do sleep 0.01; done
";
    let stranger = "#!/bin/sh
echo $$ > number
until test -e chosen; do sleep 0.01; done
NOTIFY_SOCKET=$(cat address) ./systemd-notify --status=stolen
touch spoke
while :; do rm ask 2> /dev/null && touch answered; sleep 0.02; done
";
    // The next process gets the number behind the last one's.
    let other = format!(
        "until test -e go; do sleep 0.01; done
         leader=$(cat leader)
         while :; do
             rm -f number; echo $((leader - 1)) > /proc/sys/kernel/ns_last_pid
             setsid ./stranger & until test -s number; do sleep 0.01; done
             test $(cat number) = $leader && break; kill -9 $(cat number)
         done
         touch chosen; until test -e spoke; do sleep 0.01; done
         {RINIT} ctl --json status web > after; {RINIT} ctl stop web; touch stopped; wait"
    );
    for tracking in ["marks", "subreaper"] {
        let web = format!(
            "ready = 'notify'\ntracking = '{tracking}'\n\
             stop-signal = 'USR1'\nstop-timeout = '1s'"
        );
        let config = service("web", "['./daemon']", &web)
            + &eyes()
            + &service("other", &format!("'''{other}'''"), "");
        let rinit = crate::sd_notify::with_face(&config)
            .script("daemon", daemon)
            .script("stranger", stranger)
            .spawn();
        until_active(&rinit);
        touch(&rinit, "go");
        rinit.wait_until("web is stopped", || rinit.path("stopped").exists());
        let after = read(&rinit, "after");
        assert!(after.contains("\"active\""), "{after}\n{}", rinit.dump());
        assert!(!after.contains("stolen"), "{after}\n{}", rinit.dump());
        touch(&rinit, "ask");
        rinit.wait_until("it lives", || rinit.path("answered").exists());
        ends_in_order(&rinit);
    }
}

#[test]
fn how_another_s_child_ended_is_not_known_and_no_success() {
    let main = "#!/bin/sh
(exec sh -c './systemd-notify MAINPID=$$; ./systemd-notify --ready; until test -e go; do sleep 0.01; done') &
wait; exec sleep 1000
";
    for tracking in ["marks", "subreaper"] {
        let keys = format!("ready = 'notify'\nrestart = 'no'\ntracking = '{tracking}'");
        let rinit = crate::sd_notify::with_face(&service("web", "['./main']", &keys))
            .script("main", main)
            .arg("-v")
            .spawn();
        rinit.wait_for_line("web: starting -> active");
        touch(&rinit, "go");
        rinit.wait_for_line("web ended, its status unknown");
        rinit.wait_for_line("-> failed");
        rinit.signal(15);
        rinit.wait();
    }
}
