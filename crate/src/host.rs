//! The host's side of the command line: wall clock, terminal, sockets, signals. Nothing here knows machines.

pub mod escape;
pub mod passing;
pub mod serial;
pub mod signals;
pub mod terminal;
pub mod wait;

/// An I/O error as a user wants it: without the number.
pub fn why(e: &std::io::Error) -> String {
    let text = e.to_string();
    match text.find(" (os error") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}
