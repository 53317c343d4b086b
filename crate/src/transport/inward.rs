//! State on its way in. What comes is distrusted: bytes that do not begin as a snapshot does end it at once, and there is a most.

use std::io::{ErrorKind, Read};
use std::net::{TcpListener, ToSocketAddrs};
use std::os::fd::{AsFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tinamou_control::transfer::{Incoming, Receiving};
use tinamou_machine::snapshot::{Description, SnapshotError};

use super::command::{Group, Running};
use super::{Bell, Place, Ringer, ready, unblocked};
use crate::host::why;

/// Bytes of one read.
const PIECE: usize = 256 << 10;
/// Bytes by which something else than a snapshot is known.
const BEGINNING: usize = 16;

struct Shared {
    state: Mutex<Receiving>,
    wanted: AtomicBool,
    ringer: Ringer,
}

impl Shared {
    fn becomes(&self, state: Receiving) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        self.ringer.ring();
    }

    fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }
}

/// A way.
pub struct In {
    shared: Arc<Shared>,
    address: Option<Value>,
    group: Group,
}

impl std::fmt::Debug for In {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("In")
            .field("address", &self.address)
            .finish()
    }
}

impl Incoming for In {
    fn poll(&mut self) -> Receiving {
        let mut state = self
            .shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match &mut *state {
            Receiving::Done(bytes) => Receiving::Done(std::mem::take(bytes)),
            other => other.clone(),
        }
    }

    fn address(&self) -> Option<Value> {
        self.address.clone()
    }
}

impl Drop for In {
    fn drop(&mut self) {
        self.shared.wanted.store(false, Ordering::Relaxed);
        self.group.end();
    }
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, String),
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Listener::Unix(_, path) = self {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Listener {
    fn accept(&self) -> std::io::Result<OwnedFd> {
        Ok(match self {
            Listener::Tcp(l) => l.accept()?.0.into(),
            Listener::Unix(l, _) => l.accept()?.0.into(),
        })
    }

    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        match self {
            Listener::Tcp(l) => l.as_fd(),
            Listener::Unix(l, _) => l.as_fd(),
        }
    }
}

/// Where the bytes come from.
enum Source {
    Listener(Listener),
    Fd(OwnedFd),
    Command(OwnedFd, Running, String),
    File(String),
}

/// Listens.
fn listen(place: &Place) -> Result<(Listener, Value), String> {
    match place {
        Place::Tcp(host, port) => {
            // QEMU takes a host of 0 for any.
            let any = host.is_empty() || host == "0";
            let host = if any { "0.0.0.0" } else { host };
            let failed =
                |e: std::io::Error| format!("Failed to find an available port: {}", why(&e));
            let unknown = |_| {
                format!("address resolution failed for {host}:{port}: Name or service not known")
            };
            let addresses: Vec<_> = (host, *port).to_socket_addrs().map_err(unknown)?.collect();
            let listener = TcpListener::bind(&addresses[..]).map_err(failed)?;
            listener.set_nonblocking(true).map_err(failed)?;
            let at = listener.local_addr().map_err(failed)?;
            let family = if at.is_ipv4() { "ipv4" } else { "ipv6" };
            let address = json!({
                "type": "inet", "host": at.ip().to_string(), "port": at.port().to_string(), family: true,
            });
            Ok((Listener::Tcp(listener), address))
        }
        Place::Unix(path) => {
            let failed =
                |e: std::io::Error| format!("Failed to bind socket to {path}: {}", why(&e));
            // As QEMU: what an earlier run left behind goes.
            if UnixStream::connect(path).is_err_and(|e| e.kind() == ErrorKind::ConnectionRefused) {
                let _ = std::fs::remove_file(path);
            }
            let listener = UnixListener::bind(path).map_err(failed)?;
            listener.set_nonblocking(true).map_err(failed)?;
            let listener = Listener::Unix(listener, path.clone());
            Ok((listener, json!({"type": "unix", "path": path})))
        }
        _ => Err("no socket".into()),
    }
}

