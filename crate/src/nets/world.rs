//! The world outside a user network: this host's sockets.

use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::{Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::FromRawFd;
use std::rc::Rc;

use tinamou_net::user::Config;
use tinamou_net::{Datagrams, Outside, Progress, Received, Stream};

use super::{Nets, Watched};

/// Where names are resolved.
const RESOLV_CONF: &str = "/etc/resolv.conf";

enum Rule {
    Tcp(Rc<Watched<TcpListener>>),
    /// Until it is asked for.
    Udp(Option<UdpSocket>),
}

/// Sockets.
pub struct World {
    nets: Nets,
    resolver: Option<SocketAddrV4>,
    rules: Vec<Rule>,
}

impl World {
    /// Opens the rules' ports; `texts` are the rules as they were given.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn new<'a>(
        nets: Nets,
        config: &Config,
        texts: impl Iterator<Item = &'a str>,
    ) -> Result<World, String> {
        let mut rules = Vec::new();
        for (rule, text) in config.forwards.iter().zip(texts) {
            let opened = if rule.udp {
                udp(rule.host).map(|s| Rule::Udp(Some(s)))
            } else {
                listen(rule.host).map(|l| Rule::Tcp(nets.add(l, true, false)))
            };
            let failed = |_| format!("Could not set up host forwarding rule '{text}'");
            rules.push(opened.map_err(failed)?);
        }
        let text = std::fs::read_to_string(RESOLV_CONF).unwrap_or_default();
        let servers = text.lines().filter_map(|l| l.strip_prefix("nameserver"));
        let server = servers.filter_map(|s| s.trim().parse().ok()).next();
        Ok(World {
            nets,
            resolver: server.map(|ip| SocketAddrV4::new(ip, 53)),
            rules,
        })
    }
}

fn udp(at: SocketAddrV4) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(at)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn listen(at: SocketAddrV4) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(at)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Begins a connection without waiting for it.
///
/// # Errors
/// The host cannot even begin.
pub fn connect(to: SocketAddrV4) -> io::Result<TcpStream> {
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: to.port().to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from(*to.ip()).to_be(),
        },
        sin_zero: [0; 8],
    };
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: a new descriptor, owned by nobody else, becomes the stream's; the address is live and has the size that is told.
    unsafe {
        let fd = libc::socket(libc::AF_INET, kind, 0);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        let stream = TcpStream::from_raw_fd(fd);
        let size = mem::size_of_val(&address) as libc::socklen_t;
        if libc::connect(fd, (&raw const address).cast(), size) < 0 {
            let e = io::Error::last_os_error();
            if e.raw_os_error() != Some(libc::EINPROGRESS) {
                return Err(e);
            }
        }
        Ok(stream)
    }
}

/// Whether a connection that was begun is there.
pub fn progress(stream: &TcpStream) -> Progress {
    match (stream.take_error(), stream.peer_addr()) {
        (Ok(None), Ok(_)) => Progress::Open,
        (Ok(None), Err(e)) if e.kind() == ErrorKind::NotConnected => Progress::Connecting,
        _ => Progress::Failed,
    }
}

fn later(e: &io::Error) -> bool {
    matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

impl Outside for World {
    fn connect(&mut self, to: SocketAddrV4) -> Option<Box<dyn Stream>> {
        let stream = connect(to).ok()?;
        let _ = stream.set_nodelay(true);
        Some(Box::new(Tcp(self.nets.add(stream, false, true))))
    }

    fn datagrams(&mut self) -> Option<Box<dyn Datagrams>> {
        let socket = udp(SocketAddrV4::new([0, 0, 0, 0].into(), 0)).ok()?;
        Some(Box::new(Udp(self.nets.add(socket, true, false))))
    }

    fn resolver(&self) -> Option<SocketAddrV4> {
        self.resolver
    }

    fn accept(&mut self, rule: usize) -> Option<(Box<dyn Stream>, SocketAddrV4)> {
        let Some(Rule::Tcp(listener)) = self.rules.get(rule) else {
            return None;
        };
        let (stream, SocketAddr::V4(from)) = listener.io.accept().ok()? else {
            return None;
        };
        stream.set_nonblocking(true).ok()?;
        let _ = stream.set_nodelay(true);
        Some((Box::new(Tcp(self.nets.add(stream, false, false))), from))
    }

    fn forwarded(&mut self, rule: usize) -> Option<Box<dyn Datagrams>> {
        let Some(Rule::Udp(socket)) = self.rules.get_mut(rule) else {
            return None;
        };
        let socket = socket.take()?;
        Some(Box::new(Udp(self.nets.add(socket, true, false))))
    }
}

struct Tcp(Rc<Watched<TcpStream>>);

impl Stream for Tcp {
    fn progress(&mut self) -> Progress {
        progress(&self.0.io)
    }

    fn read(&mut self, buf: &mut [u8]) -> Received {
        match (&self.0.io).read(buf) {
            Ok(0) if !buf.is_empty() => Received::End,
            Ok(0) => Received::Nothing,
            Ok(n) => Received::Bytes(n),
            Err(e) if later(&e) => Received::Nothing,
            Err(_) => Received::Broken,
        }
    }

    fn write(&mut self, data: &[u8]) -> Option<usize> {
        match (&self.0.io).write(data) {
            Ok(n) => Some(n),
            Err(e) if later(&e) => Some(0),
            Err(_) => None,
        }
    }

    fn shut_down(&mut self) {
        // A peer that is gone hears nothing anyway.
        let _ = self.0.io.shutdown(Shutdown::Write);
    }

    fn wants(&mut self, read: bool, write: bool) {
        self.0.read.set(read);
        self.0.write.set(write);
    }
}

struct Udp(Rc<Watched<UdpSocket>>);

impl Datagrams for Udp {
    fn send(&mut self, to: SocketAddrV4, data: &[u8]) {
        // Datagrams may be lost.
        let _ = self.0.io.send_to(data, to);
    }

    fn receive(&mut self, buf: &mut [u8]) -> Option<(usize, SocketAddrV4)> {
        match self.0.io.recv_from(buf) {
            Ok((n, SocketAddr::V4(from))) => Some((n, from)),
            _ => None,
        }
    }
}
