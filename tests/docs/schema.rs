//! `rinit --schema` takes what rinit takes. The validator knows as much of JSON Schema as
//! the schema uses, and fails at a word that it doesn't know; `.ci/run` asks another one.

use std::path::Path;
use std::process::Command;

use rinit::core::pattern::Pattern;
use serde_json::Value;

fn schema() -> Value {
    serde_json::from_str(&crate::printed(&["--schema"])).unwrap()
}

/// What is wrong with the value; nothing if it is as the schema says.
fn wrong(root: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (word, wanted) in schema.as_object().unwrap() {
        let list = || wanted.as_array().unwrap().iter();
        let fitting = |wanted: &Value| wrong(root, wanted, value, place).is_empty();
        let keys = || value.as_object().into_iter().flatten();
        let good = match word.as_str() {
            "$schema" | "title" | "description" | "definitions" => true,
            "$ref" => {
                let path = wanted.as_str().unwrap().trim_start_matches('#');
                let target = root.pointer(path).unwrap_or_else(|| panic!("no {path}"));
                found.extend(wrong(root, target, value, place));
                true
            }
            "type" if wanted.is_array() => list().any(|kind| is(kind, value)),
            "type" => is(wanted, value),
            "enum" => list().any(|one| one == value),
            "anyOf" => list().any(fitting),
            "oneOf" => list().filter(|one| fitting(one)).count() == 1,
            "required" => list().all(|key| value.get(key.as_str().unwrap()).is_some()),
            "pattern" => value.as_str().is_none_or(|text| {
                let pattern = Pattern::new(wanted.as_str().unwrap()).unwrap();
                pattern.occurs_in(text.as_bytes())
            }),
            "minLength" => value.as_str().is_none_or(|text| {
                text.len() >= usize::try_from(wanted.as_u64().unwrap()).unwrap()
            }),
            "minItems" => value
                .as_array()
                .is_none_or(|it| it.len() >= usize::try_from(wanted.as_u64().unwrap()).unwrap()),
            "minimum" => value
                .as_i64()
                .is_none_or(|number| number >= wanted.as_i64().unwrap()),
            "maximum" => value
                .as_i64()
                .is_none_or(|number| number <= wanted.as_i64().unwrap()),
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    found.extend(wrong(root, wanted, item, place));
                }
                true
            }
            "properties" => {
                for (key, schema) in wanted.as_object().unwrap() {
                    if let Some(value) = value.get(key) {
                        found.extend(wrong(root, schema, value, &format!("{place}/{key}")));
                    }
                }
                true
            }
            "propertyNames" => {
                for (key, _) in keys() {
                    let key = Value::from(key.as_str());
                    found.extend(wrong(root, wanted, &key, place));
                }
                true
            }
            "additionalProperties" => {
                let known = schema.get("properties");
                for (key, value) in keys() {
                    let place = format!("{place}/{key}");
                    if known.is_some_and(|known| known.get(key).is_some()) {
                    } else if wanted == &Value::Bool(false) {
                        found.push(format!("{place} is unknown"));
                    } else {
                        found.extend(wrong(root, wanted, value, &place));
                    }
                }
                true
            }
            other => panic!("this validator doesn't know {other}"),
        };
        if !good {
            found.push(format!("{place} = {value} is not as {word} wants it"));
        }
    }
    found
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        other => panic!("no type {other}"),
    }
}

fn of_text(schema: &Value, text: &str) -> Vec<String> {
    let value: Value = toml::from_str(text).unwrap();
    wrong(schema, schema, &value, "")
}

#[test]
fn the_schema_takes_every_example_and_every_file_that_loads() {
    let schema = schema();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["config-examples", "config-examples/debian", "tests/config"]
        .into_iter()
        .flat_map(|folder| root.join(folder).read_dir().unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "toml"));
    let (mut seen, mut broken) = (0, Vec::new());
    for file in files {
        let loads = file.starts_with(root.join("config-examples"))
            || Command::new(env!("CARGO_BIN_EXE_rinit"))
                .args(["--check", "-c"])
                .arg(&file)
                .output()
                .unwrap()
                .status
                .success();
        if loads {
            seen += 1;
            let text = std::fs::read_to_string(&file).unwrap();
            let found = of_text(&schema, &text);
            broken.extend(
                found
                    .iter()
                    .map(|what| format!("{}: {what}", file.display())),
            );
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(seen > 10, "{seen} files");
}

#[test]
fn the_schema_takes_none_of_these() {
    let schema = schema();
    for text in [
        "x = 1",
        "[init]\nshutdown-timout = \"9s\"",
        "[init]\nshutdown-timeout = 9",
        "[init]\nshutdown-timeout = \"9 parsecs\"",
        "[init]\ncontrol-access = \"everybody\"",
        "[defaults]\nready = \"notify\"",
        "[service.\"a b\"]\ncommand = \"x\"",
        "[service.a]\nExecStart = \"x\"",
        "[service.a]\ncommand = { x = 1 }",
        "[service.a]\ntype = \"onshot\"",
        "[service.a]\nenabled = \"maybe\"",
        "[service.a]\nready = \"READY=1\"",
        "[service.a]\nready = { fd = 3, file = \"/run/x\" }",
        "[service.a]\nready = { fd = 1 }",
        "[service.a]\nready = { http = \"https://localhost/\" }",
        "[service.a]\nready = {}",
        "[service.a]\nhealth = { exec = \"true\", on-unhealthy = \"reboot\" }",
        "[service.a]\nstart-limit = { count = 5 }",
        "[service.a]\nnice = 20",
        "[service.a]\numask = \"888\"",
        "[service.a]\nlimit-core = \"1X\"",
        "[service.a]\nenvironment = [\"A=1\"]",
        "[service.a]\nexec-stop = [{ comand = \"x\" }]",
        "[service.a]\nlisten = [{ stream = \":1\", datagram = \":1\" }]",
    ] {
        assert!(!of_text(&schema, text).is_empty(), "it takes {text}");
    }
    // So that each of them is wrong for its own reason.
    let good = "[service.a]\ncommand = [\"x\", 1]\nnice = \"${NICE:-1}\"\nready = { tcp = [\"[::1]:80\"] }\nenabled = \"YES\"";
    assert_eq!(of_text(&schema, good), [""; 0]);
}

#[test]
fn the_schema_has_every_key_with_its_meaning() {
    let schema = schema();
    for line in rinit::config::reference() {
        let place = match line.table {
            "service" => "/definitions/service".to_owned(),
            table => format!("/properties/{table}"),
        };
        let key = format!("{place}/properties/{}", line.key);
        let doc = schema.pointer(&format!("{key}/description"));
        let doc = doc.and_then(Value::as_str).unwrap_or_default();
        assert!(doc.starts_with(line.doc), "the schema's {key} says {doc:?}");
        if line.shared {
            let key = format!("/properties/defaults/properties/{}", line.key);
            assert!(schema.pointer(&key).is_some(), "the schema lacks {key}");
        }
    }
}
