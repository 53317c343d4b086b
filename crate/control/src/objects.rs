//! Objects that users make (`object-add`). Those that there are stand for what scripts expect; memory backends count in
//! `query-memdev`.

use serde_json::{Map, Value};

/// What an object is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A memory backend of this size.
    Memory {
        /// Bytes.
        bytes: u64,
    },
    /// Anything else.
    Other,
}

/// An object.
#[derive(Clone, PartialEq, Debug)]
pub struct Made {
    /// Its id.
    pub id: String,
    /// Its type.
    pub ty: String,
    /// What it is.
    pub kind: Kind,
    /// What it was made with.
    pub properties: Map<String, Value>,
}

/// The objects, in the order they were made.
#[derive(Default, Debug)]
pub struct Objects(Vec<Made>);

impl Objects {
    /// All of them.
    pub fn all(&self) -> &[Made] {
        &self.0
    }

    /// Adds one; false if its id is taken.
    pub fn add(&mut self, made: Made) -> bool {
        let free = self.0.iter().all(|o| o.id != made.id);
        if free {
            self.0.push(made);
        }
        free
    }

    /// Removes one; false if there is none.
    pub fn remove(&mut self, id: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|o| o.id != id);
        self.0.len() < before
    }
}

/// Whether a text is an id: a letter, then letters, digits, `-`, `.` and `_`.
pub fn is_id(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
}
