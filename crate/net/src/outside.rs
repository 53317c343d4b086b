//! What a user network asks of the world outside. Nothing waits.

use std::net::{Ipv4Addr, SocketAddrV4};

/// How far a connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// On its way.
    Connecting,
    /// There.
    Open,
    /// It was refused, or broke.
    Failed,
}

/// What reading gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    /// So many bytes.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// The peer will say nothing more.
    End,
    /// The connection broke.
    Broken,
}

/// A TCP connection.
pub trait Stream {
    /// How far it is.
    fn progress(&mut self) -> Progress;
    /// Reads what is there.
    fn read(&mut self, buf: &mut [u8]) -> Received;
    /// Writes what there is room for; `None` when it broke.
    fn write(&mut self, data: &[u8]) -> Option<usize>;
    /// Nothing more will be written.
    fn shut_down(&mut self);
    /// What its user waits for: bytes to read, room to write.
    fn wants(&mut self, _read: bool, _write: bool) {}
}

/// A UDP socket.
pub trait Datagrams {
    /// Sends one; it may be lost.
    fn send(&mut self, to: SocketAddrV4, data: &[u8]);
    /// One that came, and from where; cut at the buffer's end.
    fn receive(&mut self, buf: &mut [u8]) -> Option<(usize, SocketAddrV4)>;
}

/// The world.
pub trait Outside {
    /// Begins a connection; `None` when that is impossible at once.
    fn connect(&mut self, to: SocketAddrV4) -> Option<Box<dyn Stream>>;
    /// A new UDP socket.
    fn datagrams(&mut self) -> Option<Box<dyn Datagrams>>;
    /// Where names are resolved.
    fn resolver(&self) -> Option<SocketAddrV4> {
        None
    }
    /// A connection that came in by the rule of this number ([`crate::user::Config::forwards`]).
    fn accept(&mut self, _rule: usize) -> Option<(Box<dyn Stream>, SocketAddrV4)> {
        None
    }
    /// The UDP socket of the rule of this number; asked for once.
    fn forwarded(&mut self, _rule: usize) -> Option<Box<dyn Datagrams>> {
        None
    }
}

/// No world at all: every connection is refused.
#[derive(Clone, Copy, Default, Debug)]
pub struct Nowhere;

impl Outside for Nowhere {
    fn connect(&mut self, _to: SocketAddrV4) -> Option<Box<dyn Stream>> {
        None
    }
    fn datagrams(&mut self) -> Option<Box<dyn Datagrams>> {
        None
    }
}

/// Whether an address is one of the host's loopback.
pub(crate) fn is_loopback(at: Ipv4Addr) -> bool {
    at.is_loopback()
}
