use crate::acts::acts;
use crate::supervisor::{IN_ORDER, service, supervisor};

#[test]
fn a_hang_up_without_a_terminal_is_one_line_and_changes_nothing() {
    let rinit = supervisor(&service("a", &acts(["say:ready", "wait"]), "")).spawn();
    rinit.wait_for_line("a: ready");
    let before = rinit.children();
    rinit.signal(1);
    rinit.wait_for_line("SIGHUP: ");
    assert_eq!(
        before.iter().map(|child| child.pid).collect::<Vec<_>>(),
        rinit
            .children()
            .iter()
            .map(|child| child.pid)
            .collect::<Vec<_>>()
    );
    rinit.signal(15);
    assert_eq!(rinit.wait(), IN_ORDER);
    assert_eq!(
        rinit.stderr().matches("SIGHUP").count(),
        1,
        "{}",
        rinit.dump()
    );
}
