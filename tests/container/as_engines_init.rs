//! rinit as the init that Docker itself puts into containers (`docker run --init`).

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command};

use crate::engine::{Folder, PATIENCE, Plan, docker, output, succeed, text};
use crate::image::{DEBIAN, RINIT, archive_of_rinit};
use crate::wait;

#[test]
fn mounted_as_dockers_init_it_runs_the_command() {
    let rinit = RINIT.display();
    let run = Plan::of(&DEBIAN)
        .option(&format!("--volume={rinit}:/sbin/docker-init:ro"))
        .option("--entrypoint=/sbin/docker-init")
        .command(&["--", "sh", "-c", "cat /proc/1/comm; exit 6"])
        .run();
    assert_eq!(text(&run.stdout), "docker-init\n");
    assert_eq!(run.status.code(), Some(6), "{run:?}");
}

/// A docker daemon of the test's own, with rinit as its init.
struct Engine {
    folder: Folder,
    daemon: Child,
}

impl Engine {
    /// Starts it, and waits until it answers.
    fn start() -> Self {
        let folder = Folder::new("engine");
        let init = folder.path().join("docker-init");
        let rinit: &PathBuf = &RINIT;
        fs::copy(rinit, &init).unwrap();
        let config = folder.path().join("daemon.json");
        fs::write(&config, "{}").unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        // In a network namespace of its own: a dockerd without a bridge removes the
        // machine's docker0, which is another daemon's.
        let daemon = Command::new("unshare")
            .args(["--net", "dockerd"])
            .arg(format!("--config-file={}", config.display()))
            .arg(format!("--init-path={}", init.display()))
            .arg(format!("--data-root={}", path("data")))
            .arg(format!("--exec-root={}", path("exec")))
            .arg(format!("--pidfile={}", path("pid")))
            .arg(format!("--host=unix://{}", path("socket")))
            .args(["--bridge=none", "--iptables=false", "--ip6tables=false"])
            .args(["--storage-driver=vfs", "--init"])
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("unshare and dockerd are needed");
        let engine = Self { folder, daemon };
        let answer = wait::until(PATIENCE, || {
            output(engine.docker().arg("version"))
                .status
                .success()
                .then_some(())
        });
        assert!(answer.is_some(), "the second dockerd doesn't answer");
        engine
    }

    /// The command line, bound to this daemon.
    fn docker(&self) -> Command {
        let mut command = docker();
        let socket = self.folder.path().join("socket");
        command.arg(format!("--host=unix://{}", socket.display()));
        command
    }

    /// What the daemon has logged.
    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- the second dockerd:\n{}----", self.log());
        }
        let pid = self.daemon.id().to_string();
        drop(Command::new("kill").arg(pid).status());
        if wait::until(PATIENCE, || self.daemon.try_wait().ok().flatten()).is_none() {
            drop(self.daemon.kill());
            drop(self.daemon.wait());
        }
    }
}

#[test]
fn dockerd_takes_it_as_its_init_without_a_warning() {
    let engine = Engine::start();
    let archive = archive_of_rinit(&engine.folder);
    let image = succeed(engine.docker().arg("import").arg(archive));

    // The binary's own words for `docker info`, and nothing to complain about.
    let info = succeed(
        engine
            .docker()
            .args(["info", "--format={{.InitBinary}} [{{.InitCommit.ID}}]"]),
    );
    assert!(info.contains("docker-init"), "{info:?}");
    let versions = succeed(engine.docker().args([
        "version",
        "--format={{range .Server.Components}}{{.Name}} {{.Version}}\n{{end}}",
    ]));
    assert!(
        versions
            .lines()
            .any(|line| line.starts_with("docker-init 0.")),
        "docker should know the init's version:\n{versions}"
    );

    // A container under it: PID 1 is rinit, told to run rinit --version.
    let run = output(engine.docker().args([
        "run",
        "--rm",
        "--network=none",
        image.trim(),
        "/rinit",
        "--version",
    ]));
    assert!(run.status.success(), "{run:?}");
    assert!(
        text(&run.stdout).contains(env!("CARGO_PKG_VERSION")),
        "{run:?}"
    );

    let complaints: Vec<String> = engine
        .log()
        .lines()
        .filter(|line| line.contains("docker-init") || line.contains("init version"))
        .map(str::to_owned)
        .collect();
    assert!(complaints.is_empty(), "dockerd complained: {complaints:#?}");
}
