//! JSON as QEMU's monitor reads and writes it: values end where the text ends, a message may come in pieces or several at once,
//! strings may have single quotes, and every mistake has QEMU's sentence. The limits are QEMU's too: what they refuse never costs
//! more memory than that.
//!
//! [`Reader`] takes bytes and gives values or sentences; [`line()`] and [`pretty`] write. The sentences were recorded from QEMU 7.2.

mod parse;
mod read;
mod write;

pub use read::Reader;
pub use write::{line, pretty};
