//! `query-qmp-schema` beside QEMU's: it is valid introspection data, and what it says of a command or event is what QEMU says, less
//! what cannot occur here.

mod common;

use std::collections::BTreeMap;

use common::Dialogue;
use serde_json::{Value, json};
use tinamou_control::commands::{self, EVENTS};
use tinamou_control::schema::check;

fn schema() -> BTreeMap<String, Value> {
    let mut d = Dialogue::new("mips", "").ready();
    let all = d.run("query-qmp-schema", json!({})).unwrap();
    let mut map = BTreeMap::new();
    for entry in all.as_array().unwrap() {
        let name = entry["name"].as_str().unwrap().to_owned();
        assert!(map.insert(name, entry.clone()).is_none(), "{entry}");
    }
    map
}

/// A type spelled out, as the recording has it.
fn spelled(types: &BTreeMap<String, Value>, name: &str) -> Value {
    let e = types.get(name).unwrap_or_else(|| panic!("no type {name}"));
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    match text(&e["meta-type"]).as_str() {
        "builtin" => name.into(),
        "array" => json!(["list", spelled(types, &text(&e["element-type"]))]),
        "enum" => {
            let mut words = vec![json!("enum")];
            let members = e["members"].as_array().unwrap();
            words.extend(members.iter().map(|m| m["name"].clone()));
            assert_eq!(words[1..], *e["values"].as_array().unwrap());
            words.into()
        }
        "alternate" => {
            let members = e["members"].as_array().unwrap();
            let types = members.iter().map(|m| spelled(types, &text(&m["type"])));
            std::iter::once(json!("alternate")).chain(types).collect()
        }
        "object" => {
            let mut members = serde_json::Map::new();
            for m in e["members"].as_array().unwrap() {
                let optional = if m.get("default").is_some() { "?" } else { "" };
                let key = text(&m["name"]) + optional;
                members.insert(key, spelled(types, &text(&m["type"])));
            }
            let mut out = json!({ "members": members });
            if let Some(variants) = e.get("variants") {
                out["tag"] = e["tag"].clone();
                out["variants"] = json!({});
                for v in variants.as_array().unwrap() {
                    out["variants"][text(&v["case"])] = spelled(types, &text(&v["type"]));
                }
            }
            out
        }
        other => panic!("{other}"),
    }
}

/// Everything in `ours` is in `theirs` alike; what they need is in ours.
fn within(ours: &Value, theirs: &Value, at: &str) {
    match (ours, theirs) {
        (Value::Array(a), Value::Array(b)) if a[0] == "enum" => {
            for word in &a[1..] {
                assert!(b.contains(word), "{at}: they have no word {word}");
            }
            assert_eq!(b[0], "enum", "{at}");
        }
        (Value::Array(a), Value::Array(_)) if a[0] == "alternate" => {
            assert_eq!(ours, theirs, "{at}");
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!((&a[0], &b[0]), (&json!("list"), &json!("list")), "{at}");
            within(&a[1], &b[1], &format!("{at}[]"));
        }
        (Value::Object(a), Value::Object(b)) => {
            let (mine, yours) = (&a["members"], &b["members"]);
            for (key, ty) in mine.as_object().unwrap() {
                let Some(other) = yours.get(key) else {
                    panic!("{at}: they have no {key}");
                };
                within(ty, other, &format!("{at}.{key}"));
            }
            for key in yours.as_object().unwrap().keys() {
                let there = key.ends_with('?') || mine.get(key).is_some();
                assert!(there, "{at}: {key} is missing");
            }
            assert_eq!(a.get("tag"), b.get("tag"), "{at}");
            let empty = json!({});
            let mine = a.get("variants").unwrap_or(&empty).as_object().unwrap();
            for (case, ty) in mine {
                within(ty, &b["variants"][case], &format!("{at}<{case}>"));
            }
        }
        _ => assert_eq!(ours, theirs, "{at}"),
    }
}

