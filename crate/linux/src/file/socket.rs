//! Sockets: what the calls need of one, and those of the unix domain, which live inside. Addresses are `struct sockaddr` bytes with a
//! little-endian family.

use core::cell::{Cell, RefCell};
use std::any::Any;
use std::collections::VecDeque;
use std::rc::Rc;

use super::{File, FileOps, Key, Wakes, ready};
use crate::errno::{
    EAGAIN, ECONNREFUSED, EDESTADDRREQ, EINVAL, EISCONN, EMSGSIZE, ENOPROTOOPT, ENOTCONN,
    EOPNOTSUPP, EPIPE, EPROTOTYPE, Res,
};
use crate::vfs::{Stat, mode};

/// Types of sockets, common numbering.
pub mod kind {
    #![allow(missing_docs, reason = "the manual's names")]
    pub const STREAM: u32 = 1;
    pub const DGRAM: u32 = 2;
    pub const SEQPACKET: u32 = 5;
}

/// What was received.
#[derive(Default)]
pub struct Received {
    /// Bytes put into the buffer.
    pub bytes: usize,
    /// Bytes of the message, more if it was cut off.
    pub whole: usize,
    /// Sender.
    pub from: Vec<u8>,
    /// Descriptors.
    pub files: Vec<Rc<File>>,
    /// Sender's pid, uid, gid.
    pub creds: (i32, u32, u32),
}

/// Something to send.
pub struct Message<'a> {
    /// The bytes.
    pub data: &'a [u8],
    /// Receiver, if not the peer: its socket for the unix domain, or its address.
    pub to: Option<Target>,
    /// Descriptors.
    pub files: Vec<Rc<File>>,
    /// Sender's pid, uid, gid.
    pub creds: (i32, u32, u32),
}

impl<'a> Message<'a> {
    /// Bytes alone, to the peer: what `write` sends.
    pub fn plain(data: &'a [u8], creds: (i32, u32, u32)) -> Message<'a> {
        Message {
            data,
            to: None,
            files: Vec::new(),
            creds,
        }
    }
}

/// A receiver or peer.
pub enum Target {
    /// A socket of the unix domain.
    Unix(Rc<dyn FileOps>),
    /// An address.
    Address(Vec<u8>),
}

/// A socket.
pub trait Socket {
    /// Domain, type, protocol, common numbering.
    fn kind(&self) -> (u32, u32, u32);
    /// Names it.
    ///
    /// # Errors
    /// EINVAL and the host's.
    fn bind(&self, address: &[u8]) -> Res<()>;
    /// Connects. EAGAIN while it is under way.
    ///
    /// # Errors
    /// ECONNREFUSED and so on.
    fn connect(&self, to: Target) -> Res<()>;
    /// Waits for connections.
    ///
    /// # Errors
    /// EOPNOTSUPP, EINVAL.
    fn listen(&self, backlog: u32) -> Res<()>;
    /// A new connection.
    ///
    /// # Errors
    /// EAGAIN.
    fn accept(&self) -> Res<Rc<dyn FileOps>>;
    /// Sends.
    ///
    /// # Errors
    /// EAGAIN, EPIPE and so on.
    fn send(&self, m: Message<'_>) -> Res<usize>;
    /// Receives.
    ///
    /// # Errors
    /// EAGAIN and so on.
    fn receive(&self, buf: &mut [u8], peek: bool) -> Res<Received>;
    /// Its address.
    fn name(&self) -> Vec<u8>;
    /// The other side's.
    ///
    /// # Errors
    /// ENOTCONN.
    fn peer(&self) -> Res<Vec<u8>>;
    /// Ends one way (0 read, 1 write) or both (2).
    ///
    /// # Errors
    /// ENOTCONN.
    fn shutdown(&self, how: u32) -> Res<()>;
    /// An option, common numbering.
    ///
    /// # Errors
    /// ENOPROTOOPT.
    fn option(&self, level: u32, name: u32) -> Res<Vec<u8>>;
    /// Sets an option.
    ///
    /// # Errors
    /// ENOPROTOOPT.
    fn set_option(&self, level: u32, name: u32, value: &[u8]) -> Res<()>;
    /// Sender's credentials of the other side.
    fn peer_creds(&self) -> (i32, u32, u32) {
        (0, 0, 0)
    }
}

struct Packet {
    data: Vec<u8>,
    at: usize,
    from: Vec<u8>,
    files: Vec<Rc<File>>,
    creds: (i32, u32, u32),
}

/// What one side sends and the other receives.
struct Queue {
    packets: RefCell<VecDeque<Packet>>,
    bytes: Cell<usize>,
    /// Nothing comes any more.
    ended: Cell<bool>,
    /// Nobody reads any more.
    deaf: Cell<bool>,
    key: Key,
}

impl Queue {
    fn new(wakes: &Wakes) -> Rc<Queue> {
        Rc::new(Queue {
            packets: RefCell::default(),
            bytes: Cell::new(0),
            ended: Cell::new(false),
            deaf: Cell::new(false),
            key: wakes.key(),
        })
    }

