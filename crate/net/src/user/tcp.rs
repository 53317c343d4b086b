//! TCP outwards and inwards: each connection of the guest's ends in a socket of smoltcp's, and its bytes go on in one of the host's. A
//! connection outwards is answered only once the host's is there.

use std::collections::VecDeque;
use std::net::SocketAddrV4;

use smoltcp::iface::{Config as IfaceConfig, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, IpEndpoint};
use tinamou_core::Ns;

use super::{Config, Gate, inward, outward};
use crate::outside::{Outside, Progress, Received, Stream};
use crate::packet::{self, Ip, MTU};

/// Most connections at a time.
pub const MOST: usize = 256;
/// Bytes under way in each direction of one.
const BUFFER: usize = 64 * 1024;
/// Least time between two looks at the clocks of connections.
const STEP: Ns = Ns(100_000);
/// A guest that says nothing for so long while it should is gone.
const PATIENCE: Duration = Duration::from_secs(120);

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// Packets between smoltcp and the cable.
struct Packets {
    to_us: VecDeque<Vec<u8>>,
    to_guest: Vec<Vec<u8>>,
    room: usize,
}

struct Arrived(Vec<u8>);

struct Leaving<'a>(&'a mut Packets);

impl phy::RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl phy::TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut packet = vec![0; len];
        let r = f(&mut packet);
        self.0.room = self.0.room.saturating_sub(1);
        self.0.to_guest.push(packet);
        r
    }
}

