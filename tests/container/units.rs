//! Debian's packages from the unit files that they ship, in a plain unprivileged container.

use crate::engine::Plan;
use crate::image::DEBIAN;

#[test]
fn redis_and_cron_run_from_their_own_units_and_nginx_with_a_command_in_the_foreground() {
    let system = Plan::of(&DEBIAN)
        .config(
            r#"
            [service.redis]
            unit = "redis-server.service"

            [service.cron]
            unit = "cron.service"

            [service.nginx]
            unit = "nginx.service"
            type = "simple"
            command = ["nginx", "-g", "daemon off;"]
            ready = { tcp = "127.0.0.1:80" }
            log-files = ["/var/log/nginx/*.log"]
            "#,
        )
        .start();
    // redis's unit is Type=notify, so this is its own word.
    system.wait_for_text("3 services running");
    let pong = system.ask(&["redis-cli", "ping"]);
    assert_eq!(pong.trim(), "PONG");
    let told = |key: &str| {
        let status = system.ask(&["/sbin/rinit", "ctl", "--json", "status", "redis"]);
        let (_, rest) = status.split_once(&format!("\"{key}\":")).expect(key);
        let end = rest.find([',', '}']).unwrap();
        rest[..end].to_owned()
    };
    // The user is the unit's, and so is what it does after a kill: Restart=always.
    let pid = told("pid");
    let user = system.bash(&format!("stat -c %U /proc/{pid}"));
    assert_eq!(user.trim(), "redis");
    system.bash(&format!("kill -9 {pid}"));
    system.wait_for("redis to be back", || {
        let back = system.exec(&["redis-cli", "ping"]).status.success() && told("pid") != pid;
        back.then_some(())
    });
    // nginx writes into files by itself: a request is seen in the container's output,
    // though they are rotated meanwhile.
    for number in 0..3 {
        let get = format!(
            "exec 3<>/dev/tcp/127.0.0.1/80; printf 'GET /number-{number} HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"
        );
        system.bash(&get);
        system.wait_for_text("nginx: 127.0.0.1 - - [");
        system.wait_for_text(&format!("\"GET /number-{number} HTTP/1.0\" 404"));
        let log = "/var/log/nginx/access.log";
        system.bash(&format!("mv {log} {log}.{number} && nginx -s reopen"));
    }
    let stopped = system.stop();
    assert_eq!(stopped.code, 0, "{}", system.logs());
}

#[test]
fn without_a_file_what_apt_has_enabled_runs_and_comes_back_and_stops_well() {
    let system = Plan::of(&DEBIAN)
        .option("--entrypoint=/bin/sh")
        .command(&["-c", "rm -f /etc/rinit.toml; exec /sbin/rinit"])
        .start();
    let runs = |what: &str| {
        system.wait_for(what, || {
            let pong = system.exec(&["redis-cli", "ping"]).status.success();
            let status = system.exec(&["/sbin/rinit", "ctl", "status", "cron"]);
            (pong && status.status.success()).then_some(())
        });
    };
    runs("redis and cron");
    // What is a machine's own isn't started.
    let list = system.ask(&["/sbin/rinit", "ctl", "list"]);
    assert!(
        !list.contains("getty") && !list.contains("apt-daily"),
        "{list}"
    );
    system.docker(&["restart"]);
    runs("redis and cron after docker restart");
    let stopped = system.stop();
    assert_eq!(stopped.code, 0, "{}", system.logs());
}