    fn room(&self) -> usize {
        LIMIT.saturating_sub(self.bytes.get())
    }
}

/// Bytes in a queue.
const LIMIT: usize = 212_992;

/// A socket of the unix domain.
pub struct Unix {
    kind: u32,
    wakes: Wakes,
    incoming: Rc<Queue>,
    /// The other side's `incoming`.
    outgoing: RefCell<Option<Rc<Queue>>>,
    peer_name: RefCell<Vec<u8>>,
    own_name: RefCell<Vec<u8>>,
    /// Connections not yet accepted.
    backlog: RefCell<Option<(VecDeque<Rc<Unix>>, usize)>>,
    creds: Cell<(i32, u32, u32)>,
    peer_creds: Cell<(i32, u32, u32)>,
    pass_creds: Cell<bool>,
    ino: u64,
}

impl Unix {
    /// An unconnected socket.
    pub fn new(wakes: &Wakes, kind: u32, creds: (i32, u32, u32)) -> Rc<Unix> {
        let incoming = Queue::new(wakes);
        let Key::Object(ino) = incoming.key else {
            unreachable!("objects' keys are objects")
        };
        Rc::new(Unix {
            kind,
            wakes: wakes.clone(),
            incoming,
            outgoing: RefCell::default(),
            peer_name: RefCell::default(),
            own_name: RefCell::new(vec![1, 0]),
            backlog: RefCell::default(),
            creds: Cell::new(creds),
            peer_creds: Cell::new((0, 0, 0)),
            pass_creds: Cell::new(false),
            ino: 1 << 20 | ino,
        })
    }

    /// Two sockets connected to each other.
    pub fn pair(wakes: &Wakes, kind: u32, creds: (i32, u32, u32)) -> (Rc<Unix>, Rc<Unix>) {
        let (a, b) = (Unix::new(wakes, kind, creds), Unix::new(wakes, kind, creds));
        Unix::join(&a, &b);
        (a, b)
    }

    fn join(a: &Unix, b: &Unix) {
        *a.outgoing.borrow_mut() = Some(b.incoming.clone());
        *b.outgoing.borrow_mut() = Some(a.incoming.clone());
        a.peer_name.borrow_mut().clone_from(&b.own_name.borrow());
        b.peer_name.borrow_mut().clone_from(&a.own_name.borrow());
        a.peer_creds.set(b.creds.get());
        b.peer_creds.set(a.creds.get());
    }

    /// Connects a stream to who listens, which is known to the caller as `name`.
    ///
    /// # Errors
    /// ECONNREFUSED if it does not listen, EAGAIN while too many wait there.
    pub(super) fn call(&self, other: &Unix, name: &[u8]) -> Res<()> {
        let mut backlog = other.backlog.borrow_mut();
        let (list, max) = backlog.as_mut().ok_or(ECONNREFUSED)?;
        if list.len() > *max {
            return Err(EAGAIN);
        }
        let server = Unix::new(&self.wakes, self.kind, other.creds.get());
        server.set_name(name);
        Unix::join(self, &server);
        list.push_back(server);
        self.wakes.ring(other.incoming.key);
        Ok(())
    }

