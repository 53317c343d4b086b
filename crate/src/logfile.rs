//! Where `-d` writes: `-D`'s file, or stderr.

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::rc::Rc;

use crate::host::why;

/// An open log; clones write to the same place.
#[derive(Clone)]
pub struct Log(Option<Rc<RefCell<BufWriter<File>>>>);

impl Log {
    /// Opens it.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn open(path: Option<&str>) -> Result<Log, String> {
        let Some(path) = path else {
            return Ok(Log(None));
        };
        let file = File::create(path)
            .map_err(|e| format!("could not open log file '{path}': {}", why(&e)))?;
        Ok(Log(Some(Rc::new(RefCell::new(BufWriter::new(file))))))
    }

    /// Writes a line. A log that cannot be written stops nothing.
    pub fn line(&self, text: &str) {
        match &self.0 {
            Some(file) => drop(writeln!(file.borrow_mut(), "{text}")),
            None => drop(writeln!(std::io::stderr(), "{text}")),
        }
    }

    /// Hands lines to the host.
    pub fn flush(&self) {
        if let Some(file) = &self.0 {
            let _ = file.borrow_mut().flush();
        }
    }
}
