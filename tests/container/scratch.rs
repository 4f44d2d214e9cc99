//! The binary needs nothing: an image with no other file in it.

use crate::engine::{Plan, text};
use crate::image::EMPTY;

#[test]
fn it_runs_in_an_empty_image() {
    let run = Plan::of(&EMPTY).command(&["/rinit", "--version"]).run();
    let stdout = text(&run.stdout);
    assert!(
        run.status.success() && stdout.contains(env!("CARGO_PKG_VERSION")),
        "{run:?}"
    );
}

#[test]
fn it_runs_a_command_in_an_empty_image() {
    let run = Plan::of(&EMPTY)
        .command(&["/rinit", "--", "/rinit", "--version"])
        .run();
    let stdout = text(&run.stdout);
    assert!(
        run.status.success() && stdout.contains(env!("CARGO_PKG_VERSION")),
        "{run:?}"
    );
}

#[test]
fn a_command_that_is_not_there_gives_127_in_an_empty_image() {
    let run = Plan::of(&EMPTY)
        .command(&["/rinit", "--", "/no-such"])
        .run();
    assert_eq!(run.status.code(), Some(127), "{run:?}");
}
