//! `rinitctl events`: each change of state once and in order, and the runs of a service.

use crate::acts::acts;
use crate::harness::{RINIT, Running};
use crate::requests::person;
use crate::supervisor::{ends_in_order, place, service, supervisor};

fn run(config: &str) -> Running {
    let rinit = supervisor(config).spawn();
    rinit.wait_for_line("person: all is done");
    rinit
}

/// The events in a file, one JSON object a line.
fn read(rinit: &Running, file: &str) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(rinit.path(file)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// `waiting>starting` and so on, of one service.
fn steps(events: &[serde_json::Value], name: &str) -> Vec<String> {
    let own = events.iter().filter(|event| event["service"] == name);
    let word = |event: &serde_json::Value, key: &str| event[key].as_str().unwrap().to_owned();
    own.map(|event| word(event, "from") + ">" + &word(event, "to"))
        .collect()
}

#[test]
fn a_follower_sees_each_change_once_and_in_order_and_the_history_is_the_same() {
    let config = service("web", &acts(["wait"]), "")
        + &service(
            "crashes",
            &acts(["exit:3"]),
            "restart-delay = '1ms'\nrestart-delay-max = '1ms'\nstart-limit = { count = 40, within = '1h' }",
        )
        + &person(&format!(
            "{RINIT} ctl --json events -f >followed &
follower=$!
{RINIT} ctl --json events -f web >web &
{RINIT} ctl --json wait crashes --for failed
try restart web; try stop web
{RINIT} ctl --json events >history
{RINIT} ctl events web >text
until grep -c '\"stopping\",\"to\":\"inactive\"' followed; do sleep 0.01; done
until grep -c '\"stopping\",\"to\":\"inactive\"' web; do sleep 0.01; done
{RINIT} ctl events | head -1 >first
{RINIT} ctl events nosuch; echo nosuch $?"
        ));
    let rinit = run(&config);
    let followed = read(&rinit, "followed");
    // None lost, none doubled.
    let numbers: Vec<i64> = followed
        .iter()
        .map(|e| e["seq"].as_i64().unwrap())
        .collect();
    let first = numbers[0];
    assert_eq!(first, 1);
    let all: Vec<i64> = (first..).take(numbers.len()).collect();
    assert_eq!(numbers, all, "{}", rinit.dump());
    let at: Vec<i64> = followed.iter().map(|e| e["at"].as_i64().unwrap()).collect();
    assert!(at.is_sorted() && at[0] > 1_500_000_000_000, "{at:?}");
    assert_eq!(
        steps(&followed, "web"),
        [
            "waiting>starting",
            "starting>active",
            "active>stopping",
            "stopping>waiting",
            "waiting>starting",
            "starting>active",
            "active>stopping",
            "stopping>inactive",
        ]
    );
    assert_eq!(steps(&read(&rinit, "web"), "web"), steps(&followed, "web"));
    let crashes = steps(&followed, "crashes");
    assert_eq!(
        crashes
            .iter()
            .filter(|step| *step == "starting>active")
            .count(),
        40
    );
    let failed = followed.iter().find(|e| e["to"] == "failed").unwrap();
    assert_eq!(
        failed["reason"],
        "exited with status 3; start limit reached"
    );
    let history = read(&rinit, "history");
    assert!(followed.starts_with(&history), "{}", rinit.dump());
    let text = std::fs::read_to_string(rinit.path("text")).unwrap();
    let line = text.lines().last().unwrap();
    assert!(
        line.contains("Z  web               stopping -> inactive"),
        "{text}"
    );
    let first = std::fs::read_to_string(rinit.path("first")).unwrap();
    assert!(first.contains("waiting -> starting"), "{first}");
    rinit.wait_for_line("person: nosuch 4");
    ends_in_order(&rinit);
}

#[test]
fn whoever_does_not_keep_up_is_told_what_it_missed_and_delays_nobody() {
    // It follows, and reads nothing until all is over: more than sockets and rinit keep.
    let config = service("web", &acts(["wait"]), "")
        + &service(
            "crashes",
            &acts(["exit:3"]),
            "restart-delay = '0s'\nstart-limit = { count = 3000, within = '1h' }",
        )
        + &person(&format!(
            "mkfifo slow
{RINIT} ctl --json events -f >slow &
exec 3<slow
{RINIT} ctl wait crashes --for failed --timeout 100s
try status web
cat <&3 >followed &
until grep '\"gap\"' followed; do sleep 0.01; done
until grep -c '\"to\":\"failed\"' followed; do sleep 0.01; done"
        ));
    let rinit = supervisor(&config).spawn();
    rinit.wait_for_line("person: all is done");
    rinit.wait_for_line("person: status web: 0 ");
    // What it did get has no other hole, and ends with the end.
    let mut next = 1;
    for event in read(&rinit, "followed") {
        match event["gap"].as_i64() {
            Some(gap) => next += gap,
            None => {
                assert_eq!(event["seq"], next, "{}", rinit.dump());
                next += 1;
            }
        }
    }
    ends_in_order(&rinit);
}

#[test]
fn the_page_of_a_service_has_its_last_runs() {
    let config = service("web", &acts(["wait", "exit:4"]), "")
        + &service(
            "job",
            "'exit 7'",
            "type = 'oneshot'\nenabled = false\nevery = '1h'",
        )
        + &person(&format!(
            "try wait web; try stop web; {RINIT} ctl status web
try start job
{RINIT} ctl --json status web >page; {RINIT} ctl --json status job >job"
        ));
    let rinit = run(&config);
    rinit.wait_for_line("last runs: stopped, exit 4, after ");
    place(
        &rinit.stdout(),
        "person: start job: 1 rinitctl: job failed: exited with status 7; next run in ",
    );
    let runs = |file: &str| read(&rinit, file)[0]["services"][0]["ends"].clone();
    let (web, job) = (&runs("page")[0], &runs("job")[0]);
    assert_eq!(
        (&web["reason"], &web["exit"]),
        (&"stopped".into(), &4.into())
    );
    assert!(web["began"].as_i64() > Some(1_500_000_000_000), "{web}");
    assert!(web["began"].as_i64() <= web["at"].as_i64(), "{web}");
    assert_eq!(
        (&job["reason"], &job["exit"]),
        (&"exited with status 7".into(), &7.into())
    );
    ends_in_order(&rinit);
}
