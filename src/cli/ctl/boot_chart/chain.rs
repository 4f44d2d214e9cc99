//! The critical chain: who had to be up before whom, from the one that was up last back to
//! one that waited for nobody. A pure function of the moments and the edges.

use super::Start;
use super::scale::took;

/// One of the chain: its time begins when the one before it let it go, and ends when it let
/// the next one go, or was up. Together they are the whole time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Whose, as a place in the chart.
    pub(super) place: usize,
    pub(super) from: u64,
    pub(super) to: u64,
}

impl Link {
    /// Its name and time, and what of that was not its start alone.
    pub(super) fn words(&self, start: &Start) -> String {
        let all = self.to.saturating_sub(self.from);
        let began = start.began.unwrap_or(self.from);
        let last_began = start.last_began.unwrap_or(began).min(self.to);
        let parts = [
            (began.saturating_sub(self.from), "waiting"),
            (last_began.saturating_sub(began), "in vain"),
        ];
        // Next to nothing isn't worth a word.
        let parts = parts
            .iter()
            .filter(|(time, _)| *time > 1 && time.saturating_mul(10) >= all);
        let parts: Vec<String> = parts
            .map(|(time, how)| format!("{} {how}", took(*time)))
            .collect();
        let aside = if parts.is_empty() {
            String::new()
        } else {
            format!(" ({})", parts.join(", "))
        };
        format!("{} {}{aside}", start.name, took(all))
    }
}

/// The chain, the first one first; empty while nothing is up.
pub(super) fn critical(starts: &[Start]) -> Vec<Link> {
    let up = (0..).zip(starts).filter(|(_, start)| start.is_up());
    let last = up.max_by_key(|(place, start)| (start.settled, start.began, *place));
    let mut chain = Vec::new();
    let mut next = last.map(|(place, start)| (place, start.settled.unwrap_or(0)));
    // There are no circles, but nobody should wait for a proof of that.
    while let Some((place, to)) = next.filter(|_| chain.len() < starts.len()) {
        next = starts
            .get(place)
            .and_then(|start| released_by(start, starts));
        let from = next.map_or(0, |(_, at)| at);
        chain.push(Link { place, from, to });
    }
    chain.reverse();
    chain
}

/// Whom it waited for longest, and when that one let it go.
fn released_by(start: &Start, starts: &[Start]) -> Option<(usize, u64)> {
    let began = start.began?;
    // A required one has to be up; of another the first attempt has to be over.
    let required = start.requires.iter().filter_map(|place| {
        let need = starts.get(*place).filter(|need| need.is_up())?;
        Some((*place, need.settled?))
    });
    let others = start.after.iter().filter_map(|place| {
        let need = starts.get(*place)?;
        Some((*place, need.attempted?))
    });
    let began_of = |place: usize| starts.get(place).and_then(|need| need.began);
    required
        .chain(others)
        // What came later was not waited for: patience was over, or it was added since.
        .filter(|(_, at)| *at <= began)
        .max_by_key(|(place, at)| (*at, began_of(*place), *place))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{chart, ready};
    use serde_json::{Value, json};

    fn links(services: &[Value]) -> String {
        chart(services, 100_000).links().join(" → ")
    }

    #[test]
    fn it_is_those_whose_end_the_next_one_waited_for() {
        let services = [
            ready("db", 0, 1200, &[]),
            ready("cache", 0, 1100, &[]),
            ready("migrate", 1200, 2000, &["db", "cache"]),
            ready("web", 2000, 2300, &["migrate", "db"]),
            ready("cron", 2000, 2200, &["migrate"]),
        ];
        assert_eq!(links(&services), "db 1.2 s → migrate 800 ms → web 300 ms");
    }

    #[test]
    fn what_only_comes_after_waits_for_the_first_attempt_good_or_bad() {
        let broken = json!({"name": "broken", "state": "active", "result": "ready", "requires": [], "after": [],
            "began": 0, "attempted": 500, "last-began": 2500, "settled": 2600});
        let mut web = ready("web", 500, 3000, &[]);
        web["after"] = json!(["broken"]);
        assert_eq!(
            links(&[broken, web]),
            "broken 500 ms (500 ms in vain) → web 2.5 s"
        );
    }

    #[test]
    fn attempts_in_vain_and_times_of_waiting_for_something_else_are_named() {
        let mut web = ready("web", 1500, 3000, &["db"]);
        web["last-began"] = 2800.into();
        let services = [ready("db", 0, 500, &[]), web];
        assert_eq!(
            links(&services),
            "db 500 ms → web 2.5 s (1 s waiting, 1.3 s in vain)"
        );
    }

    #[test]
    fn who_came_up_only_later_was_not_waited_for() {
        let mut main = ready("main", 30_000, 30_010, &[]);
        main["after"] = json!(["slow", "quick"]);
        let services = [
            ready("slow", 0, 29_000, &[]),
            ready("quick", 0, 5, &[]),
            main.clone(),
        ];
        assert_eq!(links(&services), "slow 29 s → main 1 s (1 s waiting)");
        let services = [
            ready("slow", 0, 30_005, &[]),
            ready("quick", 0, 5, &[]),
            main,
        ];
        assert_eq!(links(&services), "quick 5 ms → main 30 s (30 s waiting)");
    }

    #[test]
    fn among_those_of_one_moment_it_is_the_longest_way() {
        let services = [
            ready("a", 5, 5, &[]),
            ready("b", 5, 5, &["a"]),
            ready("c", 5, 5, &["a", "b"]),
        ];
        assert_eq!(links(&services), "a 5 ms (5 ms waiting) → b 0 ms → c 0 ms");
    }

    #[test]
    fn without_anybody_up_there_is_none_and_circles_end() {
        assert_eq!(links(&[]), "");
        let services = [ready("a", 5, 5, &["b"]), ready("b", 5, 5, &["a"])];
        assert!(!links(&services).is_empty());
    }
}
