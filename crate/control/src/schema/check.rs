//! Strict arguments: every member known, typed and, unless optional, there. The sentences are QEMU's.

use serde_json::{Map, Value};

use super::{Member, Object, Type};
use crate::error::Error;

/// Checks the arguments of a command.
///
/// # Errors
/// The first mistake in the order of the declaration; unknown members last.
pub fn arguments(object: &Object, given: &Map<String, Value>) -> Result<(), Error> {
    members(object, given, "")
}

/// Checks a value against a type, as [`arguments`] does.
///
/// # Errors
/// The first mistake.
pub fn value(ty: Type, given: &Value) -> Result<(), Error> {
    one(ty, given, "value", "value")
}

fn path(at: &str, name: &str) -> String {
    if at.is_empty() {
        name.to_owned()
    } else {
        format!("{at}.{name}")
    }
}

fn members(object: &Object, given: &Map<String, Value>, at: &str) -> Result<(), Error> {
    let mut known = Vec::new();
    each(object.members, given, at, &mut known)?;
    if let Some((tag, variants)) = object.variants {
        let case = given.get(tag).and_then(Value::as_str).unwrap_or_default();
        if let Some((_, more)) = variants.iter().find(|(name, _)| *name == case) {
            each(more.members, given, at, &mut known)?;
        }
    }
    match given.keys().find(|k| !known.contains(&k.as_str())) {
        Some(key) => Err(Error::generic(format!(
            "Parameter '{}' is unexpected",
            path(at, key)
        ))),
        None => Ok(()),
    }
}

fn each(
    declared: &[Member],
    given: &Map<String, Value>,
    at: &str,
    known: &mut Vec<&'static str>,
) -> Result<(), Error> {
    for m in declared {
        known.push(m.name);
        match given.get(m.name) {
            Some(value) => one(m.ty, value, &path(at, m.name), m.name)?,
            None if m.optional => {}
            None => {
                return Err(Error::generic(format!(
                    "Parameter '{}' is missing",
                    path(at, m.name)
                )));
            }
        }
    }
    Ok(())
}

/// `at` is the way to the value, `name` its last part alone (`null` inside a list): QEMU names some mistakes by the one, some
/// by the other.
fn one(ty: Type, value: &Value, at: &str, name: &str) -> Result<(), Error> {
    let expected = |what: &str| {
        Err(Error::generic(format!(
            "Invalid parameter type for '{at}', expected: {what}"
        )))
    };
    let unsigned = |bits: u32| match integer(value) {
        None => expected("integer"),
        Some(n) if bits < 64 && n >> bits != 0 => Err(Error::generic(format!(
            "Parameter '{name}' expects uint{bits}_t"
        ))),
        Some(_) => Ok(()),
    };
    match (ty, value) {
        (Type::Any, _)
        | (Type::Str | Type::StrOrNull, Value::String(_))
        | (Type::StrOrNull, Value::Null)
        | (Type::Bool, Value::Bool(_))
        | (Type::Number, Value::Number(_)) => Ok(()),
        (Type::Str, _) => expected("string"),
        (Type::StrOrNull, _) => expected("string or null"),
        (Type::Bool, _) => expected("boolean"),
        (Type::Number, _) => expected("number"),
        (Type::Int, _) => match value.as_i64() {
            Some(_) => Ok(()),
            None => expected("integer"),
        },
        (Type::U64, _) => unsigned(64),
        (Type::U32, _) => unsigned(32),
        (Type::U16, _) => unsigned(16),
        (Type::U8, _) => unsigned(8),
        (Type::Enum(e), Value::String(word)) => {
            if e.values.contains(&word.as_str()) {
                return Ok(());
            }
            Err(Error::generic(format!(
                "Parameter '{name}' does not accept value '{word}'"
            )))
        }
        (Type::Enum(_), _) => expected("string"),
        (Type::Object(o), Value::Object(map)) => members(o, map, at),
        (Type::Object(_), _) => expected("object"),
        (Type::List(item), Value::Array(items)) => {
            for (n, value) in items.iter().enumerate() {
                one(*item, value, &format!("{at}[{n}]"), "null")?;
            }
            Ok(())
        }
        (Type::List(_), _) => expected("array"),
    }
}

/// An integer as 64 unsigned bits.
pub fn integer(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_i64().map(i64::cast_unsigned))
}