#[test]
fn commands_and_events_are_qemus() {
    let types = schema();
    let mut theirs = BTreeMap::new();
    for line in include_str!("golden/schema.txt").lines() {
        if line.starts_with('{') {
            let v: Value = serde_json::from_str(line).unwrap();
            let name = v
                .get("command")
                .or(v.get("event"))
                .unwrap()
                .as_str()
                .unwrap();
            theirs.insert(name.to_owned(), v);
        }
    }
    let names = commands::all().map(|c| (c.name, c.since.is_some()));
    let events = EVENTS.iter().map(|e| (e.name, true));
    for (name, in_qemu) in names.chain(events) {
        let ours = &types[name];
        let args = spelled(&types, ours["arg-type"].as_str().unwrap());
        let ret = ours
            .get("ret-type")
            .map(|t| spelled(&types, t.as_str().unwrap()));
        assert_eq!(theirs.contains_key(name), in_qemu, "{name}");
        let Some(t) = theirs.get(name) else {
            assert!(name.starts_with("x-"), "{name} is our own");
            continue;
        };
        within(&args, &t["args"], name);
        if let Some(ret) = ret {
            within(&ret, &t["ret"], &format!("{name} returns"));
            assert_eq!(ours.get("allow-oob"), t.get("oob"), "{name}");
            // Other features speak of what we have not.
            let unstable = |v: &Value| v["features"].to_string().contains("unstable");
            assert_eq!(unstable(ours), unstable(t), "{name}");
        }
    }
}

#[test]
fn every_type_is_named_by_something_and_every_name_is_a_type() {
    let types = schema();
    let mut used: Vec<String> = Vec::new();
    for e in types.values() {
        let mut add = |v: &Value| used.extend(v.as_str().map(str::to_owned));
        for key in ["arg-type", "ret-type", "element-type"] {
            add(&e[key]);
        }
        for key in ["members", "variants"] {
            for m in e[key].as_array().into_iter().flatten() {
                add(&m["type"]);
            }
        }
    }
    for name in &used {
        assert!(types.contains_key(name), "{name}");
    }
    for (name, e) in &types {
        let meta = e["meta-type"].as_str().unwrap();
        assert!(
            matches!(meta, "command" | "event") || used.contains(name),
            "{e}"
        );
    }
}

/// Replies are checked against their declarations with what checks arguments.
#[test]
fn replies_are_as_declared() {
    for target in ["mips", "mips64el", "i386", "x86_64"] {
        let mut d = Dialogue::new(target, "-S").ready();
        let mut checked = 0;
        for c in commands::all() {
            if !c.args.members.iter().all(|m| m.optional) || c.name == "quit" {
                continue;
            }
            if let (Ok(value), Some(ty)) = (d.run(c.name, json!({})), c.ret) {
                check::value(ty, &value).unwrap_or_else(|e| panic!("{}: {e}: {value}", c.name));
                checked += 1;
            }
        }
        assert!(checked > 30, "{checked}");
        for (name, args) in [
            ("qom-list", json!({"path": "/machine"})),
            ("qom-list-properties", json!({"typename": "pcnet"})),
            ("device-list-properties", json!({"typename": "isa-serial"})),
            ("qom-list-types", json!({"abstract": true})),
            ("query-command-line-options", json!({"option": "drive"})),
        ] {
            let ty = commands::all()
                .find(|c| c.name == name)
                .unwrap()
                .ret
                .unwrap();
            let value = d.run(name, args).unwrap();
            check::value(ty, &value).unwrap_or_else(|e| panic!("{name}: {e}: {value}"));
        }
    }
}

#[test]
fn the_list_is_in_order() {
    let mut names: Vec<_> = commands::all().map(|c| c.name).collect();
    for c in commands::all() {
        assert!(c.doc.ends_with('.'), "{}", c.name);
        assert!(c.errors.is_empty() || c.errors.ends_with('.'), "{}", c.name);
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), commands::all().count());
}