    /// The next who called.
    ///
    /// # Errors
    /// EINVAL if it does not listen, EAGAIN if nobody called.
    pub(super) fn accept_carrier(&self) -> Res<Rc<Unix>> {
        let mut b = self.backlog.borrow_mut();
        let (list, _) = b.as_mut().ok_or(EINVAL)?;
        let s = list.pop_front().ok_or(EAGAIN)?;
        self.wakes.ring(self.incoming.key);
        Ok(s)
    }

    /// Where a datagram socket sends to from now on: `name` is given as its peer, whether there is anybody or not.
    pub(super) fn aim(&self, other: Option<&Unix>, name: &[u8]) {
        let nobody = || {
            let q = Queue::new(&self.wakes);
            q.deaf.set(true);
            q
        };
        *self.outgoing.borrow_mut() = Some(other.map_or_else(nobody, |o| o.incoming.clone()));
        self.set_peer_name(name);
    }

    /// And nowhere any more.
    pub(super) fn part(&self) {
        *self.outgoing.borrow_mut() = None;
    }

    pub(super) fn set_name(&self, name: &[u8]) {
        *self.own_name.borrow_mut() = name.to_vec();
    }

    pub(super) fn set_peer_name(&self, name: &[u8]) {
        *self.peer_name.borrow_mut() = name.to_vec();
    }

    fn connected(&self) -> bool {
        self.outgoing.borrow().is_some()
    }

    fn streams(&self) -> bool {
        self.kind != kind::DGRAM
    }
}

impl Drop for Unix {
    fn drop(&mut self) {
        self.incoming.deaf.set(true);
        // Descriptors under way would keep each other alive.
        self.incoming.packets.borrow_mut().clear();
        self.wakes.ring(self.incoming.key);
        if let Some(out) = &*self.outgoing.borrow()
            && self.streams()
        {
            out.ended.set(true);
            self.wakes.ring(out.key);
        }
    }
}

impl Socket for Unix {
    fn kind(&self) -> (u32, u32, u32) {
        (1, self.kind, 0)
    }

    fn bind(&self, address: &[u8]) -> Res<()> {
        if self.own_name.borrow().len() > 2 {
            return Err(EINVAL);
        }
        *self.own_name.borrow_mut() = address.to_vec();
        Ok(())
    }

    fn connect(&self, to: Target) -> Res<()> {
        let Target::Unix(ops) = to else {
            return Err(EINVAL);
        };
        let other = ops.as_any().downcast_ref::<Unix>().ok_or(ECONNREFUSED)?;
        if other.kind != self.kind {
            return Err(EPROTOTYPE);
        }
        if !self.streams() {
            *self.outgoing.borrow_mut() = Some(other.incoming.clone());
            self.peer_name
                .borrow_mut()
                .clone_from(&other.own_name.borrow());
            return Ok(());
        }
        if self.connected() {
            return Err(EISCONN);
        }
        let name = other.own_name.borrow().clone();
        self.call(other, &name)
    }

    fn listen(&self, backlog: u32) -> Res<()> {
        if !self.streams() {
            return Err(EOPNOTSUPP);
        }
        if self.own_name.borrow().len() <= 2 || self.connected() {
            return Err(EINVAL);
        }
        let mut b = self.backlog.borrow_mut();
        let list = b.take().map_or_else(VecDeque::new, |b| b.0);
        *b = Some((list, backlog.clamp(1, 4096) as usize));
        Ok(())
    }

    fn accept(&self) -> Res<Rc<dyn FileOps>> {
        Ok(self.accept_carrier()?)
    }

