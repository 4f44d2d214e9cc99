//! `docker run -it IMAGE bash`: a shell in the running system.

use crate::engine::Plan;
use crate::image::DEBIAN;
use crate::terminal::{INTERRUPT, SUSPEND, Terminal};

/// Whether `sleep 4321` is the terminal's foreground job (its group, against tpgid).
const SLEEP_OWNS_THE_TERMINAL: &str = r#"
    for folder in /proc/[0-9]*; do
        if [ "$(tr '\0' ' ' < "$folder/cmdline")" = "sleep 4321 " ]; then
            read -r _ _ _ _ group _ _ foreground _ < "$folder/stat"
            [ "$group" = "$foreground" ] && exit 0
        fi
    done
    exit 1"#;

/// A shell at its prompt. Marks are written so that their echo isn't their output.
fn shell() -> Terminal {
    let mut terminal = Terminal::run(Plan::of(&DEBIAN).command(&["bash", "--norc"]));
    terminal.enter("PS1='ready> '; echo hello-$((40 + 2))");
    let before = terminal.wait_for("hello-42");
    assert!(
        !before.contains("no job control"),
        "bash complained:\n{before}"
    );
    terminal
}

#[test]
fn the_shell_stands_in_the_running_system_and_gives_its_exit_code() {
    let mut terminal = shell();

    terminal.enter("until redis-cli ping 2>/dev/null; do :; done");
    terminal.wait_for("PONG");
    terminal.enter("exit $((3 + 4))");

    assert_eq!(terminal.end(), 7);
}

#[test]
fn the_shell_has_job_control() {
    let mut terminal = shell();

    terminal.enter("sleep 4321");
    let container = terminal.container();
    container.wait_for("the job to own the terminal", || {
        let owns = container.exec(&["bash", "-c", SLEEP_OWNS_THE_TERMINAL]);
        owns.status.success().then_some(())
    });
    terminal.press(SUSPEND);
    terminal.wait_for("Stopped");
    terminal.enter("jobs -s | sed s/sleep/the-job-is/");
    terminal.wait_for("the-job-is 4321");
    terminal.enter("fg");
    terminal.wait_for("sleep 4321");
    terminal.press(INTERRUPT);
    terminal.enter("echo status-$?");
    terminal.wait_for("status-130");
    terminal.enter("exit 3");

    assert_eq!(terminal.end(), 3);
}

#[test]
fn a_command_gets_its_arguments_and_its_exit_code_is_the_containers() {
    let run = Plan::of(&DEBIAN)
        .command(&["sh", "-c", "echo \"got $1\"; exit 5", "sh", "two words"])
        .run();

    let stdout = crate::engine::text(&run.stdout);
    assert!(
        stdout.lines().any(|line| line == "got two words"),
        "main's output is the container's own: {stdout:?}"
    );
    assert_eq!(run.status.code(), Some(5));
}
