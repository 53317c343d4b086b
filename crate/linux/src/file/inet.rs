//! Sockets of the internet domains where no host lends its own: a network of one machine, with a loopback and nothing else. TCP and UDP of both
//! versions carry bytes as sockets of the unix domain do ([`super::socket::Unix`]).
//!
//! From ip(7), ipv6(7), tcp(7) and udp(7). Missing: other protocols, urgent data, resets (who reads finds an end), multicast, a connected UDP
//! socket hears everybody, options beyond what is kept and given back.

use core::cell::{Cell, RefCell};
use std::any::Any;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use super::socket::{Message, Received, Socket, Target, Unix, kind};
use super::{File, FileOps, Key, Wakes};
use crate::errno::{
    EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, EAGAIN, ECONNREFUSED, EDESTADDRREQ, EINVAL, EISCONN,
    ENETUNREACH, ENOPROTOOPT, ENOTCONN, EOPNOTSUPP, EPROTONOSUPPORT, ESOCKTNOSUPPORT, Res,
};
use crate::vfs::Stat;

const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const SO_REUSEADDR: (u32, u32) = (1, 2);
const SO_REUSEPORT: (u32, u32) = (1, 15);
/// So many calls wait to be accepted.
const MOST_CALLERS: u32 = 4096;
/// The first port that is given to who asks for none (ip_local_port_range).
const FIRST_FREE: u16 = 32768;

/// Sockets with one port.
type Users = Vec<Weak<Inet>>;

/// Who has which port: by type and number.
#[derive(Default)]
pub struct Ports {
    taken: RefCell<BTreeMap<(u32, u16), Users>>,
    next: Cell<u16>,
}

impl Ports {
    fn users(&self, kind: u32, port: u16) -> Vec<Rc<Inet>> {
        let mut taken = self.taken.borrow_mut();
        let Some(list) = taken.get_mut(&(kind, port)) else {
            return Vec::new();
        };
        list.retain(|w| w.strong_count() > 0);
        let live: Vec<_> = list.iter().filter_map(Weak::upgrade).collect();
        if live.is_empty() {
            taken.remove(&(kind, port));
        }
        live
    }

    /// A port nobody has.
    fn free(&self, kind: u32) -> Res<u16> {
        for _ in FIRST_FREE..61000 {
            let port = self.next.get().clamp(FIRST_FREE, 60999);
            self.next.set(port + 1);
            if port == 60999 {
                self.next.set(FIRST_FREE);
            }
            if self.users(kind, port).is_empty() {
                return Ok(port);
            }
        }
        Err(EADDRINUSE)
    }
}

/// An address: IPv4 ones as IPv6 has them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Address {
    ip: [u8; 16],
    port: u16,
}

impl Address {
    const ANY: [u8; 16] = [0; 16];
    const ANY4: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0];

    /// Of a `struct sockaddr_in` or `sockaddr_in6`.
    fn read(b: &[u8], domain: u32) -> Res<Address> {
        let family = u32::from(u16::from_le_bytes([
            *b.first().ok_or(EINVAL)?,
            *b.get(1).ok_or(EINVAL)?,
        ]));
        let port = |b: &[u8]| u16::from_be_bytes([b[2], b[3]]);
        match family {
            // bind(2) takes an address of no family for any.
            AF_INET | 0 if domain == AF_INET => {
                let ip = b.get(4..8).filter(|_| b.len() >= 16).ok_or(EINVAL)?;
                let mut all = Self::ANY4;
                all[12..].copy_from_slice(ip);
                Ok(Address {
                    ip: all,
                    port: port(b),
                })
            }
            AF_INET6 if domain == AF_INET6 => {
                let ip = b.get(8..24).and_then(|s| s.try_into().ok()).ok_or(EINVAL)?;
                Ok(Address { ip, port: port(b) })
            }
            _ => Err(EAFNOSUPPORT),
        }
    }

    fn write(&self, domain: u32) -> Vec<u8> {
        let mut b = vec![domain as u8, 0];
        b.extend(self.port.to_be_bytes());
        if domain == AF_INET {
            b.extend(&self.ip[12..]);
            b.extend([0; 8]);
        } else {
            b.extend([0; 4]);
            b.extend(self.ip);
            b.extend([0; 4]);
        }
        b
    }

    fn any(&self) -> bool {
        self.ip == Self::ANY || self.ip == Self::ANY4
    }

    fn is4(&self) -> bool {
        self.ip[..12] == Self::ANY4[..12]
    }

    /// Who sends to any, or from any, means this machine.
    fn here(mut self) -> Address {
        if self.ip == Self::ANY {
            self.ip[15] = 1;
        } else if self.ip == Self::ANY4 {
            self.ip[12..].copy_from_slice(&[127, 0, 0, 1]);
        }
        self
    }

    /// Whether this machine has it.
    fn ours(&self) -> bool {
        let a = self.here();
        a.is4() && a.ip[12] == 127 || a.ip[..15] == [0; 15] && a.ip[15] == 1
    }
}

