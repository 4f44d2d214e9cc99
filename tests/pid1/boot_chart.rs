//! How the start went, asked of a running rinit.

use crate::acts::acts;
use crate::status::{UP, answers};
use crate::supervisor::{place, service};

#[test]
fn the_chart_shows_each_start_and_names_the_chain_that_all_waited_for() {
    // The chain is as it is by what waits for what: the database comes after the cache.
    let config = service(
        "cache",
        &acts(["notify:READY=1", "wait"]),
        "ready = 'notify'",
    ) + &service(
        "warm",
        &acts(["touch:warm"]),
        "type = 'oneshot'\nrequires = ['cache']",
    ) + &service(
        "db",
        &acts(["await:warm", "notify:READY=1", "wait"]),
        "ready = 'notify'",
    ) + &service(
        "migrate",
        &acts(["exit:0"]),
        "type = 'oneshot'\nrequires = ['db', 'cache']",
    ) + &service("web", &acts(["wait"]), "requires = ['migrate', 'cache']")
        + &service(
            "broken",
            &acts(["exit:3"]),
            "restart = 'no'\nafter = ['web']\nready = 'notify'",
        )
        + &service("off", &acts(["wait"]), "enabled = false");
    let script = format!(
        "{UP}ctl wait web; ctl wait broken --for failed; ctl boot-chart; ctl --json boot-chart; ctl boot-chart migrate; \
         ctl boot-chart --svg; ctl boot-chart --dot; ctl boot-chart nobody"
    );
    let ended = answers(&config, &script);
    let text = &ended.stdout;
    let row = |name: &str| text.lines().nth(place(text, name)).unwrap();
    assert!(row("NAME ").contains("RESULT"), "{ended:?}");
    for (name, result) in [
        ("db  ", "ready"),
        ("migrate  ", "done"),
        ("web  ", "ready"),
        ("broken  ", "failed"),
    ] {
        assert!(row(name).contains(result), "{ended:?}");
    }
    assert!(!text.contains("\noff "), "{ended:?}");
    let chains: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("critical chain: "))
        .collect();
    let named = |chain: &str| -> Vec<String> {
        let links = chain.split(" → ");
        links
            .map(|link| link.split(' ').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(named(chains[0]), ["db", "migrate", "web"], "{ended:?}");
    assert_eq!(named(chains[1]), ["db", "migrate"], "{ended:?}");
    let json = text.lines().find(|line| line.starts_with('{')).unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    let links = json["critical"].as_array().unwrap();
    assert_eq!(links[0]["from"], 0, "{json}");
    assert_eq!(links[0]["to"], links[1]["from"], "{json}");
    assert_eq!(links[2]["name"], "web", "{json}");
    let services = json["services"].as_array().unwrap();
    let web = services.iter().find(|it| it["name"] == "web").unwrap();
    assert_eq!(web["result"], "ready");
    assert_eq!(links[2]["to"], web["settled"]);
    assert!(
        text.contains("<svg ") && text.contains("</svg>\n"),
        "{ended:?}"
    );
    assert!(text.contains("boot-chart takes no --dot"), "{ended:?}");
    assert!(text.contains("there is no service nobody"), "{ended:?}");
}