impl Device for Packets {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = Leaving<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Arrived, Leaving<'_>)> {
        let packet = self.to_us.pop_front()?;
        Some((Arrived(packet), Leaving(self)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Leaving<'_>> {
        (self.room > 0).then_some(Leaving(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut c = DeviceCapabilities::default();
        c.medium = Medium::Ip;
        c.max_transmission_unit = MTU;
        c
    }
}

enum Stage {
    /// The host's connection is on its way; the guest's first packet waits.
    Waiting(Vec<u8>),
    /// The guest's end.
    Socket(SocketHandle),
}

struct Connection {
    guest: SocketAddrV4,
    /// The other end as the guest sees it.
    peer: SocketAddrV4,
    stream: Box<dyn Stream>,
    stage: Stage,
    /// The host's peer has said everything.
    heard_all: bool,
    /// The guest has.
    said_all: bool,
}

/// All connections.
pub struct Tcp {
    iface: Interface,
    sockets: SocketSet<'static>,
    packets: Packets,
    connections: Vec<Connection>,
    next: Option<Ns>,
}

fn instant(now: Ns) -> Instant {
    Instant::from_micros(i64::try_from(now.0 / 1000).unwrap_or(i64::MAX))
}

fn endpoint(at: SocketAddrV4) -> IpEndpoint {
    IpEndpoint::new(IpAddress::Ipv4(*at.ip()), at.port())
}

fn socket() -> Socket<'static> {
    let buffer = || SocketBuffer::new(vec![0; BUFFER]);
    let mut s = Socket::new(buffer(), buffer());
    s.set_nagle_enabled(false);
    s.set_timeout(Some(PATIENCE));
    s
}

impl Tcp {
    /// No connections.
    pub fn new(config: &Config) -> Tcp {
        let mut packets = Packets {
            to_us: VecDeque::new(),
            to_guest: Vec::new(),
            room: 0,
        };
        let mut with = IfaceConfig::new(HardwareAddress::Ip);
        with.random_seed = config.seed;
        let mut iface = Interface::new(with, &mut packets, Instant::ZERO);
        let host = config.host;
        // There is room for one address and one route in fresh lists.
        iface.update_ip_addrs(|all| {
            let _ = all.push(IpCidr::new(IpAddress::Ipv4(host), config.prefix));
        });
        let _ = iface.routes_mut().add_default_ipv4_route(host);
        iface.set_any_ip(true);
        Tcp {
            iface,
            sockets: SocketSet::new(Vec::new()),
            packets,
            connections: Vec::new(),
            next: None,
        }
    }

    /// When a clock of a connection runs out.
    pub fn next(&self) -> Option<Ns> {
        self.next
    }

    /// Whether there is any connection.
    pub fn is_busy(&self) -> bool {
        !self.connections.is_empty()
    }

    /// A packet of the guest's.
    pub fn packet(
        &mut self,
        now: Ns,
        ip: &Ip<'_>,
        config: &Config,
        outside: &mut impl Outside,
        gate: &mut Gate,
    ) {
        let (Some(from), Some(to), Some(&flags)) = (
            packet::be16(ip.payload, 0),
            packet::be16(ip.payload, 2),
            ip.payload.get(13),
        ) else {
            return;
        };
        if from == 0 || to == 0 {
            return;
        }
        let guest = SocketAddrV4::new(ip.src, from);
        let peer = SocketAddrV4::new(ip.dst, to);
        let there = |c: &&Connection| c.guest == guest && c.peer == peer;
        let known = self.connections.iter().find(there);
        if matches!(known.map(|c| &c.stage), Some(Stage::Waiting(_))) {
            // It asks again, or gave up.
            if flags & RST != 0 {
                self.connections
                    .retain(|c| c.guest != guest || c.peer != peer);
            }
            return;
        }
        if known.is_none() && flags & (FIN | SYN | RST | ACK) == SYN {
            if self.connections.len() >= MOST {
                self.make_room();
            }
            let place = outward(config, outside, peer);
            if place.is_none() && (config.restrict || config.holds(ip.dst)) {
                return;
            }
            let stream = place
                .filter(|_| self.connections.len() < MOST)
                .and_then(|p| outside.connect(p));
            if let Some(stream) = stream {
                self.connections.push(Connection {
                    guest,
                    peer,
                    stream,
                    stage: Stage::Waiting(ip.whole.to_vec()),
                    heard_all: false,
                    said_all: false,
                });
                self.work(now, gate);
                return;
            }
            // Without a socket the packet is answered by a reset.
        }
        self.packets.to_us.push_back(ip.whole.to_vec());
        self.work(now, gate);
    }

    /// A connection that only waits for late packets gives way to a new one.
    fn make_room(&mut self) {
        let waits = |c: &Connection| match c.stage {
            Stage::Socket(s) => self.sockets.get::<Socket<'_>>(s).state() == State::TimeWait,
            Stage::Waiting(_) => false,
        };
        if let Some(n) = self.connections.iter().position(waits) {
            self.drop_connection(n);
        }
    }

    fn drop_connection(&mut self, n: usize) {
        if let Stage::Socket(s) = self.connections.remove(n).stage {
            self.sockets.remove(s);
        }
    }

    /// Connections that came in by a rule.
    pub fn accept(&mut self, config: &Config, outside: &mut impl Outside) {
        for (n, rule) in config.forwards.iter().enumerate().filter(|r| !r.1.udp) {
            while self.connections.len() < MOST {
                let Some((stream, from)) = outside.accept(n) else {
                    break;
                };
                let (guest, peer) = (rule.guest, inward(config, outside, from));
                let same = |c: &Connection| c.guest == guest && c.peer == peer;
                let mut s = socket();
                let to = endpoint(guest);
                if self.connections.iter().any(same)
                    || s.connect(self.iface.context(), to, endpoint(peer)).is_err()
                {
                    continue;
                }
                let stage = Stage::Socket(self.sockets.add(s));
                self.connections.push(Connection {
                    guest,
                    peer,
                    stream,
                    stage,
                    heard_all: false,
                    said_all: false,
                });
            }
        }
    }

    /// Moves bytes and packets as far as they go.
    pub fn work(&mut self, now: Ns, gate: &mut Gate) {
        self.meet();
        self.poll(now, gate);
        for c in &mut self.connections {
            if let Stage::Socket(s) = c.stage {
                carry(c, self.sockets.get_mut(s));
            }
        }
        self.poll(now, gate);
        self.clear();
        // With a full cable all waits until there is room again.
        self.next = None;
        if gate.cable.room() > 0 {
            let at = self.iface.poll_at(instant(now), &self.sockets);
            self.next = at.map(|at| {
                let micros = u64::try_from(at.total_micros()).unwrap_or(0);
                Ns(micros.saturating_mul(1000)).max(now + STEP)
            });
        }
    }

    /// Connections of the host's that are there now, or never will be: the guest's first packet is answered.
    fn meet(&mut self) {
        let mut n = 0;
        while n < self.connections.len() {
            let c = &mut self.connections[n];
            n += 1;
            let Stage::Waiting(first) = &mut c.stage else {
                continue;
            };
            let progress = c.stream.progress();
            if progress == Progress::Connecting {
                continue;
            }
            let first = std::mem::take(first);
            let mut s = socket();
            if progress == Progress::Open && s.listen(endpoint(c.peer)).is_ok() {
                c.stage = Stage::Socket(self.sockets.add(s));
            } else {
                n -= 1;
                self.connections.remove(n);
            }
            self.packets.to_us.push_back(first);
        }
    }

    fn poll(&mut self, now: Ns, gate: &mut Gate) {
        self.packets.room = gate.cable.room();
        self.iface
            .poll(instant(now), &mut self.packets, &mut self.sockets);
        for p in self.packets.to_guest.drain(..) {
            if let Some(to) = packet::ip_at(&p, 16) {
                gate.packet(now, to, &p);
            }
        }
    }

    /// Forgets connections that are over. One that the guest took back before it was there listens again, which is not wanted.
    fn clear(&mut self) {
        let mut n = 0;
        while n < self.connections.len() {
            let over = match self.connections[n].stage {
                Stage::Socket(s) => {
                    let state = self.sockets.get::<Socket<'_>>(s).state();
                    matches!(state, State::Closed | State::Listen)
                }
                Stage::Waiting(_) => false,
            };
            if over {
                self.drop_connection(n);
            } else {
                n += 1;
            }
        }
    }
}

/// Carries bytes between the guest's end of a connection and the host's.
fn carry(c: &mut Connection, s: &mut Socket<'_>) {
    let mut broken = false;
    while !broken && s.can_recv() {
        let written = s.recv(|data| match c.stream.write(data) {
            Some(n) => (n, Some(n)),
            None => (0, None),
        });
        match written {
            Ok(Some(0)) => break,
            Ok(Some(_)) => {}
            _ => broken = true,
        }
    }
    let closing = matches!(
        s.state(),
        State::CloseWait | State::LastAck | State::Closing | State::TimeWait
    );
    if closing && s.recv_queue() == 0 && !c.said_all {
        c.said_all = true;
        c.stream.shut_down();
    }
    while !broken && !c.heard_all && s.can_send() {
        let mut got = Received::Nothing;
        let _ = s.send(|buf| {
            got = c.stream.read(buf);
            match got {
                Received::Bytes(n) => (n, ()),
                _ => (0, ()),
            }
        });
        match got {
            Received::Bytes(_) => {}
            Received::Nothing => break,
            Received::End => {
                c.heard_all = true;
                s.close();
            }
            Received::Broken => broken = true,
        }
    }
    if broken {
        s.abort();
    }
    let room = s.may_send() && s.send_queue() < s.send_capacity();
    c.stream.wants(room && !c.heard_all, s.can_recv());
}