/// A TCP or UDP socket.
pub struct Inet {
    me: Weak<Inet>,
    domain: u32,
    kind: u32,
    ports: Rc<Ports>,
    wakes: Wakes,
    /// What carries its bytes.
    carrier: Rc<Unix>,
    own: Cell<Address>,
    bound: Cell<bool>,
    options: RefCell<BTreeMap<(u32, u32), Vec<u8>>>,
}

impl Inet {
    /// An unconnected socket.
    ///
    /// # Errors
    /// EAFNOSUPPORT, ESOCKTNOSUPPORT, EPROTONOSUPPORT.
    pub fn new(
        wakes: &Wakes,
        ports: &Rc<Ports>,
        domain: u32,
        kind: u32,
        protocol: u32,
    ) -> Res<Rc<Inet>> {
        match (domain, kind, protocol) {
            (AF_INET | AF_INET6, kind::STREAM, 0 | 6)
            | (AF_INET | AF_INET6, kind::DGRAM, 0 | 17) => {}
            (AF_INET | AF_INET6, kind::STREAM | kind::DGRAM, _) => return Err(EPROTONOSUPPORT),
            (AF_INET | AF_INET6, ..) => return Err(ESOCKTNOSUPPORT),
            _ => return Err(EAFNOSUPPORT),
        }
        let carrier = Unix::new(wakes, kind, (0, 0, 0));
        let s = Inet::over(carrier, wakes, ports, domain, kind);
        s.name_is(Address {
            ip: if domain == AF_INET {
                Address::ANY4
            } else {
                Address::ANY
            },
            port: 0,
        });
        Ok(s)
    }

    fn over(
        carrier: Rc<Unix>,
        wakes: &Wakes,
        ports: &Rc<Ports>,
        domain: u32,
        kind: u32,
    ) -> Rc<Inet> {
        Rc::new_cyclic(|me| Inet {
            me: me.clone(),
            domain,
            kind,
            ports: ports.clone(),
            wakes: wakes.clone(),
            carrier,
            own: Cell::new(Address {
                ip: Address::ANY,
                port: 0,
            }),
            bound: Cell::new(false),
            options: RefCell::default(),
        })
    }

    fn name_is(&self, a: Address) {
        self.own.set(a);
        self.carrier.set_name(&a.write(self.domain));
    }

    fn set(&self, option: (u32, u32)) -> bool {
        self.options
            .borrow()
            .get(&option)
            .is_some_and(|v| v.iter().any(|&b| b != 0))
    }

    fn listens(&self) -> bool {
        self.carrier
            .option(1, 30)
            .is_ok_and(|v| v.first() == Some(&1))
    }

    /// Whether two addresses of one port cannot be had by two sockets.
    fn collides(&self, a: &Address, other: &Inet) -> bool {
        let b = other.own.get();
        let (v6, other_v6) = (self.domain == AF_INET6, other.domain == AF_INET6);
        let alone = |s: &Inet| s.domain == AF_INET6 && s.set((41, 26));
        let overlap = a.ip == b.ip
            || (a.any() || b.any()) && (v6 == other_v6 || !(alone(self) || alone(other)));
        let shared = self.set(SO_REUSEPORT) && other.set(SO_REUSEPORT)
            || self.set(SO_REUSEADDR)
                && other.set(SO_REUSEADDR)
                && (self.kind == kind::DGRAM || !other.listens());
        overlap && !shared
    }

