//! What a command's handler gets.

use serde_json::{Map, Value};

use crate::controller::{Controller, MonitorId};
use crate::driven::{Driven, Host};
use crate::error::Error;
use crate::schema::check;

/// The surroundings of a command.
pub struct Cx<'a> {
    /// The controller.
    pub ctl: &'a mut Controller,
    /// The host.
    pub host: &'a mut dyn Host,
    /// The monitor that the command came by.
    pub monitor: MonitorId,
}

impl Cx<'_> {
    /// The machine.
    ///
    /// # Errors
    /// Before it is there; commands that are allowed then do not ask.
    pub fn machine(&mut self) -> Result<&mut dyn Driven, Error> {
        self.host
            .machine()
            .ok_or_else(|| Error::generic("The machine has not been created yet"))
    }
}

/// Arguments that were checked against the command's declaration.
#[derive(Clone, Copy)]
pub struct Args<'a>(pub &'a Map<String, Value>);

impl<'a> Args<'a> {
    /// A member, if given.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name)
    }

    /// A text that may be left out.
    pub fn str(&self, name: &str) -> Option<&'a str> {
        self.get(name).and_then(Value::as_str)
    }

    /// A text that is there.
    pub fn text(&self, name: &str) -> &'a str {
        self.str(name).unwrap_or_default()
    }

    /// A truth that may be left out.
    pub fn bool(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(Value::as_bool)
    }

    /// An integer of any sign as 64 bits.
    pub fn u64(&self, name: &str) -> Option<u64> {
        self.get(name).and_then(check::integer)
    }
}
