use crate::acts::acts;
use crate::supervisor::{IN_ORDER, service, supervisor};

#[test]
fn a_hang_up_without_a_terminal_that_finds_nothing_new_is_one_line_and_changes_nothing() {
    let rinit = supervisor(&service("a", &acts(["say:ready", "wait"]), "")).spawn();
    rinit.wait_for_line("a: ready");
    // The reader of the start may just be about to vanish.
    rinit.wait_until("the service and the logger are left", || {
        rinit.children().len() == 2
    });
    let before = rinit.children();
    rinit.signal(1);
    rinit.wait_for_line("configuration applied: nothing changes");
    let pids =
        |all: &[crate::harness::Process]| all.iter().map(|child| child.pid).collect::<Vec<_>>();
    rinit.wait_until("all children are those of before", || {
        pids(&rinit.children()) == pids(&before)
    });
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    assert_eq!(
        rinit.stderr().matches("configuration").count(),
        1,
        "{}",
        rinit.dump()
    );
}
