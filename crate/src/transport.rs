//! Where a machine's state goes and comes from: files, commands of the shell, sockets, descriptors. Each way has a thread of its own, so that
//! guest and monitors go on meanwhile; it tells the run loop by a pipe when something changed. [`out`] sends, [`inward`] receives.
//!
//! A way that is closed before its end tears down what it has: a socket is closed, a file that is not whole removed, a command ended
//! with all that it started.

mod command;
pub mod inward;
pub mod out;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::host::wait::{self, Set};
use crate::host::why;

/// How often a thread that waits looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(50);

/// A place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// `file:PATH`.
    File(String),
    /// `exec:COMMAND`.
    Command(String),
    /// `tcp:HOST:PORT`.
    Tcp(String, u16),
    /// `unix:PATH`.
    Unix(String),
    /// `fd:NAME`.
    Fd(String),
}

/// Takes a place apart.
///
/// # Errors
/// A sentence for the user: QEMU's, where it has one.
pub fn place(uri: &str) -> Result<Place, String> {
    let (kind, rest) = uri.split_once(':').unwrap_or((uri, ""));
    Ok(match kind {
        "file" if !rest.is_empty() => Place::File(rest.into()),
        "exec" => Place::Command(rest.into()),
        "fd" => Place::Fd(rest.into()),
        "unix" => match rest.split(',').next() {
            Some(path) if !path.is_empty() => Place::Unix(path.into()),
            _ => return Err("invalid Unix socket address".into()),
        },
        "tcp" => {
            let address = rest.split(',').next().unwrap_or_default();
            let parts = address.rsplit_once(':');
            let parts = parts.and_then(|(host, port)| Some((host, port.parse().ok()?)));
            let (host, port) = parts.ok_or(format!("error parsing address '{address}'"))?;
            let host = host.trim_start_matches('[').trim_end_matches(']');
            Place::Tcp(host.into(), port)
        }
        _ => return Err(format!("unknown migration protocol: {uri}")),
    })
}

/// The run loop's end of what threads tell it: that one of them has come further.
pub struct Bell {
    heard: File,
    rung: Arc<File>,
}

impl Bell {
    /// A bell.
    ///
    /// # Errors
    /// When the host gives no pipe.
    pub fn new() -> io::Result<Bell> {
        let (heard, rung) = UnixStream::pair()?;
        heard.set_nonblocking(true)?;
        rung.set_nonblocking(true)?;
        Ok(Bell {
            heard: OwnedFd::from(heard).into(),
            rung: Arc::new(OwnedFd::from(rung).into()),
        })
    }

    fn ringer(&self) -> Ringer {
        Ringer(Arc::clone(&self.rung))
    }

    /// Whether it rang since the last time.
    pub fn take(&mut self) -> bool {
        let mut buf = [0; 64];
        matches!(self.heard.read(&mut buf), Ok(n) if n > 0)
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.heard.as_fd()
    }
}

/// A thread's end of it.
#[derive(Clone)]
struct Ringer(Arc<File>);

impl Ringer {
    fn ring(&self) {
        // A full pipe has news already.
        let _ = (&*self.0).write(&[1]);
    }
}

/// Waits until a descriptor is ready, or nobody wants it any more: false then.
fn ready(fd: BorrowedFd<'_>, write: bool, wanted: impl Fn() -> bool) -> bool {
    while wanted() {
        let mut set = Set::default();
        if write {
            set.write(fd);
        } else {
            set.read(fd);
        }
        if set.wait(Some(LOOK)) {
            return true;
        }
    }
    false
}

/// A descriptor whose reads and writes do not wait.
fn unblocked(fd: OwnedFd) -> io::Result<File> {
    wait::set_nonblocking(fd.as_fd())?;
    Ok(fd.into())
}

/// The name that a file has until it is whole: one for each, since a way that was closed may still be removing its own.
fn partial(path: &str) -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let n = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{path}.{}-{n}.partial", std::process::id())
}

/// Writes a file that is whole or not there: it gets its name when all is written. What is no file (a pipe) is simply written.
fn write(path: &str, data: &[u8]) -> io::Result<()> {
    if std::fs::metadata(path).is_ok_and(|m| !m.is_file()) {
        return std::fs::write(path, data);
    }
    let partial = partial(path);
    let written = std::fs::write(&partial, data).and_then(|()| std::fs::rename(&partial, path));
    written.inspect_err(|_| {
        // Whatever there is of it is of no use.
        let _ = std::fs::remove_file(&partial);
    })
}

/// Sends a machine's state to a file at once.
///
/// # Errors
/// A sentence for the user.
pub fn send(uri: &str, data: &[u8]) -> Result<(), String> {
    let Place::File(path) = place(uri)? else {
        return Err(format!("'{uri}' is no file"));
    };
    write(&path, data).map_err(|e| format!("failed to write '{path}': {}", why(&e)))
}

/// Receives a machine's state from a file at once.
///
/// # Errors
/// A sentence for the user.
pub fn receive(uri: &str) -> Result<Vec<u8>, String> {
    let Place::File(path) = place(uri)? else {
        return Err(format!("'{uri}' is no file"));
    };
    std::fs::read(&path).map_err(|e| format!("failed to open '{path}': {}", why(&e)))
}

#[cfg(test)]
mod tests;