    /// Takes a port.
    fn take(&self, mut a: Address) -> Res<()> {
        if a.port == 0 {
            a.port = self.ports.free(self.kind)?;
        } else if self
            .ports
            .users(self.kind, a.port)
            .iter()
            .any(|o| self.collides(&a, o))
        {
            return Err(EADDRINUSE);
        }
        let mut taken = self.ports.taken.borrow_mut();
        taken
            .entry((self.kind, a.port))
            .or_default()
            .push(self.me.clone());
        self.bound.set(true);
        self.name_is(a);
        Ok(())
    }

    /// Takes one if it has none.
    fn have_port(&self) -> Res<()> {
        if self.bound.get() {
            Ok(())
        } else {
            self.take(self.own.get())
        }
    }

    /// Who hears what is sent to an address: who has that very one before who has any.
    fn listener(&self, to: &Address) -> Option<Rc<Inet>> {
        let to = to.here();
        let all = self.ports.users(self.kind, to.port);
        let hears = |s: &&Rc<Inet>| {
            let own = s.own.get();
            let version = to.is4() == (s.domain == AF_INET)
                || to.is4() && s.domain == AF_INET6 && !s.set((41, 26));
            version && own.any() && (self.kind == kind::DGRAM || s.listens())
        };
        let exact =
            |s: &&Rc<Inet>| s.own.get().ip == to.ip && (self.kind == kind::DGRAM || s.listens());
        all.iter()
            .find(exact)
            .or_else(|| all.iter().find(hears))
            .cloned()
    }

    /// An address to send to.
    fn to(&self, target: Target) -> Res<Address> {
        let Target::Address(b) = target else {
            return Err(EINVAL);
        };
        let a = Address::read(&b, self.domain)?;
        if !a.ours() {
            return Err(ENETUNREACH);
        }
        Ok(a.here())
    }
}

impl Socket for Inet {
    fn kind(&self) -> (u32, u32, u32) {
        let protocol = if self.kind == kind::STREAM { 6 } else { 17 };
        (self.domain, self.kind, protocol)
    }

    fn bind(&self, address: &[u8]) -> Res<()> {
        let a = Address::read(address, self.domain)?;
        if self.bound.get() {
            return Err(EINVAL);
        }
        if !a.ours() {
            return Err(EADDRNOTAVAIL);
        }
        self.take(a)
    }

    fn connect(&self, to: Target) -> Res<()> {
        if let Target::Address(b) = &to
            && self.kind == kind::DGRAM
            && b.starts_with(&[0, 0])
        {
            self.carrier.part();
            return Ok(());
        }
        let a = self.to(to)?;
        if self.kind == kind::STREAM && self.carrier.peer().is_ok() {
            return Err(EISCONN);
        }
        self.have_port()?;
        let own = Address {
            port: self.own.get().port,
            ..a
        };
        if self.own.get().any() {
            self.name_is(own);
        }
        let other = self.listener(&a);
        if self.kind == kind::DGRAM {
            let queue = other.map(|o| o.carrier.clone());
            self.carrier.aim(queue.as_deref(), &a.write(self.domain));
            return Ok(());
        }
        let other = other.ok_or(ECONNREFUSED)?;
        match self.carrier.call(&other.carrier, &a.write(self.domain)) {
            Err(e) if e == EAGAIN => Err(ECONNREFUSED),
            done => done,
        }
    }

    fn listen(&self, _backlog: u32) -> Res<()> {
        if self.kind != kind::STREAM {
            return Err(EOPNOTSUPP);
        }
        self.have_port()?;
        // Linux lets callers wait until there is room: here there is room for all.
        self.carrier.listen(MOST_CALLERS)
    }

    fn accept(&self) -> Res<Rc<dyn FileOps>> {
        if self.kind != kind::STREAM {
            return Err(EOPNOTSUPP);
        }
        let carrier = self.carrier.accept_carrier()?;
        let s = Inet::over(carrier, &self.wakes, &self.ports, self.domain, self.kind);
        // What the caller called; an IPv4 caller's addresses become those of this socket's version.
        let [own, peer] = [
            Socket::name(&*s.carrier),
            s.carrier.peer().unwrap_or_default(),
        ]
        .map(|b| {
            let family = b.first().map_or(self.domain, |&f| u32::from(f));
            Address::read(&b, family).unwrap_or(self.own.get())
        });
        s.name_is(own);
        s.bound.set(true);
        s.carrier.set_peer_name(&peer.write(self.domain));
        Ok(s)
    }

