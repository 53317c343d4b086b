//! Where `-d` writes: `-D`'s file, or stderr.

use std::fs::File;
use std::io::{BufWriter, Write};

use crate::host::why;

/// An open log.
pub struct Log(Option<BufWriter<File>>);

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
        Ok(Log(Some(BufWriter::new(file))))
    }

    /// Writes a line. A log that cannot be written stops nothing.
    pub fn line(&mut self, text: &str) {
        match &mut self.0 {
            Some(file) => drop(writeln!(file, "{text}")),
            None => eprintln!("{text}"),
        }
    }

    /// Hands lines to the host.
    pub fn flush(&mut self) {
        if let Some(file) = &mut self.0 {
            let _ = file.flush();
        }
    }
}
