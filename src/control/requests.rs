//! What a line asks for: something that is known at once, or something that the core has
//! to bring about.

use super::protocol::{Answer, Request};
use crate::core::id::ServiceId;
use crate::core::request::Verb;
use crate::core::signal::Signal;
use crate::core::spec::Spec;

/// What a line comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It is answered.
    Answer(Answer),
    /// The core will answer it.
    Ask(Ask),
}

/// Something for the core.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) verb: Verb,
    pub(super) services: Box<[ServiceId]>,
}

/// Who asks, and whom.
#[derive(Clone, Copy)]
pub(super) struct Talk<'a> {
    pub(super) spec: &'a Spec,
    pub(super) own_pid: i32,
    /// The client may change things, not only look.
    pub(super) may_act: bool,
}

impl Talk<'_> {
    /// Understands one line.
    pub(super) fn hear(self, line: &[u8]) -> Heard {
        let Ok(request) = serde_json::from_slice::<Request>(line) else {
            return refused("a request is one JSON object on one line: {\"verb\":\"version\"}");
        };
        let verb = match request.verb.as_str() {
            "version" => return Heard::Answer(Answer::version(self.own_pid)),
            "start" => Verb::Start,
            "stop" => Verb::Stop,
            "restart" => Verb::Restart,
            "reset" => Verb::Reset,
            "kill" => {
                let text = request.signal.as_deref().unwrap_or("SIGTERM");
                let Some(signal) = Signal::parse(text) else {
                    return refused(&format!("there is no signal \"{text}\""));
                };
                Verb::Kill { signal }
            }
            "shutdown" => Verb::Shutdown { code: request.code },
            other => return refused(&format!("this version has no verb \"{other}\"")),
        };
        if !self.may_act {
            return refused("only root and rinit's own user may do that");
        }
        let mut services = Vec::with_capacity(request.names.len());
        for name in &request.names {
            match find(self.spec, name) {
                Some(id) => services.push(id),
                None => {
                    return Heard::Answer(Answer::Refused {
                        ok: false,
                        error: format!("there is no service \"{name}\""),
                        unknown: true,
                    });
                }
            }
        }
        match (verb, services.is_empty()) {
            (Verb::Shutdown { .. }, false) => refused("shutdown ends all, and takes no name"),
            (Verb::Start | Verb::Stop | Verb::Restart | Verb::Reset | Verb::Kill { .. }, true) => {
                refused(&format!("{} of which service?", verb.word()))
            }
            (_, true | false) => Heard::Ask(Ask {
                verb,
                services: services.into(),
            }),
        }
    }
}

/// By its name; with the suffix of units too.
fn find(spec: &Spec, name: &str) -> Option<ServiceId> {
    let named = |name: &str| {
        let mut services = (0..).map(ServiceId).zip(&spec.services);
        services.find(|(_, service)| *service.name == *name)
    };
    let found = named(name).or_else(|| named(name.strip_suffix(".service")?));
    found.map(|(id, _)| id)
}

fn refused(why: &str) -> Heard {
    Heard::Answer(Answer::refused(why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::spec::ServiceSpec;
    use proptest::prelude::*;

    fn hear(line: &[u8]) -> Heard {
        let spec = Spec {
            services: vec![ServiceSpec::new("db"), ServiceSpec::new("web")],
            ..Spec::default()
        };
        let talk = Talk {
            spec: &spec,
            own_pid: 7,
            may_act: true,
        };
        talk.hear(line)
    }

    fn answer(line: &[u8]) -> Answer {
        match hear(line) {
            Heard::Answer(answer) => answer,
            Heard::Ask(ask) => panic!("{ask:?}"),
        }
    }

    #[test]
    fn version_is_answered_and_anything_else_refused_in_words() {
        let line = answer(b"{\"verb\":\"version\",\"later\":1}").line();
        let wanted = concat!(
            r#"{"ok":true,"version":""#,
            env!("CARGO_PKG_VERSION"),
            "\",\"pid\":7}\n"
        );
        assert_eq!(line, wanted.as_bytes());
        for wrong in [
            &b""[..],
            b"version",
            b"[]",
            b"{\"verb\":1}",
            b"{\"verb\":\"stop\"}",
            b"{\"verb\":\"dance\",\"names\":[\"web\"]}",
            b"{\"verb\":\"kill\",\"names\":[\"web\"],\"signal\":\"SIGNOT\"}",
            b"{\"verb\":\"shutdown\",\"names\":[\"web\"]}",
            b"{\"verb\":\"shutdown\",\"code\":300}",
            b"\xff",
        ] {
            assert!(
                matches!(answer(wrong), Answer::Refused { unknown: false, .. }),
                "{:?}",
                String::from_utf8_lossy(wrong)
            );
        }
    }

    #[test]
    fn a_service_is_known_by_its_name_and_as_a_unit() {
        let verb = Verb::Stop;
        let services = [ServiceId(1), ServiceId(0)].into();
        assert_eq!(
            hear(b"{\"verb\":\"stop\",\"names\":[\"web\",\"db.service\"]}"),
            Heard::Ask(Ask { verb, services })
        );
        let nobody = answer(b"{\"verb\":\"stop\",\"names\":[\"web\",\"wep\"]}");
        assert!(
            matches!(&nobody, Answer::Refused { unknown: true, error, .. } if error.contains("\"wep\"")),
            "{nobody:?}"
        );
    }

    #[test]
    fn whoever_may_only_look_changes_nothing() {
        let spec = Spec {
            services: vec![ServiceSpec::new("db")],
            ..Spec::default()
        };
        let talk = Talk {
            spec: &spec,
            own_pid: 7,
            may_act: false,
        };
        for line in [
            &b"{\"verb\":\"stop\",\"names\":[\"db\"]}"[..],
            b"{\"verb\":\"shutdown\"}",
        ] {
            let heard = talk.hear(line);
            assert!(
                matches!(&heard, Heard::Answer(Answer::Refused { error, .. }) if error.contains("only root")),
                "{heard:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_line_gets_one_answer_that_reads_back(line in proptest::collection::vec(any::<u8>(), 0..300)) {
            let answer = answer(&line);
            let read: Answer = serde_json::from_slice(&answer.line()).unwrap();
            prop_assert_eq!(read, answer);
        }
    }
}
