//! The host's end of a character device: terminal, file, pseudo-terminal, socket, or nothing. Reading never waits; what cannot be
//! written yet is kept.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroU16;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};

use super::escape::{Escape, Typed};
use super::passing;
use super::terminal::Raw;
use super::wait::{self, Set};
use super::why;
use crate::options::chardev::{Chardev, Socket};

/// Unwritten bytes from which on the guest has to wait.
const FULL: usize = 256 << 10;
/// Tenths of a second that the last words may take.
const FINISH_WAITS: u32 = 10;
/// The size of a console, as QEMU's.
const CONSOLE_ROWS: NonZeroU16 = NonZeroU16::new(24).unwrap();
const CONSOLE_COLUMNS: NonZeroU16 = NonZeroU16::new(80).unwrap();
/// Bytes kept for a pseudo-terminal that nobody may ever read.
const PTY_KEPT: usize = 64 << 10;

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, String),
}

impl Listener {
    /// A client, if one is there (or waits for one, when the listener blocks).
    fn accept(&self) -> io::Result<File> {
        let fd: OwnedFd = match self {
            Listener::Tcp(l) => {
                let stream = l.accept()?.0;
                let _ = stream.set_nodelay(true);
                stream.into()
            }
            Listener::Unix(l, _) => l.accept()?.0.into(),
        };
        wait::set_nonblocking(fd.as_fd())?;
        Ok(fd.into())
    }

    fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Listener::Tcp(l) => l.set_nonblocking(true),
            Listener::Unix(l, _) => l.set_nonblocking(true),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Listener::Unix(_, path) = self {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A serial port's other end.
#[derive(Default)]
pub struct Port {
    input: Option<File>,
    output: Option<File>,
    listener: Option<Listener>,
    escape: Option<Escape>,
    unwritten: Vec<u8>,
    /// Bytes kept at most; more are lost.
    kept: Option<usize>,
    /// A pseudo-terminal's path.
    pty: Option<String>,
    /// A unix socket: descriptors may come with bytes.
    passes: bool,
    passed: Option<OwnedFd>,
    /// A console of the display, which shows what is written.
    console: Option<Box<vt100::Parser>>,
    _raw: Option<Raw>,
    _slave: Option<OwnedFd>,
}

impl Port {
    /// Opens what `dev` names. Notes for the user (a pseudo-terminal's name) go to stderr.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn open(dev: &Chardev, label: &str) -> Result<Port, String> {
        match dev {
            // A named device is another port's.
            Chardev::Null | Chardev::None | Chardev::Named(_) => Ok(Port::default()),
            Chardev::Vc => {
                let mut console = vt100::Parser::new(CONSOLE_ROWS, CONSOLE_COLUMNS, 0);
                console.process(format!("\x1b[44m{label} console\x1b[0m\r\n").as_bytes());
                Ok(Port {
                    console: Some(Box::new(console)),
                    ..Port::default()
                })
            }
            Chardev::Stdio { mux } => Port::stdio(*mux).map_err(|e| format!("stdio: {}", why(&e))),
            Chardev::File { path, append } => {
                let file = File::options()
                    .create(true)
                    .write(true)
                    .append(*append)
                    .truncate(!append)
                    .open(path)
                    .map_err(|e| format!("Could not open '{path}': {}", why(&e)))?;
                Ok(Port {
                    output: Some(file),
                    ..Port::default()
                })
            }
            Chardev::Pty => Port::pty(label).map_err(|e| format!("pty: {}", why(&e))),
            Chardev::Tcp { host, port, socket } => {
                let address = (
                    if host.is_empty() {
                        "0.0.0.0"
                    } else {
                        host.as_str()
                    },
                    *port,
                );
                let result = if socket.server {
                    TcpListener::bind(address)
                        .map(Listener::Tcp)
                        .and_then(|l| Port::server(l, *socket, &format!("tcp:{host}:{port}")))
                } else {
                    TcpStream::connect(address).and_then(|s| {
                        let _ = s.set_nodelay(true);
                        Port::stream(s.into())
                    })
                };
                result.map_err(|e| format!("tcp:{host}:{port}: {}", why(&e)))
            }
            Chardev::Unix { path, socket } => {
                let result = if socket.server {
                    // What an earlier run left behind.
                    if UnixStream::connect(path)
                        .is_err_and(|e| e.kind() == ErrorKind::ConnectionRefused)
                    {
                        let _ = std::fs::remove_file(path);
                    }
                    let listener =
                        UnixListener::bind(path).map(|l| Listener::Unix(l, path.clone()));
                    listener.and_then(|l| Port::server(l, *socket, &format!("unix:{path}")))
                } else {
                    UnixStream::connect(path).and_then(|s| Port::stream(s.into()))
                };
                let result = result.map(|port| Port {
                    passes: true,
                    ..port
                });
                result.map_err(|e| format!("unix:{path}: {}", why(&e)))
            }
        }
    }

    fn stdio(mux: bool) -> io::Result<Port> {
        // Duplicates, unbuffered: Rust's own stdin reads ahead.
        let input = io::stdin().as_fd().try_clone_to_owned()?;
        let output = io::stdout().as_fd().try_clone_to_owned()?;
        let raw = Raw::enter(!mux)?;
        Ok(Port {
            input: Some(input.into()),
            output: Some(output.into()),
            escape: mux.then(Escape::default),
            _raw: raw,
            ..Port::default()
        })
    }

    fn stream(fd: OwnedFd) -> io::Result<Port> {
        wait::set_nonblocking(fd.as_fd())?;
        let output = fd.try_clone()?;
        Ok(Port {
            input: Some(fd.into()),
            output: Some(output.into()),
            ..Port::default()
        })
    }

    fn server(listener: Listener, socket: Socket, name: &str) -> io::Result<Port> {
        let mut port = Port::default();
        if socket.wait {
            eprintln!("tinamou: waiting for connection on: {name},server=on");
            port.connect(listener.accept()?)?;
        }
        listener.set_nonblocking()?;
        port.listener = Some(listener);
        Ok(port)
    }

    fn pty(label: &str) -> io::Result<Port> {
        let (mut master, mut slave) = (0, 0);
        let null = std::ptr::null_mut::<libc::c_void>();
        // SAFETY: both descriptors have room; name, modes and size are left to the system.
        if unsafe {
            libc::openpty(
                &raw mut master,
                &raw mut slave,
                null.cast(),
                null.cast(),
                null.cast(),
            )
        } != 0
        {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: openpty has just made both, and nobody else owns them.
        let (master, slave_fd) =
            unsafe { (OwnedFd::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) };
        let mut name = [0 as libc::c_char; 128];
        // SAFETY: the buffer's length is given; termios is plain data that tcgetattr fills; the string is terminated on success.
        let name = unsafe {
            let mut modes: libc::termios = std::mem::zeroed();
            if libc::tcgetattr(slave, &raw mut modes) == 0 {
                libc::cfmakeraw(&raw mut modes);
                libc::tcsetattr(slave, libc::TCSANOW, &raw const modes);
            }
            let error = libc::ttyname_r(slave, name.as_mut_ptr(), name.len());
            if error != 0 {
                return Err(io::Error::from_raw_os_error(error));
            }
            std::ffi::CStr::from_ptr(name.as_ptr())
                .to_string_lossy()
                .into_owned()
        };
        eprintln!("char device redirected to {name} (label {label})");
        // The slave stays open, so that reading does not fail while nobody else has it.
        Ok(Port {
            kept: Some(PTY_KEPT),
            pty: Some(name),
            _slave: Some(slave_fd),
            ..Port::stream(master)?
        })
    }

    fn connect(&mut self, stream: File) -> io::Result<()> {
        self.output = Some(stream.try_clone()?);
        self.input = Some(stream);
        Ok(())
    }

    /// Nothing more comes in. A server takes the next client; elsewhere output may still be wanted.
    fn disconnect(&mut self) {
        self.input = None;
        if self.listener.is_some() {
            self.output = None;
            self.unwritten.clear();
        }
    }

    /// A server without a client takes the next one, if one is there.
    pub fn accept(&mut self) {
        if self.input.is_none()
            && let Some(listener) = &self.listener
            && let Ok(stream) = listener.accept()
        {
            let _ = self.connect(stream);
        }
    }

    /// Whether somebody may be at the other end.
    pub fn is_open(&self) -> bool {
        self.output.is_some() || self.console.is_some()
    }

    /// What a console of the display shows.
    pub fn console(&self) -> Option<&vt100::Screen> {
        self.console.as_deref().map(vt100::Parser::screen)
    }

    /// The descriptor that came with the bytes last read.
    pub fn take_passed(&mut self) -> Option<OwnedFd> {
        self.passed.take()
    }

    /// A pseudo-terminal's path.
    pub fn pty_path(&self) -> Option<&str> {
        self.pty.as_deref()
    }

    /// Ctrl-a has a meaning here from now on.
    pub fn multiplex(&mut self) {
        self.escape.get_or_insert_default();
    }

    /// What was typed, and what was meant for us. Nothing when nothing is there.
    pub fn read(&mut self) -> Vec<Typed> {
        let Some(input) = &mut self.input else {
            return Default::default();
        };
        if !wait::readable(input.as_fd()) {
            return Default::default();
        }
        let mut buf = [0; 4096];
        let got = if self.passes {
            passing::read(input.as_fd(), &mut buf).map(|(n, fd)| {
                self.passed = fd;
                n
            })
        } else {
            input.read(&mut buf)
        };
        match got {
            Ok(n) if n > 0 => match &mut self.escape {
                Some(escape) => escape.feed(&buf[..n]),
                None => vec![Typed::Bytes(buf[..n].to_vec())],
            },
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Default::default()
            }
            // The end, or a lost connection.
            _ => {
                self.disconnect();
                Default::default()
            }
        }
    }

    /// What came, without keys of the terminal's own.
    pub fn read_bytes(&mut self) -> Vec<u8> {
        let bytes = |typed| match typed {
            Typed::Bytes(bytes) => Some(bytes),
            _ => None,
        };
        self.read()
            .into_iter()
            .filter_map(bytes)
            .flatten()
            .collect()
    }

    /// Sends bytes, or keeps them until there is room. Without anybody at the other end they are lost.
    pub fn write(&mut self, bytes: &[u8]) {
        if let Some(console) = &mut self.console {
            console.process(bytes);
        }
        if self.output.is_none() {
            return;
        }
        let room = self.kept.map_or(bytes.len(), |n| {
            n.saturating_sub(self.unwritten.len()).min(bytes.len())
        });
        self.unwritten.extend_from_slice(&bytes[..room]);
        self.flush();
    }

    /// Writes what it can of what is kept.
    pub fn flush(&mut self) {
        while let Some(output) = self.output.as_mut().filter(|_| !self.unwritten.is_empty()) {
            match output.write(&self.unwritten) {
                Ok(n) => drop(self.unwritten.drain(..n)),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    return;
                }
                Err(_) => {
                    // Nobody reads any more.
                    self.unwritten.clear();
                    self.output = None;
                }
            }
        }
    }

    /// Writes what is kept, waiting a while for whoever reads it.
    pub fn finish(&mut self) {
        for _ in 0..FINISH_WAITS {
            self.flush();
            let Some(output) = self.output.as_ref().filter(|_| !self.unwritten.is_empty()) else {
                return;
            };
            let mut set = Set::default();
            set.write(output.as_fd());
            set.wait(Some(std::time::Duration::from_millis(100)));
        }
    }

    /// Whether so much is kept that the guest should wait.
    pub fn is_full(&self) -> bool {
        self.unwritten.len() >= FULL
    }

    /// Adds what this port waits for; `input` tells whether bytes are wanted now.
    pub fn watch(&self, set: &mut Set, input: bool) {
        match (&self.input, &self.listener) {
            (Some(f), _) if input => set.read(f.as_fd()),
            (None, Some(Listener::Tcp(l))) => set.read(l.as_fd()),
            (None, Some(Listener::Unix(l, _))) => set.read(l.as_fd()),
            _ => {}
        }
        // A pseudo-terminal without a reader stays full.
        if let Some(f) = self
            .output
            .as_ref()
            .filter(|_| !self.unwritten.is_empty() && self.kept.is_none())
        {
            set.write(f.as_fd());
        }
    }
}