    fn send(&self, m: Message<'_>) -> Res<usize> {
        let out = match m.to {
            Some(Target::Unix(ops)) if !self.streams() => {
                let other = ops.as_any().downcast_ref::<Unix>().ok_or(ECONNREFUSED)?;
                if other.kind != self.kind {
                    return Err(EPROTOTYPE);
                }
                other.incoming.clone()
            }
            Some(_) if self.streams() && self.connected() => return Err(EISCONN),
            Some(_) => return Err(EOPNOTSUPP),
            None => self.outgoing.borrow().clone().ok_or(if self.streams() {
                ENOTCONN
            } else {
                EDESTADDRREQ
            })?,
        };
        if out.deaf.get() || out.ended.get() {
            return Err(if self.streams() { EPIPE } else { ECONNREFUSED });
        }
        if m.data.is_empty() && self.kind == kind::STREAM && m.files.is_empty() {
            return Ok(0);
        }
        let n = if self.kind == kind::STREAM {
            let room = out.room().min(m.data.len());
            if room == 0 && !m.data.is_empty() {
                return Err(EAGAIN);
            }
            room
        } else {
            if m.data.len() > LIMIT {
                return Err(EMSGSIZE);
            }
            if out.room() < m.data.len() || out.packets.borrow().len() > 256 {
                return Err(EAGAIN);
            }
            m.data.len()
        };
        let packet = Packet {
            data: m.data[..n].to_vec(),
            at: 0,
            from: self.own_name.borrow().clone(),
            files: m.files,
            creds: m.creds,
        };
        out.bytes.set(out.bytes.get() + n);
        out.packets.borrow_mut().push_back(packet);
        self.wakes.ring(out.key);
        Ok(n)
    }

    fn receive(&self, buf: &mut [u8], peek: bool) -> Res<Received> {
        let q = &self.incoming;
        let mut packets = q.packets.borrow_mut();
        let mut r = Received::default();
        if packets.is_empty() {
            if q.ended.get() || q.deaf.get() {
                return Ok(r);
            }
            if self.kind != kind::DGRAM && !self.connected() {
                return Err(if self.backlog.borrow().is_some() {
                    EINVAL
                } else {
                    ENOTCONN
                });
            }
            return Err(EAGAIN);
        }
        if self.kind != kind::STREAM {
            let n;
            {
                let Some(p) = packets.front_mut() else {
                    return Err(EAGAIN);
                };
                n = p.data.len().min(buf.len());
                buf[..n].copy_from_slice(&p.data[..n]);
                r = Received {
                    bytes: n,
                    whole: p.data.len(),
                    from: p.from.clone(),
                    files: if peek {
                        p.files.clone()
                    } else {
                        core::mem::take(&mut p.files)
                    },
                    creds: p.creds,
                };
            }
            if !peek {
                q.bytes.set(q.bytes.get() - r.whole);
                packets.pop_front();
                self.wakes.ring(q.key);
            }
            return Ok(r);
        }
        for p in packets.iter_mut() {
            // Descriptors come with the first byte of their message, and end what is read before.
            if r.bytes > 0 && !p.files.is_empty() || r.bytes == buf.len() && !buf.is_empty() {
                break;
            }
            let from = &p.data[p.at..];
            let n = from.len().min(buf.len() - r.bytes);
            buf[r.bytes..r.bytes + n].copy_from_slice(&from[..n]);
            r.bytes += n;
            r.creds = p.creds;
            if peek {
                r.files.extend(p.files.iter().cloned());
            } else {
                p.at += n;
                r.files.append(&mut p.files);
            }
            if !r.files.is_empty() {
                break;
            }
        }
        r.whole = r.bytes;
        if !peek {
            while packets
                .front()
                .is_some_and(|p| p.at == p.data.len() && p.files.is_empty())
            {
                packets.pop_front();
            }
            q.bytes.set(q.bytes.get() - r.bytes);
            self.wakes.ring(q.key);
        }
        Ok(r)
    }

    fn name(&self) -> Vec<u8> {
        self.own_name.borrow().clone()
    }

