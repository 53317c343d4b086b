//! State on its way out.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tinamou_control::transfer::{Outgoing, Sending};

use super::command::{Group, Running};
use super::{Bell, Place, Ringer, ready, unblocked};
use crate::host::why;

/// Bytes of one write.
const PIECE: usize = 64 << 10;
/// A state's pace is watched over this time: what was allowed longer ago is not made up for.
const PACE: Duration = Duration::from_millis(100);

/// What thread and run loop share.
struct Shared {
    state: Mutex<Sending>,
    moved: AtomicU64,
    limit: AtomicU64,
    wanted: AtomicBool,
    ringer: Ringer,
}

impl Shared {
    fn becomes(&self, state: Sending) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        self.ringer.ring();
    }

    fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }
}

/// A way.
pub struct Out {
    shared: Arc<Shared>,
    state: Option<Sender<Vec<u8>>>,
    group: Group,
}

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Out").field(&self.poll()).finish()
    }
}

impl Outgoing for Out {
    fn poll(&self) -> Sending {
        let state = self.shared.state.lock();
        match &*state.unwrap_or_else(PoisonError::into_inner) {
            Sending::Moved(_) => Sending::Moved(self.shared.moved.load(Ordering::Relaxed)),
            other => other.clone(),
        }
    }

    fn send(&mut self, state: Vec<u8>) {
        self.shared.becomes(Sending::Moved(0));
        if let Some(to) = self.state.take() {
            // A thread that is gone has said why.
            let _ = to.send(state);
        }
    }

    fn limit(&self, bytes_per_s: u64) {
        self.shared.limit.store(bytes_per_s, Ordering::Relaxed);
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        self.shared.wanted.store(false, Ordering::Relaxed);
        self.group.end();
    }
}

/// What the thread writes to.
enum End {
    /// A file, which gets its name at the end.
    Named(File, String, String),
    /// A pipe, a terminal, what a descriptor is.
    Plain(File),
    /// A socket.
    Socket(File),
    /// A command's input.
    Command(File, Running, String),
}

impl End {
    fn file(&mut self) -> &mut File {
        match self {
            End::Named(f, ..) | End::Plain(f) | End::Socket(f) | End::Command(f, ..) => f,
        }
    }

    /// What QEMU calls it.
    fn word(&self) -> &'static str {
        match self {
            End::Named(..) | End::Plain(_) => "file",
            End::Socket(_) => "socket",
            End::Command(..) => "command",
        }
    }

    /// All is written.
    fn finish(self) -> Result<(), String> {
        match self {
            End::Named(file, partial, path) => {
                drop(file);
                let renamed = std::fs::rename(&partial, &path);
                renamed.map_err(|e| format!("failed to write '{path}': {}", why(&e)))
            }
            End::Plain(_) => Ok(()),
            End::Socket(file) => {
                let socket = UnixStream::from(OwnedFd::from(file));
                // Whoever reads finds the end; the other end may be gone already.
                let _ = socket.shutdown(Shutdown::Write);
                Ok(())
            }
            End::Command(file, running, command) => {
                drop(file);
                running.finish(&command)
            }
        }
    }

    /// Nobody wants it any more, or it failed.
    fn give_up(self) {
        match self {
            End::Named(_, partial, _) => {
                let _ = std::fs::remove_file(partial);
            }
            End::Command(file, running, command) => {
                drop(file);
                running.group().end();
                let _ = running.finish(&command);
            }
            End::Plain(_) | End::Socket(_) => {}
        }
    }
}

/// Begins to carry state to a place; `fd` is the one that it names, if it does.
///
/// # Errors
/// There can be no such place.
pub fn open(place: Place, fd: Option<OwnedFd>, bell: &Bell) -> Result<Out, String> {
    let (to, from) = channel();
    let shared = Arc::new(Shared {
        state: Mutex::new(Sending::Connecting),
        moved: AtomicU64::new(0),
        limit: AtomicU64::new(0),
        wanted: AtomicBool::new(true),
        ringer: bell.ringer(),
    });
    let mut group = Group::none();
    let early = match (&place, fd) {
        (Place::Command(command), _) => {
            let (running, fd) = Running::start(command, true)?;
            group = running.group();
            Some(End::Command(plain(fd)?, running, command.clone()))
        }
        (Place::Fd(_), Some(fd)) => Some(described(fd)?),
        (Place::Fd(name), None) => {
            return Err(format!("File descriptor named '{name}' has not been found"));
        }
        _ => None,
    };
    let worker = Arc::clone(&shared);
    let thread = move || {
        let end = match early {
            Some(end) => Ok(end),
            None => connect(&place),
        };
        let done = end.and_then(|end| {
            worker.becomes(Sending::Ready);
            carry(&worker, end, &from)
        });
        worker.becomes(match done {
            Ok(()) => Sending::Done,
            Err(why) => Sending::Failed(why),
        });
    };
    let spawned = std::thread::Builder::new().spawn(thread);
    spawned.map_err(|e| format!("no thread: {}", why(&e)))?;
    Ok(Out {
        shared,
        state: Some(to),
        group,
    })
}

