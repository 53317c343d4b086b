//! `-object`, `-blockdev` and `-device`: what the machine protocol's commands of the same meaning take, as comma lists or as JSON.

use serde_json::{Map, Value};

use super::keyval;

/// A command to run before the machine is there.
#[derive(Clone, PartialEq, Debug)]
pub struct Early {
    /// Its name.
    pub command: &'static str,
    /// Its arguments.
    pub args: Map<String, Value>,
    /// The option that says so.
    pub option: String,
}

/// Bytes, with a letter for the unit.
fn bytes(text: &str) -> Option<u64> {
    let letter = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let shift = match letter {
        "" => 0,
        "K" | "k" => 10,
        "M" | "m" => 20,
        "G" | "g" => 30,
        _ => return None,
    };
    let n: u64 = text[..text.len() - letter.len()].parse().ok()?;
    n.checked_mul(1 << shift)
}

/// A value as JSON has it, by its key.
fn value(key: &str, text: String) -> Value {
    let number = matches!(key, "size" | "hubid" | "poll-max-ns" | "aio-max-batch");
    match (text.as_str(), key) {
        ("on" | "true" | "yes", _) => true.into(),
        ("off" | "false" | "no", _) => false.into(),
        (text, _) if number && bytes(text).is_some() => bytes(text).into(),
        _ => text.into(),
    }
}

/// Reads such a list; names with dots make objects in objects.
///
/// # Errors
/// A sentence for the user.
pub fn arguments(text: &str, implied: &str) -> Result<Map<String, Value>, String> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|e| format!("not a JSON object: {e}"));
    }
    let mut out = Map::new();
    for pair in keyval::parse(text, Some(implied))? {
        let mut at = &mut out;
        let mut names = pair.key.split('.').peekable();
        while let Some(name) = names.next() {
            if names.peek().is_none() {
                at.insert(name.into(), value(name, pair.value.clone()));
                break;
            }
            let inner = at.entry(name).or_insert_with(|| Map::new().into());
            let Value::Object(inner) = inner else {
                return Err(format!("'{}' and '{name}' exclude each other", pair.key));
            };
            at = inner;
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists() {
        let of = |text, implied| arguments(text, implied).map(Value::Object);
        assert_eq!(
            of("memory-backend-ram,id=m,size=64M,share=on", "qom-type"),
            Ok(
                json!({"qom-type": "memory-backend-ram", "id": "m", "size": 64 << 20, "share": true})
            )
        );
        assert_eq!(
            of(
                "driver=raw,node-name=d,file.driver=file,file.filename=a,,b",
                "driver"
            ),
            Ok(
                json!({"driver": "raw", "node-name": "d", "file": {"driver": "file", "filename": "a,b"}})
            )
        );
        assert_eq!(of("{\"a\": 1}", "x"), Ok(json!({"a": 1})));
        assert!(of("a=1,a.b=2", "x").is_err());
        assert!(of("{", "x").is_err());
    }
}