    fn peer(&self) -> Res<Vec<u8>> {
        if self.connected() {
            Ok(self.peer_name.borrow().clone())
        } else {
            Err(ENOTCONN)
        }
    }

    fn shutdown(&self, how: u32) -> Res<()> {
        if how > 2 {
            return Err(EINVAL);
        }
        if !self.connected() && self.streams() {
            return Err(ENOTCONN);
        }
        if how != 1 {
            self.incoming.deaf.set(true);
            self.wakes.ring(self.incoming.key);
        }
        if how != 0
            && let Some(out) = &*self.outgoing.borrow()
        {
            out.ended.set(true);
            self.wakes.ring(out.key);
        }
        Ok(())
    }

    fn option(&self, level: u32, name: u32) -> Res<Vec<u8>> {
        let v = match (level, name) {
            (1, 3) => self.kind,
            (1, 4) => 0,
            (1, 7 | 8) => LIMIT as u32,
            (1, 16) => self.pass_creds.get() as u32,
            (1, 30) => self.backlog.borrow().is_some() as u32,
            (1, 38) => 0,
            (1, 39) => 1,
            (1, 2 | 5 | 6 | 9 | 15) => 0,
            _ => return Err(ENOPROTOOPT),
        };
        Ok(v.to_le_bytes().to_vec())
    }

    fn set_option(&self, level: u32, name: u32, value: &[u8]) -> Res<()> {
        match (level, name) {
            (1, 16) => self.pass_creds.set(value.iter().any(|&b| b != 0)),
            (1, _) => {}
            _ => return Err(ENOPROTOOPT),
        }
        Ok(())
    }

    fn peer_creds(&self) -> (i32, u32, u32) {
        self.peer_creds.get()
    }
}

impl FileOps for Unix {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, _f: &File, buf: &mut [u8]) -> Res<usize> {
        self.receive(buf, false).map(|r| r.bytes)
    }

    fn write(&self, _f: &File, data: &[u8]) -> Res<usize> {
        self.send(Message::plain(data, self.creds.get()))
    }

    fn poll(&self) -> u32 {
        let q = &self.incoming;
        let mut r = 0;
        if !q.packets.borrow().is_empty()
            || q.ended.get()
            || q.deaf.get()
            || self
                .backlog
                .borrow()
                .as_ref()
                .is_some_and(|b| !b.0.is_empty())
        {
            r |= ready::IN | ready::RDNORM;
        }
        if q.ended.get() || q.deaf.get() {
            r |= ready::RDHUP;
        }
        match &*self.outgoing.borrow() {
            Some(out) => {
                if out.room() > LIMIT / 4 || out.deaf.get() || out.ended.get() {
                    r |= ready::OUT | ready::WRNORM;
                }
                if self.streams() && q.ended.get() && (out.ended.get() || out.deaf.get()) {
                    r |= ready::HUP;
                }
            }
            None if self.streams() && self.backlog.borrow().is_none() => {
                r |= ready::HUP | ready::OUT
            }
            None if !self.streams() => r |= ready::OUT | ready::WRNORM,
            None => {}
        }
        r
    }

    fn keys(&self, _want: u32, out: &mut Vec<Key>) {
        out.push(self.incoming.key);
        if let Some(o) = &*self.outgoing.borrow() {
            out.push(o.key);
        }
    }

    fn stat(&self) -> Res<Stat> {
        Ok(Stat {
            dev: 8,
            ino: self.ino,
            mode: mode::SOCK | 0o777,
            nlink: 1,
            blksize: 4096,
            ..Stat::default()
        })
    }

    fn readable(&self) -> Res<u32> {
        let q = &self.incoming;
        let n = if self.kind == kind::STREAM {
            q.bytes.get()
        } else {
            q.packets.borrow().front().map_or(0, |p| p.data.len())
        };
        Ok(n as u32)
    }

    fn name(&self) -> Vec<u8> {
        format!("socket:[{}]", self.ino).into_bytes()
    }

    fn socket(&self) -> Option<&dyn Socket> {
        Some(self)
    }
}
