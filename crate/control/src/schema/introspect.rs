//! `query-qmp-schema`: the declarations as introspection data. As in QEMU, types go under numbers, so that nobody relies on
//! their names; builtin types and lists of them keep theirs.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{Enum, Member, Object, Type};
use crate::commands::{self, EVENTS};

/// The name of the alternate: no number can be like it.
const STR_OR_NULL: &str = "str|null";

/// Types seen so far, in the order of their numbers.
#[derive(Default)]
struct Types {
    numbers: HashMap<usize, usize>,
    found: Vec<Found>,
    arrays: Vec<(String, String)>,
    builtins: Vec<&'static str>,
    /// The one alternate.
    str_or_null: bool,
}

#[derive(Clone, Copy)]
enum Found {
    Enum(&'static Enum),
    Object(&'static Object),
}

impl Types {
    fn number(&mut self, key: usize, found: Found) -> String {
        let next = self.found.len();
        let n = *self.numbers.entry(key).or_insert(next);
        if n == next {
            self.found.push(found);
        }
        n.to_string()
    }

    fn object(&mut self, o: &'static Object) -> String {
        // All objects without members are one type.
        let o = if o.members.is_empty() && o.variants.is_none() {
            &super::EMPTY
        } else {
            o
        };
        self.number(std::ptr::from_ref(o) as usize, Found::Object(o))
    }

    fn builtin(&mut self, name: &'static str) -> String {
        if !self.builtins.contains(&name) {
            self.builtins.push(name);
        }
        name.to_owned()
    }

    fn name(&mut self, ty: Type) -> String {
        match ty {
            Type::Str => self.builtin("str"),
            Type::Bool => self.builtin("bool"),
            Type::Int | Type::U64 | Type::U32 | Type::U16 | Type::U8 => self.builtin("int"),
            Type::Number => self.builtin("number"),
            Type::Any => self.builtin("any"),
            Type::StrOrNull => {
                self.str_or_null = true;
                self.builtin("null");
                self.builtin("str");
                STR_OR_NULL.into()
            }
            Type::Enum(e) => self.number(std::ptr::from_ref(e) as usize, Found::Enum(e)),
            Type::Object(o) => self.object(o),
            Type::List(item) => {
                let item = self.name(*item);
                let name = format!("[{item}]");
                if !self.arrays.iter().any(|(n, _)| *n == name) {
                    self.arrays.push((name.clone(), item));
                }
                name
            }
        }
    }

    fn members(&mut self, members: &[Member]) -> Vec<Value> {
        let one = |m: &Member, ty: String| {
            let mut out = json!({"name": m.name, "type": ty});
            if m.optional {
                out["default"] = Value::Null;
            }
            out
        };
        members.iter().map(|m| one(m, self.name(m.ty))).collect()
    }
}

/// The whole schema.
pub fn schema() -> Value {
    let mut types = Types::default();
    // The empty object has the number 0.
    types.object(&super::EMPTY);
    let mut out = Vec::new();
    for c in commands::all() {
        let mut entry = Map::new();
        entry.insert("name".into(), c.name.into());
        entry.insert("meta-type".into(), "command".into());
        entry.insert("arg-type".into(), types.object(&c.args).into());
        let ret = match c.ret {
            Some(ty) => types.name(ty),
            None => types.object(&super::EMPTY),
        };
        entry.insert("ret-type".into(), ret.into());
        if c.oob {
            entry.insert("allow-oob".into(), true.into());
        }
        if !c.features.is_empty() {
            entry.insert("features".into(), json!(c.features));
        }
        out.push(Value::Object(entry));
    }
    for e in EVENTS {
        let data = types.object(e.data);
        out.push(json!({"name": e.name, "meta-type": "event", "arg-type": data}));
    }
    // Describing a type may name further ones.
    let mut n = 0;
    while let Some(found) = types.found.get(n).copied() {
        let entry = match found {
            Found::Enum(e) => {
                let members: Vec<_> = e.values.iter().map(|v| json!({"name": v})).collect();
                json!({"name": n.to_string(), "meta-type": "enum", "members": members, "values": e.values})
            }
            Found::Object(o) => {
                let mut entry = json!({"name": n.to_string(), "meta-type": "object", "members": types.members(o.members)});
                if let Some((tag, variants)) = o.variants {
                    entry["tag"] = tag.into();
                    entry["variants"] = cases(o, tag)
                        .map(|case| {
                            let more = variants.iter().find(|(name, _)| *name == case);
                            let ty = types.object(more.map_or(&super::EMPTY, |(_, o)| o));
                            json!({"case": case, "type": ty})
                        })
                        .collect();
                }
                entry
            }
        };
        out.push(entry);
        n += 1;
    }
    if types.str_or_null {
        let members = json!([{"type": "str"}, {"type": "null"}]);
        out.push(json!({"name": STR_OR_NULL, "meta-type": "alternate", "members": members}));
    }
    for (name, item) in types.arrays {
        out.push(json!({"name": name, "meta-type": "array", "element-type": item}));
    }
    for name in types.builtins {
        let json_type = match name {
            "str" => "string",
            "bool" => "boolean",
            "any" => "value",
            other => other,
        };
        out.push(json!({"name": name, "meta-type": "builtin", "json-type": json_type}));
    }
    Value::Array(out)
}

/// The words of a union's tag.
fn cases(o: &Object, tag: &str) -> impl Iterator<Item = &'static str> {
    let tag = o.members.iter().find(|m| m.name == tag).map(|m| m.ty);
    let values = match tag {
        Some(Type::Enum(e)) => e.values,
        _ => &[],
    };
    values.iter().copied()
}
