//! `[http]` and `rinitctl health` as an engine, a monitor and Prometheus itself use them: the
//! image's HEALTHCHECK, a published port, and a scrape over the containers' network.

use std::io::Write as _;
use std::process::Stdio;
use std::sync::LazyLock;

use crate::engine::{Container, Plan, docker};
use crate::image::{self, DEBIAN, RINIT};

/// The image of the example, and README's line for HEALTHCHECK, but asked often.
static CHECKED: LazyLock<String> = LazyLock::new(|| {
    let debian: &str = &DEBIAN;
    let text = format!(
        "FROM {debian}\nHEALTHCHECK --interval=1s --retries=1 CMD [\"rinitctl\", \"health\"]\n"
    );
    let mut build = docker();
    build
        .env("DOCKER_BUILDKIT", "0")
        .args(["build", "--quiet", "--label=rinit-test=1", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut build = build.spawn().unwrap();
    let mut stdin = build.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let built = build.wait_with_output().unwrap();
    assert!(built.status.success(), "{built:?}");
    crate::engine::text(&built.stdout).trim().to_owned()
});

const CONFIG: &str = r#"
[http]
listen = ":80"

[service.web]
command = ["sleep", "100000"]

[service.worker]
command = ["sleep", "100000"]
restart = "no"
"#;

fn system() -> Container {
    let system = Plan::of(&CHECKED)
        .option("--publish=127.0.0.1::80")
        .config(CONFIG)
        .start();
    system.wait_for_text("2 services running");
    system
}

/// Waits until both say so: the engine of its container, and `/readyz` behind its port.
fn is_told(system: &Container, health: &str, answer: &str) {
    system.wait_for(health, || {
        let head = system.http("/readyz").ok()?;
        let told = system.inspect("{{.State.Health.Status}}");
        (told == health && head.starts_with(&format!("HTTP/1.1 {answer}"))).then_some(())
    });
}

#[test]
fn the_engine_s_health_and_the_published_port_s_answer_follow_a_service() {
    let system = system();
    is_told(&system, "healthy", "200");

    system.ask(&["rinitctl", "kill", "--signal", "KILL", "worker"]);
    is_told(&system, "unhealthy", "503");
    let said = system.inspect("{{range .State.Health.Log}}{{.Output}}{{end}}");
    assert!(said.contains("worker"), "{said}");
    assert!(system.http("/readyz").unwrap().contains("worker"));
    // It isn't ready, but no reason to end it.
    assert!(system.http("/livez").unwrap().starts_with("HTTP/1.1 200"));

    system.ask(&["rinitctl", "start", "worker"]);
    is_told(&system, "healthy", "200");
    assert_eq!(system.stop().code, 0);
}

#[test]
fn prometheus_itself_parses_the_metrics_and_scrapes_them_over_the_containers_network() {
    let system = system();
    let address = system.inspect("{{.NetworkSettings.IPAddress}}");
    let rinit = RINIT.display();
    let config = "[service.prometheus]\nunit = \"prometheus.service\"\n";
    let begin = format!(
        "printf 'global: {{scrape_interval: 1s}}\\nscrape_configs:\\n- job_name: rinit\\n  \
         static_configs: [{{targets: [\"{address}:80\"]}}]\\n' > /etc/prometheus/prometheus.yml; \
         exec /sbin/rinit"
    );
    let monitor = Plan::of(&image::with_packages(&["curl", "prometheus"]))
        .option(&format!("--volume={rinit}:/sbin/rinit:ro"))
        .option("--tmpfs=/run:exec")
        .option("--entrypoint=/bin/sh")
        .config(config)
        .command(&["-c", &begin])
        .start();
    monitor.wait_for_text("1 service running");

    let scrape = format!("set -o pipefail; curl -fsS http://{address}/metrics");
    monitor.bash(&format!("{scrape} | promtool check metrics"));
    // The newer form, in which each number has to have a time to become a block.
    monitor.bash(&format!(
        "{scrape} -H 'Accept: application/openmetrics-text' \
             | sed '/^#/!s/$/ 1700000000/' > /tmp/metrics && tail -n 1 /tmp/metrics | grep -q '^# EOF' \
             && promtool tsdb create-blocks-from openmetrics /tmp/metrics /tmp/blocks"
    ));

    let is_so = |query: &str| {
        monitor.wait_for(query, || {
            let words = [
                "promtool",
                "query",
                "instant",
                "http://127.0.0.1:9090",
                query,
            ];
            let told = monitor.exec(&words);
            (told.status.success() && !told.stdout.is_empty()).then_some(())
        });
    };
    is_so("up{job='rinit'} == 1");
    is_so("rinit_ready == 1");
    is_so("rinit_service_state{service='worker',state='active'} == 1");
    system.ask(&["rinitctl", "kill", "--signal", "KILL", "worker"]);
    is_so("rinit_service_state{service='worker',state='failed'} == 1");
    is_so("rinit_service_exits_total{service='worker',cause='signal'} == 1");
    assert_eq!(monitor.stop().code, 0);
}