    fn send(&self, m: Message<'_>) -> Res<usize> {
        let Message { data, to, .. } = m;
        let plain = |to| Message {
            to,
            ..Message::plain(data, (0, 0, 0))
        };
        if self.kind == kind::STREAM {
            return match to {
                Some(_) if self.carrier.peer().is_ok() => Err(EISCONN),
                Some(_) => Err(ENOTCONN),
                None => self.carrier.send(plain(None)),
            };
        }
        let a = match to {
            Some(to) => self.to(to)?,
            None => {
                let b = self.carrier.peer().map_err(|_| EDESTADDRREQ)?;
                Address::read(&b, self.domain)?
            }
        };
        self.have_port()?;
        // Nobody hears what is sent to nobody.
        let Some(other) = self.listener(&a) else {
            return Ok(data.len());
        };
        let from = self.own.get();
        let from = Address {
            ip: if from.any() { a.ip } else { from.ip },
            ..from
        };
        let to: Rc<dyn FileOps> = other.carrier.clone();
        self.carrier.set_name(&from.write(other.domain));
        let sent = self.carrier.send(plain(Some(Target::Unix(to))));
        self.name_is(self.own.get());
        sent
    }

    fn receive(&self, buf: &mut [u8], peek: bool) -> Res<Received> {
        let mut r = self.carrier.receive(buf, peek)?;
        if self.kind == kind::STREAM {
            r.from.clear();
        }
        Ok(r)
    }

    fn name(&self) -> Vec<u8> {
        self.own.get().write(self.domain)
    }

    fn peer(&self) -> Res<Vec<u8>> {
        self.carrier.peer()
    }

    fn shutdown(&self, how: u32) -> Res<()> {
        if self.carrier.peer().is_err() {
            return Err(ENOTCONN);
        }
        self.carrier.shutdown(how)
    }

    fn option(&self, level: u32, name: u32) -> Res<Vec<u8>> {
        if let Some(v) = self.options.borrow().get(&(level, name)) {
            return Ok(v.clone());
        }
        let v = match (level, name) {
            (1, 38) => self.kind().2,
            (1, 39) => self.domain,
            (1, _) => return self.carrier.option(level, name),
            (0 | 6 | 17 | 41, _) => 0,
            _ => return Err(ENOPROTOOPT),
        };
        Ok(v.to_le_bytes().to_vec())
    }

    fn set_option(&self, level: u32, name: u32, value: &[u8]) -> Res<()> {
        if !matches!(level, 0 | 1 | 6 | 17 | 41) || name > 255 {
            return Err(ENOPROTOOPT);
        }
        // What says how the socket is, and what the kernel chooses, is not kept.
        if !matches!((level, name), (1, 3 | 4 | 7 | 8 | 30 | 38 | 39)) {
            self.options
                .borrow_mut()
                .insert((level, name), value.to_vec());
        }
        Ok(())
    }
}

impl FileOps for Inet {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, _f: &File, buf: &mut [u8]) -> Res<usize> {
        self.receive(buf, false).map(|r| r.bytes)
    }

    fn write(&self, _f: &File, data: &[u8]) -> Res<usize> {
        self.send(Message::plain(data, (0, 0, 0)))
    }

    fn poll(&self) -> u32 {
        self.carrier.poll()
    }

    fn keys(&self, want: u32, out: &mut Vec<Key>) {
        self.carrier.keys(want, out);
    }

    fn stat(&self) -> Res<Stat> {
        self.carrier.stat()
    }

    fn readable(&self) -> Res<u32> {
        self.carrier.readable()
    }

    fn name(&self) -> Vec<u8> {
        FileOps::name(&*self.carrier)
    }

    fn socket(&self) -> Option<&dyn Socket> {
        Some(self)
    }
}

#[cfg(test)]
mod tests;
