//! How the start went, service by service: when each waited, started and was up. `chain`
//! finds what it took the time for, `text` and `svg` show it, by one `scale`.

mod chain;
mod scale;
mod svg;
mod text;

use serde_json::{Value, json};

use self::chain::Link;
use super::services::{of, text as word, words};
use super::{Clean, Options};
use crate::cli::print;
use crate::core::first_start::StartResult;
use crate::core::sorted::{Map, sort_by_key};

/// One service's start, in milliseconds since the boot.
#[derive(Clone, Debug)]
struct Start {
    name: String,
    /// Where it stands now.
    state: String,
    result: StartResult,
    began: Option<u64>,
    attempted: Option<u64>,
    last_began: Option<u64>,
    settled: Option<u64>,
    /// What it waits for, as places in the chart.
    requires: Vec<usize>,
    after: Vec<usize>,
}

/// What a service does for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    /// Attempts that led to nothing, and the pauses between them.
    InVain,
    Starting,
    /// The last attempt, which led to nothing either.
    Failing,
}

/// A phase and when it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    phase: Phase,
    from: u64,
    to: u64,
}

impl Start {
    fn is_up(&self) -> bool {
        matches!(self.result, StartResult::Ready | StartResult::Done)
    }

    fn is_pending(&self) -> bool {
        self.result == StartResult::Pending
    }

    /// Its phases, one after the other; what isn't over goes on to the end of the chart.
    fn stretches(&self, end: u64) -> Vec<Stretch> {
        let until = self.settled.unwrap_or(end);
        let last = match self.result {
            StartResult::Failed => Phase::Failing,
            StartResult::Pending if self.state == "backoff" => Phase::InVain,
            StartResult::Pending
            | StartResult::Ready
            | StartResult::Done
            | StartResult::Stopped
            | StartResult::NotOfBoot => Phase::Starting,
        };
        let began = self.began.unwrap_or(until);
        let last_began = self.last_began.unwrap_or(until);
        let all = [
            (Phase::Waiting, 0, began),
            (Phase::InVain, began, last_began),
            (last, last_began, until),
        ];
        let all = all
            .into_iter()
            .map(|(phase, from, to)| Stretch { phase, from, to });
        // What took no time was there nevertheless, if it was the start itself.
        let has_begun = self.began.is_some();
        all.filter(|it| it.from < it.to || has_begun && it.phase == last)
            .collect()
    }

    /// From its spawn to being up, or to its failure.
    fn took(&self) -> Option<u64> {
        Some(self.settled?.saturating_sub(self.began?))
    }

    /// It was up, and that didn't last.
    fn is_down_again(&self) -> bool {
        self.is_up() && matches!(self.state.as_str(), "failed" | "backoff")
    }

    /// Its result, or where it stands on the way there.
    fn word(&self) -> String {
        let state = self.state.as_str();
        match self.result.word().filter(|_| !self.is_pending()) {
            Some(result) if self.is_down_again() => format!("{result}, now {state}"),
            result => result.unwrap_or(state).to_owned(),
        }
    }
}

/// All of them, in the order in which they began.
struct Chart {
    starts: Vec<Start>,
    /// Where the time axis ends.
    end: u64,
    /// When the boot was, in Unix milliseconds.
    booted: i64,
    chain: Vec<Link>,
}

impl Chart {
    fn read(answer: &Value) -> Self {
        let moment = |service: &Value, key: &str| service.get(key).and_then(Value::as_u64);
        let mut services: Vec<&Value> = of(answer)
            .filter(|service| result(word(service, "result")) != StartResult::NotOfBoot)
            .collect();
        let last = u64::MAX;
        sort_by_key(&mut services, |service| {
            ["began", "settled"].map(|key| moment(service, key).unwrap_or(last))
        });
        let names = services.iter().map(|service| word(service, "name"));
        let places: Map<&str, usize> = names.zip(0..).collect();
        let edges = |service: &Value, key: &str| -> Vec<usize> {
            let needs = words(service, key).into_iter();
            needs.filter_map(|need| places.get(need).copied()).collect()
        };
        let starts = services.iter().map(|service| Start {
            name: Clean(word(service, "name")).to_string(),
            state: Clean(word(service, "state")).to_string(),
            result: result(word(service, "result")),
            began: moment(service, "began"),
            attempted: moment(service, "attempted"),
            last_began: moment(service, "last-began"),
            settled: moment(service, "settled"),
            requires: edges(service, "requires"),
            after: edges(service, "after"),
        });
        let starts: Vec<Start> = starts.collect();
        let chain = chain::critical(&starts);
        let elapsed = moment(answer, "elapsed").unwrap_or(0);
        Self {
            end: end(&starts, elapsed),
            booted: answer.get("booted").and_then(Value::as_i64).unwrap_or(0),
            chain,
            starts,
        }
    }

    /// It is one of those that the last one had to wait for, or that one.
    fn is_critical(&self, place: usize) -> bool {
        self.chain.iter().any(|link| link.place == place)
    }

    /// How it went, in one line.
    fn summary(&self) -> String {
        let count = |is: fn(&Start) -> bool| self.starts.iter().filter(|start| is(start)).count();
        let all = self.starts.len();
        let up = count(Start::is_up);
        let when = self.chain.last().map_or_else(String::new, |link| {
            format!(" after {}", scale::took(link.to))
        });
        let plural = if all == 1 { "" } else { "s" };
        let mut line = if up == all {
            format!("{all} service{plural}, all up{when}")
        } else {
            format!("{up} of {all} service{plural} up{when}")
        };
        for (number, remark) in [
            (count(|it| it.result == StartResult::Failed), "failed"),
            (count(|it| it.result == StartResult::Stopped), "stopped"),
            (count(Start::is_pending), "not up yet"),
            (count(Start::is_down_again), "down again"),
        ] {
            if number > 0 {
                line.push_str(&format!(", {number} {remark}"));
            }
        }
        line
    }

