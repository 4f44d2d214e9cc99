//! What the commands around a service may say on its notify socket, and what they get.

use crate::requests::person;
use crate::sd_notify::{script, with_face};
use crate::supervisor::{ends_in_order, place};

#[test]
fn a_command_speaks_where_notify_access_says_so() {
    for tracking in ["marks", "subreaper"] {
        for (access, last) in [("main", "main"), ("exec", "command"), ("all", "far")] {
            let config = script(
                "job",
                "./systemd-notify --ready --status=main; exec sleep 1000",
                &format!(
                    "notify-access = '{access}'\ntracking = '{tracking}'\nexec-reload = [\n\
                     './systemd-notify --status=command; :',\n\
                     '(./systemd-notify --status=child; :)',\n\
                     'setsid ./systemd-notify --pid=self --status=far; :']"
                ),
            ) + &person("try wait job; try reload job; try status job");
            let rinit = with_face(&config).spawn();
            rinit.wait_for_line("person: all is done");
            rinit.wait_for_line("person: reload job: 0 ");
            rinit.wait_for_line(&format!("says: {last}"));
            ends_in_order(&rinit);
        }
    }
}

#[test]
fn a_command_that_says_ready_before_the_start_makes_nobody_ready() {
    for tracking in ["marks", "subreaper"] {
        let job = "echo runs; until test -e go; do sleep 0.01; done; \
                   ./systemd-notify --ready; exec sleep 1000";
        let keys = format!(
            "exec-start-pre = ['./systemd-notify --ready --status=early; :']\n\
             tracking = '{tracking}'"
        );
        let rinit = with_face(&script("job", job, &keys)).arg("-v").spawn();
        rinit.wait_for_line("job: runs");
        // What it waits for shows that the word was heard.
        std::fs::write(rinit.path("go"), "").unwrap();
        rinit.wait_for_line("job: starting -> active");
        ends_in_order(&rinit);

        let job = "echo runs; exec sleep 1000";
        let keys = format!("{keys}\nstart-timeout = '2s'\nrestart = 'no'");
        let ended = with_face(&script("job", job, &keys)).run();
        let said = place(&ended.stderr, "job failed: not ready after 2");
        assert!(
            ended
                .stderr
                .lines()
                .nth(said)
                .unwrap()
                .ends_with(" (early)")
        );
    }
}

#[test]
fn what_is_stored_goes_to_the_main_process_alone_whoever_stored_it() {
    for tracking in ["marks", "subreaper"] {
        let told =
            |list: &str| format!("echo {list}:$LISTEN_FDS$LISTEN_PID$LISTEN_FDNAMES$FDSTORE.");
        let job = "echo x > data; test -z \"$LISTEN_FDS\" || echo main:$LISTEN_FDS:$LISTEN_FDNAMES; \
                   ./systemd-notify --ready --fd=8 --fdname=own 8<data; exec sleep 1000";
        let keys = format!(
            "file-descriptor-store-max = 8\ntracking = '{tracking}'\n\
             exec-start-pre = ['{}']\nexec-stop = ['{}']\nexec-stop-post = ['{}']\n\
             exec-reload = ['{}; ./systemd-notify --fd=8 --fdname=theirs 8<data']\n\
             exec-start-post = ['{}']",
            told("pre"),
            told("stop"),
            told("stop-post"),
            told("reload"),
            told("post"),
        );
        let config = script("job", job, &keys)
            + &person("try wait job; try reload job; try restart job; try reload job");
        let rinit = with_face(&config).spawn();
        rinit.wait_for_line("person: all is done");
        rinit.wait_for_line("job: main:2:own:theirs");
        for list in ["pre", "post", "reload", "stop", "stop-post"] {
            rinit.wait_for_line(&format!("job: {list}:."));
            let said = rinit.stdout();
            let lines = said
                .lines()
                .filter(|line| line.contains(&format!(" {list}:")));
            let all: Vec<&str> = lines.collect();
            assert!(all.iter().all(|line| line.ends_with(":.")), "{all:?}");
        }
        ends_in_order(&rinit);
    }
}

#[test]
fn all_of_a_run_have_its_invocation_and_the_next_run_has_another() {
    for tracking in ["marks", "subreaper"] {
        let id = |list: &str| format!("['echo {list} $INVOCATION_ID >> ids']");
        let keys = format!(
            "tracking = '{tracking}'\nexec-start-pre = {}\nexec-start-post = {}\n\
             exec-reload = {}\nexec-stop = {}\nexec-stop-post = {}",
            id("pre"),
            id("post"),
            id("reload"),
            id("stop"),
            id("stop-post"),
        );
        let job = "echo main $INVOCATION_ID >> ids; ./systemd-notify --ready; exec sleep 1000";
        let config = script("job", job, &keys)
            + &person("try wait job; try reload job; try restart job; try stop job");
        let rinit = with_face(&config).spawn();
        rinit.wait_for_line("person: all is done");
        let ids = std::fs::read_to_string(rinit.path("ids")).unwrap();
        let of = |list: &str| -> Vec<String> {
            let own = ids.lines().filter_map(|line| line.strip_prefix(list));
            own.map(|id| id.trim().to_owned()).collect()
        };
        let runs = of("main ");
        assert_eq!(runs.len(), 2, "{ids}");
        assert_ne!(runs[0], runs[1], "{ids}");
        for list in ["pre ", "post ", "stop ", "stop-post "] {
            assert_eq!(of(list), runs, "{ids}");
        }
        assert_eq!(of("reload "), runs[..1], "{ids}");
        ends_in_order(&rinit);
    }
}
