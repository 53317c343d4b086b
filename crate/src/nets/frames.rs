//! Frames in sockets, as QEMU's `socket`, `stream` and `dgram` networks have them: with their length in front in a TCP or unix connection, one by
//! one in UDP datagrams.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, SocketAddrV4, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::rc::Rc;

use serde_json::{Map, Value};
use tinamou_core::{NetBackend, Ns};
use tinamou_net::framing::{Framer, wrap};
use tinamou_net::{Cable, Progress};

use super::{Nets, Watched, world};
use crate::host::why;

/// Bytes kept for a peer that does not read; more frames are lost.
const KEPT: usize = 256 << 10;
/// Bytes read at a time.
const READ: usize = 16 << 10;
/// Longest datagram.
const DATAGRAM: usize = 65_536;

/// Makes one.
///
/// # Errors
/// A sentence for the user.
pub fn open(nets: &Nets, with: &Map<String, Value>) -> Result<Box<dyn NetBackend>, String> {
    let text = |name: &str| with.get(name).and_then(Value::as_str);
    let failed = |e: std::io::Error| why(&e);
    match text("type") {
        Some("socket") => {
            if let Some(at) = text("listen") {
                Ok(stream(nets, End::listen_tcp(address(at)?)?))
            } else if let Some(at) = text("connect") {
                let end = world::connect(address(at)?).map_err(failed)?;
                Ok(stream(nets, End::Connecting(end)))
            } else if let Some(at) = text("udp") {
                let local = text("localaddr").ok_or("localaddr= is mandatory with udp=")?;
                datagrams(nets, address(local)?, address(at)?)
            } else {
                Err("only listen=, connect= and udp= are supported".into())
            }
        }
        Some("stream") => {
            let at = &with["addr"];
            let server = with.get("server") == Some(&Value::Bool(true));
            let end = match (at["type"].as_str().unwrap_or_default(), server) {
                ("inet", true) => End::listen_tcp(inet(at)?)?,
                ("inet", false) => End::Connecting(world::connect(inet(at)?).map_err(failed)?),
                ("unix", true) => {
                    let path = at["path"].as_str().unwrap_or_default();
                    let _ = std::fs::remove_file(path);
                    let l = UnixListener::bind(path);
                    let l =
                        l.map_err(|e| format!("can't bind unix:{path} to socket: {}", why(&e)))?;
                    l.set_nonblocking(true).map_err(failed)?;
                    End::Unix(l)
                }
                ("unix", false) => {
                    let path = at["path"].as_str().unwrap_or_default();
                    let s = UnixStream::connect(path);
                    let s = s.map_err(|e| format!("Failed to connect to '{path}': {}", why(&e)))?;
                    End::There(s.into())
                }
                _ => return Err("only support inet or unix type".into()),
            };
            Ok(stream(nets, end))
        }
        _ => {
            let local = with.get("local").ok_or("dgram requires local= parameter")?;
            let remote = with.get("remote").ok_or("remote= is needed")?;
            datagrams(nets, inet(local)?, inet(remote)?)
        }
    }
}

fn resolve(host: &str, port: u16) -> Result<SocketAddrV4, String> {
    if host.is_empty() {
        return Ok(SocketAddrV4::new([0, 0, 0, 0].into(), port));
    }
    let found = (host, port).to_socket_addrs().ok();
    let v4 = |a| match a {
        SocketAddr::V4(a) => Some(a),
        SocketAddr::V6(_) => None,
    };
    found
        .and_then(|mut all| all.find_map(v4))
        .ok_or(format!("can't resolve host address '{host}'"))
}

/// `[HOST]:PORT`.
fn address(text: &str) -> Result<SocketAddrV4, String> {
    let (host, port) = text.split_once(':').ok_or(format!(
        "host address '{text}' doesn't contain ':' separating host from port"
    ))?;
    let port = port.parse();
    let port = port.map_err(|_| format!("port number '{}' is invalid", &text[host.len() + 1..]))?;
    resolve(host, port)
}

fn inet(at: &Value) -> Result<SocketAddrV4, String> {
    if at["type"] != "inet" {
        return Err("only inet addresses are supported here".into());
    }
    let port = at["port"].as_str().unwrap_or_default();
    let number = port.parse();
    let number = number.map_err(|_| format!("port number '{port}' is invalid"))?;
    resolve(at["host"].as_str().unwrap_or_default(), number)
}

/// How a connection comes to be.
enum End {
    Tcp(TcpListener),
    Unix(UnixListener),
    Connecting(TcpStream),
    There(OwnedFd),
}

impl End {
    fn listen_tcp(at: SocketAddrV4) -> Result<End, String> {
        let opened = TcpListener::bind(at).and_then(|l| {
            l.set_nonblocking(true)?;
            Ok(l)
        });
        opened
            .map(End::Tcp)
            .map_err(|e| format!("can't bind ip={} to socket: {}", at.ip(), why(&e)))
    }
}

impl AsFd for End {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            End::Tcp(l) => l.as_fd(),
            End::Unix(l) => l.as_fd(),
            End::Connecting(s) => s.as_fd(),
            End::There(fd) => fd.as_fd(),
        }
    }
}

fn stream(nets: &Nets, end: End) -> Box<dyn NetBackend> {
    let (end, there) = match end {
        End::There(fd) => (None, Some(fd)),
        other => {
            let connecting = matches!(other, End::Connecting(_));
            (Some(nets.add(other, !connecting, connecting)), None)
        }
    };
    let mut net = Frames {
        nets: nets.clone(),
        end,
        link: None,
        cable: Cable::default(),
    };
    if let Some(fd) = there {
        net.connected(fd);
    }
    Box::new(net)
}

