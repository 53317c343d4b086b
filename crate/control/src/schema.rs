//! How commands, events and their types are declared. [`crate::commands`] has the declarations themselves; everything that says
//! something about them is derived: [`check`] (strict arguments), [`introspect`] (`query-qmp-schema`), [`mod@reference`] (the page in
//! the documentation) and [`typescript`] (the page's types).
//!
//! Types have the names and members of QEMU 7.2's, less what cannot occur here.

pub mod check;
pub mod introspect;
pub mod reference;
pub mod typescript;

use serde_json::Value;

use crate::cx::{Args, Cx};
use crate::error::Error;

/// A type.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// Text.
    Str,
    /// True or false.
    Bool,
    /// A signed 64-bit integer.
    Int,
    /// An unsigned 64-bit integer; negative ones are taken as their two's complement.
    U64,
    /// An unsigned 32-bit integer.
    U32,
    /// An unsigned 16-bit integer.
    U16,
    /// An unsigned 8-bit integer.
    U8,
    /// Any number.
    Number,
    /// Text, or nothing.
    StrOrNull,
    /// Anything.
    Any,
    /// A word out of a list.
    Enum(&'static Enum),
    /// Members by name.
    Object(&'static Object),
    /// A list.
    List(&'static Type),
}

/// A list of words.
#[derive(Debug)]
pub struct Enum {
    /// Its name.
    pub name: &'static str,
    /// The words.
    pub values: &'static [&'static str],
}

/// A member of an object.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub ty: Type,
    /// It may be left out.
    pub optional: bool,
}

/// Members by name; a union if one of them, the tag, tells which others there are.
#[derive(Clone, Copy, Debug)]
pub struct Object {
    /// Its name; empty for the arguments of a single command.
    pub name: &'static str,
    /// The members that are always there.
    pub members: &'static [Member],
    /// The tag's name and the further members of each of its words; words that are not listed have none.
    pub variants: Option<(&'static str, &'static [(&'static str, &'static Object)])>,
}

/// Nothing.
pub static EMPTY: Object = EMPTY_OBJECT;
const EMPTY_OBJECT: Object = object("", &[]);

/// A member that must be there.
pub const fn req(name: &'static str, ty: Type) -> Member {
    Member {
        name,
        ty,
        optional: false,
    }
}

/// A member that may be left out.
pub const fn opt(name: &'static str, ty: Type) -> Member {
    Member {
        name,
        ty,
        optional: true,
    }
}

/// An object.
pub const fn object(name: &'static str, members: &'static [Member]) -> Object {
    Object {
        name,
        members,
        variants: None,
    }
}

/// A union.
pub const fn union(
    name: &'static str,
    members: &'static [Member],
    tag: &'static str,
    variants: &'static [(&'static str, &'static Object)],
) -> Object {
    Object {
        name,
        members,
        variants: Some((tag, variants)),
    }
}

/// What runs a command.
pub type Handler = fn(&mut Cx<'_>, &Args<'_>) -> Result<Value, Error>;

/// A command.
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// What runs it.
    pub run: Handler,
    /// Its arguments.
    pub args: Object,
    /// What it answers; `None` for an empty object.
    pub ret: Option<Type>,
    /// The version of QEMU that had it first; `None` for one of our own.
    pub since: Option<&'static str>,
    /// What it does.
    pub doc: &'static str,
    /// When it refuses.
    pub errors: &'static str,
    /// It is allowed before the machine is there.
    pub preconfig: bool,
    /// It may be sent out of band.
    pub oob: bool,
    /// Further arguments are left to the command, and types are not checked.
    pub loose: bool,
    /// Words of `query-qmp-schema` that tell clients about it.
    pub features: &'static [&'static str],
}

/// A command without arguments, reply and documentation yet.
pub const fn cmd(name: &'static str, run: Handler) -> Command {
    Command {
        name,
        run,
        args: EMPTY_OBJECT,
        ret: None,
        since: None,
        doc: "",
        errors: "",
        preconfig: false,
        oob: false,
        loose: false,
        features: &[],
    }
}

impl Command {
    /// With these arguments.
    pub const fn args(mut self, members: &'static [Member]) -> Command {
        self.args = object("", members);
        self
    }

    /// With the members of a type as arguments.
    pub const fn takes(mut self, args: Object) -> Command {
        self.args = args;
        self
    }

    /// With this reply.
    pub const fn returns(mut self, ty: Type) -> Command {
        self.ret = Some(ty);
        self
    }

    /// In QEMU since this version.
    pub const fn since(mut self, version: &'static str) -> Command {
        self.since = Some(version);
        self
    }

    /// What it does.
    pub const fn doc(mut self, doc: &'static str) -> Command {
        self.doc = doc;
        self
    }

    /// When it refuses.
    pub const fn errors(mut self, errors: &'static str) -> Command {
        self.errors = errors;
        self
    }

    /// Allowed before the machine is there.
    pub const fn preconfig(mut self) -> Command {
        self.preconfig = true;
        self
    }

    /// Allowed out of band.
    pub const fn oob(mut self) -> Command {
        self.oob = true;
        self
    }

    /// Checks its arguments itself.
    pub const fn loose(mut self) -> Command {
        self.loose = true;
        self
    }

    /// Marked so for clients.
    pub const fn features(mut self, features: &'static [&'static str]) -> Command {
        self.features = features;
        self
    }
}

/// An event.
pub struct Event {
    /// Its name.
    pub name: &'static str,
    /// What comes with it.
    pub data: &'static Object,
    /// The version of QEMU that had it first.
    pub since: &'static str,
    /// When it is sent.
    pub doc: &'static str,
}

/// An event without anything with it.
pub const fn event(name: &'static str, since: &'static str, doc: &'static str) -> Event {
    Event {
        name,
        data: &EMPTY,
        since,
        doc,
    }
}

impl Event {
    /// With this.
    pub const fn data(mut self, data: &'static Object) -> Event {
        self.data = data;
        self
    }
}