fn plain(fd: OwnedFd) -> Result<File, String> {
    unblocked(fd).map_err(|e| why(&e))
}

/// What a descriptor is.
fn described(fd: OwnedFd) -> Result<End, String> {
    let socket = UnixStream::from(fd);
    let is_socket = socket.local_addr().is_ok() || socket.peer_addr().is_ok();
    let tcp = TcpStream::from(OwnedFd::from(socket));
    let is_socket = is_socket || tcp.local_addr().is_ok();
    let file = plain(tcp.into())?;
    Ok(if is_socket {
        End::Socket(file)
    } else {
        End::Plain(file)
    })
}

fn connect(place: &Place) -> Result<End, String> {
    match place {
        Place::File(path) => {
            let named = std::fs::metadata(path).is_ok_and(|m| !m.is_file());
            let partial = if named {
                path.clone()
            } else {
                super::partial(path)
            };
            let mut how = File::options();
            how.write(true).create(!named).truncate(!named);
            let file = how.open(&partial);
            let file = file.map_err(|e| format!("failed to write '{path}': {}", why(&e)))?;
            Ok(if named {
                End::Plain(file)
            } else {
                End::Named(file, partial, path.clone())
            })
        }
        Place::Tcp(host, port) => {
            let host = if host.is_empty() { "localhost" } else { host };
            let failed = |e| format!("Failed to connect to '{host}:{port}': {}", why(&e));
            let stream = TcpStream::connect((host, *port)).map_err(failed)?;
            let _ = stream.set_nodelay(true);
            Ok(End::Socket(plain(stream.into())?))
        }
        Place::Unix(path) => {
            let failed = |e| format!("Failed to connect to '{path}': {}", why(&e));
            let stream = UnixStream::connect(path).map_err(failed)?;
            Ok(End::Socket(plain(stream.into())?))
        }
        Place::Command(_) | Place::Fd(_) => Err("no such place".into()),
    }
}

/// Waits for the state and writes it, no faster than it may.
fn carry(shared: &Shared, mut end: End, from: &Receiver<Vec<u8>>) -> Result<(), String> {
    let Ok(state) = from.recv() else {
        end.give_up();
        return Ok(());
    };
    match pour(shared, &mut end, &state) {
        Ok(true) => end.finish(),
        Ok(false) => {
            end.give_up();
            Ok(())
        }
        Err(e) => {
            let sentence = format!("Unable to write to {}: {}", end.word(), why(&e));
            end.give_up();
            Err(sentence)
        }
    }
}

/// Writes all; false if nobody wants it any more.
fn pour(shared: &Shared, end: &mut End, state: &[u8]) -> std::io::Result<bool> {
    let mut left = state;
    let mut since = Instant::now();
    let mut allowed_since = 0;
    while !left.is_empty() {
        if !shared.is_wanted() {
            return Ok(false);
        }
        let mut piece = left.len().min(PIECE);
        let limit = shared.limit.load(Ordering::Relaxed);
        if limit > 0 {
            let gone = since.elapsed();
            let due = u64::try_from(u128::from(limit) * gone.as_nanos() / 1_000_000_000);
            let room = due.unwrap_or(u64::MAX).saturating_sub(allowed_since);
            piece = piece.min(usize::try_from(room).unwrap_or(usize::MAX));
            if piece == 0 {
                std::thread::sleep(Duration::from_millis(1));
                continue;
            }
            if gone > PACE {
                since = Instant::now();
                allowed_since = 0;
            }
        }
        if !ready(end.file().as_fd(), true, || shared.is_wanted()) {
            return Ok(false);
        }
        match end.file().write(&left[..piece]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => {
                left = &left[n..];
                allowed_since += n as u64;
                shared.moved.fetch_add(n as u64, Ordering::Relaxed);
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(true)
}
