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
