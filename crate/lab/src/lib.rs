//! Labs: a machine, a task in steps, and checks of what the learner's program did to the machine.
//!
//! A lab is a folder with `lab.json` ([`schema`]) and the files that it names. [`run`] plays its steps on a machine of its own and
//! checks registers, memory, translations and serial output after each; time is counted in instructions and text is looked for at fixed
//! instruction counts, so that the page and the command line come to the same verdict. [`report`] is that verdict, as JSON or JUnit XML.
//!
//! [`asm`] is a small assembler, so that a learner needs nothing but a page.
//!
//! It knows no file, no clock and no engine: its owner brings them. A lab and an answer are distrusted.

pub mod asm;
pub mod report;
pub mod run;
pub mod schema;
mod symbols;

pub use report::Report;
pub use run::Run;
pub use schema::{Lab, LabError};