/// The descriptor of a number: one that this program was started with.
///
/// # Errors
/// None is open.
pub fn numbered(name: &str) -> Result<OwnedFd, String> {
    let n: Option<RawFd> = name.parse().ok().filter(|n| *n > 2);
    let n = n.ok_or_else(|| format!("Invalid file descriptor number '{name}'"))?;
    // SAFETY: a duplicate of whatever the number means; it fails if it means nothing.
    let copy = unsafe { libc::fcntl(n, libc::F_DUPFD_CLOEXEC, 3) };
    if copy < 0 {
        let e = std::io::Error::last_os_error();
        return Err(format!("file descriptor {n}: {}", why(&e)));
    }
    // SAFETY: fcntl has just made it, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// Begins to wait for at most so many bytes; `fd` is the one that the place names, if it does.
///
/// # Errors
/// There can be no such place.
pub fn open(place: Place, fd: Option<OwnedFd>, most: u64, bell: &Bell) -> Result<In, String> {
    let mut address = None;
    let mut group = Group::none();
    let source = match place {
        Place::Tcp(..) | Place::Unix(_) => {
            let (listener, at) = listen(&place)?;
            address = Some(at);
            Source::Listener(listener)
        }
        Place::Command(command) => {
            let (running, fd) = Running::start(&command, false)?;
            group = running.group();
            Source::Command(fd, running, command)
        }
        Place::Fd(name) => Source::Fd(match fd {
            Some(fd) => fd,
            None if name.starts_with(|c: char| c.is_ascii_digit()) => numbered(&name)?,
            None => return Err(format!("File descriptor named '{name}' has not been found")),
        }),
        Place::File(path) => Source::File(path),
    };
    let shared = Arc::new(Shared {
        state: Mutex::new(Receiving::Waiting),
        wanted: AtomicBool::new(true),
        ringer: bell.ringer(),
    });
    let worker = Arc::clone(&shared);
    let thread = move || {
        let state = match take(&worker, source, most) {
            Ok(bytes) => Receiving::Done(bytes),
            Err(why) => Receiving::Failed(why),
        };
        worker.becomes(state);
    };
    let spawned = std::thread::Builder::new().spawn(thread);
    spawned.map_err(|e| format!("no thread: {}", why(&e)))?;
    Ok(In {
        shared,
        address,
        group,
    })
}

/// Waits for whoever sends, and takes all of it.
fn take(shared: &Shared, source: Source, most: u64) -> Result<Vec<u8>, String> {
    let gone = || "nobody wants it any more".to_owned();
    match source {
        Source::Listener(listener) => loop {
            if !ready(listener.as_fd(), false, || shared.is_wanted()) {
                return Err(gone());
            }
            match listener.accept() {
                Ok(fd) => {
                    drop(listener);
                    return read(shared, fd, most, "socket");
                }
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(e) => return Err(format!("Unable to accept connection: {}", why(&e))),
            }
        },
        Source::Fd(fd) => read(shared, fd, most, "file"),
        Source::File(path) => {
            let file = std::fs::File::open(&path);
            let file = file.map_err(|e| format!("failed to open '{path}': {}", why(&e)))?;
            read(shared, file.into(), most, "file")
        }
        Source::Command(fd, running, command) => {
            let got = read(shared, fd, most, "command");
            if got.is_err() {
                running.group().end();
            }
            let ended = running.finish(&command);
            let bytes = got?;
            ended.map(|()| bytes)
        }
    }
}

fn read(shared: &Shared, fd: OwnedFd, most: u64, word: &str) -> Result<Vec<u8>, String> {
    let failed = |e: std::io::Error| format!("Unable to read from {word}: {}", why(&e));
    let mut file = unblocked(fd).map_err(failed)?;
    shared.becomes(Receiving::Moving);
    let mut bytes = Vec::new();
    let mut piece = vec![0; PIECE];
    loop {
        if !ready(file.as_fd(), false, || shared.is_wanted()) {
            return Err("nobody wants it any more".into());
        }
        match file.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => bytes.extend_from_slice(&piece[..n]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(e) => return Err(failed(e)),
        }
        if bytes.len() as u64 > most {
            return Err("it is longer than any state of this machine".into());
        }
        let known = bytes.get(..BEGINNING).map(Description::of);
        if let Some(Err(wrong @ (SnapshotError::Magic | SnapshotError::Version { .. }))) = known {
            return Err(wrong.to_string());
        }
    }
    Ok(bytes)
}