    /// `db 1.2 s`, `migrate 0.8 s`: what each link took, with what is odd about it.
    fn links(&self) -> Vec<String> {
        let links = self.chain.iter().filter_map(|link| {
            let start = self.starts.get(link.place)?;
            Some(link.words(start))
        });
        links.collect()
    }
}

/// Where the axis ends: a little behind the last that happened; or now, while something is
/// still to come and that isn't far off.
fn end(starts: &[Start], elapsed: u64) -> u64 {
    let moments = starts
        .iter()
        .flat_map(|start| [start.settled, start.last_began, start.attempted]);
    let last = moments.flatten().max().unwrap_or(0);
    if !starts.iter().any(Start::is_pending) {
        last.max(1)
    } else if last == 0 || elapsed <= last.saturating_mul(2) {
        elapsed.max(last).max(1)
    } else {
        last.saturating_add(last / 5).max(1)
    }
}

fn result(word: &str) -> StartResult {
    match word {
        "pending" => StartResult::Pending,
        "ready" => StartResult::Ready,
        "done" => StartResult::Done,
        "failed" => StartResult::Failed,
        "stopped" => StartResult::Stopped,
        _ => StartResult::NotOfBoot,
    }
}

/// The chart, in letters or as a drawing.
pub(super) fn tell(answer: &Value, options: &Options) -> i32 {
    if !options.json {
        let chart = Chart::read(answer);
        print::out(if options.svg {
            svg::draw(&chart)
        } else {
            text::show(&chart, options)
        });
    }
    0
}

/// The answer as it came, and behind it the critical chain: `"critical":[…]`.
pub(super) fn with_chain(line: &[u8], answer: &Value) -> Vec<u8> {
    let Some(head) = line.strip_suffix(b"}\n") else {
        return line.to_vec();
    };
    let chart = Chart::read(answer);
    let links = chart.chain.iter().filter_map(|link| {
        let name = &chart.starts.get(link.place)?.name;
        Some(json!({"name": name, "from": link.from, "to": link.to}))
    });
    let links: Value = links.collect();
    let tail = format!(",\"critical\":{links}}}\n");
    [head, tail.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn chart(services: &[Value], elapsed: u64) -> Chart {
        Chart::read(
            &json!({"booted": 1_767_225_600_000_i64, "elapsed": elapsed, "services": services}),
        )
    }

    pub(super) fn ready(name: &str, began: u64, settled: u64, requires: &[&str]) -> Value {
        json!({"name": name, "state": "active", "result": "ready", "requires": requires, "after": [],
            "began": began, "attempted": settled, "last-began": began, "settled": settled})
    }

    #[test]
    fn the_phases_of_a_start_follow_each_other() {
        let mut web = ready("web", 100, 900, &[]);
        web["last-began"] = 600.into();
        let chart = chart(&[web, ready("quick", 900, 900, &[])], 5000);
        let phases = |place: usize| -> Vec<_> {
            let all = chart.starts[place].stretches(chart.end);
            all.iter().map(|it| (it.phase, it.from, it.to)).collect()
        };
        assert_eq!(
            phases(0),
            [
                (Phase::Waiting, 0, 100),
                (Phase::InVain, 100, 600),
                (Phase::Starting, 600, 900)
            ]
        );
        assert_eq!(
            phases(1),
            [(Phase::Waiting, 0, 900), (Phase::Starting, 900, 900)]
        );
    }

    #[test]
    fn what_is_not_up_yet_goes_on_to_the_end_which_is_now_unless_that_is_far_off() {
        let waiting = json!({"name": "late", "state": "waiting", "result": "pending", "requires": ["db"], "after": [],
            "began": null, "attempted": null, "last-began": null, "settled": null});
        let services = [waiting, ready("db", 0, 1000, &[])];
        assert_eq!(chart(&services, 1500).end, 1500);
        let chart = chart(&services, 3_600_000);
        assert_eq!(chart.end, 1200);
        assert_eq!(chart.starts[1].name, "late");
        let waits = Stretch {
            phase: Phase::Waiting,
            from: 0,
            to: 1200,
        };
        assert_eq!(chart.starts[1].stretches(chart.end), [waits]);
        assert_eq!(
            chart.summary(),
            "1 of 2 services up after 1 s, 1 not up yet"
        );
    }

    #[test]
    fn whom_the_boot_did_not_wait_for_is_not_shown() {
        let disabled = json!({"name": "off", "state": "inactive", "result": null});
        let chart = chart(&[disabled, ready("db", 0, 1000, &[])], 1500);
        assert_eq!(chart.starts.len(), 1);
        assert_eq!(chart.summary(), "1 service, all up after 1 s");
    }

    #[test]
    fn who_was_ready_and_is_no_longer_is_not_called_well() {
        let mut web = ready("web", 0, 3, &[]);
        web["state"] = "backoff".into();
        let chart = chart(&[web, ready("db", 0, 1000, &[])], 1500);
        assert_eq!(chart.starts[0].word(), "ready, now backoff");
        assert_eq!(
            chart.summary(),
            "2 services, all up after 1 s, 1 down again"
        );
    }

    #[test]
    fn json_has_the_chain_too() {
        let answer = json!({"services": [ready("db", 0, 7, &[])]});
        let line = format!("{answer}\n");
        let told: Value = serde_json::from_slice(&with_chain(line.as_bytes(), &answer)).unwrap();
        assert_eq!(
            told["critical"],
            json!([{"name": "db", "from": 0, "to": 7}])
        );
    }
}
