//! The commands and events as TypeScript types, for the page.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Member, Object, Type};
use crate::commands::{self, EVENTS};

/// Types by name, as text.
#[derive(Default)]
struct Types(BTreeMap<&'static str, String>);

impl Types {
    fn name(&mut self, ty: Type) -> String {
        match ty {
            Type::Str => "string".into(),
            Type::Bool => "boolean".into(),
            Type::Int | Type::U64 | Type::U32 | Type::U16 | Type::U8 | Type::Number => {
                "number".into()
            }
            Type::StrOrNull => "string | null".into(),
            Type::Any => "unknown".into(),
            Type::Enum(e) => {
                let words: Vec<_> = e.values.iter().map(|v| format!("'{v}'")).collect();
                self.0.insert(e.name, words.join(" | "));
                e.name.into()
            }
            Type::Object(o) => {
                if !self.0.contains_key(o.name) {
                    // Known from now on, should it name itself.
                    self.0.insert(o.name, String::new());
                    let text = self.object(o);
                    self.0.insert(o.name, text);
                }
                o.name.into()
            }
            Type::List(item) => format!("Array<{}>", self.name(*item)),
        }
    }

    fn members(&mut self, members: &[Member], tag: Option<(&str, &str)>) -> String {
        let mut out = Vec::new();
        for m in members {
            let optional = if m.optional { "?" } else { "" };
            let ty = match tag {
                Some((name, case)) if name == m.name => format!("'{case}'"),
                _ => self.name(m.ty),
            };
            out.push(format!("'{}'{optional}: {ty}", m.name));
        }
        format!("{{ {} }}", out.join("; "))
    }

    fn object(&mut self, o: &Object) -> String {
        let Some((tag, variants)) = o.variants.filter(|(_, v)| !v.is_empty()) else {
            return self.members(o.members, None);
        };
        let mut cases = Vec::new();
        for (case, more) in variants {
            let all: Vec<Member> = o.members.iter().chain(more.members).copied().collect();
            cases.push(self.members(&all, Some((tag, case))));
        }
        cases.join(" | ")
    }
}

/// The declaration file.
pub fn declarations() -> String {
    let mut types = Types::default();
    let mut commands = String::new();
    for c in commands::all() {
        let args = types.object(&c.args);
        let ret = match c.ret {
            Some(ty) => types.name(ty),
            None => "Record<string, never>".into(),
        };
        let _ = writeln!(commands, "  /** {} */", c.doc);
        let _ = writeln!(commands, "  '{}': {{ in: {args}; out: {ret} }};", c.name);
    }
    let mut events = String::new();
    for e in EVENTS {
        let data = types.object(e.data);
        let _ = writeln!(events, "  /** {} */\n  {}: {data};", e.doc, e.name);
    }
    let mut out = String::from(
        "// Made from crate/control/src/commands.rs by its tests: BLESS=1 cargo test -p tinamou-control\n\n",
    );
    for (name, text) in &types.0 {
        let _ = writeln!(out, "export type {name} = {text};");
    }
    let _ = write!(
        out,
        "\n/** Commands: arguments and reply. */\nexport interface QmpCommands {{\n{commands}}}\n\n/** Events and their data. */\nexport interface QmpEvents {{\n{events}}}\n"
    );
    out
}
