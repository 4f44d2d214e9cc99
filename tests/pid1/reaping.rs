use crate::harness::{Pid1, Running, Status};

fn is_clean(rinit: &Running) -> bool {
    rinit.processes().len() == 2
}

#[test]
fn five_thousand_orphans_that_end_at_one_moment_are_reaped() {
    let rinit = Pid1::new().arg("--").program("orphans", ["5000"]).spawn();
    rinit.wait_for_line("orphans stand");
    rinit.signal(10);
    rinit.wait_for_line("orphans end");
    rinit.wait_until("only rinit and its command are left", || is_clean(&rinit));
    rinit.signal(15);
    assert_eq!(rinit.wait(), Status::Exited(0));
}

#[test]
fn a_storm_of_double_forks_leaves_no_zombie() {
    let rinit = Pid1::new().arg("--").program("storm", ["3"]).spawn();
    rinit.wait_for_line("storm over");
    rinit.wait_until("only rinit and its command are left", || is_clean(&rinit));
    rinit.signal(15);
    assert_eq!(rinit.wait(), Status::Exited(0));
}

#[test]
fn orphans_come_to_rinit_when_it_is_not_pid_1() {
    let rinit = Pid1::new()
        .not_pid1()
        .arg("--")
        .program("orphans", ["50"])
        .spawn();
    rinit.wait_for_line("orphans stand");
    rinit.wait_until("all are rinit's children", || rinit.children().len() == 51);
    rinit.signal(10);
    rinit.wait_until("only the command is left", || rinit.children().len() == 1);
    rinit.signal(15);
    assert_eq!(rinit.wait(), Status::Exited(0));
}

#[test]
fn w_names_the_living_parent_of_a_zombie_and_what_was_reaped() {
    let rinit = Pid1::new()
        .args(["-w", "--"])
        .program("zombie", [""; 0])
        .spawn();
    rinit.wait_for_line("zombie stands");
    rinit.signal(10);
    rinit.wait_for_line("rinit: reaped");
    rinit.wait_for_line("lives and does not reap it");
    rinit.signal(15);
    assert_eq!(rinit.wait(), Status::Exited(0));
}