/// A connection.
struct Link {
    io: Rc<Watched<File>>,
    framer: Framer,
    unsent: Vec<u8>,
}

/// A network in a connection; a listener takes the next one when one ends.
struct Frames {
    nets: Nets,
    end: Option<Rc<Watched<End>>>,
    link: Option<Link>,
    cable: Cable,
}

impl Frames {
    fn connected(&mut self, fd: OwnedFd) {
        if crate::host::wait::set_nonblocking(fd.as_fd()).is_ok() {
            self.link = Some(Link {
                io: self.nets.add(File::from(fd), true, false),
                framer: Framer::default(),
                unsent: Vec::new(),
            });
        }
    }

    /// Sees whether a connection came to be.
    fn meet(&mut self) {
        let Some(end) = &self.end else { return };
        if self.link.is_some() {
            return;
        }
        let fd: OwnedFd = match &end.io {
            End::Tcp(l) => match l.accept() {
                Ok((s, _)) => {
                    let _ = s.set_nodelay(true);
                    s.into()
                }
                Err(_) => return,
            },
            End::Unix(l) => match l.accept() {
                Ok((s, _)) => s.into(),
                Err(_) => return,
            },
            End::Connecting(s) => match world::progress(s) {
                Progress::Connecting => return,
                Progress::Open => match s.try_clone() {
                    Ok(s) => {
                        let _ = s.set_nodelay(true);
                        self.end = None;
                        s.into()
                    }
                    Err(_) => return,
                },
                Progress::Failed => {
                    self.end = None;
                    return;
                }
            },
            End::There(_) => return,
        };
        if let Some(end) = &self.end {
            end.read.set(false);
        }
        self.connected(fd);
    }

    /// The connection is over.
    fn lost(&mut self) {
        self.link = None;
        if let Some(end) = &self.end {
            end.read.set(true);
        }
    }

    fn flush(&mut self) {
        let Some(link) = &mut self.link else { return };
        while !link.unsent.is_empty() {
            match (&link.io.io).write(&link.unsent) {
                Ok(n) if n > 0 => drop(link.unsent.drain(..n)),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                _ => return self.lost(),
            }
        }
        link.io.write.set(!link.unsent.is_empty());
    }

    fn read(&mut self, now: Ns) {
        let mut buf = [0; READ];
        while let Some(link) = &mut self.link {
            let room = self.cable.room() > 0;
            link.io.read.set(room);
            if !room {
                return;
            }
            match (&link.io.io).read(&mut buf) {
                Ok(n) if n > 0 => link.framer.push(&buf[..n]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                _ => return self.lost(),
            }
            loop {
                match link.framer.take() {
                    Ok(Some(frame)) => self.cable.put(now, frame),
                    Ok(None) => break,
                    Err(_) => return self.lost(),
                }
            }
        }
    }
}

impl NetBackend for Frames {
    fn send(&mut self, _now: Ns, frame: &[u8]) {
        if let Some(link) = &mut self.link
            && link.unsent.len() < KEPT
        {
            link.unsent.extend(wrap(frame));
            self.flush();
        }
    }

    fn receive(&mut self, now: Ns) -> Option<Vec<u8>> {
        let frame = self.cable.take(now);
        if let Some(link) = &self.link {
            link.io.read.set(self.cable.room() > 0);
        }
        frame
    }

    fn next(&self) -> Option<Ns> {
        self.cable.next()
    }

    fn look_outside(&mut self, now: Ns) {
        self.meet();
        self.flush();
        self.read(now);
    }

    fn forget(&mut self) {
        self.cable.clear();
    }
}

/// A network in datagrams.
struct Datagrams {
    socket: Rc<Watched<UdpSocket>>,
    to: SocketAddrV4,
    cable: Cable,
}

fn datagrams(
    nets: &Nets,
    local: SocketAddrV4,
    to: SocketAddrV4,
) -> Result<Box<dyn NetBackend>, String> {
    let socket = UdpSocket::bind(local).and_then(|s| {
        s.set_nonblocking(true)?;
        Ok(s)
    });
    let socket =
        socket.map_err(|e| format!("can't bind ip={} to socket: {}", local.ip(), why(&e)))?;
    Ok(Box::new(Datagrams {
        socket: nets.add(socket, true, false),
        to,
        cable: Cable::default(),
    }))
}

impl NetBackend for Datagrams {
    fn send(&mut self, _now: Ns, frame: &[u8]) {
        // Datagrams may be lost.
        let _ = self.socket.io.send_to(frame, self.to);
    }

    fn receive(&mut self, now: Ns) -> Option<Vec<u8>> {
        let frame = self.cable.take(now);
        self.socket.read.set(self.cable.room() > 0);
        frame
    }

    fn next(&self) -> Option<Ns> {
        self.cable.next()
    }

    fn look_outside(&mut self, now: Ns) {
        let mut buf = vec![0; DATAGRAM];
        while self.cable.room() > 0 {
            match self.socket.io.recv_from(&mut buf) {
                Ok((n, _)) => self.cable.put(now, buf[..n].to_vec()),
                Err(_) => break,
            }
        }
        self.socket.read.set(self.cable.room() > 0);
    }

    fn forget(&mut self) {
        self.cable.clear();
    }
}
