//! The files in config-examples are right, and do what they say.

use crate::engine::{Plan, text};
use crate::image::DEBIAN;

/// `rinit --check -c …` of one example, in the image.
fn check(example: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config-examples");
    let run = Plan::of(&DEBIAN)
        .option(&format!("--volume={folder}:/examples:ro"))
        .command(&["--check", "-c", &format!("/examples/{example}")])
        .run();
    assert!(
        run.status.success(),
        "{}\n{}{}",
        run.status,
        text(&run.stdout),
        text(&run.stderr)
    );
}

#[test]
fn the_demo_is_valid() {
    check("demo.toml");
}

#[test]
fn the_minimal_example_is_valid() {
    check("minimal.toml");
}

#[test]
fn the_example_with_every_key_is_valid() {
    check("every-key.toml");
}

#[test]
fn the_images_own_file_is_valid() {
    check("debian/rinit.toml");
}

#[test]
fn the_demo_runs_as_anybody_and_not_as_pid_1_and_ends_in_order() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config-examples");
    let demo = Plan::of(&DEBIAN)
        .option("--init")
        .option("--user=1234:1234")
        .option(&format!("--volume={folder}:/examples:ro"))
        .command(&["-c", "/examples/demo.toml"])
        .start();
    demo.wait_for_text("web: serving version 2");

    demo.docker(&["kill", "--signal=INT"]);

    assert_eq!(demo.wait_for_end(), 0);
    let last = demo.last_words();
    assert!(last.starts_with("rinit: SIGINT:"), "{last:?}");
}
