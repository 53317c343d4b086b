//! Running the program, and files for it.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod qmp;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Runs the program with an empty stdin.
pub fn tinamou(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tinamou"))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Bytes as text, without carriage returns.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\r', "")
}

/// A file of the repository.
pub fn repository(path: &str) -> String {
    format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))
}

/// A folder that goes away with the test.
pub struct Scratch(PathBuf);

impl Scratch {
    /// An empty folder.
    pub fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("tinamou-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    /// A file in it.
    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
