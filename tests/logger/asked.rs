//! A line that is asked for is told of, once, whatever happens to the logger.

use rinit::logger::message::{FromLogger, ToLogger};
use rinit::logger::{Style, Target};

use crate::harness::{Keeper, read_until, service};

const CAME: FromLogger = FromLogger::LineCame { number: 7 };

fn keeper(pattern: &'static str) -> Keeper {
    let web = service("web", Style::Prefix, Target::Out);
    Keeper::start(vec![web.looked_through_for(pattern)])
}

#[test]
fn a_line_that_was_asked_for_is_told_of_once() {
    let keeper = keeper("^ready on \\d+$");
    keeper.ask_for_line(0, 7);
    keeper.write(0, "warming\nready on\nready on 80\nready on 81\n");
    assert_eq!(keeper.answer(), CAME);
    keeper.write(0, "ready on 82\n");
    assert_eq!(keeper.ask(ToLogger::Drain), FromLogger::Drained);
    let all = "web: warming\nweb: ready on\nweb: ready on 80\nweb: ready on 81\nweb: ready on 82\n";
    assert_eq!(keeper.written().0, all);
}

#[test]
fn what_was_written_before_the_question_does_not_count() {
    let keeper = keeper("ready");
    keeper.write(0, "ready\nunfinished ready");
    let stream = 0;
    let flushed = FromLogger::Flushed { stream };
    assert_eq!(keeper.ask(ToLogger::RunEnded { stream }), flushed);
    keeper.ask_for_line(0, 7);
    keeper.write(0, "warming\n");
    assert_eq!(keeper.ask(ToLogger::Drain), FromLogger::Drained);
    keeper.write(0, "ready\n");
    assert_eq!(keeper.answer(), CAME);
}

#[test]
fn a_line_counts_whole_though_the_logger_is_killed_in_its_middle() {
    let mut keeper = keeper("^ready to serve$");
    keeper.ask_for_line(0, 7);
    for word in ["warming\nready", " to", " serve"] {
        keeper.write(0, word);
        keeper.kill_and_restart();
    }
    keeper.write(0, "\n");
    assert_eq!(keeper.answer(), CAME);
}

#[test]
fn what_a_killed_logger_has_not_told_of_the_next_one_does() {
    let mut keeper = keeper("ready");
    keeper.stop();
    keeper.ask_for_line(0, 7);
    keeper.write(0, "ready\n");
    keeper.kill_and_restart();
    assert_eq!(keeper.answer(), CAME);
    read_until(&keeper.out, 4096, |text| text == b"web: ready\n");
}

#[test]
fn a_stream_without_an_expression_says_nothing() {
    let keeper = Keeper::start(vec![service("web", Style::Raw, Target::Out)]);
    keeper.ask_for_line(0, 7);
    keeper.write(0, "ready\n");
    assert_eq!(keeper.ask(ToLogger::Drain), FromLogger::Drained);
}
