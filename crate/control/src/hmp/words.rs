//! A line's words, as a command takes them one by one.

use serde_json::Value;

use super::{Wrong, expr};

/// The rest of a line.
pub(crate) struct Words<'a> {
    rest: &'a str,
    /// Those that it names.
    registers: expr::Registers,
}

impl<'a> Words<'a> {
    /// What is behind a command, and the registers that it names.
    pub fn new(rest: &'a str, registers: expr::Registers) -> Words<'a> {
        Words { rest, registers }
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// The next word, which may be in quotes.
    pub fn optional(&mut self) -> Option<String> {
        self.skip();
        if let Some(quoted) = self.rest.strip_prefix('"') {
            let mut out = String::new();
            let mut chars = quoted.chars();
            while let Some(c) = chars.next() {
                match c {
                    '"' => break,
                    '\\' => out.extend(chars.next()),
                    c => out.push(c),
                }
            }
            self.rest = chars.as_str();
            return Some(out);
        }
        let end = self
            .rest
            .find(char::is_whitespace)
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then(|| word.to_owned())
    }

    /// The next word.
    pub fn word(&mut self, what: &str) -> Result<String, Wrong> {
        self.optional()
            .ok_or_else(|| Wrong::Usage(format!("{what} expected")))
    }

    /// A distance.
    pub fn movement(&mut self, what: &str) -> Result<i32, Wrong> {
        let word = self
            .word(what)
            .map_err(|_| Wrong::Usage("string expected".into()))?;
        Ok(word.parse().unwrap_or(0))
    }

    /// `FIRST,NAME=VALUE,...` as arguments; the first one's name is implied.
    pub fn pairs(&mut self, first: &str) -> Value {
        let words = self.words(first).into_iter();
        Value::Object(words.map(|(name, value)| (name, value.into())).collect())
    }

    /// The same as they stand, with those that come several times.
    pub fn words(&mut self, first: &str) -> Vec<(String, String)> {
        self.skip();
        let mut words = Vec::new();
        let text = std::mem::take(&mut self.rest);
        for (n, part) in text.trim_end().split(',').enumerate() {
            words.extend(match part.split_once('=') {
                Some((name, value)) => Some((name.into(), value.into())),
                None if part.is_empty() => None,
                None if n == 0 => Some((first.into(), part.into())),
                None => Some((part.into(), "on".into())),
            });
        }
        words
    }

    /// Whether the next word is this flag, which is taken.
    pub fn flag(&mut self, flag: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(flag) {
            Some(rest) if rest.is_empty() || rest.starts_with(char::is_whitespace) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// The letters and digits after a slash.
    pub fn format(&mut self) -> Option<String> {
        self.skip();
        let rest = self.rest.strip_prefix('/')?;
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (format, rest) = rest.split_at(end);
        self.rest = rest;
        Some(format.to_owned())
    }

    /// The next expression.
    pub fn number(&mut self) -> Result<u64, Wrong> {
        self.skip();
        let found = expr::eval(self.rest, &self.registers);
        let (value, rest) = found.map_err(Wrong::Usage)?;
        self.rest = &self.rest[self.rest.len() - rest.len()..];
        Ok(value)
    }

    /// Nothing more.
    pub fn end(&mut self) -> Result<(), Wrong> {
        self.skip();
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(Wrong::Usage(
            "extraneous characters at the end of line".into(),
        ))
    }
}
